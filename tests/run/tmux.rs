//! A real terminal of a test's own: what its user types, and what its screen shows.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::bench::{binary, wait_until};
use crate::terminal::{Workspace, text};

pub struct Tmux {
    folder: tempfile::TempDir,
}

impl Tmux {
    /// A shell in a workspace, in a terminal with so many columns and rows; `feature-build` is its alias `fb`. `None` where
    /// there is no tmux, which is said; where `CI` is set that is a failure.
    pub fn start(workspace: &Workspace, columns: u32, rows: u32) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "no tmux here: tests/all.sh gets one");
            eprintln!("skipped: no tmux here; tests/all.sh gets one");
            return None;
        }
        let tmux = Self { folder: tempfile::tempdir().unwrap() };
        let shell = "env -u CI -u NO_COLOR -u TMUX PS1='$ ' sh";
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let made = tmux
            .command(&["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows, shell])
            .current_dir(workspace.root())
            .env("LC_ALL", "C.UTF-8")
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        tmux.run(&format!("alias fb='{}'; clear", binary().display()));
        tmux.wait_for("the shell is there", |screen| screen == ["$"]);
        Some(tmux)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("tmux")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(self.socket()).args(arguments).env_remove("TMUX");
        command
    }

    fn call(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "tmux {arguments:?}: {output:?}");
        output
    }

    /// Types a line.
    pub fn run(&self, line: &str) {
        self.call(&["send-keys", "-l", line]);
        self.key("Enter");
    }

    /// Presses a key by tmux's name for it.
    pub fn key(&self, name: &str) {
        self.call(&["send-keys", name]);
    }

    pub fn resize(&self, columns: u32, rows: u32) {
        self.call(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// The rows of the screen, without the empty ones below.
    pub fn screen(&self) -> Vec<String> {
        self.captured(&["capture-pane", "-p"])
    }

    /// All lines that the terminal has shown and kept, with those joined that it broke.
    pub fn history(&self) -> Vec<String> {
        self.captured(&["capture-pane", "-p", "-J", "-S", "-"])
    }

    fn captured(&self, arguments: &[&str]) -> Vec<String> {
        let shown = text(&self.call(arguments).stdout);
        shown.trim_end().lines().map(|line| line.trim_end().to_owned()).collect()
    }

    pub fn wait_for(&self, what: &str, mut holds: impl FnMut(&[String]) -> bool) {
        let mut screen = Vec::new();
        let holds = || {
            screen = self.screen();
            holds(&screen)
        };
        let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wait_until(what, holds)));
        assert!(waited.is_ok(), "not seen: {what}; the screen:\n{}", screen.join("\n"));
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]).output();
    }
}
