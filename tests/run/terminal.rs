//! The commands `run`, `status`, `log` and `cancel`, over a workspace of real files; and the seven acceptance criteria
//! of the task that this product comes from.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use feature_build::run::{self, RunId, RunPaths, RunState};
use feature_build::task::TaskId;
use feature_build::workspace::trust::Subject;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::bench::{binary, kill, processes_of, processes_where, rendezvous, trust, wait_until};

pub struct Workspace {
    dir: tempfile::TempDir,
}

impl Workspace {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let workspace = Self { dir };
        workspace.write(
            "feature-build.yaml",
            "task_commands: true\ngrace_seconds: 0.5\nrun:\n  command: [cat, \"{file}\"]\n",
        );
        workspace
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        if name == "feature-build.yaml" && Subject::read(&self.root()).is_ok() {
            trust(&self.root());
        }
    }

    /// A task file in the seed's own format, that runs a script.
    pub fn task(&self, id: &str, wave: u32, script: &str) -> &Self {
        self.task_with(id, wave, script, "")
    }

    pub fn task_with(&self, id: &str, wave: u32, script: &str, more: &str) -> &Self {
        let run = serde_json::to_string(&["sh", "-c", script]).unwrap();
        let text = format!(
            "---\nid: {id}\ntitle: Task {id}\nstatus: backlog\nfeature_id: FEAT-1\nwave: {wave}\n{more}run: {run}\n---\n\n# Do {id}\n"
        );
        self.write(&format!("tasks/backlog/{id}.md"), &text);
        self
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.arg("-C").arg(self.root()).args(arguments).stdin(Stdio::null());
        command
    }

    pub fn call(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub fn wait_for_file(&self, name: &str) {
        let path = self.root().join(name);
        wait_until(&format!("{name} is there"), || path.exists());
    }

    pub fn state(&self) -> PathBuf {
        self.root().join(".feature-build")
    }

    pub fn only_run(&self) -> RunId {
        let runs = run::runs(&self.state());
        assert_eq!(runs.len(), 1);
        runs[0].run.clone()
    }

    pub fn wait_for_end(&self) {
        wait_until("the run is over", || run::runs(&self.state()).iter().all(|run| run.state == RunState::Finished));
    }
}

impl Drop for Workspace {
    /// A test that fails half-way leaves no process behind.
    fn drop(&mut self) {
        let _ = self.call(&["cancel", "--all", "--kill"]);
        let deadline = Instant::now() + Duration::from_secs(10);
        let running = || run::runs(&self.state()).iter().any(|run| run.state == RunState::Running);
        while running() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn events(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn finished<'a>(events: &'a [Value], task: &str) -> &'a Value {
    events.iter().find(|event| event["event"] == "task-finished" && event["task"] == task).unwrap()
}

const ONE_FAILS: [(&str, &str); 3] = [("A", "true"), ("B", "exit 7"), ("C", "true")];

fn one_fails() -> Workspace {
    let workspace = Workspace::new();
    for (id, script) in ONE_FAILS {
        workspace.task(id, 1, script);
    }
    workspace.task("D", 2, "touch later");
    workspace
}

#[test]
fn seed_1_tasks_within_a_wave_execute_concurrently() {
    let workspace = Workspace::new();
    workspace.task("A", 1, &rendezvous("A", &["B", "C"]));
    workspace.task("B", 1, &rendezvous("B", &["A", "C"]));
    workspace.task("C", 1, &rendezvous("C", &["A", "B"]));
    assert_eq!(code(&workspace.call(&["run"])), Some(0));
}

#[test]
fn seed_2_exceptions_from_individual_tasks_do_not_crash_other_tasks_in_the_wave() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "kill -SEGV $$").task("B", 1, "sleep 0.3; touch b");
    workspace
        .write("tasks/backlog/C.md", "---\nid: C\nfeature_id: FEAT-1\nwave: 1\nrun: [/no/such/program]\n---\n# C\n");
    let output = workspace.call(&["run", "--format", "json"]);
    assert_eq!(code(&output), Some(1));
    assert!(workspace.root().join("b").exists());
    assert_eq!(finished(&events(&output), "B")["outcome"], "passed");
}

#[test]
fn seed_3_all_task_results_are_collected_and_reported() {
    let output = one_fails().call(&["run", "--format", "json", "--wave", "1"]);
    let events = events(&output);
    assert_eq!(finished(&events, "A")["outcome"], "passed");
    assert_eq!(finished(&events, "B")["outcome"], "failed");
    assert_eq!(finished(&events, "B")["exit_code"], 7);
    assert_eq!(finished(&events, "C")["outcome"], "passed");
    let last = events.last().unwrap();
    assert_eq!(last["event"], "run-finished");
    assert_eq!(last["summary"]["passed"], 2);
    assert_eq!(last["summary"]["failed"], 1);
}

#[test]
fn seed_4_stop_on_failure_stops_after_the_wave_completes_not_mid_wave() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "touch failed; exit 1");
    workspace.task("B", 1, "until [ -e failed ]; do sleep 0.01; done; sleep 0.2; touch b");
    workspace.task("C", 2, "touch c");
    let output = workspace.call(&["run", "--format", "json"]);
    let events = events(&output);
    assert_eq!(finished(&events, "B")["outcome"], "passed");
    assert_eq!(finished(&events, "C")["outcome"], "skipped");
    assert!(!workspace.root().join("c").exists());
    assert_eq!(code(&workspace.call(&["run", "--keep-going"])), Some(1));
    assert!(workspace.root().join("c").exists());
}

#[test]
fn seed_5_the_wave_summary_shows_all_task_results() {
    let output = one_fails().call(&["run"]);
    let shown = text(&output.stdout);
    let (_, summary) = shown.split_once("wave 1: 2 passed, 1 failed in ").expect(&shown);
    let lines: Vec<&str> = summary.lines().skip(1).take(2).collect();
    assert!(lines[0].starts_with("  ✓ A passed in "), "{shown}");
    assert!(lines[1].starts_with("  ✓ C passed in "), "{shown}");
    // What failed stands at the end.
    let failed = summary.lines().rev().nth(1).unwrap();
    assert!(failed.starts_with("  ✗ B failed in ") && failed.contains(": exited with 7 (log: "), "{shown}");
    assert!(shown.contains("  - D skipped (Task D): wave 1 did not pass"), "{shown}");
}

#[test]
fn seed_6_tests_verify_parallel_execution_behaviour() {
    // The rendezvous of the first criterion cannot be met one after another: so it does verify it.
    let workspace = Workspace::new();
    let impatient = |own: &str, other: &str| rendezvous(own, &[other]).replace("3000", "20");
    workspace.task("A", 1, &impatient("A", "B")).task("B", 1, &format!("rm -f here-A; {}", impatient("B", "A")));
    let output = workspace.call(&["run", "--max-parallel", "1", "--format", "json"]);
    assert_eq!(code(&output), Some(1));
    assert_eq!(finished(&events(&output), "A")["exit_code"], 9);
}

#[test]
fn seed_7_no_regression_in_single_task_mode() {
    let workspace = one_fails();
    assert_eq!(code(&workspace.call(&["run", "--task", "A"])), Some(0));
    assert_eq!(code(&workspace.call(&["run", "--task", "B"])), Some(1));
    assert_eq!(code(&workspace.call(&["run", "--task", "C"])), Some(0), "its exit code speaks for that task alone");
    assert!(!workspace.root().join("later").exists());
}

#[test]
fn what_passed_counts_as_done_until_redo() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "echo x >> count").task("B", 2, "true");
    assert_eq!(code(&workspace.call(&["run", "--next"])), Some(0));
    let again = workspace.call(&["run", "--format", "json"]);
    assert!(!text(&again.stdout).contains("\"task\":\"A\""), "{}", text(&again.stdout));
    assert_eq!(code(&workspace.call(&["run", "--redo", "--task", "A"])), Some(0));
    assert_eq!(fs::read_to_string(workspace.root().join("count")).unwrap(), "x\nx\n");
}

#[test]
fn nothing_configured_is_said_with_the_file_to_write() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "true");
    workspace.write("feature-build.yaml", "");
    let output = workspace.call(&["run"]);
    assert_eq!(code(&output), Some(2));
    let error = text(&output.stderr);
    let file = workspace.root().join("feature-build.yaml");
    assert!(error.contains(&file.display().to_string()), "{error}");
    let (_, lines) = error.split_once("\n\n").unwrap();
    workspace.write("feature-build.yaml", lines);
    assert_eq!(code(&workspace.call(&["run"])), Some(0));
}

#[test]
fn ctrl_c_once_asks_and_exits_with_130() {
    for signal in [Signal::INT, Signal::TERM] {
        let workspace = Workspace::new();
        workspace.task("A", 1, "trap 'touch asked; exit 0' TERM; touch on; while :; do sleep 0.02; done");
        let mut terminal = workspace.spawn(&["run"]);
        workspace.wait_for_file("on");
        kill(terminal.id() as i32, signal);
        assert_eq!(terminal.wait().unwrap().code(), Some(130));
        assert!(workspace.root().join("asked").exists());
        assert!(processes_of(&workspace.only_run()).is_empty());
    }
}

#[test]
fn ctrl_c_twice_ends_at_once() {
    let workspace = Workspace::new();
    workspace.write("feature-build.yaml", "task_commands: true\ngrace_seconds: 100000\n");
    workspace.task("A", 1, "trap 'touch asked' TERM; touch on; while :; do sleep 0.02; done");
    let mut terminal = workspace.spawn(&["run"]);
    workspace.wait_for_file("on");
    kill(terminal.id() as i32, Signal::INT);
    workspace.wait_for_file("asked");
    kill(terminal.id() as i32, Signal::INT);
    assert_eq!(terminal.wait().unwrap().code(), Some(130));
    assert!(processes_of(&workspace.only_run()).is_empty());
}

#[test]
fn a_terminal_that_goes_ends_only_the_view() {
    for signal in [Signal::HUP, Signal::KILL] {
        let workspace = Workspace::new();
        workspace.task("A", 1, "touch on; until [ -e go ]; do sleep 0.01; done; touch end");
        // Tests that are started under `nohup` would hand down that SIGHUP is ignored.
        let command = workspace.command(&["run"]);
        let mut terminal = Command::new("env")
            .arg("--default-signal=HUP")
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        workspace.wait_for_file("on");
        kill(terminal.id() as i32, signal);
        assert_eq!(terminal.wait().unwrap().code(), None);
        assert_eq!(run::runs(&workspace.state())[0].state, RunState::Running);
        workspace.write("go", "");
        workspace.wait_for_file("end");
        workspace.wait_for_end();
        assert_eq!(run::runs(&workspace.state())[0].exit_code, Some(0));
    }
}

#[test]
fn an_output_that_nobody_reads_ends_only_the_view() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "touch on; until [ -e go ]; do sleep 0.01; done; touch end");
    let mut terminal = workspace.spawn(&["run", "--format", "json"]);
    let mut reader = BufReader::new(terminal.stdout.take().unwrap());
    reader.read_line(&mut String::new()).unwrap();
    workspace.wait_for_file("on");
    drop(reader);
    workspace.write("go", "");
    assert_eq!(terminal.wait().unwrap().code(), Some(141));
    workspace.wait_for_end();
    assert_eq!(run::runs(&workspace.state())[0].exit_code, Some(0));
}

#[test]
fn a_detached_run_is_shown_logged_and_cancelled() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "echo hello; touch on; sleep 600").task("B", 2, "true");
    let output = workspace.call(&["run", "--detach"]);
    assert_eq!(code(&output), Some(0));
    let name = text(&output.stdout).trim().to_string();
    workspace.wait_for_file("on");
    // The task may be there before the journal says so.
    wait_until("the task is shown as running", || {
        let status: Value = serde_json::from_slice(&workspace.call(&["status", "--format", "json"]).stdout).unwrap();
        assert_eq!(status["runs"][0]["run"], name.as_str());
        assert_eq!(status["runs"][0]["state"], "running");
        status["runs"][0]["waves"][0]["tasks"][0]["state"] == "running"
    });
    assert_eq!(text(&workspace.call(&["log", "A"]).stdout), "hello\n");
    assert_eq!(text(&workspace.call(&["log", "a"]).stdout), "hello\n", "ids are found without case");
    assert_eq!(text(&workspace.call(&["log", "A", "--run", &name]).stdout), "hello\n");
    assert_eq!(code(&workspace.call(&["cancel", "no-such-run"])), Some(2));
    for mistyped in [vec!["cancel", "--task", "NOPE"], vec!["cancel", &name, "--task", "A", "--task", "NOPE"]] {
        let refused = workspace.call(&mistyped);
        assert_eq!(code(&refused), Some(2));
        assert!(text(&refused.stderr).contains("task NOPE is not in progress here"), "{}", text(&refused.stderr));
    }
    let cancelled = workspace.call(&["cancel", "--task", "A"]);
    assert_eq!(code(&cancelled), Some(0));
    assert_eq!(text(&cancelled.stdout), format!("cancelling A of run {name}\n"));
    workspace.wait_for_end();
    let shown = text(&workspace.call(&["status"]).stdout);
    assert!(shown.contains("1 cancelled, 1 skipped"), "{shown}");
    assert_eq!(code(&workspace.call(&["cancel"])), Some(2), "nothing is in progress");
    assert_eq!(code(&workspace.call(&["cancel", "--all"])), Some(0));
    assert_eq!(code(&workspace.call(&["log", "B"])), Some(2));
}

#[test]
fn what_has_passed_already_is_no_failure() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "true");
    assert_eq!(code(&workspace.call(&["run"])), Some(0));
    for again in [&["run"][..], &["run", "--next"], &["run", "--wave", "1"], &["run", "--task", "A"]] {
        let output = workspace.call(again);
        assert_eq!(code(&output), Some(0), "{again:?}");
        assert!(text(&output.stderr).contains("is done; --redo runs it again"), "{}", text(&output.stderr));
    }
    let waves = text(&workspace.call(&["waves"]).stdout);
    assert!(waves.starts_with("1 feature, 1 wave, 1 task: 1 done\n`feature-build waves --all`"), "{waves}");
}

#[test]
fn a_run_is_shown_and_cancelled_though_the_configuration_broke() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "touch on; sleep 600");
    workspace.call(&["run", "--detach"]);
    workspace.wait_for_file("on");
    workspace.write("feature-build.yaml", "run: [");
    let status = workspace.call(&["status"]);
    assert_eq!(code(&status), Some(0));
    assert!(text(&status.stderr).contains("feature-build.yaml"), "{}", text(&status.stderr));
    assert_eq!(code(&workspace.call(&["cancel"])), Some(0));
    workspace.wait_for_end();
}

#[test]
fn the_state_ignores_itself_in_git_and_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let workspace = Workspace::new();
    workspace.task("A", 1, "true");
    assert_eq!(code(&workspace.call(&["run"])), Some(0));
    assert_eq!(fs::read_to_string(workspace.state().join(".gitignore")).unwrap(), "*\n");
    assert_eq!(fs::metadata(workspace.state()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn variables_of_an_editor_do_not_reach_a_task() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "env");
    let mut command = workspace.command(&["run"]);
    command.env("VSCODE_PID", "1").env("ELECTRON_RUN_AS_NODE", "1").env("MINE", "yes");
    assert_eq!(code(&command.output().unwrap()), Some(0));
    let log = text(&workspace.call(&["log", "A"]).stdout);
    assert!(log.contains("MINE=yes"));
    assert!(!log.contains("VSCODE_") && !log.contains("ELECTRON_"), "{log}");
}

/// The terminal looks at its clock more often than a follower looks for a dead supervisor.
#[test]
fn a_terminal_gives_its_run_a_new_supervisor() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "touch started; until [ -e go ]; do sleep 0.01; done");
    let terminal = workspace.spawn(&["run"]);
    workspace.wait_for_file("started");
    let run = workspace.only_run();
    let supervisors = processes_where(|pid| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        arguments.ends_with(format!("/{run}\0").as_bytes())
    });
    let [supervisor] = supervisors.as_slice() else { panic!("one supervisor: {supervisors:?}") };
    kill(*supervisor, Signal::KILL);
    let journal = RunPaths::of(&workspace.state(), &run).journal();
    wait_until("the run is taken over", || fs::read_to_string(&journal).unwrap().contains("run-resumed"));
    workspace.write("go", "");
    let output = terminal.wait_with_output().unwrap();
    assert_eq!(code(&output), Some(0), "{output:?}");
    assert!(text(&output.stdout).contains("the supervisor died; another one took over, 1 task going on"), "{output:?}");
}

/// As after a restart of the machine: nobody follows, nothing lives.
#[test]
fn what_a_run_had_not_started_is_continued_when_asked_for() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "touch started; exec sleep 600").task("B", 1, "echo done").task("C", 2, "touch later");
    assert_eq!(text(&workspace.call(&["run", "--resume"]).stderr), "feature-build: no run is unfinished\n");
    let run = text(&workspace.call(&["run", "--detach", "--keep-going"]).stdout);
    workspace.wait_for_file("started");
    let run = RunId(TaskId::new(run.trim()).unwrap());
    let own = [format!("/{run}\0"), "__guard\0A\0".into()];
    let started_for_it = |pid: i32| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        own.iter().any(|own| arguments.ends_with(own.as_bytes()))
            && fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|dir| dir.starts_with(workspace.root()))
    };
    wait_until("nothing of the run is alive", || {
        let left = [processes_where(started_for_it), processes_of(&run)].concat();
        left.iter().filter_map(|pid| Pid::from_raw(*pid)).for_each(|pid| _ = kill_process(pid, Signal::KILL));
        left.is_empty()
    });
    // A process that was killed lets go of its locks a moment after its arguments are gone.
    wait_until("the run is known to have lost its supervisor", || {
        text(&workspace.call(&["status"]).stdout).contains("`feature-build run --resume` goes on with it")
    });
    let output = workspace.call(&["run", "--resume", "--format", "json"]);
    assert_eq!(code(&output), Some(1), "{output:?}");
    let events = events(&output);
    for (task, outcome) in [("A", "lost"), ("B", "passed"), ("C", "passed")] {
        assert_eq!(finished(&events, task)["outcome"], outcome, "{task}");
    }
    assert!(workspace.root().join("later").exists());
    let again = workspace.call(&["run", "--resume", run.0.as_str()]);
    assert!(text(&again.stderr).contains(&format!("no run \"{run}\" is unfinished here")), "{again:?}");
}

/// A shell script that waits for the end of a pipe must not wait for the end of the run.
#[test]
fn what_is_left_open_in_the_caller_is_not_held_open_by_a_run() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "touch on; until [ -e go ]; do sleep 0.01; done");
    let script = "\"$0\" -C \"$1\" run --detach 3>&1 >/dev/null";
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(script).arg(binary()).arg(workspace.root()).stdin(Stdio::null());
    let (ends, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || ends.send(shell.output().unwrap().status));
    workspace.wait_for_file("on");
    let status = ended.recv_timeout(Duration::from_secs(20));
    workspace.write("go", "");
    assert!(status.expect("the pipe is closed while the run goes on").success());
    workspace.wait_for_end();
}
