//! `feature-build check`.

use std::cell::LazyCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use line_index::{LineIndex, TextSize, WideEncoding};

use super::format::{self, Format, Position, ProblemFormat, Range, slashed};
use super::terminal::{Look, Paint, print_json, shown};
use super::words::count;
use super::{Context, NOT_PASSED, print};
use crate::agent::{self, CONFIG_FILE, Missing, safe};
use crate::task::{Code, Problem, RelPath, Severity, Span};
use crate::workspace::{FileProblems, Index};

/// Check all task files and report problems. Exits with 1 where one of them is an error.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build check\n  feature-build check tasks/backlog --format github")]
pub(super) struct Args {
    /// Report only on these files and folders.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Also what concerns only tasks that are done or dropped.
    #[arg(long)]
    all: bool,
    /// How to print the problems.
    #[arg(long, value_enum, default_value_t)]
    format: ProblemFormat,
}

pub(super) fn main(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    let index = context.index()?;
    let wanted = Wanted::new(context, &index, &args.paths)?;
    let mut texts = Texts { index: &index, lines: HashMap::new() };
    let mut problems = Vec::new();
    let known = LazyCell::new(|| index.known_ids());
    for FileProblems { file, problems: mut found } in index.all_problems().into_iter().chain(index.left_out()) {
        if wanted.includes(&file) {
            for problem in &mut found {
                if let Some(unknown) = index.unknown_id(&file, problem) {
                    problem.message = known.complete(&unknown);
                }
            }
            problems.extend(found.iter().map(|problem| located(&mut texts, &file, problem)));
        }
    }
    if wanted.includes(Path::new(CONFIG_FILE)) {
        let config_file: RelPath = Path::new(CONFIG_FILE).into();
        problems.extend(missing_programs(&index).iter().map(|problem| located(&mut texts, &config_file, problem)));
    }
    let found = problems.len();
    problems.retain(|problem| args.all || problem.severity != Severity::Information);
    let hidden = found - problems.len();
    let has_error = problems.iter().any(|problem| problem.severity == Severity::Error);
    match args.format {
        ProblemFormat::As(Format::Text) => print(&text(&problems, hidden, Paint::of_stdout()))?,
        ProblemFormat::As(Format::Json) => drop(print_json(&format::Check { problems })?),
        ProblemFormat::Github => print(&github(&problems))?,
    }
    Ok(if has_error { ExitCode::from(NOT_PASSED) } else { ExitCode::SUCCESS })
}

/// The programs that a run would not find, each where the configuration names it first.
fn missing_programs(index: &Index) -> Vec<Problem> {
    let text = index.text(Path::new(CONFIG_FILE)).unwrap_or_default();
    let place = |program: &str| {
        let start = text.find(program)?;
        Some(Span::new(start, start + program.len()))
    };
    let problem = |missing: Missing| Problem {
        code: Code::MissingProgram,
        severity: Severity::Warning,
        message: missing.to_string().into(),
        span: place(&missing.program).unwrap_or_default(),
        related: Vec::new(),
    };
    agent::missing(index.config(), index.root()).into_iter().map(problem).collect()
}

/// The files that are asked about.
struct Wanted {
    /// Relative to the root; none: all.
    paths: Vec<PathBuf>,
}

impl Wanted {
    fn new(context: &Context, index: &Index, paths: &[PathBuf]) -> anyhow::Result<Self> {
        let inside = |path: &PathBuf| -> anyhow::Result<PathBuf> {
            let shown = || format!("looking for {}", path.display());
            let real = context.directory.join(path).canonicalize().with_context(shown)?;
            let inside = real.strip_prefix(index.root()).map(Path::to_path_buf);
            inside.map_err(|_| {
                anyhow::anyhow!("{} lies outside of the workspace {}", path.display(), index.root().display())
            })
        };
        Ok(Self { paths: paths.iter().map(inside).collect::<anyhow::Result<_>>()? })
    }

    fn includes(&self, file: &Path) -> bool {
        self.paths.is_empty() || self.paths.iter().any(|path| file.starts_with(path))
    }
}

/// Positions in files, each of which is read once.
struct Texts<'a> {
    index: &'a Index,
    lines: HashMap<RelPath, Option<LineIndex>>,
}

impl Texts<'_> {
    fn range(&mut self, file: &RelPath, span: Span) -> Range {
        let index = self.index;
        let lines =
            self.lines.entry(file.clone()).or_insert_with(|| index.text(file).map(|text| LineIndex::new(&text)));
        let position = |offset: u32| lines.as_ref().and_then(|lines| position(lines, offset)).unwrap_or_default();
        Range { start: position(span.start), end: position(span.end) }
    }
}

/// `None` where the file has changed since it was parsed, and has no such place any more.
fn position(lines: &LineIndex, offset: u32) -> Option<Position> {
    let place = lines.try_line_col(TextSize::new(offset))?;
    let wide = lines.to_wide(WideEncoding::Utf16, place)?;
    Some(Position { line: wide.line, character: wide.col })
}

fn located(texts: &mut Texts, file: &RelPath, problem: &Problem) -> format::Problem {
    let mut related = Vec::new();
    for (place, message) in &problem.related {
        let range = texts.range(&place.file, place.span);
        related.push(format::Related { file: slashed(&place.file), range, message: message.to_string() });
    }
    format::Problem {
        code: problem.code,
        severity: problem.severity,
        message: problem.message.to_string(),
        file: slashed(file),
        range: texts.range(file, problem.span),
        related,
    }
}

fn text(problems: &[format::Problem], hidden: usize, paint: Paint) -> String {
    let mut text = String::new();
    for problem in problems {
        let (word, look) = word(problem.severity);
        let label = paint.paint(look, &format!("{word}[{}]", problem.code));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}: {label}: {}", place(&problem.file, problem.range), shown(&problem.message));
        for related in &problem.related {
            let note = format!("  {}: note: {}", place(&related.file, related.range), shown(&related.message));
            let _ = writeln!(text, "{}", paint.paint(Look::Dim, &note));
        }
    }
    let hidden = match hidden {
        0 => String::new(),
        number => format!(" ({number} about finished work: --all)"),
    };
    text + &summary(problems) + &hidden + "\n"
}

/// People and editors count from 1.
fn place(file: &str, range: Range) -> String {
    format!("{}:{}:{}", shown(file), range.start.line + 1, range.start.character + 1)
}

fn word(severity: Severity) -> (&'static str, Look) {
    match severity {
        Severity::Error => ("error", Look::Red),
        Severity::Warning => ("warning", Look::Yellow),
        Severity::Information => ("information", Look::Blue),
    }
}

fn summary(problems: &[format::Problem]) -> String {
    if problems.is_empty() {
        return "no problems".into();
    }
    let mut counts: BTreeMap<Severity, usize> = BTreeMap::new();
    for problem in problems {
        *counts.entry(problem.severity).or_default() += 1;
    }
    let part = |(severity, &number): (&Severity, &usize)| match severity {
        Severity::Error => count(number, "error"),
        Severity::Warning => count(number, "warning"),
        Severity::Information => format!("{number} for information"),
    };
    let files: std::collections::BTreeSet<&str> = problems.iter().map(|problem| problem.file.as_str()).collect();
    format!("{} in {}", counts.iter().map(part).collect::<Vec<_>>().join(", "), count(files.len(), "file"))
}

/// <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>: lines and columns count from 1, and
/// the column of the end is one past it only where start and end share a line.
fn github(problems: &[format::Problem]) -> String {
    let mut text = String::new();
    for problem in problems {
        let command = match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Information => "notice",
        };
        let Range { start, end } = problem.range;
        let columns = if start.line == end.line {
            format!(",col={},endColumn={}", start.character + 1, end.character + 1)
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "::{command} file={},line={},endLine={}{columns},title={}::{}",
            property(&shown(&problem.file)),
            start.line + 1,
            end.line + 1,
            problem.code,
            data(&safe::text(problem.message.as_bytes())),
        );
    }
    text
}

/// A message, so that no line of it can become a command of its own.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
