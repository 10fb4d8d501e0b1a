//! Runs whose supervisor dies, and tasks that another run has.

use std::path::Path;

use feature_build::run::Outcome::{Cancelled, Failed, Lost, Passed, Skipped};
use feature_build::run::{
    self, Event, FollowError, Follower, Launcher, Level, Resumed, RunId, RunState, Takeover, TaskState, View,
};
use feature_build::workspace::Retries;
use feature_build::workspace::trust::Store;
use rustix::process::{Pid, Signal, kill_process};

use crate::bench::{self, Bench, Run, binary, id, kill_whole, processes_of, processes_where, rendezvous, wait_until};

impl Bench {
    fn supervisors(&self, run: &RunId) -> Vec<i32> {
        let dir = self.paths(run).dir().to_path_buf();
        let wanted = [b"feature-build\0__supervise\0".as_slice(), dir.as_os_str().as_encoded_bytes(), b"\0"].concat();
        processes_where(|pid| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default().starts_with(&wanted))
    }

    /// The guard of an attempt is the one that has its log open.
    fn guards(&self, run: &RunId, task: &str) -> Vec<i32> {
        let log = self.paths(run).log(&id(task), 1);
        let wanted = format!("feature-build\0__guard\0{task}\0");
        processes_where(|pid| {
            let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            arguments.starts_with(wanted.as_bytes()) && has_open(pid, &log)
        })
    }

    pub fn kill_supervisor(&self, run: &RunId) {
        let [supervisor] = self.supervisors(run)[..] else { panic!("one supervisor: {:?}", self.supervisors(run)) };
        kill_whole(supervisor);
    }

    fn kill_guard(&self, run: &RunId, task: &str) {
        let [guard] = self.guards(run, task)[..] else { panic!("one guard: {:?}", self.guards(run, task)) };
        kill_whole(guard);
    }

    /// As a power failure does.
    fn kill_everything(&self, run: &RunId, tasks: &[&str]) {
        self.kill_supervisor(run);
        tasks.iter().for_each(|task| self.kill_guard(run, task));
        wait_until("nothing of the run is alive", || {
            let left = processes_of(run);
            // Those that end by themselves meanwhile are no error.
            left.iter().filter_map(|pid| Pid::from_raw(*pid)).for_each(|pid| _ = kill_process(pid, Signal::KILL));
            left.is_empty()
        });
    }

    /// As the run sees it: it began under another boot of the system.
    fn restart_the_machine(&self, run: &RunId) {
        std::fs::write(self.paths(run).lock(), "another boot").unwrap();
    }

    pub fn resume(&self, run: &RunId, takeover: Takeover) -> Resumed {
        run::resume(self.paths(run).dir(), takeover, &Launcher::At(binary())).unwrap()
    }

    fn write(&self, name: &str) {
        std::fs::write(self.path(name), "").unwrap();
    }

    pub fn wait_for_event(&self, run: &RunId, what: &str, fits: impl Fn(&Event) -> bool) {
        wait_until(what, || {
            let records = run::read_journal(&self.paths(run).journal()).unwrap_or_default();
            records.iter().any(|record| fits(&record.event))
        });
    }
}

fn has_open(pid: i32, path: &Path) -> bool {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    open.filter_map(|fd| std::fs::read_link(fd.path()).ok()).any(|target| target == path)
}

fn starts(run: &Run, task: &str) -> usize {
    let fits = |event: &Event| matches!(event, Event::TaskStarted { task: started, .. } if started.as_str() == task);
    run.records.iter().filter(|record| fits(&record.event)).count()
}

fn adopted(run: &Run) -> Vec<Vec<String>> {
    run.records
        .iter()
        .filter_map(|record| match &record.event {
            Event::RunResumed { adopted } => Some(adopted.iter().map(ToString::to_string).collect()),
            _ => None,
        })
        .collect()
}

/// Says that it is on, counts its starts, and goes on when told.
fn patient(name: &str) -> String {
    format!("echo start >> starts-{name}; touch on-{name}; until [ -e go-{name} ]; do sleep 0.01; done; echo done")
}

fn started_times(bench: &Bench, name: &str) -> usize {
    std::fs::read_to_string(bench.path(&format!("starts-{name}"))).unwrap_or_default().lines().count()
}

#[test]
fn a_live_attempt_is_adopted_and_the_run_goes_on() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", &patient("A")).task("B", &patient("B")).wave("2").task("C", "true");
    let run = bench.start();
    bench.wait_for_file("on-A");
    bench.wait_for_file("on-B");
    bench.kill_supervisor(&run);
    assert_eq!(bench.resume(&run, Takeover::Settle), Resumed::TakenOver);
    assert_eq!(bench.resume(&run, Takeover::Settle), Resumed::Owned);
    bench.write("go-A");
    bench.write("go-B");
    let run = bench.follow(&run);
    for task in ["A", "B", "C"] {
        assert_eq!((run.outcome(task), starts(&run, task)), (Passed, 1), "{task}");
    }
    assert_eq!((started_times(&bench, "A"), started_times(&bench, "B")), (1, 1));
    assert_eq!(adopted(&run), [["A", "B"]]);
    assert_eq!(run.exit_code(), 0);
    assert_eq!(bench.resume(&run.id, Takeover::Settle), Resumed::Finished);
}

#[test]
fn a_result_of_the_time_without_a_supervisor_is_taken() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", &patient("A")).task("B", "touch on-B; until [ -e go-B ]; do sleep 0.01; done; exit 3");
    let run = bench.start();
    bench.wait_for_file("on-A");
    bench.wait_for_file("on-B");
    bench.kill_supervisor(&run);
    bench.write("go-A");
    bench.write("go-B");
    let dir = bench.paths(&run).dir().to_path_buf();
    wait_until("both have ended", || dir.join("A.1.result").exists() && dir.join("B.1.result").exists());
    wait_until("the run is known to have died", || run::runs(&bench.state())[0].state == RunState::Died);
    bench.resume(&run, Takeover::Settle);
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), run.outcome("B"), run.exit_code_of("B")), (Passed, Failed, Some(3)));
    assert_eq!(run.log("A"), "done\n");
    assert_eq!(started_times(&bench, "A"), 1);
    let summary = run.finished();
    assert!(summary.serial_ms >= 1 && summary.wall_ms >= 1, "{summary:?}");
}

/// A has ended while the run had no supervisor, and nothing of the run lives.
fn ended_alone(bench: &mut Bench) -> RunId {
    bench.wave("1").task("A", &patient("A")).wave("2").task("B", &patient("B"));
    let run = bench.start();
    bench.wait_for_file("on-A");
    bench.kill_supervisor(&run);
    bench.write("go-A");
    let result = bench.paths(&run).dir().join("A.1.result");
    wait_until("A has ended", || result.exists() && bench.guards(&run, "A").is_empty());
    bench.write("go-B");
    run
}

#[test]
fn a_run_goes_on_where_all_that_ran_has_ended_before_the_takeover() {
    let mut bench = Bench::new();
    let run = ended_alone(&mut bench);
    bench.resume(&run, Takeover::Settle);
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), run.outcome("B"), run.exit_code()), (Passed, Passed, 0));
    assert_eq!((started_times(&bench, "A"), started_times(&bench, "B")), (1, 1));
}

#[test]
fn after_a_restart_or_a_long_time_nothing_more_starts_unasked() {
    let hours_ago = |bench: &Bench, run: &RunId| {
        let lock = std::fs::File::options().write(true).open(bench.paths(run).lock()).unwrap();
        lock.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(7200)).unwrap();
    };
    for what in [Bench::restart_the_machine as fn(&Bench, &RunId), hours_ago] {
        let mut bench = Bench::new();
        let run = ended_alone(&mut bench);
        what(&bench, &run);
        bench.resume(&run, Takeover::Settle);
        let run = bench.follow(&run);
        assert_eq!((run.outcome("A"), run.outcome("B")), (Passed, Skipped));
        assert_eq!(run.reason("B"), "its supervisor died before it was started");
        assert_eq!(started_times(&bench, "B"), 0);
    }
}

/// Promise 7: what lives goes on to its end, but nothing is started by a configuration that is not trusted any more.
#[test]
fn a_run_that_is_taken_over_starts_nothing_that_is_not_trusted_any_more() {
    let revoked = |bench: &Bench| assert!(Store::of_user().unwrap().revoke(&bench.root()).unwrap());
    let changed = |bench: &Bench| {
        let file = bench.path("feature-build.yaml");
        std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + "\n").unwrap();
    };
    let another = move |bench: &Bench| {
        changed(bench);
        bench::trust(&bench.root());
    };
    type Happens<'a> = &'a dyn Fn(&Bench);
    let ways: [(Happens, Takeover); 4] = [
        (&revoked, Takeover::Settle),
        (&revoked, Takeover::Continue),
        (&changed, Takeover::Continue),
        (&another, Takeover::Settle),
    ];
    for (what, takeover) in ways {
        let mut bench = Bench::new();
        bench.config.retries = Retries { count: 5, delay_seconds: Some(0.0), ..Retries::default() };
        let fails = format!("{}; exit 3", patient("F"));
        bench.wave("1").task("A", &patient("A")).task("F", &fails).wave("2").task("B", "touch never");
        bench.options.keep_going = true;
        let run = bench.start();
        bench.wait_for_file("on-A");
        bench.wait_for_file("on-F");
        bench.kill_supervisor(&run);
        what(&bench);
        bench.resume(&run, takeover);
        bench.write("go-A");
        bench.write("go-F");
        let run = bench.follow(&run);
        assert_eq!((run.outcome("A"), run.outcome("F"), run.outcome("B")), (Passed, Failed, Skipped));
        assert!(run.reason("B").contains("`feature-build trust`"), "{}", run.reason("B"));
        assert_eq!(started_times(&bench, "F"), 1, "it is not tried again");
        assert!(!bench.path("never").exists());
    }
}

/// Its guard still asks for a task that another run has.
#[test]
fn what_a_run_had_not_begun_when_its_supervisor_died_is_not_lost() {
    for guard_lives in [true, false] {
        let mut bench = Bench::new();
        bench.wave("1").task("A", &patient("A"));
        let first = bench.start();
        bench.wait_for_file("on-A");
        let second = bench.start();
        let log = bench.paths(&second).log(&id("A"), 1);
        wait_until("its guard asks", || log.exists());
        bench.kill_supervisor(&second);
        if !guard_lives {
            wait_until("its guard has ended", || bench.guards(&second, "A").is_empty());
        }
        assert_eq!(bench.resume(&second, Takeover::Settle), Resumed::TakenOver);
        let follows = |event: &Event| matches!(event, Event::TaskAttached { .. });
        bench.wait_for_event(&second, "it waits for the other run", follows);
        bench.write("go-A");
        let (first, second) = (bench.follow(&first), bench.follow(&second));
        assert_eq!((first.outcome("A"), second.outcome("A")), (Passed, Passed));
        assert_eq!((starts(&second, "A"), started_times(&bench, "A")), (0, 1));
    }
}

#[test]
fn the_time_without_a_supervisor_is_time_of_the_run() {
    let mut bench = Bench::new();
    let works_alone = "touch on-A; until [ -e alone ]; do sleep 0.01; done; sleep 1; touch worked; \
                       until [ -e go-A ]; do sleep 0.01; done";
    bench.wave("1").task("A", works_alone);
    let run = bench.start();
    bench.wait_for_event(&run, "A runs", |event| matches!(event, Event::TaskStarted { .. }));
    bench.wait_for_file("on-A");
    bench.kill_supervisor(&run);
    bench.write("alone");
    bench.wait_for_file("worked");
    assert_eq!(bench.resume(&run, Takeover::Settle), Resumed::TakenOver);
    bench.write("go-A");
    let summary = bench.follow(&run).finished();
    // A little less is no error: the one is told by the wall clock, the other is not.
    assert!(summary.wall_ms + 500 >= summary.serial_ms, "{summary:?}");
}

#[test]
fn what_ended_without_a_supervisor_took_its_time_in_the_run_too() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", "touch on-A; until [ -e alone ]; do sleep 0.01; done; sleep 1");
    let run = bench.start();
    bench.wait_for_event(&run, "A runs", |event| matches!(event, Event::TaskStarted { .. }));
    bench.kill_supervisor(&run);
    bench.write("alone");
    let result = bench.paths(&run).dir().join("A.1.result");
    wait_until("A has ended", || result.exists());
    assert_eq!(bench.resume(&run, Takeover::Settle), Resumed::TakenOver);
    let summary = bench.follow(&run).finished();
    assert!(summary.wall_ms + 500 >= summary.serial_ms, "{summary:?}");
}

#[test]
fn a_run_that_lost_its_supervisor_is_cancelled_from_the_command_line() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", &patient("A")).wave("2").task("B", "touch never");
    let run = bench.start();
    bench.wait_for_file("on-A");
    bench.kill_supervisor(&run);
    wait_until("the run is known to have died", || run::runs(&bench.state())[0].state == RunState::Died);
    let cancel = std::process::Command::new(binary()).arg("-C").arg(bench.root()).arg("cancel").output().unwrap();
    assert!(cancel.status.success(), "{}", String::from_utf8_lossy(&cancel.stderr));
    let ended = bench.follow(&run);
    assert_eq!((ended.outcome("A"), ended.outcome("B"), ended.exit_code()), (Cancelled, Skipped, 130));
    assert!(!bench.path("never").exists());
    bench.check_nothing_left(&run);
}

#[test]
fn after_a_power_failure_what_ran_is_lost_and_the_rest_is_not_started_unasked() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", &patient("A")).task("OK", "true").wave("2").task("B", "touch never");
    let run = bench.start();
    bench.wait_for_file("on-A");
    bench.wait_for_event(&run, "OK has passed", |event| matches!(event, Event::TaskFinished { .. }));
    bench.kill_everything(&run, &["A"]);
    bench.resume(&run, Takeover::Settle);
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), run.outcome("OK"), run.outcome("B")), (Lost, Passed, Skipped));
    assert_eq!(run.reason("A"), "its supervisor and its guard died; what they left was ended");
    assert_eq!(run.reason("B"), "its supervisor died before it was started");
    assert_eq!(run.exit_code(), 1);
    assert!(!bench.path("never").exists());
}

#[test]
fn continued_after_a_power_failure_what_was_not_started_starts() {
    let mut bench = Bench::new();
    bench.options.keep_going = true;
    bench.wave("1").task("A", &patient("A")).wave("2").task("B", "true").task_after("C", &["A"], "touch never");
    let run = bench.start();
    bench.wait_for_file("on-A");
    bench.kill_everything(&run, &["A"]);
    bench.resume(&run, Takeover::Continue);
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), run.outcome("B"), run.outcome("C")), (Lost, Passed, Skipped));
    assert_eq!(started_times(&bench, "A"), 1, "what is lost is not run again unasked");
    assert!(!bench.path("never").exists());
}

#[test]
fn what_supervisor_and_guard_leave_is_ended_by_the_recovery() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", "setsid sleep 600 & touch on; exec sleep 600").task("B", &patient("B"));
    let run = bench.start();
    bench.wait_for_file("on");
    bench.wait_for_file("on-B");
    bench.kill_supervisor(&run);
    bench.kill_guard(&run, "A");
    assert!(!processes_of(&run).is_empty());
    bench.resume(&run, Takeover::Settle);
    bench.write("go-B");
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), run.outcome("B")), (Lost, Passed));
}

#[test]
fn the_end_of_a_long_log_is_kept_where_the_guard_is_killed() {
    let mut bench = Bench::new();
    bench.config.log_limit = Some(feature_build::workspace::Size(40));
    bench.wave("1").task("A", "seq -w 0 99; touch on; exec sleep 600");
    let run = bench.start();
    bench.wait_for_file("on");
    let tail = bench.paths(&run).dir().join("A.log.tail");
    wait_until("all of it was read", || std::fs::read(&tail).is_ok_and(|tail| tail.ends_with(b"98\n99\n")));
    bench.kill_guard(&run, "A");
    let run = bench.follow(&run);
    assert_eq!(run.outcome("A"), Failed);
    let (head, end) = ("00\n01\n02\n03\n04\n05\n06", "94\n95\n96\n97\n98\n99\n");
    let log = run.log("A");
    assert!(log.starts_with(head) && log.ends_with(end), "{log}");
    assert!(log.contains("[feature-build: 260 bytes left out]"), "{log}");
    assert!(!tail.exists());
}

#[test]
fn a_guard_that_dies_under_its_second_supervisor_fails_its_task() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", "setsid sleep 600 & touch on; exec sleep 600");
    let run = bench.start();
    bench.wait_for_file("on");
    bench.kill_supervisor(&run);
    bench.resume(&run, Takeover::Settle);
    bench.kill_guard(&run, "A");
    let run = bench.follow(&run);
    assert_eq!(run.outcome("A"), Failed);
    assert_eq!(run.reason("A"), "its guard was killed; its processes were ended");
}

#[test]
fn an_adopted_task_is_cancelled_and_its_progress_is_seen() {
    let mut bench = Bench::new();
    bench.config.grace_seconds = Some(600.0);
    bench.wave("1").task(
        "A",
        "trap 'echo bye; exit 0' TERM; touch on; while :; do echo here; sleep 0.02; [ -e new ] && echo news; done",
    );
    let run = bench.start();
    bench.wait_for_file("on");
    bench.kill_supervisor(&run);
    bench.resume(&run, Takeover::Settle);
    bench.write("new");
    bench.wait_for_event(
        &run,
        "its progress comes",
        |event| matches!(event, Event::TaskProgress { text, .. } if text == "news"),
    );
    bench.cancel(&run, None, Level::Terminate);
    let run = bench.follow(&run);
    assert_eq!(run.outcome("A"), Cancelled);
    assert!(run.log("A").ends_with("bye\n"));
    assert_eq!(run.exit_code(), 130);
}

#[test]
fn an_adopted_task_that_takes_long_is_told_once() {
    let mut bench = Bench::new();
    bench.config.slow_after_seconds = Some(1.0);
    bench.wave("1").task("A", &patient("A"));
    let run = bench.start();
    bench.wait_for_file("on-A");
    bench.kill_supervisor(&run);
    // Without a supervisor nobody can be told yet.
    let dir = bench.paths(&run).dir().to_path_buf();
    wait_until("its guard says that it takes long", || dir.join("A~1.slow").exists());
    let is_slow = |event: &Event| matches!(event, Event::TaskSlow { after_ms: 1_000.., .. });
    bench.resume(&run, Takeover::Settle);
    bench.wait_for_event(&run, "that it takes long is told", is_slow);
    bench.kill_supervisor(&run);
    bench.resume(&run, Takeover::Settle);
    bench.write("go-A");
    let run = bench.follow(&run);
    assert_eq!(run.outcome("A"), Passed);
    assert_eq!(run.records.iter().filter(|record| is_slow(&record.event)).count(), 1);
}

#[test]
fn a_run_that_was_being_cancelled_stays_so() {
    let mut bench = Bench::new();
    bench.config.grace_seconds = Some(600.0);
    bench.wave("1").task("A", "trap 'touch asked' TERM; touch on; until [ -e go-A ]; do sleep 0.01; done");
    bench.wave("2").task("B", "touch never");
    let run = bench.start();
    bench.wait_for_file("on");
    bench.cancel(&run, None, Level::Terminate);
    bench.wait_for_file("asked");
    bench.kill_supervisor(&run);
    bench.resume(&run, Takeover::Continue);
    bench.write("go-A");
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), run.outcome("B")), (Cancelled, Skipped));
    assert_eq!(run.reason("B"), "the run was cancelled");
    assert_eq!(run.exit_code(), 130);
}

#[test]
fn a_supervisor_may_die_any_number_of_times() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", &patient("A")).wave("2").task("B", &patient("B")).wave("3").task("C", "true");
    let run = bench.start();
    bench.wait_for_file("on-A");
    for _ in 0..3 {
        bench.kill_supervisor(&run);
        bench.resume(&run, Takeover::Settle);
    }
    bench.write("go-A");
    bench.wait_for_file("on-B");
    for _ in 0..2 {
        bench.kill_supervisor(&run);
        bench.resume(&run, Takeover::Settle);
    }
    bench.write("go-B");
    let run = bench.follow(&run);
    assert_eq!(run.finished().summary[&Passed], 3);
    assert_eq!(adopted(&run).len(), 5);
    for (task, wave) in [("A", "1"), ("B", "2")] {
        assert_eq!((starts(&run, task), started_times(&bench, task)), (1, 1));
        let of_wave = |event: &Event| match event {
            Event::WaveStarted { wave: of, .. } | Event::WaveFinished { wave: of, .. } => of.as_deref() == Some(wave),
            _ => false,
        };
        assert_eq!(run.records.iter().filter(|record| of_wave(&record.event)).count(), 2, "wave {wave}");
    }
}

#[test]
fn of_many_that_resume_at_once_one_takes_over() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", &patient("A"));
    let run = bench.start();
    bench.wait_for_file("on-A");
    bench.kill_supervisor(&run);
    let taken = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..6).map(|_| scope.spawn(|| bench.resume(&run, Takeover::Settle))).collect();
        tries.into_iter().map(|tried| tried.join().unwrap()).filter(|resumed| *resumed == Resumed::TakenOver).count()
    });
    assert_eq!(taken, 1);
    bench.write("go-A");
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), adopted(&run).len(), started_times(&bench, "A")), (Passed, 1, 1));
}

#[test]
fn a_follower_brings_a_run_back() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", &patient("A")).wave("2").task("B", "true");
    let run = bench.start();
    bench.wait_for_file("on-A");
    bench.kill_supervisor(&run);
    let dir = bench.paths(&run).dir().to_path_buf();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (alone, seen) = runtime.block_on(async {
        let mut watching = Follower::new(&dir);
        let alone = loop {
            match watching.next().await {
                Ok(Some(_)) => {}
                other => break other,
            }
        };
        let mut follower = Follower::recovering(&dir, Launcher::At(binary()));
        let mut seen = Vec::new();
        while let Some(record) = follower.next().await.unwrap() {
            if matches!(record.event, Event::RunResumed { .. }) {
                bench.write("go-A");
            }
            seen.push(record);
        }
        (alone, seen)
    });
    assert!(matches!(alone, Err(FollowError::SupervisorDied { .. })), "{alone:?}");
    let run = bench.follow(&run);
    assert_eq!(seen, run.records, "not a record twice, none is missing");
    assert_eq!((run.outcome("A"), run.outcome("B")), (Passed, Passed));
}

#[test]
fn a_follower_gives_up_where_nobody_can_take_over() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", &patient("A"));
    let run = bench.start();
    bench.wait_for_file("on-A");
    bench.kill_supervisor(&run);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let order = bench.paths(&run).order();
    std::fs::rename(&order, bench.path("hidden")).unwrap();
    let end = runtime.block_on(async {
        let mut follower = Follower::recovering(bench.paths(&run).dir(), Launcher::At(binary()));
        loop {
            match follower.next().await {
                Ok(Some(_)) => {}
                other => return other,
            }
        }
    });
    let Err(FollowError::SupervisorDied { why: Some(why), .. }) = end else { panic!("{end:?}") };
    assert!(why.contains("there is no such run"), "{why}");
    std::fs::rename(bench.path("hidden"), order).unwrap();
    bench.write("go-A");
    bench.resume(&run, Takeover::Settle);
    bench.follow(&run);
}

#[test]
fn a_task_of_another_run_is_waited_for() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", &format!("{}; echo hello; exit 4", patient("A")));
    let first = bench.start();
    bench.wait_for_file("on-A");
    let second = bench.start();
    bench.wait_for_event(
        &second,
        "it is attached",
        |event| matches!(event, Event::TaskAttached { run, .. } if *run == first),
    );
    bench.write("go-A");
    let (first, second) = (bench.follow(&first), bench.follow(&second));
    assert_eq!((first.outcome("A"), second.outcome("A")), (Failed, Failed));
    assert_eq!((second.exit_code_of("A"), second.exit_code()), (Some(4), 1));
    assert_eq!(second.reason("A"), format!("exited with 4, in run {}", first.id));
    assert_eq!(second.view().task("A").unwrap().log, first.view().task("A").unwrap().log);
    assert_eq!((starts(&second, "A"), started_times(&bench, "A")), (0, 1));
    let latest = run::latest_attempts(&bench.state());
    assert_eq!(latest[&id("A")].run, first.id, "the attempt is the first run's");
}

#[test]
fn a_task_that_ended_while_it_was_asked_for_does_not_run_again() {
    let mut bench = Bench::new();
    bench.options.max_parallel = std::num::NonZeroU32::new(1);
    bench.wave("1").task("FIRST", &patient("FIRST")).task("A", "echo start >> starts-A");
    let waiting = bench.start();
    bench.wait_for_file("on-FIRST");
    bench.schedule.waves[0].tasks.remove(0);
    assert_eq!(bench.run().outcome("A"), Passed);
    bench.write("go-FIRST");
    assert_eq!(bench.follow(&waiting).outcome("A"), Passed);
    assert_eq!(started_times(&bench, "A"), 1);
    assert_eq!(bench.run().outcome("A"), Passed);
    assert_eq!(started_times(&bench, "A"), 2, "who asks later gets a new attempt");
}

#[test]
fn cancelling_a_run_that_waits_leaves_the_other_alone() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", &patient("A"));
    let first = bench.start();
    bench.wait_for_file("on-A");
    let second = bench.start();
    bench.wait_for_event(&second, "it is attached", |event| matches!(event, Event::TaskAttached { .. }));
    bench.cancel(&second, None, Level::Kill);
    let second = bench.follow(&second);
    assert_eq!((second.outcome("A"), second.exit_code()), (Cancelled, 130));
    assert_eq!(second.reason("A"), format!("not waited for any more, it is run {first}'s"));
    bench.write("go-A");
    assert_eq!(bench.follow(&first).outcome("A"), Passed);
}

#[test]
fn a_run_that_waits_starts_the_task_where_the_other_gives_no_outcome() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", "echo start >> starts-A; touch on; [ -e second ] || exec sleep 600");
    let first = bench.start();
    bench.wait_for_file("on");
    let second = bench.start();
    bench.wait_for_event(&second, "it is attached", |event| matches!(event, Event::TaskAttached { .. }));
    bench.write("second");
    bench.kill_supervisor(&first);
    bench.kill_guard(&first, "A");
    let second = bench.follow(&second);
    assert_eq!((second.outcome("A"), starts(&second, "A"), started_times(&bench, "A")), (Passed, 1, 2));
    bench.check_nothing_left(&first);
    bench.resume(&first, Takeover::Settle);
    assert_eq!(bench.follow(&first).outcome("A"), Lost);
}

#[test]
fn a_run_that_waits_for_another_brings_that_one_back() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", &patient("A"));
    let first = bench.start();
    bench.wait_for_file("on-A");
    let second = bench.start();
    bench.wait_for_event(&second, "it is attached", |event| matches!(event, Event::TaskAttached { .. }));
    bench.kill_supervisor(&first);
    bench.write("go-A");
    let second = bench.follow(&second);
    assert_eq!((second.outcome("A"), starts(&second, "A"), started_times(&bench, "A")), (Passed, 0, 1));
    assert_eq!(bench.follow(&first).outcome("A"), Passed);
}

#[test]
fn a_run_that_waits_for_another_survives_its_supervisor_too() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", &patient("A"));
    let first = bench.start();
    bench.wait_for_file("on-A");
    let second = bench.start();
    bench.wait_for_event(&second, "it is attached", |event| matches!(event, Event::TaskAttached { .. }));
    bench.kill_supervisor(&second);
    bench.resume(&second, Takeover::Settle);
    bench.write("go-A");
    assert_eq!(bench.follow(&second).outcome("A"), Passed);
    assert_eq!(bench.follow(&first).outcome("A"), Passed);
    assert_eq!(started_times(&bench, "A"), 1);
}

#[test]
fn many_runs_of_one_wave_start_each_task_once() {
    let mut bench = Bench::new();
    let tasks = ["A", "B", "C"];
    bench.wave("1");
    for task in tasks {
        let others: Vec<&str> = tasks.into_iter().filter(|other| *other != task).collect();
        bench.task(task, &format!("echo start >> starts-{task}; {}", rendezvous(task, &others)));
    }
    let trusted = bench.trusted();
    let start = || run::start(&trusted, &bench.schedule, &bench.commands, &bench.options).unwrap();
    let runs: Vec<RunId> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        starting.into_iter().map(|run| run.join().unwrap()).collect()
    });
    for run in &runs {
        let run = bench.follow(run);
        assert_eq!((run.finished().summary[&Passed], run.exit_code()), (3, 0), "{}", run.id);
    }
    for task in tasks {
        assert_eq!(started_times(&bench, task), 1, "{task}");
    }
}

#[test]
fn a_task_that_waited_to_be_tried_again_is_tried_again() {
    let mut bench = Bench::new();
    bench.config.retries = Retries { count: 1, delay_seconds: Some(1.5), ..Retries::default() };
    bench.wave("1").task("A", "echo start >> starts-A; [ $(wc -l < starts-A) -gt 1 ]").task("B", &patient("B"));
    let run = bench.start();
    bench.wait_for_file("on-B");
    bench.wait_for_event(&run, "A waits", |event| matches!(event, Event::TaskRetrying { .. }));
    bench.kill_supervisor(&run);
    bench.resume(&run, Takeover::Settle);
    bench.write("go-B");
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), run.outcome("B"), starts(&run, "A")), (Passed, Passed, 2));
    assert_eq!(started_times(&bench, "A"), 2);
}

#[test]
fn a_run_that_only_waits_to_try_again_goes_on() {
    let mut bench = Bench::new();
    bench.config.retries = Retries { count: 1, delay_seconds: Some(1.0), ..Retries::default() };
    bench.wave("1").task("A", "echo start >> starts-A; [ $(wc -l < starts-A) -gt 1 ]").wave("2").task("B", "true");
    let run = bench.start();
    bench.wait_for_event(&run, "A waits", |event| matches!(event, Event::TaskRetrying { .. }));
    bench.kill_supervisor(&run);
    bench.resume(&run, Takeover::Settle);
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), run.outcome("B"), started_times(&bench, "A")), (Passed, Passed, 2));
}

#[test]
fn a_wait_goes_on_while_there_is_no_supervisor() {
    let mut bench = Bench::new();
    bench.config.retries = Retries { count: 1, delay_seconds: Some(600.0), ..Retries::default() };
    bench.wave("1").task("A", "echo start >> starts-A; [ $(wc -l < starts-A) -gt 1 ]");
    let run = bench.start();
    bench.wait_for_event(&run, "A waits", |event| matches!(event, Event::TaskRetrying { .. }));
    bench.kill_supervisor(&run);
    // The attempt ended an hour ago.
    let journal = bench.paths(&run).journal();
    let text = std::fs::read_to_string(&journal).unwrap();
    let time = run::read_journal(&journal).unwrap().last().unwrap().time.clone();
    let before = (time.parse::<jiff::Timestamp>().unwrap() - jiff::SignedDuration::from_hours(1)).to_string();
    std::fs::write(&journal, text.replace(&time, &before)).unwrap();
    bench.resume(&run, Takeover::Settle);
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), started_times(&bench, "A")), (Passed, 2));
}

#[test]
fn after_a_restart_nothing_is_tried_again_unasked() {
    let mut bench = Bench::new();
    bench.config.retries = Retries { count: 1, delay_seconds: Some(600.0), ..Retries::default() };
    bench.wave("1").task("A", "echo start >> starts-A; exit 3");
    let run = bench.start();
    bench.wait_for_event(&run, "A waits", |event| matches!(event, Event::TaskRetrying { .. }));
    bench.kill_supervisor(&run);
    bench.restart_the_machine(&run);
    bench.resume(&run, Takeover::Settle);
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), run.exit_code_of("A"), started_times(&bench, "A")), (Failed, Some(3), 1));
}

/// A request is written, and the supervisor dies before it has obeyed it.
#[test]
fn a_cancel_that_nobody_obeyed_yet_is_obeyed_by_the_next_supervisor() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", &patient("A"));
    let run = bench.start();
    bench.wait_for_file("on-A");
    bench.kill_supervisor(&run);
    bench.cancel(&run, None, Level::Terminate);
    bench.resume(&run, Takeover::Continue);
    let requests = bench.paths(&run).requests();
    let run = bench.follow(&run);
    assert_eq!((run.outcome("A"), run.exit_code()), (Cancelled, 130));
    wait_until("its file is gone", || std::fs::read_dir(&requests).unwrap().next().is_none());
}

#[test]
fn without_a_supervisor_each_task_is_shown_as_it_stands() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", &patient("A")).task("B", "touch on-B; until [ -e go-B ]; do sleep 0.01; done; exit 3");
    bench.wave("2").task("C", "true");
    let run = bench.start();
    bench.wait_for_file("on-A");
    bench.wait_for_file("on-B");
    let paths = bench.paths(&run);
    wait_until("the journal tells that both run", || {
        let records = run::read_journal(&paths.journal()).unwrap();
        records.iter().filter(|record| matches!(record.event, Event::TaskStarted { .. })).count() == 2
    });
    bench.kill_supervisor(&run);
    bench.write("go-B");
    wait_until("B has ended", || paths.dir().join("B.1.result").exists());
    let mut view = View::of(&run::read_journal(&paths.journal()).unwrap());
    // The guard of B lets go of its lock a moment after its result is there.
    wait_until("B is known to have ended", || {
        view.supervisor_died(|task, attempt| run::fate(&paths, task, attempt));
        matches!(view.task("B").unwrap().state, TaskState::Finished { outcome: Failed, exit_code: Some(3), .. })
    });
    assert!(matches!(view.task("A").unwrap().state, TaskState::Running { .. }), "{:?}", view.task("A"));
    assert_eq!(view.task("C").unwrap().state, TaskState::Pending, "it starts where the run is taken over");
    assert_eq!(view.tally().ended(), 1);
    let status = std::process::Command::new(binary()).arg("-C").arg(bench.root()).arg("status").output().unwrap();
    let shown = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(shown.contains("\n    C not started: its supervisor died\n"), "{shown}");
    bench.write("go-A");
}
