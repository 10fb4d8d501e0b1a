//! What comes to the supervisor from outside: signals and requests.

use std::io;
use std::sync::Arc;

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};

use super::super::RunPaths;
use super::super::request::{self, Request};
use super::Input;

/// The end of a session or of the system asks politely, as a user does. A terminal that goes is no reason to end. SIGTSTP
/// stops the tasks, not this process: it has to hear what comes next.
pub(super) fn signals(mail: &mpsc::Sender<Input>) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut stop = signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?;
    let mut go_on = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
    let mail = mail.clone();
    tokio::spawn(async move {
        loop {
            let input = tokio::select! {
                _ = terminate.recv() => Input::Signal,
                _ = interrupt.recv() => Input::Signal,
                _ = hang_up.recv() => continue,
                _ = stop.recv() => Input::Request(Request::Pause { paused: true }),
                _ = go_on.recv() => Input::Request(Request::Pause { paused: false }),
            };
            if mail.send(input).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// `missed` hears where the folder of the requests is gone.
pub(super) fn requests(paths: &RunPaths, mail: &mpsc::Sender<Input>, missed: Arc<Notify>) {
    let (send, mut requests) = mpsc::channel(16);
    tokio::spawn(request::listen(paths.clone(), send, missed));
    let mail = mail.clone();
    tokio::spawn(async move {
        while let Some(asked) = requests.recv().await {
            if mail.send(Input::Asked(asked)).await.is_err() {
                return;
            }
        }
    });
}
