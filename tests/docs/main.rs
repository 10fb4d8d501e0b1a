//! What the documentation says is so: the README's `console` blocks are executed on a copy of the example, and the tests
//! that ARCHITECTURE.md names for its promises are there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs, dead_code)]

#[path = "../lsp/harness.rs"]
mod harness;
mod protocol;
mod run_folder;

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

#[test]
fn each_promise_names_tests_that_are_there() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let architecture = fs::read_to_string(project.join("ARCHITECTURE.md")).unwrap();
    let mut code = String::new();
    read_rust(&project.join("tests"), &mut code);
    read_rust(&project.join("src"), &mut code);

    let promises = architecture.lines().filter(|line| line.starts_with("| ") && line.contains(". "));
    let named: Vec<&str> = promises.flat_map(|line| line.split('`').skip(1).step_by(2)).collect();
    assert!(named.len() > 10, "the table of promises was not found");
    for test in named {
        assert!(code.contains(&format!("fn {test}(")), "no test {test}");
    }
}

/// Adds the text of every Rust file below a folder.
fn read_rust(folder: &Path, code: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_rust(&path, code);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
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
