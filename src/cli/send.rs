//! `stead send`: type into a task's terminal.

use std::process::ExitCode;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use clap_complete::ArgValueCandidates;

use super::client::{Client, block_on, segment};
use super::{FileArgs, completions, show_accepted};

/// What `stead send` is told.
#[derive(Debug, Clone, Args)]
pub(super) struct SendArgs {
    /// The task; it must have a terminal (`tty = true`)
    #[arg(value_name = "TASK", value_parser = NonEmptyStringValueParser::new())]
    #[arg(add = ArgValueCandidates::new(completions::tasks))]
    task: String,
    /// What is typed; several words are joined by spaces. After `--` it may begin with a dash
    #[arg(value_name = "TEXT", required = true)]
    text: Vec<String>,
    /// Don't press Enter after it
    #[arg(short = 'n', long)]
    no_enter: bool,
    /// Print the supervisor's answer as JSON: {"accepted": "input to TASK"}
    #[arg(long)]
    json: bool,
}

/// Types it.
///
/// # Errors
///
/// There is no supervisor, or it refused.
pub(super) fn run(file: &FileArgs, args: &SendArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(file)?;
    let mut text = args.text.join(" ");
    if !args.no_enter {
        // What the Enter key sends; a terminal makes a line feed of it where one is wanted.
        text.push('\r');
    }
    let path = format!("/api/v1/tasks/{}/input", segment(&args.task));
    let answer = block_on(async { Ok(client.post_bytes(&path, text.into_bytes()).await?) })?;
    show_accepted(&answer, args.json)
}
