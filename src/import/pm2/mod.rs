//! An ecosystem file, as pm2 7 reads it: JSON or YAML, or what a JavaScript file evaluates to.

mod app;
mod json;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::rc::Rc;

use super::draft::{ConfigDraft, Weight};
use super::fields::{Field, Fields};
use super::source::Place;
use super::surroundings::Surroundings;
use super::write::Comment;
use super::yaml::{self, Document, Node};

/// Reads the ecosystem file with the number `file`. Of a JavaScript file `evaluated` is the JSON that it gave. Gives the
/// comments.
pub(super) fn read(
    draft: &mut ConfigDraft,
    file: usize,
    path: &Path,
    evaluated: Option<&str>,
    around: &Surroundings,
) -> Vec<Comment> {
    let text = draft.sources.get(file).text.clone();
    let document = match evaluated {
        // Places in what it evaluates to mean nothing to a reader of the file.
        Some(json) => yaml::parse(json, &|_| Place::new(file, 0..0)),
        None => parse(&text, file, path),
    };
    let document = match document {
        Ok(document) => document,
        Err(mistake) => {
            draft.mistakes.push(mistake);
            return Vec::new();
        }
    };
    let first = Place::new(file, 0..0);
    let apps = document.root.as_ref().map(|root| apps(draft, root)).unwrap_or_default();
    if apps.is_empty() {
        draft.refuse(&first, "no app is declared", "expected at least one in `apps`");
    }
    for app in &apps {
        app::read(draft, app, around);
    }
    if evaluated.is_some() {
        let what = "node was run on it, and these are the values that it gave";
        draft.drop(Weight::Notable, &first, path.display().to_string(), what);
    }
    let what = "pm2 puts its description of an app into the environment; only the number of an instance is set, where there are several";
    draft.drop(Weight::Minor, &first, "name, pm_id, NODE_APP_INSTANCE, NODE_CHANNEL_FD and others", what);
    let what = "pm2 goes on in the background when all apps have ended, and `stead up -d` does, too; without -d stead ends then, with 1 if an app has failed";
    draft.drop(Weight::Minor, &first, "exit", what);
    document.comments
}

/// YAML has JSON in it, but for the comments of JavaScript that pm2 takes in JSON.
fn parse(text: &str, file: usize, path: &Path) -> Result<Document, super::draft::OriginalMistake> {
    let place = |span| Place::new(file, span);
    match path.extension().is_some_and(|extension| extension == "json") {
        true => yaml::parse(&json::without_comments(text), &place),
        false => yaml::parse(text, &place),
    }
}

/// The apps of a file: those of `apps` or `pm2`, those of a list, or one alone.
fn apps<'a>(draft: &mut ConfigDraft, root: &'a Rc<Node>) -> Vec<Field<'a>> {
    let whole = Field { key: "apps".to_owned(), key_place: &root.place, node: root };
    if root.sequence().is_some() {
        return whole.list(draft);
    }
    let mut fields = Fields::root(root);
    let found = ["apps", "pm2"].into_iter().find_map(|key| fields.take(key));
    match found {
        Some(apps) => {
            for field in fields.rest() {
                draft.drop(Weight::Minor, field.key_place, field.key.clone(), "stead deploys nothing");
            }
            if apps.node.sequence().is_some() { apps.list(draft) } else { vec![apps] }
        }
        None if root.get("script").is_some() || root.get("exec").is_some() => vec![whole],
        None => Vec::new(),
    }
}
