//! What a file holds: its tables and values, each with its place among all files.

use indexmap::IndexMap;
use indexmap::map::Entry;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::report::Span;

/// A value with its place.
pub(super) type SpannedValue = Spanned<FileValue>;

/// A value of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum FileValue {
    Text(String),
    /// Digits with their sign, and what they are to the power of.
    Integer(String, u32),
    Float(String),
    Boolean(bool),
    Date,
    Array(Vec<SpannedValue>),
    Table(FileTable),
}

/// A table of a file, in the order in which it is written.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct FileTable(IndexMap<String, FileEntry>);

#[derive(Debug, Clone, PartialEq)]
struct FileEntry {
    key_span: Span,
    value: SpannedValue,
}

impl FileValue {
    pub(super) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn as_array(&self) -> Option<&[SpannedValue]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    pub(super) fn as_table(&self) -> Option<&FileTable> {
        if let Self::Table(table) = self { Some(table) } else { None }
    }
}

impl FileTable {
    /// What was read from the text that begins at `base` among all.
    pub(super) fn read(table: &DeTable<'_>, base: usize) -> Self {
        let entries = table.iter().map(|(key, value)| {
            let entry = FileEntry { key_span: moved(&key.span(), base), value: value_at(value, base) };
            (key.get_ref().to_string(), entry)
        });
        Self(entries.collect())
    }

    pub(super) fn get(&self, key: &str) -> Option<&SpannedValue> {
        self.0.get(key).map(|entry| &entry.value)
    }

    /// The value at the end of a path of keys.
    pub(super) fn find(&self, path: &[&str]) -> Option<&SpannedValue> {
        let (last, tables) = path.split_last()?;
        let table = tables.iter().try_fold(self, |table, key| table.get(key)?.get_ref().as_table())?;
        table.get(last)
    }

    /// The place of what a path of keys leads to: of the last key that is there, if it leads to nothing.
    pub(super) fn place(&self, path: &[&str]) -> Span {
        if let Some(found) = self.find(path) {
            return found.span();
        }
        let Some((last, tables)) = path.split_last() else { return 0..0 };
        let table = match tables.split_last() {
            None => Some(self),
            Some(_) => self.find(tables).and_then(|found| found.get_ref().as_table()),
        };
        let key = table.and_then(|table| table.key_span(last));
        key.or_else(|| self.last_key(tables)).unwrap_or(0..0)
    }

    /// The place of the last key of a path that is there.
    fn last_key(&self, path: &[&str]) -> Option<Span> {
        let (first, rest) = path.split_first()?;
        let entry = self.0.get(*first)?;
        let deeper = entry.value.get_ref().as_table().and_then(|table| table.last_key(rest));
        Some(deeper.unwrap_or_else(|| entry.key_span.clone()))
    }

    pub(super) fn key_span(&self, key: &str) -> Option<Span> {
        self.0.get(key).map(|entry| entry.key_span.clone())
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Every key, its place, and its value.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Span, &SpannedValue)> {
        self.0.iter().map(|(key, entry)| (key.as_str(), &entry.key_span, &entry.value))
    }

    /// Takes a key out, into a table of its own.
    pub(super) fn take(&mut self, key: &str) -> Option<Self> {
        self.0.shift_remove_entry(key).map(|entry| Self(IndexMap::from([entry])))
    }

    /// Replaces the value at the end of a path of keys, if there is one. It keeps its place.
    pub(super) fn replace(&mut self, path: &[&str], by: FileValue) {
        let Some((first, rest)) = path.split_first() else { return };
        let Some(entry) = self.0.get_mut(*first) else { return };
        match (entry.value.get_mut(), rest) {
            (value, []) => *value = by,
            (FileValue::Table(table), rest) => table.replace(rest, by),
            _ => {}
        }
    }

    /// The same table with each value replaced, in order.
    pub(super) fn map(&self, mut map: impl FnMut(&SpannedValue) -> SpannedValue) -> Self {
        let entries = self.0.iter().map(|(key, FileEntry { key_span, value })| {
            let entry = FileEntry { key_span: key_span.clone(), value: map(value) };
            (key.clone(), entry)
        });
        Self(entries.collect())
    }

    /// Lays another table over this one: tables merge by key, anything else is replaced. What both name keeps its rank,
    /// and has its place in the other.
    pub(super) fn merge(&mut self, over: Self) {
        for (key, over) in over.0 {
            match self.0.entry(key) {
                Entry::Vacant(vacant) => {
                    vacant.insert(over);
                }
                Entry::Occupied(mut base) => base.get_mut().merge(over),
            }
        }
    }
}

impl FileEntry {
    fn merge(&mut self, over: Self) {
        self.key_span = over.key_span;
        let span = over.value.span();
        match (self.value.get_mut(), over.value.into_inner()) {
            (FileValue::Table(base), FileValue::Table(over)) => base.merge(over),
            (_, over) => self.value = Spanned::new(span, over),
        }
    }
}

fn value_at(value: &Spanned<DeValue<'_>>, base: usize) -> SpannedValue {
    let own = match value.get_ref() {
        DeValue::String(text) => FileValue::Text(text.to_string()),
        DeValue::Integer(digits) => FileValue::Integer(digits.as_str().to_owned(), digits.radix()),
        DeValue::Float(digits) => FileValue::Float(digits.as_str().to_owned()),
        DeValue::Boolean(truth) => FileValue::Boolean(*truth),
        DeValue::Datetime(_) => FileValue::Date,
        DeValue::Array(items) => FileValue::Array(items.iter().map(|item| value_at(item, base)).collect()),
        DeValue::Table(table) => FileValue::Table(FileTable::read(table, base)),
    };
    Spanned::new(moved(&value.span(), base), own)
}

fn moved(span: &Span, by: usize) -> Span {
    span.start + by..span.end + by
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "
        env.A = 'base'
        [tasks.db]
        command = 'db'
        args = [1, 2]
        after = { x = 'ready' }
        [tasks.api]
        command = 'api'
    ";

    const OVER: &str = "
        [tasks.new]
        command = 'new'
        [tasks.api]
        dir = 'api'
        [tasks.db]
        args = [3]
        after.y = 'ready'
        command = ['db', 'over']
    ";

    /// `OVER` over `BASE`, as if `OVER` began where `BASE` ends.
    fn merged() -> FileTable {
        let read = |text, base| FileTable::read(DeTable::parse(text).unwrap().get_ref(), base);
        let mut merged = read(BASE, 0);
        merged.merge(read(OVER, BASE.len()));
        merged
    }

    fn table<'a>(of: &'a FileTable, path: &[&str]) -> &'a FileTable {
        path.iter().fold(of, |table, key| table.get(key).unwrap().get_ref().as_table().unwrap())
    }

    #[test]
    fn tables_merge_by_key_and_anything_else_is_replaced() {
        let merged = merged();
        let keys = |path: &[&str]| table(&merged, path).keys().collect::<Vec<_>>().join(" ");
        assert_eq!(keys(&[]), "env tasks");
        assert_eq!(keys(&["tasks"]), "db api new");
        assert_eq!(keys(&["tasks", "db"]), "command args after");
        assert_eq!(keys(&["tasks", "db", "after"]), "x y");
        assert_eq!(keys(&["tasks", "api"]), "command dir");
        let db = table(&merged, &["tasks", "db"]);
        assert_eq!(db.get("command").unwrap().get_ref().as_array().unwrap().len(), 2);
        assert_eq!(db.get("args").unwrap().get_ref().as_array().unwrap().len(), 1);
    }

    #[test]
    fn every_place_is_where_it_was_written() {
        let (merged, text) = (merged(), [BASE, OVER].concat());
        let place = |name: &str, key: &str| {
            let task = table(&merged, &["tasks", name]);
            (task.key_span(key).unwrap().start, &text[task.get(key).unwrap().span()])
        };
        assert_eq!(place("api", "command").1, "'api'");
        assert_eq!(place("db", "command"), (text.rfind("command").unwrap(), "['db', 'over']"));
        let command = table(&merged, &["tasks", "db"]).get("command").unwrap();
        assert_eq!(&text[command.get_ref().as_array().unwrap()[1].span()], "'over'");
        assert_eq!(table(&merged, &["tasks"]).key_span("api").unwrap().start, text.rfind("api]").unwrap());
    }
}
