//! Emacs in batch mode, with eglot and with lsp-mode.

use std::process::Command;

use serde_json::{Value, json};

use crate::scene::{REPOSITORY, Scene, assert_failure, skip};
use crate::table::{self, Tried};

#[test]
fn emacs_with_eglot_does_what_its_readme_says() {
    let Some(seen) = play("eglot") else { return skip("Emacs with eglot and markdown-mode") };

    assert_eq!(seen["root_elsewhere"], Value::Null, "Markdown without tasks is left alone");
    assert!(text(&seen, "project").ends_with("/broken/"), "one server for the whole workspace: {seen:#}");
    assert_eq!(seen["actions"][0], "Run wave 1 (3 tasks)");
    // An eglot may say before it who tells it.
    let failure = text(&seen, "failure");
    assert_failure(failure.strip_prefix("feature-build [task-not-passed]: ").unwrap_or(failure), "\n");
    assert!(text(&seen, "summary").contains("wave 1 of FEAT-TXT: 2 passed, 1 failed in "), "{seen:#}");
    assert!(text(&seen, "log").contains("error: expected item"), "{seen:#}");
    assert!(seen["answer"]["run"].is_string(), "the command is answered while the run goes on: {seen:#}");
    assert!(text(&seen, "cancelled").contains("TASK-SLOW-001: 1 "), "{seen:#}");

    let shows = table::COLUMNS.map(|column| (column, if column == "lenses" { "no" } else { "yes" }));
    table::check(&Tried::new("[Emacs](editors/emacs/README.md), eglot", text(&seen, "version"), &shows));
}

#[test]
fn emacs_with_lsp_mode_does_what_its_readme_says() {
    let Some(seen) = play("lsp-mode") else { return skip("Emacs with lsp-mode and markdown-mode") };

    assert_eq!(text(&seen, "lens").trim(), "\u{25b6} Run wave 1 (3 tasks)|\u{25b6} Run task");
    assert_eq!(seen["actions"][0], "Run wave 1 (3 tasks)");
    assert!(text(&seen, "progress").contains("/3"), "{seen:#}");
    assert_failure(text(&seen, "failure"), "\n");
    assert!(text(&seen, "after").contains("Open log"), "{seen:#}");
    assert!(text(&seen, "log").contains("error: expected item"), "{seen:#}");

    let shows = table::COLUMNS.map(|column| (column, "yes"));
    table::check(&Tried::new("[Emacs](editors/emacs/README.md), lsp-mode", text(&seen, "version"), &shows));
}

/// A log that asks for a mode, for variables and for code, at its beginning and at its end, and a user who lets files do that.
#[test]
fn emacs_takes_nothing_from_a_log_and_no_program_from_a_folder() {
    let probe = Command::new("emacs").args(["-Q", "--batch"]).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        return skip("Emacs");
    }
    let scene = Scene::new();
    let log = scene.path("broken/.feature-build/runs/1/TASK-TXT-001.log");
    std::fs::create_dir_all(log.parent().unwrap()).unwrap();
    let touch = |name: &str| format!("(write-region \"\" nil \"{}\")", scene.path(name).display());
    let text = format!(
        "#!/usr/bin/perl -*- mode: perl; fill-column: 33; eval: {} -*-\nthe output\n\nLocal Variables:\neval: {}\nfill-column: 44\nEnd:\n",
        touch("evil-first"),
        touch("evil-last")
    );
    std::fs::write(&log, text).unwrap();
    let script = format!("{REPOSITORY}/tests/editors/hostile.el");
    let library = format!("{REPOSITORY}/editors/emacs");
    let seen =
        scene.play(Command::new("emacs").env("LOG_FILE", &log).args(["-Q", "--batch", "-L", &library, "-l", &script]));

    assert_eq!(
        seen["control"],
        json!({ "mode": "perl-mode", "column": 44, "evil": true }),
        "the log asks for it: {seen:#}"
    );
    for when in ["shown", "reverted"] {
        assert_eq!(seen[when], json!({ "mode": "fundamental-mode", "column": 70, "evil": false }), "{when}: {seen:#}");
    }
    assert!(text_of(&seen["grown"]).ends_with("more\n"), "{seen:#}");
    assert_eq!(seen["program"], "the-users-own");
    assert_eq!(seen["told"], 1, "an ignored program is told once");
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// Plays a client's script; `None` where Emacs or one of the packages is missing.
fn play(client: &str) -> Option<Value> {
    let has = format!("(progn (package-initialize) (require '{client}) (require 'markdown-mode))");
    let probe = Command::new("emacs").args(["-q", "--batch", "--eval", &has]).output().ok()?;
    if !probe.status.success() {
        return None;
    }
    let scene = Scene::new();
    let script = format!("{REPOSITORY}/tests/editors/{client}.el");
    let library = format!("{REPOSITORY}/editors/emacs");
    Some(scene.play(Command::new("emacs").args(["-q", "--batch", "-L", &library, "-l", &script])))
}

fn text<'a>(seen: &'a Value, key: &str) -> &'a str {
    seen[key].as_str().unwrap_or_else(|| panic!("no {key} in {seen:#}"))
}
