//! Neovim, headless: the one with `vim.lsp.config`, and an old one.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::scene::{BINARY, REPOSITORY, Scene, assert_failure, cache, skip};
use crate::table::{self, Tried};

#[test]
fn neovim_0_11_does_what_its_readme_says() {
    let Some(neovim) = neovim(|minor| minor >= 11) else { return skip("Neovim 0.11") };
    try_it("[Neovim](editors/neovim/README.md) 0.11 and later", neovim);
}

#[test]
fn neovim_before_0_11_does_what_its_readme_says() {
    let Some(neovim) = neovim(|minor| minor == 7) else { return skip("Neovim 0.7.2") };
    try_it("[Neovim](editors/neovim/README.md) 0.7.2", neovim);
}

#[test]
fn neovim_obeys_no_modeline_of_a_log() {
    let found: Vec<PathBuf> = [neovim(|minor| minor >= 11), neovim(|minor| minor == 7)].into_iter().flatten().collect();
    if found.is_empty() {
        return skip("Neovim");
    }
    for neovim in found {
        let scene = Scene::new();
        let runtime = format!("set runtimepath^={REPOSITORY}/editors/neovim");
        scene.open_a_hostile_log(Command::new(neovim).args([
            "--clean",
            "--headless",
            "-i",
            "NONE",
            "-n",
            "--cmd",
            &runtime,
        ]));
    }
}

/// A Neovim 0.x whose minor version is wanted: on `PATH`, or one that the script installed.
fn neovim(wanted: fn(u32) -> bool) -> Option<PathBuf> {
    let installed = cache().and_then(|cache| std::fs::read_dir(cache).ok()).into_iter().flatten().flatten();
    let installed = installed.map(|entry| entry.path().join("bin/nvim"));
    let minor = |nvim: &PathBuf| -> Option<u32> {
        let version = Command::new(nvim).arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&version.stdout).into_owned();
        text.strip_prefix("NVIM v0.")?.split('.').next()?.parse().ok()
    };
    std::iter::once(PathBuf::from("nvim")).chain(installed).find(|nvim| minor(nvim).is_some_and(wanted))
}

fn try_it(row: &str, neovim: PathBuf) {
    let scene = Scene::new();
    let seen = scene.play(
        Command::new(neovim)
            .args(["--clean", "--headless", "-i", "NONE", "-n"])
            .args(["--cmd", &format!("set runtimepath^={REPOSITORY}/editors/neovim")])
            .args(["--cmd", &format!("let g:feature_build_program = '{BINARY}'")])
            .args(["-c", &format!("luafile {REPOSITORY}/tests/editors/neovim.lua")]),
    );

    assert_eq!(seen["attached_elsewhere"], 0, "Markdown without tasks is left alone");
    assert_eq!(seen["lens"], "\u{25b6} Run wave 1 (3 tasks)");
    assert!(text(&seen, "drawn").starts_with("\u{25b6} Run wave 1 (3 tasks)"), "{seen:#}");
    assert_eq!(seen["actions"][0], "Run wave 1 (3 tasks)");
    assert_eq!(seen["asked"], false, "the key runs a wave that is ready without a question");
    assert_failure(text(&seen, "failure"), "\n");
    assert_eq!(seen["line"], 1, "on the id");
    assert!(text(&seen, "after").starts_with("\u{2717} failed (exit "), "{seen:#}");
    assert!(text(&seen, "summary").starts_with("wave 1 of FEAT-TXT: 2 passed, 1 failed in "), "{seen:#}");
    assert_failures_are_listed(&seen["quickfix"], text(&seen, "failure"));
    assert_completes(&seen);
    assert!(text(&seen, "log").contains("error: expected item"), "{seen:#}");
    assert!(text(&seen, "cancelled").starts_with("TASK-SLOW-001: 1 cancelled in "), "{seen:#}");
    assert!(text(&seen, "runs").ends_with("  FEAT-SLOW  cancelled  1 cancelled"), "{seen:#}");
    assert!(text(&seen, "failed_runs").ends_with("  FEAT-TXT  failed  1 failed, 2 passed"), "{seen:#}");

    let all = table::COLUMNS.map(|column| (column, "yes"));
    table::check(&Tried::new(row, &format!("Neovim {}", text(&seen, "version")), &all));
}

/// The id of the task with the cause, the end of its log, and the place that the compiler names.
fn assert_failures_are_listed(quickfix: &Value, failure: &str) {
    let items = quickfix.as_array().unwrap();
    let ends = |file: &str| items.iter().find(|item| item["file"].as_str().unwrap().ends_with(file));
    let task = ends("TASK-TXT-002-longest.md").unwrap();
    assert_eq!(task["line"], 2, "{quickfix:#}");
    assert_eq!(task["text"], failure.lines().next().unwrap(), "{quickfix:#}");
    assert_eq!(ends("TASK-TXT-002.log").unwrap()["text"], "the end of its log");
    assert!(ends("build/longest.rs").unwrap()["text"].as_str().unwrap().starts_with("error: "), "{quickfix:#}");
}

fn assert_completes(seen: &Value) {
    for word in ["run", "cancel", "failures", "follow", "log", "runs"] {
        assert!(seen["subcommands"].as_array().unwrap().contains(&json!(word)), "{seen:#}");
    }
    assert_eq!(seen["features"], json!(["FEAT-TXT"]));
    assert_eq!(seen["waves"], json!(["1", "2"]));
    assert_eq!(seen["tasks"], json!(["TASK-TXT-001", "TASK-TXT-002", "TASK-TXT-003", "TASK-TXT-004"]));
}

fn text<'a>(seen: &'a Value, key: &str) -> &'a str {
    seen[key].as_str().unwrap_or_else(|| panic!("no {key} in {seen:#}"))
}
