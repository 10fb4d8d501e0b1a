//! What has to hold of every input, whatever its bytes: each law panics where it does not. The fuzzer in `tests/fuzz` and
//! the coverage-guided one in `fuzz/` try the same laws.

pub mod config;
pub mod journal;
pub mod log;
pub mod reader;
pub mod task;

use std::io::Write as _;
use std::path::Path;

use feature_build::task::Span;
use feature_build::workspace::Format;

/// A law over any bytes.
pub type Law = fn(&[u8]);

/// Every law with its name, which is also the name of its folder in the corpus.
pub const ALL: [(&str, Law); 11] = [
    ("task", task::law),
    ("config", config::law),
    ("journal", journal::law),
    ("log", log::law),
    ("text", |bytes| reader::law(Format::Text, bytes)),
    ("guardkit", |bytes| reader::law(Format::Guardkit, bytes)),
    ("claude-stream-json", |bytes| reader::law(Format::ClaudeStreamJson, bytes)),
    ("codex-json", |bytes| reader::law(Format::CodexJson, bytes)),
    ("opencode-json", |bytes| reader::law(Format::OpencodeJson, bytes)),
    ("gemini-stream-json", |bytes| reader::law(Format::GeminiStreamJson, bytes)),
    ("copilot-json", |bytes| reader::law(Format::CopilotJson, bytes)),
];

/// Numbers that are the same on every machine for the same seed (SplitMix64).
pub struct Chance(pub u64);

impl Chance {
    /// Chance that is the same for the same bytes (FNV-1a).
    pub fn of(bytes: &[u8]) -> Self {
        Self(
            bytes
                .iter()
                .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)),
        )
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 where the limit is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }
}

fn assert_inside(span: Span, text: &str) {
    assert!(text.get(span.range()).is_some(), "{span:?} is no range of the {} bytes", text.len());
}

/// One line that neither steers a terminal nor reorders an editor's text.
fn assert_clean(shown: &str) {
    let is_bad = |char: char| {
        char.is_control()
            || matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!shown.chars().any(is_bad), "{shown:?} is shown");
    assert!(shown.chars().count() <= 200, "{} characters are shown", shown.chars().count());
}

/// Lends a file of these bytes, in memory where the system has such a folder.
fn with_file<T>(bytes: &[u8], then: impl FnOnce(&Path) -> T) -> T {
    let memory = Path::new("/dev/shm");
    let mut builder = tempfile::Builder::new();
    builder.prefix("feature-build-fuzz");
    let file = if memory.is_dir() { builder.tempfile_in(memory) } else { builder.tempfile() };
    let mut file = file.unwrap();
    file.write_all(bytes).unwrap();
    then(file.path())
}
