//! Under which names an id is found, and in which order names are shown.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use crate::task::{Dialect, FeatureRef, Spanned, Text, without_case};

/// One name that a task is found under. Several tasks may share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Key {
    /// The id as written.
    Exact(Arc<str>),
    /// A Backlog.md id without case: `back-200` for `BACK-200`.
    Folded(Arc<str>),
    /// The number of a Backlog.md id: a reference under another prefix means the same task.
    Number(Arc<str>),
    /// Phase and plan of a GSD id without slug and leading zeros: `9.1-5` for `09.1-05-env-setup`.
    Plan(Arc<str>),
    /// The plan of a GSD id inside its phase: `05` and `5` mean `09.1-05` there. The phase's folder and, behind a NUL
    /// (no folder's name has one), the plan without leading zeros: one text, because that halves the tables of keys.
    InPhase(Arc<str>),
    /// What a GuardKit id or file name begins with, as far as its first number: `TASK-A-001` of `TASK-A-001-FIX`. GuardKit
    /// finds `TASK-X` as `TASK-X*.md`.
    Continued(Arc<str>),
    /// A GSD id in its phase to the letter, but for case: the phase's folder, a NUL, and the id. No table has it: it is
    /// found under [`Key::Exact`].
    Scoped(Arc<str>),
}

/// The key under which two files claim to be the same task.
pub(super) fn identity(dialect: Dialect, feature: &FeatureRef, id: &Text) -> Key {
    match (dialect, feature) {
        (Dialect::BacklogMd, _) => Key::Folded(folded(id)),
        (Dialect::Gsd, FeatureRef::Folder(phase)) => Key::Scoped(format!("{phase}\0{id}").into()),
        (Dialect::GuardKit | Dialect::Gsd | Dialect::Own, _) => Key::Exact(Arc::clone(id)),
    }
}

/// The key that the files with this identity are found under in the tables.
pub(super) fn place_of_identity(identity: &Key) -> Key {
    match identity {
        Key::Scoped(text) => Key::Exact(text.split_once('\0').map_or(&**text, |(_, id)| id).into()),
        other => other.clone(),
    }
}

/// Keys of one id. Each task of a large workspace is asked for its own and those of what it refers to: no list of them is
/// kept anywhere.
pub(super) type Keys = std::iter::Flatten<std::array::IntoIter<Option<Key>, 3>>;

/// Every key that a task with this id, in a file of this stem, is found under.
pub(super) fn keys_of_id(dialect: Dialect, feature: &FeatureRef, id: &Text, stem: &str) -> Keys {
    let [exact, other] = keys(dialect, id);
    let (second, third) = match dialect {
        Dialect::BacklogMd => (other, number(id).map(Key::Number)),
        Dialect::Gsd => (other, short(feature, &phase_and_plan(id).map_or_else(|| plain(id), |(_, plan)| plan))),
        Dialect::GuardKit => continued(id, stem),
        Dialect::Own => (other, None),
    };
    [exact, second, third].into_iter().flatten()
}

/// The beginnings that a GuardKit task is found under beside its id; none for nearly all, whose file is called as they are.
fn continued(id: &str, stem: &str) -> (Option<Key>, Option<Key>) {
    let (of_id, of_stem) = (head(id), head(stem));
    let by_id = of_id.filter(|head| *head != id);
    let by_stem = of_stem.filter(|head| *head != id && Some(*head) != by_id);
    (by_id.map(|head| Key::Continued(head.into())), by_stem.map(|head| Key::Continued(head.into())))
}

/// An id as far as its first segment with a number; `None` where it has none.
fn head(id: &str) -> Option<&str> {
    let number = id.bytes().position(|byte| byte.is_ascii_digit())?;
    let end = id.get(number..)?.find('-').map_or(id.len(), |end| number + end);
    id.get(..end)
}

/// The key under which what continues an id is found.
pub(super) fn continuing(id: &str) -> Option<Key> {
    head(id).map(|head| Key::Continued(head.into()))
}

/// Does this id or name go on at a `-` behind another one?
pub(super) fn continues(name: &str, id: &str) -> bool {
    name.strip_prefix(id).is_some_and(|behind| behind.starts_with('-'))
}

/// The keys that a reference means, the best first.
pub(super) fn keys_of_reference(dialect: Dialect, feature: &FeatureRef, text: &Text) -> Keys {
    match dialect {
        Dialect::Gsd => {}
        Dialect::GuardKit => return [Some(Key::Exact(Arc::clone(text))), continuing(text), None].into_iter().flatten(),
        Dialect::BacklogMd | Dialect::Own => return keys_of_id(dialect, feature, text, ""),
    }
    let text = without_plan(text);
    let in_phase = (!text.contains('-')).then(|| short(feature, &plain(&text))).flatten();
    let [exact, other] = keys(dialect, &text.into());
    [in_phase, exact, other].into_iter().flatten()
}

/// The id as written, and the way that its dialect writes it otherwise.
fn keys(dialect: Dialect, text: &Text) -> [Option<Key>; 2] {
    let other = match dialect {
        Dialect::BacklogMd => Some(Key::Folded(folded(text))),
        Dialect::Gsd => phase_and_plan(text).map(|(phase, plan)| Key::Plan(format!("{phase}-{plan}").into())),
        Dialect::GuardKit | Dialect::Own => None,
    };
    [Some(Key::Exact(Arc::clone(text))), other]
}

fn short(feature: &FeatureRef, plan: &str) -> Option<Key> {
    match feature {
        FeatureRef::Folder(name) | FeatureRef::Named(Spanned { value: name, .. }) => {
            Some(Key::InPhase(format!("{name}\0{plan}").into()))
        }
        FeatureRef::Alone | FeatureRef::WholeBacklog => None,
    }
}

/// A GSD reference without what only the file's name has: `09.1-05-PLAN.md` is `09.1-05`, `12-PLAN-05` is `12-05`.
fn without_plan(text: &str) -> String {
    let stem = text.strip_suffix(".md").unwrap_or(text);
    stem.strip_suffix("-PLAN").unwrap_or(stem).replacen("-PLAN-", "-", 1)
}

/// Phase and plan of `09.1-05-env-setup`, each without leading zeros.
fn phase_and_plan(id: &str) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    let mut segments = id.split('-');
    let phase = segments.next().filter(|phase| phase.starts_with(|first: char| first.is_ascii_digit()))?;
    let plan = segments.next().filter(|plan| !plan.is_empty())?;
    Some((plain(phase), plain(plan)))
}

/// A Backlog.md id as the tool compares ids: without case and without leading zeros of its numbers.
pub(super) fn folded(id: &str) -> Arc<str> {
    match (id.rsplit_once('-'), number(id)) {
        (Some((prefix, _)), Some(number)) => format!("{}-{number}", prefix.to_lowercase()).into(),
        _ => id.to_lowercase().into(),
    }
}

/// The number of `TASK-007.2`: `7.2`.
fn number(id: &str) -> Option<Arc<str>> {
    let digits = id.rsplit_once('-').map_or(id, |(_, digits)| digits);
    let is_number = digits.starts_with(|first: char| first.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_number.then(|| {
        let segments = digits.split('.').map(plain);
        segments.reduce(|all, next| format!("{all}.{next}").into()).unwrap_or_default().into()
    })
}

/// A segment without leading zeros and case: `02A` and `2a` are the same plan.
fn plain(segment: &str) -> Cow<'_, str> {
    let trimmed = segment.trim_start_matches('0');
    let kept =
        if trimmed.starts_with(|first: char| first.is_ascii_digit()) { trimmed } else { last_zero(segment, trimmed) };
    if kept.bytes().any(|byte| byte.is_ascii_uppercase()) { kept.to_ascii_lowercase().into() } else { kept.into() }
}

/// `0`, `00` and `0a` keep one zero.
fn last_zero<'a>(segment: &'a str, trimmed: &'a str) -> &'a str {
    let zeros = segment.len() - trimmed.len();
    segment.get(zeros.saturating_sub(1)..).unwrap_or(trimmed)
}

/// The order in which people expect names: digits by their value, `TASK-2` before `TASK-10`. Total: names that differ
/// only in zeros or case fall back to the order of their bytes.
pub(super) fn natural(left: &str, right: &str) -> Ordering {
    let shared = shared_runs(left.as_bytes(), right.as_bytes());
    let order = match (left.get(shared..), right.get(shared..)) {
        (Some(left), Some(right)) => by_runs(left, right),
        _ => by_runs(left, right),
    };
    order.then_with(|| left.cmp(right))
}

fn by_runs(mut a: &str, mut b: &str) -> Ordering {
    loop {
        let order = match (take_run(&mut a), take_run(&mut b)) {
            (Some(x), Some(y)) if x == y => Ordering::Equal,
            (Some(x), Some(y)) => compare_runs(x, y),
            // The name that ends first comes first.
            (x, y) => return x.is_some().cmp(&y.is_some()),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// How many bytes of runs that both begin with: most ids of a feature differ in their last run only.
fn shared_runs(a: &[u8], b: &[u8]) -> usize {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let digit_at = |text: &[u8], at: usize| text.get(at).map(u8::is_ascii_digit);
    let Some(last) = same.checked_sub(1).and_then(|last| digit_at(a, last)) else { return 0 };
    let goes_on = digit_at(a, same) == Some(last) || digit_at(b, same) == Some(last);
    if !goes_on {
        return same;
    }
    let of_last = a.get(..same).unwrap_or_default().iter().rev().take_while(|byte| byte.is_ascii_digit() == last);
    same - of_last.count()
}

/// Cuts the next run off: digits, or anything else.
fn take_run<'a>(text: &mut &'a str) -> Option<&'a str> {
    let digits = text.bytes().next()?.is_ascii_digit();
    let end = text.bytes().position(|next| next.is_ascii_digit() != digits).unwrap_or(text.len());
    let (run, rest) = text.split_at_checked(end)?;
    *text = rest;
    Some(run)
}

fn compare_runs(a: &str, b: &str) -> Ordering {
    let is_number = |run: &str| run.starts_with(|first: char| first.is_ascii_digit());
    match (is_number(a), is_number(b)) {
        (true, true) => compare_numbers(a, b),
        // As text, so that a digit keeps its place before the letters.
        (true, false) | (false, true) => a.cmp(b),
        (false, false) => without_case(a).cmp(without_case(b)),
    }
}

/// Numbers of any length: no digits are lost in a machine word.
fn compare_numbers(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn meets(dialect: Dialect, reference: &str, id: &str) -> bool {
        meets_from(dialect, "09.1-env", reference, "09.1-env", id)
    }

    fn meets_from(dialect: Dialect, here: &str, reference: &str, there: &str, id: &str) -> bool {
        let found_under: Vec<Key> = keys_of_id(dialect, &FeatureRef::Folder(there.into()), &id.into(), "").collect();
        let mut looked_for = keys_of_reference(dialect, &FeatureRef::Folder(here.into()), &reference.into());
        looked_for.any(|key| found_under.contains(&key))
    }

    #[test]
    fn backlog_ids_meet_without_case_and_under_any_prefix() {
        for reference in ["task-200", "TASK-200", "BACK-200", "back-200", "200"] {
            assert!(meets(Dialect::BacklogMd, reference, "BACK-200"), "{reference}");
        }
        assert!(meets(Dialect::BacklogMd, "task-5.1", "back-5.01"));
        assert!(!meets(Dialect::BacklogMd, "task-20", "BACK-200"));
        assert!(!meets(Dialect::BacklogMd, "task-", "BACK-200"));
    }

    #[test]
    fn backlog_ids_that_differ_in_case_and_zeros_are_one() {
        let key = |id: &str| identity(Dialect::BacklogMd, &FeatureRef::WholeBacklog, &id.into());
        assert_eq!(key("task-1"), key("TASK-001"));
        assert_eq!(key("task-1.02"), key("TASK-001.2"));
        assert_ne!(key("task-1"), key("back-1"));
        assert_ne!(key("task-1"), key("task-10"));
    }

    #[test]
    fn gsd_references_may_be_the_stem_or_leave_slug_and_zeros() {
        for reference in ["09.1-05", "9.1-5", "09.1-05-PLAN", "09.1-05-PLAN.md", "09.1-05-env-setup", "09.1-PLAN-05"] {
            assert!(meets(Dialect::Gsd, reference, "09.1-05-env-setup"), "{reference}");
        }
        assert!(!meets(Dialect::Gsd, "09-05", "09.1-05"));
    }

    #[test]
    fn short_references_mean_the_plan_of_their_own_phase() {
        for (reference, id) in [("5", "09.1-05"), ("05", "09.1-05-env-setup"), ("02A", "22c-2a"), ("1", "01")] {
            assert!(meets(Dialect::Gsd, reference, id), "{reference} {id}");
        }
        assert!(!meets(Dialect::Gsd, "5", "05-06"));
        assert!(!meets(Dialect::Gsd, "0", "05-06"));
        assert!(!meets_from(Dialect::Gsd, "10-next", "05", "09.1-env", "09.1-05"));
    }

    #[test]
    fn other_dialects_compare_to_the_letter() {
        assert!(!meets(Dialect::GuardKit, "task-1", "TASK-1"));
        assert!(!meets(Dialect::Own, "TASK-01", "TASK-1"));
    }

    #[test]
    fn names_stand_in_the_order_of_their_numbers() {
        let mut names = ["b", "TASK-10", "TASK-2", "TASK-02", "TASK-2a", "a", "", "10", "9", "TASK-2.1"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["", "9", "10", "a", "b", "TASK-02", "TASK-2", "TASK-2.1", "TASK-2a", "TASK-10"]);
        assert!(natural("1", "01.").is_lt() && natural("1-", "01.").is_lt(), "the end of a name comes before all else");
    }

    proptest::proptest! {
        #[test]
        fn the_order_of_names_is_total(mut names in proptest::collection::vec("[aB0-2.é-]{0,6}", 3)) {
            names.sort_by(|a, b| natural(a, b));
            let [a, b, c] = <[String; 3]>::try_from(names).unwrap();
            assert!(natural(&a, &b).is_le() && natural(&b, &c).is_le() && natural(&a, &c).is_le());
            assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            assert_eq!(natural(&a, &b).is_eq(), a == b);
            assert_eq!(natural(&a, &b), by_runs(&a, &b).then_with(|| a.cmp(&b)), "what both begin with may be left out");
        }
    }
}
