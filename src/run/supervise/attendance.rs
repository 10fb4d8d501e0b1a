//! The supervisor's side of one guard.

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Child;
use tokio::sync::{mpsc, watch};

use super::super::guard::{Ending, Job, Report, Wanted, read_result};
use super::super::{Outcome, system};
use super::Input;
use crate::task::TaskId;

/// A guard that this process started.
pub(super) struct Attendance {
    pub(super) task: TaskId,
    pub(super) job: Job,
    pub(super) child: Child,
    pub(super) wanted: watch::Receiver<Wanted>,
    pub(super) mail: mpsc::Sender<Input>,
}

impl Attendance {
    /// Hands the job over, passes reports on, and tells how it ended, whatever becomes of the guard.
    pub(super) async fn attend(mut self) {
        let last = self.converse().await;
        let _ = self.child.wait().await;
        let last = match last {
            Some(report) => report,
            None => Report::Ended(self.without_a_word().await),
        };
        let _ = self.mail.send(Input::Guard(self.task.clone(), last)).await;
    }

    /// Up to the guard's last report; `None` where it ended without one.
    async fn converse(&mut self) -> Option<Report> {
        let mut input = self.child.stdin.take()?;
        let mut reports = BufReader::new(self.child.stdout.take()?).lines();
        // A guard that does not read its job ends without a word, which is dealt with.
        let _ = input.write_all(&line(&self.job)?).await;
        loop {
            tokio::select! {
                report = reports.next_line() => {
                    match serde_json::from_str(&report.ok()??).ok()? {
                        last @ (Report::Ended(_) | Report::Busy(_)) => return Some(last),
                        report => self.mail.send(Input::Guard(self.task.clone(), report)).await.ok()?,
                    }
                }
                Ok(()) = self.wanted.changed() => {
                    let wanted = *self.wanted.borrow_and_update();
                    let _ = input.write_all(&line(&wanted)?).await;
                }
            }
        }
    }

    /// The guard was killed: what it had finished counts, what it left alive is ended.
    async fn without_a_word(&self) -> Ending {
        let result = self.job.result.clone();
        let mark = self.job.env.get(system::MARK).cloned().unwrap_or_default();
        let cleaned = tokio::task::spawn_blocking(move || {
            read_result(&result).or_else(|| {
                system::kill_all_marked(&mark);
                None
            })
        });
        cleaned.await.ok().flatten().unwrap_or_else(|| Ending {
            started: true,
            ..Ending::not_started(Outcome::Failed, "its guard was killed; its processes were ended".into())
        })
    }
}

fn line(message: &impl serde::Serialize) -> Option<Vec<u8>> {
    let mut line = serde_json::to_vec(message).ok()?;
    line.push(b'\n');
    Some(line)
}
