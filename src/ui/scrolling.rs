//! Scrolls the log, or the page that lies over the screen.

use super::layout::{self, Page};
use super::log::LogEntries;
use super::model::{EventEntries, Model, Overlay};
use super::scroll::ScrollPosition;
use super::shown::Shown;

pub(super) fn follow(model: &mut Model, shown: &Shown<'_>) {
    let entries = LogEntries::on_screen(model, shown);
    model.log = match model.log {
        ScrollPosition::End => ScrollPosition::End.held(&entries, entries.height),
        ScrollPosition::At { .. } | ScrollPosition::Near(_) => ScrollPosition::End,
    };
}

/// Scrolls what has the keys: the page that lies over the screen, or the log.
pub(super) fn scroll(model: &mut Model, rows: isize, shown: &Shown<'_>) {
    let Page { text, rows: all } = model.layout.page;
    let height = usize::from(text.height);
    let most = all.saturating_sub(height);
    match &mut model.overlay {
        Some(Overlay::Help(first) | Overlay::Why(first) | Overlay::Details(first) | Overlay::Dependencies(first)) => {
            *first = first.saturating_add_signed(rows).min(most)
        }
        Some(Overlay::Events(place)) => *place = place.scrolled(&EventEntries(shown.events), height, rows),
        Some(Overlay::Away(_)) => {}
        Some(Overlay::Attached | Overlay::Confirm(_) | Overlay::Palette(_) | Overlay::Prompt(_)) | None => {
            scroll_log(model, rows, shown)
        }
    }
}

pub(super) fn scroll_log(model: &mut Model, rows: isize, shown: &Shown<'_>) {
    let entries = LogEntries::on_screen(model, shown);
    model.log = match rows {
        // Both ends of the log may be outside of the window.
        isize::MIN => ScrollPosition::start(),
        isize::MAX => ScrollPosition::End,
        rows => match model.log.scrolled(&entries, entries.height, rows) {
            ScrollPosition::End if !entries.is_end() => ScrollPosition::End.held(&entries, entries.height),
            place => place,
        },
    };
}

/// The rows that a page key scrolls: a row of the page before stays in view.
pub(super) fn page(model: &Model) -> isize {
    let text = match model.overlay {
        Some(_) => model.layout.page.text,
        None => layout::inside(model.layout.panes.log),
    };
    isize::try_from(text.height.saturating_sub(1).max(1)).unwrap_or(1)
}
