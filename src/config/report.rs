//! What is wrong with a configuration, told all at once: where, what, and what would be right.
//!
//! Mistakes are collected here and rendered here. Nothing is judged here.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// Bytes from the start of the text.
pub(super) type Span = Range<usize>;

/// Mistakes that are rendered; the rest is counted.
const MISTAKES_SHOWN: usize = 50;

/// Why there is no configuration.
///
/// Its `Display` is the whole report, without colour; [`ConfigError::details`] and
/// [`ConfigError::summary`] give its two parts.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No file was named, and none was found.
    #[error("{}", self.summary())]
    Missing {
        /// The directory where the search began.
        from: PathBuf,
    },
    /// The file can't be read.
    #[error("{}", self.summary())]
    Unreadable {
        /// The file, as it was named.
        path: PathBuf,
        /// What the operating system said.
        why: io::Error,
    },
    /// The file can be read, and is wrong.
    #[error("{}\n\n{}", .0.render(&Renderer::plain()), .0)]
    Invalid(Box<Report>),
}

impl ConfigError {
    /// Every mistake with its place in the file, for a terminal that shows colours or one that doesn't.
    /// Empty when there is no text to show.
    #[must_use]
    pub fn details(&self, colour: bool) -> String {
        match self {
            Self::Missing { .. } | Self::Unreadable { .. } => String::new(),
            Self::Invalid(report) => report.render(&if colour { Renderer::styled() } else { Renderer::plain() }),
        }
    }

    /// The whole in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Missing { from } => {
                format!("no stead.toml in {} or above it; `stead init` writes one", from.display())
            }
            Self::Unreadable { path, why } => format!("cannot read {}: {why}", path.display()),
            Self::Invalid(report) => report.to_string(),
        }
    }

    /// The whole in one line, with the first mistake.
    #[must_use]
    pub fn headline(&self) -> String {
        match self {
            Self::Missing { .. } | Self::Unreadable { .. } => self.summary(),
            Self::Invalid(report) => report.headline(),
        }
    }
}

/// Every mistake of one text. Its `Display` says how many there are.
#[derive(Debug)]
pub struct Report {
    path: PathBuf,
    text: String,
    mistakes: Vec<Mistake>,
    /// Where lines begin.
    lines: Vec<usize>,
    /// Lines that can't be read, by where they begin.
    damaged: BTreeSet<usize>,
    /// From here on nothing can be read.
    end: usize,
}

/// One thing that is wrong.
#[derive(Debug)]
struct Mistake {
    span: Span,
    title: String,
    /// What would be right.
    remedy: String,
}

impl Report {
    /// The report on `text`, which mistakes call `path`. Empty so far.
    pub(super) fn new(path: PathBuf, text: &str) -> Self {
        let lines = text.match_indices('\n').map(|(end, _)| end + 1).collect();
        Self { path, text: text.to_owned(), mistakes: Vec::new(), lines, damaged: BTreeSet::new(), end: usize::MAX }
    }

    /// What the report is about.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Adds one mistake. The title says what is wrong, the remedy what would be right. Where the text is
    /// damaged that would be a guess, and is left out.
    pub(super) fn add(&mut self, span: Span, title: impl Into<String>, remedy: impl Into<String>) {
        if span.start <= self.end && !self.damaged.contains(&self.line_start(&span)) {
            self.mistakes.push(Mistake { span, title: title.into(), remedy: remedy.into() });
        }
    }

    /// Adds one mistake about something that is not there. In a damaged text that would be a guess: it may
    /// stand where nothing can be read.
    pub(super) fn add_missing(&mut self, span: Span, title: impl Into<String>, remedy: impl Into<String>) {
        if self.damaged.is_empty() {
            self.add(span, title, remedy);
        }
    }

    /// Adds one mistake that leaves its line unreadable. The first of a line counts.
    pub(super) fn add_damage(&mut self, span: Span, title: impl Into<String>, remedy: impl Into<String>) {
        let line = self.line_start(&span);
        self.add(span, title, remedy);
        self.damaged.insert(line);
    }

    /// Adds one mistake that leaves all that follows unreadable.
    pub(super) fn add_last_damage(&mut self, span: Span, title: impl Into<String>, remedy: impl Into<String>) {
        self.end = span.start;
        self.add_damage(span, title, remedy);
    }

    /// `value` if there is no mistake; else the error, in the order of the text.
    pub(super) fn conclude<T>(mut self, value: T) -> Result<T, ConfigError> {
        if self.mistakes.is_empty() {
            return Ok(value);
        }
        self.mistakes.sort_by_key(|mistake| (mistake.span.start, mistake.span.end));
        Err(ConfigError::Invalid(Box::new(self)))
    }

    fn line_start(&self, span: &Span) -> usize {
        match self.lines.partition_point(|start| *start <= span.start) {
            0 => 0,
            line => self.lines[line - 1],
        }
    }

    fn headline(&self) -> String {
        let Some(first) = self.mistakes.first() else { return self.to_string() };
        let line = self.lines.partition_point(|start| *start <= first.span.start) + 1;
        format!("{self}: line {line}: {}", first.title)
    }

    fn render(&self, renderer: &Renderer) -> String {
        let path = self.path.display().to_string();
        let mut out = String::new();
        for mistake in self.mistakes.iter().take(MISTAKES_SHOWN) {
            let place = AnnotationKind::Primary.span(mistake.span.clone()).label(&mistake.remedy);
            let snippet = Snippet::source(&self.text).path(&path).annotation(place);
            out.push_str(&renderer.render(&[Level::ERROR.primary_title(&mistake.title).element(snippet)]));
            out.push_str("\n\n");
        }
        if let more @ 1.. = self.mistakes.len().saturating_sub(MISTAKES_SHOWN) {
            out.push_str(&format!("and {more} more\n"));
        }
        out.truncate(out.trim_end().len());
        out
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.mistakes.len();
        write!(f, "{count} mistake{} in {}", if count == 1 { "" } else { "s" }, self.path.display())
    }
}
