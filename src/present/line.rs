//! A task's line as text that a terminal may be given: nothing in it acts on the terminal, and nothing is hidden.

use vte::{Parser, Perform};

/// Characters of one line that are shown. A longer one is cut, and says how much is missing.
pub(crate) const SHOWN_CHARS: usize = 8 * 1024;

/// What is shown of a line, at most `most` characters: its beginning, or what is around byte `at` if that lies further on.
/// Marks say where something is left out.
pub(crate) fn excerpt(line: &[u8], at: Option<usize>, most: usize) -> String {
    let (text, at) = printable(line, at.unwrap_or(0).min(line.len()));
    let count = text.chars().count();
    if count <= most {
        return text;
    }
    let before = text[..at].chars().count();
    // The last quarter is for the match itself.
    let skipped = if before < most - most / 4 { 0 } else { (before - most / 4).min(count - most) };
    let shown: String = text.chars().skip(skipped).take(most).collect();
    let left_out = |chars: usize, side: &str| match chars {
        0 => String::new(),
        _ => format!(" […{chars} characters {side}…] "),
    };
    let (front, back) = (left_out(skipped, "before"), left_out(count - skipped - most, "more"));
    format!("{}{shown}{}", front.trim_start(), back.trim_end())
}

/// The line without escape sequences, control characters in caret notation, and where in it byte `at` of the line is.
fn printable(line: &[u8], at: usize) -> (String, usize) {
    let (mut parser, mut text) = (Parser::new(), Printable::default());
    parser.advance(&mut text, &line[..at]);
    let printed = text.0.len();
    parser.advance(&mut text, &line[at..]);
    (text.0, printed)
}

#[derive(Default)]
struct Printable(String);

impl Perform for Printable {
    fn print(&mut self, c: char) {
        if !reorders(c) && !c.is_control() {
            self.0.push(c);
        }
    }

    fn execute(&mut self, control: u8) {
        match control {
            b'\t' => self.0.push('\t'),
            0..0x20 => self.0.extend(['^', char::from(control + b'@')]),
            _ => {}
        }
    }
}

/// Characters that would make a terminal show the line in another order, or in two.
fn reorders(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_hidden_and_nothing_acts() {
        let all = |line: &[u8]| excerpt(line, None, SHOWN_CHARS);
        assert_eq!(all(b"secret\rfine"), "secret^Mfine");
        assert_eq!(all(b"a\x1b[2Jb\x1b]0;title\x07c\x08\td"), "abc^H\td");
        assert_eq!(
            all("family 👨\u{200d}👩 می\u{200c}خواهم ❤\u{fe0f}".as_bytes()),
            "family 👨\u{200d}👩 می\u{200c}خواهم ❤\u{fe0f}"
        );
        assert_eq!(all("a\u{202e}b\u{2066}c".as_bytes()), "abc");
        assert_eq!(all(b"a\xffb"), "a\u{fffd}b");
    }

    #[test]
    fn a_long_line_is_cut_where_it_is_marked() {
        let line = format!("{}needle{}", "a".repeat(1_000), "b".repeat(1_000));
        assert_eq!(excerpt(line.as_bytes(), None, 3), "aaa […2003 characters more…]");
        let around = excerpt(line.as_bytes(), Some(1_000), 16);
        assert_eq!(around, "[…996 characters before…] aaaaneedlebbbbbb […994 characters more…]");
        let end = excerpt(line.as_bytes(), Some(2_000), 8);
        assert_eq!(end, "[…1998 characters before…] bbbbbbbb");
        assert_eq!(excerpt(b"short", Some(3), 5), "short");
    }

    proptest! {
        #[test]
        fn no_bytes_let_a_control_character_out(line in proptest::collection::vec(any::<u8>(), 0..200), at in 0..250_usize, most in 1..40_usize) {
            let shown = excerpt(&line, Some(at), most);
            prop_assert!(!shown.contains(|c: char| c.is_control() && c != '\t'), "{shown:?}");
        }
    }
}
