//! Writes the document of a draft as a stead.toml, as a person would: keys in a fixed order, small tables in one line,
//! the comments of the original where they stood.
//!
//! What is written is also what is run: `config` reads this text, and finds by [`WrittenDocument::origin`] where the original
//! has what it complains about.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Value;

use super::draft::{Branch, ConfigDraft, Item, ValueOrigin};
use super::source::Place;

/// What still fits into one line.
const WIDTH: usize = 110;

/// The order of the keys of a task; others follow in the order of the document.
const ORDER: &[&str] = &[
    // Of a task.
    "description",
    "command",
    "dir",
    "env_file",
    "env",
    "stdin",
    "tty",
    "user",
    "group",
    "umask",
    "nice",
    "autostart",
    "profiles",
    "replicas",
    "critical",
    "restart",
    "on_exhausted",
    "max_retries",
    "initial_backoff",
    "max_backoff",
    "reset_after",
    "intensity",
    "success_exit_codes",
    "schedule",
    "every",
    "time_zone",
    "overlap",
    "after",
    "ready",
    "live",
    "watch",
    "stop",
    "limits",
    "max_memory",
    // Of its tables.
    "tcp",
    "http",
    "exec",
    "log",
    "status",
    "headers",
    "paths",
    "ignore",
    "debounce",
    "signal",
    "only_parent",
    "delay",
    "interval",
    "timeout",
    "failure_threshold",
];

/// Tables whose keys are the writer's own: they are not shortened to `env.A = "b"`.
const FREE: [&str; 4] = ["env", "after", "ports", "headers"];

/// A comment of the original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comment {
    /// The file, and where the comment begins.
    pub(super) place: Place,
    /// What follows the sign.
    pub(super) text: String,
    /// Whether nothing stands before it in its line.
    pub(super) is_alone: bool,
}

/// A text, and where each part of it comes from.
#[derive(Debug, Default)]
pub(super) struct WrittenDocument {
    pub(super) text: String,
    /// Ranges of the text, outer before inner, with the places of the original.
    pub(super) origins: Vec<(Range<usize>, Place)>,
}

#[cfg(test)]
impl WrittenDocument {
    /// Where the original has what stands at `span`.
    pub(super) fn origin(&self, span: &Range<usize>) -> Option<&Place> {
        let holds = |range: &Range<usize>| range.start <= span.start && span.start < range.end.max(range.start + 1);
        let found = self.origins.iter().filter(|(range, _)| holds(range));
        found.min_by_key(|(range, _)| range.len()).map(|(_, place)| place)
    }
}

/// Writes the document of `draft`. With `comments`, those are carried over.
pub(super) fn write(draft: &ConfigDraft, header: &str, comments: &[Comment]) -> WrittenDocument {
    let mut writer = Writer { out: WrittenDocument::default(), comments: attach(draft, comments) };
    writer.out.text.push_str(header);
    let sections: Vec<_> = draft.root.entries.iter().collect();
    for (key, item) in sections.iter().filter(|(_, item)| matches!(item, Item::Leaf(..))) {
        writer.entry(key, item);
    }
    for (key, item) in sections {
        let Item::Branch(branch) = item else { continue };
        let holds_tables = matches!(key.as_str(), "tasks" | "groups" | "hooks");
        match holds_tables {
            true => branch.entries.iter().for_each(|(name, item)| writer.named(&[key, name], item)),
            false => writer.table(&[key], branch),
        }
    }
    writer.trailing();
    writer.out
}

/// Comments by the place of the entry above which they are written; those behind the last one have none.
type Attached = BTreeMap<Option<Place>, Vec<String>>;

/// Gives each comment to an entry that comes from its file: one alone to the next below, one behind something to the last
/// that stands no further down.
fn attach(draft: &ConfigDraft, comments: &[Comment]) -> Attached {
    let mut places: Vec<&Place> = Vec::new();
    collect_places(&draft.root, &mut places);
    places.sort();
    let line = |place: &Place| (place.file, draft.sources.line(place));
    let mut attached = Attached::new();
    for comment in comments {
        let at = line(&comment.place);
        let of_file = |place: &&&Place| place.file == at.0;
        let first_below = places.partition_point(|place| line(place) < at);
        let below = places.get(first_below).filter(of_file);
        let owner = match comment.is_alone {
            true => below,
            false => {
                let same = below.filter(|place| line(place) == at);
                let before = first_below.checked_sub(1).and_then(|last| places.get(last)).filter(of_file);
                same.or(before).or(below)
            }
        };
        attached.entry(owner.map(|place| (*place).clone())).or_default().push(comment.text.clone());
    }
    attached
}

fn collect_places<'a>(branch: &'a Branch, places: &mut Vec<&'a Place>) {
    for item in branch.entries.values() {
        match item {
            Item::Leaf(_, ValueOrigin { filled: None, place, .. }) => places.push(place),
            Item::Leaf(..) => {}
            Item::Branch(branch) => {
                places.extend(&branch.origin);
                collect_places(branch, places);
            }
        }
    }
}

struct Writer {
    out: WrittenDocument,
    comments: Attached,
}

impl Writer {
    /// `[tasks.NAME]` and what is in it.
    fn named(&mut self, path: &[&str], item: &Item) {
        match item {
            Item::Branch(branch) => self.table(path, branch),
            Item::Leaf(..) => {}
        }
    }

    fn table(&mut self, path: &[&str], branch: &Branch) {
        let is_free = path.last().is_some_and(|last| FREE.contains(last));
        let entries = if is_free { branch.entries.iter().collect() } else { ordered(branch) };
        if !self.out.text.is_empty() {
            self.out.text.push('\n');
        }
        self.carried(branch.origin.as_ref());
        let start = self.out.text.len();
        self.out.text.push_str(&format!("[{}]", dotted(path)));
        self.note(start, branch.origin.as_ref());
        self.out.text.push('\n');
        let (large, small): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(key, item)| !fits(key, item));
        for (key, item) in small {
            self.entry(key, item);
        }
        for (key, item) in large {
            let Item::Branch(inner) = item else { continue };
            let path: Vec<&str> = path.iter().copied().chain([key.as_str()]).collect();
            self.table(&path, inner);
        }
    }

    /// `KEY = VALUE`, in one line as far as it goes.
    fn entry(&mut self, key: &str, item: &Item) {
        match item {
            Item::Leaf(value, origin) => {
                self.carried(origin.filled.is_none().then_some(&origin.place));
                let start = self.out.text.len();
                self.out.text.push_str(&format!("{} = {}", bare(key), shown(value, key.len() + 3)));
                self.note(start, Some(&origin.place));
                self.out.text.push('\n');
            }
            Item::Branch(branch) => {
                self.carried_inside(branch);
                let start = self.out.text.len();
                match one_of(key, branch) {
                    Some((inner, item)) => {
                        self.out.text.push_str(&format!("{}.{} = ", bare(key), bare(inner)));
                        self.inline(item);
                    }
                    None => {
                        self.out.text.push_str(&format!("{} = ", bare(key)));
                        self.inline_table(branch);
                    }
                }
                self.note(start, branch.origin.as_ref());
                self.out.text.push('\n');
            }
        }
    }

    fn inline(&mut self, item: &Item) {
        match item {
            Item::Leaf(value, origin) => {
                let start = self.out.text.len();
                self.out.text.push_str(&value.to_string());
                self.note(start, Some(&origin.place));
            }
            Item::Branch(branch) => self.inline_table(branch),
        }
    }

    fn inline_table(&mut self, branch: &Branch) {
        let mut separator = "{ ";
        for (key, item) in ordered(branch) {
            self.out.text.push_str(separator);
            let start = self.out.text.len();
            self.out.text.push_str(&format!("{} = ", bare(key)));
            self.inline(item);
            self.note(start, place_of(item));
            separator = ", ";
        }
        self.out.text.push_str(if separator == ", " { " }" } else { "{}" });
    }

    /// Writes the comments that belong above what comes from `place`.
    fn carried(&mut self, place: Option<&Place>) {
        let Some(comments) = place.and_then(|place| self.comments.remove(&Some(place.clone()))) else { return };
        self.write_comments(&comments);
    }

    fn carried_inside(&mut self, branch: &Branch) {
        self.carried(branch.origin.as_ref());
        for item in branch.entries.values() {
            match item {
                Item::Leaf(_, origin) => self.carried(origin.filled.is_none().then_some(&origin.place)),
                Item::Branch(branch) => self.carried_inside(branch),
            }
        }
    }

    fn write_comments(&mut self, comments: &[String]) {
        for text in comments {
            // Anything else that ends a line, or that TOML does not allow in a comment, can't stand in one.
            let text: String = text.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect();
            self.out.text.push_str(format!("#{text}").trim_end());
            self.out.text.push('\n');
        }
    }

    /// Comments that belong to nothing: at the end.
    fn trailing(&mut self) {
        let left: Vec<String> = std::mem::take(&mut self.comments).into_values().flatten().collect();
        if !left.is_empty() {
            self.out.text.push('\n');
            self.write_comments(&left);
        }
    }

    fn note(&mut self, start: usize, place: Option<&Place>) {
        let end = self.out.text.len();
        self.out.origins.extend(place.map(|place| (start..end, place.clone())));
    }
}

/// What is in a table, in the order in which it is written.
fn ordered(branch: &Branch) -> Vec<(&String, &Item)> {
    let mut entries: Vec<_> = branch.entries.iter().filter(|(_, item)| !is_empty(item)).collect();
    let rank = |key: &str| ORDER.iter().position(|known| *known == key).unwrap_or(ORDER.len());
    entries.sort_by_key(|(key, _)| rank(key));
    entries
}

fn place_of(item: &Item) -> Option<&Place> {
    match item {
        Item::Leaf(_, origin) => Some(&origin.place),
        Item::Branch(branch) => branch.origin.as_ref(),
    }
}

/// The only entry of a table that is written as `KEY.INNER = VALUE`.
fn one_of<'a>(key: &str, branch: &'a Branch) -> Option<(&'a str, &'a Item)> {
    let mut entries = branch.entries.iter().filter(|(_, item)| !is_empty(item));
    let (inner, item) = entries.next()?;
    (entries.next().is_none() && !FREE.contains(&key)).then_some((inner.as_str(), item))
}

fn is_empty(item: &Item) -> bool {
    match item {
        Item::Leaf(..) => false,
        Item::Branch(branch) => branch.entries.values().all(is_empty),
    }
}

/// Whether an entry is written among the others of its table, and not as a table of its own.
fn fits(key: &str, item: &Item) -> bool {
    match item {
        Item::Leaf(..) => true,
        Item::Branch(branch) if one_of(key, branch).is_some() => true,
        Item::Branch(_) => key.len() + 3 + inline_width(item) <= WIDTH,
    }
}

fn inline_width(item: &Item) -> usize {
    match item {
        Item::Leaf(value, _) => {
            let text = value.to_string();
            if text.contains('\n') { WIDTH + 1 } else { text.chars().count() }
        }
        Item::Branch(branch) => {
            branch.entries.iter().map(|(key, item)| key.chars().count() + 5 + inline_width(item)).sum::<usize>() + 4
        }
    }
}

/// A value; an array that is too long for a line has a line for each element.
fn shown(value: &Value, indent: usize) -> String {
    let text = value.to_string();
    match value {
        Value::Array(elements) if indent + text.chars().count() > WIDTH && elements.len() > 3 => {
            let lines = elements.iter().map(|element| format!("    {element},\n"));
            format!("[\n{}]", lines.collect::<String>())
        }
        _ => text,
    }
}

/// A path of keys as TOML writes it: `tasks."worker.1".env`.
pub(super) fn dotted(path: &[impl AsRef<str>]) -> String {
    path.iter().map(|key| bare(key.as_ref())).collect::<Vec<_>>().join(".")
}

/// A key as TOML writes it.
fn bare(key: &str) -> String {
    let is_plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if is_plain { key.to_owned() } else { Value::from(key).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: usize) -> Place {
        Place::new(0, line * 2..line * 2 + 1)
    }

    fn draft() -> ConfigDraft {
        let mut draft = ConfigDraft::default();
        draft.sources.add("Procfile", "x\n".repeat(20));
        draft.table(&["tasks", "api"], &place(3));
        draft.take(&["tasks", "api", "stop", "timeout"], "5s", &place(5), "t");
        draft.take(&["tasks", "api", "env", "A"], "b", &place(6), "env");
        draft.take(&["tasks", "api", "command"], "say \"hi\"", &place(4), "command");
        draft.take(&["tasks", "api", "after", "a.b"], "ready", &place(7), "after");
        draft.take(&["tasks", "api", "ready", "http"], "http://127.0.0.1:1/", &place(8), "http");
        draft.fill(&["tasks", "api", "ready", "interval"], "10s", &place(3), "default");
        draft
    }

    fn comment(line: usize, text: &str, is_alone: bool) -> Comment {
        Comment { place: place(line), text: text.to_owned(), is_alone }
    }

    #[test]
    fn a_person_could_have_written_it() {
        insta::assert_snapshot!(write(&draft(), "", &[]).text, @r#"
        [tasks.api]
        command = 'say "hi"'
        env = { A = "b" }
        after = { "a.b" = "ready" }
        ready = { http = "http://127.0.0.1:1/", interval = "10s" }
        stop.timeout = "5s"
        "#);
    }

    #[test]
    fn comments_stay_with_what_they_stood_at() {
        let comments = [
            comment(0, " the top", true),
            comment(4, " how", false),
            comment(7, " why", true),
            comment(15, " end", true),
        ];
        insta::assert_snapshot!(write(&draft(), "", &comments).text, @r#"
        # the top
        [tasks.api]
        # how
        command = 'say "hi"'
        env = { A = "b" }
        # why
        after = { "a.b" = "ready" }
        ready = { http = "http://127.0.0.1:1/", interval = "10s" }
        stop.timeout = "5s"

        # end
        "#);
    }

    #[test]
    fn what_is_written_is_traced_to_the_original() {
        let written = write(&draft(), "# header\n", &[]);
        let at = |text: &str| {
            let start = written.text.find(text).unwrap();
            written.origin(&(start..start + text.len())).cloned()
        };
        assert_eq!(at("tasks.api"), Some(place(3)));
        assert_eq!(at("'say"), Some(place(4)));
        assert_eq!(at("\"http"), Some(place(8)));
        assert_eq!(at("\"10s"), Some(place(3)));
        assert_eq!(at("\"ready"), Some(place(7)));
        assert_eq!(at("header"), None);
    }

    #[test]
    fn large_tables_and_long_arrays_take_lines() {
        let mut draft = ConfigDraft::default();
        draft.sources.add("x", "");
        for name in ["A", "B", "C"] {
            draft.take(&["tasks", "a", "env", name], "x".repeat(40), &place(0), "env");
        }
        let words = ["one", "two", &"x".repeat(90), "four"].map(Value::from).to_vec();
        draft.take(&["tasks", "a", "command"], words, &place(0), "command");
        let text = write(&draft, "", &[]).text;
        assert!(text.contains("command = [\n    \"one\",\n"), "{text}");
        assert!(text.contains("]\n\n[tasks.a.env]\nA = \"xxx"), "{text}");
        assert!(toml::from_str::<toml::Table>(&text).is_ok());
    }
}
