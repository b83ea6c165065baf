//! What of a task's output goes on to the terminals of people who look.
//!
//! Questions to the terminal (where is the cursor, what are you) stay behind: stead answers them itself, once, however
//! many look. And nothing goes on in pieces: a sequence or character that is cut in two waits for its rest, so that
//! a client that attaches between two pieces begins between two sequences.

use std::mem::take;

use super::charset::ESCAPE;

const ENQUIRY: u8 = 0x05;
const BELL: u8 = 0x07;
/// A sequence that is longer goes on as it is.
const SEQUENCE_BYTES: usize = 64 * 1024;
/// Requests for reports among the window manipulations (`CSI Ps t`).
const WINDOW_REPORTS: [&[u8]; 9] = [b"11", b"13", b"14", b"15", b"16", b"18", b"19", b"20", b"21"];

/// Output on its way.
#[derive(Debug, Default)]
pub(super) struct QueryFilter {
    state: FilterState,
    /// The sequence or character that has begun.
    begun: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum FilterState {
    #[default]
    Text,
    /// In a character of more bytes: so many are missing.
    Character(u8),
    Escape,
    Control,
    /// A string, up to its terminator; whether the last byte was an escape.
    String(bool),
}

impl QueryFilter {
    /// What goes on of this piece, with what of earlier ones has waited for it.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut passed = Vec::with_capacity(self.begun.len() + bytes.len());
        let mut rest = bytes;
        while let Some((&byte, behind)) = rest.split_first() {
            if self.state == FilterState::Text {
                let is_plain = |byte: &u8| byte.is_ascii() && ![ESCAPE, ENQUIRY].contains(byte);
                let plain = rest.iter().position(|byte| !is_plain(byte)).unwrap_or(rest.len());
                if plain > 0 {
                    passed.extend_from_slice(&rest[..plain]);
                    rest = &rest[plain..];
                    continue;
                }
            }
            self.take(byte, &mut passed);
            rest = behind;
        }
        passed
    }

    fn take(&mut self, byte: u8, passed: &mut Vec<u8>) {
        // Cancelled, or begun anew: what there was of the old one is nothing.
        let restarts = matches!(byte, 0x18 | 0x1a) || (byte == ESCAPE && !matches!(self.state, FilterState::String(_)));
        if restarts && self.state != FilterState::Text {
            passed.append(&mut self.begun);
            self.state = FilterState::Text;
        }
        if self.state == FilterState::Text && byte == ENQUIRY {
            return;
        }
        self.begun.push(byte);
        self.state = self.after(byte);
        if self.state == FilterState::Text || self.begun.len() > SEQUENCE_BYTES {
            self.state = FilterState::Text;
            let whole = take(&mut self.begun);
            if !is_question(&whole) {
                passed.extend(whole);
            }
        }
    }

    fn after(&self, byte: u8) -> FilterState {
        match (self.state, byte) {
            (FilterState::Text, ESCAPE) => FilterState::Escape,
            (FilterState::Text, 0xc2..=0xdf) => FilterState::Character(1),
            (FilterState::Text, 0xe0..=0xef) => FilterState::Character(2),
            (FilterState::Text, 0xf0..=0xf4) => FilterState::Character(3),
            (FilterState::Character(missing @ 2..), 0x80..=0xbf) => FilterState::Character(missing - 1),
            (FilterState::Escape, b'[') => FilterState::Control,
            (FilterState::Escape, b']' | b'P' | b'X' | b'^' | b'_') => FilterState::String(false),
            (FilterState::Escape, 0x20..=0x2f) => FilterState::Escape,
            (FilterState::Control, 0x40..=0x7e) => FilterState::Text,
            (FilterState::Control, _) => FilterState::Control,
            (FilterState::String(_), BELL) | (FilterState::String(true), b'\\') => FilterState::Text,
            (FilterState::String(_), _) => FilterState::String(byte == ESCAPE),
            (FilterState::Text | FilterState::Character(_) | FilterState::Escape, _) => FilterState::Text,
        }
    }
}

/// Whether a terminal would answer this.
fn is_question(sequence: &[u8]) -> bool {
    match sequence {
        [ESCAPE, b'Z'] => true,
        [ESCAPE, b'[', params @ .., end] => {
            let first = params.split(|&byte| byte == b';').next().unwrap_or_default();
            match end {
                b'c' => true,
                b'x' => !params.ends_with(b"$"),
                b'n' => !params.starts_with(b">"),
                b't' => WINDOW_REPORTS.contains(&first),
                b'p' => params.ends_with(b"$"),
                b'q' => params.starts_with(b">"),
                b'u' => params.starts_with(b"?"),
                b'm' => params.starts_with(b"?"),
                _ => false,
            }
        }
        [ESCAPE, b']', body @ ..] => {
            let body = body.strip_suffix(b"\x1b\\").or(body.strip_suffix(&[BELL])).unwrap_or(body);
            body.split(|&byte| byte == b';').any(|part| part == b"?")
        }
        [ESCAPE, b'P', body @ ..] => body.starts_with(b"$q") || body.starts_with(b"+q"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes it piece by piece, cut after every byte, too.
    fn passed(bytes: &[u8]) -> Vec<u8> {
        let whole = QueryFilter::default().pass(bytes);
        let mut query_filter = QueryFilter::default();
        let cut: Vec<u8> = bytes.chunks(1).flat_map(|byte| query_filter.pass(byte)).collect();
        assert_eq!(whole, cut);
        whole
    }

    #[test]
    fn questions_stay_behind() {
        for question in [
            "\x05",
            "\x1bZ",
            "\x1b[c",
            "\x1b[0c",
            "\x1b[>c",
            "\x1b[6n",
            "\x1b[?6n",
            "\x1b[18t",
            "\x1b[14;2t",
            "\x1b[?2026$p",
            "\x1b[>q",
            "\x1b[?u",
            "\x1b]11;?\x07",
            "\x1b]4;1;?\x1b\\",
            "\x1b]52;c;?\x07",
            "\x1bP$qm\x1b\\",
            "\x1bP+q544e\x1b\\",
        ] {
            assert_eq!(passed(format!("a{question}b").as_bytes()), b"ab", "{question:?}");
        }
    }

    #[test]
    fn all_else_goes_on_as_it_is() {
        for text in [
            "plain",
            "é日👩",
            "\x1b[1;31mred\x1b[0m",
            "\x1b[2J\x1b[H",
            "\x1b]0;title?\x07",
            "\x1b]11;#fff\x07",
            "\x1b(0lqk\x1b(B",
            "\x1b[22;0t",
            "\x1b[?1049h",
            "\x1b[1 q",
            "\x1b7\x1b8\x1bM\x1bc",
            "\x1b[3\x18x",
            "\x1b[3\x1b[4m",
        ] {
            assert_eq!(passed(text.as_bytes()), text.as_bytes(), "{text:?}");
        }
        assert_eq!(passed(b"\xff\xfe\xc3(\xe6\x97z"), b"\xff\xfe\xc3(\xe6\x97z");
    }

    #[test]
    fn what_is_cut_waits_for_its_rest() {
        let mut query_filter = QueryFilter::default();
        assert_eq!(query_filter.pass(b"a\x1b[3"), b"a");
        assert_eq!(query_filter.pass(b"1mb\xe6\x97"), b"\x1b[31mb");
        assert_eq!(query_filter.pass(b"\xa5"), "日".as_bytes());
        assert_eq!(query_filter.pass(b"\x1b]0;"), b"");
        let long = vec![b'x'; 2 * SEQUENCE_BYTES];
        assert!(query_filter.pass(&long).len() > SEQUENCE_BYTES, "memory is bounded");
    }
}
