//! What a terminal is shown: safe text, colours where they are wanted, no panic where the reader left.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use super::print;
use crate::agent::safe;

/// Writes a value of a machine format to standard output, on one line or, for a person, on several.
pub(super) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<ExitCode> {
    let pretty = io::stdout().is_terminal();
    let text = if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    print(&(safe::json(text?) + "\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Text from a file on one line, without anything that could move a cursor.
pub(super) fn shown(text: &str) -> String {
    safe::text(text.as_bytes()).replace('\n', " ")
}

/// Colours, where standard output is a terminal and nobody said no.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    on: bool,
}

/// The few looks that the commands use.
#[derive(Debug, Clone, Copy)]
pub(super) enum Look {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Blue,
}

impl Paint {
    /// <https://no-color.org>: any value but an empty one.
    pub(super) fn of_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self { on: io::stdout().is_terminal() && !refused && !is_dumb }
    }

    pub(super) fn paint(self, look: Look, text: &str) -> String {
        if !self.on {
            return text.into();
        }
        let code = match look {
            Look::Bold => 1,
            Look::Dim => 2,
            Look::Red => 31,
            Look::Green => 32,
            Look::Yellow => 33,
            Look::Blue => 34,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}
