//! From a file to a [`Config`]: finds it, reads it, has it judged.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::report::{MistakeReport, Span};
use super::reread::ConfigSource;
use super::scope::Scope;
use super::sources::SourceFiles;
use super::{Config, ConfigError, Project, document, include};
use crate::private;

/// What the file is called.
pub const FILE_NAME: &str = "stead.toml";

/// The largest file that is read, in bytes: thousands of tasks fit, a disk image named by accident doesn't.
pub(crate) const FILE_MOST: u64 = 1 << 20;

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
        let text = file.map_err(NoText::from).and_then(text_of).map_err(|why| no_config(why, &shown))?;
        judge(text, &shown, path, Scope::of_this_process())
    }

    /// Reads `text` as if it were the file `path`, whose directory relative paths start from.
    ///
    /// # Errors
    ///
    /// The text is wrong: every mistake it has.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let absolute =
            std::path::absolute(path).map_err(|why| ConfigError::Unreadable { path: path.to_owned(), why })?;
        judge(plain(text), path, absolute, Scope::of_this_process())
    }

    /// Reads a text that was made of other files.
    ///
    /// # Errors
    ///
    /// The text is wrong: every mistake it has, at its place in those files.
    pub(crate) fn of_translation(translated: TranslatedText, path: PathBuf) -> Result<Self, ConfigError> {
        let TranslatedText { text, dir, files, origins } = translated;
        let sources = SourceFiles::translated(text, &dir, files, origins);
        judge_sources(sources, path, Scope::of_this_process())
    }
}

/// A text in the language of `stead.toml` that was made of other files.
#[derive(Debug)]
pub(crate) struct TranslatedText {
    pub(crate) text: String,
    /// The directory from which its relative paths start.
    pub(crate) dir: PathBuf,
    /// The files, as they are shown, and what stands in them.
    pub(crate) files: Vec<(PathBuf, String)>,
    /// Ranges of the text, each with the number of a file and the range of that file that it comes from.
    pub(crate) origins: Vec<(Span, usize, Span)>,
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

/// Why a file gives no text.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoText {
    #[error("{0}")]
    Io(#[from] io::Error),
    /// With what the text is up to there, lossily decoded, and the place of the first wrong byte in it.
    #[error("not UTF-8: save it as UTF-8")]
    NotUtf8 { text: String, at: usize },
}

impl NoText {
    /// Whether there is no such file.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// The text of a file: without a byte order mark, which is no part of it and would shift the columns of its first line, and
/// with the line ends that TOML means.
pub(super) fn read_text(path: &Path) -> Result<String, NoText> {
    text_of(File::open(path)?)
}

fn text_of(file: File) -> Result<String, NoText> {
    let mut bytes = Vec::new();
    file.take(FILE_MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_MOST {
        return Err(io::Error::other(format!("larger than {FILE_MOST} bytes")).into());
    }
    let text = String::from_utf8(bytes).map_err(|error| NoText::NotUtf8 {
        text: String::from_utf8_lossy(error.as_bytes()).into_owned(),
        at: error.utf8_error().valid_up_to(),
    })?;
    Ok(plain(&text))
}

/// A carriage return before a line feed is part of the line's end: in a string of several lines it would reach the shell.
fn plain(text: &str) -> String {
    text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n")
}

fn no_config(why: NoText, shown: &Path) -> ConfigError {
    match why {
        NoText::Io(why) => ConfigError::Unreadable { path: shown.to_owned(), why },
        NoText::NotUtf8 { text, at } => {
            let sources = SourceFiles::new(shown.to_owned(), PathBuf::new(), text);
            let mut report = MistakeReport::new(Arc::new(sources));
            // The first replacement character stands where the first wrong byte stood.
            report.add(at..at + char::REPLACEMENT_CHARACTER.len_utf8(), "not UTF-8", "save the file as UTF-8");
            report.into_error()
        }
    }
}

fn judge(text: String, shown: &Path, path: PathBuf, scope: Scope) -> Result<Config, ConfigError> {
    let root = Project::of(&path).root;
    judge_sources(SourceFiles::new(shown.to_owned(), root, text), path, scope)
}

fn judge_sources(sources: SourceFiles, path: PathBuf, scope: Scope) -> Result<Config, ConfigError> {
    let root = Project::of(&path).root;
    let state_dir = Project::of(&path).state_dir();
    let mut report = MistakeReport::new(Arc::new(sources));
    let table = include::read_all(&path, &scope, &mut report);
    let mut config = document::read(&table, scope.clone(), path, root, &mut report);
    let source = Arc::new(ConfigSource { table, files: Arc::clone(report.sources()), scope, state_dir });
    for task in &mut config.tasks {
        task.source = source.of_task(&task.name);
    }
    config.source = Some(source);
    report.conclude(config)
}
