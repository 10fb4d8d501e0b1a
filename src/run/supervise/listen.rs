//! What comes to the supervisor from outside: signals and requests.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::super::{RunPaths, request};
use super::Input;

/// The end of a session or of the system asks politely, as a user does. A terminal that goes is no reason to end.
pub(super) fn signals(mail: &mpsc::Sender<Input>) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mail = mail.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hang_up.recv() => continue,
            }
            if mail.send(Input::Signal).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}

pub(super) fn requests(paths: &RunPaths, mail: &mpsc::Sender<Input>) {
    let (send, mut requests) = mpsc::channel(16);
    tokio::spawn(request::listen(paths.clone(), send));
    let mail = mail.clone();
    tokio::spawn(async move {
        while let Some(request) = requests.recv().await {
            if mail.send(Input::Request(request)).await.is_err() {
                return;
            }
        }
    });
}
