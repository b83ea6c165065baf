//! The tails of several tasks as one, in the order of time.
//!
//! A line keeps its place once it has one: what comes late from another task goes to the end, not between. Lines without
//! an end yet are not in it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::logs::{LogHub, LogLine, LogTail};

/// Lines that are kept of all tasks together.
pub const MERGED_LINES: usize = 4_000;

/// One log of several tasks.
#[derive(Debug)]
pub struct MergedTail {
    sources: Vec<Source>,
    lines: VecDeque<Arc<LogLine>>,
    /// Who wrote each of the lines.
    writers: VecDeque<Arc<str>>,
    last: u64,
}

#[derive(Debug)]
struct Source {
    name: Arc<str>,
    tail: LogTail,
    /// The newest line that was taken.
    seen: u64,
}

impl MergedTail {
    /// The log of these tasks, from the oldest line that is kept.
    #[must_use]
    pub fn new(hub: &LogHub, tasks: &[String]) -> Self {
        let source = |task: &String| Source { name: task.as_str().into(), tail: hub.tail(task), seen: 0 };
        let sources = tasks.iter().map(source).collect();
        Self { sources, lines: VecDeque::new(), writers: VecDeque::new(), last: 0 }
    }

    /// The tails it is made of.
    pub fn tails(&self) -> impl Iterator<Item = &LogTail> {
        self.sources.iter().map(|source| &source.tail)
    }

    /// Takes in what is new, and returns all lines that are kept, oldest first and numbered anew, and who wrote each.
    pub fn read(&mut self) -> (Vec<Arc<LogLine>>, Vec<Arc<str>>) {
        let mut new = Vec::new();
        for source in &mut self.sources {
            let lines = source.tail.finished_after(source.seen);
            source.seen = lines.last().map_or(source.seen, |line| line.number);
            new.extend(lines.into_iter().map(|line| (Arc::clone(&source.name), line)));
        }
        // Stable: lines of one task stay in their order.
        new.sort_by_key(|(_, line)| line.at);
        for (name, line) in new {
            self.last += 1;
            self.lines.push_back(Arc::new(LogLine { number: self.last, ..LogLine::clone(&line) }));
            self.writers.push_back(name);
        }
        let excess = self.lines.len().saturating_sub(MERGED_LINES);
        self.lines.drain(..excess);
        self.writers.drain(..excess);
        (self.lines.iter().cloned().collect(), self.writers.iter().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Stream;

    fn texts(merged: &mut MergedTail) -> Vec<String> {
        let (lines, writers) = merged.read();
        let text = |(line, name): (Arc<LogLine>, Arc<str>)| {
            format!("{} {name} {}", line.number, String::from_utf8_lossy(&line.bytes))
        };
        lines.into_iter().zip(writers).map(text).collect()
    }

    #[test]
    fn lines_of_all_tasks_stand_in_the_order_of_time_and_keep_their_place() {
        let hub = LogHub::default();
        hub.tail("a").write(1, Stream::Stdout, b"one\n");
        hub.tail("b").write(1, Stream::Stdout, b"two\nhalf");
        hub.tail("a").write(1, Stream::Stdout, b"three\n");
        hub.tail("c").write(1, Stream::Stdout, b"not wanted\n");
        let mut merged = MergedTail::new(&hub, &["a".to_owned(), "b".to_owned()]);
        assert_eq!(texts(&mut merged), ["1 a one", "2 b two", "3 a three"]);
        hub.tail("b").write(1, Stream::Stdout, b" is whole\n");
        assert_eq!(texts(&mut merged)[3], "4 b half is whole");
    }

    #[test]
    fn it_is_bounded() {
        let hub = LogHub::default();
        let mut merged = MergedTail::new(&hub, &["a".to_owned()]);
        for _ in 0..10 {
            hub.tail("a").write(1, Stream::Stdout, "line\n".repeat(1_000).as_bytes());
            merged.read();
        }
        let (lines, writers) = merged.read();
        assert_eq!((lines.len(), writers.len()), (MERGED_LINES, MERGED_LINES));
        assert_eq!(lines.last().map(|line| line.number), Some(10_000));
    }
}
