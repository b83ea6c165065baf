//! The dashboard's own state: what is selected, where the panes stand, what lies over them. Nothing about the tasks
//! themselves: that is in the snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tui_input::Input as TypedLine;

use super::away::Absence;
use super::keymap::Context;
use super::layout::{self, Arrangement, Layout, PaneContent};
use super::line_cursor::LineCursor;
use super::narrowing::Narrowing;
use super::palette::Palette;
use super::pattern::TypedPattern;
use super::query::{ChosenFilter, History, HistoryQuery, Hits, LogChoice, LogOf, LogQuery, LogWindow, SearchQuery};
use super::rows::TableRows;
use super::scroll::{Entries, ScrollPosition};
use super::selection::Selection;
use super::shown::Shown;
use super::theme::Theme;
use crate::logs::{Level, LineId, RunKey};
use crate::screen::ScreenSize;
use crate::supervisor::EventRecord;
use crate::supervisor::engine::TaskKind;
use crate::supervisor::engine::{Snapshot, TaskSnapshot, Uptime};

/// How long a message stays that is of no use later.
const BRIEFLY: Duration = Duration::from_secs(1);

/// The state of one dashboard.
#[derive(Debug, Default)]
pub struct Model {
    pub(super) theme: Theme,
    /// What is on the screen.
    pub(super) layout: Layout,
    /// The selected task by name; the first until one is selected.
    pub(super) selected: Option<String>,
    pub(super) marked: BTreeSet<String>,
    /// Whether stead's own parts have rows while they are well.
    pub(super) shows_parts: bool,
    /// Whether the log has the whole screen.
    pub(super) zoomed: bool,
    /// Which pane the keys are for.
    pub(super) focus: Focus,
    /// How the screen is arranged, unless that is left to the number of tasks.
    pub(super) arrangement: Option<Arrangement>,
    /// The first row of the table while it is scrolled past the selected one.
    pub(super) wheeled: Option<usize>,
    pub(super) log: ScrollPosition,
    pub(super) search: Option<TypedPattern>,
    pub(super) hit: Hit,
    /// Whether the match has been gone to, but not yet sideways.
    pub(super) is_beside_hit: bool,
    pub(super) filter: Option<ChosenFilter>,
    /// Less grave lines are left out.
    pub(super) floor: Option<Level>,
    /// Whether lines of JSON and logfmt are shown as they were written.
    pub(super) is_raw: bool,
    /// The time in the log that is to be gone to as soon as it is found.
    pub(super) sought: Option<Timestamp>,
    /// The run whose lines alone are shown.
    pub(super) run: Option<RunKey>,
    /// Whether the logs of several tasks are shown as one.
    pub(super) merged: bool,
    /// Whether lines say when they were written; unless that was chosen, if there is room.
    pub(super) times: Option<bool>,
    /// Without wrapping: columns of each line that are left of the pane.
    pub(super) unwrapped: Option<usize>,
    pub(super) selection: Option<Selection>,
    /// The chosen line of the log.
    pub(super) cursor: Option<LineCursor>,
    pub(super) absence: Absence,
    /// How the logs of other tasks were left.
    reading: BTreeMap<String, Reading>,
    /// What the rows of the table are narrowed to.
    pub(super) narrowing: Option<Narrowing>,
    pub(super) overlay: Option<Overlay>,
    pub(super) message: Option<Message>,
}

/// How far a person is in one task's log.
#[derive(Debug, Clone, Default)]
struct Reading {
    log: ScrollPosition,
    hit: Hit,
    filter: Option<ChosenFilter>,
    run: Option<RunKey>,
}

/// The pane that the keys are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Focus {
    #[default]
    List,
    Log,
}

/// What of a dashboard is remembered for the next one of the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// How the screen is arranged, unless that is left to the number of tasks.
    pub arrangement: Option<Arrangement>,
}

/// A line for the person, in place of the footer.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) text: String,
    /// It leaves then, or with the next key.
    pub(super) until: Option<Uptime>,
}

/// What lies over the main screen and takes the keys.
#[derive(Debug)]
pub(super) enum Overlay {
    /// All keys; rows that are scrolled past.
    Help(usize),
    /// Why the selected task is not running; rows that are scrolled past.
    Why(usize),
    /// What happened since the last key; which line is chosen.
    Away(usize),
    /// All that is known of the selected task; rows that are scrolled past.
    Details(usize),
    /// What depends on what; rows that are scrolled past.
    Dependencies(usize),
    /// The events of all tasks.
    Events(ScrollPosition<u64>),
    /// The terminal of the selected task, which has the keyboard.
    Attached,
    /// Something to be sure of.
    Confirm(Question),
    /// Everything there is to do, to find by name.
    Palette(Box<Palette>),
    /// A line to type.
    Prompt(Box<Prompt>),
}

/// Something that is asked before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    Quit,
    Stop(Vec<String>),
    /// Parts of stead are among them.
    StopParts(Vec<String>),
    Kill(Vec<String>),
    /// A restart of these, which restarts all of those.
    Restart {
        names: Vec<String>,
        all: Vec<String>,
    },
    RestartAll,
}

/// A pattern while it is typed.
#[derive(Debug)]
pub(super) struct Prompt {
    pub(super) purpose: Purpose,
    pub(super) line: TypedLine,
    /// What is wrong with it.
    pub(super) mistake: Option<String>,
    /// What comes back if it is given up, with the position of the log in both directions.
    pub(super) before: (Option<TypedPattern>, Hit, ScrollPosition, Option<usize>),
    pub(super) filter_before: Option<ChosenFilter>,
    /// The same of the rows of the table.
    pub(super) narrowing_before: Option<Narrowing>,
}

/// The match that the reader stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Hit {
    #[default]
    None,
    /// The nearest above the end of the pane, as soon as it is found.
    Sought,
    At(LineId),
}

impl Hit {
    /// The line it is in.
    pub(super) fn line(self) -> Option<LineId> {
        match self {
            Self::None | Self::Sought => None,
            Self::At(line) => Some(line),
        }
    }
}

/// What a typed pattern is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Search,
    Filter,
    /// The rows of the table.
    Narrow,
    /// The time in the log to go to.
    Time,
}

impl Model {
    /// A dashboard that has not been used yet.
    #[must_use]
    pub fn new(theme: Theme) -> Self {
        Self { theme, ..Self::default() }
    }

    /// Goes on with what was remembered.
    pub fn recall(&mut self, preferences: Preferences) {
        self.arrangement = preferences.arrangement;
    }

    /// What is to be remembered.
    pub(super) fn preferences(&self) -> Preferences {
        Preferences { arrangement: self.arrangement }
    }

    /// What the panes are to show.
    pub(super) fn pane_content(&self, snapshot: &Snapshot, troubles: usize) -> PaneContent {
        PaneContent {
            rows: self.rows(snapshot).rows.len(),
            tasks: snapshot.tasks.iter().filter(|task| !task.is_builtin()).count(),
            troubles,
            arrangement: self.arrangement,
            has_log_alone: self.zoomed || matches!(self.overlay, Some(Overlay::Attached)),
        }
    }

    /// The selected task's name. None without tasks.
    #[must_use]
    pub fn selected<'a>(&self, snapshot: &'a Snapshot) -> Option<&'a str> {
        self.selected_task(snapshot).map(|task| task.name.as_str())
    }

    /// What of the logs is to be shown: what [`Shown::log`], [`Shown::hits`] and [`Shown::history`] must answer.
    #[must_use]
    pub fn query(&self, snapshot: &Snapshot) -> LogQuery {
        let search = |search: &TypedPattern| SearchQuery { pattern: search.text.clone(), from: search.from };
        LogQuery {
            choice: self.choice(snapshot),
            around: self.log.number(),
            at: self.sought,
            search: self.search.as_ref().map(search),
            history: self.selected_task(snapshot).map(|task| self.history_query(task, snapshot)).unwrap_or_default(),
        }
    }

    fn history_query(&self, task: &TaskSnapshot, snapshot: &Snapshot) -> HistoryQuery {
        let is_shown = matches!(self.overlay, Some(Overlay::Why(_) | Overlay::Details(_)));
        HistoryQuery {
            of: task.name.clone(),
            run: task.run,
            ended: task.last_exit.as_ref().map(|last| last.run),
            generation: is_shown.then_some(snapshot.generation),
        }
    }

    fn choice(&self, snapshot: &Snapshot) -> LogChoice {
        LogChoice { of: self.log_of(snapshot), run: self.run, filter: self.filter.clone(), floor: self.floor }
    }

    /// What was found so far of what is searched for.
    pub(super) fn hits<'a>(&self, shown: &Shown<'a>) -> Option<&'a Hits> {
        let search = self.search.as_ref()?;
        let asked = &shown.hits.search;
        let is_asked = asked.pattern == search.text && asked.from == search.from;
        (is_asked && shown.hits.choice == self.choice(shown.snapshot)).then_some(shown.hits)
    }

    /// The part of the log that was read, if it is of what is wanted now.
    pub(super) fn window<'a>(&self, shown: &Shown<'a>) -> Option<&'a LogWindow> {
        (shown.log.choice == self.choice(shown.snapshot)).then_some(shown.log)
    }

    /// The past of the selected task, once it is known.
    pub(super) fn history<'a>(&self, shown: &Shown<'a>) -> Option<&'a History> {
        Some(shown.history).filter(|history| Some(history.of.as_str()) == self.selected(shown.snapshot))
    }

    pub(super) fn log_of(&self, snapshot: &Snapshot) -> LogOf {
        if !self.merged {
            return LogOf::Task(self.selected(snapshot).unwrap_or_default().to_owned());
        }
        let is_wanted = |task: &&TaskSnapshot| match self.marked.is_empty() {
            true => task.kind != TaskKind::Builtin,
            false => self.marked.contains(&task.name),
        };
        LogOf::Merged(snapshot.tasks.iter().filter(is_wanted).map(|task| task.name.clone()).collect())
    }

    /// The size that the selected task's terminal must have to fit its pane; none while there is no pane for it.
    #[must_use]
    pub fn screen_size(&self) -> Option<ScreenSize> {
        let inside = layout::inside(self.layout.panes.log);
        (!inside.is_empty()).then(|| ScreenSize::new(inside.width, inside.height))
    }

    /// Whether the log pane shows the task's screen: unless earlier output is being read or searched.
    pub(super) fn shows_screen(&self, shown: &Shown<'_>) -> bool {
        let reads = self.log != ScrollPosition::End
            || self.run.is_some()
            || self.search.is_some()
            || self.filter.is_some()
            || self.floor.is_some();
        shown.screen.is_some() && !self.merged && (!reads || matches!(self.overlay, Some(Overlay::Attached)))
    }

    /// Shows a message in the footer until the next key, such as why a request was refused.
    pub fn tell(&mut self, message: impl Into<String>) {
        self.message = Some(Message { text: message.into(), until: None });
    }

    /// Shows a message for a moment.
    pub(super) fn tell_briefly(&mut self, message: impl Into<String>, now: Uptime) {
        self.message = Some(Message { text: message.into(), until: Some(Uptime(now.0 + BRIEFLY)) });
    }

    /// What a key may change: equal before and after a key that did nothing.
    pub(super) fn trace(&self, snapshot: &Snapshot) -> impl PartialEq + use<> {
        let text =
            |pattern: &Option<TypedPattern>| pattern.as_ref().map(|pattern| (pattern.text.clone(), pattern.from));
        let filter = self.filter.as_ref().map(|filter| filter.text.clone());
        let reads = (self.log, self.sought, self.run, self.merged, self.cursor, self.floor);
        let log = (reads, text(&self.search), self.hit, filter);
        let narrowing = self.narrowing.as_ref().map(|narrowing| narrowing.text.clone());
        let panes = (self.zoomed, self.focus, self.arrangement, self.wheeled, self.shows_parts, narrowing);
        let look = (panes, self.is_raw, self.times, self.unwrapped, self.selection, format!("{:?}", self.overlay));
        (self.selected(snapshot).map(str::to_owned), self.marked.clone(), log, look, self.message.is_some())
    }

    /// The rows of the table.
    pub(super) fn rows<'a>(&self, snapshot: &'a Snapshot) -> TableRows<'a> {
        TableRows::new(snapshot, self.shows_parts, self.selected.as_deref(), self.narrowing.as_ref())
    }

    pub(super) fn selected_task<'a>(&self, snapshot: &'a Snapshot) -> Option<&'a TaskSnapshot> {
        let rows = self.rows(snapshot);
        rows.position(self.selected.as_deref()).and_then(|index| rows.rows[index].task())
    }

    /// The tasks that an action is about: the marked ones, or else the selected one.
    pub(super) fn targets<'a>(&self, snapshot: &'a Snapshot) -> Vec<&'a TaskSnapshot> {
        if self.marked.is_empty() {
            return self.selected_task(snapshot).into_iter().collect();
        }
        snapshot.tasks.iter().filter(|task| self.marked.contains(&task.name)).collect()
    }

    /// Keeps what the last frame has put on the screen: keys and the mouse are about that.
    pub fn keep(&mut self, layout: Layout) {
        self.layout = layout;
    }

    /// Where keys go.
    pub(super) fn context(&self) -> Context {
        match &self.overlay {
            Some(
                Overlay::Help(_)
                | Overlay::Why(_)
                | Overlay::Details(_)
                | Overlay::Dependencies(_)
                | Overlay::Events(_),
            ) => Context::Page,
            Some(Overlay::Away(_)) => Context::News,
            Some(Overlay::Confirm(_)) => Context::Question,
            Some(Overlay::Prompt(_)) => Context::Prompt,
            Some(Overlay::Palette(_)) => Context::Palette,
            Some(Overlay::Attached) => Context::Attached,
            None if self.has_log_focus() => Context::Log,
            None => Context::Main,
        }
    }

    /// Whether the keys are for the log.
    pub(super) fn has_log_focus(&self) -> bool {
        let is_there = !self.layout.panes.log.is_empty();
        self.zoomed || self.arrangement == Some(Arrangement::Log) || (self.focus == Focus::Log && is_there)
    }

    /// Remembers how the log of the selected task is read, and goes on with that of another; from its end at first.
    fn change_reading(&mut self, next: &str) {
        let now = Reading { log: self.log, hit: self.hit, filter: self.filter.clone(), run: self.run };
        if let Some(selected) = &self.selected {
            self.reading.insert(selected.clone(), now);
        }
        let Reading { log, hit, filter, run } = self.reading.remove(next).unwrap_or_default();
        (self.filter, self.run) = (filter, run);
        if log == ScrollPosition::End {
            self.go_to_end();
        } else {
            (self.log, self.hit) = (log, hit);
        }
    }

    /// Selects a task. Its log stands where it was left.
    pub(super) fn select(&mut self, name: &str) {
        if self.selected.as_deref() != Some(name) {
            self.wheeled = None;
            self.change_reading(name);
            self.selected = Some(name.to_owned());
            (self.selection, self.cursor) = (None, None);
        }
    }

    /// Follows the log from its end, and searches it from there.
    pub(super) fn go_to_end(&mut self) {
        (self.log, self.hit) = (ScrollPosition::End, Hit::None);
        if let Some(search) = &mut self.search {
            search.from = LineId::END;
        }
    }
}

/// The events as entries of one row.
#[derive(Debug)]
pub(super) struct EventEntries<'a>(pub(super) &'a [std::sync::Arc<EventRecord>]);

impl Entries for EventEntries<'_> {
    type Number = u64;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn number(&self, index: usize) -> u64 {
        self.0[index].number
    }

    fn rows(&self, _index: usize) -> usize {
        1
    }
}
