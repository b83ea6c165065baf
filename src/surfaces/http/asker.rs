//! Who asks: the channel, and the client behind it where its word can be taken.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;

use super::api::Api;
use crate::gateway::Requester;

/// Characters of a client's name that are shown.
const NAME_CHARACTERS: usize = 32;

/// The way to ask for something, in the client's own name.
pub(super) struct Asker(pub(super) Requester);

/// What a client calls itself.
#[derive(Debug, Clone)]
struct ClientName(String);

impl FromRequestParts<Api> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        let name = parts.extensions.get();
        Ok(Self(name.map_or_else(|| api.requester.clone(), |ClientName(name)| api.requester.of_client(name))))
    }
}

/// Takes the client's word for its name: the product of its `User-Agent`, such as `curl`. For listeners that only
/// those can reach who may do everything.
pub(in crate::surfaces) fn trust_name(mut request: Request) -> Request {
    if let Some(name) = product(request.headers()) {
        request.extensions_mut().insert(ClientName(name));
    }
    request
}

fn product(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(USER_AGENT)?.to_str().ok()?;
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || "-._".contains(*c);
    let name: String = agent.chars().take_while(is_plain).take(NAME_CHARACTERS).collect();
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
        assert_eq!(named(&"a".repeat(100)).map(|name| name.len()), Some(NAME_CHARACTERS));
    }
}
