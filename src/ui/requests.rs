//! What keys ask the supervisor for, and what they ask the person first.

use super::action::DashboardEffect;
use super::model::{Model, Overlay, Question};
use super::shown::Shown;
use crate::supervisor::engine::{Request, Stage, TaskKind, TaskSnapshot, Verb};

fn ask_each(names: &[String], verb: Verb) -> Vec<DashboardEffect> {
    names.iter().map(|name| DashboardEffect::Ask(verb.of(name))).collect()
}

/// Does something to the marked tasks, or to the selected one. Marks are for one action; what happens to many is said.
fn act(model: &mut Model, names: &[String], verb: Verb, doing: &str) -> Vec<DashboardEffect> {
    if !model.marked.is_empty() {
        model.marked.clear();
        model.tell(format!("{doing} {}", listed(names)));
    }
    ask_each(names, verb)
}

/// `8: worker-audit, worker-billing, worker-reports, …`
pub(super) fn listed(names: &[String]) -> String {
    const NAMED: usize = 3;
    let some = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len() {
        0 | 1 => some,
        count if count <= NAMED => format!("{count}: {some}"),
        count => format!("{count}: {some}, …"),
    }
}

/// Asks before a restart that reaches others.
pub(super) fn restart(model: &mut Model, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    let tasks = model.targets(shown.snapshot);
    let all = shown.snapshot.restarted_with(tasks.iter().map(|task| task.name.as_str()));
    let names = names(&tasks);
    if all.len() == names.len() {
        return act(model, &names, Verb::Restart, "restarting");
    }
    let all = all.into_iter().map(str::to_owned).collect();
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
        return act(model, &names(&tasks), Verb::Start, "starting");
    }
    tasks.retain(|task| task.state().can_stop());
    let has_builtin = tasks.iter().any(|task| task.kind == TaskKind::Builtin);
    let names = names(&tasks);
    // A stopped surface may take this very dashboard away, and everybody else's.
    if has_builtin {
        model.overlay = Some(Overlay::Confirm(Question::StopParts(names)));
    } else if names.len() > 1 {
        model.overlay = Some(Overlay::Confirm(Question::Stop(names)));
    } else {
        return act(model, &names, Verb::Stop, "stopping");
    }
    Vec::new()
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
    match question {
        Question::Quit if is_draining(shown) => Vec::new(),
        Question::Quit => vec![DashboardEffect::Ask(Request::ShutDown)],
        Question::Stop(names) | Question::StopParts(names) => act(model, &names, Verb::Stop, "stopping"),
        Question::Kill(names) => act(model, &names, Verb::Kill, "killing"),
        Question::Restart { names, .. } => act(model, &names, Verb::Restart, "restarting"),
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
