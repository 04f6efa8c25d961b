//! The command line: one file per subcommand.

use std::process::ExitCode;

/// Parses the arguments, runs what they ask for and returns the exit code (0 done, 1 failed, 2 wrong usage, 130
/// interrupted).
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
