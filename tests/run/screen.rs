//! What a terminal shows of a run: in a real one of several sizes, in a dumb one, on a build server, in a pipe.

use std::process::Command;

use crate::pty::{Shows, in_a_terminal};
use crate::terminal::{Workspace, code, text};
use crate::tmux::Tmux;

/// What terminals are not of one mind about: joined emoji, marks, wide letters, an emoji by its style, letters from the right.
const TITLES: [&str; 5] = [
    "a family \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466} of four",
    "cafe\u{301} a\u{308}o\u{308}u\u{308}",
    "\u{65e5}\u{672c}\u{8a9e}\u{306e}\u{9577}\u{3044}\u{540d}\u{524d}",
    "a heart \u{2764}\u{fe0f} and a flag \u{1f1e9}\u{1f1ea}",
    "\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{5e2}\u{5d5}\u{5dc}\u{5dd}",
];

/// Says so that it is on, and waits for a file `go`.
const WAITS: &str = "until [ -e go ]; do sleep 0.02; done";

fn titled(workspace: &Workspace, id: &str, wave: u32, title: &str, script: &str) {
    let run = serde_json::to_string(&["sh", "-c", script]).unwrap();
    workspace.write(
        &format!("tasks/backlog/{id}.md"),
        &format!("---\nid: {id}\ntitle: \"{title}\"\nfeature_id: FEAT-1\nwave: {wave}\nrun: {run}\n---\n# {id}\n"),
    );
}

/// Without what differs from run to run: times, and the run's name.
fn plain(line: &str) -> String {
    let run = line.split([' ', ':', '/']).find(|word| word.len() == 20 && word.starts_with("20"));
    let line = run.map_or_else(|| line.to_owned(), |run| line.replace(run, "RUN"));
    let is_number = |word: &str| !word.is_empty() && word.chars().all(|char| char.is_ascii_digit() || char == '.');
    let words: Vec<&str> = line.split(' ').collect();
    let time = |at: usize| {
        let unit = words.get(at + 1).map(|unit| unit.trim_end_matches([',', ':', ')']));
        is_number(words[at]) && matches!(unit, Some("s" | "ms"))
    };
    let shown =
        (0..words.len()).filter(|&at| !(at > 0 && time(at - 1))).map(|at| if time(at) { "T" } else { words[at] });
    let shown: Vec<&str> = shown.collect();
    shown.join(" ").split(", 1.").next().unwrap_or_default().to_owned()
}

#[test]
fn odd_titles_move_no_line_and_a_resize_leaves_nothing() {
    let workspace = Workspace::new();
    for (at, title) in TITLES.iter().enumerate() {
        let says = if at == 1 { "exit 3" } else { "echo \"$0\"; " };
        titled(&workspace, &format!("T{at}"), 1, title, &format!("{says}{}", if at == 1 { "" } else { WAITS }));
    }
    let Some(tmux) = Tmux::start(&workspace, 80, 24) else { return };
    tmux.run("fb run");
    let runs = |screen: &[String]| screen.iter().filter(|line| line.starts_with("  ▶ T")).count();
    let failed = |screen: &[String]| screen.iter().filter(|line| line.starts_with("  ✗ T1 failed")).count();
    for (columns, rows) in [(80, 24), (50, 24), (33, 12), (120, 30), (20, 9), (80, 24), (61, 16), (80, 24)] {
        tmux.resize(columns, rows);
        tmux.wait_for("each task has one line, and what failed another", |screen| {
            let is_drawn_for_this = columns < 80 || screen.iter().any(|line| line.contains("0/5 done, 1 failed"));
            let first = screen.iter().position(|line| line.starts_with("wave 1 ") && !line.contains(": "));
            let rows_of_it = first.map_or(0, |first| screen.len() - first);
            is_drawn_for_this && (runs(screen), failed(screen), rows_of_it) == (4, 1, 6)
        });
    }
    workspace.write("go", "");
    tmux.wait_for("the shell is back", |screen| screen.last().is_some_and(|line| line == "$"));
    let shown = tmux.history();
    let shown: Vec<String> = shown.iter().map(|line| plain(line)).filter(|line| !line.is_empty()).collect();
    let title = |at: usize| {
        // What this tmux makes of the title by itself.
        let own: Vec<String> = shown.iter().filter(|line| line.starts_with(&format!("  ✓ T{at} "))).cloned().collect();
        assert_eq!(own.len(), 1, "T{at} stands once: {shown:#?}");
        own[0].clone()
    };
    assert!(
        title(4).ends_with(" passed in T s (שלום עולם)") || title(4).ends_with(" passed in T (שלום עולם)"),
        "{shown:#?}"
    );
    let starts = [
        "$ fb run".to_owned(),
        "run RUN: FEAT-1, 5 tasks in 1 wave".to_owned(),
        "wave 1: 5 tasks".to_owned(),
        "wave 1: 4 passed, 1 failed in T".to_owned(),
        title(0),
        title(2),
        title(3),
        title(4),
        "run RUN: 4 passed, 1 failed in T".to_owned(),
        "  ✗ T1 failed in T".to_owned(),
        "run again what did not pass: feature-build run --rerun RUN".to_owned(),
        "$".to_owned(),
    ];
    assert_eq!(shown.len(), starts.len(), "{shown:#?}");
    for (line, start) in shown.iter().zip(&starts) {
        assert!(line.starts_with(start.as_str()), "{line:?} does not begin with {start:?}: {shown:#?}");
    }
}

#[test]
fn a_wave_that_is_larger_than_the_screen_says_how_much_more_there_is() {
    let workspace = Workspace::new();
    for number in 0..40 {
        let script = if number % 20 == 7 { "exit 1" } else { WAITS };
        titled(&workspace, &format!("T{number}"), 1, "a title", script);
    }
    let Some(tmux) = Tmux::start(&workspace, 80, 24) else { return };
    tmux.run("fb run --max-parallel 40");
    // 23 rows: the wave, 2 that failed, 19 of the 38 that run, and this.
    tmux.wait_for("what has no line is counted", |screen| {
        screen.last().is_some_and(|line| line == "  … 19 more, 2 failed") && screen.len() == 24
    });
    tmux.resize(20, 5);
    tmux.wait_for("a tiny screen shows the wave, two tasks and the rest", |screen| {
        screen.len() <= 5
            && screen.iter().any(|line| line.starts_with("wave 1 0/40 done"))
            && screen.last().is_some_and(|line| line == "  … 36 more, 2 fai…")
    });
    tmux.resize(80, 2);
    tmux.wait_for("the smallest shows the wave", |screen| {
        screen.last().is_some_and(|line| line.starts_with("wave 1 ") && line.contains("0/40 done"))
    });
    tmux.resize(80, 24);
    tmux.wait_for("what has no line is counted again", |screen| {
        screen.last().is_some_and(|line| line == "  … 19 more, 2 failed")
    });
    workspace.write("go", "");
    tmux.wait_for("the shell is back", |screen| screen.last().is_some_and(|line| line == "$"));
    let shown = tmux.history();
    assert!(!shown.iter().any(|line| line.contains(" more") || line.contains("has run for")), "{shown:#?}");
    let last: Vec<String> = shown.iter().rev().take(5).rev().map(|line| plain(line)).collect();
    assert!(last[0].starts_with("run RUN: 38 passed, 2 failed in T"), "{last:#?}");
    assert!(last[1].starts_with("  ✗ T7 failed") && last[2].starts_with("  ✗ T27 failed"), "{last:#?}");
    assert_eq!(last[3], "run again what did not pass: feature-build run --rerun RUN");
    assert_eq!(shown.iter().filter(|line| line.contains("✗ T7 ")).count(), 1, "{shown:#?}");
}

/// What is idle is not drawn again with each look at it.
#[test]
fn tasks_that_say_nothing_are_drawn_once_a_second() {
    let workspace = Workspace::new();
    (0..8).for_each(|number| titled(&workspace, &format!("T{number}"), 1, "a title", "sleep 3"));
    let mut command = workspace.command(&["run"]);
    command.env("TERM", "xterm").env_remove("CI");
    let (code, shown) = in_a_terminal(command, "", &Shows::All);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("has run for 1 s"), "{shown:?}");
    // Nine lines of 50 bytes, four times, and the summary: 60 KB when each line was drawn eight times a second.
    assert!(shown.len() < 8 << 10, "{} bytes: {shown:?}", shown.len());
}

#[test]
fn where_nothing_moves_a_cursor_or_nobody_looks_there_are_plain_lines() {
    let workspace = Workspace::new();
    titled(&workspace, "A", 1, TITLES[0], "echo said; sleep 0.5");
    let environments: [&[(&str, Option<&str>)]; 6] = [
        &[("TERM", Some("dumb"))],
        &[("TERM", None)],
        &[("TERM", Some(""))],
        &[("TERM", Some("xterm")), ("CI", Some("true"))],
        &[("TERM", Some("xterm")), ("CI", Some("1"))],
        &[("TERM", Some("dumb")), ("CI", Some("true")), ("NO_COLOR", Some("1"))],
    ];
    let set = |command: &mut Command, environment: &[(&str, Option<&str>)]| {
        command.env_remove("CI").env_remove("NO_COLOR");
        for (name, value) in environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
    };
    for environment in environments {
        let mut command = workspace.command(&["run", "--redo"]);
        set(&mut command, environment);
        let (code, shown) = in_a_terminal(command, "", &Shows::All);
        assert_eq!(code, Some(0), "{shown}");
        let run = shown.split([' ', ':']).nth(1).unwrap().to_owned();
        let lines: Vec<&str> = shown.lines().collect();
        assert!(!shown.contains('\x1b'), "{environment:?}: {shown:?}");
        assert!(lines[1].starts_with("wave 1: 1 task") && lines[2].starts_with("  ▶ A a family "), "{shown}");
        assert!(lines[3].starts_with("  ✓ A passed in "), "{shown}");
        assert!(lines.last().unwrap().starts_with(&format!("run {run}: 1 passed in ")), "{shown}");

        let mut command = workspace.command(&["watch", &run]);
        set(&mut command, environment);
        let (code, again) = in_a_terminal(command, "", &Shows::All);
        assert_eq!((code, again.lines().last()), (Some(0), lines.last().copied()), "{again:?}");
        assert!(!again.contains('\x1b'), "{again:?}");
    }
    for live in [Some("false"), Some("0"), Some(""), None] {
        let mut command = workspace.command(&["run", "--redo"]);
        set(&mut command, &[("TERM", Some("xterm")), ("CI", live)]);
        let (_, shown) = in_a_terminal(command, "", &Shows::All);
        assert!(shown.contains("\x1b[?1049h"), "CI={live:?} is no build server: {shown:?}");
    }
}

#[test]
fn failures_stand_last_once_with_what_runs_them_again() {
    let workspace = Workspace::new();
    workspace.write("src/cart.rs", "\n\n\n");
    workspace.task("A", 1, "echo 'src/cart.rs:2:5: cannot find u3'; [ -e fixed ]").task("B", 1, "true");
    workspace.task("C", 2, "[ -e fixed ]").task("D", 3, "true");
    let output = workspace.call(&["run", "--keep-going"]);
    assert_eq!(code(&output), Some(1));
    let shown = text(&output.stdout);
    let (_, summary) = shown.split_once("\nsummary:\n").expect(&shown);
    let lines: Vec<String> = summary.lines().map(plain).collect();
    let run = workspace.only_run();
    let again =
        format!("run again what did not pass: feature-build -C {} run --rerun {run}", workspace.root().display());
    assert_eq!(summary.lines().last(), Some(again.as_str()));
    let begins = [
        "wave 1: 1 passed, 1 failed in T",
        "  ✓ B passed in T",
        "wave 2: 1 failed in T",
        "wave 3: 1 passed in T",
        "  ✓ D passed in T",
        "run RUN: 2 passed, 2 failed in T",
        "  ✗ A failed in T",
        "    src/cart.rs:2:5 cannot find u3",
        "  ✗ C failed in T",
        "run again what did not pass: ",
    ];
    assert_eq!(lines.len(), begins.len(), "{summary}");
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line:?} does not begin with {begin:?}: {summary}");
    }
    assert!(summary.contains("A failed") && summary.contains("/A.log)"), "{summary}");

    workspace.write("fixed", "");
    let program = crate::bench::binary();
    let line = again.split_once(": feature-build ").unwrap().1;
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("'{}' {line}", program.display())).current_dir("/");
    let rerun = shell.output().unwrap();
    assert_eq!(code(&rerun), Some(0), "{rerun:?}");
    let shown = text(&rerun.stdout);
    assert!(shown.contains(": 2 passed in ") && !shown.contains("run again"), "{shown}");
}

#[test]
fn a_watcher_without_a_run_and_a_log_that_ends_say_so_on_the_screen() {
    let workspace = Workspace::new();
    workspace.task("A", 1, "echo said; until [ -e go ]; do sleep 0.02; done; exit 3").task("B", 1, "true");
    let Some(tmux) = Tmux::start(&workspace, 200, 24) else { return };
    tmux.run("fb watch; echo it answered $?");
    let is_last =
        |line: &'static str| move |screen: &[String]| screen.iter().rev().nth(1).is_some_and(|shown| shown == line);
    tmux.wait_for("it ends by itself", is_last("it answered 2"));
    let shown = tmux.screen().join(" ");
    assert!(
        shown.contains("no run is in progress: nothing has run in this workspace yet; `feature-build watch --wait`"),
        "{shown}"
    );

    tmux.run("clear; fb run a B; echo it refused $?");
    tmux.wait_for("it refuses", is_last("it refused 2"));
    let shown = tmux.screen();
    assert!(shown.contains(&"  tip: 'a' is a task: '--task A'".to_owned()), "{shown:#?}");

    tmux.run("clear; fb run --detach > run; fb log -f A; echo it answered $?");
    tmux.wait_for("the task's output is there", |screen| screen.contains(&"said".to_owned()));
    workspace.write("go", "");
    tmux.wait_for("it ends with the task", is_last("it answered 0"));
    let shown = tmux.screen();
    let ended = shown.iter().find(|line| line.starts_with("feature-build: ✗ A failed in ")).expect("how it ended");
    assert!(ended.ends_with(" (Task A): exited with 3"), "{ended}");
    workspace.wait_for_end();
    tmux.run("clear; fb watch; echo it ended $?");
    tmux.wait_for("it ends by itself", is_last("it ended 2"));
    let shown = tmux.screen().join(" ");
    let run = workspace.only_run();
    assert!(shown.contains(&format!("`feature-build watch {run}` shows the last one, which failed")), "{shown}");
}
