//! The runtime of a supervisor, a server or a follower.

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::system;

/// How many threads may read and write files at the same time.
const MOST_THREADS: usize = 16;
/// How long such a thread waits for work: as good as for ever. Where the system has no room for one more, what is to be
/// done waits for one that is there; where none is there, the runtime would end the process.
const KEEP: Duration = Duration::from_secs(365 * 24 * 3600);

/// A runtime that goes on where the system has no room for further threads. Blocking.
///
/// # Errors
/// Where there is no room for one.
pub fn runtime() -> io::Result<Runtime> {
    system::wait_for_thread()?;
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_all().max_blocking_threads(MOST_THREADS).thread_keep_alive(KEEP).build()?;
    runtime.spawn_blocking(|| {});
    Ok(runtime)
}
