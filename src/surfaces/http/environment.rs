//! `/api/v1/tasks/NAME/env`: what a run of the task would find in its environment.
//!
//! Its values are where secrets are, and reading may be open to everyone. So a GET masks them, and they are had by a POST,
//! which needs the token everywhere.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::extract::{TaskName, uncached};
use super::openapi::{Operation, Routes};
use super::problem::Problem;
use super::reading::read;
use super::state::Api;
use crate::config::MASK;
use crate::kernel::RunEnvironment;

const PATH: &str = "/api/v1/tasks/{name}/env";

pub(super) fn routes() -> Routes {
    let about = "What its next run would find in its environment, and where that comes from; without the values.";
    let masked = Operation::get("get_environment", PATH, about).answers::<RunEnvironment>(StatusCode::OK);
    let about = "The same with the values, which may be secrets.";
    let whole = Operation::post("reveal_environment", PATH, about).answers::<RunEnvironment>(StatusCode::OK);
    Routes::default()
        .route(masked, async |State(api): State<Api>, TaskName(task)| environment(&api, task, false).await)
        .route(whole, async |State(api): State<Api>, TaskName(task)| environment(&api, task, true).await)
}

async fn environment(api: &Api, task: String, shows_values: bool) -> Result<Response, Problem> {
    let config = api.config.current();
    let found = config.tasks.iter().find(|found| found.name == task).cloned();
    let Some(found) = found else {
        return Err(Problem::unknown_name(&task, config.tasks.iter().map(|task| task.name.as_str())));
    };
    let Some(environments) = api.kernel.environments().cloned() else {
        return Err(Problem::new(StatusCode::NOT_FOUND, "this supervisor makes no processes"));
    };
    let answer = read(api, move |_| environments.of(&found).map_err(|why| Problem::new(StatusCode::CONFLICT, why)));
    let mut answer = answer.await?;
    if !shows_values {
        answer.variables.iter_mut().for_each(|variable| MASK.clone_into(&mut variable.value));
    }
    Ok(uncached(answer))
}
