//! `/api/v1/tasks/NAME/why`: why a task is as it is, and how it failed before.

use std::io;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::api::{Api, Name, fresh, text};
use super::openapi::{Operation, Routes};
use super::problem::Problem;
use super::reading::read;
use crate::kernel::PostMortem;
use crate::present::clock::Clock;
use crate::present::why::{Cause, why};
use crate::supervisor::engine::Uptime;

/// Why a task is as it is.
#[derive(Debug, Serialize, ToSchema)]
struct Why {
    /// Which task.
    task: String,
    /// The supervisor's clock as this is sent.
    now: Uptime,
    /// The task itself, then whatever it hangs on.
    causes: Vec<Cause>,
    /// What is kept of its failed runs, newest first.
    post_mortems: Vec<PostMortem>,
}

pub(super) fn routes(routes: Routes) -> Routes {
    let operation = Operation::get("/api/v1/tasks/{name}/why", "Why a task is as it is, and how it failed before.");
    routes.route(operation.answers::<Why>(StatusCode::OK), self::get)
}

async fn get(State(api): State<Api>, name: Name) -> Result<Response, Problem> {
    let task = text(name)?;
    let snapshot = api.kernel.snapshot();
    let now = api.kernel.now();
    let state = snapshot.task(&task).ok_or_else(|| Problem::unknown_task(&task, &snapshot))?;
    let newest_line = |task: &str| api.kernel.logs().tail(task).last();
    let causes = why(state, &snapshot, &newest_line, &Clock::new(now));
    let post_mortems = post_mortems(&api, &task).await?;
    Ok(fresh(Why { task, now, causes, post_mortems }))
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
