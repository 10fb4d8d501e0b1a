//! What costs nothing: how often a second each process of a run wakes in which a task sleeps, and whoever follows it:
//! `cargo bench --bench idle`, `-- SECONDS` for another time than 60.
//!
//! A wake is a voluntary context switch, over all threads of a process (`/proc/PID/task/*/status`): each time a thread goes
//! to sleep it has woken before. Nothing is compared: the floor is 0.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "../tests/run/bench.rs"]
#[allow(dead_code, unreachable_pub, clippy::expect_used)]
mod bench;
#[path = "../tests/faults/family.rs"]
#[allow(dead_code, unreachable_pub)]
mod family;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bench::{Bench, kill_whole, wait_until};
use feature_build::run::{self, Launcher, Level, Takeover};

const PROGRAM: &str = env!("CARGO_BIN_EXE_feature-build");
/// What has just begun looks a few times before it believes that it will be told.
const SETTLING: Duration = Duration::from_secs(10);

fn main() {
    // `cargo test --all-targets` runs this, too, and does not ask for measurements.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let seconds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(60);
    let mut bench = Bench::new();
    bench.wave("1").task("SLEEPS", "touch up; exec sleep 86400");
    let run = bench.start();
    bench.wait_for_file("up");
    let dir = bench.paths(&run).dir().to_path_buf();
    let followers = [vec!["watch"], vec!["watch", "--format", "json"], vec!["log", "SLEEPS", "--follow"], vec!["lsp"]];
    let followers: Vec<(String, Child)> =
        followers.iter().map(|words| (words.join(" "), start(&bench, words))).collect();
    let supervisor = family::supervisor(&dir).unwrap();
    let guard = family::guards(supervisor)[0];
    let own = [("supervisor".to_owned(), supervisor), ("guard".to_owned(), guard)];
    let of_followers = followers.iter().map(|(name, child)| (name.clone(), i32::try_from(child.id()).unwrap()));
    measure("a task sleeps", &own.into_iter().chain(of_followers).collect::<Vec<_>>(), seconds);
    for (_, mut follower) in followers {
        follower.kill().unwrap();
        follower.wait().unwrap();
    }
    kill_whole(supervisor);
    run::resume(&dir, Takeover::Settle, &Launcher::At(PROGRAM.into())).unwrap();
    wait_until("another supervisor owns the run", || family::supervisor(&dir).is_some());
    let own = [("supervisor".to_owned(), family::supervisor(&dir).unwrap()), ("guard".to_owned(), guard)];
    measure("the same, taken over by another supervisor", &own, seconds);
    bench.cancel(&run, None, Level::Kill);
    bench.follow(&run);
}

/// A server gets what an editor says first.
fn start(bench: &Bench, words: &[&str]) -> Child {
    let mut command = Command::new(PROGRAM);
    command.args(words).current_dir(bench.root()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    if words == ["lsp"] {
        use std::io::Write as _;
        let folder = format!(r#"[{{"uri":"file://{}","name":"w"}}]"#, bench.root().display());
        let initialize = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"capabilities":{{}},"workspaceFolders":{folder}}}}}"#
        );
        let initialized = r#"{"jsonrpc":"2.0","method":"initialized","params":{}}"#;
        let input = child.stdin.as_mut().unwrap();
        for message in [initialize.as_str(), initialized] {
            write!(input, "Content-Length: {}\r\n\r\n{message}", message.len()).unwrap();
        }
    }
    child
}

fn measure(what: &str, processes: &[(String, i32)], seconds: u64) {
    println!("{what}, {seconds} s:");
    std::thread::sleep(SETTLING);
    let count = || processes.iter().map(|(_, pid)| family::wakes(*pid)).collect::<Vec<_>>();
    let (before, began) = (count(), Instant::now());
    std::thread::sleep(Duration::from_secs(seconds));
    let (after, took) = (count(), began.elapsed().as_secs_f64());
    for (at, (name, _)) in processes.iter().enumerate() {
        println!("  {name:<32} {:>6.2} a second", (after[at] - before[at]) as f64 / took);
    }
}
