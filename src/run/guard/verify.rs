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
/// with its name (`--token=x`, `Authorization: x`) or behind it (`--token x`), and so is the user of a URL.
fn named(argv: &[String]) -> String {
    let mut words = Vec::with_capacity(argv.len());
    let mut is_value = false;
    for word in argv {
        words.push(if is_value { "…".to_owned() } else { without_secrets(word) });
        is_value = !is_value && word.starts_with('-') && !word.contains('=') && is_secret(word);
    }
    safe::line(words.join(" ").as_bytes())
}

/// A word, which may be a whole script: from the first secret on nothing of it is shown, since nobody can tell where that
/// ends.
fn without_secrets(word: &str) -> String {
    let word = without_users(word);
    let ends = |(at, char): (usize, char)| {
        let name = word.get(..at).unwrap_or_default();
        let name = name.rsplit(|char: char| !is_of_a_name(char)).next().unwrap_or_default();
        let introduces = match char {
            '=' | ':' => true,
            char if char.is_whitespace() => name.starts_with('-') || name.eq_ignore_ascii_case("bearer"),
            _ => false,
        };
        (introduces && is_secret(name)).then_some(at + char.len_utf8())
    };
    match word.char_indices().find_map(ends) {
        Some(end) => format!("{}…", word.get(..end).unwrap_or_default()),
        None => word,
    }
}

fn is_of_a_name(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.')
}

/// `https://…@host` for `https://name:password@host`.
fn without_users(word: &str) -> String {
    let mut parts = word.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let authority = part.split(['/', '?', '#', '"', '\'']).next().unwrap_or_default();
        let authority = authority.split(char::is_whitespace).next().unwrap_or_default();
        let user = authority.rfind('@').unwrap_or_default();
        shown.push_str("://");
        shown.push_str(if user > 0 { "…" } else { "" });
        shown.push_str(part.get(user..).unwrap_or_default());
    }
    shown
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["token", "secret", "passw", "key", "credential", "authorization", "bearer"].iter().any(|word| name.contains(word))
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
        for (word, shown) in [
            ("A=1 TOKEN=abc make", "A=1 TOKEN=…"),
            ("login --password abc", "login --password …"),
            ("curl -H 'X: Bearer abc'", "curl -H 'X: Bearer …"),
            (
                "get https://me:abc@host/a@b http://host/x ftp://me@host",
                "get https://…@host/a@b http://host/x ftp://…@host",
            ),
            ("the keys of a map", "the keys of a map"),
        ] {
            assert_eq!(named(&["sh".into(), "-c".into(), word.into()]), format!("sh -c {shown}"));
        }
    }
}
