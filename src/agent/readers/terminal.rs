//! What any program may say to a terminal or a build server: progress (OSC 9;4) and workflow commands (`::error …::`).

use super::super::safe;

/// The longest progress sequence: `ESC ] 9 ; 4 ; 1 ; 100`, and a little room.
const LONGEST: usize = 24;
/// How much of a line is looked at for its words.
const SHOWN: usize = 2048;
const ESC: u8 = b'\x1b';
const BEL: u8 = b'\x07';

/// Looks for progress sequences: `ESC ] 9 ; 4 ; state ; percent`, ended by BEL or `ESC \` (ConEmu's, which Windows
/// Terminal, Ghostty and others took over).
#[derive(Debug, Default)]
pub(super) struct Terminal {
    /// What came since the last ESC, while it may still become a sequence.
    open: Vec<u8>,
}

impl Terminal {
    /// Takes bytes in. The newest progress where they have one: `Some(None)` where it was taken away.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Option<Option<u8>> {
        let mut newest = None;
        let mut rest = bytes;
        loop {
            if self.open.is_empty() {
                // A flood of plain text goes by at the speed of a search.
                let Some(at) = memchr::memchr(ESC, rest) else { break };
                self.open.push(ESC);
                rest = rest.get(at + 1..).unwrap_or_default();
            }
            let Some((&byte, behind)) = rest.split_first() else { break };
            rest = behind;
            match byte {
                BEL | ESC => {
                    newest = progress(&self.open).or(newest);
                    self.open.clear();
                    if byte == ESC {
                        self.open.push(byte);
                    }
                }
                _ if self.open.len() < LONGEST => self.open.push(byte),
                _ => self.open.clear(),
            }
        }
        newest
    }
}

/// State 0 takes the progress away, 3 is work without a measure; 1, 2 and 4 have one.
fn progress(sequence: &[u8]) -> Option<Option<u8>> {
    let text = std::str::from_utf8(sequence.strip_prefix(b"\x1b]9;4;")?).ok()?;
    let (state, percent) = text.split_once(';').unwrap_or((text, ""));
    match state {
        "0" | "3" => Some(None),
        "1" | "2" | "4" => Some(Some(percent.parse::<u8>().ok()?.min(100))),
        _ => None,
    }
}

/// What a line says to a person; `None` where it shows nothing. GitHub's workflow commands say it without their
/// properties.
pub(super) fn shown(line: &[u8]) -> Option<String> {
    // The end of a long line is what is new in it.
    let line = line.get(line.len().saturating_sub(SHOWN)..).unwrap_or(line);
    let shown = safe::line(line);
    let said = match workflow_command(&shown) {
        Some(("endgroup" | "debug" | "add-mask" | "stop-commands", _)) => return None,
        Some(("group", title)) => title.to_owned(),
        Some((level @ ("error" | "warning" | "notice"), message)) => format!("{level}: {message}"),
        Some(_) | None => shown,
    };
    let said = said.trim();
    (!said.is_empty()).then(|| said.to_owned())
}

/// `::name properties::message`.
fn workflow_command(line: &str) -> Option<(&str, &str)> {
    let (command, message) = line.strip_prefix("::")?.split_once("::")?;
    let name = command.split(' ').next()?;
    let plain = |char: char| char.is_ascii_lowercase() || char == '-';
    (!name.is_empty() && name.chars().all(plain)).then_some((name, message))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn progress_sequences_are_read_in_any_pieces() {
        let whole: &[u8] = b"a\x1b]9;4;1;42\x07b\x1b[1m\x1b]9;4;2;130\x1b\\";
        assert_eq!(Terminal::default().feed(whole), Some(Some(100)));
        let mut terminal = Terminal::default();
        let each: Vec<_> = whole.iter().filter_map(|byte| terminal.feed(&[*byte])).collect();
        assert_eq!(each, [Some(42), Some(100)]);
        assert_eq!(Terminal::default().feed(b"\x1b]9;4;0\x07"), Some(None));
        assert_eq!(Terminal::default().feed(b"\x1b]9;4;1;x\x07\x1b]9;5\x07\x1b]0;title\x07"), None);
    }

    #[test]
    fn workflow_commands_are_said_in_words() {
        assert_eq!(shown(b"::group::Build").unwrap(), "Build");
        assert_eq!(shown(b"::error file=a.rs,line=3::no").unwrap(), "error: no");
        assert_eq!(shown(b"::notice::look").unwrap(), "notice: look");
        assert_eq!(shown(b"::endgroup::"), None);
        assert_eq!(shown(b"std::vec::Vec").unwrap(), "std::vec::Vec");
        assert_eq!(shown(b"\x1b[0m \t"), None);
    }
}
