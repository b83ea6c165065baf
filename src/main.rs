//! The `stead` binary. Everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    stead::process::reset_inherited();
    stead::process::serve_if_called().unwrap_or_else(|| stead::cli::run(std::env::args_os()))
}
