//! Searching and filtering the log: the line a pattern is typed into, and going from match to match.
//!
//! Whatever is searched for is found elsewhere, and later; see [`LogQuery`](super::LogQuery). The first match that is found is gone to as
//! soon as it is there.

use std::ops::Range;

use jiff::Zoned;
use ratatui::crossterm::event::{Event, KeyEvent};
use tui_input::backend::crossterm::EventHandler;

use super::log::LogEntries;
use super::model::{Hit, Model, Overlay, Prompt, Purpose};
use super::narrowing::Narrowing;
use super::pattern::TypedPattern;
use super::query::{ChosenFilter, Hits};
use super::scroll::{Entries, ScrollPosition};
use super::shown::Shown;
use crate::logs::{LineFilter, LineId, moment};

/// Characters of a pattern; more are not taken.
pub(super) const PATTERN_CHARS: usize = 200;

/// Where to go from a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Towards {
    Newer,
    Older,
}

/// Asks for a line of text: a pattern, a filter, a time.
pub(super) fn open(model: &mut Model, purpose: Purpose) {
    let text = match purpose {
        Purpose::Search => model.search.as_ref().map(|search| search.text.clone()),
        Purpose::Filter => model.filter.as_ref().map(|filter| filter.text.clone()),
        Purpose::Narrow => model.narrowing.as_ref().map(|narrowing| narrowing.text.clone()),
        Purpose::Time => None,
    };
    let before = (model.search.clone(), model.hit, model.log, model.unwrapped);
    let (filter_before, narrowing_before) = (model.filter.clone(), model.narrowing.clone());
    let line = text.unwrap_or_default().into();
    let prompt = Prompt { purpose, line, mistake: None, before, filter_before, narrowing_before };
    model.overlay = Some(Overlay::Prompt(Box::new(prompt)));
}

/// Takes keys that are typed; what is shown follows at once.
pub(super) fn type_in(model: &mut Model, keys: &[KeyEvent], shown: &Shown<'_>) {
    let end_of_pane = end_of_pane(model, shown);
    let Some(Overlay::Prompt(prompt)) = &mut model.overlay else { return };
    let before = prompt.line.clone();
    for &key in keys {
        prompt.line.handle_event(&Event::Key(key));
    }
    let text = prompt.line.value();
    if text.chars().count() > PATTERN_CHARS {
        prompt.line = before;
        return;
    }
    if text == before.value() {
        return;
    }
    let place = prompt.before.2;
    // While it can't be read, the last one that could be stays.
    prompt.mistake = match prompt.purpose {
        Purpose::Narrow => {
            model.narrowing = Narrowing::new(text);
            None
        }
        Purpose::Time if text.trim().is_empty() => None,
        Purpose::Time => moment(text.trim(), &zoned(shown)).err(),
        Purpose::Filter => match filter(text, shown) {
            Ok(filter) => {
                (model.filter, model.log) = (filter, place);
                None
            }
            Err(mistake) => Some(mistake),
        },
        Purpose::Search => {
            // While it is typed the search goes on from where it began, though the pane has moved to what was found.
            let from = model.search.as_ref().filter(|_| model.log != place).map_or(end_of_pane, |search| search.from);
            match if text.is_empty() { Ok(None) } else { TypedPattern::new(text, from).map(Some) } {
                Ok(pattern) => {
                    model.hit = if pattern.is_some() { Hit::Sought } else { Hit::None };
                    (model.search, model.log) = (pattern, place);
                    None
                }
                Err(mistake) => Some(mistake),
            }
        }
    };
}

fn filter(text: &str, shown: &Shown<'_>) -> Result<Option<ChosenFilter>, String> {
    let filter = LineFilter::parse(text, &zoned(shown))?;
    Ok((!filter.is_empty()).then(|| ChosenFilter { text: text.to_owned(), filter }))
}

fn zoned(shown: &Shown<'_>) -> Zoned {
    shown.wall.to_zoned(shown.zone.clone())
}

/// Keeps what is typed, unless it is a mistake.
pub(super) fn accept(model: &mut Model, shown: &Shown<'_>) {
    let Some(Overlay::Prompt(prompt)) = model.overlay.take() else { return };
    if prompt.mistake.is_some() {
        model.overlay = Some(Overlay::Prompt(prompt));
    } else if prompt.purpose == Purpose::Time {
        model.sought = moment(prompt.line.value().trim(), &zoned(shown)).ok();
    } else if prompt.purpose == Purpose::Search && model.hit == Hit::None && model.search.is_some() {
        model.hit = Hit::Sought;
    }
}

/// Goes to the match that is sought as soon as it is found, and says so if there is none.
pub(super) fn settle(model: &mut Model, shown: &Shown<'_>) {
    show_columns(model, shown);
    settle_time(model, shown);
    let Some(hits) = model.hits(shown).filter(|_| model.hit == Hit::Sought) else { return };
    // In a log the newest that is in view, or the nearest above; without any, the nearest below.
    let below = hits.ids.first().copied().filter(|_| hits.is_start_reached);
    match hits.before(hits.search.from).or(below) {
        Some(hit) => go_to(model, hit, shown),
        None if !hits.is_complete || matches!(model.overlay, Some(Overlay::Prompt(_))) => {}
        None => {
            model.hit = Hit::None;
            model.tell(format!("no line matches {}", hits.search.pattern));
        }
    }
}

/// Goes to the time that is sought as soon as its line is found; to the end if nothing was written from then on.
fn settle_time(model: &mut Model, shown: &Shown<'_>) {
    let found = model.window(shown).and_then(|window| window.found).filter(|(at, _)| Some(*at) == model.sought);
    let Some((_, line)) = found else { return };
    model.sought = None;
    match line {
        Some(line) => model.log = ScrollPosition::Near(line),
        None => {
            model.go_to_end();
            model.tell_briefly("nothing was written from then on", shown.now);
        }
    }
}

/// Goes to the next match, or the one before; from the last to the first.
pub(super) fn go_to_hit(model: &mut Model, towards: Towards, shown: &Shown<'_>) {
    if model.search.is_none() {
        model.tell("nothing is searched for yet: / begins");
        return;
    }
    let Hit::At(from) = model.hit else {
        model.hit = Hit::Sought;
        return;
    };
    let Some(hits) = model.hits(shown) else { return };
    let (next, is_known, first) = match towards {
        Towards::Newer => (hits.after(from), hits.is_complete, hits.ids.first()),
        Towards::Older => (hits.before(from), hits.is_start_reached, hits.ids.last()),
    };
    match next.or(first.copied().filter(|_| is_known && hits.is_complete)) {
        Some(hit) => {
            tell_if_not_all_are_kept(model, hits, next.is_none());
            go_to(model, hit, shown);
        }
        None if hits.is_complete => model.hit = Hit::Sought,
        None => model.tell(format!("no further match yet: {}% is searched", hits.percent)),
    }
}

/// Going round past matches that are not kept would hide that they are there.
fn tell_if_not_all_are_kept(model: &mut Model, hits: &Hits, goes_round: bool) {
    let left_out = hits.before + hits.after;
    if goes_round && left_out > 0 {
        model.tell(format!("{left_out} more matches are too far away: search again from there"));
    }
}

/// Scrolls only if the match is not in view already.
fn go_to(model: &mut Model, hit: LineId, shown: &Shown<'_>) {
    model.hit = Hit::At(hit);
    let entries = LogEntries::on_screen(model, shown);
    let in_view = entries.lines_in_view(model.log);
    let is_in_view = in_view.clone().any(|index| entries.number(index) == hit);
    model.log = match is_in_view {
        true => model.log.held(&entries, entries.height),
        false => ScrollPosition::Near(hit),
    };
    model.is_beside_hit = true;
    show_columns(model, shown);
}

/// Scrolls sideways to a match that was gone to, as soon as its line is there.
fn show_columns(model: &mut Model, shown: &Shown<'_>) {
    let (true, Hit::At(hit)) = (model.is_beside_hit, model.hit) else { return };
    let entries = LogEntries::on_screen(model, shown);
    let Some(columns) = columns_of(model, hit, &entries) else { return };
    model.is_beside_hit = false;
    model.unwrapped = model.unwrapped.map(|from| scrolled_sideways(from, columns, entries.width));
}

/// The columns of the first match in a line, if the line has been read.
fn columns_of(model: &Model, hit: LineId, entries: &LogEntries<'_>) -> Option<Range<usize>> {
    let index = (0..entries.len()).find(|&index| entries.number(index) == hit)?;
    let (text, _) = entries.read(index);
    let found = model.search.as_ref()?.regex.find(&text.text)?;
    let columns_before = |byte: usize| {
        let cells = text.cells.iter().take_while(|cell| cell.start < byte);
        cells.map(|cell| usize::from(cell.width)).sum()
    };
    Some(columns_before(found.start())..columns_before(found.end()))
}

/// The first column of a pane of `width` that shows `columns`, with something before them; as it is if they are in view.
fn scrolled_sideways(from: usize, columns: Range<usize>, width: usize) -> usize {
    match columns.start >= from && columns.end <= from + width {
        true => from,
        false if columns.end <= width => 0,
        false => columns.start.saturating_sub(width / 3),
    }
}

/// The first line below the pane.
fn end_of_pane(model: &Model, shown: &Shown<'_>) -> LineId {
    let entries = LogEntries::on_screen(model, shown);
    let end = entries.lines_in_view(model.log).end;
    if end < entries.len() { entries.number(end) } else { LineId::END }
}
