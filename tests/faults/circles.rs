//! Tasks that start runs of each other, or follow each other, in circles of any length and through two workspaces: nobody waits for ever.

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

/// What it says.
fn feature_build(root: &Path, arguments: &[&str]) -> String {
    let done = Command::new(binary()).arg("-C").arg(root).args(arguments).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn tasks_that_call_each_other_in_circles_all_end() {
    let mut chance = Chance::new("circles of calls");
    for _ in 0..if is_long() { 40 } else { 3 } {
        chance.tried();
        let dir = tempfile::tempdir().unwrap();
        let roots = ["one", "other"].map(|name| dir.path().canonicalize().unwrap().join(name));
        for root in &roots {
            fs::create_dir_all(root.join("tasks")).unwrap();
            fs::write(root.join("feature-build.yaml"), "task_commands: true\ngrace_seconds: 0.5\n").unwrap();
            trust(root);
        }
        let apart = chance.below(3);
        // All in one workspace, or every second one in the other.
        let place = |task: &str| if apart == 0 { 0 } else { usize::from(task.ends_with(['1', '3', '5'])) };
        let tasks: Vec<String> = (0..2 + chance.below(4)).map(|number| format!("T{number}")).collect();
        for task in &tasks {
            let mut script = format!("touch on-{task}; until [ -e go ]; do sleep 0.01; done; ");
            for _ in 0..1 + chance.below(2) {
                let other = chance.pick(&tasks);
                let ways = [
                    "run --redo --task TASK",
                    "run --redo --detach --task TASK",
                    "run --redo --format json --task TASK",
                    "log TASK --follow",
                    "watch $(cat RUN-OF-TASK)",
                    "watch",
                ];
                let run = roots[place(other)].join(format!("run-of-{other}")).display().to_string();
                let how = chance.pick(&ways).replace("RUN-OF-TASK", &run).replace("TASK", other);
                let there = roots[place(other)].display();
                script.push_str(&format!("{} -C {there} {how} >> {task}.out 2>&1; ", binary().display()));
            }
            write_task(&roots[place(task)], task, &script);
        }
        for task in &tasks {
            let root = &roots[place(task)];
            let run = feature_build(root, &["run", "--task", task, "--detach"]);
            fs::write(root.join(format!("run-of-{task}")), run).unwrap();
            wait_until("it runs", || root.join(format!("on-{task}")).exists());
        }
        roots.iter().for_each(|root| fs::write(root.join("go"), "").unwrap());
        let runs = || roots.iter().flat_map(|root| run::runs(&root.join(".feature-build")));
        let all_over = || runs().all(|run| run.state != RunState::Running);
        let give_up = std::time::Instant::now() + crate::bench::PATIENCE;
        while !all_over() && std::time::Instant::now() < give_up {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let ended = all_over();
        if !ended {
            roots.iter().for_each(|root| drop(feature_build(root, &["cancel", "--all", "--kill"])));
        }
        assert!(ended, "somebody waits for ever");
    }
}
