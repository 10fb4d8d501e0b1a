//! Whatever is killed, and whoever starts the same at once: one result for each task, one attempt at a time, nothing left.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use feature_build::run::{self, Event, Launcher, RunId, RunState, Takeover};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::bench::{Bench, binary, processes_of, processes_where, wait_until};
use crate::chance::{Chance, is_long};
use crate::harness::{BINARY, Editor, Workspace, able};

/// What is killed.
#[derive(Debug, Clone, Copy)]
enum Victim {
    Supervisor,
    Guard,
    Task,
    Server,
    /// Supervisor, guards and tasks of one run, as a power failure does.
    Run,
}

const VICTIMS: [Victim; 7] =
    [Victim::Supervisor, Victim::Supervisor, Victim::Guard, Victim::Guard, Victim::Task, Victim::Server, Victim::Run];

/// How many runs go on at the same time: they ask for the same tasks.
const RUNS: usize = 3;

/// Complains where another attempt of the task has a process alive: its lock goes with the last one.
fn script(task: &str, seconds: &str) -> String {
    format!("exec 9>>held-{task}; flock -n 9 || echo {task} >> overlaps; setsid sleep {seconds} & sleep {seconds}")
}

struct Storm {
    bench: Bench,
    editor: Option<Editor>,
    open: Vec<RunId>,
    all: Vec<RunId>,
}

impl Storm {
    fn new() -> Self {
        let mut bench = Bench::new();
        // Each run is looked at when all is over.
        bench.config.keep.runs = Some(u32::MAX);
        // Each task goes through the step that takes limits on, which may be met by a death, too.
        bench.config.limits.nice = Some(1);
        bench.wave("1").task("A", &script("A", "0.1")).task("B", &script("B", "0.3"));
        bench.task_after("C", &["A"], &script("C", "0.05"));
        bench.wave("2").task("D", &script("D", "0.1")).task("E", "exit 1");
        Self { bench, editor: None, open: Vec::new(), all: Vec::new() }
    }

    fn start_runs(&mut self) {
        let bench = &self.bench;
        self.open.retain(|run| !is_finished(bench, run));
        while self.open.len() < RUNS {
            let run = bench.start();
            self.open.push(run.clone());
            self.all.push(run);
        }
        if self.editor.is_none() {
            self.editor = Some(Editor::start(&[&self.bench.root()], able(), json!({})));
        }
    }

    fn strike(&mut self, chance: &mut Chance) {
        let run = chance.pick(&self.open).clone();
        match chance.pick(&VICTIMS) {
            Victim::Supervisor => kill_all(&self.supervisors(&run)),
            Victim::Guard => kill_all(&one_of(chance, &self.guards(&run))),
            Victim::Task => kill_all(&one_of(chance, &processes_of(&run))),
            Victim::Server => self.editor.take().into_iter().for_each(Editor::kill),
            Victim::Run => {
                kill_all(&[self.supervisors(&run), self.guards(&run), processes_of(&run)].concat());
            }
        }
    }

    fn supervisors(&self, run: &RunId) -> Vec<i32> {
        let dir = self.bench.paths(run).dir().to_path_buf();
        let wanted = [b"feature-build\0__supervise\0".as_slice(), dir.as_os_str().as_encoded_bytes(), b"\0"].concat();
        processes_where(|pid| arguments(pid).starts_with(&wanted))
    }

    fn guards(&self, run: &RunId) -> Vec<i32> {
        let dir = self.bench.paths(run).dir().to_path_buf();
        processes_where(|pid| arguments(pid).starts_with(b"feature-build\0__guard\0") && has_open_in(pid, &dir))
    }

    /// Gives a run back its supervisor; sometimes two try at once.
    fn resume_some(&self, chance: &mut Chance) {
        let died = run::unfinished(&self.bench.state()).into_iter().filter(|run| run.state == RunState::Died);
        for run in died {
            let takeover = *chance.pick(&[Takeover::Settle, Takeover::Continue]);
            for _ in 0..chance.below(3) {
                let dir = self.bench.paths(&run.run).dir().to_path_buf();
                // One that is killed in turn is no error.
                std::thread::spawn(move || _ = run::resume(&dir, takeover, &Launcher::At(binary())));
            }
        }
    }

    /// Brings every run to its end.
    fn calm(&mut self) {
        self.editor.take().into_iter().for_each(Editor::kill);
        wait_until("every run has ended", || {
            for run in run::unfinished(&self.bench.state()).iter().filter(|run| run.state == RunState::Died) {
                let _ = run::resume(self.bench.paths(&run.run).dir(), Takeover::Settle, &Launcher::At(binary()));
            }
            self.all.iter().all(|run| is_finished(&self.bench, run))
        });
    }

    fn check(&self) {
        let mut takeovers = 0;
        let overlaps = std::fs::read_to_string(self.bench.path("overlaps")).unwrap_or_default();
        assert_eq!(overlaps, "", "two attempts of a task were alive at a time");
        for run in &self.all {
            // Reads every line, and finds exactly one outcome for each task.
            let run = self.bench.follow(run);
            takeovers += run.records.iter().filter(|record| matches!(record.event, Event::RunResumed { .. })).count();
            for task in ["A", "B", "C", "D", "E"] {
                let starts = run.records.iter().filter(|record| starts(&record.event, task)).count();
                assert!(starts <= 1, "{task} was started {starts} times in run {}", run.id);
                let result = std::fs::read_to_string(run.paths.dir().join(format!("{task}.1.result")));
                if let (1, Ok(result)) = (starts, result) {
                    let outcome = run.outcome(task);
                    assert!(result.contains(outcome.as_str()), "{task} of run {}: {outcome}, {result}", run.id);
                }
            }
        }
        assert!(takeovers > 0, "nothing was survived");
        eprintln!("{} runs, taken over {takeovers} times", self.all.len());
    }
}

fn starts(event: &Event, name: &str) -> bool {
    matches!(event, Event::TaskStarted { task, .. } if task.as_str() == name)
}

fn is_finished(bench: &Bench, run: &RunId) -> bool {
    let journal = std::fs::read_to_string(bench.paths(run).journal()).unwrap_or_default();
    journal.ends_with('\n') && journal.lines().next_back().is_some_and(|line| line.contains("\"run-finished\""))
}

fn arguments(pid: i32) -> Vec<u8> {
    std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

fn has_open_in(pid: i32, dir: &Path) -> bool {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    open.filter_map(|fd| std::fs::read_link(fd.path()).ok()).any(|target| target.starts_with(dir))
}

fn one_of(chance: &mut Chance, of: &[i32]) -> Vec<i32> {
    if of.is_empty() { Vec::new() } else { vec![*chance.pick(of)] }
}

/// One that has ended by itself meanwhile is no error.
fn kill_all(pids: &[i32]) {
    pids.iter().filter_map(|pid| Pid::from_raw(*pid)).for_each(|pid| _ = kill_process(pid, Signal::KILL));
}

/// Fault 1.
#[test]
fn whatever_is_killed_each_task_has_one_result_and_nothing_is_left() {
    let mut chance = Chance::new("deaths");
    let injections = if is_long() { 1_000 } else { 100 };
    let mut storm = Storm::new();
    for _ in 0..injections {
        storm.start_runs();
        // A moment of chance, not a condition that is waited for.
        std::thread::sleep(Duration::from_millis(chance.below(120)));
        storm.strike(&mut chance);
        storm.resume_some(&mut chance);
        chance.tried();
    }
    storm.calm();
    storm.check();
}

/// Fault 9. The tasks go on when every run has been asked for: whoever comes late finds them running, or over since.
#[test]
fn fifty_runs_and_two_servers_that_start_one_wave_start_each_task_once() {
    const RUNS: usize = 50;
    let workspace = Workspace::with_agent("echo start >> \"starts-$1\"; until [ -e go ]; do sleep 0.02; done\n");
    let tasks = ["TASK-A-001", "TASK-A-002", "TASK-A-003"];
    tasks.iter().for_each(|task| _ = workspace.task(task, 1, ""));
    let mut editors = [Editor::open(&workspace), Editor::open(&workspace)];
    let asked = editors.each_mut().map(|editor| {
        let argument = workspace.target(json!({ "wave": "1" }));
        editor.ask("workspace/executeCommand", json!({ "command": "featureBuild/runWave", "arguments": [argument] }))
    });
    let terminals: Vec<_> = (0..RUNS)
        .map(|_| {
            let mut command = Command::new(BINARY);
            command.arg("-C").arg(workspace.root()).args(["run", "--wave", "1", "--detach"]);
            command.stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut terminal in terminals {
        assert!(terminal.wait().unwrap().success());
    }
    let answers: Vec<_> = editors.iter_mut().zip(asked).map(|(editor, asked)| editor.answer(asked)).collect();
    let by_servers = answers.iter().filter(|answer| answer["run"].is_string()).count();
    workspace.write("go", "");
    let state = workspace.path(".feature-build");
    let give_up = Instant::now() + Duration::from_secs(120);
    while !run::unfinished(&state).is_empty() {
        assert!(Instant::now() < give_up, "every run ends: {:?}", run::unfinished(&state));
        std::thread::sleep(Duration::from_millis(50));
    }
    let runs = run::runs(&state);
    assert_eq!(runs.len(), RUNS + by_servers, "{answers:?}");
    for run in runs {
        assert_eq!((run.exit_code, run.summary[&run::Outcome::Passed]), (Some(0), 3), "{}", run.run);
    }
    for task in tasks {
        let starts = std::fs::read_to_string(workspace.path(&format!("starts-{task}"))).unwrap();
        assert_eq!(starts, "start\n", "{task}");
    }
    editors.into_iter().for_each(Editor::quit);
}
