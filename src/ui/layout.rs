//! What stands where on the screen: [`view`](super::view) returns it with every frame, and the model keeps it, so that keys
//! and the mouse act on what is to be seen.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Position, Rect};

use super::action::Action;

/// Rows of the table beside its tasks: the frame and the headings.
pub(super) const TABLE_FRAME: u16 = 3;
/// Below this height of the screen's middle the table takes it all.
const FOLD_BELOW: u16 = 14;
/// From this width on there is a detail pane.
const DETAIL_FROM: u16 = 100;
/// Rows of the detail pane above its events, with the frame.
const DETAIL_ROWS: u16 = 6;

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
    /// Divides `area` for a table of `rows` rows.
    pub(super) fn new(area: Rect, rows: usize, zoomed: bool) -> Self {
        let rows = u16::try_from(rows).unwrap_or(u16::MAX);
        let footer_height = u16::from(area.height > 3);
        let (header, rest) = split_top(area, 1);
        let (middle, footer) = split_top(rest, rest.height.saturating_sub(footer_height));
        let mut panes = Self { header, middle, footer, ..Self::default() };
        if zoomed {
            panes.log = middle;
            return panes;
        }
        if middle.height < FOLD_BELOW {
            panes.table = middle;
            return panes;
        }
        // Half of the screen is the log's.
        let most = middle.height - area.height.div_ceil(2);
        let (table, bottom) = split_top(middle, rows.saturating_add(TABLE_FRAME).min(most));
        panes.table = table;
        panes.log = bottom;
        if area.width >= DETAIL_FROM {
            let detail_width = (area.width * 38 / 100).min(60);
            let (log, side) = split_left(bottom, area.width - detail_width);
            let (detail, events) = split_top(side, DETAIL_ROWS.min(side.height / 2));
            panes = Self { log, detail, events, ..panes };
        }
        panes
    }
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
