//! Commands whose output cannot be written: none of them panics, whatever it has to say.

use std::fs::File;
use std::io;
use std::process::{Command, Stdio};

use crate::workspace::Workspace;

const COMMANDS: &[&[&str]] = &[
    &[],
    &["--help"],
    &["--version"],
    &["help", "run"],
    &["nonsense"],
    &["run", "--nonsense"],
    &["waves"],
    &["waves", "--format", "json"],
    &["waves", "--help"],
    &["check"],
    &["check", "--format", "github"],
    &["runs"],
    &["status"],
    &["status", "--format", "json"],
    &["agents"],
    &["trust", "--show"],
    &["trust", "--revoke"],
    &["schema"],
    &["schema", "config"],
    &["completions", "bash"],
    &["log", "TASK-1"],
    &["cancel", "--all"],
    &["prune"],
    &["init"],
    &["run"],
    &["run", "--rerun"],
    &["run", "--resume"],
    &["run", "--trust", "--task", "TASK-9"],
    &["-C", "/nowhere", "waves"],
];

fn command(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_feature-build"));
    command.args(arguments).current_dir(workspace.path()).stdin(Stdio::null());
    command
}

fn one_task() -> Workspace {
    let workspace = Workspace::new(&[]);
    workspace.write("tasks/a.md", "---\nid: TASK-1\ntitle: One\nstatus: backlog\nwave: 1\n---\n");
    workspace.write("tasks/b.md", "---\nid: TASK-1\ntitle: \"\n---\n");
    workspace.write("feature-build.yaml", "run:\n  command: [\"true\"]\n");
    workspace
}

#[test]
fn an_output_that_is_full_ends_no_command_with_a_panic() {
    let workspace = one_task();
    let full = || File::options().write(true).open("/dev/full").unwrap();
    for arguments in COMMANDS {
        let both = command(&workspace, arguments).stdout(full()).stderr(full()).status().unwrap();
        assert!(matches!(both.code(), Some(0..=2)), "{arguments:?}: {both}");
        let said = command(&workspace, arguments).stdout(full()).stderr(Stdio::piped()).output().unwrap();
        let errors = String::from_utf8_lossy(&said.stderr);
        assert!(!errors.contains("panicked"), "{arguments:?}: {errors}");
        assert!(
            !said.status.success() || errors.is_empty() || !errors.contains("No space left"),
            "{arguments:?}: {errors}"
        );
    }
    for asked_for in [&["--help"][..], &["--version"], &["schema", "config"], &["completions", "bash"], &["waves"]] {
        let said = command(&workspace, asked_for).stdout(full()).stderr(Stdio::piped()).output().unwrap();
        assert!(!said.status.success(), "{asked_for:?}: what was asked for is not there");
        assert!(String::from_utf8_lossy(&said.stderr).contains("No space left on device"), "{asked_for:?}");
    }
}

#[test]
fn a_reader_that_is_gone_is_no_error() {
    let workspace = one_task();
    for arguments in COMMANDS {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let said = command(&workspace, arguments).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let (usual, errors) = (command(&workspace, arguments).output().unwrap(), String::from_utf8_lossy(&said.stderr));
        assert!(!errors.contains("panicked") && !errors.contains("pipe"), "{arguments:?}: {errors}");
        assert_eq!(said.status.code(), usual.status.code(), "{arguments:?}: {errors}");
    }
}
