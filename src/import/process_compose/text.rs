//! Texts of the file that variables were put into: as they are now, and as a stead.toml can say them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::substitute::{EnvVariable, Substituted};
use crate::import::escape::escaped;
use crate::import::go_template::{BadTemplate, TemplateValue, render};
use crate::import::source::Place;
use crate::import::yaml::{Node, Scalar};

/// A text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    /// What it is now.
    pub(super) value: String,
    /// The file, and the text with marks for variables, where there are any.
    marked: Option<(usize, String)>,
}

impl Text {
    pub(super) fn of(node: &Node, scalar: &Scalar) -> Self {
        let marked = scalar.other.clone().map(|text| (node.place.file, text));
        Self { value: scalar.text.clone(), marked }
    }

    /// The same change made to both.
    pub(super) fn map(&self, change: impl Fn(&str) -> String) -> Self {
        let marked = self.marked.as_ref().map(|(file, text)| (*file, change(text)));
        Self { value: change(&self.value), marked }
    }

    /// What a template makes of it. `data` has the values of variables, `marked` their marks.
    pub(super) fn rendered(&self, data: &TemplateValue, marked: &TemplateValue) -> Result<Self, BadTemplate> {
        let value = render(&self.value, data)?;
        let file = self.marked.as_ref().map_or(0, |(file, _)| *file);
        let text = render(self.marked.as_ref().map_or(&self.value, |(_, text)| text), marked);
        // What can't be rendered with marks is written as it is now.
        let marked = text.ok().filter(|text| *text != value).map(|text| (file, text));
        Ok(Self { value, marked })
    }

    /// Everything before and after the first `=`.
    pub(super) fn split(&self) -> Option<(String, Self)> {
        let (name, value) = self.value.split_once('=')?;
        let marked = self.marked.as_ref().and_then(|(file, text)| {
            let (known, rest) = text.split_once('=')?;
            (known == name).then(|| (*file, rest.to_owned()))
        });
        Some((name.to_owned(), Self { value: value.to_owned(), marked }))
    }
}

impl From<&str> for Text {
    fn from(value: &str) -> Self {
        Self { value: value.to_owned(), marked: None }
    }
}

/// How texts are written to a stead.toml.
#[derive(Debug, Default)]
pub(super) struct Writing {
    /// What was substituted, by file.
    pub(super) files: BTreeMap<usize, Substituted>,
    /// The variables that are still variables in what was written: the file, and where each stands there.
    kept: RefCell<BTreeSet<(usize, usize)>>,
}

impl Writing {
    /// The text in the language of stead.toml: variables as `${NAME:-default}` where that is the same, else their values;
    /// what would be a variable there is escaped. A variable in `hidden` has another value there.
    pub(super) fn write(&self, text: &Text, hidden: &BTreeSet<String>) -> String {
        let marked = text.marked.as_ref().and_then(|(file, marked)| {
            let done = self.files.get(file)?;
            let now = done.unmarked(marked, |variable| variable.value.clone());
            (now == text.value).then_some((*file, done, marked))
        });
        let Some((file, done, marked)) = marked else { return escaped(&text.value) };
        done.unmarked(&escaped(marked), |variable| {
            match variable.expression().filter(|_| !hidden.contains(&variable.name)) {
                Some(expression) => {
                    self.kept.borrow_mut().insert((file, variable.start));
                    expression
                }
                None => escaped(&variable.value),
            }
        })
    }

    /// The variables whose value of now was written, with where they stand.
    pub(super) fn frozen(&self) -> Vec<(Place, &EnvVariable)> {
        let kept = self.kept.borrow();
        let all = self.files.iter().flat_map(|(file, done)| done.variables.iter().map(|variable| (*file, variable)));
        let frozen = all.filter(|(file, variable)| !kept.contains(&(*file, variable.start)));
        frozen.map(|(file, variable)| (Place::new(file, variable.start..variable.start + 2), variable)).collect()
    }
}

impl EnvVariable {
    /// How a stead.toml says it, if it can.
    fn expression(&self) -> Option<String> {
        let default = self.default.as_deref().filter(|default| !default.contains(['}', '$', '{', '\n']))?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_name = self.name.chars().all(is_plain) && !self.name.starts_with(|c: char| c.is_ascii_digit());
        is_name.then(|| format!("${{{}:-{default}}}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::process_compose::substitute::substitute;

    fn written(text: &str, hidden: &[&str]) -> String {
        let value_of = |name: &str| if name == "A" { "value".to_owned() } else { String::new() };
        let done = substitute(text, &value_of).unwrap();
        let text = Text { value: done.text.clone(), marked: Some((0, done.marked.clone())) };
        let writing = Writing { files: BTreeMap::from([(0, done)]), ..Writing::default() };
        writing.write(&text, &hidden.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn variables_stay_variables_where_stead_knows_how_to_say_it() {
        for (text, out) in [
            ("a ${A} ${B:-x} ${B=y}", "a ${A:-} ${B:-x} ${B:-y}"),
            ("$A $${A} $${f%.c} $${#x} ${A}", "$A $${A} ${f%.c} ${#x} ${A:-}"),
            ("${A^}", "Value"),
            ("${B:-${A}}", "value"),
        ] {
            assert_eq!(written(text, &[]), out, "{text}");
        }
        assert_eq!(written("${A} ${B} ${1}", &["A"]), "value ${B:-} ");
    }
}
