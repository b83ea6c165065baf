//! What goes over the API: one set of types for its server, the command line, the attached dashboard and agents.
//!
//! What the supervisor has anyway (snapshots, events, refusals, post-mortems) is sent as it is. [`Lenient`] reads what a
//! newer supervisor may say in a way that this program does not know.

mod delta;
mod lenient;
mod logs;
mod requests;
mod status;
mod terminal;

pub(crate) use delta::{LiveSnapshot, SnapshotDelta};
pub(crate) use lenient::{Lenient, LenientSnapshot, ReceivedSnapshot};
pub(crate) use logs::{ClearedLog, LogEntry, LogGap, LogPage, LogsUsage, LostOutput};
pub(crate) use requests::{
    AcceptedResponse, DisconnectedEvent, ProblemBody, PublishRequest, PublishResponse, RefusedRequest, ScaleRequest,
    SignalRequest, TasksRequest, TasksResponse, WEB_DIST_PATH,
};
pub(crate) use status::{
    DroppedEvents, EventLine, RunSummary, SnapshotResponse, TaskResponse, UnwellResponse, VersionResponse, WhyResponse,
};
pub(crate) use terminal::{KEYS_MESSAGE_BYTES, TerminalCommand, TerminalNotice};
