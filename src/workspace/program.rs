//! Where the program of a command is.
//!
//! What the user's PATH names counts, but for folders that are relative, empty ones too: these are the workspace's own, which
//! anybody may have filled. A folder of the workspace that is named in full is the user's choice (an environment that was
//! activated), and counts for the user's own commands; for an agent that is known by its name alone it does not.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The file that is started for a program of the user's own command; `None` where there is none. One that is no plain name is
/// a path, as it is.
pub(crate) fn of_user(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(program.into());
    }
    on_path(program, &path(), |_| true)
}

/// The file that is started for an agent that came with the program: a workspace must not be able to bring one that merely
/// has its name, be it by way of a link.
pub(crate) fn of_preset(program: &str, root: &Path) -> Option<PathBuf> {
    outside(program, &path(), root)
}

/// What the file of a program of the user's own command is called where its links end, started from this root; `None` where
/// there is none.
pub(crate) fn real_name(program: &str, root: &Path) -> Option<String> {
    let file = root.join(of_user(program)?).canonicalize().ok()?;
    file.file_name()?.to_str().map(str::to_owned)
}

fn outside(program: &str, path: &OsStr, root: &Path) -> Option<PathBuf> {
    if program.contains('/') {
        return None;
    }
    let lies_outside = |path: &Path| path.canonicalize().is_ok_and(|real| !real.starts_with(root));
    on_path(program, path, |file| lies_outside(file) && file.parent().is_some_and(lies_outside))
}

fn on_path(program: &str, path: &OsStr, is_wanted: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(program)).find(|file| is_executable(file) && is_wanted(file))
}

/// As the system's own search has it where there is none.
fn path() -> OsString {
    std::env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into())
}

pub(crate) fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_program_is_looked_for_outside_the_workspace_only() {
        let folder = tempfile::tempdir().unwrap();
        let canonical = folder.path().canonicalize().unwrap();
        let (outside_folder, root) = (canonical.join("bin"), canonical.join("work"));
        for dir in [&outside_folder, &root] {
            std::fs::create_dir_all(dir).unwrap();
            let file = dir.join("codex");
            std::fs::write(&file, "#!/bin/sh\n").unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        std::fs::write(outside_folder.join("claude"), "no program").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&root, &link).unwrap();
        let path = std::env::join_paths([Path::new("."), &root, &link, &outside_folder]).unwrap();
        assert_eq!(outside("codex", &path, &root), Some(outside_folder.join("codex")));
        assert_eq!(outside("claude", &path, &root), None, "not executable");
        assert_eq!(outside("./codex", &path, &root), None, "no name");
        for folder in [&root, Path::new(""), Path::new("work"), &root.join("../work")] {
            let own = std::env::join_paths([folder]).unwrap();
            assert_eq!(outside("codex", &own, &root), None, "{}", folder.display());
        }
        std::os::unix::fs::symlink(root.join("codex"), outside_folder.join("gemini")).unwrap();
        assert_eq!(outside("gemini", &path, &root), None, "a link into the workspace");
    }
}
