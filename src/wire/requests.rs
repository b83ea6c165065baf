//! Requests that change something, and their answers.

use std::path::PathBuf;

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::Lenient;
use crate::signal::Signal;
use crate::supervisor::engine::{Origin, Refusal};

/// A request that the supervisor has accepted; the next snapshot shows what has come of it so far.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct AcceptedResponse {
    /// The request in words: `restart api`.
    pub(crate) accepted: String,
    /// If there was nothing to do: `api is ready already`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unchanged: Option<String>,
}

/// Which tasks are meant: those that are named, or all processes. Without either: none.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TasksRequest {
    /// Their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tasks: Vec<String>,
    /// True: every process where it makes a difference.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) all: bool,
}

impl TasksRequest {
    /// These tasks.
    pub(crate) fn of(tasks: Vec<String>) -> Self {
        Self { tasks, all: false }
    }

    /// Every process.
    pub(crate) fn all() -> Self {
        Self { tasks: Vec::new(), all: true }
    }
}

/// What became of each of several requests.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct TasksResponse {
    /// Those that were accepted, in words.
    pub(crate) accepted: Vec<String>,
    /// Where there was nothing to do: `api is ready already`.
    #[serde(default)]
    pub(crate) unchanged: Vec<String>,
    /// The others.
    pub(crate) refused: Vec<RefusedRequest>,
}

/// A request that the supervisor has refused.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct RefusedRequest {
    /// The request in words.
    pub(crate) request: String,
    /// Why, for people.
    pub(crate) detail: String,
    /// Why, for programs.
    #[serde(flatten)]
    #[schema(value_type = Refusal)]
    pub(crate) refusal: Lenient<Refusal>,
}

/// How many replicas of a task are to run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScaleRequest {
    /// So many: 1 to 100.
    #[schema(minimum = 1, maximum = 100)]
    #[serde(deserialize_with = "whole")]
    pub(crate) replicas: u32,
}

/// A whole number, which JSON may also write as `2.0`.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = f64::deserialize(deserializer)?;
    let is_whole = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    is_whole.then_some(number as u32).ok_or_else(|| Error::invalid_value(Unexpected::Float(number), &"a whole number"))
}

/// A signal to send.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignalRequest {
    /// Its name: `SIGHUP`.
    #[schema(schema_with = signal_names)]
    pub(crate) signal: String,
    /// Whether all of the task's processes get it; else the main one alone.
    #[serde(default)]
    pub(crate) tree: bool,
}

fn signal_names() -> Object {
    let names: Vec<_> = Signal::all().map(|signal| signal.to_string()).collect();
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build()
}

/// A request as a problem (RFC 9457) tells why it was refused. It may have more members, for programs.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ProblemBody {
    /// The status again.
    pub(crate) status: u16,
    /// What the status means.
    pub(crate) title: String,
    /// What was wrong with this request, for people.
    pub(crate) detail: String,
    #[serde(flatten)]
    #[schema(additional_properties)]
    pub(crate) members: Map<String, Value>,
}

/// The route that chooses the bundle of the web surface.
pub(crate) const WEB_DIST_PATH: &str = "/api/v1/web-dist";

/// Which bundle the web surface is to serve.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublishRequest {
    /// Its directory, absolute.
    pub(crate) dir: PathBuf,
}

/// What it serves now.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PublishResponse {
    /// The number of files.
    pub(crate) files: usize,
}

/// The last message to a client that is disconnected.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DisconnectedEvent {
    /// Who asked for that.
    pub(crate) by: Origin,
}
