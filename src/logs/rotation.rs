//! The files of one task's log: which there are, how they grow old, and how they are packed.
//!
//! `NAME.log` is written. Once it is full it becomes `NAME.log.1`, what was that becomes `NAME.log.2`, and so on; its
//! index goes with it. A segment that is not written any more is compressed in the background, and replaced only
//! once that is done.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use rustix::fs::OFlags;

use super::origin::RunKey;
use super::retention::Retention;
use crate::config::LogsConfig;
use crate::private;

/// An index larger than this share of a segment ends the segment, too: many tiny chunks are as good as many bytes.
const INDEX_SHARE: u64 = 8;
/// An index up to this size is never too large.
const INDEX_BYTES: u64 = 4 * 1024;
/// A segment with more bytes is not compressed: it would have to be unpacked to be read. So what is in a compressed one has a
/// bound, also in one that another program has put there.
pub(super) const PACKED_BYTES_MOST: u64 = 1 << 30;
/// One segment is compressed at a time, over all tasks: it must not use a second processor.
static COMPRESSING: Mutex<()> = Mutex::new(());

/// Where the log of one task is kept. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store(Arc<StoreInner>);

#[derive(Debug)]
struct StoreInner {
    dir: PathBuf,
    name: String,
    max_size: AtomicU64,
    keep: AtomicU32,
    retention: Mutex<Retention>,
    supervised_since: u32,
    /// Held while files are renamed.
    moving: Mutex<()>,
    is_compressing: AtomicBool,
}

/// An older segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Old {
    /// Counts from 1, the youngest.
    pub(super) age: u32,
    pub(super) is_packed: bool,
}

impl Store {
    /// The log of task `name`. Nothing is made before something is written.
    #[must_use]
    pub fn new(config: &LogsConfig, name: &str) -> Self {
        let since = u32::try_from(Timestamp::now().as_second()).unwrap_or(u32::MAX);
        Self(Arc::new(StoreInner {
            dir: config.dir.clone(),
            name: name.to_owned(),
            max_size: AtomicU64::new(config.max_size),
            keep: AtomicU32::new(config.keep),
            retention: Mutex::new(Retention::of(config)),
            supervised_since: since,
            moving: Mutex::default(),
            is_compressing: AtomicBool::new(false),
        }))
    }

    /// Keeps other amounts from now on; where it is kept stays as it is.
    pub(crate) fn limit(&self, config: &LogsConfig) {
        self.0.max_size.store(config.max_size, Ordering::Relaxed);
        self.0.keep.store(config.keep, Ordering::Relaxed);
        *self.0.retention.lock().unwrap_or_else(PoisonError::into_inner) = Retention::of(config);
    }

    /// The task whose log it is.
    pub(crate) fn task(&self) -> &str {
        &self.0.name
    }

    /// The file that is written.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        log_path(&self.0.dir, &self.0.name)
    }

    pub(super) fn index_path(&self) -> PathBuf {
        index_path(&self.0.dir, &self.0.name)
    }

    /// The run of this number under the supervisor that writes the log.
    pub(crate) fn run(&self, number: u64) -> RunKey {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        RunKey { supervised_since: self.0.supervised_since, number }
    }

    /// How many more bytes go into a segment of this size; none if there is no limit.
    pub(super) fn room(&self, log_len: u64, index_len: u64) -> Option<u64> {
        let most = self.0.max_size.load(Ordering::Relaxed);
        let room = if index_len >= (most / INDEX_SHARE).max(INDEX_BYTES) { 0 } else { most.saturating_sub(log_len) };
        (most > 0).then_some(room)
    }

    /// Ends the current segment: every segment becomes one older, and what is too old is removed.
    ///
    /// # Errors
    ///
    /// The current segment can't be moved; it is still the current one then.
    pub(super) fn rotate(&self) -> io::Result<()> {
        let StoreInner { dir, name, keep, .. } = &*self.0;
        let keep = keep.load(Ordering::Relaxed);
        let moving = self.moving();
        // The oldest first. An index follows its log: a crash in between leaves a log without one, never a wrong one.
        for old in old_segments(dir, name)?.into_iter().rev() {
            let (log, index) = (old_log_path(dir, name, &old), old_index_path(dir, name, old.age));
            let older = Old { age: old.age.saturating_add(1), ..old };
            if older.age > keep {
                gone(fs::remove_file(log))?;
                gone(fs::remove_file(index))?;
            } else {
                // All logs together may just have become too large for it.
                gone(fs::rename(log, old_log_path(dir, name, &older)))?;
                gone(fs::rename(index, old_index_path(dir, name, older.age)))?;
            }
        }
        if keep == 0 {
            gone(fs::remove_file(self.path()))?;
            gone(fs::remove_file(self.index_path()))?;
        } else {
            fs::rename(self.path(), old_log_path(dir, name, &Old { age: 1, is_packed: false }))?;
            gone(fs::rename(self.index_path(), old_index_path(dir, name, 1)))?;
        }
        drop(moving);
        self.compress();
        Ok(())
    }

    /// Sees to it that older segments are compressed, and that all together stay within their bounds, on a thread of its own
    /// that ends when all is done.
    fn compress(&self) {
        if self.0.is_compressing.swap(true, Ordering::AcqRel) {
            return;
        }
        let store = self.clone();
        let compressing = move || {
            // Before and after: a full disk has no room for what is compressed.
            store.enforce_retention();
            while let Some(segment) = store.next_to_compress() {
                if let Err(error) = store.compress_one(&segment) {
                    tracing::warn!(task = store.0.name, %error, "an old log segment can't be compressed");
                    store.0.is_compressing.store(false, Ordering::Release);
                    return;
                }
            }
            store.enforce_retention();
        };
        if let Err(error) = std::thread::Builder::new().name("compress".to_owned()).spawn(compressing) {
            tracing::warn!(%error, "old log segments can't be compressed");
            self.0.is_compressing.store(false, Ordering::Release);
        }
    }

    fn enforce_retention(&self) {
        let retention = *self.0.retention.lock().unwrap_or_else(PoisonError::into_inner);
        retention.enforce(&self.0.dir, Timestamp::now());
    }

    /// The oldest segment that is not compressed. If there is none the work is over, and known to be before the next
    /// rotation looks.
    fn next_to_compress(&self) -> Option<File> {
        let StoreInner { dir, name, .. } = &*self.0;
        let moving = self.moving();
        let old = old_segments(dir, name).unwrap_or_default();
        let plain = old.iter().rev().filter(|old| !old.is_packed);
        let is_small = |file: &File| file.metadata().is_ok_and(|about| about.len() <= PACKED_BYTES_MOST);
        let mut files = plain.filter_map(|old| File::open(old_log_path(dir, name, old)).ok());
        let next = files.find(is_small);
        if next.is_none() {
            self.0.is_compressing.store(false, Ordering::Release);
        }
        drop(moving);
        next
    }

    fn compress_one(&self, segment: &File) -> io::Result<()> {
        let StoreInner { dir, name, .. } = &*self.0;
        let _turn = COMPRESSING.lock().unwrap_or_else(PoisonError::into_inner);
        let packed = dir.join(format!("{name}.log.gz.tmp"));
        let mut encoder = GzEncoder::new(
            private::open(&packed, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?,
            Compression::fast(),
        );
        io::copy(&mut &*segment, &mut encoder)?;
        encoder.finish()?;
        // It may have grown older meanwhile, or too old.
        let _moving = self.moving();
        let identity = FileIdentity::of(segment)?;
        for old in old_segments(dir, name)?.into_iter().filter(|old| !old.is_packed) {
            let plain = old_log_path(dir, name, &old);
            if File::open(&plain).and_then(|file| FileIdentity::of(&file)).is_ok_and(|found| found == identity) {
                fs::rename(&packed, old_log_path(dir, name, &Old { is_packed: true, ..old }))?;
                return fs::remove_file(plain);
            }
        }
        fs::remove_file(packed)
    }

    fn moving(&self) -> MutexGuard<'_, ()> {
        self.0.moving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells one file from another, whatever they are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileIdentity(u64, u64);

impl FileIdentity {
    /// # Errors
    ///
    /// It can't be known.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        Ok(Self::from(&file.metadata()?))
    }
}

impl From<&fs::Metadata> for FileIdentity {
    fn from(metadata: &fs::Metadata) -> Self {
        Self(metadata.dev(), metadata.ino())
    }
}

pub(super) fn log_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.log"))
}

pub(super) fn index_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.idx"))
}

pub(super) fn old_log_path(dir: &Path, name: &str, old: &Old) -> PathBuf {
    let packed = if old.is_packed { ".gz" } else { "" };
    dir.join(format!("{name}.log.{}{packed}", old.age))
}

pub(super) fn old_index_path(dir: &Path, name: &str, age: u32) -> PathBuf {
    dir.join(format!("{name}.idx.{age}"))
}

/// The older segments that there are, the youngest first. One that is there in both forms counts as it was before
/// it was compressed.
///
/// # Errors
///
/// The directory can't be read.
pub(super) fn old_segments(dir: &Path, name: &str) -> io::Result<Vec<Old>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let file_name = entry?.file_name();
        let age = file_name.to_str().and_then(|file| file.strip_prefix(name)?.strip_prefix(".log."));
        let Some(age) = age else { continue };
        let (age, is_packed) = age.strip_suffix(".gz").map_or((age, false), |age| (age, true));
        // Not what anybody else has put there: a number is written in one way.
        if let Some(age) = age.parse().ok().filter(|number: &u32| *number > 0 && number.to_string() == age) {
            let segment = found.entry(age).or_insert(is_packed);
            *segment &= is_packed;
        }
    }
    Ok(found.into_iter().map(|(age, is_packed)| Old { age, is_packed }).collect())
}

/// What is not there needs no removing and no moving.
pub(super) fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
