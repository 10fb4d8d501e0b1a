//! `feature-build init` and `agents`.

use std::os::unix::fs::PermissionsExt as _;

use crate::pty::{Shows, in_a_terminal};
use crate::workspace::{Workspace, assert_fits, task};

/// A workspace without configuration, and a folder for PATH with these programs, each of which prints a version.
fn workspace(programs: &[&str]) -> (Workspace, tempfile::TempDir) {
    let workspace = Workspace::new(&[("tasks/backlog/f/TASK-1.md", &task("TASK-1", "wave: 1\nstatus: backlog"))]);
    std::fs::remove_file(workspace.path().join("feature-build.yaml")).unwrap();
    let path = tempfile::tempdir().unwrap();
    for program in programs {
        let file = path.path().join(program);
        std::fs::write(&file, format!("#!/bin/sh\necho '{program} 1.2.3'; echo more\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    (workspace, path)
}

/// Runs the binary; nothing is on PATH but these programs and the shell.
fn run(workspace: &Workspace, path: &tempfile::TempDir, arguments: &[&str]) -> crate::workspace::Printed {
    let path = format!("{}:/bin", path.path().display());
    crate::workspace::printed(workspace.command(arguments).env("PATH", path).output().unwrap())
}

#[test]
fn agents_are_listed_with_their_versions() {
    let (workspace, path) = workspace(&["claude", "codex"]);
    let text = run(&workspace, &path, &["agents"]);
    assert_eq!(text.code, 0, "{}", text.err);
    assert!(text.out.contains("✓ claude"), "{}", text.out);
    assert!(text.out.contains("claude 1.2.3, "), "{}", text.out);
    assert!(text.out.contains("not found; get it: npm install -g opencode-ai"), "{}", text.out);
    let json: serde_json::Value =
        serde_json::from_str(&run(&workspace, &path, &["agents", "--format", "json"]).out).unwrap();
    assert_fits(&workspace, "agents", &json);
    let versions: Vec<_> =
        json["agents"].as_array().unwrap().iter().filter_map(|agent| agent["version"].as_str()).collect();
    assert_eq!(versions, ["claude 1.2.3", "codex 1.2.3"]);
}

#[test]
fn an_agent_that_the_configuration_changes_is_not_started_to_be_listed() {
    let (workspace, path) = workspace(&["claude", "mine"]);
    let marker = workspace.path().join("started");
    let touch = format!("{{command: [mine], version: [touch, \"{}\"]}}", marker.display());
    workspace.write("feature-build.yaml", &format!("agents: {{mine: {touch}, claude: {touch}}}"));
    let printed = run(&workspace, &path, &["agents"]);
    assert!(printed.out.contains("mine"), "{}", printed.out);
    assert!(!marker.exists());
}

#[test]
fn init_writes_a_configuration_that_works() {
    let (workspace, path) = workspace(&["codex"]);
    let printed = run(&workspace, &path, &["init", "--agent", "codex", "--yes"]);
    assert_eq!(printed.code, 0, "{}", printed.err);
    assert!(printed.out.contains("feature-build run"), "{}", printed.out);
    let text = std::fs::read_to_string(workspace.path().join("feature-build.yaml")).unwrap();
    assert!(text.contains("\nagent: codex\n"), "{text}");
    let (_, schema) = text.lines().next().unwrap().split_once("$schema=").unwrap();
    let schema: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(workspace.path().join(schema)).unwrap()).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    assert_eq!(run(&workspace, &path, &["check"]).code, 0);
}

#[test]
fn init_overwrites_nothing() {
    let (workspace, path) = workspace(&[]);
    workspace.write("feature-build.yaml", "run: {command: [make]}\n");
    let refused = run(&workspace, &path, &["init", "--agent", "codex", "--yes"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("--force"), "{}", refused.err);
    let read = |file: &str| std::fs::read_to_string(workspace.path().join(file)).unwrap();
    assert_eq!(read("feature-build.yaml"), "run: {command: [make]}\n");

    assert_eq!(run(&workspace, &path, &["init", "--agent", "codex", "--yes", "--force"]).code, 0);
    assert_eq!(read("feature-build.yaml.old"), "run: {command: [make]}\n");
    assert!(read("feature-build.yaml").contains("agent: codex"));
    let again = run(&workspace, &path, &["init", "--agent", "aider", "--yes", "--force"]);
    assert_eq!(again.code, 2, "what was put aside before stays");
    assert_eq!(read("feature-build.yaml.old"), "run: {command: [make]}\n");
    assert!(read("feature-build.yaml").contains("agent: codex"));
}

#[test]
fn init_without_a_terminal_says_what_it_needs() {
    let (workspace, path) = workspace(&[]);
    for arguments in [&["init"][..], &["init", "--agent", "codex"], &["init", "--yes"]] {
        let refused = run(&workspace, &path, arguments);
        assert_eq!(refused.code, 2);
        assert!(refused.err.contains("--agent"), "{}", refused.err);
    }
    let unknown = run(&workspace, &path, &["init", "--agent", "clade", "--yes"]);
    assert!(unknown.err.contains("did you mean `claude`?"), "{}", unknown.err);
    assert!(!workspace.path().join("feature-build.yaml").exists());
}

/// `init` in a terminal in which this has been typed.
fn asked(workspace: &Workspace, path: &tempfile::TempDir, arguments: &[&str], typed: &str) -> (Option<i32>, String) {
    let mut command = workspace.command(&[&["init"], arguments].concat());
    command.env("PATH", format!("{}:/bin", path.path().display()));
    in_a_terminal(command, typed, &Shows::All)
}

fn configured(workspace: &Workspace) -> Option<String> {
    std::fs::read_to_string(workspace.path().join("feature-build.yaml")).ok()
}

#[test]
fn init_asks_who_does_the_tasks_and_shows_what_it_writes() {
    let (workspace, path) = workspace(&["codex"]);
    // No number of the list, no name, then the first of the list: what is installed comes first.
    let (code, shown) = asked(&workspace, &path, &[], "99\nnobody\n\ny\n");
    assert_eq!(code, Some(0), "{shown}");
    for said in ["1 task of", "1 feature (guardkit)", "Who shall do the tasks?", "1  Codex\r\n", "(not installed)"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert_eq!(shown.matches("1 to 8 [1]: ").count(), 3, "{shown}");
    assert!(shown.contains("agent: codex") && shown.contains("Write this to"), "{shown}");
    assert!(shown.contains("next:") && configured(&workspace).unwrap().contains("\nagent: codex\n"));
}

#[test]
fn init_takes_a_number_or_a_name_and_a_no_writes_nothing() {
    let (workspace, path) = workspace(&["codex"]);
    let (code, shown) = asked(&workspace, &path, &[], "aider\nn\n");
    assert_eq!(code, Some(2), "{shown}");
    assert!(shown.contains("nothing was written") && configured(&workspace).is_none(), "{shown}");
    // The second of the list: the first that is not installed.
    let (code, shown) = asked(&workspace, &path, &[], "2\nyes\n");
    assert_eq!(code, Some(0), "{shown}");
    assert!(configured(&workspace).unwrap().contains("\nagent: guardkit\n"));
    assert!(shown.contains("GuardKit is not installed yet"), "{shown}");
}

#[test]
fn init_asks_no_more_than_it_has_to() {
    let (workspace, path) = workspace(&["codex"]);
    let (code, shown) = asked(&workspace, &path, &["--agent", "claude"], "\n");
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains("Who shall") && shown.contains("[Y/n]"), "{shown}");
    assert!(configured(&workspace).unwrap().contains("\nagent: claude\n"));
    // The user's end of input (Ctrl-D) is no answer.
    let (code, shown) = asked(&workspace, &path, &["--force"], "\u{4}");
    assert_eq!(code, Some(2), "{shown}");
    assert!(shown.contains("there was no answer") && configured(&workspace).unwrap().contains("claude"), "{shown}");
}

#[test]
fn init_writes_no_schema_through_a_link() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    let precious = outside.path().join("precious");
    let init = |prepare: &dyn Fn(&std::path::Path)| {
        let (workspace, path) = workspace(&["codex"]);
        std::fs::write(&precious, "precious").unwrap();
        prepare(&workspace.path().join(".feature-build"));
        // An editor without the schema lacks a convenience only.
        let printed = run(&workspace, &path, &["init", "--agent", "codex", "--yes"]);
        assert_eq!(printed.code, 0, "{}", printed.err);
        assert!(workspace.path().join("feature-build.yaml").exists());
        let found: Vec<_> = outside.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(found, ["precious"]);
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");
        workspace
    };
    init(&|state| symlink(outside.path(), state).unwrap());
    init(&|state| std::fs::write(state, "").unwrap());
    let workspace = init(&|state| {
        std::fs::create_dir(state).unwrap();
        symlink(&precious, state.join("config.schema.json")).unwrap();
        symlink(&precious, state.join(".gitignore")).unwrap();
    });
    let written = workspace.path().join(".feature-build/config.schema.json").symlink_metadata().unwrap();
    assert!(written.is_file() && written.permissions().mode() & 0o077 == 0, "{written:?}");
    // A folder that was there is as private as one that is made, and an older schema gives way.
    let (fresh, path) = self::workspace(&["codex"]);
    fresh.write(".feature-build/config.schema.json", "old");
    assert_eq!(run(&fresh, &path, &["init", "--agent", "codex", "--yes"]).code, 0);
    let state = fresh.path().join(".feature-build");
    assert!(std::fs::read_to_string(state.join("config.schema.json")).unwrap().starts_with('{'));
    assert_eq!(std::fs::read_to_string(state.join(".gitignore")).unwrap(), "*\n");
    assert_eq!(state.metadata().unwrap().permissions().mode() & 0o077, 0);
}
