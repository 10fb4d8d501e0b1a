//! Bytes to text, so that every byte keeps its offset.

use std::borrow::Cow;

/// The text of a file, in which ranges count. Bytes that are no UTF-8 (Latin-1 files) each become one `?`: a replacement of
/// another length would move every range behind it. UTF-16 is read as such, and where lines end with CR alone, they end with
/// LF here.
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let text = match (utf16(bytes), std::str::from_utf8(bytes)) {
        (Some(text), _) => Cow::Owned(text),
        (None, Ok(text)) => Cow::Borrowed(text),
        (None, Err(_)) => Cow::Owned(decode_by_chunks(bytes)),
    };
    if ends_lines_with_cr(text.as_bytes()) { Cow::Owned(text.replace('\r', "\n")) } else { text }
}

/// Whether the frontmatter of these first bytes of a file can only be found in all of its text.
pub fn must_be_decoded(head: &[u8]) -> bool {
    is_utf16(head).is_some() || ends_lines_with_cr(head)
}

/// Big endian or not; `None` where it is no UTF-16. Without a mark at its beginning that of a frontmatter tells.
fn is_utf16(bytes: &[u8]) -> Option<bool> {
    match bytes {
        [0xff, 0xfe, ..] | [b'-', 0, b'-', 0, ..] => Some(false),
        [0xfe, 0xff, ..] | [0, b'-', 0, b'-', ..] => Some(true),
        _ => None,
    }
}

fn utf16(bytes: &[u8]) -> Option<String> {
    let big_endian = is_utf16(bytes)?;
    let (pairs, _) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| if big_endian { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) });
    let chars = char::decode_utf16(units).map(|char| char.unwrap_or('?'));
    Some(chars.skip_while(|char| *char == '\u{feff}').collect())
}

/// Most texts are known by their first line. A single CR at the end may be half of a CR LF.
fn ends_lines_with_cr(bytes: &[u8]) -> bool {
    let first = memchr::memchr2(b'\r', b'\n', bytes);
    let is_cr = |at: usize| bytes.get(at) == Some(&b'\r') && at + 1 < bytes.len();
    first.is_some_and(is_cr) && memchr::memchr(b'\n', bytes).is_none()
}

/// The nearest place at or before an offset where a character begins, or the end of the text.
pub(crate) fn boundary_before(text: &str, offset: usize) -> usize {
    let within = offset.min(text.len());
    (0..=within).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The nearest such place at or behind an offset.
pub(crate) fn boundary_behind(text: &str, offset: usize) -> usize {
    (offset..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

fn decode_by_chunks(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_that_is_no_utf8_keeps_its_place() {
        assert_eq!(decode(b"title: Caf\xe9 x\nid: A"), "title: Caf? x\nid: A");
    }

    #[test]
    fn utf16_is_read_with_and_without_a_mark() {
        let text = "---\nid: Ä😀\n---\n";
        let units: Vec<u16> = text.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let marked = [&[0xff, 0xfe], &*little].concat();
        for bytes in [&little, &big, &marked, &[&[0xfe, 0xff], &*big].concat()] {
            assert_eq!(decode(bytes), text);
            assert!(must_be_decoded(bytes.get(..9).unwrap_or_default()));
        }
        assert_eq!(decode(&[0xff, 0xfe, b'a', 0, b'b']), "a", "half a character at the end is none");
        assert!(!must_be_decoded(b"---\nid: A\n---\n"));
    }

    #[test]
    fn lines_that_end_with_cr_alone_are_lines() {
        assert_eq!(decode(b"---\rid: A\r---\r"), "---\nid: A\n---\n");
        assert!(must_be_decoded(b"---\rid: A\r---\r"));
        for text in ["---\r\nid: A\r\n---\r\n", "a\rb\nc", "---\n", "a\r", ""] {
            assert_eq!(decode(text.as_bytes()), text);
            assert!(!must_be_decoded(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn boundaries_are_found_on_both_sides() {
        assert_eq!([0, 1, 2, 3, 9].map(|at| boundary_before("aé", at)), [0, 1, 1, 3, 3]);
        assert_eq!([0, 1, 2, 3, 9].map(|at| boundary_behind("aé", at)), [0, 1, 3, 3, 3]);
    }

    #[test]
    fn utf8_is_not_copied() {
        assert!(matches!(decode("é".as_bytes()), Cow::Borrowed("é")));
    }
}
