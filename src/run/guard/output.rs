//! What comes out of a task: read as fast as it comes, kept in the log, and understood.

use std::io::{self, PipeReader, Read as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};

use super::log::CappedLog;
use crate::agent::{Reader, Reading};
use crate::workspace::Format;

/// As much as is read at a time, and as much as may wait in the pipe. More does not make a flood faster, and the pipes of
/// one user share a limit (`pipe-user-pages-soft`), beyond which each new one has room for little.
const BUFFER: usize = 256 << 10;
/// How often to try again to write what the disk did not take.
const RETRY_EVERY: Duration = Duration::from_millis(500);

/// The reading end of a task's output, and where it goes.
pub(super) struct Output {
    /// `None` once every process has closed it.
    pipe: Option<PipeReader>,
    buffer: Box<[u8]>,
    log: CappedLog,
    reader: Reader,
    /// When to try again to write what is held.
    retry_at: Option<Instant>,
}

impl Output {
    /// The pipe must not block.
    pub(super) fn new(pipe: PipeReader, log: CappedLog, format: Format) -> Self {
        widen(&pipe);
        let buffer = vec![0; BUFFER].into_boxed_slice();
        Self { pipe: Some(pipe), buffer, log, reader: Reader::new(format), retry_at: None }
    }

    /// What becomes readable when there is more; `None` once every process has closed it.
    pub(super) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(|pipe| pipe.as_fd())
    }

    /// Where it is kept.
    pub(super) fn log_mut(&mut self) -> &mut CappedLog {
        &mut self.log
    }

    /// Reads once, so that a flood keeps neither the clock nor the supervisor waiting. False: nothing there.
    pub(super) fn read(&mut self) -> bool {
        let Some(pipe) = &mut self.pipe else { return false };
        match pipe.read(&mut self.buffer) {
            Ok(0) => self.pipe = None,
            Ok(count) => {
                let bytes = self.buffer.get(..count).unwrap_or_default();
                self.log.write(bytes);
                self.reader.feed(bytes);
                self.plan_retry();
                return true;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.pipe = None,
        }
        false
    }

    /// Reads what the dead have left in the pipe. No more than a pipe can hold: somebody who could not be killed may
    /// still be writing.
    pub(super) fn read_the_rest(&mut self) {
        const ROUNDS: usize = 64;
        for _ in 0..ROUNDS {
            if !self.read() {
                break;
            }
        }
        self.reader.finish();
    }

    /// What the task does now, safe to show.
    pub(super) fn progress(&self) -> Option<String> {
        self.reader.progress()
    }

    /// What the output has told.
    pub(super) fn reading(&self) -> &Reading {
        self.reader.reading()
    }

    /// Why the disk does not take the output just now.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.log.trouble()
    }

    /// When [`Output::retry`] wants to be called.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Tries again to write what is held, where it is time.
    pub(super) fn retry(&mut self, now: Instant) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            let _ = self.log.settle();
            self.plan_retry();
        }
    }

    /// The log, to be finished.
    pub(super) fn into_log(self) -> CappedLog {
        self.log
    }

    fn plan_retry(&mut self) {
        match self.log.trouble() {
            Some(_) => self.retry_at = self.retry_at.or_else(|| Instant::now().checked_add(RETRY_EVERY)),
            None => self.retry_at = None,
        }
    }
}

/// Fewer turns between the task and this process. Where the system does not allow it, nothing is lost.
fn widen(pipe: &PipeReader) {
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, BUFFER);
    #[cfg(not(target_os = "linux"))]
    let _ = pipe;
}
