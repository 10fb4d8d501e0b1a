//! A sorted set that mostly holds one thing, and then allocates nothing: nearly every id is claimed by one file.

use std::borrow::Borrow;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use super::Map;

/// A sorted set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Few<T> {
    One(T),
    /// Never one. Apart, so that a set is no larger than its one thing.
    Other(Box<Several<T>>),
}

/// Things in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Several<T>(Vec<T>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::Other(Box::new(Several(Vec::new())))
    }
}

impl<T: Ord> From<Vec<T>> for Few<T> {
    fn from(mut all: Vec<T>) -> Self {
        all.sort_unstable();
        all.dedup();
        all.shrink_to_fit();
        let mut few = Self::default();
        few.put(all);
        few
    }
}

/// Puts a thing into the set of a key.
pub(super) fn insert_under<K: Eq + Hash, T: Ord>(sets: &mut Map<K, Few<T>>, key: K, thing: T) {
    match sets.entry(key) {
        Entry::Vacant(entry) => {
            entry.insert(Few::One(thing));
        }
        Entry::Occupied(mut entry) => entry.get_mut().insert(thing),
    }
}

impl<T: Ord> Few<T> {
    /// Its things in order.
    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Other(all) => &all.0,
        }
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.as_slice().iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    pub(super) fn insert(&mut self, thing: T) {
        let Err(at) = self.as_slice().binary_search(&thing) else { return };
        let mut all = self.take();
        all.insert(at, thing);
        self.put(all);
    }

    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, thing: &Q)
    where
        T: Borrow<Q>,
    {
        let Ok(at) = self.as_slice().binary_search_by(|one| one.borrow().cmp(thing)) else { return };
        let mut all = self.take();
        all.remove(at);
        self.put(all);
    }

    fn take(&mut self) -> Vec<T> {
        match std::mem::take(self) {
            Self::One(one) => Vec::from([one]),
            Self::Other(all) => all.0,
        }
    }

    fn put(&mut self, mut all: Vec<T>) {
        *self = match (all.len(), all.pop()) {
            (1, Some(one)) => Self::One(one),
            (_, last) => {
                all.extend(last);
                Self::Other(Box::new(Several(all)))
            }
        };
    }
}

impl<'a, T: Ord> IntoIterator for &'a Few<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set(changes in prop::collection::vec((any::<bool>(), 0..5_u8), 0..20)) {
            let (mut few, mut set) = (Few::default(), BTreeSet::new());
            for (add, thing) in changes {
                if add {
                    few.insert(thing);
                    set.insert(thing);
                } else {
                    few.remove(&thing);
                    set.remove(&thing);
                }
                prop_assert!(few.iter().eq(&set));
                prop_assert_eq!(few.is_empty(), set.is_empty());
                prop_assert_eq!(matches!(few, Few::One(_)), set.len() == 1);
            }
        }
    }
}
