//! Files and folders of the product's own: private to the user, whole or not there, and never through a link.
//!
//! A folder from the internet may bring a state folder of its own, full of links to files that it wants read,
//! overwritten or locked. Hence `O_NOFOLLOW` on every file, and [`claim`] for the folders above it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

/// As much of a file of any length is held at once.
const PIECE: usize = 256 << 10;

/// Makes a folder and those above it that only the user can enter; one that is there stays as it is.
pub(crate) fn create_dir_all(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Makes one new folder; fails where something has the name.
pub(crate) fn create_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(dir)
}

/// Makes `dir` a folder that only the user can enter, with all that is missing below `above`, which is there already.
/// Fails where something between the two is a link, or where the folder is another user's. `above` itself stays as it is.
pub(crate) fn claim(above: &Path, dir: &Path) -> io::Result<()> {
    create_dir_all(above)?;
    let mut at = above.to_path_buf();
    for part in dir.strip_prefix(above).map_err(io::Error::other)?.components() {
        at.push(part);
        match create_dir(&at) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => refuse_other_than_folder(&at)?,
        }
    }
    if dir == above { Ok(()) } else { keep_to_user(dir) }
}

fn refuse_other_than_folder(path: &Path) -> io::Result<()> {
    let kind = path.symlink_metadata()?.file_type();
    if kind.is_dir() {
        return Ok(());
    }
    let what = if kind.is_symlink() { "a link, and links are not followed here" } else { "no folder" };
    Err(io::Error::other(format!("{} is {what}", path.display())))
}

fn keep_to_user(dir: &Path) -> io::Result<()> {
    let data = dir.symlink_metadata()?;
    let user = rustix::process::geteuid();
    // The superuser may work in anybody's workspace.
    if data.uid() != user.as_raw() && !user.is_root() {
        return Err(io::Error::other(format!("{} belongs to another user", dir.display())));
    }
    if data.mode() & 0o077 == 0 { Ok(()) } else { fs::set_permissions(dir, Permissions::from_mode(0o700)) }
}

/// Git shall not see what lies in this folder, unless its user has said otherwise.
pub(crate) fn hide_from_git(dir: &Path) -> io::Result<()> {
    // Not by way of a temporary file: runs that start at the same time would take that one away from each other.
    match options().write(true).create_new(true).open(dir.join(".gitignore")) {
        Ok(mut file) => file.write_all(b"*\n"),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// What lies in a folder; nothing where it is none, or a link to one.
pub(crate) fn entries(dir: &Path) -> impl Iterator<Item = fs::DirEntry> + use<> {
    let is_folder = dir.symlink_metadata().is_ok_and(|data| data.is_dir());
    is_folder.then(|| fs::read_dir(dir).ok()).flatten().into_iter().flatten().flatten()
}

/// What every file here is opened with, the mode of access left open.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    // Without NONBLOCK a named pipe in the place of a file would hold whoever opens it.
    let flags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK);
    options.mode(0o600).custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    options
}

/// Opens a file for writing, emptied.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    only_file(options().write(true).create(true).truncate(true).open(path)?)
}

/// Opens a file for writing behind what is in it, and for reading that.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    only_file(options().read(true).append(true).create(true).open(path)?)
}

/// Opens a file for reading.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    only_file(options().read(true).open(path)?)
}

/// Opens a file of the workspace for reading: a link may lead to it.
pub(crate) fn open_plain(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // A named pipe would hold whoever opens it, and a device never ends.
    options.read(true).custom_flags(i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default());
    only_file(options.open(path)?)
}

/// Opens a file of this canonical root for reading, which no link on the way leads out of it.
pub(crate) fn open_inside(root: &Path, file: &Path) -> io::Result<File> {
    let path = root.join(file);
    let real = path.canonicalize()?;
    if !real.starts_with(root) {
        let message = format!("a link leads from it to {}, out of the workspace, and is not followed", real.display());
        return Err(io::Error::other(message));
    }
    open(&real)
}

/// The same for a file in a folder that is known to lie inside: only the file itself may be a link.
pub(crate) fn open_in_folder(root: &Path, file: &Path) -> io::Result<File> {
    open(&root.join(file)).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Err(error),
        // What is no link fails the same way again.
        _ => open_inside(root, file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::other("it is a link that leads nowhere"),
            _ => error,
        }),
    })
}

/// Reads a file of the workspace of at most this many bytes; a longer one is refused.
pub(crate) fn read_plain(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    at_most(open_plain(path)?, most)
}

/// Refuses what is no plain file: a named pipe, a device.
pub(crate) fn only_file(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no plain file")) }
}

/// Reads a file of at most this many bytes; a longer one is refused.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    at_most(open(path)?, most)
}

/// Reads what is left of a file, which is at most this many bytes; more is refused.
pub(crate) fn at_most(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// Takes what stands in a file from a place on, piece by piece, each with its place, wherever the file stands itself. It may be
/// long, and is never held whole.
pub(crate) fn each_piece(
    file: &File,
    start: u64,
    mut take: impl FnMut(&[u8], u64) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    let mut at = start;
    loop {
        let count = match file.read_at(&mut buffer, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            count => count?,
        };
        let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else { return Ok(()) };
        take(piece, at)?;
        at += count as u64;
    }
}

/// What a file holds, wherever it stands.
pub(crate) fn text(file: &File) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    each_piece(file, 0, |piece, _| {
        text.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(text)
}

/// Makes one file's text the other one's, whatever the first one is open for and wherever it stands.
pub(crate) fn copy(from: &File, to: &File) -> io::Result<()> {
    to.set_len(0)?;
    each_piece(from, 0, |piece, at| to.write_all_at(piece, at))
}

/// What tells a file from every other that is there: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// That of an open file.
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        file.metadata().map(|about| Self { device: about.dev(), inode: about.ino() })
    }

    /// Whether a path leads to it.
    pub(crate) fn is_at(self, path: &Path) -> bool {
        path.symlink_metadata().is_ok_and(|there| (there.dev(), there.ino()) == (self.device, self.inode))
    }
}

/// Whether a path leads to this file.
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    FileId::of(file).is_ok_and(|id| id.is_at(path))
}

/// Writes a file whole: a reader sees all of it or nothing. `path` must have one writer at a time.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".tmp");
    let unfinished = path.with_file_name(name);
    let written = create(&unfinished).and_then(|mut file| file.write_all(bytes));
    let whole = written.and_then(|()| fs::rename(&unfinished, path));
    if whole.is_err() {
        // On a full disk it would hold room that nobody gets back.
        let _ = fs::remove_file(&unfinished);
    }
    whole
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_file_is_reached_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        fs::write(&target, "precious").unwrap();
        symlink(&target, &link).unwrap();
        assert!(create(&link).is_err());
        assert!(open(&link).is_err());
        // What is written by rename takes the link's place; what would be written through is refused.
        write_whole(&link, b"new").unwrap();
        symlink(&target, dir.path().join("other.tmp")).unwrap();
        assert!(write_whole(&dir.path().join("other"), b"new").is_err());
        assert_eq!(fs::read(&target).unwrap(), b"precious");
    }

    #[test]
    fn a_folder_is_claimed_unless_a_link_stands_in_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, outside) = (dir.path().join("inside"), dir.path().join("outside"));
        fs::create_dir_all(inside.join("open")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::set_permissions(inside.join("open"), Permissions::from_mode(0o755)).unwrap();
        claim(&inside, &inside.join("open/runs")).unwrap();
        claim(&inside, &inside.join("open")).unwrap();
        for folder in ["open", "open/runs"] {
            assert_eq!(inside.join(folder).metadata().unwrap().mode() & 0o777, 0o700, "{folder}");
        }
        symlink(&outside, inside.join("away")).unwrap();
        let message = claim(&inside, &inside.join("away/runs")).unwrap_err().to_string();
        assert!(message.ends_with("away is a link, and links are not followed here"), "{message}");
        assert!(!outside.join("runs").exists());
    }

    #[test]
    fn a_named_pipe_in_the_place_of_a_file_holds_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(open(&pipe).is_err());
    }

    #[test]
    fn a_claim_makes_what_is_missing_and_leaves_a_private_folder_as_its_owner_made_it() {
        let dir = tempfile::tempdir().unwrap();
        let (above, claimed) = (dir.path().join("home/state"), dir.path().join("home/state/runs/one"));
        claim(&above, &claimed).unwrap();
        assert_eq!(above.metadata().unwrap().mode() & 0o777, 0o700);
        // The sticky bit stands for all that nobody here has asked to change.
        fs::set_permissions(&claimed, Permissions::from_mode(0o1700)).unwrap();
        claim(&above, &claimed).unwrap();
        assert_eq!(claimed.metadata().unwrap().mode() & 0o7777, 0o1700);
    }

    #[test]
    fn a_folder_that_cannot_be_made_says_why() {
        // Nobody makes folders there. That it is not there afterwards is not the reason.
        let sys = Path::new("/sys");
        let error = claim(sys, &sys.join("feature-build")).unwrap_err();
        assert_ne!(error.kind(), io::ErrorKind::NotFound, "{error}");
    }

    #[test]
    fn git_sees_nothing_of_a_folder_unless_its_user_said_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(".gitignore");
        hide_from_git(dir.path()).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"*\n");
        fs::write(&file, "own").unwrap();
        hide_from_git(dir.path()).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"own");
        assert!(hide_from_git(&dir.path().join("missing")).is_err());
    }

    #[test]
    fn only_a_folder_itself_has_entries() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, link) = (dir.path().join("folder"), dir.path().join("link"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("file"), "").unwrap();
        symlink(&folder, &link).unwrap();
        let names = |path: &Path| entries(path).map(|entry| entry.file_name()).collect::<Vec<_>>();
        assert_eq!(names(&folder), ["file"]);
        for nothing in [link, folder.join("file"), folder.join("missing")] {
            assert!(names(&nothing).is_empty(), "{}", nothing.display());
        }
    }

    #[test]
    fn a_link_is_followed_inside_of_the_root_only() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let (root, outside) = (base.join("root"), base.join("outside"));
        fs::create_dir(&root).unwrap();
        for (file, text) in [(root.join("file"), "inside"), (outside.clone(), "outside")] {
            fs::write(file, text).unwrap();
        }
        symlink("file", root.join("in")).unwrap();
        symlink("../outside", root.join("out")).unwrap();
        for open in [open_inside, open_in_folder] {
            for name in ["file", "in"] {
                let file = open(&root, Path::new(name)).unwrap();
                assert_eq!(at_most(file, 100).unwrap(), b"inside", "{name}");
            }
            let refused = open(&root, Path::new("out")).unwrap_err().to_string();
            assert!(refused.contains("out of the workspace, and is not followed"), "{refused}");
            assert_eq!(open(&root, Path::new("missing")).unwrap_err().kind(), io::ErrorKind::NotFound);
        }
    }

    #[test]
    fn a_long_file_is_taken_in_pieces_from_a_place_on() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("long"), dir.path().join("other"));
        let long: Vec<u8> = (0..2 * PIECE + 7).map(|at| u8::try_from(at % 251).unwrap()).collect();
        fs::write(&path, &long).unwrap();
        let file = open(&path).unwrap();
        for start in [0, 1, PIECE, long.len(), long.len() + 1] {
            let mut taken = Vec::new();
            each_piece(&file, start as u64, |piece, at| {
                assert_eq!(at, (start + taken.len()) as u64);
                taken.extend_from_slice(piece);
                Ok(())
            })
            .unwrap();
            assert_eq!(taken, long.get(start..).unwrap_or_default(), "from {start} on");
        }
        fs::write(&other, vec![b'x'; long.len() + 1]).unwrap();
        copy(&file, &options().write(true).open(&other).unwrap()).unwrap();
        assert_eq!((fs::read(&other).unwrap(), text(&file).unwrap()), (long.clone(), long));
    }

    #[test]
    fn what_cannot_be_read_is_not_copied() {
        let dir = tempfile::tempdir().unwrap();
        let written = create(&dir.path().join("written")).unwrap();
        assert!(copy(&written, &create(&dir.path().join("other")).unwrap()).is_err());
        assert!(text(&written).is_err());
    }

    #[test]
    fn a_file_is_read_up_to_its_limit_and_not_in_part() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "12345").unwrap();
        symlink(&file, &link).unwrap();
        for read in [read, read_plain] {
            assert_eq!(read(&file, 6).unwrap(), b"12345");
            assert_eq!(read(&file, 5).unwrap(), b"12345");
            assert_eq!(read(&file, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        }
        assert_eq!(read_plain(&link, 5).unwrap(), b"12345", "a file of the workspace may be a link");
        assert!(read(&link, 5).is_err());
    }
}
