//! The log of a task: its output as it came, head and tail of it where it is too long.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::super::private;

/// Half of the limit belongs to the head, which is written at once. Behind it the output goes in turns into two files
/// of a quarter each, so that the newest quarter at least is always there; at the end they are put behind the head.
#[derive(Debug)]
pub(super) struct CappedLog {
    head: File,
    head_room: u64,
    path: PathBuf,
    quarter: u64,
    tail: Option<Tail>,
    left_out: u64,
}

#[derive(Debug)]
struct Tail {
    older: File,
    older_length: u64,
    newer: File,
    newer_length: u64,
}

impl CappedLog {
    /// Opens the log, emptied.
    pub(super) fn create(path: &Path, limit: u64) -> io::Result<Self> {
        let quarter = (limit / 4).max(1);
        let head = private::create(path)?;
        Ok(Self { head, head_room: quarter * 2, path: path.to_path_buf(), quarter, tail: None, left_out: 0 })
    }

    /// Takes in what came. Never fails: a full disk must not end a task, so what cannot be written is counted as left
    /// out.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let fits = usize::try_from(self.head_room).unwrap_or(usize::MAX).min(bytes.len());
        let (to_head, to_tail) = bytes.split_at(fits);
        self.head_room -= fits as u64;
        if self.head.write_all(to_head).is_err() {
            self.left_out += to_head.len() as u64;
        }
        if !to_tail.is_empty() && self.write_tail(to_tail).is_err() {
            self.left_out += to_tail.len() as u64;
        }
    }

    /// Puts head and tail together, with the number of bytes that were left out between them.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let Some(mut tail) = self.tail.take() else {
            if self.left_out > 0 {
                write!(self.head, "\n[feature-build: {} bytes could not be written]\n", self.left_out)?;
            }
            return Ok(());
        };
        if self.left_out > 0 {
            write!(self.head, "\n[feature-build: {} bytes left out]\n", self.left_out)?;
        }
        for file in [&mut tail.older, &mut tail.newer] {
            file.seek(SeekFrom::Start(0))?;
            io::copy(file, &mut self.head)?;
        }
        Ok(())
    }

    fn write_tail(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let mut tail = match self.tail.take() {
            Some(tail) => tail,
            None => Tail { older: unnamed(&self.path)?, older_length: 0, newer: unnamed(&self.path)?, newer_length: 0 },
        };
        while !bytes.is_empty() {
            if tail.newer_length == self.quarter {
                self.left_out += tail.turn()?;
            }
            let room = usize::try_from(self.quarter - tail.newer_length).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            if tail.newer.write_all(now).is_err() {
                self.left_out += now.len() as u64;
            }
            tail.newer_length += now.len() as u64;
            bytes = later;
        }
        self.tail = Some(tail);
        Ok(())
    }
}

impl Tail {
    /// The newer file becomes the older; the older one is emptied: how many bytes it had.
    fn turn(&mut self) -> io::Result<u64> {
        let dropped = self.older_length;
        std::mem::swap(&mut self.older, &mut self.newer);
        self.older_length = self.newer_length;
        self.newer_length = 0;
        self.newer.set_len(0)?;
        self.newer.seek(SeekFrom::Start(0))?;
        Ok(dropped)
    }
}

/// A file beside the log that has no name any more: it goes with this process, however that ends.
fn unnamed(log: &Path) -> io::Result<File> {
    let mut name = log.file_name().unwrap_or_default().to_os_string();
    name.push(".tail");
    let path = log.with_file_name(name);
    let file = std::fs::OpenOptions::new().read(true).write(true).create_new(true).open(&path);
    let file = match file {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // Left by a guard that was killed between these two lines.
            std::fs::remove_file(&path)?;
            std::fs::OpenOptions::new().read(true).write(true).create_new(true).open(&path)?
        }
        file => file?,
    };
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn log_of(chunks: &[Vec<u8>], limit: u64) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut log = CappedLog::create(&path, limit).unwrap();
        chunks.iter().for_each(|chunk| log.write(chunk));
        log.finish().unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "only the log is left");
        std::fs::read(&path).unwrap()
    }

    #[test]
    fn a_long_log_keeps_head_and_tail() {
        let log = log_of(&[(0..100).flat_map(|n| format!("{n:03}\n").into_bytes()).collect()], 40);
        let text = String::from_utf8(log).unwrap();
        assert!(text.starts_with("000\n001\n002\n003\n004\n"), "{text}");
        assert!(text.contains("[feature-build: 360 bytes left out]") || text.contains("bytes left out"), "{text}");
        assert!(text.ends_with("098\n099\n"), "{text}");
    }

    proptest! {
        #[test]
        fn every_byte_is_kept_or_counted(
            chunks in proptest::collection::vec(proptest::collection::vec(b'a'..=b'z', 0..60), 0..12),
            limit in 4_u64..200,
        ) {
            let whole: Vec<u8> = chunks.concat();
            let log = log_of(&chunks, limit);
            let text = String::from_utf8(log.clone()).unwrap();
            match text.split_once("\n[feature-build: ") {
                None => prop_assert_eq!(log, whole),
                Some((head, rest)) => {
                    let (count, tail) = rest.split_once(" bytes left out]\n").unwrap();
                    prop_assert!(whole.starts_with(head.as_bytes()));
                    prop_assert!(whole.ends_with(tail.as_bytes()));
                    prop_assert_eq!(count.parse::<usize>().unwrap() + head.len() + tail.len(), whole.len());
                    prop_assert!(tail.len() as u64 >= limit / 4);
                    prop_assert!((head.len() + tail.len()) as u64 <= limit.max(4));
                }
            }
        }
    }
}
