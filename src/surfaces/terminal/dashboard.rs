//! The loop that runs the dashboard: waits for whatever can change the screen, and draws when something did.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::Event;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::DashboardSetup;
use super::editor::Editor;
use super::keys::{self, Keys};
use super::preferences;
use super::screen::Screen;
use super::sources::Sources;
use crate::gateway::Connection;
use crate::kernel::UsageObserver;
use crate::logs::LogReader;
use crate::screen::ScreenContents;
use crate::supervisor::EventRecord;
use crate::supervisor::engine::{Answer, Refusal, Request};
use crate::ui::{
    DashboardEffect, DashboardInput, DrawnFrame, History, Hits, LogWindow, Model, Shown, Theme, desktop_notice, update,
    view, window_title,
};

/// The least time between two frames: 30 a second.
const FRAME: Duration = Duration::from_millis(33);
/// Requests, or batches of them, that may wait for their answer.
const REQUESTS_WAITING: usize = 16;

/// What the dashboard is given.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) setup: DashboardSetup,
    pub(super) connection: Arc<Connection>,
    pub(super) theme: Theme,
    /// The file of what a person has chosen.
    pub(super) preferences: PathBuf,
}

/// The dashboard with its screen.
#[derive(Debug)]
pub(super) struct Dashboard {
    model: Model,
    screen: Screen,
    seat: Seat,
    keys: Keys,
    resized: Signal,
    sources: Sources,
    /// What is on screen, or will be with the next frame.
    events: Vec<Arc<EventRecord>>,
    /// The number of the last event that a desktop notice has spoken of, or need not.
    noticed: u64,
    log: Arc<LogWindow>,
    hits: Arc<Hits>,
    history: Arc<History>,
    contents: Option<ScreenContents>,
    /// The task whose log an editor is to be given.
    to_open: Option<String>,
    zone: TimeZone,
    /// What the window's title says.
    title: String,
    has_left: bool,
    /// What a person asked for; with what there is to say of it.
    asked: JoinSet<Option<String>>,
    pace: FramePace,
    _usage: UsageObserver,
}

/// When the next frame is due.
#[derive(Debug)]
struct FramePace {
    /// Whether something has changed since the last frame.
    is_stale: bool,
    /// The earliest time of the next frame.
    not_before: Instant,
    /// When something on screen changes by itself.
    tick: Option<Instant>,
}

/// What the loop waits for.
#[derive(Debug)]
enum Wakeup {
    ShutDown,
    Key(Option<io::Result<Event>>),
    Resized,
    Answered(Option<String>),
    Changed,
    FrameDue,
}

impl Dashboard {
    /// A dashboard that has not drawn yet.
    ///
    /// # Errors
    ///
    /// When changes of the terminal's size can't be watched, or the logs can't be read.
    pub(super) fn new(seat: Seat, screen: Screen, keys: Keys) -> io::Result<Self> {
        let kernel = &seat.setup.kernel;
        let mut model = Model::new(seat.theme);
        model.recall(preferences::read(&seat.preferences));
        Ok(Self {
            model,
            resized: signal(SignalKind::window_change())?,
            sources: Sources::new(kernel, &LogReader::new(&seat.setup.logs_dir))?,
            events: Vec::new(),
            noticed: kernel.event_log().recent().last().map_or(0, |record| record.number),
            log: Arc::default(),
            hits: Arc::default(),
            history: Arc::default(),
            contents: None,
            to_open: None,
            zone: TimeZone::system(),
            title: String::new(),
            has_left: false,
            asked: JoinSet::new(),
            pace: FramePace { is_stale: true, not_before: Instant::now(), tick: None },
            _usage: kernel.observe_usage(),
            screen,
            seat,
            keys,
        })
    }

    /// Runs until `shutdown`.
    ///
    /// # Errors
    ///
    /// When the terminal is gone or refuses what is drawn.
    pub(super) async fn run(&mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        self.resize().await?;
        loop {
            match self.next(&shutdown).await {
                Wakeup::ShutDown => {
                    // The last frame shows how it ended.
                    self.draw().await?;
                    return Ok(());
                }
                Wakeup::Key(Some(Ok(event))) => {
                    self.on_event(event).await?;
                    if self.has_left {
                        return Ok(());
                    }
                    if let Some(task) = self.to_open.take() {
                        self.open(&task, &shutdown).await?;
                    }
                }
                Wakeup::Key(Some(Err(error))) => return Err(error.into()),
                Wakeup::Key(None) => anyhow::bail!("keys can't be read any more"),
                Wakeup::Resized => self.resize().await?,
                Wakeup::Answered(words) => self.on_answer(words),
                Wakeup::Changed => self.pace.is_stale = true,
                Wakeup::FrameDue => self.draw().await?,
            }
        }
    }

    async fn next(&mut self, shutdown: &CancellationToken) -> Wakeup {
        let due = self.pace.due();
        tokio::select! {
            biased;
            () = shutdown.cancelled() => Wakeup::ShutDown,
            key = self.keys.events.recv() => Wakeup::Key(key),
            _ = self.resized.recv() => Wakeup::Resized,
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Wakeup::FrameDue,
            Some(answer) = self.asked.join_next() => Wakeup::Answered(answer.unwrap_or_else(|_| Some(Refusal::Unavailable.to_string()))),
            () = self.sources.changed(), if !self.pace.is_stale => Wakeup::Changed,
        }
    }

    async fn on_event(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Key(key) => self.input(DashboardInput::Key(key)).await,
            Event::Mouse(mouse) => self.input(DashboardInput::Mouse(mouse)).await,
            Event::Paste(text) => self.input(DashboardInput::Paste(text)).await,
            Event::Resize(..) | Event::FocusGained | Event::FocusLost => Ok(()),
        }
    }

    /// Whatever the size was in between, nothing that is on the screen is taken for granted.
    async fn resize(&mut self) -> io::Result<()> {
        self.screen.terminal.clear()?;
        // The program that had the terminal meanwhile may have set another.
        self.title.clear();
        self.input(DashboardInput::Resized).await
    }

    fn on_answer(&mut self, words: Option<String>) {
        if let Some(words) = words {
            self.model.tell(words);
            self.pace.is_stale = true;
        }
    }

    async fn input(&mut self, input: DashboardInput) -> io::Result<()> {
        let effects = self.with_shown(|model, shown, _| update(model, input, shown));
        // The next key means what is on screen by then: another task, another part of the log.
        self.reload().await;
        self.pace.is_stale = true;
        let mut requests = Vec::new();
        for effect in effects {
            match effect {
                DashboardEffect::Ask(request) => requests.push(request),
                DashboardEffect::Type { task, bytes } => self.type_in(&task, &bytes),
                DashboardEffect::Copy(text) => self.screen.copy(&text)?,
                DashboardEffect::Open(task) => self.to_open = Some(task),
                DashboardEffect::Remember(chosen) => preferences::write(&self.seat.preferences, chosen),
                DashboardEffect::Leave => self.has_left = true,
                DashboardEffect::Redraw => self.screen.terminal.clear()?,
                DashboardEffect::Suspend => {
                    self.screen.suspend()?;
                    Box::pin(self.resize()).await?;
                }
            }
        }
        self.ask(requests);
        Ok(())
    }

    fn type_in(&mut self, task: &str, bytes: &[u8]) {
        let Some(screen) = self.seat.setup.kernel.screens().get(task) else { return };
        if let Err(refusal) = screen.type_in(bytes) {
            self.model.tell(format!("{task} was not given that: {refusal}"));
        }
    }

    /// Lends the terminal to an editor with a task's log, until that ends or this dashboard must.
    async fn open(&mut self, task: &str, shutdown: &CancellationToken) -> anyhow::Result<()> {
        let file = self.seat.setup.logs_dir.join(format!("{task}.log"));
        if !file.exists() {
            self.model.tell(format!("{task} has no log file"));
            return Ok(());
        }
        self.keys.end();
        self.screen.lend();
        match Editor::start(&file) {
            Ok(editor) => {
                let group = editor.group();
                let mut ended = spawn_blocking(move || editor.wait());
                let is_told_to_end = tokio::select! {
                    _ = &mut ended => false,
                    () = shutdown.cancelled() => true,
                };
                if is_told_to_end {
                    Editor::end(group);
                    ended.await?;
                }
            }
            Err(error) => self.model.tell(format!("no editor: {error}")),
        }
        self.keys = keys::listen()?;
        self.screen.resume()?;
        self.resize().await?;
        Ok(())
    }

    /// Asks for one after the other, and tells the first refusal.
    fn ask(&mut self, requests: Vec<Request>) {
        if requests.is_empty() {
            return;
        }
        if self.asked.len() >= REQUESTS_WAITING {
            self.on_answer(Some(Refusal::Unavailable.to_string()));
            return;
        }
        let connection = Arc::clone(&self.seat.connection);
        self.asked.spawn(async move {
            let mut words = None;
            for request in requests {
                words = words.or(match connection.request(request).await {
                    Ok(answer @ (Answer::Taken | Answer::Already { .. })) => answer.unchanged(),
                    Ok(Answer::Reloaded(changes)) => Some(format!("reloaded: {changes}")),
                    Err(refusal) => Some(refusal.to_string()),
                });
            }
            words
        });
    }

    /// Reads anew all that is shown.
    async fn reload(&mut self) {
        let kernel = &self.seat.setup.kernel;
        let snapshot = Arc::clone(&self.sources.snapshot.borrow_and_update());
        self.events = self.sources.events();
        self.sources.follow(kernel, self.model.query(&snapshot), self.model.selected(&snapshot)).await;
        (self.log, self.hits, self.history) = self.sources.take_logs();
        self.contents = self.sources.contents();
        self.with_shown(|model, shown, _| update(model, DashboardInput::Changed, shown));
    }

    async fn draw(&mut self) -> io::Result<()> {
        self.reload().await;
        let now = Instant::now();
        let next_change = self.with_shown(|model, shown, screen| {
            let mut drawn = None;
            screen.terminal.draw(|frame| drawn = Some(view(model, shown, frame)))?;
            let Some(DrawnFrame { layout, next_change }) = drawn else { return Ok(None) };
            model.keep(layout);
            io::Result::Ok(next_change)
        })?;
        // A terminal of another size draws itself anew, which is a change.
        if let (Some(screen), Some(size)) = (self.sources.screen(), self.model.screen_size()) {
            screen.resize(size);
        }
        self.show_title()?;
        self.pace = FramePace { is_stale: false, not_before: now + FRAME, tick: next_change.map(|wait| now + wait) };
        self.notify()
    }

    /// Says in the window's title what is not well, if that has changed.
    fn show_title(&mut self) -> io::Result<()> {
        let title = window_title(&self.seat.setup.project, &self.sources.snapshot.borrow());
        if self.title != title {
            self.screen.title(&title)?;
            self.title = title;
        }
        Ok(())
    }

    /// Asks for a desktop notice, if that is wanted and something new deserves it.
    fn notify(&mut self) -> io::Result<()> {
        let seen = self.events.last().map_or(self.noticed, |record| record.number);
        let seen = std::mem::replace(&mut self.noticed, seen);
        match desktop_notice(&self.events, seen) {
            Some(text) if (self.seat.setup.notify)() => self.screen.notify(&text),
            _ => Ok(()),
        }
    }

    fn with_shown<T>(&mut self, f: impl FnOnce(&mut Model, &Shown<'_>, &mut Screen) -> T) -> T {
        let snapshot = Arc::clone(&self.sources.snapshot.borrow());
        let kernel = &self.seat.setup.kernel;
        let logs = kernel.logs();
        let shown = Shown {
            project: &self.seat.setup.project,
            is_guest: self.seat.setup.is_guest,
            snapshot: &snapshot,
            events: &self.events,
            log: &self.log,
            hits: &self.hits,
            history: &self.history,
            lost_bytes: self.sources.lost_bytes(),
            screen: self.contents.as_ref(),
            last_line: &|task| logs.tail(task).last(),
            zone: &self.zone,
            wall: Timestamp::now(),
            now: kernel.now(),
        };
        f(&mut self.model, &shown, &mut self.screen)
    }
}

impl FramePace {
    /// When the next frame is due; never if nothing has changed and nothing will by itself.
    fn due(&self) -> Option<Instant> {
        if self.is_stale { Some(self.not_before) } else { self.tick.map(|tick| tick.max(self.not_before)) }
    }
}
