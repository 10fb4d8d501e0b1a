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
/// How far below a frame of a traceback its end is looked for.
const FURTHEST: usize = 200;
/// How many places are told: more would bury the log itself.
const MOST_PLACES: usize = 20;

/// What stands in a log before the output of a command that verifies the work; behind it stands the command.
pub const VERIFY_HEADER: &str = "[feature-build: verify: ";

/// The end of a log, made safe to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// Why the task failed, by its output: `src/cart.rs:7:16 cannot find type u3`; where no place is named, the first line
    /// that speaks of an error.
    pub cause: Option<String>,
    /// The last lines that say something else, without control sequences; those that only tell of progress where there are
    /// no others.
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
    /// Zero-based column, as the tool counts columns; `None` where it says none.
    pub column: Option<u32>,
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

/// How many lines a log has. Blocking.
///
/// # Errors
/// Where the log cannot be read.
pub fn line_count(log: &Path) -> io::Result<u32> {
    count_lines(&mut private::open(log)?, u64::MAX)
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
        let places = places(&lines, root);
        let cause = Cause::find(&lines, &places);
        let said = |at: &usize| lines.get(*at).is_some_and(|line| !line.trim().is_empty());
        let tells = |at: &usize| {
            let is_cause = cause.as_ref().is_some_and(|cause| cause.line == *at && cause.is_all_of_it);
            said(at) && !is_cause && !lines.get(*at).is_some_and(|line| is_progress(line))
        };
        let last = |tells: &dyn Fn(&usize) -> bool| {
            let mut last: Vec<usize> = (0..lines.len()).rev().filter(tells).take(LAST_LINES).collect();
            last.reverse();
            last
        };
        let mut shown = last(&tells);
        if shown.is_empty() && cause.is_none() {
            shown = last(&said);
        }
        let number = |line: usize| u32::try_from(line).unwrap_or(u32::MAX).saturating_add(lines_before);
        let end = (0..lines.len()).rfind(said).map_or(0, |last| last + 1);
        let first = shown.first().copied().or(cause.as_ref().map(|cause| cause.line)).unwrap_or(end);
        Self {
            cause: cause.map(|cause| cause.text(root)),
            last_lines: shown.into_iter().filter_map(|at| lines.get(at)).map(|line| safe::cut(line)).collect(),
            log_lines: (number(first), number(end)),
            places: places.into_iter().map(|found| found.named).collect(),
        }
    }
}

/// A place, and the line that names it.
struct Found {
    line: usize,
    named: Named,
}

fn places(lines: &[String], root: &Path) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut before = "";
    for (at, line) in lines.iter().enumerate() {
        let after = lines.get(at + 1..).unwrap_or_default();
        if let Some(named) = spoken(line, before, after).and_then(|spoken| spoken.inside(root))
            && !found.iter().any(|Found { named: known, .. }| (&known.path, known.line) == (&named.path, named.line))
        {
            found.push(Found { line: at, named });
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

/// What went wrong, by the output.
struct Cause<'a> {
    line: usize,
    /// The line says nothing else.
    is_all_of_it: bool,
    what: What<'a>,
}

enum What<'a> {
    Place(&'a Named),
    Line(&'a str),
}

/// How likely what an output says of a place is the cause of a failure; the likeliest first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// It speaks of an error.
    Error,
    /// It begins with the place, as tools write what they find.
    Finding,
    /// It names the place among other words.
    Mention,
    /// A warning, a note.
    Remark,
}

impl<'a> Cause<'a> {
    fn find(lines: &'a [String], places: &'a [Found]) -> Option<Self> {
        // What verifies the work decides: what an agent met before, it may have mended.
        let decisive = lines.iter().rposition(|line| line.starts_with(VERIFY_HEADER)).map_or(0, |at| at + 1);
        let part = lines.get(decisive..).unwrap_or_default();
        let places: Vec<&Found> = places.iter().filter(|found| found.line >= decisive).collect();
        let error = || Self::line(lines, decisive + part.iter().position(|line| speaks_of_an_error(line))?);
        let place = |most: Rank| Self::place(lines, &places, &most);
        place(Rank::Finding).or_else(error).or_else(|| place(Rank::Mention))
    }

    fn line(lines: &'a [String], line: usize) -> Option<Self> {
        Some(Self { line, is_all_of_it: true, what: What::Line(lines.get(line)?) })
    }

    fn place(lines: &'a [String], places: &[&'a Found], most: &Rank) -> Option<Self> {
        let line_of = |found: &Found| lines.get(found.line).map_or("", |line| line.trim());
        let ranked = places.iter().enumerate().map(|(at, found)| (Rank::of(line_of(found), &found.named), at));
        let (_, mut at) = ranked.min().filter(|(rank, _)| rank <= most)?;
        // Of a traceback's frames the last one is where it happened.
        let is_frame = |found: &Found| line_of(found).starts_with("File \"");
        while let (Some(here), Some(next)) = (places.get(at), places.get(at + 1))
            && is_frame(here)
            && is_frame(next)
            && here.named.message == next.named.message
        {
            at += 1;
        }
        let found = *places.get(at)?;
        let message = &found.named.message;
        let is_all_of_it = !message.is_empty() && line_of(found).ends_with(message.as_str());
        Some(Self { line: found.line, is_all_of_it, what: What::Place(&found.named) })
    }

    fn text(&self, root: &Path) -> String {
        match self.what {
            What::Line(line) => safe::cut(line.trim()),
            What::Place(named) => named.text(root),
        }
    }
}

impl Named {
    /// `src/cart.rs:7:16 cannot find type u3`: relative to the workspace, one-based as tools write it.
    pub fn text(&self, root: &Path) -> String {
        let path = self.path.strip_prefix(root).unwrap_or(&self.path).display();
        let column = self.column.map(|column| format!(":{}", column.saturating_add(1))).unwrap_or_default();
        let text = format!("{path}:{}{column} {}", self.line + 1, without_level(&self.message));
        safe::line(text.as_bytes())
    }
}

impl Rank {
    fn of(line: &str, named: &Named) -> Self {
        let begins = |text: &str, words: &[&str]| {
            let text = text.trim_start_matches("::").to_lowercase();
            words.iter().any(|word| text.starts_with(word))
        };
        let remarks = ["warning", "note", "help", "info", "hint"];
        if begins(&named.message, &remarks) || begins(line, &["::warning", "::notice", "warning", "note", "help"]) {
            Self::Remark
        } else if speaks_of_an_error(&named.message) || speaks_of_an_error(line) {
            Self::Error
        } else if line.split(':').next().is_some_and(|path| named.path.ends_with(path)) {
            Self::Finding
        } else {
            Self::Mention
        }
    }
}

/// Does it say that something went wrong?
fn speaks_of_an_error(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    // A count of them that is none: `Errors: 0`.
    if text.rsplit_once(' ').is_some_and(|(_, count)| count == "0") {
        return false;
    }
    // A word alone, as a mark, or with what is wrong behind it; not `Error handling is in place now.`
    let marks =
        ["error", "errors", "fatal", "fatal error", "panic", "exception", "failed", "failure", "failures", "fail"];
    let is_marked = |mark: &&str| {
        let behind = text.strip_prefix(*mark);
        behind.is_some_and(|behind| behind.is_empty() || behind.starts_with([':', '[', '(', '!']))
    };
    if marks.iter().any(is_marked) {
        return true;
    }
    // `FAILED tests/test_cart.py::test_total - assert 3 == 4`, `FAIL src/cart.test.ts`.
    let named = text.strip_prefix("failed ").or_else(|| text.strip_prefix("fail "));
    if named.and_then(|rest| rest.split(' ').next()).is_some_and(|name| name.contains(['/', ':'])) {
        return true;
    }
    let begins = ["failed to ", "panicked", "error ts", "cannot ", "expected ", "::error"];
    // `ValueError: ...`, `thread 'main' panicked at ...`, `x.c:3:5: error: ...`.
    let holds = ["error: ", "error[", "error ts", "exception: ", " panicked at", "assertionerror"];
    begins.iter().any(|word| text.starts_with(word)) || holds.iter().any(|word| text.contains(word))
}

/// A message without `error[E0412]: ` before it: that it is one is said already.
fn without_level(message: &str) -> &str {
    let Some((level, rest)) = message.split_once(": ") else { return message };
    let name = level.split('[').next().unwrap_or(level);
    let is_level = ["error", "fatal error", "fatal"].contains(&name.to_lowercase().as_str());
    if is_level { rest } else { message }
}

/// Does a line only tell that something goes on?
fn is_progress(line: &str) -> bool {
    const DOES: [&str; 19] = [
        "compiling",
        "checking",
        "building",
        "downloading",
        "downloaded",
        "fetching",
        "updating",
        "locking",
        "resolving",
        "installing",
        "unpacking",
        "linking",
        "collecting",
        "blocking",
        "finished",
        "running",
        "fresh",
        "adding",
        "reading",
    ];
    let text = line.trim();
    let first = text.split([' ', ':', '.', '\u{2026}']).next().unwrap_or_default().to_lowercase();
    if DOES.contains(&first.as_str()) {
        return true;
    }
    let is_part_of_a_bar = |char: char| {
        char.is_ascii_digit()
            || char.is_whitespace()
            || "[](){}<>|/%.,:-=#*_\u{2026}".contains(char)
            || ('\u{2500}'..='\u{259f}').contains(&char)
            || ('\u{2800}'..='\u{28ff}').contains(&char)
    };
    let is_spun = text.starts_with(|char| ('\u{2800}'..='\u{28ff}').contains(&char));
    let percents = text.trim_start_matches(|char: char| char.is_ascii_digit() || char == '[' || char == ' ');
    let is_percentage = percents.len() < text.len() && percents.starts_with('%');
    is_spun || is_percentage || text.chars().all(is_part_of_a_bar)
}

/// A place as the output spells it: the path may be anything.
#[derive(Debug, PartialEq, Eq)]
struct Spoken<'a> {
    paths: Vec<&'a str>,
    line: u32,
    column: Option<u32>,
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
            column: self.column.map(zero_based),
            message: safe::cut(&self.message),
        })
    }
}

/// The place that a line names. `before` is the line above: rustc writes its message there. `after` are those below: there
/// stand the message of a panic, and what a traceback ends with.
fn spoken<'a>(line: &'a str, before: &str, after: &[String]) -> Option<Spoken<'a>> {
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
        let is_exception = |line: &&String| !line.is_empty() && !line.starts_with(' ');
        let message = after.iter().take(FURTHEST).find(is_exception).map_or(trimmed, |line| line.trim());
        return Some(Spoken { paths: vec![path], line, column: None, message: message.to_string() });
    }
    let (path, line, column, message) = numbered(trimmed)?;
    let message = match message.trim_matches([')', ',']) {
        "" if trimmed.ends_with(':') => after.first().map_or("", |line| line.trim()),
        // A frame of a stack: what happened stands above it.
        "" if trimmed.starts_with("at ") => before.trim(),
        _ => message,
    };
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
        column: number("col"),
        message: message.replace("%0A", " ").replace("%0D", "").replace("%25", "%"),
    })
}

/// `path:line:column: message`, the column and the message optional.
fn numbered(text: &str) -> Option<(&str, u32, Option<u32>, &str)> {
    if let Some(found) = in_brackets(text) {
        return Some(found);
    }
    let mut from = 0;
    while let Some(colon) = text.get(from..)?.find(':').map(|at| from + at) {
        let (path, rest) = (text.get(..colon)?, text.get(colon + 1..)?);
        if let Some((line, rest)) = leading_number(rest).filter(|_| !path.is_empty()) {
            let column = rest.strip_prefix(':').and_then(leading_number);
            let (column, rest) = column.map_or((None, rest), |(column, rest)| (Some(column), rest));
            return Some((path, line, column, rest.trim_start_matches(':').trim()));
        }
        from = colon + 1;
    }
    None
}

/// `path(line,column): message`, as the TypeScript compiler writes it.
fn in_brackets(text: &str) -> Option<(&str, u32, Option<u32>, &str)> {
    let (path, rest) = text.split_once('(').filter(|(path, _)| !path.is_empty() && !path.contains(' '))?;
    let (line, rest) = leading_number(rest)?;
    let (column, rest) = leading_number(rest.strip_prefix(',')?)?;
    Some((path, line, Some(column), rest.strip_prefix("): ")?.trim()))
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

    fn named(output: &str) -> Vec<(String, u32, Option<u32>, String)> {
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
        assert_eq!(named("src/a.rs:3:5: unused"), [place("src/a.rs", 2, Some(4), "unused")]);
        assert_eq!(named("src/a.rs:3: unused"), [place("src/a.rs", 2, None, "unused")]);
        assert_eq!(named("error[E1]: no\n  --> src/a.rs:7:1\n"), [place("src/a.rs", 6, Some(0), "error[E1]: no")]);
        assert_eq!(
            named("  File \"src/with space/b.py\", line 12, in f"),
            [place("src/with space/b.py", 11, None, "File \"src/with space/b.py\", line 12, in f")]
        );
        assert_eq!(
            named("::error file=src/a.rs,line=4,col=2::100%25 wrong"),
            [place("src/a.rs", 3, Some(1), "100% wrong")]
        );
        assert_eq!(named("src/with space/b.py:1:1: x"), [place("src/with space/b.py", 0, Some(0), "x")]);
        assert_eq!(named("panicked at src/a.rs:9:3:"), [place("src/a.rs", 8, Some(2), "")]);
        assert_eq!(named("\u{1b}[31msrc/a.rs:3:5: red\u{1b}[0m"), [place("src/a.rs", 2, Some(4), "red")]);
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
        assert_eq!(excerpt.last_lines.get(LAST_LINES - 2).unwrap(), "filler line", "a percentage is progress");
        assert_eq!(excerpt.log_lines, (39_991, 40_002));
    }

    fn told(output: &str) -> (String, Vec<String>) {
        let (_folder, root) = workspace();
        let excerpt = Excerpt::of(output, 0, &root);
        (excerpt.cause.unwrap_or_default(), excerpt.last_lines)
    }

    #[test]
    fn the_cause_is_the_place_and_the_message_that_the_output_names() {
        let cargo = "   Compiling a v0.1.0\nwarning: unused import\n --> src/a.rs:1:5\n\nerror[E0412]: cannot find type `u3`\n \
                     --> src/a.rs:7:16\n  |\nerror: could not compile `a`\n";
        assert_eq!(told(cargo).0, "src/a.rs:7:16 cannot find type `u3`");
        assert_eq!(
            told("compiling\nsrc/a.rs:2:5: this is wrong\nthe end"),
            ("src/a.rs:2:5 this is wrong".into(), vec!["the end".into()])
        );
        assert_eq!(told("src/a.rs:2: error: bad\n").0, "src/a.rs:2 bad", "no column is made up");
        assert_eq!(told("src/a.rs:2:1: error: bad\n").0, "src/a.rs:2:1 bad", "the first one is one");
        assert_eq!(
            told("src/a.rs(3,7): error TS2304: Cannot find name 'x'.").0,
            "src/a.rs:3:7 error TS2304: Cannot find name 'x'."
        );
        let panic =
            "thread 'a' panicked at src/a.rs:9:3:\nassertion failed: one == two\nnote: run with RUST_BACKTRACE=1\n";
        assert_eq!(told(panic).0, "src/a.rs:9:3 assertion failed: one == two");
        let traceback = "Traceback (most recent call last):\n  File \"src/a.rs\", line 3, in main\n    f()\n  \
                         File \"src/with space/b.py\", line 12, in f\n    g()\nValueError: no such thing\n";
        assert_eq!(told(traceback).0, "src/with space/b.py:12 ValueError: no such thing");
        let stack = "TypeError: x is not a function\n    at Object.<anonymous> (src/a.rs:3:5)\n";
        assert_eq!(told(stack).0, "src/a.rs:3:5 TypeError: x is not a function");
    }

    #[test]
    fn what_verifies_the_work_decides_over_what_came_before() {
        let mended = format!(
            "src/a.rs:1:2: error: mended since\n{VERIFY_HEADER}cargo test]\nsrc/a.rs:5:6: error: still wrong\n"
        );
        assert_eq!(told(&mended).0, "src/a.rs:5:6 still wrong");
        let silent = format!("src/a.rs:1:2: error: mended since\n{VERIFY_HEADER}true]\nERROR: coverage is too low\n");
        assert_eq!(told(&silent).0, "ERROR: coverage is too low");
        let nothing = format!("error: I mended this\n{VERIFY_HEADER}lint]\nlint: 2 problems\n");
        assert_eq!(told(&nothing).0, "", "what the agent met before is none");
    }

    #[test]
    fn without_a_place_the_first_line_that_speaks_of_an_error_is_the_cause() {
        assert_eq!(told("Reading\nError: no credit left\nbye\n"), ("Error: no credit left".into(), vec!["bye".into()]));
        assert_eq!(
            told("looked at src/a.rs:3\nfatal: not a repository").0,
            "fatal: not a repository",
            "a mention is no cause"
        );
        assert_eq!(told("warning: unused\n --> src/a.rs:3:1\n").0, "", "nor is a warning");
        assert_eq!(told("all is well\n"), (String::new(), vec!["all is well".into()]));
        for harmless in [
            "Errors: 0",
            "failures: 0",
            "Error handling for the cart is in place now.",
            "Failed tests were mended by me, all is green now.",
        ] {
            assert_eq!(told(&format!("{harmless}\nError: no credit left\n")).0, "Error: no credit left", "{harmless}");
        }
        for cause in [
            "FAILED tests/test_cart.py::test_total - assert 3 == 4",
            "FAIL src/cart.test.ts",
            "Failed: 3 of 4",
            "panic: x",
        ] {
            assert_eq!(told(&format!("Reading\n{cause}\n")).0, cause);
        }
    }

    #[test]
    fn progress_is_told_only_where_there_is_nothing_else() {
        let progress = "   Compiling a v0.1.0\n 45% |####    | 3/7\n[=====>   ] 12/40\n\u{2819} working\n....\n";
        assert_eq!(told(&format!("{progress}it broke\n{progress}")).1, ["it broke"]);
        assert_eq!(told(progress).1.len(), 5);
    }

    #[test]
    fn no_output_is_no_lines() {
        assert_eq!(Excerpt::of("", 0, Path::new("/")), Excerpt::default());
        assert_eq!(Excerpt::of("\n\n", 0, Path::new("/")).last_lines, Vec::<String>::new());
    }
}
