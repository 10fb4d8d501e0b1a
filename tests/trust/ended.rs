//! What a state folder may not make anybody do: run again what has ended, kill what is another one's, act elsewhere.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::hostile::{Hostile, code, text, wait_until};

/// What a supervisor says that somebody starts by hand to go on with a run.
fn supervised_by_hand(workspace: &Hostile, folder: &Path) -> String {
    let said = Command::new(crate::hostile::BINARY)
        .args(["__supervise", folder.to_str().unwrap(), "--continue"])
        .env("XDG_STATE_HOME", workspace.state_home())
        .output()
        .unwrap();
    text(&said.stdout) + &text(&said.stderr)
}

/// A finished run whose files are cut back until it looks as if its supervisor had died a moment ago.
#[test]
fn a_finished_run_that_is_cut_back_does_not_run_again() {
    let workspace = Hostile::new();
    assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(0));
    let folder = workspace.ended_run_folder();
    let run = folder.file_name().unwrap().to_str().unwrap().to_owned();
    let journal = folder.join("journal.jsonl");
    let told = fs::read_to_string(&journal).unwrap();
    for lines in 1..told.lines().count() {
        let _ = fs::remove_file(workspace.root().join("started-T-1"));
        let cut: String = told.lines().take(lines).map(|line| format!("{line}\n")).collect();
        fs::write(&journal, cut).unwrap();
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if name.ends_with(".result") || name.ends_with(".log") || name == "result.json" {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        fs::write(workspace.root().join(".feature-build/locks/T-1.lock"), "").unwrap();
        let lock = fs::File::options().write(true).open(folder.join("run.lock")).unwrap();
        lock.set_modified(std::time::SystemTime::now()).unwrap();
        let refused = workspace.call(&["run", "--resume"]);
        assert_eq!(code(&refused), Some(2), "{lines}: {}", text(&refused.stderr));
        assert!(text(&refused.stderr).contains("cannot go on"), "{}", text(&refused.stderr));
        let said = supervised_by_hand(&workspace, &folder);
        assert!(said.contains("had ended already"), "{lines}: {said}");
        assert!(!workspace.has_started(), "{lines}");
    }
    assert_eq!(code(&workspace.call(&["cancel", &run])), Some(0));
    let status = workspace.call(&["status", &run]);
    assert!(text(&status.stdout).contains(" of f: failed: "), "{}", text(&status.stdout));
    assert!(!workspace.has_started());
}

/// A lock that came with a workspace names an attempt of another workspace.
#[test]
fn a_planted_mark_kills_nobody() {
    let workspace = Hostile::new();
    let locks = workspace.root().join(".feature-build/locks");
    fs::create_dir_all(&locks).unwrap();
    let marks = ["20200101-000000-aaaa/T-1/1".to_owned(), format!("20200101-000000-aaaa/T-1/1@{}", "a".repeat(32))];
    let mut victims: Vec<_> = marks
        .iter()
        .map(|mark| {
            let mut victim = Command::new("sleep");
            victim.arg("600").env("FEATURE_BUILD_ATTEMPT", mark).stdin(Stdio::null()).process_group(0).spawn().unwrap()
        })
        .collect();
    fs::write(locks.join("T-1.lock"), format!("{}\n{}\n", marks[0], marks[1])).unwrap();
    fs::write(workspace.root().join(".feature-build/workspace"), format!("{}\n", "a".repeat(32))).unwrap();
    assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(0));
    assert!(workspace.has_started());
    for victim in &mut victims {
        assert!(victim.try_wait().unwrap().is_none(), "it was killed");
        victim.kill().unwrap();
        victim.wait().unwrap();
    }
}

/// Another workspace of the same user, in which a run goes on.
#[test]
fn a_state_folder_that_is_not_trusted_is_nobodys_to_act_in() {
    let other = Hostile::new();
    other.write("agent.sh", "touch started; until [ -e go ]; do sleep 0.02; done\n");
    other.write("feature-build.yaml", "run:\n  command: [sh, agent.sh]\n");
    assert_eq!(code(&other.call(&["run", "--trust", "--detach"])), Some(0));
    wait_until("the task has started", || other.root().join("started").exists());
    let run = other.run_folder().file_name().unwrap().to_str().unwrap().to_owned();
    let workspace = Hostile::new();
    let config = |state: &str| {
        let state = other.root().join(state);
        workspace
            .write("feature-build.yaml", &format!("run:\n  command: [touch, x]\nstate_dir: {}\n", state.display()));
    };
    let call = |arguments: &[&str]| {
        workspace.command(&workspace.root(), arguments).env("XDG_STATE_HOME", other.state_home()).output().unwrap()
    };
    let ways: [&[&str]; 9] = [
        &["cancel"],
        &["cancel", &run],
        &["cancel", "--all", "--kill"],
        &["prune", "--keep", "0"],
        &["run", "--resume"],
        &["run", "--rerun", &run],
        &["runs"],
        &["status"],
        &["log", "T-1"],
    ];
    config(".feature-build");
    for way in ways {
        let said = call(way);
        let all = text(&said.stdout);
        assert!(!all.contains(&run), "{way:?}: {all}");
    }
    assert!(text(&other.call(&["status", &run]).stdout).contains("running"));
    // Trusted without that line, then changed: what was trusted counts.
    workspace.write("feature-build.yaml", "run:\n  command: [touch, x]\n");
    call(&["trust"]);
    config(".feature-build");
    for way in ways {
        let said = call(way);
        assert!(!text(&said.stdout).contains(&run), "{way:?}: {}", text(&said.stdout));
    }
    assert!(text(&other.call(&["status", &run]).stdout).contains("running"));
    // Trusted with it: then it is another workspace's all the same.
    call(&["trust"]);
    assert_eq!(code(&call(&["cancel", &run])), Some(2));
    assert!(text(&other.call(&["status", &run]).stdout).contains("running"));
    other.write("go", "");
    wait_until("it passes", || text(&other.call(&["status", &run]).stdout).contains("1 passed"));
}

/// `state_dir` is changed while a run goes on: what was trusted, and what the workspace had before, is found all the same.
#[test]
fn a_run_is_seen_and_cancelled_after_state_dir_was_changed() {
    let workspace = Hostile::new();
    workspace.write("agent.sh", "touch started; sleep 600\n");
    let config = |state: &str| {
        workspace.write("feature-build.yaml", &format!("run:\n  command: [sh, agent.sh]\ngrace_seconds: 0.1\n{state}"));
    };
    config("");
    assert_eq!(code(&workspace.call(&["run", "--trust", "--detach"])), Some(0));
    wait_until("the task has started", || workspace.root().join("started").exists());
    let run = workspace.run_folder().file_name().unwrap().to_str().unwrap().to_owned();
    config("state_dir: elsewhere\n");
    assert!(text(&workspace.call(&["status"]).stdout).contains(&run), "not trusted yet");
    workspace.call(&["trust"]);
    for command in [&["status", &run][..], &["status"], &["runs"]] {
        let said = text(&workspace.call(command).stdout);
        assert!(said.contains(&run) && said.contains("running"), "{command:?}: {said}");
    }
    let cancelled = workspace.call(&["cancel"]);
    assert!(text(&cancelled.stdout).contains(&run), "{}", text(&cancelled.stderr));
    wait_until("it ends", || text(&workspace.call(&["status", &run]).stdout).contains("1 cancelled"));
}

/// Makes the order of a workspace's one run another one that the user has sealed, and its journal one that tells of its
/// beginning alone.
fn change_order(workspace: &Hostile, change: impl Fn(&mut serde_json::Value)) -> (PathBuf, String) {
    let folder = workspace.ended_run_folder();
    let mut order = serde_json::from_slice(&fs::read(folder.join("run.json")).unwrap()).unwrap();
    change(&mut order);
    let order = serde_json::to_vec(&order).unwrap();
    fs::write(folder.join("run.json"), &order).unwrap();
    let key = fs::read(workspace.state_home().join("feature-build/trust/key")).unwrap().try_into().unwrap();
    let place = folder.as_os_str().as_encoded_bytes();
    let seal = blake3::keyed_hash(&key, &[place, b"\0", &order].concat());
    let of_run = fs::read_to_string(folder.join("run.seal")).unwrap().lines().nth(1).unwrap().to_owned();
    fs::write(folder.join("run.seal"), format!("{seal}\n{of_run}\n")).unwrap();
    let told = fs::read_to_string(folder.join("journal.jsonl")).unwrap();
    fs::write(folder.join("journal.jsonl"), told.split_inclusive('\n').take(1).collect::<String>()).unwrap();
    for entry in fs::read_dir(&folder).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if name.ends_with(".result") || name.ends_with(".log") || name == "result.json" {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    fs::write(workspace.root().join(".feature-build/locks/T-1.lock"), "").unwrap();
    let _ = fs::remove_file(workspace.root().join("started-T-1"));
    let run = folder.file_name().unwrap().to_str().unwrap().to_owned();
    (folder, run)
}

/// Earlier versions kept no word outside of the workspace that a run has ended, and a later one may mean more by its orders
/// than this one reads in them: neither is carried out, and both can be ended.
#[test]
fn a_run_of_another_version_that_lost_its_supervisor_is_not_carried_out() {
    let earlier = |order: &mut serde_json::Value| {
        for key in ["workspace", "format"] {
            order.as_object_mut().unwrap().remove(key);
        }
    };
    let later = |order: &mut serde_json::Value| order["format"] = 1_000_000.into();
    let unlike = |order: &mut serde_json::Value| *order = serde_json::json!({ "format": 1_000_000, "steps": [] });
    type Change<'a> = &'a dyn Fn(&mut serde_json::Value);
    let ways: [(Change<'_>, &str); 3] =
        [(&earlier, "an earlier version"), (&later, "a later version"), (&unlike, "a later version")];
    for (change, why) in ways {
        let workspace = Hostile::new();
        assert_eq!(code(&workspace.call(&["run", "--trust"])), Some(0));
        let open = workspace.state_home().join("feature-build/open");
        let (folder, run) = change_order(&workspace, change);
        // As if it went on.
        let seal = fs::read_to_string(folder.join("run.seal")).unwrap();
        fs::write(open.join(seal.lines().next().unwrap()), folder.as_os_str().as_encoded_bytes()).unwrap();
        let refused = workspace.call(&["run", "--resume"]);
        let said = text(&refused.stderr);
        assert_eq!(code(&refused), Some(2), "{why}: {said}");
        assert!(said.contains(why), "{why}: {said}");
        let said = supervised_by_hand(&workspace, &folder);
        assert!(said.contains(why), "{why}: {said}");
        assert!(!workspace.has_started(), "{why}");
        assert!(text(&workspace.call(&["cancel", &run]).stdout).contains("ended run"), "{why}");
        assert!(text(&workspace.call(&["status", &run]).stdout).contains(" of f: failed: "), "{why}");
        assert!(!workspace.has_started(), "{why}");
    }
}
