//! The line-drawing characters of terminals (VT100 special graphics), as the Unicode they stand for.
//!
//! Programs without a UTF-8 locale draw their frames with them; the emulator behind this knows Unicode only.

use std::borrow::Cow;

use memchr::memchr2;

pub(super) const ESCAPE: u8 = 0x1b;
const SHIFT_OUT: u8 = 0x0e;
const SHIFT_IN: u8 = 0x0f;
/// What the bytes from 0x60 to 0x7e mean in the graphics set.
const GRAPHICS: [char; 31] = [
    '◆', '▒', '␉', '␌', '␍', '␊', '°', '±', '␤', '␋', '┘', '┐', '┌', '└', '┼', '⎺', '⎻', '─', '⎼', '⎽', '├', '┤', '┴',
    '┬', '│', '≤', '≥', 'π', '≠', '£', '·',
];

/// Which character sets are in use, and where in a sequence the last byte was.
#[derive(Debug, Default)]
pub(super) struct Charsets {
    /// Whether the sets G0 and G1 are graphics.
    graphics: [bool; 2],
    /// The one that is in use.
    active: usize,
    state: CharsetState,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum CharsetState {
    #[default]
    Text,
    Escape,
    /// After an escape and an intermediate byte: the sequence ends with a final byte.
    Intermediate,
    /// The next byte says what this set is.
    Designation(usize),
    /// A control sequence, up to its final byte.
    Control,
    /// A string, up to its terminator.
    String,
}

impl Charsets {
    /// The same output without graphics sets.
    pub(super) fn translate<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let is_plain = self.state == CharsetState::Text && !self.graphics[self.active];
        if is_plain && memchr2(ESCAPE, SHIFT_OUT, bytes).is_none() {
            return Cow::Borrowed(bytes);
        }
        let mut translated = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            match self.state {
                CharsetState::Text if self.graphics[self.active] && (0x60..=0x7e).contains(&byte) => {
                    let drawn = GRAPHICS[usize::from(byte - 0x60)];
                    translated.extend_from_slice(drawn.encode_utf8(&mut [0; 4]).as_bytes());
                }
                _ => translated.push(byte),
            }
            self.state = self.after(byte);
        }
        Cow::Owned(translated)
    }

    /// What brings a terminal to the sets that are in use here.
    pub(super) fn selection(&self) -> String {
        let name = |set: usize| if self.graphics[set] { '0' } else { 'B' };
        let shift = if self.active == 0 { SHIFT_IN } else { SHIFT_OUT };
        format!("\x1b({}\x1b){}{}", name(0), name(1), char::from(shift))
    }

    fn after(&mut self, byte: u8) -> CharsetState {
        match (self.state, byte) {
            (_, ESCAPE) => CharsetState::Escape,
            // Cancelled.
            (_, 0x18 | 0x1a) => CharsetState::Text,
            (CharsetState::Text, SHIFT_OUT) => self.shift(1),
            (CharsetState::Text, SHIFT_IN) => self.shift(0),
            (CharsetState::Escape, b'(') => CharsetState::Designation(0),
            (CharsetState::Escape, b')') => CharsetState::Designation(1),
            (CharsetState::Escape, b'[') => CharsetState::Control,
            (CharsetState::Escape, b']' | b'P' | b'X' | b'^' | b'_') => CharsetState::String,
            (CharsetState::Escape | CharsetState::Intermediate, 0x20..=0x2f) => CharsetState::Intermediate,
            (CharsetState::Escape, b'c') => {
                *self = Self::default();
                CharsetState::Text
            }
            (CharsetState::Designation(set), set_name) => {
                self.graphics[set] = set_name == b'0';
                CharsetState::Text
            }
            (CharsetState::Control, 0x40..=0x7e) | (CharsetState::String, 0x07) => CharsetState::Text,
            (CharsetState::Control | CharsetState::String, _) => self.state,
            (CharsetState::Text | CharsetState::Escape | CharsetState::Intermediate, _) => CharsetState::Text,
        }
    }

    fn shift(&mut self, set: usize) -> CharsetState {
        self.active = set;
        CharsetState::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Translates piece by piece, cut after every byte, too.
    fn translated(bytes: &[u8]) -> String {
        let whole = Charsets::default().translate(bytes).into_owned();
        let mut charsets = Charsets::default();
        let cut: Vec<u8> = bytes.chunks(1).flat_map(|byte| charsets.translate(byte).into_owned()).collect();
        assert_eq!(whole, cut);
        String::from_utf8(whole).expect("text")
    }

    #[test]
    fn frames_are_drawn_and_letters_outside_stay() {
        assert_eq!(translated(b"\x1b(0lqk\x1b(B lqk"), "\x1b(0┌─┐\x1b(B lqk");
        assert_eq!(translated(b"\x1b)0lq\x0elq\x0flq"), "\x1b)0lq\x0e┌─\x0flq");
    }

    #[test]
    fn sequences_are_left_as_they_are() {
        assert_eq!(
            translated(b"\x1b(0\x1b[1;31mx\x1b]0;title\x07q\x1b]2;x\x1b\\x"),
            "\x1b(0\x1b[1;31m│\x1b]0;title\x07─\x1b]2;x\x1b\\│"
        );
        assert_eq!(translated(b"\x1b(0\x1bcx\x1b(0\x1b(Bx"), "\x1b(0\x1bcx\x1b(0\x1b(Bx");
        assert_eq!(translated("日本\x1b(0日x".as_bytes()), "日本\x1b(0日│");
    }
}
