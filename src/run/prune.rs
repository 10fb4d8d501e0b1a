//! Removing old runs. What passed in them stays passed: see [`Kept`].

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::history::{self, Digest};
use super::kept::Kept;
use super::lock::{self, Lock};
use super::{RunId, RunPaths, RunState, private, random, system};
use crate::workspace::Config;

/// At the end of a run no more than these are removed: it costs a moment, and the next run's end goes on.
const AT_ONCE: usize = 50;

/// Which runs stay. Those that have not finished always do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// So many of the newest.
    pub runs: u32,
    /// As many of the newest as have this size together; the newest whatever its size.
    pub bytes: u64,
    /// Those that started in these last days.
    pub days: u32,
}

impl Default for Keep {
    fn default() -> Self {
        Self { runs: 100, bytes: 1 << 30, days: 30 }
    }
}

impl Keep {
    /// What the configuration says.
    pub fn of(config: &Config) -> Self {
        let (said, standard) = (&config.keep, Self::default());
        Self {
            runs: said.runs.unwrap_or(standard.runs),
            bytes: said.size.map_or(standard.bytes, |size| size.0),
            days: said.days.unwrap_or(standard.days),
        }
    }
}

/// A run that was removed, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// The run.
    pub run: RunId,
    /// How many bytes its files have.
    pub bytes: u64,
}

/// Old runs cannot be removed.
#[derive(Debug, Error)]
pub enum PruneError {
    /// Another process does it just now.
    #[error("removing old runs: another process does that just now")]
    Busy,
    /// A file or folder cannot be written or removed. What was removed before is gone, and nothing else is lost.
    #[error("removing old runs: {}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Removes the runs that `keep` does not keep, the oldest last (`dry_run`: only says which). Never one that has not
/// finished, or whose lock somebody holds. Links are not followed. Blocking.
///
/// # Errors
/// [`PruneError`].
pub fn prune(state_dir: &Path, keep: &Keep, dry_run: bool) -> Result<Vec<Pruned>, PruneError> {
    if dry_run {
        return Ok(old_runs(state_dir, keep).iter().map(OldRun::pruned).collect());
    }
    remove_old(state_dir, keep, usize::MAX)
}

/// The same at the end of a run, when nobody waits: a few of them, and without a word.
pub(super) fn prune_some(state_dir: &Path, keep: &Keep) {
    // That old runs are still there harms nobody; `feature-build prune` says why.
    let _ = remove_old(state_dir, keep, AT_ONCE);
}

/// A run as far as keeping it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Aged {
    bytes: u64,
    started: Option<Timestamp>,
}

struct OldRun {
    run: RunId,
    bytes: u64,
    digest: Digest,
}

impl OldRun {
    fn pruned(&self) -> Pruned {
        Pruned { run: self.run.clone(), bytes: self.bytes }
    }
}

/// Which of the finished runs, the newest first, are not kept.
fn is_old(runs: &[Aged], keep: &Keep, now: Timestamp) -> Vec<bool> {
    let kept_since = now.checked_sub(SignedDuration::from_hours(i64::from(keep.days) * 24)).ok();
    let most = usize::try_from(keep.runs).unwrap_or(usize::MAX);
    let mut bytes: u64 = 0;
    let old = runs.iter().enumerate().map(|(place, run)| {
        bytes = bytes.saturating_add(run.bytes);
        let too_large = place > 0 && bytes > keep.bytes;
        let too_old = run.started.zip(kept_since).is_some_and(|(started, since)| started < since);
        place >= most || too_large || too_old
    });
    old.collect()
}

fn old_runs(state_dir: &Path, keep: &Keep) -> Vec<OldRun> {
    let finished =
        history::digests_by_folder(state_dir).filter(|(_, digest)| digest.summary.state == RunState::Finished);
    let mut finished: Vec<OldRun> = finished
        .filter(|(run, _)| is_real_folder(RunPaths::of(state_dir, run).dir()))
        .map(|(run, digest)| {
            let bytes = digest.bytes.unwrap_or_else(|| size_of(RunPaths::of(state_dir, &run).dir()));
            OldRun { run, bytes, digest }
        })
        .collect();
    history::sort_newest_first(&mut finished, |run| &run.digest.summary);
    let aged: Vec<Aged> = finished
        .iter()
        .map(|run| Aged { bytes: run.bytes, started: run.digest.summary.started.parse().ok() })
        .collect();
    let old = is_old(&aged, keep, Timestamp::now());
    finished.into_iter().zip(old).filter_map(|(run, old)| old.then_some(run)).collect()
}

fn remove_old(state_dir: &Path, keep: &Keep, most: usize) -> Result<Vec<Pruned>, PruneError> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| PruneError::Io { path, source }
    };
    if !is_real_folder(state_dir) {
        return Ok(Vec::new());
    }
    let lock = state_dir.join("prune.lock");
    let Some(_lock) = Lock::acquire(&lock).map_err(failed(&lock))? else { return Err(PruneError::Busy) };
    // What a process left there that was killed meanwhile; it may be the room that is needed now. What cannot be removed, one
    // folder in the other a thousand times, keeps nobody from removing the rest.
    let mut bin = state_dir.join(BIN);
    let others =
        private::entries(state_dir).filter(|entry| entry.file_name().as_encoded_bytes().starts_with(BIN.as_bytes()));
    if others.filter(|entry| empty(&entry.path()).is_err()).count() > 0 {
        bin = state_dir.join(format!("{BIN}-{}", random::letters(8)));
    }
    remove_what_never_began(state_dir);
    let old: Vec<OldRun> = old_runs(state_dir, keep).into_iter().take(most).collect();
    if !old.is_empty() {
        prepare(state_dir, &bin, &old).map_err(failed(state_dir))?;
    }
    let mut pruned = Vec::new();
    for run in old {
        if remove(state_dir, &bin, &run.run).map_err(failed(RunPaths::of(state_dir, &run.run).dir()))? {
            pruned.push(run.pruned());
        }
    }
    empty(&bin).map_err(failed(&bin))?;
    Ok(pruned)
}

/// What the folder is called that takes the runs which are being removed; where there is one that cannot be emptied, only the
/// beginning of it.
const BIN: &str = "pruned";
/// How old the folder of a run is that nobody starts any more.
const NEVER_BEGAN: Duration = Duration::from_secs(3600);

/// Removes the folders of runs that were to be started by a process that was killed before it came to that: nothing of them is
/// told anywhere. That one stays harms nobody.
fn remove_what_never_began(state_dir: &Path) {
    let is_old = |path: &Path| {
        let made = path.symlink_metadata().and_then(|about| about.modified());
        made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > NEVER_BEGAN))
    };
    for run in history::run_ids(state_dir) {
        let paths = RunPaths::of(state_dir, &run);
        if paths.journal().symlink_metadata().is_err()
            && is_real_folder(paths.dir())
            && is_old(paths.dir())
            && own_lock(&paths).is_ok_and(|lock| lock.is_some())
        {
            let _ = fs::remove_dir_all(paths.dir());
        }
    }
}

fn empty(bin: &Path) -> io::Result<()> {
    if is_real_folder(bin) { fs::remove_dir_all(bin) } else { Ok(()) }
}

/// Writes down what is to be known of the old runs, and makes the folder that takes them, before any of them goes: whoever is
/// killed in between has lost nothing. On a full disk they give the room for that themselves, the oldest first: their
/// journals stay until all is written.
fn prepare(state_dir: &Path, bin: &Path, old: &[OldRun]) -> io::Result<()> {
    let mut kept = Kept::read(state_dir);
    for (task, attempt) in old.iter().flat_map(|run| run.digest.to_keep()) {
        kept.add(task, attempt);
    }
    let mut left = old.iter().rev();
    loop {
        match kept.write(state_dir).and_then(|()| private::create_dir_all(bin)) {
            Err(error) if system::is_no_room(&error) => match left.next() {
                Some(run) => strip(&RunPaths::of(state_dir, &run.run))?,
                None => return Err(error),
            },
            done => return done,
        }
    }
}

/// Removes all of a run but its journal, with which it stays what it was: its logs, results, order and cache. Not where
/// somebody holds its lock.
fn strip(paths: &RunPaths) -> io::Result<()> {
    let Some(_lock) = own_lock(paths)? else { return Ok(()) };
    let stays = [paths.journal(), paths.seal(), paths.lock()];
    for entry in private::entries(paths.dir()).filter(|entry| !stays.contains(&entry.path())) {
        if !entry.file_type()?.is_dir() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The lock of a run that is over; `None` where somebody holds it, or it is a link.
fn own_lock(paths: &RunPaths) -> io::Result<Option<Lock>> {
    let is_link = fs::symlink_metadata(paths.lock()).is_ok_and(|lock| lock.is_symlink());
    if is_link || lock::is_held(&paths.lock()) {
        return Ok(None);
    }
    Lock::acquire(&paths.lock())
}

/// Removes a run's folder; false where somebody holds its lock. It leaves its place by one rename: nobody ever sees half
/// a run.
fn remove(state_dir: &Path, bin: &Path, run: &RunId) -> io::Result<bool> {
    let paths = RunPaths::of(state_dir, run);
    let Some(_lock) = own_lock(&paths)? else { return Ok(false) };
    fs::rename(paths.dir(), bin.join(run.0.as_str()))?;
    Ok(true)
}

fn is_real_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// How many bytes the files below a folder have; what a link leads to is not counted. Blocking.
pub(super) fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => size_of(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    proptest! {
        #[test]
        fn the_newest_within_all_limits_are_kept(
            runs in proptest::collection::vec((0_u64..40, 0_i64..40), 0..30),
            keep in (0_u32..20, 0_u64..200, 0_u32..30),
        ) {
            let keep = Keep { runs: keep.0, bytes: keep.1, days: keep.2 };
            let started = |days: i64| NOW.checked_sub(SignedDuration::from_hours(days * 24)).ok();
            let aged: Vec<Aged> =
                runs.iter().map(|&(bytes, days)| Aged { bytes, started: started(days) }).collect();
            let old = is_old(&aged, &keep, NOW);
            prop_assert_eq!(old.len(), aged.len());
            for (place, is_old) in old.into_iter().enumerate() {
                let newer: u64 = runs.iter().take(place + 1).map(|(bytes, _)| bytes).sum();
                let fits = place < keep.runs as usize
                    && (place == 0 || newer <= keep.bytes)
                    && runs.get(place).unwrap().1 <= i64::from(keep.days);
                prop_assert_eq!(is_old, !fits);
            }
        }
    }

    #[test]
    fn a_run_without_a_time_is_not_too_old() {
        assert_eq!(is_old(&[Aged { bytes: 9, started: None }], &Keep::default(), NOW), [false]);
    }
}
