//! `stead completions`: what a shell must be told so that it completes `stead`, names of tasks included.
//!
//! The shell asks the program itself, by an environment variable, what could come next.

use std::io;
use std::process::ExitCode;

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::CompletionCandidate;
use clap_complete::env::{Bash, CompleteEnv, EnvCompleter, Fish, Zsh};

use super::{Cli, FileArgs};
use crate::config::Signal;

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

/// The signals there are.
pub(super) fn signals() -> Vec<CompletionCandidate> {
    Signal::all().map(|signal| CompletionCandidate::new(signal.to_string())).collect()
}
