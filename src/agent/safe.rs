//! Output made safe to show: no byte of a task's output may steer a terminal or reorder an editor's line.

use std::sync::LazyLock;

use regex::Regex;

/// The longest text that leaves a log: what an event may carry.
const LONGEST: usize = 200;

/// One line of output as text that is safe to show, cut at 200 characters.
pub fn line(bytes: &[u8]) -> String {
    let shown = text(bytes).replace('\n', " ");
    cut(shown.trim())
}

/// A text of at most 200 characters: a longer one loses its end.
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.into(),
        Some(_) => text.chars().take(LONGEST - 1).chain(['…']).collect(),
    }
}

/// Output of any length as text that is safe to show: control sequences are gone, line ends stay.
pub fn text(bytes: &[u8]) -> String {
    let decoded = String::from_utf8_lossy(bytes);
    let mut shown = String::with_capacity(decoded.len());
    let mut chars = decoded.chars();
    while let Some(char) = chars.next() {
        match char {
            '\x1b' => skip_sequence(&mut chars),
            '\n' => shown.push('\n'),
            '\t' | '\u{2028}' | '\u{2029}' => shown.push(' '),
            _ if char.is_control() || reorders(char) => {}
            _ => shown.push(char),
        }
    }
    shown
}

/// A line as it is, for somebody who has to judge it: what would steer a terminal, reorder, break the line or not be seen at
/// all is written as its number. Nothing is left out, or a command could hide what else it does behind an escape sequence.
pub fn exact(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    for char in line.chars() {
        if char.is_control() || reorders(char) || is_unseen(char) {
            shown.extend(char.escape_unicode());
        } else {
            shown.push(char);
        }
    }
    shown
}

/// JSON that says the same, without a character in it that a terminal would obey: strings are the only place for one, and there
/// its number says the same.
pub fn json(text: String) -> String {
    let is_obeyed = |char: char| char != '\n' && char.is_control() || reorders(char);
    if !text.contains(is_obeyed) {
        return text;
    }
    let mut shown = String::with_capacity(text.len() + 64);
    for char in text.chars() {
        if is_obeyed(char) {
            // All of them are below U+10000: one number, never a pair.
            shown.push_str(&format!("\\u{:04x}", u32::from(char)));
        } else {
            shown.push(char);
        }
    }
    shown
}

/// What nobody sees, or takes for something else that cannot be seen: by Unicode's own properties (blanks but the space, what is
/// to be ignored where it is not known, format characters, private use), and three that it counts as symbols and fonts leave
/// blank.
static UNSEEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"[\p{Default_Ignorable_Code_Point}\p{White_Space}\p{Cf}\p{Co}\p{Cn}\u{2800}\u{FFFC}\u{1D159}&&[^ ]]")
        .ok()
});

fn is_unseen(char: char) -> bool {
    let is_one = |unseen: &Regex| unseen.is_match(char.encode_utf8(&mut [0; 4]));
    // Without the properties everything is written as its number.
    !char.is_ascii() && UNSEEN.as_ref().is_none_or(is_one)
}

/// Skips the rest of an escape sequence (ECMA-48, section 5.4 and 5.6). One that never ends takes the rest along: a
/// terminal would swallow it too.
fn skip_sequence(chars: &mut std::str::Chars<'_>) {
    let Some(first) = chars.next() else { return };
    match first {
        '[' => skip_past(chars, |char| ('\x40'..='\x7e').contains(&char)),
        ']' | 'P' | 'X' | '^' | '_' => skip_string(chars),
        '\x20'..='\x2f' => skip_past(chars, |char| ('\x30'..='\x7e').contains(&char)),
        _ => {}
    }
}

fn skip_past(chars: &mut std::str::Chars<'_>, last: impl Fn(char) -> bool) {
    chars.find(|char| last(*char));
}

/// Skips a control string: it ends with BEL, with `ESC \`, or with C1's ST.
fn skip_string(chars: &mut std::str::Chars<'_>) {
    while let Some(char) = chars.next() {
        match char {
            '\x07' | '\u{9c}' => return,
            '\x1b' => {
                chars.next();
                return;
            }
            _ => {}
        }
    }
}

/// Characters that make the text around them read in another order (Unicode's bidirectional controls).
fn reorders(char: char) -> bool {
    matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sequences_are_gone() {
        assert_eq!(line(b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07and \x1b]8;;x\x1b\\link\x1b(B!"), "red and link!");
        assert_eq!(line("a\u{202e}b\u{9b}c\x08d".as_bytes()), "abcd");
        assert_eq!(line(b"caf\xe9"), "caf\u{fffd}");
    }

    #[test]
    fn what_is_to_be_judged_is_shown_whole() {
        assert_eq!(exact("a\u{1b}]b\r\n\u{202e}c\u{200b} ä"), "a\\u{1b}]b\\u{d}\\u{a}\\u{202e}c\\u{200b} ä");
    }

    #[test]
    fn what_cannot_be_seen_is_written_as_its_number() {
        // The bounds of <https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt>, Default_Ignorable_Code_Point,
        // and of PropList.txt, White_Space.
        let ignorable = "\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180b}\u{180f}\u{200b}\u{200f}\u{202a}\u{202e}\
            \u{2060}\u{206f}\u{3164}\u{fe00}\u{fe0f}\u{feff}\u{ffa0}\u{fff0}\u{fff8}\u{1bca0}\u{1bca3}\u{1d173}\u{1d17a}\u{e0000}\
            \u{e0001}\u{e0fff}";
        let blank =
            "\t\n\u{b}\u{c}\r\u{85}\u{a0}\u{1680}\u{2000}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{2800}";
        let format =
            "\u{600}\u{6dd}\u{70f}\u{fff9}\u{fffb}\u{fffc}\u{110bd}\u{e000}\u{f8ff}\u{10ffff}\u{0}\u{1b}\u{7f}\u{9b}";
        for char in [ignorable, blank, format].concat().chars() {
            assert_eq!(exact(&format!("a{char}b")), format!("a{}b", char.escape_unicode()), "{:x}", u32::from(char));
        }
        for text in ["a b 'x' {id} ~", "äöü é 日本語 ελ ру עב العربية ▶ → 🎉"] {
            assert_eq!(exact(text), text);
        }
    }

    #[test]
    fn json_says_the_same() {
        let text = "ä\u{1b}[2J\u{7f}\u{9b}31m\u{202e}\n\u{2066}";
        let shown = json(serde_json::json!({ "title": text }).to_string());
        assert!(!shown.contains(|char: char| char.is_control() || reorders(char)), "{shown}");
        let read: serde_json::Value = serde_json::from_str(&shown).unwrap_or_default();
        assert_eq!(read.get("title").and_then(serde_json::Value::as_str), Some(text));
    }

    #[test]
    fn long_lines_are_cut_by_characters() {
        let shown = line("ä".repeat(500).as_bytes());
        assert_eq!(shown.chars().count(), 200);
        assert!(shown.ends_with('…'));
        assert_eq!(line("ä".repeat(200).as_bytes()), "ä".repeat(200));
    }

    proptest! {
        #[test]
        fn no_bytes_give_a_control_character(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let shown = line(&bytes);
            prop_assert!(!shown.chars().any(|char| char.is_control() || reorders(char)));
            prop_assert!(shown.chars().count() <= 200);
        }
    }
}
