//! What happens to a task next, and when.

use super::clock::Clock;
use super::state::Tone;
use super::task::flapping;
use crate::supervisor::engine::{AfterStop, PendingStop, PhaseSnapshot, Straggler, TaskSnapshot};

/// What happens to a task next.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Upcoming {
    /// Empty if nothing does. It may quote a probe's output: the code that shows it makes it safe.
    pub(crate) text: String,
    pub(crate) tone: Tone,
    /// How much of a wait has passed, from 0 to 1.
    pub(crate) share: Option<f64>,
}

/// What happens to this task next, in a supervisor that drains or does not.
pub(crate) fn next(task: &TaskSnapshot, is_draining: bool, clock: &Clock) -> Upcoming {
    let plain = |text: String| Upcoming { text, ..Upcoming::default() };
    let toned = |text: String, tone| Upcoming { text, tone, share: None };
    if let Some(PendingStop { waits_for, then }) = &task.pending_stop {
        let verb = if *then == AfterStop::Restart { "restarts" } else { "stops" };
        return plain(format!("{verb} once {}", have_stopped(waits_for)));
    }
    match &task.phase {
        PhaseSnapshot::Waiting { blockers } => {
            let each: Vec<_> = blockers.iter().map(|b| format!("for {} {}", b.task, b.condition)).collect();
            plain(each.join(", "))
        }
        PhaseSnapshot::Starting { deadline, .. } => plain(format!("start fails in {}", clock.left(*deadline))),
        PhaseSnapshot::Running { .. } if !task.counts_as_ready() => match &task.probe {
            Some(probe) if !probe.passed => toned(format!("not ready: {}", probe.detail), Tone::Warning),
            _ if is_draining => toned("stops in its turn".to_owned(), Tone::Quiet),
            _ => plain("not ready yet".to_owned()),
        },
        PhaseSnapshot::Running { .. } | PhaseSnapshot::Ready { .. } if is_draining => {
            toned("stops in its turn".to_owned(), Tone::Quiet)
        }
        PhaseSnapshot::Running { .. } | PhaseSnapshot::Ready { .. } if task.is_flapping() => {
            toned(flapping(task).unwrap_or_default(), Tone::Warning)
        }
        PhaseSnapshot::Running { .. } | PhaseSnapshot::Ready { .. } => match task.budget_back_at {
            Some(back) => plain(format!("budget back in {}", clock.left(back))),
            None => Upcoming::default(),
        },
        PhaseSnapshot::Stopping { kill_at, killed, then, left, .. } => {
            let (end, tone) = match killed {
                true => ("killed, not gone yet".to_owned(), Tone::Bad),
                false => (format!("killed in {}{}", clock.left(*kill_at), afterwards(*then)), Tone::Plain),
            };
            let held_up = if left.is_empty() { String::new() } else { format!(": {}", Straggler::list(left)) };
            toned(end + &held_up, tone)
        }
        PhaseSnapshot::Backoff { since, retry_at, .. } => Upcoming {
            text: format!("retry in {}", clock.left(*retry_at)),
            tone: Tone::Warning,
            share: Some(clock.share(*since, *retry_at)),
        },
        PhaseSnapshot::Scheduled => match task.next_due {
            Some(at) => plain(format!("runs in {}", clock.left(at))),
            None => Upcoming::default(),
        },
        PhaseSnapshot::Stopped if !is_draining => toned("until started".to_owned(), Tone::Quiet),
        PhaseSnapshot::Failed { retry_at: Some(at), .. } => plain(format!("tried again in {}", clock.left(*at))),
        PhaseSnapshot::Failed { reason, .. } if task.last_exit.is_none() => toned(reason.clone(), Tone::Bad),
        PhaseSnapshot::Failed { .. } if !is_draining => plain("until restarted".to_owned()),
        PhaseSnapshot::Failed { .. } | PhaseSnapshot::Stopped | PhaseSnapshot::Done => Upcoming::default(),
    }
}

/// `web and worker have stopped`
pub(super) fn have_stopped(tasks: &[String]) -> String {
    let verb = if tasks.len() == 1 { "has" } else { "have" };
    format!("{} {verb} stopped", tasks.join(" and "))
}

fn afterwards(then: AfterStop) -> &'static str {
    match then {
        AfterStop::Stay => "",
        AfterStop::Restart => ", restarts",
        AfterStop::Retry => ", retries",
        AfterStop::Leave => ", leaves",
        AfterStop::Fail => ", fails",
    }
}
