//! `stead send`: type into a task's terminal.

use std::process::ExitCode;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use clap_complete::ArgValueCandidates;

use super::client::{Client, block_on, segment};
use super::{FileArgs, completions, show_accepted};

/// Arguments of `stead send`.
#[derive(Debug, Clone, Args)]
pub(super) struct SendArgs {
    /// Task with a terminal (`tty = true`)
    #[arg(value_name = "TASK", value_parser = NonEmptyStringValueParser::new())]
    #[arg(add = ArgValueCandidates::new(completions::tasks))]
    task: String,
    /// Text to type; several words are joined by spaces
    ///
    /// After `--` the text may begin with a dash.
    #[arg(value_name = "TEXT", required = true)]
    text: Vec<String>,
    /// Do not press Enter after the text
    #[arg(short = 'n', long)]
    no_enter: bool,
    /// Print the supervisor's answer as JSON
    ///
    /// The object is {"accepted": "input to TASK"}.
    #[arg(long)]
    json: bool,
}

/// Types the text.
///
/// # Errors
///
/// No supervisor runs, or it refused.
pub(super) fn run(file: &FileArgs, args: &SendArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(file)?;
    let mut text = args.text.join(" ");
    if !args.no_enter {
        // The byte that the Enter key sends. The terminal turns it into a line feed if the program wants one.
        text.push('\r');
    }
    let path = format!("/api/v1/tasks/{}/input", segment(&args.task));
    let answer = block_on(async { Ok(client.post_bytes(&path, text.into_bytes()).await?) })?;
    show_accepted(&answer, args.json)
}
