//! Arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    feature_build::cli::main()
}
