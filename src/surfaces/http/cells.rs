//! A terminal's screen as JSON, for a client without an emulator of its own: each message has the rows that have
//! changed since the one before, and everything else that is there to know.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::limits::CELLS_INTERVAL;
use crate::screen::{Colour, Glyph, Ink, KeyModes, Picture, PictureRow, TaskScreen};

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
            if let Some(message) = self.cells.changes(self.screen.picture()) {
                return message;
            }
        }
    }
}

/// What one client has been shown.
#[derive(Debug, Default)]
struct Cells {
    last: Option<Picture>,
}

impl Cells {
    /// The message that leads from what was shown last to `picture`; none if it is the same.
    fn changes(&mut self, picture: Picture) -> Option<String> {
        let last = self.last.replace(picture);
        let picture = self.last.as_ref()?;
        if last.as_ref() == Some(picture) {
            return None;
        }
        let old = last.map_or_else(Vec::new, |last| last.rows);
        let changed = picture.rows.iter().enumerate().filter(|(at, row)| old.get(*at) != Some(row));
        let message = CellsMessage {
            height: picture.rows.len(),
            rows: changed.map(|(at, row)| (at, runs(row))).collect(),
            cursor: picture.cursor,
            modes: CellsModes::from(picture.modes),
            is_live: picture.is_live,
            skipped_bytes: picture.skipped_bytes,
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

/// An [`Ink`], without what is not on.
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

impl From<Ink> for RunStyle {
    fn from(ink: Ink) -> Self {
        let Ink { foreground, background, bold, dim, italic, underlined, reversed } = ink;
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
fn runs(row: &PictureRow) -> Vec<CellRun> {
    let is_blank = |glyph: &&Glyph| glyph.text.trim().is_empty() && glyph.ink == Ink::default();
    let end = row.glyphs.len() - row.glyphs.iter().rev().take_while(is_blank).count();
    let mut runs: Vec<CellRun> = Vec::new();
    for glyph in row.glyphs[..end].iter().filter(|glyph| glyph.width > 0) {
        let text = if glyph.text.is_empty() { " " } else { &glyph.text };
        let width = (!is_of_one_column(text)).then_some(glyph.width);
        let ink = RunStyle::from(glyph.ink);
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

    fn glyph(text: &str, width: u16, ink: Ink) -> Glyph {
        Glyph { text: text.to_owned(), width, ink }
    }

    fn row(text: &str) -> PictureRow {
        PictureRow { glyphs: text.chars().map(|c| glyph(&c.to_string(), 1, Ink::default())).collect(), wrapped: false }
    }

    fn message(cells: &mut Cells, rows: Vec<PictureRow>) -> Option<Value> {
        let picture = Picture { rows, is_live: true, cursor: Some((3, 1)), ..Picture::default() };
        Some(serde_json::from_str(&cells.changes(picture)?).unwrap())
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
        let ink =
            Ink { foreground: Colour::Indexed(9), background: Colour::Rgb(1, 2, 3), bold: true, ..Ink::default() };
        let plain = Ink::default();
        let glyphs = vec![glyph("a", 1, ink), glyph("b", 1, ink), glyph("世", 2, plain), glyph("", 0, plain)];
        let sent = message(&mut Cells::default(), vec![PictureRow { glyphs, wrapped: false }]).unwrap();
        let styled = json!({ "text": "ab", "fg": 9, "bg": [1, 2, 3], "bold": true });
        assert_eq!(sent["rows"]["0"], json!([styled, { "text": "世", "width": 2 }]));
    }
}
