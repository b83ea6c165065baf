//! From files to one tree of nodes: substitution, YAML, base files, overrides, and what processes take from one another.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use indexmap::IndexMap;

use super::substitute::{BadSubstitution, Substituted, substitute};
use super::text::Writing;
use crate::import::draft::{ConfigDraft, OriginalMistake, Weight};
use crate::import::source::Place;
use crate::import::surroundings::Surroundings;
use crate::import::write::Comment;
use crate::import::yaml::{Document, Node, Scalar, YamlValue, parse_both};

/// The most files that extend one another.
const FILES_LIMIT: usize = 20;

/// What the files say, merged.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) root: Rc<Node>,
    pub(super) writing: Writing,
    pub(super) comments: Vec<Comment>,
}

/// Loads files, the first of which is the main one. `variables` are those of `.env`.
pub(super) fn load(
    draft: &mut ConfigDraft,
    files: &[(usize, PathBuf)],
    variables: &IndexMap<String, String>,
    around: &Surroundings,
) -> Option<Loaded> {
    let mut loader = Loader { variables, around, writing: Writing::default(), comments: Vec::new(), paths: Vec::new() };
    let mut layers = Vec::new();
    for (file, path) in files {
        let root = loader.read(draft, *file, path)?;
        loader.with_bases(draft, root, path, &mut layers)?;
    }
    let root = layers.into_iter().reduce(|base, over| merged(&base, &over, ""))?;
    let root = extended(draft, root);
    Some(Loaded { root, writing: loader.writing, comments: loader.comments })
}

struct Loader<'a> {
    variables: &'a IndexMap<String, String>,
    around: &'a Surroundings,
    writing: Writing,
    comments: Vec<Comment>,
    /// What was read.
    paths: Vec<PathBuf>,
}

impl Loader<'_> {
    fn read(&mut self, draft: &mut ConfigDraft, file: usize, path: &Path) -> Option<Rc<Node>> {
        self.paths.push(path.to_owned());
        let text = draft.sources.get(file).text.clone();
        let value_of = |name: &str| {
            // An empty variable of the file is one, too.
            let known = self.variables.get(name).or_else(|| self.around.variables.get(name));
            known.cloned().unwrap_or_default()
        };
        let read = substitute(&text, &value_of).map_err(|bad| bad_substitution(file, bad)).and_then(|done| {
            let document = parsed(file, &done)?;
            Ok((done, document))
        });
        let (done, document) = match read {
            Ok((done, document)) if !is_expansion_off(&document) => (done, document),
            Ok(_) => {
                let done = Substituted::none(&text);
                let document = parsed(file, &done).map_err(|mistake| draft.mistakes.push(mistake)).ok()?;
                (done, document)
            }
            Err(mistake) => {
                draft.mistakes.push(mistake);
                return None;
            }
        };
        self.writing.files.insert(file, done);
        self.comments.extend(document.comments);
        if let Some(more) = document.more {
            draft.drop(Weight::Notable, &more, "---", "process-compose reads the first document of a file only");
        }
        match document.root {
            Some(root) if root.mapping().is_some() => Some(root),
            Some(root) => {
                let remedy = format!("expected a mapping with `processes`, found {}", root.kind());
                draft.refuse(&root.place, "this is no file for process-compose", remedy);
                None
            }
            None => {
                draft.refuse(&Place::new(file, 0..0), "this file is empty", "expected a mapping with `processes`");
                None
            }
        }
    }

    /// Adds a file to the layers, and below it the files that it extends.
    fn with_bases(
        &mut self,
        draft: &mut ConfigDraft,
        root: Rc<Node>,
        path: &Path,
        layers: &mut Vec<Rc<Node>>,
    ) -> Option<()> {
        let at = layers.len();
        layers.push(Rc::clone(&root));
        let (mut above, mut above_path) = (root, path.to_owned());
        while let Some(base) = above.get("extends").filter(|base| !base.is_null()) {
            let Some(name) = base.scalar().map(|scalar| scalar.text.clone()) else {
                draft.refuse(&base.place, "wrong value for `extends`", "expected the path of a file");
                return None;
            };
            let dir = above_path.parent().unwrap_or(Path::new("")).to_owned();
            let path = dir.join(name);
            if self.paths.contains(&path) || self.paths.len() >= FILES_LIMIT {
                draft.refuse(&base.place, "these files extend one another", "remove one `extends`");
                return None;
            }
            let Some(file) = self.around.read(draft, &path, &base.place) else {
                draft.refuse(&base.place, format!("there is no {}", path.display()), "expected the path of a file");
                return None;
            };
            let read = self.read(draft, file, &path)?;
            let dir = path.parent().unwrap_or(Path::new("")).to_owned();
            layers.insert(at, in_dir(&read, &dir));
            (above, above_path) = (read, path);
        }
        Some(())
    }
}

fn parsed(file: usize, done: &Substituted) -> Result<Document, OriginalMistake> {
    parse_both(&done.text, &done.marked, &|span| Place::new(file, done.original(&span)))
}

fn bad_substitution(file: usize, bad: BadSubstitution) -> OriginalMistake {
    OriginalMistake {
        place: Place::new(file, bad.span),
        title: "this can't be substituted; process-compose does that everywhere, in comments too".to_owned(),
        remedy: bad.what.to_owned(),
    }
}

fn is_expansion_off(document: &Document) -> bool {
    let key = document.root.as_ref().and_then(|root| root.get("disable_env_expansion"));
    key.and_then(|value| value.scalar()).is_some_and(|scalar| matches!(scalar.text.as_str(), "true" | "True" | "TRUE"))
}

/// The processes of a base file run in its directory, and relative directories start there.
fn in_dir(root: &Rc<Node>, dir: &Path) -> Rc<Node> {
    let change = |process: &Rc<Node>| {
        let own = process.get("working_dir").filter(|own| !own.is_null());
        let (path, place) = match own.and_then(|own| Some((own.scalar()?, &own.place))) {
            Some((scalar, place)) => (dir.join(&scalar.text), place.clone()),
            None if own.is_some() => return Rc::clone(process),
            None => (dir.to_owned(), process.place.clone()),
        };
        let path = path.display().to_string();
        with(process, "working_dir", &made(if path.is_empty() { "." } else { &path }, &place))
    };
    map_processes(root, |_, process| change(process))
}

fn made(text: &str, place: &Place) -> Rc<Node> {
    let scalar = Scalar { text: text.to_owned(), other: None, is_plain: false };
    Rc::new(Node { value: YamlValue::Scalar(scalar), place: place.clone() })
}

/// A mapping with one value changed or added.
fn with(node: &Rc<Node>, key: &str, value: &Rc<Node>) -> Rc<Node> {
    let mut entries: Vec<_> = node.mapping().unwrap_or_default().to_vec();
    match entries.iter_mut().find(|(name, _)| name.is_text(key)) {
        Some((_, old)) => *old = Rc::clone(value),
        None => entries.push((made(key, &value.place), Rc::clone(value))),
    }
    Rc::new(Node { value: YamlValue::Mapping(entries), place: node.place.clone() })
}

fn map_processes(root: &Rc<Node>, change: impl Fn(&str, &Rc<Node>) -> Rc<Node>) -> Rc<Node> {
    let Some((processes, entries)) = root.get("processes").and_then(|node| Some((node, node.mapping()?))) else {
        return Rc::clone(root);
    };
    let entries = entries.iter().map(|(name, process)| {
        let text = name.scalar().map_or("", |scalar| scalar.text.as_str());
        (Rc::clone(name), change(text, process))
    });
    let changed = Node { value: YamlValue::Mapping(entries.collect()), place: processes.place.clone() };
    with(root, "processes", &Rc::new(changed))
}

/// `over` on top of `base`: mappings by key, lists one after the other, variables by name. What is empty, zero or false
/// overrides nothing.
fn merged(base: &Rc<Node>, over: &Rc<Node>, key: &str) -> Rc<Node> {
    match (&base.value, &over.value) {
        (YamlValue::Mapping(below), YamlValue::Mapping(above)) => {
            let mut entries = below.clone();
            for (name, value) in above {
                let text = name.scalar().map_or("", |scalar| scalar.text.as_str());
                match entries.iter_mut().find(|(known, _)| known.is_text(text)) {
                    Some((_, old)) => *old = merged(old, value, text),
                    None => entries.push((Rc::clone(name), Rc::clone(value))),
                }
            }
            Rc::new(Node { value: YamlValue::Mapping(entries), place: over.place.clone() })
        }
        (YamlValue::Sequence(below), YamlValue::Sequence(above)) => match key {
            "namespace" | "paths" if !above.is_empty() => Rc::clone(over),
            "namespace" | "paths" => Rc::clone(base),
            "environment" => {
                let value = YamlValue::Sequence(merged_variables(below, above));
                Rc::new(Node { value, place: over.place.clone() })
            }
            _ => {
                let items = below.iter().chain(above).cloned().collect();
                Rc::new(Node { value: YamlValue::Sequence(items), place: over.place.clone() })
            }
        },
        (_, YamlValue::Scalar(scalar)) if is_zero(scalar) || over.is_null() => Rc::clone(base),
        _ => Rc::clone(over),
    }
}

fn is_zero(scalar: &Scalar) -> bool {
    let plain = ["0", "false", "False", "FALSE", "no", "off", "n", "N"];
    scalar.text.is_empty() || scalar.is_plain && plain.contains(&scalar.text.as_str())
}

/// By name. process-compose loses those that have no or a second `=` here.
fn merged_variables(base: &[Rc<Node>], over: &[Rc<Node>]) -> Vec<Rc<Node>> {
    let mut variables: IndexMap<String, Rc<Node>> = IndexMap::new();
    for node in base.iter().chain(over) {
        let parts: Vec<&str> = node.scalar().map(|scalar| scalar.text.split('=').collect()).unwrap_or_default();
        if let [name, _] = parts.as_slice() {
            variables.insert((*name).to_owned(), Rc::clone(node));
        }
    }
    variables.into_values().collect()
}

/// Resolves the `extends` of processes.
fn extended(draft: &mut ConfigDraft, root: Rc<Node>) -> Rc<Node> {
    let Some(processes) = root.get("processes").and_then(|node| node.mapping()) else { return root };
    let mut done: IndexMap<String, Rc<Node>> = IndexMap::new();
    for (name, _) in processes {
        let name = name.scalar().map_or("", |scalar| scalar.text.as_str());
        resolve(draft, &root, name, &mut Vec::new(), &mut done);
    }
    map_processes(&root, |name, process| done.get(name).map_or_else(|| Rc::clone(process), Rc::clone))
}

fn resolve(
    draft: &mut ConfigDraft,
    root: &Rc<Node>,
    name: &str,
    open: &mut Vec<String>,
    done: &mut IndexMap<String, Rc<Node>>,
) -> Option<Rc<Node>> {
    if let Some(process) = done.get(name) {
        return Some(Rc::clone(process));
    }
    let process = Rc::clone(root.get("processes")?.get(name)?);
    let Some(extends) = process.get("extends").filter(|node| !node.is_null()) else {
        done.insert(name.to_owned(), Rc::clone(&process));
        return Some(process);
    };
    let parent = extends.scalar().map(|scalar| scalar.text.clone()).unwrap_or_default();
    if parent == name || open.contains(&parent) || open.len() >= FILES_LIMIT {
        draft.refuse(&extends.place, "these processes extend one another", "remove one `extends`");
        return None;
    }
    open.push(name.to_owned());
    let base = resolve(draft, root, &parent, open, done);
    open.pop();
    let Some(base) = base else {
        if root.get("processes").is_some_and(|processes| processes.get(&parent).is_none()) {
            let title = format!("`{name}` extends `{}`, which is not declared", parent.escape_debug());
            draft.refuse(&extends.place, title, "expected the name of a process");
        }
        return None;
    };
    let whole = merged(&base, &process, "");
    let entries = whole.mapping().unwrap_or_default().iter().filter(|(key, _)| !key.is_text("extends"));
    let whole = Node { value: YamlValue::Mapping(entries.cloned().collect()), place: process.place.clone() };
    let whole = Rc::new(whole);
    done.insert(name.to_owned(), Rc::clone(&whole));
    Some(whole)
}
