//! What the core says of what has happened: the entries of the timeline.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::exit::ExitReason;
use super::input::Straggler;
use super::policy::{Condition, Overlap};
use super::replan::Changes;
use super::request::{Origin, Refusal};
use crate::duration::{Pretty, maybe_millis, millis};

/// One entry of the timeline, before it is stamped with a number and the time of day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// The task it is about; none for the supervisor as a whole.
    pub task: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened. Its `Display` is the line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// It waits for other tasks.
    Waiting {
        /// The task it waits for first.
        dependency: String,
        /// What must be true of it.
        condition: Condition,
    },
    /// A run came to life.
    Started {
        /// Its number.
        run: u64,
        /// Its process, if it is one.
        pid: Option<u32>,
        /// Where it can be reached, if it said so.
        address: Option<String>,
    },
    /// A run became ready.
    Ready {
        /// Its number.
        run: u64,
        /// The time since it started.
        #[serde(rename = "after_ms", with = "millis")]
        #[schema(value_type = u64)]
        after: Duration,
    },
    /// A run that was ready is not any more.
    Unready {
        /// Its number.
        run: u64,
        /// What the probe saw.
        detail: String,
    },
    /// A run is over.
    Exited {
        /// Its number.
        run: u64,
        /// How it ended.
        reason: ExitReason,
        /// Whether that was a success by the task's own codes, or asked for.
        expected: bool,
        /// What follows.
        then: AfterExit,
        /// How long it had lasted.
        #[serde(rename = "after_ms", with = "millis")]
        #[schema(value_type = u64)]
        after: Duration,
        /// The most memory that a process of it had resident at once, in bytes; none if it was no process.
        #[serde(rename = "peak_memory_bytes")]
        peak_memory: Option<u64>,
    },
    /// A run that ended by itself had left processes running, which were ended with it.
    Background {
        /// Its number.
        run: u64,
        /// The first few of them.
        processes: Vec<Straggler>,
        /// What to do about it.
        hint: Option<String>,
    },
    /// It is well again after a failure: ready by its probe, stable without one, or done.
    Recovered {
        /// The number of the run that made good.
        run: u64,
    },
    /// It comes back after a wait.
    Backoff {
        /// Which retry of the budget this is, from 1.
        attempt: u32,
        /// The budget.
        max_retries: u32,
        /// The wait.
        #[serde(rename = "wait_ms", with = "millis")]
        #[schema(value_type = u64)]
        wait: Duration,
    },
    /// It is due by its schedule.
    Due {
        /// How late that is, if its time had passed unnoticed.
        #[serde(rename = "late_ms", with = "maybe_millis")]
        #[schema(value_type = Option<u64>)]
        late: Option<Duration>,
    },
    /// It is due while it runs.
    Overlapped {
        /// What that means.
        overlap: Overlap,
    },
    /// A file that it watches has changed.
    FileChanged {
        /// Which one.
        file: String,
    },
    /// Files that it watches change too often, so changes mean nothing until it is started again by a person.
    WatchSuspended {
        /// The last one that has changed.
        file: String,
        /// How many changes there were in a short time.
        rounds: u32,
    },
    /// The files that it watches are looked at every few seconds, as the system can't watch them.
    WatchPolls {
        /// Why it can't.
        error: String,
    },
    /// The budget of restarts of a group is spent.
    GroupExhausted {
        /// Which group.
        group: String,
        /// The limit: `5 restarts within 1m`.
        limit: String,
    },
    /// A limit on restarts is spent.
    Exhausted {
        /// Which limit: `5 retries`, `20 restarts within 1h`.
        limit: String,
    },
    /// It failed for good and is held for a person.
    Failed {
        /// Why.
        reason: String,
    },
    /// It completed.
    Done,
    /// It is asked to stop.
    Stopping {
        /// Its number.
        run: u64,
        /// How long until it is killed.
        #[serde(rename = "grace_ms", with = "millis")]
        #[schema(value_type = u64)]
        grace: Duration,
    },
    /// It did not stop in time and is killed.
    Killed {
        /// Its number.
        run: u64,
        /// How long it had held up the stop.
        #[serde(rename = "held_ms", with = "millis")]
        #[schema(value_type = u64)]
        held: Duration,
    },
    /// What had to be killed of it.
    Left {
        /// Its number.
        run: u64,
        /// The first few processes.
        processes: Vec<Straggler>,
    },
    /// It was stopped as asked.
    Stopped,
    /// A request was taken.
    Requested {
        /// What was asked.
        asked: String,
        /// Who asked.
        origin: Origin,
    },
    /// A request was refused.
    Refused {
        /// What was asked.
        asked: String,
        /// Who asked.
        origin: Origin,
        /// Why it was refused.
        refusal: Refusal,
    },
    /// The configuration was read anew, and is in force.
    Reloaded {
        /// What it changed.
        changes: Changes,
    },
    /// A reload took it out of the configuration, and it has ended.
    Removed,
    /// The drain began.
    Draining {
        /// Why: `asked by terminal`, `db: SIGKILL`.
        cause: String,
        /// The task whose end is the cause, if that is fatal; none if it was asked for.
        culprit: Option<String>,
        /// How long it may take.
        #[serde(rename = "within_ms", with = "millis")]
        #[schema(value_type = u64)]
        within: Duration,
    },
    /// The drain is cut short: everything left is killed now.
    Forced {
        /// Who asked.
        origin: Origin,
    },
    /// The drain's time is up with this task still there.
    Abandoned,
    /// A client was disconnected.
    Disconnected {
        /// Its name and where it is: `web (127.0.0.1:41234)`.
        client: String,
        /// Who asked.
        origin: Origin,
    },
    /// A hook was called.
    Hooked {
        /// Which hook.
        hook: String,
        /// What it was called for.
        on: HookEvent,
        /// Why it failed, if it did.
        failure: Option<String>,
        /// How long that took.
        #[serde(rename = "after_ms", with = "millis")]
        #[schema(value_type = u64)]
        after: Duration,
    },
    /// A hook could not be told of everything.
    HookDropped {
        /// Which hook.
        hook: String,
        /// Of how much it was not told.
        dropped: u64,
    },
}

impl EventKind {
    /// Whether it belongs to a life without trouble: a start, a wait, an end that was asked for.
    #[must_use]
    pub fn is_routine(&self) -> bool {
        match self {
            Self::Exited { expected, then, .. } => *expected && !then.is_bad(),
            Self::Waiting { .. }
            | Self::Started { .. }
            | Self::Ready { .. }
            | Self::Due { .. }
            | Self::FileChanged { .. }
            | Self::Done
            | Self::Stopping { .. }
            | Self::Stopped
            | Self::Removed => true,
            Self::Unready { .. }
            | Self::Background { .. }
            | Self::Recovered { .. }
            | Self::Backoff { .. }
            | Self::Overlapped { .. }
            | Self::WatchSuspended { .. }
            | Self::WatchPolls { .. }
            | Self::GroupExhausted { .. }
            | Self::Exhausted { .. }
            | Self::Failed { .. }
            | Self::Killed { .. }
            | Self::Left { .. }
            | Self::Requested { .. }
            | Self::Refused { .. }
            | Self::Reloaded { .. }
            | Self::Draining { .. }
            | Self::Forced { .. }
            | Self::Abandoned
            | Self::Disconnected { .. }
            | Self::Hooked { .. }
            | Self::HookDropped { .. } => false,
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { dependency, condition } => write!(f, "waiting for {dependency} {condition}"),
            Self::Started { run, pid: Some(pid), .. } => write!(f, "run {run} started, pid {pid}"),
            Self::Started { run, address: Some(address), .. } => write!(f, "run {run} started, {address}"),
            Self::Started { run, .. } => write!(f, "run {run} started"),
            Self::Ready { run, after } => write!(f, "run {run} ready after {}", Pretty(*after)),
            Self::Unready { run, detail } => write!(f, "run {run} not ready any more: {detail}"),
            Self::Exited { run, reason, after, .. } => {
                write!(f, "run {run} exited, {reason} after {}", Pretty(*after))
            }
            Self::Recovered { run } => write!(f, "recovered with run {run}"),
            Self::Backoff { attempt, max_retries, wait } => {
                write!(f, "retry {attempt} of {max_retries} in {}", Pretty(*wait))
            }
            Self::Due { late: None } => f.write_str("due"),
            Self::Due { late: Some(late) } => write!(f, "due, {} late", Pretty(*late)),
            Self::Overlapped { overlap: Overlap::Skip } => f.write_str("due while it runs: left out"),
            Self::Overlapped { overlap: Overlap::Queue } => f.write_str("due while it runs: runs once more after that"),
            Self::Overlapped { overlap: Overlap::Replace } => f.write_str("due while it runs: a new run replaces it"),
            Self::FileChanged { file } => write!(f, "{file} has changed"),
            Self::WatchSuspended { file, rounds } => {
                write!(
                    f,
                    "{file} has changed: {rounds} changes in short order, so changes mean nothing until a restart"
                )
            }
            Self::WatchPolls { error } => write!(f, "its files are looked at every 2s: they can't be watched: {error}"),
            Self::GroupExhausted { group, limit } => write!(f, "group {group} gave up after {limit}"),
            Self::Exhausted { limit } => write!(f, "gave up after {limit}"),
            Self::Failed { reason } => write!(f, "failed: {reason}"),
            Self::Done => f.write_str("done"),
            Self::Stopping { run, grace } => write!(f, "run {run} asked to stop within {}", Pretty(*grace)),
            Self::Killed { run, held } => write!(f, "run {run} killed after {}", Pretty(*held)),
            Self::Background { run, hint: Some(hint), .. } => write!(f, "run {run} {hint}"),
            Self::Background { run, processes, hint: None } => {
                write!(f, "run {run} left {} running in the background", Straggler::list(processes))
            }
            Self::Left { run, processes } => write!(f, "run {run} had left {}", Straggler::list(processes)),
            Self::Stopped => f.write_str("stopped"),
            Self::Requested { asked, origin } => write!(f, "{asked}, asked by {origin}"),
            Self::Refused { asked, origin, refusal } => write!(f, "{asked} by {origin} refused: {refusal}"),
            Self::Reloaded { changes } => write!(f, "reloaded: {changes}"),
            Self::Removed => f.write_str("removed: it is not in the configuration any more"),
            Self::Draining { cause, within, .. } if within.is_zero() => write!(f, "draining: {cause}"),
            Self::Draining { cause, within, .. } => write!(f, "draining within {}: {cause}", Pretty(*within)),
            Self::Forced { origin } => write!(f, "killing all that is left, asked by {origin}"),
            Self::Abandoned => f.write_str("still there at the deadline"),
            Self::Disconnected { client, origin } => write!(f, "{client} was disconnected, asked by {origin}"),
            Self::Hooked { hook, on, failure: None, after } => {
                write!(f, "hook {hook} was called for {} in {}", on.word(), Pretty(*after))
            }
            Self::Hooked { hook, on, failure: Some(failure), after } => {
                write!(f, "hook {hook} failed after {}, of {}: {failure}", Pretty(*after), on.word())
            }
            Self::HookDropped { hook, dropped: 1 } => write!(f, "hook {hook} missed 1 event"),
            Self::HookDropped { hook, dropped } => write!(f, "hook {hook} missed {dropped} events"),
        }
    }
}

/// What follows the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterExit {
    /// It stays down, as asked.
    Stopped,
    /// It leaves the board: a reload removed it.
    Removed,
    /// A new run starts, as asked.
    Restart,
    /// Its policy does not start it again.
    Done,
    /// It is started again after a wait.
    Backoff,
    /// It is held as failed.
    Failed,
    /// Everything drains because of it.
    Fatal,
}

impl AfterExit {
    /// Whether the end of the run is one that needs an explanation, however it ended.
    #[must_use]
    pub fn is_bad(self) -> bool {
        match self {
            Self::Backoff | Self::Failed | Self::Fatal => true,
            Self::Stopped | Self::Removed | Self::Restart | Self::Done => false,
        }
    }
}

/// The events that a hook can be called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HookEvent {
    /// A run ended without a request, and it was no success.
    Failed,
    /// The retry budget is spent.
    Exhausted,
    /// A task that had failed is well again: ready by its probe, stable without one, or done.
    Recovered,
    /// A task's end makes everything drain.
    Fatal,
}

impl HookEvent {
    /// As the file has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Exhausted => "exhausted",
            Self::Recovered => "recovered",
            Self::Fatal => "fatal",
        }
    }
}
