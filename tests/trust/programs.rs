//! Whose program is started: a workspace must not be able to bring one that merely has a known name.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::hostile::{Hostile, code, text};

/// A program that leaves a file with its own name for it.
fn program(folder: &Path, name: &str, says: &str) {
    fs::create_dir_all(folder).unwrap();
    let file = folder.join(name);
    fs::write(&file, format!("#!/bin/sh\n> {says}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A workspace that brings programs, also by way of links from outside, and a folder of the user's own.
struct Place {
    workspace: Hostile,
    own: PathBuf,
    links: PathBuf,
}

impl Place {
    fn new() -> Self {
        let workspace = Hostile::new();
        let root = workspace.root();
        for name in ["aider", "check"] {
            program(&root.join("node_modules/.bin"), name, "planted");
            program(&root, name, "planted");
        }
        let (own, links) = (workspace.dir.path().join("own"), workspace.dir.path().join("links"));
        fs::create_dir_all(&own).unwrap();
        fs::create_dir_all(&links).unwrap();
        symlink(root.join("aider"), links.join("aider")).unwrap();
        symlink(&root, workspace.dir.path().join("link")).unwrap();
        Self { workspace, own, links }
    }

    /// Runs with this before the rest of PATH.
    fn run(&self, configuration: &str, path: &[&Path]) -> Output {
        self.workspace.write("feature-build.yaml", configuration);
        let path = path.iter().copied().chain(["/usr/bin", "/bin"].map(Path::new));
        let mut command = self.workspace.command(&self.workspace.root(), &["run", "--trust", "--redo"]);
        // Where a relative folder of PATH would be looked up, if it were.
        command.current_dir(self.workspace.root()).env("PATH", std::env::join_paths(path).unwrap()).output().unwrap()
    }

    fn agents(&self, path: &OsString) -> String {
        let mut command = self.workspace.command(&self.workspace.root(), &["agents"]);
        let output = command.current_dir(self.workspace.root()).env("PATH", path).output().unwrap();
        text(&output.stdout)
    }

    fn has(&self, file: &str) -> bool {
        self.workspace.root().join(file).exists()
    }
}

#[test]
fn an_agents_program_is_none_that_the_workspace_brings() {
    let place = Place::new();
    let root = place.workspace.root();
    let link = place.workspace.dir.path().join("link");
    let folders = [
        Path::new(""),
        Path::new("."),
        Path::new("node_modules/.bin"),
        &root,
        &root.join("node_modules/.bin"),
        &link,
        &place.links,
    ];
    for folder in folders {
        let refused = place.run("agent: aider\n", &[folder]);
        let message = text(&refused.stderr);
        assert_eq!(code(&refused), Some(2), "{}: {message}", folder.display());
        for said in ["`aider`, the program of agent `aider`, is not found on PATH", "pip install aider-chat"] {
            assert!(message.contains(said), "{}: {message}", folder.display());
        }
        assert!(!place.has("planted") && !place.has(".feature-build"), "{}", folder.display());
    }
    program(&place.own, "aider", "own");
    let all: Vec<&Path> = folders.into_iter().chain([place.own.as_path()]).collect();
    let ran = place.run("agent: aider\n", &all);
    assert_eq!(code(&ran), Some(0), "{}", text(&ran.stderr));
    assert!(place.has("own") && !place.has("planted"));
    let order = fs::read_to_string(place.workspace.run_folder().join("run.json")).unwrap();
    assert!(order.contains(&format!("[\"{}\",", place.own.join("aider").display())), "{order}");
    let told = place.agents(&std::env::join_paths(&all).unwrap());
    assert!(told.contains(place.own.join("aider").to_str().unwrap()), "{told}");
}

#[test]
fn the_program_of_a_users_own_command_is_on_no_relative_folder_of_path() {
    let place = Place::new();
    for configuration in [
        "run: {command: [aider]}\n",
        "run: {command: [\"true\"]}\nverify: [check]\n",
        "agent: aider\nagents: {aider: {command: [aider]}}\n",
    ] {
        for folder in ["", ".", "node_modules/.bin"].map(Path::new) {
            let failed = place.run(configuration, &[folder]);
            assert_eq!(code(&failed), Some(1), "{configuration}: {}", text(&failed.stderr));
            assert!(!place.has("planted"), "{configuration}: {}", folder.display());
        }
        // A folder that is named in full is the user's own choice: an environment that was activated.
        let ran = place.run(configuration, &[&place.workspace.root().join("node_modules/.bin")]);
        assert_eq!(code(&ran), Some(0), "{configuration}: {}", text(&ran.stderr));
        assert!(place.has("planted"), "{configuration}");
        fs::remove_file(place.workspace.root().join("planted")).unwrap();
    }
    let ran = place.run("run: {command: [./check]}\n", &[]);
    assert_eq!(code(&ran), Some(0), "a path is one: {}", text(&ran.stderr));
    assert!(place.has("planted"));
}

#[test]
fn a_shell_behind_a_link_of_another_name_is_one() {
    let place = Place::new();
    for (link, program) in [("runner", "/bin/sh"), ("polite", "/usr/bin/nice"), ("text", "/usr/bin/env")] {
        symlink(program, place.own.join(link)).unwrap();
    }
    symlink("/bin/sh", place.workspace.root().join("inside")).unwrap();
    place.workspace.write("tasks/backlog/f/T-1.md", "---\nid: T-1\ntitle: touch ran\nstatus: backlog\nwave: 1\n---\n");
    for command in [
        "[runner, -c, --, \"{title}\"]",
        "[runner, \"--title={title}\"]",
        "[./inside, -c, --, \"{title}\"]",
        "[\"{workspace}/inside\", -c, --, \"{title}\"]",
        "[text, runner, -c, --, \"{title}\"]",
        "[polite, -n, \"1\", sh, -c, --, \"{title}\"]",
        "[env, A=b, runner, -c, --, \"{title}\"]",
    ] {
        for configuration in [format!("run: {{command: {command}}}\n"), format!("verify: [{command}]\n")] {
            let refused = place.run(&configuration, &[&place.own]);
            assert_eq!(code(&refused), Some(2), "{configuration}: {}", text(&refused.stderr));
            assert!(text(&refused.stderr).contains("unsafe-value"), "{configuration}: {}", text(&refused.stderr));
            assert!(!place.has("ran") && !place.has(".feature-build"), "{configuration}");
        }
    }
    let ran = place.run("run: {command: [polite, runner, -c, '$1', sh, \"{title}\"]}\n", &[&place.own]);
    assert_eq!(code(&ran), Some(0), "behind its script it is an argument: {}", text(&ran.stderr));
    assert!(place.has("ran"));
}
