//! Recording: a thread of its own, so that a slow or full disk holds up no decision.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::health::{Health, Source};
use super::journal::{FlushHandle, Journal};
use super::{Event, system};
use crate::task::TaskId;
use crate::workspace::private::FileId;

/// How many events wait for the disk before the supervisor does, besides those that each task of the run has at least.
const QUEUE: usize = 1024;
/// How many events a task may wait with.
const EVENTS_A_TASK: usize = 8;
/// How long to wait before a line is written again that the disk would not take.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The way to the journal.
pub(super) struct Recorder {
    queue: mpsc::Sender<Message>,
    writer: oneshot::Receiver<io::Result<Journal>>,
    /// The journal's path, and the file that was there when the recorder began.
    place: (PathBuf, Option<FileId>),
}

enum Message {
    Event(Event),
    Flush(oneshot::Sender<()>),
    /// The file may have been taken away. The answer: the one that is written, where its path leads to it now.
    PutBack(oneshot::Sender<Option<FileId>>),
    /// Something of a task could not be written; `None`: it could, or need not be any more.
    Trouble(TaskId, Option<String>),
}

impl Recorder {
    /// `tasks`: how many the run has. As long as a disk is full their events wait in memory, and the supervisor, which
    /// must hear that it is to end them, does not.
    pub(super) fn start(journal: Journal, health: Health, tasks: usize) -> io::Result<Self> {
        let (queue, mut messages) = mpsc::channel(QUEUE + tasks.saturating_mul(EVENTS_A_TASK));
        let (done, writer) = oneshot::channel();
        let flusher = Flusher::start(journal.flush_handle()?)?;
        let place = (journal.path().to_path_buf(), journal.file_id());
        thread::Builder::new().name("journal".into()).spawn(move || {
            let mut writer = Writer { journal, health, flusher, waiting: Vec::new(), beyond_limit: None };
            writer.serve(&mut messages);
            writer.flusher.end();
            let _ = done.send(match writer.beyond_limit {
                Some(error) => Err(error),
                None => Ok(writer.journal),
            });
        })?;
        Ok(Self { queue, writer, place })
    }

    /// Records it: waits where the disk is far behind, loses nothing.
    pub(super) async fn record(&self, event: Event) {
        let _ = self.queue.send(Message::Event(event)).await;
    }

    /// Records it unless the disk is far behind: for what the next of its kind makes old. Never takes the room of what
    /// must not be lost.
    pub(super) fn offer(&self, event: Event) {
        if self.queue.capacity() > self.queue.max_capacity() / 2 {
            let _ = self.queue.try_send(Message::Event(event));
        }
    }

    /// Something of this task could not be written (`None`: now it could): the run says that it is degraded.
    pub(super) async fn trouble(&self, task: &TaskId, reason: Option<String>) {
        let _ = self.queue.send(Message::Trouble(task.clone(), reason)).await;
    }

    /// Waits until all that was recorded before is in the journal.
    pub(super) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).await.is_ok() {
            let _ = flushed.await;
        }
    }

    /// What keeps the journal in its place while it is written.
    pub(super) fn keeper(&self) -> Keeper {
        let (path, written) = self.place.clone();
        Keeper { queue: self.queue.downgrade(), path, written }
    }

    /// Waits until all is in the journal, and hands that back.
    pub(super) async fn close(self) -> io::Result<Journal> {
        drop(self.queue);
        self.writer.await.map_err(io::Error::other)?
    }
}

/// Keeps the journal in its place, and nobody from closing it.
pub(super) struct Keeper {
    queue: mpsc::WeakSender<Message>,
    path: PathBuf,
    /// What is written, as far as this one knows.
    written: Option<FileId>,
}

impl Keeper {
    /// Whether the journal is not closed yet.
    pub(super) fn is_open(&self) -> bool {
        self.queue.upgrade().is_some()
    }

    /// Looks whether the journal is in its place, without troubling its thread. Blocking.
    pub(super) fn look(&self) -> impl FnOnce() -> bool + Send + 'static {
        let (path, written) = (self.path.clone(), self.written);
        move || written.is_some_and(|written| written.is_at(&path))
    }

    /// Has the journal made anew where it was taken away.
    pub(super) async fn put_back(&mut self) {
        let (answer, answered) = oneshot::channel();
        let Some(queue) = self.queue.upgrade() else { return };
        if queue.send(Message::PutBack(answer)).await.is_ok() {
            // A disk that is full holds the journal's thread: who beats meanwhile must go on.
            let answer = tokio::time::timeout(RETRY_AFTER, answered).await;
            self.written = answer.ok().and_then(Result::ok).flatten();
        }
    }
}

/// The thread's side.
struct Writer {
    journal: Journal,
    health: Health,
    flusher: Flusher,
    /// Who wants to know that all is written.
    waiting: Vec<oneshot::Sender<()>>,
    /// The journal is as long as a file of this process may be: nothing more can ever be written.
    beyond_limit: Option<io::Error>,
}

impl Writer {
    fn serve(&mut self, messages: &mut mpsc::Receiver<Message>) {
        while let Some(message) = messages.blocking_recv() {
            let mut weighty = self.take(message);
            while let Ok(message) = messages.try_recv() {
                weighty |= self.take(message);
            }
            for flushed in self.waiting.drain(..) {
                let _ = flushed.send(());
            }
            if weighty {
                self.flusher.ask();
            }
        }
    }

    /// Deals with one message; says whether it must last through a power failure.
    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Flush(done) => self.waiting.push(done),
            Message::PutBack(answer) => {
                self.put_back();
                let id = self.journal.file_id().filter(|id| id.is_at(self.journal.path()));
                // Who asked may have gone: then nobody has to know.
                let _ = answer.send(id);
            }
            Message::Event(event) => {
                if matches!(event, Event::RunFinished { .. }) {
                    self.end_trouble();
                }
                self.write(&event);
                return is_weighty(&event);
            }
            Message::Trouble(task, Some(reason)) => self.health.ill(Source::Task(task), &reason),
            Message::Trouble(task, None) => {
                let source = Source::Task(task);
                if let Some(event) = self.health.ends_with(&source) {
                    self.write(&event);
                }
                self.health.well(&source);
            }
        }
        false
    }

    fn put_back(&mut self) {
        let put_back = self.journal.put_back().and_then(|was_away| {
            if was_away {
                let flusher = Flusher::start(self.journal.flush_handle()?)?;
                std::mem::replace(&mut self.flusher, flusher).end();
            }
            Ok(())
        });
        if let Err(error) = put_back {
            system::note(format_args!("feature-build supervisor: putting the journal back: {error}"));
        }
    }

    /// What is still wrong with a task's files is no matter of the run any more: its guard stays until they are written.
    fn end_trouble(&mut self) {
        if let Some(event) = self.health.ends() {
            self.write(&event);
        }
        self.health.clear();
    }

    /// A full disk: the tasks go on, and what could not be written is written when there is room.
    /// Behind the limit of this process (`ulimit -f`) there is none, ever: the results of what runs are in their own files, and
    /// who takes the run over outside of the limit reads them.
    fn write(&mut self, event: &Event) {
        if self.beyond_limit.is_some() {
            return;
        }
        while let Err(error) = self.say_it_is_over().and_then(|()| self.journal.append(event)) {
            if system::is_beyond_limit(&error) {
                let why = format!("the journal is as long as `ulimit -f` lets a file be: {error}");
                system::note(format_args!("feature-build supervisor: {why}"));
                self.health.ill(Source::Journal, &why);
                self.beyond_limit = Some(io::Error::new(error.kind(), why));
                return;
            }
            self.health.ill(Source::Journal, &format!("the journal cannot be written: {error}"));
            thread::sleep(RETRY_AFTER);
        }
        self.health.well(&Source::Journal);
    }

    /// That there was no room stands in front of what had to wait: nothing may stand behind the run's end.
    fn say_it_is_over(&mut self) -> io::Result<()> {
        if let Some(over) = self.health.ends_with(&Source::Journal) {
            self.journal.append(&over)?;
            self.health.well(&Source::Journal);
        }
        Ok(())
    }
}

/// Brings the journal through a power failure: on another thread, since a flush takes as long as a hundred lines, for which
/// followers would wait.
struct Flusher {
    asked: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Flusher {
    fn start(journal: FlushHandle) -> io::Result<Self> {
        // Room for one: a flush that has not begun serves all that is written until then.
        let (asked, questions) = sync_channel(1);
        let flush = move || {
            while questions.recv().is_ok() {
                // A disk that cannot flush is no reason to end anybody's task.
                let _ = journal.flush();
            }
        };
        Ok(Self { asked, thread: thread::Builder::new().name("flush".into()).spawn(flush)? })
    }

    fn ask(&self) {
        let _ = self.asked.try_send(());
    }

    /// Waits until all that was asked for is done.
    fn end(self) {
        drop(self.asked);
        let _ = self.thread.join();
    }
}

fn is_weighty(event: &Event) -> bool {
    matches!(
        event,
        Event::TaskStarted { .. }
            | Event::TaskRetrying { .. }
            | Event::TaskFinished { .. }
            | Event::RunCancelling { .. }
    )
}
