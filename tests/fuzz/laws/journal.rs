//! Any bytes are a journal or an error; what is read means the same when it is written again, and what has no end yet
//! means nothing.

use feature_build::run::{JournalError, Record, View, read_journal, rerun};

use super::{Chance, with_file};

pub fn law(bytes: &[u8]) {
    let Ok(records) = read(bytes) else { return };
    // Everything that is shown or decided from the records.
    View::of(&records);
    rerun(&records, |_| None);
    assert_eq!(read(&written(&records)).unwrap(), records, "written again they say something else");
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let cut = whole + Chance::of(bytes).below(bytes.len() - whole + 1);
    assert_eq!(read(&bytes[..cut]).unwrap(), records, "an unfinished line counts");
    let earlier = bytes[..whole.saturating_sub(1)].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    assert!(records.starts_with(&read(&bytes[..earlier]).unwrap()), "a later line changes what earlier ones say");
}

fn read(bytes: &[u8]) -> Result<Vec<Record>, JournalError> {
    with_file(bytes, read_journal)
}

fn written(records: &[Record]) -> Vec<u8> {
    let line = |record: &Record| serde_json::to_string(record).unwrap() + "\n";
    records.iter().map(line).collect::<String>().into_bytes()
}
