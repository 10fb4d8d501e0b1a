//! Reading the end of a long log while its attempt goes on: from the ring in which the guard keeps it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::log::{Account, beside, mark_of};
use super::private;

/// How much is read at a time.
const CHUNK: u64 = 64 << 10;

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::run) enum Part {
    /// Bytes as they came, or the mark that stands for some that were left out.
    Bytes(Vec<u8>),
    /// Nothing yet.
    Nothing,
    /// The end is being put behind the head: from here on, the log itself has all that is still to come.
    InLog(u64),
}

/// Reads without any word with the guard, which may write over what is just being read, or put it behind the head: what
/// was read counts where the ring's account, looked at once more, says that it was still there.
#[derive(Debug)]
pub(in crate::run) struct Tail {
    ring: File,
    head: u64,
    /// Up to where it was read, counted from the end of the head, with all that was left out; `None`: not begun.
    at: Option<u64>,
}

impl Tail {
    /// Where a log's ring lies.
    pub(in crate::run) fn path(log: &Path) -> PathBuf {
        beside(log)
    }

    /// The end of this log; `None`: it has none besides itself.
    pub(in crate::run) fn open(log: &Path) -> Option<Self> {
        let ring = private::open(&beside(log)).ok()?;
        let head = Account::read(&ring).ok()?.head;
        Some(Self { ring, head, at: None })
    }

    /// How long the log's head is, which comes first.
    pub(in crate::run) fn head(&self) -> u64 {
        self.head
    }

    /// What comes next. Blocking.
    pub(in crate::run) fn next(&mut self) -> io::Result<Part> {
        // An account that makes no sense was caught while it was being written.
        let Ok(account) = Account::read(&self.ring) else { return Ok(Part::Nothing) };
        let oldest = account.left_out.saturating_add(account.written_over());
        if account.joined_at > 0 {
            return Ok(match self.at {
                None => Part::InLog(self.head),
                Some(at) if at < oldest => self.leave_out(at, oldest),
                Some(at) => Part::InLog(account.joined_at.saturating_add(at - oldest)),
            });
        }
        let at = self.at.unwrap_or(0);
        if at < oldest {
            return Ok(self.leave_out(at, oldest));
        }
        let place = (at - account.left_out) % account.size;
        let there = account.left_out.saturating_add(account.written).saturating_sub(at);
        let count = there.min(account.size - place).min(CHUNK);
        if count == 0 {
            return Ok(Part::Nothing);
        }
        let mut bytes = vec![0; usize::try_from(count).unwrap_or_default()];
        self.ring.read_exact_at(&mut bytes, Account::LENGTH + place)?;
        let Ok(now) = Account::read(&self.ring) else { return Ok(Part::Nothing) };
        if now.joined_at > 0 || now.left_out != account.left_out || now.written < account.written {
            return self.next();
        }
        let kept_from = now.left_out.saturating_add(now.written_over());
        if at < kept_from {
            // Overtaken. At the oldest end that would come again at once.
            let middle = now.left_out.saturating_add(now.written.saturating_sub(now.size / 2));
            return Ok(self.leave_out(at, middle.max(kept_from)));
        }
        self.at = Some(at + count);
        Ok(Part::Bytes(bytes))
    }

    fn leave_out(&mut self, from: u64, to: u64) -> Part {
        self.at = Some(to);
        Part::Bytes(mark_of(to - from).into_bytes())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use std::io::{Read as _, Seek as _, SeekFrom};

    use proptest::prelude::*;

    use super::super::log::CappedLog;
    use super::*;

    /// What somebody has seen who reads along: this many parts at a time.
    struct Reader {
        path: PathBuf,
        tail: Option<Tail>,
        shown: Vec<u8>,
    }

    impl Reader {
        /// Where the log itself goes on with what is missing, once all of it is there.
        fn read(&mut self, parts: usize) -> Option<u64> {
            let Some(tail) = &mut self.tail else {
                self.tail = Tail::open(&self.path);
                return None;
            };
            for _ in 0..parts {
                match tail.next().unwrap() {
                    Part::Bytes(bytes) => self.shown.extend(bytes),
                    Part::Nothing => return None,
                    Part::InLog(at) => return Some(at),
                }
            }
            None
        }
    }

    /// Each byte of the whole is there in its place, or counted in a mark.
    fn is_shown_or_counted(mut shown: &[u8], whole: &[u8]) -> bool {
        const BEGIN: &[u8] = b"\n[feature-build: ";
        let mut at = 0;
        while !shown.is_empty() {
            let plain = shown.windows(BEGIN.len()).position(|window| window == BEGIN).unwrap_or(shown.len());
            if whole.get(at..at + plain) != Some(&shown[..plain]) {
                return false;
            }
            at += plain;
            shown = &shown[plain..];
            if let Some(mark) = shown.strip_prefix(BEGIN) {
                let digits = mark.iter().take_while(|byte| byte.is_ascii_digit()).count();
                at += std::str::from_utf8(&mark[..digits]).unwrap().parse::<usize>().unwrap();
                shown = mark[digits..].strip_prefix(b" bytes left out]\n").unwrap();
            }
        }
        at == whole.len()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whoever reads along sees the log's head, and of the rest every byte or its number, whenever they look.
        #[test]
        fn whoever_reads_along_misses_nothing_untold(
            chunks in proptest::collection::vec((0..300_usize, 0..50_u8, 0..4_usize), 0..20),
            limit in 4_u64..400,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a.log");
            let mut log = CappedLog::new(private::create(&path).unwrap(), &path, limit).unwrap();
            let mut whole: Vec<u8> = Vec::new();
            let mut reader = Reader { path: path.clone(), tail: None, shown: Vec::new() };
            for (length, full, parts) in chunks {
                let chunk: Vec<u8> = (whole.len()..whole.len() + length).map(|at| b'a' + (at % 23) as u8).collect();
                whole.extend_from_slice(&chunk);
                // More than is held: the ring begins anew.
                if full == 0 {
                    let flood = vec![b'z'; 1 << 20];
                    whole.extend_from_slice(&flood);
                    log.while_full(&path, |log| {
                        log.write(&chunk);
                        log.write(&flood);
                    });
                } else {
                    log.write(&chunk);
                }
                reader.read(parts);
            }
            log.settle().unwrap();
            reader.read(1);
            let mut file = File::open(&path).unwrap();
            let head = reader.tail.as_ref().map_or(0, Tail::head);
            let mut shown = vec![0; usize::try_from(head).unwrap()];
            file.read_exact(&mut shown).unwrap();
            log.finish().unwrap();
            let rest = if reader.tail.is_some() { reader.read(usize::MAX).unwrap() } else { 0 };
            shown.extend_from_slice(&reader.shown);
            file.seek(SeekFrom::Start(rest)).unwrap();
            file.read_to_end(&mut shown).unwrap();
            prop_assert!(is_shown_or_counted(&shown, &whole), "{} of {}", shown.len(), whole.len());
        }
    }
}
