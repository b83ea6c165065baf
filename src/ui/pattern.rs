//! A regular expression that a person typed.

use regex::{Regex, RegexBuilder};

use crate::logs::{LineId, ignores_case};

/// A search or a filter.
#[derive(Debug, Clone)]
pub(super) struct TypedPattern {
    pub(super) text: String,
    pub(super) regex: Regex,
    /// Where a search begins.
    pub(super) from: LineId,
}

impl TypedPattern {
    /// Reads a pattern: case matters only if it has an upper-case letter.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in one line.
    pub(super) fn new(text: &str, from: LineId) -> Result<Self, String> {
        let regex = RegexBuilder::new(text).case_insensitive(ignores_case(text)).build().map_err(|error| {
            let report = error.to_string();
            let line = report.lines().last().unwrap_or("not a regular expression");
            line.trim_start_matches("error: ").to_owned()
        })?;
        Ok(Self { text: text.to_owned(), regex, from })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_found(pattern: &str, text: &str) -> bool {
        TypedPattern::new(pattern, LineId::END).expect("a pattern").regex.is_match(text)
    }

    #[test]
    fn case_matters_only_with_an_upper_case_letter() {
        assert!(is_found("error", "ERROR"));
        assert!(!is_found("Error", "ERROR"));
        assert!(is_found(r"\Serr", "xERR"));
    }

    #[test]
    fn a_mistake_is_told_in_one_line() {
        let mistake = TypedPattern::new("[a-", LineId::END).map(|_| ());
        assert_eq!(mistake, Err("unclosed character class".to_owned()));
    }
}
