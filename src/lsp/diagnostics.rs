//! Diagnostics: the problems of `check` and the failures of last runs, published as the difference of two states.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tower_lsp::Client;
use tower_lsp::ls_types::{
    Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, Location, NumberOrString, Position, Range, Uri,
};

use super::convert::{Encoding, LineTable, uri_of, uri_of_log};
use super::runs::{LastAttempt, RunBook};
use crate::agent::safe;
use crate::plan::{PlannedTask, State};
use crate::run::Outcome;
use crate::task::{Code, Problem, RelPath, Severity};
use crate::workspace::Index;

/// Who says it.
const SOURCE: &str = "feature-build";
/// The code of a task whose last run did not pass.
const NOT_PASSED: &str = "task-not-passed";
/// The code of a task that passed after an attempt that did not.
const FLAKY: &str = "task-flaky";

/// What the diagnostics of a file are made of.
pub(super) struct Sources<'a> {
    /// The index.
    pub(super) index: &'a Index,
    /// The runs.
    pub(super) runs: &'a RunBook,
    /// The lines of a file, where they are at hand.
    pub(super) lines: &'a dyn Fn(&Path) -> Option<Arc<LineTable>>,
    /// The URI of a file of the workspace, as the editor spells it.
    pub(super) uri: &'a dyn Fn(&Path) -> Option<Uri>,
    /// Messages of unknown dependencies with the nearest known ids added, as far as they were looked for.
    pub(super) nearest: &'a HashMap<Box<str>, Box<str>>,
    /// What a column counts.
    pub(super) encoding: Encoding,
    /// The client makes texts of logs itself.
    pub(super) client_shows_logs: bool,
}

impl Sources<'_> {
    /// The diagnostics of a file; where lines of closed files are needed that are not at hand, which.
    pub(super) fn of_file(&self, file: &RelPath) -> Result<Vec<Diagnostic>, Vec<RelPath>> {
        let problems = self.index.problems(file);
        let failure = self.failure(file);
        if problems.is_empty() && failure.is_none() {
            return Ok(Vec::new());
        }
        let others = problems.iter().flat_map(|problem| &problem.related).map(|(place, _)| &place.file);
        let mut missing: Vec<RelPath> =
            others.chain([file]).filter(|file| (self.lines)(file).is_none()).cloned().collect();
        if !missing.is_empty() {
            missing.sort();
            missing.dedup();
            return Err(missing);
        }
        let Some(lines) = (self.lines)(file) else { return Err(vec![file.clone()]) };
        let of_problems = problems.iter().map(|problem| self.of_problem(problem, &lines));
        let of_failure = failure.map(|(task, ended)| self.of_failure(task, ended, &lines));
        Ok(of_problems.chain(of_failure).collect())
    }

    /// Has the file unknown dependencies whose nearest ids were not looked for yet?
    pub(super) fn wants_nearest_ids(&self, file: &Path) -> bool {
        let unknown = |problem: &Problem| problem.code == Code::UnknownDependency;
        self.index.problems(file).iter().any(|problem| unknown(problem) && !self.nearest.contains_key(&problem.message))
    }

    fn failure(&self, file: &Path) -> Option<(&PlannedTask, &LastAttempt)> {
        let feature = self.index.feature_of(file)?;
        let task = feature.waves.iter().flat_map(|wave| &wave.tasks).find(|task| *task.file == *file)?;
        // What somebody has given up failed for nobody.
        let ended = self.runs.ended(&task.id).filter(|_| task.state != State::Dropped)?;
        let ended = Some(ended).filter(|ended| ended.outcome.is_failure() || ended.flaky)?;
        Some((task, ended))
    }

    fn of_problem(&self, problem: &Problem, lines: &LineTable) -> Diagnostic {
        let related = problem.related.iter().filter_map(|(place, message)| {
            let range = (self.lines)(&place.file)?.range(place.span, self.encoding);
            let location = Location { uri: (self.uri)(&place.file)?, range };
            Some(DiagnosticRelatedInformation { location, message: safe::text(message.as_bytes()) })
        });
        Diagnostic {
            range: lines.range(problem.span, self.encoding),
            severity: Some(match problem.severity {
                Severity::Error => DiagnosticSeverity::ERROR,
                Severity::Warning => DiagnosticSeverity::WARNING,
                Severity::Information => DiagnosticSeverity::INFORMATION,
            }),
            code: Some(NumberOrString::String(problem.code.as_str().into())),
            source: Some(SOURCE.into()),
            // A message quotes the file: its control characters must not reach the editor.
            message: safe::text(self.nearest.get(&problem.message).unwrap_or(&problem.message).as_bytes()),
            related_information: some(related.collect()),
            ..Diagnostic::default()
        }
    }

    fn of_failure(&self, task: &PlannedTask, ended: &LastAttempt, lines: &LineTable) -> Diagnostic {
        if ended.outcome == Outcome::Passed {
            return self.of_flaky(task, lines);
        }
        Diagnostic {
            range: lines.range(task.id_span(), self.encoding),
            severity: Some(DiagnosticSeverity::ERROR),
            code: Some(NumberOrString::String(NOT_PASSED.into())),
            source: Some(SOURCE.into()),
            message: safe::text(failure_message(&task.id, ended).as_bytes()),
            related_information: some(failure_places(ended, self.client_shows_logs)),
            ..Diagnostic::default()
        }
    }
}

impl Sources<'_> {
    /// A hint: nothing has to be done, but whoever reads the task may want to know.
    fn of_flaky(&self, task: &PlannedTask, lines: &LineTable) -> Diagnostic {
        Diagnostic {
            range: lines.range(task.id_span(), self.encoding),
            severity: Some(DiagnosticSeverity::HINT),
            code: Some(NumberOrString::String(FLAKY.into())),
            source: Some(SOURCE.into()),
            message: format!("{} is flaky: it passed after an attempt that did not", task.id),
            ..Diagnostic::default()
        }
    }
}

/// The cause, where the output names one; the outcome, with the reason where the exit code does not say it; the last lines of
/// the output.
fn failure_message(task: &str, ended: &LastAttempt) -> String {
    let mut outcome = format!("{task} {}", ended.words());
    // A reason that says nothing but the outcome once more is none.
    let reason = ended.reason.as_ref().filter(|reason| *reason != ended.outcome.as_str());
    if let Some(reason) = reason.filter(|_| ended.exit_code.is_none()) {
        outcome.push_str(": ");
        outcome.push_str(reason);
    }
    let excerpt = ended.excerpt.as_deref();
    let cause = excerpt.and_then(|excerpt| excerpt.cause.clone());
    let rest = excerpt.into_iter().flat_map(|excerpt| &excerpt.last_lines).cloned();
    cause.into_iter().chain([outcome]).chain(rest).collect::<Vec<_>>().join("\n")
}

/// The end of the log, then every place in the workspace that it names.
fn failure_places(ended: &LastAttempt, client_shows_logs: bool) -> Vec<DiagnosticRelatedInformation> {
    let (Some(log), Some(excerpt)) = (&ended.log, &ended.excerpt) else { return Vec::new() };
    let (first, behind) = excerpt.log_lines;
    let at = |line, character| Position { line, character };
    let end_of_log = Range { start: at(first, 0), end: at(behind, 0) };
    let named = excerpt.places.iter().map(|place| {
        // Tools do not say what their columns count: a range without width claims no more than the place.
        let start = at(place.line, place.column.unwrap_or_default());
        let message = if place.message.is_empty() { "named in the output" } else { &place.message };
        (uri_of(&place.path), Range { start, end: start }, message)
    });
    let all = [(uri_of_log(log, client_shows_logs), end_of_log, "the end of its log")].into_iter().chain(named);
    let information = |(uri, range, message): (Option<Uri>, Range, &str)| {
        let location = Location { uri: uri?, range };
        Some(DiagnosticRelatedInformation { location, message: safe::text(message.as_bytes()) })
    };
    all.filter_map(information).collect()
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// The diagnostics of one text, with the number of the text where it is open.
type Published = (Vec<Diagnostic>, Option<i32>);

/// What waits to be published: one entry a file, the newest, so that an editor that does not read costs no memory.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: Mutex<BTreeMap<Uri, Published>>,
    filled: Notify,
}

impl Outbox {
    /// Puts a file's diagnostics in place of those that wait.
    pub(super) fn put(&self, uri: Uri, diagnostics: Vec<Diagnostic>, version: Option<i32>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert(uri, (diagnostics, version));
        drop(waiting);
        self.filled.notify_one();
    }

    /// Publishes what waits, for as long as the server lives.
    pub(super) async fn publish(&self, client: &Client) {
        loop {
            let next = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_first();
            match next {
                Some((uri, (diagnostics, version))) => client.publish_diagnostics(uri, diagnostics, version).await,
                None => self.filled.notified().await,
            }
        }
    }
}
