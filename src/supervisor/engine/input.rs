//! What goes into the engine.

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::exit::ExitReason;
use super::replan::{BadConfig, Replan};
use super::request::{Origin, Request, RequestId};

/// A task by its position in the first plan; tasks that reloads add count on from there. A name keeps its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub usize);

/// One run of a task. Numbers count from 1 per task and are never reused, so a late message of run 3 can't affect run 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId {
    /// The task.
    pub task: TaskId,
    /// Which of its runs, from 1.
    pub number: u64,
}

/// Something that happened.
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
    /// A probe was tried.
    Probed {
        /// Which run was probed.
        run: RunId,
        /// Which of its probes.
        probe: Probe,
        /// Whether it passed.
        passed: bool,
        /// What was seen, for people: `http 200 in 3 ms`.
        detail: String,
    },
    /// A run says what it does.
    Said {
        /// Which run.
        run: RunId,
        /// In its own words.
        status: String,
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
    /// What is known of a run that is about to be reported as over.
    Measured {
        /// Which run.
        run: RunId,
        /// The most memory that a process of it had resident at once, in bytes.
        peak_memory: u64,
        /// The first few processes that it left running when it ended by itself; they were ended with it.
        background: Vec<Straggler>,
        /// What a person should know of this end: a likely cause, or what to change.
        hint: Option<String>,
    },
    /// A person or a program asks for something.
    Requested {
        /// Identifies the answer: see [`Effect::Answer`](super::Effect::Answer).
        id: RequestId,
        /// What is asked.
        request: Request,
        /// Who asks.
        origin: Origin,
    },
    /// When a task is due next, by its schedule.
    Scheduled {
        /// The name of the task.
        task: String,
        /// When; none if it is never due again.
        next: Option<Instant>,
    },
    /// A task is due by its schedule.
    Due {
        /// The name of the task.
        task: String,
        /// How late that is, if its time had passed unnoticed.
        late: Option<Duration>,
    },
    /// A file that a task watches has changed, and nothing more has for a while.
    Changed {
        /// The name of the task.
        task: String,
        /// The file, for people.
        file: String,
    },
    /// The result of [`Effect::Load`](super::Effect::Load).
    Loaded(Result<Box<Replan>, BadConfig>),
    /// Nothing but time has passed: deadlines may be due.
    Tick,
}

/// Which of the probes of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// Whether it is ready.
    Ready,
    /// Whether it is still alive.
    Live,
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
