//! What of the log is shown and how: one run, one task or all merged, times, wrapped or not.

use super::copy;
use super::log::LogEntries;
use super::model::Model;
use super::scroll::{Entries, ScrollPosition};
use super::shown::Shown;
use crate::logs::{Level, RunKey, StoredRun};

/// Columns that one key scrolls sideways.
const SIDEWAYS: usize = 8;

/// Goes to the run before the one that is shown.
pub(super) fn previous_run(model: &mut Model, shown: &Shown<'_>) {
    let Some((runs, now)) = runs(model, shown) else { return };
    match runs[..now].last() {
        Some(run) => show_run(model, Some(run.key)),
        None => model.tell(format!("nothing older than run {} is kept", number_of(model, runs.get(now), shown))),
    }
}

/// Goes to the run after the one that is shown; after the last but one, back to all of them.
pub(super) fn next_run(model: &mut Model, shown: &Shown<'_>) {
    let Some((runs, now)) = runs(model, shown) else { return };
    match runs.get(now + 1).filter(|_| now + 1 < newest(model, runs, shown)) {
        Some(run) => show_run(model, Some(run.key)),
        None if model.run.is_some() => show_run(model, None),
        None => model.tell(format!("run {} is the newest", number_of(model, runs.get(now), shown))),
    }
}

/// One task's log, or that of all tasks that are marked, or of all, in the order of time.
pub(super) fn merge(model: &mut Model) {
    model.merged = !model.merged;
    show_run(model, None);
}

/// Leaves out less grave lines, or fewer of them: all, info, warn, error.
pub(super) fn move_floor(model: &mut Model, is_up: bool, shown: &Shown<'_>) {
    const FLOORS: [Option<Level>; 4] = [None, Some(Level::Info), Some(Level::Warn), Some(Level::Error)];
    let now = FLOORS.iter().position(|floor| *floor == model.floor).unwrap_or(0);
    let next = if is_up { (now + 1).min(FLOORS.len() - 1) } else { now.saturating_sub(1) };
    model.floor = FLOORS[next];
    model.cursor = None;
    model.go_to_end();
    let told = match model.floor {
        Some(floor) => format!("only {floor} and worse"),
        None => "lines of every level".to_owned(),
    };
    model.tell_briefly(told, shown.now);
}

/// Goes to the next end of a run, or the one before.
pub(super) fn go_to_end_of_run(model: &mut Model, is_next: bool, shown: &Shown<'_>) {
    let entries = LogEntries::on_screen(model, shown);
    let top = model.log.top(&entries, entries.height).index;
    let ends = (0..entries.len()).filter(|&index| entries.has_rule(index));
    let found = match is_next {
        true => ends.into_iter().find(|&index| index > top),
        false => ends.take_while(|&index| index < top).last(),
    };
    match found {
        Some(index) => model.log = ScrollPosition::At { number: entries.number(index), row: 0 },
        None => model
            .tell_briefly(format!("no end of a run is {} here", if is_next { "below" } else { "above" }), shown.now),
    }
}

pub(super) fn toggle_times(model: &mut Model, shown: &Shown<'_>) {
    let are_shown = LogEntries::on_screen(model, shown).time_columns > 0;
    model.times = Some(!are_shown);
    model.tell_briefly(if are_shown { "times are left out" } else { "lines have their times" }, shown.now);
}

pub(super) fn toggle_raw(model: &mut Model, shown: &Shown<'_>) {
    model.is_raw = !model.is_raw;
    let told = if model.is_raw { "lines as they were written" } else { "JSON and logfmt in columns" };
    model.tell_briefly(told, shown.now);
}

pub(super) fn toggle_wrap(model: &mut Model, shown: &Shown<'_>) {
    model.unwrapped = if model.unwrapped.is_some() { None } else { Some(0) };
    let are_cut = model.unwrapped.is_some();
    model.tell_briefly(if are_cut { "long lines are cut; ← → scroll" } else { "long lines are wrapped" }, shown.now);
}

/// Scrolls sideways, as far as the longest line in view reaches.
pub(super) fn scroll_sideways(model: &mut Model, right: bool, shown: &Shown<'_>) {
    let Some(from) = model.unwrapped else {
        model.tell("lines are wrapped: W shows each in one row, to scroll sideways");
        return;
    };
    let entries = LogEntries::on_screen(model, shown);
    let most = entries.longest_in_view(model.log).saturating_sub(entries.width);
    let to = if right { (from + SIDEWAYS).min(most.max(from)) } else { from.saturating_sub(SIDEWAYS) };
    model.unwrapped = Some(to);
}

pub(super) fn show_run(model: &mut Model, run: Option<RunKey>) {
    copy::clear(model);
    model.run = run;
    model.go_to_end();
}

/// The runs of which something is kept, and which of them is shown; past the last, if the newest has not written.
fn runs<'a>(model: &mut Model, shown: &Shown<'a>) -> Option<(&'a [StoredRun], usize)> {
    if model.merged {
        model.tell("a merged log is not divided into runs; m shows one task's");
        return None;
    }
    let runs = &model.history(shown)?.runs[..];
    let now = match model.run {
        Some(run) => runs.iter().position(|stored| stored.key == run)?,
        None => newest(model, runs, shown),
    };
    Some((runs, now))
}

/// Where the newest run of the task stands among those of which something is kept.
fn newest(model: &Model, runs: &[StoredRun], shown: &Shown<'_>) -> usize {
    let current = model.selected_task(shown.snapshot).map_or(0, |task| task.run);
    let has_written = runs.last().is_some_and(|last| current == 0 || u64::from(last.key.number) == current);
    if has_written { runs.len() - 1 } else { runs.len() }
}

fn number_of(model: &Model, run: Option<&StoredRun>, shown: &Shown<'_>) -> u64 {
    let current = || model.selected_task(shown.snapshot).map_or(0, |task| task.run);
    run.map_or_else(current, |run| u64::from(run.key.number))
}
