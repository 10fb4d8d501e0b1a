//! The language server as an editor meets it, over its real framing: `cargo bench --bench server`.
//!
//! Measured: from the start of the process to the answer of `initialize`; from there to the first answer that needs the
//! index; and a keystroke, from the notification to the lenses and the diagnostics of that file. In made trees of 1,000
//! and 100,000 tasks, the edits in turns. The start is measured in GuardKit's part of the corpus, too, which
//! `FEATURE_BUILD_CORPUS` names: for an editor that watches files, and for one that leaves it to the server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;
#[path = "../tests/lsp/harness.rs"]
#[allow(dead_code, unreachable_pub)]
mod harness;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::made::{self, Made};
use common::turns::{Times, millis, time};
use feature_build::plan::PlannedTask;
use feature_build::workspace::Index;
use harness::{Editor, able, uri};
use serde_json::{Value, json};

const STARTS: usize = 15;
const EDITS: usize = 1_000;

fn main() {
    // `cargo test --all-targets` runs this, too, and does not ask for measurements.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let trees = [1_000, 100_000].map(tree);
    for tree in &trees {
        starts(&format!("{} tasks", tree.tasks), &tree.root, &tree.in_large_feature, &able());
    }
    if let Some((root, file)) = corpus() {
        starts("GuardKit's corpus", &root, &file, &able());
        starts("GuardKit's corpus, watched by the server", &root, &file, &json!({}));
    }
    keystrokes(&trees);
}

fn tree(size: usize) -> Made {
    made::kept(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("made-{size}")), size).unwrap()
}

/// The folder of task files that people wrote, where it is there, and one of them.
fn corpus() -> Option<(PathBuf, PathBuf)> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let root = std::env::var_os("FEATURE_BUILD_CORPUS").map_or(beside, PathBuf::from).join("guardkit");
    let root = root.canonicalize().ok()?;
    let index = Index::build(&root);
    let in_wave = |task: &PlannedTask| task.file.to_path_buf();
    let file = index.features().flat_map(|feature| &feature.waves).find_map(|wave| wave.tasks.first().map(in_wave));
    Some((root, file?))
}

fn starts(what: &str, root: &Path, file: &Path, abilities: &Value) {
    let (mut answered, mut ready) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let mut editor = None;
        answered.push(time(|| editor = Some(Editor::start(&[root], abilities.clone(), json!({})))));
        let mut editor = editor.unwrap();
        ready.push(time(|| drop(Open::new(&mut editor, &root.join(file)))));
        editor.quit();
    }
    println!("start to answer of initialize, {what}: {}", Times::new(answered).shown());
    println!("from there to lenses, {what}: {}", Times::new(ready).shown());
}

/// The text under edit.
struct Open {
    uri: String,
    text: String,
    count: usize,
}

impl Open {
    fn new(editor: &mut Editor, path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let open = Self { uri: uri(path), text, count: 0 };
        editor.open_text(&open.uri, &open.text);
        assert!(!editor.lenses(&open.uri).is_empty());
        open
    }

    /// Puts a dependency that nobody knows in, or takes it out again, so that each edit changes the diagnostics.
    fn edit_the_plan(&mut self, editor: &mut Editor) -> Duration {
        self.count += 1;
        let (before, after) = if self.count % 2 == 1 {
            ("depends_on: []", "depends_on: [X]")
        } else {
            ("depends_on: [X]", "depends_on: []")
        };
        let edit = self.replacement(before, after);
        let expected = self.count % 2;
        let start = Instant::now();
        editor.change(&self.uri, edit);
        let lenses = editor.ask("textDocument/codeLens", json!({ "textDocument": { "uri": self.uri } }));
        editor.answer(lenses);
        editor.diagnostics(&self.uri, |all| all.len() == expected);
        start.elapsed()
    }

    /// A letter more at the end: the diagnostics stay, the lenses are asked for all the same.
    fn edit_the_body(&mut self, editor: &mut Editor) -> Duration {
        let line = self.text.matches('\n').count();
        let end = json!({ "line": line, "character": 0 });
        self.text.push_str("x\n");
        let start = Instant::now();
        editor.change(&self.uri, json!([{ "range": { "start": end, "end": end }, "text": "x\n" }]));
        editor.lenses(&self.uri);
        start.elapsed()
    }

    fn replacement(&mut self, before: &str, after: &str) -> Value {
        let at = self.text.find(before).unwrap();
        let line = self.text[..at].matches('\n').count();
        self.text.replace_range(at..at + before.len(), after);
        json!([{
            "range": { "start": { "line": line, "character": 0 }, "end": { "line": line, "character": before.len() } },
            "text": after
        }])
    }
}

fn keystrokes(trees: &[Made; 2]) {
    let mut editors = trees.each_ref().map(|tree| Editor::start(&[&tree.root], able(), json!({})));
    let opened = |(editor, tree): (&mut Editor, &Made)| Open::new(editor, &tree.root.join(&tree.in_large_feature));
    let mut open: Vec<Open> = editors.iter_mut().zip(trees).map(opened).collect();
    for (what, edit) in [
        ("in the frontmatter", Open::edit_the_plan as fn(&mut Open, &mut Editor) -> Duration),
        ("in the body", Open::edit_the_body),
    ] {
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..EDITS {
            for ((editor, open), times) in editors.iter_mut().zip(&mut open).zip(&mut times) {
                times.push(edit(open, editor));
            }
        }
        for (tree, times) in trees.iter().zip(times) {
            let times = Times::new(times);
            let (median, late) = (millis(times.median()), millis(times.percentile(99)));
            println!("keystroke {what} over the protocol, {} tasks: median {median}, p99 {late}", tree.tasks);
        }
    }
    editors.into_iter().for_each(Editor::quit);
}
