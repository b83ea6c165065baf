//! The part of Go's `text/template` that files for process-compose use.
//!
//! Fields, variables, `if`, `range`, `with`, comparisons and `printf`. Anything else is an error with its place, as is
//! printing what is not there (Go writes `<no value>`). Steps, depth and output are limited.

pub(super) use format::integer;

mod exec;
mod format;
mod parse;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::rc::Rc;

use indexmap::IndexMap;

/// A value that templates see.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TemplateValue {
    /// What is not there.
    Nothing,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Rc<str>),
    List(Rc<[TemplateValue]>),
    Map(Rc<IndexMap<String, TemplateValue>>),
}

/// What is wrong with a template: where in its text, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadTemplate {
    pub(super) span: Range<usize>,
    pub(super) what: String,
}

/// What a template makes of `data`.
///
/// # Errors
///
/// It is no template, uses something that is not known here, prints what is not there, or takes too much.
pub(super) fn render(template: &str, data: &TemplateValue) -> Result<String, BadTemplate> {
    if !template.contains("{{") {
        return Ok(template.to_owned());
    }
    exec::run(&parse::parse(template)?, data)
}
