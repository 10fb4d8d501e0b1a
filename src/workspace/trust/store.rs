//! Where answers are kept: a folder of the user's own, one small file a workspace, and a key that never leaves it.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Standing, Subject, Trusted};
use crate::workspace::{self, Config, USUAL_STATE_DIR, private};

/// No record is longer: it holds a configuration and a path.
const LONGEST_RECORD: u64 = 8 << 20;
/// The length of the key.
const KEY_BYTES: u64 = 32;

/// The user's answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    dir: PathBuf,
}

/// The user's answers cannot be read or kept.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The environment does not say where the user's state lies.
    #[error("looking for what you trust: neither XDG_STATE_HOME nor HOME names a folder")]
    Nowhere,
    /// Who brings the workspace could bring the answers with it.
    #[error(
        "looking for what you trust: {} lies in the workspace itself, which could bring answers of its own; let \
         XDG_STATE_HOME name a folder outside",
        .0.display()
    )]
    Inside(PathBuf),
    /// A file or folder fails.
    #[error("reading or writing what you trust in {}", .path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another configuration than the one that was shown is on disk by now.
    #[error("trusting {}: its feature-build.yaml has changed meanwhile; look at it again", .0.display())]
    Changed(PathBuf),
}

/// The content of a workspace's file.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// The workspace, for people who look into the folder.
    root: String,
    /// The hash that is trusted.
    hash: String,
    /// The text that it was made from, to show what changed.
    text: String,
}

impl Store {
    /// The store of this process's user: `feature-build/trust` below `XDG_STATE_HOME`, or below `~/.local/state`.
    ///
    /// # Errors
    /// [`StoreError::Nowhere`].
    pub fn of_user() -> Result<Self, StoreError> {
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")));
        Ok(Self::at(&state.ok_or(StoreError::Nowhere)?))
    }

    /// The store below this folder for state of all programs.
    pub fn at(state_home: &Path) -> Self {
        Self { dir: state_home.join("feature-build/trust") }
    }

    /// How a configuration stands. Blocking.
    ///
    /// # Errors
    /// [`StoreError`] where the record is there and cannot be read: better to say so than to ask again and again.
    pub fn standing(&self, subject: Subject) -> Result<Standing, StoreError> {
        self.refuse_inside(subject.root())?;
        match self.record(subject.root())? {
            None => Ok(Standing::New),
            Some(record) if record.hash == subject.hash() => {
                Ok(Standing::Trusted(Trusted { subject: Box::new(subject), store: self.clone() }))
            }
            Some(record) => Ok(Standing::Changed { before: record.text }),
        }
    }

    /// Trusts the configuration that was shown. Blocking.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Changed`] where the disk has another one by now: nobody has seen that.
    pub fn trust(&self, shown: &Subject) -> Result<Trusted, StoreError> {
        let root = shown.root().to_path_buf();
        self.refuse_inside(&root)?;
        let now = Subject::read(&root).map_err(|_| StoreError::Changed(root.clone()))?;
        if now.hash() != shown.hash() {
            return Err(StoreError::Changed(root));
        }
        let record = Record { root: root.display().to_string(), hash: now.hash().into(), text: now.text().into() };
        self.claim()?;
        let path = self.path_of(&root);
        let written = || -> io::Result<()> {
            let unfinished = self.unfinished()?;
            private::create(&unfinished)?.write_all(&serde_json::to_vec(&record)?)?;
            fs::rename(&unfinished, &path)
        };
        written().map_err(|source| StoreError::Io { path: path.clone(), source })?;
        Ok(Trusted { subject: Box::new(now), store: self.clone() })
    }

    /// Writes down what the user shall read before an answer, where no workspace can change it. Blocking.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn write_down(&self, root: &Path, text: &str) -> Result<PathBuf, StoreError> {
        self.refuse_inside(root)?;
        self.claim()?;
        // An editor shows the file's name: in a folder that is this workspace's own it can be words.
        let folder = self.path_of(root).with_extension("shown");
        let path = folder.join("what-you-are-asked-to-trust.txt");
        let written = || -> io::Result<()> {
            private::claim(&self.dir, &folder)?;
            let unfinished = self.unfinished()?;
            private::create(&unfinished)?.write_all(text.as_bytes())?;
            fs::rename(&unfinished, &path)
        };
        written().map_err(|source| StoreError::Io { path: path.clone(), source })?;
        Ok(path)
    }

    /// The configuration that the user trusted last in this root, whatever stands there now. Blocking.
    pub(crate) fn trusted_before(&self, root: &Path) -> Option<Config> {
        self.refuse_inside(root).ok()?;
        Config::parse(&self.record(root).ok()??.text).ok()
    }

    /// Whether a workspace could not have brought what is kept here.
    pub(crate) fn is_outside(&self, root: &Path) -> bool {
        self.refuse_inside(root).is_ok()
    }

    /// A folder for what else is kept of workspaces, outside of them. It need not be there.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.dir.with_file_name(name)
    }

    /// Forgets that a workspace was trusted; false where it was not. Blocking.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn revoke(&self, root: &Path) -> Result<bool, StoreError> {
        let path = self.path_of(root);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(StoreError::Io { path, source }),
        }
    }

    /// A seal that only who has this user's key can make. Blocking.
    ///
    /// # Errors
    /// [`StoreError`] where the key can be neither read nor made.
    pub(crate) fn seal(&self, what: &[u8]) -> Result<String, StoreError> {
        let key = match self.key()? {
            Some(key) => key,
            None => self.make_key()?,
        };
        Ok(blake3::keyed_hash(&key, what).to_hex().to_string())
    }

    /// Was this, which lies in this state folder, sealed with this user's key? Blocking.
    ///
    /// # Errors
    /// [`StoreError`] where the key cannot be read, or could have come with what is sealed.
    pub(crate) fn is_sealed(&self, what: &[u8], seal: &[u8], state_dir: &Path) -> Result<bool, StoreError> {
        self.is_sealed_in_pieces(seal, state_dir, |hasher| {
            hasher.update(what);
            Ok(())
        })
    }

    /// The same for what is too long to be held before it is believed. What cannot be read is not sealed. Blocking.
    ///
    /// # Errors
    /// As for [`Self::is_sealed`].
    pub(crate) fn is_sealed_in_pieces(
        &self,
        seal: &[u8],
        state_dir: &Path,
        feed: impl FnOnce(&mut blake3::Hasher) -> io::Result<()>,
    ) -> Result<bool, StoreError> {
        self.refuse_beside(state_dir)?;
        let Some(key) = self.key()? else { return Ok(false) };
        let Ok(seal) = blake3::Hash::from_hex(seal.trim_ascii()) else { return Ok(false) };
        let mut hasher = blake3::Hasher::new_keyed(&key);
        // Compared in constant time, as this type does.
        Ok(feed(&mut hasher).is_ok() && hasher.finalize() == seal)
    }

    /// Refuses to answer for a workspace that this store is a part of.
    fn refuse_inside(&self, root: &Path) -> Result<(), StoreError> {
        self.refuse(Some(root).filter(|root| self.real().starts_with(root)))
    }

    /// The same for a state folder, wherever its workspace says that it is.
    fn refuse_beside(&self, state_dir: &Path) -> Result<(), StoreError> {
        // What is not there has nothing in it that could be believed.
        let Ok(state_dir) = state_dir.canonicalize() else { return Ok(()) };
        let own = self.real();
        let root = state_dir.ancestors().find(|root| own.starts_with(root) && is_state_dir_of(&state_dir, root));
        self.refuse(root)
    }

    fn refuse(&self, around: Option<&Path>) -> Result<(), StoreError> {
        around.map_or(Ok(()), |_| Err(StoreError::Inside(self.dir.clone())))
    }

    /// Where it lies, links followed; as much of that as is there already.
    fn real(&self) -> PathBuf {
        self.dir.ancestors().find_map(|folder| folder.canonicalize().ok()).unwrap_or_default()
    }

    fn record(&self, root: &Path) -> Result<Option<Record>, StoreError> {
        let path = self.path_of(root);
        let bytes = match read_private(&path, LONGEST_RECORD) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Io { path, source }),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| StoreError::Io { path, source: error.into() })
    }

    /// The name is made of the path's bytes: every path has one of its own, whatever its length or spelling.
    fn path_of(&self, root: &Path) -> PathBuf {
        self.dir.join(format!("{}.json", blake3::hash(root.as_os_str().as_bytes()).to_hex()))
    }

    fn key(&self) -> Result<Option<[u8; 32]>, StoreError> {
        let path = self.dir.join("key");
        let failed = |source| StoreError::Io { path: path.clone(), source };
        match read_private(&path, KEY_BYTES) {
            Ok(bytes) => bytes.try_into().map(Some).map_err(|_| failed(io::ErrorKind::InvalidData.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed(source)),
        }
    }

    /// Makes the key, unless another process has just done so: then that one counts.
    fn make_key(&self) -> Result<[u8; 32], StoreError> {
        self.claim()?;
        let path = self.dir.join("key");
        let made = || -> io::Result<()> {
            let unfinished = self.unfinished()?;
            private::create(&unfinished)?.write_all(&random_bytes()?)?;
            let linked = fs::hard_link(&unfinished, &path);
            fs::remove_file(&unfinished)?;
            linked.or_else(|error| if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })
        };
        made().map_err(|source| StoreError::Io { path: path.clone(), source })?;
        self.key()?.ok_or_else(|| StoreError::Io { path, source: io::ErrorKind::NotFound.into() })
    }

    /// A name for a file that is being written; several processes may write at the same time.
    fn unfinished(&self) -> io::Result<PathBuf> {
        let name = blake3::Hash::from_bytes(random_bytes()?).to_hex();
        Ok(self.dir.join(format!("{name}.tmp")))
    }

    fn claim(&self) -> Result<(), StoreError> {
        let home = self.dir.parent().and_then(Path::parent).unwrap_or(&self.dir);
        private::claim(home, &self.dir).map_err(|source| StoreError::Io { path: self.dir.clone(), source })
    }
}

/// Would runs of a workspace in this folder lie there? Both are canonical.
fn is_state_dir_of(state_dir: &Path, root: &Path) -> bool {
    let says = |config: Config| workspace::state_dir(root, &config).canonicalize().ok();
    state_dir == root.join(USUAL_STATE_DIR)
        || Config::load(root).ok().and_then(says).is_some_and(|dir| dir == state_dir)
}

/// What a repository or an archive brings can be read by others, where nobody takes care that it cannot.
pub(crate) fn read_private(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = private::open(path)?;
    if file.metadata()?.mode() & 0o077 != 0 {
        return Err(io::Error::other(
            "it is not private to you, as feature-build makes it: it may have come from elsewhere",
        ));
    }
    private::at_most(file, most)
}

fn random_bytes() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::workspace::FILE_NAME;

    struct Bench {
        dir: tempfile::TempDir,
        store: Store,
    }

    fn bench(text: &str) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::at(&dir.path().join("state"));
        let bench = Bench { dir, store };
        fs::create_dir(bench.root()).unwrap();
        bench.write(text);
        bench
    }

    impl Bench {
        fn root(&self) -> PathBuf {
            self.dir.path().join("workspace")
        }

        fn write(&self, text: &str) {
            fs::write(self.root().join(FILE_NAME), text).unwrap();
        }

        fn subject(&self) -> Subject {
            Subject::read(&self.root()).unwrap()
        }

        fn standing(&self) -> Standing {
            self.store.standing(self.subject()).unwrap()
        }
    }

    #[test]
    fn trust_is_for_one_text_at_one_place() {
        let bench = bench("run: {command: a}");
        assert!(matches!(bench.standing(), Standing::New));
        let trusted = bench.store.trust(&bench.subject()).unwrap();
        assert!(matches!(bench.standing(), Standing::Trusted(_)));
        let subject = bench.subject();
        assert_eq!((trusted.root(), trusted.hash()), (subject.root(), subject.hash()));
        assert_eq!(trusted.config(), subject.config());
        assert_eq!(trusted.seal(b"order").unwrap(), bench.store.seal(b"order").unwrap());

        bench.write("run: {command: b}");
        assert!(matches!(bench.standing(), Standing::Changed { before } if before == "run: {command: a}"));
        assert_eq!(bench.store.trusted_before(subject.root()).as_ref(), Some(subject.config()));
        bench.write("run: {command: a}");
        assert!(matches!(bench.standing(), Standing::Trusted(_)), "what was trusted is so again");

        let copy = bench.dir.path().join("copy");
        fs::create_dir(&copy).unwrap();
        fs::copy(bench.root().join(FILE_NAME), copy.join(FILE_NAME)).unwrap();
        assert!(matches!(bench.store.standing(Subject::read(&copy).unwrap()).unwrap(), Standing::New));

        assert!(bench.store.revoke(bench.subject().root()).unwrap());
        assert!(!bench.store.revoke(bench.subject().root()).unwrap());
        assert!(matches!(bench.standing(), Standing::New));
        assert!(bench.store.trusted_before(subject.root()).is_none());
        // What cannot be forgotten is told.
        fs::create_dir(bench.store.path_of(subject.root())).unwrap();
        assert!(bench.store.revoke(subject.root()).is_err());
    }

    #[test]
    fn a_store_that_a_workspace_holds_answers_nothing_of_it() {
        let mut bench = bench("run: {command: a}");
        let root = bench.subject().root().to_path_buf();
        assert!(bench.store.is_outside(&root));
        let shown = bench.store.write_down(&root, "all of it").unwrap();
        assert_eq!(fs::read_to_string(shown).unwrap(), "all of it");
        assert_eq!(bench.store.beside("runs"), bench.dir.path().join("state/feature-build/runs"));

        bench.store = Store::at(&root.join("state"));
        let is_inside = |error: StoreError| matches!(error, StoreError::Inside(_));
        assert!(is_inside(bench.store.standing(bench.subject()).unwrap_err()));
        assert!(is_inside(bench.store.trust(&bench.subject()).unwrap_err()));
        assert!(is_inside(bench.store.write_down(&root, "all of it").unwrap_err()));
        assert!(!bench.store.is_outside(&root));
        assert!(bench.store.trusted_before(&root).is_none());
    }

    #[test]
    fn no_seal_counts_whose_key_could_have_come_with_it() {
        let bench = bench("state_dir: elsewhere\n");
        let root = bench.root();
        let unsaid = bench.dir.path().join("unsaid");
        for folder in
            [root.join(".feature-build"), root.join("elsewhere"), root.join("other"), unsaid.join(".feature-build")]
        {
            fs::create_dir_all(folder).unwrap();
        }
        let counts =
            |store: &Store, dir: PathBuf| match store.is_sealed(b"x", store.seal(b"x").unwrap().as_bytes(), &dir) {
                Ok(is_sealed) => is_sealed,
                Err(error) => panic!("{error:?}"),
            };
        let is_refused = |store: &Store, dir: PathBuf| {
            let seal = store.seal(b"x").unwrap();
            matches!(store.is_sealed(b"x", seal.as_bytes(), &dir), Err(StoreError::Inside(_)))
        };
        for dir in [root.join(".feature-build"), root.join("elsewhere"), root.join("missing")] {
            assert!(counts(&bench.store, dir));
        }
        let inside = Store::at(&root.join("state"));
        assert!(is_refused(&inside, root.join(".feature-build")));
        assert!(is_refused(&inside, root.join("elsewhere")));
        assert!(counts(&inside, root.join("other")), "no state folder of the workspace around the store");
        assert!(
            is_refused(&Store::at(&unsaid.join("state")), unsaid.join(".feature-build")),
            "without a configuration"
        );
    }

    #[test]
    fn a_key_is_made_once_and_counts_only_as_it_was_made() {
        let bench = bench("");
        let first = bench.store.make_key().unwrap();
        assert_eq!(bench.store.make_key().unwrap(), first, "another process was faster");
        let seal = bench.store.seal(b"x").unwrap();
        fs::set_permissions(bench.store.dir.join("key"), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(
            matches!(bench.store.seal(b"x"), Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::Other)
        );
        assert!(bench.store.is_sealed(b"x", seal.as_bytes(), bench.dir.path()).is_err());
    }

    #[test]
    fn what_changed_between_looking_and_answering_is_not_trusted() {
        let bench = bench("run: {command: a}");
        let shown = bench.subject();
        bench.write("run: {command: b}");
        assert!(matches!(bench.store.trust(&shown), Err(StoreError::Changed(_))));
        assert!(matches!(bench.standing(), Standing::New));
    }

    #[test]
    fn a_link_to_a_workspace_is_the_workspace() {
        let bench = bench("run: {command: a}");
        bench.store.trust(&bench.subject()).unwrap();
        let link = bench.dir.path().join("link");
        symlink(bench.root(), &link).unwrap();
        assert!(matches!(bench.store.standing(Subject::read(&link).unwrap()).unwrap(), Standing::Trusted(_)));
    }

    #[test]
    fn only_the_same_key_makes_the_same_seal() {
        let (one, other) = (bench(""), bench(""));
        let at = one.dir.path();
        assert!(!one.store.is_sealed(b"order", b"00", at).unwrap(), "no key, no seal");
        let seal = one.store.seal(b"order").unwrap();
        assert!(one.store.is_sealed(b"order", seal.as_bytes(), at).unwrap());
        assert!(!one.store.is_sealed(b"other", seal.as_bytes(), at).unwrap());
        assert!(!one.store.is_sealed(b"order", b"no seal", at).unwrap());
        other.store.seal(b"order").unwrap();
        assert!(!other.store.is_sealed(b"order", seal.as_bytes(), at).unwrap());
    }

    #[test]
    fn the_store_is_private_and_follows_no_link() {
        let bench = bench("");
        bench.store.trust(&bench.subject()).unwrap();
        bench.store.seal(b"order").unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&bench.store.dir), 0o700);
        let files: Vec<_> = fs::read_dir(&bench.store.dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 2, "{files:?}");
        assert!(files.iter().all(|file| mode(file) == 0o600));

        let moved = bench.dir.path().join("moved");
        let record = bench.store.path_of(bench.subject().root());
        fs::rename(&record, &moved).unwrap();
        symlink(&moved, &record).unwrap();
        assert!(bench.store.standing(bench.subject()).is_err());
    }
}
