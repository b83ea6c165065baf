//! One task: its plan and its state. What belongs to one run lives in that run and ends with it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::backoff::Budget;
use super::exit::{ExitReason, Killer};
use super::input::{RunId, Straggler, TaskId};
use super::later;
use super::plan::TaskPlan;
use super::policy::{OnRestart, Policy, WatchAction};
use super::snapshot::{LastExit, ProbeSnapshot};
use super::state::{Progress, TaskState};
use super::stop_order::KILL_WAIT;
use super::trigger::WatchRounds;
use crate::signal::Signal;

/// A task.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) plan: TaskPlan,
    pub(super) phase: Phase,
    /// The number of the latest run, also of an earlier supervisor; 0 before the first.
    pub(super) run: u64,
    /// Whether any run has come to life.
    pub(super) has_started: bool,
    pub(super) budget: Budget,
    /// Restarts by policy.
    pub(super) restarts: u64,
    pub(super) last_exit: Option<LastExit>,
    /// Whether a run has failed and no later one has made up for it.
    pub(super) failing: bool,
    /// Whether the last run that has ended has succeeded.
    pub(super) has_succeeded: bool,
    /// When it is due next, if it has a schedule.
    pub(super) next_due: Option<Instant>,
    pub(super) watch: WatchRounds,
    pub(super) exits: BTreeMap<Cow<'static, str>, u64>,
}

/// The state of a task; the diagram is in the engine's module header.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every task has a live run: a box would cost an allocation for each"
)]
pub(super) enum Phase {
    /// It starts as soon as its dependencies allow. `announced`: the event log says so already.
    Waiting { announced: bool },
    /// A run is live: it has not reported its end.
    Live(Run),
    /// It waits to be started again.
    Backoff { attempt: u32, since: Instant, retry_at: Instant },
    /// It starts when it is due.
    Scheduled,
    /// A person stopped it, or the drain did; or it was never asked for.
    Stopped { asked: bool },
    /// Its policy does not start it again.
    Done,
    /// It failed for good, or is tried again only now and then.
    Failed { failure: Failure, retry_at: Option<Instant> },
}

/// A live run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) stage: RunStage,
    /// When the start began.
    pub(super) spawned: Instant,
    /// When the start succeeded, if it has.
    pub(super) started: Option<Instant>,
    pub(super) pid: Option<u32>,
    /// Where it can be reached, if it said so.
    pub(super) address: Option<String>,
    /// The last try of its readiness probe.
    pub(super) probe: Option<ProbeSnapshot>,
    /// Whether one has passed.
    pub(super) was_ready: bool,
    /// The last try of its liveness probe.
    pub(super) live_probe: Option<ProbeSnapshot>,
    /// Whether it was due meanwhile, and is to run once more.
    pub(super) is_due_again: bool,
    /// What it does, in its own words.
    pub(super) status: Option<String>,
    /// What is known of it once it has ended.
    pub(super) findings: RunFindings,
    /// Why it is to be stopped as soon as its dependents are out of the way.
    pending_stop: Option<StopCause>,
}

/// What is known of a run that has ended, beside its exit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct RunFindings {
    /// The most memory that a process of it had.
    pub(super) peak_memory: Option<u64>,
    /// What it left running when it ended by itself.
    pub(super) background: Vec<Straggler>,
    /// What a person should know of this end.
    pub(super) hint: Option<String>,
}

/// How far a live run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RunStage {
    /// A start is under way.
    Starting { deadline: Instant },
    /// It runs, and is not known to be ready.
    Running,
    /// It runs and is ready.
    Ready,
    /// It was asked to end, or is being killed.
    Stopping(Stop),
}

/// The end of a run that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) since: Instant,
    /// When it is killed, or was to be.
    pub(super) kill_at: Instant,
    kill: Kill,
    /// The first few processes that hold it up.
    pub(super) left: Vec<Straggler>,
    pub(super) cause: StopCause,
}

/// How far the kill of a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kill {
    NotYet,
    /// It was killed; its end is waited for until then.
    Killed {
        wait_until: Instant,
    },
    /// It was killed and did not end: nothing waits for it any more.
    InVain,
}

/// Why a run is being ended, and so what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StopCause {
    /// A person or the drain asked for it: the task stays down.
    Asked,
    /// A person wants a new run, or the task has new settings.
    Restart,
    /// A reload removed the task from the configuration.
    Leave,
    /// It did not start or become ready in time, or used too much: counts as an exit with this reason.
    GaveUp(ExitReason),
    /// Its group has failed, for this reason.
    Failed(String),
}

/// Why a task failed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// By its own exits: the last reason, and the limit that was spent, if one was.
    Own(String),
    /// Its group has failed, for this reason: only a person starts it again.
    Group(String),
    /// This dependency can't be met any more.
    Dependency(TaskId),
}

impl Phase {
    /// It starts as soon as it may, and no event says so yet.
    pub(super) const WAITING: Self = Self::Waiting { announced: false };

    /// The state of a task that has just come to the board.
    pub(super) fn first(plan: &TaskPlan) -> Self {
        match (plan.autostart, plan.schedule) {
            (true, None) => Self::WAITING,
            (true, Some(_)) => Self::Scheduled,
            (false, _) => Self::Stopped { asked: false },
        }
    }

    pub(super) fn state(&self) -> TaskState {
        match self {
            Self::Waiting { .. } => TaskState::Waiting,
            Self::Live(run) => match run.stage {
                RunStage::Starting { .. } => TaskState::Starting,
                RunStage::Running => TaskState::Running,
                RunStage::Ready => TaskState::Ready,
                RunStage::Stopping(_) => TaskState::Stopping,
            },
            Self::Backoff { .. } => TaskState::Backoff,
            Self::Scheduled => TaskState::Scheduled,
            Self::Stopped { .. } => TaskState::Stopped,
            Self::Done => TaskState::Done,
            Self::Failed { .. } => TaskState::Failed,
        }
    }

    /// The stop that is under way, if one is.
    pub(super) fn stop(&self) -> Option<&Stop> {
        match self {
            Self::Live(Run { stage: RunStage::Stopping(stop), .. }) => Some(stop),
            Self::Live(_) | Self::Waiting { .. } | Self::Backoff { .. } => None,
            Self::Stopped { .. } | Self::Scheduled | Self::Done | Self::Failed { .. } => None,
        }
    }

    /// Why the run is being stopped, or is to be, if it is.
    pub(super) fn stop_cause(&self) -> Option<&StopCause> {
        match self {
            Self::Live(Run { stage: RunStage::Stopping(stop), .. }) => Some(&stop.cause),
            Self::Live(run) => run.pending_stop.as_ref(),
            Self::Waiting { .. } | Self::Backoff { .. } | Self::Scheduled => None,
            Self::Stopped { .. } | Self::Done | Self::Failed { .. } => None,
        }
    }
}

impl Task {
    pub(super) fn new(plan: TaskPlan) -> Self {
        Self {
            run: plan.runs_before,
            phase: Phase::first(&plan),
            plan,
            has_started: false,
            budget: Budget::default(),
            restarts: 0,
            last_exit: None,
            failing: false,
            has_succeeded: false,
            next_due: None,
            watch: WatchRounds::default(),
            exits: BTreeMap::new(),
        }
    }

    pub(super) fn state(&self) -> TaskState {
        self.phase.state()
    }

    /// What dependency conditions are judged by.
    pub(super) fn progress(&self) -> Progress {
        Progress {
            state: self.state(),
            is_ready: self.counts_as_ready(),
            has_started: self.has_started,
            has_exited: self.last_exit.is_some(),
            has_succeeded: self.has_succeeded,
        }
    }

    /// As [`progress`](Self::progress), of its current run alone: one that goes down, or is still to come, meets nothing.
    pub(super) fn current_progress(&self) -> Progress {
        let whole = self.progress();
        let state = if self.is_going_down() { TaskState::Stopping } else { whole.state };
        let is_over = state == TaskState::Backoff || state == TaskState::Scheduled || state.is_at_rest();
        let has_exited = self.last_exit.as_ref().is_some_and(|last| last.run == self.run);
        Progress {
            state,
            is_ready: whole.is_ready && state != TaskState::Stopping,
            has_started: state.is_up() || state == TaskState::Done,
            has_exited: is_over && has_exited,
            has_succeeded: whole.has_succeeded,
        }
    }

    /// Whether it is ready by its probe, or runs and has none.
    pub(super) fn counts_as_ready(&self) -> bool {
        match self.state() {
            TaskState::Ready => true,
            TaskState::Running => self.plan.ready.is_none(),
            TaskState::Waiting
            | TaskState::Starting
            | TaskState::Stopping
            | TaskState::Backoff
            | TaskState::Scheduled
            | TaskState::Stopped
            | TaskState::Done
            | TaskState::Failed => false,
        }
    }

    /// Whether it goes along when what it depends on over such an edge goes down or starts anew: it runs, or has done so
    /// and is done over again.
    pub(super) fn goes_along(&self, on_restart: OnRestart) -> bool {
        match self.phase {
            Phase::Live(_) => on_restart != OnRestart::Ignore && !self.is_kept_down(),
            Phase::Done => on_restart == OnRestart::Restart,
            // It starts later in any case, or not at all.
            Phase::Waiting { .. } | Phase::Backoff { .. } | Phase::Scheduled => false,
            Phase::Stopped { .. } | Phase::Failed { .. } => false,
        }
    }

    /// Whether its run is being stopped, and no other is to follow.
    pub(super) fn is_kept_down(&self) -> bool {
        match self.phase.stop_cause() {
            Some(StopCause::Asked | StopCause::Leave | StopCause::Failed(_)) => true,
            Some(StopCause::Restart | StopCause::GaveUp(_)) | None => false,
        }
    }

    /// Whether its run is being ended for a failure: what follows is up to its policy.
    pub(super) fn is_given_up(&self) -> bool {
        match self.phase.stop_cause() {
            Some(StopCause::GaveUp(_)) => true,
            Some(StopCause::Asked | StopCause::Leave | StopCause::Restart | StopCause::Failed(_)) | None => false,
        }
    }

    /// Whether nothing is live, and nothing but a request would start it.
    pub(super) fn is_over(&self) -> bool {
        match self.phase {
            Phase::Done => !self.is_triggered(),
            Phase::Failed { failure: Failure::Group(_), .. } => true,
            Phase::Failed { retry_at, .. } => retry_at.is_none() && !self.is_triggered(),
            Phase::Stopped { asked } => !asked,
            Phase::Waiting { .. } | Phase::Live(_) | Phase::Backoff { .. } | Phase::Scheduled => false,
        }
    }

    /// Whether a time or a changed file can start it.
    fn is_triggered(&self) -> bool {
        let watches = self.plan.watch == Some(WatchAction::Restart) && !self.watch.is_suspended;
        watches || self.plan.schedule.is_some()
    }

    /// Begins the next run, and returns its number.
    pub(super) fn begin_run(&mut self, now: Instant) -> u64 {
        self.run += 1;
        self.phase = Phase::Live(Run {
            stage: RunStage::Starting { deadline: later(now, self.plan.restart.start_timeout) },
            spawned: now,
            started: None,
            pid: None,
            address: None,
            probe: None,
            was_ready: false,
            live_probe: None,
            is_due_again: false,
            status: None,
            findings: RunFindings::default(),
            pending_stop: None,
        });
        self.run
    }

    /// The live run, if there is one.
    pub(super) fn live(&self) -> Option<&Run> {
        match &self.phase {
            Phase::Live(run) => Some(run),
            Phase::Waiting { .. }
            | Phase::Backoff { .. }
            | Phase::Stopped { .. }
            | Phase::Scheduled
            | Phase::Done
            | Phase::Failed { .. } => None,
        }
    }

    /// The live run, to change it.
    pub(super) fn live_mut(&mut self) -> Option<&mut Run> {
        match &mut self.phase {
            Phase::Live(run) => Some(run),
            Phase::Waiting { .. }
            | Phase::Backoff { .. }
            | Phase::Stopped { .. }
            | Phase::Scheduled
            | Phase::Done
            | Phase::Failed { .. } => None,
        }
    }

    /// Whether its run is being stopped, or is to be.
    pub(super) fn is_going_down(&self) -> bool {
        self.phase.stop_cause().is_some()
    }

    /// Whether it is on its way to a new run: it waits for its next try, or is being stopped for it.
    pub(super) fn is_restarting(&self) -> bool {
        matches!(self.phase, Phase::Backoff { .. }) || self.phase.stop_cause() == Some(&StopCause::Restart)
    }

    /// Whether its run was killed and did not end in time.
    pub(super) fn is_overdue(&self) -> bool {
        self.phase.stop().is_some_and(|stop| stop.kill == Kill::InVain)
    }

    /// Nothing waits any longer for the end of a run that was killed.
    pub(super) fn give_up_waiting(&mut self) {
        if let Some(RunStage::Stopping(stop)) = self.live_mut().map(|run| &mut run.stage) {
            stop.kill = Kill::InVain;
        }
    }

    /// The live run of this number, to change it: a late message finds none.
    pub(super) fn run_mut(&mut self, number: u64) -> Option<&mut Run> {
        if self.run == number { self.live_mut() } else { None }
    }

    /// The run that must still report its exit, if there is one.
    pub(super) fn live_run(&self, task: TaskId) -> Option<RunId> {
        self.live().map(|_| RunId { task, number: self.run })
    }

    /// When the current run becomes stable, if that would give retries back.
    pub(super) fn budget_back_at(&self) -> Option<Instant> {
        if self.budget.retries == 0 { None } else { self.stable_at() }
    }

    /// Whether a stable run makes up for a failure. Where there is a probe, being ready does.
    pub(super) fn recovers_by_lasting(&self) -> bool {
        self.failing && self.plan.ready.is_none()
    }

    /// When the current run has failed unless it is ready before.
    pub(super) fn ready_by(&self) -> Option<Instant> {
        let within = self.plan.ready?.within?;
        let run = self.live().filter(|run| run.is_up() && !run.was_ready)?;
        run.started.map(|started| later(started, within))
    }

    /// When the current run has lasted long enough to give something back, if it has anything to.
    pub(super) fn stable_by(&self) -> Option<Instant> {
        if self.recovers_by_lasting() { self.stable_at() } else { self.budget_back_at() }
    }

    fn stable_at(&self) -> Option<Instant> {
        let run = self.live().filter(|run| run.is_up())?;
        run.started?.checked_add(self.plan.restart.reset_after)
    }

    /// The time at which the engine must look at this task again if no input comes before.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Live(run) => match &run.stage {
                RunStage::Starting { deadline } => Some(*deadline),
                RunStage::Running | RunStage::Ready => {
                    [self.stable_by(), self.ready_by(), self.budget.calm_at()].into_iter().flatten().min()
                }
                RunStage::Stopping(stop) => stop.deadline(),
            },
            Phase::Backoff { retry_at, .. } => Some(*retry_at),
            Phase::Failed { retry_at, .. } => *retry_at,
            Phase::Waiting { .. } | Phase::Stopped { .. } | Phase::Scheduled | Phase::Done => None,
        }
    }

    /// Whether this reason is a success by the task's own codes.
    /// Whether such an end of a run, unless it was asked for, ends everything.
    pub(super) fn is_fatal_end(&self, reason: &ExitReason) -> bool {
        match self.plan.policy {
            Policy::Critical => true,
            Policy::CriticalOnFailure => !self.is_success(reason),
            Policy::Always | Policy::OnFailure | Policy::Never => false,
        }
    }

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
            | ExitReason::ReadyTimeout { .. }
            | ExitReason::NotLive { .. }
            | ExitReason::OverMemory { .. } => false,
        }
    }
}

impl Run {
    /// Whether it has come to life and is not being stopped.
    pub(super) fn is_up(&self) -> bool {
        match self.stage {
            RunStage::Running | RunStage::Ready => true,
            RunStage::Starting { .. } | RunStage::Stopping(_) => false,
        }
    }

    /// The reason of its end, with stead named where stead has killed it.
    pub(super) fn named_killer(&self, reason: ExitReason) -> ExitReason {
        let killed_after = match &self.stage {
            RunStage::Stopping(stop) => stop.killed_after(),
            RunStage::Starting { .. } | RunStage::Running | RunStage::Ready => None,
        };
        match (reason, killed_after) {
            (ExitReason::Signal { signal: Signal::KILL, core_dumped, .. }, Some(after)) => {
                ExitReason::Signal { signal: Signal::KILL, core_dumped, by: Some(Killer::Stead { after }) }
            }
            (reason, _) => reason,
        }
    }

    /// How long it has run; nothing if it never came to life.
    pub(super) fn ran_for(&self, now: Instant) -> Duration {
        self.started.map(|started| now.saturating_duration_since(started)).unwrap_or_default()
    }

    /// Begins to stop it, or changes the stop that is under way: it comes no later than before. Whether it is new.
    pub(super) fn stop(&mut self, cause: StopCause, kill_at: Instant, now: Instant) -> bool {
        self.pending_stop = None;
        if let RunStage::Stopping(stop) = &mut self.stage {
            stop.cause = cause;
            stop.kill_at = stop.kill_at.min(kill_at);
            return false;
        }
        self.stage = RunStage::Stopping(Stop { since: now, kill_at, kill: Kill::NotYet, left: Vec::new(), cause });
        true
    }

    /// Has it stopped as soon as its dependents are out of the way. A stop that is under way goes on, for this cause.
    pub(super) fn request_stop(&mut self, cause: StopCause) {
        match &mut self.stage {
            RunStage::Stopping(stop) => stop.cause = cause,
            RunStage::Starting { .. } | RunStage::Running | RunStage::Ready => self.pending_stop = Some(cause),
        }
    }

    /// Why it is to be stopped as soon as its dependents are out of the way, if it is.
    pub(super) fn pending_stop(&self) -> Option<&StopCause> {
        self.pending_stop.as_ref()
    }

    /// How long it may take to stop, if it is asked now and its timeout is this.
    pub(super) fn stop_time_left(&self, timeout: Duration, now: Instant) -> Duration {
        match &self.stage {
            RunStage::Stopping(stop) => stop.kill_at.saturating_duration_since(now),
            RunStage::Starting { .. } | RunStage::Running | RunStage::Ready => timeout,
        }
    }
}

impl Stop {
    pub(super) fn is_killed(&self) -> bool {
        self.kill != Kill::NotYet
    }

    /// Notes that it is killed now. Whether that is new.
    pub(super) fn kill(&mut self, now: Instant) -> bool {
        if self.is_killed() {
            return false;
        }
        self.kill = Kill::Killed { wait_until: later(now, KILL_WAIT) };
        self.kill_at = self.kill_at.min(now);
        true
    }

    /// The time that it had to end before it was killed, if it was.
    fn killed_after(&self) -> Option<Duration> {
        self.is_killed().then(|| self.kill_at.saturating_duration_since(self.since))
    }

    fn deadline(&self) -> Option<Instant> {
        match self.kill {
            Kill::NotYet => Some(self.kill_at),
            Kill::Killed { wait_until } => Some(wait_until),
            Kill::InVain => None,
        }
    }
}
