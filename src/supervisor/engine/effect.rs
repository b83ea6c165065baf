//! What the engine has done: the driver carries these out in order.

use std::time::Duration;

use super::event::Event;
use super::input::{RunId, TaskId};
use super::request::{Answer, Refusal, RequestId};
use crate::signal::Signal;

/// What a new plan is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadRequest {
    /// The configuration as it is now.
    File,
    /// The one in force, with another number of replicas of a task.
    Scale {
        /// Which task.
        task: String,
        /// How many.
        replicas: u32,
    },
}

/// What the driver must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Start a run, then report [`Started`](super::Input::Started) or [`Exited`](super::Input::Exited).
    Spawn(RunId),
    /// Ask a run to end: the polite part of its stop ladder. It has so long until it is killed.
    Stop(RunId, Duration),
    /// End a run now, with all that belongs to it. May come without a `Stop` before, and more than once.
    Kill(RunId),
    /// Read the configuration again, then report [`Loaded`](super::Input::Loaded). Never comes twice before that.
    Load(LoadRequest),
    /// A file that the run's task watches has changed: run the command for that.
    RunOnChange {
        /// Which run.
        run: RunId,
        /// The file.
        file: String,
    },
    /// The plan of the last `Loaded` is in force: its tasks have these ids, in its order.
    Adopt(Vec<TaskId>),
    /// Send a signal to a run's main process, or to its whole tree.
    Signal {
        /// Which run.
        run: RunId,
        /// The signal.
        signal: Signal,
        /// Whether all of its processes get it.
        tree: bool,
    },
    /// Answer a request.
    Answer(RequestId, Result<Answer, Refusal>),
    /// Add an event to the event log.
    Event(Event),
    /// Everything is down, or time is up: `run()` returns.
    Finish,
}
