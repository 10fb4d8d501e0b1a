//! Whatever an agent writes: it is read the same in any pieces, unknown lines change nothing, and what is told of it is
//! safe to show.

use feature_build::agent::{Reader, Reading, Verdict};
use feature_build::workspace::Format;

use super::{Chance, assert_clean};

pub fn law(format: Format, bytes: &[u8]) {
    let whole = read(format, &[bytes]);
    is_safe(&whole);
    let mut chance = Chance::of(bytes);
    let mut cuts: Vec<usize> = (0..chance.below(12)).map(|_| chance.below(bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
    is_read_the_same(&whole, &read(format, &pieces));
    if bytes.len() < 1 << 12 {
        is_read_the_same(&whole, &read(format, &bytes.chunks(1).collect::<Vec<_>>()));
    }
    let at = line_begin(bytes, chance.below(bytes.len() + 1));
    let among = read(format, &[&bytes[..at], b"{\"type\":\"dreamt\",\"of\":[1]}\nplain\n{broken\n", &bytes[at..]]);
    // Of text only the end is looked at: more of it may push a line out of view.
    if format != Format::Text {
        is_told_the_same(whole.reading(), among.reading());
    }
}

fn read(format: Format, pieces: &[&[u8]]) -> Reader {
    let mut reader = Reader::new(format);
    pieces.iter().for_each(|piece| reader.feed(piece));
    reader.finish();
    reader
}

fn is_read_the_same(one: &Reader, other: &Reader) {
    assert_eq!(one.reading(), other.reading());
    assert_eq!(one.progress(), other.progress());
}

fn is_told_the_same(one: &Reading, other: &Reading) {
    assert_eq!(one.told, other.told);
    assert_eq!(one.verdict, other.verdict);
    assert_eq!(one.limited, other.limited);
}

/// The nearest place at or before this one where a line begins.
fn line_begin(bytes: &[u8], at: usize) -> usize {
    bytes[..at].iter().rposition(|byte| matches!(byte, b'\n' | b'\r')).map_or(0, |at| at + 1)
}

fn is_safe(reader: &Reader) {
    let Reading { told, verdict, percent, limited, .. } = reader.reading();
    if let Some(progress) = reader.progress() {
        assert_clean(&progress);
    }
    if let Some(Verdict::Failed(words) | Verdict::Blocked(words)) = verdict {
        assert_clean(words);
    }
    if let Some(model) = &told.model {
        assert_clean(model);
    }
    let session = told.session.as_deref().unwrap_or("none");
    let plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
    assert!(!session.is_empty() && !session.starts_with('-') && session.chars().all(plain), "{session:?}");
    let cost = told.usage.and_then(|usage| usage.cost_usd).unwrap_or(0.0);
    assert!(cost >= 0.0 && cost.is_finite(), "it cost {cost}");
    assert!(percent.is_none_or(|percent| percent <= 100));
    for now in ["2000-02-29T23:59:59-12:00[-12:00]", "9999-12-30T22:00:00.99+14:00[+14:00]"] {
        let now: jiff::Zoned = now.parse().unwrap();
        let wait = limited.as_ref().and_then(|limit| limit.wait(&now)).unwrap_or_default();
        assert!(wait.as_secs() <= 8 * 24 * 3600, "{wait:?} are waited for");
    }
}
