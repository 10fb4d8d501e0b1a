//! Recording: a thread of its own, so that a slow or full disk holds up no decision.

use std::io;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::Event;
use super::journal::Journal;

/// How many events wait for the disk before the supervisor does.
const QUEUE: usize = 1024;
/// How long to wait before a line is written again that the disk would not take.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The way to the journal.
pub(super) struct Recorder {
    queue: mpsc::Sender<Message>,
    writer: oneshot::Receiver<io::Result<Journal>>,
}

enum Message {
    Event(Event),
    Flush(oneshot::Sender<()>),
}

impl Recorder {
    pub(super) fn start(mut journal: Journal) -> io::Result<Self> {
        let (queue, mut messages) = mpsc::channel(QUEUE);
        let (done, writer) = oneshot::channel();
        thread::Builder::new().name("journal".into()).spawn(move || {
            let result = write_all(&mut journal, &mut messages);
            let _ = done.send(result.map(|()| journal));
        })?;
        Ok(Self { queue, writer })
    }

    /// Records it: waits where the disk is far behind, loses nothing.
    pub(super) async fn record(&self, event: Event) {
        let _ = self.queue.send(Message::Event(event)).await;
    }

    /// Records it unless the disk is far behind: for what the next of its kind makes old.
    pub(super) fn offer(&self, event: Event) {
        let _ = self.queue.try_send(Message::Event(event));
    }

    /// Waits until all that was recorded before is in the journal.
    pub(super) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).await.is_ok() {
            let _ = flushed.await;
        }
    }

    /// Waits until all is in the journal, and hands that back.
    pub(super) async fn close(self) -> io::Result<Journal> {
        drop(self.queue);
        self.writer.await.map_err(io::Error::other)?
    }
}

/// One flush to the disk serves all that came meanwhile: it takes longer than a hundred lines.
fn write_all(journal: &mut Journal, messages: &mut mpsc::Receiver<Message>) -> io::Result<()> {
    let mut waiting = Vec::new();
    while let Some(message) = messages.blocking_recv() {
        let mut weighty = write(journal, message, &mut waiting);
        while let Ok(message) = messages.try_recv() {
            weighty |= write(journal, message, &mut waiting);
        }
        for flushed in waiting.drain(..) {
            let _ = flushed.send(());
        }
        if weighty {
            // A disk that cannot flush is no reason to end anybody's task.
            let _ = journal.flush();
        }
    }
    Ok(())
}

/// Writes one message; says whether it must last through a power failure.
fn write(journal: &mut Journal, message: Message, waiting: &mut Vec<oneshot::Sender<()>>) -> bool {
    let event = match message {
        Message::Flush(done) => {
            waiting.push(done);
            return false;
        }
        Message::Event(event) => event,
    };
    // A full disk: the tasks go on, and what could not be written is written when there is room.
    while journal.append(&event).is_err() {
        thread::sleep(RETRY_AFTER);
    }
    matches!(event, Event::TaskStarted { .. } | Event::TaskFinished { .. } | Event::RunFinished { .. })
}
