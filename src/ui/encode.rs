//! Keys as the bytes that a terminal would send for them: xterm's.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::screen::KeyModes;

/// What stands around pasted text that is marked as such.
const PASTE_BEGINS: &str = "\x1b[200~";
const PASTE_ENDS: &str = "\x1b[201~";

/// The bytes of one key; none if xterm sends nothing for it.
pub(super) fn key(event: KeyEvent, modes: KeyModes) -> Vec<u8> {
    let alt = event.modifiers.contains(KeyModifiers::ALT);
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    let modifier = modifier(event.modifiers);
    let plain = match event.code {
        KeyCode::Char(c) if control => controlled(c),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::Enter => "\r".to_owned(),
        KeyCode::Tab => "\t".to_owned(),
        KeyCode::Esc => "\x1b".to_owned(),
        KeyCode::Backspace if control => "\x08".to_owned(),
        KeyCode::Backspace => "\x7f".to_owned(),
        KeyCode::Null => "\0".to_owned(),
        KeyCode::BackTab => return b"\x1b[Z".to_vec(),
        other => return special(other, modifier, modes).into_bytes(),
    };
    if alt { [b"\x1b", plain.as_bytes()].concat() } else { plain.into_bytes() }
}

/// Pasted text. It can't end the mark that stands around it.
pub(super) fn paste(text: &str, modes: KeyModes) -> Vec<u8> {
    // A terminal sends what the enter key sends, whatever ends a line in the text.
    let text = text.replace("\r\n", "\r").replace('\n', "\r");
    if !modes.bracketed_paste {
        return text.into_bytes();
    }
    format!("{PASTE_BEGINS}{}{PASTE_ENDS}", text.replace('\x1b', "")).into_bytes()
}

/// A letter with control. The digits are what terminals without a better protocol call the signs above the letters.
fn controlled(c: char) -> String {
    let byte = match c {
        'a'..='z' | 'A'..='Z' => c as u8 & 0x1f,
        ' ' | '@' | '2' => 0x00,
        '[' | '3' => 0x1b,
        '\\' | '4' => 0x1c,
        ']' | '5' => 0x1d,
        '^' | '6' => 0x1e,
        '_' | '/' | '7' => 0x1f,
        '?' | '8' => 0x7f,
        other => return other.to_string(),
    };
    char::from(byte).to_string()
}

/// 1, and what shift (1), alt (2) and control (4) add.
fn modifier(modifiers: KeyModifiers) -> u8 {
    let weights = [(KeyModifiers::SHIFT, 1), (KeyModifiers::ALT, 2), (KeyModifiers::CONTROL, 4)];
    1 + weights.iter().filter(|(own, _)| modifiers.contains(*own)).map(|(_, weight)| weight).sum::<u8>()
}

fn special(code: KeyCode, modifier: u8, modes: KeyModes) -> String {
    let letter = |letter: char, in_application: bool| match (modifier, in_application) {
        (1, true) => format!("\x1bO{letter}"),
        (1, false) => format!("\x1b[{letter}"),
        _ => format!("\x1b[1;{modifier}{letter}"),
    };
    let number = |number: u8| match modifier {
        1 => format!("\x1b[{number}~"),
        _ => format!("\x1b[{number};{modifier}~"),
    };
    match code {
        KeyCode::Up => letter('A', modes.application_cursor),
        KeyCode::Down => letter('B', modes.application_cursor),
        KeyCode::Right => letter('C', modes.application_cursor),
        KeyCode::Left => letter('D', modes.application_cursor),
        KeyCode::End => letter('F', modes.application_cursor),
        KeyCode::Home => letter('H', modes.application_cursor),
        KeyCode::Insert => number(2),
        KeyCode::Delete => number(3),
        KeyCode::PageUp => number(5),
        KeyCode::PageDown => number(6),
        KeyCode::F(nth @ 1..=4) => letter(char::from(b'P' + nth - 1), true),
        KeyCode::F(5) => number(15),
        KeyCode::F(nth @ 6..=10) => number(nth + 11),
        KeyCode::F(nth @ 11..=12) => number(nth + 12),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(code: KeyCode, modifiers: KeyModifiers, application_cursor: bool) -> String {
        let modes = KeyModes { application_cursor, bracketed_paste: false };
        String::from_utf8(key(KeyEvent::new(code, modifiers), modes)).expect("text")
    }

    #[test]
    fn keys_are_sent_as_xterm_sends_them() {
        let none = KeyModifiers::NONE;
        let expected = [
            (KeyCode::Char('a'), none, "a"),
            (KeyCode::Char('é'), none, "é"),
            (KeyCode::Char('Q'), KeyModifiers::SHIFT, "Q"),
            (KeyCode::Char('c'), KeyModifiers::CONTROL, "\x03"),
            (KeyCode::Char('5'), KeyModifiers::CONTROL, "\x1d"),
            (KeyCode::Char(' '), KeyModifiers::CONTROL, "\0"),
            (KeyCode::Char('x'), KeyModifiers::ALT, "\x1bx"),
            (KeyCode::Char('d'), KeyModifiers::ALT | KeyModifiers::CONTROL, "\x1b\x04"),
            (KeyCode::Enter, none, "\r"),
            (KeyCode::Backspace, none, "\x7f"),
            (KeyCode::BackTab, KeyModifiers::SHIFT, "\x1b[Z"),
            (KeyCode::Up, none, "\x1b[A"),
            (KeyCode::Left, KeyModifiers::CONTROL, "\x1b[1;5D"),
            (KeyCode::Home, KeyModifiers::SHIFT, "\x1b[1;2H"),
            (KeyCode::Delete, none, "\x1b[3~"),
            (KeyCode::PageUp, KeyModifiers::ALT, "\x1b[5;3~"),
            (KeyCode::F(1), none, "\x1bOP"),
            (KeyCode::F(4), KeyModifiers::SHIFT, "\x1b[1;2S"),
            (KeyCode::F(5), none, "\x1b[15~"),
            (KeyCode::F(10), none, "\x1b[21~"),
            (KeyCode::F(12), none, "\x1b[24~"),
            (KeyCode::CapsLock, none, ""),
        ];
        for (code, modifiers, bytes) in expected {
            assert_eq!(sent(code, modifiers, false), bytes, "{code:?} with {modifiers:?}");
        }
    }

    #[test]
    fn arrows_are_as_the_program_wants_them() {
        assert_eq!(sent(KeyCode::Up, KeyModifiers::NONE, true), "\x1bOA");
        assert_eq!(sent(KeyCode::End, KeyModifiers::NONE, true), "\x1bOF");
        assert_eq!(sent(KeyCode::Up, KeyModifiers::CONTROL, true), "\x1b[1;5A");
    }

    #[test]
    fn pasted_text_is_marked_where_that_is_wanted_and_can_not_end_its_mark() {
        let plain = KeyModes::default();
        let marked = KeyModes { bracketed_paste: true, ..plain };
        assert_eq!(paste("a\nb\r\n", plain), b"a\rb\r");
        assert_eq!(paste("rm\x1b[201~\n", marked), b"\x1b[200~rm[201~\r\x1b[201~");
    }
}
