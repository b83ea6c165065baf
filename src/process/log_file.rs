//! The log file of one task: bytes as they were written.
//!
//! A file that can't be written never stops a task: what is lost is counted, and writing is tried again with the
//! next bytes. Blocks; called where that is fine.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

/// Opened for appending, once per run.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    /// None as long as it could not be opened.
    file: Option<File>,
}

/// Bytes that could not be written, and why.
#[derive(Debug)]
pub(super) struct Loss {
    pub(super) bytes: u64,
    pub(super) error: io::Error,
}

impl LogFile {
    /// Opens the file and makes its directory, if that can be done now.
    pub(super) fn new(path: PathBuf) -> Self {
        let mut log = Self { path, file: None };
        if let Err(error) = log.opened() {
            tracing::warn!(path = %log.path.display(), %error, "a log file can't be opened");
        }
        log
    }

    /// Writes as many of the bytes as it can.
    ///
    /// # Errors
    ///
    /// Some or all of them are lost.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Loss> {
        let mut rest = bytes;
        let lost = |rest: &[u8], error| Loss { bytes: rest.len() as u64, error };
        let file = self.opened().map_err(|error| lost(rest, error))?;
        while !rest.is_empty() {
            match file.write(rest) {
                Ok(0) => return Err(lost(rest, ErrorKind::WriteZero.into())),
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(lost(rest, error)),
            }
        }
        Ok(())
    }

    fn opened(&mut self) -> io::Result<&mut File> {
        match &mut self.file {
            Some(file) => Ok(file),
            missing @ None => {
                if let Some(dir) = self.path.parent() {
                    fs::create_dir_all(dir)?;
                }
                Ok(missing.insert(File::options().append(true).create(true).open(&self.path)?))
            }
        }
    }
}
