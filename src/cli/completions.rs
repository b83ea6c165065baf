//! `stead completions`: what a shell must be told so that it completes `stead`, names of tasks included.
//!
//! The shell asks the program itself, by an environment variable, what could come next.

use std::ffi::OsStr;
use std::io;
use std::process::ExitCode;

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::CompletionCandidate;
use clap_complete::env::{Bash, CompleteEnv, EnvCompleter, Fish, Zsh};

use super::{Cli, FileArgs};
use crate::signal::Signal;

/// Set by the shell when it asks.
const VARIABLE: &str = "STEAD_COMPLETE";
const NAME: &str = "stead";

/// What `stead completions` is told.
#[derive(Debug, Clone, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
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

/// Answers a shell that asks, and ends then.
pub(super) fn answer_if_asked() {
    CompleteEnv::with_factory(Cli::command).var(VARIABLE).bin(NAME).complete();
}

/// Prints it.
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
    shell.write_registration(VARIABLE, NAME, NAME, NAME, &mut io::stdout())?;
    Ok(ExitCode::SUCCESS)
}

/// The tasks of the nearest configuration; none if it is wrong.
pub(super) fn tasks() -> Vec<CompletionCandidate> {
    let config = FileArgs::default().load();
    let tasks = config.map(|config| config.tasks).unwrap_or_default();
    tasks.into_iter().map(|task| CompletionCandidate::new(task.name)).collect()
}

/// The signals that may be meant, with `SIG` in front unless something else is typed.
pub(super) fn signals(typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy().to_uppercase();
    let is_whole = "SIG".starts_with(&typed) || typed.starts_with("SIG");
    let names = Signal::all().map(|signal| signal.to_string());
    let names = names.map(|name| if is_whole { name } else { name.trim_start_matches("SIG").to_owned() });
    names.filter(|name| name.starts_with(&typed)).map(CompletionCandidate::new).collect()
}
