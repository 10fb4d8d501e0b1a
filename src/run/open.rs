//! Which runs have not ended, told outside of every workspace.
//!
//! A run's folder lies in its workspace, where its journal, results and locks can be cut back until a finished run looks
//! unfinished. So a mark stands beside the user's answers from before its first supervisor starts until it has ended: no
//! supervisor takes a run over that has none. Its name is the seal of the order, which holds the place, too.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::order::FORMAT;
use super::{Order, RunPaths, identity, private, seal, system};
use crate::workspace::trust::Store;

const MARKS: &str = "open";
/// A mark whose run is gone is removed when it is as old as this: a run's folder may be put back.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30 * 24 * 3600);
const LONGEST_PATH: u64 = 64 << 10;

/// Why no supervisor may take a run over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// Its order is not what this user wrote at this place: the run was moved or copied with its workspace.
    Elsewhere,
    /// It has ended, or never began.
    Ended,
    /// An earlier version started it, which made no marks: whether it has ended is known from its own files alone.
    Earlier,
    /// A later version started it, and may mean more by its order than can be read here.
    Later,
}

/// What every version's order has.
#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    format: u32,
    #[serde(default)]
    workspace: String,
    #[serde(default)]
    root: PathBuf,
}

impl Closed {
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::Elsewhere => "its workspace was moved or copied",
            Self::Ended => "the run had ended already, whatever its journal says",
            Self::Earlier => "an earlier version started it, which left no proof that it has not ended",
            Self::Later => "a later version started it, and this one may misread what it has to do",
        }
    }
}

/// The order of a run that a supervisor may carry out. `begins`: it is the first one, of a run that was started here a
/// moment ago. Blocking.
pub(super) fn read_order(paths: &RunPaths, begins: bool) -> io::Result<Order> {
    let order = seal::read_order(paths)?;
    match why_closed(paths, &order).filter(|closed| !begins || *closed != Closed::Elsewhere) {
        None => Ok(serde_json::from_slice(&order)?),
        Some(closed) => Err(io::Error::other(format!("{}: {}", paths.dir().display(), closed.why()))),
    }
}

/// Whether a run that has not finished by its journal can get a supervisor; where not, why. Blocking.
pub(super) fn closed(paths: &RunPaths) -> Option<Closed> {
    seal::read_order(paths).map_or(Some(Closed::Elsewhere), |order| why_closed(paths, &order))
}

fn why_closed(paths: &RunPaths, order: &[u8]) -> Option<Closed> {
    let Ok(Form { format, workspace, root }) = serde_json::from_slice(order) else { return Some(Closed::Elsewhere) };
    if format > FORMAT {
        return Some(Closed::Later);
    }
    if workspace.is_empty() {
        return Some(Closed::Earlier);
    }
    if !mark(paths).is_ok_and(|mark| mark.is_file()) {
        return Some(Closed::Ended);
    }
    (!identity::is_of(&root, &workspace)).then_some(Closed::Elsewhere)
}

/// Says that the run has not ended. Blocking.
pub(super) fn open(paths: &RunPaths) -> io::Result<()> {
    let mark = mark(paths)?;
    let dir = mark.parent().unwrap_or(&mark);
    private::claim(dir.parent().and_then(Path::parent).unwrap_or(dir), dir)?;
    private::write_whole(&mark, place(paths).as_os_str().as_encoded_bytes())
}

/// Says that it has ended. A copy of its folder has the same seal, and says nothing of the run. Blocking.
pub(super) fn shut(paths: &RunPaths) {
    let is_of_this = |mark: &Path| {
        private::read(mark, LONGEST_PATH).is_ok_and(|run| run == place(paths).as_os_str().as_encoded_bytes())
    };
    let removed = mark(paths).and_then(|mark| if is_of_this(&mark) { fs::remove_file(mark) } else { Ok(()) });
    if let Err(error) =
        removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
    {
        system::note(format_args!(
            "feature-build supervisor: saying that {} has ended: {error}",
            paths.dir().display()
        ));
    }
}

/// Forgets runs whose folders are gone. Blocking.
pub(super) fn forget_some() {
    let Ok(store) = Store::of_user() else { return };
    for entry in private::entries(&store.beside(MARKS)) {
        let age = entry.metadata().and_then(|data| data.modified()).ok().and_then(|set| set.elapsed().ok());
        let run = private::read(&entry.path(), LONGEST_PATH).unwrap_or_default();
        let run = String::from_utf8_lossy(&run).into_owned();
        if age.is_some_and(|age| age > FORGOTTEN_AFTER) && !Path::new(&run).exists() {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn place(paths: &RunPaths) -> PathBuf {
    paths.dir().canonicalize().unwrap_or_else(|_| paths.dir().to_path_buf())
}

fn mark(paths: &RunPaths) -> io::Result<PathBuf> {
    let seal = seal::name(paths).ok_or(io::ErrorKind::NotFound)?;
    Ok(Store::of_user().map_err(io::Error::other)?.beside(MARKS).join(seal))
}
