//! Searching and filtering the log: the line a pattern is typed into, and going from match to match.

use ratatui::crossterm::event::{Event, KeyEvent};
use tui_input::backend::crossterm::EventHandler;

use super::Shown;
use super::model::{Model, Overlay, Prompt, Purpose};
use super::pattern::Pattern;
use super::place::{Entries, Place};

/// Characters of a pattern; more are not taken.
pub(super) const PATTERN_CHARS: usize = 200;

/// Asks for a pattern.
pub(super) fn open(model: &mut Model, purpose: Purpose) {
    let pattern = match purpose {
        Purpose::Search => &model.search,
        Purpose::Filter => &model.filter,
    };
    let text = pattern.as_ref().map_or_else(String::new, |pattern| pattern.text.clone());
    let before = (pattern.clone(), model.hit, model.log);
    model.overlay = Some(Overlay::Prompt(Box::new(Prompt { purpose, line: text.into(), mistake: None, before })));
}

/// Takes keys that are typed; the log follows at once.
pub(super) fn type_in(model: &mut Model, keys: &[KeyEvent], shown: &Shown<'_>) {
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
    let (purpose, place) = (prompt.purpose, prompt.before.2);
    let pattern = if text.is_empty() { Ok(None) } else { Pattern::new(text).map(Some) };
    prompt.mistake = pattern.as_ref().err().cloned();
    // While it can't be read, the last pattern that could be stays.
    let Ok(pattern) = pattern else { return };
    model.log = place;
    match purpose {
        Purpose::Search => {
            model.search = pattern;
            model.hit = None;
            model.refresh(shown);
            go_to_nearest_hit(model, shown);
        }
        Purpose::Filter => model.filter = pattern,
    }
}

/// Keeps what is typed, unless it is a mistake.
pub(super) fn accept(model: &mut Model, shown: &Shown<'_>) {
    let Some(Overlay::Prompt(prompt)) = model.overlay.take() else { return };
    if prompt.mistake.is_some() {
        model.overlay = Some(Overlay::Prompt(prompt));
        return;
    }
    if prompt.purpose == Purpose::Search && model.hit.is_none() {
        go_to_nearest_hit(model, shown);
        if let Some(search) = model.search.as_ref().filter(|search| search.hits().is_empty()) {
            let message = format!("no line matches {}", search.text);
            model.tell(message);
        }
    }
}

/// Goes to the match that is nearest above the end of the pane: in a log, the newest that is in view.
fn go_to_nearest_hit(model: &mut Model, shown: &Shown<'_>) {
    let entries = model.log_entries(shown);
    let below = entries.below(model.log);
    let last = entries.len().checked_sub(below + 1);
    let after_pane = last.map_or(0, |index| entries.line(index).number + 1);
    model.hit = model.search.as_ref().and_then(|search| search.hit_before(after_pane));
    show_hit(model, shown);
}

/// Goes to the next match, or the one before.
pub(super) fn go_to_hit(model: &mut Model, step: fn(&Pattern, u64) -> Option<u64>, shown: &Shown<'_>) {
    let Some(search) = &model.search else {
        model.tell("nothing is searched for yet: / begins");
        return;
    };
    match model.hit.filter(|hit| search.hits().binary_search(hit).is_ok()) {
        Some(hit) => {
            model.hit = step(search, hit);
            show_hit(model, shown);
        }
        None => go_to_nearest_hit(model, shown),
    }
}

/// Scrolls only if the match is not in view already.
fn show_hit(model: &mut Model, shown: &Shown<'_>) {
    let Some(hit) = model.hit else { return };
    let entries = model.log_entries(shown);
    let top = model.log.top(&entries, entries.height);
    let is_above = entries.len() > top.index && hit < entries.line(top.index).number;
    let end = entries.len() - entries.below(model.log);
    let is_below = entries.has_after(end, hit);
    model.log = match is_above || is_below {
        true => Place::around(hit, &entries, entries.height),
        false => model.log.held(&entries, entries.height),
    };
}
