//! PaletteAction inputs do: to the model, and by way of effects to the supervisor.

use ratatui::crossterm::event::{
    KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use ratatui::layout::{Position, Rect};

use super::action::{Action, DashboardEffect, DashboardInput};
use super::keymap::{self, Context};
use super::layout;
use super::model::{EventEntries, Hit, Model, Overlay, Purpose, Question};
use super::palette::PaletteAction;
use super::rows::rows;
use super::scroll::ScrollPosition;
use super::search::Towards;
use super::{Shown, attach, log_choice, palette, search, selection, view};
use crate::supervisor::engine::{Request, Stage, TaskKind, TaskSnapshot, Verb};

/// Rows that one turn of the wheel scrolls.
const WHEEL_ROWS: isize = 3;

/// Takes one input. After [`DashboardInput::Changed`] and every other input the model fits what is shown.
pub fn update(model: &mut Model, input: DashboardInput, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    model.refresh(shown);
    let effects = match input {
        DashboardInput::Changed => Vec::new(),
        DashboardInput::Resize(width, height) => {
            model.area = Rect::new(0, 0, width, height);
            selection::clear(model);
            Vec::new()
        }
        DashboardInput::Key(key) if key.kind == KeyEventKind::Release => Vec::new(),
        DashboardInput::Key(key) => on_key(model, key, shown),
        DashboardInput::Paste(text) => on_paste(model, &text, shown),
        DashboardInput::Mouse(mouse) => on_mouse(model, mouse, shown),
    };
    model.refresh(shown);
    effects
}

/// Whether `s` stops these tasks: a stop would change one of them.
pub(super) fn stops(tasks: &[&TaskSnapshot]) -> bool {
    tasks.iter().any(|task| task.state().can_stop())
}

fn on_key(model: &mut Model, key: KeyEvent, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    model.message = None;
    let context = Context::of(model);
    // PaletteAction a terminal calls alt and a key may be escape and the key right after it; nothing here is bound to alt.
    let is_typing = matches!(context, Context::Prompt | Context::Palette | Context::Attached);
    if key.modifiers.contains(KeyModifiers::ALT) && !is_typing {
        let mut effects = on_key(model, KeyEvent::from(KeyCode::Esc), shown);
        let modifiers = key.modifiers.difference(KeyModifiers::ALT);
        effects.extend(on_key(model, KeyEvent { modifiers, ..key }, shown));
        return effects;
    }
    let action = keymap::lookup(context, key);
    if !matches!(action, Some(Action::Copy | Action::Close)) {
        selection::clear(model);
    }
    match (action, context) {
        (Some(action), _) => return perform(model, action, shown),
        (None, Context::Attached) => return attach::type_key(model, key, shown),
        (None, Context::Prompt) => search::type_in(model, &[key], shown),
        (None, Context::Palette) => palette::type_in(model, &[key]),
        (None, Context::Main | Context::Zoom | Context::Page | Context::Question) => {}
    }
    Vec::new()
}

/// Pasted text is for what is typed into; it must not act as so many keys.
fn on_paste(model: &mut Model, text: &str, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    match Context::of(model) {
        Context::Attached => return attach::type_paste(model, text, shown),
        Context::Prompt => search::type_in(model, &keys_of(text), shown),
        Context::Palette => palette::type_in(model, &keys_of(text)),
        Context::Main | Context::Zoom | Context::Page | Context::Question => {}
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
        Action::SelectLast => move_selection(model, isize::MAX, shown),
        Action::Mark => mark(model, shown),
        Action::Restart => return ask_each(model.targets(shown.snapshot), Verb::Restart),
        Action::StopOrStart => return stop_or_start(model, shown),
        Action::Kill => confirm_kill(model, shown),
        Action::RestartAll => model.overlay = Some(Overlay::Confirm(Question::RestartAll)),
        Action::Reload => return vec![DashboardEffect::Ask(Request::Reload)],
        Action::Zoom => model.zoomed = !model.zoomed,
        Action::Follow => follow(model, shown),
        Action::LineUp => scroll(model, -1, shown),
        Action::LineDown => scroll(model, 1, shown),
        Action::HalfPageUp => scroll(model, -(page(model, shown) / 2).max(1), shown),
        Action::HalfPageDown => scroll(model, (page(model, shown) / 2).max(1), shown),
        Action::PageUp => scroll(model, -page(model, shown), shown),
        Action::PageDown => scroll(model, page(model, shown), shown),
        Action::Oldest => scroll(model, isize::MIN, shown),
        Action::Newest => scroll(model, isize::MAX, shown),
        Action::Search => search::open(model, Purpose::Search),
        Action::Filter => search::open(model, Purpose::Filter),
        Action::Times => log_choice::toggle_times(model, shown),
        Action::Wrap => log_choice::toggle_wrap(model),
        Action::Left => log_choice::scroll_sideways(model, false, shown),
        Action::Right => log_choice::scroll_sideways(model, true, shown),
        Action::PreviousRun => log_choice::previous_run(model, shown),
        Action::NextRun => log_choice::next_run(model, shown),
        Action::Merge => log_choice::merge(model),
        Action::Copy => return selection::copy(model, shown),
        Action::Open => return open(model, shown),
        Action::Attach => attach::attach(model, shown),
        Action::Leave => model.overlay = None,
        Action::Palette => model.overlay = Some(Overlay::Palette(Box::default())),
        Action::PaletteNext => palette::step(model, 1, shown),
        Action::PalettePrevious => palette::step(model, -1, shown),
        Action::PaletteDo => return do_chosen(model, shown),
        Action::NextHit => search::go_to_hit(model, Towards::Newer, shown),
        Action::PreviousHit => search::go_to_hit(model, Towards::Older, shown),
        Action::Why => model.overlay = Some(Overlay::Why(0)),
        Action::Events => model.overlay = Some(Overlay::Events(ScrollPosition::End)),
        Action::Help => model.overlay = Some(Overlay::Help(0)),
        Action::Close => close(model, shown),
        Action::Yes => return answer_yes(model, shown),
        Action::No => model.overlay = None,
        Action::Accept => search::accept(model),
        Action::Quit | Action::Drain if shown.is_guest => return vec![DashboardEffect::Leave],
        Action::Quit => return quit(model, shown),
        Action::QuitNow if shown.is_guest => return quit(model, shown),
        Action::QuitNow => return vec![DashboardEffect::Ask(Request::ShutDown)],
        Action::Drain => return drain(shown),
        Action::Suspend => return vec![DashboardEffect::Suspend],
        Action::Redraw => return vec![DashboardEffect::Redraw],
    }
    Vec::new()
}

// Selecting

fn move_selection(model: &mut Model, by: isize, shown: &Shown<'_>) {
    let rows = rows(shown.snapshot);
    let tasks: Vec<&TaskSnapshot> = rows.iter().filter_map(|row| row.task()).collect();
    let selected = model.selected(shown.snapshot);
    let Some(now) = tasks.iter().position(|task| Some(task.name.as_str()) == selected) else { return };
    let next = now.saturating_add_signed(by).min(tasks.len() - 1);
    model.select(&tasks[next].name);
}

fn mark(model: &mut Model, shown: &Shown<'_>) {
    let Some(name) = model.selected(shown.snapshot) else { return };
    if !model.marked.remove(name) {
        model.marked.insert(name.to_owned());
    }
    move_selection(model, 1, shown);
}

// Acting

fn ask_each(tasks: Vec<&TaskSnapshot>, verb: Verb) -> Vec<DashboardEffect> {
    tasks.into_iter().map(|task| DashboardEffect::Ask(verb.of(&task.name))).collect()
}

fn stop_or_start(model: &mut Model, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    let mut tasks = model.targets(shown.snapshot);
    if !stops(&tasks) {
        return ask_each(tasks, Verb::Start);
    }
    tasks.retain(|task| task.state().can_stop());
    // A stopped surface may take this very dashboard away, and everybody else's.
    if tasks.iter().any(|task| task.kind == TaskKind::Builtin) {
        model.overlay = Some(Overlay::Confirm(Question::Stop(names(&tasks))));
        return Vec::new();
    }
    ask_each(tasks, Verb::Stop)
}

fn open(model: &Model, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    let task = model.selected(shown.snapshot);
    task.map(|task| DashboardEffect::Open(task.to_owned())).into_iter().collect()
}

fn confirm_kill(model: &mut Model, shown: &Shown<'_>) {
    let tasks = model.targets(shown.snapshot);
    if !tasks.is_empty() {
        model.overlay = Some(Overlay::Confirm(Question::Kill(names(&tasks))));
    }
}

fn names(tasks: &[&TaskSnapshot]) -> Vec<String> {
    tasks.iter().map(|task| task.name.clone()).collect()
}

fn answer_yes(model: &mut Model, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    let Some(Overlay::Confirm(question)) = model.overlay.take() else { return Vec::new() };
    let each =
        |names: Vec<String>, verb: Verb| names.into_iter().map(|name| DashboardEffect::Ask(verb.of(name))).collect();
    match question {
        Question::Quit if is_draining(shown) => Vec::new(),
        Question::Quit => vec![DashboardEffect::Ask(Request::ShutDown)],
        Question::Stop(names) => each(names, Verb::Stop),
        Question::Kill(names) => each(names, Verb::Kill),
        Question::RestartAll => vec![DashboardEffect::Ask(Request::RestartAll)],
    }
}

fn quit(model: &mut Model, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    if is_draining(shown) {
        model.tell("draining already; ctrl-c kills what is left");
        return Vec::new();
    }
    let is_running = |task: &TaskSnapshot| task.kind != TaskKind::Builtin && task.is_live();
    if shown.snapshot.tasks.iter().any(is_running) {
        model.overlay = Some(Overlay::Confirm(Question::Quit));
        return Vec::new();
    }
    vec![DashboardEffect::Ask(Request::ShutDown)]
}

fn drain(shown: &Shown<'_>) -> Vec<DashboardEffect> {
    vec![DashboardEffect::Ask(if is_draining(shown) { Request::KillAll } else { Request::ShutDown })]
}

fn is_draining(shown: &Shown<'_>) -> bool {
    matches!(shown.snapshot.stage, Stage::Draining { .. })
}

// Scrolling

fn follow(model: &mut Model, shown: &Shown<'_>) {
    let entries = model.log_entries(shown);
    model.log = match model.log {
        ScrollPosition::End => ScrollPosition::End.held(&entries, entries.height),
        ScrollPosition::At { .. } | ScrollPosition::Near(_) => ScrollPosition::End,
    };
}

/// Scrolls what has the keys: the page that lies over the screen, or the log.
fn scroll(model: &mut Model, rows: isize, shown: &Shown<'_>) {
    let layout = model.layout(model.area, shown.snapshot);
    let height = usize::from(layout::inside(layout.middle).height);
    let most = view::page_rows(model, shown).saturating_sub(height);
    match &mut model.overlay {
        Some(Overlay::Help(first) | Overlay::Why(first)) => *first = first.saturating_add_signed(rows).min(most),
        Some(Overlay::Events(place)) => *place = place.scrolled(&EventEntries(shown.events), height, rows),
        Some(Overlay::Attached | Overlay::Confirm(_) | Overlay::Palette(_) | Overlay::Prompt(_)) | None => {
            scroll_log(model, rows, shown)
        }
    }
}

fn scroll_log(model: &mut Model, rows: isize, shown: &Shown<'_>) {
    let entries = model.log_entries(shown);
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

fn page(model: &Model, shown: &Shown<'_>) -> isize {
    let layout = model.layout(model.area, shown.snapshot);
    let pane = if model.overlay.is_some() { layout.middle } else { layout.log };
    // A row of the page before stays in view.
    isize::try_from(layout::inside(pane).height.saturating_sub(1).max(1)).unwrap_or(1)
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
            let (pattern, hit, place) = prompt.before;
            match prompt.purpose {
                Purpose::Search => model.search = pattern,
                Purpose::Filter => model.filter = pattern,
            }
            (model.hit, model.log) = (hit, place);
            model.refresh(shown);
        }
        Some(_) => {}
        None if model.selection.is_some() => selection::clear(model),
        None if model.run.is_some() => log_choice::show_run(model, None),
        None if model.search.is_some() => (model.search, model.hit) = (None, Hit::None),
        None if model.filter.is_some() => model.filter = None,
        None if !model.marked.is_empty() => model.marked.clear(),
        None => model.zoomed = false,
    }
}

// The mouse

fn on_mouse(model: &mut Model, mouse: MouseEvent, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    let rows = match mouse.kind {
        MouseEventKind::ScrollUp => -WHEEL_ROWS,
        MouseEventKind::ScrollDown => WHEEL_ROWS,
        MouseEventKind::Down(MouseButton::Left) => {
            click(model, mouse, shown);
            return selection::on_mouse(model, mouse, shown);
        }
        _ => return selection::on_mouse(model, mouse, shown),
    };
    let under = Position::new(mouse.column, mouse.row);
    let layout = model.layout(model.area, shown.snapshot);
    if matches!(Context::of(model), Context::Page) {
        scroll(model, rows, shown);
    } else if matches!(model.overlay, Some(Overlay::Attached)) {
        // The task's own screen stays: nobody scrolls away from what they type into.
    } else if layout.log.contains(under) {
        scroll_log(model, rows, shown);
    } else if layout.table.contains(under) && model.overlay.is_none() {
        move_selection(model, rows.signum(), shown);
    }
    Vec::new()
}

fn click(model: &mut Model, mouse: MouseEvent, shown: &Shown<'_>) {
    model.message = None;
    selection::clear(model);
    let table = model.layout(model.area, shown.snapshot).table;
    let inside = layout::inside(table);
    // The first row inside the frame are the headings.
    let tasks = Rect { y: inside.y + 1, height: inside.height.saturating_sub(1), ..inside };
    if model.overlay.is_some() || !tasks.contains(Position::new(mouse.column, mouse.row)) {
        return;
    }
    let rows = rows(shown.snapshot);
    let clicked = rows.get(model.first_row + usize::from(mouse.row - tasks.y));
    if let Some(task) = clicked.and_then(|row| row.task()) {
        model.select(&task.name);
    }
}
