//! `/api/v1/tasks/NAME/why`: why a task is as it is, and how it failed before.

use std::io;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::extract::{TaskName, uncached};
use super::openapi::{Operation, Routes};
use super::problem::Problem;
use super::reading::read;
use super::state::Api;
use crate::kernel::PostMortem;
use crate::present::clock::Clock;
use crate::present::why::why;
use crate::wire::WhyResponse;

pub(super) fn routes() -> Routes {
    let operation =
        Operation::get("explain_task", "/api/v1/tasks/{name}/why", "Why a task is as it is, and how it failed before.");
    Routes::default().route(operation.answers::<WhyResponse>(StatusCode::OK), self::get)
}

async fn get(State(api): State<Api>, TaskName(task): TaskName) -> Result<Response, Problem> {
    let snapshot = api.kernel.snapshot();
    let now = api.kernel.now();
    let state = snapshot.task(&task).ok_or_else(|| Problem::unknown_task(&task, &snapshot))?;
    let newest_line = |task: &str| api.kernel.logs().tail(task).last();
    let causes = why(state, &snapshot, &newest_line, &Clock::new(now));
    let post_mortems = post_mortems(&api, &task).await?;
    let session = Some(api.kernel.started_at());
    Ok(uncached(WhyResponse { task, now: Some(now), session, causes: Some(causes), post_mortems }))
}

/// What is kept of a task's failed runs, newest first.
///
/// # Errors
///
/// It can't be read.
pub(super) async fn post_mortems(api: &Api, task: &str) -> Result<Vec<PostMortem>, Problem> {
    let Some(kept) = api.kernel.post_mortems().cloned() else { return Ok(Vec::new()) };
    let task = task.to_owned();
    read(api, move |_| {
        let unreadable = |error: io::Error| {
            let detail = format!("what is kept of failed runs can't be read: {error}");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
        };
        let mut kept = kept.of(&task).map_err(unreadable)?;
        kept.reverse();
        Ok(kept)
    })
    .await
}
