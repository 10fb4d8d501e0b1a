//! The README's table of what works where. Each test of an editor compares what it saw with `results/<row>.json`, and
//! the table is made of these files. `FEATURE_BUILD_UPDATE=1` writes both anew: the results first, then the table.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::scene::REPOSITORY;

/// What each editor is tried for.
pub const COLUMNS: [&str; 7] = ["lenses", "code actions", "progress", "diagnostics", "run", "cancel", "log"];
const BEGIN: &str = "<!-- what works where: written by `FEATURE_BUILD_UPDATE=1 cargo test --test editors` -->\n";
const END: &str = "<!-- end of what works where -->\n";

/// What was seen in one editor.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// The editor, and its client where there are several: the row's name.
    pub editor: String,
    /// With which version; `None`: not tried.
    pub version: Option<String>,
    /// A word for each column: `yes`, `no`, or how.
    #[serde(default)]
    pub shows: BTreeMap<String, String>,
    /// Where another suite holds what is shown: for each column the name of its test.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub seen_by: BTreeMap<String, String>,
}

impl Tried {
    pub fn new(editor: &str, version: &str, shows: &[(&str, &str)]) -> Self {
        let shows = shows.iter().map(|(column, word)| ((*column).into(), (*word).into())).collect();
        Self { editor: editor.into(), version: Some(version.into()), shows, seen_by: BTreeMap::new() }
    }

    fn row(&self) -> String {
        let cells = COLUMNS.map(|column| self.shows.get(column).map_or("not tried", String::as_str));
        let version = self.version.as_deref().unwrap_or("not tried");
        format!("| {} | {} | {version} |\n", self.editor, cells.join(" | "))
    }
}

/// Compares what was seen now with what the results say; the version may be another one.
pub fn check(now: &Tried) {
    let file = results().into_iter().find(|(_, known)| known.editor == now.editor);
    let (path, known) = file.unwrap_or_else(|| panic!("no results/*.json for {}", now.editor));
    if is_update() {
        fs::write(path, serde_json::to_string_pretty(now).unwrap() + "\n").unwrap();
        return;
    }
    assert_eq!(known.shows, now.shows, "{}: what was seen is not what {} says", now.editor, path.display());
}

#[test]
fn what_vs_code_shows_is_held_by_a_test_of_its_suite() {
    let folder = fs::read_dir(Path::new(REPOSITORY).join("tests/editors/vscode")).unwrap();
    let suite: String = folder.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let (_, vscode) = results().into_iter().find(|(_, tried)| tried.editor.contains("VS Code")).unwrap();
    for column in vscode.shows.keys() {
        let test = vscode.seen_by.get(column).unwrap_or_else(|| panic!("no test is named for {column}"));
        assert!(suite.contains(&format!("test(\"{test}\"")), "no test \"{test}\" for {column}");
    }
}

#[test]
fn the_readme_says_what_was_seen() {
    let path = Path::new(REPOSITORY).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("the README marks the table's begin");
    let (_, after) = rest.split_once(END).expect("and its end");
    let made = format!("{before}{BEGIN}{}{END}{after}", table());
    if is_update() && made != readme {
        fs::write(&path, &made).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), made, "FEATURE_BUILD_UPDATE=1 writes the table anew");
}

fn table() -> String {
    let head = format!("| editor | {} | tried with |\n", COLUMNS.join(" | "));
    let line = format!("|{}\n", " --- |".repeat(COLUMNS.len() + 2));
    let rows: String = results().iter().map(|(_, tried)| tried.row()).collect();
    format!("{head}{line}{rows}")
}

/// All results, in the order of the files' names.
fn results() -> Vec<(PathBuf, Tried)> {
    let folder = fs::read_dir(Path::new(REPOSITORY).join("tests/editors/results")).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: PathBuf| {
        let tried = serde_json::from_str(&fs::read_to_string(&path).unwrap());
        let tried: Tried = tried.unwrap_or_else(|error| panic!("reading {}: {error}", path.display()));
        (path, tried)
    };
    files.into_iter().map(read).collect()
}

fn is_update() -> bool {
    std::env::var_os("FEATURE_BUILD_UPDATE").is_some()
}
