//! The known names nearest to an unknown one.

use super::names::natural;

/// More would not help anybody.
const MOST: usize = 3;

/// The names that an author may have meant, the nearest first.
pub(super) fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = Letters::of(wanted);
    let limit = limit(wanted.length);
    let mut found: Vec<(usize, &str)> =
        known.filter_map(|name| Some((wanted.distance(&Letters::of(name), limit)?, name))).collect();
    found.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| natural(a.1, b.1)));
    found.dedup();
    found.into_iter().take(MOST).map(|(_, name)| name).collect()
}

/// How many edits may lie between what was written and what was meant.
fn limit(length: usize) -> usize {
    (length / 3).clamp(1, 4)
}

/// `A`, `A or B`, `A, B or C`.
pub(super) fn one_of(names: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        Some((last, _)) => (*last).into(),
        None => String::new(),
    }
}

/// A name without case, with a bit for each letter or digit in it.
struct Letters {
    text: String,
    length: usize,
    set: u64,
}

impl Letters {
    fn of(text: &str) -> Self {
        let text = text.to_lowercase();
        let set = text.chars().fold(0, |set, letter| set | 1 << (u32::from(letter) & 63));
        Self { length: text.chars().count(), text, set }
    }

    /// How many edits lie between two names, where they are not more than the limit. The exact distance is dear, so
    /// names are passed over that differ too much in length, or in letters: each edit changes at most two of them.
    fn distance(&self, other: &Self, limit: usize) -> Option<usize> {
        let too_long = self.length.abs_diff(other.length) > limit;
        let too_different = (self.set ^ other.set).count_ones() as usize > limit * 2;
        if too_long || too_different {
            return None;
        }
        let distance = strsim::osa_distance(&self.text, &other.text);
        (distance <= limit).then_some(distance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_come_first_and_few() {
        let known = ["TASK-AB-001", "TASK-AB-002", "TASK-AB-010", "TASK-AB-100", "TASK-XY-777", "OTHER"];
        assert_eq!(nearest("TASK-AB-01", known.into_iter()), ["TASK-AB-001", "TASK-AB-010", "TASK-AB-002"]);
        assert_eq!(nearest("task-xy-777", known.into_iter()), ["TASK-XY-777"]);
        assert!(nearest("completely-else", known.into_iter()).is_empty());
        assert!(nearest("", known.into_iter()).is_empty());
    }

    proptest::proptest! {
        /// Passing over names that cannot be near must not lose one that is.
        #[test]
        fn the_short_cut_loses_nothing(wanted in "[a-cé]{0,9}", name in "[a-cé]{0,9}") {
            let limit = limit(wanted.chars().count());
            let near = strsim::osa_distance(&wanted, &name) <= limit;
            assert_eq!(!nearest(&wanted, std::iter::once(&*name)).is_empty(), near);
        }
    }
}
