//! Vim with ALE, in Vim's silent mode.

use std::path::Path;
use std::process::Command;

use crate::scene::{REPOSITORY, Scene, assert_failure, skip};
use crate::table::{self, Tried};

/// Where Debian's package has it.
const ALE: &str = "/usr/share/vim-ale";

#[test]
fn vim_with_ale_does_what_its_readme_says() {
    let vim = Command::new("vim").arg("--version").output();
    let can = vim.is_ok_and(|vim| String::from_utf8_lossy(&vim.stdout).contains("+channel"));
    if !can || !Path::new(ALE).exists() {
        return skip("Vim with ALE");
    }
    let scene = Scene::new();
    let seen = scene.play(
        Command::new("vim")
            .args(["-N", "-u", "NONE", "-i", "NONE", "-n", "--not-a-term", "-es"])
            .args(["-c", &format!("set runtimepath^={REPOSITORY}/editors/vim,{ALE}")])
            .args(["-c", "filetype plugin on"])
            .args(["-c", "let g:ale_linters = {'markdown': ['feature_build']}"])
            .args(["-c", "runtime plugin/ale.vim"])
            .args(["-c", &format!("source {REPOSITORY}/tests/editors/ale.vim")]),
    );

    assert_eq!(seen["root_elsewhere"], "", "Markdown without tasks is left alone");
    assert_eq!(seen["actions"][1], "1) Run wave 1 (3 tasks)");
    assert_failure(seen["failure"].as_str().unwrap(), " ");
    assert_eq!(seen["line"], 2, "on the id");
    assert!(seen["told"].as_str().unwrap().contains("2 passed, 1 failed in "), "{seen:#}");

    let shows = [
        ("lenses", "no"),
        ("code actions", "yes"),
        ("progress", "no"),
        ("diagnostics", "yes"),
        ("run", "yes"),
        ("cancel", "yes"),
        ("log", "says where it is"),
    ];
    let version = format!("{}, ALE {}", seen["version"].as_str().unwrap(), ale_version());
    table::check(&Tried::new("[Vim](editors/vim/README.md), ALE", &version, &shows));
}

#[test]
fn vim_obeys_no_modeline_of_a_log() {
    if !Command::new("vim").arg("--version").output().is_ok_and(|vim| vim.status.success()) {
        return skip("Vim");
    }
    let scene = Scene::new();
    scene.open_a_hostile_log(
        Command::new("vim").args(["-N", "-u", "NONE", "-i", "NONE", "-n", "--not-a-term", "-es"]).args([
            "-c",
            &format!("set runtimepath^={REPOSITORY}/editors/vim"),
            "-c",
            "runtime plugin/feature_build.vim",
        ]),
    );
}

/// ALE does not tell its version, its package does: `3.3.0` of `3.3.0-1`.
fn ale_version() -> String {
    let package = Command::new("dpkg-query").args(["-W", "-f", "${Version}", "vim-ale"]).output();
    let version = package.map(|package| String::from_utf8_lossy(&package.stdout).into_owned()).unwrap_or_default();
    version.split('-').next().unwrap_or_default().to_string()
}
