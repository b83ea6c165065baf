//! The routes: the API, health and metrics, with the bounds on what a request may send and how long it may take.
//!
//! What was asked is decided by the supervisor; what it refuses comes back as a [`Problem`].

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router};
use futures_util::StreamExt;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::limits::{ANSWER_TIME, ATTACHED, BODY_BYTES, BODY_TIME, DISCARD_BYTES, READS, STREAMS};
use super::openapi::{Operation, Routes};
use super::problem::Problem;
use super::{attach, live, logs, masked, readiness, requests, runs, why};
use crate::duration::Pretty;
use crate::gateway::Requester;
use crate::kernel::metrics::{Format, Measured};
use crate::kernel::{Containment, KernelHandle};
use crate::logs::LogReader;
use crate::supervisor::engine::{ChannelSnapshot, Snapshot, TaskSnapshot, Uptime};
use crate::surfaces::SharedConfig;

/// What the routes share. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::surfaces) struct Api {
    pub(super) kernel: KernelHandle,
    pub(super) requester: Requester,
    pub(super) config: SharedConfig,
    /// Permits for live streams.
    streams: Arc<Semaphore>,
    /// Permits for attached terminals.
    pub(super) attached: Arc<Semaphore>,
    /// Turns to read logs.
    pub(super) reads: Arc<Semaphore>,
    /// Cancelled when the run ends; streams end with it.
    pub(super) shutdown: CancellationToken,
}

/// Who answers: what a client sees before it believes anything else.
#[derive(Debug, Serialize, ToSchema)]
struct Version {
    version: &'static str,
    /// What the project is called: the name of its directory.
    project: String,
    /// The supervisor's own process.
    pid: u32,
    /// When it started: the zero of its clock. Another value means another supervisor.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// How the processes of tasks are contained.
    containment: Option<Containment>,
}

/// A snapshot with what a client needs to make sense of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Board {
    #[serde(flatten)]
    of: Version,
    /// The supervisor's clock as this is sent; countdowns go on from here.
    now: Uptime,
    #[serde(flatten)]
    snapshot: Arc<Snapshot>,
}

/// One task as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TaskBoard {
    /// The supervisor's clock as this is sent.
    now: Uptime,
    #[serde(flatten)]
    task: TaskSnapshot,
}

impl Api {
    pub(in crate::surfaces) fn new(
        kernel: KernelHandle,
        requester: Requester,
        config: SharedConfig,
        shutdown: CancellationToken,
    ) -> Self {
        let [streams, attached, reads] = [STREAMS, ATTACHED, READS].map(|most| Arc::new(Semaphore::new(most)));
        Self { kernel, requester, config, streams, attached, reads, shutdown }
    }

    /// A place for a live stream.
    pub(super) fn stream(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_| {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("{STREAMS} live streams are open already"))
        })
    }

    /// What the tasks wrote.
    pub(super) fn logs(&self) -> LogReader {
        LogReader::new(&self.config.current().logs.dir)
    }

    fn version(&self) -> Version {
        Version {
            version: env!("CARGO_PKG_VERSION"),
            project: self.config.current().project().name(),
            pid: std::process::id(),
            started_at: self.kernel.started_at(),
            containment: self.kernel.containment(),
        }
    }

    pub(super) fn board(&self, snapshot: Arc<Snapshot>) -> Board {
        Board { of: self.version(), now: self.kernel.now(), snapshot }
    }

    /// Every route, and `beside` them those that only one listener has.
    pub(in crate::surfaces) fn router(self, beside: Router<Self>) -> Router {
        let looks = why::routes(runs::routes(logs::routes(live::routes(routes()))));
        let routes = attach::routes(requests::routes(looks));
        beside
            .merge(routes.finish())
            .route("/api/{*path}", any(unknown))
            .fallback(unknown)
            .method_not_allowed_fallback(wrong_method)
            .layer(from_fn(bounded))
            .with_state(self)
    }
}

/// What can be looked at.
fn routes() -> Routes {
    let get = Operation::get;
    let metrics = [Format::Text, Format::OpenMetrics].map(Format::content_type);
    let metrics = metrics.into_iter().fold(get("/metrics", "For Prometheus."), Operation::answers_text);
    Routes::default()
        .route(get("/healthz", "It answers.").answers_text("text/plain"), healthy)
        .route(get("/readyz", "Every task is ready, or done, or stopped.").answers_text("text/plain"), ready)
        .route(metrics, measurements)
        .route(get("/api/v1/version", "Who answers.").answers::<Version>(StatusCode::OK), version)
        .route(get("/api/v1/snapshot", "Everything as it stands.").answers::<Board>(StatusCode::OK), snapshot)
        .route(get("/api/v1/channels", "Who is connected.").answers_list_of::<ChannelSnapshot>(), channels)
        .route(get("/api/v1/config", "What is configured, values of variables masked.").answers_object(), config)
        .route(get("/api/v1/tasks/{name}", "One task as it stands.").answers::<TaskBoard>(StatusCode::OK), task)
}

async fn healthy() -> &'static str {
    "ok\n"
}

/// A task's name in a path.
pub(super) type Name = Result<Path<String>, PathRejection>;

pub(super) fn text(path: Name) -> Result<String, Problem> {
    match path {
        Ok(Path(text)) => Ok(text),
        Err(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "the path is not UTF-8")),
    }
}

/// State that is already old when it arrives: nothing may keep it.
pub(super) fn fresh(body: impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

async fn version(State(api): State<Api>) -> Response {
    fresh(api.version())
}

async fn snapshot(State(api): State<Api>) -> Response {
    fresh(api.board(api.kernel.snapshot()))
}

async fn channels(State(api): State<Api>) -> Response {
    fresh(&api.kernel.snapshot().channels)
}

async fn config(State(api): State<Api>) -> Response {
    fresh(masked::config(&api.config.current()))
}

async fn task(api: State<Api>, name: Name) -> Result<Response, Problem> {
    task_named(api, text(name)?).await
}

pub(super) async fn task_named(State(api): State<Api>, name: String) -> Result<Response, Problem> {
    let snapshot = api.kernel.snapshot();
    let task = snapshot.task(&name).ok_or_else(|| Problem::unknown_task(&name, &snapshot))?;
    Ok(fresh(TaskBoard { now: api.kernel.now(), task: task.clone() }))
}

async fn ready(State(api): State<Api>) -> Result<&'static str, Problem> {
    let obstacles = readiness::obstacles(&api.kernel.snapshot(), api.kernel.now());
    if obstacles.is_empty() {
        return Ok("ready\n");
    }
    let detail = obstacles.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).with("obstacles", obstacles))
}

async fn measurements(State(api): State<Api>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let format = Format::accepted(accept);
    let page = Measured::of(&api.kernel).await.page(format);
    ([(header::CONTENT_TYPE, format.content_type())], page).into_response()
}

async fn unknown(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is nothing at `{}`", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("`{}` can't be asked with {method}", uri.path()))
}

/// Reads the whole body first, and gives the answer a limited time.
async fn bounded(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = match timeout(BODY_TIME, read(body, &parts.headers)).await {
        Ok(Ok(body)) => body,
        Ok(Err(problem)) => return problem.into_response(),
        Err(_) => return slow(StatusCode::REQUEST_TIMEOUT, "the body did not come within", BODY_TIME),
    };
    match timeout(ANSWER_TIME, next.run(Request::from_parts(parts, body))).await {
        Ok(response) => response,
        Err(_) => slow(StatusCode::GATEWAY_TIMEOUT, "the supervisor did not answer within", ANSWER_TIME),
    }
}

fn slow(status: StatusCode, what: &str, limit: Duration) -> Response {
    Problem::new(status, format!("{what} {}", Pretty(limit))).into_response()
}

/// The body, if it is small enough. One that is too large is read on within bounds all the same, because a client
/// that is cut off while it writes never sees why; one that waits for leave to write (`Expect`) is told at once.
async fn read(body: Body, headers: &HeaderMap) -> Result<Body, Problem> {
    let refusal = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a body has {BODY_BYTES} bytes at most"));
    if headers.contains_key(header::EXPECT) && body.size_hint().lower() > BODY_BYTES as u64 {
        return Err(refusal());
    }
    let mut kept = Vec::new();
    let mut seen = 0;
    let mut chunks = body.into_data_stream();
    while seen <= DISCARD_BYTES
        && let Some(chunk) = chunks.next().await
    {
        let chunk = chunk.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the body broke off"))?;
        seen += chunk.len();
        if seen <= BODY_BYTES {
            kept.extend_from_slice(&chunk);
        }
    }
    if seen <= BODY_BYTES { Ok(kept.into()) } else { Err(refusal()) }
}
