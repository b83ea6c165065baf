//! Answers that show something: the supervisor, its tasks, what happened.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Lenient;
use crate::kernel::{Containment, PostMortem};
use crate::present::why::Cause;
use crate::supervisor::engine::{Snapshot, TaskSnapshot, Uptime};

/// Which supervisor answers.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct VersionResponse {
    /// The version of stead.
    pub(crate) version: String,
    /// The name of the project: that of its directory.
    pub(crate) project: String,
    /// The supervisor's own process.
    pub(crate) pid: u32,
    /// When it started: the zero of its clock. Another value means another supervisor.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) started_at: Timestamp,
    /// How the processes of tasks are contained.
    #[schema(value_type = Option<Containment>)]
    pub(crate) containment: Option<Lenient<Containment>>,
}

/// The whole supervisor at one instant.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct SnapshotResponse {
    /// Which supervisor it is.
    #[serde(flatten)]
    pub(crate) supervisor: VersionResponse,
    /// The supervisor's clock as this is sent; countdowns go on from here.
    pub(crate) now: Uptime,
    #[serde(flatten)]
    pub(crate) snapshot: Arc<Snapshot>,
}

/// One task at one instant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TaskResponse {
    /// The supervisor's clock as this is sent.
    pub(crate) now: Uptime,
    #[serde(flatten)]
    pub(crate) task: TaskSnapshot,
}

/// Why a task is in the state that it is in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct WhyResponse {
    /// Which task.
    pub(crate) task: String,
    /// The supervisor's clock as this is sent; none if no supervisor was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) now: Option<Uptime>,
    /// When that supervisor was started: failed runs of another session are those of an earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) session: Option<Timestamp>,
    /// The task itself, then what it waits for; none if no supervisor was asked.
    pub(crate) causes: Option<Vec<Cause>>,
    /// Its failed runs that are kept, newest first.
    pub(crate) post_mortems: Vec<PostMortem>,
}

/// What is not well.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct UnwellResponse {
    /// The supervisor's clock as this is sent; none if no supervisor was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) now: Option<Uptime>,
    /// When that supervisor was started: failed runs of another session are those of an earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) session: Option<Timestamp>,
    /// Each task whose state has its cause in itself, then, one deeper, those that wait for it; none if no supervisor was
    /// asked.
    pub(crate) causes: Option<Vec<Cause>>,
    /// The last failed run of each of these tasks, newest first; of every task if no supervisor was asked.
    pub(crate) post_mortems: Vec<PostMortem>,
}

/// One run of a task.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct RunSummary {
    /// Its number under its supervisor.
    pub(crate) run: u64,
    /// Names it among the runs of all supervisors: for `run` of `/logs`. None if it has left no lines.
    pub(crate) id: Option<String>,
    /// When it started, as near as that is known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) started_at: Option<Timestamp>,
    /// When it ended, or wrote last if only that is known; none while it is live.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) ended_at: Option<Timestamp>,
    /// How it ended, if that is known.
    pub(crate) exit: Option<String>,
    /// Whether some of its output is kept.
    pub(crate) lines_kept: bool,
}

/// What every version says of an event.
#[derive(Debug, Deserialize)]
pub(crate) struct EventLine {
    pub(crate) at: Timestamp,
    pub(crate) task: Option<String>,
    pub(crate) text: String,
}

/// Events that a client can't have any more.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DroppedEvents {
    /// How many.
    pub(crate) count: u64,
}
