#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;

use proptest::prelude::*;

use super::*;

const FORMATS: [Format; 7] = [
    Format::Text,
    Format::ClaudeStreamJson,
    Format::CodexJson,
    Format::OpencodeJson,
    Format::Guardkit,
    Format::GeminiStreamJson,
    Format::CopilotJson,
];

fn session(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agents/sessions").join(name)).unwrap()
}

fn read(format: Format, name: &str) -> Reader {
    let mut reader = Reader::new(format);
    reader.feed(&session(name));
    reader.finish();
    reader
}

/// What was shown as progress after each line, without repetitions.
fn story(format: Format, name: &str) -> Vec<String> {
    let mut reader = Reader::new(format);
    let mut story = Vec::new();
    for line in session(name).split_inclusive(|&byte| byte == b'\n') {
        reader.feed(line);
        story.extend(reader.progress());
    }
    story.dedup();
    story
}

fn verdict(format: Format, name: &str) -> Verdict {
    read(format, name).reading().verdict.clone().unwrap()
}

#[test]
fn claude_tells_what_it_does_and_what_it_cost() {
    let reader = read(Format::ClaudeStreamJson, "claude-done.jsonl");
    let reading = reader.reading();
    assert_eq!(reading.verdict, Some(Verdict::Done));
    assert_eq!(reading.limited, None, "`allowed` is no limit");
    let told = &reading.told;
    assert_eq!(told.model.as_deref(), Some("claude-sonnet-5"));
    assert_eq!(told.session.as_deref(), Some("0b9d6f0e-8c1e-4c0c-9a55-2f4f8e1f4a10"));
    assert_eq!(told.usage, Some(Usage { input_tokens: 24_030, output_tokens: 402, cost_usd: Some(0.0871) }));
    assert_eq!(
        story(Format::ClaudeStreamJson, "claude-done.jsonl"),
        [
            "I'll look at the parser first.",
            "Read /home/user/project/src/parser.rs",
            "turn 2: Edit src/parser.rs",
            "turn 2: The parser reads empty input now."
        ]
    );
}

#[test]
fn what_a_session_used_is_known_before_its_end() {
    let whole = session("claude-done.jsonl");
    let lines: Vec<&[u8]> = whole.split_inclusive(|&byte| byte == b'\n').collect();
    let mut reader = Reader::new(Format::ClaudeStreamJson);
    lines[..lines.len() - 1].iter().for_each(|line| reader.feed(line));
    let usage = reader.reading().told.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (24_030, 152), "each message once");
    assert_eq!(reader.reading().verdict, None);
}

#[test]
fn an_error_result_has_failed_and_a_blocked_one_is_blocked() {
    let failed = |words: &str| Verdict::Failed(words.to_owned());
    let claude = |name: &str| verdict(Format::ClaudeStreamJson, name);
    assert_eq!(claude("claude-not-logged-in.jsonl"), failed("Not logged in · Please run /login"));
    assert_eq!(claude("claude-max-turns.jsonl"), failed("Reached maximum number of turns (40)"));
    let blocked = Verdict::Blocked("**Blocked:** the database needs a password".into());
    assert_eq!(claude("claude-blocked.jsonl"), blocked);
    assert_eq!(verdict(Format::ClaudeStreamJson, "cursor-done.jsonl"), Verdict::Done);
    assert!(
        matches!(verdict(Format::CodexJson, "codex-failed.jsonl"), Verdict::Failed(words) if words.contains("401"))
    );
    assert_eq!(verdict(Format::OpencodeJson, "opencode-error.jsonl"), failed("Anthropic API key is missing"));
    let blocked = Verdict::Blocked("Blocked: the database needs a password".into());
    assert_eq!(verdict(Format::GeminiStreamJson, "gemini-blocked.jsonl"), blocked, "said in pieces");
    let mut text = Reader::new(Format::Text);
    text.feed(b"Blocked: by this line that is not the last\n\x1b[1m**BLOCKED**\x1b[0m no key\n\n");
    text.finish();
    assert_eq!(text.reading().verdict, Some(Verdict::Blocked("**BLOCKED** no key".into())));
    let empty = failed("Model stream ended with an empty response.");
    assert_eq!(verdict(Format::GeminiStreamJson, "gemini-failed.jsonl"), empty, "told before its result");
    assert_eq!(verdict(Format::CopilotJson, "copilot-failed.jsonl"), failed("The requested model is not there"));
    assert_eq!(verdict(Format::Guardkit, "guardkit-max-turns.txt"), failed("max turns exceeded"));
    assert_eq!(verdict(Format::Guardkit, "guardkit-approved.txt"), Verdict::Done);
}

#[test]
fn limits_are_told_with_their_time() {
    let limit = |format, name: &str| read(format, name).reading().limited.clone().unwrap();
    let at = |until| RateLimit { until: Some(until), ..RateLimit::default() };
    assert_eq!(limit(Format::ClaudeStreamJson, "claude-limit.jsonl"), at(1_778_565_600));
    assert_eq!(limit(Format::ClaudeStreamJson, "claude-limit-old.jsonl"), at(1_758_598_800));
    let after = |seconds| RateLimit { after_s: Some(seconds), ..RateLimit::default() };
    assert_eq!(limit(Format::CodexJson, "codex-limit.jsonl"), after(3 * 3600 + 57 * 60));
    assert_eq!(limit(Format::OpencodeJson, "opencode-limit.jsonl"), after(20));
    assert_eq!(limit(Format::GeminiStreamJson, "gemini-limit.jsonl"), after(2 * 3600 + 33 * 60 + 12));
    assert_eq!(limit(Format::CopilotJson, "copilot-limit.jsonl"), after(2 * 3600 + 5 * 60));
    assert_eq!(limit(Format::Text, "aider-limit.txt"), after(80));
    for (format, name) in [
        (Format::CodexJson, "codex-failed.jsonl"),
        (Format::ClaudeStreamJson, "claude-not-logged-in.jsonl"),
        (Format::GeminiStreamJson, "gemini-failed.jsonl"),
        (Format::CopilotJson, "copilot-failed.jsonl"),
        (Format::Text, "text.txt"),
    ] {
        assert_eq!(read(format, name).reading().limited, None, "{name}");
    }
}

#[test]
fn codex_and_opencode_add_up_and_name_what_they_do() {
    let codex = read(Format::CodexJson, "codex-done.jsonl");
    assert_eq!(codex.reading().verdict, Some(Verdict::Done));
    assert_eq!(codex.reading().told.session.as_deref(), Some("0199a213-81c0-7800-8aa1-bbab2a035a53"));
    let usage = Usage { input_tokens: 24_763, output_tokens: 122, cost_usd: None };
    assert_eq!(codex.reading().told.usage, Some(usage));
    assert_eq!(
        story(Format::CodexJson, "codex-done.jsonl"),
        [
            "runs bash -lc 'rg -n parse src'",
            "changes /home/user/project/src/parser.rs",
            "The parser reads empty input now."
        ]
    );
    let opencode = read(Format::OpencodeJson, "opencode-done.jsonl");
    let usage = opencode.reading().told.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (60_373, 45));
    assert!((usage.cost_usd.unwrap() - 0.0015).abs() < 1e-9);
    assert_eq!(opencode.reading().verdict, Some(Verdict::Done));
    assert_eq!(story(Format::OpencodeJson, "opencode-done.jsonl"), ["bash cargo test", "turn 2: All tests pass."]);
    assert_eq!(read(Format::CodexJson, "codex-no-network.jsonl").reading().verdict, None, "it tries again");
}

#[test]
fn gemini_and_copilot_name_what_they_do_and_used() {
    let gemini = read(Format::GeminiStreamJson, "gemini-done.jsonl");
    let told = &gemini.reading().told;
    assert_eq!(gemini.reading().verdict, Some(Verdict::Done));
    assert_eq!(told.model.as_deref(), Some("gemini-3-pro"), "it chose this one itself");
    assert_eq!(told.session.as_deref(), Some("a5e17e1f-ec0c-42d9-8609-7cc5e9562bf8"));
    assert_eq!(told.usage, Some(Usage { input_tokens: 24_030, output_tokens: 122, cost_usd: None }));
    assert_eq!(
        story(Format::GeminiStreamJson, "gemini-done.jsonl"),
        [
            "I'll read the",
            "I'll read the parser.",
            "read_file src/parser.rs",
            "Loop detected, it was broken",
            "empty input now."
        ]
    );
    let copilot = read(Format::CopilotJson, "copilot-done.jsonl");
    let told = &copilot.reading().told;
    assert_eq!(copilot.reading().verdict, Some(Verdict::Done));
    assert_eq!(told.model.as_deref(), Some("claude-sonnet-4.6"));
    assert_eq!(told.session.as_deref(), Some("bff77b8b-cc7e-4b96-b2ae-8f52dbff73ab"));
    assert_eq!(told.usage.unwrap().output_tokens, 122);
    assert_eq!(
        story(Format::CopilotJson, "copilot-done.jsonl"),
        ["I'll look at the parser.", "bash cat src/parser.rs", "turn 2: The parser reads empty input now."]
    );
}

#[test]
fn text_and_guardkit_show_where_they_are() {
    assert_eq!(story(Format::Text, "text.txt"), ["Build", "compiling", "error: no such name"]);
    let guardkit = story(Format::Guardkit, "guardkit-approved.txt");
    assert!(guardkit.contains(&"turn 1 of 5: Player Implementation".to_owned()), "{guardkit:?}");
    assert_eq!(guardkit.last().unwrap(), "turn 1 of 5: Coach Validation");
}

#[test]
fn text_among_events_is_shown_until_the_next_event() {
    let mut reader = Reader::new(Format::CodexJson);
    reader.feed(b"warning: old config\n");
    assert_eq!(reader.progress().unwrap(), "warning: old config");
    reader.feed(b"{\"type\":\"item.completed\",\"item\":{\"type\":\"agent_message\",\"text\":\"Hi\"}}\n");
    assert_eq!(reader.progress().unwrap(), "Hi");
    reader.feed(b"\x1b]9;4;1;40\x07");
    assert_eq!(reader.progress().unwrap(), "40 % · Hi");
}

#[test]
fn only_a_plain_name_is_a_session() {
    for (id, is_one) in [("abc-1_2", true), ("--danger", false), ("a b", false), ("", false), ("a/../b", false)] {
        let mut reading = Reading::default();
        reading.in_session(Some(id));
        assert_eq!(reading.told.session.is_some(), is_one, "{id}");
    }
}

#[test]
fn blocked_is_a_word_at_the_beginning() {
    for line in ["BLOCKED", "Blocked: no key", "**Blocked:** no key", "Status: blocked", "- blocked by a missing file"]
    {
        assert!(is_blocked(line), "{line}");
    }
    for line in ["The user can be blocked.", "Unblocked", "blockedUsers are listed", "Done: blocked users are hidden"] {
        assert!(!is_blocked(line), "{line}");
    }
}

#[test]
fn a_line_of_a_log_is_said_in_words() {
    let line = "{\"type\":\"item.completed\",\"item\":{\"type\":\"agent_message\",\"text\":\"src/a.rs:3:1: wrong\"}}";
    assert_eq!(in_words(line).unwrap(), "src/a.rs:3:1: wrong");
    let result = "{\"type\":\"result\",\"is_error\":true,\"result\":\"Not logged in\"}";
    assert_eq!(in_words(result).unwrap(), "Not logged in");
    assert_eq!(in_words("{\"type\":\"user\"}"), None);
    assert_eq!(in_words("plain"), None);
}

#[test]
fn a_line_of_100_mb_costs_no_memory_and_nothing_else() {
    for format in FORMATS {
        let mut reader = Reader::new(format);
        let piece = vec![b'{'; 1 << 20];
        (0..100).for_each(|_| reader.feed(&piece));
        reader.feed(b"\n");
        reader.feed(&session("claude-done.jsonl"));
        let is_claude = format == Format::ClaudeStreamJson;
        assert_eq!(reader.reading().verdict == Some(Verdict::Done), is_claude);
    }
}

/// Whole sessions, lines of them that were damaged, and any bytes.
fn output() -> impl Strategy<Value = Vec<u8>> {
    let names = [
        "claude-done.jsonl",
        "claude-limit.jsonl",
        "codex-done.jsonl",
        "codex-limit.jsonl",
        "opencode-done.jsonl",
        "opencode-limit.jsonl",
        "gemini-done.jsonl",
        "copilot-limit.jsonl",
        "guardkit-max-turns.txt",
        "text.txt",
    ];
    let whole = proptest::sample::select(names.to_vec()).prop_map(session);
    let damaged = (whole, any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut bytes, at, byte)| {
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes
    });
    let progress = Just(b"\x1b]9;4;1;50\x07".to_vec());
    let any_bytes = prop::collection::vec(any::<u8>(), 0..80);
    prop::collection::vec(prop_oneof![damaged, progress, any_bytes], 0..4).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn the_pieces_make_no_difference(bytes in output(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        for format in FORMATS {
            let (mut whole, mut pieces) = (Reader::new(format), Reader::new(format));
            whole.feed(&bytes);
            cuts.windows(2).for_each(|cut| pieces.feed(&bytes[cut[0]..cut[1]]));
            whole.finish();
            pieces.finish();
            prop_assert_eq!(whole.reading(), pieces.reading());
            prop_assert_eq!(whole.progress(), pieces.progress());
            let shown = whole.progress().unwrap_or_default();
            prop_assert!(!shown.chars().any(char::is_control) && shown.chars().count() <= 200);
        }
    }
}
