//! The import graph of `src`: which module uses which, with every path resolved (`crate`, `self`, `super`, re-exports).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A module of the crate by the segments of its path; the crate's root is empty.
pub(super) type Module = Vec<String>;

/// Which module uses which, and the places where it does.
pub(super) struct Graph {
    /// Every module that has a file of its own.
    pub(super) modules: BTreeMap<Module, PathBuf>,
    pub(super) edges: BTreeMap<(Module, Module), BTreeSet<String>>,
}

/// Something that a path names, as it was written.
struct Mention {
    from: Module,
    path: Vec<String>,
    line: usize,
}

impl Graph {
    /// Reads the files of `src` below `root`. What is compiled only for tests does not count.
    pub(super) fn read(root: &Path, files: &[PathBuf]) -> Self {
        let modules: BTreeMap<Module, PathBuf> =
            files.iter().filter(|file| !is_test(file)).map(|file| (module_of(file), file.clone())).collect();
        let (mut mentions, mut aliases) = (Vec::new(), BTreeMap::new());
        for (module, file) in &modules {
            let text = std::fs::read_to_string(root.join(file)).expect("a readable file");
            let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let mut reader = Reader { module: module.clone(), mentions: Vec::new(), aliases: BTreeMap::new() };
            reader.visit_file(&parsed);
            mentions.append(&mut reader.mentions);
            aliases.append(&mut reader.aliases);
        }
        let mut edges: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for mention in mentions {
            let from = owner(&modules, &mention.from);
            let Some(to) = resolve(&modules, &aliases, &mention.from, &mention.path, 0) else { continue };
            if to != from {
                let place = format!("{}:{}", modules[&from].display(), mention.line);
                edges.entry((from, to)).or_default().insert(place);
            }
        }
        Self { modules, edges }
    }

    /// The edges between groups of modules, by the name that `group` gives a module.
    pub(super) fn between(&self, group: impl Fn(&Module) -> Option<String>) -> BTreeMap<(String, String), Vec<String>> {
        let mut between: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for ((from, to), places) in &self.edges {
            let (Some(from), Some(to)) = (group(from), group(to)) else { continue };
            if from != to {
                between.entry((from, to)).or_default().extend(places.iter().cloned());
            }
        }
        between
    }
}

/// The groups of nodes that reach one another, each of two or more.
pub(super) fn circles<N: Ord + Clone>(edges: impl IntoIterator<Item = (N, N)>) -> Vec<BTreeSet<N>> {
    let mut next: BTreeMap<N, BTreeSet<N>> = BTreeMap::new();
    for (from, to) in edges {
        next.entry(from).or_default().insert(to);
    }
    let reach = |from: &N| {
        let (mut seen, mut todo) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(node) = todo.pop() {
            for to in next.get(&node).into_iter().flatten() {
                if seen.insert(to.clone()) {
                    todo.push(to.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<N, BTreeSet<N>> = next.keys().map(|node| (node.clone(), reach(node))).collect();
    let mut circles: Vec<BTreeSet<N>> = Vec::new();
    for (node, there) in &reached {
        if there.contains(node) && !circles.iter().any(|circle| circle.contains(node)) {
            let back = |other: &&N| reached.get(*other).is_some_and(|there| there.contains(node));
            circles.push(there.iter().filter(back).cloned().collect());
        }
    }
    circles
}

fn is_test(file: &Path) -> bool {
    file.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")))
}

fn module_of(file: &Path) -> Module {
    let below = file.strip_prefix("src").expect("a file of src").with_extension("");
    let mut segments: Module = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if segments.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        segments.pop();
    }
    segments
}

/// The module with a file that `module` stands in: itself, or the one around an inline module.
fn owner(modules: &BTreeMap<Module, PathBuf>, module: &[String]) -> Module {
    let mut owner = module.to_vec();
    while !modules.contains_key(&owner) {
        owner.pop();
    }
    owner
}

/// The module that a path leads into; `None` if it leads out of the crate.
fn resolve(
    modules: &BTreeMap<Module, PathBuf>,
    aliases: &BTreeMap<Module, (Module, Vec<String>)>,
    from: &[String],
    path: &[String],
    depth: usize,
) -> Option<Module> {
    let mut at = from.to_vec();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => {
            at = Vec::new();
            rest = &path[1..];
        }
        "self" => rest = &path[1..],
        "super" => {
            while let Some((first, others)) = rest.split_first().filter(|(first, _)| *first == "super") {
                debug_assert_eq!(first, "super");
                at.pop();
                rest = others;
            }
        }
        first => {
            let mut child = from.to_vec();
            child.push(first.to_owned());
            let is_here = modules.contains_key(&child) || aliases.contains_key(&child);
            if !is_here {
                return None;
            }
        }
    }
    for (index, segment) in rest.iter().enumerate() {
        let mut next = at.clone();
        next.push(segment.clone());
        if modules.contains_key(&next) {
            at = next;
        } else if let Some((home, target)) = aliases.get(&next).filter(|_| depth < 8) {
            let mut target = target.clone();
            target.extend(rest[index + 1..].iter().cloned());
            return resolve(modules, aliases, home, &target, depth + 1).or(Some(owner(modules, &at)));
        } else {
            break;
        }
    }
    Some(owner(modules, &at))
}

/// Collects what a file mentions, and the names that it brings in.
struct Reader {
    module: Module,
    mentions: Vec<Mention>,
    /// What a name in a module stands for: the module that says so, and the path it gives.
    aliases: BTreeMap<Module, (Module, Vec<String>)>,
}

impl Reader {
    fn mention(&mut self, path: Vec<String>, line: usize) {
        self.mentions.push(Mention { from: self.module.clone(), path, line });
    }

    fn read_use(&mut self, tree: &syn::UseTree, prefix: &[String], line: usize) {
        let with = |last: &syn::Ident| [prefix, &[last.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.read_use(&path.tree, &with(&path.ident), line),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.read_use(item, prefix, line)),
            syn::UseTree::Name(name) if name.ident == "self" => {
                self.bring_in(prefix.last().cloned(), prefix.to_vec(), line)
            }
            syn::UseTree::Name(name) => self.bring_in(Some(name.ident.to_string()), with(&name.ident), line),
            syn::UseTree::Rename(rename) => {
                self.bring_in(Some(rename.rename.to_string()), with(&rename.ident), line);
            }
            syn::UseTree::Glob(_) => self.mention(prefix.to_vec(), line),
        }
    }

    fn bring_in(&mut self, name: Option<String>, path: Vec<String>, line: usize) {
        if let Some(name) = name.filter(|name| path.first() != Some(name)) {
            self.aliases.insert([&self.module[..], &[name]].concat(), (self.module.clone(), path.clone()));
        }
        self.mention(path, line);
    }

    /// The paths in the arguments of a macro, which are only tokens.
    fn read_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut colons, mut line) = (0, 0);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end_path(&mut path, line);
                    }
                    line = ident.span().start().line;
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.end_path(&mut path, line);
                    self.read_tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.end_path(&mut path, line);
                    colons = 0;
                }
            }
        }
        self.end_path(&mut path, line);
    }

    fn end_path(&mut self, path: &mut Vec<String>, line: usize) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.mention(path, line);
        }
    }
}

/// Whether these attributes say `#[cfg(test)]`.
fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if is_for_tests(&item.attrs) {
            return;
        }
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_for_tests(&item.attrs) {
            self.read_use(&item.tree, &[], item.use_token.span.start().line);
        }
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let line = path.segments.first().map_or(0, |segment| segment.ident.span().start().line);
        if segments.len() > 1 {
            self.mention(segments, line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.read_tokens(call.tokens.clone());
    }
}
