//! Plain output: one line per event and, unless headless, one per line that a task writes, the task's name in front.
//! stead's own parts are silent while they are well.
//!
//! Into a pipe or a file goes what a task wrote, byte for byte; onto a terminal nothing that acts on it. An event
//! stands before the output that follows it, and the last words of a run before the event that ends it. The beginning of
//! a line that does not end soon, such as a prompt, is printed as it is. Once nothing reads the output any more, the
//! supervisor is asked to stop.

mod printer;
mod task_output;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, ErrorKind, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, Stdout, stdout};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Surface, SurfaceContext, SurfaceHandle};
use crate::config::builtin::{self, BUILTIN_NAMESPACE};
use crate::kernel::KernelHandle;
use crate::logs::{GrownLogs, LogReader};
use crate::process::OutputReader;
use crate::supervisor::engine::{EventKind, Origin, Request};
use crate::supervisor::{EventFollower, EventRecord, Followed};
use printer::LinePrinter;
use task_output::{Left, Part, TaskOutput};

/// Text that may wait to be written with what comes after it, and output that is read at once.
const TEXT_BYTES: usize = 64 * 1024;
/// The least width of the column of names.
const NAME_WIDTH_LEAST: usize = 7;
/// A line that has not ended after this time is printed as far as it goes.
const PROMPT_AFTER: Duration = Duration::from_millis(200);
/// Output waits this long for the event that says that its run has started.
const START_MAY_TAKE: Duration = Duration::from_secs(1);
/// Pieces of [`TEXT_BYTES`] that are read of a task before an event about it, unless the event ends the run.
const PIECES_BEFORE_AN_EVENT: usize = 16;

/// Writes what happens to standard output.
#[derive(Debug)]
pub struct Plain {
    /// Whether the tasks' own lines are written, too.
    lines: bool,
}

impl Plain {
    /// Events, and every line of output.
    #[must_use]
    pub fn with_output() -> Self {
        Self { lines: true }
    }

    /// Events only.
    #[must_use]
    pub fn events_only() -> Self {
        Self { lines: false }
    }
}

impl Surface for Plain {
    fn name(&self) -> &str {
        builtin::PLAIN
    }

    fn about(&self) -> String {
        if self.lines { "events and output as lines" } else { "events as lines" }.to_owned()
    }

    fn has_last_words(&self) -> bool {
        true
    }

    async fn start(&self, context: SurfaceContext) -> anyhow::Result<SurfaceHandle> {
        let SurfaceContext { kernel, config, shutdown, .. } = context;
        let events = kernel.event_log().follow(0);
        let config = config.current();
        let names = config.tasks.iter().map(|task| task.name.len());
        let width = names.chain([NAME_WIDTH_LEAST]).max().unwrap_or(0);
        let writer = PlainWriter {
            out: stdout(),
            printer: LinePrinter::new(width, io::stdout().is_terminal()),
            grown: self.lines.then(|| kernel.logs().grown()),
            reader: LogReader::new(&config.logs.dir),
            kernel,
            outputs: BTreeMap::new(),
            pending: VecDeque::new(),
            started: BTreeMap::new(),
            prompts: BTreeMap::new(),
            held: BTreeMap::new(),
        };
        let task = tokio::spawn(writer.run(events, shutdown));
        Ok(SurfaceHandle { address: None, tasks: vec![task] })
    }
}

#[derive(Debug)]
struct PlainWriter {
    out: Stdout,
    printer: LinePrinter,
    kernel: KernelHandle,
    /// Which tasks have written, if their output is printed.
    grown: Option<Arc<GrownLogs>>,
    reader: LogReader,
    outputs: BTreeMap<Arc<str>, TaskOutput>,
    /// Tasks whose output is to be read, in turn.
    pending: VecDeque<Arc<str>>,
    /// The latest run of each task whose start was printed.
    started: BTreeMap<Arc<str>, u64>,
    /// When a line of a task that has not ended is printed as far as it goes.
    prompts: BTreeMap<Arc<str>, Instant>,
    /// When output is printed though its run was not said to have started.
    held: BTreeMap<Arc<str>, Instant>,
}

impl PlainWriter {
    async fn run(mut self, mut events: EventFollower, shutdown: CancellationToken) -> anyhow::Result<()> {
        let result = self.follow(&mut events, &shutdown).await;
        let result = if result.is_ok() { self.finish(&mut events).await } else { result };
        match result {
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe) => {
                // It may be stopping already.
                let _ = self.kernel.request(Request::ShutDown, Origin("closed standard output".to_owned())).await;
                shutdown.cancelled().await;
                Ok(())
            }
            result => Ok(result?),
        }
    }

    async fn follow(&mut self, events: &mut EventFollower, shutdown: &CancellationToken) -> io::Result<()> {
        let reader_of_output = OutputReader::of(&io::stdout());
        let grown = self.grown.clone();
        loop {
            let due = self.prompts.values().chain(self.held.values()).min().copied();
            let has_pending = !self.pending.is_empty();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                () = reader_of_output.has_gone() => return Err(ErrorKind::BrokenPipe.into()),
                event = events.next() => self.add_followed(event).await?,
                tasks = next(grown.as_deref()) => self.add_pending(tasks),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.print_overdue(),
                () = std::future::ready(()), if has_pending => self.print_next().await?,
            }
            // Events that come at once are written at once.
            while self.printer.text.len() < TEXT_BYTES
                && let Some(event) = events.try_next()
            {
                self.add_followed(event).await?;
            }
            self.write().await?;
        }
    }

    /// Writes what is left at the end.
    async fn finish(&mut self, events: &mut EventFollower) -> io::Result<()> {
        while let Some(event) = events.try_next() {
            self.add_followed(event).await?;
        }
        self.take_grown();
        while let Some(task) = self.pending.pop_front() {
            self.started.insert(Arc::clone(&task), u64::MAX);
            while self.print_some(&task).await? == Left::More {}
            self.print_begun(&task);
        }
        self.printer.end_line();
        self.write().await
    }

    async fn add_followed(&mut self, event: Followed) -> io::Result<()> {
        match event {
            Followed::Event(record) => self.add_event(&record).await,
            Followed::Dropped(missed) => {
                self.printer.note("stead", &format!("{missed} events left out"));
                Ok(())
            }
        }
    }

    async fn add_event(&mut self, record: &EventRecord) -> io::Result<()> {
        let Some(task) = record.event.task.as_deref() else {
            self.printer.event("stead", record);
            return Ok(());
        };
        if task.starts_with(BUILTIN_NAMESPACE) {
            self.add_part_event(record);
            return Ok(());
        }
        self.take_grown();
        let task: Arc<str> = task.into();
        if self.pending.contains(&task) || self.outputs.contains_key(&task) {
            // What a run wrote before it ended stands before the line that says so.
            let ends = matches!(record.event.kind, EventKind::Exited { .. });
            let mut pieces = 0;
            while self.print_some(&task).await? == Left::More && (ends || pieces < PIECES_BEFORE_AN_EVENT) {
                pieces += 1;
            }
            if ends {
                self.print_begun(&task);
            }
        }
        self.printer.event(&task, record);
        if let EventKind::Started { run, .. } = record.event.kind {
            self.started.insert(Arc::clone(&task), run);
            if self.held.remove(&task).is_some() {
                self.add_pending([task]);
            }
        }
        Ok(())
    }

    /// Of stead's own parts only trouble is printed, and where the page is.
    fn add_part_event(&mut self, record: &EventRecord) {
        match (&record.event.kind, record.event.task.as_deref()) {
            (EventKind::Started { address: Some(address), .. }, _) => {
                self.printer.timed("stead", record, &format!("the page is at {address}"));
            }
            (kind, Some(part)) if !kind.is_routine() => self.printer.event(part, record),
            _ => {}
        }
    }

    fn take_grown(&mut self) {
        let grown = self.grown.as_ref().map(|grown| grown.take()).unwrap_or_default();
        self.add_pending(grown);
    }

    fn add_pending(&mut self, tasks: impl IntoIterator<Item = Arc<str>>) {
        for task in tasks {
            if !self.pending.contains(&task) {
                self.pending.push_back(task);
            }
        }
    }

    /// Prints some of what the next task has written.
    async fn print_next(&mut self) -> io::Result<()> {
        let Some(task) = self.pending.pop_front() else { return Ok(()) };
        if self.print_some(&task).await? == Left::More {
            self.add_pending([task]);
        }
        Ok(())
    }

    /// Prints the next lines of a task, and notes when what it has begun is to be printed.
    async fn print_some(&mut self, task: &Arc<str>) -> io::Result<Left> {
        let mut output = self.outputs.remove(task).unwrap_or_else(|| {
            let tail = self.kernel.logs().tail(task);
            TaskOutput::new(self.reader.clone(), tail, Arc::clone(task), self.kernel.started_at())
        });
        let run = self.started.get(task).copied().unwrap_or(0);
        let taken = spawn_blocking(move || {
            let mut parts = Vec::new();
            let left = output.take(run, TEXT_BYTES, &mut parts);
            (output, parts, left)
        });
        let (output, parts, left) = taken.await.map_err(io::Error::other)?;
        parts.iter().for_each(|part| self.printer.output(task, part));
        if output.has_begun() {
            self.prompts.entry(Arc::clone(task)).or_insert_with(|| Instant::now() + PROMPT_AFTER);
        } else {
            self.prompts.remove(task);
        }
        self.outputs.insert(Arc::clone(task), output);
        let left = left.unwrap_or_else(|error| {
            self.printer.note(task, &format!("the log can't be read: {error}"));
            Left::Nothing
        });
        if left == Left::Held {
            self.held.entry(Arc::clone(task)).or_insert_with(|| Instant::now() + START_MAY_TAKE);
        }
        self.write().await?;
        Ok(left)
    }

    /// Prints what was waiting for more and has waited long enough.
    fn print_overdue(&mut self) {
        let now = Instant::now();
        let overdue = |due: &mut BTreeMap<Arc<str>, Instant>| {
            let tasks: Vec<_> = due.iter().filter(|(_, at)| **at <= now).map(|(task, _)| Arc::clone(task)).collect();
            due.retain(|_, at| *at > now);
            tasks
        };
        for task in overdue(&mut self.prompts) {
            self.print_begun(&task);
        }
        for task in overdue(&mut self.held) {
            self.started.insert(Arc::clone(&task), u64::MAX);
            self.add_pending([task]);
        }
    }

    fn print_begun(&mut self, task: &Arc<str>) {
        self.prompts.remove(task);
        let (mut parts, run) = (Vec::<Part>::new(), self.started.get(task).copied().unwrap_or(0));
        if let Some(output) = self.outputs.get_mut(task) {
            output.take_begun(run, &mut parts);
        }
        parts.iter().for_each(|part| self.printer.output(task, part));
    }

    async fn write(&mut self) -> io::Result<()> {
        self.out.write_all(&self.printer.text).await?;
        self.printer.text.clear();
        self.printer.text.shrink_to(TEXT_BYTES);
        self.out.flush().await
    }
}

/// Waits for logs that grow, if there are any.
async fn next(grown: Option<&GrownLogs>) -> BTreeSet<Arc<str>> {
    match grown {
        Some(grown) => grown.next().await,
        None => std::future::pending().await,
    }
}
