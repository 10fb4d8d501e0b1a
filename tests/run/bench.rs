//! A workspace of a test's own: schedules by hand, the real binary as supervisor and guard.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use feature_build::agent;
use feature_build::plan::{Schedule, ScheduledTask, ScheduledWave, Skipped};
use feature_build::run::{
    self, Event, Finished, Follower, Launcher, Level, Options, Outcome, Record, RunId, RunPaths, TaskState, View,
};
use feature_build::task::TaskId;
use feature_build::workspace::Config;
use feature_build::workspace::trust::{Store, Subject, Trusted};

/// Long enough for a machine that is busy with other things; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_feature-build"))
}

pub fn id(text: &str) -> TaskId {
    TaskId::new(text).unwrap()
}

/// Waits for a condition, never for a time.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < give_up, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Trusts a workspace as it stands. The store is the tests' own: `.cargo/config.toml` says so.
pub fn trust(root: &Path) -> Trusted {
    Store::of_user().unwrap().trust(&Subject::read(root).unwrap()).unwrap()
}

/// Makes a folder that a test wrote a run of this user's.
pub fn seal_run(folder: &Path) {
    let state = PathBuf::from(std::env::var_os("XDG_STATE_HOME").unwrap());
    let key = state.join("feature-build/trust/key");
    if !key.exists() {
        // It is made with the first run.
        Bench::new().wave("1").task("T", "true").run();
    }
    let key: [u8; 32] = fs::read(key).unwrap().try_into().unwrap();
    let run = folder.file_name().unwrap().as_encoded_bytes();
    let seal = blake3::keyed_hash(&key, &[b"\0run\0", run].concat());
    fs::write(folder.join("run.seal"), format!("no order\n{seal}\n")).unwrap();
}

/// A workspace and the run that is being put together for it.
pub struct Bench {
    dir: tempfile::TempDir,
    pub config: Config,
    pub options: Options,
    pub schedule: Schedule,
    pub commands: BTreeMap<TaskId, agent::Command>,
}

impl Bench {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let schedule = Schedule { feature: "FEAT-1".into(), title: "A feature".into(), waves: Vec::new() };
        let options = Options { launcher: Launcher::At(binary()), ..Options::default() };
        let config = Config { grace_seconds: Some(0.5), ..Config::default() };
        Self { dir, config, options, schedule, commands: BTreeMap::new() }
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    pub fn state(&self) -> PathBuf {
        feature_build::workspace::state_dir(&self.root(), &self.config)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Begins the next wave.
    pub fn wave(&mut self, label: &str) -> &mut Self {
        let wave = ScheduledWave { wave: Some(label.into()), tasks: Vec::new(), skipped: Vec::new() };
        self.schedule.waves.push(wave);
        self
    }

    /// Adds a task to the last wave that executes this.
    pub fn task_argv(&mut self, name: &str, after: &[&str], argv: &[&str]) -> &mut Self {
        let task = ScheduledTask {
            id: id(name),
            title: format!("Task {name}"),
            file: format!("tasks/{name}.md"),
            after: after.iter().map(|name| id(name)).collect(),
            mode: None,
            estimated_minutes: None,
            complexity: None,
        };
        self.schedule.waves.last_mut().unwrap().tasks.push(task);
        let argv = argv.iter().map(ToString::to_string).collect();
        self.commands.insert(id(name), agent::Command { argv, ..agent::Command::default() });
        self
    }

    /// Adds a task to the last wave that executes this shell script.
    pub fn task(&mut self, name: &str, script: &str) -> &mut Self {
        self.task_argv(name, &[], &["sh", "-c", script])
    }

    pub fn task_after(&mut self, name: &str, after: &[&str], script: &str) -> &mut Self {
        self.task_argv(name, after, &["sh", "-c", script])
    }

    /// Adds a task to the last wave that does not start.
    pub fn skipped(&mut self, name: &str, awaits_person: bool) -> &mut Self {
        let skipped = Skipped {
            id: id(name),
            title: format!("Task {name}"),
            file: format!("tasks/{name}.md"),
            reason: "not for a machine".into(),
            awaits_person,
        };
        self.schedule.waves.last_mut().unwrap().skipped.push(skipped);
        self
    }

    pub fn start(&self) -> RunId {
        run::start(&self.trusted(), &self.schedule, &self.commands, &self.options).unwrap()
    }

    /// Writes the configuration and trusts it, as a user does with `feature-build trust`.
    pub fn trusted(&self) -> Trusted {
        // JSON is YAML.
        fs::write(self.path("feature-build.yaml"), serde_json::to_string_pretty(&self.config).unwrap()).unwrap();
        trust(&self.root())
    }

    pub fn run(&self) -> Run {
        self.follow(&self.start())
    }

    /// Follows a run to its end.
    pub fn follow(&self, id: &RunId) -> Run {
        let paths = self.paths(id);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let records = runtime.block_on(async {
            tokio::time::timeout(PATIENCE, async {
                let mut follower = Follower::new(paths.dir());
                let mut records = Vec::new();
                while let Some(record) = follower.next().await.expect("the run ends by itself") {
                    records.push(record);
                }
                records
            })
            .await
            .expect("the run ends in time")
        });
        let run = Run { id: id.clone(), paths, records };
        run.check();
        self.check_nothing_left(id);
        run
    }

    /// The binary, started under a limit of this shell's.
    pub fn with_limit(&self, limit: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path("limited");
        fs::write(&path, format!("#!/bin/sh\n{limit}\nexec {} \"$@\"\n", binary().display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    pub fn paths(&self, id: &RunId) -> RunPaths {
        RunPaths::of(&self.state(), id)
    }

    pub fn cancel(&self, id: &RunId, tasks: Option<&[TaskId]>, level: Level) {
        run::cancel(&self.state(), id, tasks, level).unwrap();
    }

    pub fn wait_for_file(&self, name: &str) {
        let path = self.path(name);
        wait_until(&format!("{name} is there"), || path.exists());
    }

    /// No process that the run started is alive: each carries the run in its environment.
    pub fn check_nothing_left(&self, id: &RunId) {
        wait_until("nothing of the run is alive", || processes_of(id).is_empty());
    }
}

/// A run outlives a test that fails: nobody else would end its tasks.
impl Drop for Bench {
    fn drop(&mut self) {
        let running = || run::runs(&self.state()).into_iter().filter(|run| run.state == run::RunState::Running);
        let give_up = std::time::Instant::now() + PATIENCE;
        while std::time::Instant::now() < give_up && running().next().is_some() {
            for run in running() {
                let _ = run::cancel(&self.state(), &run.run, None, Level::Kill);
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

/// The processes whose environment names this run.
pub fn processes_of(id: &RunId) -> Vec<i32> {
    let wanted = format!("FEATURE_BUILD_RUN={id}");
    processes_where(|pid| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|&byte| byte == 0).any(|variable| variable == wanted.as_bytes())
    })
}

pub fn processes_where(fits: impl Fn(i32) -> bool) -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| fits(*pid)).collect()
}

pub fn kill(pid: i32, signal: rustix::process::Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// Kills a process and waits until all of it is gone. It loses its arguments before its locks: one of its threads may still
/// be in a call that waits for the disk.
pub fn kill_whole(pid: i32) {
    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
    let handle = pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()).unwrap();
    pidfd_send_signal(&handle, Signal::KILL).unwrap();
    wait_until("the process is gone", || {
        let mut fds = [rustix::event::PollFd::new(&handle, rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut fds, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() > 0
    });
}

/// A run that is over.
pub struct Run {
    pub id: RunId,
    pub paths: RunPaths,
    pub records: Vec<Record>,
}

impl Run {
    /// What holds for every run.
    fn check(&self) {
        let seqs: Vec<u64> = self.records.iter().map(|record| record.seq).collect();
        assert_eq!(seqs, (1..=self.records.len() as u64).collect::<Vec<_>>());
        assert!(matches!(self.records.last().unwrap().event, Event::RunFinished { .. }));
        let mut finishes: BTreeMap<&TaskId, u32> = BTreeMap::new();
        self.finishes().for_each(|(task, _)| *finishes.entry(task).or_default() += 1);
        for task in self.view().tasks() {
            assert_eq!(finishes.get(&task.id), Some(&1), "{} has one outcome", task.id);
        }
    }

    fn finishes(&self) -> impl Iterator<Item = (&TaskId, Outcome)> {
        self.records.iter().filter_map(|record| match &record.event {
            Event::TaskFinished { task, outcome, .. } => Some((task, *outcome)),
            _ => None,
        })
    }

    pub fn view(&self) -> View {
        View::of(&self.records)
    }

    pub fn finished(&self) -> Finished {
        self.view().finished.unwrap()
    }

    pub fn exit_code(&self) -> u8 {
        self.finished().exit_code
    }

    pub fn outcome(&self, name: &str) -> Outcome {
        match self.view().task(name).unwrap().state {
            TaskState::Finished { outcome, .. } => outcome,
            ref state => panic!("{name} is {state:?}"),
        }
    }

    pub fn reason(&self, name: &str) -> String {
        match &self.view().task(name).unwrap().state {
            TaskState::Finished { reason, .. } => reason.clone().unwrap_or_default(),
            state => panic!("{name} is {state:?}"),
        }
    }

    pub fn exit_code_of(&self, name: &str) -> Option<i32> {
        match &self.view().task(name).unwrap().state {
            TaskState::Finished { exit_code, .. } => *exit_code,
            state => panic!("{name} is {state:?}"),
        }
    }

    /// Whether the task left processes behind.
    pub fn leaked(&self, name: &str) -> bool {
        self.records.iter().any(
            |record| matches!(&record.event, Event::TaskFinished { task, leaked: true, .. } if task.as_str() == name),
        )
    }

    pub fn log(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.paths.log(&id(name), 1)).unwrap()).into_owned()
    }

    /// Where in the journal the task was started; `None` where it was not.
    pub fn started_at(&self, name: &str) -> Option<usize> {
        self.records
            .iter()
            .position(|record| matches!(&record.event, Event::TaskStarted { task, .. } if task.as_str() == name))
    }

    pub fn finished_at(&self, name: &str) -> usize {
        self.records
            .iter()
            .position(|record| matches!(&record.event, Event::TaskFinished { task, .. } if task.as_str() == name))
            .unwrap()
    }
}

/// A script that says that it is there and then waits for others to say so: it fails where they do not come.
pub fn rendezvous(own: &str, others: &[&str]) -> String {
    let all: String = others.iter().map(|other| format!("[ -e here-{other} ] && ")).collect();
    format!("touch here-{own}; n=0; until {all}true; do n=$((n+1)); [ $n -lt 3000 ] || exit 9; sleep 0.01; done")
}
