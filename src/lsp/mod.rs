//! The language server: the only room that knows LSP types. It translates and decides nothing.
//!
//! ```text
//! editor ─► backend ─ one channel, in order ─► main loop (owns all state) ─► answers, outbox, commands
//!                     threads, followers, watchers ─ another ─►┘
//! ```
//!
//! Nothing blocks on the loop: the index is built and files are read again on other threads (meanwhile the index is
//! away and what needs it waits), each run is followed by a task of its own, and what goes to the editor is written by
//! tasks that may wait for it. The server starts runs and follows them, but they are not its children: its end, however
//! it comes, changes nothing for them.

mod actions;
mod backend;
mod capabilities;
mod commands;
mod convert;
mod diagnostics;
mod documents;
mod events;
mod lenses;
mod main_loop;
mod message;
mod pipes;
mod place;
mod plain;
mod progress;
mod root;
mod runs;
mod start_run;
mod tell;
mod trust_prompt;
mod watch;
mod waves;

use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::{Notify, mpsc};
use tower_lsp::{LspService, Server};

use backend::Backend;

/// How many handlers may wait for an answer. tower-lsp's own limit of 4 would let four requests that wait for the
/// index stall every edit and `$/cancelRequest` behind them.
const CONCURRENT_HANDLERS: usize = 1024;
/// How many messages of the editor wait for the loop before the server reads no more of them.
const MESSAGES: usize = 256;
/// How long answers may take to leave after the editor has closed its end.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Serves one editor over standard input and output until it says `exit` or closes its end. The exit code is 1 where
/// it did so without `shutdown` (LSP 3.17, `exit`).
///
/// # Errors
/// Where the runtime cannot start.
pub fn serve() -> std::io::Result<ExitCode> {
    // One thread: on its way from the editor to the loop and back a message waits for no other one to wake.
    let runtime = crate::run::runtime()?;
    let shut_down = runtime.block_on(converse());
    // A thread that still reads from a standard input which nobody closes must not keep the process.
    runtime.shutdown_background();
    Ok(if shut_down { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn converse() -> bool {
    let shut_down = Arc::new(AtomicBool::new(false));
    let (to_loop, messages) = mpsc::channel(MESSAGES);
    let backend_shut_down = Arc::clone(&shut_down);
    let (service, socket) = LspService::build(|client| Backend::new(client, to_loop, backend_shut_down))
        .custom_method(commands::Command::RunWave.id(), Backend::run_wave)
        .custom_method("featureBuild/waves", Backend::waves)
        .custom_method("featureBuild/runs", Backend::runs)
        .custom_method("window/workDoneProgress/cancel", Backend::cancel_progress)
        .finish();
    let state = tokio::spawn(main_loop::run(messages));
    let closed = Arc::new(Notify::new());
    let stdin = Watched { inner: pipes::input(), closed: Arc::clone(&closed) };
    let server = Server::new(stdin, pipes::output(), socket).concurrency_level(CONCURRENT_HANDLERS);
    tokio::select! {
        () = server.serve(service) => {}
        // A handler that waits for an answer would keep `serve` alive for ever, also when nobody listens any more.
        () = async { closed.notified().await; tokio::time::sleep(LAST_WORDS).await } => {}
    }
    state.abort();
    shut_down.load(Ordering::Acquire)
}

/// Standard input that tells when the editor has closed its end.
struct Watched<R> {
    inner: R,
    closed: Arc<Notify>,
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buffer);
        let ended = match &polled {
            Poll::Ready(Ok(())) => buffer.filled().len() == before && buffer.remaining() > 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if ended {
            self.closed.notify_one();
        }
        polled
    }
}
