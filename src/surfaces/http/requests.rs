//! What changes something: one task, several, all, or the end of everything.

use std::fmt;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::api::{self, Api, Name, text};
use super::problem::Problem;
use crate::supervisor::core::{PhaseSnapshot, Refusal, Request, Snapshot, TaskKind, TaskSnapshot};

pub(super) fn routes() -> Router<Api> {
    let one = Router::new()
        .route("/api/v1/tasks/{name}/start", post(|api, name| one(Verb::Start, api, name)))
        .route("/api/v1/tasks/{name}/stop", post(|api, name| one(Verb::Stop, api, name)))
        .route("/api/v1/tasks/{name}/restart", post(|api, name| one(Verb::Restart, api, name)))
        .route("/api/v1/tasks/{name}/kill", post(|api, name| one(Verb::Kill, api, name)));
    [Verb::Start, Verb::Stop, Verb::Restart, Verb::Kill]
        .into_iter()
        .fold(one, |routes, verb| {
            // A task may be called like the verb.
            let task = get(move |api| api::task_named(api, verb.to_string()));
            routes.route(&format!("/api/v1/tasks/{verb}"), task.post(move |api, body| many(verb, api, body)))
        })
        .route("/api/v1/shutdown", post(shut_down))
}

/// What can be asked of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Start,
    Stop,
    Restart,
    Kill,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Kill => "kill",
        })
    }
}

impl Verb {
    fn of(self, task: String) -> Request {
        match self {
            Self::Start => Request::Start(task),
            Self::Stop => Request::Stop(task),
            Self::Restart => Request::Restart(task),
            Self::Kill => Request::Kill(task),
        }
    }

    /// What it means to ask it of all: of every process where it makes a difference, and what is done stays so.
    fn of_all(self, snapshot: &Snapshot) -> Vec<Request> {
        let processes = || snapshot.tasks.iter().filter(|task| task.kind != TaskKind::Surface);
        let each = |wanted: fn(&TaskSnapshot) -> bool| {
            processes().filter(|task| wanted(task)).map(|task| self.of(task.name.clone())).collect()
        };
        match self {
            Self::Restart => vec![Request::RestartAll],
            Self::Kill => each(TaskSnapshot::is_live),
            Self::Start => each(|task| match task.phase {
                PhaseSnapshot::Stopped | PhaseSnapshot::Failed { .. } | PhaseSnapshot::Backoff { .. } => true,
                PhaseSnapshot::Waiting { .. }
                | PhaseSnapshot::Starting { .. }
                | PhaseSnapshot::Running { .. }
                | PhaseSnapshot::Ready { .. }
                | PhaseSnapshot::Stopping { .. }
                | PhaseSnapshot::Done => false,
            }),
            Self::Stop => each(|task| match task.phase {
                PhaseSnapshot::Waiting { .. }
                | PhaseSnapshot::Starting { .. }
                | PhaseSnapshot::Running { .. }
                | PhaseSnapshot::Ready { .. }
                | PhaseSnapshot::Stopping { .. }
                | PhaseSnapshot::Backoff { .. } => true,
                PhaseSnapshot::Stopped | PhaseSnapshot::Done | PhaseSnapshot::Failed { .. } => false,
            }),
        }
    }
}

/// A request that the supervisor has taken; the next snapshot shows what has come of it so far.
#[derive(Debug, Serialize)]
struct Accepted {
    accepted: String,
}

async fn one(verb: Verb, State(api): State<Api>, name: Name) -> Result<Response, Problem> {
    ask(&api, verb.of(text(name)?)).await
}

async fn shut_down(State(api): State<Api>) -> Result<Response, Problem> {
    ask(&api, Request::ShutDown).await
}

async fn ask(api: &Api, request: Request) -> Result<Response, Problem> {
    let accepted = request.to_string();
    match api.requester.request(request).await {
        Ok(()) => Ok((StatusCode::ACCEPTED, Json(Accepted { accepted })).into_response()),
        Err(Refusal::UnknownTask { task }) => Err(Problem::unknown_task(&task, &api.kernel.snapshot())),
        Err(refusal) => Err(refusal.into()),
    }
}

/// Which tasks are meant. Without a body: all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    tasks: Vec<String>,
}

/// How each of several requests was taken.
#[derive(Debug, Default, Serialize)]
struct Taken {
    accepted: Vec<String>,
    refused: Vec<Refused>,
}

#[derive(Debug, Serialize)]
struct Refused {
    request: String,
    /// Why, for people.
    detail: String,
    #[serde(flatten)]
    refusal: Refusal,
}

/// Asks for several tasks, one after the other. A name that is unknown refuses the whole, before anything is done.
async fn many(verb: Verb, State(api): State<Api>, body: Bytes) -> Result<Response, Problem> {
    let snapshot = api.kernel.snapshot();
    let requests = match chosen(&body)? {
        None => verb.of_all(&snapshot),
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
        match api.requester.request(request).await {
            Ok(()) => taken.accepted.push(text),
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
    match serde_json::from_slice(body) {
        Ok(Chosen { tasks }) => Ok(Some(tasks)),
        Err(error) => {
            let detail = format!("the body is not like {{\"tasks\": [\"api\"]}}: {error}");
            Err(Problem::new(StatusCode::BAD_REQUEST, detail))
        }
    }
}
