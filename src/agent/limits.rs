//! When an agent says that its quota is used up, and when it says that there is some again. Pure: the clock is passed in.

use std::time::Duration;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};

/// When an agent says that its quota is used up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RateLimit {
    /// When it may go on, in seconds since 1970; `None` where it does not say.
    pub until: Option<i64>,
    /// How long until then, in seconds, where it says that instead.
    pub after_s: Option<u64>,
    /// What a clock on the wall shows then, where it says that instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<WallTime>,
}

/// A time as people say it: `9am`, `Nov 28, 3:30pm (Europe/Berlin)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WallTime {
    /// Month and day; `None`: the next time that a clock shows it.
    pub date: Option<(i8, i8)>,
    /// 0 to 23.
    pub hour: i8,
    /// 0 to 59.
    pub minute: i8,
    /// The time zone's name; `None`: the user's own.
    pub zone: Option<String>,
}

impl RateLimit {
    /// Longer limits are looked at again after this: clocks differ, and so do quotas.
    const LONGEST: Duration = Duration::from_secs(8 * 24 * 3600);
    /// Added to the time that was named: who comes in the very second may be too early.
    const MARGIN: Duration = Duration::from_secs(1);

    /// How long to wait, now, in the time zone of the user; `None` where the agent names no time.
    pub fn wait(&self, now: &Zoned) -> Option<Duration> {
        let at = || self.at.as_ref()?.next(now).map(Timestamp::as_second);
        let left = |until: i64| u64::try_from(until.saturating_sub(now.timestamp().as_second())).unwrap_or(0);
        let seconds = self.until.map(left).or(self.after_s).or_else(|| at().map(left))?;
        Some(Duration::from_secs(seconds).saturating_add(Self::MARGIN).min(Self::LONGEST))
    }

    fn names_a_time(&self) -> bool {
        self.until.is_some() || self.after_s.is_some() || self.at.is_some()
    }
}

impl WallTime {
    /// A time that has just passed is the one that was meant: it was rounded, or the agent took its time to end.
    const JUST_PASSED: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);

    const HALF_A_YEAR: jiff::SignedDuration = jiff::SignedDuration::from_hours(183 * 24);

    fn next(&self, now: &Zoned) -> Option<Timestamp> {
        let named = self.zone.as_ref().and_then(|name| TimeZone::get(name).ok());
        let zone = named.unwrap_or_else(|| now.time_zone().clone());
        let now = now.with_time_zone(zone.clone());
        let time = Time::new(self.hour, self.minute, 0, 0).ok()?;
        let on = |date: Date| Some(date.to_datetime(time).to_zoned(zone.clone()).ok()?.timestamp());
        if let Some((month, day)) = self.date {
            let this_year = on(Date::new(now.year(), month, day).ok()?)?;
            // No quota is half a year old: what was said in December of January is the next one.
            let is_past = now.timestamp().duration_since(this_year) > Self::HALF_A_YEAR;
            return if is_past { on(Date::new(now.year().checked_add(1)?, month, day).ok()?) } else { Some(this_year) };
        }
        let today = on(now.date())?;
        let has_passed = now.timestamp().duration_since(today) > Self::JUST_PASSED;
        if has_passed { on(now.date().tomorrow().ok()?) } else { Some(today) }
    }
}

/// Does a message speak of a quota, and does it name the time when that is there again?
pub(super) fn rate_limit(message: &str) -> Option<RateLimit> {
    const SPEAKS: [&str; 14] = [
        "usage limit",
        "session limit",
        "weekly limit",
        "hit your limit",
        "rate limit",
        "rate_limit",
        "ratelimit",
        "quota exceeded",
        "exceeded your current quota",
        "quota will reset",
        "resource_exhausted",
        "too many requests",
        "retry-after:",
        "(429)",
    ];
    // Places stay the same: only ASCII changes.
    let lower = message.to_ascii_lowercase();
    if !SPEAKS.iter().any(|words| lower.contains(words)) {
        return None;
    }
    Some(RateLimit { until: until(message), after_s: after(&lower), at: at(&lower) })
}

/// The same for text of any program, which may merely speak of quotas: only what names the time in the same line.
pub(super) fn rate_limit_in_text(line: &str) -> Option<RateLimit> {
    rate_limit(line).filter(RateLimit::names_a_time)
}

/// `Claude AI usage limit reached|1758598800`, `reset at 2026-11-24T09:00:00Z`.
fn until(message: &str) -> Option<i64> {
    let digits =
        |part: &str| part.get(..10).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok();
    let epoch = message.split('|').skip(1).find_map(digits);
    let is_around = |char: char| matches!(char, '"' | '\'' | ',' | '.' | ';' | '(' | ')');
    let stamp = |word: &str| Some(word.trim_matches(is_around).parse::<Timestamp>().ok()?.as_second());
    epoch.or_else(|| message.split_ascii_whitespace().find_map(stamp))
}

/// `try again in 5m 30s`, `retry-after: 30`.
fn after(lower: &str) -> Option<u64> {
    const BEFORE: [&str; 11] = [
        "try again in ",
        "retry in ",
        "retry after ",
        "retry-after: ",
        "retry-after\":",
        "retry_after\":",
        "reset after ",
        "resets after ",
        "reset in ",
        "resets in ",
        "wait ",
    ];
    BEFORE.iter().filter_map(|words| lower.split_once(words)).find_map(|(_, behind)| seconds(behind))
}

/// `3 days 6 hours 57 minutes`, `2h33m12.5s`, `30`: in whole seconds, rounded up.
fn seconds(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut sum = Duration::ZERO;
    let mut is_any = false;
    // More parts has none; a flood of them must cost nothing.
    for _ in 0..8 {
        let Some((count, behind)) = leading_number(rest) else { break };
        let (unit, behind) = split_where(behind.trim_start(), |char| !char.is_ascii_alphabetic());
        let Some(unit) = unit_seconds(unit, is_any) else { break };
        sum = sum.saturating_add(Duration::try_from_secs_f64(count * unit).ok()?);
        is_any = true;
        rest = behind.trim_start_matches([' ', ',']).trim_start_matches("and ");
    }
    is_any.then(|| sum.as_secs().saturating_add(u64::from(sum.subsec_nanos() > 0)))
}

fn leading_number(text: &str) -> Option<(f64, &str)> {
    let text = text.trim_start_matches([' ', '"', ':', '~']);
    let (digits, rest) = split_where(text, |char| !char.is_ascii_digit() && char != '.');
    digits.trim_end_matches('.').parse().ok().map(|number| (number, rest))
}

/// `None` also for a word that is no unit: what follows is no longer part of the time.
fn unit_seconds(unit: &str, is_any: bool) -> Option<f64> {
    match unit {
        "d" | "day" | "days" => Some(86_400.0),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(3_600.0),
        "m" | "min" | "mins" | "minute" | "minutes" => Some(60.0),
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1.0),
        "ms" | "millisecond" | "milliseconds" => Some(0.001),
        // A number alone counts seconds, as the header does.
        "" if !is_any => Some(1.0),
        _ => None,
    }
}

/// `resets 9am (Europe/Berlin)`, `try again at Oct 20th, 2026 5:34 PM`.
fn at(lower: &str) -> Option<WallTime> {
    const BEFORE: [&str; 6] = ["resets at ", "resets on ", "resets ", "reset at ", "reset on ", "try again at "];
    BEFORE.iter().filter_map(|words| lower.split_once(words)).find_map(|(_, behind)| wall_time(behind))
}

fn wall_time(text: &str) -> Option<WallTime> {
    let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).take(8).collect();
    let (date, rest) = match words.as_slice() {
        [month, day, rest @ ..] if month_of(month).is_some() => (Some((month_of(month)?, day_of(day)?)), rest),
        rest => (None, rest),
    };
    let is_between = |word: &&str| *word == "at" || word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit());
    let rest = rest.iter().skip_while(|word| is_between(word)).copied().collect::<Vec<_>>();
    let (time, half, rest) = match rest.as_slice() {
        [time, half, rest @ ..] if half_of(half).is_some() => (*time, half_of(half), rest),
        [time, rest @ ..] => {
            let (digits, half) = split_where(time, |char| char.is_ascii_alphabetic());
            (digits, half_of(half), rest)
        }
        [] => return None,
    };
    let (hour, minute) = hour_and_minute(time, half)?;
    Some(WallTime { date, hour, minute, zone: rest.first().and_then(|word| zone_of(word)) })
}

fn month_of(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let at = MONTHS.iter().position(|month| word.starts_with(month))?;
    i8::try_from(at + 1).ok()
}

fn day_of(word: &str) -> Option<i8> {
    let (digits, _) = split_where(word, |char| !char.is_ascii_digit());
    digits.parse().ok().filter(|day| (1..=31).contains(day))
}

/// Whether it is the second half of the day.
fn half_of(word: &str) -> Option<bool> {
    match word.trim_matches(|char: char| !char.is_ascii_alphabetic()) {
        "am" | "a.m" => Some(false),
        "pm" | "p.m" => Some(true),
        _ => None,
    }
}

/// A number alone is no time: it needs minutes, or the half of the day.
fn hour_and_minute(time: &str, half: Option<bool>) -> Option<(i8, i8)> {
    let time = time.trim_end_matches(['.', ')', ';']);
    let (hour, minute) = match time.split_once(':') {
        Some((hour, minute)) => (hour, minute.get(..2)?),
        None => (time, half.map(|_| "0")?),
    };
    let (hour, minute): (i8, i8) = (hour.parse().ok()?, minute.parse().ok()?);
    let hour = match half {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(is_second) => hour % 12 + if is_second { 12 } else { 0 },
    };
    ((0..24).contains(&hour) && (0..60).contains(&minute)).then_some((hour, minute))
}

/// `(Europe/Berlin)`, `utc`. The name of a time zone, as the system's list of them has it.
fn zone_of(word: &str) -> Option<String> {
    let word = word.trim_end_matches(['.', ';']);
    let name = word
        .strip_prefix('(')
        .and_then(|word| word.strip_suffix(')'))
        .or(["utc", "gmt"].contains(&word).then_some(word))?;
    let is_plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '/' | '_' | '-' | '+');
    (name.len() < 64 && name.chars().all(is_plain)).then(|| name.to_owned())
}

fn split_where(text: &str, is_end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(is_end).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// 08:30 in Berlin.
    fn now() -> Zoned {
        "2026-11-24T08:30:00+01:00[Europe/Berlin]".parse().unwrap()
    }

    /// How long is waited after such a message, in seconds, without the margin.
    fn waits(message: &str) -> Option<u64> {
        let limit = rate_limit(&format!("usage limit reached: {message}")).unwrap();
        limit.wait(&now()).map(|wait| wait.as_secs() - 1)
    }

    #[test]
    fn a_length_of_time_is_understood() {
        for (message, seconds) in [
            ("try again in 3 hours 57 minutes.", 3 * 3600 + 57 * 60),
            ("Try again in 2 days, 3 hours, and 1 minute", 2 * 86_400 + 3 * 3600 + 60),
            ("try again in 5m 30s", 330),
            ("Your quota will reset after 2h33m12s.", 2 * 3600 + 33 * 60 + 12),
            ("Please retry in 28.4s", 29),
            ("Please try again in 350ms. Visit", 1),
            ("Please try again in 1m0.5s.", 61),
            ("Retry-After: 30", 30),
            ("{\"error\":{\"retry_after\": 12}}", 12),
            ("wait 5 min and 2 secs please", 302),
        ] {
            assert_eq!(waits(message), Some(seconds), "{message}");
        }
    }

    #[test]
    fn a_time_of_day_is_the_next_one() {
        let zone = |zone: &str, hour, minute| (zone.to_owned(), hour, minute);
        for (message, (zone, hour, minute)) in [
            ("resets 9am", zone("Europe/Berlin", 9, 0)),
            ("resets 9am (Europe/Berlin)", zone("Europe/Berlin", 9, 0)),
            ("resets at 3:30pm (America/New_York)", zone("America/New_York", 15, 30)),
            ("Your limit will reset at 12am.", zone("Europe/Berlin", 0, 0)),
            ("resets 12pm", zone("Europe/Berlin", 12, 0)),
            ("try again at 5:34 PM.", zone("Europe/Berlin", 17, 34)),
            ("resets 15:00 UTC", zone("UTC", 15, 0)),
            // Passed long ago today: tomorrow's.
            ("resets 7am", zone("Europe/Berlin", 7, 0)),
        ] {
            let waited = now().checked_add(Duration::from_secs(waits(message).unwrap())).unwrap();
            let there = waited.in_tz(&zone).unwrap();
            assert_eq!((there.hour(), there.minute(), there.second()), (hour, minute, 0), "{message}");
            assert!(waited > now() && waited.duration_since(&now()).as_hours() < 24, "{message}: {waited}");
        }
        assert_eq!(waits("resets 8:25am"), Some(0), "it has just passed");
    }

    #[test]
    fn a_date_counts() {
        let day = 86_400;
        assert_eq!(waits("resets Nov 28, 9am (Europe/Berlin)"), Some(4 * day + 1800));
        assert_eq!(waits("try again at Nov 28th, 2026 9:00 AM."), Some(4 * day + 1800));
        assert_eq!(waits("resets Nov 28 at 09:00"), Some(4 * day + 1800));
        assert_eq!(waits("resets Nov 23, 9am"), Some(0), "it has passed");
        assert_eq!(waits("resets Dec 31, 9am"), Some(8 * day - 1), "looked at again after eight days");
    }

    #[test]
    fn a_point_in_time_is_understood() {
        assert_eq!(waits("|1795505400"), Some(0), "08:30 in Berlin");
        assert_eq!(waits("|1795505460|more"), Some(60));
        assert_eq!(waits("reset at 2026-11-24T07:31:00Z."), Some(60));
        assert_eq!(waits("|17955"), None);
    }

    #[test]
    fn what_names_no_time_names_none() {
        for message in ["", "resets soon", "resets 9", "resets 25:00", "try again in a while", "resets 13pm", "in 5m"] {
            assert_eq!(waits(message), None, "{message}");
        }
        assert_eq!(rate_limit("try again in 5m 30s"), None, "it does not speak of a quota");
        assert_eq!(rate_limit_in_text("test rate_limit ... FAILED"), None);
        assert!(rate_limit_in_text("litellm.RateLimitError: Please try again in 20s").is_some());
    }

    #[test]
    fn a_zone_that_nobody_knows_is_the_users() {
        assert_eq!(waits("resets 9am (Europe/Atlantis)"), Some(1800));
        assert_eq!(waits("resets 9am (../../etc/passwd)"), Some(1800));
    }

    #[test]
    fn a_date_of_next_year_is_not_one_that_has_passed() {
        let wall = |month, day| WallTime { date: Some((month, day)), hour: 9, minute: 0, zone: None };
        let wait = |at, now: &str| RateLimit { at: Some(at), ..RateLimit::default() }.wait(&now.parse().unwrap());
        let new_year = "2026-12-31T09:00:00+01:00[Europe/Berlin]";
        assert_eq!(wait(wall(1, 2), new_year), Some(Duration::from_secs(2 * 24 * 3600 + 1)));
        assert_eq!(wait(wall(12, 30), new_year), Some(Duration::from_secs(1)), "it has just passed");
    }
}
