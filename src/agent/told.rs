//! What an agent tells about itself besides its work: tokens, cost, model, session.

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
            // Finite whatever they say: JSON has no other numbers, and the run's budget must still be compared with it.
            (Some(one), Some(another)) => Some((one + another).min(f64::MAX)),
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
