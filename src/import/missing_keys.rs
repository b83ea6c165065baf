//! Takes out of a draft what stead has no key for, and says so.
//!
//! The readers write the language that stead is meant to have. The schema says which of it is there.

use std::sync::LazyLock;

use serde_json::Value as Json;

use super::draft::{Branch, ConfigDraft, Item, ValueOrigin, Weight};
use crate::config::schema;

/// What it means that a key is missing: the key below its task or section, how much that matters, and what happens instead.
const CONSEQUENCES: [(&str, Weight, &str); 16] = [
    ("autostart", Weight::ChangesWhatRuns, "it is started with the others"),
    ("profiles", Weight::ChangesWhatRuns, "it is started with the others"),
    ("schedule", Weight::ChangesWhatRuns, "it is started once"),
    ("every", Weight::ChangesWhatRuns, "it is started once"),
    ("time_zone", Weight::Notable, "times are those of this machine"),
    ("overlap", Weight::Notable, "it is started once"),
    ("watch", Weight::ChangesWhatRuns, "it is not restarted when files change"),
    ("replicas", Weight::ChangesWhatRuns, "it is started once"),
    ("live", Weight::Notable, "nothing restarts it when it does not answer"),
    ("status", Weight::Notable, "any status from 200 to 399 is taken"),
    ("headers", Weight::Notable, "the request has no headers of its own"),
    ("delay", Weight::Minor, "the first try is made at once"),
    ("description", Weight::Minor, "it is shown nowhere"),
    ("groups", Weight::Minor, "it is in no group"),
    ("ports", Weight::Notable, "no port is chosen"),
    ("profile", Weight::Notable, "nothing is chosen by it"),
];

/// Removes every value that has no key, and adds it to the list of what is not honoured.
pub(super) fn take_out(draft: &mut ConfigDraft) {
    static SCHEMA: LazyLock<Json> = LazyLock::new(schema);
    let mut missing = Vec::new();
    remove(&mut draft.root, &SCHEMA, None, &mut missing);
    for (key, origin) in missing {
        let known = CONSEQUENCES.iter().find(|(known, ..)| *known == key);
        let (weight, instead) = known.map_or((Weight::Notable, "it is left out"), |(_, weight, what)| (*weight, *what));
        let why = origin.filled.map(|why| format!("{why}; ")).unwrap_or_default();
        draft.drop(weight, &origin.place, origin.key, format!("{why}stead has no `{key}`: {instead}"));
    }
}

/// `missing_key` is the key above that has no place in the schema.
fn remove(branch: &mut Branch, schema: &Json, missing_key: Option<&str>, missing: &mut Vec<(String, ValueOrigin)>) {
    branch.entries.retain(|key, item| {
        let own = &schema["properties"][key.as_str()];
        let described = if own.is_null() { &schema["additionalProperties"] } else { own };
        let missing_key = missing_key.or_else(|| (!described.is_object()).then_some(key));
        match item {
            Item::Leaf(_, origin) => {
                missing.extend(missing_key.map(|key| (key.to_owned(), origin.clone())));
                missing_key.is_none()
            }
            Item::Branch(branch) => {
                remove(branch, described, missing_key, missing);
                missing_key.is_none()
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::source::Place;

    #[test]
    fn what_has_no_key_is_taken_out_and_said() {
        let mut draft = ConfigDraft::default();
        let place = Place::new(0, 0..0);
        draft.take(&["tasks", "a", "command"], "x", &place, "a.command");
        draft.take(&["tasks", "a", "env", "anything"], "x", &place, "a.env");
        draft.take(&["tasks", "a", "no_such_key", "below"], "x", &place, "a.other");
        draft.fill(&["tasks", "a", "ready", "nothing"], "x", &place, "the tool says so");
        take_out(&mut draft);
        let left: Vec<_> = draft.root.leaves().into_iter().map(|(path, ..)| path.join(".")).collect();
        assert_eq!(left, ["tasks.a.command", "tasks.a.env.anything"]);
        let said: Vec<_> = draft.dropped.iter().map(|dropped| format!("{}: {}", dropped.key, dropped.what)).collect();
        assert_eq!(
            said,
            [
                "a.other: stead has no `no_such_key`: it is left out",
                "tasks.a.ready.nothing: the tool says so; stead has no `nothing`: it is left out"
            ]
        );
    }
}
