//! What inputs do to the model, and by way of effects to the supervisor.

use std::time::Duration;

use ratatui::crossterm::event::{
    KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use ratatui::layout::Position;

use super::action::{Action, DashboardEffect, DashboardInput};
use super::keymap::{self, Binding, Context, Topic};
use super::layout::{Arrangement, ClickTarget};
use super::model::{Focus, Hit, Model, Overlay, Purpose, Question};
use super::narrowing::companions;
use super::palette::PaletteAction;
use super::scroll::ScrollPosition;
use super::scrolling::{follow, page, scroll, scroll_log};
use super::search::Towards;
use super::shown::Shown;
use super::{attach, away, copy, line_cursor, log_choice, requests, search};
use crate::present::clock::Clock;
use crate::present::trouble::{is_in_trouble, what};
use crate::supervisor::engine::{Request, TaskSnapshot};

/// How long before a moment its log is looked at.
const BEFORE_THE_MOMENT: Duration = Duration::from_secs(2);
/// Rows that one turn of the wheel scrolls.
const WHEEL_ROWS: isize = 3;

/// Takes one input. After [`DashboardInput::Changed`] and every other input the model fits what is shown.
pub fn update(model: &mut Model, input: DashboardInput, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    refresh(model, shown);
    // From the first key on it is known by name: how its log is read is kept under that.
    if !matches!(input, DashboardInput::Changed | DashboardInput::Resized) && model.selected.is_none() {
        model.selected = model.selected(shown.snapshot).map(str::to_owned);
    }
    let effects = match input {
        DashboardInput::Changed => Vec::new(),
        DashboardInput::Resized => {
            copy::clear(model);
            Vec::new()
        }
        DashboardInput::Key(key) if key.kind == KeyEventKind::Release => Vec::new(),
        DashboardInput::Key(key) => on_key(model, key, shown),
        DashboardInput::Paste(text) => on_paste(model, &text, shown),
        DashboardInput::Mouse(mouse) => on_mouse(model, mouse, shown),
    };
    refresh(model, shown);
    effects
}

/// Brings what is derived from the shown things up to date.
fn refresh(model: &mut Model, shown: &Shown<'_>) {
    // A reload may have removed what was selected.
    if let Some(task) = model.selected_task(shown.snapshot)
        && model.selected.is_some()
    {
        model.select(&task.name);
    }
    search::settle(model, shown);
    if shown.screen.is_none() && matches!(model.overlay, Some(Overlay::Attached)) {
        model.overlay = None;
    }
    model.marked.retain(|name| shown.snapshot.task(name).is_some());
}

fn on_key(model: &mut Model, key: KeyEvent, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    model.message = None;
    model.absence.note_key(shown.now);
    let context = model.context();
    // What a terminal calls alt and a key may be escape and the key right after it; nothing here is bound to alt.
    let is_typing = matches!(context, Context::Prompt | Context::Palette | Context::Attached);
    if key.modifiers.contains(KeyModifiers::ALT) && !is_typing {
        let mut effects = on_key(model, KeyEvent::from(KeyCode::Esc), shown);
        let modifiers = key.modifiers.difference(KeyModifiers::ALT);
        effects.extend(on_key(model, KeyEvent { modifiers, ..key }, shown));
        return effects;
    }
    let binding = keymap::lookup(context, key);
    if !matches!(binding.map(|binding| binding.action), Some(Action::Copy | Action::CopyPage | Action::Close)) {
        copy::clear(model);
    }
    match (binding, context) {
        (Some(binding), _) => {
            let before = model.trace(shown.snapshot);
            let left = bring_log(model, binding);
            let effects = left.map(|action| perform(model, action, shown)).unwrap_or_default();
            if effects.is_empty() && model.trace(shown.snapshot) == before {
                model.tell_briefly(format!("{} does nothing now", keymap::name(key)), shown.now);
            }
            return effects;
        }
        (None, Context::Attached) => return attach::type_key(model, key, shown),
        (None, Context::Prompt) => search::type_in(model, &[key], shown),
        (None, Context::Palette) => type_into_palette(model, &[key]),
        (None, Context::Main | Context::Log) => {
            model.tell_briefly(format!("{} does nothing here; ? lists all keys", keymap::name(key)), shown.now);
        }
        (None, Context::Page | Context::News | Context::Question) => {
            model.tell_briefly(format!("{} does nothing here", keymap::name(key)), shown.now);
        }
    }
    Vec::new()
}

/// Where there is no room for a log, a key for it zooms it first; returns what is left to do then.
fn bring_log(model: &mut Model, binding: &Binding) -> Option<Action> {
    let is_there = model.overlay.is_some() || !model.layout.panes.log.is_empty();
    match binding.action {
        action if is_there || binding.topic != Topic::Log => Some(action),
        action @ (Action::Zoom | Action::Attach | Action::Open | Action::Close) => Some(action),
        action => {
            model.zoomed = true;
            // The others are about what is on the screen, and it isn't yet.
            let can_wait = [Action::Search, Action::Filter, Action::Merge, Action::PreviousRun, Action::NextRun];
            can_wait.contains(&action).then_some(action)
        }
    }
}

/// Pasted text is for what is typed into; it must not act as so many keys.
fn on_paste(model: &mut Model, text: &str, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    match model.context() {
        Context::Attached => return attach::type_paste(model, text, shown),
        Context::Prompt => search::type_in(model, &keys_of(text), shown),
        Context::Palette => type_into_palette(model, &keys_of(text)),
        Context::Main | Context::Log | Context::Page | Context::News | Context::Question => {}
    }
    Vec::new()
}

/// The first line of a text, as if it were typed.
fn keys_of(text: &str) -> Vec<KeyEvent> {
    let line = text.lines().next().unwrap_or_default();
    let chars = line.chars().filter(|c| !c.is_control()).take(search::PATTERN_CHARS);
    chars.map(|c| KeyEvent::from(KeyCode::Char(c))).collect()
}

fn perform(model: &mut Model, action: Action, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    match action {
        Action::SelectNext => move_selection(model, 1, shown),
        Action::SelectPrevious => move_selection(model, -1, shown),
        Action::SelectFirst => move_selection(model, isize::MIN, shown),
        Action::SelectLast => select_last(model, shown),
        Action::PageOfTasksDown => move_selection(model, page_of_tasks(model), shown),
        Action::PageOfTasksUp => move_selection(model, -page_of_tasks(model), shown),
        Action::NextTrouble => go_to_trouble(model, 1, shown),
        Action::PreviousTrouble => go_to_trouble(model, -1, shown),
        Action::Focus => move_focus(model),
        Action::Arrange => return arrange(model),
        Action::Parts => model.shows_parts = !model.shows_parts,
        Action::Mark => mark(model, shown),
        Action::Restart => return requests::restart(model, shown),
        Action::StopOrStart => return requests::stop_or_start(model, shown),
        Action::Kill => requests::confirm_kill(model, shown),
        Action::RestartAll => model.overlay = Some(Overlay::Confirm(Question::RestartAll)),
        Action::Reload => return vec![DashboardEffect::Ask(Request::Reload)],
        Action::Zoom => zoom(model),
        Action::Follow => follow(model, shown),
        Action::LineUp => scroll_or_step(model, -1, shown),
        Action::LineDown => scroll_or_step(model, 1, shown),
        Action::HalfPageUp => scroll_or_step(model, -(page(model) / 2).max(1), shown),
        Action::HalfPageDown => scroll_or_step(model, (page(model) / 2).max(1), shown),
        Action::PageUp => scroll_or_step(model, -page(model), shown),
        Action::PageDown => scroll_or_step(model, page(model), shown),
        Action::Oldest => scroll(model, isize::MIN, shown),
        Action::Newest => scroll(model, isize::MAX, shown),
        Action::Narrow => search::open(model, Purpose::Narrow),
        Action::MarkGroup => mark_group(model, shown),
        Action::ChooseLine => line_cursor::toggle(model, shown),
        Action::CopyBlock => return line_cursor::copy_block(model, shown),
        Action::CopyPage => return copy::copy_page(model, shown),
        Action::Time => search::open(model, Purpose::Time),
        Action::RaiseFloor => log_choice::move_floor(model, true, shown),
        Action::LowerFloor => log_choice::move_floor(model, false, shown),
        Action::NextEnd => log_choice::go_to_end_of_run(model, true, shown),
        Action::PreviousEnd => log_choice::go_to_end_of_run(model, false, shown),
        Action::Search => search::open(model, Purpose::Search),
        Action::Filter => search::open(model, Purpose::Filter),
        Action::Times => log_choice::toggle_times(model, shown),
        Action::Wrap => log_choice::toggle_wrap(model, shown),
        Action::Left => log_choice::scroll_sideways(model, false, shown),
        Action::Right => log_choice::scroll_sideways(model, true, shown),
        Action::PreviousRun => log_choice::previous_run(model, shown),
        Action::NextRun => log_choice::next_run(model, shown),
        Action::Merge => log_choice::merge(model),
        Action::Copy => return copy::copy(model, shown),
        Action::Open => return requests::open(model, shown),
        Action::Attach => attach::attach(model, shown),
        Action::Leave => model.overlay = None,
        Action::Palette => model.overlay = Some(Overlay::Palette(Box::default())),
        Action::PaletteNext => step_palette(model, 1, shown),
        Action::PalettePrevious => step_palette(model, -1, shown),
        Action::PaletteDo => return do_chosen(model, shown),
        Action::NextHit => search::go_to_hit(model, Towards::Newer, shown),
        Action::PreviousHit => search::go_to_hit(model, Towards::Older, shown),
        Action::Details => model.overlay = Some(Overlay::Details(0)),
        Action::Dependencies => model.overlay = Some(Overlay::Dependencies(0)),
        Action::Raw => log_choice::toggle_raw(model, shown),
        Action::Why => model.overlay = Some(Overlay::Why(0)),
        Action::Away => model.overlay = Some(Overlay::Away(0)),
        Action::NextNews => step_news(model, 1, shown),
        Action::PreviousNews => step_news(model, -1, shown),
        Action::GoToNews => go_to_news(model, shown),
        Action::Events => model.overlay = Some(Overlay::Events(ScrollPosition::End)),
        Action::Help => model.overlay = Some(Overlay::Help(0)),
        Action::Close => close(model, shown),
        Action::Yes => return requests::answer_yes(model, shown),
        Action::No => model.overlay = None,
        Action::Accept => search::accept(model, shown),
        Action::Quit | Action::Drain if shown.is_guest => return vec![DashboardEffect::Leave],
        Action::Quit => return requests::quit(model, shown),
        Action::QuitNow if shown.is_guest => return requests::quit(model, shown),
        Action::QuitNow => return vec![DashboardEffect::Ask(Request::ShutDown)],
        Action::Drain => return requests::drain(shown),
        Action::Suspend => return vec![DashboardEffect::Suspend],
        Action::Redraw => return vec![DashboardEffect::Redraw],
    }
    Vec::new()
}

/// Moves the line cursor, or scrolls where there is none.
fn scroll_or_step(model: &mut Model, by: isize, shown: &Shown<'_>) {
    if model.overlay.is_some() || !line_cursor::step(model, by, shown) {
        scroll(model, by, shown);
    }
}

// Selecting

fn move_selection(model: &mut Model, by: isize, shown: &Shown<'_>) {
    let rows = model.rows(shown.snapshot);
    let tasks: Vec<&TaskSnapshot> = rows.tasks().collect();
    let selected = model.selected(shown.snapshot);
    let Some(now) = tasks.iter().position(|task| Some(task.name.as_str()) == selected) else { return };
    let next = now.saturating_add_signed(by).min(tasks.len() - 1);
    model.wheeled = None;
    model.select(&tasks[next].name);
}

/// As many tasks as the table has rows, but one.
fn page_of_tasks(model: &Model) -> isize {
    isize::from(model.layout.panes.rows_of_table().height.saturating_sub(1).max(1) as i16)
}

/// Selects the next task that is not well, or the one before, in the order of the table and round its ends.
fn go_to_trouble(model: &mut Model, by: isize, shown: &Shown<'_>) {
    let clock = Clock::new(shown.now);
    let tasks: Vec<&TaskSnapshot> = shown.snapshot.tasks.iter().collect();
    let selected = model.selected(shown.snapshot);
    let now = tasks.iter().position(|task| Some(task.name.as_str()) == selected).unwrap_or(0);
    let count = tasks.len() as isize;
    let round = (1..=count).map(|step| tasks[(now as isize + by * step).rem_euclid(count) as usize]);
    match round.into_iter().find(|task| is_in_trouble(task, &clock)) {
        Some(task) => {
            model.select(&task.name);
            if model.layout.panes.table.is_empty() {
                model.tell_briefly(format!("{}: {}", task.name, what(task, &clock)), shown.now);
            }
        }
        None => model.tell_briefly("all is well", shown.now),
    }
}

fn move_focus(model: &mut Model) {
    let to_list = model.has_log_focus();
    if to_list {
        model.zoomed = false;
        if model.arrangement == Some(Arrangement::Log) {
            model.arrangement = None;
        }
    } else if model.layout.panes.log.is_empty() {
        model.zoomed = true;
    }
    model.focus = if to_list { Focus::List } else { Focus::Log };
}

fn zoom(model: &mut Model) {
    match model.arrangement {
        Some(Arrangement::Log) => (model.arrangement, model.zoomed) = (None, false),
        Some(Arrangement::Table | Arrangement::Dense) | None => model.zoomed = !model.zoomed,
    }
}

/// Goes from the arrangement on the screen to the next, and remembers it.
fn arrange(model: &mut Model) -> Vec<DashboardEffect> {
    let next = match model.layout.panes.arrangement {
        Arrangement::Table => Arrangement::Dense,
        Arrangement::Dense => Arrangement::Log,
        Arrangement::Log => Arrangement::Table,
    };
    (model.arrangement, model.zoomed) = (Some(next), false);
    vec![DashboardEffect::Remember(model.preferences())]
}

/// The last of the project's tasks; stead's own parts come after it.
fn select_last(model: &mut Model, shown: &Shown<'_>) {
    let last = model.rows(shown.snapshot).tasks().rfind(|task| !task.is_builtin());
    match last {
        Some(last) => model.select(&last.name),
        None => move_selection(model, isize::MAX, shown),
    }
}

fn mark(model: &mut Model, shown: &Shown<'_>) {
    let Some(name) = model.selected(shown.snapshot) else { return };
    if !model.marked.remove(name) {
        model.marked.insert(name.to_owned());
    }
    move_selection(model, 1, shown);
}

/// Marks all tasks of the same group or with the same beginning of their names; unmarks them if all are marked.
fn mark_group(model: &mut Model, shown: &Shown<'_>) {
    let Some(task) = model.selected_task(shown.snapshot) else { return };
    let names: Vec<&String> = companions(task, shown.snapshot).into_iter().map(|task| &task.name).collect();
    if names.is_empty() {
        model.tell_briefly(format!("{} has no group, and no other name begins like it", task.name), shown.now);
    } else if names.iter().all(|name| model.marked.contains(*name)) {
        model.marked.retain(|name| !names.contains(&name));
    } else {
        model.marked.extend(names.into_iter().cloned());
    }
}

// What happened since the last key

fn step_news(model: &mut Model, by: isize, shown: &Shown<'_>) {
    let last = away::news(shown.events, shown.snapshot, model.absence.since).len().saturating_sub(1);
    if let Some(Overlay::Away(chosen)) = &mut model.overlay {
        *chosen = chosen.saturating_add_signed(by).min(last);
    }
}

/// The log of the chosen task, at the moment when it failed last.
fn go_to_news(model: &mut Model, shown: &Shown<'_>) {
    let Some(Overlay::Away(chosen)) = model.overlay else { return };
    let Some(news) = away::chosen(model, shown, chosen) else { return };
    model.overlay = None;
    model.select(&news.task.name);
    (model.merged, model.run, model.focus) = (false, None, Focus::Log);
    // What led to it stands above it.
    model.sought = news.last.checked_sub(BEFORE_THE_MOMENT).ok();
    if model.layout.panes.log.is_empty() {
        model.zoomed = true;
    }
}

// The palette

fn type_into_palette(model: &mut Model, keys: &[KeyEvent]) {
    if let Some(Overlay::Palette(palette)) = &mut model.overlay {
        palette.type_in(keys);
    }
}

fn step_palette(model: &mut Model, by: isize, shown: &Shown<'_>) {
    if let Some(Overlay::Palette(palette)) = &mut model.overlay {
        palette.step(by, shown);
    }
}

fn do_chosen(model: &mut Model, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    let Some(Overlay::Palette(palette)) = &model.overlay else { return Vec::new() };
    let Some(entry) = palette.entry(shown) else { return Vec::new() };
    model.overlay = None;
    match entry.what {
        PaletteAction::Do(action) => return perform(model, action, shown),
        PaletteAction::Select(task) => model.select(&task),
    }
    Vec::new()
}

fn close(model: &mut Model, shown: &Shown<'_>) {
    match model.overlay.take() {
        Some(Overlay::Prompt(prompt)) => {
            let (pattern, hit, position, unwrapped) = prompt.before;
            (model.search, model.filter, model.narrowing) = (pattern, prompt.filter_before, prompt.narrowing_before);
            (model.hit, model.log, model.unwrapped) = (hit, position, unwrapped);
            refresh(model, shown);
        }
        Some(_) => {}
        None if model.selection.is_some() => copy::clear(model),
        None if model.run.is_some() => log_choice::show_run(model, None),
        None if model.cursor.is_some() => model.cursor = None,
        None if model.search.is_some() => (model.search, model.hit) = (None, Hit::None),
        None if model.filter.is_some() => leave_filter(model),
        None if !model.marked.is_empty() => model.marked.clear(),
        None if model.narrowing.is_some() => model.narrowing = None,
        None if model.zoomed => model.zoomed = false,
        None if model.arrangement == Some(Arrangement::Log) => model.arrangement = None,
        None => model.focus = Focus::List,
    }
}

/// All lines again, around the one that was chosen among those that passed.
fn leave_filter(model: &mut Model) {
    model.filter = None;
    if let Some(line) = model.cursor.map(|cursor| cursor.line).or(model.hit.line()) {
        model.log = ScrollPosition::Near(line);
    }
}

// The mouse

fn on_mouse(model: &mut Model, mouse: MouseEvent, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    let rows = match mouse.kind {
        MouseEventKind::ScrollUp => -WHEEL_ROWS,
        MouseEventKind::ScrollDown => WHEEL_ROWS,
        MouseEventKind::Down(MouseButton::Left) => {
            let effects = click(model, Position::new(mouse.column, mouse.row), shown);
            copy::on_mouse(model, mouse, shown);
            return effects;
        }
        _ => return copy::on_mouse(model, mouse, shown),
    };
    let under = Position::new(mouse.column, mouse.row);
    let panes = model.layout.panes;
    if matches!(model.context(), Context::Page) {
        scroll(model, rows, shown);
    } else if matches!(model.overlay, Some(Overlay::Attached)) {
        // The task's own screen stays: it is what is typed into.
    } else if panes.log.contains(under) {
        scroll_log(model, rows, shown);
    } else if panes.table.contains(under) && model.overlay.is_none() {
        wheel_table(model, rows, shown);
    }
    Vec::new()
}

/// Scrolls the table. What is selected stays so.
fn wheel_table(model: &mut Model, rows: isize, shown: &Shown<'_>) {
    let all = model.rows(shown.snapshot).rows.len();
    let most = all.saturating_sub(usize::from(model.layout.panes.rows_of_table().height));
    model.wheeled = Some(model.layout.first_row.saturating_add_signed(rows).min(most));
}

fn click(model: &mut Model, at: Position, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    model.message = None;
    copy::clear(model);
    let panes = model.layout.panes;
    if model.overlay.is_none() && panes.log.contains(at) {
        model.focus = Focus::Log;
    } else if panes.table.contains(at) {
        model.focus = Focus::List;
    }
    match model.layout.target(at).cloned() {
        Some(ClickTarget::Task(name)) if model.overlay.is_none() => model.select(&name),
        Some(ClickTarget::Action(action)) => return perform(model, action, shown),
        Some(ClickTarget::PaletteEntry(index)) => {
            if let Some(Overlay::Palette(palette)) = &mut model.overlay {
                palette.chosen = index;
            }
            return do_chosen(model, shown);
        }
        Some(ClickTarget::Entry(index)) => {
            model.overlay = Some(Overlay::Away(index));
        }
        Some(ClickTarget::Task(_)) | None => {}
    }
    Vec::new()
}
