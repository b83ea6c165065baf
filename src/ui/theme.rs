//! Colours and glyphs. Only the sixteen named colours are used, so the terminal's own palette, dark or light, decides
//! how they look; without colour, bold, dim and reverse carry the difference, beside the glyph and the word.

use ratatui::style::{Color, Modifier, Style};

use crate::present::state::{StateLook, Tone};

/// How the dashboard looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// Whether colours are used at all; `NO_COLOR` turns them off.
    pub color: bool,
}

impl Default for Theme {
    fn default() -> Self {
        Self { color: true }
    }
}

impl Theme {
    /// The glyph of a state and how its word looks.
    pub(super) fn state(self, look: StateLook) -> (&'static str, Style) {
        (look.glyph, self.tone(look.tone))
    }

    /// How a text of this tone looks.
    pub(super) fn tone(self, tone: Tone) -> Style {
        match tone {
            Tone::Plain => Style::new(),
            Tone::Quiet => self.dim(),
            Tone::Good => self.color(Color::Green),
            Tone::Busy => self.color(Color::Cyan),
            Tone::Warning => self.warning(),
            Tone::Bad => self.bad().add_modifier(Modifier::BOLD),
        }
    }

    /// What went wrong.
    pub(super) fn bad(self) -> Style {
        self.color(Color::Red)
    }

    /// What wants attention.
    pub(super) fn warning(self) -> Style {
        self.color(Color::Yellow)
    }

    /// What stands out: the selection's mark, keys, the name of the program.
    pub(super) fn accent(self) -> Style {
        self.color(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// The selected row, over whatever stands in it.
    pub(super) fn selected(self) -> Style {
        let style = Style::new().add_modifier(Modifier::REVERSED).remove_modifier(Modifier::DIM);
        if self.color { style.fg(Color::Reset) } else { style }
    }

    /// The frame of the pane that the keys are for.
    pub(super) fn focused(self) -> Style {
        self.color(Color::Cyan)
    }

    /// What a person has marked.
    pub(super) fn marked(self) -> Style {
        self.color(Color::Magenta).add_modifier(Modifier::BOLD)
    }

    /// A task's name beside its lines: the same colour whenever and wherever it is shown.
    pub(super) fn name(self, name: &str) -> Style {
        const NAME_COLOURS: [Color; 6] =
            [Color::Cyan, Color::Yellow, Color::Green, Color::Magenta, Color::Blue, Color::LightRed];
        let sum = name.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        self.color(NAME_COLOURS[sum % NAME_COLOURS.len()])
    }

    /// Headings and names.
    pub(super) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Labels, frames, and what is well and need not be looked at.
    pub(super) fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// Text that a search matches; `current` for the match the reader stands at.
    pub(super) fn hit(self, current: bool) -> Style {
        match (self.color, current) {
            (true, true) => Style::new().fg(Color::Black).bg(Color::Magenta),
            (true, false) => Style::new().fg(Color::Black).bg(Color::Yellow),
            (false, true) => Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD),
            (false, false) => Style::new().add_modifier(Modifier::REVERSED),
        }
    }

    /// A task's own style, without its colours where none are wanted.
    pub(super) fn of_task(self, style: Style) -> Style {
        if self.color { style } else { Style { fg: None, bg: None, ..style } }
    }

    fn color(self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }
}
