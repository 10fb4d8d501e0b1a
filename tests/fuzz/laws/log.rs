//! Whatever a log holds, its last lines are safe to show, and the places that it names are files of the workspace.

use std::path::PathBuf;
use std::sync::LazyLock;

use feature_build::agent::excerpt;

use super::{assert_clean, with_file};

/// A workspace with a file, and one beside it.
static ROOT: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap().join("w");
    std::fs::create_dir_all(root.join("src")).unwrap();
    for file in ["a.rs", "src/a.rs", "../a.rs"] {
        std::fs::write(root.join(file), "x\n").unwrap();
    }
    std::os::unix::fs::symlink("../a.rs", root.join("l.rs")).unwrap();
    (folder, root)
});

pub fn law(bytes: &[u8]) {
    let (_, root) = &*ROOT;
    let excerpt = with_file(bytes, |log| excerpt(log, root)).unwrap();
    assert!(excerpt.last_lines.len() <= 10 && excerpt.places.len() <= 20);
    let (from, to) = excerpt.log_lines;
    let lines = bytes.iter().filter(|&&byte| byte == b'\n').count() + 1;
    assert!(from <= to && to as usize <= lines, "lines {from} to {to} of {lines}");
    excerpt.last_lines.iter().for_each(|line| assert_clean(line));
    for place in &excerpt.places {
        assert!(place.path.starts_with(root), "{}", place.path.display());
        assert_clean(&place.message);
    }
}
