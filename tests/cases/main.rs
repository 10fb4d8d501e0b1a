//! Small workspaces with what their planning tools say of them, one a file: what the program says must be the same.
//!
//! A case is a txtar file: `-- why --` (whose rule it is), `-- expect --` (JSON, [`Expect`]), then the workspace's files.
//! `-- root --` names the folder that the program is started in, relative to the workspace. The folder of this file is
//! tried, and `../shared/cases` beside the repository (`FEATURE_BUILD_CASES` names another one) where it is there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;
use serde_json::Value;

/// Part of the feature's id or title, id, state (beginning with `!`: any other), wave; null: not looked at.
type ExpectedTask = (Option<String>, String, Option<String>, Option<String>);

/// What has to be said of a case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    #[serde(default)]
    tasks: Vec<ExpectedTask>,
    /// How many tasks `waves` lists.
    count: Option<usize>,
    /// Ids that it must not list.
    #[serde(default)]
    absent: Vec<String>,
    /// The title of each id.
    #[serde(default)]
    titles: BTreeMap<String, String>,
    /// The exit code of `check`.
    exit: Option<i32>,
    /// Codes that `check` must tell.
    #[serde(default)]
    codes: Vec<String>,
    /// Codes that it must not tell.
    #[serde(default)]
    never: Vec<String>,
}

/// A task as `waves --format json` lists it.
struct Row {
    feature: String,
    wave: Value,
    task: Value,
}

impl Row {
    /// Ids may be printed with their scope in front.
    fn is(&self, id: &str) -> bool {
        let shown = self.task["id"].as_str().unwrap();
        shown == id || shown.ends_with(&format!("/{id}"))
    }
}

#[test]
fn every_case_is_read_as_its_tool_reads_it() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let shared = std::env::var_os("FEATURE_BUILD_CASES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/cases"), PathBuf::from);
    if !shared.is_dir() {
        eprintln!("skipped: no cases at {}; set FEATURE_BUILD_CASES", shared.display());
    }
    let mut cases: BTreeMap<String, PathBuf> = BTreeMap::new();
    for folder in [shared, own] {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "txtar") {
                cases.insert(path.file_stem().unwrap().to_string_lossy().into_owned(), path);
            }
        }
    }
    assert!(cases.len() >= 20, "{} cases", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .flat_map(|(name, path)| differences(path).into_iter().map(move |difference| format!("{name}: {difference}")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn sections(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        let name = line.trim_end().strip_prefix("-- ").and_then(|line| line.strip_suffix(" --"));
        match (name, found.last_mut()) {
            (Some(name), _) => found.push((name.to_owned(), String::new())),
            (None, Some((_, section))) => section.push_str(line),
            (None, None) => {}
        }
    }
    found
}

fn differences(case: &Path) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let workspace = dir.path().join("ws");
    fs::create_dir(&workspace).unwrap();
    let (mut expect, mut root) = (None, ".".to_owned());
    for (name, text) in sections(&fs::read_to_string(case).unwrap()) {
        match name.as_str() {
            "why" => {}
            "expect" => expect = Some(serde_json::from_str::<Expect>(&text).unwrap()),
            "root" => root = text.trim().to_owned(),
            folder if folder.ends_with('/') => fs::create_dir_all(workspace.join(folder)).unwrap(),
            file => {
                let path = workspace.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
        }
    }
    let expect = expect.expect("a case says what it expects");
    let started_in = workspace.join(root);
    let waves: Value = serde_json::from_slice(&run(dir.path(), &started_in, "waves").stdout).unwrap();
    let check = run(dir.path(), &started_in, "check");
    let problems: Value = serde_json::from_slice(&check.stdout).unwrap();
    let codes: Vec<&str> =
        problems["problems"].as_array().unwrap().iter().map(|problem| problem["code"].as_str().unwrap()).collect();
    let rows = rows(&waves);
    let mut wrong = Vec::new();
    for (feature, id, state, wave) in &expect.tasks {
        let is_in = |row: &&Row| feature.as_ref().is_none_or(|feature| row.feature.contains(feature.as_str()));
        let Some(row) = rows.iter().filter(is_in).find(|row| row.is(id)) else {
            wrong.push(format!("{id} is not listed"));
            continue;
        };
        let found = row.task["state"].as_str().unwrap();
        let fits = state.as_ref().is_none_or(|state| match state.strip_prefix('!') {
            Some(other) => found != other,
            None => found == state,
        });
        if !fits {
            wrong.push(format!("{id} is {found} ({}), not {}", row.task["reason"], state.as_ref().unwrap()));
        }
        if wave.as_ref().is_some_and(|wave| row.wave != *wave) {
            wrong.push(format!("{id} stands in wave {}, not {}", row.wave, wave.as_ref().unwrap()));
        }
    }
    if expect.count.is_some_and(|count| count != rows.len()) {
        wrong.push(format!("{} tasks, not {}", rows.len(), expect.count.unwrap()));
    }
    wrong.extend(
        expect.absent.iter().filter(|id| rows.iter().any(|row| row.is(id))).map(|id| format!("{id} is listed")),
    );
    for (id, title) in &expect.titles {
        let found: Vec<_> = rows.iter().filter(|row| row.is(id)).map(|row| &row.task["title"]).collect();
        if found != [title] {
            wrong.push(format!("{id} is called {found:?}, not {title:?}"));
        }
    }
    if expect.exit.is_some_and(|exit| check.status.code() != Some(exit)) {
        wrong.push(format!("check exits with {:?}, not {:?}: {codes:?}", check.status.code(), expect.exit));
    }
    let told = |code: &String| codes.contains(&code.as_str());
    wrong.extend(
        expect.codes.iter().filter(|code| !told(code)).map(|code| format!("check does not tell {code}: {codes:?}")),
    );
    wrong.extend(expect.never.iter().filter(|code| told(code)).map(|code| format!("check tells {code}")));
    wrong
}

fn rows(waves: &Value) -> Vec<Row> {
    let mut rows = Vec::new();
    for feature in waves["features"].as_array().unwrap() {
        let name = format!("{} {}", feature["id"].as_str().unwrap(), feature["title"].as_str().unwrap());
        for wave in feature["waves"].as_array().unwrap() {
            for task in wave["tasks"].as_array().unwrap() {
                rows.push(Row { feature: name.clone(), wave: wave["wave"].clone(), task: task.clone() });
            }
        }
    }
    rows
}

fn run(home: &Path, folder: &Path, command: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_feature-build"))
        .args(["-C".as_ref(), folder.as_os_str(), command.as_ref(), "--format".as_ref(), "json".as_ref()])
        .env("HOME", home)
        .env("XDG_STATE_HOME", home.join("state"))
        .output()
        .unwrap()
}
