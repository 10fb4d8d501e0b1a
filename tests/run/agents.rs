//! Agents, played from recorded sessions: what a run makes of what they write.

use feature_build::agent::{Handling, Usage};
use feature_build::run::Outcome::{Failed, Passed, Skipped};
use feature_build::run::{Event, Takeover};
use feature_build::workspace::{Format, Retries, Success};

use crate::bench::{Bench, Run, id};

const AGENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/agents/fake-agent.sh");

/// Adds a task that plays a session.
fn plays(bench: &mut Bench, name: &str, format: Format, session: &[&str]) {
    bench.task_argv(name, &[], &[&[AGENT], session].concat());
    let success = match format {
        Format::ClaudeStreamJson | Format::CodexJson | Format::GeminiStreamJson | Format::CopilotJson => {
            Success::Result
        }
        _ => Success::Exit,
    };
    bench.commands.get_mut(&id(name)).unwrap().handling = Handling { format, success, ..Handling::default() };
}

fn handling<'b>(bench: &'b mut Bench, name: &str) -> &'b mut Handling {
    &mut bench.commands.get_mut(&id(name)).unwrap().handling
}

fn told(run: &Run, name: &str) -> feature_build::agent::Told {
    let found = run.records.iter().find_map(|record| match &record.event {
        Event::TaskFinished { task, told, .. } if task.as_str() == name => Some(told.clone()),
        _ => None,
    });
    found.unwrap()
}

fn retries(run: &Run) -> Vec<(bool, u64)> {
    let retries = run.records.iter().filter_map(|record| match &record.event {
        Event::TaskRetrying { rate_limited, delay_ms, .. } => Some((*rate_limited, *delay_ms)),
        _ => None,
    });
    retries.collect()
}

#[test]
fn what_an_agent_says_outranks_its_exit_code() {
    let mut bench = Bench::new();
    bench.wave("1");
    plays(&mut bench, "DONE", Format::ClaudeStreamJson, &["claude-done.jsonl"]);
    plays(&mut bench, "ERROR", Format::ClaudeStreamJson, &["claude-not-logged-in.jsonl"]);
    plays(&mut bench, "BLOCKED", Format::ClaudeStreamJson, &["claude-blocked.jsonl"]);
    plays(&mut bench, "SILENT", Format::ClaudeStreamJson, &["text.txt"]);
    plays(&mut bench, "CODEX", Format::CodexJson, &["codex-failed.jsonl", "1"]);
    plays(&mut bench, "CODEX-DONE", Format::CodexJson, &["codex-done.jsonl"]);
    plays(&mut bench, "OPENCODE", Format::OpencodeJson, &["opencode-error.jsonl"]);
    plays(&mut bench, "GUARDKIT", Format::Guardkit, &["guardkit-max-turns.txt"]);
    plays(&mut bench, "TEXT", Format::Text, &["text.txt"]);
    bench.task("TEXT-BLOCKED", "echo working; echo 'Blocked: no key'");
    let run = bench.run();
    for name in ["DONE", "CODEX-DONE", "TEXT"] {
        assert_eq!(run.outcome(name), Passed, "{name}: {}", run.reason(name));
    }
    for (name, words) in [
        ("ERROR", "its agent failed: Not logged in · Please run /login"),
        ("BLOCKED", "its agent is blocked: **Blocked:** the database needs a password"),
        ("SILENT", "ended without saying that the work is done"),
        ("CODEX", "exited with 1: unexpected status 401"),
        ("OPENCODE", "Anthropic API key is missing"),
        ("GUARDKIT", "max turns exceeded"),
        ("TEXT-BLOCKED", "its agent is blocked: Blocked: no key"),
    ] {
        assert_eq!(run.outcome(name), Failed, "{name}");
        assert!(run.reason(name).contains(words), "{name}: {}", run.reason(name));
    }
    let told = told(&run, "DONE");
    assert_eq!(told.usage, Some(Usage { input_tokens: 24_030, output_tokens: 402, cost_usd: Some(0.0871) }));
    assert_eq!(told.model.as_deref(), Some("claude-sonnet-5"));
    assert_eq!(told.session.as_deref(), Some("0b9d6f0e-8c1e-4c0c-9a55-2f4f8e1f4a10"));
    assert!(run.log("DONE").starts_with("{\"type\":\"system\""), "the log keeps the bytes");
}

#[test]
fn a_limit_is_waited_for_and_is_no_failure() {
    let mut bench = Bench::new();
    // The first call meets the limit, the second does the work. The time that the agent names is long gone.
    let script = format!("[ -e called ] && exec {AGENT} claude-done.jsonl; exec {AGENT} claude-limit.jsonl");
    bench.wave("1").task("A", &script);
    handling(&mut bench, "A").format = Format::ClaudeStreamJson;
    let run = bench.run();
    assert_eq!(run.outcome("A"), Passed, "{}", run.reason("A"));
    assert_eq!(retries(&run), [(true, 1_000)]);
    assert_eq!(run.exit_code(), 0);
}

#[test]
fn a_run_that_has_cost_enough_starts_nothing_more() {
    let mut bench = Bench::new();
    bench.config.max_cost = Some(0.05);
    bench.wave("1");
    plays(&mut bench, "A", Format::ClaudeStreamJson, &["claude-done.jsonl"]);
    bench.wave("2");
    plays(&mut bench, "B", Format::ClaudeStreamJson, &["claude-done.jsonl"]);
    let run = bench.run();
    assert_eq!(run.outcome("A"), Passed);
    assert_eq!(run.outcome("B"), Skipped);
    assert_eq!(run.reason("B"), "the run has cost $0.09, and `max_cost` is $0.05");
    assert_eq!(run.exit_code(), 1);

    bench.config.max_cost = None;
    bench.config.max_tokens = Some(24_432);
    let run = bench.run();
    assert!(run.reason("B").contains("24432 tokens"), "{}", run.reason("B"));
}

#[test]
fn what_verifies_a_task_decides() {
    let mut bench = Bench::new();
    bench.wave("1").task("GOOD", "echo work").task("BAD", "echo work").task("FAILED", "exit 3");
    let commands = |script: &str| vec![vec!["true".into()], vec!["sh".into(), "-c".into(), script.into()]];
    // A check is no agent: its exit code alone decides.
    handling(&mut bench, "GOOD").verify = commands("echo checked; pwd; echo blocked: 0");
    handling(&mut bench, "BAD").verify = commands("echo 'src/a.rs:1:1: wrong'; exit 7");
    handling(&mut bench, "FAILED").verify = commands("touch verified");
    let run = bench.run();
    assert_eq!(run.outcome("GOOD"), Passed, "{}", run.reason("GOOD"));
    let log = run.log("GOOD");
    assert!(log.starts_with("work\n\n[feature-build: verify: `true` (1 of 2)]\n"), "{log}");
    assert!(log.contains(&format!("checked\n{}\n", bench.root().display())), "{log}");
    assert_eq!(run.outcome("BAD"), Failed);
    assert!(run.reason("BAD").starts_with("verifying by `sh` with 2 arguments (2 of 2)"), "{}", run.reason("BAD"));
    assert!(run.reason("BAD").ends_with("exited with 7"), "{}", run.reason("BAD"));
    assert_eq!(run.exit_code_of("FAILED"), Some(3));
    assert!(!bench.path("verified").exists(), "what failed is not verified");
}

#[test]
fn no_argument_of_a_command_is_told_in_a_log_a_reason_or_an_event() {
    let mut bench = Bench::new();
    bench.wave("1").task("BAD", "echo work").task("NONE", "echo work");
    let secrets = ["-u", "me:hidden-1", "--pwd", "hidden-2", "--auth", "hidden-3", "-phidden-4"].map(str::to_owned);
    let call = |program: &str| vec![[&[program.to_owned()][..], &secrets].concat()];
    handling(&mut bench, "BAD").verify = call("false");
    handling(&mut bench, "NONE").verify = call("/no/such/program");
    let run = bench.run();
    assert_eq!(run.reason("BAD"), "verifying by `false` with 7 arguments: exited with 1");
    let none = run.reason("NONE");
    assert!(none.starts_with("verifying by `/no/such/program` with 7 arguments: "), "{none}");
    for text in [run.log("BAD"), run.log("NONE"), format!("{:?}", run.records)] {
        assert!(!text.contains("hidden"), "{text}");
    }
}

#[test]
fn a_failed_verification_is_told_to_the_agent_in_its_session() {
    let mut bench = Bench::new();
    bench.config.retries = Retries { count: 1, delay_seconds: Some(0.0), ..Retries::default() };
    bench.wave("1");
    plays(&mut bench, "A", Format::ClaudeStreamJson, &["claude-done.jsonl"]);
    let handling = handling(&mut bench, "A");
    let resume = [AGENT, "claude-done.jsonl", "0", "--resume={session}"];
    handling.resume = resume.map(str::to_owned).to_vec();
    // The check fails until the agent was called twice.
    let check = "echo checking; [ \"$(wc -l < called)\" = 2 ] || { echo 'src/a.rs:1:1: wrong'; exit 1; }";
    handling.verify = vec![["sh", "-c", check].map(str::to_owned).to_vec()];
    let run = bench.run();
    assert_eq!(run.outcome("A"), Passed, "{}", run.reason("A"));
    let called = std::fs::read_to_string(bench.path("called")).unwrap();
    assert!(called.ends_with("--resume=0b9d6f0e-8c1e-4c0c-9a55-2f4f8e1f4a10\n"), "{called}");
    let told_it = std::fs::read_to_string(bench.path("told")).unwrap();
    assert!(told_it.contains("a check of it failed") && told_it.contains("src/a.rs:1:1: wrong"), "{told_it}");
    let usage = told(&run, "A").usage.unwrap();
    assert_eq!(usage.output_tokens, 804, "both attempts count");
}

#[test]
fn what_an_agent_did_before_a_takeover_counts_and_its_session_goes_on() {
    let mut bench = Bench::new();
    bench.config.retries = Retries { count: 1, delay_seconds: Some(1.0), ..Retries::default() };
    // Each attempt costs 9 cents.
    bench.config.max_cost = Some(0.15);
    bench.wave("1");
    plays(&mut bench, "A", Format::ClaudeStreamJson, &["claude-done.jsonl"]);
    bench.wave("2").task("B", "touch never");
    let handling = handling(&mut bench, "A");
    handling.resume = [AGENT, "claude-done.jsonl", "0", "--resume={session}"].map(str::to_owned).to_vec();
    let check = "echo checking; [ \"$(wc -l < called)\" = 2 ] || { echo 'src/a.rs:1:1: wrong'; exit 1; }";
    handling.verify = vec![["sh", "-c", check].map(str::to_owned).to_vec()];
    let run = bench.start();
    bench.wait_for_event(&run, "A waits", |event| matches!(event, Event::TaskRetrying { .. }));
    bench.kill_supervisor(&run);
    bench.resume(&run, Takeover::Settle);
    let run = bench.follow(&run);
    assert_eq!(run.outcome("A"), Passed, "{}", run.reason("A"));
    let called = std::fs::read_to_string(bench.path("called")).unwrap();
    assert!(called.ends_with("--resume=0b9d6f0e-8c1e-4c0c-9a55-2f4f8e1f4a10\n"), "{called}");
    assert_eq!(told(&run, "A").usage.unwrap().output_tokens, 804, "both attempts count");
    assert!(run.reason("B").contains("`max_cost` is $0.15"), "{}", run.reason("B"));
}

#[test]
fn a_task_takes_with_it_what_it_may() {
    let mut bench = Bench::new();
    bench.config.limits.nice = Some(7);
    bench.config.limits.cpu_seconds = Some(1000);
    bench.config.limits.memory_mb = Some(2048);
    bench.wave("1").task("A", "[ \"$(nice) $(ulimit -t) $(ulimit -v)\" = '7 1000 2097152' ] && env | cut -d= -f1");
    bench.task("ALL", "env | cut -d= -f1");
    handling(&mut bench, "A").env = Some(vec!["CARGO_PKG_*".into()]);
    let run = bench.run();
    let log = run.log("A");
    let has = |log: &str, name: &str| log.lines().any(|line| line == name);
    for name in ["PATH", "CARGO_PKG_NAME", "FEATURE_BUILD_TASK"] {
        assert!(has(&log, name), "{name}: {log}");
    }
    assert!(!has(&log, "CARGO_MANIFEST_DIR"), "{log}");
    assert!(has(&run.log("ALL"), "CARGO_MANIFEST_DIR"));
    assert_eq!(run.outcome("A"), Passed);
}

/// Limits are there before the program: what it forks at once has them, too, and so has what verifies its work.
#[test]
fn limits_miss_nothing_that_forks_at_once() {
    let mut bench = Bench::new();
    bench.config.limits.nice = Some(5);
    bench.config.limits.cpu_seconds = Some(1000);
    bench.config.limits.memory_mb = Some(2048);
    let script = "(echo $(nice) $(ulimit -t) $(ulimit -v)) & (echo $(nice) $(ulimit -t) $(ulimit -v)) & wait";
    bench.wave("1");
    for number in 0..20 {
        let name = format!("T{number}");
        bench.task(&name, script);
        handling(&mut bench, &name).verify = vec![["sh", "-c", script].map(str::to_owned).to_vec()];
    }
    let run = bench.run();
    for number in 0..20 {
        let log = run.log(&format!("T{number}"));
        assert_eq!(log.matches("5 1000 2097152\n").count(), 4, "{log}");
    }
}

/// A program that cannot be started under limits is told as one that cannot be started without them; the limits that
/// leave no room for it are no passing shortage, which would be waited for.
#[test]
fn what_cannot_be_started_under_limits_is_no_exit_code_of_its_own() {
    let mut bench = Bench::new();
    bench.config.limits.nice = Some(1);
    std::fs::write(bench.path("plain"), "no program").unwrap();
    // A library that starts programs may have a shell run this one.
    std::fs::write(bench.path("no-shebang"), "touch ran-by-a-shell\n").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(bench.path("no-shebang"), executable).unwrap();
    bench.wave("1").task_argv("MISSING", &[], &["/none/program"]).task_argv("PLAIN", &[], &["./plain"]);
    bench.task_argv("NO-SHEBANG", &[], &["./no-shebang"]);
    bench.task("PASSES", "exit 0");
    bench.task("SAYS", "exit 127");
    let run = bench.run();
    let all =
        [("MISSING", "No such file or directory"), ("PLAIN", "Permission denied"), ("NO-SHEBANG", "Exec format error")];
    for (task, words) in all {
        assert_eq!((run.outcome(task), run.exit_code_of(task)), (Failed, None), "{}", run.reason(task));
        assert!(run.reason(task).starts_with("cannot be started: "), "{}", run.reason(task));
        assert!(run.reason(task).contains(words), "{}", run.reason(task));
    }
    assert_eq!(run.outcome("PASSES"), Passed);
    assert_eq!(run.exit_code_of("SAYS"), Some(127));
    assert!(!bench.path("ran-by-a-shell").exists());
}

#[test]
fn a_secret_of_a_verification_stands_in_no_journal_and_no_header() {
    let mut bench = Bench::new();
    bench.wave("1").task("A", "true");
    let script = "set A=1 TOKEN=hunter4; : https://me:hunter5@host/; exit 7";
    let verify = ["sh", "-c", script, "sh", "--token=hunter1", "--password", "hunter2", "Authorization: hunter3"];
    handling(&mut bench, "A").verify = vec![verify.map(str::to_owned).to_vec()];
    let run = bench.run();
    assert_eq!(run.outcome("A"), Failed);
    let journal = std::fs::read_to_string(run.paths.journal()).unwrap();
    for text in [run.log("A"), journal] {
        assert!(text.contains("`sh` with 7 arguments"), "{text}");
        assert!(!text.contains("hunter"), "{text}");
    }
}

#[test]
fn what_any_program_says_to_a_terminal_or_a_build_server_is_its_progress() {
    let mut bench = Bench::new();
    // Progress is told once a second at the most: each is waited for before the next comes.
    let told = "until grep -q \"$2\" .feature-build/runs/*/journal.jsonl; do sleep 0.01; done";
    let say = |what: &str, wanted: &str| format!("printf '{what}'; set -- x '{wanted}'; {told}\n");
    let script = [
        say("::group::Building it\\n", "\"Building it\""),
        say("\\033]9;4;1;42\\a", "42 % · Building it"),
        say("::notice file=src/a.rs,line=1::look here\\n", "42 % · notice: look here"),
        say("\\033]9;4;0\\a::error file=src/a.rs,line=3::no such name\\n", "\"error: no such name\""),
    ];
    bench.wave("1").task("A", &script.concat());
    bench.config.timeout_seconds = Some(60.0);
    let run = bench.run();
    assert_eq!(run.outcome("A"), Passed, "{}", run.reason("A"));
}

#[test]
fn gemini_and_copilot_are_waited_for_and_outranked_by_what_they_say() {
    let mut bench = Bench::new();
    bench.wave("1");
    for (name, format, session) in [
        ("GEMINI", Format::GeminiStreamJson, &["gemini-done.jsonl"][..]),
        ("GEMINI-BLOCKED", Format::GeminiStreamJson, &["gemini-blocked.jsonl"]),
        ("GEMINI-FAILED", Format::GeminiStreamJson, &["gemini-failed.jsonl", "0"]),
        ("COPILOT", Format::CopilotJson, &["copilot-done.jsonl"]),
        ("COPILOT-FAILED", Format::CopilotJson, &["copilot-failed.jsonl", "0"]),
    ] {
        plays(&mut bench, name, format, session);
    }
    let run = bench.run();
    for name in ["GEMINI", "COPILOT"] {
        assert_eq!(run.outcome(name), Passed, "{name}: {}", run.reason(name));
        assert!(told(&run, name).session.is_some() && told(&run, name).model.is_some(), "{name}");
    }
    for (name, words) in [
        ("GEMINI-BLOCKED", "its agent is blocked: Blocked: the database needs a password"),
        ("GEMINI-FAILED", "Model stream ended with an empty response."),
        ("COPILOT-FAILED", "The requested model is not there"),
    ] {
        assert_eq!(run.outcome(name), Failed, "{name}");
        assert!(run.reason(name).contains(words), "{name}: {}", run.reason(name));
    }
}

#[test]
fn a_limit_that_plain_text_tells_is_waited_for_and_shown() {
    let mut bench = Bench::new();
    // The limit that Aider tells ends in 80 seconds: the run is ended while it waits.
    bench.wave("1");
    plays(&mut bench, "A", Format::Text, &["aider-limit.txt", "1"]);
    let id = bench.start();
    crate::bench::wait_until("the limit is told", || {
        let journal = std::fs::read_to_string(bench.paths(&id).journal()).unwrap_or_default();
        journal.contains("task-retrying")
    });
    bench.cancel(&id, None, feature_build::run::Level::Terminate);
    let run = bench.follow(&id);
    assert_eq!(retries(&run), [(true, 81_000)]);
    assert!(run.reason("A").contains("while it waited to be tried again"), "{}", run.reason("A"));
}
