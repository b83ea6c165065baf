//! The page: the files of the active bundle, beside the API.

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::surfaces::http::{Api, Problem};
use crate::surfaces::web_dist::{ActiveWebDist, Asset};

pub(super) fn routes(dist: ActiveWebDist) -> Router<Api> {
    Router::new().route("/", get(index)).route("/{*path}", get(file)).with_state(dist)
}

async fn index(State(dist): State<ActiveWebDist>, headers: HeaderMap) -> Result<Response, Problem> {
    asset(&dist, "index.html", &headers)
}

async fn file(
    State(dist): State<ActiveWebDist>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(path) = path.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the path is not UTF-8"))?;
    asset(&dist, &path, &headers)
}

/// Looks `path` up in the bundle. It is a name, not a way through a file system: `..` is just not there.
fn asset(dist: &ActiveWebDist, path: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let dist = dist.current();
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
