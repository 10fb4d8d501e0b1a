//! Whose a state folder is.
//!
//! A nonce names a workspace. It stands in the state folder, and beside the user's answers stands where that workspace is:
//! its canonical path, the inode of its folder, and its state folders. Where the folder that is known by a nonce is still
//! there, another one with the same nonce is a copy and gets a nonce of its own; else the folder was moved and stays itself.
//! No device number is kept: those change when the machine is restarted.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::lock::Lock;
use super::{RunId, RunPaths, private, system};
use crate::workspace::trust::{Store, read_private};
use crate::workspace::{self, Config, USUAL_STATE_DIR};

/// The file in a state folder: a line for each user that has a workspace of this place, for two may share one through a
/// container.
const NONCE_FILE: &str = "workspace";
/// The folder of the records, beside the answers.
const RECORDS: &str = "workspaces";
const NONCE_LETTERS: usize = 32;
/// No more lines are read, nor more state folders looked through.
const MOST: usize = 64;
const LONGEST_FILE: u64 = 64 << 10;
/// How many state folders that a workspace had before are remembered.
const FORMER: usize = 8;

/// A workspace and where its runs lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    /// Names the workspace, whatever becomes of its path.
    pub(super) nonce: String,
    /// Its state folder: the configured one, or a folder in that which another workspace has.
    pub(super) state_dir: PathBuf,
}

/// What is known of a nonce.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// The canonical root.
    root: PathBuf,
    /// Its inode.
    inode: u64,
    /// Its state folders, the present one last.
    state_dirs: Vec<PathBuf>,
    /// The workspace that has the configured folder, for as long as the user has not been told.
    #[serde(default)]
    apart_from: Option<PathBuf>,
}

impl Record {
    /// The folder is where it was.
    fn is_there(&self) -> bool {
        inode(&self.root) == Some(self.inode)
    }
}

/// The state folders of a workspace: the present one first, then those that it had before. An untrusted configuration
/// names none: what counts is the text that the user trusted last. Blocking.
pub fn state_dirs(root: &Path) -> Vec<PathBuf> {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    let store = Store::of_user().ok().filter(|store| store.is_outside(&root));
    let config = store.as_ref().and_then(|store| store.trusted_before(&root)).unwrap_or_default();
    let present = present(&root, &config);
    let known = store.and_then(|store| Records::of(&store).known(&root).map(|(_, record)| record.state_dirs));
    let former = known.into_iter().flatten().rev().filter(|dir| *dir != present && dir.is_dir());
    let former: Vec<PathBuf> = former.collect();
    std::iter::once(present).chain(former).collect()
}

/// The present state folder of a workspace. Blocking.
pub fn state_dir(root: &Path) -> PathBuf {
    state_dirs(root).into_iter().next().unwrap_or_else(|| root.join(USUAL_STATE_DIR))
}

/// The state folder that a run of a workspace lies in; the present one, where it lies in none. Blocking.
pub fn state_dir_of(root: &Path, run: &RunId) -> PathBuf {
    let dirs = state_dirs(root);
    let found = dirs.iter().find(|dir| RunPaths::of(dir, run).dir().is_dir()).or(dirs.first()).cloned();
    found.unwrap_or_else(|| root.join(USUAL_STATE_DIR))
}

/// The state folder of a workspace whose configuration this is. Blocking.
fn present(root: &Path, config: &Config) -> PathBuf {
    let configured = workspace::state_dir(root, config);
    if configured.starts_with(root) {
        return configured;
    }
    // Nothing is written there before a run is started; that it is another one's has to be known before.
    match Store::of_user().map_err(io::Error::other).and_then(|store| Records::of(&store).assign(root, &configured)) {
        Ok(identity) => identity.state_dir,
        Err(_) => configured,
    }
}

/// What the user has to be told, once: that another workspace has the configured state folder, so that this one has a folder
/// of its own in it. Blocking.
pub fn shared_state(root: &Path) -> Option<String> {
    let root = root.canonicalize().ok()?;
    let (own, other) = Records::of(&Store::of_user().ok()?).take_news(&root)?;
    let own = own.display();
    Some(format!(
        "`state_dir` is the state folder of {} already: the runs of this workspace lie in {own}",
        other.display()
    ))
}

/// Makes the workspace's nonce stand in its state folder, whose parent is there. Blocking.
pub(super) fn claim(identity: &Identity) -> io::Result<()> {
    let store = Store::of_user().map_err(io::Error::other)?;
    Records::of(&store).claim(identity)
}

/// The workspace at this root. Blocking.
pub(super) fn of(root: &Path, configured: &Path) -> io::Result<Identity> {
    let store = Store::of_user().map_err(io::Error::other)?;
    Records::of(&store).assign(root, configured)
}

/// Whether this nonce names the workspace at this root. Blocking.
pub(super) fn is_of(root: &Path, nonce: &str) -> bool {
    let Ok(store) = Store::of_user() else { return false };
    let Some(record) = Records::of(&store).record(nonce) else { return false };
    record.root == root && (record.is_there() || !system::lives(nonce, None))
}

/// What the user's own folder knows of workspaces.
struct Records {
    dir: PathBuf,
}

impl Records {
    fn of(store: &Store) -> Self {
        Self { dir: store.beside(RECORDS) }
    }

    /// The workspace that was at this root and still is.
    fn known(&self, root: &Path) -> Option<(String, Record)> {
        let nonce = read_private(&self.pointer(root), LONGEST_FILE).ok()?;
        let nonce = String::from_utf8(nonce).ok()?;
        let record = self.record(&nonce)?;
        (record.root == root && record.is_there()).then_some((nonce, record))
    }

    fn record(&self, nonce: &str) -> Option<Record> {
        let bytes = read_private(&self.dir.join(format!("{}.json", checked(nonce)?)), LONGEST_FILE).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// The name of the file that tells which workspace is at a root.
    fn pointer(&self, root: &Path) -> PathBuf {
        self.dir.join(format!("{}.at", blake3::hash(root.as_os_str().as_bytes()).to_hex()))
    }

    fn assign(&self, root: &Path, configured: &Path) -> io::Result<Identity> {
        if let Some(identity) = self.settled(root, configured) {
            return Ok(identity);
        }
        let _lock = self.lock()?;
        // Another process may have been first.
        if let Some(identity) = self.settled(root, configured) {
            return Ok(identity);
        }
        self.decide(root, configured)
    }

    fn settled(&self, root: &Path, configured: &Path) -> Option<Identity> {
        let (nonce, record) = self.known(root)?;
        let state_dir = record.state_dirs.last().filter(|dir| is_in(dir, configured, &nonce))?.clone();
        Some(Identity { nonce, state_dir })
    }

    /// Under the lock.
    fn decide(&self, root: &Path, configured: &Path) -> io::Result<Identity> {
        let Some(inode) = inode(root) else {
            // Its folder is gone: the tasks will tell.
            return Ok(Identity { nonce: new_nonce()?, state_dir: configured.to_path_buf() });
        };
        let is_inside = configured.starts_with(root);
        let known = self.known(root);
        let mut state_dirs = known.as_ref().map(|(_, record)| record.state_dirs.clone()).unwrap_or_default();
        let mut own = known.map(|(nonce, _)| nonce);
        let mut other = None;
        let folders = std::iter::once(configured.to_path_buf()).chain(folders_in(configured, is_inside));
        for (folder, nonce) in folders.flat_map(|dir| nonces(&dir).into_iter().map(move |nonce| (dir.clone(), nonce))) {
            let Some(record) = self.record(&nonce).filter(|_| own.as_ref() != Some(&nonce)) else { continue };
            let moved = if record.root == root {
                // Another folder than the one that was here: put back from a copy, or the one that was here was moved away,
                // and what it started goes on.
                !system::lives(&nonce, None)
            } else {
                !record.is_there()
            };
            if moved && own.is_none() {
                state_dirs = record.state_dirs;
                own = Some(nonce);
            } else if !moved && !is_inside && folder == *configured && record.root != root {
                other = Some(record.root);
            }
        }
        let nonce = own.map_or_else(new_nonce, Ok)?;
        let earlier = state_dirs.iter().find(|dir| is_in(dir, configured, &nonce)).cloned();
        let apart_from = other.clone().filter(|_| earlier.is_none());
        let state_dir = earlier.unwrap_or_else(|| match other {
            Some(_) => configured.join(&nonce),
            None => configured.to_path_buf(),
        });
        state_dirs.retain(|dir| *dir != state_dir);
        state_dirs.push(state_dir.clone());
        state_dirs.drain(..state_dirs.len().saturating_sub(FORMER));
        let record = Record { root: root.to_path_buf(), inode, state_dirs, apart_from };
        self.write(&nonce, &record)?;
        private::write_whole(&self.pointer(root), nonce.as_bytes())?;
        Ok(Identity { nonce, state_dir })
    }

    fn write(&self, nonce: &str, record: &Record) -> io::Result<()> {
        private::write_whole(&self.dir.join(format!("{nonce}.json")), &serde_json::to_vec(record)?)
    }

    fn take_news(&self, root: &Path) -> Option<(PathBuf, PathBuf)> {
        self.known(root)?.1.apart_from?;
        let _lock = self.lock().ok()?;
        let (nonce, mut record) = self.known(root)?;
        let other = record.apart_from.take()?;
        self.write(&nonce, &record).ok()?;
        Some((record.state_dirs.pop()?, other))
    }

    fn claim(&self, identity: &Identity) -> io::Result<()> {
        let Identity { nonce, state_dir } = identity;
        if nonces(state_dir).contains(nonce) {
            return Ok(());
        }
        let _lock = self.lock()?;
        // Those that this user knows are what a copy brought along.
        let others = nonces(state_dir).into_iter().filter(|other| other != nonce && self.record(other).is_none());
        let lines: Vec<String> = others.chain([nonce.clone()]).collect();
        let skipped = lines.len().saturating_sub(MOST);
        let text: String = lines.iter().skip(skipped).map(|line| format!("{line}\n")).collect();
        private::write_whole(&state_dir.join(NONCE_FILE), text.as_bytes())
    }

    /// One process at a time decides.
    fn lock(&self) -> io::Result<Lock> {
        let home = self.dir.parent().and_then(Path::parent).unwrap_or(&self.dir);
        private::claim(home, &self.dir)?;
        loop {
            if let Some(lock) = Lock::acquire(&self.dir.join("lock"))? {
                return Ok(lock);
            }
        }
    }
}

/// Whether a state folder is the configured one, or the workspace's own in that.
fn is_in(dir: &Path, configured: &Path, nonce: &str) -> bool {
    dir == configured || dir.strip_prefix(configured).is_ok_and(|name| name == Path::new(nonce))
}

/// The folders in a shared state folder that belong to one workspace each.
fn folders_in(configured: &Path, is_inside: bool) -> impl Iterator<Item = PathBuf> {
    let entries = (!is_inside).then(|| private::entries(configured)).into_iter().flatten();
    let named = entries.filter(|entry| entry.file_name().to_str().and_then(checked).is_some());
    named.map(|entry| entry.path()).take(MOST)
}

/// The nonces that stand in a state folder.
fn nonces(state_dir: &Path) -> BTreeSet<String> {
    let text = private::read(&state_dir.join(NONCE_FILE), LONGEST_FILE).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().take(MOST).filter_map(checked).map(Into::into).collect()
}

/// A nonce: it becomes a part of a path.
fn checked(nonce: &str) -> Option<&str> {
    let is_one = nonce.len() == NONCE_LETTERS && nonce.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_one.then_some(nonce)
}

fn new_nonce() -> io::Result<String> {
    let mut bytes = [0; NONCE_LETTERS / 2];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn inode(path: &Path) -> Option<u64> {
    path.symlink_metadata().ok().filter(fs::Metadata::is_dir).map(|data| data.ino())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    struct Home {
        dir: tempfile::TempDir,
        records: Records,
    }

    impl Home {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let records = Records::of(&Store::at(&dir.path().join("home")));
            Self { dir, records }
        }

        fn root(&self, name: &str) -> PathBuf {
            let root = self.dir.path().join(name);
            fs::create_dir_all(root.join(".feature-build")).unwrap();
            root
        }

        fn of(&self, root: &Path) -> Identity {
            self.at(root, &root.join(".feature-build"))
        }

        fn at(&self, root: &Path, configured: &Path) -> Identity {
            let identity = self.records.assign(root, configured).unwrap();
            fs::create_dir_all(&identity.state_dir).unwrap();
            self.records.claim(&identity).unwrap();
            identity
        }

        fn copy(&self, from: &Path, to: &str) -> PathBuf {
            let to = self.root(to);
            let nonce = |root: &Path| root.join(".feature-build").join(NONCE_FILE);
            fs::copy(nonce(from), nonce(&to)).unwrap();
            to
        }
    }

    #[test]
    fn a_copy_is_another_workspace_and_a_moved_folder_is_the_same() {
        let home = Home::new();
        let root = home.root("one");
        let one = home.of(&root);
        assert_eq!(home.of(&root), one);
        let copy = home.copy(&root, "copy");
        let other = home.of(&copy);
        assert_ne!(other.nonce, one.nonce);
        assert_eq!((home.of(&copy), home.of(&root)), (other.clone(), one.clone()));
        assert_eq!(nonces(&copy.join(".feature-build")), BTreeSet::from([other.nonce]));

        let moved = home.dir.path().join("moved");
        fs::rename(&root, &moved).unwrap();
        assert_eq!(home.of(&moved).nonce, one.nonce);
        // What is made in its old place is another one.
        assert_ne!(home.of(&home.root("one")).nonce, one.nonce);
        let again = home.copy(&moved, "again");
        assert_ne!(home.of(&again).nonce, one.nonce);
    }

    #[test]
    fn a_state_folder_that_was_removed_belongs_to_the_same_workspace_when_it_is_there_again() {
        let home = Home::new();
        let root = home.root("one");
        let one = home.of(&root);
        fs::remove_dir_all(root.join(".feature-build")).unwrap();
        assert_eq!(home.of(&home.root("one")), one);
        // A nonce that came with the workspace names nobody; another user's stays.
        fs::write(root.join(".feature-build").join(NONCE_FILE), format!("{}\n", "a".repeat(32))).unwrap();
        assert_eq!(home.of(&root), one);
        assert_eq!(nonces(&root.join(".feature-build")).len(), 2);
    }

    #[test]
    fn the_second_workspace_of_one_state_folder_has_a_folder_of_its_own_in_it() {
        let home = Home::new();
        let state = home.dir.path().join("state");
        let (first, second) = (home.root("first"), home.root("second"));
        assert_eq!(home.at(&first, &state).state_dir, state);
        let identity = home.at(&second, &state);
        assert_eq!(identity.state_dir, state.join(&identity.nonce));
        let told = home.records.take_news(&second);
        assert_eq!(told, Some((identity.state_dir.clone(), first.clone())));
        assert_eq!(home.at(&second, &state), identity);
        assert_eq!(home.records.take_news(&second), None, "it is said once");
        assert_eq!(home.at(&first, &state).state_dir, state);
        let moved = home.dir.path().join("moved");
        fs::rename(&second, &moved).unwrap();
        assert_eq!(home.at(&moved, &state), identity);
        // Another state folder, and back.
        assert_eq!(home.of(&first).state_dir, first.join(".feature-build"));
        assert_eq!(home.at(&first, &state).state_dir, state);
    }
}
