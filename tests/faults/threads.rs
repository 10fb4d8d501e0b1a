//! A user who may have no more processes, nor threads: what cannot be had is said, or done without.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::bench::{processes_where, wait_until};
use crate::chance::{Chance, is_long, own_user, skipped};
use crate::family::copy_binary;

/// A user that nobody else is, whatever else runs on this machine: limits of processes are a user's.
struct User(u32);

impl User {
    fn new() -> Self {
        Self(own_user())
    }

    fn processes(&self) -> Vec<i32> {
        processes_where(|pid| fs::metadata(format!("/proc/{pid}")).is_ok_and(|process| process.uid() == self.0))
    }

    /// What one command has started must not count for the next one.
    fn wait_for_the_end_of_all(&self) {
        wait_until("nothing of the user is left", || self.processes().is_empty());
    }
}

/// What a test that failed left alive.
impl Drop for User {
    fn drop(&mut self) {
        self.processes().into_iter().filter_map(Pid::from_raw).for_each(|pid| _ = kill_process(pid, Signal::KILL));
    }
}

/// All that a user of a test's own needs.
fn home(uid: u32) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "work/feature-build.yaml",
        "run:\n  command: [\"true\"]\nown:\n  files: [\"own/**/*.md\"]\n  keys: {id: key, wave: step}\n",
    );
    for number in 0..40 {
        write(
            &format!("work/tasks/f{number}/t.md"),
            &format!("---\nid: TASK-{number}\nstatus: backlog\nfeature_id: F{number}\nwave: 1\n---\n"),
        );
        write(&format!("work/own/{number}.md"), &format!("---\nkey: OWN-{number}\nstep: 1\n---\n"));
    }
    copy_binary(&dir.path().join("feature-build"));
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    give(dir.path(), uid);
    dir
}

fn give(path: &Path, uid: u32) {
    chown(path, Some(uid), Some(uid)).unwrap();
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give(&entry.unwrap().path(), uid));
    }
}

#[test]
fn where_no_thread_can_be_started_nothing_panics() {
    if !rustix::process::geteuid().is_root() {
        return skipped("only root can be a user who has no other processes");
    }
    let mut chance = Chance::new("no room for threads");
    let user = User::new();
    let home = home(user.0);
    let most = if is_long() { 16 } else { 8 };
    for processes in 1..=most {
        let mut commands: Vec<&[&str]> =
            vec![&["waves"], &["check"], &["status"], &["agents"], &["lsp"], &["log", "--follow", "TASK-1"]];
        if processes <= 4 || is_long() {
            commands.push(&["run", "--trust", "--task", "TASK-1", "--redo"]);
        }
        for arguments in commands {
            chance.tried();
            let mut child = Command::new("prlimit")
                .arg(format!("--nproc={processes}:{processes}"))
                .arg(home.path().join("feature-build"))
                .args(arguments)
                .current_dir(home.path().join("work"))
                .env_clear()
                .env("HOME", home.path())
                .env("PATH", "/usr/bin:/bin")
                .uid(user.0)
                .gid(user.0)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            wait_until(&format!("{arguments:?} ends with {processes} processes"), || {
                child.try_wait().unwrap().is_some()
            });
            let said = child.wait_with_output().unwrap();
            let errors = String::from_utf8_lossy(&said.stderr);
            assert!(!errors.contains("panicked"), "{arguments:?} with {processes}: {errors}");
            assert!(
                matches!(said.status.code(), Some(0..=2)),
                "{arguments:?} with {processes}: {:?} {errors}",
                said.status
            );
            user.wait_for_the_end_of_all();
        }
    }
    let runs = fs::read_dir(home.path().join("work/.feature-build/runs")).into_iter().flatten().flatten();
    for run in runs {
        let log = fs::read_to_string(run.path().join("supervisor~.log")).unwrap_or_default();
        assert!(!log.contains("panicked"), "{log}");
    }
}
