//! Nothing that a file or a task's output says reaches a terminal with control characters in it.

use crate::hostile::{Hostile, code, text};

/// Clears a screen, sets a title, turns the text around, in every encoding of it.
const NASTY: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}evil\u{2066}\u{8}\r\u{61c}";

fn nasty() -> Hostile {
    let workspace = Hostile::new();
    let quoted: String = NASTY.chars().map(|char| format!("\\u{:04x}", u32::from(char))).collect();
    let task = |id: &str, more: &str| {
        format!(
            "---\nid: {id}\ntitle: \"title {quoted}\"\nstatus: backlog\nfeature_id: \"feature {quoted}\"\n{more}---\n"
        )
    };
    workspace.write("tasks/backlog/f/T-1.md", &task("T-1", "wave: 1\n"));
    workspace.write("tasks/backlog/f/T-2.md", &task("T-2", &format!("wave: \"2{quoted}\"\n")));
    workspace.write("tasks/backlog/f/T-3.md", &task("T-3", &format!("wave: 1\ndepends_on: [\"x{quoted}\"]\n")));
    workspace.write(&format!("tasks/backlog/f/T-4{NASTY}.md"), &task(&format!("\"T-4{quoted}\""), "wave: 1\n"));
    // The task says it, too, and fails.
    let script = format!("printf '{}'; printf 'a.rs:1:1: {0}\\n'; exit 3", octal(NASTY));
    workspace.write("feature-build.yaml", &format!("run:\n  command: [sh, agent.sh, \"{quoted}\"]\n"));
    workspace.write("agent.sh", &script);
    workspace.write("a.rs", "x\n");
    workspace
}

fn octal(text: &str) -> String {
    text.bytes().map(|byte| format!("\\{byte:03o}")).collect()
}

fn assert_clean(what: &str, shown: &str) {
    let is_bad = |char: char| {
        char.is_control() && char != '\n' && char != '\t'
            || matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let bad = shown.find(is_bad);
    assert!(bad.is_none(), "{what} prints {:?} in {shown:?}", shown.chars().find(|char| is_bad(*char)));
}

#[test]
fn no_command_prints_a_control_character_of_a_file() {
    let workspace = nasty();
    let all: [&[&str]; 12] = [
        &["waves"],
        &["check"],
        &["check", "--format", "github"],
        &["run"],
        &["trust", "--show"],
        &["trust"],
        &["run", "--task", "T-1"],
        &["run", "--task", "T-9"],
        &["status"],
        &["runs"],
        &["run", "--rerun"],
        &["cancel"],
    ];
    let call = |arguments: &[&str]| {
        let shown = workspace.call(arguments);
        assert!(!shown.stdout.is_empty() || !shown.stderr.is_empty(), "{arguments:?}");
        assert_clean(&arguments.join(" "), &text(&shown.stdout));
        assert_clean(&arguments.join(" "), &text(&shown.stderr));
    };
    for arguments in all {
        call(arguments);
    }
    // Without a run `watch` would wait for the next one.
    let runs = std::fs::read_dir(workspace.root().join(".feature-build/runs")).unwrap();
    let runs: Vec<_> = runs.map(|run| run.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!runs.is_empty());
    for run in runs {
        call(&["watch", &run]);
    }
    let machine: [&[&str]; 6] = [&["waves"], &["check"], &["status"], &["runs"], &["agents"], &["run", "--redo"]];
    for arguments in machine {
        call(&[arguments, &["--format", "json"]].concat());
    }
    let waves = text(&workspace.call(&["waves", "--format", "json"]).stdout);
    let waves: serde_json::Value = serde_json::from_str(&waves).unwrap();
    assert!(waves.to_string().contains("evil\u{2066}"), "what is said is the same: {waves}");
    let log = workspace.call(&["log", "T-1"]);
    assert!(text(&log.stdout).contains(NASTY), "into a pipe the bytes of a log go as they came");

    workspace.write("feature-build.yaml", "\"\\u001b[31mkey\": 1\n");
    let broken = workspace.call(&["run"]);
    assert_eq!(code(&broken), Some(2));
    assert_clean("a broken configuration", &text(&broken.stderr));
}
