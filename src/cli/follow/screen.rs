//! A terminal's other screen (xterm's alternate one), drawn again and again: what bytes do that.
//!
//! What is drawn over and over among lines that stay is left behind by a resize: terminals break lines anew, each in its own
//! way, and push some of them into what can be scrolled back to, where nothing reaches them. The other screen has no such
//! place, and each of its rows is written where it belongs, whatever stood there and however wide the terminal takes a
//! character to be. What is said meanwhile is kept, and said in plain lines when the terminal has its own screen back.

use std::collections::VecDeque;
use std::fmt::Write as _;

/// Rows and columns.
pub(super) type Size = (usize, usize);

/// The other screen, on which the wheel of a mouse types no arrows for the shell to read, and lines that are too long are
/// cut off (DECAWM reset).
const ENTER: &str = "\x1b[?1049h\x1b[?1007s\x1b[?1007l\x1b[?7l\x1b[H\x1b[J";
/// Back. Erased before, for a terminal that has only one screen.
const LEAVE: &str = "\x1b[H\x1b[J\x1b[?7h\x1b[?1007r\x1b[?1049l";

/// No screen shows more lines above the newest.
const TALLEST: usize = 200;

#[derive(Debug, Default)]
pub(super) struct Screen {
    is_on: bool,
    /// What was said and does not stand on the terminal's own screen yet.
    said: Vec<String>,
    /// What was said last, wherever it stands.
    recent: VecDeque<String>,
    drawn: Vec<String>,
    size: Size,
}

impl Screen {
    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Something to be said, whose lines have no line ends.
    pub(super) fn say(&mut self, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            if self.recent.len() == TALLEST {
                self.recent.pop_front();
            }
            self.recent.push_back(line.clone());
            self.said.push(line);
        }
    }

    /// What shows these lines, and above them as much of what was said last as there is room for.
    pub(super) fn draw(&mut self, lines: Vec<String>, size: Size) -> String {
        let mut bytes = String::new();
        if !self.is_on || self.size != size {
            bytes.push_str(if self.is_on { "\x1b[H\x1b[J" } else { ENTER });
            self.drawn.clear();
        }
        (self.is_on, self.size) = (true, size);
        let room = size.0.saturating_sub(lines.len());
        let shown = self.recent.iter().skip(self.recent.len().saturating_sub(room)).cloned().chain(lines);
        let shown: Vec<String> = shown.take(size.0).collect();
        if shown == self.drawn {
            return bytes;
        }
        for (at, line) in shown.iter().enumerate().filter(|(at, line)| self.drawn.get(*at) != Some(line)) {
            // Writing to a string cannot fail.
            let _ = write!(bytes, "\x1b[{};1H{line}\x1b[K", at + 1);
        }
        if shown.len() < self.drawn.len() {
            let _ = write!(bytes, "\x1b[{};1H\x1b[J", shown.len() + 1);
        }
        let _ = write!(bytes, "\x1b[{};1H", shown.len().max(1));
        self.drawn = shown;
        bytes
    }

    /// What gives the terminal its own screen back, with all on it that was said.
    pub(super) fn leave(&mut self) -> String {
        let mut bytes = if std::mem::take(&mut self.is_on) { LEAVE.to_owned() } else { String::new() };
        for line in self.said.drain(..) {
            bytes.push_str(&line);
            bytes.push('\n');
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    /// As much of a terminal as the bytes above ask for.
    #[derive(Default)]
    struct Terminal {
        own: String,
        other: Vec<String>,
        is_other: bool,
        row: usize,
    }

    impl Terminal {
        fn take(&mut self, bytes: &str) {
            let mut rest = bytes;
            while let Some(char) = rest.chars().next() {
                rest = &rest[char.len_utf8()..];
                if char != '\x1b' {
                    if self.is_other {
                        self.other[self.row].push(char)
                    } else {
                        self.own.push(char)
                    }
                    continue;
                }
                let end = rest.find(|char: char| char.is_ascii_alphabetic()).unwrap();
                match &rest[..=end] {
                    "[?1049h" => self.is_other = true,
                    "[?1049l" => self.is_other = false,
                    "[H" => self.row = 0,
                    "[J" => self.other.truncate(self.row),
                    place if place.ends_with('H') => {
                        self.row = place[1..].split(';').next().unwrap().parse::<usize>().unwrap() - 1;
                    }
                    _ => {}
                }
                rest = &rest[end + 1..];
                self.other.resize(self.other.len().max(self.row + 1), String::new());
                // Each line is written whole, and before it there is nothing but its place.
                if self.is_other && !rest.is_empty() && !rest.starts_with('\x1b') {
                    self.other[self.row].clear();
                }
            }
        }
    }

    proptest! {
        /// Whatever is said and drawn in which order, the other screen ends with the newest lines, above them what was said
        /// last; and the terminal's own has, when it is back, all that was said, once.
        #[test]
        fn nothing_is_lost_and_nothing_is_left(
            steps in proptest::collection::vec((proptest::collection::vec("[a-c]{1,2}", 0..7), 0_usize..3, 7_usize..9, 0_u8..5), 1..20),
        ) {
            let (mut screen, mut terminal) = (Screen::default(), Terminal::default());
            let (mut all, mut recent) = (String::new(), Vec::new());
            for (at, (lines, says, rows, leaves)) in steps.into_iter().enumerate() {
                for number in 0..says {
                    let said = format!("said {at} {number}");
                    screen.say([said.clone()]);
                    all.push_str(&format!("{said}\n"));
                    recent.push(said);
                }
                let bytes = screen.draw(lines.clone(), (rows, 80));
                terminal.take(&bytes);
                let room = rows - lines.len();
                let wanted: Vec<String> =
                    recent.iter().skip(recent.len().saturating_sub(room)).chain(&lines).cloned().collect();
                let shown: Vec<String> = terminal.other.iter().filter(|row| !row.is_empty()).cloned().collect();
                prop_assert_eq!(shown, wanted);
                prop_assert_eq!(screen.draw(lines, (rows, 80)), "", "what has not changed is not drawn again");
                if leaves == 0 {
                    terminal.take(&screen.leave());
                    prop_assert_eq!(&terminal.own, &all);
                }
            }
            terminal.take(&screen.leave());
            prop_assert_eq!(terminal.own, all);
        }
    }
}
