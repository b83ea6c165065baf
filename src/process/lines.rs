//! Cuts what a task writes into lines for the screen.
//!
//! Bytes stay bytes: what is no UTF-8 and escape sequences are for whoever shows them. Memory is bounded by
//! [`LINE_BYTES`] whatever is written, and the work for a chunk by the lines that can still be seen after it.

use jiff::Timestamp;
use memchr::{memchr, memchr_iter, memrchr, memrchr_iter};

use crate::kernel::{LINE_BYTES, LogLine, Stream, TAIL_LINES};

/// Cuts one stream of one run.
#[derive(Debug)]
pub(super) struct Lines {
    run: u64,
    stream: Stream,
    pending: Pending,
}

/// What a chunk brought.
#[derive(Debug, Default)]
pub(super) struct Fed {
    /// Lines that were only counted, since the ones after them fill the tail.
    pub(super) skipped: u64,
    /// The finished lines after those, oldest first.
    pub(super) finished: Vec<LogLine>,
}

/// A line without an end yet.
#[derive(Debug, Default)]
struct Pending {
    /// When its first byte was read; none before that.
    since: Option<Timestamp>,
    bytes: Vec<u8>,
    cut: bool,
    /// Whether the last byte was a carriage return: unless a line feed follows, what comes overwrites the line.
    returned: bool,
}

impl Lines {
    pub(super) fn new(run: u64, stream: Stream) -> Self {
        Self { run, stream, pending: Pending::default() }
    }

    /// Takes what was written next.
    pub(super) fn feed(&mut self, chunk: &[u8], at: Timestamp) -> Fed {
        // The feed that ends the line before the first one worth keeping.
        let skip_to = memrchr_iter(b'\n', chunk).nth(TAIL_LINES).map_or(0, |feed| feed + 1);
        let (old, mut rest) = chunk.split_at(skip_to);
        if !old.is_empty() {
            self.pending = Pending::default();
        }
        let mut finished = Vec::new();
        while let Some(end) = memchr(b'\n', rest) {
            self.pending.push(&rest[..end], at);
            finished.push(self.take(at));
            rest = &rest[end + 1..];
        }
        self.pending.push(rest, at);
        Fed { skipped: memchr_iter(b'\n', old).count() as u64, finished }
    }

    /// The line that has no end yet, as it looks so far.
    pub(super) fn partial(&self) -> Option<LogLine> {
        let since = self.pending.since.filter(|_| !self.pending.bytes.is_empty())?;
        Some(self.line(since, self.pending.bytes.clone(), self.pending.cut))
    }

    /// Ends the line that has no end, for the run is over.
    pub(super) fn finish(&mut self) -> Option<LogLine> {
        let last = self.partial();
        self.pending = Pending::default();
        last
    }

    fn take(&mut self, at: Timestamp) -> LogLine {
        let Pending { since, bytes, cut, .. } = std::mem::take(&mut self.pending);
        self.line(since.unwrap_or(at), bytes, cut)
    }

    fn line(&self, at: Timestamp, bytes: Vec<u8>, cut: bool) -> LogLine {
        LogLine { number: 0, at, run: self.run, stream: self.stream, bytes, cut }
    }
}

impl Pending {
    /// Adds bytes without a line feed among them.
    fn push(&mut self, bytes: &[u8], at: Timestamp) {
        if bytes.is_empty() {
            return;
        }
        self.since.get_or_insert(at);
        let text = &bytes[..bytes.iter().rposition(|&byte| byte != b'\r').map_or(0, |last| last + 1)];
        if !text.is_empty() {
            let overwritten = memrchr(b'\r', text);
            if self.returned || overwritten.is_some() {
                self.bytes.clear();
                self.cut = false;
            }
            let text = &text[overwritten.map_or(0, |at| at + 1)..];
            let room = LINE_BYTES - self.bytes.len();
            self.bytes.extend_from_slice(&text[..text.len().min(room)]);
            self.cut |= text.len() > room;
        }
        self.returned = text.len() < bytes.len() || (self.returned && text.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the chunks one by one: the finished lines, then what is still unfinished.
    fn cut(chunks: &[&str]) -> (Vec<String>, Option<String>) {
        let mut lines = Lines::new(1, Stream::Stdout);
        let text = |line: LogLine| String::from_utf8_lossy(&line.bytes).into_owned();
        let mut finished = Vec::new();
        for chunk in chunks {
            finished.extend(lines.feed(chunk.as_bytes(), Timestamp::UNIX_EPOCH).finished.into_iter().map(text));
        }
        (finished, lines.finish().map(text))
    }

    fn lines(expected: &[&str]) -> (Vec<String>, Option<String>) {
        (expected.iter().map(ToString::to_string).collect(), None)
    }

    #[test]
    fn lines_end_at_line_feeds() {
        assert_eq!(cut(&["a\nb\n\nc\n"]), lines(&["a", "b", "", "c"]));
    }

    #[test]
    fn a_line_may_come_in_pieces() {
        assert_eq!(cut(&["on", "e\ntw", "o", "\n"]), lines(&["one", "two"]));
    }

    #[test]
    fn what_has_no_end_is_pending() {
        assert_eq!(cut(&["a\npart"]), (vec!["a".to_owned()], Some("part".to_owned())));
        assert_eq!(cut(&["a\n"]), lines(&["a"]));
    }

    #[test]
    fn a_carriage_return_before_the_feed_belongs_to_the_line_end() {
        assert_eq!(cut(&["a\r\nb\r", "\nc\r\r\n"]), lines(&["a", "b", "c"]));
    }

    #[test]
    fn a_carriage_return_within_a_line_overwrites_it() {
        assert_eq!(cut(&["10%\r20%\r30%\n"]), lines(&["30%"]));
        assert_eq!(cut(&["10%\r", "20%\r", "30%\n"]), lines(&["30%"]));
        assert_eq!(cut(&["10%", "\r", "20%"]), (vec![], Some("20%".to_owned())));
        assert_eq!(cut(&["10%\r"]), (vec![], Some("10%".to_owned())));
    }

    #[test]
    fn a_long_line_is_cut_and_says_so() {
        let mut lines = Lines::new(1, Stream::Stdout);
        for _ in 0..10 {
            lines.feed(&[b'x'; LINE_BYTES], Timestamp::UNIX_EPOCH);
        }
        let finished = lines.feed(b"\nnext\n", Timestamp::UNIX_EPOCH).finished;
        assert_eq!(
            finished.iter().map(|line| (line.bytes.len(), line.cut)).collect::<Vec<_>>(),
            [(LINE_BYTES, true), (4, false)]
        );
    }

    #[test]
    fn of_a_flood_only_the_last_lines_are_made_and_the_rest_is_counted() {
        let mut lines = Lines::new(1, Stream::Stdout);
        lines.feed(b"pend", Timestamp::UNIX_EPOCH);
        let flood: String = (0..TAIL_LINES + 10).map(|number| format!("{number}\n")).collect();
        let fed = lines.feed(format!("{flood}rest").as_bytes(), Timestamp::UNIX_EPOCH);
        assert_eq!((fed.skipped, fed.finished.len()), (10, TAIL_LINES));
        assert_eq!(fed.finished[0].bytes, b"10");
        assert_eq!(lines.finish().unwrap().bytes, b"rest");
    }

    #[test]
    fn a_line_keeps_the_time_of_its_first_byte() {
        let mut lines = Lines::new(1, Stream::Stdout);
        let later = Timestamp::from_second(1).unwrap();
        lines.feed(b"a", Timestamp::UNIX_EPOCH);
        assert_eq!(lines.feed(b"b\n", later).finished[0].at, Timestamp::UNIX_EPOCH);
    }
}
