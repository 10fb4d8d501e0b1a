//! Bytes in any pieces become lines, with a bound on what is kept of one.

/// Longer lines are passed over: an event that says something about the run is short, and a flood without line ends
/// must cost no memory.
const LONGEST: usize = 256 << 10;

/// Puts lines together.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The line that has no end yet, as far as it is kept.
    open: Vec<u8>,
    /// It is longer than that.
    too_long: bool,
}

impl Lines {
    /// Takes bytes in, and gives each line that has its end. A carriage return ends a line too: progress bars write one
    /// line again and again.
    pub(super) fn feed(&mut self, bytes: &[u8], mut line: impl FnMut(&[u8])) {
        let mut rest = bytes;
        while let Some(at) = memchr::memchr2(b'\n', b'\r', rest) {
            self.add(rest.get(..at).unwrap_or_default());
            self.end(&mut line);
            rest = rest.get(at + 1..).unwrap_or_default();
        }
        self.add(rest);
    }

    /// Gives the last line, where it has no end.
    pub(super) fn finish(&mut self, mut line: impl FnMut(&[u8])) {
        self.end(&mut line);
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = LONGEST - self.open.len();
        self.too_long |= bytes.len() > room;
        self.open.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    fn end(&mut self, line: &mut impl FnMut(&[u8])) {
        if !self.too_long && !self.open.is_empty() {
            line(&self.open);
        }
        self.open.clear();
        // One long line must not cost its memory for the rest of a run of hours.
        self.open.shrink_to(64 << 10);
        self.too_long = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        pieces.iter().for_each(|piece| lines.feed(piece, |line| seen.push(String::from_utf8_lossy(line).into_owned())));
        lines.finish(|line| seen.push(String::from_utf8_lossy(line).into_owned()));
        seen
    }

    #[test]
    fn pieces_become_lines() {
        assert_eq!(lines(&[b"on", b"e\ntwo\r\n\n10 %\r20", b" %"]), ["one", "two", "10 %", "20 %"]);
        assert_eq!(lines(&[]), [""; 0]);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let mut lines = Lines::default();
        let mut seen = 0;
        for _ in 0..100 {
            lines.feed(&vec![b'x'; 1 << 20], |_| seen += 1);
        }
        assert!(lines.open.len() <= LONGEST);
        lines.feed(b"\nshort\n", |line| {
            assert_eq!(line, b"short");
            seen += 1;
        });
        assert_eq!(seen, 1);
        assert!(lines.open.capacity() <= 64 << 10);
    }
}
