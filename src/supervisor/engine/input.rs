//! What goes into the core (events, requests) and what comes out of it (effects, answers).

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event::Event;
use super::exit::ExitReason;
use super::replan::{BadConfig, Changes, Replan};
use crate::signal::Signal;

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
pub enum Input {
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
    #[error("no task is called `{task}`")]
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
    Event(Event),
    /// All is down, or time is up: `run()` returns.
    Finish,
}
