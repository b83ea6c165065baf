//! `/api/v1/clients`: who is connected, and the end of a client's connection.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::caller::Caller;
use super::extract::uncached;
use super::openapi::{Operation, Routes};
use super::problem::Problem;
use super::state::Api;
use crate::gateway::{ClientRefusal, ConnectedClient};

pub(super) fn routes() -> Routes {
    let list =
        Operation::get("list_clients", "/api/v1/clients", "Who is connected.").answers_list_of::<ConnectedClient>();
    let disconnect = Operation::delete("disconnect_client", "/api/v1/clients/{id}", "Disconnect a client.");
    Routes::default()
        .route(list, self::list)
        .route(disconnect.answers::<ConnectedClient>(StatusCode::OK), self::disconnect)
}

async fn list(caller: Caller) -> Response {
    uncached(caller.connection().gateway().clients())
}

async fn disconnect(
    _: State<Api>,
    caller: Caller,
    id: Result<Path<u64>, axum::extract::rejection::PathRejection>,
) -> Result<Json<ConnectedClient>, Problem> {
    let Path(id) = id.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "a client's id is a number"))?;
    let connection = caller.connection();
    connection.gateway().disconnect(id, connection.name()).map(Json).map_err(|refusal| {
        let status = match refusal {
            ClientRefusal::Unknown(_) => StatusCode::NOT_FOUND,
            ClientRefusal::Own(_) => StatusCode::CONFLICT,
            ClientRefusal::Full | ClientRefusal::Stopped => StatusCode::SERVICE_UNAVAILABLE,
        };
        Problem::new(status, refusal.to_string())
    })
}
