//! The keys of one mapping while it is read: each is taken by name, and what was not taken is known in the end.

use std::rc::Rc;

use super::draft::ConfigDraft;
use super::go_template::integer;
use super::source::Place;
use super::yaml::Node;

/// A mapping.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    /// The keys that lead here: `processes.api`.
    pub(super) path: String,
    entries: Vec<(&'a Rc<Node>, &'a Rc<Node>, bool)>,
}

/// A value, and how it is called.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    /// The keys that lead to it: `processes.api.command`.
    pub(super) key: String,
    /// Where the key stands.
    pub(super) key_place: &'a Place,
    pub(super) node: &'a Rc<Node>,
}

impl<'a> Fields<'a> {
    /// The keys of a value; it is a mistake if it has none.
    pub(super) fn of(draft: &mut ConfigDraft, field: &Field<'a>) -> Self {
        let entries = match field.node.mapping() {
            Some(entries) => entries.iter().map(|(key, value)| (key, value, false)).collect(),
            None => {
                field.refuse(draft, format!("expected a mapping, found {}", field.node.kind()));
                Vec::new()
            }
        };
        Self { path: field.key.clone(), entries }
    }

    /// The keys of a whole document.
    pub(super) fn root(node: &'a Rc<Node>) -> Self {
        let entries = node.mapping().unwrap_or_default();
        Self { path: String::new(), entries: entries.iter().map(|(key, value)| (key, value, false)).collect() }
    }

    /// The value of a key. None, too, if it is null.
    pub(super) fn take(&mut self, key: &str) -> Option<Field<'a>> {
        let path = self.key(key);
        let (name, node, is_known) = self.entries.iter_mut().find(|(name, ..)| name.is_text(key))?;
        *is_known = true;
        (!node.is_null()).then(|| Field { key: path, key_place: &name.place, node })
    }

    /// What no one has asked for, of the keys that begin like this.
    pub(super) fn rest_starting_with(&mut self, prefix: &str) -> Vec<Field<'a>> {
        let keys: Vec<String> = self
            .entries
            .iter()
            .filter(|(.., is_known)| !is_known)
            .filter_map(|(name, ..)| {
                name.scalar().filter(|scalar| scalar.text.starts_with(prefix)).map(|scalar| scalar.text.clone())
            })
            .collect();
        keys.iter().filter_map(|key| self.take(key)).collect()
    }

    /// What no one has asked for.
    pub(super) fn rest(&mut self) -> Vec<Field<'a>> {
        let path = self.path.clone();
        let rest = self.entries.iter_mut().filter(|(.., is_known)| !is_known);
        rest.map(|(name, node, is_known)| {
            *is_known = true;
            let key = name.scalar().map_or("", |scalar| scalar.text.as_str());
            Field { key: joined(&path, key), key_place: &name.place, node }
        })
        .collect()
    }

    fn key(&self, key: &str) -> String {
        joined(&self.path, key)
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

impl<'a> Field<'a> {
    /// The last key.
    pub(super) fn name(&self) -> &str {
        self.key.rsplit('.').next().unwrap_or_default()
    }

    /// Reports that the value can't be what it is.
    pub(super) fn refuse(&self, draft: &mut ConfigDraft, remedy: impl Into<String>) {
        draft.refuse(&self.node.place, format!("wrong value for `{}`", self.key), remedy);
    }

    /// Any scalar, as its text.
    pub(super) fn text(&self, draft: &mut ConfigDraft) -> Option<&'a str> {
        let text = self.node.scalar().map(|scalar| scalar.text.as_str());
        if text.is_none() {
            self.refuse(draft, format!("expected a text, found {}", self.node.kind()));
        }
        text
    }

    /// `true` or `false`, and what YAML 1.1 had for them, as Go's yaml.v3 reads into a boolean.
    pub(super) fn flag(&self, draft: &mut ConfigDraft) -> Option<bool> {
        let value = self.node.scalar().and_then(|scalar| match (scalar.text.as_str(), scalar.is_plain) {
            ("true" | "True" | "TRUE", true) => Some(true),
            ("false" | "False" | "FALSE", true) => Some(false),
            ("y" | "Y" | "yes" | "on", _) => Some(true),
            ("n" | "N" | "no" | "off", _) => Some(false),
            _ => None,
        });
        if value.is_none() {
            self.refuse(draft, "expected `true` or `false`");
        }
        value
    }

    /// A whole number, as Go's yaml.v3 reads into an integer.
    pub(super) fn whole(&self, draft: &mut ConfigDraft) -> Option<i64> {
        let scalar = self.node.scalar().filter(|scalar| scalar.is_plain);
        let value = scalar.and_then(|scalar| {
            let text = scalar.text.replace('_', "");
            let float = || text.parse::<f64>().ok().filter(|n| n.fract() == 0.0 && n.abs() < 9e15).map(|n| n as i64);
            integer(&text).or_else(float)
        });
        if value.is_none() {
            self.refuse(draft, "expected a whole number, without quotes");
        }
        value
    }

    /// A list; each element is called like the whole.
    pub(super) fn list(&self, draft: &mut ConfigDraft) -> Vec<Field<'a>> {
        let Some(items) = self.node.sequence() else {
            self.refuse(draft, format!("expected a list, found {}", self.node.kind()));
            return Vec::new();
        };
        items.iter().map(|node| Field { key: self.key.clone(), key_place: &node.place, node }).collect()
    }
}
