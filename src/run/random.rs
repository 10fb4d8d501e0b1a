//! Names that nobody else chooses at the same moment. No secrets.

use std::hash::{BuildHasher as _, RandomState};

/// Random lower case letters and digits; without those that look like others.
pub(super) fn letters(count: usize) -> String {
    const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
    // Each `RandomState` has keys of its own, seeded by the operating system.
    (0..count)
        .filter_map(|at| {
            let number = RandomState::new().hash_one((at, std::process::id(), std::time::Instant::now()));
            let place = usize::try_from(number % ALPHABET.len() as u64).unwrap_or_default();
            ALPHABET.get(place).copied().map(char::from)
        })
        .collect()
}
