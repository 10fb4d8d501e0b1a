//! The command line's gate, and what hostile folders bring.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::hostile::{BINARY, Hostile, code, text, wait_until};
use crate::pty::{Shows, in_a_terminal, in_a_terminal_of};

#[test]
fn without_trust_nothing_starts_whichever_way_it_is_asked_for() {
    let workspace = Hostile::new();
    let ways: [&[&str]; 6] = [
        &["run"],
        &["run", "--detach"],
        &["run", "--redo"],
        &["run", "--task", "T-1"],
        &["run", "--next", "--format", "json"],
        &["run", "--wave", "1", "--keep-going"],
    ];
    for way in ways {
        let refused = workspace.call(way);
        assert_eq!(code(&refused), Some(2), "{way:?}");
        let message = text(&refused.stderr);
        for said in ["touch 'started-{id}'", "feature-build trust", "run --trust"] {
            assert!(message.contains(said), "{way:?}: {message}");
        }
        assert!(refused.stdout.is_empty());
    }
    for looking in ["waves", "check", "status"] {
        assert_eq!(code(&workspace.call(&[looking])), Some(0), "{looking}");
    }
    assert!(!workspace.root().join(".feature-build").exists(), "not even a folder");
    assert!(!workspace.has_started());
}

#[test]
fn trust_shows_records_and_is_taken_back() {
    let workspace = Hostile::new();
    let shown = workspace.call(&["trust", "--show"]);
    assert!(text(&shown.stdout).ends_with("\n  run: touch 'started-{id}'\nnot trusted\n"), "{}", text(&shown.stdout));
    assert_eq!(code(&workspace.call(&["run"])), Some(2));

    let trusted = workspace.call(&["trust"]);
    assert_eq!(code(&trusted), Some(0));
    assert!(text(&trusted.stdout).ends_with("\ntrusted\n"));
    assert!(text(&workspace.call(&["trust"]).stdout).ends_with("\ntrusted already\n"));
    assert_eq!(code(&workspace.call(&["run"])), Some(0));
    assert!(workspace.has_started());

    assert!(text(&workspace.call(&["trust", "--revoke"]).stdout).ends_with("is not trusted any more\n"));
    assert_eq!(code(&workspace.call(&["run", "--redo"])), Some(2));
}

#[test]
fn what_a_known_agent_is_started_as_is_shown_before_it_is_trusted() {
    let workspace = Hostile::new();
    workspace.write(
        "feature-build.yaml",
        "agent: codex\nmodes: {direct: {agent: mine}}\nagents: {mine: {command: [x, y]}}\n",
    );
    let shown = text(&workspace.call(&["trust", "--show"]).stdout);
    for said in ["agent: agent codex, which is codex exec --json", "modes.direct: agent mine, which is x y\n"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
}

#[test]
fn a_change_asks_again_and_shows_the_difference() {
    let workspace = Hostile::new();
    assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(0));
    workspace.write("feature-build.yaml", "run:\n  command: [touch, \"other-{id}\"]\n");
    let refused = workspace.call(&["run", "--redo"]);
    assert_eq!(code(&refused), Some(2));
    let message = text(&refused.stderr);
    for line in [
        "changed since you trusted it:",
        "-   command: [touch, \"started-{id}\"]",
        "+   command: [touch, \"other-{id}\"]",
    ] {
        assert!(message.contains(line), "{message}");
    }
    assert!(!workspace.root().join("other-T-1").exists());
}

#[test]
fn a_copy_of_a_trusted_workspace_is_another_one() {
    let workspace = Hostile::new();
    workspace.call(&["trust"]);
    let copy = workspace.dir.path().join("copy");
    let copied = Command::new("cp").arg("-r").arg(workspace.root()).arg(&copy).status().unwrap();
    assert!(copied.success());
    assert_eq!(code(&workspace.call_in(&copy, &["run"])), Some(2));
}

/// The internal process that owns a run, started on this folder.
fn supervise(workspace: &Hostile, run: &Path) -> Output {
    Command::new(BINARY)
        .arg("__supervise")
        .arg(run)
        .env("XDG_STATE_HOME", workspace.state_home())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn a_run_that_came_with_the_workspace_is_never_carried_out() {
    let workspace = Hostile::new();
    assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(0));
    let run = workspace.run_folder();
    fs::remove_file(workspace.root().join("started-T-1")).unwrap();
    // The run as it would be if its supervisor had died before it did anything.
    for file in fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().path()) {
        let keep = file.file_name().is_some_and(|name| name == "run.json" || name == "run.seal");
        if file.is_file() && !keep {
            fs::remove_file(file).unwrap();
        }
    }
    // Nothing of what is outside the workspace says then that it has ended.
    let seal = fs::read_to_string(run.join("run.seal")).unwrap();
    let mark = workspace.state_home().join("feature-build/open").join(seal.lines().next().unwrap());
    wait_until("it is said that the run has ended", || !mark.exists());
    fs::write(mark, run.to_str().unwrap()).unwrap();
    let again = supervise(&workspace, &run);
    assert!(again.status.success(), "{}", text(&again.stderr));
    wait_until("the sealed order is carried out", || workspace.has_started());

    // One byte of it changed, its seal gone, another run's seal, another place: never.
    let order = fs::read_to_string(run.join("run.json")).unwrap();
    let (seal, journal) = (run.join("run.seal"), run.join("journal.jsonl"));
    let sealed = fs::read(&seal).unwrap();
    let refuse = |what: &str, run: &Path| {
        let _ = fs::remove_file(workspace.root().join("started-T-1"));
        let _ = fs::remove_file(&journal);
        let refused = supervise(&workspace, run);
        assert!(!refused.status.success(), "{what}");
        assert!(
            text(&refused.stderr).contains("was not written by you on this machine"),
            "{what}: {}",
            text(&refused.stderr)
        );
        assert!(!workspace.has_started(), "{what}");
    };
    fs::write(run.join("run.json"), order.replace("started-T-1", "started-t-1")).unwrap();
    refuse("another order", &run);
    fs::write(run.join("run.json"), &order).unwrap();
    fs::write(&seal, "0".repeat(64)).unwrap();
    refuse("another seal", &run);
    fs::remove_file(&seal).unwrap();
    refuse("no seal", &run);
    fs::write(&seal, &sealed).unwrap();
    let moved = run.with_file_name("20260101-000000-moved");
    fs::rename(&run, &moved).unwrap();
    refuse("another place", &moved);
    fs::rename(&moved, &run).unwrap();
    fs::remove_file(workspace.state_home().join("feature-build/trust/key")).unwrap();
    refuse("another user's", &run);
}

#[test]
fn links_in_the_state_folder_lead_nowhere() {
    use std::os::unix::fs::symlink;
    let links = [".feature-build", ".feature-build/runs", ".feature-build/locks"];
    for link in links {
        let workspace = Hostile::new();
        let outside = workspace.dir.path().join("outside");
        fs::create_dir(&outside).unwrap();
        let at = workspace.root().join(link);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        symlink(&outside, &at).unwrap();
        let refused = workspace.call(&["run", "--trust"]);
        assert_eq!(code(&refused), Some(2), "{link}");
        assert!(
            text(&refused.stderr).contains("is a link, and links are not followed here"),
            "{}",
            text(&refused.stderr)
        );
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "{link}");
        assert!(!workspace.has_started());
    }
}

#[test]
fn the_state_folder_is_private_also_where_it_was_there_before() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let workspace = Hostile::new();
    for folder in [".feature-build", ".feature-build/runs"] {
        fs::create_dir_all(workspace.root().join(folder)).unwrap();
        fs::set_permissions(workspace.root().join(folder), fs::Permissions::from_mode(0o777)).unwrap();
    }
    assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(0));
    let mut folders = vec![workspace.root().join(".feature-build")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        assert_eq!(folder.metadata().unwrap().mode() & 0o777, 0o700, "{}", folder.display());
        for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            seen += 1;
            if path.is_dir() {
                folders.push(path);
            } else {
                assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600, "{}", path.display());
            }
        }
    }
    assert!(seen > 6, "only {seen} files were looked at");
}

#[test]
fn links_in_a_runs_folder_lead_nowhere() {
    use std::os::unix::fs::symlink;
    let workspace = Hostile::new();
    assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(0));
    let run = workspace.run_folder();
    let outside = workspace.dir.path().join("outside");
    fs::write(&outside, "a secret\n").unwrap();
    for file in ["T-1.log", "journal.jsonl", "result.json"] {
        let at = run.join(file);
        let _ = fs::remove_file(&at);
        symlink(&outside, &at).unwrap();
    }
    let log = workspace.call(&["log", "T-1"]);
    assert!(!text(&log.stdout).contains("secret"), "{}", text(&log.stdout));
    let status = workspace.call(&["status"]);
    assert_eq!(text(&status.stdout), "", "a journal that is a link is none");
    assert!(text(&status.stderr).contains("reading the journal"), "{}", text(&status.stderr));

    // A lock that is a link, where the next run needs it.
    let lock = workspace.root().join(".feature-build/locks/T-1.lock");
    let _ = fs::remove_file(&lock);
    symlink(&outside, &lock).unwrap();
    fs::remove_file(workspace.root().join("started-T-1")).unwrap();
    assert_eq!(code(&workspace.call(&["run", "--redo"])), Some(1));
    assert!(!workspace.has_started());
    assert_eq!(fs::read_to_string(&outside).unwrap(), "a secret\n");
}

/// A run in a terminal in which this has been typed.
fn run_in_a_terminal(workspace: &Hostile, typed: &str) -> (Option<i32>, String) {
    in_a_terminal(workspace.command(&workspace.root(), &["run"]), typed, &Shows::Errors)
}

#[test]
fn a_terminal_is_asked_and_its_answer_counts() {
    let workspace = Hostile::new();
    let (code, shown) = run_in_a_terminal(&workspace, "n\n");
    assert_eq!(code, Some(2), "{shown}");
    assert!(shown.contains("run: touch 'started-{id}'") && shown.contains("Trust this and run? [y/N]"), "{shown}");
    assert!(!workspace.has_started());
    let (code, shown) = run_in_a_terminal(&workspace, "y\n");
    assert_eq!(code, Some(0), "{shown}");
    assert!(workspace.has_started());
    assert_eq!(text(&workspace.call(&["trust"]).stdout).lines().last(), Some("trusted already"));
}

#[test]
fn a_question_that_is_longer_than_the_terminal_is_shown_screen_by_screen() {
    let workspace = Hostile::new();
    let modes: String = (0..40).map(|number| format!("  m{number}: {{command: [\"true\"]}}\n")).collect();
    let config = format!("run:\n  command: [touch, \"started-{{id}}\"]\nmodes:\n{modes}state_dir: ../elsewhere\n");
    workspace.write("feature-build.yaml", &config);
    let run = |typed: &str| {
        let command = workspace.command(&workspace.root(), &["run"]);
        in_a_terminal_of(Some((20, 80)), command, typed, &Shows::Errors)
    };
    // Two answers are for what has not been seen yet.
    let (code, shown) = run("y\ny\nn\n");
    assert_eq!(code, Some(2), "{shown}");
    assert!(shown.contains("more (2 of 3)") && shown.contains("state_dir: ../elsewhere"), "{shown}");
    assert!(!workspace.has_started());
    let (code, shown) = run("\nq\n");
    assert_eq!(code, Some(2), "{shown}");
    assert!(!shown.contains("state_dir") && !shown.contains("Trust this"), "{shown}");
    let (code, shown) = run("\n\ny\n");
    assert_eq!(code, Some(0), "{shown}");
    assert!(workspace.has_started());
}

#[test]
fn all_that_a_configuration_says_is_shown_and_nothing_of_it_unseen() {
    let workspace = Hostile::new();
    let unseen = ['\u{3164}', '\u{115f}', '\u{2800}', '\u{180b}', '\u{fffb}', '\u{a0}'];
    let argument: String = unseen.iter().collect();
    workspace.write(
        "feature-build.yaml",
        &format!(
            "keep: {{runs: 1}}\nstate_dir: ../state dir\nretry_on: ['x']\nmodes: {{m: {{command: [a, \"b{argument}c\"]}}}}\n\
             verify: [[check, \"{argument}\"]]\ntask_commands: true\nrun: {{command: [\"true\"]}}\n"
        ),
    );
    let shown = text(&workspace.call(&["trust", "--show"]).stdout);
    let keys: Vec<&str> =
        shown.lines().skip(1).filter_map(|line| line.trim().split_once(": ")).map(|(key, _)| key).collect();
    assert_eq!(keys, ["task_commands", "run", "verify", "modes.m", "state_dir", "keep.runs", "retry_on"], "{shown}");
    assert!(shown.contains("state_dir: ../state dir") && shown.contains("keep.runs: 1"), "{shown}");
    for char in unseen {
        assert!(!shown.contains(char), "{shown}");
        assert_eq!(shown.matches(&char.escape_unicode().to_string()).count(), 2, "{shown}");
    }
}

#[test]
fn gates_and_commands_of_a_feature_file_start_nothing() {
    let workspace = Hostile::new();
    let feature = |gate: &str| {
        let keys = ["gates", "smoke_gates", "quality_gates", "verify", "run", "include", "hooks"];
        let gates: String = keys
            .iter()
            .map(|key| format!("{key}:\n  - {{name: g, command: \"touch {gate}\", run: [touch, {gate}]}}\n"))
            .collect();
        let tasks = "tasks: [{id: T-1, file_path: tasks/backlog/f/T-1.md}]\n";
        workspace.write(".guardkit/features/FEAT-1.yaml", &format!("id: FEAT-1\nname: F\n{tasks}{gates}"));
    };
    feature("gate-1");
    assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(0));
    assert!(workspace.has_started());
    // Nothing of it decides what runs, so a change of it is none to be asked about.
    feature("gate-2");
    assert_eq!(code(&workspace.call(&["run", "--redo"])), Some(0));
    let root: Vec<_> = fs::read_dir(workspace.root()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!root.iter().any(|name| name.to_string_lossy().starts_with("gate")), "{root:?}");
}
