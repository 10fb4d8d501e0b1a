//! What every editor is shown: a wave that fails, a wave that does not end by itself, and Markdown without tasks.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");
pub const BINARY: &str = env!("CARGO_BIN_EXE_feature-build");
/// Each editor gives up by itself before.
const DEADLINE: Duration = Duration::from_secs(400);

pub struct Scene {
    pub folder: tempfile::TempDir,
}

impl Scene {
    pub fn new() -> Self {
        let scene = Self { folder: tempfile::tempdir().unwrap() };
        scene.put_broken_example();
        scene.put("slow/feature-build.yaml", "run:\n  command: [sh, -c, \"echo it has begun; exec sleep 600\"]\n");
        let task =
            "---\nid: TASK-SLOW-001\ntitle: Never ends\nfeature_id: FEAT-SLOW\nwave: 1\nstatus: backlog\n---\n\n# It\n";
        scene.put("slow/tasks/backlog/TASK-SLOW-001.md", task);
        scene.put("other/README.md", "# No task\n");
        for workspace in ["broken", "slow"] {
            let trusts = scene.feature_build(workspace).arg("trust").output().unwrap();
            assert!(trusts.status.success(), "{trusts:?}");
        }
        scene
    }

    /// Canonical: editors name files so.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    /// Runs Vim or Neovim on a log that ends with a modeline, opened in each way; none of them obeys it.
    pub fn open_a_hostile_log(&self, editor: &mut Command) {
        let log = "broken/.feature-build/runs/1/TASK-TXT-001.log";
        for file in [log, "other/control.log"] {
            self.put(file, "the output\nvim: set tabstop=77 :\n");
        }
        let script = format!("{REPOSITORY}/tests/editors/modeline.vim");
        let editor = editor.env("LOG_FILE", self.path(log)).args(["-c", &format!("source {script}")]);
        let mut seen = self.play_with(editor, "other/control.log");
        let ways = seen.as_object_mut().unwrap();
        assert_eq!(ways.remove("control").unwrap()[0], 77, "modelines are obeyed elsewhere");
        assert!(ways.len() >= 2);
        assert!(ways.values().all(|way| *way == serde_json::json!([8, 8])), "{seen:#}");
    }

    /// Runs an editor whose script leaves by itself, and reads the report that it wrote.
    pub fn play(&self, editor: &mut Command) -> Value {
        self.play_with(editor, "other/README.md")
    }

    fn play_with(&self, editor: &mut Command, other: &str) -> Value {
        let report = self.path("report.json");
        let mut editor = editor
            .env("TASK_FILE", self.path("broken/tasks/backlog/text-report/TASK-TXT-002-longest.md"))
            .env("SLOW_FILE", self.path("slow/tasks/backlog/TASK-SLOW-001.md"))
            .env("OTHER_FILE", self.path(other))
            .env("REPORT_FILE", &report)
            .env("FEATURE_BUILD", BINARY)
            .env("XDG_STATE_HOME", self.path("state"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + DEADLINE;
        while editor.try_wait().unwrap().is_none() {
            if Instant::now() > deadline {
                editor.kill().unwrap();
                panic!("the editor does not end");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let report = std::fs::read_to_string(&report).expect("the editor wrote what it saw");
        let seen: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(seen.get("missing"), None, "{seen:#}");
        seen
    }

    /// A copy of the example whose second task does not compile; [`assert_failure`] knows what is told of it.
    fn put_broken_example(&self) {
        let root = self.folder.path().join("broken");
        copy(&Path::new(REPOSITORY).join("examples/text-report"), &root);
        let task = root.join("tasks/backlog/text-report/TASK-TXT-002-longest.md");
        let text = std::fs::read_to_string(&task).unwrap();
        let broken = text.replacen("```rust\n", "```rust\nlet nothing compiles;\n", 1);
        assert_ne!(text, broken);
        std::fs::write(&task, broken).unwrap();
    }

    /// The product in one of the workspaces, with a state of the scene's own.
    fn feature_build(&self, workspace: &str) -> Command {
        let mut command = Command::new(BINARY);
        command.arg("-C").arg(self.path(workspace)).env("XDG_STATE_HOME", self.path("state"));
        command
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

impl Drop for Scene {
    /// A test that failed half-way leaves no run behind.
    fn drop(&mut self) {
        for workspace in ["slow", "broken"] {
            let _ = self.feature_build(workspace).arg("cancel").output();
        }
    }
}

/// A failure begins with its cause, as the compiler names it; then comes how the task ended, then what else the output says.
/// `line_end`: what an editor writes between two lines.
pub fn assert_failure(told: &str, line_end: &str) {
    let ended = format!("{line_end}TASK-TXT-002 failed (exit ");
    let (cause, rest) = told.split_once(&ended).unwrap_or_else(|| panic!("no second line that says the end: {told}"));
    assert!(cause.starts_with("build/longest.rs:1"), "{told}");
    assert!(cause.ends_with(" expected item, found keyword `let`"), "{told}");
    let (_, output) = rest.split_once(&format!("){line_end}")).unwrap_or_else(|| panic!("nothing behind it: {told}"));
    assert!(output.contains("--> build/longest.rs:1:1"), "{told}");
}

/// Says that an editor is not here; where `CI` is set that is a failure.
pub fn skip(editor: &str) {
    assert!(std::env::var_os("CI").is_none(), "no {editor} here: tests/all.sh gets one");
    eprintln!("skipped: no {editor} here; tests/all.sh gets one");
}

/// The cache folder that `tests/all.sh` keeps editors in.
pub fn cache() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("feature-build"))
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
