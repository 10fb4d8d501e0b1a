//! A terminal of a test's own, and what its user types.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Long enough for a slow machine under load; a test that passes never waits for it.
const DEADLINE: Duration = Duration::from_secs(60);

/// Which of a command's outputs the terminal shows.
#[allow(dead_code, reason = "not all who include this file need both")]
pub enum Shows {
    /// Both.
    All,
    /// Its errors and questions.
    Errors,
}

/// Runs a command in a terminal in which this has been typed: its exit code, and all that it showed. What is typed before a
/// question is asked answers it, too.
pub fn in_a_terminal(command: Command, typed: &str, shows: &Shows) -> (Option<i32>, String) {
    in_a_terminal_of(None, command, typed, shows)
}

/// The same in a terminal with so many rows and columns; `None`: it does not say.
pub fn in_a_terminal_of(
    size: Option<(u16, u16)>,
    mut command: Command,
    typed: &str,
    shows: &Shows,
) -> (Option<i32>, String) {
    let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&user).unwrap();
    unlockpt(&user).unwrap();
    let name = ptsname(&user, Vec::new()).unwrap().into_string().unwrap();
    let terminal = || File::options().read(true).write(true).open(&name).unwrap();
    let mut user = File::from(user);
    if let Some((ws_row, ws_col)) = size {
        let size = rustix::termios::Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&user, size).unwrap();
    }
    user.write_all(typed.as_bytes()).unwrap();
    command.stdin(terminal()).stderr(terminal());
    match shows {
        Shows::All => command.stdout(terminal()),
        Shows::Errors => command.stdout(Stdio::null()),
    };
    let mut process = command.spawn().unwrap();
    // It holds ends of the terminal, too, which would never be closed.
    drop(command);
    let (says, shown) = mpsc::channel();
    std::thread::spawn(move || {
        let mut all = Vec::new();
        // The last end of a terminal that is closed is an error here, not an end.
        let _ = user.read_to_end(&mut all);
        says.send(String::from_utf8_lossy(&all).into_owned())
    });
    let give_up = Instant::now() + DEADLINE;
    while process.try_wait().unwrap().is_none() {
        if Instant::now() > give_up {
            process.kill().unwrap();
            panic!("what was started in a terminal does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let code = process.wait().unwrap().code();
    (code, shown.recv_timeout(DEADLINE).expect("somebody keeps the terminal"))
}
