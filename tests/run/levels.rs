//! The levels of ending a task or a run, as a terminal asks for them and shows them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use serde_json::{Value, json};

use crate::bench::wait_until;
use crate::terminal::{Workspace, text};

/// Tasks `A` and `B` that do not want to end, in a run of their own terminal's.
fn deaf() -> Workspace {
    let workspace = Workspace::new();
    workspace.write(
        "feature-build.yaml",
        "task_commands: true\ngrace_seconds: 100000\nrun:\n  command: [cat, \"{file}\"]\n",
    );
    for id in ["A", "B"] {
        workspace.task(id, 1, &format!("trap 'touch asked-{id}' TERM; touch on-{id}; while :; do sleep 0.02; done"));
    }
    workspace.task("C", 2, "true");
    workspace
}

fn status(workspace: &Workspace) -> Value {
    let told = serde_json::from_slice(&workspace.call(&["status", "--format", "json"]).stdout).unwrap();
    let schema = serde_json::from_slice(&workspace.call(&["schema", "status"]).stdout).unwrap();
    assert!(jsonschema::is_valid(&schema, &told), "{told}");
    told
}

fn wait_for_status(workspace: &Workspace, words: &str) {
    wait_until(&format!("status says {words}"), || text(&workspace.call(&["status"]).stdout).contains(words));
}

#[test]
fn a_terminal_ends_a_task_then_its_run_level_by_level() {
    let workspace = deaf();
    let run = workspace.spawn(&["run"]);
    workspace.wait_for_file("on-A");
    workspace.wait_for_file("on-B");

    workspace.call(&["cancel", "--task", "A", "--finish-wave"]);
    wait_for_status(&workspace, "A has run for");
    wait_for_status(&workspace, ", not tried again");
    workspace.call(&["cancel", "--task", "A"]);
    workspace.wait_for_file("asked-A");
    wait_for_status(&workspace, ", terminating");
    let told = status(&workspace);
    assert_eq!(told["runs"][0]["cancelling"], Value::Null, "the run goes on");
    let tasks = &told["runs"][0]["waves"][0]["tasks"];
    assert_eq!((&tasks[0]["cancelling"], &tasks[1]["cancelling"]), (&json!("terminate"), &Value::Null));
    workspace.call(&["cancel", "--task", "A", "--kill"]);
    wait_for_status(&workspace, "A cancelled");

    workspace.call(&["cancel", "--finish-wave"]);
    wait_for_status(&workspace, "no later wave will start");
    workspace.call(&["cancel"]);
    workspace.wait_for_file("asked-B");
    wait_for_status(&workspace, "  terminating");
    assert_eq!(status(&workspace)["runs"][0]["waves"][0]["tasks"][1]["cancelling"], "terminate");
    workspace.call(&["cancel", "--kill"]);

    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let shown = text(&output.stdout);
    let said = [
        "not started, nor tried again: A",
        "terminating A",
        "killing A",
        "no later wave will start",
        "terminating\n",
        "killing\n",
    ];
    let places: Vec<usize> =
        said.iter().map(|words| shown.find(words).unwrap_or_else(|| panic!("{words}: {shown}"))).collect();
    assert!(places.is_sorted(), "{shown}");
    assert!(!shown.contains("faster"), "a run that was cancelled is no fast one: {shown}");
    let told = status(&workspace);
    assert_eq!(told["runs"][0]["waves"][0]["tasks"][0]["cancelling"], Value::Null, "it has ended");
}

/// A process that does nothing, whatever signal it gets, as one that hangs in the system: until this is dropped.
struct Frozen(PathBuf);

impl Frozen {
    /// `None`: nobody can be frozen here.
    fn new(pid: i32) -> Option<Self> {
        for above in ["/sys/fs/cgroup/freezer", "/sys/fs/cgroup"] {
            let group = Path::new(above).join(format!("feature-build-frozen-{pid}"));
            if fs::create_dir(&group).is_err() {
                continue;
            }
            let frozen = Self(group);
            let moved = fs::write(frozen.0.join("cgroup.procs"), pid.to_string()).is_ok();
            if moved && frozen.set("FROZEN", "1") {
                return Some(frozen);
            }
        }
        assert!(std::env::var_os("CI").is_none(), "no control group can be frozen here");
        eprintln!("skipped: no control group can be frozen here");
        None
    }

    /// In the first version of control groups, else in the second one.
    fn set(&self, first: &str, second: &str) -> bool {
        let files = [("freezer.state", first), ("cgroup.freeze", second)];
        files.into_iter().any(|(name, text)| {
            let file = self.0.join(name);
            file.exists() && fs::write(file, text).is_ok()
        })
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.set("THAWED", "0");
        let back = self.0.with_file_name("cgroup.procs");
        for pid in fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default().lines() {
            let _ = fs::write(&back, pid);
        }
        let _ = fs::remove_dir(&self.0);
    }
}

/// A task that cannot be killed must not keep the terminal.
#[test]
fn the_third_interrupt_ends_the_view() {
    let workspace = deaf();
    let mut run = workspace.spawn(&["run"]);
    workspace.wait_for_file("on-A");
    // What obeys does not: the requests stay where they are, as with a supervisor that hangs.
    let run_id = workspace.only_run();
    let folder = workspace.state().join("runs").join(run_id.to_string());
    let supervisor = crate::nesting::supervisor_of(&workspace, &run_id);
    let Some(frozen) = Frozen::new(supervisor) else {
        run.kill().unwrap();
        run.wait().unwrap();
        return;
    };
    let interrupt = || kill_process(Pid::from_child(&run), Signal::INT).unwrap();
    let requests = folder.join("requests");
    let asked = || fs::read_dir(&requests).unwrap().count();
    for times in 1..=2 {
        interrupt();
        wait_until("it is asked for", || asked() == times);
    }
    interrupt();
    let output = run.wait_with_output().unwrap();
    drop(frozen);
    assert_eq!(output.status.code(), Some(130));
    let shown = text(&output.stdout);
    assert!(shown.contains("once more kills them") && shown.contains("comes to its end by itself"), "{shown}");
    workspace.wait_for_end();
}

#[test]
fn status_shows_the_run_that_is_named() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "exit 3");
    workspace.call(&["run"]);
    let first = workspace.only_run().to_string();
    workspace.task("A", 1, "true");
    workspace.call(&["run"]);
    let shown = text(&workspace.call(&["status", &first]).stdout);
    assert!(shown.starts_with(&format!("run {first} of FEAT-1: failed: 1 failed")), "{shown}");
    assert_eq!(shown.matches("run 2").count(), 1, "no other run: {shown}");
    let unknown = workspace.call(&["status", "20200101-000000-aaaa"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("no run \"20200101-000000-aaaa\" here"), "{unknown:?}");
}

/// The `^C` that a terminal shows would move the cursor away from the live lines.
#[test]
fn what_is_typed_is_not_shown_among_live_lines() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "touch on; sleep 600");
    let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&user).unwrap();
    unlockpt(&user).unwrap();
    let name = ptsname(&user, Vec::new()).unwrap().into_string().unwrap();
    let terminal = File::options().read(true).write(true).open(&name).unwrap();
    let echoes = || tcgetattr(&terminal).unwrap().local_modes.contains(LocalModes::ECHO);
    assert!(echoes());
    let mut command = workspace.command(&["run"]);
    // Where nobody looks, or no cursor moves, there are no live lines.
    command.env_remove("CI").env("TERM", "xterm");
    let mut run = command.stdout(terminal.try_clone().unwrap()).spawn().unwrap();
    drop(command);
    // Whoever draws waits for somebody who reads.
    let reading = std::thread::spawn(move || {
        let _ = std::io::copy(&mut File::from(user), &mut std::io::sink());
    });
    workspace.wait_for_file("on");
    wait_until("nothing is shown of what is typed", || !echoes());
    kill_process(Pid::from_child(&run), Signal::INT).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(130));
    assert!(echoes(), "the terminal is as it was");
    drop(terminal);
    reading.join().unwrap();
}
