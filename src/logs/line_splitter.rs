//! Splits what a task writes into lines.
//!
//! Bytes stay bytes: invalid UTF-8 and escape sequences are left to the code that shows them. Memory is bounded by
//! [`LineLimits`] whatever is written.

use std::sync::Arc;

use jiff::Timestamp;
use memchr::{memchr, memrchr};

use super::line::{LineBuilder, LineLimits, LogLine};
use super::origin::{OutputStream, RunKey};

/// Splits one stream of one run.
#[derive(Debug)]
pub(crate) struct LineSplitter {
    task: Arc<str>,
    run: RunKey,
    stream: OutputStream,
    limits: LineLimits,
    /// The line that has no end yet; none before its first byte.
    unfinished: Option<LineBuilder>,
}

impl LineSplitter {
    pub(crate) fn new(task: Arc<str>, run: RunKey, stream: OutputStream, limits: LineLimits) -> Self {
        Self { task, run, stream, limits, unfinished: None }
    }

    /// The run whose output this is.
    pub(super) fn run(&self) -> RunKey {
        self.run
    }

    /// Takes what was written next, and returns the lines that end in it.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], at: Timestamp) -> Vec<LogLine> {
        let mut finished = Vec::new();
        while let Some(end) = memchr(b'\n', bytes) {
            self.push(&bytes[..end], at);
            finished.push(self.unfinished.take().map_or_else(|| self.begun(at), LineBuilder::finish));
            bytes = &bytes[end + 1..];
        }
        self.push(bytes, at);
        finished
    }

    /// Takes what was written next, as [`LineSplitter::feed`] does, without making the lines that end in it.
    pub(super) fn skip(&mut self, bytes: &[u8], at: Timestamp) {
        let unfinished = match memrchr(b'\n', bytes) {
            Some(end) => {
                self.unfinished = None;
                &bytes[end + 1..]
            }
            None => bytes,
        };
        self.push(unfinished, at);
    }

    /// Passes over lines that are not read, and notes whether the last of them has its end.
    pub(super) fn miss(&mut self, has_end: bool, at: Timestamp) {
        let rest = || LineBuilder::new(LogLine { cut: true, ..self.begun(at) }, self.limits);
        self.unfinished = (!has_end).then(rest);
    }

    /// The line that has no end yet, as it is so far.
    pub(crate) fn partial(&self) -> Option<LogLine> {
        let line = self.unfinished.as_ref()?.line();
        (!line.bytes.is_empty()).then(|| LogLine { is_finished: false, ..line.clone() })
    }

    /// Ends the unfinished line: the run is over.
    pub(crate) fn finish(&mut self) -> Option<LogLine> {
        self.unfinished.take().map(LineBuilder::finish).filter(|line| !line.bytes.is_empty())
    }

    /// Adds bytes without a line feed among them.
    fn push(&mut self, bytes: &[u8], at: Timestamp) {
        if !bytes.is_empty() {
            let begun = self.unfinished.take().unwrap_or_else(|| LineBuilder::new(self.begun(at), self.limits));
            self.unfinished.insert(begun).push(bytes);
        }
    }

    fn begun(&self, at: Timestamp) -> LogLine {
        LogLine::new(&self.task, at, self.run, self.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn splitter() -> LineSplitter {
        LineSplitter::new("it".into(), RunKey::default(), OutputStream::Stdout, LineLimits::SCREEN)
    }

    /// Feeds the chunks one by one: the finished lines, then what is still unfinished.
    fn cut(chunks: &[&str]) -> (Vec<String>, Option<String>) {
        let mut lines = splitter();
        let text = |line: LogLine| String::from_utf8_lossy(&line.bytes).into_owned();
        let mut finished = Vec::new();
        for chunk in chunks {
            finished.extend(lines.feed(chunk.as_bytes(), Timestamp::UNIX_EPOCH).into_iter().map(text));
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
        let mut splitter = splitter();
        let fed =
            ["a\r\nb\r", "\nc\r\r\n"].map(|chunk| splitter.feed(chunk.as_bytes(), Timestamp::UNIX_EPOCH)).concat();
        assert_eq!(fed.iter().map(LogLine::text).collect::<Vec<_>>(), [b"a", b"b", b"c"]);
        assert_eq!(fed.iter().map(|line| &*line.bytes).collect::<Vec<_>>(), [&b"a\r"[..], b"b\r", b"c\r\r"]);
    }

    #[test]
    fn a_carriage_return_within_a_line_hides_nothing() {
        assert_eq!(cut(&["secret\rfine\n"]), lines(&["secret\rfine"]));
        assert_eq!(cut(&["10%\r", "20%\r", "30%\n"]), lines(&["10%\r20%\r30%"]));
        assert_eq!(cut(&["10%", "\r", "20%"]), (vec![], Some("10%\r20%".to_owned())));
    }

    #[test]
    fn of_a_long_line_for_a_screen_what_is_overwritten_gives_way() {
        let progress: String = (0..100_000).map(|number| format!("{number}%\r")).collect();
        for chunk in [1_000, progress.len()] {
            let mut splitter = splitter();
            progress.as_bytes().chunks(chunk).for_each(|part| drop(splitter.feed(part, Timestamp::UNIX_EPOCH)));
            let line = splitter.feed(b"done\n", Timestamp::UNIX_EPOCH).remove(0);
            assert!(line.cut && line.bytes.len() <= LineLimits::SCREEN.kept, "{}", line.bytes.len());
            assert!(line.bytes.ends_with(b"\r99998%\r99999%\rdone"), "{}", line.bytes.escape_ascii());
        }
    }

    #[test]
    fn a_long_line_is_cut_and_says_so() {
        let mut lines = splitter();
        for _ in 0..10 {
            lines.feed(&[b'x'; LineLimits::SCREEN.kept], Timestamp::UNIX_EPOCH);
        }
        let finished = lines.feed(b"\nnext\n", Timestamp::UNIX_EPOCH);
        assert_eq!(
            finished.iter().map(|line| (line.bytes.len(), line.cut)).collect::<Vec<_>>(),
            [(LineLimits::SCREEN.kept, true), (4, false)]
        );
    }

    #[test]
    fn skipping_leaves_what_feeding_would() {
        for written in ["a\nb\nrest", "a\n", "no end"] {
            let (mut fed, mut skipped) = (splitter(), splitter());
            fed.feed(b"pend", Timestamp::UNIX_EPOCH);
            skipped.feed(b"pend", Timestamp::UNIX_EPOCH);
            fed.feed(written.as_bytes(), Timestamp::UNIX_EPOCH);
            skipped.skip(written.as_bytes(), Timestamp::UNIX_EPOCH);
            assert_eq!(fed.finish(), skipped.finish(), "{written}");
        }
    }

    #[test]
    fn of_a_line_that_began_unseen_the_rest_is_kept_as_cut() {
        for (has_end, first_is_cut) in [(true, false), (false, true)] {
            let mut lines = splitter();
            lines.feed(b"before", Timestamp::UNIX_EPOCH);
            lines.miss(has_end, Timestamp::UNIX_EPOCH);
            let after = lines.feed(b"one\ntwo\n", Timestamp::UNIX_EPOCH);
            let told: Vec<_> = after.iter().map(|line| (line.bytes.as_slice(), line.cut)).collect();
            assert_eq!(told, [(b"one".as_slice(), first_is_cut), (b"two".as_slice(), false)]);
        }
    }

    #[test]
    fn a_line_keeps_the_time_of_its_first_byte() {
        let mut lines = splitter();
        let later = Timestamp::from_second(1).unwrap();
        lines.feed(b"a", Timestamp::UNIX_EPOCH);
        assert_eq!(lines.feed(b"b\n", later)[0].at, Timestamp::UNIX_EPOCH);
    }
}
