//! The ordered stop of everything, bounded in time, and how it all ended.

use std::fmt;
use std::time::{Duration, Instant};

use super::effect::Effect;
use super::event::EventKind;
use super::input::{Straggler, TaskId};
use super::request::Origin;
use super::snapshot::TaskKind;
use super::task::{Phase, StopCause};
use super::{Engine, later};
use crate::duration::Pretty;

/// How long after the last kill the end waits for the dead to be reported.
const KILL_WAIT: Duration = Duration::from_millis(400);

/// Why everything ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShutdownCause {
    /// Somebody asked for it.
    Graceful {
        /// Who.
        origin: Origin,
    },
    /// A task's end made it pointless to go on.
    Fatal {
        /// Which task.
        name: String,
        /// How it ended.
        reason: String,
    },
}

impl fmt::Display for ShutdownCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Graceful { origin } => write!(f, "asked by {origin}"),
            Self::Fatal { name, reason } => write!(f, "{name}: {reason}"),
        }
    }
}

/// How it all ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShutdownOutcome {
    /// Why.
    pub cause: ShutdownCause,
    /// Whether somebody cut the drain short.
    pub forced: bool,
    /// How long the drain took.
    pub took: Duration,
    /// What did not stop in time and was killed, in that order.
    pub killed: Vec<Killed>,
    /// What was still there when time was up.
    pub abandoned: Vec<String>,
}

/// A task that had to be killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Killed {
    /// Its name.
    pub name: String,
    /// How long it had held up the stop.
    pub held: Duration,
    /// The first few processes that had to be killed, if that is known.
    pub left: Vec<Straggler>,
}

impl ShutdownOutcome {
    /// 0 after a graceful end, 1 after a fatal one, 130 when a graceful drain was cut short.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match (&self.cause, self.forced) {
            (ShutdownCause::Fatal { .. }, _) => 1,
            (ShutdownCause::Graceful { .. }, true) => 130,
            (ShutdownCause::Graceful { .. }, false) => 0,
        }
    }
}

impl fmt::Display for ShutdownOutcome {
    /// The last line of every end, without its `stead: `.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.cause, self.forced) {
            (ShutdownCause::Fatal { name, reason }, _) => write!(f, "fatal: {name}: {reason}"),
            (ShutdownCause::Graceful { origin }, false) => {
                write!(f, "graceful, asked by {origin}, drained in {}", Pretty(self.took))
            }
            (ShutdownCause::Graceful { origin }, true) => {
                write!(f, "forced, asked by {origin}, killed after {}", Pretty(self.took))
            }
        }
    }
}

/// A drain under way.
#[derive(Debug)]
pub(super) struct Drain {
    cause: ShutdownCause,
    since: Instant,
    deadline: Instant,
    /// The order of the stop.
    layers: Vec<Vec<TaskId>>,
    /// Which layer is being stopped; past the last one, only the end is left.
    layer: usize,
    layer_ends: Instant,
    forced: bool,
    finished: Option<Instant>,
    killed: Vec<Killed>,
}

impl Drain {
    /// When the drain needs attention next, besides its tasks' own deadlines.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.finished.is_none().then(|| self.layer_ends.min(self.give_up_at()))
    }

    pub(super) fn note_killed(&mut self, name: String, held: Duration) {
        self.killed.push(Killed { name, held, left: Vec::new() });
    }

    pub(super) fn note_left(&mut self, name: &str, left: &[Straggler]) {
        if let Some(killed) = self.killed.iter_mut().rfind(|killed| killed.name == name) {
            killed.left = left.to_vec();
        }
    }

    pub(super) fn cause(&self) -> &ShutdownCause {
        &self.cause
    }

    pub(super) fn ends(&self) -> Instant {
        self.deadline
    }

    fn give_up_at(&self) -> Instant {
        later(self.deadline, KILL_WAIT)
    }
}

impl Engine {
    /// How it ended, once [`Effect::Finish`] has come.
    #[must_use]
    pub fn outcome(&self) -> Option<ShutdownOutcome> {
        let drain = self.drain.as_ref()?;
        Some(ShutdownOutcome {
            cause: drain.cause.clone(),
            forced: drain.forced,
            took: drain.finished?.saturating_duration_since(drain.since),
            killed: drain.killed.clone(),
            abandoned: self.live().map(|id| self.task(id).plan.name.clone()).collect(),
        })
    }

    /// Whether a drain has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.drain.is_some()
    }

    /// Begins the drain; nothing starts from here on. The first cause stays the cause.
    pub(super) fn begin_drain(&mut self, cause: ShutdownCause, now: Instant) {
        if self.drain.is_some() {
            return;
        }
        let within = match cause {
            ShutdownCause::Graceful { .. } => self.plan_drain.graceful,
            ShutdownCause::Fatal { .. } => self.plan_drain.fatal,
        };
        let culprit = match &cause {
            ShutdownCause::Graceful { .. } => None,
            ShutdownCause::Fatal { name, .. } => Some(name.clone()),
        };
        self.emit_for_all(EventKind::Draining { cause: cause.to_string(), culprit, within });
        let deadline = later(now, within);
        self.drain = Some(Drain {
            cause,
            since: now,
            deadline,
            layers: self.drain_layers(),
            layer: 0,
            layer_ends: now,
            forced: false,
            finished: None,
            killed: Vec::new(),
        });
        for id in self.ids() {
            if let Phase::Waiting { .. } | Phase::Backoff { .. } = self.task(id).phase {
                self.stopped(id);
            }
        }
        self.stop_layer(0, now);
    }

    /// The order of the drain: tasks nobody depends on first, then what they depended on, and so on; surfaces last, in the same order, so
    /// that every face shows the drain to its end.
    fn drain_layers(&self) -> Vec<Vec<TaskId>> {
        let mut height = vec![0usize; self.tasks.len()];
        // A task stands above everything it depends on. There are no cycles, so this settles after as
        // many rounds as the longest chain has links.
        let mut settled = false;
        while !settled {
            settled = true;
            for id in self.ids() {
                let after = &self.task(id).plan.after;
                let above = after.iter().map(|(dependency, _)| height[dependency.0] + 1).max().unwrap_or(0);
                if above > height[id.0] {
                    height[id.0] = above;
                    settled = false;
                }
            }
        }
        let tallest = height.iter().copied().max().unwrap_or(0);
        let is_surface = |id: &TaskId| self.task(*id).plan.kind == TaskKind::Builtin;
        let members = |surface, wanted| {
            self.ids().filter(|id| is_surface(id) == surface && height[id.0] == wanted).collect::<Vec<_>>()
        };
        let by_height = |surface| (0..=tallest).rev().map(move |wanted| (surface, wanted));
        let mut layers: Vec<_> =
            by_height(false).chain(by_height(true)).map(|(surface, wanted)| members(surface, wanted)).collect();
        layers.retain(|layer| !layer.is_empty());
        layers
    }

    /// Kills everything that is left, now.
    pub(super) fn force_drain(&mut self, origin: &Origin, now: Instant) {
        self.begin_drain(ShutdownCause::Graceful { origin: origin.clone() }, now);
        self.emit_for_all(EventKind::Forced { origin: origin.clone() });
        if let Some(drain) = &mut self.drain {
            drain.forced = true;
            drain.deadline = drain.deadline.min(now);
        }
        self.kill_all(now);
    }

    /// Goes on to the next layer when this one is down or has used its time, and ends with the last.
    pub(super) fn advance_drain(&mut self, now: Instant) {
        while let Some(drain) = &self.drain {
            if drain.finished.is_some() {
                return;
            }
            let (layer, layer_ends, deadline) = (drain.layer, drain.layer_ends, drain.deadline);
            if now >= drain.give_up_at() || self.live().next().is_none() {
                return self.finish(now);
            }
            if now >= deadline {
                return self.kill_all(now);
            }
            let down = drain.layers[layer].iter().all(|&id| self.task(id).live_run(id).is_none());
            let last = layer + 1 == drain.layers.len();
            if last || !(down || now >= layer_ends) {
                return;
            }
            self.stop_layer(layer + 1, now);
        }
    }

    /// Asks a layer to stop. Every layer but the last may use half of what remains of the drain.
    fn stop_layer(&mut self, layer: usize, now: Instant) {
        let Some(drain) = &mut self.drain else { return };
        let Some(members) = drain.layers.get(layer).cloned() else { return };
        let left = drain.deadline.saturating_duration_since(now);
        let last = layer + 1 == drain.layers.len();
        drain.layer = layer;
        drain.layer_ends = if last { drain.deadline } else { later(now, left / 2) };
        let share = drain.layer_ends.saturating_duration_since(now);
        for id in members {
            let grace = self.task(id).plan.stop_timeout.min(share);
            self.stop(id, StopCause::Asked, grace, now);
        }
    }

    /// Kills what is left; from here on only the dead are waited for.
    fn kill_all(&mut self, now: Instant) {
        if let Some(drain) = &mut self.drain {
            drain.layer_ends = drain.give_up_at();
        }
        let live: Vec<_> = self.live().collect();
        for id in live {
            self.stop(id, StopCause::Asked, Duration::ZERO, now);
            self.kill(id, now);
        }
    }

    fn finish(&mut self, now: Instant) {
        let left: Vec<_> = self.live().collect();
        for id in left {
            self.emit(id, EventKind::Abandoned);
        }
        if let Some(drain) = &mut self.drain {
            drain.finished = Some(now);
        }
        self.effects.push(Effect::Finish);
    }

    fn live(&self) -> impl Iterator<Item = TaskId> {
        self.ids().filter(|&id| self.task(id).live_run(id).is_some())
    }
}
