//! Wave labels, in the order that people expect.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::words;

/// The label of a wave as the author wrote it, without the words around it (`wave-1` is `1`).
///
/// Ordered by its runs of digits and letters: `0 < 1 < 2 < 2a < 3.5 < 10`. Labels that order the same are the same
/// wave: `2A` and `2a`, `1` and `01`.
#[derive(Debug, Clone)]
pub struct WaveLabel(Arc<str>);

/// The text names no wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a wave is a number with an optional letter or fraction, such as 1, 2a or 3.5")]
pub struct NoWave;

/// A longer text is a sentence, not a label.
const LONGEST: usize = 32;

impl WaveLabel {
    /// Reads a label: a number with an optional letter or fraction (`2`, `2A`, `3.5`), a single letter (`A`), either of
    /// them behind the word "wave" and whatever stands before that (`wave-1`, `Wave 2`, `wave1-gr004`, `login-wave2-1`).
    /// Nothing, `null`, `none` and `N/A` are no wave.
    ///
    /// # Errors
    /// [`NoWave`] for every other text.
    pub fn read(text: &str) -> Result<Option<Self>, NoWave> {
        Ok(label_in(text)?.map(|label| Self(label.into())))
    }

    /// The same, with its text kept once.
    pub(super) fn read_shared(text: &str) -> Result<Option<Self>, NoWave> {
        Ok(label_in(text)?.map(|label| Self(words::shared(label))))
    }

    /// The label of the wave at this place, counted from 1: what a feature without declared waves gets.
    pub fn numbered(number: usize) -> Self {
        Self(number.to_string().into())
    }

    /// The label, as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WaveLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Ord for WaveLabel {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.0 == other.0 {
            return Ordering::Equal;
        }
        let (mut ours, mut theirs) = (runs(&self.0), runs(&other.0));
        loop {
            let order = match (ours.next(), theirs.next()) {
                (None, None) => return Ordering::Equal,
                (None, Some(_)) => Ordering::Less,
                (Some(_), None) => Ordering::Greater,
                (Some(our), Some(their)) => our.compare(&their),
            };
            if order.is_ne() {
                return order;
            }
        }
    }
}

impl PartialOrd for WaveLabel {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for WaveLabel {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for WaveLabel {}

/// A run of digits or of letters. Digits are compared by value without a limit on their number: leading zeros are gone,
/// so the longer run is the larger one.
enum Run<'l> {
    Number(&'l str),
    Letters(&'l str),
}

impl Run<'_> {
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
            (Self::Letters(a), Self::Letters(b)) => without_case(a).cmp(without_case(b)),
            (Self::Number(_), Self::Letters(_)) => Ordering::Less,
            (Self::Letters(_), Self::Number(_)) => Ordering::Greater,
        }
    }
}

/// The letters of a text, to compare it without a copy.
pub(crate) fn without_case(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().map(|byte| byte.to_ascii_lowercase())
}

fn runs(label: &str) -> impl Iterator<Item = Run<'_>> {
    label.split(|c: char| !c.is_ascii_alphanumeric()).flat_map(split_digits).map(|run| {
        if run.starts_with(|c: char| c.is_ascii_digit()) {
            Run::Number(run.trim_start_matches('0'))
        } else {
            Run::Letters(run)
        }
    })
}

fn split_digits(part: &str) -> impl Iterator<Item = &str> {
    let mut rest = part;
    std::iter::from_fn(move || {
        let digits = rest.chars().next()?.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        rest = behind;
        Some(run)
    })
}

fn label_in(text: &str) -> Result<Option<&str>, NoWave> {
    let text = text.trim();
    if is_absent(text) {
        return Ok(None);
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let label = if is_number { text } else { behind_the_word_wave(text).unwrap_or(text) };
    if is_label(label) { Ok(Some(label)) } else { Err(NoWave) }
}

/// Is this one of the ways to say "nothing" in a value that is read as text?
pub(super) fn is_absent(text: &str) -> bool {
    const LONGEST: usize = "null".len();
    text.len() <= LONGEST
        && ["", "~", "null", "none", "n/a", "na", "-"].iter().any(|absent| text.eq_ignore_ascii_case(absent))
}

/// `wave1-gr004` and `login-wave2-1` name a wave and what it is a wave of: the label is what stands right behind the
/// word.
fn behind_the_word_wave(text: &str) -> Option<&str> {
    let at = text.to_ascii_lowercase().rfind("wave")?;
    let behind = text.get(at + "wave".len()..)?;
    let behind = behind.trim_start_matches([' ', '-', '_', ':', '#']);
    let end = behind.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).unwrap_or(behind.len());
    behind.get(..end).filter(|label| !label.is_empty())
}

fn is_label(text: &str) -> bool {
    let mut kinds = split_digits_and_dots(text);
    text.len() <= LONGEST
        && match kinds.next() {
            Some(first) if first.starts_with(|c: char| c.is_ascii_digit()) => number_tail_fits(text),
            Some(first) => first.len() == 1 && first.bytes().all(|b| b.is_ascii_alphabetic()) && kinds.next().is_none(),
            None => false,
        }
}

fn split_digits_and_dots(text: &str) -> impl Iterator<Item = &str> {
    text.split(['.', '-', '_']).flat_map(split_digits)
}

/// Behind the number: fractions and single letters (`2a`, `3.5`, `2b.1`, `1-2`).
fn number_tail_fits(text: &str) -> bool {
    text.split(['.', '-', '_']).all(|part| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && split_digits(part).all(|run| run.starts_with(|c: char| c.is_ascii_digit()) || run.len() == 1)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn label(text: &str) -> WaveLabel {
        WaveLabel::read(text).unwrap().unwrap()
    }

    #[test]
    fn labels_order_as_people_expect() {
        let ordered = ["0", "1", "2", "2a", "2b", "3.5", "3.10", "10", "99999999999999999999999", "A", "B"];
        for pair in ordered.windows(2) {
            let [before, after] = pair else { unreachable!() };
            assert!(label(before) < label(after), "{before} < {after}");
        }
    }

    #[test]
    fn the_words_around_a_label_are_cut_off() {
        for (text, expected) in [
            ("wave-1", "1"),
            ("Wave 2", "2"),
            ("wave1-gr004", "1"),
            ("player-report-harmonization-wave2-1", "2"),
            ("2A", "2A"),
            (" 3.5 ", "3.5"),
            ("wave3.5", "3.5"),
        ] {
            assert_eq!(label(text).as_str(), expected, "{text}");
        }
    }

    #[test]
    fn nothing_is_no_wave_and_a_sentence_is_none_either() {
        for text in ["", "N/A", "n/a", "null", "None", "~"] {
            assert_eq!(WaveLabel::read(text), Ok(None), "{text}");
        }
        for text in ["banana", "-1", "first one", "1..2", "wave", "[1, 2]", "1abc", "frontend-1"] {
            assert_eq!(WaveLabel::read(text), Err(NoWave), "{text}");
        }
    }

    #[test]
    fn the_same_wave_is_equal_however_it_is_written() {
        assert_eq!(label("2A"), label("2a"));
        assert_eq!(label("01"), label("wave-1"));
        assert_ne!(label("1"), label("1.0.1"));
    }

    proptest! {
        #[test]
        fn reading_is_total_and_the_order_is_consistent(a in "[0-9a-zA-Z._-]{0,6}", b in "[0-9a-z.]{0,6}", any in ".*") {
            let _ = WaveLabel::read(&any);
            if let (Ok(Some(a)), Ok(Some(b))) = (WaveLabel::read(&a), WaveLabel::read(&b)) {
                prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
                prop_assert_eq!(a == b, a.cmp(&b) == Ordering::Equal);
            }
        }
    }
}
