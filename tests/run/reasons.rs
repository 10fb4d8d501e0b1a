//! What did not start says why, and the right thing.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use feature_build::run::Outcome::{Failed, Passed};
use feature_build::run::{self, Event, Follower, Launcher, RunPaths};

use crate::bench::{Bench, binary, kill_whole, processes_where, seal_run, wait_until};
use crate::terminal::{Workspace, code, text};

const KILLED: &str = "its guard was killed";

fn script(bench: &Bench, name: &str, content: &str) -> String {
    let path = bench.path(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[test]
fn a_script_whose_interpreter_is_missing_names_that() {
    let mut bench = Bench::new();
    let missing = script(&bench, "missing", "#!/opt/none/node --flag\nx\n");
    let windows = script(&bench, "windows", "#!/bin/sh\r\nexit 0\r\n");
    bench.wave("1").task_argv("A", &[], &[&missing]).task_argv("B", &[], &[&windows]);
    bench.task_argv("C", &[], &["./missing"]).task_argv("D", &[], &["./nowhere"]).task("E", "true");
    let handling = &mut bench.commands.get_mut(&crate::bench::id("E")).unwrap().handling;
    handling.verify = vec![vec!["./missing".into()]];
    let run = bench.run();
    for (task, why) in [
        ("A", "not its interpreter \"/opt/none/node\", which its first line names"),
        ("B", "its interpreter would be \"/bin/sh\\r\""),
        ("C", "not its interpreter \"/opt/none/node\""),
        ("E", "not its interpreter \"/opt/none/node\""),
    ] {
        assert_eq!(run.outcome(task), Failed);
        assert!(run.reason(task).contains(why), "{}", run.reason(task));
        assert!(run.reason(task).contains("No such file or directory"), "{}", run.reason(task));
    }
    assert!(run.reason("A").contains(&missing), "{}", run.reason("A"));
    let plain = run.reason("D");
    assert!(
        plain.ends_with("nowhere\": No such file or directory (os error 2)") && !plain.contains("is there"),
        "{plain}"
    );
}

#[test]
fn a_lock_that_is_a_folder_is_named() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", "true").task("B", "true");
    let lock = bench.state().join("locks/A.lock");
    fs::create_dir_all(&lock).unwrap();
    let run = bench.run();
    assert_eq!((run.outcome("A"), run.outcome("B")), (Failed, Passed));
    let said = format!("cannot be started: taking its lock {}: ", lock.display());
    assert!(run.reason("A").starts_with(&said), "{}", run.reason("A"));
}

#[test]
fn a_workspace_that_moved_is_said_to_be_gone() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", "touch on; until [ -e go ]; do sleep 0.01; done");
    bench.wave("2").task("B", "true");
    let run = bench.start();
    bench.wait_for_file("on");
    let (root, moved) = (bench.root(), bench.root().with_extension("moved"));
    fs::rename(&root, &moved).unwrap();
    fs::write(moved.join("go"), "").unwrap();
    let paths = RunPaths::of(&moved.join(".feature-build"), &run);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reason = runtime.block_on(async {
        let mut follower = Follower::new(paths.dir());
        let mut reason = None;
        while let Some(record) = follower.next().await.unwrap() {
            if let Event::TaskFinished { task, reason: why, .. } = record.event
                && task.as_str() == "B"
            {
                reason = why;
            }
        }
        reason
    });
    fs::rename(&moved, &root).unwrap();
    let reason = reason.unwrap();
    assert!(!reason.contains(KILLED) && reason.contains("No such file or directory"), "{reason}");
    assert!(reason.ends_with(&format!("; {} is not there any more", root.display())), "{reason}");
}

/// `ulimit -f`: a log that is too long for a file is shortened, and nobody is killed for it.
#[test]
fn a_limit_of_files_shortens_logs_and_kills_no_guard() {
    let mut bench = Bench::new();
    // 512 bytes each.
    bench.options.launcher = Launcher::At(bench.with_limit("ulimit -f 400"));
    bench
        .wave("1")
        .task("TALKS", "head -c 1000000 /dev/zero; echo end")
        .task("WRITES", "head -c 1000000 /dev/zero > big");
    let run = bench.run();
    assert_eq!(run.outcome("TALKS"), Passed, "{}", run.reason("TALKS"));
    let log = fs::read(run.paths.log(&crate::bench::id("TALKS"), 1)).unwrap();
    assert!(log.len() <= 400 * 512 && log.len() > 100 * 512 && log.ends_with(b"end\n"), "{}", log.len());
    // What a task starts is limited as ever, and says so.
    assert_eq!(run.outcome("WRITES"), Failed);
    assert!(!run.reason("WRITES").contains(KILLED), "{}", run.reason("WRITES"));
}

/// No journal goes on behind the limit, so no supervisor does; one that is under none goes on from the results.
#[test]
fn a_run_whose_journal_is_as_long_as_a_file_may_be_ends_and_can_go_on() {
    let workspace = Workspace::new();
    for number in 0..14 {
        workspace.task(&format!("T-{number}"), 1, "echo >> started; echo hi");
    }
    let own = workspace.command(&["run", "--yes"]);
    let limited = Command::new("sh")
        .args(["-c", "ulimit -f 16; exec \"$0\" \"$@\""])
        .arg(own.get_program())
        .args(own.get_args())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = text(&limited.stdout) + &text(&limited.stderr);
    assert_eq!(code(&limited), Some(1), "{said}");
    assert!(said.contains("the journal is as long as `ulimit -f` lets a file be"), "{said}");
    let resumed = workspace.call(&["run", "--resume"]);
    assert_eq!(code(&resumed), Some(0), "{}", text(&resumed.stderr));
    assert!(text(&resumed.stdout).contains("14 passed"), "{}", text(&resumed.stdout));
    assert_eq!(fs::read_to_string(workspace.root().join("started")).unwrap().lines().count(), 14);
}

#[test]
fn a_new_supervisor_that_is_killed_is_said_to_be_so() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "touch on; until [ -e go ]; do sleep 0.01; done");
    assert_eq!(code(&workspace.call(&["run", "--detach"])), Some(0));
    workspace.wait_for_file("on");
    let paths = RunPaths::of(&workspace.state(), &workspace.only_run());
    let dir = paths.dir().display().to_string();
    let supervisors = || {
        processes_where(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|&byte| byte == 0).skip(1).take(2).eq([b"__supervise".as_slice(), dir.as_bytes()])
        })
    };
    kill_whole(supervisors()[0]);
    fs::write(paths.dir().join("supervisor~.log"), "what another one said\n").unwrap();
    // The next one waits for the lock for as long as this holds it, a second and a half at the most.
    let lock = File::options().read(true).write(true).open(paths.lock()).unwrap();
    lock.lock().unwrap();
    let resume = workspace.spawn(&["run", "--resume"]);
    wait_until("there is a new one", || !supervisors().is_empty());
    kill_whole(supervisors()[0]);
    drop(lock);
    let said = resume.wait_with_output().unwrap();
    let errors = text(&said.stderr);
    assert!(errors.contains("something has killed it") && !errors.contains("another one said"), "{errors}");
    assert_eq!(code(&said), Some(1), "nothing was wrong with the question");
    workspace.write("go", "");
    assert_eq!(code(&workspace.call(&["run", "--resume"])), Some(0));
}

#[test]
fn a_path_that_is_no_text_is_refused_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap().join(OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir(&root).unwrap();
    fs::write(root.join("feature-build.yaml"), "run:\n  command: [\"true\"]\n").unwrap();
    fs::create_dir(root.join("tasks")).unwrap();
    fs::write(root.join("tasks/a.md"), "---\nid: TASK-1\ntitle: One\nstatus: backlog\nwave: 1\n---\n").unwrap();
    for _ in 0..2 {
        let run =
            Command::new(binary()).args(["run", "--trust"]).current_dir(&root).stdin(Stdio::null()).output().unwrap();
        assert_eq!(code(&run), Some(2));
        assert!(text(&run.stderr).contains("is no UTF-8"), "{}", text(&run.stderr));
        assert!(!root.join(".feature-build").exists());
    }
}

/// A supervisor that cannot read its journal says why.
#[test]
fn a_journal_that_cannot_be_read_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("runs/20260101-000000-abcd");
    fs::create_dir_all(run.join("journal.jsonl")).unwrap();
    fs::write(run.join("run.json"), "").unwrap();
    seal_run(&run);
    let said = run::resume(&run, run::Takeover::Settle, &Launcher::At(binary())).unwrap_err().to_string();
    let journal = Path::new(&run).join("journal.jsonl");
    assert!(said.ends_with(&format!("reading the journal {}: it is no plain file", journal.display())), "{said}");
}
