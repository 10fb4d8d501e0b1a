//! Arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Supervisor and guard are this same binary; a guard must be running before a command line could be parsed.
    feature_build::run::internal().unwrap_or_else(feature_build::cli::main)
}
