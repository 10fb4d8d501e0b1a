//! Being told of new runs.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::history::run_ids;
use super::watch::Watched;
use super::{RunId, runs_dir};

/// How often the folder of runs is looked at that nobody says anything about.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The run that is started next, whoever starts it.
#[derive(Debug)]
pub struct NextRun {
    state_dir: PathBuf,
    known: HashSet<RunId>,
}

impl NextRun {
    /// Every run that there is by now is none that is waited for. Blocking.
    pub fn after_now(state_dir: &Path) -> Self {
        Self { state_dir: state_dir.to_path_buf(), known: run_ids(state_dir).into_iter().collect() }
    }

    /// Waits for it, for as long as it takes.
    pub async fn wait(self) -> RunId {
        let mut watched = Watched::new(&runs_dir(&self.state_dir));
        loop {
            let state_dir = self.state_dir.clone();
            let looked = tokio::task::spawn_blocking(move || {
                watched.register();
                (watched, run_ids(&state_dir))
            });
            let Ok((watched_again, runs)) = looked.await else { return std::future::pending().await };
            watched = watched_again;
            if let Some(new) = runs.into_iter().find(|run| !self.known.contains(run)) {
                return new;
            }
            watched.changed(LOOK_EVERY).await;
        }
    }
}
