//! What must succeed after the task's process has: commands that verify its work, one after another, in the same log and
//! under the same limits.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Stdio;

use super::super::{Outcome, private};
use super::attempt::{Attempt, Seen, StartError, start};
use super::output::Output;
use super::{Control, Ending, Job, Supervisor};
use crate::agent::safe;
use crate::workspace::Format;

/// What stands in the log before a command's output; behind it stands the command.
const HEADER: &str = "[feature-build: verify: ";
/// How much of a failed verification an agent is told: what went wrong stands at its end.
const FEEDBACK: u64 = 16 << 10;

/// Runs the commands, as long as all is well.
pub(super) fn verify(job: &Job, control: &mut Control, supervisor: &Supervisor, mut seen: Seen) -> Seen {
    for argv in &job.handling.verify {
        if seen.ending.outcome != Outcome::Passed {
            break;
        }
        seen = run(job, argv, control, supervisor, seen);
    }
    seen
}

fn run(job: &Job, argv: &[String], control: &mut Control, supervisor: &Supervisor, before: Seen) -> Seen {
    let Seen { ending: before, all_gone, mut log, timing } = before;
    let name = named(argv);
    log.write(format!("\n{HEADER}{name}]\n").as_bytes());
    let (family, pipe) = match start(job, argv, Stdio::null()) {
        Ok(started) => started,
        Err(StartError { doing, source }) => {
            let reason = format!("verifying by `{name}`: {doing}: {source}");
            let ending = Ending { outcome: Outcome::Failed, reason: Some(reason), ..before };
            return Seen { ending, all_gone, log, timing };
        }
    };
    let output = Output::new(pipe, log, Format::Text);
    let seen = Attempt::new(job, control, supervisor, family, output, timing, None).see_through();
    Seen { ending: both(before, seen.ending, &name), all_gone: all_gone && seen.all_gone, ..seen }
}

/// A command as it may stand in a log and in a journal: a value whose name speaks of a secret is left out, whether it stands
/// with its name (`--token=x`, `Authorization: x`) or behind it (`--token x`).
fn named(argv: &[String]) -> String {
    let mut words = Vec::with_capacity(argv.len());
    let mut is_value = false;
    for word in argv {
        words.push(match word.split_once(['=', ':']) {
            _ if is_value => "…".to_owned(),
            Some((name, _)) if is_secret(name) => format!("{}…", word.get(..=name.len()).unwrap_or(name)),
            _ => word.clone(),
        });
        is_value = !is_value && word.starts_with('-') && !word.contains('=') && is_secret(word);
    }
    safe::line(words.join(" ").as_bytes())
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["token", "secret", "passw", "key", "credential", "authorization"].iter().any(|word| name.contains(word))
}

/// The agent did its work, and this is how its verification ended.
fn both(agent: Ending, verification: Ending, name: &str) -> Ending {
    let leaked = agent.leaked || verification.leaked;
    if verification.outcome == Outcome::Passed {
        return Ending { duration_ms: verification.duration_ms, leaked, ..agent };
    }
    let how = verification.reason.unwrap_or_default();
    Ending {
        reason: Some(format!("verifying by `{name}`: {how}")),
        unverified: verification.outcome == Outcome::Failed,
        told: agent.told,
        // Some program of the check may have met one; the agent's quota is another matter.
        limited: None,
        leaked,
        ..verification
    }
}

/// What an agent is told of the failed verification in this log: a file without a name, to be read from its start.
pub(super) fn feedback(log: &Path, beside: &Path) -> io::Result<File> {
    let mut log = private::open(log)?;
    let length = log.seek(SeekFrom::End(0))?;
    log.seek(SeekFrom::Start(length.saturating_sub(FEEDBACK)))?;
    let mut end = Vec::new();
    log.take(FEEDBACK).read_to_end(&mut end)?;
    let end = String::from_utf8_lossy(&end);
    let failed = end.rfind(HEADER).and_then(|at| end.get(at..)).unwrap_or(&end);

    let path = beside.with_extension("feedback");
    let mut file = private::options().read(true).write(true).create(true).truncate(true).open(&path)?;
    std::fs::remove_file(&path)?;
    write!(file, "The work is not done yet: a check of it failed. Mend what it shows.\n\n{failed}\n")?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_stands_in_no_header() {
        let argv = ["check", "--api-key=abc", "TOKEN=x=y", "a=b", "\u{1b}[31mred"].map(str::to_owned);
        assert_eq!(named(&argv), "check --api-key=… TOKEN=… a=b red");
        let argv =
            ["curl", "--token", "abc", "-H", "Authorization: Bearer abc", "--no-key=", "--key"].map(str::to_owned);
        assert_eq!(named(&argv), "curl --token … -H Authorization:… --no-key=… --key");
    }
}
