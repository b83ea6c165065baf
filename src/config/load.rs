//! From a file to a [`Config`]: finds it, reads it, has it judged.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::report::Report;
use super::{Config, ConfigError, Project, document};
use crate::private;

/// What the file is called.
pub const FILE_NAME: &str = "stead.toml";

/// The largest file that is read, in bytes: thousands of tasks fit, a disk image named by accident doesn't.
const FILE_MOST: u64 = 1 << 20;

impl Config {
    /// Reads the file `explicit`, or the `stead.toml` in it if it is a directory, or else the `stead.toml` that is found
    /// first in `cwd` and the directories above it. A relative `explicit` starts at `cwd`.
    ///
    /// # Errors
    ///
    /// There is no file, it can't be read, or it was found above `cwd` and another user could have written it; or it is
    /// wrong, then with every mistake it has.
    pub fn load(explicit: Option<&Path>, cwd: &Path) -> Result<Self, ConfigError> {
        let shown = chosen(explicit, cwd)?;
        let path = cwd.join(&shown);
        let file = if explicit.is_some() { File::open(&path) } else { open_found(&path, cwd) };
        let bytes = file.and_then(read).map_err(|why| ConfigError::Unreadable { path: shown.clone(), why })?;
        judge(&decode(bytes, &shown)?, &shown, path)
    }

    /// Reads `text` as if it were the file `path`, whose directory relative paths start from.
    ///
    /// # Errors
    ///
    /// The text is wrong: every mistake it has.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let absolute =
            std::path::absolute(path).map_err(|why| ConfigError::Unreadable { path: path.to_owned(), why })?;
        judge(text, path, absolute)
    }
}

/// The file that is meant, as it is called from `cwd`.
fn chosen(explicit: Option<&Path>, cwd: &Path) -> Result<PathBuf, ConfigError> {
    match explicit {
        Some(path) if cwd.join(path).is_dir() => Ok(path.join(FILE_NAME)),
        Some(path) => Ok(path.to_owned()),
        None => find(cwd).ok_or_else(|| ConfigError::Missing { from: cwd.to_owned() }),
    }
}

/// The nearest `stead.toml`, as it is called from `cwd`: with its directory only when it lies above.
fn find(cwd: &Path) -> Option<PathBuf> {
    let found = cwd.ancestors().map(|dir| dir.join(FILE_NAME)).find(|path| path.exists())?;
    Some(found.strip_prefix(cwd).map(Path::to_owned).unwrap_or(found))
}

/// Opens a file that was not named but found: above `cwd` only if no other user could have written it.
fn open_found(path: &Path, cwd: &Path) -> io::Result<File> {
    match path.parent() {
        Some(dir) if dir != cwd => private::open_found(dir, OsStr::new(FILE_NAME)),
        _ => File::open(path),
    }
}

fn read(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(FILE_MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_MOST {
        return Err(io::Error::other(format!("larger than {FILE_MOST} bytes")));
    }
    Ok(bytes)
}

fn decode(bytes: Vec<u8>, shown: &Path) -> Result<String, ConfigError> {
    String::from_utf8(bytes).or_else(|error| {
        let at = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        let mut report = Report::new(shown.to_owned(), &text);
        // The first replacement character stands where the first wrong byte stood.
        report.add(at..at + char::REPLACEMENT_CHARACTER.len_utf8(), "not UTF-8", "save the file as UTF-8");
        report.conclude(String::new())
    })
}

fn judge(text: &str, shown: &Path, path: PathBuf) -> Result<Config, ConfigError> {
    // A byte order mark is no part of the text, and would shift the columns of its first line.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let root = Project::of(&path).root;
    let mut report = Report::new(shown.to_owned(), text);
    let (table, errors) = DeTable::parse_recoverable(text);
    report_damage(table.get_ref(), errors, &mut report);
    let config = document::read(table.get_ref(), path, root, &mut report);
    report.conclude(config)
}

/// Reports what is no TOML. An array or inline table that is never closed swallows the rest of the text: that
/// is one mistake, and what seems wrong inside it is none.
fn report_damage(table: &DeTable<'_>, mut errors: Vec<toml::de::Error>, report: &mut Report) {
    errors.sort_by_key(start);
    let unclosed = errors
        .iter()
        .filter(|error| error.message().starts_with("unclosed"))
        .find_map(|error| swallowing(table, start(error)).filter(|span| reaches_end(report.text(), span)));
    let end = unclosed.as_ref().map_or(usize::MAX, |unclosed| unclosed.start);
    for error in errors.iter().filter(|error| start(error) < end) {
        let (what, remedy) = match error.message() {
            "duplicate key" => ("duplicate key", "this was given before: keep one of the two"),
            message => message.split_once(", ").unwrap_or((message, "this is no TOML: see https://toml.io")),
        };
        report.add_damage(error.span().unwrap_or(0..0), what, remedy);
    }
    if unclosed.is_some() {
        report.add_last_damage(end..end + 1, "this is never closed", "expected its end on this line or below");
    }
}

fn start(error: &toml::de::Error) -> usize {
    error.span().map_or(0, |span| span.start)
}

/// The outermost array or inline table in which `at` lies, or at whose end.
fn swallowing(table: &DeTable<'_>, at: usize) -> Option<Range<usize>> {
    table.values().find_map(|found| match found.get_ref() {
        DeValue::Array(_) | DeValue::Table(_) if (found.span().start + 1..=found.span().end).contains(&at) => {
            Some(found.span())
        }
        DeValue::Table(inner) => swallowing(inner, at),
        _ => None,
    })
}

fn reaches_end(text: &str, span: &Range<usize>) -> bool {
    text.get(span.end..).is_some_and(|rest| rest.trim().is_empty())
}
