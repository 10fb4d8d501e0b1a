//! What an agent's output means: what it does now, what it used, which session, how it ended.
//!
//! Pure: bytes in, in any pieces, a [`Reading`] out. Total: a line that is unknown, broken or too long changes nothing.
//! The bytes themselves are kept in the log by others.

mod claude;
mod codex;
mod copilot;
mod gemini;
mod guardkit;
mod last_line;
mod line;
mod opencode;
mod terminal;
#[cfg(test)]
mod tests;

use serde_json::Value;

use super::limits::{RateLimit, rate_limit, rate_limit_in_text};
use super::safe;
use super::told::{Told, Usage};
use crate::task::boundary_behind;
use crate::workspace::Format;
use last_line::LastLine;
use line::Lines;
use terminal::Terminal;

/// How much is kept of what an agent says in pieces: its last line decides whether it is blocked.
const SPEECH: usize = 4 << 10;

/// What the output has told so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// Tokens, cost, model and session.
    pub told: Told,
    /// How the agent itself says that it ended.
    pub verdict: Option<Verdict>,
    /// Its quota is used up.
    pub limited: Option<RateLimit>,
    /// How much is done, in percent, where the program tells a terminal (OSC 9;4).
    pub percent: Option<u8>,
    /// What the agent does now, by its newest event, safe to show.
    now: Option<String>,
    /// The turn that it is in, from 1; 0 before.
    turn: u32,
    /// By what the agent tells its turns apart.
    turn_name: Option<String>,
    /// The last line of what it said last.
    last_words: String,
    /// The end of what it is saying, where that comes in pieces.
    speech: String,
}

/// How an agent says that it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The work is done.
    Done,
    /// It is not, and why.
    Failed(String),
    /// It cannot go on without somebody, and why.
    Blocked(String),
}

/// Reads one output.
#[derive(Debug)]
pub struct Reader {
    format: Format,
    lines: Lines,
    terminal: Terminal,
    /// What came as text for people since the newest event.
    text: LastLine,
    reading: Reading,
}

impl Reader {
    /// A reader that has seen nothing.
    pub fn new(format: Format) -> Self {
        let (lines, terminal) = (Lines::default(), Terminal::default());
        Self { format, lines, terminal, text: LastLine::default(), reading: Reading::default() }
    }

    /// Takes in what came.
    pub fn feed(&mut self, bytes: &[u8]) {
        if let Some(percent) = self.terminal.feed(bytes) {
            self.reading.percent = percent;
        }
        let Some(read) = event_reader(self.format) else {
            if self.format == Format::Guardkit {
                self.lines.feed(bytes, |line| guardkit::read(line, &mut self.reading));
            }
            // Text is not looked at before somebody asks: a flood of it must cost no more than its copy into the log.
            return self.text.feed(bytes);
        };
        let (text, reading) = (&mut self.text, &mut self.reading);
        self.lines.feed(bytes, |line| take(line, read, text, reading));
    }

    /// Nothing more comes: a last line without an end counts too.
    pub fn finish(&mut self) {
        let (text, reading) = (&mut self.text, &mut self.reading);
        match (event_reader(self.format), self.format) {
            (Some(read), _) => self.lines.finish(|line| take(line, read, text, reading)),
            (None, Format::Guardkit) => self.lines.finish(|line| guardkit::read(line, reading)),
            // What went wrong stands at the end of a text; looking at all of it would cost a flood too much.
            (None, _) => {
                reading.limited = text.lines().find_map(|line| rate_limit_in_text(&line));
                reading.verdict = text.shown().filter(|last| is_blocked(last)).map(Verdict::Blocked);
            }
        }
    }

    /// What the output has told so far.
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// What to show as progress, safe to show.
    pub fn progress(&self) -> Option<String> {
        let now = match self.format {
            Format::Guardkit => self.reading.now.clone().or_else(|| self.text.shown()),
            _ => self.text.shown().or_else(|| self.reading.now.clone()),
        };
        match (self.reading.percent, now) {
            (Some(percent), Some(now)) => Some(safe::cut(&format!("{percent} % · {now}"))),
            (Some(percent), None) => Some(format!("{percent} %")),
            (None, now) => now,
        }
    }
}

type ReadEvent = fn(&Value, &mut Reading);

fn event_reader(format: Format) -> Option<ReadEvent> {
    match format {
        Format::Text | Format::Guardkit => None,
        Format::ClaudeStreamJson => Some(claude::read),
        Format::CodexJson => Some(codex::read),
        Format::OpencodeJson => Some(opencode::read),
        Format::GeminiStreamJson => Some(gemini::read),
        Format::CopilotJson => Some(copilot::read),
    }
}

/// A line that is no event is for people: programs in front of an agent, and its own errors, write such lines.
fn take(line: &[u8], read: ReadEvent, text: &mut LastLine, reading: &mut Reading) {
    match event(line) {
        Some(event) => {
            text.clear();
            read(&event, reading);
        }
        None => {
            text.feed(line);
            text.feed(b"\n");
        }
    }
}

/// What a line of a log says to a person: an agent's event in words, any other line as it is.
pub(super) fn in_words(line: &str) -> Option<String> {
    let event = event(line.as_bytes())?;
    for read in [claude::read as ReadEvent, codex::read, opencode::read, gemini::read, copilot::read] {
        let mut reading = Reading::default();
        read(&event, &mut reading);
        match (reading.verdict.take(), reading.now.take()) {
            (Some(Verdict::Failed(words) | Verdict::Blocked(words)), _) | (_, Some(words)) => return Some(words),
            _ => {}
        }
    }
    None
}

impl Reading {
    fn says(&mut self, words: &str) {
        let shown = safe::line(words.as_bytes());
        if !shown.is_empty() {
            self.now = Some(if self.turn > 1 { safe::cut(&format!("turn {}: {shown}", self.turn)) } else { shown });
        }
    }

    /// The agent uses a tool: `Edit src/a.rs`.
    fn uses(&mut self, tool: &str, on: Option<&str>) {
        self.speech.clear();
        let on = on.map(|on| on.lines().next().unwrap_or_default()).unwrap_or_default();
        self.says(format!("{tool} {on}").trim_end());
    }

    /// A session goes back to the agent as an argument: only what is plainly a name, and never an option.
    fn in_session(&mut self, id: Option<&str>) {
        let is_name = |id: &&str| {
            let plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
            !id.is_empty() && id.len() <= 128 && !id.starts_with('-') && id.chars().all(plain)
        };
        if let Some(id) = id.filter(is_name) {
            self.told.session = Some(id.to_owned());
        }
    }

    fn with_model(&mut self, model: Option<&str>) {
        // An agent that answers itself, for want of a model, says `<synthetic>`.
        if let Some(model) = model.filter(|model| !model.is_empty() && !model.starts_with('<')) {
            self.told.model = Some(safe::line(model.as_bytes()));
        }
    }

    fn failed(&mut self, words: &str) {
        let words = safe::line(words.as_bytes());
        self.verdict = Some(if is_blocked(&words) { Verdict::Blocked(words) } else { Verdict::Failed(words) });
    }

    /// A further turn, where the name is another one.
    fn turns(&mut self, name: Option<&str>) -> bool {
        if name.is_some() && name == self.turn_name.as_deref() {
            return false;
        }
        self.turn += 1;
        self.turn_name = name.map(safe::cut);
        true
    }

    /// The agent says something to its user.
    fn speaks(&mut self, words: &str) {
        let last = words.lines().map(str::trim).rfind(|line| !line.is_empty());
        if let Some(last) = last {
            self.last_words = safe::line(last.as_bytes());
        }
        if let Some(first) = words.lines().map(str::trim).find(|line| !line.is_empty()) {
            self.says(first);
        }
    }

    /// The agent goes on with what it is saying: a word, or half of one.
    fn speaks_on(&mut self, piece: &str) {
        self.speech.push_str(piece);
        let too_much = self.speech.len().saturating_sub(SPEECH);
        self.speech.drain(..boundary_behind(&self.speech, too_much));
        let last = self.speech.lines().map(str::trim).rfind(|line| !line.is_empty());
        if let Some(last) = last.map(|line| safe::line(line.as_bytes())) {
            self.says(&last);
            self.last_words = last;
        }
    }

    /// The agent ends well, by its own account. One whose last words are that it could not has not done the task,
    /// whatever its exit code says.
    fn ends(&mut self) {
        let last = self.last_words.clone();
        self.verdict = Some(if is_blocked(&last) { Verdict::Blocked(last) } else { Verdict::Done });
    }

    fn spends(&mut self, usage: Usage) {
        self.told.usage = Some(self.told.usage.unwrap_or_default().plus(usage));
    }
}

/// `BLOCKED`, `Status: blocked`, `**Blocked:** why`: the word itself begins the line, perhaps behind a label.
fn is_blocked(line: &str) -> bool {
    let line = line.trim_start_matches(['*', '#', '_', '`', '>', '-', ' ']);
    let labels = ["status:", "result:", "verdict:", "outcome:"];
    let lower = line.to_ascii_lowercase();
    let rest = labels.iter().find_map(|label| lower.strip_prefix(label)).unwrap_or(&lower);
    let rest = rest.trim_start_matches(['*', '_', '`', ' ']);
    let Some(behind) = rest.strip_prefix("blocked") else { return false };
    let behind = behind.trim_start_matches(['*', '_', '`']);
    behind.is_empty() || behind.starts_with([':', '.', '!', ' ']) && !behind.starts_with(" by default")
}

/// An agent's event: an object, on a line of its own.
fn event(line: &[u8]) -> Option<Value> {
    let line = line.trim_ascii();
    (line.first() == Some(&b'{')).then(|| serde_json::from_slice(line).ok()).flatten()
}

/// A text of an event, by the keys that lead to it.
fn text<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    at(value, path)?.as_str()
}

fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

fn number(value: &Value, path: &[&str]) -> u64 {
    at(value, path).and_then(Value::as_u64).unwrap_or_default()
}

/// An amount of money: finite and not negative, whatever the event says.
fn money(value: &Value, path: &[&str]) -> Option<f64> {
    at(value, path)?.as_f64().filter(|amount| amount.is_finite() && *amount >= 0.0)
}

/// What a tool works on, under the names that tools give it.
fn object_of(input: &Value) -> Option<&str> {
    let names = ["file_path", "filePath", "path", "notebook_path", "command", "pattern", "query", "url", "description"];
    names.iter().find_map(|name| input.get(name)?.as_str())
}
