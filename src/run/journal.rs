//! The journal: an append-only file of records, one JSON object a line.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;
use thiserror::Error;

use super::{Event, Record, RunPaths, private, seal};
use crate::task::TaskId;

/// The format that is written: a reader takes every minor of its own major.
const VERSION: &str = "1.1";
const MAJOR: u32 = 1;
/// No line is longer: the longest announces a run, with some hundred bytes for each of its tasks.
const LONGEST_LINE: usize = 64 << 20;

/// A journal cannot be read.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The file cannot be read.
    #[error("reading the journal {}", .path.display())]
    Io {
        /// The journal.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else's, or from before runs were sealed.
    #[error(
        "reading the journal {}: you did not start this run on this machine, or you did before feature-build sealed its \
         runs; nothing in it is believed, and its folder can be removed",
        .path.display()
    )]
    Foreign {
        /// The journal.
        path: PathBuf,
    },
    /// A newer feature-build wrote it in a format that this one does not know.
    #[error("reading the journal {}: its format is {found}, this feature-build knows {known}; use a newer one", .path.display())]
    NewerFormat {
        /// The journal.
        path: PathBuf,
        /// Its version.
        found: String,
        /// The newest version that is known.
        known: &'static str,
    },
    /// A finished line is no record.
    #[error("reading the journal {}: line {line} is no record: {message}", .path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        message: String,
    },
}

/// Reads all records of a run, where this user started it on this machine: a workspace from the internet may come with
/// runs. Blocking.
///
/// # Errors
/// [`JournalError`].
pub fn read_run(paths: &RunPaths) -> Result<Vec<Record>, JournalError> {
    let path = paths.journal();
    // Before it is read: it may be as long as somebody else liked.
    if path.symlink_metadata().is_ok() && !seal::is_own(paths) {
        return Err(JournalError::Foreign { path });
    }
    read_journal(&path)
}

/// Reads all records of a journal, whoever wrote it. An unterminated last line is being written, or was never finished: it is ignored.
/// Blocking.
///
/// # Errors
/// [`JournalError`].
pub fn read_journal(path: &Path) -> Result<Vec<Record>, JournalError> {
    let mut tail = Tail::new(path);
    let mut records = VecDeque::new();
    if !tail.open()? {
        return Err(JournalError::Io { path: path.to_path_buf(), source: io::ErrorKind::NotFound.into() });
    }
    while tail.read(&mut records)? {}
    Ok(records.into())
}

/// Reads a journal that grows, piece by piece.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    file: Option<File>,
    /// Where the last whole line ends.
    whole: u64,
    /// The beginning of a line whose end has not been read yet.
    unfinished: Vec<u8>,
    line: u64,
}

impl Tail {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf(), file: None, whole: 0, unfinished: Vec::new(), line: 0 }
    }

    /// Opens the file; false where there is none yet. Blocking.
    pub(super) fn open(&mut self) -> Result<bool, JournalError> {
        if self.file.is_some() {
            return Ok(true);
        }
        match private::open(&self.path) {
            Ok(file) => self.file = Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(JournalError::Io { path: self.path.clone(), source }),
        }
        Ok(true)
    }

    /// Reads the next piece and adds its records; false at the end of what is there. Blocking.
    pub(super) fn read(&mut self, records: &mut VecDeque<Record>) -> Result<bool, JournalError> {
        if !self.open()? {
            return Ok(false);
        }
        let Some(file) = &mut self.file else { return Ok(false) };
        let mut buffer = vec![0; 64 << 10];
        let failed = |source| JournalError::Io { path: self.path.clone(), source };
        let count = file.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            return self.at_end();
        }
        let mut rest = buffer.get(..count).unwrap_or_default();
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let (end_of_line, behind) = rest.split_at(end + 1);
            self.unfinished.extend_from_slice(end_of_line);
            rest = behind;
            let line = std::mem::take(&mut self.unfinished);
            self.line += 1;
            self.whole += line.len() as u64;
            records.extend(self.parse(&line)?);
        }
        self.unfinished.extend_from_slice(rest);
        if self.unfinished.len() > LONGEST_LINE {
            return Err(self.damaged("it is too long"));
        }
        Ok(true)
    }

    /// Nothing more stands in the file; whether there is more to read all the same.
    fn at_end(&mut self) -> Result<bool, JournalError> {
        if self.go_on_in_new_file()? {
            return Ok(true);
        }
        if let Some(file) = self.file.as_mut().filter(|_| !self.unfinished.is_empty()) {
            // A next supervisor cuts this line off and writes another one in its place: read it again from its start.
            let failed = |source| JournalError::Io { path: self.path.clone(), source };
            file.seek(SeekFrom::Start(self.whole)).map_err(failed)?;
            self.unfinished.clear();
        }
        Ok(false)
    }

    /// Where the file was taken away and its supervisor has put it back: reads on in the new one.
    fn go_on_in_new_file(&mut self) -> Result<bool, JournalError> {
        if self.file.as_ref().is_none_or(|file| private::is_at(file, &self.path)) {
            return Ok(false);
        }
        let Ok(mut there) = private::open(&self.path) else { return Ok(false) };
        let failed = |source| JournalError::Io { path: self.path.clone(), source };
        if there.metadata().map_err(failed)?.len() < self.whole {
            return Ok(false);
        }
        there.seek(SeekFrom::Start(self.whole)).map_err(failed)?;
        self.unfinished.clear();
        self.file = Some(there);
        Ok(true)
    }

    /// `None`: a newer minor version wrote an event that this version does not know.
    fn parse(&self, line: &[u8]) -> Result<Option<Record>, JournalError> {
        /// What is promised of a line in every version.
        #[derive(Deserialize)]
        struct Versioned {
            v: String,
        }
        let parsed = serde_json::from_slice::<Record>(line);
        let version = match &parsed {
            Ok(record) => record.v.clone(),
            Err(_) => match serde_json::from_slice::<Versioned>(line) {
                Ok(versioned) => versioned.v,
                Err(error) => return Err(self.damaged(&error.to_string())),
            },
        };
        let (major, minor) = numbers(&version).ok_or_else(|| self.damaged("its version is none"))?;
        if major > MAJOR {
            return Err(JournalError::NewerFormat { path: self.path.clone(), found: version, known: VERSION });
        }
        match parsed {
            Ok(mut record) => {
                self.confine(&mut record.event);
                Ok(Some(record))
            }
            Err(_) if (major, minor) > numbers(VERSION).unwrap_or_default() => Ok(None),
            Err(error) => Err(self.damaged(&error.to_string())),
        }
    }

    /// A log lies in the folder of a run beside this one: nothing else that a journal names is ever opened or shown.
    fn confine(&self, event: &mut Event) {
        let Some(runs) = self.path.parent().and_then(Path::parent) else { return };
        match event {
            Event::TaskStarted { log, .. } => *log = log_among(runs, log).unwrap_or_default(),
            Event::TaskRetrying { log, .. } | Event::TaskFinished { log, .. } => {
                *log = log.take().and_then(|log| log_among(runs, &log));
            }
            _ => {}
        }
    }

    fn damaged(&self, message: &str) -> JournalError {
        JournalError::Damaged { path: self.path.clone(), line: self.line, message: message.into() }
    }
}

/// A log's path as a journal tells it: relative to the workspace where the state folder lies in that, else absolute. A
/// state folder outside may have been moved since.
fn log_among(runs: &Path, told: &str) -> Option<String> {
    let path = Path::new(told);
    let (run, name) = (path.parent()?, path.file_name()?.to_str()?);
    let (folder, id) = (run.parent()?, run.file_name()?.to_str()?);
    if !name.ends_with(".log") || TaskId::new(id).is_err() || path.components().any(|part| part == Component::ParentDir)
    {
        return None;
    }
    if path.is_absolute() && folder != runs {
        return Some(runs.join(id).join(name).display().to_string());
    }
    (folder.file_name().is_some() && runs.ends_with(folder)).then(|| told.to_owned())
}

fn numbers(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Writes a journal. One at a time: whoever holds the run's lock.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// Where the last whole line ends.
    length: u64,
    /// Behind that stands a part of a line that could not be written whole.
    torn: bool,
    seq: u64,
}

impl Journal {
    /// Opens a journal, or begins one. A last line that was never finished is cut off. Blocking.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = private::only_file(private::options().read(true).append(true).create(true).open(path)?)?;
        let (mut seq, mut whole, mut read) = (0, 0, 0);
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = match file.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                count => count?,
            };
            let piece = buffer.get(..count).unwrap_or_default();
            if piece.is_empty() {
                break;
            }
            for end in memchr::memchr_iter(b'\n', piece) {
                seq += 1;
                whole = read + end as u64 + 1;
            }
            read += count as u64;
        }
        file.set_len(whole)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self { path: path.to_path_buf(), file, length: whole, torn: false, seq })
    }

    /// Adds a line, in one write. Where that fails, nothing of the line stays: it can be tried again. Blocking.
    pub(super) fn append(&mut self, event: &Event) -> io::Result<()> {
        let record = Record { v: VERSION.into(), seq: self.seq + 1, time: now(), event: event.clone() };
        let mut line = serde_json::to_vec(&record)?;
        line.push(b'\n');
        self.mend()?;
        if let Err(error) = self.file.write_all(&line) {
            self.torn = true;
            // Tried again before the next line; a reader takes no notice of what has no end.
            let _ = self.mend();
            return Err(error);
        }
        self.length += line.len() as u64;
        self.seq = record.seq;
        Ok(())
    }

    /// Cuts off what could not be written whole.
    fn mend(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.torn) {
            self.file.set_len(self.length).inspect_err(|_| self.torn = true)?;
        }
        Ok(())
    }

    /// Makes the file anew where it was taken away, with what it held; says whether it was. Blocking.
    pub(super) fn put_back(&mut self) -> io::Result<bool> {
        if private::is_at(&self.file, &self.path) {
            return Ok(false);
        }
        self.mend()?;
        // Whole or not at all: a follower goes on in it.
        let unfinished = self.path.with_extension("tmp");
        private::create(&unfinished).and_then(|file| private::copy(&self.file, &file))?;
        std::fs::rename(&unfinished, &self.path)?;
        self.file = private::append(&self.path)?;
        Ok(true)
    }

    /// What flushes it while lines are added.
    pub(super) fn flush_handle(&self) -> io::Result<FlushHandle> {
        self.file.try_clone().map(FlushHandle)
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What tells its file from others; `None` where the system does not say.
    pub(super) fn file_id(&self) -> Option<private::FileId> {
        private::FileId::of(&self.file).ok()
    }

    /// How long it is.
    pub(super) fn length(&self) -> u64 {
        self.length
    }
}

/// Flushes a journal from another thread than the one that writes it.
#[derive(Debug)]
pub(super) struct FlushHandle(File);

impl FlushHandle {
    /// Brings what was added before through a power failure. Blocking.
    pub(super) fn flush(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// The time now, always of one length, so that times order as their texts do.
pub(super) fn now() -> String {
    format!("{:.3}", Timestamp::now())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use proptest::prelude::*;

    use super::super::Outcome;
    use super::*;

    fn progress(text: &str) -> Event {
        Event::TaskProgress { task: TaskId::new("A").unwrap(), text: text.into() }
    }

    fn finished() -> Event {
        Event::TaskFinished {
            task: TaskId::new("A").unwrap(),
            outcome: Outcome::TimedOut,
            exit_code: None,
            duration_ms: 12,
            reason: Some("slow".into()),
            log: None,
            attempts: 1,
            flaky: false,
            leaked: false,
            told: crate::agent::Told::default(),
        }
    }

    fn written(events: &[Event]) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j");
        let mut journal = Journal::open(&path).unwrap();
        events.iter().for_each(|event| journal.append(event).unwrap());
        std::fs::read(path).unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Vec<Record>, JournalError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j");
        std::fs::write(&path, bytes).unwrap();
        read_journal(&path)
    }

    #[test]
    fn a_log_lies_beside_the_journal_or_nowhere() {
        let runs = Path::new("/w/.feature-build/runs");
        for own in [".feature-build/runs/r1/T.log", "/w/.feature-build/runs/r1/T~2.log"] {
            assert_eq!(log_among(runs, own).as_deref(), Some(own));
        }
        for other in ["T.log", "r1/T.log", "/etc/passwd", "secrets/r1/T.log", "", "/", "../runs/r1/T.log"] {
            assert_eq!(log_among(runs, other), None, "{other}");
        }
        assert_eq!(log_among(runs, ".feature-build/runs/../../../runs/r1/T.log"), None);
        assert_eq!(log_among(runs, ".feature-build/runs/r1/run.json"), None);
        // Moved, or never there: it is looked for here.
        assert_eq!(log_among(runs, "/elsewhere/r1/T.log").as_deref(), Some("/w/.feature-build/runs/r1/T.log"));
    }

    #[test]
    fn times_have_one_length() {
        assert_eq!(now().len(), "2026-01-14T09:30:15.123Z".len());
    }

    #[test]
    fn a_line_that_was_never_finished_is_cut_off_by_the_next_writer() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j");
        let mut bytes = written(&[progress("one"), progress("two")]);
        bytes.extend_from_slice(b"{\"v\":\"1.0\",\"se");
        std::fs::write(&path, &bytes).unwrap();
        Journal::open(&path).unwrap().append(&finished()).unwrap();
        let records = read_journal(&path).unwrap();
        assert_eq!(records.iter().map(|record| record.seq).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(records[2].event, finished());
    }

    #[test]
    fn a_reader_does_not_mix_a_line_that_was_cut_off_with_the_next_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j");
        let mut bytes = written(&[progress("one")]);
        bytes.extend_from_slice(b"{\"v\":\"1.0\",\"se");
        std::fs::write(&path, &bytes).unwrap();
        let mut tail = Tail::new(&path);
        let mut records = VecDeque::new();
        while tail.read(&mut records).unwrap() {}
        assert_eq!(records.len(), 1);
        let mut journal = Journal::open(&path).unwrap();
        journal.append(&progress("two")).unwrap();
        journal.append(&finished()).unwrap();
        while tail.read(&mut records).unwrap() {}
        assert_eq!(records.iter().map(|record| record.seq).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn a_newer_minor_is_read_and_a_newer_major_refused() {
        let known = String::from_utf8(written(&[progress("one")])).unwrap();
        let newer = known.replace("\"1.1\"", "\"1.7\"").replace("\"event\"", "\"mood\":\"good\",\"event\"");
        let unknown = "{\"v\":\"1.7\",\"seq\":2,\"time\":\"\",\"event\":\"task-dreamt\"}\n";
        assert_eq!(read(format!("{newer}{unknown}{newer}").as_bytes()).unwrap().len(), 2);
        let major = known.replace("\"1.1\"", "\"2.0\"");
        assert!(matches!(read(major.as_bytes()), Err(JournalError::NewerFormat { .. })));
        let older = unknown.replace("1.7", "1.1");
        assert!(matches!(read(older.as_bytes()), Err(JournalError::Damaged { line: 1, .. })));
    }

    proptest! {
        #[test]
        fn every_prefix_of_a_journal_is_readable(texts in proptest::collection::vec(".{0,40}", 0..8), cut in 0.0..1.0) {
            let events: Vec<Event> = texts.iter().map(|text| progress(text)).chain([finished()]).collect();
            let bytes = written(&events);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            let cut = (bytes.len() as f64 * cut) as usize;
            let records = read(&bytes[..cut]).unwrap();
            let lines = bytes[..cut].iter().filter(|&&byte| byte == b'\n').count();
            prop_assert_eq!(records.len(), lines);
            for (record, event) in records.iter().zip(&events) {
                prop_assert_eq!(&record.event, event);
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&bytes);
        }

        #[test]
        fn a_changed_byte_never_panics(at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = written(&[progress("one"), finished()]);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = read(&bytes);
        }
    }
}
