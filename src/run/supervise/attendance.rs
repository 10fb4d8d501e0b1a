//! The supervisor's side of one guard.

use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::super::claim::Claim;
use super::super::guard::{Ending, Job, Report, Wanted, read_result};
use super::super::{Level, reap::Awaited, system};
use super::Input;
use crate::task::TaskId;

/// How long a guard may take to end after its last word, before that is passed on: one for whose result there is no room
/// stays, and the run goes on without it.
const LINGER: Duration = Duration::from_secs(1);
/// How long a guard may take to end that is to kill its task, before it is ended itself: longer than it tries to kill what
/// cannot be killed.
pub(super) const KILL_AFTER: Duration = Duration::from_secs(7);
/// How long one may that is stopped: whoever stopped it does so again.
pub(super) const KILL_STOPPED_AFTER: Duration = Duration::from_secs(2);

/// How often to see whether a guard that is to kill its task does.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A guard that this process started.
pub(super) struct Attendance {
    pub(super) task: TaskId,
    pub(super) job: Job,
    pub(super) child: Child,
    /// Its end is this one's to see.
    pub(super) _awaited: Awaited,
    pub(super) wanted: watch::Receiver<Wanted>,
    pub(super) mail: mpsc::Sender<Input>,
    /// The guard has told of trouble, which ends with it at the latest.
    pub(super) troubled: bool,
}

impl Attendance {
    /// Hands the job over, passes reports on, and tells how it ended, whatever becomes of the guard.
    pub(super) async fn attend(mut self) {
        let mut input = self.child.stdin.take();
        let last = self.converse(&mut input).await;
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
            self.see_off(input).await;
        }
        if self.troubled {
            self.tell(Report::Trouble(None)).await;
        }
    }

    async fn tell(&self, report: Report) {
        let _ = self.mail.send(Input::Guard(self.task.clone(), report)).await;
    }

    /// Waits for the end of a guard that has said its last word: it stays until that is written, unless it is to be killed.
    async fn see_off(&mut self, mut input: Option<ChildStdin>) {
        let mut may_change = true;
        loop {
            tokio::select! {
                _ = self.child.wait() => return,
                changed = self.wanted.changed(), if may_change => {
                    may_change = changed.is_ok();
                    let wanted = *self.wanted.borrow_and_update();
                    if let (Some(input), Some(line)) = (&mut input, line(&wanted)) {
                        let _ = input.write_all(&line).await;
                    }
                    self.wake(wanted);
                }
            }
        }
    }

    /// What has to end must not stand still, whoever has stopped it.
    fn wake(&self, wanted: Wanted) {
        if wanted.level.is_some() {
            self.signal(Signal::CONT);
        }
    }

    /// The guard is this process's child, and not waited for: its number is its own.
    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// The guard is asked to kill and does not: its task is ended here, and it with that. Its end is dealt with as any
    /// guard's that ends without a word.
    async fn kill(&self) {
        let mark = self.job.mark.clone();
        let _ = tokio::task::spawn_blocking(move || system::kill_all_marked(&mark)).await;
        self.signal(Signal::KILL);
    }

    /// When to end the guard itself, and when before that to see whether it is stopped.
    fn is_due(&self, asked: Instant) -> bool {
        let is_stopped = || self.child.id().and_then(|pid| i32::try_from(pid).ok()).is_some_and(system::is_stopped);
        asked.elapsed() >= KILL_AFTER || (asked.elapsed() >= KILL_STOPPED_AFTER && is_stopped())
    }

    /// Up to the guard's last report; `None` where it ended without one.
    async fn converse(&mut self, input: &mut Option<ChildStdin>) -> Option<Report> {
        let input = input.as_mut()?;
        let mut asked_to_kill = None;
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
                    self.wake(wanted);
                    if wanted.level == Some(Level::Kill) {
                        asked_to_kill = asked_to_kill.or_else(|| Some(Instant::now()));
                    }
                }
                () = tokio::time::sleep(LOOK_EVERY), if asked_to_kill.is_some() => {
                    if asked_to_kill.is_some_and(|asked| self.is_due(asked)) {
                        self.kill().await;
                        return None;
                    }
                }
            }
        }
    }

    /// The guard was killed: what it had finished counts, what it left alive is ended.
    async fn without_a_word(&self) -> Ending {
        let job = self.job.clone();
        let otherwise = Ending::without_guard(*self.wanted.borrow());
        let sealed = tokio::task::spawn_blocking(move || {
            let ending = match Claim::wait_for(&job.log) {
                Ok(claim) => claim.seal(&job.result, &job.mark, otherwise),
                Err(_) => {
                    system::kill_all_marked(&job.mark);
                    read_result(&job.result).unwrap_or(otherwise)
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
