//! Emacs in batch mode, with eglot and with lsp-mode.

use std::process::Command;

use serde_json::Value;

use crate::scene::{REPOSITORY, Scene, skip};
use crate::table::{self, Tried};

#[test]
fn emacs_with_eglot_does_what_its_readme_says() {
    let Some(seen) = play("eglot") else { return skip("Emacs with eglot and markdown-mode") };

    assert_eq!(seen["root_elsewhere"], Value::Null, "Markdown without tasks is left alone");
    assert!(text(&seen, "project").ends_with("/broken/"), "one server for the whole workspace: {seen:#}");
    assert_eq!(seen["actions"][0], "Run wave 1 (3 tasks)");
    assert!(text(&seen, "failure").contains("TASK-TXT-002 failed (exit "), "{seen:#}");
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
    assert!(text(&seen, "failure").starts_with("TASK-TXT-002 failed (exit "), "{seen:#}");
    assert!(text(&seen, "after").contains("Open log"), "{seen:#}");
    assert!(text(&seen, "log").contains("error: expected item"), "{seen:#}");

    let shows = table::COLUMNS.map(|column| (column, "yes"));
    table::check(&Tried::new("[Emacs](editors/emacs/README.md), lsp-mode", text(&seen, "version"), &shows));
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
