//! Every route, with the bounds on what a request may send and how long it may take.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::activity::{Activity, answer_body};
use super::limits::{DISCARD_BYTES, REQUEST_BODY_BYTES, REQUEST_BODY_TIME, RESPONSE_TIME};
use super::openapi::Routes;
use super::problem::Problem;
use super::state::Api;
use super::{attach, clients, environment, live, logs, requests, runs, status, why};
use crate::duration::Pretty;

/// The routes of the API, and beside them those that only one listener has.
pub(in crate::surfaces) fn router(api: Api, beside: Router<Api>) -> Router {
    let groups = [
        ("supervisor", status::routes()),
        ("clients", clients::routes()),
        ("events", live::routes()),
        ("logs", logs::routes()),
        ("tasks", runs::routes()),
        ("tasks", why::routes()),
        ("tasks", environment::routes()),
        ("tasks", requests::routes()),
        ("terminals", attach::routes()),
    ];
    beside
        .merge(Routes::of(groups).finish())
        .route("/api/{*path}", any(unknown))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(bounded))
        .with_state(api)
}

async fn unknown(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is nothing at `{}`", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("`{}` can't be asked with {method}", uri.path()))
}

/// Reads the whole body first, and gives the answer a limited time.
async fn bounded(request: Request, next: Next) -> Response {
    let activity = request.extensions().get::<Arc<Activity>>().cloned();
    let response = answered(request, next, activity.as_deref()).await;
    match activity {
        Some(activity) => response.map(|body| answer_body(body, activity)),
        None => response,
    }
}

async fn answered(request: Request, next: Next, activity: Option<&Activity>) -> Response {
    let (parts, body) = request.into_parts();
    let body = match timeout(REQUEST_BODY_TIME, read(body, &parts.headers)).await {
        Ok(Ok(body)) => body,
        Ok(Err(problem)) => return problem.into_response(),
        Err(_) => return slow(StatusCode::REQUEST_TIMEOUT, "the body did not come within", REQUEST_BODY_TIME),
    };
    activity.inspect(|activity| activity.answers());
    match timeout(RESPONSE_TIME, next.run(Request::from_parts(parts, body))).await {
        Ok(response) => response,
        Err(_) => slow(StatusCode::GATEWAY_TIMEOUT, "the supervisor did not answer within", RESPONSE_TIME),
    }
}

fn slow(status: StatusCode, what: &str, limit: Duration) -> Response {
    Problem::new(status, format!("{what} {}", Pretty(limit))).into_response()
}

/// The body, if it is small enough. One that is too large is read on within bounds all the same, because a client
/// that is cut off while it writes never sees why; one that waits for leave to write (`Expect`) is refused at once.
async fn read(body: Body, headers: &HeaderMap) -> Result<Body, Problem> {
    let refusal =
        || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a body has {REQUEST_BODY_BYTES} bytes at most"));
    if headers.contains_key(header::EXPECT) && body.size_hint().lower() > REQUEST_BODY_BYTES as u64 {
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
        if seen <= REQUEST_BODY_BYTES {
            kept.extend_from_slice(&chunk);
        }
    }
    if seen <= REQUEST_BODY_BYTES { Ok(kept.into()) } else { Err(refusal()) }
}
