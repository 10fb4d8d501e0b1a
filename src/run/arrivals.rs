//! Being told of new runs.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::history::run_ids;
use super::watch::Watched;
use super::{RunId, RunPaths, RunState, is_closed, runs, runs_dir, state_dir};

/// How often the folder of runs is looked at that nobody says anything about.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often to look, where all is told of the folder of runs, whether it is another one by now: nothing tells of that.
const LOOK_FOR_FOLDER_EVERY: Duration = Duration::from_secs(20);

/// The runs of a workspace that are started from now on, whoever starts them.
#[derive(Debug)]
pub struct NewRuns {
    root: PathBuf,
    /// Where they are looked for: another folder as soon as the user trusts a configuration that says so.
    state_dir: PathBuf,
    known: HashSet<RunId>,
    /// When it was looked last.
    looked: Timestamp,
    found: VecDeque<RunId>,
    /// The folder of runs, or the nearest that it will be made in.
    watched: Option<(PathBuf, Watched)>,
}

impl NewRuns {
    /// Every run that there is by now is none that is told. Blocking.
    pub fn after_now(root: &Path) -> Self {
        let looked = Timestamp::now();
        let state_dir = state_dir(root);
        let known = run_ids(&state_dir).into_iter().collect();
        Self { root: root.to_path_buf(), state_dir, known, looked, found: VecDeque::new(), watched: None }
    }

    /// Where the runs lie that were told last.
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// The next one, the older of two first; waits for it, for as long as it takes. Not cancel safe.
    pub async fn next(&mut self) -> RunId {
        loop {
            if let Some(run) = self.found.pop_front() {
                return run;
            }
            self.look().await;
            if !self.found.is_empty() {
                continue;
            }
            match &self.watched {
                Some((_, watched)) => {
                    let patience = watched.patience(LOOK_EVERY).min(LOOK_FOR_FOLDER_EVERY);
                    if !watched.changed_within(patience).await {
                        watched.heard_nothing();
                    }
                }
                None => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }

    /// Watches before it looks: what comes in between is told once more, and known by then.
    async fn look(&mut self) {
        let (root, before, watched) = (self.root.clone(), self.state_dir.clone(), self.watched.take());
        let since = std::mem::replace(&mut self.looked, Timestamp::now());
        let looked = tokio::task::spawn_blocking(move || {
            let state_dir = state_dir(&root);
            let old = (state_dir != before).then(|| old_in(&state_dir, since));
            (watch(&state_dir, watched), run_ids(&state_dir), old, state_dir)
        });
        let Ok((watched, runs, old, state_dir)) = looked.await else { return std::future::pending().await };
        self.watched = watched;
        self.state_dir = state_dir;
        self.known.extend(old.into_iter().flatten());
        let there: HashSet<RunId> = runs.iter().cloned().collect();
        self.known.retain(|run| there.contains(run)); // pruned runs are not remembered for ever
        self.found.extend(runs.into_iter().rev().filter(|run| self.known.insert(run.clone())));
    }
}

/// The runs in another folder than before that are no news: they do not go on, and had begun before this time. Blocking.
fn old_in(state_dir: &Path, since: Timestamp) -> HashSet<RunId> {
    // One that has no journal yet is being started.
    let begun = run_ids(state_dir).into_iter().filter(|run| RunPaths::of(state_dir, run).journal().exists());
    let mut old: HashSet<RunId> = begun.collect();
    for run in runs(state_dir) {
        let is_news = match run.state {
            RunState::Running => true,
            RunState::Died => !is_closed(state_dir, &run.run),
            RunState::Finished => run.started.parse().is_ok_and(|started: Timestamp| started >= since),
        };
        if is_news {
            old.remove(&run.run);
        }
    }
    old
}

/// A watch on the folder of runs, or where there is none yet on the nearest folder above: the one that is there already,
/// where it is the right one. Blocking.
fn watch(state_dir: &Path, watched: Option<(PathBuf, Watched)>) -> Option<(PathBuf, Watched)> {
    let nearest = runs_dir(state_dir).ancestors().take(3).find(|folder| folder.is_dir())?.to_path_buf();
    let (folder, mut watched) = watched.filter(|(folder, _)| *folder == nearest).unwrap_or_else(|| {
        let watched = Watched::new(&nearest);
        (nearest, watched)
    });
    watched.register();
    Some((folder, watched))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The folder of runs comes while it is waited for.
    #[test]
    fn each_new_run_is_told_once_and_the_old_ones_are_not() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let root = tempfile::tempdir().unwrap();
        let state_dir = root.path().join(crate::workspace::USUAL_STATE_DIR);
        let run = |name: &str| std::fs::create_dir_all(runs_dir(&state_dir).join(name)).unwrap();
        runtime.block_on(async {
            let mut new = NewRuns::after_now(root.path());
            let mut next =
                async || tokio::time::timeout(Duration::from_secs(60), new.next()).await.unwrap().to_string();
            let (first, ()) = tokio::join!(next(), async { run("20200101-000000-aaaa") });
            assert_eq!(first, "20200101-000000-aaaa");
            run("20200101-000002-cccc");
            run("20200101-000001-bbbb");
            assert_eq!([next().await, next().await], ["20200101-000001-bbbb", "20200101-000002-cccc"]);
        });
        runtime.block_on(async {
            let mut new = NewRuns::after_now(root.path());
            let next = tokio::join!(new.next(), async { run("20200101-000004-eeee") }).0;
            assert_eq!(next.to_string(), "20200101-000004-eeee", "those that were there are not told");
        });
    }
}
