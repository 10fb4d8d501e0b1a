//! `opencode run --format json`.

use serde_json::Value;

use super::{Reading, money, number, object_of, rate_limit, text};
use crate::agent::Usage;

pub(super) fn read(event: &Value, reading: &mut Reading) {
    reading.in_session(text(event, &["sessionID"]));
    match text(event, &["type"]) {
        Some("step_start") => _ = reading.turns(None),
        Some("text") => reading.speaks(text(event, &["part", "text"]).unwrap_or_default()),
        Some("tool_use") => {
            let input = event.get("part").and_then(|part| part.get("state")?.get("input"));
            reading.uses(text(event, &["part", "tool"]).unwrap_or_default(), input.and_then(object_of));
        }
        Some("step_finish") => step_finish(event, reading),
        Some("error") => {
            let paths: [&[&str]; 4] =
                [&["error", "data", "message"], &["error", "message"], &["message"], &["error", "name"]];
            let words = paths.iter().find_map(|path| text(event, path)).unwrap_or("it told an error");
            reading.limited = rate_limit(words).or(reading.limited.take());
            reading.failed(words);
        }
        _ => {}
    }
}

fn step_finish(event: &Value, reading: &mut Reading) {
    let tokens = |path: &[&str]| number(event, &[&["part", "tokens"], path].concat());
    let input =
        tokens(&["input"]).saturating_add(tokens(&["cache", "read"])).saturating_add(tokens(&["cache", "write"]));
    reading.spends(Usage {
        input_tokens: input,
        output_tokens: tokens(&["output"]).saturating_add(tokens(&["reasoning"])),
        cost_usd: money(event, &["part", "cost"]),
    });
    if text(event, &["part", "reason"]) == Some("stop") {
        reading.limited = None;
        reading.ends();
    }
}
