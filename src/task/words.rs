//! Texts that many tasks say, kept once: a status, a feature's name, the id that others depend on. In a workspace of
//! 100,000 tasks they would otherwise take as much memory as all titles.

use std::cell::RefCell;
use std::collections::HashSet;

use super::{Spanned, Text};

/// How many are remembered. Files of one folder are read together and say the same.
const MOST: usize = 4096;

thread_local! {
    static SAID: RefCell<HashSet<Text, foldhash::fast::RandomState>> = RefCell::default();
}

/// This text, as it was said before where it was.
pub(super) fn shared(text: &str) -> Text {
    SAID.with_borrow_mut(|said| {
        if let Some(before) = said.get(text) {
            return Text::clone(before);
        }
        if said.len() >= MOST {
            said.clear();
        }
        let text = Text::from(text);
        said.insert(Text::clone(&text));
        text
    })
}

/// The same where it stands somewhere.
pub(super) fn shared_at(text: &Spanned<impl AsRef<str>>) -> Spanned<Text> {
    Spanned::new(shared(text.value.as_ref()), text.span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_kept_once_and_not_for_ever() {
        let first = shared("backlog");
        assert!(Text::ptr_eq(&first, &shared("backlog")));
        for number in 0..3 * MOST {
            assert_eq!(&*shared(&number.to_string()), number.to_string());
        }
        SAID.with_borrow(|said| assert!(said.len() <= MOST));
    }
}
