//! The client that sends a request: its registration with the gateway, and its name.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;

use super::problem::Problem;
use super::state::Api;
use crate::gateway::Connection;
use crate::supervisor::engine::{Answer, Refusal, Request as SupervisorRequest};
use crate::wire::AcceptedResponse;

/// Characters of a client's name that are shown.
const CLIENT_NAME_CHARS: usize = 32;
/// Characters of a request that are shown.
const REQUEST_CHARS: usize = 120;

/// The client that sends this request.
#[derive(Debug, Clone)]
pub(super) struct Caller(Arc<Connection>);

impl FromRequestParts<Api> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().expect("the server adds it to every request").clone())
    }
}

impl Caller {
    pub(super) fn new(connection: Connection) -> Self {
        Self(Arc::new(connection))
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.0
    }

    /// Sends a request in the client's name.
    ///
    /// # Errors
    ///
    /// The supervisor's refusal.
    pub(super) async fn request(&self, request: SupervisorRequest) -> Result<Answer, Refusal> {
        self.0.request(request).await
    }

    /// Sends a request in the client's name; a refusal is a problem.
    ///
    /// # Errors
    ///
    /// The supervisor's refusal.
    pub(super) async fn accepted(&self, api: &Api, request: SupervisorRequest) -> Result<AcceptedResponse, Problem> {
        let accepted = request.to_string();
        match self.request(request).await {
            Ok(answer) => Ok(AcceptedResponse { accepted, unchanged: answer.unchanged() }),
            Err(Refusal::UnknownTask { task }) => Err(Problem::unknown_task(&task, &api.kernel.snapshot())),
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Notes what is asked for, for `stead clients`. The query may hold anything, so it is left out.
    pub(super) fn note<B>(&self, request: &axum::http::Request<B>) {
        let path: String = request.uri().path().chars().take(REQUEST_CHARS).collect();
        self.0.note_request(format!("{} {path}", request.method()));
    }
}

/// Takes the client's word for its name: the product of its `User-Agent`, such as `curl`, behind `surface`. For listeners
/// that only clients can reach who may do everything.
pub(in crate::surfaces) fn trust_name(surface: &str, request: &Request) {
    if let (Some(product), Some(Caller(connection))) = (product(request.headers()), request.extensions().get()) {
        connection.rename(format!("{surface}/{product}"));
    }
}

fn product(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(USER_AGENT)?.to_str().ok()?;
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || "-._".contains(*c);
    let name: String = agent.chars().take_while(is_plain).take(CLIENT_NAME_CHARS).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_called_by_its_product() {
        let named = |agent: &str| product(&HeaderMap::from_iter([(USER_AGENT, agent.parse().unwrap())]));
        assert_eq!(named("curl/8.5.0").as_deref(), Some("curl"));
        assert_eq!(named("python-requests/2.31 (x)").as_deref(), Some("python-requests"));
        assert_eq!(named("(nameless)"), None);
        assert_eq!(named(&"a".repeat(100)).map(|name| name.len()), Some(CLIENT_NAME_CHARS));
    }
}
