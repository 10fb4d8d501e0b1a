//! The known names nearest to an unknown one.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::names::natural;

/// More would not help anybody.
const MOST: usize = 3;
/// How many ids are looked at for all the unknown ones together: some seconds in a workspace that somebody made for it.
const PATIENCE: usize = 50_000_000;

/// A dependency that nobody knows. It holds all that a search for what was meant needs, which so can take place on
/// another thread than the catalog's.
#[derive(Debug)]
pub struct UnknownId {
    /// What its problem says.
    pub message: Box<str>,
    /// What was written; `None`: that place has another text by now.
    pub(super) wanted: Option<Box<str>>,
    /// The id of the task that says it: nobody means themselves.
    pub(super) own: Box<str>,
}

/// Every id of a workspace, ready to be searched: made once for all dependencies that are unknown.
#[derive(Debug)]
pub struct KnownIds {
    ids: Vec<Box<str>>,
    /// How many ids may still be looked at.
    patience: AtomicUsize,
}

impl KnownIds {
    pub(super) fn new<'a>(ids: impl Iterator<Item = &'a str>) -> Self {
        Self { ids: ids.map(Into::into).collect(), patience: AtomicUsize::new(PATIENCE) }
    }

    /// What the problem says, with the known ids added that the author may have meant. Costs a look at every id; where there
    /// are very many of both, the last ones get none.
    pub fn complete(&self, unknown: &UnknownId) -> Box<str> {
        let less = |patience: usize| patience.checked_sub(self.ids.len());
        if self.patience.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_err() {
            return unknown.message.clone();
        }
        let others = self.ids.iter().map(|id| &**id).filter(|id| *id != &*unknown.own);
        let wanted = unknown.wanted.as_deref();
        let meant = wanted.map(|wanted| meant_among(wanted, others)).unwrap_or_default();
        if meant.is_empty() {
            return unknown.message.clone();
        }
        format!("{}; did you mean {}?", unknown.message, one_of(&meant)).into()
    }
}

/// How an id may be meant by what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Meant {
    /// It goes on behind it: `TASK-CART-1` of `TASK-CART`.
    Continued,
    /// The same words and numbers, written otherwise: `TASK-01` and `task_001`.
    Respelt,
    /// A slip in one of its words: `TASK-CRAT-1`.
    Mistyped,
}

/// The ids that an author may have meant. Another number is another task, however near it looks: of all such suggestions on
/// real plans none was right.
fn meant_among<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let parts = parts(wanted);
    let mut found: Vec<(Meant, &str)> = known.filter_map(|id| Some((meant(wanted, &parts, id)?, id))).collect();
    if found.iter().filter(|(meant, _)| *meant == Meant::Continued).count() > MOST {
        // A beginning that many have says nothing.
        found.retain(|(meant, _)| *meant != Meant::Continued);
    }
    found.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| natural(a.1, b.1)));
    found.dedup();
    found.into_iter().take(MOST).map(|(_, id)| id).collect()
}

fn meant(wanted: &str, parts: &[&str], id: &str) -> Option<Meant> {
    let head = id.get(..wanted.len()).filter(|head| !head.is_empty() && head.eq_ignore_ascii_case(wanted));
    if head.is_some() && id.get(wanted.len()..).is_some_and(|rest| rest.starts_with(['-', '.'])) {
        return Some(Meant::Continued);
    }
    // Looked at before the id is taken apart: nearly all differ here.
    let (first, other) = (wanted.chars().next()?, id.chars().next()?);
    let both_numbers = first.is_ascii_digit() && other.is_ascii_digit();
    if !both_numbers && !first.eq_ignore_ascii_case(&other) {
        return None;
    }
    let others = self::parts(id);
    if others.len() != parts.len() {
        return None;
    }
    let mut slips = 0;
    for (wanted, other) in parts.iter().zip(others) {
        if is_number(wanted) || is_number(other) {
            if !is_number(wanted) || !is_number(other) || value(wanted) != value(other) {
                return None;
            }
        } else if !wanted.eq_ignore_ascii_case(other) {
            slips += 1;
            if slips > 1 || !is_slip(wanted, other) {
                return None;
            }
        }
    }
    Some(if slips == 0 { Meant::Respelt } else { Meant::Mistyped })
}

/// Words and numbers: `TASK-REV-8A3F` has six.
fn parts(id: &str) -> Vec<&str> {
    let words = id.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.flat_map(runs_of_a_kind).collect()
}

/// A word's runs of digits and of other characters.
fn runs_of_a_kind(word: &str) -> Vec<&str> {
    let mut runs = Vec::new();
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let is_digit = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != is_digit).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        runs.push(run);
        rest = behind;
    }
    runs
}

fn is_number(part: &str) -> bool {
    part.starts_with(|c: char| c.is_ascii_digit())
}

/// A number without the zeros before it.
fn value(number: &str) -> &str {
    number.trim_start_matches('0')
}

/// A letter too many, too few, another one, or two that changed places: in a word that is long enough to be known again.
fn is_slip(wanted: &str, other: &str) -> bool {
    let (wanted, other) = (wanted.to_lowercase(), other.to_lowercase());
    let is_same_letters = || {
        let sorted = |word: &str| {
            let mut letters: Vec<char> = word.chars().collect();
            letters.sort_unstable();
            letters
        };
        sorted(&wanted) == sorted(&other)
    };
    let long = wanted.chars().count().min(other.chars().count()) > 3;
    strsim::osa_distance(&wanted, &other) == 1 && (long || is_same_letters())
}

/// The names that an author may have meant, the nearest first.
pub(crate) fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str> + Clone) -> Vec<&'a str> {
    let near = nearest_among(wanted, known.clone().map(|name| (name, Letters::of(name))));
    if near.is_empty() { containing(wanted, known) } else { near }
}

/// The names of which that is a part: `CART` of `FEAT-CART`, `7` of no `TASK-17`.
fn containing<'a>(part: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let part = part.to_lowercase();
    let is_whole = |name: &str, at: usize| {
        let (before, behind) = (name.get(..at).unwrap_or_default(), name.get(at + part.len()..).unwrap_or_default());
        let goes_on = |next: Option<char>, last: Option<char>| {
            next.zip(last).is_some_and(|(next, last)| next.is_numeric() && last.is_numeric())
        };
        !goes_on(before.chars().next_back(), part.chars().next())
            && !goes_on(behind.chars().next(), part.chars().next_back())
    };
    let has = |name: &&str| {
        let name = name.to_lowercase();
        !part.is_empty() && name.match_indices(&*part).any(|(at, _)| is_whole(&name, at))
    };
    let mut found: Vec<&str> = known.filter(has).collect();
    found.sort_by(|a, b| natural(a, b));
    found.dedup();
    found.truncate(MOST);
    found
}

fn nearest_among<'a>(wanted: &str, known: impl Iterator<Item = (&'a str, Letters)>) -> Vec<&'a str> {
    let (letters, wanted) = (Letters::of(wanted), wanted.to_lowercase());
    let limit = limit(letters.length);
    let near = known.filter(|(_, other)| !letters.cannot_be_near(*other, limit));
    let distance = |name: &str| strsim::osa_distance(&wanted, &name.to_lowercase());
    let mut found: Vec<(usize, &str)> = near.map(|(name, _)| (distance(name), name)).collect();
    found.retain(|(distance, _)| *distance <= limit);
    found.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| natural(a.1, b.1)));
    found.dedup();
    found.into_iter().take(MOST).map(|(_, name)| name).collect()
}

/// How many edits may lie between what was written and what was meant.
fn limit(length: usize) -> usize {
    (length / 3).clamp(1, 4)
}

/// `A`, `A or B`, `A, B or C`.
pub(crate) fn one_of(names: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        Some((last, _)) => (*last).into(),
        None => String::new(),
    }
}

/// How long a name is, with a bit for each letter or digit in it; without case.
#[derive(Debug, Clone, Copy)]
struct Letters {
    length: usize,
    set: u64,
}

impl Letters {
    fn of(text: &str) -> Self {
        let letters = || text.chars().flat_map(char::to_lowercase);
        let set = letters().fold(0, |set, letter| set | 1 << (u32::from(letter) & 63));
        Self { length: letters().count(), set }
    }

    /// The exact distance is dear, so names are passed over that differ too much in length, or in letters: each edit
    /// changes at most two of them.
    fn cannot_be_near(self, other: Self, limit: usize) -> bool {
        let too_long = self.length.abs_diff(other.length) > limit;
        too_long || (self.set ^ other.set).count_ones() as usize > limit * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_proposed_where_it_is_near_by_kind() {
        let known = ["TASK-CART-001", "TASK-CART-002", "TASK-AB-1", "TASK-AB-2", "TASK-REV-8A31", "BACK-12", "05-01"];
        let meant = |wanted: &str| meant_among(wanted, known.into_iter());
        assert_eq!(meant("task-cart-1"), ["TASK-CART-001"], "the same number");
        assert_eq!(meant("TASK-CRAT-002"), ["TASK-CART-002"], "two letters changed places");
        assert!(meant("TASK-CAT-002").is_empty(), "too short to tell");
        assert_eq!(meant("TASK-CARTT-002"), ["TASK-CART-002"]);
        assert_eq!(meant("TASK-AB"), ["TASK-AB-1", "TASK-AB-2"], "what goes on behind it");
        assert_eq!(meant("5.1"), ["05-01"]);
        for other in ["TASK-CART-003", "TASK-REV-8A3F", "TASK-BA-3", "BACK-13", "BACK-1", "TASK-CART-02A", "TASK"] {
            assert!(meant(other).is_empty(), "{other}: {:?}", meant(other));
        }
    }

    #[test]
    fn the_nearest_names_come_first_and_few() {
        let known = ["TASK-AB-001", "TASK-AB-002", "TASK-AB-010", "TASK-AB-100", "TASK-XY-777", "OTHER"];
        assert_eq!(nearest("TASK-AB-01", known.into_iter()), ["TASK-AB-001", "TASK-AB-010", "TASK-AB-002"]);
        assert_eq!(nearest("task-xy-777", known.into_iter()), ["TASK-XY-777"]);
        assert!(nearest("completely-else", known.into_iter()).is_empty());
        assert!(nearest("", known.into_iter()).is_empty());
        assert_eq!(nearest("xy", known.into_iter()), ["TASK-XY-777"], "a part of a name");
        assert_eq!(nearest("001", known.into_iter()), ["TASK-AB-001"]);
        assert!(nearest("7", known.into_iter()).is_empty(), "half a number is no part");
    }

    proptest::proptest! {
        /// Passing over names that cannot be near must not lose one that is.
        #[test]
        fn the_short_cut_loses_nothing(wanted in "[a-cé]{0,9}", name in "[a-cé]{0,9}") {
            let limit = limit(wanted.chars().count());
            let near = strsim::osa_distance(&wanted, &name) <= limit;
            let found = nearest_among(&wanted, std::iter::once((&*name, Letters::of(&name))));
            assert_eq!(!found.is_empty(), near);
        }
    }
}
