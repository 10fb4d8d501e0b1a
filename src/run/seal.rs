//! A run's seal: two keyed hashes, each in a line of its own.
//!
//! A workspace from the internet may come with a state folder, and in it a run that looks unfinished, or one in which all
//! has passed. The first line seals the order at its place: a supervisor carries out no other. The second one seals the
//! run's id: of a run that this user did not start on this machine no journal is believed and no log is shown. It does
//! not seal the place, for what has passed in a workspace has passed too when that was moved.

use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::{RunPaths, private};
use crate::workspace::trust::{Store, Trusted};

/// No order is longer: some hundred bytes for each task.
pub(super) const LONGEST_ORDER: u64 = 256 << 20;
const LONGEST_SEAL: u64 = 1 << 10;

/// Seals the order that was written. Blocking.
pub(super) fn write(paths: &RunPaths, order: &[u8], trusted: &Trusted) -> io::Result<()> {
    let order = trusted.seal(&sealed_order(paths, order)?).map_err(io::Error::other)?;
    let run = trusted.seal(&sealed_run(paths.dir())).map_err(io::Error::other)?;
    private::write_whole(&paths.seal(), format!("{order}\n{run}\n").as_bytes())
}

/// Reads a run's order, where it is sealed. Blocking.
pub(super) fn read_order(paths: &RunPaths) -> io::Result<Vec<u8>> {
    let (file, seal, state_dir) = (private::open(&paths.order())?, line(paths, 0), state_dir(paths));
    let store = Store::of_user().map_err(io::Error::other)?;
    let place = sealed_order(paths, b"")?;
    // An order may have come with the workspace, and be as long as it likes: it is not held before it is believed.
    let looked = store.is_sealed_in_pieces(&seal, &state_dir, |hasher| feed(hasher, &place, &file, 0, LONGEST_ORDER));
    if looked.map_err(io::Error::other)? {
        let order = private::read(&paths.order(), LONGEST_ORDER)?;
        // It may be another one by now.
        if store.is_sealed(&sealed_order(paths, &order)?, &seal, &state_dir).map_err(io::Error::other)? {
            return Ok(order);
        }
    }
    Err(io::Error::other(format!(
        "{} was not written by you on this machine: nothing is started",
        paths.order().display()
    )))
}

/// The order's seal, as a name. Blocking.
pub(super) fn name(paths: &RunPaths) -> Option<String> {
    let seal = String::from_utf8(line(paths, 0)).ok()?;
    blake3::Hash::from_hex(seal.trim()).ok().map(|seal| seal.to_hex().to_string())
}

/// Whether this user started the run on this machine. Blocking.
pub(super) fn is_own(paths: &RunPaths) -> bool {
    let store = Store::of_user().ok();
    let seal = || line(paths, 1);
    store.is_some_and(|store| store.is_sealed(&sealed_run(paths.dir()), &seal(), &state_dir(paths)).unwrap_or(false))
}

/// A seal for what this user keeps beside the runs. Blocking.
pub(super) fn seal(what: &[u8]) -> io::Result<String> {
    Store::of_user().and_then(|store| store.seal(what)).map_err(io::Error::other)
}

/// Was this, which lies in this state folder, sealed by this user? Blocking.
pub(super) fn is_sealed(what: &[u8], seal: &[u8], state_dir: &Path) -> bool {
    Store::of_user().and_then(|store| store.is_sealed(what, seal, state_dir)).unwrap_or(false)
}

/// The same for this and what stands behind a place of a file, which may be long: it is looked at piece by piece. Blocking.
pub(super) fn is_sealed_file(what: &[u8], file: &File, start: u64, most: u64, seal: &[u8], state_dir: &Path) -> bool {
    let sealed = Store::of_user()
        .and_then(|store| store.is_sealed_in_pieces(seal, state_dir, |hasher| feed(hasher, what, file, start, most)));
    sealed.unwrap_or(false)
}

/// Feeds this, and what stands behind a place of a file; refuses more than `most` bytes of that.
fn feed(hasher: &mut blake3::Hasher, what: &[u8], file: &File, start: u64, most: u64) -> io::Result<()> {
    hasher.update(what);
    private::each_piece(file, start, |piece, at| {
        hasher.update(piece);
        if at + piece.len() as u64 - start > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(()) }
    })
}

/// The state folder that a run lies in.
fn state_dir(paths: &RunPaths) -> PathBuf {
    let dir = paths.dir().canonicalize().unwrap_or_else(|_| paths.dir().to_path_buf());
    dir.ancestors().nth(2).unwrap_or(&dir).to_path_buf()
}

/// A line of the seal; empty where there is none.
fn line(paths: &RunPaths, number: usize) -> Vec<u8> {
    let seal = private::read(&paths.seal(), LONGEST_SEAL).unwrap_or_default();
    seal.split(|&byte| byte == b'\n').nth(number).unwrap_or_default().to_vec()
}

/// What is sealed: the place, too, or an order could be carried into another workspace.
fn sealed_order(paths: &RunPaths, order: &[u8]) -> io::Result<Vec<u8>> {
    let dir = paths.dir().canonicalize()?;
    Ok([dir.as_os_str().as_bytes(), b"\0", order].concat())
}

/// A place never begins with 0: this is no order's seal.
fn sealed_run(dir: &Path) -> Vec<u8> {
    [b"\0run\0", dir.file_name().unwrap_or_default().as_bytes()].concat()
}

/// Makes a folder of a test's a run of this user's.
#[cfg(test)]
pub(super) fn own(dir: &Path) {
    let paths = RunPaths::at(dir);
    let run = seal(&sealed_run(dir)).unwrap_or_default();
    let _ = private::write_whole(&paths.seal(), format!("no order\n{run}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;
    use crate::workspace::trust::Subject;

    #[test]
    fn an_order_counts_where_it_was_sealed_and_a_run_wherever_it_lies() {
        let dir = tempfile::tempdir().unwrap();
        let (root, moved) = (dir.path().join("root"), dir.path().join("moved"));
        let run = |root: &Path, name: &str| RunPaths::at(&root.join(".feature-build/runs").join(name));
        let paths = run(&root, "one");
        fs::create_dir_all(paths.dir()).unwrap();
        let subject = Subject::read(&root).unwrap();
        let trusted = Store::of_user().unwrap().trust(&subject).unwrap();
        Store::of_user().unwrap().revoke(subject.root()).unwrap();
        assert!(!is_own(&paths) && name(&paths).is_none() && read_order(&paths).is_err());

        fs::write(paths.order(), "order").unwrap();
        write(&paths, b"order", &trusted).unwrap();
        assert_eq!(read_order(&paths).unwrap(), b"order");
        assert!(is_own(&paths));
        let seal = fs::read_to_string(paths.seal()).unwrap();
        assert_eq!(name(&paths).as_deref(), seal.lines().next());

        fs::write(paths.order(), "other").unwrap();
        let refused = read_order(&paths).unwrap_err().to_string();
        assert!(refused.contains("was not written by you"), "{refused}");
        fs::write(paths.order(), "order").unwrap();
        fs::rename(&root, &moved).unwrap();
        let paths = run(&moved, "one");
        assert!(read_order(&paths).is_err());
        assert!(is_own(&paths));
        let renamed = run(&moved, "two");
        fs::rename(paths.dir(), renamed.dir()).unwrap();
        assert!(!is_own(&renamed));
    }

    #[test]
    fn what_is_sealed_beside_the_runs_is_this_users() {
        let dir = tempfile::tempdir().unwrap();
        let made = seal(b"what").unwrap();
        assert!(is_sealed(b"what", made.as_bytes(), dir.path()));
        assert!(!is_sealed(b"other", made.as_bytes(), dir.path()));
    }

    #[test]
    fn a_file_is_sealed_from_a_place_on_and_up_to_a_length() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let long = "line\n".repeat(100_000);
        fs::write(&path, format!("head\n{long}")).unwrap();
        let file = File::open(&path).unwrap();
        let made = seal(format!("what{long}").as_bytes()).unwrap();
        let is_sealed = |what: &[u8], start: u64, most: usize| {
            is_sealed_file(what, &file, start, most as u64, made.as_bytes(), dir.path())
        };
        assert!(is_sealed(b"what", 5, long.len()) && is_sealed(b"what", 5, long.len() + 1));
        for most in [0, long.len() / 4, long.len() / 2, long.len() - 1] {
            assert!(!is_sealed(b"what", 5, most), "longer than {most}");
        }
        assert!(!is_sealed(b"what", 4, usize::MAX) && !is_sealed(b"other", 5, usize::MAX));
    }

    #[test]
    fn a_run_lies_in_the_state_folder_two_above_it() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().canonicalize().unwrap().join("state");
        let paths = RunPaths::at(&state.join("runs/one"));
        assert_eq!(state_dir(&paths), state, "before it is there");
        fs::create_dir_all(paths.dir()).unwrap();
        assert_eq!(state_dir(&paths), state);
    }
}
