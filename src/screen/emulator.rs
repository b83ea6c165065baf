//! The terminal emulator behind a task's screen: bytes in, a contents and answers out.
//!
//! The one place that knows the emulator's crate. A sequence that makes it panic costs the contents, not the task.

use std::num::NonZeroU16;
use std::panic::{AssertUnwindSafe, catch_unwind};

use vt100::{Callbacks, Parser, Screen};

use super::charset::Charsets;
use super::contents::{CellStyle, Colour, KeyModes, ScreenCell, ScreenContents, ScreenRow, ScreenSize};

/// The scrollback is the task's log: it is on disk, can be searched, and outlives the run.
const SCROLLBACK: usize = 0;
/// Bytes of answers to one piece of output; a task that asks for more in one go gets no more.
const QUERY_ANSWER_BYTES: usize = 4 * 1024;
/// What this terminal says it is: a VT220 with colours.
const PRIMARY_ATTRIBUTES: &str = "\x1b[?62;22c";
const SECONDARY_ATTRIBUTES: &str = "\x1b[>1;0;0c";

/// The state of one terminal.
pub(super) struct Emulator {
    parser: Parser<Answers>,
    charsets: Charsets,
    size: ScreenSize,
}

impl Emulator {
    /// An empty screen.
    pub(super) fn new(size: ScreenSize) -> Self {
        let (rows, columns) = dimensions(size);
        let parser = Parser::new_with_callbacks(rows, columns, SCROLLBACK, Answers::default());
        Self { parser, charsets: Charsets::default(), size }
    }

    /// Shows what was written, and returns the answers to the task's queries: where its cursor is, what terminal this is.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let bytes = self.charsets.translate(bytes);
        self.contained(|parser| parser.process(&bytes));
        std::mem::take(&mut self.parser.callbacks_mut().0)
    }

    pub(super) fn resize(&mut self, size: ScreenSize) {
        self.size = size;
        let (rows, columns) = dimensions(size);
        self.contained(|parser| parser.set_size(rows, columns));
    }

    /// The screen as it is now.
    pub(super) fn contents(&self) -> ScreenContents {
        let screen = self.parser.screen();
        let row = |row| ScreenRow {
            cells: (0..self.size.columns).map(|column| cell(screen, row, column)).collect(),
            wrapped: screen.row_wrapped(row),
        };
        let (cursor_row, cursor_column) = screen.cursor_position();
        // After the last column the cursor waits beyond it.
        let cursor = (cursor_column.min(self.size.columns - 1), cursor_row.min(self.size.rows - 1));
        ScreenContents {
            rows: (0..self.size.rows).map(row).collect(),
            cursor: (!screen.hide_cursor()).then_some(cursor),
            modes: KeyModes {
                application_cursor: screen.application_cursor(),
                bracketed_paste: screen.bracketed_paste(),
            },
            is_live: false,
            skipped_bytes: 0,
        }
    }

    /// What draws the screen as it is now on another terminal, whatever that shows.
    pub(super) fn redraw(&self) -> Vec<u8> {
        let screen = self.parser.screen();
        // What panics here has drawn nothing; what comes next is drawn all the same.
        let state = catch_unwind(AssertUnwindSafe(|| screen.state_formatted())).unwrap_or_default();
        let alternate = if screen.alternate_screen() { "\x1b[?1049h" } else { "\x1b[?1049l" };
        format!("{alternate}\x1b[r\x1b(B\x0f{state}{}", self.charsets.selection()).into_bytes()
    }

    /// Begins with an empty screen again if the emulator panics.
    fn contained(&mut self, work: impl FnOnce(&mut Parser<Answers>)) {
        let parser = &mut self.parser;
        if catch_unwind(AssertUnwindSafe(|| work(parser))).is_err() {
            tracing::warn!("the terminal emulator failed and begins anew");
            *self = Self::new(self.size);
        }
    }
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emulator").field("size", &self.size).finish_non_exhaustive()
    }
}

fn dimensions(size: ScreenSize) -> (NonZeroU16, NonZeroU16) {
    let least_one = |length: u16| NonZeroU16::new(length).unwrap_or(NonZeroU16::MIN);
    (least_one(size.rows), least_one(size.columns))
}

fn cell(screen: &Screen, row: u16, column: u16) -> ScreenCell {
    let Some(cell) = screen.cell(row, column) else { return ScreenCell::default() };
    let width = match (cell.is_wide(), cell.is_wide_continuation()) {
        (_, true) => 0,
        (true, _) => 2,
        _ => 1,
    };
    let style = CellStyle {
        foreground: colour(cell.fgcolor()),
        background: colour(cell.bgcolor()),
        bold: cell.bold(),
        dim: cell.dim(),
        italic: cell.italic(),
        underlined: cell.underline(),
        reversed: cell.inverse(),
    };
    ScreenCell { text: cell.contents().to_owned(), width, style }
}

fn colour(colour: vt100::Color) -> Colour {
    match colour {
        vt100::Color::Default => Colour::Default,
        vt100::Color::Idx(index) => Colour::Indexed(index),
        vt100::Color::Rgb(red, green, blue) => Colour::Rgb(red, green, blue),
    }
}

/// What the task asked its terminal, answered as a terminal would: many programs wait for it.
#[derive(Default)]
struct Answers(Vec<u8>);

impl Answers {
    fn say(&mut self, answer: &str) {
        if self.0.len() + answer.len() <= QUERY_ANSWER_BYTES {
            self.0.extend_from_slice(answer.as_bytes());
        }
    }
}

impl Callbacks for Answers {
    fn unhandled_escape(&mut self, _: &mut Screen, first: Option<u8>, _: Option<u8>, end: u8) {
        if (first, end) == (None, b'Z') {
            self.say(PRIMARY_ATTRIBUTES);
        }
    }

    fn unhandled_csi(
        &mut self,
        screen: &mut Screen,
        first: Option<u8>,
        second: Option<u8>,
        params: &[&[u16]],
        end: char,
    ) {
        let param = params.first().and_then(|values| values.first()).copied().unwrap_or(0);
        let (row, column) = screen.cursor_position();
        let (rows, columns) = screen.size();
        match (first, second, end, param) {
            (None, None, 'n', 5) => self.say("\x1b[0n"),
            (None, None, 'n', 6) => self.say(&format!("\x1b[{};{}R", row + 1, (column + 1).min(columns.get()))),
            (Some(b'?'), None, 'n', 6) => self.say(&format!("\x1b[?{};{}R", row + 1, (column + 1).min(columns.get()))),
            (None, None, 'c', 0) => self.say(PRIMARY_ATTRIBUTES),
            (Some(b'>'), None, 'c', 0) => self.say(SECONDARY_ATTRIBUTES),
            (None, None, 't', 18) => self.say(&format!("\x1b[8;{rows};{columns}t")),
            // A mode that is asked about and not known.
            (Some(b'?'), Some(b'$'), 'p', mode) => self.say(&format!("\x1b[?{mode};0$y")),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn emulator() -> Emulator {
        Emulator::new(ScreenSize::new(10, 3))
    }

    #[test]
    fn questions_are_answered() {
        let answer = |question: &str| String::from_utf8(emulator().feed(question.as_bytes())).expect("text");
        assert_eq!(answer("ab\x1b[6n"), "\x1b[1;3R");
        assert_eq!(answer("0123456789\x1b[6n"), "\x1b[1;10R");
        assert_eq!(answer("\x1b[5n"), "\x1b[0n");
        assert_eq!(answer("\x1b[c\x1b[>c\x1b[0c"), "\x1b[?62;22c\x1b[>1;0;0c\x1b[?62;22c");
        assert_eq!(answer("\x1b[18t"), "\x1b[8;3;10t");
        assert_eq!(answer("\x1b[?2026$p"), "\x1b[?2026;0$y");
        assert_eq!(answer("\x1b[31mred\x1b]0;title\x07"), "");
        assert!(answer(&"\x1b[c".repeat(10_000)).len() <= QUERY_ANSWER_BYTES);
    }

    #[test]
    fn the_picture_has_text_colours_modes_and_the_cursor() {
        let mut emulator = emulator();
        emulator.feed("\x1b[31mré\x1b[0m日\r\n> \x1b[?1h\x1b[?2004h".as_bytes());
        let contents = emulator.contents();
        assert_eq!(contents.text(), "ré日\n>\n");
        assert_eq!(contents.rows[0].cells[0].style.foreground, Colour::Indexed(1));
        assert_eq!(contents.rows[0].cells[2].width, 2);
        assert_eq!(contents.cursor, Some((2, 1)));
        assert_eq!(contents.modes, KeyModes { application_cursor: true, bracketed_paste: true });
        emulator.feed(b"\x1b[?25l");
        assert_eq!(emulator.contents().cursor, None);
    }

    #[test]
    fn frames_of_programs_without_unicode_are_drawn() {
        let mut emulator = emulator();
        emulator.feed(b"\x1b(0lqqk\r\nx\x1b(Bab\x1b(0x\x1b(B");
        assert_eq!(emulator.contents().text(), "┌──┐\n│ab│\n");
    }

    #[test]
    fn a_panic_costs_the_picture_only() {
        let mut emulator = emulator();
        emulator.feed(b"before");
        emulator.contained(|_| panic!("on purpose"));
        assert_eq!(emulator.contents().text(), "\n\n");
        emulator.feed(b"after");
        assert_eq!(emulator.contents().text(), "after\n\n");
    }

    proptest! {
        #[test]
        fn any_bytes_at_any_size_give_a_picture_of_that_size(
            bytes in prop::collection::vec(prop_oneof![3 => prop::sample::select(b"\x1b[?;0129HJKmhlrLMPSTX@\r\n\t".to_vec()), 1 => any::<u8>()], 0..400),
            sizes in prop::collection::vec((0..40_u16, 0..20_u16), 1..4),
        ) {
            let mut emulator = emulator();
            for (columns, rows) in sizes {
                let size = ScreenSize::new(columns, rows);
                emulator.resize(size);
                emulator.feed(&bytes);
                let contents = emulator.contents();
                prop_assert_eq!(contents.rows.len(), usize::from(size.rows));
                prop_assert!(contents.rows.iter().all(|row| row.cells.len() == usize::from(size.columns)));
            }
        }
    }
}
