//! Folders and files that go, or that nobody may write; and editors that end their servers the hard way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use feature_build::run::Launcher;
use feature_build::run::Outcome::{Failed, Passed};
use serde_json::json;

use crate::bench::{Bench, binary};
use crate::chance::skipped;
use crate::family::copy_binary;
use crate::harness::{Editor, Workspace};
use crate::mount::Mounts;

fn feature_build(root: &Path, arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).current_dir(root).output().unwrap()
}

/// Fault 12: a workspace that cannot be written says what to do, and runs once it is done.
#[test]
fn a_read_only_workspace_says_what_to_do_and_then_runs() {
    let Some(mounts) = Mounts::new() else { return };
    let root = mounts.tmpfs("1m");
    let state = tempfile::tempdir().unwrap();
    let write = |configuration: &str| fs::write(root.join("feature-build.yaml"), configuration).unwrap();
    let task = root.join("tasks/backlog/feat");
    fs::create_dir_all(&task).unwrap();
    let text = "---\nid: TASK-1\ntitle: A task\nstatus: backlog\nfeature_id: FEAT-1\nwave: 1\n---\n";
    fs::write(task.join("TASK-1.md"), text).unwrap();

    write("run:\n  command: [\"true\"]\n");
    mounts.read_only(&root, true);
    let refused = feature_build(&root, &["run", "--trust"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("state_dir"), "it is said what to do: {said}");

    mounts.read_only(&root, false);
    write(&format!("run:\n  command: [\"true\"]\nstate_dir: {}\n", state.path().display()));
    mounts.read_only(&root, true);
    let passed = feature_build(&root, &["run", "--trust"]);
    assert_eq!(passed.status.code(), Some(0), "{}", String::from_utf8_lossy(&passed.stderr));
}

/// Fault 12: the working directory goes while tasks run in it.
#[test]
fn a_working_directory_may_go_during_a_run() {
    let state = tempfile::tempdir().unwrap();
    let mut bench = Bench::new();
    bench.config.state_dir = Some(state.path().to_path_buf());
    let root = bench.root();
    bench.wave("1").task("GOES", &format!("until [ -e stays ]; do sleep 0.01; done; rm -rf '{}'", root.display()));
    bench.task(
        "STAYS",
        "touch stays; until ! [ -e . ] || ! [ -d \"$FEATURE_BUILD_WORKSPACE\" ]; do sleep 0.01; done; echo here",
    );
    bench.options.keep_going = true;
    bench.wave("2").task("LATER", "true");
    let run = bench.run();
    fs::create_dir(&root).unwrap(); // the bench looks at it at its end
    assert_eq!(run.outcome("GOES"), Passed, "{}", run.reason("GOES"));
    assert_eq!(run.outcome("STAYS"), Passed, "{}", run.reason("STAYS"));
    assert!(run.log("STAYS").ends_with("here\n"), "{}", run.log("STAYS"));
    assert_eq!(run.outcome("LATER"), Failed);
    assert!(run.reason("LATER").starts_with("cannot be started: entering "), "{}", run.reason("LATER"));
}

/// Fault 12: the same, with the state folder in it. Nobody can read what became of the run, but it comes to its end.
#[test]
fn a_run_whose_state_folder_goes_ends_all_the_same() {
    let mut bench = Bench::new();
    let root = bench.root();
    bench.wave("1").task("GOES", "until [ -e go ]; do sleep 0.01; done; rm -rf \"$FEATURE_BUILD_WORKSPACE\"");
    let run = bench.start();
    let supervisor = crate::family::supervisor(bench.paths(&run).dir()).unwrap();
    let alive = || Path::new(&format!("/proc/{supervisor}/exe")).exists();
    fs::write(bench.path("go"), "").unwrap();
    crate::bench::wait_until("the supervisor has ended", || !alive());
    bench.check_nothing_left(&run);
    fs::create_dir(&root).unwrap();
}

/// Fault 12: an update replaces the binary during a run.
#[test]
fn a_binary_that_is_replaced_during_a_run_does_not_matter() {
    let mut bench = Bench::new();
    let program = bench.path("feature-build");
    copy_binary(&program);
    bench.options.launcher = Launcher::At(program.clone());
    bench.wave("1").task("A", "touch up; until [ -e go ]; do sleep 0.01; done");
    bench.wave("2").task("B", "true");
    let run = bench.start();
    bench.wait_for_file("up");
    fs::write(bench.path("new"), "#!/bin/sh\nexit 1\n").unwrap();
    fs::rename(bench.path("new"), &program).unwrap();
    fs::write(bench.path("go"), "").unwrap();
    let run = bench.follow(&run);
    assert_eq!(run.outcome("B"), Passed, "{}", run.reason("B"));
}

/// The module in which `vscode-languageclient` ends a server that does not end: the extension's own, else the one that
/// `install-languageclient.sh` beside this has installed.
fn languageclient() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")))?;
    let places =
        [Path::new(env!("CARGO_MANIFEST_DIR")).join("editors/vscode"), cache.join("feature-build/languageclient")];
    places
        .into_iter()
        .map(|place| place.join("node_modules/vscode-languageclient/lib/node/processes.js"))
        .find(|module| module.exists())
}

/// Fault 12: VS Code's own way to end a server, while a wave runs.
#[test]
fn the_real_terminate_of_vscode_ends_the_server_and_not_the_run() {
    let Some(module) = languageclient() else {
        return skipped("no vscode-languageclient: call tests/faults/install-languageclient.sh");
    };
    let agent = "until [ -e \"go-$1\" ]; do sleep 0.01; done; touch \"done-$1\"\n";
    let workspace = Workspace::with_agent(agent);
    let file = workspace.task("TASK-A-001", 1, "");
    workspace.task("TASK-A-002", 1, "");
    let mut editor = Editor::open(&workspace);
    let answer = editor.command("featureBuild/runWave", workspace.target(json!({ "wave": "1" })));
    assert!(answer["run"].is_string(), "{answer}");
    editor.progress(|value| value["kind"] == "begin");
    let script = "require(process.argv[1]).terminate({ pid: Number(process.argv[2]) })";
    let server = editor.pid().to_string();
    let ended = Command::new("node").args(["-e", script]).arg(&module).arg(&server).status();
    assert!(ended.expect("node is there, npm has installed a package").success());
    assert!(!editor.end().success(), "the server was killed");
    for task in ["TASK-A-001", "TASK-A-002"] {
        workspace.write(&format!("go-{task}"), "");
        crate::bench::wait_until("the task ends by itself", || workspace.path(&format!("done-{task}")).exists());
    }
    let mut editor = Editor::open(&workspace);
    let uri = editor.open_file(&workspace, &file);
    editor.titles_until(&uri, |titles| titles[0].starts_with("\u{2713} passed"));
    editor.quit();
}
