//! Files that are none, folders that are elsewhere, and a configuration that hides what it runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::hostile::{Hostile, code, text};

#[test]
fn a_configuration_that_is_no_file_holds_nobody() {
    let workspace = Hostile::new();
    let config = workspace.root().join("feature-build.yaml");
    let pipe = || {
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &config, kind, 0o600.into(), 0).unwrap();
    };
    let places: [&dyn Fn(); 3] = [&pipe, &|| symlink("/dev/zero", &config).unwrap(), &|| {
        fs::write(&config, format!("run: {{command: [touch, 'started-{{id}}']}}\n#{}\n", "x".repeat(1 << 20))).unwrap()
    }];
    for (at, place) in places.iter().enumerate() {
        fs::remove_file(&config).unwrap();
        place();
        for way in [&["check"][..], &["trust"], &["run", "--trust"], &["agents"]] {
            let ended = workspace.call(way);
            assert_ne!(code(&ended), Some(0), "{at} {way:?}: {}", text(&ended.stdout));
        }
        assert_eq!(code(&workspace.call(&["waves"])), Some(0), "the plan does not need it");
        assert!(!workspace.has_started());
    }
}

#[test]
fn other_files_that_are_none_hold_nobody() {
    let workspace = Hostile::new();
    for file in ["backlog/config.yml", "backlog/milestones/m.md", ".guardkit/features/F.yaml", "tasks/backlog/f/T-2.md"]
    {
        let path = workspace.root().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    }
    fs::create_dir_all(workspace.root().join("backlog/tasks")).unwrap();
    let checked = workspace.call(&["check"]);
    assert!(text(&checked.stdout).contains("tasks/backlog/f/T-2.md:1:1: error[unreadable]"), "{checked:?}");
    assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(2), "nobody knows what they leave out");
    assert!(!workspace.has_started());
    assert_eq!(code(&workspace.call(&["run", "--task", "T-1", "--trust"])), Some(0));
    assert!(workspace.has_started());
}

#[test]
fn what_a_configuration_runs_is_shown_to_its_last_character() {
    let workspace = Hostile::new();
    let script = r#""echo hi\e]0;\n  run: ls\u202e\u200b; touch owned""#;
    workspace.write("feature-build.yaml", &format!("run:\n  command: [sh, -c, {script}]\n"));
    for way in [&["trust", "--show"][..], &["run"]] {
        let shown = workspace.call(way);
        let all = text(&shown.stdout) + &text(&shown.stderr);
        let wanted = r"echo hi\u{1b}]0;\u{a}  run: ls\u{202e}\u{200b}; touch owned";
        assert!(all.contains(wanted), "{way:?}: {all}");
    }
}

#[test]
fn nothing_is_removed_or_shown_behind_a_state_folder_that_is_a_link() {
    let other = Hostile::new();
    assert_eq!(code(&other.call(&["run", "--trust"])), Some(0));
    let run = other.run_folder();
    let state = other.root().join(".feature-build");
    let workspace = Hostile::new();
    symlink(&state, workspace.root().join(".feature-build")).unwrap();
    let call = |arguments: &[&str]| {
        workspace.command(&workspace.root(), arguments).env("XDG_STATE_HOME", other.state_home()).output().unwrap()
    };
    assert!(!text(&call(&["runs"]).stdout).contains(run.file_name().unwrap().to_str().unwrap()));
    assert_eq!(code(&call(&["prune", "--keep", "0"])), Some(0));
    assert!(run.exists());

    let link = workspace.root().join(".feature-build");
    let precious = workspace.dir.path().join("elsewhere/pruned");
    fs::create_dir_all(&precious).unwrap();
    fs::remove_file(&link).unwrap();
    symlink(precious.parent().unwrap(), &link).unwrap();
    assert_eq!(code(&call(&["prune", "--keep", "0"])), Some(0));
    assert_eq!(fs::read_dir(precious.parent().unwrap()).unwrap().count(), 1, "nothing is made or removed there");
    assert!(precious.exists());
}

#[test]
fn no_run_is_removed_because_a_configuration_says_so_that_is_not_trusted() {
    let other = Hostile::new();
    assert_eq!(code(&other.call(&["run", "--trust"])), Some(0));
    let run = other.run_folder();
    let workspace = Hostile::new();
    let state = other.root().join(".feature-build");
    workspace.write("feature-build.yaml", &format!("state_dir: {}\n", state.display()));
    let call = |arguments: &[&str]| {
        workspace.command(&workspace.root(), arguments).env("XDG_STATE_HOME", other.state_home()).output().unwrap()
    };
    let refused = call(&["prune", "--keep", "0"]);
    assert_eq!(code(&refused), Some(2));
    assert!(text(&refused.stderr).contains("feature-build trust"), "{}", text(&refused.stderr));
    assert_eq!(code(&call(&["prune", "--keep", "0", "--dry-run"])), Some(0));
    assert!(run.exists());
    call(&["trust"]);
    assert_eq!(code(&call(&["prune", "--keep", "0"])), Some(0));
    assert!(run.exists(), "it is another workspace's, whatever is trusted");
}

/// The user's answers and key, brought along in this folder of the workspace.
fn bring_answers(workspace: &Hostile, to: &Path) {
    let copied = Command::new("cp").arg("-r").arg(workspace.state_home()).arg(to).status().unwrap();
    assert!(copied.success());
}

#[test]
fn answers_that_lie_in_the_workspace_are_none() {
    let workspace = Hostile::new();
    let call = |arguments: &[&str], home: &str| {
        let home = workspace.root().join(home);
        workspace.command(&workspace.root(), arguments).env("XDG_STATE_HOME", home).output().unwrap()
    };
    workspace.call(&["trust"]);
    bring_answers(&workspace, &workspace.root().join("state"));
    symlink(workspace.root().join("state"), workspace.dir.path().join("link")).unwrap();
    for home in ["state", "not-there", "../link"] {
        for way in [&["run"][..], &["run", "--trust"], &["trust"]] {
            let refused = call(way, home);
            assert_eq!(code(&refused), Some(2), "{home} {way:?}");
            assert!(text(&refused.stderr).contains("lies in the workspace itself"), "{}", text(&refused.stderr));
        }
    }
    assert!(!workspace.has_started());
}

/// A repository brings no file that only its user can read; where the workspace is a folder of what was brought, its place
/// alone does not show that.
#[test]
fn answers_that_others_can_read_are_none() {
    use std::os::unix::fs::PermissionsExt as _;
    let workspace = Hostile::new();
    assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(0));
    fs::remove_file(workspace.root().join("started-T-1")).unwrap();
    let folder = workspace.state_home().join("feature-build/trust");
    let files = || fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let set_all = |mode| files().for_each(|file| fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap());
    assert_eq!(files().count(), 2, "an answer and a key");
    set_all(0o644);
    for way in [&["run", "--redo"][..], &["run", "--redo", "--trust"], &["trust", "--show"]] {
        let refused = workspace.call(way);
        assert_eq!(code(&refused), Some(2), "{way:?}");
        assert!(text(&refused.stderr).contains("it is not private to you"), "{}", text(&refused.stderr));
    }
    assert!(text(&workspace.call(&["runs"]).stderr).contains("you did not start this run"));
    assert!(!workspace.has_started());
    set_all(0o600);
    assert_eq!(code(&workspace.call(&["run", "--redo"])), Some(0));
    assert!(workspace.has_started());
}

#[test]
fn a_run_that_came_with_the_key_that_it_is_sealed_with_is_no_run() {
    for state_dir in ["", "state_dir: elsewhere/runs-and-locks\n"] {
        let workspace = Hostile::new();
        let config = "run:\n  command: [touch, \"started-{id}\"]\n";
        workspace.write("feature-build.yaml", &format!("{config}{state_dir}"));
        assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(0));
        let runs = if state_dir.is_empty() { ".feature-build/runs" } else { "elsewhere/runs-and-locks/runs" };
        let folder = fs::read_dir(workspace.root().join(runs)).unwrap().next().unwrap().unwrap().path();
        let run = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let home = workspace.root().join("home");
        bring_answers(&workspace, &home);
        fs::remove_file(workspace.root().join("started-T-1")).unwrap();
        let call = |arguments: &[&str]| {
            workspace.command(&workspace.root(), arguments).env("XDG_STATE_HOME", &home).output().unwrap()
        };
        for looking in [&["runs"][..], &["status"]] {
            assert!(!text(&call(looking).stdout).contains(&run), "{state_dir} {looking:?}");
        }
        assert_eq!(code(&call(&["log", "T-1"])), Some(2), "{state_dir}");
        // As it would be if its supervisor had died before it did anything.
        for file in ["journal.jsonl", "summary.json"] {
            let _ = fs::remove_file(folder.join(file));
        }
        let internal = Command::new(crate::hostile::BINARY)
            .arg("__supervise")
            .arg(&folder)
            .env("XDG_STATE_HOME", &home)
            .output()
            .unwrap();
        assert!(!internal.status.success(), "{state_dir}");
        assert!(text(&internal.stderr).contains("lies in the workspace itself"), "{}", text(&internal.stderr));
        assert!(!workspace.has_started(), "{state_dir}");
    }
}
