//! Bytes to text, so that every byte keeps its offset.

use std::borrow::Cow;

/// The text of a file. Bytes that are no UTF-8 (Latin-1 files) each become one `?`: a replacement of another length would
/// move every range behind it.
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(decode_by_chunks(bytes)),
    }
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
    fn boundaries_are_found_on_both_sides() {
        assert_eq!([0, 1, 2, 3, 9].map(|at| boundary_before("aé", at)), [0, 1, 1, 3, 3]);
        assert_eq!([0, 1, 2, 3, 9].map(|at| boundary_behind("aé", at)), [0, 1, 3, 3, 3]);
    }

    #[test]
    fn utf8_is_not_copied() {
        assert!(matches!(decode("é".as_bytes()), Cow::Borrowed("é")));
    }
}
