//! Keeps what is known of every failed run: follows the event log, and never holds up the driver.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::kernel::post_mortem::{LAST_LINE_CHARS, LAST_LINES, LastLine};
use crate::kernel::{KernelHandle, PostMortem, PostMortems};
use crate::logs::{LogLine, OutputStream, last_words, without_escapes};
use crate::supervisor::engine::{EventKind, ExitReason, Snapshot, TaskSnapshot, Usage};
use crate::supervisor::{EventFollower, EventRecord, Followed};

/// How long after an exit the snapshot may take to tell of it.
const EXIT_SHOWN_TIME: Duration = Duration::from_secs(1);
/// How long the end of the supervisor may wait for what is still to be written.
const FINISH_TIME: Duration = Duration::from_millis(100);

/// Examines failed runs, on a task of its own.
#[derive(Debug)]
pub(super) struct Examiner {
    /// None if nothing is kept.
    work: Option<JoinHandle<()>>,
    over: CancellationToken,
}

struct Work {
    kernel: KernelHandle,
    post_mortems: PostMortems,
    usage: watch::Receiver<BTreeMap<String, Usage>>,
    /// The last words of each task's last failed run, for the snapshot.
    last_words: watch::Sender<BTreeMap<String, String>>,
    /// The most memory that the current run of each task was seen to use.
    peaks: BTreeMap<String, u64>,
}

impl Examiner {
    /// Starts, if `kernel` says where to keep what is found.
    pub(super) fn start(
        kernel: KernelHandle,
        usage: watch::Receiver<BTreeMap<String, Usage>>,
        last_words: watch::Sender<BTreeMap<String, String>>,
    ) -> Self {
        let over = CancellationToken::new();
        let work = kernel.post_mortems().cloned().map(|post_mortems| {
            let events = kernel.event_log().follow(u64::MAX);
            let work = Work { kernel, post_mortems, usage, last_words, peaks: BTreeMap::new() };
            tokio::spawn(work.run(events, over.clone()))
        });
        Self { work, over }
    }

    /// Ends once all that has happened is written, or soon.
    pub(super) async fn finish(self) {
        self.over.cancel();
        if let Some(work) = self.work
            && timeout(FINISH_TIME, work).await.is_err()
        {
            warn!("the last post-mortems were not written in time");
        }
    }
}

impl Work {
    async fn run(mut self, mut events: EventFollower, over: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                event = events.next() => self.follow(event).await,
                Ok(()) = self.usage.changed() => self.note_peaks(),
                () = over.cancelled() => break,
            }
        }
        while let Some(event) = events.try_next() {
            self.follow(event).await;
        }
    }

    async fn follow(&mut self, event: Followed) {
        match event {
            Followed::Event(event) => self.hear(&event).await,
            Followed::Dropped(missed) => warn!(missed, "events were too many to keep all post-mortems"),
        }
    }

    fn note_peaks(&mut self) {
        for (task, usage) in &*self.usage.borrow_and_update() {
            let peak = self.peaks.entry(task.clone()).or_default();
            *peak = usage.memory_bytes.max(*peak);
        }
    }

    fn note_last_words(&self, task: &str, words: Option<String>) {
        self.last_words.send_modify(|known| match words {
            Some(words) => drop(known.insert(task.to_owned(), words)),
            None => drop(known.remove(task)),
        });
    }

    async fn hear(&mut self, event: &EventRecord) {
        let Some(task) = &event.event.task else { return };
        match &event.event.kind {
            EventKind::Started { .. } => {
                self.peaks.remove(task);
            }
            EventKind::Exited { expected, then, run, reason, after, peak_memory } if !expected || then.is_bad() => {
                let Some(snapshot) = self.snapshot_after(task, *run).await else { return };
                let Some(state) = snapshot.task(task) else { return };
                let post_mortem = self.examine(event, state, *run, reason, *after, *peak_memory);
                self.write(post_mortem).await;
            }
            _ => {}
        }
    }

    /// The first snapshot that tells of the end of this run, or of a later one, or that the task has left the board.
    async fn snapshot_after(&self, task: &str, run: u64) -> Option<Arc<Snapshot>> {
        let mut snapshots = self.kernel.watch();
        let tells = |snapshot: &Arc<Snapshot>| {
            snapshot.task(task).is_none_or(|task| task.last_exit.as_ref().is_some_and(|last| last.run >= run))
        };
        let told = timeout(EXIT_SHOWN_TIME, snapshots.wait_for(tells)).await;
        told.ok()?.ok().map(|snapshot| Arc::clone(&snapshot))
    }

    fn examine(
        &mut self,
        event: &EventRecord,
        state: &TaskSnapshot,
        run: u64,
        reason: &ExitReason,
        after: Duration,
        measured: Option<u64>,
    ) -> PostMortem {
        let signal = match reason {
            ExitReason::Signal { signal, .. } => Some(signal.to_string()),
            _ => None,
        };
        let written = self.kernel.logs().tail(&state.name).lines();
        let own: Vec<_> = written.iter().filter(|line| u64::from(line.run.number) == run).collect();
        self.note_last_words(&state.name, last_words(own.iter().map(|line| line.as_ref())));
        PostMortem {
            task: state.name.clone(),
            run,
            session: self.kernel.started_at(),
            at: event.at,
            reason: reason.to_string(),
            class: reason.class().to_owned(),
            signal,
            ran_for_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
            retries: state.retries,
            max_retries: state.max_retries,
            then: state.phase.word().to_owned(),
            peak_memory_bytes: self.peaks.remove(&state.name).max(measured),
            lines: own[own.len().saturating_sub(LAST_LINES)..].iter().map(|line| last_line(line)).collect(),
        }
    }

    async fn write(&self, post_mortem: PostMortem) {
        let kept = self.post_mortems.clone();
        let task = post_mortem.task.clone();
        // Only the end of the runtime takes the writing away.
        if let Ok(Err(error)) = spawn_blocking(move || kept.keep(&post_mortem)).await {
            warn!(task, %error, "a post-mortem can't be written");
        }
    }
}

fn last_line(line: &LogLine) -> LastLine {
    let text: String = without_escapes(&line.bytes).chars().take(LAST_LINE_CHARS).collect();
    LastLine { at: line.at, is_stderr: line.stream == OutputStream::Stderr, text }
}
