//! The terminals of tasks that have one: what they show, how large they are, and what is typed into them.
//!
//! Three sides meet here and none waits for another: the capture hands over what the task wrote, the run's own
//! `pty` shows it and passes input on; surfaces read it and type. None of them holds up the task:
//! output that comes faster than it can be shown is skipped, input that it does not read is refused, both are counted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, broadcast, watch};

use super::contents::{ScreenContents, ScreenSize};
use super::emulator::Emulator;
use super::query_filter::QueryFilter;

/// Bytes of output that may wait to be shown; of more, the oldest are skipped.
const SCREEN_BACKLOG_BYTES: usize = 256 * 1024;
/// Bytes that are shown in one go: about a millisecond.
const SHOWN_BYTES: usize = 32 * 1024;
/// Bytes that may wait until the task reads its terminal. More than that are refused.
pub const INPUT_BYTES: usize = 64 * 1024;

/// Pieces of output that an attached client may lag behind; then the screen is drawn anew for them.
pub(super) const OUTPUT_QUEUED: usize = 64;

/// The terminals of all tasks that have one. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct ScreenHub {
    screens: Arc<Mutex<BTreeMap<String, TaskScreen>>>,
}

impl ScreenHub {
    /// The terminal of a task; none if it has pipes.
    #[must_use]
    pub fn get(&self, task: &str) -> Option<TaskScreen> {
        locked(&self.screens).get(task).cloned()
    }

    /// Takes the terminals of other tasks away; a run that has one keeps it to its end.
    pub(crate) fn retain(&self, is_wanted: impl Fn(&str) -> bool) {
        locked(&self.screens).retain(|task, _| is_wanted(task));
    }

    /// Gives a task a terminal.
    pub(crate) fn add(&self, task: &str) -> TaskScreen {
        locked(&self.screens).entry(task.to_owned()).or_default().clone()
    }
}

/// The terminal of one task, over all its runs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TaskScreen {
    display: Arc<Mutex<Display>>,
    traffic: Arc<Mutex<Traffic>>,
    /// Wakes the run that has the terminal.
    stirred: Arc<Notify>,
    changed: watch::Sender<u64>,
    /// For those who look from elsewhere.
    changes: broadcast::Sender<ScreenChange>,
}

/// What has been shown so far. Changes are sent while it is locked, so that each attached client gets each once.
#[derive(Debug)]
struct Display {
    emulator: Emulator,
    query_filter: QueryFilter,
    /// Whether a run has it, or the rest of what one wrote is still to be shown.
    is_live: bool,
}

/// What waits to go either way.
#[derive(Debug, Default)]
struct Traffic {
    size: ScreenSize,
    is_live: bool,
    output: VecDeque<Vec<u8>>,
    output_bytes: usize,
    skipped_bytes: u64,
    /// Whether some was skipped since a piece was shown.
    has_skipped: bool,
    input: VecDeque<u8>,
    refused_bytes: u64,
}

/// What has become of a screen.
#[derive(Debug, Clone)]
pub(super) enum ScreenChange {
    /// This was written to it.
    Output(Arc<[u8]>),
    /// It is another one: what was written before does not lead to it.
    Anew,
    /// Whether a run has it.
    Live(bool),
}

/// Why input was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InputRefusal {
    /// The task has not read what was typed before.
    #[error("it does not read what is typed ({INPUT_BYTES} bytes wait)")]
    Full,
    /// No run has the terminal.
    #[error("it is not running")]
    NotRunning,
}

impl Default for TaskScreen {
    fn default() -> Self {
        Self {
            display: Arc::new(Mutex::new(Display::new(ScreenSize::default(), false))),
            traffic: Arc::default(),
            stirred: Arc::default(),
            changed: watch::channel(0).0,
            changes: broadcast::channel(OUTPUT_QUEUED).0,
        }
    }
}

impl Display {
    fn new(size: ScreenSize, is_live: bool) -> Self {
        Self { emulator: Emulator::new(size), query_filter: QueryFilter::default(), is_live }
    }
}

impl TaskScreen {
    /// What it shows now. After a run's end, its last screen until the next run begins.
    #[must_use]
    pub fn contents(&self) -> ScreenContents {
        let contents = locked(&self.display).emulator.contents();
        let traffic = self.traffic();
        ScreenContents { is_live: traffic.is_live, skipped_bytes: traffic.skipped_bytes, ..contents }
    }

    /// A way to wait for the next change; the value counts them.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// What changes from now on.
    pub(super) fn changes(&self) -> broadcast::Receiver<ScreenChange> {
        self.changes.subscribe()
    }

    /// What draws it as it is, what comes behind that, and whether a run has it.
    pub(super) fn redraw(&self) -> (Vec<u8>, broadcast::Receiver<ScreenChange>, bool) {
        let display = locked(&self.display);
        (display.emulator.redraw(), self.changes.subscribe(), display.is_live)
    }

    /// How large it is.
    #[must_use]
    pub fn size(&self) -> ScreenSize {
        self.traffic().size
    }

    /// Makes it as large as the pane that shows it. Where several look, the one that spoke last decides.
    pub fn resize(&self, size: ScreenSize) {
        if std::mem::replace(&mut self.traffic().size, size) != size {
            let mut display = locked(&self.display);
            display.emulator.resize(size);
            self.change(ScreenChange::Anew);
            drop(display);
            self.stirred.notify_one();
            self.tell();
        }
    }

    /// Types something, all of it or nothing.
    ///
    /// # Errors
    ///
    /// When the task does not read it. What is refused is counted.
    pub fn type_in(&self, bytes: &[u8]) -> Result<(), InputRefusal> {
        let mut traffic = self.traffic();
        let refusal = match traffic.is_live {
            false => Some(InputRefusal::NotRunning),
            true if traffic.input.len() + bytes.len() > INPUT_BYTES => Some(InputRefusal::Full),
            true => None,
        };
        if let Some(refusal) = refusal {
            traffic.refused_bytes += bytes.len() as u64;
            return Err(refusal);
        }
        traffic.input.extend(bytes);
        drop(traffic);
        self.stirred.notify_one();
        Ok(())
    }

    /// Bytes of input that were refused.
    #[must_use]
    pub fn refused_bytes(&self) -> u64 {
        self.traffic().refused_bytes
    }

    /// A run has the terminal now: the screen is empty, and nothing waits.
    pub(crate) fn begin(&self) {
        let mut traffic = self.traffic();
        let Traffic { size, refused_bytes, .. } = *traffic;
        *traffic = Traffic { size, refused_bytes, is_live: true, ..Traffic::default() };
        drop(traffic);
        let mut display = locked(&self.display);
        *display = Display::new(size, true);
        self.change(ScreenChange::Anew);
        self.change(ScreenChange::Live(true));
        drop(display);
        self.tell();
    }

    /// The run will write no more: what waits is still shown.
    pub(crate) fn end(&self) {
        self.traffic().is_live = false;
        self.stirred.notify_one();
        self.settle();
        self.tell();
    }

    /// It goes on as it is: a run has it, of which another process knows.
    pub(crate) fn go_on(&self) {
        self.traffic().is_live = true;
        self.tell();
    }

    /// Hands over what the task wrote. Never waits for it to be shown.
    pub(crate) fn write(&self, bytes: &[u8]) {
        let mut traffic = self.traffic();
        for piece in bytes.chunks(SHOWN_BYTES) {
            traffic.output_bytes += piece.len();
            traffic.output.push_back(piece.to_vec());
        }
        while traffic.output_bytes > SCREEN_BACKLOG_BYTES {
            let Some(oldest) = traffic.output.pop_front() else { break };
            traffic.output_bytes -= oldest.len();
            traffic.skipped_bytes += oldest.len() as u64;
            traffic.has_skipped = true;
        }
        drop(traffic);
        self.stirred.notify_one();
    }

    /// Shows a piece of what waits, and answers what was asked in it. False if nothing waits.
    pub(crate) fn show_some(&self) -> bool {
        let mut traffic = self.traffic();
        let Some(piece) = traffic.output.pop_front() else { return false };
        traffic.output_bytes -= piece.len();
        let has_skipped = std::mem::take(&mut traffic.has_skipped);
        drop(traffic);
        let answers = self.feed(&piece, has_skipped);
        if !answers.is_empty() {
            // A task that asks and does not read goes without an answer.
            let _ = self.type_in(&answers);
        }
        self.settle();
        self.tell();
        true
    }

    fn feed(&self, piece: &[u8], has_skipped: bool) -> Vec<u8> {
        let mut display = locked(&self.display);
        if has_skipped {
            display.query_filter = QueryFilter::default();
        }
        let passed = display.query_filter.pass(piece);
        let answers = display.emulator.feed(piece);
        if has_skipped {
            self.change(ScreenChange::Anew);
        } else if !passed.is_empty() {
            self.change(ScreenChange::Output(passed.into()));
        }
        answers
    }

    /// Tells of the end of a run once all that it wrote has been shown.
    fn settle(&self) {
        let traffic = self.traffic();
        let is_over = !traffic.is_live && traffic.output.is_empty();
        drop(traffic);
        let mut display = locked(&self.display);
        if is_over && std::mem::take(&mut display.is_live) {
            self.change(ScreenChange::Live(false));
        }
    }

    fn change(&self, change: ScreenChange) {
        // Often no client is attached.
        let _ = self.changes.send(change);
    }

    /// Passes what was typed to `write`, which returns how much of it was taken.
    ///
    /// # Errors
    ///
    /// Those of `write`.
    pub(crate) fn pass_input<E>(&self, write: impl FnOnce(&[u8]) -> Result<usize, E>) -> Result<(), E> {
        let mut traffic = self.traffic();
        let taken = write(traffic.input.make_contiguous())?;
        traffic.input.drain(..taken);
        Ok(())
    }

    /// Drops what was typed: nothing can read it any more.
    pub(crate) fn drop_input(&self) {
        let mut traffic = self.traffic();
        traffic.refused_bytes += traffic.input.len() as u64;
        traffic.input.clear();
    }

    /// Whether something was typed and not passed on.
    pub(crate) fn has_input(&self) -> bool {
        !self.traffic().input.is_empty()
    }

    /// Whether a run has the terminal.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.traffic().is_live
    }

    /// Waits until something waits to go either way, or the size has changed, or the run is over.
    pub(crate) async fn stirred(&self) {
        self.stirred.notified().await;
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        locked(&self.traffic)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_skipped_and_counted_and_the_end_of_it_is_shown() {
        let screen = TaskScreen::default();
        screen.begin();
        (0..100).for_each(|_| screen.write(&[b'x'; SHOWN_BYTES]));
        screen.write(b"\x1b[2J\x1b[Hthe end");
        while screen.show_some() {}
        let contents = screen.contents();
        assert!(contents.text().starts_with("the end\n"));
        let shown = SCREEN_BACKLOG_BYTES as u64;
        assert!(contents.skipped_bytes >= 100 * SHOWN_BYTES as u64 - shown, "{}", contents.skipped_bytes);
    }

    #[test]
    fn input_is_taken_whole_or_refused_and_counted() {
        let screen = TaskScreen::default();
        assert_eq!(screen.type_in(b"x"), Err(InputRefusal::NotRunning));
        screen.begin();
        assert_eq!(screen.type_in(&[b'x'; INPUT_BYTES]), Ok(()));
        assert_eq!(screen.type_in(b"yz"), Err(InputRefusal::Full));
        assert_eq!(screen.refused_bytes(), 3);
        let taken = screen.pass_input(|bytes| Ok::<_, ()>(bytes.len() / 2));
        assert_eq!((taken, screen.type_in(b"yz")), (Ok(()), Ok(())));
    }

    #[test]
    fn the_last_screen_stays_until_the_next_run() {
        let screen = TaskScreen::default();
        screen.begin();
        screen.write(b"last words");
        screen.end();
        while screen.show_some() {}
        assert!(screen.contents().text().starts_with("last words"));
        assert!(!screen.contents().is_live);
        screen.begin();
        assert!(screen.contents().text().trim().is_empty());
    }

    #[test]
    fn answers_are_typed_for_the_task_to_read() {
        let screen = TaskScreen::default();
        screen.begin();
        screen.write(b"\x1b[6n");
        assert!(screen.show_some());
        let mut read = Vec::new();
        screen
            .pass_input(|bytes| {
                read.extend_from_slice(bytes);
                Ok::<_, ()>(bytes.len())
            })
            .unwrap();
        assert_eq!((read.as_slice(), screen.has_input()), (b"\x1b[1;1R".as_slice(), false));
    }
}
