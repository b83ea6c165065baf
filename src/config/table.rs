//! One table of the file while it is read.
//!
//! A reader of a table names each key once, with its kind and what it means. That one line takes the value,
//! fills in its variables, makes the key known (a key that is not named is reported as unknown), and describes it for the
//! JSON Schema: the schema is what the readers say of themselves over an empty file, so it can't differ from them.
//!
//! Nothing here knows a key of its own.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use toml::Spanned;

use super::expand::place_in_source;
use super::fill::{BadText, fill};
use super::kind::{Complaint, Given, Kind, unexpected};
use super::nearest::nearest;
use super::report::{MistakeReport, Span};
use super::scope::Scope;
use super::sources::SourceFiles;
use super::value::{FileTable, SpannedValue};

/// A table, and the report on it.
pub(super) struct Table<'a> {
    /// The keys that lead here.
    path: Vec<&'a str>,
    /// Where it is named.
    span: Span,
    entries: &'a FileTable,
    known: Vec<&'static str>,
    foreign: &'static [Foreign],
    missing: Vec<Missing>,
    /// What to write where a table is meant and something shorter is given, by key.
    shorthands: Vec<(&'static str, String)>,
    /// The schema's properties; only while the readers describe themselves.
    properties: Option<Map<String, Json>>,
    required: Vec<&'static str>,
    /// Whether all of its keys have been read before, and only some are now.
    rereads: bool,
    /// What the variables in its values stand for.
    pub(super) scope: Scope,
    report: &'a mut MistakeReport,
}

/// A key that other tools have, and the answer to it.
pub(super) struct Foreign {
    /// What people write who know another tool.
    pub(super) words: &'static [&'static str],
    /// The key for it; empty if there is none.
    pub(super) key: &'static str,
    /// What to write.
    pub(super) remedy: &'static str,
}

/// A key that is not there, or one of several.
struct Missing {
    keys: Vec<&'static str>,
    title: String,
    remedy: String,
}

/// One entry of a table whose keys are the writer's own.
pub(super) struct MapEntry<T> {
    /// The key.
    pub(super) key: String,
    /// The key's place.
    pub(super) span: Span,
    /// The value; nothing when it is wrong and reported.
    pub(super) value: Option<T>,
}

/// Reads the outermost table, and reports its unknown keys.
pub(super) fn read_root<R>(
    entries: &FileTable,
    scope: Scope,
    report: &mut MistakeReport,
    read: impl FnOnce(&mut Table<'_>) -> R,
) -> R {
    let mut root = Table::new(Vec::new(), 0..0, entries, scope, report);
    let result = read(&mut root);
    root.finish();
    result
}

/// Reads some keys of what was read before: unknown and missing keys are reported already.
pub(super) fn reread_root<R>(
    entries: &FileTable,
    scope: Scope,
    report: &mut MistakeReport,
    read: impl FnOnce(&mut Table<'_>) -> R,
) -> R {
    read(&mut Table { rereads: true, ..Table::new(Vec::new(), 0..0, entries, scope, report) })
}

/// What `read` says of the table it reads: its JSON Schema.
pub(super) fn describe_root<R>(read: impl FnOnce(&mut Table<'_>) -> R) -> Json {
    let sources = SourceFiles::new(PathBuf::new(), PathBuf::new(), String::new());
    let mut report = MistakeReport::new(Arc::new(sources));
    let entries = FileTable::default();
    let root = Table::new(Vec::new(), 0..0, &entries, Scope::inheriting([]), &mut report);
    let mut root = Table { properties: Some(Map::new()), ..root };
    read(&mut root);
    root.schema()
}

impl<'a> Table<'a> {
    fn new(
        path: Vec<&'a str>,
        span: Span,
        entries: &'a FileTable,
        scope: Scope,
        report: &'a mut MistakeReport,
    ) -> Self {
        Self {
            path,
            span,
            entries,
            known: Vec::new(),
            foreign: &[],
            missing: Vec::new(),
            shorthands: Vec::new(),
            properties: None,
            required: Vec::new(),
            rereads: false,
            scope,
            report,
        }
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

    /// A value that has a default that can't be shown: what `value` holds.
    pub(super) fn set<K: Kind>(&mut self, key: &'static str, kind: &K, about: &'static str, value: &mut K::Value) {
        if let Some(found) = self.get(key, kind, about) {
            *value = found;
        }
    }

    /// A value that can't be left out.
    pub(super) fn require<K: Kind>(&mut self, key: &'static str, kind: &K, about: &'static str) -> Option<K::Value> {
        self.required.push(key);
        if !self.has(key) {
            let title = format!("`{key}` is missing {}", self.place());
            self.report_missing(&[key], title, format!("expected `{key}`. {about}"));
        }
        self.get(key, kind, about)
    }

    /// Reports what is wrong because none of `keys` is there: but not where the file meant to write one.
    pub(super) fn report_missing(
        &mut self,
        keys: &[&'static str],
        title: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.missing.push(Missing { keys: keys.to_vec(), title: title.into(), remedy: remedy.into() });
    }

    /// Reports that there is not exactly one of `keys`. `what` they are is put into words: "check".
    pub(super) fn require_one(&mut self, keys: &[&'static str], what: &str) {
        let there: Vec<_> = keys.iter().copied().filter(|key| self.has(key)).collect();
        let names: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
        let (last, first) = names.split_last().map_or(("", &[][..]), |(last, first)| (last.as_str(), first));
        let remedy = format!("expected exactly one of {} and {last}", first.join(", "));
        match there.as_slice() {
            [_] => {}
            [] => {
                let title = format!("no {what} {}", self.place());
                self.report_missing(keys, title, remedy);
            }
            [_, second, ..] => {
                let title = format!("more than one {what} {}", self.place());
                self.report.add(self.key_span(second), title, remedy);
            }
        }
    }

    /// Makes known what people write who know other tools.
    pub(super) fn knows(&mut self, foreign: &'static [Foreign]) {
        self.foreign = foreign;
    }

    /// Makes known how what is short for the table at `key`, a text or an array, is written in full. Before the table is read.
    pub(super) fn knows_shorthand(&mut self, key: &'static str, full: impl Fn(&str) -> Option<String>) {
        let written = self.entries.get(key).map(Spanned::get_ref);
        let text = written.and_then(|value| value.as_text().or_else(|| value.as_array()?.first()?.get_ref().as_text()));
        if let Some(full) = text.and_then(full) {
            self.shorthands.push((key, full));
        }
    }

    /// A table whose keys are the writer's own, each with a value of one kind.
    pub(super) fn map<K: Kind>(&mut self, key: &'static str, kind: &K, about: &'static str) -> Vec<MapEntry<K::Value>> {
        self.describe_map(key, kind, about);
        self.take_map(key, kind, |_, _| {})
    }

    /// Reads such a table, whose key is made known elsewhere. `each` is given every entry before the next one is read.
    pub(super) fn take_map<K: Kind>(
        &mut self,
        key: &'static str,
        kind: &K,
        mut each: impl FnMut(&mut Self, &MapEntry<K::Value>),
    ) -> Vec<MapEntry<K::Value>> {
        let Some(entries) = self.entries_of(key) else { return Vec::new() };
        let mut read = Vec::new();
        for (name, span, written) in entries.iter() {
            let value = self.read_value(&[key, name], written, kind);
            let entry = MapEntry { key: name.to_owned(), span: span.clone(), value };
            each(self, &entry);
            read.push(entry);
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
        for (name, span, found) in entries.iter() {
            match found.get_ref().as_table() {
                Some(entries) => all.push(self.inside(vec![key, name], span.clone(), entries, &mut read)),
                None => self.report_wrong(&[key, name], vec![unexpected(found, "a table")]),
            }
        }
        all
    }

    /// Some keys of a table that is read as a whole elsewhere.
    pub(super) fn peek<R>(&mut self, key: &'static str, read: impl FnOnce(&mut Table<'_>) -> R) -> Option<R> {
        let entries = self.entries.get(key)?.get_ref().as_table()?;
        let (scope, path) = (self.scope.clone(), self.path.iter().copied().chain([key]).collect());
        let table = Table::new(path, self.key_span(key), entries, scope, self.report);
        Some(read(&mut Table { rereads: true, ..table }))
    }

    /// One table of a table of tables.
    pub(super) fn table_of<R>(
        &mut self,
        key: &'static str,
        name: &str,
        read: impl FnOnce(&mut Table<'_>) -> R,
    ) -> Option<R> {
        let entries = self.entries_of(key)?;
        let table = entries.get(name)?.get_ref().as_table()?;
        Some(self.inside(vec![key, name], entries.key_span(name)?, table, read))
    }

    /// Reads this table once more, with other variables. What is unknown or missing is reported already.
    pub(super) fn again<R>(&mut self, scope: Scope, read: impl FnOnce(&mut Table<'_>) -> R) -> R {
        let table = Table::new(self.path.clone(), self.span.clone(), self.entries, scope, self.report);
        read(&mut Table { rereads: true, ..table })
    }

    /// How much is reported so far.
    pub(super) fn mistakes(&self) -> usize {
        self.report.count()
    }

    /// The table's own key: `api` for `[tasks.api]`.
    pub(super) fn key(&self) -> &str {
        self.path.last().copied().unwrap_or_default()
    }

    /// The place of the table's own key.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// The value of a key as it is written.
    pub(super) fn written(&self, key: &str) -> Option<&'a SpannedValue> {
        self.entries.get(key)
    }

    /// Whether the key is there, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains(key)
    }

    /// Whether there is anything below the key, right or wrong.
    pub(super) fn has_entries(&self, key: &str) -> bool {
        self.entries.get(key).is_some_and(|found| found.get_ref().as_table().is_none_or(|table| !table.is_empty()))
    }

    /// The names below a key, right or wrong, and those below a key that was probably meant to be it. Called when all
    /// keys are known.
    pub(super) fn names_in(&self, key: &str) -> BTreeSet<String> {
        let is_meant = |word: &str| word == key || !self.is_known(word) && self.answer(word).0 == Some(key);
        let meant = self.entries.iter().filter(|(word, ..)| is_meant(word));
        let tables = meant.filter_map(|(.., found)| found.get_ref().as_table());
        tables.flat_map(|table| table.keys().map(str::to_owned)).collect()
    }

    fn is_known(&self, key: &str) -> bool {
        self.known.contains(&key)
    }

    /// Reports something wrong with the value of `key`, which is there and was read.
    pub(super) fn refuse(&mut self, key: &'static str, remedy: impl Into<String>) {
        let span = self.entries.get(key).map_or_else(|| self.span.clone(), Spanned::span);
        self.report_wrong(&[key], vec![Complaint { span, remedy: remedy.into() }]);
    }

    /// Reports something wrong at a place of its own.
    pub(super) fn report(&mut self, span: Span, title: impl Into<String>, remedy: impl Into<String>) {
        self.report.add(span, title, remedy);
    }

    /// The files that it is read from.
    pub(super) fn sources(&self) -> &SourceFiles {
        self.report.sources()
    }

    /// How mistakes call it: `in [tasks.api]`.
    pub(super) fn place(&self) -> String {
        if self.path.is_empty() { "at the top level".to_owned() } else { format!("in {}", self.header(&[])) }
    }

    /// How it, or a table within it, is written: `[tasks.api]`.
    pub(super) fn header(&self, within: &[&str]) -> String {
        format!("[{}]", dotted(&[&self.path, within].concat()))
    }

    /// The place of a key, or of the table when it is not there.
    pub(super) fn key_span(&self, key: &str) -> Span {
        self.entries.key_span(key).unwrap_or_else(|| self.span.clone())
    }

    /// Reads a value, of a key that is made known elsewhere.
    pub(super) fn take<K: Kind>(&mut self, key: &'static str, kind: &K) -> Option<K::Value> {
        self.read_value(&[key], self.entries.get(key)?, kind)
    }

    /// Reads a value of this table. None when it is wrong and reported.
    fn read_value<K: Kind>(&mut self, path: &[&str], written: &SpannedValue, kind: &K) -> Option<K::Value> {
        let filled = match fill(written, &self.scope) {
            Ok(filled) => filled.map_or(Cow::Borrowed(written), Cow::Owned),
            Err(bad) => {
                self.report_expansion(path, &bad);
                return None;
            }
        };
        let sources = Arc::clone(self.report.sources());
        let given = Given { written, filled: &filled, dir: sources.dir(&written.span()) };
        kind.read(&given).map_err(|complaints| self.report_wrong(path, complaints)).ok()
    }

    fn entries_of(&mut self, key: &'static str) -> Option<&'a FileTable> {
        let found = self.entries.get(key)?;
        let entries = found.get_ref().as_table();
        if entries.is_none() {
            let Complaint { span, remedy } = unexpected(found, "a table");
            let full = self.shorthands.iter().find(|(short, _)| *short == key);
            let remedy = full.map_or(remedy.clone(), |(_, full)| format!("{remedy}; write {full}"));
            self.report_wrong(&[key], vec![Complaint { span, remedy }]);
        }
        entries
    }

    fn inside<R>(
        &mut self,
        more: Vec<&str>,
        span: Span,
        entries: &FileTable,
        read: impl FnOnce(&mut Table<'_>) -> R,
    ) -> R {
        let path = self.path.iter().copied().chain(more).collect();
        let rereads = self.rereads;
        let mut table = Table { rereads, ..Table::new(path, span, entries, self.scope.clone(), self.report) };
        let result = read(&mut table);
        table.finish();
        result
    }

    fn report_wrong(&mut self, path: &[&str], complaints: Vec<Complaint>) {
        for Complaint { span, remedy } in complaints {
            self.report.add(span, format!("wrong value for `{}` {}", dotted(path), self.place()), remedy);
        }
    }

    /// Reports a variable at its own place in the string, where that is known.
    fn report_expansion(&mut self, path: &[&str], BadText { text, span, bad }: &BadText<'_>) {
        let raw = self.report.sources().written(span);
        let place = place_in_source(raw, text, &bad.at).map(|place| span.start + place.start..span.start + place.end);
        let title = format!("{}, in `{}` {}", bad.title, dotted(path), self.place());
        self.report.add(place.unwrap_or_else(|| span.clone()), title, &bad.remedy);
    }

    /// Reports keys that are unknown, and those that are missing: but not the right key beside the wrong one that
    /// the file gives for it.
    fn finish(mut self) {
        if self.rereads {
            return;
        }
        let mut meant = Vec::new();
        for (key, span, _) in self.entries.iter() {
            if self.is_known(key) {
                continue;
            }
            let (known, remedy) = self.answer(key);
            meant.extend(known);
            let title = format!("unknown key `{}` {}", key.escape_debug(), self.place());
            self.report.add(span.clone(), title, remedy);
        }
        for Missing { keys, title, remedy } in std::mem::take(&mut self.missing) {
            if !keys.iter().any(|key| meant.contains(key)) {
                self.report.add_missing(self.span.clone(), title, remedy);
            }
        }
    }

    /// The key that an unknown one was probably meant to be, and what to say of it.
    fn answer(&self, key: &str) -> (Option<&'static str>, String) {
        let foreign = |word: &str| self.foreign.iter().find(|foreign| foreign.words.contains(&word));
        let near_foreign = || nearest(key, self.foreign.iter().flat_map(|foreign| foreign.words.iter().copied()));
        if let Some(foreign) = foreign(key) {
            return (Some(foreign.key), foreign.remedy.to_owned());
        }
        if let Some(known) = nearest(key, self.known.iter().copied()) {
            return (self.known.iter().copied().find(|word| *word == known), format!("did you mean `{known}`?"));
        }
        match near_foreign().and_then(foreign) {
            Some(foreign) => (Some(foreign.key), foreign.remedy.to_owned()),
            None => (None, format!("expected one of {}", self.known.join(", "))),
        }
    }

    /// Makes the key of a table known whose keys are the writer's own.
    pub(super) fn describe_map<K: Kind>(&mut self, key: &'static str, kind: &K, about: &'static str) {
        self.describe(key, about, || json!({ "type": "object", "additionalProperties": kind.schema() }));
    }

    /// Makes a key known.
    pub(super) fn describe(&mut self, key: &'static str, about: &'static str, schema: impl FnOnce() -> Json) {
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
