//! What the README shows is what the product prints: its `console` blocks are executed on a copy of the example.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

#[test]
fn the_readme_shows_what_the_product_prints() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    fs::copy(project.join("README.md"), folder.path().join("README.md")).unwrap();
    // The folder `<name>.in` beside a document is the one in which its commands run.
    copy_files(&project.join("examples/text-report"), &folder.path().join("README.in"));

    let cases = trycmd::TestCases::new();
    cases.register_bin("feature-build", Path::new(env!("CARGO_BIN_EXE_feature-build")));
    cases.env("NO_COLOR", "1").case(folder.path().join("README.md"));
    cases.run();
}

/// Copies a folder without what earlier runs left in it.
fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if name == "build" || name == ".feature-build" {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy_files(&entry.path(), &to.join(name));
        } else {
            fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}
