//! `stead completions`: shell completion, including the names of tasks.
//!
//! The script that a shell loads calls this program with [`VARIABLE`] set, and the program answers with candidates.

use std::ffi::OsStr;
use std::io;
use std::process::ExitCode;

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::CompletionCandidate;
use clap_complete::env::{Bash, CompleteEnv, EnvCompleter, Fish, Zsh};

use super::{Cli, FileArgs};
use crate::signal::Signal;

/// The environment variable by which a shell asks for candidates.
const VARIABLE: &str = "STEAD_COMPLETE";
const PROGRAM: &str = "stead";

/// Arguments of `stead completions`.
#[derive(Debug, Clone, Args)]
pub(super) struct CompletionsArgs {
    /// The shell to print a script for
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    /// In ~/.bashrc: source <(stead completions bash)
    Bash,
    /// In ~/.zshrc, after compinit: source <(stead completions zsh)
    Zsh,
    /// stead completions fish > ~/.config/fish/completions/stead.fish
    Fish,
}

/// If a shell asks for candidates, prints them and exits.
pub(super) fn answer_if_asked() {
    CompleteEnv::with_factory(Cli::command).var(VARIABLE).bin(PROGRAM).complete();
}

/// Prints the script.
///
/// # Errors
///
/// It can't be written.
pub(super) fn run(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    let shell: &dyn EnvCompleter = match args.shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    shell.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut io::stdout())?;
    Ok(ExitCode::SUCCESS)
}

/// The tasks of the nearest configuration; none if it is invalid.
pub(super) fn tasks() -> Vec<CompletionCandidate> {
    let config = FileArgs::default().load();
    let tasks = config.map(|config| config.tasks).unwrap_or_default();
    tasks.into_iter().map(|task| CompletionCandidate::new(task.name)).collect()
}

/// The signals that begin with `typed`, which may leave out `SIG`.
pub(super) fn signals(typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy().to_uppercase();
    let is_whole = "SIG".starts_with(&typed) || typed.starts_with("SIG");
    let names = Signal::all().map(|signal| signal.to_string());
    let names = names.map(|name| if is_whole { name } else { name.trim_start_matches("SIG").to_owned() });
    names.filter(|name| name.starts_with(&typed)).map(CompletionCandidate::new).collect()
}
