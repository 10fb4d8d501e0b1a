//! The log of a task: its output as it came, head and tail of it where it is too long.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::private;

/// How much waits in memory while there is no room on the disk.
const HELD: usize = 1 << 20;
/// How much of the tail is on its way behind the head at a time: a guard needs its most memory then.
const PIECE: usize = 128 << 10;

/// Half of the limit belongs to the head, which is written at once. What comes behind it goes round and round in a file
/// beside the log, as long as the other half: at the end that is put behind the head, by [`recover`] where the guard was
/// killed. So a flood costs neither memory nor room, and what is written over and over again stays in the system's cache.
///
/// Nothing here ends a task. What the disk does not take is held, so much as [`HELD`]; of more than that the oldest is
/// let go and counted. A part that had to be let go while the head grew is marked there; a later one is left out
/// between head and tail, with all of the tail before it.
#[derive(Debug)]
pub(super) struct CappedLog {
    path: PathBuf,
    head: File,
    /// How long the head is, marks of what was left out included.
    head_length: u64,
    head_room: u64,
    tail: Option<Ring>,
    tail_size: u64,
    /// What the disk did not take yet.
    held: VecDeque<u8>,
    /// How many bytes were let go just before those that are held.
    gap: u64,
    /// How many bytes are missing between head and tail, besides those that the ring has written over.
    left_out: u64,
    /// The number between head and tail stands there already: the tail is on its way.
    marked: bool,
    trouble: Option<String>,
}

impl CappedLog {
    /// The log in this file, which lies at this path and becomes empty.
    pub(super) fn new(head: File, path: &Path, limit: u64) -> io::Result<Self> {
        head.set_len(0)?;
        let half = (limit / 2).max(1);
        Ok(Self { head_room: half, tail_size: half, ..Self::over(head, path, 0) })
    }

    /// A log that has as much as this and no room.
    fn over(head: File, path: &Path, head_length: u64) -> Self {
        Self {
            path: path.to_path_buf(),
            head,
            head_length,
            head_room: 0,
            tail: None,
            tail_size: 1,
            held: VecDeque::new(),
            gap: 0,
            left_out: 0,
            marked: false,
            trouble: None,
        }
    }

    /// Goes on in this file, which has what was written so far.
    pub(super) fn go_on_in(&mut self, head: File) {
        self.head = head;
    }

    /// Takes in what came. Never fails: see [`Self::trouble`].
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let stored = if self.settle().is_ok() { self.store_all(bytes) } else { 0 };
        self.hold(bytes.get(stored..).unwrap_or_default());
    }

    /// Why the disk does not take what is held; `None`: nothing is.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Writes what was held; to be tried again now and then while there is trouble.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        let settled = self.try_settle();
        self.trouble = settled.as_ref().err().map(ToString::to_string);
        settled
    }

    /// Puts head and tail together, with the number of bytes that were left out between them. Where that fails it can be
    /// tried again, and goes on where it stopped.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let finished = self.settle().and_then(|()| self.join());
        self.trouble = finished.as_ref().err().map(ToString::to_string);
        finished
    }

    fn try_settle(&mut self) -> io::Result<()> {
        if self.gap > 0 {
            self.mark_gap()?;
        }
        while !self.held.is_empty() {
            let mut held = std::mem::take(&mut self.held);
            let stored = self.store(held.as_slices().0);
            held.drain(..*stored.as_ref().unwrap_or(&0));
            self.held = held;
            stored?;
        }
        Ok(())
    }

    fn mark_gap(&mut self) -> io::Result<()> {
        if self.head_room > 0 {
            self.mark(self.gap)?;
        } else {
            self.left_out += self.gap + self.tail.as_mut().map_or(0, Ring::forget);
            self.tail.iter_mut().for_each(|tail| tail.tell(|account| account.left_out = self.left_out));
        }
        self.gap = 0;
        Ok(())
    }

    /// Behind the head, whole or not at all: what a failed write left there is written over.
    fn mark(&mut self, left_out: u64) -> io::Result<()> {
        let mark = mark_of(left_out);
        self.head.write_all_at(mark.as_bytes(), self.head_length)?;
        self.head_length += mark.len() as u64;
        Ok(())
    }

    /// Stores as much as the disk takes: how much that was.
    fn store_all(&mut self, bytes: &[u8]) -> usize {
        let mut stored = 0;
        while let Some(rest) = bytes.get(stored..).filter(|rest| !rest.is_empty()) {
            match self.store(rest) {
                Ok(count) => stored += count,
                Err(error) => {
                    self.trouble = Some(error.to_string());
                    break;
                }
            }
        }
        stored
    }

    /// Stores a beginning of this, at least a byte.
    fn store(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.head_room > 0 {
            let count = write_some(&self.head, self.head_length, self.head_room, bytes)?;
            self.head_length += count as u64;
            self.head_room -= count as u64;
            return Ok(count);
        }
        let ring = match &mut self.tail {
            Some(ring) => ring,
            none => {
                let ring = none.insert(Ring::new(&self.path, self.tail_size, self.head_length)?);
                // Who follows the output watches the log, which will not change any more: this tells of the file beside it.
                let _ = self.head.set_modified(SystemTime::now());
                ring
            }
        };
        ring.store(bytes)
    }

    fn hold(&mut self, bytes: &[u8]) {
        let from = bytes.len().saturating_sub(HELD);
        let (lost, kept) = bytes.split_at(from);
        let too_many = (self.held.len() + kept.len()).saturating_sub(HELD);
        self.held.drain(..too_many);
        self.held.extend(kept);
        self.gap += (lost.len() + too_many) as u64;
    }

    fn join(&mut self) -> io::Result<()> {
        let left_out = self.left_out + self.tail.as_ref().map_or(0, Ring::written_over);
        if left_out > 0 && !self.marked {
            self.mark(left_out)?;
        }
        if !self.marked {
            let joined_at = self.head_length;
            self.tail.iter_mut().for_each(|tail| tail.tell(|account| account.joined_at = joined_at));
        }
        self.marked = true;
        // From now on the head takes everything: the tail comes piece by piece, by way of what is held.
        self.head_room = u64::MAX;
        while let Some(piece) = self.tail.as_mut().map(Ring::take).transpose()?.filter(|piece| !piece.is_empty()) {
            self.held.extend(piece);
            // Its room goes back behind that, or a guard that is killed in between would lose it; on a full disk before.
            let settled = self.try_settle();
            self.tail.iter().for_each(Ring::give_back);
            settled.or_else(|_| self.try_settle())?;
        }
        if self.tail.take().is_some() {
            // What is left of it costs room, and goes with the run.
            let _ = std::fs::remove_file(beside(&self.path));
        }
        Ok(())
    }
}

/// Puts what a guard that was killed had of the tail behind the head. `log` is the file at `path`. Blocking.
pub(in crate::run) fn recover(log: File, path: &Path) -> io::Result<()> {
    let mut tail = match Ring::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        tail => tail?,
    };
    let (head_length, account) = (log.metadata()?.len(), tail.account);
    let marked = account.joined_at > 0;
    if marked {
        tail.taken = head_length.saturating_sub(account.joined_at);
    }
    let mut whole = CappedLog::over(log, path, head_length);
    whole.marked = marked;
    whole.left_out = account.left_out;
    whole.tail = Some(tail);
    whole.finish()
}

/// A file that keeps the newest bytes of what goes into it.
#[derive(Debug)]
struct Ring {
    file: File,
    account: Account,
    /// How many of those that are kept were taken out again, from the oldest on.
    taken: u64,
    /// Where the piece lies that was taken last, and how long it is.
    last: (u64, u64),
}

/// What stands at the beginning of a ring's file, for whoever finds it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account {
    pub(super) size: u64,
    /// How many bytes ever went in.
    pub(super) written: u64,
    /// As many as may have gone in: what is written over by then is lost.
    pub(super) reserved: u64,
    /// How many bytes are missing between head and ring.
    pub(super) left_out: u64,
    /// Where in the log the ring's bytes begin; 0: they are not on their way there.
    pub(super) joined_at: u64,
    /// How long the log's head is.
    pub(super) head: u64,
}

impl Account {
    const BYTES: usize = 6 * size_of::<u64>();
    pub(super) const LENGTH: u64 = Self::BYTES as u64;

    fn to_bytes(self) -> Vec<u8> {
        let numbers = [self.size, self.written, self.reserved, self.left_out, self.joined_at, self.head];
        numbers.into_iter().flat_map(u64::to_le_bytes).collect()
    }

    /// Of a ring's file.
    pub(super) fn read(ring: &File) -> io::Result<Self> {
        let mut bytes = [0; Self::BYTES];
        ring.read_exact_at(&mut bytes, 0)?;
        Self::of_bytes(&bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// How many bytes that went in are written over by now, or may be.
    pub(super) fn written_over(&self) -> u64 {
        self.reserved.saturating_sub(self.size)
    }

    /// `None`: it is none.
    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let mut numbers = bytes.chunks_exact(8).filter_map(|number| Some(u64::from_le_bytes(number.try_into().ok()?)));
        let mut next = || numbers.next();
        let (size, written, reserved) = (next()?, next()?, next()?);
        let account = Self { size, written, reserved, left_out: next()?, joined_at: next()?, head: next()? };
        let ends = account.written.checked_add(account.size)?;
        let is_sound = (1..1 << 60).contains(&account.size) && (account.written..=ends).contains(&account.reserved);
        is_sound.then_some(account)
    }
}

impl Ring {
    fn new(log: &Path, size: u64, head: u64) -> io::Result<Self> {
        let file = create(&beside(log))?;
        let account = Account { size, head, ..Account::default() };
        file.write_all_at(&account.to_bytes(), 0)?;
        Ok(Self { file, account, taken: 0, last: (0, 0) })
    }

    fn open(log: &Path) -> io::Result<Self> {
        let file = private::only_file(private::options().read(true).write(true).open(beside(log))?)?;
        let account = Account::read(&file)?;
        Ok(Self { file, account, taken: 0, last: (0, 0) })
    }

    /// Says beforehand what it will write over: a killed guard's ring would else begin with its newest bytes.
    fn store(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (size, written) = (self.account.size, self.account.written);
        let at = written % size;
        let most = (bytes.len() as u64).min(size - at);
        self.tell(|account| account.reserved = written + most);
        let stored = write_some(&self.file, Account::LENGTH + at, most, bytes);
        let count = *stored.as_ref().unwrap_or(&0) as u64;
        self.tell(|account| {
            account.written += count;
            account.reserved = account.written;
        });
        stored
    }

    /// In place: it needs no room. What cannot be told is missed only where this process is killed.
    fn tell(&mut self, change: impl FnOnce(&mut Account)) {
        change(&mut self.account);
        let _ = self.file.write_all_at(&self.account.to_bytes(), 0);
    }

    fn written_over(&self) -> u64 {
        self.account.written_over()
    }

    /// Begins anew, in the room that it has: how many bytes it had ever taken.
    fn forget(&mut self) -> u64 {
        let forgotten = self.account.written;
        self.tell(|account| (account.written, account.reserved) = (0, 0));
        forgotten
    }

    /// Takes the oldest piece out.
    fn take(&mut self) -> io::Result<Vec<u8>> {
        let oldest = self.written_over().saturating_add(self.taken);
        let at = oldest % self.account.size;
        let count = self.account.written.saturating_sub(oldest).min(self.account.size - at).min(PIECE as u64);
        let mut piece = vec![0; usize::try_from(count).unwrap_or(PIECE)];
        self.file.read_exact_at(&mut piece, Account::LENGTH + at)?;
        self.taken += count;
        self.last = (Account::LENGTH + at, count);
        Ok(piece)
    }

    /// Gives the room of the last piece back to the disk: on a full one the head can then grow by it.
    fn give_back(&self) {
        let (at, count) = self.last;
        give_back(&self.file, at, count);
    }
}

/// Writes a beginning of this, at least a byte, and at most as much as there is room.
fn write_some(file: &File, at: u64, room: u64, bytes: &[u8]) -> io::Result<usize> {
    let fits = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
    loop {
        match file.write_at(bytes.get(..fits).unwrap_or_default(), at) {
            Ok(0) if fits > 0 => return Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Makes a hole in a file. Where the file system has none the room comes back with the file's end.
fn give_back(file: &File, at: u64, count: u64) {
    #[cfg(target_os = "linux")]
    if count > 0 {
        use rustix::fs::FallocateFlags;
        let _ = rustix::fs::fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, at, count);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, at, count);
}

/// What stands where bytes are missing.
pub(super) fn mark_of(left_out: u64) -> String {
    format!("\n[feature-build: {left_out} bytes left out]\n")
}

/// Where a log's ring lies.
pub(super) fn beside(log: &Path) -> PathBuf {
    let mut name = log.file_name().unwrap_or_default().to_os_string();
    name.push(".tail");
    log.with_file_name(name)
}

/// A new file; one that a guard left there which was killed goes.
fn create(path: &Path) -> io::Result<File> {
    let create = || private::options().read(true).write(true).create_new(true).open(path);
    match create() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            std::fs::remove_file(path)?;
            create()
        }
        file => file,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use proptest::prelude::*;

    use super::*;

    impl CappedLog {
        /// As on a full disk: nothing that is there can be written to.
        pub(in crate::run::guard) fn while_full(&mut self, path: &Path, does: impl FnOnce(&mut Self)) {
            let unwritable = File::open(path).unwrap();
            let head = std::mem::replace(&mut self.head, unwritable.try_clone().unwrap());
            let ring = self.tail.as_mut().map(|ring| std::mem::replace(&mut ring.file, unwritable));
            does(self);
            self.head = head;
            if let (Some(now), Some(file)) = (&mut self.tail, ring) {
                now.file = file;
            }
        }
    }

    fn log_of(chunks: &[Vec<u8>], limit: u64) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut log = CappedLog::new(private::create(&path).unwrap(), &path, limit).unwrap();
        chunks.iter().for_each(|chunk| log.write(chunk));
        log.finish().unwrap();
        log.finish().unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "only the log is left");
        std::fs::read(&path).unwrap()
    }

    #[test]
    fn a_long_log_keeps_head_and_tail() {
        let log = log_of(&[(0..100).flat_map(|n| format!("{n:03}\n").into_bytes()).collect()], 40);
        let text = String::from_utf8(log).unwrap();
        let (head, tail) = ("000\n001\n002\n003\n004\n", "095\n096\n097\n098\n099\n");
        assert_eq!(text, format!("{head}\n[feature-build: 360 bytes left out]\n{tail}"));
    }

    #[test]
    fn what_is_held_is_bounded_and_what_is_let_go_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut log = CappedLog::new(private::create(&path).unwrap(), &path, 64 << 20).unwrap();
        log.write(b"begin\n");
        // A descriptor that nobody can write to: every write fails, as on a full disk.
        let writable = std::mem::replace(&mut log.head, File::open(&path).unwrap());
        for _ in 0..40 {
            log.write(&[b'x'; 100_000]);
        }
        log.write(b"end\n");
        assert!(log.trouble().is_some());
        assert!(log.finish().is_err());
        assert!(log.held.len() <= HELD && log.held.capacity() <= 2 * HELD);
        log.head = writable;
        log.settle().unwrap();
        assert_eq!(log.trouble(), None);
        log.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let (head, rest) = text.split_once("\n[feature-build: ").unwrap();
        let (count, tail) = rest.split_once(" bytes left out]\n").unwrap();
        assert_eq!(head, "begin\n");
        assert!(tail.ends_with("xend\n"));
        assert_eq!(count.parse::<usize>().unwrap() + tail.len(), 40 * 100_000 + 4);
    }

    /// The guard is killed at any moment: when it has written this much, or while the tail is on its way.
    #[test]
    fn the_tail_of_a_log_is_put_behind_its_head_where_the_guard_was_killed() {
        let whole: Vec<u8> = (0..100).flat_map(|n| format!("{n:03}\n").into_bytes()).collect();
        for (length, joins) in (0..=whole.len()).flat_map(|length| [(length, false), (length, true)]) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a.log");
            let mut log = CappedLog::new(private::create(&path).unwrap(), &path, 60).unwrap();
            let written = &whole[..length];
            written.chunks(7).for_each(|chunk| log.write(chunk));
            if joins {
                let over = log.tail.as_ref().map_or(0, Ring::written_over);
                if over > 0 {
                    log.mark(over).unwrap();
                }
                let joined_at = log.head_length;
                if let Some(tail) = &mut log.tail {
                    tail.tell(|account| account.joined_at = joined_at);
                    let piece = tail.take().unwrap();
                    log.head.write_all_at(&piece[..piece.len() / 2], joined_at).unwrap();
                }
            }
            let head = log.head.try_clone().unwrap();
            drop(log);
            recover(head, &path).unwrap();
            let text = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "only the log is left");
            match text.split_once("\n[feature-build: ") {
                None => assert_eq!(text.as_bytes(), written),
                Some((head, rest)) => {
                    let (count, tail) = rest.split_once(" bytes left out]\n").unwrap();
                    assert!(written.starts_with(head.as_bytes()) && written.ends_with(tail.as_bytes()), "{text}");
                    assert_eq!(count.parse::<usize>().unwrap() + head.len() + tail.len(), length);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

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
                    prop_assert_eq!(head.len() as u64, limit / 2);
                    prop_assert_eq!(tail.len() as u64, limit / 2);
                }
            }
        }

        /// The disk fails and recovers between any two chunks; what is not in the log stands in its marks, in order.
        #[test]
        fn every_byte_is_kept_or_counted_whenever_the_disk_is_full(
            chunks in proptest::collection::vec((any::<bool>(), 0..700_000_usize), 0..8),
            limit in 4_u64..4_000_000,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a.log");
            let mut log = CappedLog::new(private::create(&path).unwrap(), &path, limit).unwrap();
            let mut whole: Vec<u8> = Vec::new();
            for (full, length) in chunks {
                let chunk: Vec<u8> = (whole.len()..whole.len() + length).map(|at| b'a' + (at % 23) as u8).collect();
                whole.extend_from_slice(&chunk);
                if !full {
                    log.write(&chunk);
                    continue;
                }
                log.while_full(&path, |log| log.write(&chunk));
            }
            log.finish().unwrap();
            let kept = std::fs::read(&path).unwrap();
            prop_assert!(kept.len() as u64 <= limit + 40 * 8);
            let mut rest = kept.as_slice();
            let mut at = 0;
            while !rest.is_empty() {
                const BEGIN: &[u8] = b"\n[feature-build: ";
                let run = rest.windows(BEGIN.len()).position(|window| window == BEGIN).unwrap_or(rest.len());
                prop_assert_eq!(&rest[..run], &whole[at..at + run]);
                at += run;
                rest = &rest[run..];
                if let Some(mark) = rest.strip_prefix(BEGIN) {
                    let text = String::from_utf8_lossy(&mark[..30.min(mark.len())]).into_owned();
                    let (count, _) = text.split_once(" bytes left out]\n").unwrap();
                    at += count.parse::<usize>().unwrap();
                    rest = &mark[count.len() + " bytes left out]\n".len()..];
                }
            }
            prop_assert_eq!(at, whole.len());
        }
    }
}
