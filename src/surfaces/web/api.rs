//! The routes: the bundle's files, the API, health and metrics.
//!
//! Nothing here knows what it listens on: who may ask is decided before ([`super::guard`]), what was asked is decided
//! by the supervisor.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use futures_util::StreamExt;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::dist::{ActiveWebDist, Asset};
use super::limits::{ANSWER_TIME, BODY_BYTES, BODY_TIME, DISCARD_BYTES, STREAMS};
use super::live;
use super::problem::Problem;
use super::readiness;
use crate::config::Pretty;
use crate::gateway::Requester;
use crate::kernel::{KernelHandle, metrics};
use crate::supervisor::core::{self, Snapshot, Uptime};

/// What the routes share. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Api {
    pub(super) kernel: KernelHandle,
    pub(super) requester: Requester,
    pub(super) dist: ActiveWebDist,
    /// What the project is called, for people.
    pub(super) project: Arc<str>,
    /// Permits for live streams.
    pub(super) streams: Arc<Semaphore>,
    /// Cancelled when the run ends; streams end with it.
    pub(super) shutdown: CancellationToken,
}

/// A snapshot with what a client needs to make sense of it.
#[derive(Debug, Serialize)]
pub(super) struct Board<'a> {
    version: &'static str,
    project: &'a str,
    /// When the supervisor started: the zero of its clock. Another value means another supervisor.
    started_at: Timestamp,
    /// The supervisor's clock as this is sent; countdowns go on from here.
    now: Uptime,
    #[serde(flatten)]
    snapshot: &'a Snapshot,
}

impl Api {
    pub(super) fn new(
        kernel: KernelHandle,
        requester: Requester,
        dist: ActiveWebDist,
        project: &str,
        shutdown: CancellationToken,
    ) -> Self {
        let streams = Arc::new(Semaphore::new(STREAMS));
        Self { kernel, requester, dist, project: project.into(), streams, shutdown }
    }

    pub(super) fn board<'a>(&'a self, snapshot: &'a Snapshot) -> Board<'a> {
        Board {
            version: env!("CARGO_PKG_VERSION"),
            project: &self.project,
            started_at: self.kernel.started_at(),
            now: self.kernel.now(),
            snapshot,
        }
    }

    /// Every route, with the bounds on what a request may send and how long it may take.
    pub(super) fn router(self) -> Router {
        Router::new()
            .route("/", get(index))
            .route("/{*path}", get(file))
            .route("/healthz", get("ok\n"))
            .route("/readyz", get(ready))
            .route("/metrics", get(measurements))
            .route("/api/v1/snapshot", get(snapshot))
            .route("/api/v1/events", get(live::events))
            .route("/api/v1/tasks/{name}/start", post(start))
            .route("/api/v1/tasks/{name}/stop", post(stop))
            .route("/api/v1/tasks/{name}/restart", post(restart))
            .route("/api/{*path}", any(unknown))
            .fallback(unknown)
            .method_not_allowed_fallback(wrong_method)
            .layer(from_fn(bounded))
            .with_state(self)
    }

    async fn ask(&self, request: core::Request) -> Result<Response, Problem> {
        let accepted = request.to_string();
        self.requester.request(request).await?;
        Ok((StatusCode::ACCEPTED, Json(Accepted { accepted })).into_response())
    }
}

/// A request that the supervisor has taken; what comes of it is seen in the snapshot.
#[derive(Debug, Serialize)]
struct Accepted {
    accepted: String,
}

type Name = Result<Path<String>, PathRejection>;

async fn start(State(api): State<Api>, name: Name) -> Result<Response, Problem> {
    api.ask(core::Request::Start(text(name)?)).await
}

async fn stop(State(api): State<Api>, name: Name) -> Result<Response, Problem> {
    api.ask(core::Request::Stop(text(name)?)).await
}

async fn restart(State(api): State<Api>, name: Name) -> Result<Response, Problem> {
    api.ask(core::Request::Restart(text(name)?)).await
}

fn text(path: Name) -> Result<String, Problem> {
    match path {
        Ok(Path(text)) => Ok(text),
        Err(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "the path is not UTF-8")),
    }
}

async fn snapshot(State(api): State<Api>) -> Response {
    let snapshot = api.kernel.snapshot();
    ([(header::CACHE_CONTROL, "no-store")], Json(api.board(&snapshot))).into_response()
}

async fn ready(State(api): State<Api>) -> Result<&'static str, Problem> {
    let obstacles = readiness::obstacles(&api.kernel.snapshot(), api.kernel.now());
    if obstacles.is_empty() {
        return Ok("ready\n");
    }
    let detail = obstacles.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).with("obstacles", obstacles))
}

async fn measurements(State(api): State<Api>) -> Response {
    let text = metrics::render(&api.kernel.snapshot(), api.kernel.now());
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()
}

async fn index(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Problem> {
    asset(&api, "index.html", &headers)
}

async fn file(State(api): State<Api>, path: Name, headers: HeaderMap) -> Result<Response, Problem> {
    asset(&api, &text(path)?, &headers)
}

/// Looks `path` up in the bundle. It is a name, not a way through a file system: `..` is just not there.
fn asset(api: &Api, path: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let dist = api.dist.current();
    let Some(Asset { bytes, mime, etag }) = dist.asset(path) else {
        return Err(Problem::new(StatusCode::NOT_FOUND, format!("there is nothing at `/{path}`")));
    };
    // Every use asks again, so that a swapped bundle is seen at once.
    let cache = [(header::ETAG, etag.clone()), (header::CACHE_CONTROL, "no-cache".to_owned())];
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    if known.flat_map(|list| list.split(',')).any(|known| known.trim().trim_start_matches("W/") == etag) {
        return Ok((StatusCode::NOT_MODIFIED, cache).into_response());
    }
    Ok((cache, [(header::CONTENT_TYPE, mime.clone())], bytes.clone()).into_response())
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
