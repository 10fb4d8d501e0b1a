//! The product in real editors. `install-neovim.sh` beside this gets Neovim; without it the test is skipped, except
//! where `CI` is set.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");
/// Neovim gives up by itself before.
const DEADLINE: Duration = Duration::from_secs(300);

/// The Neovim on `PATH`, else the one that the script installed.
fn neovim() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")))?;
    let installed = std::fs::read_dir(cache.join("feature-build")).into_iter().flatten().flatten();
    let installed = installed.map(|entry| entry.path().join("bin/nvim"));
    let runs = |nvim: &PathBuf| {
        let version = Command::new(nvim).arg("--version").output().ok();
        version.is_some_and(|version| {
            let text = String::from_utf8_lossy(&version.stdout).into_owned();
            version.status.success() && !text.starts_with("NVIM v0.10") && !text.starts_with("NVIM v0.9")
        })
    };
    std::iter::once(PathBuf::from("nvim")).chain(installed).find(runs)
}

/// A copy of the example whose second task does not compile.
fn broken_example(folder: &Path) -> PathBuf {
    let root = folder.join("text-report");
    copy(&Path::new(REPOSITORY).join("examples/text-report"), &root);
    let task = root.join("tasks/backlog/text-report/TASK-TXT-002-longest.md");
    let text = std::fs::read_to_string(&task).unwrap();
    let broken = text.replacen("```rust\n", "```rust\nlet nothing compiles;\n", 1);
    assert_ne!(text, broken);
    std::fs::write(&task, broken).unwrap();
    task
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let name = entry.file_name();
        if name == "build" || name == ".feature-build" {
            continue; // what a run of the example left
        }
        let target = to.join(name);
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn neovim_shows_the_lens_runs_it_and_lists_the_failure() {
    let Some(neovim) = neovim() else {
        assert!(std::env::var_os("CI").is_none(), "no Neovim 0.11: call tests/editors/install-neovim.sh");
        eprintln!("skipped: no Neovim 0.11 here; tests/editors/install-neovim.sh gets one");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let task = broken_example(&folder.path().canonicalize().unwrap());
    let report = folder.path().join("report.json");
    let binary = env!("CARGO_BIN_EXE_feature-build");
    let trusts = Command::new(binary)
        .args(["-C".as_ref(), task.parent().unwrap(), "trust".as_ref()])
        .env("XDG_STATE_HOME", folder.path())
        .status()
        .unwrap();
    assert!(trusts.success());
    let mut editor = Command::new(neovim)
        .args(["--clean", "--headless", "-i", "NONE", "-n"])
        .args(["--cmd", &format!("set runtimepath^={REPOSITORY}/editors/neovim")])
        .args(["--cmd", &format!("let g:feature_build_program = '{binary}'")])
        .args(["-c", &format!("luafile {REPOSITORY}/tests/editors/neovim.lua")])
        .env("TASK_FILE", &task)
        .env("REPORT_FILE", &report)
        .env("XDG_STATE_HOME", folder.path())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + DEADLINE;
    while editor.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            editor.kill().unwrap();
            panic!("Neovim does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let report = std::fs::read_to_string(&report).expect("Neovim wrote what it saw");
    let seen: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(seen.get("missing"), None, "{seen:#}");
    assert_eq!(seen["lens"], "\u{25b6} Run wave 1 (3 tasks)");
    let failure = seen["failure"].as_str().unwrap();
    assert!(failure.starts_with("TASK-TXT-002 failed (exit "), "{failure}");
    assert_eq!(seen["line"], 1, "on the id");
    let places = seen["related"].as_array().unwrap();
    let names_source = |place: &Value| place["location"]["uri"].as_str().unwrap().ends_with("build/longest.rs");
    assert!(places.iter().any(names_source), "the compiler's place is related: {seen:#}");
    assert!(seen["after"].as_str().unwrap().starts_with("\u{2717} failed (exit "), "{seen:#}");
}
