//! What a task wrote, made safe to draw: one line of bytes becomes one row of styled characters.
//!
//! Colours (SGR) are kept. The cursor moves that progress bars are made of (carriage return, backspace, tab,
//! erase in line, columns) act within the line, so that ten thousand updates are one row. Everything else is
//! neutralised: no control character, no other escape sequence and no invisible format character gets out.

use std::ops::Range;

use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthChar;
use vte::{Params, Parser, Perform};

/// Columns of one line; what is written beyond them is dropped. A line's bytes are bounded well below this.
const LINE_COLUMNS: usize = 8 * 1024;
/// Combining marks kept on one character.
const MARKS: usize = 4;
/// Columns between two tab stops.
const TAB: usize = 8;

/// One row of text with the style of every character.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TextRow {
    /// The plain text.
    pub(crate) text: String,
    /// Its characters from left to right.
    pub(crate) cells: Vec<Cell>,
}

/// One character with its combining marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Where its bytes begin in [`TextRow::text`].
    pub(crate) start: usize,
    /// Columns it takes: 1 or 2.
    pub(crate) width: u16,
    pub(crate) style: Style,
}

impl TextRow {
    /// The characters of each row when the text is broken at `width` columns, between words where that is possible; at
    /// least one row. Blanks at a break hang behind the row that they end.
    pub(crate) fn wrapped(&self, width: usize) -> Vec<Range<usize>> {
        let mut rows = Vec::with_capacity(1);
        let (mut start, mut used) = (0, 0);
        // Where the last word begins that has another before it in its row, and the columns before it.
        let (mut word, mut has_text) = ((0, 0), false);
        for (index, cell) in self.cells.iter().enumerate() {
            let own = usize::from(cell.width);
            let is_blank = self.symbol(index) == " ";
            if used + own > width && index > start && !is_blank {
                let (begins, before) = if word.0 > start { word } else { (index, used) };
                rows.push(start..begins);
                (start, used, has_text) = (begins, used - before, begins < index);
            }
            used += own;
            has_text |= !is_blank;
            if is_blank && has_text {
                word = (index + 1, used);
            }
        }
        rows.push(start..self.cells.len());
        rows
    }

    /// The characters that are whole within `width` columns from column `from` on.
    pub(crate) fn columns(&self, from: usize, width: usize) -> Range<usize> {
        let (mut at, mut range) = (0, None);
        for (index, cell) in self.cells.iter().enumerate() {
            let end = at + usize::from(cell.width);
            if at >= from && end <= from + width {
                range = Some(range.map_or(index, |range: Range<usize>| range.start)..index + 1);
            }
            at = end;
        }
        range.unwrap_or(self.cells.len()..self.cells.len())
    }

    /// Columns of the whole line.
    pub(crate) fn width(&self) -> usize {
        self.cells.iter().map(|cell| usize::from(cell.width)).sum()
    }

    /// The text of a character, with its marks.
    pub(crate) fn symbol(&self, index: usize) -> &str {
        let end = self.cells.get(index + 1).map_or(self.text.len(), |next| next.start);
        &self.text[self.cells[index].start..end]
    }
}

/// Reads one line as a terminal would.
pub(crate) fn parse(bytes: &[u8]) -> TextRow {
    let mut pen = Pen::default();
    Parser::new().advance(&mut pen, bytes);
    pen.finish()
}

/// The text of one line, without colours.
pub(crate) fn plain_text(bytes: &[u8]) -> String {
    parse(bytes).text
}

/// Text from elsewhere (a reason, a command line) as one safe line: white space and controls become one space.
pub(crate) fn plain(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars().filter(|&c| !is_invisible(c)) {
        match c.is_whitespace() || c.is_control() {
            true if line.is_empty() || line.ends_with(' ') => {}
            true => line.push(' '),
            false => line.push(c),
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// Text from elsewhere of several lines, with nothing in it that a terminal would act on but the ends of lines.
pub(crate) fn plain_lines(text: &str) -> String {
    text.chars().filter(|&c| c == '\n' || !is_invisible(c) && !c.is_control()).collect()
}

/// A character with its marks, without what has no shape of its own.
pub(crate) fn visible(text: &str) -> String {
    text.chars().filter(|&c| !is_invisible(c) && !c.is_control()).collect()
}

/// Format characters: they have no shape of their own, and would reorder or join what is beside them. Without
/// joiners and variation selectors every character has the same width in every terminal.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{1f3fb}'..='\u{1f3ff}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// One column of the line while it is being written.
#[derive(Debug, Clone, Default)]
enum LineColumn {
    #[default]
    Blank,
    Char {
        c: char,
        marks: String,
        style: Style,
    },
    /// The right half of the wide character before.
    Tail,
}

/// Writes a line column by column.
#[derive(Debug, Default)]
struct Pen {
    columns: Vec<LineColumn>,
    at: usize,
    style: Style,
}

impl Pen {
    fn finish(self) -> TextRow {
        let mut row = TextRow::default();
        let mut columns = self.columns.into_iter().peekable();
        while let Some(column) = columns.next() {
            let start = row.text.len();
            let style = match column {
                LineColumn::Blank => {
                    row.text.push(' ');
                    Style::new()
                }
                LineColumn::Char { c, marks, style } => {
                    row.text.push(c);
                    row.text.push_str(&marks);
                    style
                }
                LineColumn::Tail => continue,
            };
            let width = 1 + u16::from(matches!(columns.peek(), Some(LineColumn::Tail)));
            row.cells.push(Cell { start, width, style });
        }
        row
    }

    fn put(&mut self, c: char, width: usize) {
        let end = self.at + width;
        if end > LINE_COLUMNS {
            return;
        }
        if self.columns.len() < end {
            self.columns.resize(end, LineColumn::Blank);
        }
        self.break_wide(self.at);
        self.break_wide(end);
        self.columns[self.at] = LineColumn::Char { c, marks: String::new(), style: self.style };
        self.columns[self.at + 1..end].fill(LineColumn::Tail);
        self.at = end;
    }

    /// A wide character that is cut at `column` is gone: both halves are blank.
    fn break_wide(&mut self, column: usize) {
        if matches!(self.columns.get(column), Some(LineColumn::Tail)) {
            self.columns[column] = LineColumn::Blank;
            self.columns[column - 1] = LineColumn::Blank;
        }
    }

    fn mark(&mut self, mark: char) {
        let end = self.at.min(self.columns.len());
        let before = self.columns[..end].iter_mut().rev();
        let base = before.take(2).find(|column| !matches!(column, LineColumn::Tail));
        if let Some(LineColumn::Char { marks, .. }) = base
            && marks.chars().count() < MARKS
        {
            marks.push(mark);
        }
    }

    fn erase(&mut self, what: u16) {
        match what {
            0 => {
                self.break_wide(self.at);
                self.columns.truncate(self.at);
            }
            1 => {
                let end = (self.at + 1).min(self.columns.len());
                self.break_wide(end);
                self.columns[..end].fill(LineColumn::Blank);
            }
            2 => self.columns.clear(),
            _ => {}
        }
    }
}

impl Perform for Pen {
    fn print(&mut self, c: char) {
        match c.width() {
            _ if is_invisible(c) => {}
            None => {}
            Some(0) => self.mark(c),
            Some(width) => self.put(c, width),
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\r' => self.at = 0,
            b'\t' => self.at = ((self.at / TAB + 1) * TAB).min(LINE_COLUMNS),
            0x08 => self.at = self.at.saturating_sub(1),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if ignore || !intermediates.is_empty() {
            return;
        }
        let first = params.iter().next().and_then(|values| values.first()).copied().unwrap_or(0);
        let count = usize::from(first.max(1));
        match action {
            'm' => self.style = sgr(self.style, params),
            'K' => self.erase(first),
            'C' => self.at = (self.at + count).min(LINE_COLUMNS),
            'D' => self.at = self.at.saturating_sub(count),
            'G' => self.at = (count - 1).min(LINE_COLUMNS),
            _ => {}
        }
    }
}

/// The style after one SGR sequence.
fn sgr(mut style: Style, params: &Params) -> Style {
    let mut params = params.iter();
    while let Some(values) = params.next() {
        style = match values {
            [0] => Style::new(),
            [1] => style.add_modifier(Modifier::BOLD),
            [2] => style.add_modifier(Modifier::DIM),
            [3] => style.add_modifier(Modifier::ITALIC),
            [4] => style.add_modifier(Modifier::UNDERLINED),
            [7] => style.add_modifier(Modifier::REVERSED),
            [9] => style.add_modifier(Modifier::CROSSED_OUT),
            [22] => without(style, Modifier::BOLD | Modifier::DIM),
            [23] => without(style, Modifier::ITALIC),
            [24] | [4, 0] => without(style, Modifier::UNDERLINED),
            [4, ..] => style.add_modifier(Modifier::UNDERLINED),
            [27] => without(style, Modifier::REVERSED),
            [29] => without(style, Modifier::CROSSED_OUT),
            &[code @ 30..=37] => style.fg(Color::Indexed(low_byte(code - 30))),
            &[code @ 90..=97] => style.fg(Color::Indexed(low_byte(code - 90 + 8))),
            &[code @ 40..=47] => style.bg(Color::Indexed(low_byte(code - 40))),
            &[code @ 100..=107] => style.bg(Color::Indexed(low_byte(code - 100 + 8))),
            [39] => Style { fg: None, ..style },
            [49] => Style { bg: None, ..style },
            [38] => extended(&mut params).map_or(style, |color| style.fg(color)),
            [48] => extended(&mut params).map_or(style, |color| style.bg(color)),
            [38, color @ ..] => in_one(color).map_or(style, |color| style.fg(color)),
            [48, color @ ..] => in_one(color).map_or(style, |color| style.bg(color)),
            _ => style,
        };
    }
    style
}

/// Takes `modifiers` away without asking for their absence: the pane's own style stays.
fn without(mut style: Style, modifiers: Modifier) -> Style {
    style.add_modifier.remove(modifiers);
    style
}

/// `5;N` or `2;R;G;B` after a 38 or 48.
fn extended<'a>(params: &mut impl Iterator<Item = &'a [u16]>) -> Option<Color> {
    let mut next = || params.next().and_then(|values| values.first()).copied();
    match next()? {
        5 => Some(Color::Indexed(low_byte(next()?))),
        2 => Some(Color::Rgb(low_byte(next()?), low_byte(next()?), low_byte(next()?))),
        _ => None,
    }
}

/// The same written with colons: `38:5:N`, `38:2:R:G:B`, `38:2::R:G:B`.
fn in_one(values: &[u16]) -> Option<Color> {
    match *values {
        [5, index] => Some(Color::Indexed(low_byte(index))),
        [2, red, green, blue] | [2, _, red, green, blue, ..] => {
            Some(Color::Rgb(low_byte(red), low_byte(green), low_byte(blue)))
        }
        _ => None,
    }
}

fn low_byte(value: u16) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr;

    use super::*;

    fn text(bytes: impl AsRef<[u8]>) -> String {
        parse(bytes.as_ref()).text
    }

    #[test]
    fn colours_are_kept() {
        let row = parse(b"\x1b[31mred\x1b[0m plain \x1b[1;38;5;208mbold\x1b[38:2::1:2:3mrgb");
        assert_eq!(row.text, "red plain boldrgb");
        let style = |at: usize| row.cells[at].style;
        assert_eq!(style(0), Style::new().fg(Color::Indexed(1)));
        assert_eq!(style(4), Style::new());
        assert_eq!(style(10), Style::new().fg(Color::Indexed(208)).add_modifier(Modifier::BOLD));
        assert_eq!(style(14).fg, Some(Color::Rgb(1, 2, 3)));
    }

    #[test]
    fn what_would_change_the_terminal_is_gone() {
        assert_eq!(text(b"a\x1b[2J\x1b[Hb\x1bcc\x1b[?1049hd\x1b]52;c;aGk=\x07e\x1b]0;title\x1b\\f\x07g"), "abcdefg");
        assert_eq!(text("a\u{9b}31mb\u{85}c\u{202e}d\u{200d}e"), "a31mbcde");
        assert_eq!(text(b"cut in two \x1b[3"), "cut in two ");
    }

    #[test]
    fn ten_thousand_updates_are_one_row() {
        let updates: String = (0..=10_000).map(|n| format!("\r{n}%")).collect();
        assert_eq!(text(updates), "10000%");
        assert_eq!(text(b"building 100\r\x1b[Kdone"), "done");
        assert_eq!(text(b"building\rdone"), "doneding");
        assert_eq!(text(b"12%\x08\x08\x08 9%"), " 9%");
        assert_eq!(text(b"abc\x1b[1Gx\x1b[3Gz\x1b[2D-"), "x-z");
    }

    #[test]
    fn columns_stay_straight() {
        let row = parse("日本\te\u{301}🚀!".as_bytes());
        assert_eq!(row.text, "日本    e\u{301}🚀!");
        assert_eq!(row.cells.iter().map(|cell| cell.width).sum::<u16>(), 12);
        assert_eq!(text("👍🏽👨‍👩‍👧"), "👍👨👩👧");
    }

    #[test]
    fn half_a_wide_character_is_a_blank() {
        assert_eq!(text("日本\rx"), "x 本");
        assert_eq!(text("日本\r\x1b[1Cx"), " x本");
    }

    #[test]
    fn bad_utf8_is_replaced() {
        assert_eq!(text(b"a\xff\xfeb"), "a\u{fffd}\u{fffd}b");
    }

    #[test]
    fn long_lines_break_at_the_width() {
        let row = parse("ab日c".as_bytes());
        assert_eq!(row.wrapped(3), [0..2, 2..4]);
        let rows = |text: &str, width| -> Vec<String> {
            let row = parse(text.as_bytes());
            row.wrapped(width).into_iter().map(|cells| cells.map(|cell| row.symbol(cell)).collect()).collect()
        };
        assert_eq!(rows("select * from orders", 9), ["select * ", "from ", "orders"]);
        assert_eq!(rows("select    from", 8), ["select    ", "from"]);
        assert_eq!(rows("a verylongword b", 6), ["a ", "verylo", "ngword ", "b"]);
        assert_eq!(rows("abc def", 3), ["abc ", "def"]);
        assert_eq!(rows("    indented", 6), ["    in", "dented"]);
        assert_eq!(rows("abc   ", 3), ["abc   "]);
        assert_eq!(row.wrapped(1), [0..1, 1..2, 2..3, 3..4]);
        assert_eq!(parse(b"").wrapped(3).len(), 1);
    }

    #[test]
    fn a_reason_becomes_one_line() {
        assert_eq!(plain(" a\n\tb\x1b[31m c\u{202e} "), "a b [31m c");
    }

    proptest! {
        #[test]
        fn no_bytes_let_a_control_character_out(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let row = parse(&bytes);
            prop_assert!(!row.text.contains(char::is_control));
            for index in 0..row.cells.len() {
                prop_assert!(row.symbol(index).width() <= 2);
            }
        }

        #[test]
        fn no_sequence_of_moves_breaks_a_line(pieces in proptest::collection::vec("[a日e\u{301}\r\t\u{8}]|\x1b\\[[0-9]{0,5}[mKCDG]", 0..60)) {
            let row = parse(pieces.concat().as_bytes());
            let rows = row.wrapped(7);
            prop_assert_eq!(rows.iter().map(Range::len).sum::<usize>(), row.cells.len());
            prop_assert!(row.cells.len() <= LINE_COLUMNS);
        }
    }
}
