//! The files that a translation is made of, and places in them.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The largest file that is read, in bytes.
const FILE_LIMIT: u64 = 1 << 20;

/// A range of bytes of one file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    /// Which file, by its number in [`OriginalFiles`].
    pub(super) file: usize,
    /// Where in its text.
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Place {
    pub(super) fn new(file: usize, span: Range<usize>) -> Self {
        Self { file, start: span.start, end: span.end }
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// The files that were read, in the order in which they were.
#[derive(Debug, Clone, Default)]
pub(super) struct OriginalFiles {
    files: Vec<OriginalFile>,
}

/// One file.
#[derive(Debug, Clone)]
pub(super) struct OriginalFile {
    /// As it is shown.
    pub path: PathBuf,
    /// What stands in it.
    pub text: String,
    /// Where its lines begin.
    lines: Vec<usize>,
}

impl OriginalFile {
    /// The number of the line in which a byte stands; the first is 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at).max(1)
    }
}

impl OriginalFiles {
    /// Adds a file; gives its number.
    pub(super) fn add(&mut self, path: impl Into<PathBuf>, text: impl Into<String>) -> usize {
        let text = text.into();
        let mut lines = vec![0];
        lines.extend(text.match_indices('\n').map(|(end, _)| end + 1));
        self.files.push(OriginalFile { path: path.into(), text, lines });
        self.files.len() - 1
    }

    /// The file with this number.
    pub(super) fn get(&self, file: usize) -> &OriginalFile {
        &self.files[file]
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &OriginalFile> {
        self.files.iter()
    }

    /// The number of the line in which a place begins.
    pub(super) fn line(&self, place: &Place) -> usize {
        self.get(place.file).line(place.start)
    }

    /// A place for people: `Procfile:3`.
    pub(super) fn show(&self, place: &Place) -> String {
        format!("{}:{}", self.get(place.file).path.display(), self.line(place))
    }
}

/// Reads a text file of a bounded size. A byte order mark is left out.
///
/// # Errors
///
/// It can't be read, is too large, or is not UTF-8.
pub(super) fn read_text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    file.take(FILE_LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(io::Error::other(format!("larger than {FILE_LIMIT} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        io::Error::other(format!("not UTF-8 in line {}", line + 1))
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_shown_by_line() {
        let mut sources = OriginalFiles::default();
        let file = sources.add("Procfile", "a: b\nc: d\n");
        assert_eq!(sources.show(&Place::new(file, 0..1)), "Procfile:1");
        assert_eq!(sources.show(&Place::new(file, 5..6)), "Procfile:2");
        assert_eq!(sources.show(&Place::new(file, 99..99)), "Procfile:3");
    }

    #[test]
    fn a_file_is_read_up_to_a_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, vec![b'x'; FILE_LIMIT as usize]).unwrap();
        assert_eq!(read_text(&path).unwrap().len() as u64, FILE_LIMIT);
        std::fs::write(&path, vec![b'x'; FILE_LIMIT as usize + 1]).unwrap();
        assert_eq!(read_text(&path).unwrap_err().to_string(), "larger than 1048576 bytes");
        std::fs::write(&path, b"\xef\xbb\xbfa\n\xff").unwrap();
        assert_eq!(read_text(&path).unwrap_err().to_string(), "not UTF-8 in line 2");
        assert_eq!(read_text(dir.path()).unwrap_err().to_string(), "not a regular file");
    }
}
