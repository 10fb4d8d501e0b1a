//! Chance with a seed: what failed once can be made to fail again.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};

/// Numbers that look random and follow from a seed. Prints seed and count of the scenario at its end, also where that
/// is a panic.
pub struct Chance {
    scenario: &'static str,
    seed: u64,
    state: u64,
    count: u32,
}

impl Chance {
    /// The seed is `FEATURE_BUILD_SEED` where that is set, else a new one.
    pub fn new(scenario: &'static str) -> Self {
        let given = std::env::var("FEATURE_BUILD_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| RandomState::new().hash_one(scenario) % 1_000_000);
        Self { scenario, seed, state: seed, count: 0 }
    }

    /// Something was tried once more.
    pub fn tried(&mut self) {
        self.count += 1;
    }

    /// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let place = self.below(of.len() as u64);
        &of[usize::try_from(place).unwrap()]
    }
}

impl Drop for Chance {
    fn drop(&mut self) {
        eprintln!("{}: {} tries, FEATURE_BUILD_SEED={}", self.scenario, self.count, self.seed);
    }
}

/// The long form was asked for: `FEATURE_BUILD_TESTS=long`.
pub fn is_long() -> bool {
    std::env::var("FEATURE_BUILD_TESTS").is_ok_and(|form| form == "long")
}

/// Whether a scenario must do without what it needs: says so, and fails in CI, where nothing may be missing.
pub fn skipped(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}");
    eprintln!("skipped: {why}");
}

/// The number of a user that nobody else is, in this process or another one: limits of processes are a user's.
pub fn own_user() -> u32 {
    static USERS: AtomicU32 = AtomicU32::new(0);
    const EACH: u32 = 64;
    100_000 + std::process::id() * EACH + USERS.fetch_add(1, Ordering::Relaxed) % EACH
}
