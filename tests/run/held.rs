//! A terminal or a pipe that nobody reads: what follows a run is held by it, and hears its user all the same.

use std::fs::File;
use std::io::{self, PipeReader, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use feature_build::run::{self, RunState};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::bench::{kill, wait_until};
use crate::terminal::Workspace;

/// A pipe that is full, and its end that nobody reads.
fn full_pipe() -> (PipeReader, Stdio) {
    let (reader, mut writer) = io::pipe().unwrap();
    let size = rustix::pipe::fcntl_setpipe_size(&writer, 4096).unwrap();
    writer.write_all(&vec![b'\n'; size]).unwrap();
    (reader, writer.into())
}

/// A terminal that has taken all that it can take, and its user's end.
fn full_terminal() -> (OwnedFd, File) {
    let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&user).unwrap();
    unlockpt(&user).unwrap();
    let name = ptsname(&user, Vec::new()).unwrap().into_string().unwrap();
    let terminal = File::options().read(true).write(true).open(&name).unwrap();
    rustix::io::ioctl_fionbio(&terminal, true).unwrap();
    while (&terminal).write(&[b'.'; 64]).is_ok() {}
    rustix::io::ioctl_fionbio(&terminal, false).unwrap();
    (user, terminal)
}

fn start(workspace: &Workspace, arguments: &[&str], stdout: Stdio) -> Child {
    let mut command: Command = workspace.command(arguments);
    command.stdout(stdout).stderr(Stdio::null()).spawn().unwrap()
}

/// A task that does not end when it is asked to, and says that it was.
fn stubborn() -> Workspace {
    let workspace = Workspace::new();
    workspace.write("feature-build.yaml", "task_commands: true\ngrace_seconds: 100000\n");
    workspace.task("A", 1, "trap 'touch asked' TERM; touch on; while :; do sleep 0.02; done");
    workspace
}

/// The first Ctrl-C asks, the second one kills, and the third one ends what nobody reads.
fn hears_all(workspace: &Workspace, mut follower: Child) {
    let pid = follower.id().cast_signed();
    workspace.wait_for_file("on");
    kill(pid, Signal::INT);
    workspace.wait_for_file("asked");
    kill(pid, Signal::TERM);
    workspace.wait_for_end();
    kill(pid, Signal::INT);
    assert_eq!(follower.wait().unwrap().code(), Some(130));
}

#[test]
fn signals_are_heard_while_nobody_reads_a_pipe() {
    for arguments in [&["run"][..], &["run", "--format", "json"]] {
        let workspace = stubborn();
        let (_unread, stdout) = full_pipe();
        hears_all(&workspace, start(&workspace, arguments, stdout));
    }
}

#[test]
fn signals_are_heard_while_a_terminal_stands_still() {
    let workspace = stubborn();
    let (_user, terminal) = full_terminal();
    let before = tcgetattr(&terminal).unwrap().local_modes;
    assert!(before.contains(LocalModes::ECHO));
    hears_all(&workspace, start(&workspace, &["run"], terminal.try_clone().unwrap().into()));
    assert_eq!(tcgetattr(&terminal).unwrap().local_modes, before, "the terminal is as it was");
}

#[test]
fn a_view_that_is_held_ends_when_its_user_wants_and_the_run_goes_on() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "touch on; until [ -e go ]; do sleep 0.01; done");
    assert!(workspace.call(&["run", "--detach"]).status.success());
    workspace.wait_for_file("on");
    let (_unread, stdout) = full_pipe();
    let mut watch = start(&workspace, &["watch"], stdout);
    let status = format!("/proc/{}/status", watch.id());
    // It has begun to listen: bit 1 of the mask of caught signals is SIGINT's.
    wait_until("it listens", || {
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or_default();
        u64::from_str_radix(caught.trim(), 16).is_ok_and(|caught| caught & 2 != 0)
    });
    kill(watch.id().cast_signed(), Signal::INT);
    assert_eq!(watch.wait().unwrap().code(), Some(130));
    assert_eq!(run::runs(&workspace.state())[0].state, RunState::Running);
    workspace.write("go", "");
    workspace.wait_for_end();
}

/// What was written late is read in full.
#[test]
fn a_reader_that_is_slow_misses_nothing() {
    let workspace = Workspace::new();
    let tasks: Vec<String> = (0..40).map(|number| format!("T-{number}")).collect();
    tasks.iter().for_each(|task| _ = workspace.task(task, 1, "true"));
    let (mut unread, stdout) = full_pipe();
    let mut follower = start(&workspace, &["run", "--format", "json"], stdout);
    wait_until("there is a run", || !run::runs(&workspace.state()).is_empty());
    workspace.wait_for_end();
    let mut all = String::new();
    io::Read::read_to_string(&mut unread, &mut all).unwrap();
    assert_eq!(follower.wait().unwrap().code(), Some(0));
    for task in tasks {
        assert!(all.contains(&format!("\"event\":\"task-finished\",\"task\":\"{task}\"")), "{task}");
    }
    assert!(all.trim_end().lines().last().unwrap().contains("\"event\":\"run-finished\""));
}
