//! One table of the file while it is read.
//!
//! Whoever reads a table names each key once, with its kind and what it means. That one line takes the value,
//! makes the key known (what nobody named is reported as unknown), and describes it for the JSON Schema: the
//! schema is what the readers say of themselves over an empty file, so it can't differ from them.
//!
//! Nothing here knows a key of its own.

use std::path::PathBuf;

use serde_json::{Map, Value as Json, json};
use toml::de::{DeTable, DeValue};

use super::kind::{Complaint, Kind, unexpected};
use super::nearest::nearest;
use super::report::{Report, Span};

/// A table, and the report on it.
pub(super) struct Table<'a> {
    /// The keys that lead here.
    path: Vec<&'a str>,
    /// Where it is named.
    span: Span,
    entries: &'a DeTable<'a>,
    known: Vec<&'static str>,
    /// The schema's properties; only while the readers describe themselves.
    properties: Option<Map<String, Json>>,
    required: Vec<&'static str>,
    report: &'a mut Report,
}

/// One entry of a table whose keys are the writer's own.
pub(super) struct Entry<T> {
    /// The key.
    pub(super) key: String,
    /// The key's place.
    pub(super) span: Span,
    /// The value; nothing when it is wrong and reported.
    pub(super) value: Option<T>,
}

/// Reads the outermost table, and reports its unknown keys.
pub(super) fn read_root<R>(entries: &DeTable<'_>, report: &mut Report, read: impl FnOnce(&mut Table<'_>) -> R) -> R {
    let mut root = Table::new(Vec::new(), 0..0, entries, report, false);
    let result = read(&mut root);
    root.report_unknown();
    result
}

/// What `read` says of the table it reads: its JSON Schema.
pub(super) fn describe_root<R>(read: impl FnOnce(&mut Table<'_>) -> R) -> Json {
    let mut report = Report::new(PathBuf::new(), "");
    let entries = DeTable::new();
    let mut root = Table::new(Vec::new(), 0..0, &entries, &mut report, true);
    read(&mut root);
    root.schema()
}

impl<'a> Table<'a> {
    fn new(path: Vec<&'a str>, span: Span, entries: &'a DeTable<'a>, report: &'a mut Report, describes: bool) -> Self {
        let properties = describes.then(Map::new);
        Self { path, span, entries, known: Vec::new(), properties, required: Vec::new(), report }
    }

    /// A value that may be left out. `None`, too, when it is wrong and reported.
    pub(super) fn get<K: Kind>(&mut self, key: &'static str, kind: &K, about: &'static str) -> Option<K::Value> {
        self.describe(key, about, || kind.schema());
        self.take(key, kind)
    }

    /// A value that has a default: what `value` holds. Whether it was replaced.
    pub(super) fn or<K: Kind>(
        &mut self,
        key: &'static str,
        kind: &K,
        about: &'static str,
        value: &mut K::Value,
    ) -> bool {
        self.describe(key, about, || {
            let mut schema = kind.schema();
            schema["default"] = kind.show(value);
            schema
        });
        self.take(key, kind).map(|found| *value = found).is_some()
    }

    /// A value that can't be left out.
    pub(super) fn require<K: Kind>(&mut self, key: &'static str, kind: &K, about: &'static str) -> Option<K::Value> {
        self.required.push(key);
        if !self.has(key) {
            let title = format!("`{key}` is missing {}", self.place());
            self.report.add_missing(self.span.clone(), title, format!("expected `{key}`. {about}"));
        }
        self.get(key, kind, about)
    }

    /// A table whose keys are the writer's own, each with a value of one kind.
    pub(super) fn map<K: Kind>(&mut self, key: &'static str, kind: &K, about: &'static str) -> Vec<Entry<K::Value>> {
        self.describe(key, about, || json!({ "type": "object", "additionalProperties": kind.schema() }));
        let Some(entries) = self.entries_of(key) else { return Vec::new() };
        let mut read = Vec::new();
        for (name, found) in entries {
            let value =
                kind.read(found).map_err(|complaints| self.report_wrong(&[key, name.get_ref()], complaints)).ok();
            read.push(Entry { key: name.get_ref().to_string(), span: name.span(), value });
        }
        read
    }

    /// A table with keys of its own, if it is there.
    pub(super) fn table<R>(
        &mut self,
        key: &'static str,
        about: &'static str,
        read: impl FnOnce(&mut Table<'_>) -> R,
    ) -> Option<R> {
        if self.properties.is_some() {
            self.describe(key, about, || describe_root(read));
            return None;
        }
        self.known.push(key);
        let entries = self.entries_of(key)?;
        let span = self.key_span(key);
        Some(self.inside(vec![key], span, entries, read))
    }

    /// A table of tables, whose names are the writer's own: `[tasks.NAME]`. `names` is the schema of a name.
    pub(super) fn tables<R>(
        &mut self,
        key: &'static str,
        about: &'static str,
        names: fn() -> Json,
        mut read: impl FnMut(&mut Table<'_>) -> R,
    ) -> Vec<R> {
        self.describe(key, about, || {
            let table = describe_root(&mut read);
            json!({ "type": "object", "propertyNames": names(), "additionalProperties": table })
        });
        let Some(entries) = self.entries_of(key) else { return Vec::new() };
        let mut all = Vec::new();
        for (name, found) in entries {
            match found.get_ref() {
                DeValue::Table(entries) => {
                    all.push(self.inside(vec![key, name.get_ref()], name.span(), entries, &mut read))
                }
                _ => self.report_wrong(&[key, name.get_ref()], vec![unexpected(found, "a table")]),
            }
        }
        all
    }

    /// The table's own key: `api` for `[tasks.api]`.
    pub(super) fn key(&self) -> &str {
        self.path.last().copied().unwrap_or_default()
    }

    /// The place of the table's own key.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Whether the key is there, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Reports something wrong with the value of `key`, which is there and was read.
    pub(super) fn refuse(&mut self, key: &'static str, remedy: impl Into<String>) {
        let span = self.entries.get(key).map_or_else(|| self.span.clone(), |found| found.span());
        self.report_wrong(&[key], vec![Complaint { span, remedy: remedy.into() }]);
    }

    /// Reports something wrong at a place of its own.
    pub(super) fn report(&mut self, span: Span, title: impl Into<String>, remedy: impl Into<String>) {
        self.report.add(span, title, remedy);
    }

    /// How mistakes call it: `in [tasks.api]`.
    pub(super) fn place(&self) -> String {
        if self.path.is_empty() { "at the top level".to_owned() } else { format!("in [{}]", dotted(&self.path)) }
    }

    /// The place of a key, or of the table when it is not there.
    pub(super) fn key_span(&self, key: &str) -> Span {
        self.entries.get_key_value(key).map_or_else(|| self.span.clone(), |(key, _)| key.span())
    }

    fn take<K: Kind>(&mut self, key: &'static str, kind: &K) -> Option<K::Value> {
        kind.read(self.entries.get(key)?).map_err(|complaints| self.report_wrong(&[key], complaints)).ok()
    }

    fn entries_of(&mut self, key: &'static str) -> Option<&'a DeTable<'a>> {
        let found = self.entries.get(key)?;
        if let DeValue::Table(entries) = found.get_ref() {
            return Some(entries);
        }
        self.report_wrong(&[key], vec![unexpected(found, "a table")]);
        None
    }

    fn inside<R>(
        &mut self,
        more: Vec<&str>,
        span: Span,
        entries: &DeTable<'_>,
        read: impl FnOnce(&mut Table<'_>) -> R,
    ) -> R {
        let path = self.path.iter().copied().chain(more).collect();
        let mut table = Table::new(path, span, entries, self.report, false);
        let result = read(&mut table);
        table.report_unknown();
        result
    }

    fn report_wrong(&mut self, path: &[&str], complaints: Vec<Complaint>) {
        for Complaint { span, remedy } in complaints {
            self.report.add(span, format!("wrong value for `{}` {}", dotted(path), self.place()), remedy);
        }
    }

    fn report_unknown(&mut self) {
        for (key, _) in self.entries.iter().filter(|(key, _)| !self.known.contains(&key.get_ref().as_ref())) {
            let remedy = match nearest(key.get_ref(), self.known.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("expected one of {}", self.known.join(", ")),
            };
            let title = format!("unknown key `{}` {}", key.get_ref().escape_debug(), self.place());
            self.report.add(key.span(), title, remedy);
        }
    }

    fn describe(&mut self, key: &'static str, about: &'static str, schema: impl FnOnce() -> Json) {
        self.known.push(key);
        if let Some(properties) = &mut self.properties {
            let mut schema = schema();
            schema["description"] = about.into();
            properties.insert(key.to_owned(), schema);
        }
    }

    fn schema(self) -> Json {
        let mut schema = json!({
            "type": "object", "properties": self.properties.unwrap_or_default(), "additionalProperties": false,
        });
        if !self.required.is_empty() {
            schema["required"] = json!(self.required);
        }
        schema
    }
}

/// A path of keys as TOML writes it; safe to show whatever a key holds.
fn dotted(path: &[&str]) -> String {
    let bare =
        |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let written = path.iter().map(|key| if bare(key) { (*key).to_owned() } else { format!("{key:?}") });
    written.collect::<Vec<_>>().join(".")
}
