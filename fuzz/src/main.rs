//! One law, chosen by its name in `FEATURE_BUILD_LAW`, on whatever libFuzzer makes up.
#![no_main]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzz/laws/mod.rs"]
mod laws;

static LAW: LazyLock<laws::Law> = LazyLock::new(|| {
    let name = std::env::var("FEATURE_BUILD_LAW").unwrap_or_default();
    let found = laws::ALL.into_iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("FEATURE_BUILD_LAW names one of {:?}", laws::ALL.map(|(name, _)| name))).1
});

fuzz_target!(|bytes: &[u8]| LAW(bytes));
