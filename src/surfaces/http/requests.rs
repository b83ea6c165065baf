//! What changes something: one task, several, all, or the end of everything.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::task::spawn_blocking;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::api::{self, Api, Name, TaskBoard, text};
use super::asker::Asker;
use super::openapi::{Operation, Routes};
use super::problem::Problem;
use crate::config::compare;
use crate::signal::Signal;
use crate::supervisor::engine::{
    Answer, BadConfig, Changes, Refusal, Request, Snapshot, TaskSnapshot, TaskState, Verb,
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

/// Whether it is only said what would be done.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dry {
    #[serde(default)]
    dry_run: bool,
}

pub(super) fn routes(mut routes: Routes) -> Routes {
    for (verb, [of_one, of_many], about) in VERBS {
        let one_task = Operation::post(of_one, about).answers::<Accepted>(StatusCode::ACCEPTED);
        let several = format!("{about} Several tasks; without a body all processes.");
        let several = Operation::post(of_many, &several).may_take::<Chosen>().answers::<Taken>(StatusCode::ACCEPTED);
        // A task may be called like a verb.
        let look = format!("The task that is called `{}`, as it stands.", verb.word());
        let look = Operation::get(of_many, &look).answers::<TaskBoard>(StatusCode::OK);
        routes = routes
            .route(one_task, move |api, asker, name| one(verb, api, asker, name))
            .route(several, move |api, asker, body| many(verb, api, asker, body))
            .route(look, move |api| api::task_named(api, verb.word().to_owned()));
    }
    let reload = Operation::post("/api/v1/reload", "Read the configuration anew, and touch only what has changed.")
        .query("dry_run", "^(true|false)$", "true: only say what would change.")
        .answers::<Changes>(StatusCode::OK);
    let routes = routes.route(reload, self::reload);
    let signal = "Send a signal to its main process, or to all of them. What comes of that is its policy's matter.";
    let signal = Operation::post("/api/v1/tasks/{name}/signal", signal).takes::<ToSend>();
    let shutdown = Operation::post("/api/v1/shutdown", "Stop everything in good order, and end.");
    routes
        .route(signal.answers::<Accepted>(StatusCode::ACCEPTED), send_signal)
        .route(shutdown.answers::<Accepted>(StatusCode::ACCEPTED), shut_down)
}

/// What a verb without a body means: every process where it makes a difference, and what is done stays so.
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

/// A request that the supervisor has taken; the next snapshot shows what has come of it so far.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Accepted {
    accepted: String,
}

async fn one(verb: Verb, State(api): State<Api>, asker: Asker, name: Name) -> Result<Response, Problem> {
    ask(&api, &asker, verb.of(text(name)?)).await
}

async fn reload(
    State(api): State<Api>,
    Asker(requester): Asker,
    asked: Result<Query<Dry>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Dry { dry_run }) = asked.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let answer = if dry_run { would_change(&api).await } else { requester.request(Request::Reload).await };
    match answer {
        Ok(Answer::Reloaded(changes)) => Ok(Json(changes).into_response()),
        // It is not taken before it is done.
        Ok(Answer::Taken) => Err(Refusal::Unavailable.into()),
        Err(Refusal::BadConfig(bad)) => {
            // Only whoever may reload sees it: it quotes the file.
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

/// A signal.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ToSend {
    /// Its name: `SIGHUP`.
    #[schema(schema_with = signal_names)]
    signal: String,
    /// Whether all of the task's processes get it; else the main one alone.
    #[serde(default)]
    tree: bool,
}

fn signal_names() -> Object {
    let names: Vec<_> = Signal::all().map(|signal| signal.to_string()).collect();
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build()
}

async fn send_signal(State(api): State<Api>, asker: Asker, name: Name, body: Bytes) -> Result<Response, Problem> {
    let task = text(name)?;
    let ToSend { signal, tree } = object(&body, "{\"signal\": \"SIGHUP\"}")?;
    let signal = signal.parse::<Signal>().map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error))?;
    ask(&api, &asker, Verb::Signal { signal, tree }.of(task)).await
}

async fn shut_down(State(api): State<Api>, asker: Asker) -> Result<Response, Problem> {
    ask(&api, &asker, Request::ShutDown).await
}

async fn ask(api: &Api, asker: &Asker, request: Request) -> Result<Response, Problem> {
    let accepted = accepted(api, asker, request).await?;
    Ok((StatusCode::ACCEPTED, Json(accepted)).into_response())
}

/// Asks the supervisor; its refusal is a problem.
pub(super) async fn accepted(api: &Api, Asker(requester): &Asker, request: Request) -> Result<Accepted, Problem> {
    let accepted = request.to_string();
    match requester.request(request).await {
        Ok(_) => Ok(Accepted { accepted }),
        Err(Refusal::UnknownTask { task }) => Err(Problem::unknown_task(&task, &api.kernel.snapshot())),
        Err(refusal) => Err(refusal.into()),
    }
}

/// Which tasks are meant. Without a body: all.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Chosen {
    tasks: Vec<String>,
}

/// How each of several requests was taken.
#[derive(Debug, Default, Serialize, ToSchema)]
struct Taken {
    accepted: Vec<String>,
    refused: Vec<Refused>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Refused {
    request: String,
    /// Why, for people.
    detail: String,
    #[serde(flatten)]
    refusal: Refusal,
}

/// Asks for several tasks, one after the other. A name that is unknown refuses the whole, before anything is done.
async fn many(verb: Verb, State(api): State<Api>, Asker(requester): Asker, body: Bytes) -> Result<Response, Problem> {
    let snapshot = api.kernel.snapshot();
    let requests = match chosen(&body)? {
        None => of_all(verb, &snapshot),
        Some(names) => {
            if let Some(unknown) = names.iter().find(|name| snapshot.task(name).is_none()) {
                return Err(Problem::unknown_task(unknown, &snapshot));
            }
            names.into_iter().map(|name| verb.of(name)).collect()
        }
    };
    let mut taken = Taken::default();
    for request in requests {
        let text = request.to_string();
        match requester.request(request).await {
            Ok(_) => taken.accepted.push(text),
            Err(refusal) => taken.refused.push(Refused { request: text, detail: refusal.to_string(), refusal }),
        }
    }
    if taken.accepted.is_empty() && !taken.refused.is_empty() {
        let details: Vec<_> = taken.refused.iter().map(|refused| refused.detail.as_str()).collect();
        return Err(Problem::new(StatusCode::CONFLICT, details.join("; ")).with("refused", &taken.refused));
    }
    Ok((StatusCode::ACCEPTED, Json(taken)).into_response())
}

fn chosen(body: &[u8]) -> Result<Option<Vec<String>>, Problem> {
    if body.is_empty() {
        return Ok(None);
    }
    let Chosen { tasks } = object(body, "{\"tasks\": [\"api\"]}")?;
    Ok(Some(tasks))
}

/// A body that is like `example`.
fn object<T: DeserializeOwned>(body: &[u8], example: &str) -> Result<T, Problem> {
    // An object: what is derived would take an array, too.
    let object: Result<Map<String, Value>, _> = serde_json::from_slice(body);
    object
        .and_then(|object| serde_json::from_value(object.into()))
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("the body is not like {example}: {error}")))
}
