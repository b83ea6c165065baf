//! One task's state.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Instant;

use super::backoff::Budget;
use super::exit::ExitReason;
use super::input::{RunId, Straggler, TaskId};
use super::plan::TaskPlan;
use super::snapshot::{LastExit, ProbeSnapshot};

/// A task: what was planned, and how it stands.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) plan: TaskPlan,
    pub(super) phase: Phase,
    /// The number of the latest run; 0 before the first.
    pub(super) run: u64,
    /// Whether any run has come to life.
    pub(super) ever_started: bool,
    pub(super) budget: Budget,
    /// Restarts by policy.
    pub(super) restarts: u64,
    pub(super) last_exit: Option<LastExit>,
    /// Whether a run has failed and none has made good for it since.
    pub(super) ails: bool,
    pub(super) exits: BTreeMap<Cow<'static, str>, u64>,
    /// Where the current run can be reached, if it said so.
    pub(super) address: Option<String>,
    /// The last try of this run's probe.
    pub(super) probe: Option<ProbeSnapshot>,
    /// The most memory a process of this run had, once that is known.
    pub(super) peak_memory: Option<u64>,
}

/// Where a task is in its life; the diagram stands in the module's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// It starts as soon as its dependencies allow. `announced`: the timeline says so already.
    Waiting { announced: bool },
    /// A start is under way.
    Starting { since: Instant, deadline: Instant },
    /// It runs, and is not known to be ready.
    Running { since: Instant, pid: Option<u32> },
    /// It runs and is ready.
    Ready { since: Instant, pid: Option<u32> },
    /// It was asked to end, or is being killed.
    Stopping {
        started: Instant,
        pid: Option<u32>,
        since: Instant,
        kill_at: Instant,
        killed: bool,
        left: Vec<Straggler>,
        cause: StopCause,
    },
    /// It waits to be started again.
    Backoff { attempt: u32, since: Instant, retry_at: Instant },
    /// A person stopped it, or the drain did.
    Stopped,
    /// Its policy says that it is done.
    Done,
    /// It failed for good.
    Failed(Failure),
}

/// Why a run is being ended, and so what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StopCause {
    /// A person or the drain: it stays down.
    Asked,
    /// A person wants a new run, or it has new settings.
    Restart,
    /// A reload took it out of the configuration.
    Leave,
    /// It did not start or become ready in time, or used too much: counts as an exit with this reason.
    GaveUp(ExitReason),
}

/// Why a task failed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// By its own exits: the last reason, and what limit was spent if one was.
    Own(String),
    /// This dependency can no longer be met.
    Dependency(TaskId),
}

impl Phase {
    /// Whether there is a process, or was until a moment ago.
    pub(super) fn has_process(&self) -> bool {
        match self {
            Self::Running { .. } | Self::Ready { .. } | Self::Stopping { .. } => true,
            Self::Waiting { .. }
            | Self::Starting { .. }
            | Self::Backoff { .. }
            | Self::Stopped
            | Self::Done
            | Self::Failed(_) => false,
        }
    }
}

impl Task {
    pub(super) fn new(plan: TaskPlan) -> Self {
        Self {
            plan,
            phase: Phase::Waiting { announced: false },
            run: 0,
            ever_started: false,
            budget: Budget::default(),
            restarts: 0,
            last_exit: None,
            ails: false,
            exits: BTreeMap::new(),
            address: None,
            probe: None,
            peak_memory: None,
        }
    }

    /// The run that must still report its exit, if there is one.
    pub(super) fn live_run(&self, task: TaskId) -> Option<RunId> {
        match self.phase {
            Phase::Starting { .. } | Phase::Running { .. } | Phase::Ready { .. } | Phase::Stopping { .. } => {
                Some(RunId { task, number: self.run })
            }
            Phase::Waiting { .. } | Phase::Backoff { .. } | Phase::Stopped | Phase::Done | Phase::Failed(_) => None,
        }
    }

    /// When the current run becomes stable, if that would give retries back.
    pub(super) fn budget_back_at(&self) -> Option<Instant> {
        if self.budget.retries == 0 { None } else { self.stable_at() }
    }

    /// Whether a stable run makes good for a failure. Where there is a probe, being ready does.
    pub(super) fn recovers_by_lasting(&self) -> bool {
        self.ails && !self.plan.probed
    }

    fn stable_at(&self) -> Option<Instant> {
        let (Phase::Running { since, .. } | Phase::Ready { since, .. }) = self.phase else { return None };
        since.checked_add(self.plan.restart.reset_after)
    }

    /// When this task needs the core's attention next, if nothing happens before.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Starting { deadline, .. } => Some(deadline),
            Phase::Running { .. } | Phase::Ready { .. } if self.recovers_by_lasting() => self.stable_at(),
            Phase::Running { .. } | Phase::Ready { .. } => self.budget_back_at(),
            Phase::Stopping { kill_at, killed: false, .. } => Some(kill_at),
            Phase::Backoff { retry_at, .. } => Some(retry_at),
            Phase::Waiting { .. }
            | Phase::Stopping { killed: true, .. }
            | Phase::Stopped
            | Phase::Done
            | Phase::Failed(_) => None,
        }
    }

    /// Whether this reason is a success by the task's own codes.
    pub(super) fn is_success(&self, reason: &ExitReason) -> bool {
        match reason {
            ExitReason::Code { code } => self.plan.success_exit_codes.contains(code),
            ExitReason::Finished => true,
            ExitReason::Signal { .. }
            | ExitReason::Panic { .. }
            | ExitReason::Error { .. }
            | ExitReason::Aborted
            | ExitReason::StartFailed { .. }
            | ExitReason::StartTimeout { .. }
            | ExitReason::NotReady { .. }
            | ExitReason::OverMemory { .. } => false,
        }
    }
}
