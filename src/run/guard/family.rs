//! The processes of one attempt: the one that was started, its group, and whatever came from it.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions};

use super::super::reap::{self, Awaited};
use super::super::system;

/// A process that cannot be killed (it sleeps in the kernel, or belongs to another user) must not keep the guard for
/// ever.
const KILLING: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);

/// How the leader ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Code(i32),
    Signal(i32),
}

/// The leader is not waited for before all else is over: as long as it is a zombie its number, which is the group's
/// number, belongs to nobody else, and signalling the group is safe.
#[derive(Debug)]
pub(super) struct Family {
    leader: Pid,
    /// The leader is this one's to wait for.
    awaited: Awaited,
}

impl Family {
    /// Starts the family's first process, which this makes the leader of a group of its own.
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        let (child, awaited) = reap::start(|| command.process_group(0).spawn(), |child| Some(child.id()))?;
        let leader = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        leader.map(|leader| Self { leader, awaited }).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    pub(super) fn leader(&self) -> Pid {
        self.leader
    }

    /// How the leader ended; `None` while it lives.
    pub(super) fn leader_exit(&self) -> Option<Exit> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = rustix::process::waitid(WaitId::Pid(self.leader), options).ok()??;
        status.exit_status().map(Exit::Code).or_else(|| status.terminating_signal().map(Exit::Signal))
    }

    /// Whether processes besides the leader are this guard's children now: what the leader left behind, once it is over.
    pub(super) fn has_others(&self) -> bool {
        reap::others();
        !self.others().is_empty()
    }

    /// Nothing of the family is to be seen or signalled any more: the leader goes, where it has ended.
    pub(super) fn bury(self) {
        let _ = rustix::process::waitpid(Some(self.leader), WaitOptions::NOHANG);
        drop(self.awaited);
    }

    /// Asks the group, and whatever has lost its parent, to end.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Stops the group, and whatever has lost its parent.
    pub(super) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets what was stopped go on.
    pub(super) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// Asks what has lost its parent to end.
    pub(super) fn terminate_others(&self) {
        self.signal_others(Signal::TERM);
    }

    /// Kills until nothing is left; false where something could not be killed. A process that dies leaves its own
    /// children to this guard, so the next round finds them.
    pub(super) fn kill(&self) -> bool {
        let give_up = Instant::now() + KILLING;
        loop {
            self.signal(Signal::KILL);
            if self.leader_exit().is_some() && !self.has_others() {
                return true;
            }
            if Instant::now() > give_up {
                return false;
            }
            thread::sleep(PAUSE);
        }
    }

    /// A signal that finds nobody is no error: that is what it is sent for.
    fn signal(&self, signal: Signal) {
        let _ = rustix::process::kill_process_group(self.leader, signal);
        self.signal_others(signal);
    }

    fn signal_others(&self, signal: Signal) {
        for other in self.others() {
            let _ = rustix::process::kill_process(other, signal);
        }
    }

    fn others(&self) -> Vec<Pid> {
        system::children().into_iter().filter(|pid| *pid != self.leader).collect()
    }
}
