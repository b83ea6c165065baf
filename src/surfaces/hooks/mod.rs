//! The hooks: commands and webhooks that are called when a task fails, is given up, recovers, or ends everything.
//!
//! ```text
//! event log ─▶ payload ─▶ one bounded queue per hook ─▶ one call at a time: a command by the warden, or a POST
//! ```
//!
//! A hook never holds up a task, another hook, or the event log. At the end the calls that are running or queued are
//! finished as far as the drain leaves time for them. Over a restart of this surface it keeps only the number of the
//! last event that it has handled.

mod call;
mod payload;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::bail;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{Surface, SurfaceContext, SurfaceHandle};
use crate::config::{HookConfig, builtin};
use crate::duration::Pretty;
use crate::kernel::KernelHandle;
use crate::process::Warden;
use crate::supervisor::engine::{Event, EventKind, PhaseSnapshot, Snapshot};
use crate::supervisor::{EventFollower, Followed};
use call::HookRunner;
use payload::HookPayload;

/// Payloads that may wait for a hook. What comes on top is dropped, and counted.
const PAYLOADS_QUEUED: usize = 64;
/// How long before this surface would be killed it gives up the calls that have not ended, to report them.
const LAST_WORDS_TIME: Duration = Duration::from_millis(100);
/// How long the snapshot may take to show that this surface is being stopped.
const STOP_SEEN_TIME: Duration = Duration::from_secs(1);

/// The hooks of the configuration.
#[derive(Debug)]
pub struct Hooks {
    hooks: Vec<HookConfig>,
    root: PathBuf,
    warden: Warden,
    /// The number of the last event that was handled.
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
        builtin::HOOKS
    }

    fn about(&self) -> String {
        let names: Vec<_> = self.hooks.iter().map(|hook| hook.name.as_str()).collect();
        format!("tells {}", names.join(", "))
    }

    fn after(&self) -> Option<&str> {
        // Commands are its to run, also while everything ends.
        Some(builtin::WARDEN)
    }

    async fn start(&self, context: SurfaceContext) -> anyhow::Result<SurfaceHandle> {
        let SurfaceContext { kernel, config, shutdown, .. } = context;
        let runner = HookRunner {
            root: self.root.clone(),
            project: config.current().project().into(),
            warden: self.warden.clone(),
        };
        let events = kernel.event_log().follow(self.heard.load(Ordering::Relaxed));
        let mut listener =
            HookListener { kernel, heard: Arc::clone(&self.heard), queues: Vec::new(), calls: JoinSet::new() };
        for hook in &self.hooks {
            let (queue, waiting) = mpsc::channel(PAYLOADS_QUEUED);
            let (kernel, runner) = (listener.kernel.clone(), runner.clone());
            listener.calls.spawn(HookCalls { hook: hook.clone(), waiting, is_calling: false, runner, kernel }.make());
            listener.kernel.hooks().count(&hook.name, |_| {});
            listener.queues.push(HookQueue { hook: hook.clone(), queue, dropped: 0 });
        }
        let tasks = vec![tokio::spawn(listener.listen(events, shutdown))];
        Ok(SurfaceHandle { address: None, tasks })
    }
}

/// Reads the events, and queues payloads for the hooks that want them.
#[derive(Debug)]
struct HookListener {
    kernel: KernelHandle,
    heard: Arc<AtomicU64>,
    queues: Vec<HookQueue>,
    /// One for each hook. They end with this.
    calls: JoinSet<()>,
}

/// What waits for one hook.
#[derive(Debug)]
struct HookQueue {
    hook: HookConfig,
    queue: mpsc::Sender<Arc<HookPayload>>,
    /// What was dropped since that was last reported.
    dropped: u64,
}

impl HookListener {
    async fn listen(mut self, mut events: EventFollower, shutdown: CancellationToken) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                event = events.next() => {
                    self.hear(event).await;
                    while let Some(event) = events.try_next() {
                        self.hear(event).await;
                    }
                    self.report_drops();
                }
                Some(ended) = self.calls.join_next() => {
                    ended?;
                    bail!("a hook's calls have ended by themselves");
                }
                () = shutdown.cancelled() => break,
            }
        }
        self.finish(events).await;
        Ok(())
    }

    async fn hear(&mut self, event: Followed) {
        let record = match event {
            Followed::Event(record) => record,
            Followed::Dropped(missed) => {
                self.queues.iter_mut().for_each(|queue| queue.dropped += missed);
                self.heard.fetch_add(missed, Ordering::Relaxed);
                return;
            }
        };
        if payload::is_for_hooks(&record.event) {
            let snapshot = self.kernel.snapshot_since(record.uptime).await;
            if let Some(payload) = HookPayload::of(&record, &snapshot) {
                self.queue(&Arc::new(payload));
            }
        }
        self.heard.store(record.number, Ordering::Relaxed);
    }

    fn queue(&mut self, payload: &Arc<HookPayload>) {
        for queue in self.queues.iter_mut().filter(|queue| payload.is_for(&queue.hook)) {
            if queue.queue.try_send(Arc::clone(payload)).is_err() {
                queue.dropped += 1;
            }
        }
    }

    fn report_drops(&mut self) {
        for HookQueue { hook, dropped, .. } in &mut self.queues {
            if let dropped @ 1.. = std::mem::take(dropped) {
                report_dropped(&self.kernel, hook, dropped);
            }
        }
    }

    /// Lets the calls end, as long as there is time.
    async fn finish(mut self, mut events: EventFollower) {
        while let Some(event) = events.try_next() {
            self.hear(event).await;
        }
        self.report_drops();
        self.queues.clear();
        let calls = &mut self.calls;
        let ended = async { while calls.join_next().await.is_some() {} };
        if timeout(time_left(&self.kernel).await, ended).await.is_err() {
            // Each reports what it leaves undone.
            self.calls.shutdown().await;
        }
    }
}

/// How long this surface has until it is killed. That is known from the snapshot in which it is being stopped.
async fn time_left(kernel: &KernelHandle) -> Duration {
    let mut snapshots = kernel.watch();
    let kill_at = |snapshot: &Snapshot| match snapshot.task(builtin::HOOKS)?.phase {
        PhaseSnapshot::Stopping { kill_at, .. } => Some(kill_at),
        _ => None,
    };
    let stopping = timeout(STOP_SEEN_TIME, snapshots.wait_for(|snapshot| kill_at(snapshot).is_some())).await;
    let kill_at = stopping.ok().and_then(Result::ok).and_then(|snapshot| kill_at(&snapshot));
    kill_at.map_or(Duration::ZERO, |kill_at| kernel.now().until(kill_at)).saturating_sub(LAST_WORDS_TIME)
}

fn report_dropped(kernel: &KernelHandle, hook: &HookConfig, dropped: u64) {
    kernel.hooks().count(&hook.name, |count| count.dropped += dropped);
    let kind = EventKind::HookDropped { hook: hook.name.clone(), dropped };
    kernel.note(Event { task: Some(builtin::HOOKS.to_owned()), kind });
}

/// The calls of one hook, one after the other.
#[derive(Debug)]
struct HookCalls {
    hook: HookConfig,
    waiting: mpsc::Receiver<Arc<HookPayload>>,
    is_calling: bool,
    runner: HookRunner,
    kernel: KernelHandle,
}

impl HookCalls {
    async fn make(mut self) {
        while let Some(payload) = self.waiting.recv().await {
            self.is_calling = true;
            self.call(&payload).await;
            self.is_calling = false;
        }
    }

    async fn call(&self, payload: &HookPayload) {
        let hook = &self.hook;
        let began = Instant::now();
        let called = timeout(hook.timeout, self.runner.call(hook, payload)).await;
        let result = called.unwrap_or_else(|_| Err(format!("it took longer than {}", Pretty(hook.timeout))));
        self.kernel.hooks().count(&hook.name, |count| match &result {
            Ok(()) => count.succeeded += 1,
            Err(_) => count.failed += 1,
        });
        let (on, after, failure) = (payload.event, began.elapsed(), result.err());
        let kind = EventKind::Hooked { hook: hook.name.clone(), on, failure, after };
        self.kernel.note(Event { task: Some(payload.task.clone()), kind });
    }
}

impl Drop for HookCalls {
    /// Cut short, it reports how many calls were not made.
    fn drop(&mut self) {
        if let undone @ 1.. = u64::from(self.is_calling) + self.waiting.len() as u64 {
            report_dropped(&self.kernel, &self.hook, undone);
        }
    }
}
