//! Fills in the variables in a value of the file.

use std::borrow::Cow;

use toml::Spanned;

use super::expand::{BadExpansion, expand};
use super::report::Span;
use super::scope::Scope;
use super::value::{FileValue, SpannedValue};

/// A string whose variables can't be filled in.
pub(super) struct BadText<'a> {
    pub(super) text: &'a str,
    pub(super) span: Span,
    pub(super) bad: BadExpansion,
}

/// A value with the variables in its strings filled in; nothing, if it has none.
pub(super) fn fill<'a>(written: &'a SpannedValue, scope: &Scope) -> Result<Option<SpannedValue>, BadText<'a>> {
    let span = written.span();
    let filled = match written.get_ref() {
        FileValue::Text(text) => match expand(text, scope) {
            Ok(Cow::Borrowed(_)) => return Ok(None),
            Ok(Cow::Owned(text)) => FileValue::Text(text),
            Err(bad) => return Err(BadText { text, span, bad }),
        },
        FileValue::Array(items) => {
            let filled: Vec<_> = items.iter().map(|item| fill(item, scope)).collect::<Result<_, _>>()?;
            if filled.iter().all(Option::is_none) {
                return Ok(None);
            }
            let items = items.iter().zip(filled).map(|(item, filled)| filled.unwrap_or_else(|| item.clone()));
            FileValue::Array(items.collect())
        }
        FileValue::Table(entries) => {
            let filled = entries.iter().map(|(.., value)| fill(value, scope)).collect::<Result<Vec<_>, _>>()?;
            if filled.iter().all(Option::is_none) {
                return Ok(None);
            }
            let mut filled = filled.into_iter();
            FileValue::Table(entries.map(|value| filled.next().flatten().unwrap_or_else(|| value.clone())))
        }
        FileValue::Integer(..) | FileValue::Float(_) | FileValue::Boolean(_) | FileValue::Date => return Ok(None),
    };
    Ok(Some(Spanned::new(span, filled)))
}
