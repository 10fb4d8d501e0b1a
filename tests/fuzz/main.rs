//! Laws that hold of any input, tried on inputs that nobody thought of: files of the corpus, recorded sessions and real
//! task files, changed by chance.
//!
//! `FEATURE_BUILD_FUZZ_SECONDS=600` tries each law so long (else two seconds), `FEATURE_BUILD_SEED` repeats what a failure
//! printed. What a law was once broken by lies in `corpus/<law>/` and is always tried.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod laws;
mod mutator;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use laws::{Chance, Law};

/// No input is longer: a reader must be quick on what a person or an agent writes in one go.
const LONGEST: usize = 64 << 10;
/// An input that takes longer to read hangs whoever reads it. Generous: the machine may be busy.
const TOO_LONG: Duration = Duration::from_secs(30);

#[test]
fn task() {
    let examples = seeds_in(&root("examples"), &["md", "yaml"]);
    let real = seeds_in(&real_files(), &["md", "yaml"]);
    // Only the beginning: the rest is body, and changes there say little.
    let heads = examples.into_iter().chain(real).map(|(name, bytes)| (name, bytes[..bytes.len().min(3000)].to_vec()));
    fuzz("task", heads.collect());
}

#[test]
fn config() {
    fuzz("config", seeds_in(&root("src/agent/presets"), &["yaml"]));
}

#[test]
fn journal() {
    fuzz("journal", Vec::new());
}

#[test]
fn log() {
    fuzz("log", sessions());
}

/// What each kind of agent writes: a test for each, so that one can be tried alone.
mod reader {
    use super::{fuzz, sessions};

    macro_rules! reads {
        ($($name:ident: $law:literal),*) => {
            $(#[test]
            fn $name() {
                fuzz($law, sessions());
            })*
        };
    }

    reads!(
        text: "text",
        guardkit: "guardkit",
        claude: "claude-stream-json",
        codex: "codex-json",
        opencode: "opencode-json",
        gemini: "gemini-stream-json",
        copilot: "copilot-json"
    );
}

#[test]
fn every_law_has_a_corpus_and_every_corpus_a_law() {
    let mut folders: Vec<_> =
        fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    folders.sort_unstable();
    let mut names = laws::ALL.map(|(name, _)| name);
    names.sort_unstable();
    assert_eq!(folders, names);
}

/// Tries a law on its corpus as it lies there, then on changes of that and of these.
fn fuzz(name: &'static str, mut seeds: Vec<Seed>) {
    let (_, law) = laws::ALL.into_iter().find(|(known, _)| *known == name).expect("a law has this name");
    let seed = env_number("FEATURE_BUILD_SEED").unwrap_or_else(|| u64::from(std::process::id()) ^ clock());
    let seconds = env_number("FEATURE_BUILD_FUZZ_SECONDS").unwrap_or(2);
    eprintln!("{name}: FEATURE_BUILD_SEED={seed}, {seconds} seconds");
    let mut trial = Trial::new(name, law, seed);
    seeds.extend(seeds_in(&corpus().join(name), &[]));
    assert!(!seeds.is_empty(), "{name} has nothing to begin with");
    for (_, bytes) in &seeds {
        trial.of(bytes);
    }
    let mut chance = Chance(seed);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut tried = 0_u64;
    while Instant::now() < end {
        let (_, bytes) = &seeds[chance.below(seeds.len())];
        let (_, other) = &seeds[chance.below(seeds.len())];
        trial.of(&mutator::changed(bytes, other, LONGEST, &mut chance));
        tried += 1;
    }
    eprintln!("{name}: {tried} inputs, no finding");
}

/// Tries a law on one input after another, on a thread of its own: one that never ends is a finding, too.
struct Trial {
    name: &'static str,
    seed: u64,
    inputs: mpsc::Sender<Vec<u8>>,
    verdicts: mpsc::Receiver<bool>,
}

impl Trial {
    fn new(name: &'static str, law: Law, seed: u64) -> Self {
        let (inputs, given) = mpsc::channel::<Vec<u8>>();
        let (says, verdicts) = mpsc::channel();
        std::thread::spawn(move || {
            for input in given {
                let held = std::panic::catch_unwind(|| law(&input)).is_ok();
                if says.send(held).is_err() {
                    return;
                }
            }
        });
        Self { name, seed, inputs, verdicts }
    }

    fn of(&mut self, input: &[u8]) {
        self.inputs.send(input.to_vec()).unwrap();
        let what = match self.verdicts.recv_timeout(TOO_LONG) {
            Ok(true) => return,
            Ok(false) => "is broken",
            Err(_) => "takes too long",
        };
        let kept = std::env::temp_dir().join(format!("feature-build-fuzz-{}-{}", self.name, self.seed));
        fs::write(&kept, input).unwrap();
        panic!(
            "the law {} {what} (FEATURE_BUILD_SEED={}) by {}, which belongs into tests/fuzz/corpus/{0}:\n{}",
            self.name,
            self.seed,
            kept.display(),
            String::from_utf8_lossy(input)
        );
    }
}

/// An input to begin with, and the file that it comes from.
type Seed = (PathBuf, Vec<u8>);

fn sessions() -> Vec<Seed> {
    seeds_in(&root("tests/agents/sessions"), &["jsonl", "txt"])
}

/// The files of a folder and below it with one of these endings, or all, in an order that a seed can rely on.
fn seeds_in(folder: &Path, endings: &[&str]) -> Vec<Seed> {
    let is_one = |path: &Path| {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        path.is_file() && (endings.is_empty() || endings.contains(&ending))
    };
    let walk = ignore::WalkBuilder::new(folder).standard_filters(false).build().flatten();
    let files = walk.map(ignore::DirEntry::into_path).filter(|path| is_one(path));
    let mut seeds: Vec<Seed> = files.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    seeds.iter_mut().for_each(|(_, bytes)| bytes.truncate(LONGEST));
    seeds.sort();
    seeds
}

fn root(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

fn corpus() -> PathBuf {
    root("tests/fuzz/corpus")
}

/// Task files that people really wrote, where they are.
fn real_files() -> PathBuf {
    std::env::var_os("FEATURE_BUILD_CORPUS").map_or_else(|| root("../shared/corpus"), PathBuf::from)
}

fn env_number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn clock() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos().into()
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        laws::task::law(&bytes);
    }

    #[test]
    fn anything_that_looks_like_frontmatter_is_read(
        body in "(\u{feff})?---\r?\n((id|wave|title|status|dependencies|plan|phase|depends_on|run): ?[ -~é\t]{0,12}\r?\n( +- [ -~]{0,8}\n|- [ -~]{0,6}\n)?){0,6}(---\n)?.{0,20}"
    ) {
        laws::task::law(body.as_bytes());
    }
}
