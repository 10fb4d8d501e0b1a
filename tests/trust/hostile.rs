//! A workspace from the internet, and a user who has not seen it yet.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

pub const BINARY: &str = env!("CARGO_BIN_EXE_feature-build");
/// Long enough for a slow machine under load; a test that passes never waits for it.
const DEADLINE: Duration = Duration::from_secs(60);

/// A workspace whose one task leaves a file behind, and a user who has not seen it yet.
pub struct Hostile {
    pub dir: tempfile::TempDir,
}

impl Hostile {
    pub fn new() -> Self {
        let hostile = Self { dir: tempfile::tempdir().unwrap() };
        hostile.write("feature-build.yaml", "run:\n  command: [touch, \"started-{id}\"]\n");
        hostile.write("tasks/backlog/f/T-1.md", "---\nid: T-1\ntitle: T\nstatus: backlog\nwave: 1\n---\n");
        hostile
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join("workspace")
    }

    pub fn state_home(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub fn write(&self, file: &str, text: &str) {
        let path = self.root_or_new().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn root_or_new(&self) -> PathBuf {
        fs::create_dir_all(self.dir.path().join("workspace")).unwrap();
        self.root()
    }

    pub fn call_in(&self, root: &Path, arguments: &[&str]) -> Output {
        self.command(root, arguments).output().unwrap()
    }

    pub fn command(&self, root: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.arg("-C").arg(root).args(arguments).env("XDG_STATE_HOME", self.state_home()).stdin(Stdio::null());
        command
    }

    pub fn call(&self, arguments: &[&str]) -> Output {
        self.call_in(&self.root(), arguments)
    }

    pub fn has_started(&self) -> bool {
        self.root().join("started-T-1").exists()
    }

    /// The folder of the one run that there is.
    pub fn run_folder(&self) -> PathBuf {
        let mut runs = fs::read_dir(self.root().join(".feature-build/runs")).unwrap();
        let run = runs.next().unwrap().unwrap().path();
        assert!(runs.next().is_none());
        run
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let give_up = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < give_up, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
