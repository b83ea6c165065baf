//! Names one line of what is kept, so that reading can go on from it later: after a rotation, too.

use jiff::Timestamp;

/// Names one line of what is kept of some tasks, and where it stands among the others: the lines before it have smaller
/// names, those after it larger ones.
///
/// A name is good for the same tasks in the same order, for any reader, and as long as the line is kept: files that
/// grow old do not change it. Its text, the cursor, is good for all tasks that the line's own is among.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LineId {
    /// When it was written, in microseconds; 0 in the log of one task, which has an order without it.
    pub(super) at: i64,
    /// The number of its task among those that are read.
    pub(super) task: usize,
    /// The key of its segment: when that began.
    pub(super) segment: i64,
    /// Where it begins in its segment, in bytes.
    pub(super) offset: u64,
}

impl LineId {
    /// Before all lines.
    pub const START: Self = Self { at: 0, task: 0, segment: 0, offset: 0 };
    /// After all lines, now and later.
    pub const END: Self = Self { at: i64::MAX, task: usize::MAX, segment: i64::MAX, offset: u64::MAX };

    /// The name of so-manieth line of something that is no log on disk.
    #[must_use]
    pub fn nth(offset: u64) -> Self {
        Self { offset, ..Self::START }
    }

    /// The name of a line that is in no log yet: after all that are, in the order of time.
    #[must_use]
    pub fn unwritten(at: Timestamp, number: u64) -> Self {
        Self { segment: at.as_microsecond(), offset: number, ..Self::END }
    }

    /// After all lines that were written until this time.
    #[must_use]
    pub fn after_time(at: Timestamp) -> Self {
        Self { at: at.as_microsecond(), ..Self::END }
    }

    /// The name right behind this one: reading forwards from there leaves the line itself out.
    #[must_use]
    pub fn behind(self) -> Self {
        Self { offset: self.offset.saturating_add(1), ..self }
    }

    /// The name right before this one.
    pub(super) fn before(self) -> Self {
        match self.offset.checked_sub(1) {
            Some(offset) => Self { offset, ..self },
            None => Self { segment: self.segment - 1, offset: u64::MAX, ..self },
        }
    }

    /// As text: `MICROSECONDS.SEGMENT.OFFSET.TASK`.
    pub(super) fn cursor(self, at: Timestamp, task: &str) -> String {
        format!("{}.{}.{}.{task}", at.as_microsecond(), self.segment, self.offset)
    }

    /// The name behind a cursor, where these tasks are read. None if it is no cursor, or of none of them.
    #[must_use]
    pub fn of_cursor<T: AsRef<str>>(cursor: &str, tasks: &[T]) -> Option<Self> {
        let mut parts = cursor.splitn(4, '.');
        let at = parts.next()?.parse().ok()?;
        let segment = parts.next()?.parse().ok()?;
        let offset = parts.next()?.parse().ok()?;
        let name = parts.next()?;
        let task = tasks.iter().position(|task| task.as_ref() == name)?;
        Some(Self { at: if tasks.len() > 1 { at } else { 0 }, task, segment, offset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_name() {
        let id = LineId { at: 7, task: 1, segment: 5, offset: 9 };
        let cursor = id.cursor(Timestamp::from_microsecond(7).unwrap(), "api.v2");
        assert_eq!(cursor, "7.5.9.api.v2");
        assert_eq!(LineId::of_cursor(&cursor, &["db", "api.v2"]), Some(id));
        assert_eq!(LineId::of_cursor(&cursor, &["api.v2"]), Some(LineId { at: 0, task: 0, ..id }));
        for text in
            ["", "1", "1.2", "1.2.3", "1.2.3.", "x.2.3.db", "1.2.-3.db", "99999999999999999999.2.3.db", "1.2.3.x"]
        {
            assert_eq!(LineId::of_cursor(text, &["db"]), None, "{text}");
        }
    }

    #[test]
    fn nothing_stands_between_a_name_and_its_neighbours() {
        for id in [LineId::nth(0), LineId::nth(7)] {
            assert!(id.before() < id && id < id.behind());
        }
        assert_eq!(LineId::nth(7).before().behind(), LineId::nth(7));
    }
}
