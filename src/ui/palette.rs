//! The command palette: everything that a key does, and every task, found by a few letters.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher};
use ratatui::crossterm::event::{Event, KeyEvent};
use tui_input::Input as TypedLine;
use tui_input::backend::crossterm::EventHandler;

use super::action::Action;
use super::keymap::{Binding, Chord, Context, KEYS};
use super::shown::Shown;
use crate::supervisor::engine::TaskSnapshot;

/// Characters of what is typed; more are not taken.
const TYPED_CHARS: usize = 100;

/// What is typed, and which of the entries it finds is chosen.
#[derive(Debug, Default)]
pub(super) struct Palette {
    pub(super) line: TypedLine,
    pub(super) chosen: usize,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PaletteEntry {
    /// A word or two.
    pub(super) name: String,
    /// The same in a sentence; empty if that says no more.
    pub(super) help: &'static str,
    /// What the typed letters are found in.
    searched: String,
    /// The keys that do the same.
    pub(super) keys: String,
    pub(super) what: PaletteAction,
}

/// What an entry does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PaletteAction {
    Do(Action),
    Select(String),
}

impl AsRef<str> for PaletteEntry {
    fn as_ref(&self) -> &str {
        &self.searched
    }
}

impl Palette {
    /// What the typed letters find, the best first; everything while nothing is typed.
    pub(super) fn entries(&self, shown: &Shown<'_>) -> Vec<PaletteEntry> {
        let pattern = Pattern::parse(self.line.value(), CaseMatching::Smart, Normalization::Smart);
        let found = pattern.match_list(all(shown), &mut Matcher::new(Config::DEFAULT));
        found.into_iter().map(|(entry, _)| entry).collect()
    }

    /// The chosen entry, if anything is found.
    pub(super) fn entry(&self, shown: &Shown<'_>) -> Option<PaletteEntry> {
        let mut entries = self.entries(shown);
        let last = entries.len().checked_sub(1)?;
        Some(entries.swap_remove(self.chosen.min(last)))
    }

    /// Chooses the entry so many further down, or up if negative.
    pub(super) fn step(&mut self, by: isize, shown: &Shown<'_>) {
        let last = self.entries(shown).len().saturating_sub(1);
        self.chosen = self.chosen.min(last).saturating_add_signed(by).min(last);
    }

    /// Takes keys that are typed.
    pub(super) fn type_in(&mut self, keys: &[KeyEvent]) {
        let before = self.line.clone();
        for &key in keys {
            self.line.handle_event(&Event::Key(key));
        }
        if self.line.value().chars().count() > TYPED_CHARS {
            self.line = before;
        } else if self.line.value() != before.value() {
            self.chosen = 0;
        }
    }
}

/// The keys of the main screen in the order of the help, then the tasks.
fn all(shown: &Shown<'_>) -> Vec<PaletteEntry> {
    let bindings = KEYS.iter().filter(|binding| binding.contexts.contains(&Context::Main));
    let commands = bindings.filter(|binding| !matches!(binding.action, Action::Palette | Action::Close));
    let command = |binding: &Binding| {
        let help = Some(binding.help(shown.is_guest)).filter(|help| *help != binding.name).unwrap_or_default();
        PaletteEntry {
            name: binding.name.to_owned(),
            help,
            searched: format!("{} {help}", binding.name),
            keys: binding.keys.iter().copied().map(Chord::name).collect::<Vec<_>>().join(" "),
            what: PaletteAction::Do(binding.action),
        }
    };
    let task = |task: &TaskSnapshot| {
        let (name, what) = (format!("go to {}", task.name), PaletteAction::Select(task.name.clone()));
        PaletteEntry { searched: name.clone(), name, help: "", keys: String::new(), what }
    };
    commands.map(command).chain(shown.snapshot.tasks.iter().map(task)).collect()
}
