//! Where free text may stand in a command. The rule looks at the command alone: what is accepted is safe with any value, what is
//! refused is refused with a harmless one, too.

use std::borrow::Cow;
use std::fmt;

use super::programs::{self, Kind};
use super::wrappers::look_through;
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

/// The words, those that choose a program by what it really is called where only that tells what it does with its arguments.
pub(super) fn by_real_names<'a>(words: &[&'a str], real_name: &dyn Fn(&str) -> Option<String>) -> Vec<Cow<'a, str>> {
    let mut named: Vec<Cow<'a, str>> = words.iter().map(|word| Cow::Borrowed(*word)).collect();
    loop {
        let (Ok(program) | Err(program)) = look_through(&named);
        let Some(word) = named.get_mut(program).filter(|word| programs::kind(word).is_none()) else { return named };
        let real = match word.strip_prefix("{workspace}/") {
            Some(inside) => real_name(&format!("./{inside}")),
            None => real_name(word),
        };
        // Now something is known of it, so the next look ends here or goes further.
        match real.filter(|real| programs::kind(real).is_some() && !programs::goes_by_its_name(real)) {
            Some(real) => *word = real.into(),
            None => return named,
        }
    }
}

/// May this value stand in this word of the command, whatever it is?
pub(super) fn check(words: &[&str], at: usize, placeholder: Placeholder) -> Result<(), Place> {
    let place = |program: usize, why: Why| {
        // What stands behind a `=` in the program's place is no name, and may be a secret.
        let name = words.get(program).and_then(|word| word.split('=').next()).unwrap_or_default();
        let program = programs::plain(name);
        Err(Place { argument: at, program, why })
    };
    let word = words.get(at).copied().unwrap_or_default();
    let is_free = placeholder != Placeholder::Id;
    let program = match look_through(words) {
        Ok(program) => program,
        // Nothing is known of what stands behind it.
        Err(wrapper) if at > wrapper && is_free => return place(wrapper, Why::NotUnderstood),
        Err(wrapper) => wrapper,
    };
    if at == program {
        let is_folder_of_it = placeholder == Placeholder::Workspace && begins_with_the_workspace(word);
        return if is_folder_of_it { Ok(()) } else { place(program, Why::ChoosesTheProgram) };
    }
    if !is_free {
        return Ok(());
    }
    let (Some(name), Some(before)) = (words.get(program), words.get(program + 1..at)) else {
        // It stands before the program.
        return place(0, Why::OfWrapper);
    };
    match programs::kind(name) {
        Some(Kind::Shell) => match script(&programs::plain(name), words.get(program + 1..).unwrap_or_default()) {
            Some(script) if script < before.len() => Ok(()),
            // A word before the script in which a value is filled in would not be understood.
            Some(_) => place(program, Why::Script),
            None => place(program, Why::Kind(Kind::Shell)),
        },
        Some(kind) => place(program, Why::Kind(kind)),
        None if programs::plain(name) == "git" && !is_plain_git(before) => place(program, Why::Kind(Kind::Tool)),
        None => match of_plain_program(name, before, word, placeholder) {
            Ok(()) => Ok(()),
            Err(why) => place(program, why),
        },
    }
}

/// Do these words end in the script of a shell, or behind it?
pub(super) fn is_behind_a_script(words: &[&str]) -> bool {
    let Ok(program) = look_through(words) else { return false };
    let (Some(name), Some(behind)) = (words.get(program), words.get(program + 1..)) else { return false };
    script(&programs::plain(name), behind).is_some()
}

/// Of a program that reads its arguments itself.
fn of_plain_program(program: &str, before: &[&str], word: &str, placeholder: Placeholder) -> Result<(), Why> {
    let operands = before.splitn(2, |word| *word == "--").nth(1);
    // What comes behind a program that nobody knows may be a command that it starts.
    let in_place_of_one = || operands?.iter().find(|word| programs::kind(word).is_some());
    if let Some(runner) = before.iter().find(|word| programs::is_surely_one(word)).or_else(in_place_of_one) {
        return Err(Why::Behind(programs::plain(runner)));
    }
    let is_whole = is_only(word, placeholder);
    if operands.is_some_and(|operands| is_whole && operands.iter().all(|word| !word.starts_with('-'))) {
        return Ok(());
    }
    if TEXT_OPTIONS.iter().any(|option| word.strip_prefix(option).is_some_and(|value| is_only(value, placeholder))) {
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
    let is_agent = PRESETS.contains(&programs::plain(program).as_str());
    if before.last().is_some_and(|option| names_a_script(option) && !is_agent) {
        return Err(Why::NamesAScript);
    }
    let is_sentence =
        parts(word).iter().any(|part| matches!(part, Part::Text(text) if text.contains(char::is_whitespace)));
    if is_whole || is_sentence || begins_with_the_workspace(word) { Ok(()) } else { Err(Why::CouldBeAnOption) }
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
fn is_plain_git(before: &[&str]) -> bool {
    const PLAIN: [&str; 12] =
        ["add", "branch", "checkout", "commit", "log", "mv", "restore", "rm", "show", "status", "switch", "tag"];
    before.first().is_some_and(|command| PLAIN.contains(command))
}

/// Which of the words behind a shell is the script that it is called with: `-ec SCRIPT`, `-c -o pipefail -- SCRIPT`. What
/// comes behind it are the script's arguments. `None` where it is called otherwise, or with options that are not understood:
/// then any word might be one.
fn script(shell: &str, words: &[&str]) -> Option<usize> {
    const UNDERSTOOD: [&str; 8] = ["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "yash"];
    const LONG: [&str; 4] = ["--norc", "--noprofile", "--posix", "--login"];
    if !UNDERSTOOD.contains(&shell) {
        return None;
    }
    let (mut at, mut is_called) = (0, false);
    loop {
        let word = *words.get(at)?;
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
            let name = words.get(at)?;
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
