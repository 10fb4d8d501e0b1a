//! Whether a task is tried again, and when: pure. How an attempt ended goes in, how long to wait comes out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::workspace::Backoff;

/// How often a rate limit is waited for: a pattern that fits every output must not keep a run alive for ever.
const RATE_LIMITS: u32 = 100;

/// When a task is tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// How often a task that did not pass is tried again.
    pub count: u32,
    /// How the wait grows.
    pub backoff: Backoff,
    /// How long the first wait is, in milliseconds.
    pub delay_ms: u64,
    /// No wait is longer, in milliseconds.
    pub max_delay_ms: u64,
    /// Which part of a wait is left to chance, from 0 to 1: that part is added or taken away, so that tasks which failed
    /// together do not come back together.
    pub jitter: f64,
    /// Patterns in the end of an attempt's output: where one fits, the attempt met a rate limit, and is no failure.
    pub retry_on: Vec<String>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            count: 0,
            backoff: Backoff::Exponential,
            delay_ms: 5_000,
            max_delay_ms: 300_000,
            jitter: 0.1,
            retry_on: Vec::new(),
        }
    }
}

/// The attempts of a task that were followed by another one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Those that failed.
    pub(super) failures: u32,
    /// Those that met a rate limit.
    pub(super) rate_limits: u32,
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: its outcome is the task's.
    Stop,
    /// Another attempt, after this long.
    Again { delay: Duration, rate_limited: bool },
}

impl RetryPolicy {
    /// Whether an attempt that ended so could be followed by another one at all.
    pub(super) fn concerns(&self, outcome: Outcome) -> bool {
        let did_not_pass = matches!(outcome, Outcome::Failed | Outcome::TimedOut);
        did_not_pass && (self.count > 0 || !self.retry_on.is_empty())
    }

    /// What follows an attempt. The same `seed` gives the same answer; each attempt has its own.
    pub(super) fn next(&self, before: Tally, outcome: Outcome, met_rate_limit: bool, seed: u64) -> Next {
        // A limit that the agent itself told of is waited for, whatever the policy says.
        if !matches!(outcome, Outcome::Failed | Outcome::TimedOut) {
            return Next::Stop;
        }
        if met_rate_limit && before.rate_limits < RATE_LIMITS {
            return Next::Again { delay: self.delay(before.rate_limits, seed), rate_limited: true };
        }
        if before.failures < self.count {
            return Next::Again { delay: self.delay(before.failures, seed), rate_limited: false };
        }
        Next::Stop
    }

    /// The wait after so many earlier ones.
    fn delay(&self, earlier: u32, seed: u64) -> Duration {
        let grown = match self.backoff {
            Backoff::Fixed => self.delay_ms,
            Backoff::Exponential => self.delay_ms.saturating_mul(2_u64.saturating_pow(earlier)),
        };
        let base = Duration::from_millis(grown.min(self.max_delay_ms));
        let factor = 1.0 + self.jitter.clamp(0.0, 1.0) * (2.0 * unit(seed) - 1.0);
        let delay = Duration::try_from_secs_f64(base.as_secs_f64() * factor).unwrap_or(base);
        // In whole milliseconds, as the journal has it.
        Duration::from_millis(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX).min(self.max_delay_ms))
    }
}

/// A seed that is the same for whoever supervises this attempt.
pub(super) fn seed_of(mark: &str) -> u64 {
    // FNV-1a: the standard library's hashers promise no stable result.
    mark.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A number from 0 to 1 (splitmix64).
#[allow(clippy::cast_precision_loss)] // 53 bits are what a double holds
fn unit(seed: u64) -> f64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policies() -> impl Strategy<Value = RetryPolicy> {
        let backoff = prop_oneof![Just(Backoff::Fixed), Just(Backoff::Exponential)];
        (0_u32..6, backoff, 0_u64..100_000, 0_u64..1_000_000, 0.0..=1.0_f64, any::<bool>()).prop_map(
            |(count, backoff, delay_ms, max_delay_ms, jitter, patterns)| RetryPolicy {
                count,
                backoff,
                delay_ms,
                max_delay_ms,
                jitter,
                retry_on: if patterns { vec!["limit".into()] } else { Vec::new() },
            },
        )
    }

    /// Attempts that all end so, until nothing follows: the waits.
    fn waits(policy: &RetryPolicy, outcome: Outcome, met_rate_limit: impl Fn(u32) -> bool) -> Vec<(Duration, bool)> {
        let (mut tally, mut waits) = (Tally::default(), Vec::new());
        for attempt in 1..1_000 {
            match policy.next(tally, outcome, met_rate_limit(attempt), u64::from(attempt)) {
                Next::Stop => return waits,
                Next::Again { delay, rate_limited } => {
                    waits.push((delay, rate_limited));
                    let counted = if rate_limited { &mut tally.rate_limits } else { &mut tally.failures };
                    *counted += 1;
                }
            }
        }
        waits
    }

    proptest! {
        #[test]
        fn retries_are_bounded_and_only_for_what_did_not_pass(policy in policies(), limited in any::<u64>()) {
            for outcome in Outcome::ALL {
                let all = waits(&policy, outcome, |attempt| limited.rotate_left(attempt) & 1 == 1);
                let failures = all.iter().filter(|(_, rate_limited)| !rate_limited).count();
                if matches!(outcome, Outcome::Failed | Outcome::TimedOut) {
                    prop_assert_eq!(failures, policy.count as usize);
                    prop_assert!(all.len() - failures <= RATE_LIMITS as usize);
                } else {
                    prop_assert!(all.is_empty(), "{outcome} is tried again");
                }
                prop_assert!(all.iter().all(|(delay, _)| delay.as_millis() <= u128::from(policy.max_delay_ms)));
            }
        }

        #[test]
        fn a_rate_limit_that_never_ends_is_given_up(policy in policies()) {
            let all = waits(&policy, Outcome::Failed, |_| true);
            prop_assert_eq!(all.len(), (RATE_LIMITS + policy.count) as usize);
        }

        #[test]
        fn without_chance_an_exponential_wait_doubles_up_to_its_maximum(policy in policies()) {
            let policy = RetryPolicy { jitter: 0.0, count: 40, backoff: Backoff::Exponential, ..policy };
            let all = waits(&policy, Outcome::Failed, |_| false);
            for pair in all.windows(2) {
                let (one, next) = match pair { [(one, _), (next, _)] => (*one, *next), _ => continue };
                prop_assert!(one <= next);
                prop_assert!(next == one * 2 || next == Duration::from_millis(policy.max_delay_ms));
            }
        }

        #[test]
        fn chance_stays_in_its_band(policy in policies(), earlier in 0_u32..70, seed in any::<u64>()) {
            let steady = RetryPolicy { jitter: 0.0, ..policy.clone() }.delay(earlier, seed).as_secs_f64();
            let delay = policy.delay(earlier, seed);
            let shift = (delay.as_secs_f64() - steady).abs();
            prop_assert!(shift <= steady * policy.jitter + 0.001, "{shift} of {steady}");
            prop_assert_eq!(delay, policy.delay(earlier, seed), "the same seed, the same wait");
        }
    }

    #[test]
    fn chance_differs_from_attempt_to_attempt() {
        let policy = RetryPolicy { count: 9, backoff: Backoff::Fixed, jitter: 0.5, ..RetryPolicy::default() };
        let mut delays: Vec<Duration> = (1..9).map(|n| policy.delay(0, seed_of(&format!("run/T/{n}")))).collect();
        delays.sort_unstable();
        delays.dedup();
        assert_eq!(delays.len(), 8);
    }
}
