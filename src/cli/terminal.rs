//! What a terminal is shown: safe text, colours where they are wanted, no panic where the reader left.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use rustix::termios::tcgetwinsize;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::print;
use crate::agent::safe;

/// Writes a value of a machine format to standard output, on one line or, for a person, on several.
pub(super) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<ExitCode> {
    let pretty = io::stdout().is_terminal();
    let text = if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    print(&(safe::json(text?) + "\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Text from a file on one line, without anything that could move a cursor.
pub(super) fn shown(text: &str) -> String {
    safe::text(text.as_bytes()).replace('\n', " ")
}

/// Whether lines can be drawn again and again on standard output. A build server's log has a terminal, too, but nobody
/// before it; where `TERM` is `dumb` or missing (Emacs' shell and compilation) nothing moves a cursor.
pub(super) fn is_live() -> bool {
    io::stdout().is_terminal() && !is_dumb() && !is_build_server()
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

/// Every one of them sets `CI`; who turns it off says `false`.
fn is_build_server() -> bool {
    std::env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false" && ci != "0")
}

/// The terminal's rows and columns; of one that does not know them, those of most.
pub(super) fn size() -> (usize, usize) {
    let known = tcgetwinsize(io::stdout()).ok().filter(|size| size.ws_row > 0 && size.ws_col > 0);
    known.map_or((24, 80), |size| (size.ws_row.into(), size.ws_col.into()))
}

/// The text without what has no room in so many columns. Terminals are not of one mind about the width of what several
/// characters make (emoji, flags): here each has its own, which none of them exceeds.
pub(super) fn cut(text: &str, columns: usize) -> String {
    let width = |char: char| if char == EMOJI_STYLE { 1 } else { char.width().unwrap_or(0) };
    if text.chars().map(width).sum::<usize>() <= columns {
        return text.into();
    }
    let (mut used, mut kept) = (0, String::new());
    for char in text.chars() {
        used += width(char);
        if used >= columns {
            break;
        }
        kept.push(char);
    }
    let mut kept = kept.trim_end_matches([ZERO_WIDTH_JOINER, ' ']).to_owned();
    if columns > 0 {
        kept.push('…');
    }
    kept
}

/// It makes of some characters before it a wide one.
const EMOJI_STYLE: char = '\u{fe0f}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';

/// The text with as many spaces behind it as a column of this width leaves.
pub(super) fn padded(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// How many columns a text takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// Colours, where the output is a terminal and nobody said no.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    on: bool,
}

/// The few looks that the commands use.
#[derive(Debug, Clone, Copy)]
pub(super) enum Look {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Blue,
}

impl Paint {
    /// <https://no-color.org>: any value but an empty one.
    pub(super) fn of_stdout() -> Self {
        Self::of(&io::stdout())
    }

    pub(super) fn of_stderr() -> Self {
        Self::of(&io::stderr())
    }

    fn of(output: &impl io::IsTerminal) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { on: output.is_terminal() && !refused && !is_dumb() }
    }

    pub(super) fn paint(self, look: Look, text: &str) -> String {
        if !self.on {
            return text.into();
        }
        let code = match look {
            Look::Bold => 1,
            Look::Dim => 2,
            Look::Red => 31,
            Look::Green => 32,
            Look::Yellow => 33,
            Look::Blue => 34,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_cut_off() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("ab cd", 4), "ab…", "no space before the sign");
        assert_eq!([cut("ab", 1), cut("ab", 0)], ["…", ""]);
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…", "a mark takes no room, and stays with its letter");
        assert_eq!(cut("👨\u{200d}👩\u{200d}👧", 5), "👨\u{200d}👩…", "what is cut in two is joined to nothing");
    }

    #[test]
    fn columns_are_as_wide_as_they_look() {
        assert_eq!(["ab", "日", "e\u{301}", "abcd"].map(|text| padded(text, 3)), ["ab ", "日 ", "e\u{301}  ", "abcd"]);
    }
}
