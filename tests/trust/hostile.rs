//! A workspace from the internet, and a user who has not seen it yet.

use std::fs;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

pub const BINARY: &str = env!("CARGO_BIN_EXE_feature-build");
/// Long enough for a slow machine under load; a test that passes never waits for it.
pub const DEADLINE: Duration = Duration::from_secs(60);

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
        let (mut stdout, mut stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let mut command = self.command(root, arguments);
        command.stdout(stdout.try_clone().unwrap()).stderr(stderr.try_clone().unwrap());
        let status = wait(&mut command.spawn().unwrap(), &arguments.join(" "));
        Output { status, stdout: all(&mut stdout), stderr: all(&mut stderr) }
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

    /// The same, once its supervisor is gone: it does some things behind the end that it has told.
    pub fn ended_run_folder(&self) -> PathBuf {
        let run = self.run_folder();
        wait_until("the supervisor is gone", || {
            fs::File::open(run.join("run.lock")).is_ok_and(|lock| lock.try_lock().is_ok())
        });
        run
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

/// The end of a process, which is killed where it does not come.
pub fn wait(process: &mut Child, what: &str) -> ExitStatus {
    let give_up = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = process.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > give_up {
            process.kill().unwrap();
            panic!("`{what}` does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn all(file: &mut fs::File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let give_up = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < give_up, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
