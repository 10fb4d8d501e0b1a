//! docs/run-folder.md says what lies there: its tables are held against what a run leaves, and against the schema of events.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{BINARY, Workspace, eventually};

/// The first and the last cell of each row of the page's table under a heading, the first one's names in code.
fn rows(heading: &str) -> Vec<(Vec<String>, String)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/run-folder.md");
    let page = fs::read_to_string(page).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let cells = |row: &str| {
        let cells: Vec<&str> = row.split(" | ").collect();
        let names = format!("`{}", cells[0]).split('`').skip(1).step_by(2).map(Into::into).collect();
        (names, cells[cells.len() - 1].to_owned())
    };
    rows.map(cells).collect()
}

fn names(heading: &str) -> Vec<String> {
    rows(heading).into_iter().flat_map(|(names, _)| names).collect()
}

/// Every file and empty folder below a folder.
fn leaves(folder: &Path, into: &mut Vec<PathBuf>) {
    let entries: Vec<_> = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).collect();
    if entries.is_empty() {
        into.push(folder.to_path_buf());
    }
    for path in entries {
        if path.is_dir() { leaves(&path, into) } else { into.push(path) }
    }
}

#[test]
fn whatever_a_run_leaves_stands_on_the_page() {
    let workspace = Workspace::named("shop");
    let config = "run:\n  command: [sh, agent.sh, \"{id}\"]\n  stdin: body\nlog_limit: 1KB\nretries: {count: 1, delay_seconds: 0}\n";
    workspace.write("feature-build.yaml", config);
    workspace.write("agent.sh", "head -c 5000 /dev/zero; [ \"$1\" != TASK-2 ]\n");
    workspace.task("TASK-1", 1, "");
    workspace.task("TASK-2", 1, "");
    let call = |arguments: &[&str]| {
        let mut command = std::process::Command::new(BINARY);
        command.arg("-C").arg(workspace.root()).args(arguments).output().unwrap()
    };
    assert_eq!(call(&["run"]).status.code(), Some(1));
    let state = workspace.path(".feature-build");
    let run = fs::read_dir(state.join("runs")).unwrap().flatten().next().unwrap().path();
    // The terminal's end is the journal's; its supervisor writes a summary behind that, and looks for old runs.
    eventually("its supervisor has ended", || {
        let lock = fs::File::open(run.join("run.lock")).unwrap();
        run.join("result.json").exists() && lock.try_lock_shared().is_ok()
    });
    let mut found = Vec::new();
    leaves(&state, &mut found);
    let (of_state, of_run) = (names("The state folder"), names("A run's folder"));
    for path in found {
        let path =
            path.strip_prefix(&state).unwrap().to_str().unwrap().replace("TASK-2", "TASK").replace("TASK-1", "TASK");
        let told = match path.strip_prefix("runs/").and_then(|path| path.split_once('/')) {
            Some((_, file)) => of_run.iter().any(|told| told.trim_end_matches('/') == file),
            None => of_state.contains(&path),
        };
        assert!(told, "docs/run-folder.md does not tell of {path}");
    }
    // And what is told is there, but for what comes and goes.
    for file in
        ["journal.jsonl", "run.json", "run.seal", "run.lock", "result.json", "requests", "TASK-1.log", "TASK-2~2.log"]
    {
        let told = file.replace("TASK-1", "TASK").replace("TASK-2", "TASK");
        assert!(run.join(file).exists() && of_run.iter().any(|name| name.trim_end_matches('/') == told), "{file}");
    }
}

#[test]
fn each_event_stands_on_the_page_with_its_keys() {
    let schema = std::process::Command::new(BINARY).args(["schema", "event"]).output().unwrap();
    let schema: Value = serde_json::from_slice(&schema.stdout).unwrap();
    let mut events = BTreeMap::new();
    collect(&schema, &mut events);
    assert!(events.len() > 10);
    let told: BTreeMap<String, String> =
        rows("The journal").into_iter().map(|(names, keys)| (names[0].clone(), keys)).collect();
    for (event, keys) in &events {
        let said = told.get(event).unwrap_or_else(|| panic!("docs/run-folder.md does not tell of `{event}`"));
        assert_eq!(said, keys, "{event}");
    }
    assert_eq!(told.len(), events.len(), "events that are none: {told:?}");
}

/// The events of a schema with their keys, as the page has them.
fn collect(schema: &Value, events: &mut BTreeMap<String, String>) {
    if let Some(event) = schema["properties"]["event"]["const"].as_str() {
        let keys = schema["properties"].as_object().unwrap().keys().filter(|key| *key != "event");
        let keys = keys.map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        events.insert(event.into(), if keys.is_empty() { "none".into() } else { keys });
    }
    match schema {
        Value::Array(all) => all.iter().for_each(|one| collect(one, events)),
        Value::Object(keys) => keys.values().for_each(|one| collect(one, events)),
        _ => {}
    }
}
