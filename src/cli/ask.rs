//! `stead start`, `stop`, `restart` and `kill`: ask the supervisor that runs for something.

use std::process::ExitCode;

use clap::{ArgGroup, Args};
use clap_complete::ArgValueCandidates;
use serde::Deserialize;
use serde_json::json;

use super::client::{Client, block_on};
use super::{EXIT_REFUSED, FileArgs, complain, completions, print};
use crate::supervisor::engine::Verb;

/// Which tasks are meant.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(group = ArgGroup::new("which").required(true))]
pub(super) struct AskArgs {
    /// The tasks
    #[arg(value_name = "TASK", group = "which")]
    #[arg(add = ArgValueCandidates::new(completions::tasks))]
    tasks: Vec<String>,
    /// All processes; what is done stays done
    #[arg(long, group = "which")]
    all: bool,
    /// Print the supervisor's answer as JSON: {"accepted": [REQUEST…], "refused": [{"request", "detail", …}…]}
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Taken {
    accepted: Vec<String>,
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
struct Refused {
    detail: String,
}

/// Asks for `verb`, and says how it was taken. What comes of it is for `stead status` and `stead wait` to say.
///
/// # Errors
///
/// There is no supervisor, or it refused all of it.
pub(super) fn run(file: &FileArgs, verb: Verb, args: &AskArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(file)?;
    let body = (!args.all).then(|| json!({ "tasks": args.tasks }));
    let answer = block_on(async { Ok(client.ask_of_several(verb, body.as_ref()).await?) })?;
    let taken: Taken = serde_json::from_slice(&answer)?;
    if args.json {
        print(&String::from_utf8_lossy(&answer))?;
    } else if taken.accepted.is_empty() && taken.refused.is_empty() {
        print(&format!("nothing to {}", verb.word()))?;
    } else {
        taken.accepted.iter().try_for_each(|request| print(&format!("{request}: accepted")))?;
        taken.refused.iter().for_each(|refused| complain(&refused.detail));
    }
    Ok(if taken.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_REFUSED) })
}
