//! The door for foreign text (titles, names, labels, output, paths, file contents, errors) on its way into what an editor
//! shows as words: there it is text and nothing else.
//!
//! VS Code makes a link of `[text](command:id?arguments)` in each notification and each progress, and a click runs the
//! command (`vs/base/common/linkedText.ts`); of `$(name)` in the status bar, in lenses and in lists it makes an icon
//! (`vs/base/common/iconLabels.ts`). Neither knows an escape, and both want their two characters side by side. So these are
//! kept apart by a space, whatever stands around them: that also holds for texts that an editor or we put together, and says
//! the same to whoever reads it. What is shown by nobody goes first, or `]`, an escape sequence and `(` would meet afterwards.
//!
//! Diagnostics and the editor's log are read as they are: they do not go through here.

use crate::agent::safe;

/// A text that may be shown: how foreign text was made into words was decided once, where it was known what it is.
#[derive(Debug, Clone)]
pub(super) struct Plain(String);

impl Plain {
    /// A text that somebody has to judge to its last character: what would begin a link or an icon is written as its number,
    /// as [`safe::exact`] does with what nobody would see. A `$(` that is no icon stays: commands are full of them.
    pub(super) fn exact(shown: &str) -> Self {
        Self(apart(&safe::text(shown.as_bytes()), "\\u{28}", is_icon_name))
    }

    /// The words.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

impl<T: AsRef<str>> From<T> for Plain {
    fn from(foreign: T) -> Self {
        Self(text(foreign.as_ref()))
    }
}

/// A text of any length; line ends stay.
pub(super) fn text(foreign: &str) -> String {
    apart(&safe::text(foreign.as_bytes()), " (", |_| true)
}

/// One line, cut at 200 characters.
pub(super) fn line(foreign: &str) -> String {
    safe::line(text(foreign).as_bytes())
}

/// Writes each `(` behind `]` as `other`, and each behind `$` where what follows it is like that.
fn apart(text: &str, other: &str, is_icon: impl Fn(&str) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut before = None;
    for (at, char) in text.char_indices() {
        let behind = || text.get(at + 1..).unwrap_or_default();
        if char == '(' && (before == Some(']') || before == Some('$') && is_icon(behind())) {
            shown.push_str(other);
        } else {
            shown.push(char);
        }
        before = Some(char);
    }
    shown
}

/// Does a text begin with what makes an icon of `$(`? Wider than VS Code's own rule, which wants names and one modifier.
fn is_icon_name(text: &str) -> bool {
    let name = text.split_once(')').map(|(name, _)| name);
    name.is_some_and(|name| {
        !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || "~-".contains(char))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINK: &str = "[here](command:workbench.action.terminal.new?%7B%7D)";

    #[test]
    fn a_link_and_an_icon_are_words() {
        assert_eq!(text(LINK), "[here] (command:workbench.action.terminal.new?%7B%7D)");
        assert_eq!(text("$(error) of [[a]](b) \u{e4}$("), "$ (error) of [[a]] (b) \u{e4}$ (");
        assert_eq!(text("f(x) [1] (2) $ (3)\nnext"), "f(x) [1] (2) $ (3)\nnext");
    }

    #[test]
    fn what_is_not_shown_does_not_hide_a_link() {
        for hidden in ["\r", "\u{1b}[0m", "\u{1b}]0;x\u{7}", "\u{202e}", "\u{200e}", "\0", "\u{9b}"] {
            assert_eq!(text(&format!("[a]{hidden}(command:b) ${hidden}(c)")), "[a] (command:b) $ (c)", "{hidden:?}");
        }
        assert_eq!(line("[a]\n(command:b)"), "[a] (command:b)");
    }

    #[test]
    fn what_is_to_be_judged_says_the_same() {
        let shown = Plain::exact("sh -c 'echo $(id -u) $(date) [a](b)'").into_string();
        assert_eq!(shown, "sh -c 'echo $(id -u) $\\u{28}date) [a]\\u{28}b)'");
    }

    proptest! {
        #[test]
        fn nothing_begins_a_link_or_an_icon(foreign in "[\\]\\[$()a~:\\-\\n\\r\u{1b}\u{200b}\u{202e} ]{0,60}") {
            for shown in [text(&foreign), line(&foreign)] {
                prop_assert!(!shown.contains("](") && !shown.contains("$("), "{shown:?}");
            }
            prop_assert!(!Plain::exact(&foreign).into_string().contains("]("));
            // Once is enough, and only spaces and what nobody sees is different.
            prop_assert_eq!(text(&text(&foreign)), text(&foreign));
            let letters = |text: &str| text.replace(' ', "");
            prop_assert_eq!(letters(&text(&foreign)), letters(&safe::text(foreign.as_bytes())));
        }
    }
}
