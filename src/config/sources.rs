//! The files that a configuration is made of, laid end to end: one offset names a place in one of them.

use std::path::{Path, PathBuf};

use super::report::Span;

/// The files, in the order in which they were opened. The first is the one that was named.
#[derive(Debug, Clone)]
pub(super) struct SourceFiles(Vec<SourceFile>);

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
        Self(vec![SourceFile { shown, dir, text, base: 0 }])
    }

    /// Adds a file.
    pub(super) fn add(&mut self, shown: PathBuf, dir: PathBuf, text: String) -> &SourceFile {
        // One byte between two files, so that the end of one is not the start of the next.
        let base = self.0.last().map_or(0, |last| last.base + last.text.len() + 1);
        self.0.push(SourceFile { shown, dir, text, base });
        &self.0[self.0.len() - 1]
    }

    /// Every file.
    pub(super) fn iter(&self) -> impl Iterator<Item = &SourceFile> {
        self.0.iter()
    }

    /// The file in which `span` stands, and its place in that file's text.
    pub(super) fn locate(&self, span: &Span) -> (&SourceFile, Span) {
        let behind = self.0.partition_point(|file| file.base <= span.start);
        let file = &self.0[behind.saturating_sub(1)];
        let within = |at: usize| at.saturating_sub(file.base).min(file.text.len());
        (file, within(span.start)..within(span.end))
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
        &self.locate(span).0.dir
    }

    /// The file that was named.
    pub(super) fn first(&self) -> &SourceFile {
        &self.0[0]
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
}
