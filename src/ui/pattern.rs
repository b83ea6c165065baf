//! A regular expression that somebody typed, and the log lines it matches.

use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use super::{LogOf, ansi};
use crate::kernel::LogLine;

/// A search or a filter over one task's log.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) text: String,
    pub(super) regex: Regex,
    /// The log whose lines have been looked at.
    log_of: Option<LogOf>,
    /// Numbers of the lines that match, ascending.
    hits: Vec<u64>,
    /// Lines below this number have been looked at for good.
    scanned: u64,
}

impl Pattern {
    /// Reads a pattern: case matters only if it has an upper-case letter.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in one line.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let regex = RegexBuilder::new(text).case_insensitive(!has_upper_case(text)).build().map_err(|error| {
            let report = error.to_string();
            let line = report.lines().last().unwrap_or("not a regular expression");
            line.trim_start_matches("error: ").to_owned()
        })?;
        Ok(Self { text: text.to_owned(), regex, log_of: None, hits: Vec::new(), scanned: 0 })
    }

    /// Looks at the lines that are new since the last time.
    pub(super) fn refresh(&mut self, log_of: &LogOf, log: &[Arc<LogLine>]) {
        if self.log_of.as_ref() != Some(log_of) {
            self.log_of = Some(log_of.clone());
            self.hits.clear();
            self.scanned = 0;
        }
        let oldest = log.first().map_or(u64::MAX, |line| line.number);
        let rescan = self.scanned;
        self.hits.retain(|&number| number >= oldest && number < rescan);
        let new = log.partition_point(|line| line.number < rescan);
        for line in &log[new..] {
            if self.hits.last() != Some(&line.number) && self.regex.is_match(&ansi::parse(&line.bytes).text) {
                self.hits.push(line.number);
            }
        }
        // The newest number may belong to an unfinished line, which changes.
        self.scanned = log.last().map_or(0, |line| line.number);
    }

    /// Numbers of the lines that match, ascending.
    pub(super) fn hits(&self) -> &[u64] {
        &self.hits
    }

    /// The hit after `number`, or from the first again.
    pub(super) fn hit_after(&self, number: u64) -> Option<u64> {
        let next = self.hits.partition_point(|&hit| hit <= number);
        self.hits.get(next).or(self.hits.first()).copied()
    }

    /// The hit before `number`, or from the last again.
    pub(super) fn hit_before(&self, number: u64) -> Option<u64> {
        let next = self.hits.partition_point(|&hit| hit < number);
        next.checked_sub(1).and_then(|index| self.hits.get(index)).or(self.hits.last()).copied()
    }

    /// `3 of 17` for the hit at `number`, `17` without one.
    pub(super) fn count(&self, number: Option<u64>) -> String {
        let all = self.hits.len();
        match number.and_then(|number| self.hits.binary_search(&number).ok()) {
            Some(index) => format!("{} of {all}", index + 1),
            None if all == 1 => "1 match".to_owned(),
            None if all == 0 => "no match".to_owned(),
            None => format!("{all} matches"),
        }
    }
}

/// Whether a letter of the pattern, and not of an escape such as `\S`, is upper-case.
fn has_upper_case(text: &str) -> bool {
    let mut escaped = false;
    text.chars().any(|c| {
        let counts = !escaped && c.is_uppercase();
        escaped = !escaped && c == '\\';
        counts
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::kernel::Stream;

    fn of(task: &str) -> LogOf {
        LogOf::Task(task.to_owned())
    }

    fn log(first: u64, lines: &[&str]) -> Vec<Arc<LogLine>> {
        let line = |(index, text): (usize, &&str)| {
            Arc::new(LogLine {
                number: first + index as u64,
                at: Timestamp::UNIX_EPOCH,
                run: 1,
                stream: Stream::Stdout,
                bytes: text.as_bytes().to_vec(),
                cut: false,
            })
        };
        lines.iter().enumerate().map(line).collect()
    }

    #[test]
    fn case_matters_only_with_an_upper_case_letter() {
        assert!(Pattern::new("error").is_ok_and(|pattern| pattern.regex.is_match("ERROR")));
        assert!(Pattern::new("Error").is_ok_and(|pattern| !pattern.regex.is_match("ERROR")));
        assert!(Pattern::new(r"\Serr").is_ok_and(|pattern| pattern.regex.is_match("xERR")));
    }

    #[test]
    fn a_mistake_is_told_in_one_line() {
        assert_eq!(Pattern::new("[a-").map(|_| ()), Err("unclosed character class".to_owned()));
    }

    #[test]
    fn hits_follow_the_log_as_it_grows_and_forgets() {
        let mut pattern = Pattern::new("a").expect("a valid pattern");
        pattern.refresh(&of("api"), &log(1, &["a", "b", "a"]));
        assert_eq!(pattern.hits(), [1, 3]);
        // Line 3 was unfinished and turned out otherwise, line 1 is gone.
        pattern.refresh(&of("api"), &log(2, &["b", "x", "\x1b[31ma"]));
        assert_eq!(pattern.hits(), [4]);
        pattern.refresh(&of("db"), &log(1, &["a"]));
        assert_eq!(pattern.hits(), [1]);
    }

    #[test]
    fn next_and_previous_go_round() {
        let mut pattern = Pattern::new("a").expect("a valid pattern");
        pattern.refresh(&of("api"), &log(1, &["a", "b", "a"]));
        assert_eq!((pattern.hit_after(1), pattern.hit_after(3)), (Some(3), Some(1)));
        assert_eq!((pattern.hit_before(3), pattern.hit_before(1)), (Some(1), Some(3)));
        assert_eq!(pattern.count(Some(3)), "2 of 2");
    }
}
