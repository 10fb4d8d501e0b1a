//! Old runs are removed to make room, where there is none.

use std::fs;
use std::process::Command;

use feature_build::run::{self, Outcome};

use crate::bench::{Bench, binary};
use crate::chance::{Chance, is_long};
use crate::full::Ballast;
use crate::mount::Mounts;

#[test]
fn a_full_disk_keeps_nobody_from_removing_old_runs() {
    let Some(mounts) = Mounts::new() else { return };
    let mut chance = Chance::new("prune on a full disk");
    for _ in 0..if is_long() { 20 } else { 3 } {
        chance.tried();
        let state = mounts.tmpfs("2m");
        let mut passed = Vec::new();
        let mut bench = Bench::new();
        bench.config.state_dir = Some(state.clone());
        for number in 0..1 + chance.below(5) {
            bench.schedule.waves.clear();
            bench.commands.clear();
            bench.wave("1");
            for task in 0..1 + chance.below(12) {
                let (name, bytes) = (format!("T-{number}-{task}"), chance.below(3) * chance.below(20_000));
                bench.task(&name, &format!("head -c {bytes} /dev/zero"));
                passed.push(name);
            }
            let run = bench.run();
            assert_eq!(run.exit_code(), 0);
        }
        if chance.below(2) == 0 {
            // What was left by one that was killed.
            fs::create_dir_all(state.join("pruned/left")).unwrap();
        }
        let ballast = Ballast::fill(&state);
        let refused = run::start(&bench.trusted(), &bench.schedule, &bench.commands, &bench.options);
        let runs = || fs::read_dir(state.join("runs")).unwrap().count();
        let before = runs();
        assert_eq!(run::runs(&state).len(), before, "what could not be started has left nothing: {refused:?}");
        let pruned =
            Command::new(binary()).arg("-C").arg(bench.root()).args(["prune", "--keep", "0"]).output().unwrap();
        assert!(pruned.status.success(), "{}", String::from_utf8_lossy(&pruned.stderr));
        assert!(String::from_utf8_lossy(&pruned.stdout).contains(&format!("removed {before} run")));
        assert_eq!((runs(), state.join("pruned").exists()), (0, false));
        let latest = run::latest_attempts(&state);
        for task in passed {
            let attempt = latest.iter().find(|(id, _)| id.as_str() == task);
            assert_eq!(attempt.and_then(|(_, attempt)| attempt.outcome), Some(Outcome::Passed), "{task}");
        }
        drop(ballast);
    }
}
