//! The keys, as data: one table that the dispatch, the footer, the help and the palette read.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::Action;

/// Where keys go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// The table with the panes below it.
    Main,
    /// The log, beside other panes or alone.
    Log,
    /// A page over the screen: help, why, events.
    Page,
    /// A page of which a line is chosen: what happened since the last key.
    News,
    /// A question.
    Question,
    /// The command palette; keys that are not bound go into its line.
    Palette,
    /// The terminal of a task; keys that are not bound go into it.
    Attached,
    /// A line to type; keys that are not bound go into it.
    Prompt,
}

/// A heading of the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Select,
    Act,
    Log,
    Look,
    Leave,
}

impl Topic {
    pub(super) const ALL: [Self; 5] = [Self::Select, Self::Act, Self::Log, Self::Look, Self::Leave];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Select => "Select",
            Self::Act => "Act",
            Self::Log => "Log",
            Self::Look => "Look",
            Self::Leave => "Leave",
        }
    }
}

/// One key, with the modifiers that matter for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chord {
    code: KeyCode,
    control: bool,
}

/// What some keys do, and where.
#[derive(Debug)]
pub(super) struct Binding {
    pub(super) keys: &'static [Chord],
    pub(super) action: Action,
    /// Where they work.
    pub(super) contexts: &'static [Context],
    pub(super) topic: Topic,
    /// What it does, in a word or two: for the palette, and for the footer unless [`offer`](super::offer::offer) knows better.
    pub(super) name: &'static str,
    /// What [`Binding::help`] says unless it knows better; neighbours that say the same share a line.
    help: &'static str,
    /// The rank in the footer, if it stands there: the lowest stays longest when there is little room.
    pub(super) rank: Option<u8>,
}

const MAIN: &[Context] = &[Context::Main];
const LOG: &[Context] = &[Context::Log];
const PANES: &[Context] = &[Context::Main, Context::Log];
const PAGE: &[Context] = &[Context::Page];
const READING: &[Context] = &[Context::Log, Context::Page];
const NEWS: &[Context] = &[Context::News];
const PAGES: &[Context] = &[Context::Page, Context::News];
const QUESTION: &[Context] = &[Context::Question];
const PALETTE: &[Context] = &[Context::Palette];
const ATTACHED: &[Context] = &[Context::Attached];
const PROMPT: &[Context] = &[Context::Prompt];
const CLOSABLE: &[Context] =
    &[Context::Main, Context::Log, Context::Page, Context::News, Context::Palette, Context::Prompt];
/// But for the terminal of a task: every key that it can be sent is its own.
const EVERYWHERE: &[Context] =
    &[Context::Main, Context::Log, Context::Page, Context::News, Context::Question, Context::Palette, Context::Prompt];

const fn key(c: char) -> Chord {
    code(KeyCode::Char(c))
}

const fn code(code: KeyCode) -> Chord {
    Chord { code, control: false }
}

const fn ctrl(c: char) -> Chord {
    Chord { code: KeyCode::Char(c), control: true }
}

const fn bind(
    keys: &'static [Chord],
    action: Action,
    contexts: &'static [Context],
    topic: Topic,
    name: &'static str,
    help: &'static str,
    rank: Option<u8>,
) -> Binding {
    Binding { keys, action, contexts, topic, name, help, rank }
}

/// All keys. The footer shows them in this order.
#[rustfmt::skip]
pub(super) const KEYS: &[Binding] = &[
    bind(&[key('y'), code(KeyCode::Enter)], Action::Yes, QUESTION, Topic::Act, "yes", "yes, do it", Some(0)),
    bind(&[key('n'), code(KeyCode::Esc), key('q')], Action::No, QUESTION, Topic::Act, "no", "no, leave it", Some(0)),
    bind(&[code(KeyCode::Enter)], Action::Accept, PROMPT, Topic::Log, "keep", "keep what is typed", Some(0)),

    bind(&[code(KeyCode::Enter)], Action::PaletteDo, PALETTE, Topic::Look, "do it", "do what is chosen", Some(0)),
    bind(&[code(KeyCode::Down), ctrl('n')], Action::PaletteNext, PALETTE, Topic::Look, "next", "next", Some(1)),
    bind(&[code(KeyCode::Up), ctrl('p')], Action::PalettePrevious, PALETTE, Topic::Look, "previous", "previous", Some(1)),

    bind(&[key('j'), code(KeyCode::Down)], Action::SelectNext, MAIN, Topic::Select, "next task", "next task", None),
    bind(&[key('k'), code(KeyCode::Up)], Action::SelectPrevious, MAIN, Topic::Select, "previous task", "previous task", None),
    bind(&[key('>')], Action::SelectNext, LOG, Topic::Select, "next task", "next, previous task, from its log", None),
    bind(&[key('<')], Action::SelectPrevious, LOG, Topic::Select, "previous task", "next, previous task, from its log", None),
    bind(&[key('g'), code(KeyCode::Home)], Action::SelectFirst, MAIN, Topic::Select, "first task", "first task", None),
    bind(&[key('G'), code(KeyCode::End)], Action::SelectLast, MAIN, Topic::Select, "last task", "last task", None),
    bind(&[code(KeyCode::PageDown), ctrl('d')], Action::PageOfTasksDown, MAIN, Topic::Select, "page down", "a page of tasks down", None),
    bind(&[code(KeyCode::PageUp), ctrl('u')], Action::PageOfTasksUp, MAIN, Topic::Select, "page up", "a page of tasks up", None),
    bind(&[key('}')], Action::NextTrouble, PANES, Topic::Select, "next trouble", "next, previous task that is not well", None),
    bind(&[key('{')], Action::PreviousTrouble, PANES, Topic::Select, "trouble before", "next, previous task that is not well", None),
    bind(&[code(KeyCode::Tab)], Action::Focus, PANES, Topic::Look, "other pane", "which pane keys are for: list or log", Some(6)),
    bind(&[key('L')], Action::Arrange, PANES, Topic::Look, "arrange", "table, list beside the log, log alone", None),
    bind(&[key('b')], Action::Parts, MAIN, Topic::Look, "stead's parts", "show stead's own parts, or fold them", None),
    bind(&[key(' ')], Action::Mark, MAIN, Topic::Select, "mark", "mark: r, s, K act on all marked", None),

    bind(&[key('*')], Action::MarkGroup, PANES, Topic::Select, "mark group", "mark its group, or all with its prefix", None),
    bind(&[key('\\'), key('/')], Action::Narrow, MAIN, Topic::Select, "narrow", "narrow the rows: name, @group, state:failed", Some(5)),
    bind(&[key('\\')], Action::Narrow, LOG, Topic::Select, "narrow", "narrow the rows: name, @group, state:failed", None),

    bind(&[key('r')], Action::Restart, PANES, Topic::Act, "restart", "restart now, also during a countdown", Some(2)),
    bind(&[key('s')], Action::StopOrStart, PANES, Topic::Act, "stop or start", "stop, or start what is stopped", Some(2)),
    bind(&[key('K')], Action::Kill, PANES, Topic::Act, "kill", "kill now, without a grace period (asks)", None),
    bind(&[key('R')], Action::RestartAll, PANES, Topic::Act, "restart all", "restart all (asks)", None),

    bind(&[ctrl('r')], Action::Reload, PANES, Topic::Act, "reload", "reload the configuration", None),

    bind(&[key('a')], Action::Attach, PANES, Topic::Log, "attach", "attach: keys go to its terminal", Some(3)),
    bind(&[ctrl(']')], Action::Leave, ATTACHED, Topic::Act, "leave the terminal", "leave the task's terminal", Some(0)),

    bind(&[key('w')], Action::Why, PANES, Topic::Look, "why", "why is it not running: the chain of causes", Some(3)),
    bind(&[key('i')], Action::Details, PANES, Topic::Look, "details", "all that is known of the task", None),
    bind(&[key('d')], Action::Dependencies, PANES, Topic::Look, "dependencies", "what depends on what, and whether it holds", None),
    bind(&[code(KeyCode::Enter), key('z')], Action::Zoom, PANES, Topic::Log, "zoom", "zoom the log, and back", Some(4)),

    bind(&[key('f')], Action::Follow, PANES, Topic::Log, "follow", "follow the end, or pause", Some(6)),
    bind(&[key('/')], Action::Search, LOG, Topic::Log, "search", "search (regex; case matters with a capital)", Some(5)),
    bind(&[key('n')], Action::NextHit, PANES, Topic::Log, "next", "next match", Some(3)),
    bind(&[key('N')], Action::PreviousHit, PANES, Topic::Log, "previous", "previous match", Some(3)),
    bind(&[key('F')], Action::Filter, PANES, Topic::Log, "filter", "filter: word -not /regex/ level>=warn", Some(7)),
    bind(&[key('m')], Action::Merge, PANES, Topic::Log, "merged log", "merged log of all, or the marked", Some(2)),
    bind(&[key('J')], Action::Raw, PANES, Topic::Log, "raw lines", "JSON and logfmt as written, or in columns", None),
    bind(&[key('[')], Action::PreviousRun, PANES, Topic::Log, "run before", "the run before, the run after", None),
    bind(&[key(']')], Action::NextRun, PANES, Topic::Log, "run after", "the run before, the run after", None),
    bind(&[key('+'), key('=')], Action::RaiseFloor, PANES, Topic::Log, "fewer levels", "levels: info, warn, error alone; all again", None),
    bind(&[key('-')], Action::LowerFloor, PANES, Topic::Log, "more levels", "levels: info, warn, error alone; all again", None),
    bind(&[key('\'')], Action::Time, PANES, Topic::Log, "jump to a time", "jump to a time: 14:32, -10m", None),
    bind(&[key('v')], Action::ChooseLine, PANES, Topic::Log, "choose lines", "choose lines: j k extend, y Y o act on them", None),
    bind(&[key('y')], Action::Copy, PANES, Topic::Log, "copy", "copy the chosen lines, or all in view", Some(1)),
    bind(&[key('Y')], Action::CopyBlock, PANES, Topic::Log, "copy block", "copy the whole trace or record", None),
    bind(&[key('y')], Action::CopyPage, PAGES, Topic::Look, "copy", "copy this page", None),
    bind(&[key('(')], Action::PreviousEnd, PANES, Topic::Log, "end before", "the end of a run before, after", None),
    bind(&[key(')')], Action::NextEnd, PANES, Topic::Log, "end after", "the end of a run before, after", None),
    bind(&[key('o')], Action::Open, PANES, Topic::Log, "open in editor", "open the log file in $EDITOR", None),
    bind(&[key('t')], Action::Times, PANES, Topic::Log, "times", "times on, off", None),
    bind(&[key('W')], Action::Wrap, PANES, Topic::Log, "wrap", "wrap on, off", None),
    bind(&[code(KeyCode::Left), key('h')], Action::Left, PANES, Topic::Log, "left", "sideways, without wrap", None),
    bind(&[code(KeyCode::Right), key('l')], Action::Right, PANES, Topic::Log, "right", "sideways, without wrap", None),
    bind(&[key('j'), code(KeyCode::Down)], Action::LineDown, READING, Topic::Log, "line down", "a line down, up", None),
    bind(&[key('k'), code(KeyCode::Up)], Action::LineUp, READING, Topic::Log, "line up", "a line down, up", None),
    bind(&[code(KeyCode::PageDown)], Action::PageDown, READING, Topic::Log, "page down", "a page down", None),
    bind(&[code(KeyCode::PageUp)], Action::PageUp, READING, Topic::Log, "page up", "a page up", None),
    bind(&[ctrl('d')], Action::HalfPageDown, READING, Topic::Log, "half a page down", "half a page down", None),
    bind(&[ctrl('u')], Action::HalfPageUp, READING, Topic::Log, "half a page up", "half a page up", None),
    bind(&[key('g'), code(KeyCode::Home)], Action::Oldest, READING, Topic::Log, "oldest line", "the oldest line that is kept, the end", None),
    bind(&[key('G'), code(KeyCode::End)], Action::Newest, READING, Topic::Log, "end of the log", "the oldest line that is kept, the end", None),

    bind(&[code(KeyCode::Enter)], Action::GoToNews, NEWS, Topic::Look, "its log then", "its log at that moment", Some(1)),
    bind(&[key('j'), code(KeyCode::Down)], Action::NextNews, NEWS, Topic::Look, "next", "next", None),
    bind(&[key('k'), code(KeyCode::Up)], Action::PreviousNews, NEWS, Topic::Look, "previous", "previous", None),
    bind(&[code(KeyCode::Tab)], Action::Events, NEWS, Topic::Look, "every event", "every event of all tasks", Some(2)),
    bind(&[code(KeyCode::Tab)], Action::Away, PAGE, Topic::Look, "summary", "what happened while you were away", Some(2)),
    bind(&[key('q'), key('e')], Action::Close, NEWS, Topic::Look, "close", "close this page", None),
    bind(&[key('e')], Action::Away, PANES, Topic::Look, "events", "events since your last key; tab: every one", Some(5)),
    bind(&[key(':')], Action::Palette, PANES, Topic::Look, "find", "find a command or a task by name", None),
    bind(&[ctrl('l')], Action::Redraw, EVERYWHERE, Topic::Look, "redraw", "draw the screen anew", None),
    bind(&[key('?'), code(KeyCode::F(1))], Action::Help, PANES, Topic::Look, "help", "all keys", Some(1)),
    bind(&[key('q'), key('?'), key('w'), key('e'), key('i'), key('d'), code(KeyCode::Enter)], Action::Close, PAGE, Topic::Look, "close", "close this page", None),
    bind(&[code(KeyCode::Esc)], Action::Close, CLOSABLE, Topic::Log, "close", "close, clear, go back", Some(0)),

    bind(&[ctrl('c')], Action::Drain, EVERYWHERE, Topic::Leave, "drain", "drain; again: kill all that is left, now", Some(0)),
    bind(&[key('q')], Action::Quit, PANES, Topic::Leave, "quit", "quit: stop all in good order (asks)", Some(1)),
    bind(&[key('Q')], Action::QuitNow, PANES, Topic::Leave, "quit now", "quit without asking", None),
    bind(&[ctrl('z')], Action::Suspend, EVERYWHERE, Topic::Leave, "suspend", "suspend; fg comes back", None),
];

impl Binding {
    /// What the help says in this dashboard: a guest leaves, where others quit.
    pub(super) fn help(&self, is_guest: bool) -> &'static str {
        match self.action {
            Action::Quit | Action::Drain if is_guest => "leave; everything runs on",
            Action::QuitNow if is_guest => "shut down: stop all in good order (asks)",
            _ => self.help,
        }
    }
}

impl Chord {
    fn matches(self, event: KeyEvent) -> bool {
        let modifiers = event.modifiers.difference(KeyModifiers::SHIFT);
        let wanted = if self.control { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
        // Terminals without a better protocol call ctrl-] by the number that sends the same byte.
        let code = match event.code {
            KeyCode::Char('5') if modifiers == KeyModifiers::CONTROL => KeyCode::Char(']'),
            code => code,
        };
        self.code == code && modifiers == wanted
    }

    /// As people write it: `ctrl-c`, `pgdn`, `space`.
    pub(super) fn name(self) -> String {
        let name = match self.code {
            KeyCode::Char(' ') => "space".to_owned(),
            KeyCode::Char(c) => c.to_string(),
            KeyCode::Enter => "enter".to_owned(),
            KeyCode::Esc => "esc".to_owned(),
            KeyCode::Left => "←".to_owned(),
            KeyCode::Right => "→".to_owned(),
            KeyCode::Up => "↑".to_owned(),
            KeyCode::Down => "↓".to_owned(),
            KeyCode::PageUp => "pgup".to_owned(),
            KeyCode::PageDown => "pgdn".to_owned(),
            KeyCode::F(number) => format!("f{number}"),
            other => other.to_string().to_lowercase(),
        };
        if self.control { format!("ctrl-{name}") } else { name }
    }
}

/// What a key means in a context.
pub(super) fn lookup(context: Context, event: KeyEvent) -> Option<&'static Binding> {
    let mut bound = KEYS.iter().filter(|binding| binding.contexts.contains(&context));
    bound.find(|binding| binding.keys.iter().any(|chord| chord.matches(event)))
}

/// How people write the key that was pressed.
pub(super) fn name(event: KeyEvent) -> String {
    Chord { code: event.code, control: event.modifiers.contains(KeyModifiers::CONTROL) }.name()
}

/// Every key of the dashboard with what it does, under its heading, for people and documents.
#[must_use]
pub fn key_table() -> Vec<(&'static str, String, &'static str)> {
    let is_shown = |context: &Context| matches!(context, Context::Main | Context::Log);
    let of_topic = |topic: Topic| {
        let bindings: Vec<_> =
            KEYS.iter().filter(|own| own.topic == topic && own.contexts.iter().any(is_shown)).collect();
        let rows = bindings.chunk_by(|one, next| one.help == next.help).map(|same| {
            let mut names: Vec<String> = Vec::new();
            for name in same.iter().flat_map(|binding| binding.keys).map(|key| key.name()) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            (topic.title(), names.join(" "), same[0].help)
        });
        rows.collect::<Vec<_>>()
    };
    Topic::ALL.into_iter().flat_map(of_topic).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_key_means_two_things_in_one_context() {
        for context in EVERYWHERE {
            let mut seen = HashSet::new();
            let bound = KEYS.iter().filter(|binding| binding.contexts.contains(context));
            for chord in bound.flat_map(|binding| binding.keys) {
                assert!(seen.insert(chord.name()), "{} is bound twice in {context:?}", chord.name());
            }
        }
    }

    #[test]
    fn shift_does_not_hide_a_capital() {
        let event = KeyEvent::new(KeyCode::Char('K'), KeyModifiers::SHIFT);
        assert_eq!(lookup(Context::Main, event).map(|binding| binding.action), Some(Action::Kill));
        let event = KeyEvent::new(KeyCode::Char('k'), KeyModifiers::ALT);
        assert!(lookup(Context::Main, event).is_none());
    }
}
