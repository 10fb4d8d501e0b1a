//! Where the values of a task stand in a command, and where they must not.
//!
//! A value is filled into one argument and never split. What is left is that a program may make more of it than a text: an
//! option, a script, a program. Only `{id}` has an alphabet in which nothing of that can be written; all else is free text, and
//! stands only where any text does no harm (`place`).

mod place;
mod programs;
mod wrappers;

use std::borrow::Cow;

use thiserror::Error;

use place::Layout;
pub use place::Place;

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
pub enum UnsafeValue {
    /// No value may: the command is to blame.
    #[error(
        "`{{{}}}` {place}: safe are {} in its environment and `stdin: body`{}",
        .placeholder.name(), .placeholder.variable(), .place.instead(*.placeholder)
    )]
    Place {
        /// What would be filled in.
        placeholder: Placeholder,
        /// Where.
        place: Place,
    },
    /// This one may not.
    #[error("`{{{}}}` is {value:?} here, which {why}", .placeholder.name())]
    Value {
        /// What was filled in.
        placeholder: Placeholder,
        /// Its value.
        value: String,
        /// What it would become, and what to write instead.
        why: String,
    },
}

/// Who wrote a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// The user, or a task's file.
    User,
    /// It came with the program: where a value stands in it was looked at when it was written.
    Preset,
}

/// The words of a command in which values may stand where they do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    words: Vec<String>,
    /// No word behind this one is an option, whatever it begins with. Behind a `--`, or behind the script of a shell:
    /// elsewhere what begins a word is refused by its place.
    options_end: Option<usize>,
    /// The program, where a `=` in it would make it a variable of the wrapper before it.
    no_variable: Option<usize>,
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

    /// The variable that has the same value in the environment of what is started.
    fn variable(self) -> &'static str {
        match self {
            Self::Id => "$FEATURE_BUILD_TASK",
            Self::Title => "$FEATURE_BUILD_TITLE",
            Self::File => "$FEATURE_BUILD_FILE",
            Self::Feature => "$FEATURE_BUILD_FEATURE",
            Self::Wave => "$FEATURE_BUILD_WAVE",
            Self::Workspace => "$FEATURE_BUILD_WORKSPACE",
        }
    }
}

impl UnsafeValue {
    /// What would be filled in.
    pub fn placeholder(&self) -> Placeholder {
        match self {
            Self::Place { placeholder, .. } | Self::Value { placeholder, .. } => *placeholder,
        }
    }
}

impl Template {
    /// Looks at the places of a user's command's values alone. `real_name` says what the program that a word names is called
    /// where it really lies: a shell stays one behind a link of another name.
    ///
    /// # Errors
    /// [`UnsafeValue::Place`] for the first value in a place where one could run something.
    pub fn new(
        words: Vec<String>,
        author: Author,
        real_name: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, UnsafeValue> {
        let all: Vec<&str> = words.iter().map(String::as_str).collect();
        let has_values = all.iter().any(|word| values(word).next().is_some());
        if author == Author::User && has_values {
            let layout = Layout::of(&all, real_name);
            for (at, word) in all.iter().enumerate() {
                for placeholder in values(word) {
                    layout.check(at, placeholder).map_err(|place| UnsafeValue::Place { placeholder, place })?;
                }
            }
        }
        let (options_end, no_variable) = (place::end_of_options(&all), place::program_behind_assignments(&all));
        Ok(Self { words, options_end, no_variable })
    }

    /// Fills the words in, each in a single pass: a title that contains `{id}` is not filled in again. Other braces are left
    /// alone, so that an argument may be JSON.
    ///
    /// # Errors
    /// [`UnsafeValue::Value`] for the first value that could be an option.
    pub fn fill<'v>(&self, value: impl Fn(Placeholder) -> Cow<'v, str>) -> Result<Vec<String>, UnsafeValue> {
        let fill = |(at, word): (usize, &String)| {
            let filled = fill_word(word, self.options_end.is_some_and(|end| end < at), &value)?;
            match values(word).next().filter(|_| self.no_variable == Some(at) && filled.contains('=')) {
                Some(placeholder) => Err(UnsafeValue::Value {
                    placeholder,
                    value: value(placeholder).into_owned(),
                    why: "has a `=`, which the wrapper before it takes for a variable".into(),
                }),
                None => Ok(filled),
            }
        };
        self.words.iter().enumerate().map(fill).collect()
    }
}

fn values(word: &str) -> impl Iterator<Item = Placeholder> {
    parts(word).into_iter().filter_map(|part| match part {
        Part::Value(placeholder) => Some(placeholder),
        Part::Text(_) => None,
    })
}

fn fill_word<'v>(
    word: &str,
    options_are_over: bool,
    value: &impl Fn(Placeholder) -> Cow<'v, str>,
) -> Result<String, UnsafeValue> {
    let mut filled = String::with_capacity(word.len());
    for part in parts(word) {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Value(placeholder) => {
                let value = value(placeholder);
                let refuse = |why: &str| UnsafeValue::Value { placeholder, value: value.to_string(), why: why.into() };
                if value.contains('\0') {
                    return Err(refuse("has a zero byte, which no argument can have"));
                }
                if filled.is_empty() && value.starts_with('-') && !options_are_over {
                    return Err(refuse("could be read as an option: write `--` before it"));
                }
                filled.push_str(&value);
            }
        }
    }
    Ok(filled)
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
    use super::*;

    fn fill<'v>(
        words: &[&str],
        value: impl Fn(Placeholder) -> Cow<'v, str>,
        real_name: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Vec<String>, UnsafeValue> {
        Template::new(words.iter().map(ToString::to_string).collect(), Author::User, real_name)?.fill(value)
    }

    fn filled(words: &[&str], title: &str) -> Result<Vec<String>, UnsafeValue> {
        let value = |placeholder| match placeholder {
            Placeholder::Title => Cow::Owned(title.to_string()),
            Placeholder::Workspace => "/w".into(),
            Placeholder::Wave => "".into(),
            Placeholder::File => "tasks/T 1.md".into(),
            other => other.name().into(),
        };
        fill(words, value, &|_| None)
    }

    /// Every command of these, one a line, its words apart by `|`.
    fn each(commands: &str, check: impl Fn(&str, Result<Vec<String>, UnsafeValue>)) {
        for line in commands.lines().map(str::trim).filter(|line| !line.is_empty()) {
            check(line, filled(&line.split('|').collect::<Vec<_>>(), "plain"));
        }
    }

    #[test]
    fn free_text_is_refused_wherever_it_could_run_something() {
        each(include_str!("placeholder/refused.txt"), |line, filled| {
            assert!(matches!(filled, Err(UnsafeValue::Place { .. })), "{line}: {filled:?}");
        });
    }

    #[test]
    fn free_text_is_accepted_where_any_text_does_no_harm() {
        each(include_str!("placeholder/accepted.txt"), |line, filled| {
            filled.unwrap_or_else(|refused| panic!("{line}: {refused}"));
        });
    }

    #[test]
    fn a_refusal_names_the_place_and_what_is_safe() {
        let refused = |words: &[&str]| filled(words, "plain").unwrap_err().to_string();
        assert_eq!(
            refused(&["bash", "-c", "-o", "pipefail", "echo {title}"]),
            "`{title}` is in argument 4, where it would be read as a script by `bash`: safe are $FEATURE_BUILD_TITLE in \
             its environment and `stdin: body`; or write `sh -c '... \"$1\"' sh {title}`"
        );
        let option = refused(&["touch", "x{title}"]);
        assert!(option.contains("argument 1") && option.ends_with("behind `--`, or `--title={title}`"), "{option}");
        assert!(refused(&["{title}"]).starts_with("`{title}` would choose the program: "));
        assert!(refused(&["/usr/bin/python3.12", "-c", "{title}"]).contains("goes to `python`, an interpreter"));
        assert!(refused(&["env", "-S", "touch", "--", "{title}"]).contains("options that are not understood here"));
        assert!(refused(&["nice", "-n", "{title}", "touch"]).contains("an argument of `nice` itself"));
    }

    #[test]
    fn a_path_that_could_be_an_option_is_refused_where_one_could_stand() {
        let value =
            |placeholder: Placeholder| Cow::Borrowed(if placeholder == Placeholder::File { "-rf" } else { "x" });
        for words in [
            &["cat", "{file}"][..],
            &["cat", "{file} is it"],
            // The dashes end the options of a wrapper, not those of what it starts.
            &["timeout", "--", "60", "sort", "{file}"],
            &["env", "--", "sort", "{file}"],
            &["nice", "-n", "1", "--", "setsid", "--", "sort", "{file}"],
        ] {
            let refused = fill(words, value, &|_| None).unwrap_err();
            assert!(refused.to_string().contains("`{file}` is \"-rf\" here, which could be"), "{refused}");
        }
        for words in [
            &["cat", "--", "{file}"][..],
            &["timeout", "--", "60", "sort", "--", "{file}"],
            &["cat", "--file={file}"],
            &["cat", "do {file}"],
            &["sh", "-c", "cat -- \"$1\"", "sh", "{file}"],
            &["sh", "-c", "cat -- \"$0\"", "{file}"],
        ] {
            fill(words, value, &|_| None).unwrap();
        }
    }

    #[test]
    fn an_id_that_could_be_an_option_is_refused_before_the_script_of_a_shell_ends() {
        let value = |_: Placeholder| Cow::Borrowed("-i");
        for words in [&["sh", "{id}"][..], &["sh", "-c", "{id}"], &["sh", "-e", "script.sh", "{id}"]] {
            let refused = fill(words, value, &|_| None).unwrap_err();
            assert!(refused.to_string().contains("`{id}` is \"-i\" here, which could be"), "{words:?}: {refused}");
        }
        fill(&["sh", "-c", "note \"$0\"", "{id}"], value, &|_| None).unwrap();
    }

    #[test]
    fn no_value_chooses_a_program() {
        for words in [&["{title}"][..], &["./tools/{title}"], &["./{id}"], &["env", "{id}"], &["{workspace}{id}"]] {
            assert!(filled(words, "rm").is_err(), "{words:?}");
        }
        assert_eq!(filled(&["{workspace}/run.sh", "{id}"], "").unwrap(), ["/w/run.sh", "id"]);
        assert_eq!(filled(&["nice", "{workspace}/run.sh", "{id}"], "").unwrap(), ["nice", "/w/run.sh", "id"]);
    }

    #[test]
    fn a_program_is_what_its_links_lead_to() {
        let real_name = |program: &str| {
            let real = match program {
                "mysh" | "./tools/go" => "bash",
                "/opt/here" => "python3.12",
                "mynice" => "nice",
                "cat" => "coreutils",
                "mybox" => "busybox",
                "agent" => "agent.js",
                _ => return None,
            };
            Some(real.to_owned())
        };
        let filled = |words: &[&str]| fill(words, |_| "x".into(), &real_name);
        for words in [
            &["mysh", "-c", "--", "{title}"][..],
            &["{workspace}/tools/go", "--title={title}"],
            &["/opt/here", "--", "{title}"],
            &["mynice", "mysh", "{file}"],
            &["env", "mysh", "{file}"],
            &["mynice", "-n", "{title}", "touch"],
        ] {
            let refused = filled(words).unwrap_err();
            assert!(matches!(refused, UnsafeValue::Place { .. }), "{words:?}: {refused}");
        }
        for words in [
            &["mysh", "-c", "note \"$1\"", "sh", "{title}"][..],
            &["mynice", "agent", "--", "{title}"],
            &["cat", "{file}"],
            &["mybox", "{file}"],
            &["nowhere", "{file}"],
            &["mysh", "{id}"],
        ] {
            filled(words).unwrap_or_else(|refused| panic!("{words:?}: {refused}"));
        }
        assert_eq!(
            filled(&["mysh", "-c", "date", "{title}"]).unwrap().first().unwrap(),
            "mysh",
            "what is started stays"
        );
    }

    #[test]
    fn a_folder_whose_name_has_an_equals_sign_is_no_variable() {
        let in_folder = |folder: &'static str, words: &[&str]| fill(words, |_| folder.into(), &|_| None);
        let behind_env = ["env", "A=b", "{workspace}/run.sh", "--"];
        let refused = in_folder("/a=b", &behind_env).unwrap_err();
        assert!(refused.to_string().contains("has a `=`"), "{refused}");
        in_folder("/a", &behind_env).unwrap();
        in_folder("/a=b", &["nice", "{workspace}/run.sh"]).unwrap();
    }

    #[test]
    fn no_argument_can_have_a_zero_byte() {
        let refused = filled(&["note", "--", "{title}"], "a\0b").unwrap_err();
        assert!(refused.to_string().contains("zero byte"), "{refused}");
    }

    #[test]
    fn other_braces_are_left_alone() {
        let words = ["a", "--", "{title}", "{\"k\": {x}, {id}}", "{{id}", "{title"];
        assert_eq!(filled(&words, "{id}").unwrap(), ["a", "--", "{id}", "{\"k\": {x}, id}", "{id", "{title"]);
    }
}
