//! The system has no room for one more process, and what ends makes room at once.

use std::fs;
use std::io::Write as _;
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use feature_build::run::Level;
use feature_build::run::Outcome::{Cancelled, Passed};

use crate::bench::{Bench, id, wait_until};
use crate::chance::{Chance, is_long, own_user, skipped};
use crate::family::{self, copy_binary};

/// A workspace of a user's who may have few processes, and whom nobody else is.
struct Poor {
    folder: tempfile::TempDir,
    user: u32,
}

impl Poor {
    /// `None`: only root can become somebody else.
    fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skipped("only root can become a user with few processes");
            return None;
        }
        let poor = Self { folder: tempfile::tempdir().unwrap(), user: own_user() };
        fs::set_permissions(poor.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        copy_binary(&poor.path("feature-build"));
        poor.write("work/tasks/none.md", "");
        Some(poor)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn task(&self, id: &str) {
        let text = format!("---\nid: {id}\ntitle: {id}\nstatus: backlog\nfeature_id: FEAT-1\nwave: 1\n---\n# {id}\n");
        self.write(&format!("work/tasks/backlog/f/{id}.md"), &text);
    }

    /// Calls feature-build as that user, who may have so many processes; threads count.
    fn call(&self, processes: u64, arguments: &[&str]) -> Output {
        let own = |folder: &Path| {
            let user = self.user.to_string();
            assert!(Command::new("chown").arg("-R").arg(user).arg(folder).status().unwrap().success());
        };
        fs::create_dir_all(self.path("home")).unwrap();
        ["work", "home"].iter().for_each(|folder| own(&self.path(folder)));
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &self.user.to_string(), "--regid", "65534", "--clear-groups"]);
        command.args(["prlimit", &format!("--nproc={processes}")]).arg(self.path("feature-build")).args(arguments);
        command.current_dir(self.path("work")).env("HOME", self.path("home")).env("XDG_STATE_HOME", self.path("home"));
        command.output().unwrap()
    }
}

/// A task waits for room as long as another one runs, however many have run before: no zombie takes any.
#[test]
fn few_processes_make_tasks_wait_and_none_fail() {
    let mut chance = Chance::new("few processes");
    for _ in 0..if is_long() { 5 } else { 1 } {
        let Some(poor) = Poor::new() else { return };
        let tasks = if is_long() { 60 } else { 14 };
        for number in 0..tasks {
            chance.tried();
            poor.task(&format!("TASK-{number}"));
        }
        poor.write("work/feature-build.yaml", "run:\n  command: [sh, agent.sh]\nverify: [\"sleep 0.1\"]\n");
        let seconds = 1 + chance.below(5);
        poor.write("work/agent.sh", &format!("exec sleep 0.{seconds}\n"));
        let processes = 16 + chance.below(6);
        let run = poor.call(processes, &["run", "--trust"]);
        let said = String::from_utf8_lossy(&run.stdout).into_owned();
        let errors = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(0), "with {processes} processes: {said}{errors}");
        assert!(said.contains(&format!("{tasks} passed in ")), "{said}{errors}");
    }
}

/// The same where a control group limits the processes of all together, the supervisor's own ones too.
#[test]
fn a_hundred_tasks_pass_where_sixty_processes_may_be() {
    let mut chance = Chance::new("a control group");
    for _ in 0..if is_long() { 5 } else { 1 } {
        let Some(group) = Group::new("hundred") else { return };
        group.allow("60");
        let mut bench = Bench::new();
        let limit = format!("echo $$ > {}/cgroup.procs", group.0.display());
        bench.options.launcher = feature_build::run::Launcher::At(bench.with_limit(&limit));
        bench.options.max_parallel = NonZeroU32::new(100);
        let gate = bench.path("gate");
        assert!(Command::new("mkfifo").arg(&gate).status().unwrap().success());
        // Open at both ends, so that neither opens in vain.
        let mut gate = fs::File::options().read(true).write(true).open(gate).unwrap();
        bench.wave("1");
        for number in 0..100 {
            chance.tried();
            // An agent that starts something itself may fail for want of room: that is its own matter.
            bench.task(&format!("T{number}"), "read line < gate");
        }
        let run = bench.start();
        let refused = || fs::read_to_string(group.0.join("pids.events")).unwrap().trim() != "max 0";
        wait_until("there is no room for more", refused);
        gate.write_all(&[b'\n'; 100]).unwrap();
        let run = bench.follow(&run);
        let others = (0..100).map(|number| format!("T{number}")).filter(|id| run.outcome(id) != Passed);
        let reasons: Vec<String> = others.map(|id| format!("{id}: {}", run.reason(&id))).collect();
        assert!(reasons.is_empty() && run.exit_code() == 0, "{reasons:?}");
    }
}

/// Whoever takes orphans in waits for them: attempts that ended under a supervisor, and what an agent left behind while that
/// goes on.
#[test]
fn what_has_ended_is_no_zombie_under_supervisor_or_guard() {
    let mut chance = Chance::new("zombies");
    let (tasks, orphans) = if is_long() { (400, 2_000) } else { (40, 200) };
    let mut bench = Bench::new();
    bench.wave("1");
    for number in 0..tasks {
        chance.tried();
        bench.task(&format!("T{number}"), &format!("(sleep 0.0{} &); exit 0", chance.below(10)));
    }
    let script = format!(
        "n=0; while [ $n -lt {orphans} ]; do (sleep 0.0{} &); n=$((n+1)); done; touch left; until [ -e go ]; do sleep 0.05; done",
        chance.below(10)
    );
    bench.wave("2").task("LEAVES", &script);
    let run = bench.start();
    bench.wait_for_file("left");
    let supervisor = family::supervisor(bench.paths(&run).dir()).unwrap();
    wait_until("no zombie is under the supervisor", || family::zombies(supervisor) == 0);
    let guard = family::guards(supervisor)[0];
    // A child of the agent's own may just have ended; none stays.
    wait_until("no zombie is under the guard", || family::zombies(guard) == 0);
    fs::write(bench.path("go"), "").unwrap();
    let run = bench.follow(&run);
    assert_eq!((run.exit_code(), run.outcome("LEAVES")), (0, Passed), "{}", run.reason("LEAVES"));
}

/// A control group whose processes, those of one run, may be few.
struct Group(PathBuf);

impl Group {
    /// `None`: nobody may make one here.
    fn new(name: &str) -> Option<Self> {
        for above in ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"] {
            let group = Path::new(above).join(format!("feature-build-{name}-{}", std::process::id()));
            if fs::create_dir(&group).is_err() {
                continue;
            }
            let group = Self(group);
            if group.0.join("pids.max").exists() {
                return Some(group);
            }
        }
        skipped("no control group for processes can be made here");
        None
    }

    /// How many processes and threads there may be.
    fn allow(&self, most: &str) {
        fs::write(self.0.join("pids.max"), most).unwrap();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // One in which something still dies cannot go yet.
        let give_up = std::time::Instant::now() + crate::bench::PATIENCE;
        while fs::remove_dir(&self.0).is_err() && std::time::Instant::now() < give_up {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

/// What an agent has done is not lost because there is no room for what verifies it: that waits, can be cancelled meanwhile,
/// and starts as soon as there is room.
#[test]
fn what_verifies_waits_for_room() {
    let mut chance = Chance::new("no room to verify");
    let Some(group) = Group::new("verify") else { return };
    for _ in 0..if is_long() { 10 } else { 1 } {
        chance.tried();
        let mut bench = Bench::new();
        let limit = format!("echo $$ > {}/cgroup.procs", group.0.display());
        bench.options.launcher = feature_build::run::Launcher::At(bench.with_limit(&limit));
        bench.wave("1");
        for name in ["PASSES", "CANCELLED"] {
            // What waits needs no process for that, nor for hearing that it may go on.
            bench.task(name, &format!("mkfifo go-{name}; touch up-{name}; read x < go-{name}"));
            let command = bench.commands.get_mut(&id(name)).unwrap();
            command.handling.verify = vec![["sh", "-c", "echo verified"].map(str::to_owned).to_vec()];
        }
        let run = bench.start();
        ["up-PASSES", "up-CANCELLED"].iter().for_each(|name| bench.wait_for_file(name));
        std::thread::sleep(std::time::Duration::from_millis(chance.below(50)));
        group.allow("1");
        ["go-PASSES", "go-CANCELLED"].iter().for_each(|name| fs::write(bench.path(name), "go\n").unwrap());
        let journal = || fs::read_to_string(bench.paths(&run).journal()).unwrap();
        wait_until("both wait", || journal().matches("waits for room for a process").count() >= 2);
        bench.cancel(&run, Some(&[id("CANCELLED")]), Level::Terminate);
        wait_until("one is cancelled", || journal().contains("\"outcome\":\"cancelled\""));
        group.allow("max");
        let run = bench.follow(&run);
        assert_eq!(run.outcome("CANCELLED"), Cancelled, "{}", run.reason("CANCELLED"));
        assert_eq!(run.outcome("PASSES"), Passed, "{}", run.reason("PASSES"));
        assert!(run.log("PASSES").contains("verified"), "{}", run.log("PASSES"));
    }
}
