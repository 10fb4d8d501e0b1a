//! Files of a run that are taken away while it goes on: by `git clean`, by what removes all locks, by hand.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::bench::{kill, wait_until};
use crate::chance::{Chance, is_long};
use crate::copies::{Place, kill_run, lives, started, text};
use crate::family::supervisor;

/// Locks, and a log, that are taken away while a run goes on.
#[test]
fn files_that_are_taken_away_during_a_run_double_nothing() {
    let mut chance = Chance::new("taken away");
    for _ in 0..if is_long() { 40 } else { 6 } {
        chance.tried();
        let place = Place::new();
        let root = place.workspace("ws", "");
        let (run, process) = place.start(&root);
        let state = root.join(".feature-build");
        let (task, own) = (state.join("locks/T.lock"), run.join("run.lock"));
        match chance.below(3) {
            0 => fs::remove_file(&task).unwrap(),
            1 => fs::remove_file(&own).unwrap(),
            _ => [&task, &own].into_iter().for_each(|lock| fs::remove_file(lock).unwrap()),
        }
        let is_orphan = chance.below(2) == 0;
        if is_orphan {
            kill_run(&run, false);
            let _ = fs::remove_file(run.join("T.log"));
        }
        let name = run.file_name().unwrap().to_str().unwrap();
        if chance.below(2) == 0 {
            let mut server = place.server(&root);
            place.says(&root, &["run", "--resume", name, "--detach"]);
            server.kill().unwrap();
            server.wait().unwrap();
        }
        let second = place.call(&root, &["run", "--trust", "--redo", "--detach"]);
        assert_eq!(second.status.code(), Some(0), "{}", text(&second.stderr));
        let second = run.with_file_name(text(&second.stdout).trim());
        wait_until("the second run waits for the first", || {
            fs::read_to_string(second.join("journal.jsonl")).is_ok_and(|text| text.contains("task-attached"))
        });
        place.call(&root, &["run", "--resume", name, "--detach"]);
        assert!(lives(process), "{is_orphan}");
        assert_eq!(started(&root).len(), 1, "{is_orphan}");
        let status = place.status(&root, &run);
        assert!(!status.contains("lost"), "{status}");
        fs::write(root.join("go"), "").unwrap();
        for run in [&run, &second] {
            wait_until("it has passed", || place.status(&root, run).contains("1 passed"));
        }
        assert_eq!(started(&root).len(), 1);
        let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap();
        assert_eq!(journal.matches("run-finished").count(), 1, "{journal}");
    }
}

/// What takes files of a run away from its workspace.
const WAYS: [(&str, &str); 6] = [
    ("the state folder", "rm -r .feature-build"),
    ("what git ignores", "git init -q . && git clean -fdxq"),
    ("locks", "find . -name '*.lock' -delete"),
    ("the folder of locks", "rm -r .feature-build/locks"),
    ("the journal", "rm .feature-build/runs/*/journal.jsonl"),
    ("the log", "rm .feature-build/runs/*/T.log"),
];

/// Whether somebody holds the lock on a file, which is there.
fn is_held(path: &Path) -> bool {
    fs::File::open(path).is_ok_and(|file| file.try_lock_shared().is_err())
}

/// A run's supervisor and guard put back what is theirs: followers go on, nobody else thinks that nothing runs, and its
/// record is whole at the end.
#[test]
fn what_is_taken_away_during_a_run_is_put_back() {
    let each = |(what, way): (&str, &str)| {
        let place = Place::new();
        let root = place.workspace("ws", "");
        fs::write(
            root.join("agent.sh"),
            "echo $$ >> ../started; echo one; until [ -e ../go ]; do sleep 0.02; done; echo two\n",
        )
        .unwrap();
        fs::write(root.join("feature-build.yaml"), "run:\n  command: [sh, agent.sh]\n").unwrap();
        Command::new("sh").arg("-c").arg("git init -q . && git add . ").current_dir(&root).status().unwrap();
        let said = place.call(&root, &["run", "--trust", "--detach"]);
        let run = root.join(".feature-build/runs").join(text(&said.stdout).trim());
        let journal = run.join("journal.jsonl");
        let log = run.join("T.log");
        wait_until("the task has begun", || fs::read_to_string(&log).is_ok_and(|text| text == "one\n"));
        let mut follower = place.command(&root, &["watch", run.file_name().unwrap().to_str().unwrap()]);
        let mut follower = follower.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(follower.stdout.take().unwrap());
        let mut said = String::new();
        output.read_line(&mut said).unwrap();
        wait_until("the journal tells it", || {
            fs::read_to_string(&journal).is_ok_and(|text| text.contains("task-started"))
        });
        assert!(Command::new("sh").arg("-c").arg(way).current_dir(&root).status().unwrap().success());
        let (lock, own) = (root.join(".feature-build/locks/T.lock"), run.join("run.lock"));
        let files: [PathBuf; 6] =
            [lock.clone(), own.clone(), journal.clone(), log.clone(), run.join("run.json"), run.join("run.seal")];
        wait_until(&format!("{what}: all is there again"), || {
            files.iter().all(|file| file.is_file()) && [&lock, &own, &log].into_iter().all(|lock| is_held(lock))
        });
        assert!(text(&place.call(&root, &["run", "--redo", "--detach"]).stdout).contains('-'));
        assert!(place.status(&root, &run).contains("running"), "{what}");
        fs::write(root.join("../go"), "").unwrap();
        output.read_to_string(&mut said).unwrap();
        assert!(follower.wait().unwrap().success() && said.contains("1 passed"), "{what}: {said}");
        let text = fs::read_to_string(&journal).unwrap();
        for event in ["run-started", "task-started", "task-finished", "run-finished"] {
            assert_eq!(text.matches(event).count(), 1, "{what}: {text}");
        }
        assert_eq!(fs::read_to_string(&log).unwrap(), "one\ntwo\n", "{what}");
        assert_eq!(fs::read_to_string(root.join("../started")).unwrap().lines().count(), 1, "{what}");
        assert!(place.status(&root, &run).contains("1 passed"), "{what}");
        if ["the state folder", "what git ignores", "locks"].contains(&what) {
            let told = fs::read_to_string(run.join("supervisor~.log")).unwrap();
            assert!(told.contains("files of the run were taken away, and are back"), "{what}: {told}");
        }
    };
    std::thread::scope(|scope| WAYS.into_iter().for_each(|way| _ = scope.spawn(move || each(way))));
}

/// A task that ends before anybody has noticed loses nothing either.
#[test]
fn what_is_taken_away_just_before_a_run_ends_is_put_back() {
    for (what, way) in WAYS {
        let place = Place::new();
        let root = place.workspace("ws", "");
        let (run, _) = place.start(&root);
        fs::write(root.join("go.later"), "").unwrap();
        let end = format!("{way}; mv go.later go 2>/dev/null || touch go");
        assert!(Command::new("sh").arg("-c").arg(end).current_dir(&root).status().unwrap().success());
        wait_until(what, || place.status(&root, &run).contains("1 passed"));
        assert!(run.join("T.log").is_file(), "{what}");
        assert_eq!(started(&root).len(), usize::from(!what.contains("git")), "{what}");
    }
}

/// A run's lock that another process has got is no longer the run's: it ends, instead of two that write one journal.
#[test]
fn a_run_whose_lock_another_process_has_ends() {
    let place = Place::new();
    let root = place.workspace("ws", "");
    let (run, process) = place.start(&root);
    let lock = run.join("run.lock");
    fs::remove_file(&lock).unwrap();
    let other = fs::File::create(&lock).unwrap();
    other.lock().unwrap();
    wait_until("the task is ended", || !lives(process));
    let supervisor = supervisor(&run);
    wait_until("the run ends", || supervisor.is_none_or(|pid| !lives(pid)));
    let said = fs::read_to_string(run.join("supervisor~.log")).unwrap();
    assert!(said.contains("another process has it: the run ends"), "{said}");
    drop(other);
    assert!(place.status(&root, &run).contains("cancelled"), "{}", place.status(&root, &run));
}

/// What was removed as a whole is nobody's to make again.
#[test]
fn a_workspace_that_was_removed_is_not_made_anew() {
    let place = Place::new();
    let root = place.workspace("ws", "");
    let (run, process) = place.start(&root);
    let supervisor = supervisor(&run).unwrap();
    fs::remove_dir_all(&root).unwrap();
    kill(process, Signal::TERM);
    wait_until("the run ends", || !lives(supervisor));
    assert!(!root.exists());
}

/// What was put back is put back again.
#[test]
fn what_is_taken_away_again_and_again_is_put_back_each_time() {
    let place = Place::new();
    let root = place.workspace("ws", "");
    let (run, _) = place.start(&root);
    for time in 1..=3 {
        fs::remove_dir_all(root.join(".feature-build")).unwrap();
        wait_until(&format!("all is there again, time {time}"), || {
            run.join("journal.jsonl").is_file() && is_held(&run.join("run.lock")) && is_held(&run.join("T.log"))
        });
        assert!(!run.join("journal.tmp").exists());
    }
    fs::write(root.join("go"), "").unwrap();
    wait_until("it has passed", || place.status(&root, &run).contains("1 passed"));
    let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap();
    for event in ["run-started", "task-started", "task-finished", "run-finished"] {
        assert_eq!(journal.matches(event).count(), 1, "{journal}");
    }
    assert!(text(&place.call(&root, &["waves", "--all"]).stdout).contains("1 done"));
}

/// Ways to have other files where those of a run were, with things in them, while it goes on.
const REPLACED: [(&str, &str); 4] = [
    ("moved away", "mv .feature-build moved"),
    (
        "moved away, with a copy in its place",
        "cp -r .feature-build copy; mv .feature-build moved; mv copy .feature-build",
    ),
    ("removed, with a copy in its place", "cp -r .feature-build copy; rm -r .feature-build; mv copy .feature-build"),
    (
        "stashed",
        "git init -q . && git add -fA && git -c user.email=a@b -c user.name=x commit -qm 1 && echo x >> notes && \
         git -c user.email=a@b -c user.name=x stash --all -q && git -c user.email=a@b -c user.name=x stash pop -q",
    ),
];

/// Who has a task and a run is who lives, whatever files are where theirs were.
#[test]
fn a_run_whose_files_are_replaced_is_not_doubled_and_ends_once() {
    for (what, way) in REPLACED {
        let place = Place::new();
        let root = place.workspace("ws", "");
        let (run, process) = place.start(&root);
        let name = run.file_name().unwrap().to_str().unwrap();
        let said = Command::new("sh").arg("-ec").arg(way).current_dir(&root).output().unwrap();
        assert!(said.status.success(), "{what}: {}", text(&said.stderr));
        // At once: nothing is put back yet.
        let resumed = place.call(&root, &["run", "--resume", name, "--detach"]);
        let second = place.call(&root, &["run", "--trust", "--redo", "--detach"]);
        assert_eq!(second.status.code(), Some(0), "{what}: {}", text(&second.stderr));
        let second = run.with_file_name(text(&second.stdout).trim());
        wait_until(&format!("{what}: the second run waits"), || {
            fs::read_to_string(second.join("journal.jsonl")).is_ok_and(|text| text.contains("task-attached"))
        });
        assert!(lives(process) && started(&root).len() == 1, "{what}: {resumed:?}");
        wait_until(&format!("{what}: the run's files are back"), || {
            is_held(&run.join("run.lock")) && is_held(&run.join("T.log"))
        });
        assert!(!place.status(&root, &run).contains("lost"), "{what}: {}", place.status(&root, &run));
        fs::write(root.join("go"), "").unwrap();
        for run in [&run, &second] {
            wait_until(&format!("{what}: it has passed"), || place.status(&root, run).contains("1 passed"));
        }
        assert_eq!(started(&root).len(), 1, "{what}");
        let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap();
        assert_eq!(journal.matches("run-finished").count(), 1, "{what}: {journal}");
        // A copy that lies elsewhere belongs to nobody.
        let _ = fs::remove_dir_all(root.join("moved"));
    }
}

/// A cancel is heard at once, whatever its folder is by then.
#[test]
fn a_run_whose_folder_was_moved_away_hears_a_cancel() {
    for way in ["mv .feature-build moved", "rmdir .feature-build/runs/*/requests"] {
        let place = Place::new();
        let root = place.workspace("ws", "");
        let (run, process) = place.start(&root);
        assert!(Command::new("sh").arg("-ec").arg(way).current_dir(&root).status().unwrap().success());
        wait_until("the run's files are back", || is_held(&run.join("run.lock")));
        let asked = std::time::Instant::now();
        place.says(&root, &["cancel", "--kill"]);
        wait_until("the task is ended", || !lives(process));
        // Longer than any usual look, and less than the seldom one.
        assert!(asked.elapsed().as_secs() < 15, "{way}: {:?}", asked.elapsed());
        wait_until("the run is over", || place.status(&root, &run).contains("cancelled"));
    }
}

/// Nobody who is stopped hears anything: whoever wants a run to end lets its supervisor go on.
#[test]
fn a_run_whose_supervisor_is_stopped_ends_with_a_cancel() {
    let place = Place::new();
    let root = place.workspace("ws", "");
    let (run, process) = place.start(&root);
    kill(supervisor(&run).unwrap(), Signal::STOP);
    place.says(&root, &["cancel", "--all"]);
    wait_until("the task is ended", || !lives(process));
    wait_until("the run is over", || place.status(&root, &run).contains("cancelled"));
}

/// A task that begins while somebody takes the folders away waits for nothing and fails for nothing.
#[test]
fn a_task_that_begins_while_folders_are_taken_away_does_not_fail() {
    let mut chance = Chance::new("folders go while tasks begin");
    for _ in 0..if is_long() { 10 } else { 2 } {
        let place = Place::new();
        let root = place.workspace("ws", "");
        fs::write(root.join("agent.sh"), "rm -rf .feature-build || true\n").unwrap();
        for number in 0..12 {
            chance.tried();
            let task = format!("---\nid: T-{number}\ntitle: T\nstatus: backlog\nwave: 1\n---\n");
            fs::write(root.join(format!("tasks/backlog/f/T-{number}.md")), task).unwrap();
        }
        let said = place.call(&root, &["run", "--trust", "--yes", "-j", &(2 + chance.below(3)).to_string()]);
        let all = text(&said.stdout) + &text(&said.stderr);
        assert_eq!(said.status.code(), Some(0), "{all}");
        assert!(all.contains("13 passed"), "{all}");
    }
}
