//! Workspaces of a test's own, and the binary run in them.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub struct Workspace {
    folder: tempfile::TempDir,
}

/// What the binary printed, and its exit code.
pub struct Printed {
    pub out: String,
    pub err: String,
    pub code: i32,
}

impl Workspace {
    /// A workspace of these files. An empty configuration makes its folder the root, wherever the test runs.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let workspace = Self { folder: tempfile::tempdir().unwrap() };
        workspace.write("feature-build.yaml", "");
        for (file, text) in files {
            workspace.write(file, text);
        }
        workspace
    }

    /// Two waves, a task for a person, a done one, one that nobody can run, one without a wave.
    pub fn with_everything() -> Self {
        Self::new(&[
            ("tasks/completed/f/TASK-001.md", &task("TASK-001", "wave: 1\nstatus: completed")),
            ("tasks/backlog/f/TASK-002.md", &task("TASK-002", "wave: 1\nstatus: backlog")),
            (
                "tasks/backlog/f/TASK-003.md",
                &task("TASK-003", "wave: 2\nstatus: backlog\ndependencies: [TASK-002, TASK-001]"),
            ),
            ("tasks/backlog/f/TASK-004.md", &task("TASK-004", "wave: 2\nstatus: backlog\nimplementation_mode: manual")),
            ("tasks/backlog/f/TASK-010.md", &task("TASK-010", "wave: 10\nstatus: backlog\ndependencies: [TASK-1]")),
            ("tasks/backlog/f/TASK-005.md", &task("TASK-005", "status: cancelled")),
            ("tasks/backlog/f/TASK-006.md", &task("TASK-006", "status: backlog")),
        ])
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn run(&self, arguments: &[&str]) -> Printed {
        printed(self.command(arguments).output().unwrap())
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.run(arguments);
        serde_json::from_str(&printed.out).unwrap_or_else(|error| panic!("{error}: {}{}", printed.out, printed.err))
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_feature-build"));
        command.current_dir(self.path()).args(arguments).stdin(Stdio::null()).env_remove("NO_COLOR");
        command
    }
}

/// A task file of the feature FEAT-1.
pub fn task(id: &str, keys: &str) -> String {
    format!("---\nid: {id}\ntitle: Title of {id}\nfeature_id: FEAT-1\n{keys}\n---\n\n# Heading\n")
}

/// The printed value fits the printed schema.
pub fn assert_fits(workspace: &Workspace, schema: &str, value: &Value) {
    let schema = workspace.json(&["schema", schema]);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

pub fn printed(output: Output) -> Printed {
    Printed {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap(),
    }
}
