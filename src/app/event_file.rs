//! The events on disk: what `stead events` shows once the supervisor has ended.
//!
//! `events.jsonl` has a JSON object in each line: an event as the API has it, or at the beginning of a supervisor's events a
//! [`EventSession`]. A file that is full becomes `events.jsonl.1`, in the place of the one before. Nothing waits for the
//! disk: events are written as they are found in the event log, so after a crash the last moment may be missing.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;

use crate::kernel::KernelHandle;
use crate::private;
use crate::supervisor::Followed;

/// Bytes of one of the two files. More than two hours of a task that exits every second.
const EVENT_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// How often events are written at most.
const WRITE_INTERVAL: Duration = Duration::from_millis(100);

/// What stands before the events of one supervisor, and again at the beginning of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EventSession {
    /// When that supervisor was started.
    pub(crate) session: Timestamp,
    /// Its process.
    pub(crate) pid: u32,
}

/// The events of one supervisor that are kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeptEvents {
    /// None if the file that began with it is gone, or its beginning was damaged.
    pub(crate) session: Option<EventSession>,
    /// Oldest first, as they were written.
    pub(crate) events: Vec<Value>,
}

/// Reads all that is kept, the oldest supervisor first. Lines that are no events are left out.
///
/// # Errors
///
/// A file can't be read; that there is none is no error.
pub(crate) fn read_events(file: &Path) -> io::Result<Vec<KeptEvents>> {
    let mut sessions: Vec<KeptEvents> = Vec::new();
    for path in [older(file), file.to_owned()] {
        let text = match private::open(&path, OFlags::RDONLY) {
            Ok(file) => bounded(file)?,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for line in text.split(|byte| *byte == b'\n') {
            let Ok(line) = serde_json::from_slice::<Value>(line) else { continue };
            let session: Option<EventSession> = serde_json::from_value(line.clone()).ok();
            match (session, sessions.last_mut()) {
                (Some(session), Some(last)) if last.session.as_ref() == Some(&session) => {}
                (Some(session), _) => sessions.push(KeptEvents { session: Some(session), events: Vec::new() }),
                (None, Some(last)) => last.events.push(line),
                (None, None) => sessions.push(KeptEvents { session: None, events: vec![line] }),
            }
        }
    }
    Ok(sessions)
}

/// A person may have made it larger than it can become: then its end counts.
fn bounded(mut file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(file.metadata()?.len().saturating_sub(2 * EVENT_FILE_BYTES)))?;
    file.take(2 * EVENT_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn older(file: &Path) -> PathBuf {
    file.with_added_extension("1")
}

/// Writes the events of this supervisor, on a task of its own.
#[derive(Debug)]
pub(super) struct EventKeeper {
    work: JoinHandle<()>,
    file: Arc<Mutex<EventFile>>,
    kernel: KernelHandle,
}

impl EventKeeper {
    pub(super) fn start(path: PathBuf, kernel: KernelHandle) -> Self {
        let session = EventSession { session: kernel.started_at(), pid: std::process::id() };
        let file = Arc::new(Mutex::new(EventFile { path, session, begun: None, last: 0, lost: 0 }));
        let work = tokio::spawn(follow(Arc::clone(&file), kernel.clone()));
        Self { work, file, kernel }
    }

    /// Writes the last events.
    pub(super) async fn finish(self) {
        self.work.abort();
        write(self.file, self.kernel).await;
    }
}

async fn follow(file: Arc<Mutex<EventFile>>, kernel: KernelHandle) {
    let mut last = kernel.event_log().watch();
    while last.wait_for(|last| *last > lock(&file).last).await.is_ok() {
        write(Arc::clone(&file), kernel.clone()).await;
        sleep(WRITE_INTERVAL).await;
    }
}

/// Writes what is new.
async fn write(file: Arc<Mutex<EventFile>>, kernel: KernelHandle) {
    let written = spawn_blocking(move || {
        let mut file = lock(&file);
        let mut follower = kernel.event_log().follow(file.last);
        let new: Vec<_> = std::iter::from_fn(|| follower.try_next()).collect();
        file.append(&new)
    });
    // Only the end of the runtime takes the writing away.
    if let Ok(Err(error)) = written.await {
        tracing::warn!(%error, "events can't be written to the disk");
    }
}

fn lock(file: &Mutex<EventFile>) -> MutexGuard<'_, EventFile> {
    file.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where events are written. It is opened each time: a person may have removed it.
#[derive(Debug)]
struct EventFile {
    path: PathBuf,
    session: EventSession,
    /// The file that has the beginning of this session, by device and inode.
    begun: Option<(u64, u64)>,
    /// The number of the last event that was written, or was to be.
    last: u64,
    /// Events that could not be written since the last that was.
    lost: u64,
}

impl EventFile {
    fn append(&mut self, events: &[Followed]) -> io::Result<()> {
        // What can't be written now is not tried again: on a full disk everything would pile up. It is counted.
        let count = events.iter().map(Self::count).sum::<u64>();
        self.last += count;
        let before = self.lost;
        self.lost += count;
        // A write that fails may have left half a line.
        let begun = self.begun.take();
        let mut file = self.open()?;
        if file.metadata()?.len() >= EVENT_FILE_BYTES {
            fs::rename(&self.path, older(&self.path))?;
            file = self.open()?;
        }
        let about = file.metadata()?;
        let identity = (about.dev(), about.ino());
        let mut bytes = Vec::new();
        if begun != Some(identity) {
            // An empty line is none: what a crash has cut off does not spoil what follows.
            bytes.push(b'\n');
            bytes.extend(line(&self.session)?);
        }
        if before > 0 {
            bytes.extend(line(&json!({ "dropped": before }))?);
        }
        for event in events {
            match event {
                Followed::Event(record) => bytes.extend(line(&**record)?),
                Followed::Dropped(count) => bytes.extend(line(&json!({ "dropped": count }))?),
            }
        }
        file.write_all(&bytes)?;
        (self.begun, self.lost) = (Some(identity), 0);
        Ok(())
    }

    fn open(&self) -> io::Result<File> {
        private::open(&self.path, OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND)
    }

    fn count(event: &Followed) -> u64 {
        match event {
            Followed::Event(_) => 1,
            Followed::Dropped(count) => *count,
        }
    }
}

fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::EventLog;
    use crate::supervisor::engine::{Event, EventKind, Uptime};

    /// Events with these numbers.
    fn events(log: &EventLog, count: u64) -> Vec<Followed> {
        let seen = log.last();
        let event = || Event { task: Some("api".into()), kind: EventKind::Done };
        (0..count).for_each(|_| log.record(event(), Uptime::default(), Timestamp::UNIX_EPOCH));
        let mut follower = log.follow(seen);
        std::iter::from_fn(|| follower.try_next()).collect()
    }

    fn file_in(dir: &Path, pid: u32) -> EventFile {
        let session = EventSession { session: Timestamp::UNIX_EPOCH, pid };
        EventFile { path: fs::canonicalize(dir).unwrap().join("events.jsonl"), session, begun: None, last: 0, lost: 0 }
    }

    fn numbers(kept: &KeptEvents) -> Vec<u64> {
        kept.events.iter().map(|event| event["number"].as_u64().unwrap()).collect()
    }

    #[test]
    fn the_events_of_each_supervisor_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let (mut first, log) = (file_in(dir.path(), 1), EventLog::default());
        assert_eq!(read_events(&first.path).unwrap(), []);
        first.append(&events(&log, 2)).unwrap();
        first.append(&events(&log, 1)).unwrap();
        // What a crash leaves.
        File::options().append(true).open(&first.path).unwrap().write_all(b"{\"number\": 4, \"at").unwrap();
        let mut second = file_in(dir.path(), 2);
        second.append(&events(&EventLog::default(), 1)).unwrap();
        let kept = read_events(&first.path).unwrap();
        assert_eq!(kept.iter().map(|kept| kept.session.clone().unwrap().pid).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((numbers(&kept[0]), numbers(&kept[1])), (vec![1, 2, 3], vec![1]));
        assert_eq!(kept[0].events[0]["event"], "done");
    }

    #[test]
    fn what_could_not_be_written_is_counted_in_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let (mut file, log) = (file_in(dir.path(), 1), EventLog::default());
        file.append(&events(&log, 1)).unwrap();
        fs::remove_file(&file.path).unwrap();
        fs::create_dir(&file.path).unwrap();
        file.append(&events(&log, 2)).unwrap_err();
        file.append(&events(&log, 1)).unwrap_err();
        fs::remove_dir(&file.path).unwrap();
        file.append(&events(&log, 1)).unwrap();
        let kept = read_events(&file.path).unwrap();
        assert_eq!((kept.len(), &kept[0].events[0]), (1, &json!({ "dropped": 3 })));
        assert_eq!(kept[0].events[1]["number"], 5);
    }

    #[test]
    fn there_are_two_files_of_a_bounded_size_and_a_removed_one_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let (mut file, log) = (file_in(dir.path(), 1), EventLog::default());
        for _ in 0..200 {
            file.append(&events(&log, 500)).unwrap();
        }
        let kept = read_events(&file.path).unwrap();
        let last = kept.last().unwrap();
        assert_eq!(
            (kept.len(), last.session.as_ref()),
            (1, Some(&file.session)),
            "listed once, though it is in both files"
        );
        let numbers = numbers(last);
        assert!(numbers.last() == Some(&100_000) && numbers.len() < 100_000, "{}", numbers.len());
        assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]));
        let sizes: u64 =
            [older(&file.path), file.path.clone()].iter().map(|path| fs::metadata(path).unwrap().len()).sum();
        assert!(sizes < 2 * EVENT_FILE_BYTES + 200_000, "{sizes}");
        fs::remove_file(&file.path).unwrap();
        file.append(&events(&log, 1)).unwrap();
        let kept = read_events(&file.path).unwrap();
        assert_eq!(kept.last().unwrap().events.last().unwrap()["number"], 100_001);
    }
}
