//! What goes into the core (events, requests) and what comes out of it (effects, answers, notices).

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::exit::ExitReason;
use super::plan::Plan;
use crate::config::{BadConfig, Changes, Condition, HookEvent, Pretty, Signal, millis};

/// Reloads that may wait for the configuration to be read; more are refused.
pub const RELOADS_WAITING: usize = 16;

/// A task by its place in the first plan; tasks that reloads add count on from there. A name keeps its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub usize);

/// One life of a task. Numbers count from 1 per task and are never reused, so a late message of run 3
/// can't touch run 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId {
    /// Whose life it is.
    pub task: TaskId,
    /// Which one, from 1.
    pub number: u64,
}

/// Something that happened and that the core must know.
#[derive(Debug, Clone)]
pub enum Event {
    /// The start of a run succeeded.
    Started {
        /// Which run.
        run: RunId,
        /// Its process, if it is one.
        pid: Option<u32>,
        /// Where it can be reached, if it is a surface that listens: `http://127.0.0.1:7070`.
        address: Option<String>,
    },
    /// A run is over, or its start failed.
    Exited {
        /// Which run.
        run: RunId,
        /// How it ended.
        reason: ExitReason,
    },
    /// A readiness probe was tried.
    Probed {
        /// Which run was probed.
        run: RunId,
        /// Whether it is ready.
        passed: bool,
        /// What was seen, for people: `http 200 in 3 ms`.
        detail: String,
    },
    /// What is left of a run that is being stopped or killed.
    Left {
        /// Which run.
        run: RunId,
        /// The first few of them.
        processes: Vec<Straggler>,
    },
    /// A run uses more memory than it may.
    Exceeded {
        /// Which run.
        run: RunId,
        /// What it uses, in bytes.
        used: u64,
        /// What it may use.
        limit: u64,
    },
    /// What a run that is about to be reported as over has used.
    Measured {
        /// Which run.
        run: RunId,
        /// The most memory that a process of it had resident at once, in bytes.
        peak_memory: u64,
    },
    /// Somebody asks for something.
    Requested {
        /// Names the answer: see [`Effect::Answer`].
        id: RequestId,
        /// What is asked.
        request: Request,
        /// Who asks.
        origin: Origin,
    },
    /// The configuration was read anew, as [`Effect::Load`] asked, or can't be taken.
    Loaded(Result<Box<Replan>, BadConfig>),
    /// Nothing but time has passed: deadlines may be due.
    Tick,
}

/// Another plan to go on with.
#[derive(Debug, Clone)]
pub struct Replan {
    /// All that is supervised from now on, what has not changed included. Its seed does not count.
    pub plan: Plan,
    /// How it differs, for people.
    pub changes: Changes,
}

/// A process that is still there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Straggler {
    /// Its pid.
    pub pid: u32,
    /// What the kernel calls it: up to 15 bytes of its program's name.
    pub name: String,
}

impl Straggler {
    /// Names several: `node (4312), sleep (4313)`.
    #[must_use]
    pub fn list(stragglers: &[Self]) -> String {
        stragglers.iter().map(Self::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Straggler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.pid)
    }
}

/// Names a request until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What a person or a program may ask of the supervisor. Tasks are named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "request", content = "task", rename_all = "snake_case")]
pub enum Request {
    /// Start what is not running; during a countdown: now. Gives the budget back.
    Start(String),
    /// Stop it and keep it stopped.
    Stop(String),
    /// Stop the old run, if there is one, and start a new one. Gives the budget back.
    Restart(String),
    /// As `Stop`, without a grace period.
    Kill(String),
    /// Send it a signal. An end that follows is the task's own: its policy decides what comes then.
    Signal {
        /// Which task.
        task: String,
        /// What it is sent.
        signal: Signal,
        /// Whether all of its processes get it, or the main one alone.
        tree: bool,
    },
    /// Type into its terminal. What is typed goes there directly; this says who did, and whether it can be.
    Input(String),
    /// Look at its terminal and type into it, for as long as one likes; as `Input`, but it need not run.
    Attach(String),
    /// Restart every process that is not stopped or done.
    RestartAll,
    /// Read the configuration anew, and go on with what it says.
    Reload,
    /// Drain in good order and end.
    ShutDown,
    /// Kill everything that is left, now.
    KillAll,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(task) => write!(f, "start {task}"),
            Self::Stop(task) => write!(f, "stop {task}"),
            Self::Restart(task) => write!(f, "restart {task}"),
            Self::Kill(task) => write!(f, "kill {task}"),
            Self::Signal { task, signal, tree: false } => write!(f, "signal {task} {signal}"),
            Self::Signal { task, signal, tree: true } => write!(f, "signal {task} {signal}, its whole tree"),
            Self::Input(task) => write!(f, "input to {task}"),
            Self::Attach(task) => write!(f, "attach to {task}"),
            Self::RestartAll => f.write_str("restart all"),
            Self::Reload => f.write_str("reload"),
            Self::ShutDown => f.write_str("shut down"),
            Self::KillAll => f.write_str("kill all"),
        }
    }
}

/// How a request was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is being done; the next snapshot shows what has come of it so far.
    Taken,
    /// The configuration was read anew, and this is what it changed.
    Reloaded(Changes),
}

/// Who asked: the name of a channel (`terminal`, `web`), or a signal (`SIGTERM`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Origin(pub String);

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize, ToSchema)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum Refusal {
    /// There is no such task.
    #[error("there is no task named `{task}`")]
    UnknownTask {
        /// The name that was asked for.
        task: String,
    },
    /// It is running already.
    #[error("{task} is {state} already")]
    Already {
        /// Which task.
        task: String,
        /// The state it is in.
        state: Cow<'static, str>,
    },
    /// There is nothing to stop.
    #[error("{task} is not running, it is {state}")]
    NotRunning {
        /// Which task.
        task: String,
        /// The state it is in.
        state: Cow<'static, str>,
    },
    /// It has no process that a signal could be sent to.
    #[error("{task} is a part of stead, not a process of its own")]
    NoProcess {
        /// Which task.
        task: String,
    },
    /// It has no terminal to type into.
    #[error("{task} has no terminal; `tty = true` gives it one")]
    NoTerminal {
        /// Which task.
        task: String,
    },
    /// Nothing goes on without it.
    #[error("{task} can't be stopped alone: nothing goes on without it; shut down instead")]
    Essential {
        /// Which task.
        task: String,
    },
    /// A reload took it out of the configuration, and it is being stopped.
    #[error("{task} is not in the configuration any more; it is being stopped")]
    Leaving {
        /// Which task.
        task: String,
    },
    /// The configuration that was read anew can't be taken.
    #[error("{0}; all goes on as it was")]
    BadConfig(BadConfig),
    /// Too many reloads wait for the configuration to be read.
    #[error("{RELOADS_WAITING} reloads wait already; ask again later")]
    ManyReloads,
    /// The supervisor is draining: nothing starts any more.
    #[error("stead is shutting down; nothing starts any more")]
    Draining,
    /// The supervisor has ended, or did not take the request in time.
    #[error("stead has ended or is too busy to answer")]
    Unavailable,
}

/// What the driver must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Bring a run to life, then report `Started` or `Exited`.
    Spawn(RunId),
    /// Ask a run to end: the polite part of its stop ladder.
    Stop(RunId),
    /// End a run now, with all that belongs to it. May come without a `Stop` before, and more than once.
    Kill(RunId),
    /// Read the configuration anew, then report `Loaded`. Never comes twice before that.
    Load,
    /// The plan of the last `Loaded` is in force: its tasks go by these ids, in its order.
    Adopt(Vec<TaskId>),
    /// Send a signal to a run's main process, or to its whole tree.
    Signal {
        /// Which run.
        run: RunId,
        /// What it is sent.
        signal: Signal,
        /// Whether all of its processes get it.
        tree: bool,
    },
    /// Tell whoever asked how their request was taken.
    Answer(RequestId, Result<Answer, Refusal>),
    /// Something for the timeline.
    Notice(Notice),
    /// All is down, or time is up: `run()` returns.
    Finish,
}

/// One entry of the timeline, before it is stamped with a number and the time of day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    /// The task it is about; none for the supervisor as a whole.
    pub task: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub kind: NoticeKind,
}

/// What happened. Its `Display` is the line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum NoticeKind {
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
        /// How long it had lasted.
        #[serde(rename = "after_ms", with = "millis")]
        #[schema(value_type = u64)]
        after: Duration,
        /// The most memory that a process of it had resident at once, in bytes; none if it was no process.
        #[serde(rename = "peak_memory_bytes")]
        peak_memory: Option<u64>,
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
        /// The task whose end is the cause, if that is fatal; none if somebody asked.
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
    /// A hook was told of something.
    Hooked {
        /// Which hook.
        hook: String,
        /// What it was told of.
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

impl fmt::Display for NoticeKind {
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
            Self::Exhausted { limit } => write!(f, "gave up after {limit}"),
            Self::Failed { reason } => write!(f, "failed: {reason}"),
            Self::Done => f.write_str("done"),
            Self::Stopping { run, grace } => write!(f, "run {run} asked to stop within {}", Pretty(*grace)),
            Self::Killed { run, held } => write!(f, "run {run} killed after {}", Pretty(*held)),
            Self::Left { run, processes } => write!(f, "run {run} had left {}", Straggler::list(processes)),
            Self::Stopped => f.write_str("stopped"),
            Self::Requested { asked, origin } => write!(f, "{asked}, asked by {origin}"),
            Self::Refused { asked, origin, refusal } => write!(f, "{asked} by {origin} refused: {refusal}"),
            Self::Reloaded { changes } => write!(f, "reloaded: {changes}"),
            Self::Removed => f.write_str("removed: it is not in the configuration any more"),
            Self::Draining { cause, within, .. } => write!(f, "draining within {}: {cause}", Pretty(*within)),
            Self::Forced { origin } => write!(f, "killing all that is left, asked by {origin}"),
            Self::Abandoned => f.write_str("still there at the deadline"),
            Self::Hooked { hook, on, failure: None, after } => {
                write!(f, "hook {hook} was told of {} in {}", on.word(), Pretty(*after))
            }
            Self::Hooked { hook, on, failure: Some(failure), after } => {
                write!(f, "hook {hook} failed after {}, of {}: {failure}", Pretty(*after), on.word())
            }
            Self::HookDropped { hook, dropped: 1 } => write!(f, "hook {hook} missed 1 event"),
            Self::HookDropped { hook, dropped } => write!(f, "hook {hook} missed {dropped} events"),
        }
    }
}
