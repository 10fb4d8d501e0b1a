//! File systems of a test's own, small or read-only.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::chance::skipped;

/// Mounts that end with the test.
pub struct Mounts {
    folder: tempfile::TempDir,
    mounted: RefCell<Vec<PathBuf>>,
}

impl Mounts {
    /// As root; anybody else is root in a user namespace, in which the test is started once more: `None`, it has run
    /// there, or cannot be run at all.
    pub fn new() -> Option<Self> {
        if rustix::process::geteuid().is_root() {
            return Some(Self { folder: tempfile::tempdir().unwrap(), mounted: RefCell::default() });
        }
        let possible = Command::new("unshare").args(["-Urm", "true"]).stderr(Stdio::null()).status();
        if !possible.is_ok_and(|status| status.success()) {
            skipped("only root can mount here: neither is this root nor are there user namespaces");
            return None;
        }
        let name = std::thread::current().name().unwrap().to_string();
        let program = std::env::current_exe().unwrap();
        let inside = Command::new("unshare").arg("-Urm").arg(program).args([&name, "--exact", "--nocapture"]).status();
        assert!(inside.unwrap().success(), "{name} failed in a user namespace");
        None
    }

    /// A new file system in memory.
    pub fn tmpfs(&self, size: &str) -> PathBuf {
        let path = self.folder.path().canonicalize().unwrap().join(self.mounted.borrow().len().to_string());
        std::fs::create_dir(&path).unwrap();
        mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"], &path);
        self.mounted.borrow_mut().push(path.clone());
        path
    }

    /// Takes the right to write away, or gives it back.
    pub fn read_only(&self, path: &Path, read_only: bool) {
        mount(&["-o", if read_only { "remount,ro" } else { "remount,rw" }], path);
    }
}

impl Drop for Mounts {
    fn drop(&mut self) {
        for path in self.mounted.borrow().iter() {
            // Lazily: what a failed test has left running may still be in it.
            let _ = Command::new("umount").arg("-l").arg(path).status();
        }
    }
}

fn mount(arguments: &[&str], path: &Path) {
    assert!(Command::new("mount").args(arguments).arg(path).status().unwrap().success(), "mounting {}", path.display());
}
