//! Regular expressions that are searched for in lines.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memrchr};
use regex::bytes::{Regex, RegexBuilder};

use super::line::without_returns;
use super::text::{before_printed, printed};

/// Bytes of a compiled pattern. Compiling one of this size takes a few milliseconds.
const PATTERN_PROGRAM_BYTES: usize = 1024 * 1024;
/// Bytes of what a search remembers of a pattern.
const PATTERN_CACHE_BYTES: usize = 2 * 1024 * 1024;

/// A regular expression that is searched for in the text of lines, without their escape sequences.
#[derive(Debug, Clone)]
pub struct LinePattern {
    regex: Regex,
    is_line_free: bool,
}

impl LinePattern {
    /// Reads a regular expression; `^` and `$` mean the ends of a line.
    ///
    /// # Errors
    ///
    /// It is none, or it is too large.
    pub fn new(pattern: &str) -> Result<Self, regex::Error> {
        Self::build(pattern, false)
    }

    /// The same for what a person types: case matters only if it has an upper-case letter.
    ///
    /// # Errors
    ///
    /// As [`LinePattern::new`].
    pub fn smart_case(pattern: &str) -> Result<Self, regex::Error> {
        Self::build(pattern, ignores_case(pattern))
    }

    fn build(pattern: &str, ignores_case: bool) -> Result<Self, regex::Error> {
        let regex = RegexBuilder::new(pattern)
            .multi_line(true)
            .case_insensitive(ignores_case)
            .size_limit(PATTERN_PROGRAM_BYTES)
            .dfa_size_limit(PATTERN_CACHE_BYTES)
            .build()?;
        // What knows the ends of the text, or may switch off what it was built with, must see each line alone.
        let is_line_free = !["\\A", "\\z", "(?"].iter().any(|odd| pattern.contains(odd));
        Ok(Self { regex, is_line_free })
    }

    /// Whether it matches in this line.
    #[must_use]
    pub fn matches(&self, line: &[u8]) -> bool {
        let line = without_returns(line);
        match memchr(b'\x1b', line) {
            None => self.matches_text(line),
            Some(_) => self.matches_text(printed(line).as_bytes()),
        }
    }

    /// Where in this line it matches first, in bytes.
    #[must_use]
    pub fn find(&self, line: &[u8]) -> Option<usize> {
        let line = without_returns(line);
        match memchr(b'\x1b', line) {
            None => self.find_in(line),
            Some(_) => self.find_in(printed(line).as_bytes()).map(|at| before_printed(line, at)),
        }
    }

    /// Where it matches in a text without escape sequences.
    pub(crate) fn find_all<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        self.regex.find_iter(text.as_bytes()).map(|found| found.range())
    }

    fn matches_text(&self, text: &[u8]) -> bool {
        views(text).any(|(_, part)| self.regex.is_match(part))
    }

    fn find_in(&self, text: &[u8]) -> Option<usize> {
        let find = |(start, part): (usize, &[u8])| self.regex.find(part).map(|found| start + found.start());
        views(text).find_map(find)
    }

    /// Whether a search in many lines at once finds every line that matches.
    pub(super) fn is_line_free(&self) -> bool {
        self.is_line_free
    }

    /// Calls `f` with every line of `text` in which it may match; each is followed by a line feed.
    pub(super) fn each_line(&self, text: &[u8], mut f: impl FnMut(Range<usize>)) {
        let mut at = 0;
        while at < text.len() {
            let Some(found) = self.regex.find_at(text, at).filter(|found| found.start() < text.len()) else { return };
            let start = memrchr(b'\n', &text[..found.start()]).map_or(0, |end| end + 1);
            let end = memchr(b'\n', &text[found.start()..]).map_or(text.len(), |end| found.start() + end);
            f(start..end);
            at = end + 1;
        }
    }
}

/// What a pattern is searched for in: the whole text, then each part that carriage returns make of it, for such a part
/// looks like a line of its own. Each with where it begins.
fn views(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let has_parts = memchr(b'\r', text).is_some();
    let starts = memchr_iter(b'\r', text).map(|at| at + 1);
    let parts = std::iter::once(0).chain(starts).zip(text.split(|&byte| byte == b'\r'));
    std::iter::once((0, text)).chain(parts.filter(move |_| has_parts))
}

/// Whether no letter of the pattern is upper-case, those of escapes such as `\S` aside.
pub(crate) fn ignores_case(pattern: &str) -> bool {
    let mut escaped = false;
    !pattern.chars().any(|c| {
        let counts = !escaped && c.is_uppercase();
        escaped = !escaped && c == '\\';
        counts
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_match_is_found_where_it_is_in_the_bytes() {
        let find = |pattern: &str, line: &str| LinePattern::new(pattern).unwrap().find(line.as_bytes());
        assert_eq!(find("b+", "aabb"), Some(2));
        assert_eq!(find("^fine$", "secret\rfine\r"), Some(7));
        assert_eq!(find("secret.fine", "secret\rfine"), Some(0));
        assert_eq!(find("red", "\x1b[31mnot \x1b[1mred"), Some(13));
        assert_eq!(find("x", "aabb"), None);
    }
}
