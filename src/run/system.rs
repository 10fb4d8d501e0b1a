//! What only some systems have. Elsewhere the same calls do what they can.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, setrlimit};

#[cfg(target_os = "linux")]
use super::role;
use crate::workspace::ResourceLimits;

/// The variable that marks every process of an attempt.
pub(super) const MARK: &str = "FEATURE_BUILD_ATTEMPT";

/// The variable that tells a task the root of its workspace.
pub(super) const WORKSPACE: &str = "FEATURE_BUILD_WORKSPACE";

/// The variable that tells a task its log.
pub(super) const LOG: &str = "FEATURE_BUILD_LOG";

/// How often, and in which distance, what changes is looked at again before it is given up.
const ROUNDS: u32 = 100;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(10);

/// The number of an attempt, which is the last word of its mark: behind it stands the workspace's nonce.
pub(super) fn attempt_of(mark: &str) -> Option<u32> {
    mark.rsplit('/').next()?.split('@').next()?.parse().ok()
}

/// Closes what whoever started this process has left open in it, besides the three standard streams: somebody waits for the
/// end of such a pipe, and must not wait for the end of a run. To be called before this process opens anything.
pub(super) fn close_inherited() {
    let Ok(entries) = fs::read_dir("/dev/fd") else { return };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    // All of them first: the folder that is read is among them, and closed then.
    let numbers: Vec<i32> = numbers.filter(|number| *number > 2).collect();
    for number in numbers {
        let _ = nix::unistd::close(number);
    }
}

/// Limits what this process and those that it starts may take of the machine, whatever program it becomes. What the system
/// refuses is left out: a task without its limit is better than none.
pub(super) fn take_on(limits: &ResourceLimits) {
    if let Some(nice) = limits.nice {
        let _ = rustix::process::setpriority_process(None, i32::from(nice.min(19)));
    }
    let limit = |resource: Resource, value: u64| {
        // Nobody can raise what is the most already.
        let value = getrlimit(resource).maximum.map_or(value, |most| most.min(value));
        let _ = setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) });
    };
    if let Some(megabytes) = limits.memory_mb {
        limit(Resource::As, megabytes.saturating_mul(1 << 20));
    }
    if let Some(seconds) = limits.cpu_seconds {
        limit(Resource::Cpu, seconds);
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

/// `/proc/PID/stat` is `pid (name) state ppid …`; the name may hold spaces and brackets. The fields behind it, the state
/// first: the third field of proc_pid_stat(5).
fn stat(pid: Pid) -> Option<Vec<String>> {
    let stat = fs::read_to_string(proc_file(pid, "stat")).ok()?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    Some(behind_name.split_ascii_whitespace().map(Into::into).collect())
}

fn parent_of(pid: Pid) -> Option<Pid> {
    stat(pid)?.get(1).and_then(|parent| parse_pid(parent))
}

/// What the environment of a process says of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carries {
    Yes,
    No,
    /// It has none at this moment: it is being replaced by another program, or dies and may still hold its files open.
    NotSettled,
}

/// A process of an attempt, as its environment tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marked {
    pub(super) pid: Pid,
    /// The attempt's mark.
    pub(super) mark: String,
    /// The root of its workspace.
    pub(super) workspace: Option<PathBuf>,
    /// The attempt's log.
    pub(super) log: Option<PathBuf>,
}

/// The processes of attempts that fit; those between two programs are looked at until they have settled. Blocking.
pub(super) fn marked(fits: impl Fn(&Marked) -> bool) -> Vec<Marked> {
    let own = rustix::process::getpid();
    let mut found = Vec::new();
    let mut left: Vec<Pid> = processes().filter(|pid| *pid != own).collect();
    for _ in 0..ROUNDS {
        let mut unsettled = Vec::new();
        for pid in left {
            match read_mark(pid) {
                Ok(marked) => found.extend(marked.filter(|marked| fits(marked))),
                Err(NotSettled) => unsettled.push(pid),
            }
        }
        if unsettled.is_empty() {
            break;
        }
        left = unsettled;
        std::thread::sleep(PAUSE);
    }
    found
}

/// Whether a process of the workspace with this nonce is alive, of an attempt of this task (`None`: of any). Blocking.
pub(super) fn lives(nonce: &str, task: Option<&str>) -> bool {
    let ending = format!("@{nonce}");
    let is_of = |mark: &str| task.is_none_or(|task| mark.split('/').nth(1) == Some(task));
    !marked(|marked| marked.mark.ends_with(&ending) && is_of(&marked.mark)).is_empty()
}

/// Whether a guard or supervisor holds the lock of a file that was taken away from this path. Blocking.
#[cfg(target_os = "linux")]
pub(super) fn holds_lost(path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = path.parent().map(|folder| folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf()));
    let path = folder.zip(path.file_name()).map_or_else(|| path.to_path_buf(), |(folder, name)| folder.join(name));
    // As proc_pid_fd(5) shows it.
    let shown = [path.as_os_str().as_bytes(), b" (deleted)"].concat();
    let own = rustix::process::getpid();
    let ours = processes().filter(|pid| *pid != own && is_ours(*pid));
    let files = ours.filter_map(|pid| fs::read_dir(proc_file(pid, "fd")).ok()).flatten().flatten();
    let mut lost = files
        .map(|entry| entry.path())
        .filter(|file| fs::read_link(file).is_ok_and(|link| link.as_os_str().as_bytes() == shown));
    // Opened by this link it is the same file.
    lost.any(|file| {
        let opened = fs::File::open(file);
        opened.is_ok_and(|file| matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
    })
}

#[cfg(not(target_os = "linux"))]
pub(super) fn holds_lost(_path: &Path) -> bool {
    false
}

/// Whether a guard lives that has the log of an attempt, wherever that file is by now: a folder may have been moved, or put
/// back from a copy, and the path leads to another file then. Blocking.
#[cfg(target_os = "linux")]
pub(super) fn has_guard(log: &Path) -> bool {
    // The name of the log in that of its run's folder: no other attempt has both.
    let name_of = |path: &Path| Some((path.parent()?.file_name()?.to_owned(), path.file_name()?.to_owned()));
    let Some(name) = name_of(log) else { return false };
    let is_it = |file: PathBuf| {
        let shown = fs::read_link(file).ok()?.into_os_string().into_vec();
        // As proc_pid_fd(5) shows what was taken away.
        let path = shown.strip_suffix(b" (deleted)").unwrap_or(&shown).to_vec();
        name_of(Path::new(&OsString::from_vec(path)))
    };
    let guards = processes().filter(|pid| arguments(*pid).get(1).is_some_and(|role| role == role::GUARD.as_bytes()));
    let mut files = guards.filter_map(|pid| fs::read_dir(proc_file(pid, "fd")).ok()).flatten().flatten();
    files.any(|entry| is_it(entry.path()).as_ref() == Some(&name))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn has_guard(_log: &Path) -> bool {
    false
}

/// The supervisors of the run whose folder this is, but for this process, wherever their files are by now. Blocking.
#[cfg(target_os = "linux")]
pub(super) fn supervisors(run_dir: &Path) -> Vec<Pid> {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::MetadataExt as _;
    let own = rustix::process::getpid();
    let user = rustix::process::geteuid();
    // Anybody can call a process so: another user's must not keep a run from being taken over.
    let may_be_one = |pid: &Pid| {
        let owner = fs::metadata(proc_file(*pid, "cmdline")).map(|about| about.uid());
        user.is_root() || owner.is_ok_and(|owner| owner == user.as_raw() || owner == 0)
    };
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let run_dir = real(run_dir);
    let is_of_it = |pid: &Pid| {
        let arguments = arguments(*pid);
        let role = arguments.get(1).is_some_and(|role| role == role::SUPERVISE.as_bytes());
        let folder = arguments.get(2).map(|folder| Path::new(std::ffi::OsStr::from_bytes(folder)));
        role && folder.is_some_and(|folder| folder.file_name() == run_dir.file_name() && real(folder) == run_dir)
    };
    processes().filter(|pid| *pid != own).filter(is_of_it).filter(may_be_one).collect()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn supervisors(_run_dir: &Path) -> Vec<Pid> {
    Vec::new()
}

/// Lets the supervisors of a run go on that somebody has stopped: one that is hears no request. Blocking.
pub(super) fn wake_supervisors(run_dir: &Path) {
    let is_stopped = |pid: &Pid| stat(*pid).is_some_and(|stat| stat.first().is_some_and(|state| state == "T"));
    for pid in supervisors(run_dir).into_iter().filter(is_stopped) {
        // It may have ended in between.
        let _ = rustix::process::kill_process(pid, Signal::CONT);
    }
}

/// The words that a process was started with; none of one that is just becoming another program, or is dead.
#[cfg(target_os = "linux")]
fn arguments(pid: Pid) -> Vec<Vec<u8>> {
    let arguments = fs::read(proc_file(pid, "cmdline")).unwrap_or_default();
    arguments.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect()
}

/// Whether a process is a guard or a supervisor.
#[cfg(target_os = "linux")]
fn is_ours(pid: Pid) -> bool {
    let arguments = arguments(pid);
    let Some(role) = arguments.get(1) else { return false };
    [role::GUARD, role::SUPERVISE].iter().any(|known| known.as_bytes() == role)
}

/// Its environment is not to be read for a moment.
struct NotSettled;

fn read_mark(pid: Pid) -> Result<Option<Marked>, NotSettled> {
    let Ok(environment) = fs::read(proc_file(pid, "environ")) else { return Ok(None) };
    if environment.is_empty() {
        return if is_settled(pid) { Ok(None) } else { Err(NotSettled) };
    }
    let variable = |name: &str| {
        let mut variables = environment.split(|&byte| byte == 0);
        variables.find_map(|variable| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"=")).map(<[u8]>::to_vec)
    };
    let mark = variable(MARK).map(|mark| String::from_utf8_lossy(&mark).into_owned());
    let path = |name: &str| variable(name).map(|path| PathBuf::from(OsString::from_vec(path)));
    Ok(mark.map(|mark| Marked { pid, mark, workspace: path(WORKSPACE), log: path(LOG) }))
}

/// Kills every process of an attempt whose mark fits, until none is left or none could be killed for a while. Blocking.
pub(super) fn kill_all(fits: impl Fn(&str) -> bool) {
    until_none_is_left(|| {
        let found = marked(|marked| fits(&marked.mark));
        found.iter().fold(false, |more, marked| more | kill_if_marked(marked.pid, &format!("{MARK}={}", marked.mark)))
    });
}

/// Kills every process whose environment carries this mark; says whether there may be more.
fn kill_marked(mark: &str) -> bool {
    let entry = format!("{MARK}={mark}");
    let own = rustix::process::getpid();
    let mut more = false;
    for pid in processes().filter(|pid| *pid != own) {
        more |= kill_if_marked(pid, &entry);
    }
    more
}

/// The process is looked at again through a descriptor: between the look and the kill its number may have gone to
/// another process.
#[cfg(target_os = "linux")]
fn kill_if_marked(pid: Pid, entry: &str) -> bool {
    match carries(pid, entry) {
        Carries::No => return false,
        Carries::NotSettled => return true,
        Carries::Yes => {}
    }
    let Some(handle) = exit_watch(pid) else { return false };
    carries(pid, entry) == Carries::Yes && rustix::process::pidfd_send_signal(&handle, Signal::KILL).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn kill_if_marked(_pid: Pid, _entry: &str) -> bool {
    false
}

fn carries(pid: Pid, entry: &str) -> Carries {
    // Another user's cannot be read; one that is gone neither.
    let Ok(environment) = fs::read(proc_file(pid, "environ")) else { return Carries::No };
    if environment.is_empty() {
        return if is_settled(pid) { Carries::No } else { Carries::NotSettled };
    }
    let marked = environment.split(|&byte| byte == 0).any(|variable| variable == entry.as_bytes());
    if marked { Carries::Yes } else { Carries::No }
}

/// Whether a process whose environment is empty has none for good: it is a zombie, a thread of the kernel, or was
/// started without one. Else the kernel has its memory between two programs, or has taken it already (proc_pid_stat(5):
/// the fields `flags` and `env_end`).
fn is_settled(pid: Pid) -> bool {
    const KERNEL_THREAD: u64 = 0x0020_0000;
    let Some(stat) = stat(pid) else { return true };
    let number = |at: usize| stat.get(at).and_then(|field| field.parse::<u64>().ok());
    is_dead(&stat) || number(6).is_none_or(|flags| flags & KERNEL_THREAD != 0) || number(48).is_none_or(|end| end != 0)
}

/// Whether somebody has stopped a process, or holds it in a debugger.
pub(super) fn is_stopped(pid: i32) -> bool {
    let stat = Pid::from_raw(pid).and_then(stat).unwrap_or_default();
    stat.first().is_some_and(|state| matches!(state.as_str(), "T" | "t"))
}

/// It has ended, and at most waits to be waited for.
fn is_dead(stat: &[String]) -> bool {
    stat.first().is_none_or(|state| matches!(state.as_str(), "Z" | "X"))
}

/// Kills every child of this process that runs another program; says whether there may be more.
#[cfg(target_os = "linux")]
fn kill_strays_now() -> bool {
    let own = rustix::process::getpid();
    let Ok(program) = program_of(own) else { return false };
    let mut more = false;
    for pid in children() {
        // Looked at through a descriptor: a child that has ended may be waited for meanwhile, and its number be another's.
        let Some(handle) = exit_watch(pid) else { continue };
        let Some(stat) = stat(pid).filter(|stat| !is_dead(stat)) else { continue };
        let is_child = stat.get(1).and_then(|parent| parse_pid(parent)) == Some(own);
        // Before its program: it may become another one in between.
        let is_step = role_of(pid).is_some_and(|role| role == super::role::LIMITED.as_bytes());
        let is_stray = |other| is_step || other != program;
        more |= is_child
            && match program_of(pid) {
                Ok(other) => is_stray(other) && rustix::process::pidfd_send_signal(&handle, Signal::KILL).is_ok(),
                // It dies, and its own children have not come to this process yet.
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            };
    }
    more
}

#[cfg(not(target_os = "linux"))]
fn kill_strays_now() -> bool {
    false
}

/// The file that a process was started from, whatever has become of its name.
#[cfg(target_os = "linux")]
fn program_of(pid: Pid) -> io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let file = fs::metadata(proc_file(pid, "exe"))?;
    Ok((file.dev(), file.ino()))
}

/// Which of this program's internal processes a process says that it is: the second word of its command line.
#[cfg(target_os = "linux")]
fn role_of(pid: Pid) -> Option<Vec<u8>> {
    let line = fs::read(proc_file(pid, "cmdline")).ok()?;
    line.split(|&byte| byte == 0).nth(1).map(<[u8]>::to_vec)
}

/// The guards that have this log open: that of one attempt. Blocking.
#[cfg(target_os = "linux")]
fn guards_of(log: &Path) -> Vec<Pid> {
    let has_it = |pid: &Pid| {
        let open = fs::read_dir(proc_file(*pid, "fd")).into_iter().flatten().flatten();
        open.filter_map(|file| fs::read_link(file.path()).ok()).any(|target| target == log)
    };
    let is_guard = |pid: &Pid| role_of(*pid).is_some_and(|role| role == super::role::GUARD.as_bytes());
    processes().filter(|pid| is_own_users(*pid)).filter(is_guard).filter(has_it).collect()
}

/// Sends a signal to the guard that has this log open, where there is one. Blocking.
pub(super) fn signal_guard(log: &Path, signal: Signal) {
    #[cfg(target_os = "linux")]
    {
        let Ok(log) = log.canonicalize() else { return };
        for pid in guards_of(&log) {
            // Looked at again through a descriptor: its number may have gone to another process.
            let Some(handle) = exit_watch(pid) else { continue };
            if guards_of(&log).contains(&pid) {
                let _ = rustix::process::pidfd_send_signal(&handle, signal);
            }
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (log, signal);
}

/// Whether a guard of this user, of whichever run, has a process of its task at work; not one of this process's own.
pub(super) fn other_attempts_run() -> bool {
    #[cfg(target_os = "linux")]
    {
        let own = rustix::process::getpid();
        let is_guard = |pid: &Pid| role_of(*pid).is_some_and(|role| role == super::role::GUARD.as_bytes());
        let is_at_work = |pid: Pid| {
            let pid = pid.as_raw_nonzero();
            fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).is_ok_and(|list| !list.trim().is_empty())
        };
        let mut guards = processes().filter(|pid| is_own_users(*pid)).filter(is_guard);
        guards.any(|pid| parent_of(pid) != Some(own) && is_at_work(pid))
    }
    #[cfg(not(target_os = "linux"))]
    false
}

#[cfg(target_os = "linux")]
fn is_own_users(pid: Pid) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(proc_file(pid, "")).is_ok_and(|about| about.uid() == rustix::process::getuid().as_raw())
}

/// Waits until this process may have one more thread, for as long as that may be a passing shortage. Libraries that start
/// threads of their own end the process, or say nothing, where there is no room. Blocking.
pub(super) fn wait_for_thread() -> io::Result<()> {
    const PAUSE: std::time::Duration = std::time::Duration::from_millis(200);
    const ROUNDS: u32 = 150;
    for _ in 1..ROUNDS {
        match can_start_thread() {
            Err(error) if is_shortage(&error) && !fills_limit() => std::thread::sleep(PAUSE),
            done => return done,
        }
    }
    can_start_thread()
}

/// Whether this process has by itself as many threads as its user may have: nobody's end makes room for one more.
fn fills_limit() -> bool {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return false };
    getrlimit(Resource::Nproc).current.is_some_and(|most| u64::try_from(threads.count()).is_ok_and(|own| own >= most))
}

/// Whether this process may have one more thread right now. Blocking, for a moment.
pub(crate) fn can_start_thread() -> io::Result<()> {
    let thread = std::thread::Builder::new().spawn(own_folder)?;
    let folder = thread.join().map_err(|_| io::Error::other("a thread that did nothing has failed"))?;
    // Its end is told before it is counted no more: the next one might find no room.
    for _ in 0..ROUNDS {
        if !folder.as_ref().is_some_and(|folder| folder.exists()) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    Ok(())
}

/// What the system shows of this thread as long as it counts it; `None` where it has no such thing.
fn own_folder() -> Option<PathBuf> {
    Some(Path::new("/proc").join(fs::read_link("/proc/thread-self").ok()?))
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

/// Lets a write beyond the largest file that this process may write (`ulimit -f`) fail as one on a full disk does: unheard,
/// SIGXFSZ ends the process. What this process starts gets the signal as ever.
pub(super) fn hear_of_file_limit() {
    let heard = std::sync::Arc::default();
    if let Err(error) = signal_hook::flag::register(Signal::XFSZ.as_raw(), heard) {
        crate::stderr::line(&format!("feature-build: listening to SIGXFSZ: {error}"));
    }
}

/// So many bytes, or what a file of this process may have: then a log that is too long is shortened as any other.
pub(super) fn at_most_a_file(bytes: u64) -> u64 {
    /// The line that tells of what was left out stands in the file, too.
    const REMARK: u64 = 4096;
    let most = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
    most.map_or(bytes, |most| bytes.min(most.saturating_sub(REMARK).max(most / 2)))
}

/// Whether something could not be written only because there is no room for it, or nobody may write there right now.
pub(super) fn is_no_room(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let causes = [Errno::NOSPC, Errno::DQUOT, Errno::ROFS, Errno::FBIG];
    Errno::from_io_error(error).is_some_and(|errno| causes.contains(&errno))
}

/// Whether a file is as long as this process may write one (`ulimit -f`).
pub(super) fn is_beyond_limit(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::FBIG)
}

/// Whether the path lies on a file system that nobody changes but by way of this system, which tells of it. Of one that is
/// not known to be such it is not believed.
#[cfg(target_os = "linux")]
pub(super) fn is_local(path: &Path) -> bool {
    /// The magic numbers of statfs(2): ext2 to ext4, xfs, btrfs, bcachefs, f2fs, zfs, tmpfs, ramfs, overlayfs, ecryptfs, jfs,
    /// reiserfs, nilfs, vfat, exfat, ntfs3.
    const LOCAL: [u32; 16] = [
        0xef53,
        0x5846_5342,
        0x9123_683e,
        0xca45_1a4e,
        0xf2f5_2010,
        0x2fc1_2fc1,
        0x0102_1994,
        0x8584_58f6,
        0x794c_7630,
        0xf15f,
        0x3153_464a,
        0x5265_4973,
        0x3434,
        0x4d44,
        0x2011_bab0,
        0x7366_746e,
    ];
    // The field is as wide as the platform has it, with or without a sign; the numbers have 32 bits.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::unnecessary_cast)]
    rustix::fs::statfs(path).is_ok_and(|about| LOCAL.contains(&(about.f_type as u32)))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn is_local(_path: &Path) -> bool {
    false
}

/// Writes a line to standard error, which leads into a file of the run's folder; on a full disk it is left out, and nobody
/// ends for that.
pub(super) fn note(words: fmt::Arguments<'_>) {
    crate::stderr::line(&words.to_string());
}

/// The name of the present boot of the system; `None` where it has none.
pub(super) fn boot() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(boot.trim().to_owned()).filter(|boot| !boot.is_empty())
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

/// Kills every process whose environment carries this mark, until none is left or none could be killed for a while: when
/// this returns they have let go of their files and locks. Blocking.
pub(super) fn kill_all_marked(mark: &str) {
    until_none_is_left(|| kill_marked(mark));
}

/// The same with every child of this process that runs another program than this one. A supervisor's own children are
/// guards: such a process came to it from one that was killed, with its mark or without. Blocking.
pub(super) fn kill_strays() {
    until_none_is_left(kill_strays_now);
}

fn until_none_is_left(kill: impl Fn() -> bool) {
    for _ in 0..ROUNDS {
        if !kill() {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}
