//! What of the log is shown and how: one run, one task or all merged, times, wrapped or not.

use super::model::Model;
use super::place::Place;
use super::{LogOf, Shown, selection};

/// Columns that one key scrolls sideways.
const SIDEWAYS: usize = 8;

/// Goes to the run before the one that is shown.
pub(super) fn previous_run(model: &mut Model, shown: &Shown<'_>) {
    let Some(now) = shown_run(model, shown) else { return };
    match shown.log.iter().map(|line| line.run).rfind(|&run| run < now) {
        Some(run) => show_run(model, Some(run)),
        None => model.tell(format!("nothing older than run {now} is kept here")),
    }
}

/// Goes to the run after the one that is shown; after the last but one, back to all of them.
pub(super) fn next_run(model: &mut Model, shown: &Shown<'_>) {
    let Some(now) = shown_run(model, shown) else { return };
    let newest = shown.log.last().map_or(0, |line| line.run).max(current_run(model, shown));
    match shown.log.iter().map(|line| line.run).find(|&run| run > now).filter(|&run| run < newest) {
        Some(run) => show_run(model, Some(run)),
        None if model.run.is_some() => show_run(model, None),
        None => model.tell(format!("run {now} is the newest")),
    }
}

/// One task's log, or that of all tasks that are marked, or of all, in the order of time.
pub(super) fn merge(model: &mut Model) {
    model.merged = !model.merged;
    show_run(model, None);
}

pub(super) fn toggle_times(model: &mut Model, shown: &Shown<'_>) {
    let are_shown = model.log_entries(shown).time_columns > 0;
    model.times = Some(!are_shown);
}

pub(super) fn toggle_wrap(model: &mut Model) {
    model.unwrapped = match model.unwrapped {
        Some(_) => None,
        None => Some(0),
    };
}

/// Scrolls sideways, as far as the longest line in view reaches.
pub(super) fn scroll_sideways(model: &mut Model, right: bool, shown: &Shown<'_>) {
    let Some(from) = model.unwrapped else {
        model.tell("lines are wrapped: W shows each in one row, to scroll sideways");
        return;
    };
    let entries = model.log_entries(shown);
    let most = entries.longest_in_view(model.log).saturating_sub(entries.width);
    let to = if right { (from + SIDEWAYS).min(most.max(from)) } else { from.saturating_sub(SIDEWAYS) };
    model.unwrapped = Some(to);
}

fn show_run(model: &mut Model, run: Option<u64>) {
    selection::clear(model);
    (model.run, model.log, model.hit) = (run, Place::End, None);
}

/// The run whose lines are shown, or the newest of them.
fn shown_run(model: &mut Model, shown: &Shown<'_>) -> Option<u64> {
    match shown.log_of {
        LogOf::Task(_) => Some(model.run.unwrap_or_else(|| current_run(model, shown))),
        LogOf::Merged(_) => {
            model.tell("a merged log is not divided into runs; m shows one task's");
            None
        }
    }
}

fn current_run(model: &Model, shown: &Shown<'_>) -> u64 {
    model.selected_task(shown.snapshot).map_or(0, |task| task.run)
}
