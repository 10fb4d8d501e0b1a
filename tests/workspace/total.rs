//! Any bytes in, a task and problems out: never a panic, and every range inside the file.

use std::path::{Path, PathBuf};

use feature_build::task::{
    self, Body, Dialect, FeatureFile, OwnKeys, RelPath, Span, Spanned, Surroundings, Task, Text,
};
use feature_build::workspace::Config;
use proptest::prelude::*;

const PLACES: [(&str, Dialect); 4] = [
    ("tasks/backlog/f/T.md", Dialect::GuardKit),
    (".planning/phases/01-x/01-01-PLAN.md", Dialect::Gsd),
    ("backlog/tasks/t.md", Dialect::BacklogMd),
    ("own/t.md", Dialect::Own),
];

fn check_bytes(bytes: &[u8]) {
    let text = task::decode(bytes);
    assert_eq!(text.len(), bytes.len(), "every byte keeps its offset");
    task::extent(bytes);
    check_body(&text);
    let keys = OwnKeys::default();
    let around = Surroundings { own: Some(&keys), ..Surroundings::default() };
    for (file, dialect) in PLACES {
        let file: RelPath = Path::new(file).into();
        if let Some(task) = task::parse(&file, &text, dialect, &around) {
            check_task(&task, &text);
        }
    }
    check_feature_file(&text);
    if let Err(error) = Config::parse(&text) {
        check_span(error.span, &text);
    }
    task::read_statuses(&text);
    task::read_milestone(&text);
}

fn check_task(task: &Task, text: &str) {
    for problem in &task.problems {
        check_span(problem.span, text);
        problem.related.iter().for_each(|(place, _)| check_span(place.span, text));
    }
    check_span(task.anchor, text);
    let id = task.id.iter().filter(|_| task.dialect != Dialect::Gsd);
    id.chain(&task.status).chain(&task.depends_on).chain(&task.mode).chain(&task.files).for_each(|value| {
        check_span(value.span, text);
        check_plain(value, text);
    });
}

fn check_feature_file(text: &str) {
    let file = FeatureFile::parse(&Path::new("FEAT-1.yaml").into(), text);
    file.problems.iter().for_each(|problem| check_span(problem.span, text));
    file.waves.iter().flatten().for_each(|id| check_span(id.span, text));
    file.tasks.iter().for_each(|task| check_span(task.span, text));
}

fn check_body(text: &str) {
    let body = Body::read(text);
    body.headings.iter().for_each(|heading| check_span(heading.span, text));
    body.criteria.iter().for_each(|criterion| check_span(criterion.mark, text));
}

fn check_span(span: Span, text: &str) {
    assert!(text.get(span.range()).is_some(), "{span:?} is no range of the {} bytes", text.len());
}

/// A value that stands in the file as one plain word says what its range shows.
fn check_plain(value: &Spanned<Text>, text: &str) {
    let shown = &text[value.span.range()];
    let is_plain =
        !shown.is_empty() && shown.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if is_plain {
        assert_eq!(shown, &*value.value);
    }
}

/// Seeded edits of real files: a byte flipped, a piece cut out, doubled, or put elsewhere.
struct Mutator(u64);

impl Mutator {
    /// SplitMix64: small, and the same on every machine.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        const SHARP: &[&[u8]] = &[
            b":",
            b"'",
            b"\"",
            b"[",
            b"{",
            b"- ",
            b"\n",
            b"\r\n",
            b"---\n",
            b"&a ",
            b"*a",
            b"!!int ",
            b"|\n",
            b"#",
            b"\xe9",
            b"\0",
            b"\xef\xbb\xbf",
            b"\t",
        ];
        let at = self.below(bytes.len());
        let end = (at + self.below(40)).min(bytes.len());
        let piece = bytes[at..end].to_vec();
        match self.below(4) {
            0 => drop(bytes.splice(at..at, SHARP[self.below(SHARP.len())].iter().copied())),
            1 => drop(bytes.drain(at..end)),
            2 => drop(bytes.splice(at..at, piece)),
            _ => {
                let to = self.below(bytes.len());
                bytes.splice(to..to, piece);
            }
        }
    }
}

#[test]
fn mutated_real_files_are_read_without_a_panic() {
    let seed = std::env::var("FEATURE_BUILD_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20);
    let rounds: usize = std::env::var("FEATURE_BUILD_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1);
    let files = real_files();
    eprintln!("seed {seed}, {} files, {rounds} rounds", files.len());
    let mut mutator = Mutator(seed);
    for (path, text) in files {
        for _ in 0..rounds {
            let mut bytes = text.clone();
            // Only the beginning: the rest is body, and edits there say little.
            bytes.truncate(3_000);
            for _ in 0..=mutator.below(6) {
                mutator.mutate(&mut bytes);
            }
            let kept = bytes.clone();
            let outcome = std::panic::catch_unwind(|| check_bytes(&bytes));
            assert!(outcome.is_ok(), "{} with seed {seed}:\n{}", path.display(), String::from_utf8_lossy(&kept));
        }
    }
}

/// The corpus where it is there, else a few files that have what real ones have.
fn real_files() -> Vec<(PathBuf, Vec<u8>)> {
    let corpus = std::env::var_os("FEATURE_BUILD_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    let walk = ignore::WalkBuilder::new(&corpus).standard_filters(false).build().flatten();
    let texts = walk.filter(|entry| entry.path().extension().is_some_and(|kind| kind == "md" || kind == "yaml"));
    let mut files: Vec<_> =
        texts.filter_map(|entry| Some((entry.path().to_path_buf(), std::fs::read(entry.path()).ok()?))).collect();
    // In an order of our own, so that a seed means the same everywhere.
    files.sort();
    if files.is_empty() {
        eprintln!("no corpus at {}; mutating built-in files", corpus.display());
        let text = "---\nid: TASK-1\ntitle: \"A: b\"\nstatus: backlog\nwave: 2a # why\ndependencies:\n  - TASK-0 (done)\n- X\nfiles_to_modify: [a, 'b c']\n---\n\n# Title\n\n## Acceptance Criteria\n\n- [ ] one\n";
        files.extend((0..200).map(|_| (PathBuf::from("built in"), text.as_bytes().to_vec())));
    }
    files
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check_bytes(&bytes);
    }

    #[test]
    fn anything_that_looks_like_frontmatter_is_read(
        body in "(\u{feff})?---\r?\n((id|wave|title|status|dependencies|plan|phase|depends_on|run): ?[ -~é\t]{0,12}\r?\n( +- [ -~]{0,8}\n|- [ -~]{0,6}\n)?){0,6}(---\n)?.{0,20}"
    ) {
        check_bytes(body.as_bytes());
    }
}
