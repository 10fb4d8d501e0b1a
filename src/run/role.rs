//! The internal processes: `feature-build __ROLE …`. Not for people, hence not part of the command line's definition.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use super::{Takeover, guard, start, supervise, system};

/// Leaves the session and starts the supervisor.
pub(super) const DETACH: &str = "__detach";
/// Owns a run.
pub(super) const SUPERVISE: &str = "__supervise";
/// Stays with one attempt.
pub(super) const GUARD: &str = "__guard";
/// Takes limits on and becomes a program.
pub(super) const LIMITED: &str = "__limited";

/// Runs this process as the internal one that its arguments name; `None` where they name none. To be called before
/// anything else: a guard must stay tiny.
pub fn internal() -> Option<ExitCode> {
    system::hear_of_file_limit();
    let mut arguments = std::env::args_os().skip(1);
    let role = arguments.next()?;
    let rest: Vec<OsString> = arguments.collect();
    match (role.to_str()?, rest.as_slice()) {
        (DETACH, arguments) => Some(start::detach(arguments)),
        (SUPERVISE, [dir]) => Some(supervise::main(Path::new(dir), None)),
        (SUPERVISE, [dir, how]) => Some(supervise::main(Path::new(dir), Some(Takeover::parse(how)?))),
        (GUARD, _) => Some(guard::main()),
        (LIMITED, arguments) => Some(guard::limited::main(arguments)),
        _ => None,
    }
}
