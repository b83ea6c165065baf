//! `after`: what a task waits for, and what the restarts of that mean for it.

use serde_json::{Value as Json, json};

use super::TaskConfig;
use super::kind::{Complaint, Flag, Given, Kind, OneOf};
use super::nearest::nearest;
use super::report::Span;
use super::table::Table;
use super::value::{FileTable, SpannedValue};
use crate::supervisor::engine::{Condition, Dependency, OnRestart};

/// What can be waited for.
const CONDITION: OneOf<Condition> = OneOf(&[
    ("started", Condition::Started),
    ("ready", Condition::Ready),
    ("success", Condition::Success),
    ("exited", Condition::Exited),
]);

const ON_RESTART: OneOf<OnRestart> =
    OneOf(&[("ignore", OnRestart::Ignore), ("restart", OnRestart::Restart), ("stop", OnRestart::Stop)]);

/// The keys of the longer form.
const KEYS: [&str; 3] = ["is", "on_restart", "required"];

const ABOUT: &str = "What must hold before it starts: the names of other tasks, each with a condition, or with \
                     `{ is, on_restart, required }`.";

/// Reads `after`. The places of its entries.
pub(super) fn read(table: &mut Table<'_>, task: &mut TaskConfig) -> Vec<Span> {
    let entries = match table.written("after").map(list_of_names) {
        Some(names) if !names.is_empty() => {
            table.describe_map("after", &EdgeForm, ABOUT);
            let wanted: Vec<_> = names.iter().map(|name| format!("{name} = \"ready\"")).collect();
            table.refuse("after", format!("expected a condition for each; write {{ {} }}", wanted.join(", ")));
            return Vec::new();
        }
        _ => table.map("after", &EdgeForm, ABOUT),
    };
    let mut spans = Vec::new();
    for entry in entries {
        // A condition that is wrong is reported; the name still counts for what is said of cycles.
        let edge = entry.value.unwrap_or_else(|| Dependency::new("", Condition::Started));
        task.after.push(Dependency { task: entry.key, ..edge });
        spans.push(entry.span);
    }
    spans
}

/// The names in a value that is a name, or an array of names.
fn list_of_names(written: &SpannedValue) -> Vec<String> {
    let items = written.get_ref().as_array().map(|items| items.iter().collect());
    let items: Vec<_> = items.unwrap_or_else(|| vec![written]);
    items.iter().filter_map(|item| item.get_ref().as_text()).map(|name| name.escape_debug().to_string()).collect()
}

/// A condition, or a table that says more. What is read has no name yet.
struct EdgeForm;

impl Kind for EdgeForm {
    type Value = Dependency;

    fn read(&self, given: &Given<'_>) -> Result<Dependency, Vec<Complaint>> {
        let (Some(written), Some(filled)) = (given.written.get_ref().as_table(), given.value().as_table()) else {
            return CONDITION.read(given).map(|condition| Dependency::new("", condition));
        };
        let mut complaints: Vec<_> = written.iter().filter_map(|(key, span, _)| unknown_key(key, span)).collect();
        let mut edge = Dependency::new("", Condition::Ready);
        let found = |key| Some(Given { written: written.get(key)?, filled: filled.get(key)?, dir: given.dir });
        let mut take = |key, read: &mut dyn FnMut(&Given<'_>) -> Result<(), Vec<Complaint>>| {
            if let Some(Err(wrong)) = found(key).map(|given| read(&given)) {
                complaints.extend(wrong);
            }
        };
        take("is", &mut |given| CONDITION.read(given).map(|found| edge.condition = found));
        take("on_restart", &mut |given| ON_RESTART.read(given).map(|found| edge.on_restart = found));
        take("required", &mut |given| Flag.read(given).map(|found| edge.required = found));
        complaints.extend(contradiction(&edge, written));
        if complaints.is_empty() { Ok(edge) } else { Err(complaints) }
    }

    fn schema(&self) -> Json {
        let mut is = CONDITION.schema();
        is["default"] = "ready".into();
        let mut on_restart = ON_RESTART.schema();
        on_restart["default"] = "ignore".into();
        on_restart["description"] =
            "What its restarts mean: nothing, a restart of this task as well, or a stop while it is down.".into();
        let required = json!({
            "type": "boolean", "default": true,
            "description": "False: order alone. It is not started for this task, which does not fail with it.",
        });
        let long = json!({
            "type": "object", "additionalProperties": false,
            "properties": { "is": is, "on_restart": on_restart, "required": required },
        });
        json!({ "anyOf": [CONDITION.schema(), long] })
    }
}

fn unknown_key(key: &str, span: &Span) -> Option<Complaint> {
    if KEYS.contains(&key) {
        return None;
    }
    let remedy = match nearest(key, KEYS) {
        Some(near) => format!("did you mean `{near}`?"),
        None if key == "condition" || key == "when" => "stead's word is `is`: { is = \"ready\" }".to_owned(),
        None if key == "restart" => "stead's word is `on_restart`: { on_restart = \"restart\" }".to_owned(),
        None => format!("expected `{}`", KEYS.join("`, `")),
    };
    Some(Complaint { span: span.clone(), remedy })
}

/// What can't be meant together.
fn contradiction(edge: &Dependency, written: &FileTable) -> Option<Complaint> {
    let is_over = match edge.condition {
        Condition::Success | Condition::Exited => true,
        Condition::Started | Condition::Ready => false,
    };
    if edge.on_restart == OnRestart::Stop && is_over {
        let remedy = "what is waited for until it ends is down then: expected \"ignore\" or \"restart\"";
        return Some(Complaint { span: written.get("on_restart")?.span(), remedy: remedy.to_owned() });
    }
    None
}
