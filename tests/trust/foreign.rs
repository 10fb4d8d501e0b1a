//! State folders that came with a workspace: nothing in them is believed, shown or fed to anybody.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::hostile::{Hostile, code, text};

/// The same as another user, or as this one on another machine.
fn call_as_another(workspace: &Hostile, arguments: &[&str]) -> Output {
    let mut command = workspace.command(&workspace.root(), arguments);
    command.env("XDG_STATE_HOME", workspace.dir.path().join("another")).output().unwrap()
}

#[test]
fn runs_that_came_with_the_workspace_are_not_believed() {
    let workspace = Hostile::new();
    assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(0));
    let folder = workspace.run_folder();
    let run = folder.file_name().unwrap().to_str().unwrap();
    assert!(text(&workspace.call(&["runs"]).stdout).contains(run));

    for looking in ["runs", "status"] {
        let seen = call_as_another(&workspace, &[looking]);
        assert!(!text(&seen.stdout).contains(run), "{looking}: {}", text(&seen.stdout));
        let said = text(&seen.stderr);
        assert!(said.contains("you did not start this run on this machine"), "{looking}: {said}");
    }
    let other = folder.with_file_name("20200101-000000-aaaa");
    fs::create_dir(&other).unwrap();
    fs::copy(folder.join("journal.jsonl"), other.join("journal.jsonl")).unwrap();
    for looking in [&["runs"][..], &["status"], &["prune", "--keep", "0"]] {
        let seen = call_as_another(&workspace, looking);
        assert_eq!(code(&seen), Some(0));
        let said = text(&seen.stderr);
        assert!(said.contains("before feature-build sealed its runs") && said.contains("can be removed"), "{said}");
        assert!(said.contains("\nfeature-build: the same goes for 1 more in "), "{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
    }
    assert!(other.exists() && folder.exists(), "only the user removes what is not the user's own");
    fs::remove_dir_all(other).unwrap();
    for named in [&["log", "T-1", "--run", run][..], &["watch", run], &["status", run]] {
        let refused = call_as_another(&workspace, named);
        assert_eq!(code(&refused), Some(2), "{named:?}");
        let said = text(&refused.stderr);
        assert!(said.contains("you did not start this run on this machine"), "{named:?}: {said}");
    }
    let again = call_as_another(&workspace, &["run", "--trust", "--rerun", run]);
    assert!(text(&again.stderr).contains("you did not start this run on this machine"), "{}", text(&again.stderr));
    let log = call_as_another(&workspace, &["log", "T-1"]);
    assert!(text(&log.stderr).contains("has not run in this workspace"), "{}", text(&log.stderr));

    // What the other one's journal says has passed has not.
    fs::remove_file(workspace.root().join("started-T-1")).unwrap();
    assert_eq!(code(&call_as_another(&workspace, &["run", "--trust"])), Some(0));
    assert!(workspace.has_started());
}

#[test]
fn what_is_kept_of_old_runs_is_not_believed_either() {
    let workspace = Hostile::new();
    assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(0));
    assert_eq!(code(&workspace.call(&["prune", "--keep", "0"])), Some(0));
    let finished = workspace.root().join("started-T-1");
    fs::remove_file(&finished).unwrap();
    workspace.call(&["run"]);
    assert!(!workspace.has_started(), "it has passed");
    assert_eq!(code(&call_as_another(&workspace, &["run", "--trust"])), Some(0));
    assert!(workspace.has_started());
}

#[test]
fn what_has_passed_in_a_workspace_that_was_moved_has_passed() {
    let workspace = Hostile::new();
    assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(0));
    let moved = workspace.dir.path().join("moved");
    fs::rename(workspace.root(), &moved).unwrap();
    fs::remove_file(moved.join("started-T-1")).unwrap();
    let again = workspace.call_in(&moved, &["run", "--trust"]);
    assert!(!moved.join("started-T-1").exists(), "{}", text(&again.stderr));
    assert_eq!(code(&workspace.call_in(&moved, &["log", "T-1"])), Some(0));
}

/// A run of the user's own whose journal was changed.
#[test]
fn no_log_outside_the_state_folder_is_shown() {
    let workspace = Hostile::new();
    assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(0));
    let folder = workspace.run_folder();
    let run = folder.file_name().unwrap().to_str().unwrap();
    let secret = workspace.dir.path().join("runs/r/secret.log");
    fs::create_dir_all(secret.parent().unwrap()).unwrap();
    fs::write(&secret, "a secret\n").unwrap();
    fs::write(workspace.root().join("secret.log"), "a secret\n").unwrap();
    let journal = folder.join("journal.jsonl");
    let told = fs::read_to_string(&journal).unwrap();
    let own = Path::new(".feature-build/runs").join(run).join("T-1.log");
    assert!(told.contains(own.to_str().unwrap()));
    for other in
        [secret.to_str().unwrap(), "../runs/r/secret.log", "secret.log", ".feature-build/runs/../../secret.log"]
    {
        fs::write(&journal, told.replace(own.to_str().unwrap(), other)).unwrap();
        let _ = fs::remove_file(folder.join("result.json"));
        for way in [&["log", "T-1"][..], &["log", "T-1", "--run", run], &["watch", run], &["status", run]] {
            let shown = workspace.call(way);
            let all = text(&shown.stdout) + &text(&shown.stderr);
            assert!(!all.contains("a secret"), "{way:?} {other}: {all}");
        }
    }
}
