//! `include`: reads the files that a file names, and lays it over them.

use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::environment::FileRef;
use super::kind::{FileName, ListOf};
use super::load::read_text;
use super::report::{MistakeReport, Span};
use super::scope::Scope;
use super::syntax::report_damage;
use super::table::read_root;
use super::value::FileTable;

/// Files that are read for one configuration, at most: a file that is included twice counts twice.
const FILES_MOST: usize = 256;

/// What `include` means, for the schema.
pub(super) const ABOUT: &str = "Files that are read first: this one wins. Tables merge by key, arrays are replaced. \
                                A path that ends with `?` may be missing.";

/// Reads the first file of the report, and all that it includes, into one table.
pub(super) fn read_all(path: &Path, scope: &Scope, report: &mut MistakeReport) -> FileTable {
    let text = report.sources().first().text.clone();
    IncludeReader { scope, report, chain: vec![path.to_owned()] }.read(&text, 0)
}

struct IncludeReader<'a> {
    scope: &'a Scope,
    report: &'a mut MistakeReport,
    /// The files that are being read, each included by the one before it.
    chain: Vec<PathBuf>,
}

impl IncludeReader<'_> {
    /// Reads a text that begins at `base` among all.
    fn read(&mut self, text: &str, base: usize) -> FileTable {
        let (table, errors) = DeTable::parse_recoverable(text);
        report_damage(table.get_ref(), errors, base, self.report);
        let mut table = FileTable::read(table.get_ref(), base);
        let Some(include) = table.take("include") else { return table };
        let mut merged = FileTable::default();
        for (file, span) in self.named(&include) {
            merged.merge(self.include(&file, &span));
        }
        merged.merge(table);
        merged
    }

    /// The files that an `include` names, each with its place.
    fn named(&mut self, include: &FileTable) -> Vec<(FileRef, Span)> {
        let scope = self.scope.clone();
        let files = read_root(include, scope, self.report, |file| file.get("include", &ListOf(FileName), ABOUT));
        let written = include.get("include").and_then(|written| written.get_ref().as_array());
        let spans = written.into_iter().flatten().map(|item| item.span());
        files.unwrap_or_default().into_iter().zip(spans).collect()
    }

    fn include(&mut self, file: &FileRef, span: &Span) -> FileTable {
        let path = normal(&file.path);
        if let Some(first) = self.chain.iter().position(|open| normal(open) == path) {
            let cycle = self.chain[first..].iter().chain([&file.path]).map(|path| self.shown(path));
            let cycle: Vec<_> = cycle.collect();
            self.report.add(
                span.clone(),
                format!("files include each other: {}", cycle.join(" -> ")),
                "remove one of these",
            );
            return FileTable::default();
        }
        if self.report.sources().iter().count() >= FILES_MOST {
            self.report.add(span.clone(), format!("more than {FILES_MOST} files"), "include fewer");
            return FileTable::default();
        }
        let shown: PathBuf = self.shown(&file.path).into();
        let text = match read_text(&file.path) {
            Ok(text) => text,
            Err(why) if file.may_be_missing && why.is_missing() => return FileTable::default(),
            Err(why) => {
                let hint =
                    if why.is_missing() { "; a file that may be missing is written with a `?` at its end" } else { "" };
                self.report.add(span.clone(), format!("cannot read {}", shown.display()), format!("{why}{hint}"));
                return FileTable::default();
            }
        };
        let dir = file.path.parent().map(Path::to_owned).unwrap_or_default();
        let base = self.report.add_file(shown, dir, text.clone());
        self.chain.push(file.path.clone());
        let table = self.read(&text, base);
        self.chain.pop();
        table
    }

    /// What mistakes call a file: its path from the directory of the first one, if it lies below that.
    fn shown(&self, path: &Path) -> String {
        let first = self.report.sources().first();
        let below = normal(path)
            .strip_prefix(normal(&first.dir))
            .map(|below| first.shown.parent().map(|parent| parent.join(below)).unwrap_or_else(|| below.to_owned()));
        below.unwrap_or_else(|_| path.to_owned()).display().to_string()
    }
}

/// The path without links, if it leads anywhere.
fn normal(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
