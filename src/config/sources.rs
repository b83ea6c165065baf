//! The files that a configuration is made of, laid end to end: one offset names a place in one of them.

use std::path::{Path, PathBuf};

use super::report::Span;

/// The files, in the order in which they were opened. The first is the one that was named.
#[derive(Debug, Clone)]
pub(super) struct SourceFiles {
    files: Vec<SourceFile>,
    /// Where other files have what stands in the first, if that was made of them.
    origins: Vec<(Span, Span)>,
}

/// One of the files.
#[derive(Debug, Clone)]
pub(super) struct SourceFile {
    /// What mistakes call it.
    pub(super) shown: PathBuf,
    /// The directory that its relative paths start from.
    pub(super) dir: PathBuf,
    pub(super) text: String,
    /// Where it begins among all files.
    pub(super) base: usize,
}

impl SourceFiles {
    /// The file that was named.
    pub(super) fn new(shown: PathBuf, dir: PathBuf, text: String) -> Self {
        Self { files: vec![SourceFile { shown, dir, text, base: 0 }], origins: Vec::new() }
    }

    /// A text that was made of other files, and those. `origins` are ranges of the text, each with a file and a range of
    /// that. What is wrong is then said of the files.
    pub(super) fn translated(
        text: String,
        dir: &Path,
        files: impl IntoIterator<Item = (PathBuf, String)>,
        origins: impl IntoIterator<Item = (Span, usize, Span)>,
    ) -> Self {
        let mut sources = Self::new(PathBuf::new(), dir.to_owned(), text);
        for (shown, text) in files {
            sources.add(shown, dir.to_owned(), text);
        }
        let origins = origins.into_iter().map(|(made, file, span)| {
            let base = sources.files[file + 1].base;
            (made, base + span.start..base + span.end)
        });
        sources.origins = origins.collect();
        sources
    }

    /// Adds a file.
    pub(super) fn add(&mut self, shown: PathBuf, dir: PathBuf, text: String) -> &SourceFile {
        // One byte between two files, so that the end of one is not the start of the next.
        let base = self.files.last().map_or(0, |last| last.base + last.text.len() + 1);
        self.files.push(SourceFile { shown, dir, text, base });
        &self.files[self.files.len() - 1]
    }

    /// Every file.
    pub(super) fn iter(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter()
    }

    /// The file in which `span` stands, and its place in that file's text.
    pub(super) fn locate(&self, span: &Span) -> (&SourceFile, Span) {
        let origin = self.origin(span);
        let span = origin.as_ref().unwrap_or(span);
        let file = self.holding(span);
        let within = |at: usize| at.saturating_sub(file.base).min(file.text.len());
        (file, within(span.start)..within(span.end))
    }

    fn holding(&self, span: &Span) -> &SourceFile {
        let behind = self.files.partition_point(|file| file.base <= span.start);
        &self.files[behind.saturating_sub(1)]
    }

    /// Where another file has what stands at `span` of a text that was made of it.
    fn origin(&self, span: &Span) -> Option<Span> {
        let second = self.files.get(1).filter(|second| !self.origins.is_empty() && span.start < second.base)?;
        let holds = |made: &Span| made.start <= span.start && span.start < made.end.max(made.start + 1);
        let innermost = self.origins.iter().filter(|(made, _)| holds(made)).min_by_key(|(made, _)| made.len());
        // What comes from nowhere is said of the beginning.
        Some(innermost.map_or(second.base..second.base, |(_, origin)| origin.clone()))
    }

    /// The file and the line, from 1, in which `span` begins.
    pub(super) fn line(&self, span: &Span) -> (PathBuf, usize) {
        let (file, within) = self.locate(span);
        (file.shown.clone(), 1 + file.text[..within.start].matches('\n').count())
    }

    /// What is written at `span`.
    pub(super) fn written(&self, span: &Span) -> &str {
        let (file, span) = self.locate(span);
        file.text.get(span).unwrap_or_default()
    }

    /// The directory that a relative path at `span` starts from.
    pub(super) fn dir(&self, span: &Span) -> &Path {
        &self.holding(span).dir
    }

    /// The file that was named.
    pub(super) fn first(&self) -> &SourceFile {
        &self.files[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_names_a_place_in_one_file() {
        let mut sources = SourceFiles::new("a.toml".into(), "/a".into(), "one".to_owned());
        assert_eq!(sources.add("b.toml".into(), "/b".into(), String::new()).base, 4);
        assert_eq!(sources.add("c.toml".into(), "/c".into(), "three".to_owned()).base, 5);
        let place = |span: Span| {
            let (file, within) = sources.locate(&span);
            (file.shown.to_str().unwrap(), within)
        };
        assert_eq!(place(0..3), ("a.toml", 0..3));
        assert_eq!(place(3..3), ("a.toml", 3..3));
        assert_eq!(place(4..4), ("b.toml", 0..0));
        assert_eq!(place(6..8), ("c.toml", 1..3));
        assert_eq!(place(10..99), ("c.toml", 5..5));
        assert_eq!((sources.written(&(5..8)), sources.dir(&(0..1))), ("thr", Path::new("/a")));
        assert_eq!(sources.first().text, "one");
    }

    #[test]
    fn what_was_made_of_other_files_is_found_in_them() {
        let files = [("a".into(), "one two".to_owned()), ("b".into(), "three".to_owned())];
        let origins = [(0..9, 0, 0..7), (4..6, 1, 1..3)];
        let sources = SourceFiles::translated("0123456789".to_owned(), Path::new("/d"), files, origins);
        let place = |span: Span| {
            let (file, within) = sources.locate(&span);
            (file.shown.to_str().unwrap(), within)
        };
        assert_eq!(place(0..3), ("a", 0..7));
        assert_eq!(place(4..5), ("b", 1..3));
        assert_eq!(place(9..10), ("a", 0..0));
        assert_eq!((sources.dir(&(4..5)), sources.written(&(4..5))), (Path::new("/d"), "hr"));
    }
}
