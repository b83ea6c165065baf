//! `stead down`: stop the running supervisor and wait for its end.

use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use hyper::StatusCode;
use serde_json::json;
use tokio::time::sleep;

use super::client::{Client, ClientError, block_on};
use super::end::SupervisorEnd;
use super::wait::describe;
use super::{EXIT_REFUSED, FileArgs, complain, print};
use crate::supervisor::engine::{TaskSnapshot, TaskState};
use crate::wire::Lenient;

/// How long the end may take before the tasks that delay it are named.
const SILENT_FOR: Duration = Duration::from_secs(1);

/// Arguments of `stead down`.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct DownArgs {
    /// Print how the supervisor ended as JSON
    ///
    /// The object is {"outcome": [SENTENCE…]}; null if the outcome is not known.
    #[arg(long)]
    json: bool,
}

/// Requests a graceful drain, waits for the end of the supervisor, and prints how it ended.
///
/// # Errors
///
/// No supervisor runs, or it can't be reached.
pub(super) fn run(file: &FileArgs, args: &DownArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(file)?;
    block_on(async {
        let end = client.watch_end().await?;
        match client.post("/api/v1/shutdown", None).await {
            Ok(_) => {}
            // It drains already.
            Err(ClientError::Refused { status: StatusCode::CONFLICT, .. }) => {}
            Err(error) => return Err(error.into()),
        }
        wait_for_the_end(&client, end).await
    })?;
    let outcome = client.paths.outcome();
    if args.json {
        let sentences = |words: &String| words.lines().map(sentence).collect::<Vec<_>>();
        print(&json!({ "outcome": outcome.as_ref().map(sentences) }).to_string())?;
    } else if let Some(words) = &outcome {
        print(words.trim_end())?;
    } else {
        complain("the supervisor has ended without storing how");
    }
    Ok(if outcome.is_some() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_REFUSED) })
}

/// One line of the outcome, without the program's name.
fn sentence(line: &str) -> String {
    line.strip_prefix("stead: ").unwrap_or(line).to_owned()
}

/// Waits, and names the tasks that delay the end if it takes long.
async fn wait_for_the_end(client: &Client, end: SupervisorEnd) -> anyhow::Result<()> {
    let mut end = pin!(end.wait());
    let mut end_is_near = false;
    loop {
        tokio::select! {
            ended = &mut end => return ended.context("cannot wait for the end of the supervisor"),
            () = name_the_slow(client), if !end_is_near => end_is_near = true,
        }
    }
}

/// Names the tasks that are being stopped, each time they change, until the event stream ends.
async fn name_the_slow(client: &Client) {
    sleep(SILENT_FOR).await;
    // These lines are a courtesy: without a stream there are none.
    let Ok(mut events) = client.events("").await else { return };
    let mut named = Vec::new();
    while let Ok(Some(snapshot)) = events.next_snapshot().await {
        let is_slow = |task: &&Lenient<TaskSnapshot>| !task.is_builtin() && task.state() == TaskState::Stopping.word();
        let slow: Vec<_> = snapshot.tasks.iter().filter(is_slow).collect();
        let names: Vec<_> = slow.iter().map(|task| task.name().to_owned()).collect();
        if names != named && !names.is_empty() {
            let sentences: Vec<_> = slow.into_iter().map(|task| describe(task, snapshot)).collect();
            complain(&sentences.join("; "));
        }
        named = names;
    }
}
