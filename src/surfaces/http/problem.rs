//! Refusals as a client reads them: `application/problem+json` (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::config::UnknownTask;
use crate::supervisor::engine::{Refusal, Snapshot};
use crate::wire::ProblemBody;

/// A refused request.
#[derive(Debug)]
pub(in crate::surfaces) struct Problem {
    status: StatusCode,
    detail: String,
    members: Map<String, Value>,
}

impl Problem {
    /// `detail` says what was wrong with this request, for people.
    pub(in crate::surfaces) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), members: Map::new() }
    }

    /// There is no such task; says which there are, and which is near.
    pub(in crate::surfaces) fn unknown_task(name: &str, snapshot: &Snapshot) -> Self {
        let groups: Vec<_> = snapshot.groups.iter().map(|group| format!("@{}", group.name)).collect();
        let names = snapshot.tasks.iter().map(|task| task.name.as_str()).chain(groups.iter().map(String::as_str));
        Self::unknown_name(name, names)
    }

    /// No task has this name; says which of these is near.
    pub(super) fn unknown_name<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let unknown = UnknownTask::among(name, known.map(str::to_owned));
        let problem = Self::from(Refusal::UnknownTask { task: name.to_owned() });
        Self { detail: unknown.to_string(), ..problem }.with("near", unknown.near)
    }

    /// The id of the last event that a client says it has seen was never sent.
    pub(super) fn bad_event_id(id: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("`{id}` is no id of an event"))
    }

    /// A client without the token asks for what needs it.
    pub(in crate::surfaces) fn token_needed() -> Self {
        let detail = "this needs the token: open the link that `stead status` prints, or send what is in .stead/token as \
                      `Authorization: Bearer TOKEN`";
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// Adds a member for programs.
    pub(in crate::surfaces) fn with(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).expect("members are plain data with string keys");
        self.members.insert(name.to_owned(), value);
        self
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match &refusal {
            Refusal::UnknownTask { .. } => StatusCode::NOT_FOUND,
            Refusal::BadConfig(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::Leaving { .. }
            | Refusal::Essential { .. }
            | Refusal::NotReplicated { .. }
            | Refusal::NotRunning { .. }
            | Refusal::NoProcess { .. }
            | Refusal::NoTerminal { .. }
            | Refusal::Draining => StatusCode::CONFLICT,
            Refusal::ManyReloads | Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut problem = Self::new(status, refusal.to_string());
        if let Ok(Value::Object(members)) = serde_json::to_value(&refusal) {
            problem.members = members;
        }
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // No `type`: it is then `about:blank`, which means the status says it all.
        let body = ProblemBody {
            status: self.status.as_u16(),
            title: self.status.canonical_reason().unwrap_or("refused").to_owned(),
            detail: self.detail,
            members: self.members,
        };
        let body = serde_json::to_string(&body).expect("members are plain data with string keys");
        let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, content_type, body).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
