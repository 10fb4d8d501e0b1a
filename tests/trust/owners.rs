//! Configurations that belong to somebody else, above the folder that one works in.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::hostile::{BINARY, code, text, wait_until};

/// Two users of this machine that need no names.
const MALLORY: u32 = 64_001;
const ALICE: u32 = 64_002;

/// A folder such as `/tmp`, in which each user has a folder.
struct Shared {
    dir: tempfile::TempDir,
}

impl Shared {
    /// `None`: only the superuser can make files of other users.
    fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only the superuser can make files of other users");
            return None;
        }
        let shared = Self { dir: tempfile::tempdir().unwrap() };
        fs::set_permissions(shared.dir.path(), Permissions::from_mode(0o755)).unwrap();
        for (folder, owner) in [("tmp", 0), ("tmp/root", 0), ("tmp/alice", ALICE), ("tmp/mallory", MALLORY)] {
            shared.make(folder, owner);
        }
        fs::set_permissions(shared.path("tmp"), Permissions::from_mode(0o1777)).unwrap();
        Some(shared)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    fn make(&self, folder: &str, owner: u32) {
        fs::create_dir_all(self.path(folder)).unwrap();
        chown(self.path(folder), Some(owner), Some(owner)).unwrap();
    }

    /// A configuration of this user's, and a task beside it.
    fn configure(&self, folder: &str, owner: u32) -> PathBuf {
        let file = self.path(folder).join("feature-build.yaml");
        fs::write(&file, "run:\n  command: [touch, \"started-{id}\"]\n").unwrap();
        chown(&file, Some(owner), Some(owner)).unwrap();
        let tasks = self.path(folder).join("tasks/backlog/f");
        fs::create_dir_all(&tasks).unwrap();
        fs::write(tasks.join("T-1.md"), "---\nid: T-1\ntitle: T\nstatus: backlog\nwave: 1\n---\n").unwrap();
        file
    }

    /// What a user is told who works in this folder, with answers of the user's own.
    fn call(&self, user: u32, folder: &str, arguments: &[&str]) -> Output {
        self.command(user, &self.path(folder), arguments).output().unwrap()
    }

    fn command(&self, user: u32, folder: &Path, arguments: &[&str]) -> Command {
        let state = format!("state-{user}");
        self.make(&state, user);
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &user.to_string(), "--regid", &user.to_string(), "--clear-groups", BINARY]);
        command.args(arguments).current_dir(folder).stdin(Stdio::null());
        command.env("XDG_STATE_HOME", self.path(&state)).env("HOME", self.path(&state)).env_remove("SUDO_UID");
        command
    }
}

fn is_refused(ended: &Output, owner: u32) -> bool {
    let said = text(&ended.stderr);
    let is_told = said.contains(&format!("belongs to the user with the id {owner}")) && said.contains("-C ");
    assert_eq!(is_told, code(ended) == Some(2), "{said}{}", text(&ended.stdout));
    is_told
}

#[test]
fn a_configuration_that_another_user_left_above_is_refused_with_the_reason() {
    let Some(shared) = Shared::new() else { return };
    let config = shared.configure("tmp", MALLORY);
    for (user, folder) in [(0, "tmp/root"), (ALICE, "tmp/alice")] {
        for way in [&["waves"][..], &["check"], &["run", "--trust"], &["trust"], &["status"], &["cancel", "--all"]] {
            let ended = shared.call(user, folder, way);
            assert!(is_refused(&ended, MALLORY), "{user} {way:?}: {}", text(&ended.stdout));
            assert!(text(&ended.stderr).contains(config.to_str().unwrap()), "{}", text(&ended.stderr));
        }
    }
    assert!(!shared.path("tmp/started-T-1").exists() && !shared.path("tmp/.feature-build").exists());
    // A link is its own file: whoever made it chose where it leads.
    fs::rename(&config, shared.path("tmp/root-has-it.yaml")).unwrap();
    chown(shared.path("tmp/root-has-it.yaml"), Some(0), Some(0)).unwrap();
    symlink("root-has-it.yaml", &config).unwrap();
    assert!(!is_refused(&shared.call(ALICE, "tmp/alice", &["waves"]), 0));
    lchown(&config, Some(MALLORY), Some(MALLORY)).unwrap();
    assert!(is_refused(&shared.call(ALICE, "tmp/alice", &["waves"]), MALLORY));
}

#[test]
fn ones_own_the_superusers_and_that_of_the_folders_owner_are_taken() {
    let Some(shared) = Shared::new() else { return };
    for (owner, user, folder) in [
        (0, ALICE, "tmp/alice"),
        (ALICE, ALICE, "tmp/alice"),
        (ALICE, 0, "tmp/alice"),
        (MALLORY, ALICE, "tmp/mallory"),
        (0, 0, "tmp/root"),
    ] {
        shared.configure("tmp", owner);
        let ended = shared.call(user, folder, &["waves"]);
        assert!(!is_refused(&ended, owner), "{owner} {user} {folder}");
        assert!(text(&ended.stdout).contains("T-1"), "{}", text(&ended.stdout));
    }
    // In a folder of Mallory's own anybody's file but the superuser's could have been put there.
    shared.make("tmp/mallory/open", ALICE);
    shared.configure("tmp", 0);
    shared.configure("tmp/mallory", ALICE);
    assert!(is_refused(&shared.call(ALICE, "tmp/mallory/open", &["waves"]), MALLORY));
    shared.configure("tmp/mallory", 0);
    assert!(!is_refused(&shared.call(ALICE, "tmp/mallory/open", &["waves"]), MALLORY));
    // Who calls `sudo` works on files of their own.
    shared.configure("tmp", MALLORY);
    let mut sudo = shared.command(0, &shared.path("tmp/root"), &["waves"]);
    assert!(!is_refused(&sudo.env("SUDO_UID", MALLORY.to_string()).output().unwrap(), MALLORY));
    let mut no_sudo = shared.command(ALICE, &shared.path("tmp/alice"), &["waves"]);
    assert!(is_refused(&no_sudo.env("SUDO_UID", MALLORY.to_string()).output().unwrap(), MALLORY));
}

#[test]
fn a_folder_that_was_named_and_trusted_is_taken_until_its_configuration_changes() {
    let Some(shared) = Shared::new() else { return };
    let config = shared.configure("tmp", MALLORY);
    let tmp = shared.path("tmp");
    let named =
        |arguments: &[&str]| shared.call(ALICE, "tmp/alice", &[&["-C", tmp.to_str().unwrap()], arguments].concat());
    assert_eq!(code(&named(&["waves"])), Some(0), "it was named");
    assert!(is_refused(&shared.call(ALICE, "tmp/alice", &["waves"]), MALLORY), "it was not trusted");
    assert_eq!(code(&named(&["trust"])), Some(0));
    assert!(!is_refused(&shared.call(ALICE, "tmp/alice", &["waves"]), MALLORY));
    assert!(is_refused(&shared.call(0, "tmp/root", &["waves"]), MALLORY), "another user trusted it");
    fs::write(&config, "run:\n  command: [touch, owned]\n").unwrap();
    assert!(is_refused(&shared.call(ALICE, "tmp/alice", &["waves"]), MALLORY));
    let made = shared.call(ALICE, "tmp/alice", &["init", "--agent", "claude", "--yes"]);
    assert_eq!(code(&made), Some(0), "{}", text(&made.stderr));
    assert!(shared.path("tmp/alice/feature-build.yaml").exists());
    let own = text(&shared.call(ALICE, "tmp/alice", &["waves"]).stderr);
    assert!(own.contains("no task files in") && own.contains("tmp/alice"), "{own}");
}

#[test]
fn a_state_folder_of_another_users_holds_no_run_but_the_superusers() {
    let Some(shared) = Shared::new() else { return };
    shared.configure("tmp/alice", ALICE);
    let run = |user: u32| {
        shared.make("tmp/alice/.feature-build", MALLORY);
        shared.call(user, "tmp/alice", &["run", "--trust"])
    };
    let refused = run(ALICE);
    assert_eq!(code(&refused), Some(2), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("/.feature-build belongs to another user"), "{}", text(&refused.stderr));
    assert!(!shared.path("tmp/alice/started-T-1").exists());
    // The superuser may work in anybody's workspace.
    assert_eq!(code(&run(0)), Some(0));
    assert!(shared.path("tmp/alice/started-T-1").exists());
    // What is Alice's own, also where others could enter it.
    fs::remove_file(shared.path("tmp/alice/started-T-1")).unwrap();
    // Its supervisor does some things behind the end that it has told.
    wait_until("the state folder is gone", || fs::remove_dir_all(shared.path("tmp/alice/.feature-build")).is_ok());
    shared.make("tmp/alice/.feature-build", ALICE);
    assert_eq!(code(&shared.call(ALICE, "tmp/alice", &["run", "--redo", "--trust"])), Some(0));
}

/// Nobody's plans become somebody else's, whichever tool they look like.
#[test]
fn a_planning_folder_that_another_user_left_above_chooses_no_root() {
    let Some(shared) = Shared::new() else { return };
    let task = "---\nid: T-9\ntitle: T\nstatus: To Do\nwave: 1\n---\n";
    let plans: [&[(&str, &str)]; 5] = [
        &[("tasks/backlog/f/T-9.md", task)],
        &[("backlog/config.yml", "project_name: x\n"), ("backlog/tasks/task-9 - T.md", task)],
        &[("backlog.config.yml", "project_name: x\nbacklog_directory: b\n"), ("b/tasks/task-9 - T.md", task)],
        &[(".planning/phases/01-x/01-01-PLAN.md", "---\nphase: 01-x\nplan: 01\nwave: 1\n---\n")],
        &[(".git/HEAD", "ref: refs/heads/main\n"), ("tasks/backlog/f/T-9.md", task)],
    ];
    let is_root = |user: u32, folder: &str| {
        let said = shared.call(user, folder, &["check"]);
        let said = text(&said.stdout) + &text(&said.stderr);
        !said.contains("no task was read here")
    };
    for plan in plans {
        for (owner, is_taken) in [(MALLORY, false), (ALICE, true), (0, true)] {
            let mut made = Vec::new();
            for (file, content) in plan {
                let path = shared.path("tmp").join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, content).unwrap();
                let all = Path::new(file).ancestors().filter(|part| !part.as_os_str().is_empty());
                all.for_each(|part| chown(shared.path("tmp").join(part), Some(owner), Some(owner)).unwrap());
                made.push(shared.path("tmp").join(Path::new(file).iter().next().unwrap()));
            }
            assert_eq!(is_root(ALICE, "tmp/alice"), is_taken, "{plan:?} of {owner}");
            // Whoever goes there has chosen it.
            assert!(is_root(ALICE, "tmp"), "{plan:?} of {owner}");
            for path in made {
                if path.is_dir() {
                    fs::remove_dir_all(path).unwrap();
                } else if path.exists() {
                    fs::remove_file(path).unwrap();
                }
            }
        }
    }
}
