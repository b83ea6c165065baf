//! What one supervisor supervises: a configuration file in a directory.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::FILE_NAME;

/// The name of the directory in which stead keeps its own files, beside the configuration.
const STATE_DIR: &str = ".stead";
/// Where in it the directories of files with another name than [`FILE_NAME`] are.
const OTHER_FILES: &str = "files";

/// A configuration file in a directory. Each has at most one supervisor, and a state directory of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The directory.
    pub root: PathBuf,
    /// The name of the file in it.
    pub file: OsString,
}

impl Project {
    /// The project of the configuration file `path`.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let root = path.parent().filter(|root| !root.as_os_str().is_empty());
        Self { root: root.unwrap_or(Path::new(".")).to_owned(), file: path.file_name().unwrap_or_default().to_owned() }
    }

    /// The project of the `stead.toml` in a directory.
    #[must_use]
    pub fn in_dir(root: &Path) -> Self {
        Self { root: root.to_owned(), file: FILE_NAME.into() }
    }

    /// The same project, seen from its own directory.
    #[must_use]
    pub fn from_within(&self) -> Self {
        Self { root: ".".into(), file: self.file.clone() }
    }

    /// The configuration file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        if self.root == Path::new(".") { self.file.clone().into() } else { self.root.join(&self.file) }
    }

    /// A name for people: that of the directory, with the file's if it is not `stead.toml`.
    #[must_use]
    pub fn name(&self) -> String {
        let root = std::path::absolute(&self.root).unwrap_or_else(|_| self.root.clone());
        let dir = root.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
        if self.file == FILE_NAME { dir.into_owned() } else { format!("{dir} ({})", self.file.display()) }
    }

    /// Tells this project from all others in its directory.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.file.as_bytes()
    }

    /// The directory of all projects in this directory whose file is not `stead.toml`.
    #[must_use]
    pub fn others_dir(&self) -> PathBuf {
        self.root.join(STATE_DIR).join(OTHER_FILES)
    }

    /// Where stead keeps its files: `.stead`, or `.stead/files/NAME` for a file with another name than `stead.toml`.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        if self.file == FILE_NAME { self.root.join(STATE_DIR) } else { self.others_dir().join(&self.file) }
    }
}
