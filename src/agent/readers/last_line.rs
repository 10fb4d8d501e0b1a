//! The last line of an output, as it grows.

use super::terminal;

/// Longer lines are shown from their last bytes: a flood without line ends must cost no memory.
const KEPT: usize = 2048;

/// Keeps the end of an output.
#[derive(Debug, Default)]
pub(super) struct LastLine {
    tail: Vec<u8>,
}

impl LastLine {
    /// Takes in what came.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let from = bytes.len().saturating_sub(KEPT);
        self.tail.extend_from_slice(bytes.get(from..).unwrap_or_default());
        let too_many = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..too_many);
    }

    /// Forgets what came.
    pub(super) fn clear(&mut self) {
        self.tail.clear();
    }

    /// The last line that shows anything; `None` where there is none. It may be without an end: it may be a question. A
    /// carriage return ends a line too: progress bars write one line again and again.
    pub(super) fn shown(&self) -> Option<String> {
        self.lines().next()
    }

    /// The lines that show anything, as far as they are kept, the last one first.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        self.tail.rsplit(|byte| matches!(byte, b'\n' | b'\r')).filter_map(terminal::shown)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn last(chunks: &[&[u8]]) -> Option<String> {
        let mut line = LastLine::default();
        chunks.iter().for_each(|chunk| line.feed(chunk));
        line.shown()
    }

    #[test]
    fn the_last_line_that_shows_anything() {
        assert_eq!(last(&[]), None);
        assert_eq!(last(&[b"\n\n  \x1b[0m\n"]), None);
        assert_eq!(last(&[b"one\ntw", b"o\n\n"]).unwrap(), "two");
        assert_eq!(last(&[b"10 %\r20 %\r"]).unwrap(), "20 %");
        assert_eq!(last(&[b"done? [y/n] "]).unwrap(), "done? [y/n]");
        assert_eq!(last(&[b"::group::Build\n::endgroup::\n"]).unwrap(), "Build");
    }

    #[test]
    fn a_flood_without_line_ends_stays_small() {
        let mut line = LastLine::default();
        for _ in 0..100 {
            line.feed(&vec![b'x'; 100_000]);
        }
        assert!(line.tail.len() <= KEPT);
        assert_eq!(line.shown().unwrap().chars().count(), 200);
    }
}
