//! Nothing happens: nobody wakes to see that.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use feature_build::run::{self, Launcher, Resumed, Takeover};
use serde_json::json;

use crate::bench::{Bench, binary, id, kill_whole, wait_until};
use crate::chance::{Chance, is_long};
use crate::family;
use crate::harness::{Editor, able};

/// How many times a process may wake a second.
const WAKES: f64 = 1.0;

/// How often each process may have woken while the test looked.
fn wakes_a_second(pids: &BTreeMap<&'static str, i32>, window: Duration) -> BTreeMap<&'static str, f64> {
    let count = || pids.iter().map(|(name, pid)| (*name, family::wakes(*pid))).collect::<BTreeMap<_, _>>();
    let (before, began) = (count(), Instant::now());
    std::thread::sleep(window);
    let (after, seconds) = (count(), began.elapsed().as_secs_f64());
    after.into_iter().map(|(name, wakes)| (name, wakes.saturating_sub(before[name]) as f64 / seconds)).collect()
}

/// Waits until all of them are quiet; fails where one never is.
fn assert_quiet(pids: &BTreeMap<&'static str, i32>) {
    let window = Duration::from_secs(if is_long() { 30 } else { 6 });
    // What has just begun looks a few times before it believes that it will be told.
    let give_up = Instant::now() + Duration::from_secs(60) + 2 * window;
    loop {
        let wakes = wakes_a_second(pids, window);
        eprintln!("wakes a second: {wakes:.2?}");
        if wakes.values().all(|wakes| *wakes <= WAKES) {
            return;
        }
        assert!(Instant::now() < give_up, "they wake all the time: {wakes:.2?}");
    }
}

/// A terminal that follows, ended with the test.
struct Follower(Child);

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn follow(bench: &Bench, name: &str, arguments: &[&str]) -> Follower {
    let output = File::create(bench.path(name)).unwrap();
    let mut command = Command::new(binary());
    command.args(arguments).current_dir(bench.root()).stdin(Stdio::null()).stdout(output).stderr(Stdio::null());
    let follower = Follower(command.spawn().unwrap());
    wait_until("it follows", || fs::metadata(bench.path(name)).unwrap().len() > 0);
    follower
}

/// A supervisor and its guard, whoever follows them, and a server: one task sleeps, and they do, too; also when another
/// supervisor has taken over. Where no file can be watched they look: `without_a_watcher_left_all_is_heard_by_looking`.
#[test]
fn what_has_nothing_to_do_does_not_wake() {
    let mut chance = Chance::new("idle");
    let mut bench = Bench::new();
    bench.wave("1").task("SLEEPS", "echo asleep; touch up; until [ -e go ]; do sleep 600 & wait $!; done");
    let run = bench.start();
    bench.wait_for_file("up");
    let editor = Editor::start(&[&bench.root()], able(), json!({}));
    let plain = follow(&bench, "plain", &["watch"]);
    let json = follow(&bench, "json", &["watch", "--format", "json"]);
    let log = follow(&bench, "log", &["log", "SLEEPS", "--follow"]);
    let supervisor = family::supervisor(bench.paths(&run).dir()).unwrap();
    let guard = family::guards(supervisor)[0];
    let mut pids = BTreeMap::from([
        ("supervisor", supervisor),
        ("guard", guard),
        ("watch", plain.0.id() as i32),
        ("watch --format json", json.0.id() as i32),
        ("log --follow", log.0.id() as i32),
        ("server", editor.pid() as i32),
    ]);
    assert_quiet(&pids);
    chance.tried();

    kill_whole(supervisor);
    // One of those who follow gives it another one.
    let dir = bench.paths(&run).dir().to_path_buf();
    if chance.below(2) == 0 {
        let taken = run::resume(&dir, Takeover::Settle, &Launcher::At(binary())).unwrap();
        assert_ne!(taken, Resumed::Finished);
    }
    wait_until("another supervisor owns the run", || {
        let owner = family::supervisor(&dir).filter(|pid| *pid != supervisor);
        pids.extend(owner.map(|owner| ("supervisor", owner)));
        owner.is_some() && fs::read_to_string(bench.paths(&run).journal()).unwrap().contains("\"run-resumed\"")
    });
    assert_quiet(&pids);
    chance.tried();

    // All of them still hear what happens.
    bench.cancel(&run, Some(&[id("SLEEPS")]), run::Level::Terminate);
    for mut follower in [plain, json, log] {
        wait_until("it ends with the run", || follower.0.try_wait().unwrap().is_some());
    }
    bench.follow(&run);
    editor.quit();
}
