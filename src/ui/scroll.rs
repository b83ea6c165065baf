//! Where a pane of numbered entries (log lines, events) stands: at the end and following, or held at one entry.
//!
//! A held place names its entry by number, not by index: entries may come and go at both ends, and the same
//! text stays under the reader's eyes.

use crate::logs::LineId;

/// A place in a list that grows at its end and is cut at its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ScrollPosition<N = LineId> {
    /// The newest entry is the last row of the pane.
    #[default]
    End,
    /// This row of the entry of this number is the first row of the pane.
    At {
        /// The entry's number.
        number: N,
        /// Rows of it that are above the pane.
        row: usize,
    },
    /// The entry of this number is in view, a third down the pane where that is possible.
    Near(N),
}

/// A list of entries, each of one or more rows.
pub(super) trait Entries {
    /// What names an entry.
    type Number: Copy + Ord + Default;
    /// How many there are.
    fn len(&self) -> usize;
    /// The number of an entry; never smaller than that of the one before.
    fn number(&self, index: usize) -> Self::Number;
    /// How many rows an entry takes; at least 1.
    fn rows(&self, index: usize) -> usize;
}

/// The first row of a pane: an entry by index, and how many of its rows are above the pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Top {
    pub(super) index: usize,
    pub(super) row: usize,
}

impl<N: Copy + Ord + Default> ScrollPosition<N> {
    /// The first row of a pane of `height` rows that stands at this place. The pane is filled if it can be.
    pub(super) fn top(self, entries: &impl Entries<Number = N>, height: usize) -> Top {
        let last = last_top(entries, height);
        match self {
            Self::End => last,
            Self::At { number, row } => {
                let index = first_from(entries, number);
                let row = if index < entries.len() && entries.number(index) == number { row } else { 0 };
                Top { index, row }.min(last)
            }
            Self::Near(number) => {
                let entry = Top { index: first_from(entries, number), row: 0 };
                up(entries, entry, height / 3).min(last)
            }
        }
    }

    /// The same rows, held.
    pub(super) fn held(self, entries: &impl Entries<Number = N>, height: usize) -> Self {
        Self::at(entries, self.top(entries, height))
    }

    /// `rows` further down, or up if negative. Reaching the end follows again.
    pub(super) fn scrolled(self, entries: &impl Entries<Number = N>, height: usize, rows: isize) -> Self {
        let top = self.top(entries, height);
        if rows < 0 {
            return Self::at(entries, up(entries, top, rows.unsigned_abs()));
        }
        let last = last_top(entries, height);
        let moved = down(entries, top, rows.unsigned_abs());
        if moved >= last { Self::End } else { Self::at(entries, moved) }
    }

    /// The very first entry, wherever that is.
    pub(super) fn start() -> Self {
        Self::At { number: N::default(), row: 0 }
    }

    /// The number of the entry it stands at; none at the end.
    pub(super) fn number(self) -> Option<N> {
        match self {
            Self::End => None,
            Self::At { number, .. } | Self::Near(number) => Some(number),
        }
    }

    fn at(entries: &impl Entries<Number = N>, top: Top) -> Self {
        match top.index < entries.len() {
            true => Self::At { number: entries.number(top.index), row: top.row },
            false => Self::start(),
        }
    }
}

/// The first entry whose number is at least `number`.
fn first_from<E: Entries>(entries: &E, number: E::Number) -> usize {
    let (mut low, mut high) = (0, entries.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if entries.number(middle) < number { low = middle + 1 } else { high = middle }
    }
    low
}

/// The top of a pane whose last row is the last row of the last entry.
fn last_top(entries: &impl Entries, height: usize) -> Top {
    up(entries, Top { index: entries.len(), row: 0 }, height)
}

fn up(entries: &impl Entries, from: Top, rows: usize) -> Top {
    let Top { mut index, mut row } = from;
    let mut left = rows;
    while left > row {
        left -= row;
        if index == 0 {
            return Top::default();
        }
        index -= 1;
        row = entries.rows(index);
    }
    Top { index, row: row - left }
}

fn down(entries: &impl Entries, from: Top, rows: usize) -> Top {
    let Top { mut index, row } = from;
    let mut left = row + rows;
    while index < entries.len() {
        let own = entries.rows(index);
        if left < own {
            return Top { index, row: left };
        }
        left -= own;
        index += 1;
    }
    Top { index, row: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries numbered from `first`, with these heights.
    struct List {
        first: u64,
        heights: Vec<usize>,
    }

    impl Entries for List {
        type Number = u64;

        fn len(&self) -> usize {
            self.heights.len()
        }
        fn number(&self, index: usize) -> u64 {
            self.first + index as u64
        }
        fn rows(&self, index: usize) -> usize {
            self.heights[index]
        }
    }

    fn list(first: u64, heights: &[usize]) -> List {
        List { first, heights: heights.to_vec() }
    }

    #[test]
    fn the_end_fills_the_pane_from_below() {
        assert_eq!(ScrollPosition::End.top(&list(1, &[1, 1, 3]), 4), Top { index: 1, row: 0 });
        assert_eq!(ScrollPosition::End.top(&list(1, &[1, 1, 3]), 2), Top { index: 2, row: 1 });
        assert_eq!(ScrollPosition::End.top(&list(1, &[1]), 10), Top::default());
        assert_eq!(ScrollPosition::End.top(&list(1, &[]), 10), Top::default());
    }

    #[test]
    fn a_held_place_stays_with_its_entry_while_entries_come_and_go() {
        let held = ScrollPosition::End.held(&list(1, &[1; 10]), 3);
        assert_eq!(held, ScrollPosition::At { number: 8, row: 0 });
        let later = list(5, &[1; 20]);
        assert_eq!(later.number(held.top(&later, 3).index), 8);
    }

    #[test]
    fn a_held_entry_that_is_gone_gives_way_to_the_oldest() {
        assert_eq!(ScrollPosition::At { number: 3, row: 2 }.top(&list(100, &[1; 50]), 5), Top::default());
    }

    #[test]
    fn an_entry_that_is_looked_for_has_some_above_it_where_there_are_any() {
        let entries = list(1, &[1; 20]);
        assert_eq!(ScrollPosition::Near(10).top(&entries, 6), Top { index: 7, row: 0 });
        assert_eq!(ScrollPosition::Near(1).top(&entries, 6), Top::default());
        assert_eq!(ScrollPosition::Near(20).top(&entries, 6), Top { index: 14, row: 0 });
    }

    #[test]
    fn scrolling_counts_rows_and_stops_at_both_ends() {
        let entries = list(1, &[1, 4, 1, 1]);
        let top = |place: ScrollPosition<u64>| place.top(&entries, 2);
        let one_up = ScrollPosition::End.scrolled(&entries, 2, -1);
        assert_eq!(top(one_up), Top { index: 1, row: 3 });
        assert_eq!(top(one_up.scrolled(&entries, 2, -2)), Top { index: 1, row: 1 });
        assert_eq!(top(one_up.scrolled(&entries, 2, -100)), Top::default());
        assert_eq!(one_up.scrolled(&entries, 2, 1), ScrollPosition::End);
        assert_eq!(ScrollPosition::End.scrolled(&entries, 2, 100), ScrollPosition::End);
    }
}
