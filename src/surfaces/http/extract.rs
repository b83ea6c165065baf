//! What handlers take from a request. A part that can't be read is a [`Problem`].

use axum::Json;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::Problem;
use super::state::Api;

/// The name of a task, from the path.
pub(super) struct TaskName(pub(super) String);

impl FromRequestParts<Api> for TaskName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, api).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "the path is not UTF-8")),
        }
    }
}

/// The parameters of a query.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, api).await {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(error) => Err(Problem::new(StatusCode::BAD_REQUEST, error.body_text())),
        }
    }
}

/// Reads a body that is an object like `example`.
///
/// # Errors
///
/// It is not.
pub(super) fn object<T: DeserializeOwned>(body: &[u8], example: &str) -> Result<T, Problem> {
    // An object: what is derived would take an array, too.
    let object: Result<Map<String, Value>, _> = serde_json::from_slice(body);
    object
        .and_then(|object| serde_json::from_value(object.into()))
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("the body is not like {example}: {error}")))
}

/// An answer that is out of date as soon as it arrives: no cache may keep it.
pub(super) fn uncached(body: impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
