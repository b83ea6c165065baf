//! The text of a line, apart from how it looks.

use vte::{Parser, Perform};

/// The text of a line without escape sequences. Of the control characters, tabs stay and carriage returns within it
/// become spaces.
pub(crate) fn without_escapes(line: &[u8]) -> String {
    let mut text = printed(line);
    text.truncate(text.trim_end_matches('\r').len());
    if text.contains('\r') { text.replace('\r', " ") } else { text }
}

/// The text of a line without escape sequences. Of the control characters, tabs and carriage returns stay.
pub(super) fn printed(line: &[u8]) -> String {
    let mut printed = Printed::default();
    Parser::new().advance(&mut printed, line);
    printed.0
}

/// How many bytes of a line come before the byte at `at` of its [`printed`] text.
pub(super) fn before_printed(line: &[u8], at: usize) -> usize {
    let (mut parser, mut printed) = (Parser::new(), Printed::default());
    let mut each = line.iter().take_while(|&&byte| {
        parser.advance(&mut printed, &[byte]);
        printed.0.len() <= at
    });
    each.by_ref().count()
}

#[derive(Default)]
struct Printed(String);

impl Perform for Printed {
    fn print(&mut self, letter: char) {
        self.0.push(letter);
    }

    fn execute(&mut self, control: u8) {
        if matches!(control, b'\t' | b'\r') {
            self.0.push(char::from(control));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriage_returns_hide_nothing_and_become_spaces() {
        assert_eq!(without_escapes(b"10%\r\x1b[Kdone\r\r"), "10% done");
    }

    #[test]
    fn what_is_printed_is_found_in_the_line_again() {
        let line = b"\x1b[31merr\x1b[0mor: red";
        assert_eq!([0, 3, 7].map(|at| before_printed(line, at)), [5, 12, 16]);
    }
}
