//! Facts of one task in a few words: its budget, its last exit, its policy, how long it has run.

use std::time::Duration;

use super::clock::Clock;
use super::state::Tone;
use crate::duration::Pretty;
use crate::supervisor::engine::{EdgeSnapshot, GroupSnapshot, OnExhausted, OnRestart, Policy, TaskSnapshot};

/// A longer budget is shown in numbers alone.
const MOST_PIPS: u32 = 8;

/// Its name where it stands among its own kind: `web` for stead's part `stead.web`.
pub(crate) fn short_name(task: &TaskSnapshot) -> &str {
    let part = task.name.split_once('.').filter(|_| task.is_builtin());
    part.map_or(&task.name, |(_, part)| part)
}

/// The used part of the budget in numbers: `1/5`.
pub(crate) fn retries(used: u32, max: u32) -> String {
    format!("{used}/{max}")
}

/// The same behind as many pips as there are retries: `●○○○○ 1/5`.
pub(crate) fn pips(used: u32, max: u32) -> String {
    if max > MOST_PIPS {
        return retries(used, max);
    }
    let filled = used.min(max);
    let pips: String = (0..max).map(|nth| if nth < filled { '●' } else { '○' }).collect();
    format!("{pips} {}", retries(used, max)).trim_start().to_owned()
}

/// How worrying it is that so much of the budget is used.
pub(crate) fn budget_tone(task: &TaskSnapshot) -> Tone {
    match task.retries {
        0 => Tone::Quiet,
        used if used >= task.max_retries => Tone::Bad,
        _ => Tone::Warning,
    }
}

/// How the last run ended, and how long ago: `code 1`, `2m ago`. None before the first end.
pub(crate) fn last_exit(task: &TaskSnapshot, clock: &Clock) -> Option<(String, String)> {
    task.last_exit.as_ref().map(|last| (last.reason.to_string(), clock.age(last.at)))
}

/// How long the current run has lasted; none unless it is up.
pub(crate) fn uptime(task: &TaskSnapshot, clock: &Clock) -> Option<String> {
    task.up_since().map(|since| clock.span(since))
}

/// What it depends on: `db ready, restarts with it · migrate success`. Empty if on nothing.
pub(crate) fn after(task: &TaskSnapshot) -> String {
    let edge = |EdgeSnapshot { task, condition, on_restart, required }: &EdgeSnapshot| {
        let on_restart = match on_restart {
            OnRestart::Ignore => "",
            OnRestart::Restart => ", restarts with it",
            OnRestart::Stop => ", stops with it",
        };
        let optional = if *required { "" } else { ", optional" };
        format!("{task} {}{on_restart}{optional}", condition.word())
    };
    task.after.iter().map(edge).collect::<Vec<_>>().join(" · ")
}

/// What a group does: `one-for-all, 2 of 5 restarts`.
pub(crate) fn group_policy(group: &GroupSnapshot) -> String {
    let budget = group.max_restarts.map(|most| format!(", {} of {most} restarts", group.restarts)).unwrap_or_default();
    format!("{}{budget}", group.strategy.word())
}

/// How often its runs end: `34/h, every 20s`. None unless it is flapping.
pub(crate) fn flapping(task: &TaskSnapshot) -> Option<String> {
    task.flapping_every.map(|every| format!("{}/h, every {}", task.restarts_last_hour, Pretty(rounded(every))))
}

/// Whole seconds, from one on: a mean is no more exact.
fn rounded(mean: Duration) -> Duration {
    if mean < Duration::from_secs(1) { mean } else { Duration::from_secs(mean.as_secs_f64().round() as u64) }
}

/// The ports that it listens on: `port 3000`, `ports 80, 443`. None if there are none.
pub(crate) fn ports(ports: &[u16]) -> Option<String> {
    let listed = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    match ports {
        [] => None,
        [_] => Some(format!("port {listed}")),
        _ => Some(format!("ports {listed}")),
    }
}

/// Which exits the policy is about.
pub(crate) fn exit_label(task: &TaskSnapshot) -> &'static str {
    if task.policy == Policy::OnFailure { "on failure" } else { "on exit" }
}

/// What an exit means: `restart, 5 retries, 500ms–30s`.
pub(crate) fn on_exit(task: &TaskSnapshot) -> String {
    match task.policy {
        Policy::Critical => return "fatal: everything stops".to_owned(),
        Policy::CriticalOnFailure => return "fatal unless it succeeds".to_owned(),
        Policy::Never => return "done".to_owned(),
        Policy::Always | Policy::OnFailure => {}
    }
    let retries = match task.max_retries {
        0 => "no retries".to_owned(),
        1 => "1 retry".to_owned(),
        count => format!("{count} retries"),
    };
    match task.on_exhausted {
        OnExhausted::Fatal => format!("restart, {retries}, then fatal"),
        OnExhausted::Hold => {
            format!("restart, {retries}, {}–{}", Pretty(task.initial_backoff), Pretty(task.max_backoff))
        }
    }
}
