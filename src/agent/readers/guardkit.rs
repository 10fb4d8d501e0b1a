//! The text of `guardkit autobuild`.

use super::{Reading, Verdict, rate_limit};
use crate::agent::safe;

pub(super) fn read(line: &[u8], reading: &mut Reading) {
    // Its lines are at most as wide as a terminal; what is longer is some tool's.
    let Some(line) = line.get(..line.len().min(1000)) else { return };
    let line = safe::line(line);
    if let Some(turn) = turn(&line) {
        reading.now = Some(turn);
    }
    if let Some(status) = status(&line) {
        reading.verdict = Some(verdict(status));
    }
    if line.contains("usage limit reached") {
        reading.limited = rate_limit(&line);
    }
}

/// `⠋ Turn 1/5: Coach Validation ━━━━ 0%`
fn turn(line: &str) -> Option<String> {
    let (_, from) = line.split_once("Turn ")?;
    let (number, rest) = from.split_once(": ")?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (at, of) = number.split_once('/')?;
    let phase = rest.split('━').next().unwrap_or_default().trim();
    (is_number(at) && is_number(of) && !phase.is_empty()).then(|| safe::cut(&format!("turn {at} of {of}: {phase}")))
}

/// `│ Status: APPROVED │` in the box at its end, and `… decision=approved, turns=1` in its log.
fn status(line: &str) -> Option<&str> {
    let in_box = line.strip_prefix('│').and_then(|line| line.trim().strip_prefix("Status: "));
    let status = match in_box {
        Some(status) => status.trim_end_matches('│').trim(),
        None => line.split_once("Orchestration complete: ")?.1.split_once("decision=")?.1.split(',').next()?,
    };
    let plain = |char: char| char.is_ascii_alphabetic() || char == '_';
    (!status.is_empty() && status.chars().all(plain)).then_some(status)
}

fn verdict(status: &str) -> Verdict {
    let words = status.to_ascii_lowercase().replace('_', " ");
    match words.as_str() {
        "approved" | "success" | "completed" => Verdict::Done,
        "blocked" => Verdict::Blocked(words),
        _ => Verdict::Failed(words),
    }
}
