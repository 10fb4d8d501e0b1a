//! What a task's log tells: its last lines, and the places in the workspace that it names.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::{readers, safe};
use crate::workspace::private;

/// How much of a log's end is looked at: what went wrong stands there, and a log may have 64 MB.
const WINDOW: u64 = 256 * 1024;
/// How many last lines a diagnostic shows.
const LAST_LINES: usize = 10;
/// How many places are told: more would bury the log itself.
const MOST_PLACES: usize = 20;

/// The end of a log, made safe to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// The last lines that say something, without control sequences.
    pub last_lines: Vec<String>,
    /// The zero-based number of the first of them in the log, and of the line behind the last.
    pub log_lines: (u32, u32),
    /// The places that the output names, in its order, each once.
    pub places: Vec<Named>,
}

/// A place in the workspace that the output names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The file: it exists and lies inside the workspace.
    pub path: PathBuf,
    /// Zero-based line.
    pub line: u32,
    /// Zero-based column, as the tool counts columns.
    pub column: u32,
    /// What it says about the place.
    pub message: String,
}

/// Reads the end of a log. Blocking.
///
/// # Errors
/// Where the log cannot be read.
pub fn excerpt(log: &Path, root: &Path) -> io::Result<Excerpt> {
    let mut file = private::open(log)?;
    let start = file.metadata()?.len().saturating_sub(WINDOW);
    let lines_before = count_lines(&mut file, start)?;
    file.seek(SeekFrom::Start(start))?;
    let mut end = Vec::new();
    file.take(WINDOW).read_to_end(&mut end)?;
    Ok(Excerpt::of(&String::from_utf8_lossy(&end), lines_before, root))
}

/// Counts line ends in the first `length` bytes.
fn count_lines(file: &mut File, length: u64) -> io::Result<u32> {
    let mut from_start = file.take(length);
    let mut buffer = vec![0; 64 * 1024];
    let mut lines = 0_usize;
    loop {
        let count = from_start.read(&mut buffer)?;
        if count == 0 {
            return Ok(u32::try_from(lines).unwrap_or(u32::MAX));
        }
        lines += buffer.get(..count).unwrap_or_default().iter().filter(|&&byte| byte == b'\n').count();
    }
}

impl Excerpt {
    fn of(text: &str, lines_before: u32, root: &Path) -> Self {
        let lines: Vec<String> = text.lines().map(shown).collect();
        let saying = |line: &&String| !line.trim().is_empty();
        let end = lines.len() - lines.iter().rev().take_while(|line| !saying(line)).count();
        let start = end.saturating_sub(LAST_LINES);
        let last_lines = lines.get(start..end).unwrap_or_default().iter().map(|line| safe::cut(line)).collect();
        let number = |line: usize| u32::try_from(line).unwrap_or(u32::MAX).saturating_add(lines_before);
        Self { last_lines, log_lines: (number(start), number(end)), places: places(&lines, root) }
    }
}

fn places(lines: &[String], root: &Path) -> Vec<Named> {
    let mut found: Vec<Named> = Vec::new();
    let mut before = "";
    for line in lines {
        if let Some(named) = spoken(line, before).and_then(|spoken| spoken.inside(root))
            && !found.iter().any(|known| (&known.path, known.line) == (&named.path, named.line))
        {
            found.push(named);
            if found.len() == MOST_PLACES {
                break;
            }
        }
        if !line.trim().is_empty() {
            before = line;
        }
    }
    found
}

/// A place as the output spells it: the path may be anything.
#[derive(Debug, PartialEq, Eq)]
struct Spoken<'a> {
    paths: Vec<&'a str>,
    line: u32,
    column: u32,
    message: String,
}

impl Spoken<'_> {
    /// The place, where one of its spellings is a file inside the workspace. Links that lead out are followed first:
    /// what a log names is data from outside.
    fn inside(self, root: &Path) -> Option<Named> {
        let canonical = |path: &&str| root.join(path).canonicalize().ok();
        let path = self.paths.iter().filter_map(canonical).find(|path| path.starts_with(root) && path.is_file())?;
        let zero_based = |number: u32| number.saturating_sub(1);
        Some(Named {
            path,
            line: zero_based(self.line),
            column: zero_based(self.column),
            message: safe::cut(&self.message),
        })
    }
}

/// The place that a line names. `before` is the line above: rustc writes its message there.
fn spoken<'a>(line: &'a str, before: &str) -> Option<Spoken<'a>> {
    let trimmed = line.trim();
    let levels = ["::error ", "::warning ", "::notice "];
    if let Some(rest) = levels.iter().find_map(|level| trimmed.strip_prefix(level)) {
        return annotation(rest);
    }
    if let Some(rest) = trimmed.strip_prefix("--> ") {
        let (path, line, column, _) = numbered(rest)?;
        return Some(Spoken { paths: vec![path], line, column, message: before.trim().to_string() });
    }
    if let Some(rest) = trimmed.strip_prefix("File \"") {
        let (path, rest) = rest.split_once("\", line ")?;
        let (line, _) = leading_number(rest)?;
        return Some(Spoken { paths: vec![path], line, column: 1, message: trimmed.to_string() });
    }
    let (path, line, column, message) = numbered(trimmed)?;
    // A path may have spaces; a remark may stand before one. The file system tells which it is.
    let last_word = path.rsplit([' ', '\t', '(', '"', '\'']).next().unwrap_or(path);
    Some(Spoken { paths: vec![path, last_word], line, column, message: message.to_string() })
}

/// GitHub's annotation: `file=src/a.rs,line=3,col=5::message`.
fn annotation(rest: &str) -> Option<Spoken<'_>> {
    let (properties, message) = rest.split_once("::")?;
    let property =
        |name: &str| properties.split(',').find_map(|property| property.trim().strip_prefix(name)?.strip_prefix('='));
    let number = |name: &str| property(name).and_then(|value| value.parse().ok());
    Some(Spoken {
        paths: vec![property("file")?],
        line: number("line").unwrap_or(1),
        column: number("col").unwrap_or(1),
        message: message.replace("%0A", " ").replace("%0D", "").replace("%25", "%"),
    })
}

/// `path:line:column: message`, the column and the message optional.
fn numbered(text: &str) -> Option<(&str, u32, u32, &str)> {
    let mut from = 0;
    while let Some(colon) = text.get(from..)?.find(':').map(|at| from + at) {
        let (path, rest) = (text.get(..colon)?, text.get(colon + 1..)?);
        if let Some((line, rest)) = leading_number(rest).filter(|_| !path.is_empty()) {
            let (column, rest) = rest.strip_prefix(':').and_then(leading_number).unwrap_or((1, rest));
            return Some((path, line, column, rest.trim_start_matches(':').trim()));
        }
        from = colon + 1;
    }
    None
}

fn leading_number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

/// A line without control sequences, and without what a carriage return overwrote; an agent's event in words.
fn shown(line: &str) -> String {
    let line = line.trim_end_matches('\r');
    if let Some(words) = readers::in_words(line) {
        return words;
    }
    safe::text(line.rsplit('\r').next().unwrap_or(line).as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn workspace() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("work");
        std::fs::create_dir_all(root.join("src/with space")).unwrap();
        for file in ["src/a.rs", "src/with space/b.py", "../outside.rs"] {
            std::fs::write(root.join(file), "x\n").unwrap();
        }
        std::os::unix::fs::symlink("../outside.rs", root.join("link.rs")).unwrap();
        (folder, root)
    }

    fn named(output: &str) -> Vec<(String, u32, u32, String)> {
        let (_folder, root) = workspace();
        let excerpt = Excerpt::of(output, 0, &root);
        let plain = |named: Named| {
            let path = named.path.strip_prefix(&root).unwrap().display().to_string();
            (path, named.line, named.column, named.message)
        };
        excerpt.places.into_iter().map(plain).collect()
    }

    #[test]
    fn each_spelling_of_a_place_is_understood() {
        let place = |path: &str, line, column, message: &str| (path.to_string(), line, column, message.to_string());
        assert_eq!(named("src/a.rs:3:5: unused"), [place("src/a.rs", 2, 4, "unused")]);
        assert_eq!(named("src/a.rs:3: unused"), [place("src/a.rs", 2, 0, "unused")]);
        assert_eq!(named("error[E1]: no\n  --> src/a.rs:7:1\n"), [place("src/a.rs", 6, 0, "error[E1]: no")]);
        assert_eq!(
            named("  File \"src/with space/b.py\", line 12, in f"),
            [place("src/with space/b.py", 11, 0, "File \"src/with space/b.py\", line 12, in f")]
        );
        assert_eq!(named("::error file=src/a.rs,line=4,col=2::100%25 wrong"), [place("src/a.rs", 3, 1, "100% wrong")]);
        assert_eq!(named("src/with space/b.py:1:1: x"), [place("src/with space/b.py", 0, 0, "x")]);
        assert_eq!(named("panicked at src/a.rs:9:3:"), [place("src/a.rs", 8, 2, "")]);
        assert_eq!(named("\u{1b}[31msrc/a.rs:3:5: red\u{1b}[0m"), [place("src/a.rs", 2, 4, "red")]);
    }

    #[test]
    fn only_files_inside_the_workspace_count() {
        assert_eq!(
            named("src/none.rs:1:1: x\n../outside.rs:1:1: x\n/etc/passwd:1:1: x\nlink.rs:1:1: x\n12:30:45: x"),
            []
        );
        assert_eq!(named("src:1:1: a folder"), []);
        assert_eq!(named("src/a.rs:1:1: x\nsrc/a.rs:1:9: again").len(), 1, "each line once");
    }

    #[test]
    fn the_last_lines_are_safe_to_show_and_counted_from_the_logs_start() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut text = "filler line\n".repeat(40_000);
        text.push_str("10 %\r100 %\r\n\u{1b}]0;title\u{7}\u{1b}[1mbold\u{1b}[0m\u{8}\n\n\n");
        std::fs::write(&log, &text).unwrap();
        let excerpt = excerpt(&log, folder.path()).unwrap();
        assert_eq!(excerpt.last_lines.len(), LAST_LINES);
        assert_eq!(excerpt.last_lines.last().unwrap(), "bold");
        assert_eq!(excerpt.last_lines.get(LAST_LINES - 2).unwrap(), "100 %");
        assert_eq!(excerpt.log_lines, (39_992, 40_002));
    }

    #[test]
    fn no_output_is_no_lines() {
        assert_eq!(Excerpt::of("", 0, Path::new("/")), Excerpt::default());
        assert_eq!(Excerpt::of("\n\n", 0, Path::new("/")).last_lines, Vec::<String>::new());
    }
}
