//! What the keyboard writes into the live lines: nothing.

use std::io;
use std::sync::{Mutex, PoisonError};

use rustix::process::getpgrp;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// Whether this process has the terminal's keyboard: in the background a shell's prompt stands where lines would be drawn,
/// and who sets the terminal's modes there is stopped for it (SIGTTOU). True where nobody can tell.
pub(super) fn is_foreground() -> bool {
    tcgetpgrp(io::stdout()).map_or(true, |group| group == getpgrp())
}

/// The terminal's modes before [`Quiet`] changed them. There is one terminal, and whoever ends the view restores it, also
/// past a thread that is held by it.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Keeps what is typed from being shown as long as this lives: the `^C` of a Ctrl-C moves the cursor to where the next
/// drawing does not look for it, and leaves lines of the one before.
#[derive(Debug)]
pub(super) struct Quiet;

impl Quiet {
    /// Begins again after [`Quiet::end`]; nothing in the background.
    pub(super) fn begin(&mut self) {
        let stdout = io::stdout();
        let Ok(before) = tcgetattr(&stdout) else { return };
        let mut kept = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_some() || !is_foreground() {
            return;
        }
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        if tcsetattr(&stdout, OptionalActions::Now, &quiet).is_ok() {
            *kept = Some(before);
        }
    }

    /// The terminal is as it was.
    pub(super) fn end(&mut self) {
        restore();
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        self.end();
    }
}

/// Gives the terminal the modes back that it had.
pub(super) fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before.filter(|_| is_foreground()) {
        // A terminal that is gone needs no modes.
        let _ = tcsetattr(io::stdout(), OptionalActions::Now, &before);
    }
}
