//! `feature-build trust`, and the question that `run` asks.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::bail;

use super::terminal::shown;
use super::{Context, print};
use crate::agent;
use crate::workspace::trust::{Standing, Store, Subject, Trusted};

/// Show what the tasks of this workspace may start, and trust it as it stands.
///
/// Nothing of a workspace is started before that. The answer is kept outside the workspace, for its path and the text of
/// its feature-build.yaml: when that changes, you are asked again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  feature-build trust --show")]
pub(super) struct Args {
    /// Only show it.
    #[arg(long)]
    show: bool,
    /// Trust this workspace no longer.
    #[arg(long, conflicts_with = "show")]
    revoke: bool,
}

pub(super) fn main(context: &Context, args: &Args) -> anyhow::Result<ExitCode> {
    let (root, store) = (context.root()?, Store::of_user()?);
    if args.revoke {
        let was = store.revoke(&root)?;
        let said = if was { "is not trusted any more" } else { "was not trusted" };
        print(&format!("{} {said}\n", shown(&root.to_string_lossy())))?;
        return Ok(ExitCode::SUCCESS);
    }
    let subject = Subject::read(&root)?;
    let standing = store.standing(subject.clone())?;
    print(&describe(&subject, &standing))?;
    match (&standing, args.show) {
        (Standing::Trusted(_), _) => print("trusted already\n")?,
        (_, true) => print("not trusted\n")?,
        (_, false) => {
            store.trust(&subject)?;
            print("trusted\n")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The proof that `run` needs: the user has trusted this before, does so with `--trust`, or is asked in a terminal.
pub(super) fn gate(subject: Subject, says_yes: bool) -> anyhow::Result<Trusted> {
    let store = Store::of_user()?;
    let standing = match store.standing(subject.clone())? {
        Standing::Trusted(trusted) => return Ok(trusted),
        other => other,
    };
    if says_yes {
        return Ok(store.trust(&subject)?);
    }
    let description = describe(&subject, &standing);
    if !can_be_asked() {
        bail!(
            "nothing was started: you have not trusted this configuration yet\n{description}\
             to trust it: feature-build trust; to trust it and run: feature-build run --trust"
        );
    }
    let is_trusted = show(&description, size(), &mut io::stdin().lock(), &mut io::stderr())? && {
        write!(io::stderr(), "Trust this and run? [y/N] ")?;
        io::stderr().flush()?;
        is_yes(&mut io::stdin().lock())?
    };
    if !is_trusted {
        bail!("nothing was started: the configuration is not trusted");
    }
    Ok(store.trust(&subject)?)
}

/// Rows and columns of the terminal that asks; `None` where it does not say.
fn size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stderr()).ok()?;
    (size.ws_row > 1 && size.ws_col > 0).then(|| (size.ws_row.into(), size.ws_col.into()))
}

/// Shows a text screen by screen: none of it may leave the screen before it could be read. False where the user stops.
fn show(
    text: &str,
    size: Option<(usize, usize)>,
    input: &mut impl io::BufRead,
    output: &mut impl io::Write,
) -> io::Result<bool> {
    let Some((rows, columns)) = size else { return output.write_all(text.as_bytes()).map(|()| true) };
    let folded: Vec<String> = text.lines().flat_map(|line| folded(line, columns)).collect();
    // A row for the question.
    if folded.len() < rows {
        return output.write_all(text.as_bytes()).map(|()| true);
    }
    let pages: Vec<&[String]> = folded.chunks(rows - 1).collect();
    for (at, page) in pages.iter().enumerate() {
        writeln!(output, "{}", page.join("\n"))?;
        if at + 1 < pages.len() {
            write!(output, "-- Enter: more ({} of {}), q: not now -- ", at + 1, pages.len())?;
            output.flush()?;
            let mut answer = String::new();
            let is_over = input.read_line(&mut answer)? == 0;
            if is_over || matches!(answer.trim().to_ascii_lowercase().as_str(), "q" | "n" | "no") {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// A line as the rows that a terminal needs for it. What is not ASCII may be two columns wide.
fn folded(line: &str, columns: usize) -> Vec<String> {
    let (mut rows, mut width) = (vec![String::new()], 0);
    for char in line.chars() {
        let own = if char.is_ascii() { 1 } else { 2 };
        if width + own > columns && width > 0 {
            rows.push(String::new());
            width = 0;
        }
        width += own;
        if let Some(row) = rows.last_mut() {
            row.push(char);
        }
    }
    rows
}

/// Whether somebody is there to be asked.
pub(super) fn can_be_asked() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Reads an answer: only a clear yes is one.
pub(super) fn is_yes(input: &mut impl io::BufRead) -> io::Result<bool> {
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn describe(subject: &Subject, standing: &Standing) -> String {
    standing
        .describe(subject, |name| agent::agent(subject.config(), name)?.command)
        .concat()
        .iter()
        .map(|line| agent::safe::exact(line) + "\n")
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_text_longer_than_the_screen_is_shown_screen_by_screen() {
        let text = "0123456789\nb\nc\nd\n";
        let shown = |typed: &str, rows: usize| {
            let mut output = Vec::new();
            let is_shown = show(text, Some((rows, 6)), &mut typed.as_bytes(), &mut output).unwrap();
            (is_shown, String::from_utf8(output).unwrap())
        };
        assert_eq!(shown("", 6), (true, text.to_owned()));
        let pages =
            "012345\n6789\n-- Enter: more (1 of 3), q: not now -- b\nc\n-- Enter: more (2 of 3), q: not now -- d\n";
        assert_eq!(shown("\ny\n", 3), (true, pages.to_owned()));
        for typed in ["", "q\n", "\nN\n"] {
            let (is_shown, output) = shown(typed, 3);
            assert!(!is_shown && !output.contains("-- d"), "{typed:?}: {output}");
        }
    }

    #[test]
    fn only_a_clear_yes_is_one() {
        for (answer, wanted) in [("y\n", true), ("YES\n", true), ("\n", false), ("", false), ("yolo\n", false)] {
            assert_eq!(is_yes(&mut answer.as_bytes()).unwrap(), wanted, "{answer:?}");
        }
    }
}
