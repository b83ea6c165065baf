//! What the API says of a supervisor and its tasks, as far as the command line shows it. A newer supervisor may say
//! more, and may have states that are not known here.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::duration::Pretty;
use crate::kernel::Containment;
use crate::supervisor::engine::{AfterStop, Condition, Progress, Reach, Straggler, TaskState};

/// `/api/v1/snapshot`. Times are milliseconds on the supervisor's clock.
#[derive(Debug, Deserialize)]
pub(super) struct Board {
    pub(super) project: String,
    pub(super) version: String,
    pub(super) pid: u32,
    pub(super) now: u64,
    pub(super) stage: Stage,
    #[serde(default, deserialize_with = "known")]
    pub(super) containment: Option<Containment>,
    pub(super) tasks: Vec<Task>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub(super) enum Stage {
    Up,
    Draining { cause: String, deadline: u64 },
}

#[derive(Debug, Deserialize)]
pub(super) struct Task {
    pub(super) name: String,
    pub(super) kind: String,
    #[serde(flatten)]
    pub(super) phase: Phase,
    pub(super) retries: u32,
    pub(super) max_retries: u32,
    pub(super) budget_back_at: Option<u64>,
    #[serde(default)]
    has_started: bool,
    pub(super) last_exit: Option<LastExit>,
    pub(super) probe: Option<Probe>,
    pub(super) address: Option<String>,
}

/// The state with its data.
#[derive(Debug, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum Phase {
    Waiting {
        blockers: Vec<Blocker>,
    },
    Starting {
        deadline: u64,
    },
    Running {
        since: u64,
    },
    Ready {
        since: u64,
    },
    Stopping {
        kill_at: u64,
        killed: bool,
        then: AfterStop,
        /// The processes that hold it up.
        #[serde(default)]
        left: Vec<Straggler>,
    },
    Backoff {
        attempt: u32,
        retry_at: u64,
    },
    Stopped,
    Done,
    Failed {
        reason: String,
    },
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Deserialize)]
pub(super) struct Blocker {
    task: String,
    condition: Condition,
}

#[derive(Debug, Deserialize)]
pub(super) struct Probe {
    passed: bool,
    detail: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct LastExit {
    pub(super) reason: Reason,
    pub(super) at: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reason {
    pub(super) text: String,
}

impl Phase {
    /// The state, if it is known here.
    fn state(&self) -> Option<TaskState> {
        Some(match self {
            Self::Waiting { .. } => TaskState::Waiting,
            Self::Starting { .. } => TaskState::Starting,
            Self::Running { .. } => TaskState::Running,
            Self::Ready { .. } => TaskState::Ready,
            Self::Stopping { .. } => TaskState::Stopping,
            Self::Backoff { .. } => TaskState::Backoff,
            Self::Stopped => TaskState::Stopped,
            Self::Done => TaskState::Done,
            Self::Failed { .. } => TaskState::Failed,
            Self::Unknown => return None,
        })
    }

    /// The word for it.
    pub(super) fn word(&self) -> &'static str {
        self.state().map_or("unknown", TaskState::word)
    }
}

impl Task {
    /// Whether it is one of stead's own parts.
    pub(super) fn is_surface(&self) -> bool {
        self.kind == "builtin"
    }

    /// How far it is from a condition. A state that is not known here may lead anywhere.
    pub(super) fn toward(&self, condition: Condition) -> Reach {
        let (has_started, has_exited) = (self.has_started, self.last_exit.is_some());
        let reach = |state| Progress { state, has_started, has_exited }.toward(condition);
        self.phase.state().map_or(Reach::Pending, reach)
    }

    /// What happens to it next, or why nothing does.
    pub(super) fn next(&self, now: u64) -> String {
        match &self.phase {
            Phase::Waiting { blockers } => {
                let named = blockers.iter().map(|blocker| format!("for {} {}", blocker.task, blocker.condition));
                named.collect::<Vec<_>>().join(", ")
            }
            Phase::Starting { deadline } => format!("start fails in {}", left(now, *deadline)),
            Phase::Running { .. } => match &self.probe {
                Some(Probe { passed: false, detail }) => format!("not ready: {detail}"),
                Some(Probe { passed: true, .. }) | None => "not ready yet".to_owned(),
            },
            Phase::Ready { .. } => {
                self.budget_back_at.map(|at| format!("budget back in {}", left(now, at))).unwrap_or_default()
            }
            Phase::Stopping { kill_at, killed, then, left: stragglers } => {
                let end = match killed {
                    true => "killed, not gone yet".to_owned(),
                    false => format!("killed in {}", left(now, *kill_at)),
                };
                let then = match then {
                    AfterStop::Stay => "",
                    AfterStop::Restart => ", then restarts",
                    AfterStop::Retry => ", then retries",
                    AfterStop::Leave => ", then leaves",
                };
                let gap = if stragglers.is_empty() { "" } else { ": " };
                format!("{end}{then}{gap}{}", Straggler::list(stragglers))
            }
            Phase::Backoff { attempt, retry_at } => format!("retry {attempt} in {}", left(now, *retry_at)),
            Phase::Failed { reason } => reason.clone(),
            Phase::Stopped | Phase::Done | Phase::Unknown => String::new(),
        }
    }

    /// How long its run has lasted; none without one.
    pub(super) fn uptime(&self, now: u64) -> Option<String> {
        match self.phase {
            Phase::Running { since } | Phase::Ready { since } => Some(span(now.saturating_sub(since))),
            Phase::Waiting { .. }
            | Phase::Starting { .. }
            | Phase::Stopping { .. }
            | Phase::Backoff { .. }
            | Phase::Stopped
            | Phase::Done
            | Phase::Failed { .. }
            | Phase::Unknown => None,
        }
    }
}

/// None for a level that is not known here.
fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Containment>, D::Error> {
    Ok(serde_json::from_value(serde_json::Value::deserialize(deserializer)?).ok())
}

/// A stretch of time in whole seconds.
pub(super) fn span(millis: u64) -> String {
    match millis / 1_000 {
        0 => "0s".to_owned(),
        seconds => Pretty(Duration::from_secs(seconds)).to_string(),
    }
}

fn left(now: u64, until: u64) -> String {
    Pretty(Duration::from_millis(until.saturating_sub(now))).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::sample::{at, process};
    use crate::supervisor::engine::{self, ExitReason, PhaseSnapshot};

    fn read(task: &engine::TaskSnapshot) -> Task {
        serde_json::from_value(serde_json::to_value(task).unwrap()).unwrap()
    }

    fn next(phase: PhaseSnapshot) -> String {
        read(&process("api", phase)).next(1_000)
    }

    #[test]
    fn every_state_says_what_comes_next() {
        let blocker = engine::Blocker { task: "db".into(), condition: Condition::Ready, state: "starting".into() };
        assert_eq!(next(PhaseSnapshot::Waiting { blockers: vec![blocker] }), "for db to be ready");
        assert_eq!(next(PhaseSnapshot::Starting { since: at(0), deadline: at(31_000) }), "start fails in 30s");
        assert_eq!(next(PhaseSnapshot::Running { since: at(0), pid: None }), "not ready yet");
        assert_eq!(next(PhaseSnapshot::Ready { since: at(0), pid: None }), "");
        let backoff = PhaseSnapshot::Backoff { attempt: 3, since: at(0), retry_at: at(2_500) };
        assert_eq!(next(backoff), "retry 3 in 1.5s");
        let stopping = |killed| PhaseSnapshot::Stopping {
            since: at(0),
            kill_at: at(4_000),
            killed,
            left: if killed { vec![Straggler { pid: 7, name: "sleep".into() }] } else { Vec::new() },
            then: AfterStop::Restart,
            pid: None,
        };
        assert_eq!(next(stopping(false)), "killed in 3s, then restarts");
        assert_eq!(next(stopping(true)), "killed, not gone yet, then restarts: sleep (7)");
        let failed = PhaseSnapshot::Failed { reason: "5 retries spent: code 1".into(), dependency: None };
        assert_eq!(next(failed), "5 retries spent: code 1");
        assert_eq!(next(PhaseSnapshot::Stopped), "");
        assert_eq!(next(PhaseSnapshot::Done), "");
    }

    #[test]
    fn an_exit_comes_with_its_words() {
        let mut task = process("api", PhaseSnapshot::Done);
        let reason = ExitReason::StartTimeout { limit: Duration::from_secs(30) };
        let ran_for = Duration::default();
        task.last_exit =
            Some(engine::LastExit { run: 1, reason, expected: false, at: at(5), ran_for, peak_memory: None });
        assert_eq!(read(&task).last_exit.unwrap().reason.text, "start took longer than 30s");
    }

    #[test]
    fn a_state_of_a_newer_supervisor_spoils_nothing() {
        let mut json = serde_json::to_value(process("api", PhaseSnapshot::Done)).unwrap();
        json["state"] = "dreaming".into();
        let task: Task = serde_json::from_value(json).unwrap();
        assert_eq!((task.phase.word(), task.next(0).as_str()), ("unknown", ""));
    }
}
