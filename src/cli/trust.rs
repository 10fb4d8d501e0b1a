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
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        bail!(
            "nothing was started: you have not trusted this configuration yet\n{description}\
             to trust it: feature-build trust; to trust it and run: feature-build run --trust"
        );
    }
    eprint!("{description}Trust this and run? [y/N] ");
    io::stderr().flush()?;
    if !is_yes(&mut io::stdin().lock())? {
        bail!("nothing was started: the configuration is not trusted");
    }
    Ok(store.trust(&subject)?)
}

fn is_yes(input: &mut impl io::BufRead) -> io::Result<bool> {
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
    fn only_a_clear_yes_is_one() {
        for (answer, wanted) in [("y\n", true), ("YES\n", true), ("\n", false), ("", false), ("yolo\n", false)] {
            assert_eq!(is_yes(&mut answer.as_bytes()).unwrap(), wanted, "{answer:?}");
        }
    }
}
