//! Tasks that start runs of each other, in circles of any length: nobody waits for ever.

use std::fs;
use std::path::Path;
use std::process::Command;

use feature_build::run::{self, RunState};

use crate::bench::{binary, trust, wait_until};
use crate::chance::{Chance, is_long};

/// A task that waits for the word, then runs this.
fn write_task(root: &Path, task: &str, script: &str) {
    let command = serde_json::to_string(&["sh", "-c", script]).unwrap();
    let head = format!("id: {task}\nstatus: backlog\nfeature_id: FEAT-1\nwave: 1\nrun: {command}\n");
    fs::write(root.join(format!("tasks/{task}.md")), format!("---\n{head}---\n")).unwrap();
}

fn feature_build(root: &Path, arguments: &[&str]) {
    let done = Command::new(binary()).arg("-C").arg(root).args(arguments).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn tasks_that_call_each_other_in_circles_all_end() {
    let mut chance = Chance::new("circles of calls");
    for _ in 0..if is_long() { 40 } else { 3 } {
        chance.tried();
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let state = root.join(".feature-build");
        fs::create_dir(root.join("tasks")).unwrap();
        fs::write(root.join("feature-build.yaml"), "task_commands: true\ngrace_seconds: 0.5\n").unwrap();
        trust(&root);
        let tasks: Vec<String> = (0..2 + chance.below(4)).map(|number| format!("T{number}")).collect();
        for task in &tasks {
            let mut script = format!("touch on-{task}; until [ -e go ]; do sleep 0.01; done; ");
            for _ in 0..1 + chance.below(2) {
                let other = chance.pick(&tasks);
                let how = *chance.pick(&["--redo", "--redo --detach", "--redo --format json"]);
                script.push_str(&format!("{} run {how} --task {other} >> {task}.out 2>&1; ", binary().display()));
            }
            write_task(&root, task, &script);
        }
        for task in &tasks {
            feature_build(&root, &["run", "--task", task, "--detach"]);
            wait_until("it runs", || root.join(format!("on-{task}")).exists());
        }
        fs::write(root.join("go"), "").unwrap();
        let all_over = || run::runs(&state).iter().all(|run| run.state != RunState::Running);
        let give_up = std::time::Instant::now() + crate::bench::PATIENCE;
        while !all_over() && std::time::Instant::now() < give_up {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let ended = all_over();
        if !ended {
            feature_build(&root, &["cancel", "--all", "--kill"]);
        }
        assert!(ended, "somebody waits for ever");
    }
}
