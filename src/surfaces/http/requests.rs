//! What changes something: one task, several, all, or the end of everything.

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::task::spawn_blocking;

use super::caller::Caller;
use super::extract::{Parameters, TaskName, object};
use super::openapi::{Operation, Routes};
use super::problem::Problem;
use super::state::Api;
use super::status;
use crate::config::compare;
use crate::signal::Signal;
use crate::supervisor::engine::{Answer, Refusal, Request, Snapshot, TaskSnapshot, TaskState, Verb};
use crate::supervisor::engine::{BadConfig, Changes};
use crate::wire::{
    AcceptedResponse, Lenient, RefusedRequest, ScaleRequest, SignalRequest, TaskResponse, TasksRequest, TasksResponse,
};

/// For each verb: its two paths, and what it does.
const VERBS: [(Verb, [&str; 2], &str); 4] = [
    (
        Verb::Start,
        ["/api/v1/tasks/{name}/start", "/api/v1/tasks/start"],
        "Start what is not running, or waits for its next try.",
    ),
    (Verb::Stop, ["/api/v1/tasks/{name}/stop", "/api/v1/tasks/stop"], "Stop, and keep stopped."),
    (Verb::Restart, ["/api/v1/tasks/{name}/restart", "/api/v1/tasks/restart"], "Restart, with the whole retry budget."),
    (Verb::Kill, ["/api/v1/tasks/{name}/kill", "/api/v1/tasks/kill"], "Stop without a grace period."),
];

/// How the configuration is to be read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReloadQuery {
    /// Whether the answer only says what would change.
    #[serde(default)]
    dry_run: bool,
}

const TASKS_EXAMPLE: &str = "{\"tasks\": [\"api\"]} or {\"all\": true}";

pub(super) fn routes() -> Routes {
    let mut routes = Routes::default();
    for (verb, [of_one, of_many], about) in VERBS {
        let word = verb.word();
        let one_task =
            Operation::post(&format!("{word}_task"), of_one, about).answers::<AcceptedResponse>(StatusCode::ACCEPTED);
        let several = format!("{about} Several tasks, or all processes.");
        let several = Operation::post(&format!("{word}_tasks"), of_many, &several)
            .takes::<TasksRequest>()
            .answers::<TasksResponse>(StatusCode::ACCEPTED);
        // A task may be called like a verb.
        let look = format!("The state of the task that is called `{}`.", verb.word());
        let look =
            Operation::get(&format!("get_task_named_{word}"), of_many, &look).answers::<TaskResponse>(StatusCode::OK);
        routes = routes
            .route(one_task, move |api, caller, name| one(verb, api, caller, name))
            .route(several, move |api, caller, body| many(verb, api, caller, body))
            .route(look, async move |State(api)| status::task_named(&api, verb.word()));
    }
    let reload =
        Operation::post("reload", "/api/v1/reload", "Read the configuration anew, and touch only what has changed.")
            .query("dry_run", "^(true|false)$", "true: only say what would change.")
            .answers::<Changes>(StatusCode::OK);
    let routes = routes.route(reload, self::reload);
    let scale = "Run so many replicas of a task, until the next reload. The highest numbers stop first.";
    let scale = Operation::post("scale_task", "/api/v1/tasks/{name}/scale", scale).takes::<ScaleRequest>();
    let routes = routes.route(scale.answers::<Changes>(StatusCode::OK), self::scale);
    let signal = "Send a signal to its main process, or to all of them. What comes of that is its policy's matter.";
    let signal = Operation::post("signal_task", "/api/v1/tasks/{name}/signal", signal).takes::<SignalRequest>();
    let shutdown = Operation::post("shut_down", "/api/v1/shutdown", "Stop everything in good order, and end.");
    routes
        .route(signal.answers::<AcceptedResponse>(StatusCode::ACCEPTED), send_signal)
        .route(shutdown.answers::<AcceptedResponse>(StatusCode::ACCEPTED), shut_down)
}

/// What a verb means for all: every process where it makes a difference, and what is done stays so.
fn of_all(verb: Verb, snapshot: &Snapshot) -> Vec<Request> {
    let wanted = |task: &TaskSnapshot| match verb {
        Verb::Start => task.state().can_start() && task.state() != TaskState::Done,
        Verb::Stop => task.state().is_live() || task.state().can_stop(),
        _ => task.is_live(),
    };
    if verb == Verb::Restart {
        return vec![Request::RestartAll];
    }
    let tasks = snapshot.tasks.iter().filter(|task| !task.is_builtin() && wanted(task));
    tasks.map(|task| verb.of(&task.name)).collect()
}

async fn one(
    verb: Verb,
    State(api): State<Api>,
    caller: Caller,
    TaskName(name): TaskName,
) -> Result<Response, Problem> {
    request(&api, &caller, verb.of(&name)).await
}

async fn reload(
    State(api): State<Api>,
    caller: Caller,
    Parameters(ReloadQuery { dry_run }): Parameters<ReloadQuery>,
) -> Result<Response, Problem> {
    loaded(if dry_run { would_change(&api).await } else { caller.request(Request::Reload).await })
}

async fn scale(
    State(_): State<Api>,
    caller: Caller,
    TaskName(task): TaskName,
    body: Bytes,
) -> Result<Response, Problem> {
    let ScaleRequest { replicas } = object(&body, "{\"replicas\": 2}")?;
    loaded(caller.request(Request::Scale { task, replicas }).await)
}

/// What has changed with another configuration.
fn loaded(answer: Result<Answer, Refusal>) -> Result<Response, Problem> {
    match answer {
        Ok(Answer::Reloaded(changes)) => Ok(Json(changes).into_response()),
        // It is not taken before it is done.
        Ok(Answer::Taken | Answer::Already { .. }) => Err(Refusal::Unavailable.into()),
        Err(Refusal::BadConfig(bad)) => {
            // Only a client that may reload sees it: it quotes the file.
            let report = bad.report.clone();
            Err(Problem::from(Refusal::BadConfig(bad)).with("report", report))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// What a reload would answer. Nothing comes of it.
async fn would_change(api: &Api) -> Result<Answer, Refusal> {
    let config = api.config.clone();
    let compared = spawn_blocking(move || Ok(compare(&config.current(), &config.read()?))).await;
    let compared: Result<Changes, BadConfig> = compared.map_err(|_| Refusal::Unavailable)?;
    compared.map(Answer::Reloaded).map_err(Refusal::BadConfig)
}

async fn send_signal(
    State(api): State<Api>,
    caller: Caller,
    TaskName(task): TaskName,
    body: Bytes,
) -> Result<Response, Problem> {
    let SignalRequest { signal, tree } = object(&body, "{\"signal\": \"SIGHUP\"}")?;
    let signal = signal.parse::<Signal>().map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error))?;
    request(&api, &caller, Verb::Signal { signal, tree }.of(&task)).await
}

async fn shut_down(State(api): State<Api>, caller: Caller) -> Result<Response, Problem> {
    request(&api, &caller, Request::ShutDown).await
}

async fn request(api: &Api, caller: &Caller, request: Request) -> Result<Response, Problem> {
    let accepted = caller.accepted(api, request).await?;
    Ok((StatusCode::ACCEPTED, Json(accepted)).into_response())
}

/// Sends a request for each of several tasks, one after the other. A name that is unknown refuses the whole, before
/// anything is done.
async fn many(verb: Verb, State(api): State<Api>, caller: Caller, body: Bytes) -> Result<Response, Problem> {
    let snapshot = api.kernel.snapshot();
    let requests = requests(verb, object(&body, TASKS_EXAMPLE)?, &snapshot)?;
    let mut response = TasksResponse::default();
    for request in requests {
        let text = request.to_string();
        match caller.request(request).await {
            Ok(answer) => match answer.unchanged() {
                Some(unchanged) => response.unchanged.push(unchanged),
                None => response.accepted.push(text),
            },
            Err(refusal) => {
                let (detail, refusal) = (refusal.to_string(), Lenient::Known(refusal));
                response.refused.push(RefusedRequest { request: text, detail, refusal });
            }
        }
    }
    if response.accepted.is_empty() && response.unchanged.is_empty() && !response.refused.is_empty() {
        let details: Vec<_> = response.refused.iter().map(|refused| refused.detail.as_str()).collect();
        return Err(Problem::new(StatusCode::CONFLICT, details.join("; ")).with("refused", &response.refused));
    }
    Ok((StatusCode::ACCEPTED, Json(response)).into_response())
}

fn requests(
    verb: Verb,
    TasksRequest { tasks: mut names, all }: TasksRequest,
    snapshot: &Snapshot,
) -> Result<Vec<Request>, Problem> {
    // Each once: what is repeated would only fill the events.
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    if let Some(unknown) = names.iter().find(|name| snapshot.tasks_meant(name).is_empty()) {
        return Err(Problem::unknown_task(unknown, snapshot));
    }
    Ok(if all { of_all(verb, snapshot) } else { names.iter().map(|name| verb.of(name)).collect() })
}
