//! What the configuration says about attempts: how often, how long, how much output.

use std::fmt;
use std::str::FromStr;

use regex_syntax::hir::{Class, Hir, HirKind};
use schemars::JsonSchema;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

/// How often a task that did not pass is tried again, and how long is waited before.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Retries {
    /// How often, at the most. Default: 0.
    pub count: u32,
    /// How the wait grows. Default: it doubles each time.
    pub backoff: Backoff,
    /// How long the first wait is, in seconds. Default: 5.
    pub delay_seconds: Option<f64>,
    /// No wait is longer, in seconds. Default: 300.
    pub max_delay_seconds: Option<f64>,
    /// Which part of a wait is left to chance, from 0 to 1. Default: 0.1.
    pub jitter: Option<f64>,
}

/// How the wait before another attempt grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Backoff {
    /// Not at all.
    Fixed,
    /// It doubles each time.
    #[default]
    Exponential,
}

/// The long form of [`Retries`], and what its schema is made from.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Spelled {
    /// How often, at the most. Default: 0.
    count: u32,
    /// How the wait grows. Default: `exponential`.
    backoff: Backoff,
    /// How long the first wait is, in seconds. Default: 5.
    #[serde(deserialize_with = "super::seconds")]
    #[schemars(range(min = 0))]
    delay_seconds: Option<f64>,
    /// No wait is longer, in seconds. Default: 300.
    #[serde(deserialize_with = "super::seconds")]
    #[schemars(range(min = 0))]
    max_delay_seconds: Option<f64>,
    /// Which part of a wait is left to chance, from 0 to 1: tasks that failed together do not come back together.
    /// Default: 0.1.
    #[serde(deserialize_with = "share")]
    #[schemars(range(min = 0, max = 1))]
    jitter: Option<f64>,
}

impl JsonSchema for Retries {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Retries".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let spelled = generator.subschema_for::<Spelled>();
        schemars::json_schema!({ "anyOf": [{ "type": "integer", "minimum": 0, "maximum": u32::MAX }, spelled] })
    }
}

/// By hand, not `untagged`: that would lose the place and the words of an error.
impl<'de> Deserialize<'de> for Retries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RetriesVisitor)
    }
}

struct RetriesVisitor;

impl<'de> Visitor<'de> for RetriesVisitor {
    type Value = Retries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of retries, or `count`, `backoff`, `delay_seconds`, `max_delay_seconds`, `jitter`")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<Retries, E> {
        let count = u32::try_from(count).map_err(|_| E::custom("so many retries are not possible"))?;
        Ok(Retries { count, ..Retries::default() })
    }

    fn visit_i64<E: de::Error>(self, count: i64) -> Result<Retries, E> {
        self.visit_u64(u64::try_from(count).map_err(|_| E::custom("a number of retries must be 0 or more"))?)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Retries, A::Error> {
        let Spelled { count, backoff, delay_seconds, max_delay_seconds, jitter } =
            Spelled::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Retries { count, backoff, delay_seconds, max_delay_seconds, jitter })
    }
}

/// A regular expression that is searched for in output; checked when it is read, compiled when it is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Pattern(String);

/// No configuration needs more expressions, and each costs time.
const MOST_PATTERNS: usize = 100;
/// What all of them may cost together, as [`cost`] counts it: compiled, they take some tenths of a second then.
const MOST_COST: u64 = 50_000;

impl Pattern {
    /// The expression, as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads an expression, with what it costs.
fn read_pattern(text: &str) -> Result<(Pattern, u64), String> {
    // As `regex::bytes` reads it, which it is compiled by.
    match regex_syntax::ParserBuilder::new().utf8(false).build().parse(text) {
        Ok(read) => Ok((Pattern(text.to_owned()), cost(&read))),
        // The library draws the expression, with marks below it, and says what is wrong in its last line.
        Err(error) => {
            let message = error.to_string();
            let what = message.lines().last().unwrap_or_default().trim_start_matches("error: ");
            Err(format!("`{}` is no regular expression: {what}", shortened(text)))
        }
    }
}

/// About how much a compiled expression holds: its characters, the ranges of its classes, each as often as it is repeated.
fn cost(expression: &Hir) -> u64 {
    match expression.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(Class::Unicode(class)) => class.ranges().len() as u64,
        HirKind::Class(Class::Bytes(class)) => class.ranges().len() as u64,
        HirKind::Repetition(repeated) => {
            let times = repeated.max.unwrap_or(repeated.min.saturating_add(1)).max(1);
            cost(&repeated.sub).saturating_mul(u64::from(times))
        }
        HirKind::Capture(group) => cost(&group.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().map(cost).fold(1, u64::saturating_add),
    }
}

/// Reads `retry_on`.
pub(super) fn patterns<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Pattern>, D::Error> {
    deserializer.deserialize_seq(PatternsVisitor)
}

struct PatternsVisitor;

impl<'de> Visitor<'de> for PatternsVisitor {
    type Value = Vec<Pattern>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of regular expressions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<Pattern>, A::Error> {
        let (mut patterns, mut left) = (Vec::new(), MOST_COST);
        while let Some(Costly(pattern, cost)) = items.next_element_seed(Within { left, count: patterns.len() })? {
            left = left.saturating_sub(cost);
            patterns.push(pattern);
        }
        Ok(patterns)
    }
}

/// A pattern with its cost.
struct Costly(Pattern, u64);

/// One more pattern, within what the others have left. Read so, an error has the pattern's place.
struct Within {
    left: u64,
    count: usize,
}

impl<'de> DeserializeSeed<'de> for Within {
    type Value = Costly;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Costly, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Within {
    type Value = Costly;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a regular expression")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Costly, E> {
        if self.count >= MOST_PATTERNS {
            return Err(E::custom(format!("`retry_on` has more than {MOST_PATTERNS} expressions; join some with `|`")));
        }
        let (pattern, cost) = read_pattern(text).map_err(E::custom)?;
        if cost > self.left {
            return Err(E::custom(format!(
                "`{}` makes `retry_on` too costly to search for: repeat less, and write `(?-u:\\w)` for `\\w`",
                shortened(text)
            )));
        }
        Ok(Costly(pattern, cost))
    }
}

/// As much of a text as an error can quote.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A number of bytes: `1048576`, `64MB`, `1.5 GB`. A kB has 1024 bytes, a MB 1024 kB, a GB 1024 MB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no size; write bytes, or such as `64MB`");
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let shift = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 10,
            "m" | "mb" | "mib" => 20,
            "g" | "gb" | "gib" => 30,
            _ => return Err(wrong()),
        };
        // Bytes are counted exactly: only what has a point goes through a floating-point number.
        if !number.contains('.') {
            let whole: u64 = number.parse().map_err(|_| wrong())?;
            return whole.checked_mul(1 << shift).map(Self).ok_or_else(wrong);
        }
        let bytes = number.parse::<f64>().map_err(|_| wrong())? * f64::from(1_u32 << shift);
        #[allow(clippy::cast_precision_loss)] // a bound, not a count
        if bytes >= u64::MAX as f64 {
            return Err(wrong());
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // only digits and a point: never negative
        Ok(Self(bytes as u64))
    }
}

impl JsonSchema for Size {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A number of bytes, or text such as `64MB`.",
            "type": ["integer", "string"],
            "minimum": 0,
            "pattern": "^[0-9]+(\\.[0-9]+)? *([bB]|[kKmMgG]([iI]?[bB])?)?$"
        })
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SizeVisitor)
    }
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = Size;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of bytes, or text such as `64MB`")
    }

    fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<Size, E> {
        Ok(Size(bytes))
    }

    fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<Size, E> {
        u64::try_from(bytes).map(Size).map_err(|_| E::custom("a size must be 0 or more"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
        text.parse().map_err(E::custom)
    }
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let share = Option::<f64>::deserialize(deserializer)?;
    if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
        return Err(de::Error::custom("a part must be from 0 to 1"));
    }
    Ok(share)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::Config;
    use super::*;

    #[test]
    fn retries_are_a_number_or_spelled_out() {
        let retries = |text: &str| Config::parse(text).unwrap().retries;
        assert_eq!(retries("retries: 2\n"), Retries { count: 2, ..Retries::default() });
        assert_eq!(
            retries("retries: {count: 3, backoff: fixed, delay_seconds: 0.5, max_delay_seconds: 60, jitter: 0}\n"),
            Retries {
                count: 3,
                backoff: Backoff::Fixed,
                delay_seconds: Some(0.5),
                max_delay_seconds: Some(60.0),
                jitter: Some(0.0),
            }
        );
        assert_eq!(retries(""), Retries::default());
    }

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        for (text, bytes) in
            [("0", 0), ("4096", 4096), ("64MB", 64 << 20), ("64 MiB", 64 << 20), ("2k", 2048), ("1.5 GB", 3 << 29)]
        {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
            assert_eq!(Config::parse(&format!("log_limit: {text}\n")).unwrap().log_limit, Some(Size(bytes)), "{text}");
        }
        for text in ["", "MB", "64 XB", "-1", "1.2.3 MB", "99999999999999999999GB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    /// A configuration that nobody trusts yet is read, too.
    #[test]
    fn expressions_that_cost_too_much_are_refused_before_they_are_compiled() {
        let list = |pattern: &str, count: usize| format!("retry_on:\n{}", format!("  - '{pattern}'\n").repeat(count));
        let began = std::time::Instant::now();
        for (text, place, words) in [
            (list(r"\w{200}", 2000), "line 2, column 5", "too costly"),
            (list(r"\w{20}", 100), "line 5, column 5", "write `(?-u:\\w)` for `\\w`"),
            (list("rate limit", 101), "line 102, column 5", "more than 100"),
            (list("(((a{100}){100}){100}){100}", 1), "line 2, column 5", "too costly"),
            (list(&"(".repeat(900_000), 1), "line 2", "is no regular expression"),
            (list(&"x".repeat(900_000), 1), "line 2", "too costly"),
        ] {
            let error = Config::parse(&text).unwrap_err().to_string();
            assert!(error.contains(place) && error.contains(words) && error.len() < 400, "{error}");
        }
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
        let usual = [r"(?i)rate.?limit", r"\b429\b", r"(?i)too many requests|overloaded_error", r"\w+ is busy"];
        for pattern in usual {
            let config = Config::parse(&list(pattern, 10)).unwrap();
            let texts: Vec<&str> = config.retry_on.iter().map(Pattern::as_str).collect();
            assert_eq!(texts, [pattern; 10]);
            assert!(regex::bytes::RegexSet::new(texts).is_ok());
        }
    }

    #[test]
    fn a_wrong_value_names_its_place_and_what_was_wanted() {
        for (text, place, words) in [
            ("retries: -1\n", "line 1, column 10", "0 or more"),
            ("retries: many\n", "line 1", "a number of retries"),
            ("retries:\n  cuont: 1\n", "line 2, column 3", "did you mean `count`?"),
            ("retries:\n  backoff: exponentially\n", "line 2", "did you mean `exponential`?"),
            ("retries:\n  jitter: 2\n", "line 2", "from 0 to 1"),
            ("retry_on:\n  - rate limit\n  - 'a('\n", "line 3, column 5", "is no regular expression: unclosed group"),
            ("log_limit: 64 apples\n", "line 1, column 12", "such as `64MB`"),
            ("slow_after_seconds: -2\n", "line 1", "0 or more"),
        ] {
            let error = Config::parse(text).unwrap_err().to_string();
            assert!(error.contains(place) && error.contains(words), "{text:?}: {error}");
        }
    }
}
