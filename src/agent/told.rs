//! What an agent tells about itself besides its work: tokens, cost, model, session.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an agent told about one attempt; all of it is missing where it told nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Told {
    /// What it used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The model that worked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The agent's own name of its session, by which it can be gone on with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

/// What an agent used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Usage {
    /// Tokens that went in, those from a cache included.
    pub input_tokens: u64,
    /// Tokens that came out.
    pub output_tokens: u64,
    /// What it cost in US dollars; `null` where the agent does not say.
    pub cost_usd: Option<f64>,
}

impl Usage {
    /// Both together. A cost that one of them does not tell is not made up: the sum is what is known.
    pub fn plus(self, other: Self) -> Self {
        let cost_usd = match (self.cost_usd, other.cost_usd) {
            (Some(one), Some(another)) => Some(one + another),
            (one, another) => one.or(another),
        };
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cost_usd,
        }
    }

    /// Tokens in and out.
    pub fn tokens(self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

/// When an agent says that its quota is used up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// When it may go on, in seconds since 1970; `None` where it does not say.
    pub until: Option<i64>,
    /// How long until then, in seconds, where it says that instead.
    #[serde(default)]
    pub after_s: Option<u64>,
}

impl RateLimit {
    /// Longer limits are looked at again after this: clocks differ, and so do quotas.
    const LONGEST: Duration = Duration::from_secs(8 * 24 * 3600);
    /// Added to the time that was named: who comes in the very second may be too early.
    const MARGIN: Duration = Duration::from_secs(1);

    /// How long to wait, at this time in seconds since 1970; `None` where the agent names no time.
    pub fn wait(self, now: i64) -> Option<Duration> {
        let until = self.until.map(|until| u64::try_from(until.saturating_sub(now)).unwrap_or(0));
        let seconds = until.or(self.after_s)?;
        Some(Duration::from_secs(seconds).saturating_add(Self::MARGIN).min(Self::LONGEST))
    }
}
