//! `/api/v1/tasks/NAME/why`: why a task is as it is, and how it failed before; `/api/v1/why`: what is not well.

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
use crate::present::why;
use crate::wire::{UnwellResponse, WhyResponse};

pub(super) fn routes() -> Routes {
    let operation =
        Operation::get("explain_task", "/api/v1/tasks/{name}/why", "Why a task is as it is, and how it failed before.");
    let unwell = Operation::get("explain", "/api/v1/why", "What is not well, and what it holds back.");
    Routes::default()
        .route(operation.answers::<WhyResponse>(StatusCode::OK), self::get)
        .route(unwell.answers::<UnwellResponse>(StatusCode::OK), self::unwell)
}

async fn unwell(State(api): State<Api>) -> Result<Response, Problem> {
    let snapshot = api.kernel.snapshot();
    let now = api.kernel.now();
    let newest_line = |task: &str| api.kernel.logs().tail(task).last();
    let causes = why::unwell(&snapshot, &newest_line, &Clock::new(now));
    let tasks: Vec<_> = causes.iter().map(|cause| cause.task.clone()).collect();
    let post_mortems = match api.kernel.post_mortems().cloned() {
        Some(kept) => read(&api, move |_| kept.last_of_each(&tasks).map_err(unreadable)).await?,
        None => Vec::new(),
    };
    let session = Some(api.kernel.started_at());
    Ok(uncached(UnwellResponse { now: Some(now), session, causes: Some(causes), post_mortems }))
}

async fn get(State(api): State<Api>, TaskName(task): TaskName) -> Result<Response, Problem> {
    let snapshot = api.kernel.snapshot();
    let now = api.kernel.now();
    let state = snapshot.task(&task).ok_or_else(|| Problem::unknown_task(&task, &snapshot))?;
    let newest_line = |task: &str| api.kernel.logs().tail(task).last();
    let causes = why::why(state, &snapshot, &newest_line, &Clock::new(now));
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
        let mut kept = kept.of(&task).map_err(unreadable)?;
        kept.reverse();
        Ok(kept)
    })
    .await
}

fn unreadable(error: io::Error) -> Problem {
    let detail = format!("what is kept of failed runs can't be read: {error}");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
}
