//! What shows a run, on a thread of its own: a pipe that nobody reads, or a terminal that stands still, holds whoever writes
//! into it, and must not hold who listens to signals.

use std::io;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::{Show, keyboard};
use crate::run::{Record, View};

/// How many messages wait for the thread; that many records are read ahead of a slow reader.
const QUEUE: usize = 256;
/// How many of them are kept for the words that answer a signal.
const FOR_WORDS: usize = 16;
/// How long the thread may take to leave before nobody waits for it any more.
const LEAVING: Duration = Duration::from_millis(500);

enum Message {
    Record(Box<Record>),
    Tick,
    Say(String),
    Leave(oneshot::Sender<()>),
}

/// The way to what shows a run.
pub(super) struct Output {
    to: mpsc::Sender<Message>,
}

/// How the output ends.
pub(super) struct Ended {
    how: oneshot::Receiver<io::Result<()>>,
}

impl Output {
    /// Starts the thread, on which `make` makes what shows the run.
    pub(super) fn start<S: Show + 'static>(make: impl FnOnce() -> S + Send + 'static) -> io::Result<(Self, Ended)> {
        let (to, inbox) = mpsc::channel(QUEUE);
        let (tell, how) = oneshot::channel();
        thread::Builder::new().name("output".into()).spawn(move || {
            let mut shown = make();
            let ended = show_all(&mut shown, inbox);
            // It gives the terminal its modes back: before anybody hears of the end, and this process with it.
            drop(shown);
            // Nobody listens any more where the view has ended.
            let _ = tell.send(ended);
        })?;
        Ok((Self { to }, Ended { how }))
    }

    /// Whether another record may be shown.
    pub(super) fn has_room(&self) -> bool {
        self.to.capacity() > FOR_WORDS
    }

    /// Waits until another record may be shown; for ever where the thread has ended.
    pub(super) async fn room(&self) {
        if self.to.reserve_many(FOR_WORDS + 1).await.is_err() {
            std::future::pending().await
        }
    }

    /// Shows what a record changed. To be called where there is room.
    pub(super) fn show(&self, record: Record) {
        self.send(Message::Record(Box::new(record)));
    }

    /// Time has passed. Where the thread is behind anyway it will draw what is new then.
    pub(super) fn tick(&self) {
        if self.to.capacity() == QUEUE {
            self.send(Message::Tick);
        }
    }

    /// A word besides the run's records.
    pub(super) fn say(&self, words: impl Into<String>) {
        self.send(Message::Say(words.into()));
    }

    fn send(&self, message: Message) {
        // Where even the words' places are taken, nobody has read for long; where the thread has ended, [`Ended`] tells.
        let _ = self.to.try_send(message);
    }

    /// Takes away what is drawn, and waits for that, but not for a reader that does not read.
    pub(super) async fn leave(&self) {
        let (left, has_left) = oneshot::channel();
        self.send(Message::Leave(left));
        if !matches!(tokio::time::timeout(LEAVING, has_left).await, Ok(Ok(()))) {
            keyboard::restore();
        }
    }

    /// Waits until all is shown.
    ///
    /// # Errors
    /// The output is lost.
    pub(super) async fn finish(self, mut ended: Ended) -> io::Result<()> {
        drop(self.to);
        (&mut ended.how).await.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
    }
}

impl Ended {
    /// Waits until the output is lost. Cancel safe; not to be called again when it has answered.
    pub(super) async fn lost(&mut self) {
        // A thread that panicked has lost it as well.
        let _ = (&mut self.how).await;
    }
}

/// However the view ends, an error included, the thread may be held by the terminal.
impl Drop for Ended {
    fn drop(&mut self) {
        keyboard::restore();
    }
}

fn show_all(shown: &mut impl Show, mut inbox: mpsc::Receiver<Message>) -> io::Result<()> {
    let mut view = View::default();
    while let Some(message) = inbox.blocking_recv() {
        match message {
            Message::Record(record) => {
                view.apply(&record);
                shown.show(&record, &view)?;
            }
            Message::Tick => shown.tick(&view),
            Message::Say(words) => shown.say(&words)?,
            Message::Leave(left) => {
                shown.leave();
                // Nobody waits for that any more.
                let _ = left.send(());
            }
        }
    }
    Ok(())
}
