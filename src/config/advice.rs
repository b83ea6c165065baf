//! What is valid, but probably not meant.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::Config;
use super::report::{MistakeReport, Severity};
use super::sources::SourceFiles;
use super::value::FileTable;

/// Warnings about a configuration, each with its place. Its `Display` says how many there are, and in which files.
#[derive(Debug)]
pub struct Advice {
    table: FileTable,
    report: MistakeReport,
}

impl Advice {
    /// Adds a warning about the value at the end of a path of keys; about what of the path is there, if it has none.
    pub fn warn(&mut self, path: &[&str], title: impl Into<String>, remedy: impl Into<String>) {
        self.report.add(self.table.place(path), title, remedy);
    }

    /// Whether something is written at the end of a path of keys.
    #[must_use]
    pub fn is_written(&self, path: &[&str]) -> bool {
        self.table.find(path).is_some()
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.report.is_empty()
    }

    /// Puts the warnings in the order of the files.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.report.sort();
        self
    }

    /// Every warning with its place, for a terminal that shows colours or one that doesn't.
    #[must_use]
    pub fn details(&self, colour: bool) -> String {
        self.report.details(colour)
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report.fmt(f)
    }
}

impl Config {
    /// Advice about this configuration, none so far.
    #[must_use]
    pub fn advice(&self) -> Advice {
        let (table, files) = match &self.source {
            Some(source) => (source.table.clone(), Arc::clone(&source.files)),
            None => {
                (FileTable::default(), Arc::new(SourceFiles::new(self.path.clone(), PathBuf::new(), String::new())))
            }
        };
        Advice { table, report: MistakeReport::with(files, Severity::Warning) }
    }
}
