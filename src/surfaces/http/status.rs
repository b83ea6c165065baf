//! The supervisor at one instant: its version, snapshot, configuration, one task, health and metrics.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::caller::Caller;
use super::extract::{Parameters, TaskName, uncached};
use super::openapi::{Operation, Routes};
use super::problem::Problem;
use super::readiness;
use super::state::Api;
use crate::kernel::metrics::{Format, Measured};
use crate::wire::{SnapshotResponse, TaskResponse, VersionResponse};

/// What a snapshot is to have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SnapshotQuery {
    /// Whether cpu, memory and ports are measured for it.
    #[serde(default)]
    usage: bool,
}

pub(super) fn routes() -> Routes {
    let get = Operation::get;
    let metrics = [Format::Text, Format::OpenMetrics].map(Format::content_type);
    let metrics =
        metrics.into_iter().fold(get("get_metrics", "/metrics", "Metrics for Prometheus."), Operation::answers_text);
    let ready = "Whether every task is ready, done or stopped.";
    let config = "The configuration in force, without the values of variables.";
    Routes::default()
        .route(get("get_health", "/healthz", "Whether the supervisor answers.").answers_text("text/plain"), healthy)
        .route(get("get_readiness", "/readyz", ready).answers_text("text/plain"), self::ready)
        .route(metrics, self::metrics)
        .route(
            get("get_version", "/api/v1/version", "Which supervisor answers.")
                .answers::<VersionResponse>(StatusCode::OK),
            version,
        )
        .route(
            get("get_snapshot", "/api/v1/snapshot", "The state of every task.")
                .query("usage", "^(true|false)$", "true: with what each task uses, measured for this answer.")
                .answers::<SnapshotResponse>(StatusCode::OK),
            snapshot,
        )
        .route(get("get_config", "/api/v1/config", config).answers_object(), self::config)
        .route(
            get("get_task", "/api/v1/tasks/{name}", "The state of a task.").answers::<TaskResponse>(StatusCode::OK),
            task,
        )
}

async fn healthy() -> &'static str {
    "ok\n"
}

async fn ready(State(api): State<Api>) -> Result<&'static str, Problem> {
    let obstacles = readiness::obstacles(&api.kernel.snapshot(), api.kernel.now());
    if obstacles.is_empty() {
        return Ok("ready\n");
    }
    let detail = obstacles.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).with("obstacles", obstacles))
}

async fn metrics(State(api): State<Api>, caller: Caller, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let format = Format::accepted(accept);
    let page = Measured::of(&api.kernel, caller.connection().gateway().client_count()).await.page(format);
    ([(header::CONTENT_TYPE, format.content_type())], page).into_response()
}

async fn version(State(api): State<Api>) -> Response {
    uncached(api.version())
}

async fn snapshot(State(api): State<Api>, Parameters(SnapshotQuery { usage }): Parameters<SnapshotQuery>) -> Response {
    if usage {
        api.kernel.observe_usage().sampled().await;
        // Through the event loop, so that the snapshot shows the sample.
        api.kernel.check_lag().await;
    }
    uncached(api.snapshot(api.kernel.snapshot()))
}

async fn config(State(api): State<Api>) -> Response {
    uncached(&*api.config.current())
}

async fn task(State(api): State<Api>, TaskName(name): TaskName) -> Result<Response, Problem> {
    task_named(&api, &name)
}

pub(super) fn task_named(api: &Api, name: &str) -> Result<Response, Problem> {
    let snapshot = api.kernel.snapshot();
    let task = snapshot.task(name).ok_or_else(|| Problem::unknown_task(name, &snapshot))?;
    Ok(uncached(TaskResponse { now: api.kernel.now(), task: task.clone() }))
}
