//! Leaves out what stead assumes anyway: what a tool assumes is worth saying only where stead does not.

use std::sync::LazyLock;

use serde_json::Value as Json;
use toml::Value;

use super::draft::{Branch, ConfigDraft, Item};
use crate::config::schema;
use crate::duration::parse_duration;

/// Removes every value that is the default of its key.
pub(super) fn leave_out(draft: &mut ConfigDraft) {
    static SCHEMA: LazyLock<Json> = LazyLock::new(schema);
    strip(&mut draft.root, &SCHEMA);
}

fn strip(branch: &mut Branch, schema: &Json) {
    branch.entries.retain(|key, item| {
        let own = &schema["properties"][key.as_str()];
        let described = if own.is_null() { &schema["additionalProperties"] } else { own };
        match item {
            Item::Leaf(value, _) => !is_default(value, &described["default"]),
            Item::Branch(branch) => {
                strip(branch, described);
                true
            }
        }
    });
}

fn is_default(value: &Value, default: &Json) -> bool {
    match (value, default) {
        (Value::String(text), Json::String(default)) => {
            text == default
                || matches!((parse_duration(text), parse_duration(default)), (Ok(one), Ok(other)) if one == other)
        }
        (Value::Boolean(value), Json::Bool(default)) => value == default,
        (Value::Integer(value), Json::Number(default)) => default.as_i64() == Some(*value),
        (Value::Array(values), Json::Array(defaults)) => {
            values.len() == defaults.len() && values.iter().zip(defaults).all(|(one, other)| is_default(one, other))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::source::Place;

    #[test]
    fn only_what_differs_from_the_default_is_kept() {
        let mut draft = ConfigDraft::default();
        let place = Place::new(0, 0..0);
        for (path, value) in [
            (["stop", "timeout"], Value::from("10000ms")),
            (["stop", "signal"], "SIGTERM".into()),
            (["stop", "only_parent"], true.into()),
            (["ready", "interval"], "10s".into()),
            (["ready", "timeout"], "1s".into()),
        ] {
            draft.fill(&["tasks", "a", path[0], path[1]], value, &place, "");
        }
        draft.fill(&["tasks", "a", "success_exit_codes"], vec![Value::from(0)], &place, "");
        draft.fill(&["tasks", "a", "env", "timeout"], "1s", &place, "");
        leave_out(&mut draft);
        let left: Vec<_> = draft.root.leaves().into_iter().map(|(path, ..)| path[2..].join(".")).collect();
        assert_eq!(left, ["stop.only_parent", "ready.interval", "env.timeout"]);
    }
}
