//! `/api/v1/web-dist`: which bundle the web surface serves. On the control socket alone: a request names a directory of
//! this machine, and a client that may open the socket may read it anyway.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, post};
use axum::{Json, Router};
use tokio::task::spawn_blocking;

use crate::surfaces::http::{Api, Problem};
use crate::surfaces::web_dist::{ActiveWebDist, WebDist};
use crate::wire::{PublishRequest, PublishResponse, WEB_DIST_PATH};

pub(super) fn routes(active: ActiveWebDist) -> Router<Api> {
    Router::new().route(WEB_DIST_PATH, post(publish)).route(WEB_DIST_PATH, delete(reset)).with_state(active)
}

/// Reads the directory whole, and serves that from the next request on. What happens to the directory afterwards
/// changes nothing.
async fn publish(State(active): State<ActiveWebDist>, body: Bytes) -> Result<Json<PublishResponse>, Problem> {
    let PublishRequest { dir } = serde_json::from_slice(&body).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, format!("the body is not like {{\"dir\": \"/path\"}}: {error}"))
    })?;
    if dir.is_relative() {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "`dir`: expected an absolute path"));
    }
    let loaded = spawn_blocking(move || WebDist::load(&dir)).await;
    let loaded = loaded.map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let dist = loaded.map_err(|error| {
        let detail = format!("{:#}; what was served stays", anyhow::Error::new(error));
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    })?;
    let files = dist.file_count();
    active.publish(Some(dist));
    tracing::info!(files, "web bundle published");
    Ok(Json(PublishResponse { files }))
}

async fn reset(State(active): State<ActiveWebDist>) -> Json<PublishResponse> {
    active.publish(None);
    tracing::info!("published web bundle taken back");
    Json(PublishResponse { files: active.current().file_count() })
}
