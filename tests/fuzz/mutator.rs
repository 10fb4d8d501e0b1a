//! Changes to an input: a byte flipped, a piece cut out, doubled, put elsewhere or taken from another input, and the
//! words that readers pay heed to.

use super::laws::Chance;

/// What a reader may stumble over.
const SHARP: [&[u8]; 44] = [
    b":",
    b"'",
    b"\"",
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b"- ",
    b"\n",
    b"\r",
    b"\r\n",
    b"---\n",
    b"&a ",
    b"*a",
    b"<<: *a\n",
    b"!!int ",
    b"|\n",
    b">-\n",
    b"#",
    b"\xe9",
    b"\xf0\x9f\x92\xa9",
    b"\0",
    b"\xef\xbb\xbf",
    b"\t",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"9999999999",
    b"\x1b[2J",
    b"\x1b]9;4;1;50\x07",
    "\u{202e}".as_bytes(),
    "\u{9b}".as_bytes(),
    b"::error file=a.rs,line=1::",
    b"a.rs:1:1: x\n",
    b"rate limit",
    b"try again in 5m 30s",
    b"resets 9am",
    b"|1758598800",
    b"BLOCKED",
];

/// An input with some changes, of at most this length.
pub fn changed(input: &[u8], other: &[u8], longest: usize, chance: &mut Chance) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=chance.below(6) {
        change(&mut bytes, other, chance);
    }
    bytes.truncate(longest);
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    let at = chance.below(bytes.len() + 1);
    let end = (at + chance.below(40)).min(bytes.len());
    match chance.below(7) {
        0 => drop(bytes.splice(at..at, SHARP[chance.below(SHARP.len())].iter().copied())),
        1 => drop(bytes.drain(at..end)),
        2 => {
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
        3 => {
            let (piece, to) = (bytes[at..end].to_vec(), chance.below(bytes.len() + 1));
            bytes.splice(to..to, piece);
        }
        4 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = chance.next().to_le_bytes()[0];
            }
        }
        5 => drop(bytes.splice(at..end, SHARP[chance.below(SHARP.len())].iter().copied())),
        _ => {
            let from = chance.below(other.len() + 1);
            let to = (from + chance.below(400)).min(other.len());
            bytes.splice(at..at, other[from..to].iter().copied());
        }
    }
}
