//! Claude Code's `--output-format stream-json`, and Cursor's, which is made after it.

use serde_json::Value;

use super::{Reading, at, money, number, object_of, rate_limit, text};
use crate::agent::{RateLimit, Usage};

pub(super) fn read(event: &Value, reading: &mut Reading) {
    match text(event, &["type"]) {
        Some("system") => {
            reading.in_session(text(event, &["session_id"]));
            reading.with_model(text(event, &["model"]));
        }
        Some("assistant") => assistant(event, reading),
        Some("tool_call") if text(event, &["subtype"]) == Some("started") => cursors_tool(event, reading),
        Some("rate_limit_event") => rate_limits(event, reading),
        Some("result") => result(event, reading),
        _ => {}
    }
}

fn assistant(event: &Value, reading: &mut Reading) {
    reading.with_model(text(event, &["message", "model"]));
    // A message comes in several events, one for each of its parts.
    if reading.turns(text(event, &["message", "id"])) {
        // What is known without the result, which a session that is ended does not have.
        reading.spends(usage(event, &["message", "usage"]));
    }
    if text(event, &["error"]) == Some("rate_limit") {
        reading.limited.get_or_insert_default();
    }
    let parts = at(event, &["message", "content"]).and_then(Value::as_array);
    for part in parts.into_iter().flatten() {
        match text(part, &["type"]) {
            Some("text") => reading.speaks(text(part, &["text"]).unwrap_or_default()),
            Some("tool_use") => {
                let on = part.get("input").and_then(object_of);
                reading.uses(text(part, &["name"]).unwrap_or_default(), on);
            }
            _ => {}
        }
    }
}

/// `{"tool_call": {"readToolCall": {"args": {"path": …}}}}`
fn cursors_tool(event: &Value, reading: &mut Reading) {
    let call = event.get("tool_call").and_then(Value::as_object).and_then(|call| call.iter().next());
    if let Some((name, call)) = call {
        reading.uses(name.trim_end_matches("ToolCall"), call.get("args").and_then(object_of));
    }
}

/// Only `rejected` is a limit that was reached: the same event tells with `allowed` how much is left.
fn rate_limits(event: &Value, reading: &mut Reading) {
    let until = at(event, &["rate_limit_info", "resetsAt"]).and_then(Value::as_i64);
    match text(event, &["rate_limit_info", "status"]) {
        Some("rejected") => reading.limited = Some(RateLimit { until, ..RateLimit::default() }),
        Some(_) => reading.limited = None,
        None => {}
    }
}

fn result(event: &Value, reading: &mut Reading) {
    reading.in_session(text(event, &["session_id"]));
    if event.get("usage").is_some() {
        let cost_usd = money(event, &["total_cost_usd"]);
        reading.told.usage = Some(Usage { cost_usd, ..usage(event, &["usage"]) });
    }
    let words = text(event, &["result"]).unwrap_or_default();
    let subtype = text(event, &["subtype"]).unwrap_or("success");
    let is_error = at(event, &["is_error"]).and_then(Value::as_bool).unwrap_or(false);
    let is_limit = words.starts_with("Claude AI usage limit reached");
    if !is_error && subtype == "success" && !is_limit {
        reading.limited = None;
        reading.speaks(words);
        return reading.ends();
    }
    let status = at(event, &["api_error_status"]).and_then(Value::as_u64);
    let limit = rate_limit(words).or_else(|| (status == Some(429)).then(RateLimit::default));
    if limit.as_ref().is_some_and(|limit| reading.limited.is_none() || limit.until.is_some()) {
        reading.limited = limit;
    }
    let errors = at(event, &["errors"]).and_then(Value::as_array).and_then(|errors| errors.first()?.as_str());
    let words = Some(words).filter(|words| !words.is_empty()).or(errors).unwrap_or(subtype);
    reading.failed(words);
}

fn usage(event: &Value, path: &[&str]) -> Usage {
    let Some(usage) = at(event, path) else { return Usage::default() };
    let input = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
    let input_tokens = input.iter().fold(0_u64, |sum, key| sum.saturating_add(number(usage, &[key])));
    Usage { input_tokens, output_tokens: number(usage, &["output_tokens"]), cost_usd: None }
}
