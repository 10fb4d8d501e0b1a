//! Wrappers whose own arguments are understood: behind these stands the program that is really called.

use super::programs;

/// What a wrapper takes before the command that it starts.
struct Wrapper {
    name: &'static str,
    /// Options without a value.
    flags: &'static [&'static str],
    /// Options whose value is the next word.
    taking: &'static [&'static str],
    /// Beginnings of options that hold their value.
    holding: &'static [&'static str],
    /// How many words that are no options come before the command.
    operands: usize,
    /// Does it take `NAME=value` before the command?
    assigns: bool,
}

/// Where the program stands that a command really calls; the error names the wrapper whose arguments are not understood.
/// `program` is where the looking begins.
pub(super) fn look_through(words: &[impl AsRef<str>], mut program: usize) -> Result<usize, usize> {
    loop {
        let Some(word) = words.get(program) else { return Ok(program) };
        let name = programs::plain(word.as_ref());
        let Some(wrapper) = WRAPPERS.iter().find(|wrapper| wrapper.name == name) else { return Ok(program) };
        let own = wrapper.own_words(words.get(program + 1..).unwrap_or_default()).ok_or(program)?;
        program += 1 + own;
    }
}

/// Does a wrapper before this word take `NAME=value`?
pub(super) fn is_behind_assignments(words: &[impl AsRef<str>], program: usize) -> bool {
    let before = words.get(..program).unwrap_or_default();
    before
        .iter()
        .any(|word| WRAPPERS.iter().any(|wrapper| wrapper.assigns && wrapper.name == programs::plain(word.as_ref())))
}

impl Wrapper {
    /// How many of these words are its own; `None` where one of them is not understood.
    fn own_words(&self, words: &[impl AsRef<str>]) -> Option<usize> {
        let word = |at: usize| words.get(at).map(AsRef::as_ref);
        let mut at = 0;
        while let Some(option) = word(at).filter(|word| word.starts_with('-')) {
            at += 1;
            if option == "--" {
                break;
            }
            if self.taking.contains(&option) {
                // One that looks like an option may be one to it, whatever it says it takes.
                word(at).filter(|value| !value.starts_with('-'))?;
                at += 1;
            } else if !self.flags.contains(&option) && !self.holding.iter().any(|known| holds(option, known)) {
                return None;
            }
        }
        let operands = words.get(at..at + self.operands)?;
        if operands.iter().any(|word| word.as_ref().starts_with('-')) {
            return None;
        }
        at += self.operands;
        if self.assigns {
            let assigned = words.get(at..)?.iter().take_while(|word| word.as_ref().contains('='));
            for variable in assigned {
                // These choose which file is started by a name, or what is loaded into it.
                let name = variable.as_ref().split('=').next().unwrap_or_default();
                if name.contains("PATH") || name.starts_with("LD_") || name.starts_with("DYLD_") {
                    return None;
                }
                at += 1;
            }
        }
        // A command that begins like an option is none.
        word(at).filter(|word| !word.starts_with('-')).map(|_| at)
    }
}

/// Is this the option with a value of plain characters behind it?
fn holds(word: &str, option: &str) -> bool {
    word.strip_prefix(option).is_some_and(|value| {
        !value.is_empty() && value.chars().all(|char| char.is_ascii_alphanumeric() || "._/+-".contains(char))
    })
}

const WRAPPERS: [Wrapper; 9] = [
    Wrapper {
        name: "env",
        flags: &["-", "-i", "--ignore-environment"],
        // Not `-C`: what it starts is looked for in another folder then.
        taking: &["-u", "--unset"],
        holding: &["--unset="],
        operands: 0,
        assigns: true,
    },
    Wrapper {
        name: "nice",
        flags: &[],
        taking: &["-n", "--adjustment"],
        holding: &["-n", "--adjustment="],
        operands: 0,
        assigns: false,
    },
    Wrapper { name: "nohup", flags: &[], taking: &[], holding: &[], operands: 0, assigns: false },
    Wrapper {
        name: "timeout",
        flags: &["-v", "--verbose", "--foreground", "--preserve-status"],
        taking: &["-k", "--kill-after", "-s", "--signal"],
        holding: &["-k", "-s", "--kill-after=", "--signal="],
        operands: 1,
        assigns: false,
    },
    Wrapper {
        name: "setsid",
        flags: &["-c", "--ctty", "-f", "--fork", "-w", "--wait"],
        taking: &[],
        holding: &[],
        operands: 0,
        assigns: false,
    },
    Wrapper {
        name: "stdbuf",
        flags: &[],
        taking: &["-i", "-o", "-e"],
        holding: &["-i", "-o", "-e", "--input=", "--output=", "--error="],
        operands: 0,
        assigns: false,
    },
    Wrapper {
        name: "ionice",
        flags: &["-t", "--ignore"],
        taking: &["-c", "--class", "-n", "--classdata"],
        holding: &["-c", "-n", "--class=", "--classdata="],
        operands: 0,
        assigns: false,
    },
    Wrapper { name: "time", flags: &["-p", "-v", "--verbose"], taking: &[], holding: &[], operands: 0, assigns: false },
    Wrapper { name: "busybox", flags: &[], taking: &[], holding: &[], operands: 0, assigns: false },
];
