//! Attached to a task's terminal: the keyboard is the task's, but for the one key that leaves.

use ratatui::crossterm::event::KeyEvent;

use super::action::DashboardEffect;
use super::encode;
use super::model::{Model, Overlay};
use super::scroll::ScrollPosition;
use super::shown::Shown;

/// Gives the keyboard to the selected task, if it has a terminal.
pub(super) fn attach(model: &mut Model, shown: &Shown<'_>) {
    let Some(task) = model.selected(shown.snapshot) else { return };
    match shown.screen {
        Some(_) => {
            (model.log, model.selection) = (ScrollPosition::End, None);
            model.overlay = Some(Overlay::Attached);
        }
        None => model.tell(format!("{task} has no terminal; tty = true in its config gives it one")),
    }
}

/// A key for the task.
pub(super) fn type_key(model: &Model, key: KeyEvent, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    let modes = shown.screen.map(|screen| screen.modes).unwrap_or_default();
    type_bytes(model, encode::key(key, modes), shown)
}

/// Pasted text for the task.
pub(super) fn type_paste(model: &Model, text: &str, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    let modes = shown.screen.map(|screen| screen.modes).unwrap_or_default();
    type_bytes(model, encode::paste(text, modes), shown)
}

fn type_bytes(model: &Model, bytes: Vec<u8>, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    let task = model.selected(shown.snapshot).filter(|_| !bytes.is_empty());
    task.map(|task| DashboardEffect::Type { task: task.to_owned(), bytes }).into_iter().collect()
}
