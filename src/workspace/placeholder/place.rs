//! Where free text may stand in a command. The rule looks at the command alone: what is accepted is safe with any value, what is
//! refused is refused with a harmless one, too.

use std::borrow::Cow;
use std::fmt;

use super::programs::{self, Kind};
use super::wrappers::{is_behind_assignments, look_through};
use super::{Part, Placeholder, parts};
use crate::workspace::PRESETS;

/// Options that any program reads as text for people.
const TEXT_OPTIONS: [&str; 5] = ["--title=", "--name=", "--message=", "--prompt=", "--description="];

/// A place where a value might run something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which argument it is in; 0: in the program itself.
    argument: usize,
    /// The program that would get it, by its name.
    program: String,
    why: Why,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    ChoosesTheProgram,
    Script,
    OfWrapper,
    NotUnderstood,
    Kind(Kind),
    Behind(String),
    CouldBeAnOption,
    NamesAScript,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { argument, program, why } = self;
        if *argument == 0 {
            return f.write_str("would choose the program");
        }
        write!(f, "is in argument {argument}, ")?;
        match why {
            Why::ChoosesTheProgram => write!(f, "where it would choose the program"),
            Why::Script => write!(f, "where it would be read as a script by `{program}`"),
            Why::OfWrapper => write!(f, "an argument of `{program}` itself, which starts other programs"),
            Why::NotUnderstood => {
                write!(f, "behind `{program}`, which starts other programs, with options that are not understood here")
            }
            Why::Kind(kind) => write!(f, "where it goes to `{program}`, {kind}"),
            Why::Behind(name) => write!(f, "behind `{name}`, which may run it"),
            Why::CouldBeAnOption => write!(f, "where `{program}` could read it as more than a text"),
            Why::NamesAScript => write!(f, "behind an option that may run it"),
        }
    }
}

impl Place {
    /// What to write instead, in the same command, where there is something.
    pub(super) fn instead(&self, placeholder: Placeholder) -> String {
        let name = placeholder.name();
        match self.why {
            Why::Script => format!("; or write `sh -c '... \"$1\"' sh {{{name}}}`"),
            Why::CouldBeAnOption => format!(
                "; or write it as a whole argument behind `--`, or `--{}`",
                match placeholder {
                    Placeholder::File | Placeholder::Workspace => format!("file={{{name}}}"),
                    _ => format!("title={{{name}}}"),
                }
            ),
            _ => String::new(),
        }
    }
}

/// Whether values may stand in the words of a command, looked at once: a command has as many values as words, and each must not
/// cost as much as the command is long.
pub(super) struct Layout<'a> {
    words: Vec<Cow<'a, str>>,
    /// Where the program stands that is really called; the error: the wrapper whose arguments are not understood.
    program: Result<usize, usize>,
    kind: Option<Kind>,
    /// Of a shell: where its script stands.
    script: Option<usize>,
    /// Behind the program: the first `--`.
    dashes: Option<usize>,
    /// The first word behind the program that may be a program which runs what stands behind it.
    runner: Option<usize>,
    /// Behind the `--`: the first word that looks like an option all the same.
    late_option: Option<usize>,
}

impl<'a> Layout<'a> {
    /// Of these words, those that choose a program by what it really is called where only that tells what it does with its
    /// arguments.
    pub(super) fn of(words: &[&'a str], real_name: &dyn Fn(&str) -> Option<String>) -> Self {
        let (words, program) = by_real_names(words, real_name);
        let (Ok(at) | Err(at)) = program;
        let name = words.get(at).map_or("", AsRef::as_ref);
        let kind = programs::kind(name);
        let script = if kind == Some(Kind::Shell) { script(&programs::plain(name), &words, at + 1) } else { None };
        let (mut dashes, mut runner, mut late_option) = (None, None, None);
        for (at, word) in words.iter().enumerate().skip(at + 1) {
            let is_runner = programs::is_surely_one(word) || dashes.is_some() && programs::kind(word).is_some();
            runner = runner.or(is_runner.then_some(at));
            late_option = late_option.or((dashes.is_some() && word.starts_with('-')).then_some(at));
            dashes = dashes.or((word == "--").then_some(at));
        }
        Self { words, program, kind, script, dashes, runner, late_option }
    }

    /// May this value stand in this word, whatever it is?
    pub(super) fn check(&self, at: usize, placeholder: Placeholder) -> Result<(), Place> {
        let word = self.word(at);
        let is_free = placeholder != Placeholder::Id;
        let program = match self.program {
            Ok(program) => program,
            // Nothing is known of what stands behind it.
            Err(wrapper) if at > wrapper && is_free => return self.refused(at, wrapper, Why::NotUnderstood),
            Err(wrapper) => wrapper,
        };
        if at == program {
            let is_folder_of_it = placeholder == Placeholder::Workspace && begins_with_the_workspace(word);
            return if is_folder_of_it { Ok(()) } else { self.refused(at, program, Why::ChoosesTheProgram) };
        }
        if !is_free {
            return Ok(());
        }
        if at < program {
            return self.refused(at, 0, Why::OfWrapper);
        }
        match self.kind {
            Some(Kind::Shell) => match self.script {
                Some(script) if script < at => Ok(()),
                // A word before the script in which a value is filled in would not be understood.
                Some(_) => self.refused(at, program, Why::Script),
                None => self.refused(at, program, Why::Kind(Kind::Shell)),
            },
            Some(kind) => self.refused(at, program, Why::Kind(kind)),
            None if programs::plain(self.word(program)) == "git" && !is_plain_git(self.word(program + 1)) => {
                self.refused(at, program, Why::Kind(Kind::Tool))
            }
            None => self.of_plain_program(program, at, placeholder).or_else(|why| self.refused(at, program, why)),
        }
    }

    fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", AsRef::as_ref)
    }

    fn refused(&self, at: usize, program: usize, why: Why) -> Result<(), Place> {
        // What stands behind a `=` in the program's place is no name, and may be a secret.
        let name = self.word(program).split('=').next().unwrap_or_default();
        Err(Place { argument: at, program: programs::plain(name), why })
    }

    /// Of a program that reads its arguments itself.
    fn of_plain_program(&self, program: usize, at: usize, placeholder: Placeholder) -> Result<(), Why> {
        // What comes behind a program that nobody knows may be a command that it starts.
        if let Some(runner) = self.runner.filter(|runner| *runner < at) {
            return Err(Why::Behind(programs::plain(self.word(runner))));
        }
        let word = self.word(at);
        let is_whole = is_only(word, placeholder);
        let is_operand = self.dashes.is_some_and(|dashes| dashes < at);
        if is_whole && is_operand && self.late_option.is_none_or(|option| option >= at) {
            return Ok(());
        }
        if TEXT_OPTIONS.iter().any(|option| word.strip_prefix(option).is_some_and(|value| is_only(value, placeholder)))
        {
            return Ok(());
        }
        if !matches!(placeholder, Placeholder::File | Placeholder::Workspace) {
            return Err(Why::CouldBeAnOption);
        }
        if word.starts_with('-') {
            return match word.split_once('=') {
                Some((option, _)) if !is_plain_option(option) => Err(Why::CouldBeAnOption),
                Some((option, _)) if names_a_script(option) => Err(Why::NamesAScript),
                Some(_) => Ok(()),
                None => Err(Why::CouldBeAnOption),
            };
        }
        let is_agent = PRESETS.contains(&programs::plain(self.word(program)).as_str());
        if at > program + 1 && names_a_script(self.word(at - 1)) && !is_agent {
            return Err(Why::NamesAScript);
        }
        let is_sentence =
            parts(word).iter().any(|part| matches!(part, Part::Text(text) if text.contains(char::is_whitespace)));
        if is_whole || is_sentence || begins_with_the_workspace(word) { Ok(()) } else { Err(Why::CouldBeAnOption) }
    }
}

/// The words by the real names of what they call, and where the program stands.
fn by_real_names<'a>(
    words: &[&'a str],
    real_name: &dyn Fn(&str) -> Option<String>,
) -> (Vec<Cow<'a, str>>, Result<usize, usize>) {
    let mut named: Vec<Cow<'a, str>> = words.iter().map(|word| Cow::Borrowed(*word)).collect();
    let mut from = 0;
    loop {
        let found = look_through(&named, from);
        let (Ok(program) | Err(program)) = found;
        let unknown = named.get_mut(program).filter(|word| programs::kind(word).is_none());
        let Some(word) = unknown else { return (named, found) };
        let real = match word.strip_prefix("{workspace}/") {
            Some(inside) => real_name(&format!("./{inside}")),
            None => real_name(word),
        };
        match real.filter(|real| programs::kind(real).is_some() && !programs::goes_by_its_name(real)) {
            // Now something is known of it, so the next look ends here or goes further.
            Some(real) => *word = real.into(),
            None => return (named, found),
        }
        from = program;
    }
}

/// Where the program stands that a wrapper calls which takes variables before it; `None` where there is no such wrapper.
pub(super) fn program_behind_assignments(words: &[&str]) -> Option<usize> {
    let (Ok(program) | Err(program)) = look_through(words, 0);
    is_behind_assignments(words, program).then_some(program)
}

/// The word behind which none is an option of the program that is really called: its own `--`, or the script of a shell.
pub(super) fn end_of_options(words: &[&str]) -> Option<usize> {
    let program = look_through(words, 0).ok()?;
    let dashes = words.iter().enumerate().skip(program + 1).find(|(_, word)| **word == "--").map(|(at, _)| at);
    let script = script(&programs::plain(words.get(program)?), words, program + 1);
    dashes.into_iter().chain(script).min()
}

fn is_only(word: &str, placeholder: Placeholder) -> bool {
    word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) == Some(placeholder.name())
}

/// `{workspace}/run.sh`, with no other value in it.
fn begins_with_the_workspace(word: &str) -> bool {
    let behind = word.strip_prefix("{workspace}/");
    behind.is_some_and(|behind| parts(behind).iter().all(|part| matches!(part, Part::Text(_))))
}

/// `--file`, with no value in its name.
fn is_plain_option(option: &str) -> bool {
    let name = option.strip_prefix("--").or_else(|| option.strip_prefix('-')).unwrap_or_default();
    !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || "-_.".contains(char))
}

/// Does what follows this option go to a shell or an interpreter in many programs?
fn names_a_script(option: &str) -> bool {
    let Some(name) = option.strip_prefix('-') else { return false };
    let Some(name) = name.strip_prefix('-') else {
        return matches!(name, "c" | "e" | "x" | "exec" | "eval" | "command");
    };
    let of_such = |word: &str| {
        matches!(
            word,
            "command"
                | "cmd"
                | "exec"
                | "execute"
                | "eval"
                | "expression"
                | "shell"
                | "script"
                | "run"
                | "hook"
                | "filter"
                | "editor"
                | "pager"
                | "program"
                | "interpreter"
                | "preprocessor"
                | "compress"
                | "action"
                | "wrapper"
                | "rsh"
                | "preload"
                | "launcher"
                | "runner"
        )
    };
    name.to_ascii_lowercase().split(['-', '_', '.']).any(of_such)
}

/// The commands of git that run nothing by what stands behind them, with no option of git itself before.
fn is_plain_git(command: &str) -> bool {
    const PLAIN: [&str; 12] =
        ["add", "branch", "checkout", "commit", "log", "mv", "restore", "rm", "show", "status", "switch", "tag"];
    PLAIN.contains(&command)
}

/// Which of the words from a place on, behind a shell, is the script that it is called with: `-ec SCRIPT`,
/// `-c -o pipefail -- SCRIPT`. What comes behind it are the script's arguments. `None` where it is called otherwise, or with options that are not understood:
/// then any word might be one.
fn script(shell: &str, words: &[impl AsRef<str>], from: usize) -> Option<usize> {
    const UNDERSTOOD: [&str; 8] = ["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "yash"];
    const LONG: [&str; 4] = ["--norc", "--noprofile", "--posix", "--login"];
    if !UNDERSTOOD.contains(&shell) {
        return None;
    }
    let (mut at, mut is_called) = (from, false);
    loop {
        let word = words.get(at)?.as_ref();
        let Some(letters) = word.strip_prefix(['-', '+']) else { break };
        at += 1;
        if word == "--" {
            break;
        }
        if shell == "bash" && LONG.contains(&word) {
            continue;
        }
        // The last letter may take the next word: `-euo pipefail`.
        let flags = letters.strip_suffix(['o', 'O']);
        if letters.is_empty() || !flags.unwrap_or(letters).chars().all(|letter| "aceflmnuvxCE".contains(letter)) {
            return None;
        }
        is_called |= word.starts_with('-') && letters.contains('c');
        if flags.is_some() {
            let name = words.get(at)?.as_ref();
            if name.is_empty()
                || !name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_' || char == '-')
                || name.starts_with('-')
            {
                return None;
            }
            at += 1;
        }
    }
    is_called.then_some(at)
}
