//! What logs take on the disk, and how one is emptied.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use jiff::Timestamp;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rotation::{Old, gone, index_path, log_path, old_index_path, old_log_path, old_segments};
use crate::private;

/// What the log of one task takes on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct LogUsage {
    /// The task.
    pub(crate) task: String,
    /// All its files together.
    pub(crate) bytes: u64,
    /// How many segments there are, the one that is written among them.
    pub(crate) segments: usize,
    /// When the oldest of them was written last.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) oldest: Timestamp,
}

/// A segment as it is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredSegment {
    /// None: the one that is written.
    pub(super) old: Option<Old>,
    /// The log and its index.
    pub(super) bytes: u64,
    /// When it was written last.
    pub(super) written: Timestamp,
}

/// What each log in a directory takes, by the name of its task.
///
/// # Errors
///
/// The directory can't be read; that there is none is no error.
pub(crate) fn disk_usage(dir: &Path) -> io::Result<Vec<LogUsage>> {
    let usage = stored(dir)?.into_iter().filter_map(|(task, segments)| {
        let oldest = segments.iter().map(|segment| segment.written).min()?;
        let bytes = segments.iter().map(|segment| segment.bytes).sum();
        Some(LogUsage { task, bytes, segments: segments.len(), oldest })
    });
    Ok(usage.collect())
}

/// Removes all that a task has written so far. A writer goes on with an empty file. Returns how many bytes that were.
///
/// # Errors
///
/// A file can't be removed or emptied; some others may be by then.
pub(crate) fn clear_log(dir: &Path, task: &str) -> io::Result<u64> {
    let segments = stored(dir)?.remove(task).unwrap_or_default();
    for old in segments.iter().filter_map(|segment| segment.old.as_ref()) {
        gone(fs::remove_file(old_log_path(dir, task, old)))?;
        gone(fs::remove_file(old_index_path(dir, task, old.age)))?;
    }
    // The log first: an index that says too much is cut short by the writer, and passed over by readers.
    for path in [log_path(dir, task), index_path(dir, task)] {
        gone(private::open(&path, OFlags::WRONLY | OFlags::TRUNC).map(drop))?;
    }
    Ok(segments.iter().map(|segment| segment.bytes).sum())
}

/// Every segment in a directory, by task; of each task the youngest first.
pub(super) fn stored(dir: &Path) -> io::Result<BTreeMap<String, Vec<StoredSegment>>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        entries => entries?,
    };
    let mut all: BTreeMap<String, Vec<StoredSegment>> = BTreeMap::new();
    for entry in entries {
        let file_name = entry?.file_name();
        let Some((task, rest)) = file_name.to_str().and_then(|name| name.rsplit_once(".log")) else { continue };
        // `NAME.log`, or an older one of a log that has no current file.
        if all.contains_key(task) || !(rest.is_empty() || rest.starts_with('.')) || task.is_empty() {
            continue;
        }
        let segments = segments_of(dir, task)?;
        if !segments.is_empty() {
            all.insert(task.to_owned(), segments);
        }
    }
    Ok(all)
}

fn segments_of(dir: &Path, task: &str) -> io::Result<Vec<StoredSegment>> {
    let old = old_segments(dir, task)?.into_iter().map(Some);
    let mut segments = Vec::new();
    for old in std::iter::once(None).chain(old) {
        let (log, index) = match &old {
            None => (log_path(dir, task), index_path(dir, task)),
            Some(old) => (old_log_path(dir, task, old), old_index_path(dir, task, old.age)),
        };
        // It may be renamed or removed at this moment.
        let Ok(about) = fs::symlink_metadata(log) else { continue };
        let Some(written) = about.modified().ok().and_then(|at| Timestamp::try_from(at).ok()) else { continue };
        let index = fs::symlink_metadata(index).map_or(0, |about| about.len());
        segments.push(StoredSegment { old, bytes: about.len() + index, written });
    }
    Ok(segments)
}
