//! `[hooks.NAME]`: the keys of one hook.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::builtin::{BUILTIN_NAMESPACE, BUILTIN_TASKS};
use super::kind::{AnyText, ListOf, OneOf, Runnable};
use super::nearest::nearest;
use super::parsed::{PERIOD, WEBHOOK};
use super::table::Table;
use super::task::{check_name, name_pattern};
use super::{HookCall, HookConfig};
use crate::supervisor::engine::HookEvent;

/// The events that a hook can be called for.
const ON: OneOf<HookEvent> = OneOf(&[
    ("failed", HookEvent::Failed),
    ("exhausted", HookEvent::Exhausted),
    ("recovered", HookEvent::Recovered),
    ("fatal", HookEvent::Fatal),
]);

/// The JSON Schema of a hook's name.
pub(super) fn names() -> Json {
    json!({ "pattern": name_pattern() })
}

/// Reads one hook. `known` are the tasks of the file.
pub(super) fn read(table: &mut Table<'_>, known: &[&str]) -> Option<HookConfig> {
    check_name(table, "hook");
    let about = "What calls it: a run that failed, a spent retry budget, a task that is well again, a fatal end.";
    let on = table.require("on", &ListOf(ON), about);
    if on.as_ref().is_some_and(Vec::is_empty) {
        table.refuse("on", "expected at least one of \"failed\", \"exhausted\", \"recovered\", \"fatal\"");
    }
    let about = "Only of these tasks. Default: of all, stead's own parts included.";
    let tasks = table.get("tasks", &ListOf(AnyText), about).unwrap_or_default();
    let is_known = |name: &String| known.contains(&name.as_str()) || BUILTIN_TASKS.contains(&name.as_str());
    if let Some(unknown) = tasks.iter().find(|name| !is_known(name)) {
        let is_builtin = |name: &&str| name.strip_prefix(BUILTIN_NAMESPACE) == Some(unknown);
        let builtin = BUILTIN_TASKS.into_iter().find(is_builtin);
        let near = builtin.or_else(|| nearest(unknown, known.iter().copied().chain(BUILTIN_TASKS)));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        table.refuse("tasks", format!("no task is called `{}`{near}", unknown.escape_debug()));
    }
    let about = "What is run, in this file's directory: a line for `sh -c`, or an array to run as it is. It finds \
                 what happened in STEAD_EVENT, STEAD_TASK, STEAD_RUN, STEAD_REASON and STEAD_RETRIES, and as JSON on \
                 its standard input.";
    let command = table.get("command", &Runnable, about).map(HookCall::Command);
    let url =
        table.get("url", &WEBHOOK, "Where the same JSON is posted to, over http.").map(|url| HookCall::Url(url.into()));
    table.require_one(&["command", "url"], "way to call");
    let mut timeout = Duration::from_secs(10);
    table.or("timeout", &PERIOD, "A call that takes longer has failed.", &mut timeout);
    Some(HookConfig { name: table.key().to_owned(), on: on?, tasks, call: command.or(url)?, timeout })
}
