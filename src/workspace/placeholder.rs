//! Where the values of a task stand in a command, and which values must not stand there.
//!
//! A value is filled into one argument and never split. Two dangers are left: a program may take an argument for an option
//! (`{title}` is `--force`), and a shell may take it for a command (`sh -c "note {title}"`). Both are refused.

use std::borrow::Cow;
use std::path::Path;

use thiserror::Error;

/// What is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// The task's id.
    Id,
    /// Its title.
    Title,
    /// Its file, relative to the root.
    File,
    /// The feature's id.
    Feature,
    /// The wave's label; nothing where there is none.
    Wave,
    /// The root.
    Workspace,
}

/// A value that must not stand where the command puts it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{{{}}}` is {value:?} here, which {why}", .placeholder.name())]
pub struct UnsafeValue {
    /// What was filled in.
    pub placeholder: Placeholder,
    /// Its value.
    pub value: String,
    /// What it would become, and what to write instead.
    pub why: String,
}

/// A piece of an argument.
enum Part<'a> {
    Text(&'a str),
    Value(Placeholder),
}

impl Placeholder {
    const ALL: [Self; 6] = [Self::Id, Self::Title, Self::File, Self::Feature, Self::Wave, Self::Workspace];

    /// The name between the braces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Title => "title",
            Self::File => "file",
            Self::Feature => "feature",
            Self::Wave => "wave",
            Self::Workspace => "workspace",
        }
    }
}

/// Fills the words of a command in, each in a single pass: a title that contains `{id}` is not filled in again. Other
/// braces are left alone, so that an argument may be JSON.
///
/// # Errors
/// [`UnsafeValue`] for the first value that could become an option, a program, or text that a shell executes.
pub fn fill<'v>(
    words: &[impl AsRef<str>],
    value: impl Fn(Placeholder) -> Cow<'v, str>,
) -> Result<Vec<String>, UnsafeValue> {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    words.iter().enumerate().map(|(at, word)| fill_word(&words, at, word, &value)).collect()
}

fn fill_word<'v>(
    words: &[&str],
    at: usize,
    word: &str,
    value: &impl Fn(Placeholder) -> Cow<'v, str>,
) -> Result<String, UnsafeValue> {
    let before = words.get(..at).unwrap_or_default();
    let is_script = is_shell_script(before, word);
    let mut filled = String::with_capacity(word.len());
    let mut is_first = true;
    for part in parts(word) {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Value(placeholder) => {
                let value = value(placeholder);
                let refuse = |why: String| UnsafeValue { placeholder, value: value.to_string(), why };
                if value.contains('\0') {
                    return Err(refuse("has a zero byte, which no argument can have".into()));
                }
                if before.is_empty() && placeholder != Placeholder::Workspace {
                    return Err(refuse("would choose the program".into()));
                }
                if is_script && !value.chars().all(means_itself_to_a_shell) {
                    let how =
                        format!("would be read by the shell: write `sh -c '... \"$1\"' sh {{{}}}`", placeholder.name());
                    return Err(refuse(how));
                }
                if is_first && filled.is_empty() && value.starts_with('-') && !options_are_over(before) {
                    let name = placeholder.name();
                    let how = format!(
                        "could be read as an option: write `--` or text before it, such as `--{name}={{{name}}}`"
                    );
                    return Err(refuse(how));
                }
                filled.push_str(&value);
            }
        }
        is_first &= filled.is_empty();
    }
    Ok(filled)
}

/// Did a `--` among the words before end the options, so that a word behind is none whatever it begins with? Not where
/// options follow it (`npm run agent -- --prompt {title}`), nor where it only ends those of a program that hands on what is
/// behind (`cargo run -- {title}`).
fn options_are_over(before: &[&str]) -> bool {
    const HAND_ON: [&str; 17] = [
        "cargo", "npm", "npx", "pnpm", "yarn", "bun", "bunx", "uv", "dotnet", "mix", "stack", "cabal", "nix", "bazel",
        "flutter", "swift", "turbo",
    ];
    let hands_on = before.first().is_some_and(|program| HAND_ON.iter().any(|name| is_program(program, name)));
    let mut ends = before.iter().enumerate().filter(|(_, word)| **word == "--").map(|(at, _)| at).skip(hands_on.into());
    let is_last_option = |at: usize| before.iter().skip(at + 1).all(|word| *word == "--" || !word.starts_with('-'));
    ends.any(is_last_option)
}

fn is_program(word: &str, name: &str) -> bool {
    Path::new(word).file_name().is_some_and(|file| file == name)
}

/// Is this word, which follows those before it, the script that a shell is called with: `bash -ec SCRIPT`, and also
/// `bash -ce SCRIPT`, `bash -c -e -- SCRIPT`, `fish --command=SCRIPT`? Or is it one of the words that a program puts together to
/// one: `ssh HOST note TEXT`? Where that cannot be told it is taken for one.
fn is_shell_script(before: &[&str], word: &str) -> bool {
    // `su`, `script` and those behind hand what follows their `-c` to a shell.
    const SHELLS: [&str; 18] = [
        "sh", "bash", "dash", "zsh", "ksh", "mksh", "yash", "fish", "ash", "busybox", "csh", "tcsh", "rbash", "pwsh",
        "su", "runuser", "script", "flock",
    ];
    const JOIN_WORDS: [&str; 4] = ["ssh", "watch", "tmux", "parallel"];
    let joins_words = before.first().is_some_and(|program| JOIN_WORDS.iter().any(|name| is_program(program, name)));
    if joins_words {
        return true;
    }
    let is_shell = |word: &&str| SHELLS.iter().any(|shell| is_program(word, shell));
    let Some(shell) = before.iter().position(is_shell) else { return false };
    let behind = before.get(shell + 1..).unwrap_or_default();
    let Some(called) = behind.iter().position(|word| asks_for_a_script(word)) else { return asks_for_a_script(word) };
    // The script is the first word behind that is no option; what comes behind the script are its arguments.
    behind.get(called + 1..).unwrap_or_default().iter().all(|word| word.starts_with(['-', '+']))
}

/// `-c` alone or among other letters, or a long option for it, with or without the script.
fn asks_for_a_script(word: &str) -> bool {
    if let Some(long) = word.strip_prefix("--") {
        let name = long.split('=').next().unwrap_or_default();
        return matches!(name, "command" | "init-command");
    }
    word.strip_prefix('-').is_some_and(|letters| letters.contains(['c', 'C']))
}

/// Characters that no shell gives a meaning inside a word, quoted or not.
fn means_itself_to_a_shell(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '.' | '_' | '-' | '/' | ':' | '@' | '+' | ',')
}

fn parts(word: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = word;
    while let Some((before, from)) = rest.split_once('{') {
        let known = from.split_once('}').and_then(|(name, after)| {
            Some((Placeholder::ALL.into_iter().find(|placeholder| placeholder.name() == name)?, after))
        });
        let (brace, from) = rest.split_at(before.len() + 1);
        match known {
            Some((placeholder, after)) => {
                parts.extend([Part::Text(before), Part::Value(placeholder)]);
                rest = after;
            }
            None => {
                parts.push(Part::Text(brace));
                rest = from;
            }
        }
    }
    parts.push(Part::Text(rest));
    parts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use proptest::prelude::*;

    use super::*;

    fn filled(words: &[&str], title: &str) -> Result<Vec<String>, UnsafeValue> {
        fill(words, |placeholder| match placeholder {
            Placeholder::Title => Cow::Owned(title.to_string()),
            Placeholder::Workspace => "/w".into(),
            Placeholder::Wave => "".into(),
            other => other.name().into(),
        })
    }

    #[test]
    fn what_could_be_an_option_is_refused_where_one_could_stand() {
        for words in [&["touch", "{title}"][..], &["touch", "{title}.txt"], &["touch", "{wave}{title}"]] {
            let refused = filled(words, "--force").unwrap_err();
            assert_eq!(refused.placeholder, Placeholder::Title, "{words:?}");
            assert!(refused.to_string().contains("`{title}` is \"--force\" here, which could be"), "{refused}");
        }
        for words in [&["touch", "--", "{title}"][..], &["touch", "--name={title}"], &["touch", "a {title}"]] {
            assert!(filled(words, "--force").is_ok(), "{words:?}");
        }
        assert!(filled(&["touch", "{title}"], "a --force").is_ok());
        // A `--` that ends no options of the program that reads the value.
        for words in [
            &["npm", "run", "agent", "--", "--prompt", "{title}"][..],
            &["npm", "run", "agent", "--", "{title}"],
            &["/usr/bin/cargo", "run", "--", "{title}"],
            &["tool", "--", "-x", "{title}"],
        ] {
            assert!(filled(words, "--force").is_err(), "{words:?}");
        }
        for words in [&["cargo", "run", "--", "--", "{title}"][..], &["touch", "--", "a", "{title}"]] {
            assert!(filled(words, "--force").is_ok(), "{words:?}");
        }
    }

    #[test]
    fn no_value_chooses_a_program() {
        assert!(filled(&["{title}"], "rm").is_err());
        assert!(filled(&["./tools/{title}"], "../../bin/rm").is_err());
        assert_eq!(filled(&["{workspace}/run.sh", "{id}"], "").unwrap(), ["/w/run.sh", "id"]);
    }

    #[test]
    fn no_value_is_read_by_a_shell() {
        for words in [&["sh", "-c", "note {title}"][..], &["env", "/bin/bash", "-lc", "note '{title}'"]] {
            assert!(filled(words, "x'; rm -rf ~ #").is_err(), "{words:?}");
            assert!(filled(words, "plain-1.2").is_ok(), "{words:?}");
        }
        for words in [
            &["bash", "-ce", "note {title}"][..],
            &["bash", "-c", "-e", "note {title}"],
            &["env", "A=b", "sh", "-xc", "--", "note {title}"],
            &["bash", "-c", "+x", "note {title}"],
            &["fish", "--command=note {title}"],
            &["fish", "-cnote {title}"],
            &["fish", "--command", "note {title}"],
            &["su", "me", "-c", "note {title}"],
            &["flock", "file", "-c", "note {title}"],
            &["script", "-qc", "note {title}", "file"],
            &["/usr/bin/ssh", "host", "note", "{title}"],
            &["tmux", "new-session", "note {title}"],
        ] {
            assert!(filled(words, "x; rm -rf ~").is_err(), "{words:?}");
            assert!(filled(words, "plain").is_ok(), "{words:?}");
        }
        assert!(filled(&["sh", "script.sh", "{title}"], "x; y").is_ok());
        let safe = ["sh", "-c", "note \"$1\"", "sh", "{title}"];
        assert_eq!(filled(&safe, "x'; rm -rf ~ #").unwrap().last().unwrap(), "x'; rm -rf ~ #");
    }

    #[test]
    fn no_argument_can_have_a_zero_byte() {
        let refused = filled(&["note", "{title}"], "a\0b").unwrap_err();
        assert!(refused.to_string().contains("zero byte"), "{refused}");
    }

    #[test]
    fn other_braces_are_left_alone() {
        let words = ["a", "{\"k\": {x}, {title}}", "{{id}", "{title"];
        assert_eq!(filled(&words, "{id}").unwrap(), ["a", "{\"k\": {x}, {id}}", "{id", "{title"]);
    }

    proptest! {
        #[test]
        fn whatever_the_title_the_number_of_arguments_stays_and_none_becomes_an_option(title in "\\PC{0,12}", word in "[a-]{0,2}(\\{title\\}|\\{wave\\}){0,2}[a-]{0,2}") {
            if let Ok(argv) = filled(&["program", &word], &title) {
                prop_assert_eq!(argv.len(), 2);
                let is_option = argv[1].starts_with('-');
                let was_written = word.replace("{wave}", "").starts_with('-');
                prop_assert!(!is_option || was_written || title.is_empty());
            }
        }
    }
}
