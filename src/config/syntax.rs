//! Mistakes of syntax: what is no TOML.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::report::MistakeReport;

/// Reports what is no TOML in the file that begins at `base`, and was read into `table`. An array or inline table that
/// is never closed swallows the rest of the text: that is one mistake, and what seems wrong inside it is none.
pub(super) fn report_damage(
    table: &DeTable<'_>,
    mut errors: Vec<toml::de::Error>,
    base: usize,
    report: &mut MistakeReport,
) {
    errors.sort_by_key(start);
    let text = report.sources().locate(&(base..base)).0.text.clone();
    let unclosed = errors
        .iter()
        .filter(|error| error.message().starts_with("unclosed"))
        .find_map(|error| swallowing(table, start(error)).filter(|span| reaches_end(&text, span)));
    let end = unclosed.as_ref().map_or(usize::MAX, |unclosed| unclosed.start);
    let mut repeated_until = 0;
    for error in errors.iter().filter(|error| start(error) < end) {
        let span = error.span().unwrap_or(0..0);
        let (what, remedy) = match error.message() {
            // What stands in a table that was there before is there twice only because the table is.
            "duplicate key" if span.start < repeated_until => continue,
            "duplicate key" => {
                if is_header(&text, span.start) {
                    repeated_until = text[span.end..].find("\n[").map_or(text.len(), |next| span.end + next);
                }
                ("duplicate key", "this was given before: keep one of the two")
            }
            message => message.split_once(", ").unwrap_or((message, "this is no TOML: see https://toml.io")),
        };
        let place = base + span.start..base + span.end;
        if what == "unclosed table" && is_header(&text, span.start) {
            // What stands below the header belongs to no table that is known.
            let end = text[span.start..].find("\n[").map_or(text.len(), |next| span.start + next);
            report.add_damage_until(place, base + end, what, remedy);
        } else {
            report.add_damage(place, what, remedy);
        }
    }
    if unclosed.is_some() {
        let place = base + end..base + end + 1;
        report.add_last_damage(place, "this is never closed", "expected its end on this line or below");
    }
}

fn start(error: &toml::de::Error) -> usize {
    error.span().map_or(0, |span| span.start)
}

/// Whether what stands `at` is part of a `[header]`.
fn is_header(text: &str, at: usize) -> bool {
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    text[line..].trim_start().starts_with('[')
}

/// The outermost array or inline table in which `at` lies, or at whose end.
fn swallowing(table: &DeTable<'_>, at: usize) -> Option<Range<usize>> {
    table.values().find_map(|found| match found.get_ref() {
        DeValue::Array(_) | DeValue::Table(_) if (found.span().start + 1..=found.span().end).contains(&at) => {
            Some(found.span())
        }
        DeValue::Table(inner) => swallowing(inner, at),
        _ => None,
    })
}

fn reaches_end(text: &str, span: &Range<usize>) -> bool {
    text.get(span.end..).is_some_and(|rest| rest.trim().is_empty())
}
