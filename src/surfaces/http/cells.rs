//! A terminal's screen as JSON, for a client without an emulator of its own: each message has the rows that have
//! changed since the one before, and everything else that is there to know.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::limits::CELLS_INTERVAL;
use crate::screen::{CellStyle, Colour, KeyModes, ScreenCell, ScreenContents, ScreenRow, TaskScreen};

/// Looks at a terminal: only ever at what it shows now, so that nothing queues.
#[derive(Debug)]
pub(super) struct CellsViewer {
    screen: TaskScreen,
    changed: watch::Receiver<u64>,
    cells: Cells,
    next_at: Instant,
}

impl CellsViewer {
    pub(super) fn new(screen: TaskScreen) -> Self {
        let mut changed = screen.watch();
        // The screen as it is comes first.
        changed.mark_changed();
        Self { screen, changed, cells: Cells::default(), next_at: Instant::now() }
    }

    /// Waits for the next change, and that it is not too soon. Nothing is lost when this is dropped.
    pub(super) async fn next(&mut self) -> String {
        loop {
            sleep_until(self.next_at).await;
            self.changed.changed().await.expect("the screen that is held here has the other end");
            self.next_at = Instant::now() + CELLS_INTERVAL;
            if let Some(message) = self.cells.changes(self.screen.contents()) {
                return message;
            }
        }
    }
}

/// What one client has been shown.
#[derive(Debug, Default)]
struct Cells {
    last: Option<ScreenContents>,
}

impl Cells {
    /// The message that leads from what was shown last to `contents`; none if it is the same.
    fn changes(&mut self, contents: ScreenContents) -> Option<String> {
        let last = self.last.replace(contents);
        let contents = self.last.as_ref()?;
        if last.as_ref() == Some(contents) {
            return None;
        }
        let old = last.map_or_else(Vec::new, |last| last.rows);
        let changed = contents.rows.iter().enumerate().filter(|(at, row)| old.get(*at) != Some(row));
        let message = CellsMessage {
            height: contents.rows.len(),
            rows: changed.map(|(at, row)| (at, runs(row))).collect(),
            cursor: contents.cursor,
            modes: CellsModes::from(contents.modes),
            is_live: contents.is_live,
            skipped_bytes: contents.skipped_bytes,
        };
        Some(serde_json::to_string(&message).expect("the message is plain and has string keys"))
    }
}

#[derive(Serialize)]
struct CellsMessage {
    /// How many rows the screen has.
    height: usize,
    /// Those that have changed, by their number from the top.
    rows: BTreeMap<usize, Vec<CellRun>>,
    /// Column and row.
    cursor: Option<(u16, u16)>,
    modes: CellsModes,
    is_live: bool,
    skipped_bytes: u64,
}

#[derive(Serialize)]
struct CellsModes {
    application_cursor: bool,
    bracketed_paste: bool,
}

/// Neighbours that look the same.
#[derive(Serialize)]
struct CellRun {
    text: String,
    /// Columns, of a character that a font may draw wider or narrower than it is; it is alone then.
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u16>,
    #[serde(flatten)]
    ink: RunStyle,
}

/// A [`CellStyle`] without what is not on.
#[derive(Serialize, PartialEq)]
struct RunStyle {
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "colour")]
    fg: Option<Colour>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "colour")]
    bg: Option<Colour>,
    #[serde(flatten)]
    flags: BTreeMap<&'static str, bool>,
}

impl From<KeyModes> for CellsModes {
    fn from(KeyModes { application_cursor, bracketed_paste }: KeyModes) -> Self {
        Self { application_cursor, bracketed_paste }
    }
}

impl From<CellStyle> for RunStyle {
    fn from(ink: CellStyle) -> Self {
        let CellStyle { foreground, background, bold, dim, italic, underlined, reversed } = ink;
        let flags =
            [("bold", bold), ("dim", dim), ("italic", italic), ("underlined", underlined), ("reversed", reversed)];
        let own = |colour| (colour != Colour::Default).then_some(colour);
        Self { fg: own(foreground), bg: own(background), flags: flags.into_iter().filter(|(_, on)| *on).collect() }
    }
}

/// A number of the palette, or `[red, green, blue]`.
fn colour<S: Serializer>(colour: &Option<Colour>, serializer: S) -> Result<S::Ok, S::Error> {
    match *colour {
        None | Some(Colour::Default) => serializer.serialize_none(),
        Some(Colour::Indexed(index)) => index.serialize(serializer),
        Some(Colour::Rgb(red, green, blue)) => [red, green, blue].serialize(serializer),
    }
}

/// The row without the blanks at its end.
fn runs(row: &ScreenRow) -> Vec<CellRun> {
    let is_blank = |cell: &&ScreenCell| cell.text.trim().is_empty() && cell.style == CellStyle::default();
    let end = row.cells.len() - row.cells.iter().rev().take_while(is_blank).count();
    let mut runs: Vec<CellRun> = Vec::new();
    for cell in row.cells[..end].iter().filter(|cell| cell.width > 0) {
        let text = if cell.text.is_empty() { " " } else { &cell.text };
        let width = (!is_of_one_column(text)).then_some(cell.width);
        let ink = RunStyle::from(cell.style);
        match runs.last_mut() {
            Some(last) if width.is_none() && last.width.is_none() && last.ink == ink => last.text.push_str(text),
            Some(_) | None => runs.push(CellRun { text: text.to_owned(), width, ink }),
        }
    }
    runs
}

/// Whether every font for terminals has it, as wide as all else.
fn is_of_one_column(text: &str) -> bool {
    let mut chars = text.chars();
    matches!((chars.next(), chars.next()), (Some(c), None) if c < '\u{250}')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn cell(text: &str, width: u16, style: CellStyle) -> ScreenCell {
        ScreenCell { text: text.to_owned(), width, style }
    }

    fn row(text: &str) -> ScreenRow {
        ScreenRow {
            cells: text.chars().map(|c| cell(&c.to_string(), 1, CellStyle::default())).collect(),
            wrapped: false,
        }
    }

    fn message(cells: &mut Cells, rows: Vec<ScreenRow>) -> Option<Value> {
        let contents = ScreenContents { rows, is_live: true, cursor: Some((3, 1)), ..ScreenContents::default() };
        Some(serde_json::from_str(&cells.changes(contents)?).unwrap())
    }

    #[test]
    fn only_what_has_changed_is_sent() {
        let mut cells = Cells::default();
        let first = message(&mut cells, vec![row("one  "), row("two")]).unwrap();
        assert_eq!(first["rows"], json!({ "0": [{ "text": "one" }], "1": [{ "text": "two" }] }));
        assert_eq!((&first["cursor"], &first["is_live"]), (&json!([3, 1]), &json!(true)));
        assert_eq!(message(&mut cells, vec![row("one  "), row("two")]), None);
        let next = message(&mut cells, vec![row("one  "), row("2")]).unwrap();
        assert_eq!((&next["rows"], &next["height"]), (&json!({ "1": [{ "text": "2" }] }), &json!(2)));
    }

    #[test]
    fn looks_and_widths_are_told() {
        let style = CellStyle {
            foreground: Colour::Indexed(9),
            background: Colour::Rgb(1, 2, 3),
            bold: true,
            ..CellStyle::default()
        };
        let plain = CellStyle::default();
        let cells = vec![cell("a", 1, style), cell("b", 1, style), cell("世", 2, plain), cell("", 0, plain)];
        let sent = message(&mut Cells::default(), vec![ScreenRow { cells, wrapped: false }]).unwrap();
        let styled = json!({ "text": "ab", "fg": 9, "bg": [1, 2, 3], "bold": true });
        assert_eq!(sent["rows"]["0"], json!([styled, { "text": "世", "width": 2 }]));
    }
}
