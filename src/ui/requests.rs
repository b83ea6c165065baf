//! What keys ask the supervisor for, and what they ask the person first.

use super::action::DashboardEffect;
use super::model::{Model, Overlay, Question};
use super::shown::Shown;
use crate::supervisor::engine::{Request, Stage, TaskKind, TaskSnapshot, Verb};

fn ask_each(tasks: Vec<&TaskSnapshot>, verb: Verb) -> Vec<DashboardEffect> {
    tasks.into_iter().map(|task| DashboardEffect::Ask(verb.of(&task.name))).collect()
}

/// Asks before a restart that reaches others.
pub(super) fn restart(model: &mut Model, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    let tasks = model.targets(shown.snapshot);
    let all = shown.snapshot.restarted_with(tasks.iter().map(|task| task.name.as_str()));
    if all.len() == tasks.len() {
        return ask_each(tasks, Verb::Restart);
    }
    let (names, all) = (names(&tasks), all.into_iter().map(str::to_owned).collect());
    model.overlay = Some(Overlay::Confirm(Question::Restart { names, all }));
    Vec::new()
}

/// Whether `s` stops these tasks: a stop would change one of them.
pub(super) fn stops(tasks: &[&TaskSnapshot]) -> bool {
    tasks.iter().any(|task| task.state().can_stop())
}

pub(super) fn stop_or_start(model: &mut Model, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    let mut tasks = model.targets(shown.snapshot);
    if !stops(&tasks) {
        return ask_each(tasks, Verb::Start);
    }
    tasks.retain(|task| task.state().can_stop());
    // A stopped surface may take this very dashboard away, and everybody else's.
    if tasks.iter().any(|task| task.kind == TaskKind::Builtin) {
        model.overlay = Some(Overlay::Confirm(Question::Stop(names(&tasks))));
        return Vec::new();
    }
    ask_each(tasks, Verb::Stop)
}

pub(super) fn open(model: &Model, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    let task = model.selected(shown.snapshot);
    task.map(|task| DashboardEffect::Open(task.to_owned())).into_iter().collect()
}

pub(super) fn confirm_kill(model: &mut Model, shown: &Shown<'_>) {
    let tasks = model.targets(shown.snapshot);
    if !tasks.is_empty() {
        model.overlay = Some(Overlay::Confirm(Question::Kill(names(&tasks))));
    }
}

fn names(tasks: &[&TaskSnapshot]) -> Vec<String> {
    tasks.iter().map(|task| task.name.clone()).collect()
}

pub(super) fn answer_yes(model: &mut Model, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    let Some(Overlay::Confirm(question)) = model.overlay.take() else { return Vec::new() };
    let each =
        |names: Vec<String>, verb: Verb| names.into_iter().map(|name| DashboardEffect::Ask(verb.of(name))).collect();
    match question {
        Question::Quit if is_draining(shown) => Vec::new(),
        Question::Quit => vec![DashboardEffect::Ask(Request::ShutDown)],
        Question::Stop(names) => each(names, Verb::Stop),
        Question::Kill(names) => each(names, Verb::Kill),
        Question::Restart { names, .. } => each(names, Verb::Restart),
        Question::RestartAll => vec![DashboardEffect::Ask(Request::RestartAll)],
    }
}

pub(super) fn quit(model: &mut Model, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    if is_draining(shown) {
        model.tell("draining already; ctrl-c kills what is left");
        return Vec::new();
    }
    let is_running = |task: &TaskSnapshot| task.kind != TaskKind::Builtin && task.is_live();
    if shown.snapshot.tasks.iter().any(is_running) {
        model.overlay = Some(Overlay::Confirm(Question::Quit));
        return Vec::new();
    }
    vec![DashboardEffect::Ask(Request::ShutDown)]
}

pub(super) fn drain(shown: &Shown<'_>) -> Vec<DashboardEffect> {
    vec![DashboardEffect::Ask(if is_draining(shown) { Request::KillAll } else { Request::ShutDown })]
}

fn is_draining(shown: &Shown<'_>) -> bool {
    matches!(shown.snapshot.stage, Stage::Draining { .. })
}
