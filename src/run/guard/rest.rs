//! What a guard still has to write when its task is over, and what it does where there is no room for that.

use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::super::{Event, Level, RunPaths, read_journal, system};
use super::log::CappedLog;
use super::{Control, Ending, Job, write_result};

/// How often to try again.
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// In how many tries once to look whether the journal has the outcome: it may be long.
const LOOK_EVERY: u32 = 10;

/// The end of the log, and the result.
pub(super) struct Rest<'a> {
    job: &'a Job,
    /// `None`: there is none, or it is whole.
    log: Option<Box<CappedLog>>,
    /// `None`: it is in its file, or needed by nobody.
    ending: Option<&'a Ending>,
}

impl<'a> Rest<'a> {
    pub(super) fn new(job: &'a Job, ending: &'a Ending, log: Option<Box<CappedLog>>) -> Self {
        Self { job, log, ending: Some(ending) }
    }

    /// Writes what is missing. The log first, so that it is whole for whoever finds the result; but one that cannot be
    /// written keeps no result back.
    pub(super) fn write(&mut self) -> io::Result<()> {
        let log = self.log.as_mut().map_or(Ok(()), |log| log.finish());
        if log.is_ok() {
            self.log = None;
        }
        if let Some(ending) = self.ending {
            write_result(&self.job.result, ending)?;
            self.ending = None;
        }
        log
    }

    /// Stays until everything is written, or nobody can want it any more. A result that the journal has is wanted by
    /// nobody, a log until its folder is gone or the attempt is to be killed.
    pub(super) fn wait_for_room(mut self, control: &mut Control) {
        for tries in 1_u32.. {
            self.wait(control);
            if self.write().is_ok() || !self.run_dir().exists() || control.wanted.level == Some(Level::Kill) {
                return;
            }
            if tries.is_multiple_of(LOOK_EVERY) && self.is_in_journal() {
                self.ending = None;
            }
        }
    }

    /// For a moment, or until the supervisor says something, whichever way.
    fn wait(&self, control: &mut Control) {
        if control.closed {
            thread::sleep(RETRY_EVERY);
            self.job.link.wanted().into_iter().for_each(|wanted| control.want(wanted));
        } else if control.wait(RETRY_EVERY).is_err() {
            control.closed = true;
        }
    }

    fn is_in_journal(&self) -> bool {
        let mut words = self.job.mark.split('/').skip(1);
        let (id, number) = (words.next().unwrap_or_default(), words.next().and_then(system::attempt_of));
        let ends = |event: &Event| match event {
            Event::TaskFinished { task, .. } => task.as_str() == id,
            Event::TaskRetrying { task, attempt, .. } => task.as_str() == id && Some(*attempt) == number,
            _ => false,
        };
        let records = read_journal(&RunPaths::at(self.run_dir()).journal()).unwrap_or_default();
        records.iter().any(|record| ends(&record.event))
    }

    fn run_dir(&self) -> &'a Path {
        self.job.result.parent().unwrap_or(&self.job.result)
    }
}
