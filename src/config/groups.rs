//! `[groups.NAME]`: tasks that are named, restarted and given up together.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::GroupConfig;
use super::document::intensity;
use super::kind::{AnyText, ListOf, OneOf};
use super::nearest::nearest;
use super::report::{MistakeReport, Span};
use super::table::Table;
use super::task::{Declared, ON_EXHAUSTED, check_name, name_pattern};
use super::value::SpannedValue;
use crate::supervisor::engine::{OnExhausted, Strategy};

const STRATEGY: OneOf<Strategy> = OneOf(&[
    ("one-for-one", Strategy::OneForOne),
    ("one-for-all", Strategy::OneForAll),
    ("rest-for-one", Strategy::RestForOne),
]);

/// A group, and the places of its members: of each, the pattern that names it.
pub(super) struct DeclaredGroup {
    pub(super) group: GroupConfig,
    members: Vec<Span>,
}

/// The JSON Schema of a group's name.
pub(super) fn names() -> Json {
    json!({ "pattern": name_pattern() })
}

/// Reads one group. `known` are the tasks of the file.
pub(super) fn read(table: &mut Table<'_>, known: &[&str]) -> DeclaredGroup {
    check_name(table, "group");
    let about = "The names of its tasks; `*` stands for any letters. \"rest-for-one\" goes by their order.";
    let patterns = table.require("tasks", &ListOf(AnyText), about);
    if patterns.as_ref().is_some_and(Vec::is_empty) {
        table.refuse("tasks", "expected the name of at least one task");
    }
    let spans = table.written("tasks").map(places_of_items).unwrap_or_default();
    let (mut tasks, mut members): (Vec<String>, _) = (Vec::new(), Vec::new());
    for (pattern, span) in patterns.iter().flatten().zip(spans) {
        let found: Vec<_> = known.iter().filter(|name| matches(pattern, name)).collect();
        if found.is_empty() {
            report_unknown(table, pattern, span, known);
            continue;
        }
        for name in found.into_iter().filter(|name| !tasks.iter().any(|member| member == **name)).collect::<Vec<_>>() {
            tasks.push((*name).to_owned());
            members.push(span.clone());
        }
    }
    let mut group = GroupConfig {
        name: table.key().to_owned(),
        tasks,
        strategy: Strategy::OneForOne,
        intensity: None,
        on_exhausted: OnExhausted::Hold,
    };
    let about = "Which tasks are restarted when one of them is, as in Erlang/OTP: that one, all of them, or that one and \
                 those after it.";
    table.or("strategy", &STRATEGY, about, &mut group.strategy);
    let about = "The restarts that all of them may have together: with one more the group has failed, and all of its \
                 tasks are stopped. No limit when left out.";
    group.intensity = intensity(table, about);
    let about = "What a spent `intensity` does: hold its tasks as failed, or end everything.";
    table.or("on_exhausted", &ON_EXHAUSTED, about, &mut group.on_exhausted);
    if table.has("on_exhausted") && !table.has("intensity") {
        let title = format!("`on_exhausted` has no effect without `intensity` {}", table.place());
        table.report(
            table.key_span("on_exhausted"),
            title,
            "add intensity = { restarts = 5, within = \"1m\" }, or remove this",
        );
    }
    DeclaredGroup { group, members }
}

fn places_of_items(written: &SpannedValue) -> Vec<Span> {
    written.get_ref().as_array().into_iter().flatten().map(SpannedValue::span).collect()
}

fn report_unknown(table: &mut Table<'_>, pattern: &str, span: Span, known: &[&str]) {
    let shown = pattern.escape_debug();
    let title = match pattern.contains('*') {
        true => format!("`{shown}` {} matches no task", table.place()),
        false => format!("no task is called `{shown}`, {}", table.place()),
    };
    let remedy = match nearest(pattern, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the tasks are {}", known.join(", ")),
    };
    table.report(span, title, remedy);
}

/// Whether a name is like a pattern, in which `*` stands for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        // The first place will do: what comes later can only have more room.
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

/// Reports tasks that are in more than one group, and an order that contradicts that of `after`.
pub(super) fn check(groups: &[DeclaredGroup], tasks: &[Declared], report: &mut MistakeReport) {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for DeclaredGroup { group, members } in groups {
        for (task, span) in group.tasks.iter().zip(members) {
            if let Some(other) = owners.insert(task, &group.name) {
                let title = format!("`{task}` is in two groups, `{other}` and `{}`", group.name);
                report.add(span.clone(), title, "a task is in one group at most: remove it from one of them");
            }
        }
        if group.strategy == Strategy::RestForOne {
            check_order(group, members, tasks, report);
        }
    }
}

fn check_order(group: &GroupConfig, members: &[Span], tasks: &[Declared], report: &mut MistakeReport) {
    for (at, task) in group.tasks.iter().enumerate() {
        let below = all_below(task, tasks);
        let Some(later) = group.tasks[at + 1..].iter().find(|later| below.contains(&later.as_str())) else { continue };
        let title = format!("`{task}` stands before `{later}` in this group, and waits for it");
        report.add(
            members[at].clone(),
            title,
            format!("the order of \"rest-for-one\" is that of the start: name `{later}` first"),
        );
    }
}

/// What a task depends on, over any number of dependencies.
fn all_below<'a>(task: &str, tasks: &'a [Declared]) -> Vec<&'a str> {
    let after =
        |name: &str| tasks.iter().find(|task| task.name() == name).into_iter().flat_map(|task| &task.task.after);
    let mut found: Vec<&str> = after(task).map(|edge| edge.task.as_str()).collect();
    let mut at = 0;
    while let Some(&name) = found.get(at) {
        for edge in after(name) {
            if !found.contains(&edge.task.as_str()) {
                found.push(&edge.task);
            }
        }
        at += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, is_match) in [
            ("api", "api", true),
            ("api", "apis", false),
            ("worker-*", "worker-1", true),
            ("worker-*", "worker", false),
            ("*", "a", true),
            ("*-b*", "a-b", true),
            ("*a*a", "aa", true),
            ("*aa*a", "aa", false),
            ("w*r-*", "worker-1", true),
        ] {
            assert_eq!(matches(pattern, name), is_match, "{pattern} {name}");
        }
        assert!(!matches(&format!("{}b", "*a".repeat(40)), &"a".repeat(200)));
    }
}
