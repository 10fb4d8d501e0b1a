//! Files that are none, folders that are elsewhere, and a configuration that hides what it runs.

use std::fs;
use std::os::unix::fs::symlink;

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
    assert_eq!(code(&workspace.call(&["check"])), Some(0));
    assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(0));
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
    assert!(!run.exists());
}

#[test]
fn answers_that_lie_in_the_workspace_are_none() {
    let workspace = Hostile::new();
    let call = |arguments: &[&str], home: &str| {
        let home = workspace.root().join(home);
        workspace.command(&workspace.root(), arguments).env("XDG_STATE_HOME", home).output().unwrap()
    };
    workspace.call(&["trust"]);
    let copy = workspace.root().join("state");
    let copied = std::process::Command::new("cp").arg("-r").arg(workspace.state_home()).arg(copy).status().unwrap();
    assert!(copied.success());
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
