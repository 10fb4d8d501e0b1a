//! The supervisor's side of one guard.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Child;
use tokio::sync::{mpsc, watch};

use super::super::claim::Claim;
use super::super::guard::{Ending, Job, Report, Wanted, read_result};
use super::super::system;
use super::Input;
use crate::task::TaskId;

/// How long a guard may take to end after its last word, before that is passed on: one for whose result there is no room
/// stays, and the run goes on without it.
const LINGER: Duration = Duration::from_secs(1);

/// A guard that this process started.
pub(super) struct Attendance {
    pub(super) task: TaskId,
    pub(super) job: Job,
    pub(super) child: Child,
    pub(super) wanted: watch::Receiver<Wanted>,
    pub(super) mail: mpsc::Sender<Input>,
    /// The guard has told of trouble, which ends with it at the latest.
    pub(super) troubled: bool,
}

impl Attendance {
    /// Hands the job over, passes reports on, and tells how it ended, whatever becomes of the guard.
    pub(super) async fn attend(mut self) {
        let last = self.converse().await;
        let stays = match &last {
            Some(_) => tokio::time::timeout(LINGER, self.child.wait()).await.is_err(),
            None => self.child.wait().await.is_err(),
        };
        let last = match last {
            Some(report) => report,
            None => Report::Ended(self.without_a_word().await),
        };
        self.tell(last).await;
        if stays {
            let _ = self.child.wait().await;
        }
        if self.troubled {
            self.tell(Report::Trouble(None)).await;
        }
    }

    async fn tell(&self, report: Report) {
        let _ = self.mail.send(Input::Guard(self.task.clone(), report)).await;
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
                        last @ (Report::Ended(_) | Report::Busy(_) | Report::NoRoom(_) | Report::Held(_)) => return Some(last),
                        report => {
                            self.troubled |= matches!(report, Report::Trouble(_));
                            self.mail.send(Input::Guard(self.task.clone(), report)).await.ok()?;
                        }
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
        let job = self.job.clone();
        let sealed = tokio::task::spawn_blocking(move || {
            let ending = match Claim::wait_for(&job.log) {
                Ok(claim) => claim.seal(&job.result, &job.mark, Ending::guard_was_killed()),
                Err(_) => {
                    system::kill_all_marked(&job.mark);
                    read_result(&job.result).unwrap_or_else(Ending::guard_was_killed)
                }
            };
            // What had cleared its environment is known by its parent, which is this process now.
            system::kill_strays();
            ending
        });
        sealed.await.unwrap_or_else(|_| Ending::guard_was_killed())
    }
}

fn line(message: &impl serde::Serialize) -> Option<Vec<u8>> {
    let mut line = serde_json::to_vec(message).ok()?;
    line.push(b'\n');
    Some(line)
}
