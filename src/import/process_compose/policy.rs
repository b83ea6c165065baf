//! What an exit means, and what is waited for.

use super::process::ComposeProcess;
use super::project::ignored;
use crate::import::draft::{ConfigDraft, Weight};
use crate::import::fields::{Field, Fields};

/// Longer than anything runs: a budget that never comes back.
const NEVER: &str = "8760h";

/// `availability.restart`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Restart {
    No,
    Always,
    OnFailure,
    ExitOnFailure,
}

pub(super) fn read(draft: &mut ConfigDraft, process: &mut ComposeProcess<'_>) {
    availability(draft, process);
    if let Some(field) = process.fields.take("success_exit_codes") {
        let codes: Vec<i64> = field.list(draft).iter().filter_map(|code| code.whole(draft)).collect();
        let codes: Vec<i64> = std::iter::once(0).chain(codes.into_iter().filter(|code| *code != 0)).collect();
        process.put(draft, &["success_exit_codes"], codes, &field);
    }
    depends_on(draft, process);
}

fn availability(draft: &mut ConfigDraft, process: &mut ComposeProcess<'_>) {
    let Some(field) = process.fields.take("availability") else {
        process.fill(draft, &["restart"], "never", "process-compose restarts nothing by itself");
        return;
    };
    let mut fields = Fields::of(draft, &field);
    let restart = fields.take("restart");
    let kind = restart.as_ref().and_then(|field| kind(draft, field)).unwrap_or(Restart::No);
    let flag = |draft: &mut ConfigDraft, field: Option<Field<'_>>| {
        field.and_then(|field| field.flag(draft)).unwrap_or_default()
    };
    let exit_on_end = fields.take("exit_on_end").filter(|field| field.flag(draft) == Some(true));
    let is_skip_fatal = fields.take("exit_on_skipped");
    if let Some(field) = exit_on_end.as_ref().or(restart.as_ref().filter(|_| kind == Restart::ExitOnFailure)) {
        let what = "process-compose ends with the exit code of this process; stead's exit code is 1";
        draft.drop(Weight::Notable, field.key_place, field.key.clone(), what);
    }
    match (&exit_on_end, kind) {
        (Some(end), Restart::No | Restart::ExitOnFailure) => process.put(draft, &["critical"], true, end),
        (Some(end), Restart::Always | Restart::OnFailure) => {
            process.put(draft, &["on_exhausted"], "fatal", end);
            if kind == Restart::OnFailure {
                let what = "stead ends everything when the restarts are spent, not when the process ends by itself";
                draft.drop(Weight::ChangesWhatRuns, end.key_place, end.key.clone(), what);
            }
        }
        (None, Restart::ExitOnFailure) => {
            if let Some(field) = &restart {
                process.put(draft, &["restart"], "on-failure", field);
                process.fill(draft, &["max_retries"], 0, "the first failure ends everything");
                process.fill(draft, &["on_exhausted"], "fatal", "the first failure ends everything");
            }
        }
        (None, _) => {}
    }
    match (&restart, kind, exit_on_end.is_some()) {
        (Some(field), Restart::No, false) => process.put(draft, &["restart"], "never", field),
        (None, Restart::No, false) => {
            process.fill(draft, &["restart"], "never", "process-compose restarts nothing by itself");
        }
        (Some(field), Restart::Always, _) => process.put(draft, &["restart"], "always", field),
        (Some(field), Restart::OnFailure, _) => process.put(draft, &["restart"], "on-failure", field),
        _ => {}
    }
    if let Some(field) = is_skip_fatal
        && flag(draft, Some(field.clone()))
    {
        let what = "a task whose dependency fails does not end everything here";
        draft.drop(Weight::Notable, field.key_place, field.key.clone(), what);
    }
    let (backoff, most) = (fields.take("backoff_seconds"), fields.take("max_restarts"));
    if matches!(kind, Restart::Always | Restart::OnFailure) {
        budget(draft, process, backoff, most);
    }
    ignored(draft, &mut fields);
}

fn kind(draft: &mut ConfigDraft, field: &Field<'_>) -> Option<Restart> {
    match field.text(draft)? {
        "no" => Some(Restart::No),
        "always" => Some(Restart::Always),
        "on_failure" => Some(Restart::OnFailure),
        "exit_on_failure" => Some(Restart::ExitOnFailure),
        _ => {
            field.refuse(draft, "expected `always`, `on_failure`, `exit_on_failure` or `no`");
            None
        }
    }
}

/// The wait is always the same, and the restarts never come back.
fn budget(draft: &mut ConfigDraft, process: &ComposeProcess<'_>, backoff: Option<Field<'_>>, most: Option<Field<'_>>) {
    let why = "process-compose waits as long every time, 1 s at least";
    let seconds = backoff.and_then(|field| field.whole(draft)).unwrap_or_default().max(1);
    for key in ["initial_backoff", "max_backoff"] {
        process.fill(draft, &[key], format!("{seconds}s"), why);
    }
    match most.and_then(|field| Some((field.whole(draft)?, field))) {
        Some((count @ 1.., field)) => {
            let path = ["tasks", process.task, "max_retries"];
            draft.take(&path, count, &field.node.place, field.key.clone());
            process.fill(draft, &["reset_after"], NEVER, "process-compose never forgets a restart");
        }
        _ => process.fill(draft, &["reset_after"], "0s", "process-compose restarts it without a limit"),
    }
}

fn depends_on(draft: &mut ConfigDraft, process: &mut ComposeProcess<'_>) {
    let Some(field) = process.fields.take("depends_on") else { return };
    let mut fields = Fields::of(draft, &field);
    let prefix = field.key.len() + 1;
    for dependency in fields.rest() {
        let name = dependency.key[prefix..].to_owned();
        one_dependency(draft, process, &dependency, &name);
    }
}

fn one_dependency(draft: &mut ConfigDraft, process: &ComposeProcess<'_>, dependency: &Field<'_>, name: &str) {
    let all = &process.project.processes;
    let group = all.get(name);
    let replica = || {
        all.values().find_map(|other| {
            let found = other.replicas.iter().find(|(replica, _)| replica == name)?;
            Some((other, vec![found.1.clone()]))
        })
    };
    let found = group.map(|group| (group, group.replicas.iter().map(|(_, task)| task.clone()).collect()));
    let Some((on, tasks)) = found.or_else(replica) else {
        let title = format!("`{name}` is waited for and not declared");
        draft.refuse(dependency.key_place, title, "expected the name of a process");
        return;
    };
    let mut fields = if dependency.node.is_null() { None } else { Some(Fields::of(draft, dependency)) };
    let condition = fields.as_mut().and_then(|fields| fields.take("condition"));
    let is = match condition.as_ref().map(|field| (field, field.text(draft))) {
        None => "exited",
        Some((_, Some("process_completed"))) => "exited",
        Some((_, Some("process_completed_successfully"))) => "success",
        Some((_, Some("process_healthy"))) => "ready",
        Some((_, Some("process_started"))) => "started",
        Some((_, Some("process_log_ready"))) => "ready",
        Some((field, _)) => {
            let words = "`process_started`, `process_healthy`, `process_log_ready`, `process_completed` or \
                         `process_completed_successfully`";
            field.refuse(draft, format!("expected {words}"));
            return;
        }
    };
    if let Some(fields) = &mut fields {
        ignored(draft, fields);
    }
    if on.is_disabled && !process.declared.is_disabled {
        let what = "process-compose does not wait for a disabled process, and starts this one all the same";
        draft.drop(Weight::Notable, dependency.key_place, dependency.key.clone(), what);
        return;
    }
    let (place, word) = (&dependency.node.place, condition.as_ref().and_then(|field| field.node.scalar()));
    match word.map(|scalar| scalar.text.as_str()) {
        Some("process_log_ready") if !on.has("ready_log_line") => {
            let title = format!("`{name}` has no `ready_log_line` to wait for");
            draft.refuse(place, title, "give it one, or wait for something else");
        }
        Some("process_healthy") if !on.has("readiness_probe") => {
            let what = format!(
                "`{name}` has no readiness probe, so process-compose would never start this; stead does once `{name}` runs"
            );
            draft.drop(Weight::ChangesWhatRuns, place, dependency.key.clone(), what);
        }
        _ => {}
    }
    for task in tasks {
        let path = ["tasks", process.task, "after", task.as_str()];
        match &condition {
            Some(field) => draft.take(&path, is, &field.node.place, field.key.clone()),
            None => draft.fill(
                &path,
                is,
                dependency.key_place,
                "process-compose waits for the end when no condition is given",
            ),
        }
    }
}
