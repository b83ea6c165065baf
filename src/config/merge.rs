//! Lays one table over another, and moves the places of a table that was read from a text of its own.

use indexmap::IndexMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::report::Span;

/// Lays `over` over `base`: tables merge by key, anything else is replaced. What `base` names keeps its order, and comes
/// first. A key that both name has its place in `over`.
pub(super) fn merge<'i>(base: DeTable<'i>, over: DeTable<'i>) -> DeTable<'i> {
    let over = over.into_iter().map(|(key, value)| (key.get_ref().to_string(), Some((key, value))));
    let mut over: IndexMap<String, Option<_>> = over.collect();
    let mut merged = DeTable::new();
    for (key, value) in base {
        let (key, value) = match over.get_mut(key.get_ref().as_ref()).and_then(Option::take) {
            Some((over_key, over_value)) => (over_key, merge_values(value, over_value)),
            None => (key, value),
        };
        merged.insert(key, value);
    }
    merged.extend(over.into_values().flatten());
    merged
}

fn merge_values<'i>(base: Spanned<DeValue<'i>>, over: Spanned<DeValue<'i>>) -> Spanned<DeValue<'i>> {
    let span = over.span();
    match (base.into_inner(), over.into_inner()) {
        (DeValue::Table(base), DeValue::Table(over)) => Spanned::new(span, DeValue::Table(merge(base, over))),
        (_, over) => Spanned::new(span, over),
    }
}

/// The same table with every place moved on by `by` bytes.
pub(super) fn shifted(table: DeTable<'_>, by: usize) -> DeTable<'_> {
    table
        .into_iter()
        .map(|(key, value)| (Spanned::new(moved(&key.span(), by), key.into_inner()), moved_value(value, by)))
        .collect()
}

fn moved_value(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = moved(&value.span(), by);
    let value = match value.into_inner() {
        DeValue::Table(table) => DeValue::Table(shifted(table, by)),
        DeValue::Array(items) => DeValue::Array(items.into_iter().map(|item| moved_value(item, by)).collect()),
        scalar @ (DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)) => scalar,
    };
    Spanned::new(span, value)
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
    fn merged() -> DeTable<'static> {
        let parse = |text| DeTable::parse(text).unwrap().into_inner();
        merge(parse(BASE), shifted(parse(OVER), BASE.len()))
    }

    fn table<'a>(of: &'a DeTable<'static>, path: &[&str]) -> &'a DeTable<'static> {
        path.iter().fold(of, |table, key| table.get(*key).unwrap().get_ref().as_table().unwrap())
    }

    #[test]
    fn tables_merge_by_key_and_anything_else_is_replaced() {
        let merged = merged();
        let keys = |path: &[&str]| {
            let keys: Vec<_> = table(&merged, path).keys().map(|key| key.get_ref().to_string()).collect();
            keys.join(" ")
        };
        assert_eq!(keys(&[]), "env tasks");
        assert_eq!(keys(&["tasks"]), "db api new");
        assert_eq!(keys(&["tasks", "db"]), "command args after");
        assert_eq!(keys(&["tasks", "db", "after"]), "x y");
        assert_eq!(keys(&["tasks", "api"]), "command dir");
        let db = table(&merged, &["tasks", "db"]);
        assert!(db.get("command").unwrap().get_ref().is_array());
        assert_eq!(db.get("args").unwrap().get_ref().as_array().unwrap().len(), 1);
    }

    #[test]
    fn every_place_is_where_it_was_written() {
        let (merged, text) = (merged(), [BASE, OVER].concat());
        let tasks = table(&merged, &["tasks"]);
        let place = |name: &str, key: &str| {
            let (key, value) = table(tasks, &[name]).get_key_value(key).unwrap();
            (key.span(), &text[value.span()])
        };
        assert_eq!(place("api", "command").1, "'api'");
        assert_eq!(place("db", "command").1, "['db', 'over']");
        assert_eq!(place("db", "command").0.start, text.rfind("command").unwrap());
        let program = table(tasks, &["db"]).get("command").unwrap().get_ref().as_array().unwrap();
        assert_eq!(&text[program.get(1).unwrap().span()], "'over'");
        let (api, _) = tasks.get_key_value("api").unwrap();
        assert_eq!(api.span().start, text.rfind("api]").unwrap());
    }
}
