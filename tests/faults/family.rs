//! The processes of the product itself, as the system shows them.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::bench::{binary, processes_where};

/// Copies the program. By a process of its own: one that another thread starts in the meantime has all open files for a
/// moment, and no system starts a program that somebody may write to (ETXTBSY).
pub fn copy_binary(to: &Path) {
    assert!(Command::new("cp").arg(binary()).arg(to).status().unwrap().success());
}

/// The supervisor of the run in this folder; `None` also where more than one would be it: all but one find that out.
pub fn supervisor(run_dir: &Path) -> Option<i32> {
    let dir = run_dir.to_str().unwrap();
    let found = processes_where(|pid| {
        arguments(pid).is_some_and(|words| words.get(1..3) == Some(&["__supervise".into(), dir.into()]))
    });
    // What it starts looks like it until that is another program.
    let is_child = |pid: &i32| found.iter().any(|parent| status(*pid, "PPid") == Some(i64::from(*parent)));
    let owners: Vec<i32> = found.iter().copied().filter(|pid| !is_child(pid)).collect();
    if let [only] = owners.as_slice() { Some(*only) } else { None }
}

/// The guards that a supervisor has started and that live.
pub fn guards(supervisor: i32) -> Vec<i32> {
    let is_guard = |pid| arguments(pid).is_some_and(|words| words.get(1).is_some_and(|word| word == "__guard"));
    processes_where(|pid| is_guard(pid) && status(pid, "PPid") == Some(supervisor.into()))
}

/// The most memory that a process ever had, in KiB.
pub fn peak_memory(pid: i32) -> Option<i64> {
    status(pid, "VmHWM")
}

/// How many files a process has open.
pub fn open_files(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// How many children of a process have ended and were not waited for.
pub fn zombies(parent: i32) -> usize {
    let is_zombie = |pid| word(pid, "State").is_some_and(|state| state == "Z");
    processes_where(|pid| status(pid, "PPid") == Some(parent.into()) && is_zombie(pid)).len()
}

/// Whether a process is there that has not ended.
pub fn is_there(pid: i32) -> bool {
    word(pid, "State").is_some_and(|state| state != "Z")
}

/// How often the threads of a process have gone to sleep, all together: each time one has woken before.
pub fn wakes(pid: i32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let of_thread = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        line.trim().parse::<u64>().ok()
    };
    let statuses = threads.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    statuses.filter_map(of_thread).sum()
}

fn arguments(pid: i32) -> Option<Vec<String>> {
    let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
    Some(line.split('\0').map(ToString::to_string).collect())
}

fn status(pid: i32, name: &str) -> Option<i64> {
    word(pid, name)?.parse().ok()
}

fn word(pid: i32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_ascii_whitespace().next().map(ToString::to_string)
}
