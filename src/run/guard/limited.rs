//! Limits that hold from a program's first instruction on: a step of this binary takes them on and becomes the program.
//!
//! Set from outside, behind its start, they would miss what the program has forked by then.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use rustix::io::{Errno, FdFlags, fcntl_setfd};

use super::super::{Launcher, role, system};
use crate::workspace::ResourceLimits;

/// A program that is about to be started.
pub(super) struct Program {
    pub(super) command: Command,
    step: Option<Step>,
}

/// The step's way to say that it could not become the program. The end that it writes to closes when it does.
struct Step {
    failure: PipeReader,
    tell: PipeWriter,
    memory_mb: Option<u64>,
}

impl Program {
    /// The program in this file, which learns that it was called by this name, and its arguments, under these limits; where
    /// there are none it is started as it is.
    pub(super) fn new(file: &Path, name: &str, arguments: &[String], limits: &ResourceLimits) -> io::Result<Self> {
        if *limits == ResourceLimits::default() {
            let mut command = Command::new(file);
            command.arg0(name).args(arguments);
            return Ok(Self { command, step: None });
        }
        let (failure, tell) = io::pipe()?;
        // The one descriptor that a child of this process shall have besides the standard streams.
        fcntl_setfd(&tell, FdFlags::empty())?;
        let mut command = Launcher::Own.command(role::LIMITED)?;
        command
            .arg(tell.as_raw_fd().to_string())
            .arg(serde_json::to_string(limits)?)
            .arg(file)
            .arg(name)
            .args(arguments);
        Ok(Self { command, step: Some(Step { failure, tell, memory_mb: limits.memory_mb }) })
    }

    /// To be called behind the start: waits for the step to become the program.
    ///
    /// # Errors
    /// Why it could not; then it has ended, or is about to.
    pub(super) fn become_it(self) -> io::Result<()> {
        let Self { command, step } = self;
        drop(command);
        let Some(Step { mut failure, tell, memory_mb }) = step else { return Ok(()) };
        drop(tell);
        let mut number = [0; 4];
        if failure.read_exact(&mut number).is_err() {
            return Ok(()); // closed without a word: by the program's start, or by an end that will be seen
        }
        let error = io::Error::from_raw_os_error(i32::from_ne_bytes(number));
        match memory_mb {
            // Another time there would be no more of it.
            Some(limit) if Errno::from_io_error(&error) == Some(Errno::NOMEM) => {
                Err(io::Error::other(format!("{error}, and `memory_mb` is {limit}")))
            }
            _ => Err(error),
        }
    }
}

/// The step's whole life.
pub(in crate::run) fn main(arguments: &[OsString]) -> ExitCode {
    let [tell, limits, file, name, arguments @ ..] = arguments else { return ExitCode::FAILURE };
    let limits = limits.to_str().and_then(|limits| serde_json::from_str(limits).ok());
    let (Some(limits), Some(tell)) = (limits, tell.to_str().and_then(|tell| tell.parse().ok())) else {
        return ExitCode::FAILURE;
    };
    // Opened anew it closes with the start of another program; the one that was inherited would not.
    let failure = File::options().write(true).open(format!("/dev/fd/{tell}"));
    let _ = nix::unistd::close::<i32>(tell);
    // All that needs memory comes before the limits.
    let texts = |texts: Vec<Vec<u8>>| texts.into_iter().map(CString::new).collect::<Result<Vec<_>, _>>();
    let argv = std::iter::once(name).chain(arguments).map(|word| word.as_bytes().to_vec());
    let variables = std::env::vars_os().map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat());
    let texts = (CString::new(file.as_bytes()), texts(argv.collect()), texts(variables.collect()));
    let (Ok(file), Ok(argv), Ok(variables)) = texts else { return ExitCode::FAILURE };
    system::take_on(&limits);
    // The library's own way to start a program lets a shell run what is none.
    let Err(error) = nix::unistd::execve(&file, &argv, &variables);
    let number = error as i32;
    // Where it cannot be told, the exit code tells at least that nothing was started.
    let _ = failure.and_then(|mut failure| failure.write_all(&number.to_ne_bytes()));
    ExitCode::from(127)
}
