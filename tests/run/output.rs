//! What a task gets, and what becomes of what it writes.

use feature_build::run::Event;
use feature_build::run::Outcome::Passed;

use crate::bench::{Bench, id};

#[test]
fn both_outputs_go_to_one_log_in_their_order() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", "echo one; echo two >&2; printf 'thr\\000ee \\377\\033[31m\\n'; echo four >&2");
    let run = bench.run();
    let log = std::fs::read(run.paths.log(&id("A"), 1)).unwrap();
    assert_eq!(log, b"one\ntwo\nthr\0ee \xff\x1b[31m\nfour\n");
}

#[test]
fn a_task_is_told_who_it_is() {
    let mut bench = Bench::new();
    bench.wave("2a").task("A", "env | grep '^FEATURE_BUILD_' | sort; pwd");
    let run = bench.run();
    let log = run.log("A");
    let root = bench.root().display().to_string();
    let workspace = std::fs::read_to_string(bench.state().join("workspace")).unwrap();
    let wanted = [
        format!("FEATURE_BUILD_ATTEMPT={}/A/1@{}", run.id, workspace.trim()),
        "FEATURE_BUILD_FEATURE=FEAT-1".into(),
        "FEATURE_BUILD_FILE=tasks/A.md".into(),
        format!("FEATURE_BUILD_LOG={}", run.paths.log(&id("A"), 1).display()),
        format!("FEATURE_BUILD_RUN={}", run.id),
        "FEATURE_BUILD_TASK=A".into(),
        "FEATURE_BUILD_TITLE=Task A".into(),
        "FEATURE_BUILD_WAVE=2a".into(),
        format!("FEATURE_BUILD_WORKSPACE={root}"),
        root,
    ];
    // What these tests were told themselves, such as FEATURE_BUILD_CORPUS, comes from outside.
    let is_told = |line: &&str| line.split_once('=').is_none_or(|(name, _)| std::env::var_os(name).is_none());
    assert_eq!(log.lines().filter(is_told).collect::<Vec<_>>(), wanted);
}

#[test]
fn standard_input_is_the_body_or_nothing() {
    let mut bench = Bench::new();
    bench.wave("1").task("BODY", "cat").task("NONE", "cat; echo end");
    let body = "# Do it\n".repeat(20_000);
    bench.commands.get_mut(&id("BODY")).unwrap().stdin = Some(body.clone().into_bytes());
    let run = bench.run();
    assert_eq!(run.log("BODY"), body);
    assert_eq!(run.log("NONE"), "end\n");
}

#[test]
fn arguments_are_never_read_by_a_shell() {
    let mut bench = Bench::new();
    let nasty = "$(touch pwned); `touch pwned` && touch pwned | \"quo'te\" *\n;";
    bench.wave("1").task_argv("A", &[], &["printf", "%s", nasty]);
    let run = bench.run();
    assert_eq!(run.log("A"), nasty);
    assert!(!bench.path("pwned").exists());
}

#[test]
fn a_task_has_a_process_group_of_its_own() {
    let mut bench = Bench::new();
    // The fifth field of stat is the process group.
    bench.wave("1").task("A", "read -r _ _ _ _ group _ < /proc/$$/stat; [ \"$group\" = $$ ]");
    assert_eq!(bench.run().outcome("A"), Passed);
}

#[test]
fn progress_is_the_last_line_and_safe() {
    let mut bench = Bench::new();
    let long = "x".repeat(300);
    bench.wave("1").task("A", "printf '\\033[1mbold\\033[0m\\a\\n'; until [ -e go ]; do sleep 0.01; done");
    bench.task("B", &format!("echo {long}; until [ -e go ]; do sleep 0.01; done"));
    let run = bench.start();
    let journal = bench.paths(&run).journal();
    let texts = || -> Vec<String> {
        let records = feature_build::run::read_journal(&journal).unwrap();
        let texts = records.into_iter().filter_map(|record| match record.event {
            Event::TaskProgress { text, .. } => Some(text),
            _ => None,
        });
        texts.collect()
    };
    crate::bench::wait_until("both have said something", || texts().len() == 2);
    let texts = texts();
    assert!(texts.contains(&"bold".to_string()), "{texts:?}");
    assert!(texts.contains(&format!("{}…", "x".repeat(199))), "{texts:?}");
    std::fs::write(bench.path("go"), "").unwrap();
    bench.follow(&run);
}

#[test]
fn a_flood_is_capped_and_its_progress_is_rare() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", "yes 0123456789 | head -c 100000000; echo; echo the end");
    let run = bench.run();
    let log = run.log("A");
    assert!(log.len() < (64 << 20) + 100, "{}", log.len());
    assert!(log.starts_with("0123456789\n"));
    assert!(log.ends_with("the end\n"));
    let (_, behind) = log.split_once("[feature-build: ").unwrap();
    let (count, tail) = behind.split_once(" bytes left out]\n").unwrap();
    let head = log.len() - tail.len() - "\n[feature-build:  bytes left out]\n".len() - count.len();
    assert_eq!(count.parse::<usize>().unwrap() + head + tail.len(), 100_000_000 + 9);
}

#[test]
fn every_event_fits_the_schema() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", "echo hello").task("B", "exit 1").skipped("C", true);
    bench.wave("2").task("D", "true");
    let run = bench.run();
    let schema = serde_json::to_value(schemars::schema_for!(feature_build::run::Record)).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for line in std::fs::read_to_string(run.paths.journal()).unwrap().lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(validator.is_valid(&event), "{line}");
    }
}

#[test]
fn earlier_runs_are_remembered_with_and_without_the_cache() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", "exit 4").task("B", "true");
    bench.wave("2").task("C", "true");
    let first = bench.run();
    bench.commands.get_mut(&id("A")).unwrap().argv = vec!["true".into()];
    let second = bench.run();
    let state = bench.state();
    let look = || (feature_build::run::runs(&state), feature_build::run::latest_attempts(&state));
    crate::bench::wait_until("the cache is there", || second.paths.summary().exists());
    let with = look();
    std::fs::remove_file(first.paths.summary()).unwrap();
    std::fs::write(second.paths.summary(), "not json").unwrap();
    assert_eq!(with, look());
    let (runs, latest) = with;
    assert_eq!(runs.len(), 2);
    assert_eq!(
        runs.iter().map(|run| run.exit_code).collect::<std::collections::BTreeSet<_>>(),
        [Some(0), Some(1)].into()
    );
    assert_eq!(latest[&id("A")].outcome, Some(Passed));
    assert_eq!(latest[&id("A")].run, second.id);
    assert_eq!(latest[&id("C")].run, second.id, "skipped is no attempt");
}
