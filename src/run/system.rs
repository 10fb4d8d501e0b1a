//! What only some systems have. Elsewhere the same calls do what they can.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal};

use crate::workspace::ResourceLimits;

/// The variable that marks every process of an attempt.
pub(super) const MARK: &str = "FEATURE_BUILD_ATTEMPT";

/// Makes this process the parent of descendants that lose theirs, so that none can hide by forking away.
pub(super) fn become_subreaper() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    Ok(())
}

/// What a process and those that it will start may take of the machine. Set right behind its start; what the system
/// refuses is left out: a task without its limit is better than none.
pub(super) fn limit(leader: Pid, limits: &ResourceLimits) {
    if let Some(nice) = limits.nice {
        // The leader's number is its group's, too.
        let _ = rustix::process::setpriority_pgrp(Some(leader), i32::from(nice.min(19)));
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Resource, Rlimit, prlimit};
        let both = |value: u64| Rlimit { current: Some(value), maximum: Some(value) };
        if let Some(megabytes) = limits.memory_mb {
            let _ = prlimit(Some(leader), Resource::As, both(megabytes.saturating_mul(1 << 20)));
        }
        if let Some(seconds) = limits.cpu_seconds {
            let _ = prlimit(Some(leader), Resource::Cpu, both(seconds));
        }
    }
}

/// A descriptor that becomes readable when the process has exited, where the system has such a thing.
pub(super) fn exit_watch(pid: Pid) -> Option<OwnedFd> {
    #[cfg(target_os = "linux")]
    return rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok();
    #[cfg(not(target_os = "linux"))]
    {
        let _ = pid;
        None
    }
}

/// The children of this process, those that have exited and were not waited for included.
pub(super) fn children() -> Vec<Pid> {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return Vec::new() };
    let mut found = Vec::new();
    for thread in threads.flatten() {
        let Ok(list) = fs::read_to_string(thread.path().join("children")) else {
            // The kernel was built without this list.
            return children_by_search();
        };
        found.extend(list.split_ascii_whitespace().filter_map(parse_pid));
    }
    found
}

fn children_by_search() -> Vec<Pid> {
    let own = rustix::process::getpid();
    processes().filter(|pid| parent_of(*pid) == Some(own)).collect()
}

/// `/proc/PID/stat` is `pid (name) state ppid …`; the name may hold spaces and brackets.
fn parent_of(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(proc_file(pid, "stat")).ok()?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_ascii_whitespace().nth(1).and_then(parse_pid)
}

/// Kills every process whose environment carries this mark; says how many it found.
fn kill_marked(mark: &str) -> usize {
    let entry = format!("{MARK}={mark}");
    let own = rustix::process::getpid();
    processes().filter(|pid| *pid != own && kill_if_marked(*pid, &entry)).count()
}

/// The process is looked at again through a descriptor: between the look and the kill its number may have gone to
/// another process.
#[cfg(target_os = "linux")]
fn kill_if_marked(pid: Pid, entry: &str) -> bool {
    if !carries(pid, entry) {
        return false;
    }
    let Some(handle) = exit_watch(pid) else { return false };
    carries(pid, entry) && rustix::process::pidfd_send_signal(&handle, Signal::KILL).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn kill_if_marked(_pid: Pid, _entry: &str) -> bool {
    false
}

fn carries(pid: Pid, entry: &str) -> bool {
    let Ok(environment) = fs::read(proc_file(pid, "environ")) else { return false };
    environment.split(|&byte| byte == 0).any(|variable| variable == entry.as_bytes())
}

fn processes() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| parse_pid(entry.file_name().to_str()?))
}

fn proc_file(pid: Pid, name: &str) -> std::path::PathBuf {
    Path::new("/proc").join(pid.as_raw_nonzero().to_string()).join(name)
}

fn parse_pid(text: &str) -> Option<Pid> {
    text.parse().ok().and_then(Pid::from_raw)
}

/// Whether a process could not be started only because this system has no room for one more right now.
pub(super) fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let shortages = [Errno::AGAIN, Errno::MFILE, Errno::NFILE, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|errno| shortages.contains(&errno))
}

/// Whether something could not be written only because there is no room for it, or nobody may write there right now.
pub(super) fn is_no_room(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let causes = [Errno::NOSPC, Errno::DQUOT, Errno::ROFS];
    Errno::from_io_error(error).is_some_and(|errno| causes.contains(&errno))
}

/// Milliseconds since 1970, as the system's clock has it.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A signal's name, for people.
pub(super) fn signal_name(signal: i32) -> String {
    let name = match Signal::from_named_raw(signal) {
        Some(Signal::HUP) => "SIGHUP",
        Some(Signal::INT) => "SIGINT",
        Some(Signal::QUIT) => "SIGQUIT",
        Some(Signal::ILL) => "SIGILL",
        Some(Signal::TRAP) => "SIGTRAP",
        Some(Signal::ABORT) => "SIGABRT",
        Some(Signal::BUS) => "SIGBUS",
        Some(Signal::FPE) => "SIGFPE",
        Some(Signal::KILL) => "SIGKILL",
        Some(Signal::USR1) => "SIGUSR1",
        Some(Signal::SEGV) => "SIGSEGV",
        Some(Signal::USR2) => "SIGUSR2",
        Some(Signal::PIPE) => "SIGPIPE",
        Some(Signal::ALARM) => "SIGALRM",
        Some(Signal::TERM) => "SIGTERM",
        Some(Signal::XCPU) => "SIGXCPU",
        Some(Signal::XFSZ) => "SIGXFSZ",
        _ => return format!("signal {signal}"),
    };
    name.into()
}

/// Kills every process whose environment carries this mark, until none is left or none could be killed for a while.
/// Blocking.
pub(super) fn kill_all_marked(mark: &str) {
    const ROUNDS: u32 = 100;
    for _ in 0..ROUNDS {
        if kill_marked(mark) == 0 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
