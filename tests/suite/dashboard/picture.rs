//! The picture of the README: the main screen as SVG, drawn from the same fixture as the screens.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use ratatui::text::Span;

use super::fixture::Dashboard;

const CELL_WIDTH: f32 = 8.4;
const CELL_HEIGHT: f32 = 17.0;
const MARGIN: f32 = 16.0;
const BACKGROUND: &str = "#14171c";
const FOREGROUND: &str = "#d5d9e0";
/// The sixteen colours in the order of their numbers.
const PALETTE: [&str; 16] = [
    "#14171c", "#e8646a", "#8cc265", "#d8b25c", "#6ea8e8", "#c586d9", "#56b6c2", "#d5d9e0", //
    "#5b626e", "#f0868b", "#a8d585", "#e8c87c", "#8cbdf0", "#d6a3e6", "#7ccbd5", "#f4f6f8",
];

#[test]
fn dashboard_picture() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/dashboard.svg");
    let (buffer, _) = Dashboard::new(120, 30).draw();
    let picture = svg(&buffer);
    if env::var_os("STEAD_BLESS").is_some() {
        fs::write(&path, &picture).expect("the picture can be written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == picture,
        "assets/dashboard.svg is not of today; STEAD_BLESS=1 cargo test dashboard_picture draws it"
    );
}

fn svg(buffer: &Buffer) -> String {
    let (columns, rows) = (f32::from(buffer.area.width), f32::from(buffer.area.height));
    let (width, height) = (columns * CELL_WIDTH + 2.0 * MARGIN, rows * CELL_HEIGHT + 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\">\n<title>The dashboard of stead</title>\n<rect width=\"100%\" height=\"100%\" rx=\"8\" \
         fill=\"{BACKGROUND}\"/>\n<g font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" \
         font-size=\"14\">\n"
    );
    for y in 0..buffer.area.height {
        for (x, cells, text) in runs(buffer, y) {
            draw_run(&mut svg, x, y, cells, &text, &buffer[(x, y)]);
        }
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

/// Stretches of cells that look alike: where each begins, how many columns it takes, and its text. A stretch neither
/// begins nor ends with a blank nor has two in a row: not every viewer keeps them.
fn runs(buffer: &Buffer, y: u16) -> Vec<(u16, u16, String)> {
    let mut runs: Vec<(u16, u16, String)> = Vec::new();
    let mut x = 0;
    while x < buffer.area.width {
        let cell = &buffer[(x, y)];
        let width = Span::raw(cell.symbol()).width().max(1) as u16;
        let is_blank = |x: u16| x >= buffer.area.width || buffer[(x, y)].symbol() == " ";
        let look = |cell: &Cell| (cell.fg, cell.bg, cell.modifier);
        // A wide character stands alone: the viewer's font may have another idea of its width.
        let joins = |start: u16, columns: u16, text: &str| {
            let is_narrow = width == 1 && text.chars().count() == usize::from(columns);
            is_narrow && start + columns == x && look(&buffer[(start, y)]) == look(cell)
        };
        match runs.last_mut() {
            Some((start, columns, text)) if joins(*start, *columns, text) && !(is_blank(x) && is_blank(x + 1)) => {
                *columns += width;
                text.push_str(cell.symbol());
            }
            _ if is_blank(x) => {}
            _ => runs.push((x, width, cell.symbol().to_owned())),
        }
        x += width;
    }
    for (_, columns, text) in &mut runs {
        let blanks = text.len() - text.trim_end().len();
        text.truncate(text.len() - blanks);
        *columns -= blanks as u16;
    }
    runs
}

fn draw_run(svg: &mut String, x: u16, y: u16, columns: u16, text: &str, cell: &Cell) {
    let (left, top) = (MARGIN + f32::from(x) * CELL_WIDTH, MARGIN + f32::from(y) * CELL_HEIGHT);
    let width = f32::from(columns) * CELL_WIDTH;
    if let Some(fill) = color(cell.bg) {
        writeln!(
            svg,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{CELL_HEIGHT}\" fill=\"{fill}\"/>"
        )
        .expect("a string takes everything");
    }
    let fill = color(cell.fg).unwrap_or(FOREGROUND);
    let bold = if cell.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let dim = if cell.modifier.contains(Modifier::DIM) { " opacity=\"0.55\"" } else { "" };
    let baseline = top + CELL_HEIGHT * 0.74;
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    writeln!(
        svg,
        "<text x=\"{left:.1}\" y=\"{baseline:.1}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" \
         fill=\"{fill}\"{bold}{dim}>{escaped}</text>"
    )
    .expect("a string takes everything");
}

fn color(color: Color) -> Option<&'static str> {
    let index = match color {
        Color::Reset => return None,
        Color::Indexed(index) => usize::from(index),
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        other => panic!("the theme does not use {other:?}"),
    };
    Some(PALETTE[index])
}
