//! What is wrong with a configuration, all at once: where, what, and what would be right.
//!
//! Mistakes are collected here and rendered here. Nothing is judged here.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::sources::{SourceFile, SourceFiles};

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
    Invalid(Box<MistakeReport>),
}

impl ConfigError {
    /// Mistakes in files that are not of this configuration's own language: each with the number of its file, its place
    /// there, what is wrong, and what would be right. There is at least one.
    pub(crate) fn in_files(files: Vec<(PathBuf, String)>, mistakes: Vec<(usize, Span, String, String)>) -> Self {
        let sources = SourceFiles::translated(String::new(), Path::new(""), files, []);
        let bases: Vec<usize> = sources.iter().skip(1).map(|file| file.base).collect();
        let mut report = MistakeReport::new(Arc::new(sources));
        for (file, span, title, remedy) in mistakes {
            report.add(bases[file] + span.start..bases[file] + span.end, title, remedy);
        }
        report.into_error()
    }

    /// Every mistake with its place in the file, for a terminal that shows colours or one that doesn't.
    /// Empty when there is no text to show.
    #[must_use]
    pub fn details(&self, colour: bool) -> String {
        match self {
            Self::Missing { .. } | Self::Unreadable { .. } => String::new(),
            Self::Invalid(report) => report.details(colour),
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

/// Every mistake of a configuration. Its `Display` says how many there are, and in which files.
#[derive(Debug)]
pub struct MistakeReport {
    sources: Arc<SourceFiles>,
    severity: Severity,
    mistakes: Vec<Mistake>,
    /// Where lines begin, of all files.
    lines: Vec<usize>,
    /// Lines that can't be read, by where they begin.
    damaged: BTreeSet<usize>,
    /// Parts of files that can't be read.
    swallowed: Vec<Span>,
}

/// How bad all of it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    /// The configuration can't be used.
    Error,
    /// It can.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug)]
struct Mistake {
    span: Span,
    title: String,
    /// What would be right.
    remedy: String,
}

impl MistakeReport {
    /// The report on these files. Empty so far.
    pub(super) fn new(sources: Arc<SourceFiles>) -> Self {
        Self::with(sources, Severity::Error)
    }

    /// A report of this severity.
    pub(super) fn with(sources: Arc<SourceFiles>, severity: Severity) -> Self {
        let lines = sources.iter().flat_map(line_starts).collect();
        Self { sources, severity, mistakes: Vec::new(), lines, damaged: BTreeSet::new(), swallowed: Vec::new() }
    }

    /// The files that the report is about.
    pub(super) fn sources(&self) -> &Arc<SourceFiles> {
        &self.sources
    }

    /// How many mistakes there are so far.
    pub(super) fn count(&self) -> usize {
        self.mistakes.len()
    }

    /// Adds a file. Where it begins among all.
    pub(super) fn add_file(&mut self, shown: PathBuf, dir: PathBuf, text: String) -> usize {
        let file = Arc::make_mut(&mut self.sources).add(shown, dir, text);
        self.lines.extend(line_starts(file));
        file.base
    }

    /// Adds one mistake. The title says what is wrong, the remedy what would be right. Where the text is
    /// damaged that would be a guess, and is left out.
    pub(super) fn add(&mut self, span: Span, title: impl Into<String>, remedy: impl Into<String>) {
        let is_swallowed = self.swallowed.iter().any(|end| end.start < span.start && span.start <= end.end);
        if !is_swallowed && !self.damaged.contains(&self.line_start(&span)) {
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

    /// Adds one mistake that leaves all that follows in its file unreadable.
    pub(super) fn add_last_damage(&mut self, span: Span, title: impl Into<String>, remedy: impl Into<String>) {
        let (file, _) = self.sources.locate(&span);
        let end = file.base + file.text.len();
        self.add_damage_until(span, end, title, remedy);
    }

    /// Adds one mistake that leaves what follows unreadable, up to `end`.
    pub(super) fn add_damage_until(
        &mut self,
        span: Span,
        end: usize,
        title: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.swallowed.push(span.start..end);
        self.add_damage(span, title, remedy);
    }

    /// `value` if there is no mistake; else the error, in the order of the text.
    pub(super) fn conclude<T>(self, value: T) -> Result<T, ConfigError> {
        if self.mistakes.is_empty() { Ok(value) } else { Err(self.into_error()) }
    }

    /// The error that these mistakes are.
    pub(super) fn into_error(mut self) -> ConfigError {
        self.sort();
        ConfigError::Invalid(Box::new(self))
    }

    /// Puts the mistakes in the order of the text.
    pub(super) fn sort(&mut self) {
        self.mistakes.sort_by_key(|mistake| (mistake.span.start, mistake.span.end));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.mistakes.is_empty()
    }

    /// Every mistake with its place, for a terminal that shows colours or one that doesn't.
    pub(super) fn details(&self, colour: bool) -> String {
        self.render(&if colour { Renderer::styled() } else { Renderer::plain() })
    }

    fn line_start(&self, span: &Span) -> usize {
        match self.lines.partition_point(|start| *start <= span.start) {
            0 => 0,
            line => self.lines[line - 1],
        }
    }

    /// The first mistake in one line, for where there is no room for its place.
    pub(super) fn first(&self) -> Option<String> {
        self.mistakes.first().map(|Mistake { title, remedy, .. }| format!("{title}: {remedy}"))
    }

    fn headline(&self) -> String {
        let Some(first) = self.mistakes.first() else { return self.to_string() };
        let (file, within) = self.sources.locate(&first.span);
        let line = file.text[..within.start].matches('\n').count() + 1;
        let place = match self.paths().as_slice() {
            [_] => String::new(),
            _ => format!("{}, ", file.shown.display()),
        };
        format!("{self}: {place}line {line}: {}", first.title)
    }

    /// The files with mistakes, in the order of their first.
    fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for mistake in &self.mistakes {
            let path = self.sources.locate(&mistake.span).0.shown.display().to_string();
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        paths
    }

    fn render(&self, renderer: &Renderer) -> String {
        let mut out = String::new();
        for mistake in self.mistakes.iter().take(MISTAKES_SHOWN) {
            let (file, span) = self.sources.locate(&mistake.span);
            let path = file.shown.display().to_string();
            let place = AnnotationKind::Primary.span(span).label(&mistake.remedy);
            let snippet = Snippet::source(&file.text).path(&path).annotation(place);
            let level = if self.severity == Severity::Error { Level::ERROR } else { Level::WARNING };
            out.push_str(&renderer.render(&[level.primary_title(&mistake.title).element(snippet)]));
            out.push_str("\n\n");
        }
        if let more @ 1.. = self.mistakes.len().saturating_sub(MISTAKES_SHOWN) {
            out.push_str(&format!("and {more} more\n"));
        }
        out.truncate(out.trim_end().len());
        out
    }
}

fn line_starts(file: &SourceFile) -> impl Iterator<Item = usize> {
    let starts = file.text.match_indices('\n').map(|(end, _)| end + 1);
    std::iter::once(0).chain(starts).map(|start| file.base + start)
}

impl fmt::Display for MistakeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.mistakes.len();
        let what = if self.severity == Severity::Error { "mistake" } else { "warning" };
        write!(f, "{count} {what}{} in {}", if count == 1 { "" } else { "s" }, self.paths().join(", "))
    }
}
