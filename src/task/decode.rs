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
    fn utf8_is_not_copied() {
        assert!(matches!(decode("é".as_bytes()), Cow::Borrowed("é")));
    }
}
