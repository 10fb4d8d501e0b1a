//! Kate, on a screen that nobody sees. Only in the long form: it needs 174 packages, and on a busy machine what Kate tells a
//! screen reader comes late, or not at all.

use std::process::{Command, Stdio};

use crate::scene::{REPOSITORY, Scene, skip};
use crate::table::{self, Tried};

/// The one that has the bindings of what programs tell a screen reader.
const PYTHON: &str = "/usr/bin/python3";

#[test]
fn kate_does_what_its_readme_says() {
    if std::env::var("FEATURE_BUILD_TESTS").as_deref() != Ok("long") {
        eprintln!("skipped: Kate is tried in the long form");
        return;
    }
    if !has_tools() {
        return skip("Kate, xdotool, Xvfb or at-spi2-core");
    }
    let scene = Scene::new();
    let seen = scene.play(
        Command::new("dbus-run-session")
            .args(["--", PYTHON, &format!("{REPOSITORY}/tests/editors/kate.py")])
            .env("SCENE", scene.path(""))
            .env("SETTINGS", settings_of_the_readme()),
    );

    assert_eq!(seen["actions"][0], "[source.featureBuild] Run wave 1 (3 tasks)");
    assert!(seen["failure"].as_str().unwrap().contains("TASK-TXT-002 failed (exit "), "{seen:#}");
    assert!(seen["related"].as_str().unwrap().ends_with("the end of its log"), "{seen:#}");
    assert!(seen["end"].as_str().unwrap().contains("2 passed, 1 failed in "), "{seen:#}");
    assert!(seen["root"].as_str().unwrap().ends_with("/broken"), "one server for the whole workspace: {seen:#}");

    let shows = [
        ("lenses", "no"),
        ("code actions", "yes"),
        ("progress", "yes"),
        ("diagnostics", "yes"),
        ("run", "yes"),
        ("cancel", "yes"),
        ("log", "says where it is"),
    ];
    table::check(&Tried::new("[Kate](editors/kate/README.md)", seen["version"].as_str().unwrap(), &shows));
}

fn has_tools() -> bool {
    let programs = "command -v kate && command -v xdotool && command -v Xvfb && command -v dbus-run-session";
    let reads = format!(
        "test -e /usr/libexec/at-spi-bus-launcher && {PYTHON} -c 'import gi; gi.require_version(\"Atspi\", \"2.0\")'"
    );
    let told = Command::new("sh").args(["-c", &format!("{programs} && {reads}")]).stdout(Stdio::null()).status();
    told.is_ok_and(|status| status.success())
}

/// What the README tells the user to write is what is tried.
fn settings_of_the_readme() -> String {
    let readme = std::fs::read_to_string(format!("{REPOSITORY}/editors/kate/README.md")).unwrap();
    let (_, block) = readme.split_once("```json\n").unwrap();
    block.split_once("```").unwrap().0.to_string()
}
