//! `stead down`: end the supervisor that runs, and wait until it is gone.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use hyper::StatusCode;
use serde_json::json;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::board::{Board, Phase, Task};
use super::client::{Client, ClientError, block_on};
use super::wait::tell;
use super::{EXIT_REFUSED, FileArgs, complain, print};

/// How long it takes in silence.
const PATIENCE: Duration = Duration::from_secs(1);

/// What `stead down` is told.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct DownArgs {
    /// Print how it ended as JSON: {"outcome": [SENTENCE…]}; null if nobody knows
    #[arg(long)]
    json: bool,
}

/// Has everything stopped in good order, waits for the end, and says how that came.
///
/// # Errors
///
/// There is no supervisor, or it can't be asked.
pub(super) fn run(file: &FileArgs, args: &DownArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(file)?;
    block_on(async {
        match client.post("/api/v1/shutdown", None).await {
            Ok(_) => {}
            // It is going down already.
            Err(ClientError::Refused { status: StatusCode::CONFLICT, .. }) => {}
            Err(error) => return Err(error.into()),
        }
        wait_for_the_end(&client).await
    })?;
    let outcome = client.paths.outcome();
    if args.json {
        let sentences = |words: &String| words.lines().map(sentence).collect::<Vec<_>>();
        print(&json!({ "outcome": outcome.as_ref().map(sentences) }).to_string())?;
    } else if let Some(words) = &outcome {
        print(words.trim_end())?;
    } else {
        complain("the supervisor is gone, and did not say how it ended");
    }
    Ok(if outcome.is_some() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_REFUSED) })
}

/// One line of the last words, without who says it.
fn sentence(line: &str) -> String {
    line.strip_prefix("stead: ").unwrap_or(line).to_owned()
}

/// Waits, and says who holds it up if that takes long.
async fn wait_for_the_end(client: &Client) -> anyhow::Result<()> {
    let paths = client.paths.clone();
    let mut end = spawn_blocking(move || paths.wait_until_free());
    let mut end_is_near = false;
    loop {
        tokio::select! {
            ended = &mut end => return ended?.context("cannot wait for the end"),
            () = name_the_slow(client), if !end_is_near => end_is_near = true,
        }
    }
}

/// Names who is being stopped, each time that has changed, until the supervisor can't be heard any more.
async fn name_the_slow(client: &Client) {
    sleep(PATIENCE).await;
    // Who holds up the end is worth knowing, and not worth failing for.
    let Ok(mut events) = client.events("").await else { return };
    let mut named = Vec::new();
    while let Ok(Some(message)) = events.next().await {
        let Ok(board) = serde_json::from_str::<Board>(&message.data) else { continue };
        let is_slow = |task: &&Task| !task.is_surface() && matches!(task.phase, Phase::Stopping { .. });
        let slow: Vec<_> = board.tasks.iter().filter(is_slow).collect();
        let names: Vec<_> = slow.iter().map(|task| task.name.clone()).collect();
        if names != named && !names.is_empty() {
            let told: Vec<_> = slow.into_iter().map(|task| tell(task, board.now)).collect();
            complain(&told.join("; "));
        }
        named = names;
    }
}
