//! YAML as a tree that knows its places and comments.
//!
//! The only module that knows the parser's crate. Scalars stay the text that was written: what `no` or `012` means is for
//! each tool to say. Nothing here can be made to take much time or memory: the size of a file, its depth, its nodes and
//! what merge keys copy are limited, and an alias is a reference and no copy.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use granit_parser::{Event, Parser, ScalarStyle, Tag};

use super::draft::OriginalMistake;
use super::source::Place;
use super::write::Comment;

/// The most nodes of a document.
const NODES_LIMIT: usize = 100_000;

/// The most entries that merge keys copy, in the whole document.
const MERGED_LIMIT: usize = 10_000;

/// One value and its place.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) value: YamlValue,
    pub(super) place: Place,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum YamlValue {
    /// Anything that is written as text; also nothing.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Rc<Node>>),
    /// Keys with their values, merge keys resolved. Keys are unique.
    Mapping(Vec<(Rc<Node>, Rc<Node>)>),
}

/// A text as it is written, after the escapes of quotes.
#[derive(Debug)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// The same scalar of the other text, where the document was read from two: see [`parse_both`].
    pub(super) other: Option<String>,
    /// Whether it may be something other than a string: it stands without quotes and without `!!str`.
    pub(super) is_plain: bool,
}

/// A file that was read.
#[derive(Debug)]
pub(super) struct Document {
    /// Its first document; `None` if it is empty.
    pub(super) root: Option<Rc<Node>>,
    pub(super) comments: Vec<Comment>,
    /// Where a second document begins, which tools don't read.
    pub(super) more: Option<Place>,
    /// Where something is merged first, which not every tool does.
    pub(super) merges: Option<Place>,
}

impl Node {
    pub(super) fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            YamlValue::Scalar(scalar) => Some(scalar),
            YamlValue::Sequence(_) | YamlValue::Mapping(_) => None,
        }
    }

    /// Whether it is nothing: empty, `~` or `null`.
    pub(super) fn is_null(&self) -> bool {
        self.scalar().is_some_and(|scalar| {
            scalar.is_plain && matches!(scalar.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
        })
    }

    pub(super) fn sequence(&self) -> Option<&[Rc<Node>]> {
        match &self.value {
            YamlValue::Sequence(items) => Some(items),
            YamlValue::Scalar(_) | YamlValue::Mapping(_) => None,
        }
    }

    pub(super) fn mapping(&self) -> Option<&[(Rc<Node>, Rc<Node>)]> {
        match &self.value {
            YamlValue::Mapping(entries) => Some(entries),
            YamlValue::Scalar(_) | YamlValue::Sequence(_) => None,
        }
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Rc<Node>> {
        self.mapping()?.iter().find(|(found, _)| found.is_text(key)).map(|(_, value)| value)
    }

    pub(super) fn is_text(&self, text: &str) -> bool {
        self.scalar().is_some_and(|scalar| scalar.text == text)
    }

    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            YamlValue::Scalar(_) if self.is_null() => "nothing",
            YamlValue::Scalar(_) => "a text or number",
            YamlValue::Sequence(_) => "a list",
            YamlValue::Mapping(_) => "a mapping",
        }
    }
}

/// Reads a document. `place` gives the place of a range of the text.
///
/// # Errors
///
/// It is no YAML, or too much.
pub(super) fn parse(text: &str, place: &dyn Fn(Range<usize>) -> Place) -> Result<Document, OriginalMistake> {
    Builder::new(text, place, None).read()
}

/// Reads a document from a text in which variables were replaced by their values, and `other`, in which they were replaced
/// by something else. Where the two have the same structure, each scalar knows its text in both.
///
/// # Errors
///
/// `text` is no YAML, or too much.
pub(super) fn parse_both(
    text: &str,
    other: &str,
    place: &dyn Fn(Range<usize>) -> Place,
) -> Result<Document, OriginalMistake> {
    let others = shape(text).and_then(|(events, _)| {
        let (other_events, scalars) = shape(other)?;
        (events == other_events).then_some(scalars)
    });
    Builder::new(text, place, others).read()
}

fn parser(text: &str) -> Parser<'_, granit_parser::StrInput<'_>> {
    let options = granit_parser::options! {
        // As libyaml and go-yaml have it.
        block_scalar_eof_without_line_feed: true,
        max_buffered_comment_events: NODES_LIMIT,
    };
    Parser::new_from_str_with_options(text, options)
}

/// The kinds of the events of a text, and its scalars.
fn shape(text: &str) -> Option<(Vec<std::mem::Discriminant<Event<'_>>>, Vec<String>)> {
    let (mut events, mut scalars) = (Vec::new(), Vec::new());
    for event in parser(text) {
        let (event, _) = event.ok()?;
        if matches!(event, Event::Comment(..)) {
            continue;
        }
        events.push(std::mem::discriminant(&event));
        if let Event::Scalar(text, ..) = event {
            scalars.push(text.into_owned());
        }
        if events.len() > 2 * NODES_LIMIT {
            return None;
        }
    }
    Some((events, scalars))
}

/// A list or mapping that is not yet complete.
struct Open {
    anchor: usize,
    start: usize,
    is_mapping: bool,
    items: Vec<Rc<Node>>,
}

struct Builder<'a> {
    text: &'a str,
    place: &'a dyn Fn(Range<usize>) -> Place,
    others: Option<std::vec::IntoIter<String>>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    nodes: usize,
    merged: usize,
    document: Document,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str, place: &'a dyn Fn(Range<usize>) -> Place, others: Option<Vec<String>>) -> Self {
        let document = Document { root: None, comments: Vec::new(), more: None, merges: None };
        let others = others.map(Vec::into_iter);
        Self { text, place, others, open: Vec::new(), anchors: HashMap::new(), nodes: 0, merged: 0, document }
    }

    fn read(mut self) -> Result<Document, OriginalMistake> {
        for event in parser(self.text) {
            let (event, span) = event.map_err(|error| self.broken(&error))?;
            let span = span.byte_range().unwrap_or(0..0);
            if let Event::Comment(text, _) = event {
                self.comment(&text, span);
                continue;
            }
            if self.document.root.is_some() && self.open.is_empty() {
                if event.is_node() {
                    self.document.more = Some((self.place)(span));
                    break;
                }
                continue;
            }
            self.take(event, span)?;
        }
        Ok(self.document)
    }

    fn take(&mut self, event: Event<'_>, span: Range<usize>) -> Result<(), OriginalMistake> {
        self.nodes += 1;
        if self.nodes > NODES_LIMIT {
            return Err(self.mistake(span, "too much stands here", format!("at most {NODES_LIMIT} values are read")));
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain && tag.is_none_or(|tag| !is_string(&tag));
                let other = self.others.as_mut().and_then(Iterator::next);
                // Of what is not there the parser says `~`.
                let text = if span.is_empty() { String::new() } else { text.into_owned() };
                let scalar = Scalar { other: other.filter(|other| *other != text), text, is_plain };
                self.complete(YamlValue::Scalar(scalar), span, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open.push(Open { anchor, start: span.start, is_mapping: false, items: Vec::new() });
                Ok(())
            }
            Event::MappingStart(_, anchor, _) => {
                self.open.push(Open { anchor, start: span.start, is_mapping: true, items: Vec::new() });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                let span = open.start..span.end.max(open.start);
                let value = if open.is_mapping { self.mapping(open.items)? } else { YamlValue::Sequence(open.items) };
                self.complete(value, span, open.anchor)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => {
                    self.add(node);
                    Ok(())
                }
                None => Err(self.mistake(span, "this refers to what it stands in", "give the alias another target")),
            },
            _ => Ok(()),
        }
    }

    fn complete(&mut self, value: YamlValue, span: Range<usize>, anchor: usize) -> Result<(), OriginalMistake> {
        let node = Rc::new(Node { value, place: (self.place)(span) });
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.add(node);
        Ok(())
    }

    fn add(&mut self, node: Rc<Node>) {
        match self.open.last_mut() {
            Some(open) => open.items.push(node),
            None => self.document.root = Some(node),
        }
    }

    /// Keys and values in turns, made into entries. What is written in a mapping wins over what is merged into it.
    fn mapping(&mut self, items: Vec<Rc<Node>>) -> Result<YamlValue, OriginalMistake> {
        let mut entries: Vec<(Rc<Node>, Rc<Node>)> = Vec::with_capacity(items.len() / 2);
        let mut known: HashSet<String> = HashSet::new();
        let mut merges = Vec::new();
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            let Some(scalar) = key.scalar() else {
                return Err(self.mistake_at(&key.place, "a key that is no text", "expected a text as key"));
            };
            if scalar.is_plain && scalar.text == "<<" {
                self.document.merges.get_or_insert_with(|| key.place.clone());
                merges.push(value);
                continue;
            }
            if !known.insert(scalar.text.clone()) {
                let title = format!("`{}` stands here twice", scalar.text.escape_debug());
                return Err(self.mistake_at(&key.place, title, "keep one of the two"));
            }
            entries.push((key, value));
        }
        for merge in merges {
            self.merge(&merge, &mut entries, &mut known)?;
        }
        Ok(YamlValue::Mapping(entries))
    }

    fn merge(
        &mut self,
        from: &Rc<Node>,
        entries: &mut Vec<(Rc<Node>, Rc<Node>)>,
        known: &mut HashSet<String>,
    ) -> Result<(), OriginalMistake> {
        let sources = match &from.value {
            YamlValue::Sequence(sources) => sources.as_slice(),
            YamlValue::Mapping(_) | YamlValue::Scalar(_) => std::slice::from_ref(from),
        };
        for source in sources {
            let Some(more) = source.mapping() else {
                return Err(self.mistake_at(
                    &from.place,
                    "only a mapping can be merged",
                    "expected an alias of a mapping",
                ));
            };
            self.merged += more.len();
            if self.merged > MERGED_LIMIT {
                let remedy = format!("at most {MERGED_LIMIT} entries are merged");
                return Err(self.mistake_at(&from.place, "too much is merged", remedy));
            }
            for (key, value) in more {
                let text = key.scalar().map(|scalar| scalar.text.clone()).unwrap_or_default();
                if known.insert(text) {
                    entries.push((Rc::clone(key), Rc::clone(value)));
                }
            }
        }
        Ok(())
    }

    fn comment(&mut self, text: &str, span: Range<usize>) {
        let before = self.text.get(..span.start).unwrap_or_default();
        let is_alone = before.rsplit('\n').next().is_none_or(|line| line.trim().is_empty());
        let place = (self.place)(span);
        self.document.comments.push(Comment { place, text: text.to_owned(), is_alone });
    }

    fn broken(&self, error: &granit_parser::ScanError) -> OriginalMistake {
        let at = error.marker().byte_offset().unwrap_or_default().min(self.text.len());
        let length = self.text[at..].chars().next().map_or(0, char::len_utf8);
        let what = error.info();
        let remedy = match what.contains("tab") {
            true => "indent with spaces: YAML has no tabs there",
            false => "this is no YAML",
        };
        self.mistake(at..at + length, what, remedy)
    }

    fn mistake(&self, span: Range<usize>, title: impl Into<String>, remedy: impl Into<String>) -> OriginalMistake {
        self.mistake_at(&(self.place)(span), title, remedy)
    }

    fn mistake_at(&self, place: &Place, title: impl Into<String>, remedy: impl Into<String>) -> OriginalMistake {
        OriginalMistake { place: place.clone(), title: title.into(), remedy: remedy.into() }
    }
}

fn is_string(tag: &Tag) -> bool {
    matches!(tag.core_suffix(), Some("str")) || (tag.handle() == "!" && tag.suffix().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn read(text: &str) -> Result<Document, OriginalMistake> {
        parse(text, &|span| Place::new(0, span))
    }

    /// A tree in short.
    fn show(node: &Node) -> String {
        match &node.value {
            YamlValue::Scalar(scalar) if scalar.is_plain => scalar.text.clone(),
            YamlValue::Scalar(scalar) => format!("{:?}", scalar.text),
            YamlValue::Sequence(items) => {
                format!("[{}]", items.iter().map(|item| show(item)).collect::<Vec<_>>().join(" "))
            }
            YamlValue::Mapping(entries) => {
                let entries = entries.iter().map(|(key, value)| format!("{}: {}", show(key), show(value)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn shown(text: &str) -> String {
        read(text).map_or_else(|mistake| mistake.title, |document| document.root.map_or("-".into(), |root| show(&root)))
    }

    #[test]
    fn texts_stay_as_they_are_written() {
        assert_eq!(shown("a: no\nb: 'no'\nc: 012\nd: !!str no\ne:\n"), "{a: no, b: \"no\", c: 012, d: \"no\", e: }");
        assert_eq!(shown("a: |\n  x\n  y\nb: >-\n  x\n  y\n"), "{a: \"x\\ny\\n\", b: \"x y\"}");
        assert_eq!(shown("a: |\n  x"), "{a: \"x\"}");
        assert_eq!(shown(""), "-");
    }

    #[test]
    fn aliases_and_merge_keys_are_resolved() {
        assert_eq!(shown("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n"), "{a: {x: 1, y: 2}, b: {y: 3, x: 1}}");
        assert_eq!(
            shown("a: &a {x: 1}\nb: &b {x: 2, z: 3}\nc: {<<: [*a, *b]}"),
            "{a: {x: 1}, b: {x: 2, z: 3}, c: {x: 1, z: 3}}"
        );
        assert_eq!(shown("a: &a [*a]"), "this refers to what it stands in");
        assert_eq!(shown("a: 1\nb: {<<: 1}"), "only a mapping can be merged");
    }

    #[test]
    fn mistakes_have_places() {
        let mistake = read("a:\n\tb: c\n").unwrap_err();
        assert_eq!((mistake.place.start, mistake.remedy.as_str()), (4, "indent with spaces: YAML has no tabs there"));
        assert_eq!(read("a: 1\nb: 2\na: 3\n").unwrap_err().place, Place::new(0, 10..11));
        assert_eq!(shown("[1]: 2"), "a key that is no text");
    }

    #[test]
    fn comments_and_further_documents_are_kept_track_of() {
        let document = read("# top\na: 1 # why\n---\nb: 2\n").unwrap();
        let comments: Vec<_> =
            document.comments.iter().map(|comment| (comment.text.as_str(), comment.is_alone)).collect();
        assert_eq!(comments, [(" top", true), (" why", false)]);
        assert_eq!(document.more.map(|place| place.start), Some(21));
    }

    #[test]
    fn a_text_with_other_values_is_read_beside_it_where_its_structure_is_the_same() {
        let both = |text: &str, other: &str| {
            let document = parse_both(text, other, &|span| Place::new(0, span)).unwrap();
            let root = document.root.unwrap();
            root.get("a").and_then(|node| node.scalar()?.other.clone())
        };
        assert_eq!(both("a: 1\nb: 2", "a: X\nb: 2"), Some("X".to_owned()));
        assert_eq!(both("a: 1\nb: 2", "a: 1\nb: X"), None);
        assert_eq!(both("a: 1\nb: 2", "a: [X]\nb: 2"), None);
    }

    #[test]
    fn hostile_files_end_in_an_error_soon() {
        let laughs: String =
            (1..60).map(|n| format!("a{n}: &a{n} [{}]\n", format!("*a{}, ", n - 1).repeat(9))).collect();
        let merges: String = (1..400).map(|n| format!("b{n}: {{<<: [{}]}}\n", "*a, ".repeat(50))).collect();
        let wide: String = (0..99).map(|n| format!("x{n}: 1, ")).collect();
        let started = Instant::now();
        assert!(read(&format!("a0: &a0 x\n{laughs}")).is_ok());
        assert_eq!(shown(&format!("a: &a {{{wide}}}\n{merges}")), "too much is merged");
        assert_eq!(shown(&"[".repeat(1 << 20)), "recursion limit exceeded");
        assert_eq!(shown(&"- ".repeat(1 << 19)), "recursion limit exceeded");
        assert_eq!(shown(&"- a\n".repeat(1 << 18)), "too much stands here");
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }
}
