//! Tables of text: one line a row, columns as wide as their widest cell.

use unicode_width::UnicodeWidthStr;

/// A table with a line of headings. Cells are one line of plain text.
pub(super) fn table<const COLUMNS: usize>(headings: [&str; COLUMNS], rows: &[[String; COLUMNS]]) -> String {
    let headings = headings.map(str::to_owned);
    let all = || std::iter::once(&headings).chain(rows);
    let widths: Vec<_> =
        (0..COLUMNS).map(|column| all().map(|row| row[column].width()).max().unwrap_or_default()).collect();
    let line = |row: &[String; COLUMNS]| {
        let cells = row.iter().zip(&widths);
        let padded = cells.map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.width() + 2)));
        padded.collect::<String>().trim_end().to_owned()
    };
    all().map(line).collect::<Vec<_>>().join("\n")
}
