//! What must succeed after the task's process has: commands that verify its work, one after another, in the same log and
//! under the same limits.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Stdio;

use super::super::{Outcome, private, system};
use super::attempt::{Attempt, Seen, StartError, start};
use super::output::Output;
use super::room::Room;
use super::{Ending, Guard};
use crate::agent::{VERIFY_HEADER, safe};
use crate::workspace::Format;

/// How much of a failed verification an agent is told: what went wrong stands at its end.
const FEEDBACK: u64 = 16 << 10;

/// Runs the commands, as long as all is well.
pub(super) fn verify(guard: &mut Guard<'_>, mut seen: Seen) -> Seen {
    let all = &guard.job.handling.verify;
    for (at, argv) in all.iter().enumerate() {
        if seen.ending.outcome != Outcome::Passed {
            break;
        }
        // Two calls of one program look the same without their arguments.
        let place = if all.len() > 1 { format!(" ({} of {})", at + 1, all.len()) } else { String::new() };
        seen = run(guard, argv, &(named(argv) + &place), seen);
    }
    seen
}

fn run(guard: &mut Guard<'_>, argv: &[String], name: &str, before: Seen) -> Seen {
    let job = guard.job;
    let Seen { ending: before, all_gone, mut log, mut timing } = before;
    log.write(format!("\n{VERIFY_HEADER}{name}]\n").as_bytes());
    let mut room = Room::new(job, guard.supervisor);
    let started = loop {
        match start(job, argv, Stdio::null()) {
            Err(StartError { doing, source }) if system::is_shortage(&source) => {
                let waited = room.wait(guard.control, &mut timing, &format!("{doing}: {source}"));
                if let Err(why) = waited {
                    let (outcome, how) = why.told(&job.limits);
                    let reason = Some(format!("verifying by {name}: {how}"));
                    let ending = Ending { outcome, reason, duration_ms: timing.elapsed_ms(), ..before };
                    return Seen { ending, all_gone, log, timing };
                }
            }
            started => break started,
        }
    };
    let (family, pipe) = match started {
        Ok(started) => started,
        Err(StartError { doing, source }) => {
            let reason = format!("verifying by {name}: {doing}: {source}");
            let ending = Ending { outcome: Outcome::Failed, reason: Some(reason), ..before };
            return Seen { ending, all_gone, log, timing };
        }
    };
    let output = Output::new(pipe, log, Format::Text);
    let seen = Attempt::new(guard, family, output, timing, None).see_through();
    Seen { ending: both(before, seen.ending, name), all_gone: all_gone && seen.all_gone, ..seen }
}

/// A command as it may stand in a log, a journal and a message: its program, and how many arguments it has. Any of these may
/// be a secret (`-u me:secret`, `-px`), and no name says so.
fn named(argv: &[String]) -> String {
    let [program, arguments @ ..] = argv else { return "nothing".into() };
    let program = program_name(program);
    match arguments.len() {
        0 => format!("`{program}`"),
        1 => format!("`{program}` with 1 argument"),
        many => format!("`{program}` with {many} arguments"),
    }
}

/// A program as it may stand there. A variable that somebody wrote in its place is none, and its value may be a secret, too.
pub(super) fn program_name(program: &str) -> String {
    match program.split_once('=') {
        Some((name, _)) => safe::line(format!("{name}=…").as_bytes()),
        None => safe::line(program.as_bytes()),
    }
}

/// The agent did its work, and this is how its verification ended.
fn both(agent: Ending, verification: Ending, name: &str) -> Ending {
    let leaked = agent.leaked || verification.leaked;
    if verification.outcome == Outcome::Passed {
        return Ending { duration_ms: verification.duration_ms, leaked, ..agent };
    }
    let how = verification.reason.unwrap_or_default();
    Ending {
        reason: Some(format!("verifying by {name}: {how}")),
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
    let failed = end.rfind(VERIFY_HEADER).and_then(|at| end.get(at..)).unwrap_or(&end);

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
    fn no_argument_of_a_command_stands_in_its_name() {
        let name = |words: &[&str]| named(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(name(&["curl", "-u", "me:secret", "-px"]), "`curl` with 3 arguments");
        assert_eq!(name(&["check", "--pwd=x"]), "`check` with 1 argument");
        assert_eq!(name(&["./\u{1b}[31mcheck"]), "`./check`");
        assert_eq!(name(&["TOKEN=secret", "make"]), "`TOKEN=…` with 1 argument");
    }
}
