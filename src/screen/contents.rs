//! A terminal's screen as data, free of any emulator and any way to draw it.

/// Columns and rows of a task's terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScreenSize {
    /// Columns, from 2 to 500.
    pub columns: u16,
    /// Rows, from 2 to 500.
    pub rows: u16,
}

impl ScreenSize {
    /// The least columns and rows: emulators get confused below.
    const MIN_CELLS: u16 = 2;
    /// The most: bounds the memory of a screen.
    const MAX_CELLS: u16 = 500;

    /// This size, or the nearest that a terminal may have.
    #[must_use]
    pub fn new(columns: u16, rows: u16) -> Self {
        Self {
            columns: columns.clamp(Self::MIN_CELLS, Self::MAX_CELLS),
            rows: rows.clamp(Self::MIN_CELLS, Self::MAX_CELLS),
        }
    }
}

impl Default for ScreenSize {
    /// 120 columns of 30 rows, until a terminal attaches.
    fn default() -> Self {
        Self { columns: 120, rows: 30 }
    }
}

/// What a terminal shows at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScreenContents {
    /// From top to bottom.
    pub rows: Vec<ScreenRow>,
    /// Column and row of the cursor, from 0; none while it is hidden.
    pub cursor: Option<(u16, u16)>,
    /// How the program wants its keys.
    pub modes: KeyModes,
    /// Whether a run has this terminal; otherwise this is what the last one left.
    pub is_live: bool,
    /// Bytes of this run that were never shown, because they came faster than they could be.
    pub skipped_bytes: u64,
}

impl ScreenContents {
    /// The text, one line a row, without the blanks at the end of each.
    #[must_use]
    pub fn text(&self) -> String {
        let row = |row: &ScreenRow| {
            let blank_or = |cell: &ScreenCell| if cell.text.is_empty() { " ".to_owned() } else { cell.text.clone() };
            let text: String = row.cells.iter().filter(|cell| cell.width > 0).map(blank_or).collect();
            text.trim_end().to_owned()
        };
        self.rows.iter().map(row).collect::<Vec<_>>().join("\n")
    }
}

/// One row of a screen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScreenRow {
    /// One for each column.
    pub cells: Vec<ScreenCell>,
    /// Whether the next row goes on with this one's line.
    pub wrapped: bool,
}

/// One column of a row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScreenCell {
    /// The character with its combining marks; empty for a blank.
    pub text: String,
    /// Columns it takes: 1 or 2, or 0 behind a wide one.
    pub width: u16,
    /// How it looks.
    pub style: CellStyle,
}

/// Colours and attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "any of them may be on beside the others, as in a terminal")]
pub struct CellStyle {
    /// The colour of the character.
    pub foreground: Colour,
    /// The colour behind it.
    pub background: Colour,
    /// Bold.
    pub bold: bool,
    /// Dim.
    pub dim: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined.
    pub underlined: bool,
    /// With its two colours exchanged.
    pub reversed: bool,
}

/// A terminal's colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    /// Whatever the terminal draws with.
    #[default]
    Default,
    /// One of the 256 of the palette.
    Indexed(u8),
    /// Red, green, blue.
    Rgb(u8, u8, u8),
}

/// What a program has said about the keys it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyModes {
    /// Arrows as an application wants them (DECCKM).
    pub application_cursor: bool,
    /// Pasted text is to be marked as such (mode 2004).
    pub bracketed_paste: bool,
}
