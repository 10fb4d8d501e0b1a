//! Waiting for children that nobody else waits for.
//!
//! A process that takes in orphans ([`become_subreaper`]) inherits their ends, too: each is a zombie, which counts among
//! the processes that the user may have, until it has been waited for. What some part of this process has started is left
//! to that part ([`start`]): the system tells an exit status once.

use std::collections::BTreeSet;
use std::io::{self, PipeReader, Read as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Signal, WaitId, WaitIdOptions, WaitOptions};
use signal_hook::SigId;
use tokio::signal::unix::{SignalKind, signal};

use super::system;

/// The children that some part of this process waits for.
static AWAITED: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Makes this process the parent of descendants that lose theirs, so that none can hide by forking away. Whoever calls
/// this reaps: [`always`], or [`ChildEnds`] and [`others`].
pub(super) fn become_subreaper() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    Ok(())
}

/// A child that is left to whoever holds this.
#[derive(Debug)]
pub(super) struct Awaited(Option<i32>);

impl Drop for Awaited {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            awaited().remove(&pid);
        }
    }
}

/// Starts a child that the caller waits for, and only then drops what comes with it. `pid` tells its number. Nothing is
/// reaped between its start and its being known.
pub(super) fn start<C>(
    spawn: impl FnOnce() -> io::Result<C>,
    pid: impl FnOnce(&C) -> Option<u32>,
) -> io::Result<(C, Awaited)> {
    let mut awaited = awaited();
    let child = spawn()?;
    let pid = pid(&child).and_then(|pid| i32::try_from(pid).ok());
    awaited.extend(pid);
    Ok((child, Awaited(pid)))
}

/// Runs a command to its end. Blocking.
pub(super) fn status(command: &mut Command) -> io::Result<ExitStatus> {
    let (mut child, _awaited) = start(|| command.spawn(), |child: &Child| Some(child.id()))?;
    child.wait()
}

/// Reaps as long as the runtime lives. To be called inside of it.
pub(super) fn always() -> io::Result<()> {
    let mut ended = signal(SignalKind::child())?;
    tokio::spawn(async move {
        loop {
            // Two calls where there is nothing to do, and no disk is asked: no reason for another thread.
            others();
            if ended.recv().await.is_none() {
                return;
            }
        }
    });
    Ok(())
}

/// Waits for all children that have ended and that nobody else waits for; for none that lives.
pub(super) fn others() {
    let awaited = awaited();
    while is_any_over() {
        let others = system::children().into_iter().filter(|pid| !awaited.contains(&pid.as_raw_nonzero().get()));
        let reaped =
            others.filter(|pid| matches!(rustix::process::waitpid(Some(*pid), WaitOptions::NOHANG), Ok(Some(_))));
        if reaped.count() == 0 {
            return; // what is over is somebody else's
        }
    }
}

/// Whether a child has ended and was not waited for. Only looks: the exit status stays for whom it belongs to.
fn is_any_over() -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(rustix::process::waitid(WaitId::All, options), Ok(Some(_)))
}

fn awaited() -> MutexGuard<'static, BTreeSet<i32>> {
    AWAITED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Becomes readable when a child has ended: for a process without a runtime.
#[derive(Debug)]
pub(super) struct ChildEnds {
    told: PipeReader,
    signal: SigId,
}

impl ChildEnds {
    /// Of all children of this process, from now on.
    pub(super) fn listen() -> io::Result<Self> {
        let (told, tell) = io::pipe()?;
        rustix::io::ioctl_fionbio(&told, true)?;
        Ok(Self { told, signal: signal_hook::low_level::pipe::register(Signal::CHILD.as_raw(), tell)? })
    }

    /// What becomes readable.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.told.as_fd()
    }

    /// Takes the news in: it is not readable again before another child has ended.
    pub(super) fn take_in(&mut self) {
        let mut news = [0; 512];
        while matches!(self.told.read(&mut news), Ok(count) if count == news.len()) {}
    }
}

impl Drop for ChildEnds {
    fn drop(&mut self) {
        signal_hook::low_level::unregister(self.signal);
    }
}
