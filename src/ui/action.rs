//! What comes into the dashboard, what its keys mean, and what goes out of it.

use ratatui::crossterm::event::{KeyEvent, MouseEvent};

use super::model::Preferences;
use crate::supervisor::engine::Request;

/// Something that happened to the dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DashboardInput {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted.
    Paste(String),
    /// The mouse was moved or pressed.
    Mouse(MouseEvent),
    /// The terminal has another size, or had for a moment.
    Resized,
    /// What is shown has changed: the snapshot, the events, the log or the selected task's screen.
    Changed,
}

/// Something the caller must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DashboardEffect {
    /// Ask the supervisor; a refusal comes back through [`Model::tell`](super::Model::tell).
    Ask(Request),
    /// Type into the terminal of this task; a refusal comes back through [`Model::tell`](super::Model::tell).
    Type {
        /// The task.
        task: String,
        /// What its terminal would send for the keys.
        bytes: Vec<u8>,
    },
    /// Put this text on the clipboard of the person who looks.
    Copy(String),
    /// Leave the terminal to an editor with the log file of this task, and come back.
    Open(String),
    /// Keep these for the next dashboard of the project.
    Remember(Preferences),
    /// End this dashboard alone.
    Leave,
    /// Leave the terminal and stop this process until it is continued.
    Suspend,
    /// Draw every cell anew, whatever the terminal may show now.
    Redraw,
}

/// What a key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    SelectNext,
    SelectPrevious,
    SelectFirst,
    SelectLast,
    PageOfTasksDown,
    PageOfTasksUp,
    NextTrouble,
    PreviousTrouble,
    Focus,
    Arrange,
    Parts,
    Mark,
    MarkGroup,
    Narrow,
    Restart,
    StopOrStart,
    Kill,
    RestartAll,
    Reload,
    Zoom,
    Follow,
    LineUp,
    LineDown,
    HalfPageUp,
    HalfPageDown,
    PageUp,
    PageDown,
    Oldest,
    Newest,
    Search,
    NextHit,
    PreviousHit,
    Filter,
    Times,
    Wrap,
    Left,
    Right,
    PreviousRun,
    NextRun,
    Merge,
    ChooseLine,
    Copy,
    CopyBlock,
    CopyPage,
    NextEnd,
    Time,
    RaiseFloor,
    LowerFloor,
    PreviousEnd,
    Open,
    Attach,
    Palette,
    PaletteNext,
    PalettePrevious,
    PaletteDo,
    Leave,
    Why,
    Details,
    Dependencies,
    Raw,
    Events,
    Away,
    NextNews,
    PreviousNews,
    GoToNews,
    Help,
    Close,
    Yes,
    No,
    Accept,
    Quit,
    QuitNow,
    Drain,
    Suspend,
    Redraw,
}
