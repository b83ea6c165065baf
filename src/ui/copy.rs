//! Copies text that is selected with the mouse, or all that the log shows: within one pane, and exactly the text.

use ratatui::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthStr;

use super::action::DashboardEffect;
use super::layout;
use super::line_cursor;
use super::log::LogEntries;
use super::model::{Model, Overlay};
use super::scroll::ScrollPosition;
use super::selection::Selection;
use super::shown::Shown;

/// Bytes that may be copied at once. As base64 they are the 100 kB that terminals take in one sequence.
const COPY_BYTES: usize = 74_994;

/// What the mouse's left button does to the selection; the rest of the mouse is nothing to it.
pub(super) fn on_mouse(model: &mut Model, mouse: MouseEvent, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    let at = Position::new(mouse.column, mouse.row);
    match (mouse.kind, &mut model.selection) {
        (MouseEventKind::Down(MouseButton::Left), _) => {
            let area = text_area(model, shown, at);
            model.selection = area.map(|area| Selection { area, from: at, to: at, is_dragged: true, resumes: false });
        }
        (MouseEventKind::Drag(MouseButton::Left), Some(selection)) if selection.is_dragged => {
            let Rect { x, y, .. } = selection.area;
            let last = Selection::all(selection.area).to;
            selection.to = Position::new(at.x.clamp(x, last.x), at.y.clamp(y, last.y));
            hold_log(model, shown);
        }
        (MouseEventKind::Up(MouseButton::Left), Some(selection)) if selection.is_dragged => {
            selection.is_dragged = false;
            let selection = *selection;
            if selection.from == selection.to {
                model.selection = None;
                return Vec::new();
            }
            return copy_selection(model, selection, shown);
        }
        _ => {}
    }
    Vec::new()
}

/// Copies what is selected; without a selection, all that the log pane shows.
pub(super) fn copy(model: &mut Model, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    let area = log_area(model, shown);
    if model.selection.is_none() && !area.is_empty() && !model.shows_screen(shown) {
        return line_cursor::copy_lines(model, shown);
    }
    let selection = model.selection.unwrap_or_else(|| Selection::all(area));
    if selection.area.is_empty() {
        model.tell("there is no log on the screen to copy");
        return Vec::new();
    }
    copy_selection(model, selection, shown)
}

/// Copies all that a page shows.
pub(super) fn copy_page(model: &mut Model, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    let selection = model.selection.unwrap_or_else(|| Selection::all(model.layout.page.text));
    copy_selection(model, selection, shown)
}

/// Ends the selection. A log that it has held goes on.
pub(super) fn clear(model: &mut Model) {
    if model.selection.take().is_some_and(|selection| selection.resumes) {
        model.log = ScrollPosition::End;
    }
}

fn copy_selection(model: &mut Model, selection: Selection, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    let text = text(model, &selection, shown);
    copy_text(model, &text)
}

/// Copies a text, and says how much it is.
pub(super) fn copy_text(model: &mut Model, text: &str) -> Vec<DashboardEffect> {
    match text.len() {
        0 => model.tell("there is nothing to copy"),
        1..=COPY_BYTES => {
            model.tell(format!("copied {}", counted(text)));
            return vec![DashboardEffect::Copy(text.to_owned())];
        }
        bytes => model.tell(format!("not copied: {bytes} bytes are more than the {COPY_BYTES} that terminals take")),
    }
    Vec::new()
}

fn counted(text: &str) -> String {
    match (text.lines().count(), text.chars().count()) {
        (0 | 1, 1) => "1 character".to_owned(),
        (0 | 1, characters) => format!("{characters} characters"),
        (lines, _) => format!("{lines} lines"),
    }
}

/// The text of the pane at this point, without frame, times and names.
fn text_area(model: &Model, shown: &Shown<'_>, at: Position) -> Option<Rect> {
    let layout = model.layout.panes;
    let areas = match &model.overlay {
        Some(
            Overlay::Help(_)
            | Overlay::Why(_)
            | Overlay::Details(_)
            | Overlay::Dependencies(_)
            | Overlay::Events(_)
            | Overlay::Away(_),
        ) => {
            vec![model.layout.page.text]
        }
        Some(Overlay::Confirm(_) | Overlay::Palette(_) | Overlay::Prompt(_)) => Vec::new(),
        Some(Overlay::Attached) => vec![log_area(model, shown)],
        None => {
            let detail = layout::inside(layout.detail);
            let events = Rect {
                y: layout.events.y + 1,
                height: layout.events.height.saturating_sub(2),
                ..layout::inside(Rect { height: 3, ..layout.events })
            };
            vec![log_area(model, shown), layout::inside(layout.table), detail, events]
        }
    };
    areas.into_iter().find(|area| area.contains(at))
}

/// Where the log pane has its text.
fn log_area(model: &Model, shown: &Shown<'_>) -> Rect {
    let pane = model.layout.panes.log;
    if model.shows_screen(shown) {
        return layout::inside(pane);
    }
    LogEntries::new(model, shown, pane).text_area(pane)
}

/// What is being selected in a log must not move away under the mouse.
fn hold_log(model: &mut Model, shown: &Shown<'_>) {
    let area = log_area(model, shown);
    if model.log != ScrollPosition::End || model.shows_screen(shown) {
        return;
    }
    let entries = LogEntries::on_screen(model, shown);
    let held = model.log.held(&entries, entries.height);
    if let Some(selection) = model.selection.as_mut().filter(|selection| selection.area == area) {
        selection.resumes = true;
        model.log = held;
    }
}

fn text(model: &Model, selection: &Selection, shown: &Shown<'_>) -> String {
    let is_log = selection.area == log_area(model, shown) && !model.shows_screen(shown);
    if is_log { log_text(model, selection, shown) } else { drawn_text(model, selection, shown) }
}

/// Lines that were broken to fit the pane are whole again.
fn log_text(model: &Model, selection: &Selection, shown: &Shown<'_>) -> String {
    let entries = LogEntries::on_screen(model, shown);
    let in_view = entries.in_view(model.log);
    let mut text = String::new();
    for row in selection.rows() {
        let Some(part) = in_view.get(usize::from(row.y - selection.area.y)) else { break };
        let Some(cells) = part.cells.clone() else { continue };
        let (line, _) = entries.read(part.index);
        let mut x = selection.area.x;
        // Blanks hang behind a row that they end.
        let end = if row.right() == selection.area.right() { u16::MAX } else { row.right() };
        for index in cells {
            if (row.x..end).contains(&x) {
                text.push_str(line.symbol(index));
            }
            x += line.cells[index].width;
        }
        if part.ends_line {
            text.push('\n');
        }
    }
    without_last_end(text)
}

/// What stands on the screen, without the blanks at the end of each row.
fn drawn_text(model: &Model, selection: &Selection, shown: &Shown<'_>) -> String {
    let buffer = &model.layout.cells;
    let screen = shown.screen.filter(|_| model.shows_screen(shown) && selection.area == log_area(model, shown));
    let is_wrapped = |y: u16| {
        let row = screen.and_then(|screen| screen.rows.get(usize::from(y - selection.area.y)));
        row.is_some_and(|row| row.wrapped)
    };
    let mut text = String::new();
    for row in selection.rows() {
        let row = row.intersection(buffer.area);
        let mut line = String::new();
        let mut x = row.x;
        while x < row.right() {
            let symbol = buffer[(x, row.y)].symbol();
            line.push_str(symbol);
            x += u16::try_from(symbol.width()).unwrap_or(1).max(1);
        }
        if is_wrapped(row.y) {
            text.push_str(&line);
        } else {
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    without_last_end(text)
}

fn without_last_end(mut text: String) -> String {
    text.truncate(text.trim_end_matches('\n').len());
    text
}
