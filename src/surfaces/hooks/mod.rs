//! The hooks: commands and webhooks that are told when a task fails, is given up, recovers, or ends everything.
//!
//! ```text
//! timeline ─▶ occurrence ─▶ one bounded queue per hook ─▶ one call at a time: a command by the warden, or a POST
//! ```
//!
//! A hook never holds up a task, another hook, or the timeline. At the end the calls that are under way or wait are
//! finished as far as the drain leaves time for them. All that is remembered over a restart of this surface is how far
//! the timeline has been heard.

mod call;
mod occurrence;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::bail;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{Surface, SurfaceContext, SurfaceHandle};
use crate::config::HookConfig;
use crate::duration::Pretty;
use crate::kernel::KernelHandle;
use crate::process::Warden;
use crate::supervisor::EventRecord;
use crate::supervisor::engine::{Event, EventKind, PhaseSnapshot, Snapshot};
use call::Caller;
use occurrence::Occurrence;

/// Its name as a task.
const NAME: &str = "hooks";
/// Occurrences that may wait for a hook; of more it is not told, and that is counted.
const OCCURRENCES_QUEUED: usize = 64;
/// So long before this surface would be killed it gives up what is not finished, to say so.
const LAST_WORDS_TIME: Duration = Duration::from_millis(100);
/// How long the snapshot may take to show that this surface is being stopped.
const STOP_SEEN_TIME: Duration = Duration::from_secs(1);

/// The hooks of the configuration.
#[derive(Debug)]
pub struct Hooks {
    hooks: Vec<HookConfig>,
    root: PathBuf,
    warden: Warden,
    /// The number of the last event of the timeline that was heard.
    heard: Arc<AtomicU64>,
}

impl Hooks {
    /// These hooks. Commands are run in `root`, by `warden`.
    pub(crate) fn new(hooks: Vec<HookConfig>, root: &Path, warden: Warden) -> Self {
        Self { hooks, root: root.to_owned(), warden, heard: Arc::default() }
    }
}

impl Surface for Hooks {
    fn name(&self) -> &str {
        NAME
    }

    fn about(&self) -> String {
        let names: Vec<_> = self.hooks.iter().map(|hook| hook.name.as_str()).collect();
        format!("tells {}", names.join(", "))
    }

    fn after(&self) -> Option<&str> {
        // Commands are its to run, also while everything ends.
        Some("warden")
    }

    async fn start(&self, context: SurfaceContext) -> anyhow::Result<SurfaceHandle> {
        let SurfaceContext { kernel, config, shutdown, .. } = context;
        let caller = Caller {
            root: self.root.clone(),
            project: config.current().project().name().into(),
            warden: self.warden.clone(),
        };
        let (_, events) = kernel.event_log().follow();
        let mut listener =
            Listener { kernel, heard: Arc::clone(&self.heard), queues: Vec::new(), calls: JoinSet::new() };
        for hook in &self.hooks {
            let (queue, waiting) = mpsc::channel(OCCURRENCES_QUEUED);
            let (kernel, caller) = (listener.kernel.clone(), caller.clone());
            listener.calls.spawn(Calls { hook: hook.clone(), waiting, is_calling: false, caller, kernel }.make());
            listener.kernel.hooks().count(&hook.name, |_| {});
            listener.queues.push(Queue { hook: hook.clone(), queue, dropped: 0 });
        }
        let tasks = vec![tokio::spawn(listener.listen(events, shutdown))];
        Ok(SurfaceHandle { channel: None, address: None, tasks })
    }
}

/// Hears what happens, and queues it for whom it concerns.
#[derive(Debug)]
struct Listener {
    kernel: KernelHandle,
    heard: Arc<AtomicU64>,
    queues: Vec<Queue>,
    /// One for each hook. They end with this.
    calls: JoinSet<()>,
}

/// What waits for one hook.
#[derive(Debug)]
struct Queue {
    hook: HookConfig,
    queue: mpsc::Sender<Arc<Occurrence>>,
    /// Of how much it was not told since it was last said.
    dropped: u64,
}

impl Listener {
    async fn listen(
        mut self,
        mut events: Receiver<Arc<EventRecord>>,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        self.catch_up().await;
        loop {
            tokio::select! {
                // What was missed in the stream is still in the timeline.
                event = events.recv() => match event {
                    Ok(_) | Err(RecvError::Lagged(_)) => self.catch_up().await,
                    Err(RecvError::Closed) => break,
                },
                Some(ended) = self.calls.join_next() => {
                    ended?;
                    bail!("a hook's calls have ended by themselves");
                }
                () = shutdown.cancelled() => break,
            }
        }
        self.finish().await;
        Ok(())
    }

    /// Hears all that has happened since.
    async fn catch_up(&mut self) {
        let heard = self.heard.load(Ordering::Relaxed);
        let records = self.kernel.event_log().after(heard);
        let missed = records.first().map_or(0, |first| first.number - heard - 1);
        if missed > 0 {
            self.queues.iter_mut().for_each(|queue| queue.dropped += missed);
        }
        for record in records {
            if occurrence::concerns(&record.event) {
                let snapshot = self.kernel.snapshot_since(record.uptime).await;
                if let Some(occurrence) = Occurrence::of(&record, &snapshot) {
                    self.queue(&Arc::new(occurrence));
                }
            }
            self.heard.store(record.number, Ordering::Relaxed);
        }
        self.tell_drops();
    }

    fn queue(&mut self, occurrence: &Arc<Occurrence>) {
        for queue in self.queues.iter_mut().filter(|queue| occurrence.concerns(&queue.hook)) {
            if queue.queue.try_send(Arc::clone(occurrence)).is_err() {
                queue.dropped += 1;
            }
        }
    }

    fn tell_drops(&mut self) {
        for Queue { hook, dropped, .. } in &mut self.queues {
            if let dropped @ 1.. = std::mem::take(dropped) {
                tell_dropped(&self.kernel, hook, dropped);
            }
        }
    }

    /// Sees the calls off, as long as there is time.
    async fn finish(mut self) {
        self.catch_up().await;
        self.queues.clear();
        let calls = &mut self.calls;
        let ended = async { while calls.join_next().await.is_some() {} };
        if timeout(time_left(&self.kernel).await, ended).await.is_err() {
            // Each says of itself what it leaves undone.
            self.calls.shutdown().await;
        }
    }
}

/// How long this surface has until it is killed. That is known from the snapshot in which it is being stopped.
async fn time_left(kernel: &KernelHandle) -> Duration {
    let mut snapshots = kernel.watch();
    let kill_at = |snapshot: &Snapshot| match snapshot.task(NAME)?.phase {
        PhaseSnapshot::Stopping { kill_at, .. } => Some(kill_at),
        _ => None,
    };
    let stopping = timeout(STOP_SEEN_TIME, snapshots.wait_for(|snapshot| kill_at(snapshot).is_some())).await;
    let kill_at = stopping.ok().and_then(Result::ok).and_then(|snapshot| kill_at(&snapshot));
    kill_at.map_or(Duration::ZERO, |kill_at| kernel.now().until(kill_at)).saturating_sub(LAST_WORDS_TIME)
}

fn tell_dropped(kernel: &KernelHandle, hook: &HookConfig, dropped: u64) {
    kernel.hooks().count(&hook.name, |count| count.dropped += dropped);
    let kind = EventKind::HookDropped { hook: hook.name.clone(), dropped };
    kernel.note(Event { task: Some(NAME.to_owned()), kind });
}

/// The calls of one hook, one after the other.
#[derive(Debug)]
struct Calls {
    hook: HookConfig,
    waiting: mpsc::Receiver<Arc<Occurrence>>,
    is_calling: bool,
    caller: Caller,
    kernel: KernelHandle,
}

impl Calls {
    async fn make(mut self) {
        while let Some(occurrence) = self.waiting.recv().await {
            self.is_calling = true;
            self.call(&occurrence).await;
            self.is_calling = false;
        }
    }

    async fn call(&self, occurrence: &Occurrence) {
        let hook = &self.hook;
        let began = Instant::now();
        let called = timeout(hook.timeout, self.caller.call(hook, occurrence)).await;
        let result = called.unwrap_or_else(|_| Err(format!("it took longer than {}", Pretty(hook.timeout))));
        self.kernel.hooks().count(&hook.name, |count| match &result {
            Ok(()) => count.succeeded += 1,
            Err(_) => count.failed += 1,
        });
        let (on, after, failure) = (occurrence.event, began.elapsed(), result.err());
        let kind = EventKind::Hooked { hook: hook.name.clone(), on, failure, after };
        self.kernel.note(Event { task: Some(occurrence.task.clone()), kind });
    }
}

impl Drop for Calls {
    /// Cut short, it says of how much the hook was not told.
    fn drop(&mut self) {
        if let undone @ 1.. = u64::from(self.is_calling) + self.waiting.len() as u64 {
            tell_dropped(&self.kernel, &self.hook, undone);
        }
    }
}
