//! What stands where on the screen: [`view`](super::view) returns it with every frame, and the model keeps it, so that keys
//! and the mouse act on what is to be seen.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Position, Rect};
use serde::{Deserialize, Serialize};

use super::action::Action;

/// Rows of the table beside its tasks: the frame and the headings.
pub(super) const TABLE_FRAME: u16 = 3;
/// Below this height of the screen's middle the table takes it all.
const FOLD_BELOW: u16 = 14;
/// Below these heights of the table it has no headings, and no frame.
const HEADINGS_FROM: u16 = 6;
const FRAME_FROM: u16 = 4;
/// From this width on there is a detail pane beside the log of a table.
const DETAIL_FROM: u16 = 100;
/// Rows of the detail pane above its events, with the frame.
const DETAIL_ROWS: u16 = 6;
/// From this width on a table that is too high gives way to the dense list; by hand it does from the second on.
const DENSE_FROM: (u16, u16) = (100, 70);
/// The least and the most columns of the dense list.
const DENSE_WIDTHS: (u16, u16) = (36, 46);
/// From this width on the dense list has columns for cpu and memory, and the details stand beside the log.
pub(super) const WIDE_FROM: u16 = 160;
/// Columns of the wide list, and of the details beside the log.
const WIDE_WIDTHS: (u16, u16) = (64, 46);
/// Rows of the details below the log, and from which height on there are any.
const DETAILS_BELOW: (u16, u16) = (7, 20);
/// Rows of the strip of troubles: up to this height of the screen none, up to the second one.
const STRIP_FROM: (u16, u16) = (9, 24);
const MOST_STRIP_ROWS: usize = 3;

/// How the main screen is arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrangement {
    /// The table above the log.
    #[default]
    Table,
    /// A list with a short line for each task on the left of the log.
    Dense,
    /// The log alone.
    Log,
}

/// What the panes are to show.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PaneContent {
    /// Rows of the table.
    pub(super) rows: usize,
    /// Tasks of the project.
    pub(super) tasks: usize,
    /// Tasks in trouble.
    pub(super) troubles: usize,
    /// What a person has chosen.
    pub(super) arrangement: Option<Arrangement>,
    /// Whether the log has the whole screen for now.
    pub(super) has_log_alone: bool,
}

/// The screen as it was drawn last.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    pub(super) panes: Panes,
    /// The first row of the table that is visible.
    pub(super) first_row: usize,
    /// The page that lies over the screen, if there is one.
    pub(super) page: Page,
    /// What can be clicked; later ones lie over earlier ones.
    targets: Vec<(Rect, ClickTarget)>,
    /// Every cell.
    pub(super) cells: Buffer,
}

/// What a click selects or does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ClickTarget {
    Task(String),
    Action(Action),
    PaletteEntry(usize),
    /// A line of what happened since the last key.
    Entry(usize),
}

/// The text of a page that lies over the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// Where it is.
    pub(super) text: Rect,
    /// How many rows it has in all.
    pub(super) rows: usize,
}

/// The panes of the main screen; a folded pane is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Panes {
    pub(super) header: Rect,
    /// The troubles, below the header.
    pub(super) strip: Rect,
    /// How the rest is arranged.
    pub(super) arrangement: Arrangement,
    /// Rows that the table would have with its frame and headings, if there were room.
    wanted_rows: u16,
    /// Everything between header and footer; overlays stand here.
    pub(super) middle: Rect,
    pub(super) table: Rect,
    pub(super) log: Rect,
    pub(super) detail: Rect,
    /// The events below the detail; its first row is the rule between the two.
    pub(super) events: Rect,
    pub(super) footer: Rect,
}

impl Layout {
    pub(super) fn new(panes: Panes) -> Self {
        Self { panes, ..Self::default() }
    }

    /// From now on a click into `area` is for `target`.
    pub(super) fn add_target(&mut self, area: Rect, target: ClickTarget) {
        self.targets.push((area, target));
    }

    /// What a click there is for.
    pub(super) fn target(&self, at: Position) -> Option<&ClickTarget> {
        self.targets.iter().rev().find(|(area, _)| area.contains(at)).map(|(_, target)| target)
    }
}

impl Panes {
    /// Divides `area` for this content.
    pub(super) fn new(area: Rect, content: PaneContent) -> Self {
        let footer_height = u16::from(area.height > 3);
        let (header, rest) = split_top(area, 1);
        let (middle, footer) = split_top(rest, rest.height.saturating_sub(footer_height));
        let arrangement = arrangement(area, content);
        let strip_height = if arrangement == Arrangement::Log { 0 } else { strip_rows(area.height, content.troubles) };
        let (strip, middle) = split_top(middle, strip_height);
        let rows = u16::try_from(content.rows).unwrap_or(u16::MAX);
        let wanted_rows = rows.saturating_add(TABLE_FRAME);
        let panes = Self { header, strip, arrangement, wanted_rows, middle, footer, ..Self::default() };
        match arrangement {
            Arrangement::Log => Self { log: middle, ..panes },
            Arrangement::Dense => panes.with_dense_list(area.width),
            Arrangement::Table => panes.with_table(area),
        }
    }

    fn with_table(self, area: Rect) -> Self {
        let middle = self.middle;
        if middle.height < FOLD_BELOW {
            return Self { table: middle, ..self };
        }
        // Half of the screen is the log's.
        let most = middle.height.saturating_sub(area.height.div_ceil(2));
        let (table, log) = split_top(middle, self.wanted_rows.min(most));
        if area.width < DETAIL_FROM {
            return Self { table, log, ..self };
        }
        let detail_width = (area.width * 38 / 100).min(60);
        let (log, side) = split_left(log, area.width - detail_width);
        let (detail, events) = split_top(side, DETAIL_ROWS.min(side.height / 2));
        Self { table, log, detail, events, ..self }
    }

    fn with_dense_list(self, width: u16) -> Self {
        if width >= WIDE_FROM {
            let (table, rest) = split_left(self.middle, WIDE_WIDTHS.0);
            let (log, side) = split_left(rest, rest.width - WIDE_WIDTHS.1);
            let (detail, events) = split_top(side, side.height / 2);
            return Self { table, log, detail, events, ..self };
        }
        let list_width = (width / 3).clamp(DENSE_WIDTHS.0, DENSE_WIDTHS.1);
        let (table, rest) = split_left(self.middle, list_width);
        let detail_height = if rest.height >= DETAILS_BELOW.1 { DETAILS_BELOW.0 } else { 0 };
        let (log, detail) = split_top(rest, rest.height - detail_height);
        Self { table, log, detail, ..self }
    }

    /// Where the table, or the list in its place, has its rows.
    pub(super) fn rows_of_table(&self) -> Rect {
        let table = self.table;
        let has_headings = table.height >= HEADINGS_FROM.min(self.wanted_rows);
        let headings = u16::from(self.arrangement == Arrangement::Table && has_headings);
        let inside = if self.has_table_frame() { inside(table) } else { table };
        split_top(inside, headings).1
    }

    /// Whether there is room for a frame around the table.
    pub(super) fn has_table_frame(&self) -> bool {
        self.table.height >= FRAME_FROM.min(self.wanted_rows)
    }
}

/// How the screen is arranged: as it was chosen, where that fits; else by whether all tasks have a row in the table. What
/// comes and goes, such as the strip, does not matter for that.
fn arrangement(area: Rect, content: PaneContent) -> Arrangement {
    if content.has_log_alone {
        return Arrangement::Log;
    }
    let tasks = u16::try_from(content.tasks).unwrap_or(u16::MAX);
    let room = area.height.saturating_sub(2 + area.height.div_ceil(2));
    let is_too_high = tasks.saturating_add(TABLE_FRAME) > room;
    match content.arrangement {
        Some(Arrangement::Dense) if area.width < DENSE_FROM.1 => Arrangement::Table,
        Some(arrangement) => arrangement,
        None if is_too_high && area.width >= DENSE_FROM.0 => Arrangement::Dense,
        None => Arrangement::Table,
    }
}

fn strip_rows(height: u16, troubles: usize) -> u16 {
    let most = match height {
        height if height <= STRIP_FROM.0 => 0,
        height if height <= STRIP_FROM.1 => 1,
        _ => MOST_STRIP_ROWS,
    };
    u16::try_from(troubles.min(most)).unwrap_or(0)
}

/// The inside of a framed pane.
pub(super) fn inside(pane: Rect) -> Rect {
    pane.inner(Margin::new(1, 1))
}

/// A frame of at most this size in the middle of `area`.
pub(super) fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

/// The first of `len` rows that a pane of `height` shows, so that `selected` is in view and as little as
/// possible moves. A pane without rows leaves `first` as it is.
pub(super) fn first_visible(first: usize, selected: usize, len: usize, height: usize) -> usize {
    if height == 0 {
        return first;
    }
    let first = first.min(len.saturating_sub(height));
    first.clamp((selected + 1).saturating_sub(height), selected)
}

fn split_top(area: Rect, height: u16) -> (Rect, Rect) {
    let height = height.min(area.height);
    (Rect { height, ..area }, Rect { y: area.y + height, height: area.height - height, ..area })
}

/// The left part of this width, and the rest.
pub(super) fn split_left(area: Rect, width: u16) -> (Rect, Rect) {
    let width = width.min(area.width);
    (Rect { width, ..area }, Rect { x: area.x + width, width: area.width - width, ..area })
}
