//! The tools: what each is for, what it takes, and what it answers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rmcp::handler::server::common::schema_for_type;
use rmcp::model::{JsonObject, ToolAnnotations};
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::super::FileArgs;
use super::super::client::{Client, ClientError};
use super::super::wait::{Until, WaitArgs, wait};
use super::super::why;
use super::brief;
use super::logs::{self, LogsOf};
use crate::app::inspect;
use crate::config::ConfigError;
use crate::supervisor::engine::Verb;
use crate::wire::{LenientSnapshot, TasksRequest};

/// The client's name: events call it `control/mcp`.
const MCP_AGENT: &str = concat!("mcp/", env!("CARGO_PKG_VERSION"));
/// Failed runs that `why` tells of.
const WHY_RUNS: usize = 3;
/// The longest that `wait` waits, in seconds.
const WAIT_SECONDS_MOST: u64 = 600;

type ToolAnswer = Pin<Box<dyn Future<Output = anyhow::Result<Value>> + Send>>;

/// Something that an agent can call.
pub(super) struct Tool {
    pub(super) name: &'static str,
    about: &'static str,
    /// What it does to tasks.
    effect: ToolEffect,
    schema: fn() -> Arc<JsonObject>,
    call: fn(FileArgs, Value) -> ToolAnswer,
}

/// What a tool does to tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ToolEffect {
    /// It only looks.
    Reads,
    /// It adds to what runs.
    Starts,
    /// It may end what runs.
    Stops,
}

/// A tool over arguments of one type.
macro_rules! tool {
    ($name:literal, $arguments:ty, $effect:ident, $call:expr, $about:literal) => {
        Tool {
            name: $name,
            about: $about,
            effect: ToolEffect::$effect,
            schema: schema_for_type::<$arguments>,
            call: |file, arguments| Box::pin(async move { $call(file, read::<$arguments>(arguments)?).await }),
        }
    };
}

/// All of them.
pub(super) const TOOLS: [Tool; 9] = [
    tool!(
        "status",
        Tasks,
        Reads,
        status,
        "How tasks stand. Without names: every task in short (state, what comes next, last exit), those that need \
         attention first. With names: everything about these; times in milliseconds, memory in bytes."
    ),
    tool!(
        "why",
        One,
        Reads,
        tell_why,
        "Why a task is not running: the chain of causes through what it waits for, and its last failed runs (newest \
         first) with reason, duration in milliseconds and last lines. Works without a supervisor, too."
    ),
    tool!(
        "logs",
        LogsOf,
        Reads,
        logs::read,
        "The last lines that tasks wrote, oldest first, over all that is kept, also of past runs; or the lines since an \
         earlier call, with its `cursor` as `after`. Works without a supervisor, too."
    ),
    tool!(
        "wait",
        WaitFor,
        Reads,
        wait_for,
        "Wait until tasks are started, ready, successful or exited. Says at once when that can't come any more."
    ),
    tool!(
        "check",
        Nothing,
        Reads,
        check,
        "Check the configuration file: its mistakes, each with its place, and warnings. Changes nothing, and works \
         without a supervisor, too."
    ),
    tool!(
        "restart",
        Tasks,
        Stops,
        |file, tasks| ask(file, Verb::Restart, tasks),
        "Restart tasks, with their whole retry budget. Call `wait` for the result."
    ),
    tool!("stop", Tasks, Stops, |file, tasks| ask(file, Verb::Stop, tasks), "Stop tasks, and keep them stopped."),
    tool!(
        "start",
        Tasks,
        Starts,
        |file, tasks| ask(file, Verb::Start, tasks),
        "Start tasks that are stopped, done or failed, or wait for their next try."
    ),
    tool!(
        "reload",
        Nothing,
        Stops,
        reload,
        "Put the configuration file in force as it is now, and restart what it changes. A file with mistakes changes \
         nothing, and is answered with them."
    ),
];

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tasks {
    /// The names of the tasks.
    #[serde(default)]
    tasks: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct One {
    /// The name of the task.
    task: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WaitFor {
    /// The names of the tasks.
    tasks: Vec<String>,
    /// What is waited for; `ready` if left out.
    #[serde(default)]
    until: Goal,
    /// How long at most, in seconds, up to 600; 30 if left out.
    #[serde(default = "half_a_minute")]
    #[schemars(range(max = WAIT_SECONDS_MOST))]
    timeout_seconds: u64,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Goal {
    /// It has been started.
    Started,
    /// It is ready, or has completed.
    #[default]
    Ready,
    /// It has completed with success.
    Success,
    /// It has exited at least once, however it went.
    Exited,
}

fn half_a_minute() -> u64 {
    30
}

impl Tool {
    /// Whether it changes something.
    pub(super) fn changes(&self) -> bool {
        self.effect != ToolEffect::Reads
    }

    /// As an agent sees it.
    pub(super) fn described(&self) -> rmcp::model::Tool {
        let (changes, is_destructive) = (self.changes(), self.effect == ToolEffect::Stops);
        let hints = ToolAnnotations::new().read_only(!changes).destructive(is_destructive).open_world(false);
        rmcp::model::Tool::new(self.name, self.about, (self.schema)()).with_annotations(hints)
    }

    /// Calls it.
    ///
    /// # Errors
    ///
    /// The arguments are wrong, or those of the tool.
    pub(super) async fn call(&self, file: &FileArgs, arguments: JsonObject) -> anyhow::Result<Value> {
        (self.call)(file.clone(), arguments.into()).await
    }
}

fn read<T: DeserializeOwned>(arguments: Value) -> anyhow::Result<T> {
    serde_json::from_value(arguments).context("wrong arguments")
}

fn client(file: &FileArgs) -> anyhow::Result<Client> {
    Ok(Client::of(file)?.called(MCP_AGENT))
}

async fn status(file: FileArgs, Tasks { tasks }: Tasks) -> anyhow::Result<Value> {
    let answer: Value = client(&file)?.read("/api/v1/snapshot").await?;
    let snapshot = LenientSnapshot::deserialize(&answer).context("the snapshot can't be read")?;
    if tasks.is_empty() { Ok(brief::of_all(&snapshot)) } else { details(answer, &snapshot, &tasks) }
}

/// Everything about these tasks.
fn details(mut answer: Value, snapshot: &LenientSnapshot, tasks: &[String]) -> anyhow::Result<Value> {
    for name in tasks {
        ensure!(snapshot.task(name).is_some(), "no task is called `{name}`");
    }
    if let Some(all) = answer["tasks"].as_array_mut() {
        for (shown, task) in all.iter_mut().zip(&snapshot.tasks) {
            shown["next"] = snapshot.next(task).into();
        }
        all.retain(|task| tasks.iter().any(|name| task["name"] == **name));
    }
    Ok(answer)
}

async fn check(file: FileArgs, Nothing {}: Nothing) -> anyhow::Result<Value> {
    let checked = spawn_blocking(move || match file.load() {
        Ok(config) => {
            let advice = inspect(&config);
            let warnings = if advice.is_empty() { String::new() } else { advice.details(false) };
            json!({ "valid": true, "tasks": config.tasks.len(), "warnings": warnings })
        }
        Err(error) => {
            let details = error.downcast_ref().map_or_else(String::new, |config: &ConfigError| config.details(false));
            let mistakes = if details.is_empty() { format!("{error:#}") } else { details };
            json!({ "valid": false, "mistakes": mistakes })
        }
    });
    checked.await.context("the check broke off")
}

async fn reload(file: FileArgs, Nothing {}: Nothing) -> anyhow::Result<Value> {
    match client(&file)?.post("/api/v1/reload", None).await {
        Ok(answer) => serde_json::from_slice(&answer).context("the answer can't be read"),
        Err(ClientError::Refused { detail, report, .. }) if !report.is_empty() => bail!("{detail}\n\n{report}"),
        Err(error) => Err(error.into()),
    }
}

async fn tell_why(file: FileArgs, One { task }: One) -> anyhow::Result<Value> {
    let mut why = why::known(&client(&file)?, &file, &task).await?;
    why.post_mortems.truncate(WHY_RUNS);
    Ok(serde_json::to_value(why)?)
}

async fn wait_for(file: FileArgs, wanted: WaitFor) -> anyhow::Result<Value> {
    let WaitFor { tasks, until, timeout_seconds } = wanted;
    ensure!(!tasks.is_empty(), "name at least one task");
    ensure!(timeout_seconds <= WAIT_SECONDS_MOST, "timeout_seconds is {WAIT_SECONDS_MOST} at most");
    let until = match until {
        Goal::Started => Until::Started,
        Goal::Ready => Until::Ready,
        Goal::Success => Until::Success,
        Goal::Exited => Until::Exited,
    };
    let args = WaitArgs { tasks, all: false, until, timeout: Duration::from_secs(timeout_seconds), json: true };
    let missing = wait(&client(&file)?, &args, |_| Ok(())).await?;
    Ok(json!({ "reached": missing.is_empty(), "missing": missing }))
}

async fn ask(file: FileArgs, verb: Verb, Tasks { tasks }: Tasks) -> anyhow::Result<Value> {
    ensure!(!tasks.is_empty(), "name at least one task");
    let answer = client(&file)?.ask_of_several(verb, &TasksRequest::of(tasks)).await?;
    serde_json::from_slice(&answer).context("the answer can't be read")
}
