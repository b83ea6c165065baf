//! Where the types of `src` are defined, those inside functions and tests included.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// The places where each name of a struct, enum, union or trait is defined.
pub(super) fn type_definitions(root: &Path, files: &[PathBuf]) -> BTreeMap<String, Vec<String>> {
    let mut found = Definitions::default();
    for file in files {
        let text = std::fs::read_to_string(root.join(file)).expect("a readable file");
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        found.file = file.display().to_string();
        found.visit_file(&parsed);
    }
    found.places
}

#[derive(Default)]
struct Definitions {
    file: String,
    places: BTreeMap<String, Vec<String>>,
}

impl Definitions {
    fn add(&mut self, name: &syn::Ident) {
        let place = format!("{}:{}", self.file, name.span().start().line);
        self.places.entry(name.to_string()).or_default().push(place);
    }
}

impl<'ast> Visit<'ast> for Definitions {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.add(&item.ident);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.add(&item.ident);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_union(&mut self, item: &'ast syn::ItemUnion) {
        self.add(&item.ident);
        visit::visit_item_union(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.add(&item.ident);
        visit::visit_item_trait(self, item);
    }
}
