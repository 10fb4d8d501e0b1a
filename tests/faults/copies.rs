//! Workspaces that are copied and moved, and state folders that two of them share, while their runs go on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::Signal;

use crate::bench::{binary, kill_whole, processes_where, wait_until};
use crate::chance::{Chance, is_long};
use crate::family::{guards, supervisor};

/// Folders of workspaces, and a user.
pub struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    /// A workspace of one task, which says its process in `started` and waits for the file `go`.
    pub fn workspace(&self, name: &str, more: &str) -> PathBuf {
        let root = self.path(name);
        fs::create_dir_all(root.join("tasks/backlog/f")).unwrap();
        let agent = "echo $$ >> started; until [ -e go ]; do sleep 0.02; done; echo done >> ended\n";
        fs::write(root.join("agent.sh"), agent).unwrap();
        let config = format!("run:\n  command: [sh, agent.sh, \"{{id}}\"]\ngrace_seconds: 0.5\n{more}");
        fs::write(root.join("feature-build.yaml"), config).unwrap();
        fs::write(root.join("tasks/backlog/f/T.md"), "---\nid: T\ntitle: T\nstatus: backlog\nwave: 1\n---\n").unwrap();
        root
    }

    pub fn command(&self, root: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.arg("-C").arg(root).args(arguments).env("XDG_STATE_HOME", self.path("home")).stdin(Stdio::null());
        command
    }

    pub fn call(&self, root: &Path, arguments: &[&str]) -> Output {
        self.command(root, arguments).output().unwrap()
    }

    /// The same, where it has to succeed: what it said.
    pub fn says(&self, root: &Path, arguments: &[&str]) -> String {
        let said = self.call(root, arguments);
        let all = text(&said.stdout) + &text(&said.stderr);
        assert_eq!(said.status.code(), Some(0), "{arguments:?}: {all}");
        all
    }

    /// Starts a run whose task waits; answers with the run's folder and the task's process.
    pub fn start(&self, root: &Path) -> (PathBuf, i32) {
        let before = started(root).len();
        let said = self.call(root, &["run", "--trust", "--detach"]);
        assert_eq!(said.status.code(), Some(0), "{}", text(&said.stderr));
        wait_until("the task has started", || started(root).len() > before);
        let run = root.join(".feature-build/runs").join(text(&said.stdout).trim());
        let told = || fs::read_to_string(run.join("journal.jsonl")).is_ok_and(|text| text.contains("task-started"));
        wait_until("the journal tells it", told);
        let process = *started(root).last().unwrap();
        (run, process)
    }

    pub fn copy(&self, from: &Path, to: &str) -> PathBuf {
        let to = self.path(to);
        assert!(Command::new("cp").arg("-r").arg(from).arg(&to).status().unwrap().success());
        to
    }

    /// A server in a workspace, until it is killed.
    pub fn server(&self, root: &Path) -> Child {
        use std::io::Write as _;
        let mut server = self
            .command(root, &["lsp"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let uri = format!("file://{}", root.display());
        let messages = [
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"capabilities":{{}},"rootUri":"{uri}","workspaceFolders":[{{"uri":"{uri}","name":"w"}}]}}}}"#
            ),
            r#"{"jsonrpc":"2.0","method":"initialized","params":{}}"#.into(),
        ];
        let input = server.stdin.as_mut().unwrap();
        for message in messages {
            write!(input, "Content-Length: {}\r\n\r\n{message}", message.len()).unwrap();
        }
        server
    }

    pub fn status(&self, root: &Path, run: &Path) -> String {
        let said = self.call(root, &["status", run.file_name().unwrap().to_str().unwrap()]);
        text(&said.stdout) + &text(&said.stderr)
    }
}

/// What a test that failed left alive.
impl Drop for Place {
    fn drop(&mut self) {
        let here = self.dir.path().to_path_buf();
        let is_here = |pid: i32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let home = [b"XDG_STATE_HOME=".as_slice(), here.as_os_str().as_encoded_bytes()].concat();
            pid != i32::try_from(std::process::id()).unwrap()
                && environment.split(|&byte| byte == 0).any(|variable| variable.starts_with(&home))
        };
        for pid in processes_where(is_here) {
            let _ = rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), Signal::KILL);
        }
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The processes of the attempts that were started in a workspace.
pub fn started(root: &Path) -> Vec<i32> {
    let text = fs::read_to_string(root.join("started")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

pub fn lives(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Kills a run's supervisor and, where that is asked for, its guards; the task's process stays.
pub fn kill_run(run: &Path, and_guards: bool) {
    let supervisor = supervisor(run).unwrap();
    let guards = guards(supervisor);
    kill_whole(supervisor);
    if and_guards {
        guards.into_iter().for_each(kill_whole);
    }
}

/// `cp -r`, and the copy is used in any way while a task of the original is alive.
#[test]
fn whatever_is_done_in_a_copy_the_original_goes_on() {
    let mut chance = Chance::new("copies");
    for _ in 0..if is_long() { 60 } else { 8 } {
        chance.tried();
        let place = Place::new();
        let root = place.workspace("ws", "");
        let (run, process) = place.start(&root);
        let (is_orphan, is_alone) = (chance.below(3) == 0, chance.below(2) == 0);
        let copy = place.copy(&root, "copy");
        if is_orphan {
            kill_run(&run, is_alone);
        }
        let name = run.file_name().unwrap().to_str().unwrap();
        let before = started(&copy).len();
        let ways: [&[&str]; 6] = [
            &["run", "--trust", "--detach"],
            &["cancel", name],
            &["cancel", "--all"],
            &["prune", "--keep", "0"],
            &["run", "--resume", "--detach"],
            &["run", "--trust", "--rerun", name, "--detach"],
        ];
        for _ in 0..=chance.below(3) {
            let way = *chance.pick(&ways);
            let said = place.call(&copy, way);
            assert!(lives(process), "{way:?} {}", text(&said.stderr));
        }
        if chance.below(2) == 0 {
            let mut server = place.server(&copy);
            place.says(&copy, &["run", "--trust", "--redo", "--detach"]);
            wait_until("the copy runs the task", || started(&copy).len() > before);
            server.kill().unwrap();
            server.wait().unwrap();
        }
        assert!(lives(process), "the original's task was killed");
        assert!(!place.status(&copy, &run).contains("running"), "{}", place.status(&copy, &run));
        fs::write(copy.join("go"), "").unwrap();
        if is_orphan && is_alone {
            // Nobody is there to hear of its end: the next run of the original ends it, as it is its own.
            place.start(&root);
            assert!(!lives(process));
            fs::write(root.join("go"), "").unwrap();
            continue;
        }
        fs::write(root.join("go"), "").unwrap();
        let resumed = place.call(&root, &["run", "--resume"]);
        let resumed = text(&resumed.stdout) + &text(&resumed.stderr);
        wait_until("the original has ended", || place.status(&root, &run).contains(": passed: "));
        let status = place.status(&root, &run);
        assert!(status.contains("1 passed"), "{is_orphan} {is_alone}\n{resumed}\n{status}");
        assert_eq!(started(&root).len(), 1);
    }
}

#[test]
fn a_copy_that_was_made_during_a_run_runs_its_own_tasks_and_what_had_passed_has_passed() {
    let place = Place::new();
    let root = place.workspace("ws", "");
    fs::write(root.join("tasks/backlog/f/U.md"), "---\nid: U\ntitle: U\nstatus: backlog\nwave: 1\n---\n").unwrap();
    fs::write(root.join("go"), "").unwrap();
    place.says(&root, &["run", "--trust", "--task", "U"]);
    fs::remove_file(root.join("go")).unwrap();
    let (run, process) = place.start(&root);
    let copy = place.copy(&root, "copy");
    let refused = place.call(&copy, &["run"]);
    assert!(text(&refused.stderr).contains("trust"), "a copy is asked for anew: {}", text(&refused.stderr));
    let (of_copy, _) = place.start(&copy);
    assert!(lives(process));
    let state = place.status(&copy, &of_copy);
    assert!(!state.contains("    U "), "U had passed before: {state}");
    for root in [&root, &copy] {
        fs::write(root.join("go"), "").unwrap();
    }
    wait_until("both have passed", || {
        place.status(&root, &run).contains("1 passed") && place.status(&copy, &of_copy).contains("1 passed")
    });
}

/// Moved while nobody of the product lives: the workspace stays itself, so what was left alive is its own to end.
#[test]
fn a_moved_workspace_ends_what_it_left_alive_and_its_unfinished_runs() {
    let mut chance = Chance::new("moves");
    for _ in 0..if is_long() { 30 } else { 5 } {
        chance.tried();
        let place = Place::new();
        let root = place.workspace("ws", "");
        let (run, process) = place.start(&root);
        kill_run(&run, true);
        let moved = place.path("moved");
        fs::rename(&root, &moved).unwrap();
        let run = moved.join(".feature-build/runs").join(run.file_name().unwrap());
        let name = run.file_name().unwrap().to_str().unwrap();
        assert!(place.status(&moved, &run).contains("feature-build cancel"), "{}", place.status(&moved, &run));
        match chance.below(4) {
            0 => assert!(place.says(&moved, &["cancel", name]).contains("ended run")),
            1 => assert!(place.says(&moved, &["cancel", "--all"]).contains("ended run")),
            2 => {
                // The only run in progress.
                assert!(place.says(&moved, &["cancel"]).contains("ended run"));
            }
            _ => {
                place.says(&moved, &["prune", "--keep", "0"]);
                assert!(!run.exists(), "it can be removed");
            }
        }
        assert!(!lives(process), "it was the workspace's own");
        if run.exists() {
            let status = place.status(&moved, &run);
            assert!(status.contains(": failed: 1 lost"), "{status}");
            place.says(&moved, &["prune", "--keep", "0"]);
        }
        let (again, process) = place.start(&moved);
        fs::write(moved.join("go"), "").unwrap();
        wait_until("it has passed", || place.status(&moved, &again).contains("1 passed"));
        assert!(!lives(process));
    }
}

#[test]
fn what_was_left_alive_is_ended_before_its_task_starts_in_the_moved_workspace() {
    let place = Place::new();
    let root = place.workspace("ws", "");
    let (run, process) = place.start(&root);
    kill_run(&run, true);
    let moved = place.path("moved");
    fs::rename(&root, &moved).unwrap();
    place.start(&moved);
    assert!(!lives(process));
    fs::write(moved.join("go"), "").unwrap();
}

#[test]
fn two_workspaces_with_one_state_folder_do_not_count_each_others_tasks_and_it_is_said_once() {
    let place = Place::new();
    let shared = format!("state_dir: {}\n", place.path("shared").display());
    let (first, second) = (place.workspace("first", &shared), place.workspace("second", &shared));
    for root in [&first, &second] {
        fs::write(root.join("go"), "").unwrap();
    }
    let said = place.says(&first, &["run", "--trust"]);
    assert!(!said.contains("the state folder of"), "{said}");
    let said = place.says(&second, &["run", "--trust"]);
    assert!(said.contains(&format!("the state folder of {} already", first.display())), "{said}");
    assert_eq!((started(&first).len(), started(&second).len()), (1, 1));
    let runs = |root: &Path| place.says(root, &["runs"]).lines().count();
    assert_eq!((runs(&first), runs(&second)), (1, 1));
    let said = place.says(&second, &["run", "--redo"]);
    assert!(!said.contains("the state folder of"), "{said}");
    assert_eq!((runs(&first), runs(&second)), (1, 2));
    // The second one is moved, and stays itself.
    let moved = place.path("moved");
    fs::rename(&second, &moved).unwrap();
    place.says(&moved, &["trust"]);
    assert_eq!(runs(&moved), 2);
    // A copy of the first is a third one.
    let copy = place.copy(&first, "copy");
    place.says(&copy, &["run", "--trust", "--redo"]);
    assert_eq!((runs(&first), runs(&moved), runs(&copy)), (1, 2, 1));
}

/// `state_dir` is changed and changed back while its run goes on: a lock that reads "ended" in one folder says nothing of what
/// runs in another.
#[test]
fn a_task_that_runs_from_one_state_folder_is_waited_for_in_every_other() {
    let place = Place::new();
    let root = place.workspace("ws", "");
    fs::write(root.join("go"), "").unwrap();
    place.says(&root, &["run", "--trust"]);
    fs::remove_file(root.join("go")).unwrap();
    let plain = fs::read_to_string(root.join("feature-build.yaml")).unwrap();
    fs::write(root.join("feature-build.yaml"), format!("{plain}state_dir: b\n")).unwrap();
    let said = place.call(&root, &["run", "--trust", "--redo", "--detach"]);
    let first = root.join("b/runs").join(text(&said.stdout).trim());
    wait_until("it has started", || started(&root).len() == 2);
    for config in [plain.clone(), format!("{plain}state_dir: c\n")] {
        fs::write(root.join("feature-build.yaml"), config).unwrap();
        let said = place.call(&root, &["run", "--trust", "--redo", "--detach"]);
        assert_eq!(said.status.code(), Some(0), "{}", text(&said.stderr));
    }
    let others: Vec<PathBuf> = ["c", ".feature-build"]
        .into_iter()
        .flat_map(|dir| fs::read_dir(root.join(dir).join("runs")).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|run| {
            wait_until("it waits, or is over", || {
                let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap_or_default();
                journal.contains("task-attached") || journal.contains("run-finished")
            });
            !fs::read_to_string(run.join("journal.jsonl")).unwrap().contains("run-finished")
        })
        .collect();
    assert_eq!((others.len(), started(&root).len()), (2, 2));
    fs::write(root.join("go"), "").unwrap();
    for run in others.iter().chain([&first]) {
        wait_until("it has passed", || {
            let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap();
            journal.contains("run-finished") && journal.contains("\"outcome\":\"passed\"")
        });
    }
    assert_eq!(started(&root).len(), 2, "its outcome is taken over");
}
