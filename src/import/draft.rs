//! What a reader makes of a file: a document in the language of stead.toml, and what is to be said about it.
//!
//! Every value of the document knows the place of the original that it comes from, and whether it was taken from there or
//! filled in. Nothing is judged here: `config` does that.

use std::collections::{BTreeMap, HashMap, HashSet};

use indexmap::IndexMap;
use toml::Value;

use super::source::{OriginalFiles, Place};

/// The longest name that is kept: shorter than the limit, to leave room for what makes it unique.
const NAME_KEPT: usize = 48;

/// The most values of a document, and the most that is said about one: more can't have been written by a person.
const VALUES_LIMIT: usize = 20_000;

/// The most processes of a file.
const PROCESSES_LIMIT: usize = 2_000;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ValueOrigin {
    /// The place in the original.
    pub(super) place: Place,
    /// What stands there, in the words of the original: `processes.api.availability.restart`.
    pub(super) key: String,
    /// Why it is filled in, when it is not taken from there.
    pub(super) filled: Option<String>,
}

/// One entry of a table.
#[derive(Debug, Clone)]
pub(super) enum Item {
    /// A value.
    Leaf(Value, ValueOrigin),
    /// A table.
    Branch(Branch),
}

/// A table.
#[derive(Debug, Clone, Default)]
pub(super) struct Branch {
    /// In the order in which they are written.
    pub(super) entries: IndexMap<String, Item>,
    /// Where its name stands.
    pub(super) origin: Option<Place>,
}

/// How much it matters that something is not honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Nothing that a process or its user would notice, most likely.
    Minor,
    /// Worth saying whenever it is run.
    Notable,
    /// Something else runs than under the original tool.
    ChangesWhatRuns,
}

/// Something that stead can't do, or that is not meant as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Where it stands.
    pub(super) place: Place,
    /// What stands there, in the words of the original.
    pub key: String,
    /// What becomes of it.
    pub what: String,
    /// How much it matters.
    pub weight: Weight,
}

/// Something that is wrong with the original, under its own tool too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OriginalMistake {
    /// Where it stands.
    pub(super) place: Place,
    /// What is wrong.
    pub(super) title: String,
    /// What would be right.
    pub(super) remedy: String,
}

/// A translation in the making.
#[derive(Debug, Clone, Default)]
pub(super) struct ConfigDraft {
    pub(super) sources: OriginalFiles,
    /// The tool that would run it, if its kind does not say so.
    pub(super) tool: Option<String>,
    pub(super) root: Branch,
    pub(super) dropped: Vec<Dropped>,
    pub(super) mistakes: Vec<OriginalMistake>,
    /// Variables whose values are known only when it is run, and are never written to a file, by the keys of their table.
    pub(super) overlay: Vec<(Vec<String>, String)>,
    /// What the original calls things, with the tasks that are meant.
    pub(super) aliases: BTreeMap<String, Vec<String>>,
    /// The names of the tasks, each with the number that the next of its kind gets.
    names: HashMap<String, usize>,
    /// What was said: the place, the title and the explanation.
    said: HashSet<(Place, String, String)>,
    values: usize,
}

impl ConfigDraft {
    /// Puts a value that was taken from the original.
    pub(super) fn take(&mut self, path: &[&str], value: impl Into<Value>, place: &Place, key: impl Into<String>) {
        self.put(path, value.into(), ValueOrigin { place: place.clone(), key: key.into(), filled: None });
    }

    /// Puts a value that the original does not have and its tool would assume.
    pub(super) fn fill(&mut self, path: &[&str], value: impl Into<Value>, place: &Place, why: impl Into<String>) {
        let key = path.join(".");
        self.put(path, value.into(), ValueOrigin { place: place.clone(), key, filled: Some(why.into()) });
    }

    fn put(&mut self, path: &[&str], value: Value, origin: ValueOrigin) {
        if !self.has_room(&origin.place) {
            return;
        }
        let (last, tables) = path.split_last().expect("a path has at least one key");
        let table = self.root.table(tables, &origin.place);
        table.entries.insert((*last).to_owned(), Item::Leaf(value, origin));
    }

    /// Counts one more value. It is a mistake if there are too many.
    fn has_room(&mut self, place: &Place) -> bool {
        self.values += 1;
        if self.values == VALUES_LIMIT + 1 {
            self.mistakes.push(OriginalMistake {
                place: place.clone(),
                title: "too much stands here".to_owned(),
                remedy: format!("at most {VALUES_LIMIT} values are read"),
            });
        }
        self.values <= VALUES_LIMIT
    }

    /// Sets a variable in the table at `table` when it is run.
    pub(super) fn lay_over(&mut self, table: &[&str], name: &str, value: &str) {
        let path = table.iter().map(|key| (*key).to_owned()).chain([name.to_owned()]);
        self.overlay.push((path.collect(), value.to_owned()));
    }

    /// Begins a table, so that it stands where the original has it.
    pub(super) fn table(&mut self, path: &[&str], place: &Place) {
        self.root.table(path, place).origin = Some(place.clone());
    }

    /// Adds to the list of what is not honoured.
    pub(super) fn drop(&mut self, weight: Weight, place: &Place, key: impl Into<String>, what: impl Into<String>) {
        let dropped = Dropped { place: place.clone(), key: key.into(), what: what.into(), weight };
        if self.has_room(place) && self.said.insert((place.clone(), dropped.key.clone(), dropped.what.clone())) {
            self.dropped.push(dropped);
        }
    }

    /// Reports a mistake of the original.
    pub(super) fn refuse(&mut self, place: &Place, title: impl Into<String>, remedy: impl Into<String>) {
        let mistake = OriginalMistake { place: place.clone(), title: title.into(), remedy: remedy.into() };
        let said = (place.clone(), mistake.title.clone(), mistake.remedy.clone());
        if self.has_room(place) && self.said.insert(said) {
            self.mistakes.push(mistake);
        }
    }

    /// Whether a file declares no more processes than are read; it is a mistake if it does.
    pub(super) fn takes_processes(&mut self, count: usize, place: &Place) -> bool {
        if count > PROCESSES_LIMIT {
            self.refuse(place, "too many processes", format!("at most {PROCESSES_LIMIT} are read"));
        }
        count <= PROCESSES_LIMIT
    }

    /// A name that a task can have and none has yet.
    pub(super) fn task_name(&mut self, wanted: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '.' { c } else { '-' };
        let starts = |c: &char| matches!(c, '-' | '.');
        let mut name: String = wanted.chars().map(plain).skip_while(starts).take(NAME_KEPT).collect();
        name.truncate(name.trim_end_matches('-').len());
        if name.is_empty() {
            name.push_str("task");
        }
        let first = self.names.get(&name).copied();
        let unique = (first.unwrap_or(2)..).map(|number| (format!("{name}-{number}"), number + 1));
        let mut all = first.is_none().then(|| (name.clone(), 2)).into_iter().chain(unique);
        let (unique, next) =
            all.find(|(unique, _)| !self.names.contains_key(unique)).expect("numbers don't run out before names do");
        drop(all);
        self.names.insert(name, next);
        self.names.entry(unique.clone()).or_insert(2);
        unique
    }

    /// The value at a path.
    pub(super) fn get(&self, path: &[&str]) -> Option<&Value> {
        let (last, tables) = path.split_last()?;
        let mut table = &self.root;
        for key in tables {
            table = match table.entries.get(*key)? {
                Item::Branch(branch) => branch,
                Item::Leaf(..) => return None,
            };
        }
        match table.entries.get(*last)? {
            Item::Leaf(value, _) => Some(value),
            Item::Branch(_) => None,
        }
    }
}

impl Branch {
    /// The table at a path; it is made if it is not there.
    fn table(&mut self, path: &[&str], place: &Place) -> &mut Branch {
        let Some((first, rest)) = path.split_first() else { return self };
        let made = || Item::Branch(Branch { entries: IndexMap::new(), origin: Some(place.clone()) });
        let entry = self.entries.entry((*first).to_owned()).or_insert_with(made);
        if let Item::Leaf(..) = entry {
            *entry = made();
        }
        match entry {
            Item::Branch(branch) => branch.table(rest, place),
            Item::Leaf(..) => unreachable!("it was just made a table"),
        }
    }

    /// Every value with the keys that lead to it, in the order of the document.
    pub(super) fn leaves(&self) -> Vec<(Vec<&str>, &Value, &ValueOrigin)> {
        let mut all = Vec::new();
        self.collect(&mut Vec::new(), &mut all);
        all
    }

    fn collect<'a>(&'a self, path: &mut Vec<&'a str>, all: &mut Vec<(Vec<&'a str>, &'a Value, &'a ValueOrigin)>) {
        for (key, item) in &self.entries {
            path.push(key);
            match item {
                Item::Leaf(value, origin) => all.push((path.clone(), value, origin)),
                Item::Branch(branch) => branch.collect(path, all),
            }
            path.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_fit_and_kept_apart() {
        let mut draft = ConfigDraft::default();
        let names = ["web", "a:b", "a b", "a-b", "--", "é", "Tailwind (v3)", "a.b", &"x".repeat(99)];
        let names = names.map(|name| draft.task_name(name));
        assert_eq!(names[..8], ["web", "a-b", "a-b-2", "a-b-3", "task", "task-2", "Tailwind--v3", "a.b"]);
        assert_eq!(names[8].len(), NAME_KEPT);
    }

    #[test]
    fn a_document_keeps_the_order_in_which_it_was_made() {
        let mut draft = ConfigDraft::default();
        let place = Place::new(0, 0..0);
        draft.take(&["tasks", "b", "command"], "x", &place, "b");
        draft.fill(&["tasks", "a", "stop", "timeout"], "5s", &place, "because");
        draft.take(&["tasks", "b", "dir"], "y", &place, "dir");
        let paths: Vec<_> = draft.root.leaves().into_iter().map(|(path, ..)| path.join(".")).collect();
        assert_eq!(paths, ["tasks.b.command", "tasks.b.dir", "tasks.a.stop.timeout"]);
        assert_eq!(draft.get(&["tasks", "b", "dir"]), Some(&"y".into()));
    }
}
