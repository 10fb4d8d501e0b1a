//! docs/protocol.md says what the server says: its examples are held against a real server, its lists against what the server
//! announces and what the extension contributes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Editor, Workspace, able};

/// The root that the page speaks of.
const ROOT: &str = "/home/me/shop";

/// An example of the page.
enum Example {
    Request { method: String, params: Value, answer: Value },
    Notification { method: String, params: Value },
}

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/protocol.md")).unwrap()
}

/// The fenced blocks of JSON with the word behind their language.
fn examples(page: &str) -> Vec<Example> {
    let mut blocks = page.split("```json ").skip(1).map(|block| {
        let (kind, text) = block.split_once('\n').unwrap();
        let json: Value =
            serde_json::from_str(text.split_once("```").unwrap().0).unwrap_or_else(|error| panic!("{error}: {text}"));
        (kind, json)
    });
    let mut examples = Vec::new();
    while let Some((kind, block)) = blocks.next() {
        let (method, params) = (block["method"].as_str().unwrap().to_owned(), block["params"].clone());
        examples.push(match kind {
            "request" => {
                Example::Request { method, params, answer: blocks.next().filter(|next| next.0 == "answer").unwrap().1 }
            }
            "notification" => Example::Notification { method, params },
            other => panic!("{other}"),
        });
    }
    examples
}

/// Each place of a value with the types that stand there; of a list all elements together. Numbers by name are values of a
/// key, and strings that only their place explains are left as they are.
fn shape(value: &Value, place: &str, into: &mut BTreeMap<String, BTreeSet<&'static str>>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    };
    into.entry(place.to_owned()).or_default().insert(kind);
    match value {
        Value::Array(all) => all.iter().for_each(|one| shape(one, &format!("{place}[]"), into)),
        Value::Object(keys) => keys.iter().for_each(|(key, one)| shape(one, &format!("{place}.{key}"), into)),
        _ => {}
    }
}

/// The page's example has what the server sent: the same places, and each of a type that is there.
fn compare(what: &str, told: &Value, sent: &Value) {
    let (mut page, mut server) = (BTreeMap::new(), BTreeMap::new());
    shape(told, "", &mut page);
    shape(sent, "", &mut server);
    for (place, kinds) in &server {
        // An empty list says nothing of its elements, and `null` nothing of what may stand there.
        assert!(page.contains_key(place), "{what}: the page does not tell of `{place}`: {sent}");
        let told = &page[place];
        let fits = kinds.iter().any(|kind| told.contains(kind)) || told.contains("null") || kinds.contains("null");
        assert!(fits, "{what}: `{place}` is {kinds:?}, and {told:?} on the page");
    }
    for place in page.keys() {
        let above = place.rsplit_once(['.', '[']).map_or("", |(above, _)| above);
        let is_open = server.get(above).is_none_or(|kinds| kinds.contains("null")) || place.ends_with("[]");
        assert!(is_open || server.contains_key(place), "{what}: no server sends `{place}`: {sent}");
    }
}

fn at(root: &str, value: &Value) -> Value {
    serde_json::from_str(&value.to_string().replace(ROOT, root)).unwrap()
}

#[test]
fn each_example_of_the_protocol_is_what_a_server_says() {
    let workspace = Workspace::named("shop");
    workspace.write("feature-build.yaml", "run:\n  command: [sh, agent.sh, \"{id}\"]\n");
    workspace.write("agent.sh", "echo working; [ \"$1\" != TASK-2 ]\n");
    for (id, wave) in [("TASK-1", 1), ("TASK-2", 1), ("TASK-3", 2)] {
        let text = format!("---\nid: {id}\ntitle: {id}\nstatus: backlog\nfeature_id: FEAT-1\nwave: {wave}\n---\n");
        workspace.write(&format!("tasks/backlog/cart/{id}.md"), &text);
    }
    let root = workspace.root().to_str().unwrap().to_owned();
    let mut editor = Editor::start(&[workspace.root()], able(), json!({ "events": true }));
    let mut told = Vec::new();
    let examples = examples(&page());
    assert!(examples.len() > 8);
    for example in &examples {
        match example {
            Example::Request { method, params, answer } => {
                let sent = editor.request(method, at(&root, params));
                compare(method, answer, &sent);
                if params["command"] == "featureBuild/runFeature" {
                    // What stands behind it on the page is told when the run is over.
                    editor.progress(|value| value["kind"] == "end");
                }
            }
            Example::Notification { method, params } => told.push((method, params)),
        }
    }
    let heard = editor.heard();
    for (method, params) in told {
        let same = |message: &&Value| {
            message["method"] == method.as_str()
                && message["params"]["event"] == params["event"]
                && (params["task"].is_null() || message["params"]["outcome"] == params["outcome"])
        };
        let sent = heard.iter().find(same).unwrap_or_else(|| panic!("nobody said {method}: {params}"));
        compare(method, params, &sent["params"]);
    }
    editor.quit();
}

/// The first column of the page's table under a heading.
fn listed(page: &str, heading: &str) -> BTreeSet<String> {
    let section = page.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn the_protocols_lists_are_whole() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = page();
    let editor = Editor::start(&[Workspace::named("shop").root()], able(), json!({}));
    let commands = editor.capabilities["executeCommandProvider"]["commands"].clone();
    let commands: BTreeSet<String> = serde_json::from_value(commands).unwrap();
    assert_eq!(listed(&page, "Commands"), commands);
    editor.quit();

    let extension: Value =
        serde_json::from_str(&fs::read_to_string(project.join("editors/vscode/package.json")).unwrap()).unwrap();
    let settings = extension["contributes"]["configuration"]["properties"].as_object().unwrap();
    assert_eq!(listed(&page, "Settings of the VS Code extension"), settings.keys().cloned().collect());
}
