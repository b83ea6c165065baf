//! Which old segments are removed, so that all logs together stay within their bounds.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::disk_usage::{StoredSegment, stored};
use super::rotation::{Old, old_index_path, old_log_path};
use crate::config::LogsConfig;

/// One at a time looks and removes: two would remove twice as much.
static ENFORCING: Mutex<()> = Mutex::new(());

/// The bounds of all logs in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    /// Bytes of all together; 0: no limit.
    max_total: u64,
    /// The age of an old segment.
    keep_for: Option<Duration>,
}

impl Retention {
    pub(crate) fn of(config: &LogsConfig) -> Self {
        Self { max_total: config.max_total, keep_for: config.keep_for }
    }

    /// Removes what is too old, and then the oldest segments until the rest is within the total. What is written is never
    /// removed. Blocks.
    pub(crate) fn enforce(self, dir: &Path, now: Timestamp) {
        let _turn = ENFORCING.lock().unwrap_or_else(PoisonError::into_inner);
        match stored(dir) {
            Ok(stored) => {
                for (task, old) in self.surplus(&stored, now) {
                    tracing::info!(task, age = old.age, "an old log segment is removed: too old, or too much in all");
                    for path in [old_log_path(dir, task, old), old_index_path(dir, task, old.age)] {
                        if let Err(error) = fs::remove_file(&path) {
                            tracing::debug!(path = %path.display(), %error, "a log segment can't be removed");
                        }
                    }
                }
            }
            Err(error) => tracing::warn!(dir = %dir.display(), %error, "cannot look at the logs"),
        }
    }

    /// The segments that have to go. Of each task, an older one goes before a younger one.
    fn surplus<'a>(self, stored: &'a BTreeMap<String, Vec<StoredSegment>>, now: Timestamp) -> Vec<(&'a str, &'a Old)> {
        let mut total: u64 = stored.values().flatten().map(|segment| segment.bytes).sum();
        let of_task = |(task, segments): (&'a String, &'a Vec<StoredSegment>)| {
            segments.iter().filter_map(move |segment| Some((task.as_str(), segment.old.as_ref()?, segment)))
        };
        let mut old: Vec<_> = stored.iter().flat_map(of_task).collect();
        // By age within a task: it says more than the clock, which may have been set.
        old.sort_by_key(|(task, old, segment)| (segment.written, *task, std::cmp::Reverse(old.age)));
        let mut surplus = Vec::new();
        for (task, old, segment) in old {
            let age = now.duration_since(segment.written);
            let is_too_old = self.keep_for.is_some_and(|most| age.try_into().is_ok_and(|age: Duration| age > most));
            let is_too_much = self.max_total > 0 && total > self.max_total;
            if is_too_old || is_too_much {
                total -= segment.bytes;
                surplus.push((task, old));
            }
        }
        surplus
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Segments of 100 bytes, each written so many seconds after 1970; the first is the one that is written.
    fn log(written: &[i64]) -> Vec<StoredSegment> {
        let segment = |(age, second): (usize, &i64)| StoredSegment {
            old: (age > 0).then_some(Old { age: age as u32, is_packed: false }),
            bytes: 100,
            written: Timestamp::from_second(*second).unwrap(),
        };
        written.iter().enumerate().map(segment).collect()
    }

    fn surplus(max_total: u64, keep_for: Option<u64>, now: i64) -> Vec<(String, u32)> {
        let stored = BTreeMap::from([("api".to_owned(), log(&[100, 90, 50])), ("db".to_owned(), log(&[100, 70, 20]))]);
        let retention = Retention { max_total, keep_for: keep_for.map(Duration::from_secs) };
        let surplus = retention.surplus(&stored, Timestamp::from_second(now).unwrap());
        surplus.into_iter().map(|(task, old)| (task.to_owned(), old.age)).collect()
    }

    fn named(expected: &[(&str, u32)]) -> Vec<(String, u32)> {
        expected.iter().map(|(task, age)| ((*task).to_owned(), *age)).collect()
    }

    #[test]
    fn the_oldest_goes_first_whose_ever_it_is_and_what_is_written_stays() {
        assert_eq!(surplus(600, None, 100), []);
        assert_eq!(surplus(0, None, 100), []);
        assert_eq!(surplus(599, None, 100), named(&[("db", 2)]));
        assert_eq!(surplus(400, None, 100), named(&[("db", 2), ("api", 2)]));
        assert_eq!(surplus(1, None, 100), named(&[("db", 2), ("api", 2), ("db", 1), ("api", 1)]));
    }

    #[test]
    fn what_is_too_old_goes_however_little_it_is() {
        assert_eq!(surplus(0, Some(40), 100), named(&[("db", 2), ("api", 2)]));
        assert_eq!(surplus(300, Some(70), 100), named(&[("db", 2), ("api", 2), ("db", 1)]));
        assert_eq!(surplus(0, Some(5), 10), [], "a clock that was set back");
    }
}
