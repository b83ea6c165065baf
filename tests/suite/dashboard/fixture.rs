//! One project with a task in every kind of trouble, two hours and fourteen minutes after its start.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::text::Span;
use stead::kernel::PostMortem;
use stead::kernel::post_mortem::LastLine;
use stead::logs::{LineId, LinePattern, LogLine, OutputStream, RunKey, StoredRun};
use stead::screen::{KeyModes, ScreenCell, ScreenContents, ScreenRow};
use stead::signal::Signal;
use stead::supervisor::EventRecord;
use stead::supervisor::engine::{
    AfterExit, AfterStop, Blocker, Event, EventKind, ExitReason, LastExit, Origin, PhaseSnapshot, ProbeSnapshot,
    Snapshot, Stage, TaskKind, TaskSnapshot, Uptime, Usage,
};
use stead::supervisor::engine::{Condition, OnExhausted, Policy};
use stead::ui::{
    DashboardEffect, DashboardInput, DrawnFrame, History, Hits, LogChoice, LogOf, LogQuery, LogWindow, Model, Shown,
    Theme, update, view,
};

/// `now` of every screen, on the supervisor's clock.
pub(crate) const NOW: Uptime = Uptime(Duration::from_millis(8_040_200));
/// The same on the wall: 2026-11-23 12:03:21 UTC.
const NOW_ON_THE_WALL: i64 = 1_795_435_401;

/// What each task wrote.
pub(crate) type Logs = BTreeMap<String, Vec<Arc<LogLine>>>;

/// The dashboard with all that it shows.
pub(crate) struct Dashboard {
    pub(crate) model: Model,
    pub(crate) snapshot: Snapshot,
    pub(crate) events: Vec<Arc<EventRecord>>,
    pub(crate) logs: Logs,
    /// How many lines of a log are read on each side of the place.
    pub(crate) beside: usize,
    pub(crate) post_mortems: Vec<PostMortem>,
    /// The screens of tasks that have a terminal.
    pub(crate) screens: BTreeMap<String, ScreenContents>,
    pub(crate) now: Uptime,
    pub(crate) is_guest: bool,
    size: (u16, u16),
}

impl Dashboard {
    /// The fixture with the task `api` selected.
    pub(crate) fn new(width: u16, height: u16) -> Self {
        let mut dashboard = Self { snapshot: snapshot(), events: events(), logs: logs(), ..Self::empty(width, height) };
        dashboard.input(DashboardInput::Resized);
        dashboard.press("jj");
        dashboard
    }

    /// Without any task.
    pub(crate) fn empty(width: u16, height: u16) -> Self {
        let snapshot = Snapshot { generation: 1, at: NOW, stage: Stage::Up, tasks: Vec::new(), groups: Vec::new() };
        Self {
            model: Model::new(Theme::default()),
            snapshot,
            events: Vec::new(),
            logs: Logs::new(),
            beside: 1_000,
            post_mortems: Vec::new(),
            screens: BTreeMap::new(),
            now: NOW,
            is_guest: false,
            size: (width, height),
        }
    }

    /// Without colours.
    pub(crate) fn without_color(mut self) -> Self {
        self.model = Model::new(Theme { color: false });
        self.input(DashboardInput::Resized);
        self.press("jj");
        self
    }

    /// With a terminal for `api`, in which a python waits.
    pub(crate) fn with_terminal(mut self) -> Self {
        let text = ["Python 3.14.0 on linux", ">>> print('日本')", "日本", ">>> "];
        self.screens.insert("api".to_owned(), contents(&text, (4, 3)));
        self.input(DashboardInput::Changed);
        self
    }

    /// Half-way through a graceful drain.
    pub(crate) fn draining(mut self) -> Self {
        let cause = "asked by terminal".to_owned();
        self.snapshot.stage = Stage::Draining { cause, fatal: false, deadline: in_millis(6_200) };
        for task in &mut self.snapshot.tasks {
            task.phase = match task.name.as_str() {
                "db" | "stead.gateway" => task.phase.clone(),
                "api" => stopping(2_100, 4_600, false),
                "assets" => stopping(3_800, 0, true),
                _ => PhaseSnapshot::Stopped,
            };
            task.budget_back_at = None;
            task.usage = task.usage.take().filter(|_| task.is_live());
        }
        self
    }

    pub(crate) fn resize(&mut self, width: u16, height: u16) {
        self.size = (width, height);
        self.input(DashboardInput::Resized);
    }

    /// Presses one key for each character; a tabulator is the key of that name.
    pub(crate) fn press(&mut self, keys: &str) -> Vec<DashboardEffect> {
        keys.chars().flat_map(|c| self.key(if c == '\t' { KeyCode::Tab } else { KeyCode::Char(c) })).collect()
    }

    pub(crate) fn key(&mut self, code: KeyCode) -> Vec<DashboardEffect> {
        self.input(DashboardInput::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    pub(crate) fn control(&mut self, c: char) -> Vec<DashboardEffect> {
        self.input(DashboardInput::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL)))
    }

    pub(crate) fn input(&mut self, input: DashboardInput) -> Vec<DashboardEffect> {
        let effects = self.with_shown(|model, shown| update(model, input, shown));
        let changed = self.with_shown(|model, shown| update(model, DashboardInput::Changed, shown));
        assert_eq!(changed, [], "a change of what is shown asks for nothing");
        self.draw();
        effects
    }

    /// The screen, and when something of it changes by itself.
    pub(crate) fn draw(&mut self) -> (Buffer, Option<Duration>) {
        let (width, height) = self.size;
        self.with_shown(|model, shown| {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test terminal");
            let mut drawn = None;
            let frame = terminal.draw(|frame| drawn = Some(view(model, shown, frame))).expect("a frame");
            let DrawnFrame { layout, next_change } = drawn.expect("it was drawn");
            model.keep(layout);
            (frame.buffer.clone(), next_change)
        })
    }

    /// The screen as text.
    pub(crate) fn text(&mut self) -> String {
        let (buffer, _) = self.draw();
        (0..buffer.area.height).map(|y| row(&buffer, y).trim_end().to_owned() + "\n").collect()
    }

    fn with_shown<T>(&mut self, f: impl FnOnce(&mut Model, &Shown<'_>) -> T) -> T {
        let selected = self.model.selected(&self.snapshot).unwrap_or_default().to_owned();
        let logs = &self.logs;
        let query = self.model.query(&self.snapshot);
        let (log, hits, history) = (self.window(&query), hits(logs, &query), self.history(&query));
        let shown = Shown {
            project: "shop",
            is_guest: self.is_guest,
            snapshot: &self.snapshot,
            events: &self.events,
            log: &log,
            hits: &hits,
            history: &history,
            lost_bytes: 0,
            screen: self.screens.get(&selected),
            last_line: &|task| logs.get(task)?.last().cloned(),
            zone: &TimeZone::UTC,
            // Both clocks go on together.
            wall: wall(0) + self.now.0 - NOW.0,
            now: self.now,
        };
        f(&mut self.model, &shown)
    }

    /// The part of the logs that is asked for, with so many lines around its place.
    fn window(&self, query: &LogQuery) -> LogWindow {
        let lines = chosen(&self.logs, &query.choice);
        let found = query.at.map(|at| (at, lines.iter().find(|line| line.at >= at).map(|line| line.id)));
        let around = found.and_then(|(_, line)| line).or(query.around);
        let place = around.map_or(lines.len(), |id| lines.partition_point(|line| line.id < id));
        let (first, last) = (place.saturating_sub(self.beside), place.saturating_add(self.beside).min(lines.len()));
        LogWindow {
            choice: query.choice.clone(),
            lines: lines[first..last].to_vec(),
            is_start: first == 0,
            is_end: last == lines.len(),
            found,
            hidden: chosen(&self.logs, &LogChoice { floor: None, ..query.choice.clone() }).len() - lines.len(),
            ..LogWindow::default()
        }
    }

    fn history(&self, query: &LogQuery) -> History {
        let of = query.history.of.clone();
        let mut runs: Vec<StoredRun> = Vec::new();
        for line in self.logs.get(&of).into_iter().flatten() {
            if runs.last().is_none_or(|last| last.key != line.run) {
                runs.push(StoredRun { key: line.run, first: line.at, last: line.at, bytes: 0 });
            }
        }
        let post_mortems = self.post_mortems.iter().filter(|kept| kept.task == of).cloned().collect();
        History { of, runs, post_mortems }
    }
}

/// The lines that are asked for, in the order of time.
fn chosen(logs: &Logs, choice: &LogChoice) -> Vec<Arc<LogLine>> {
    let filter = choice.line_filter();
    let is_chosen = |line: &&Arc<LogLine>| {
        choice.run.is_none_or(|run| line.run == run) && filter.as_ref().is_none_or(|filter| filter.passes(line))
    };
    let mut lines: Vec<_> =
        choice.of.tasks().iter().filter_map(|task| logs.get(task)).flatten().filter(is_chosen).cloned().collect();
    if let LogOf::Merged(_) = choice.of {
        lines.sort_by_key(|line| line.at);
        let number = |(number, line): (u64, Arc<LogLine>)| {
            Arc::new(LogLine { id: LineId::nth(number), ..LogLine::clone(&line) })
        };
        lines = (1..).zip(lines).map(number).collect();
    }
    lines
}

fn hits(logs: &Logs, query: &LogQuery) -> Hits {
    let Some(search) = query.search.clone() else { return Hits::default() };
    let pattern = LinePattern::smart_case(&search.pattern).expect("a pattern");
    let lines = chosen(logs, &query.choice);
    let ids = lines.iter().filter(|line| pattern.matches(&line.bytes)).map(|line| line.id).collect();
    let choice = query.choice.clone();
    Hits { choice, search, ids, is_start_reached: true, is_complete: true, percent: 100, ..Hits::default() }
}

/// A screen with this text at its top.
pub(crate) fn contents(lines: &[&str], cursor: (u16, u16)) -> ScreenContents {
    let row = |line: &&str| {
        let glyph = |c: char| {
            let width = Span::raw(c.to_string()).width() as u16;
            let tail = ScreenCell { width: 0, ..ScreenCell::default() };
            let glyph = ScreenCell { text: c.to_string(), width, ..ScreenCell::default() };
            std::iter::once(glyph).chain((1..width).map(move |_| tail.clone()))
        };
        ScreenRow { cells: line.chars().flat_map(glyph).collect(), wrapped: false }
    };
    let modes = KeyModes::default();
    ScreenContents {
        rows: lines.iter().map(row).collect(),
        cursor: Some(cursor),
        modes,
        is_live: true,
        skipped_bytes: 0,
    }
}

/// One row as text. The cell behind a wide character holds nothing.
fn row(buffer: &Buffer, y: u16) -> String {
    let mut text = String::new();
    let mut x = 0;
    while x < buffer.area.width {
        let symbol = buffer[(x, y)].symbol();
        text.push_str(symbol);
        x += Span::raw(symbol).width().max(1) as u16;
    }
    text
}

/// So long ago on the supervisor's clock.
pub(super) fn ago(seconds: u64) -> Uptime {
    Uptime(NOW.0.saturating_sub(Duration::from_secs(seconds)))
}

pub(super) fn in_millis(millis: u64) -> Uptime {
    Uptime(NOW.0 + Duration::from_millis(millis))
}

pub(super) fn wall(seconds_ago: i64) -> Timestamp {
    Timestamp::from_second(NOW_ON_THE_WALL - seconds_ago).expect("a time in range")
}

fn stopping(since_millis: u64, until_millis: u64, killed: bool) -> PhaseSnapshot {
    let since = Uptime(NOW.0.saturating_sub(Duration::from_millis(since_millis)));
    let left = Vec::new();
    let kill_at = in_millis(until_millis);
    PhaseSnapshot::Stopping { since, kill_at, killed, left, then: AfterStop::Stay, pid: Some(4121) }
}

pub(super) fn task(name: &str, about: &str, phase: PhaseSnapshot) -> TaskSnapshot {
    TaskSnapshot {
        name: name.to_owned(),
        kind: TaskKind::Process,
        about: about.to_owned(),
        description: None,
        policy: Policy::OnFailure,
        on_exhausted: OnExhausted::Hold,
        replica_of: None,
        autostart: true,
        after: Vec::new(),
        probed: true,
        tty: false,
        phase,
        run: 1,
        runs_before: 0,
        retries: 0,
        max_retries: 5,
        initial_backoff: Duration::from_millis(500),
        max_backoff: Duration::from_secs(30),
        budget_back_at: None,
        restarts: 0,
        restarts_last_hour: 0,
        flapping_every: None,
        last_exit: None,
        exits: BTreeMap::new(),
        has_started: true,
        probe: None,
        live_probe: None,
        pending_stop: None,
        status: None,
        ports: std::collections::BTreeMap::new(),
        next_due: None,
        watch: None,
        usage: None,
        last_words: None,
        address: None,
    }
}

pub(super) fn exited(run: u64, reason: ExitReason, seconds_ago: u64, ran_for: u64) -> Option<LastExit> {
    let expected = reason == ExitReason::Code { code: 0 };
    let ran_for = Duration::from_secs(ran_for);
    Some(LastExit {
        run,
        reason,
        expected,
        succeeded: expected,
        at: ago(seconds_ago),
        ran_for,
        peak_memory: None,
        hint: None,
    })
}

pub(super) fn usage(processes: u32, cpu_percent: f32, mebibytes: u64) -> Option<Usage> {
    Some(Usage { processes, cpu_percent, memory_bytes: mebibytes << 20, ports: Vec::new() })
}

fn snapshot() -> Snapshot {
    let blocker = Blocker { task: "assets".to_owned(), condition: Condition::Success, state: "running".into() };
    let segv = ExitReason::Signal { signal: Signal::from_raw(11), core_dumped: true, by: None };
    let port = ExitReason::StartFailed { message: "port 7070 in use".to_owned() };
    let tasks = vec![
        TaskSnapshot {
            policy: Policy::Critical,
            usage: usage(7, 2.0, 180),
            probe: probe(true, "accepts connections on 127.0.0.1:5432", 1),
            ..task("db", "postgres -D data", PhaseSnapshot::Ready { since: ago(8_040), pid: Some(4102) })
        },
        TaskSnapshot {
            policy: Policy::Never,
            last_exit: exited(1, ExitReason::Code { code: 0 }, 8_034, 3),
            ..task("migrate", "sqlx migrate run", PhaseSnapshot::Done)
        },
        TaskSnapshot {
            run: 2,
            retries: 1,
            restarts: 1,
            restarts_last_hour: 1,
            budget_back_at: Some(in_millis(192_000)),
            last_exit: exited(1, ExitReason::Code { code: 1 }, 109, 720),
            probe: probe(true, "http 200 in 3 ms", 2),
            usage: usage(3, 11.0, 96),
            ..task("api", "cargo run -p api", PhaseSnapshot::Ready { since: ago(108), pid: Some(4121) })
        },
        TaskSnapshot {
            run: 6,
            retries: 5,
            restarts: 5,
            restarts_last_hour: 5,
            last_exit: exited(6, segv, 40, 1),
            ..task("worker", "./worker --queue mail", failed("5 retries spent: SIGSEGV (core dumped)"))
        },
        TaskSnapshot {
            run: 1,
            probe: probe(false, "connection refused", 1),
            usage: usage(2, 21.0, 410),
            ..task("assets", "npm run watch", PhaseSnapshot::Running { since: ago(9), pid: Some(4388) })
        },
        TaskSnapshot { run: 0, ..task("mailer", "node mailer.js", PhaseSnapshot::Waiting { blockers: vec![blocker] }) },
        TaskSnapshot { last_exit: exited(1, ExitReason::Code { code: 0 }, 600, 61), ..stopped("docs") },
        surface(
            "stead.gateway",
            "routes requests",
            Policy::Critical,
            PhaseSnapshot::Ready { since: ago(8_040), pid: None },
        ),
        TaskSnapshot {
            retries: 3,
            restarts: 3,
            restarts_last_hour: 3,
            last_exit: exited(3, port, 1, 0),
            address: Some("http://127.0.0.1:7070".to_owned()),
            ..surface("stead.web", "browser page and API", Policy::Always, backoff())
        },
    ];
    Snapshot { generation: 42, at: NOW, stage: Stage::Up, tasks, groups: Vec::new() }
}

pub(super) fn failed(reason: &str) -> PhaseSnapshot {
    PhaseSnapshot::Failed { reason: reason.to_owned(), dependency: None, retry_at: None }
}

fn backoff() -> PhaseSnapshot {
    let since = Uptime(NOW.0.saturating_sub(Duration::from_millis(1_200)));
    PhaseSnapshot::Backoff { attempt: 3, since, retry_at: in_millis(800) }
}

fn stopped(name: &str) -> TaskSnapshot {
    task(name, "mdbook serve", PhaseSnapshot::Stopped)
}

fn surface(name: &str, about: &str, policy: Policy, phase: PhaseSnapshot) -> TaskSnapshot {
    TaskSnapshot { kind: TaskKind::Builtin, policy, on_exhausted: OnExhausted::Fatal, ..task(name, about, phase) }
}

pub(super) fn probe(passed: bool, detail: &str, seconds_ago: u64) -> Option<ProbeSnapshot> {
    let failures = if passed { 0 } else { 4 };
    Some(ProbeSnapshot { passed, detail: detail.to_owned(), at: ago(seconds_ago), failures })
}

fn events() -> Vec<Arc<EventRecord>> {
    let second = Duration::from_secs(1);
    let started = |run, pid| EventKind::Started { run, pid: Some(pid), address: None };
    let retry = |attempt, millis| EventKind::Backoff { attempt, max_retries: 5, wait: Duration::from_millis(millis) };
    let segv = || ExitReason::Signal { signal: Signal::from_raw(11), core_dumped: true, by: None };
    let port = || ExitReason::StartFailed { message: "port 7070 in use".to_owned() };
    let restart = EventKind::Requested { asked: "restart docs".to_owned(), origin: Origin("web".to_owned()) };
    let waiting = EventKind::Waiting { dependency: "assets".to_owned(), condition: Condition::Success };
    [
        (8_040_u32, "db", started(1, 4102)),
        (8_037, "migrate", started(1, 4110)),
        (
            8_034,
            "migrate",
            EventKind::Exited {
                run: 1,
                reason: ExitReason::Code { code: 0 },
                expected: true,
                then: AfterExit::Done,
                after: 3 * second,
                peak_memory: None,
            },
        ),
        (8_034, "migrate", EventKind::Done),
        (600, "docs", restart),
        (
            109,
            "api",
            EventKind::Exited {
                run: 1,
                reason: ExitReason::Code { code: 1 },
                expected: false,
                then: AfterExit::Backoff,
                after: 720 * second,
                peak_memory: None,
            },
        ),
        (109, "api", retry(1, 500)),
        (108, "api", started(2, 4121)),
        (106, "api", EventKind::Ready { run: 2, after: 2 * second }),
        (
            40,
            "worker",
            EventKind::Exited {
                run: 6,
                reason: segv(),
                expected: false,
                then: AfterExit::Failed,
                after: second,
                peak_memory: None,
            },
        ),
        (40, "worker", EventKind::Exhausted { limit: "5 retries".to_owned() }),
        (40, "worker", EventKind::Failed { reason: "5 retries spent: SIGSEGV (core dumped)".to_owned() }),
        (9, "mailer", waiting),
        (
            1,
            "stead.web",
            EventKind::Exited {
                run: 3,
                reason: port(),
                expected: false,
                then: AfterExit::Backoff,
                after: Duration::from_millis(12),
                peak_memory: None,
            },
        ),
        (1, "stead.web", retry(3, 2_000)),
    ]
    .into_iter()
    .zip(1..)
    .map(|((seconds_ago, task, kind), number)| {
        let text = kind.to_string();
        let notice = Event { task: Some(task.to_owned()), kind };
        Arc::new(EventRecord {
            number,
            at: wall(seconds_ago.into()),
            uptime: ago(seconds_ago.into()),
            event: notice,
            text,
        })
    })
    .collect()
}

/// Lines as a task writes them: so many seconds ago, by this run.
pub(crate) fn log(task: &str, lines: &[(i64, u32, &str)]) -> Vec<Arc<LogLine>> {
    log_from(task, 1, lines)
}

/// The same, numbered from `first`.
pub(crate) fn log_from(task: &str, first: u64, lines: &[(i64, u32, &str)]) -> Vec<Arc<LogLine>> {
    let line = |(index, &(seconds_ago, run, text)): (usize, &(i64, u32, &str))| {
        Arc::new(LogLine {
            id: LineId::nth(index as u64 + first),
            task: task.into(),
            at: wall(seconds_ago),
            run: RunKey { supervised_since: 0, number: run },
            stream: OutputStream::Stdout,
            bytes: text.as_bytes().to_vec(),
            cut: false,
            is_finished: true,
        })
    };
    lines.iter().enumerate().map(line).collect()
}

/// A failed run that ended 109 seconds ago.
pub(crate) fn post_mortem(task: &str, run: u64) -> PostMortem {
    PostMortem {
        task: task.to_owned(),
        run,
        session: jiff::Timestamp::UNIX_EPOCH,
        at: wall(109),
        reason: "SIGABRT".to_owned(),
        class: "signal".to_owned(),
        signal: Some("SIGABRT".to_owned()),
        ran_for_ms: 720_000,
        retries: 5,
        max_retries: 5,
        then: "failed".to_owned(),
        peak_memory_bytes: Some(5 << 20),
        lines: vec![LastLine { at: wall(110), is_stderr: true, text: "the last word".to_owned() }],
    }
}

fn logs() -> Logs {
    let info = "\x1b[32m INFO\x1b[0m";
    let warn = "\x1b[33m WARN\x1b[0m";
    let error = "\x1b[31mERROR\x1b[0m";
    let api = [
        (112, 1, format!("{warn} pool: connection 7 lost")),
        (110, 1, format!("{error} pool: no connection left")),
        (109, 1, "thread 'main' panicked at src/pool.rs:88: pool is empty".to_owned()),
        (108, 2, format!("{info} listening on 127.0.0.1:8080")),
        (106, 2, format!("{info} GET /health 200 in 3 ms")),
        (61, 2, format!("{info} GET /cart 200 in 12 ms")),
        (
            44,
            2,
            format!(
                "{warn} slow query: select * from orders where customer = $1 and state in ('open', 'paid') order by id took 1204 ms"
            ),
        ),
        (31, 2, "loading catalogue   3%\rloading catalogue  58%\rloading catalogue 100%".to_owned()),
        (12, 2, format!("{info} POST /orders 201 in 31 ms, héllo 日本語 🚀")),
        (2, 2, format!("{info} GET /health 200 in 3 ms")),
    ];
    let api: Vec<_> = api.iter().map(|(ago, run, text)| (*ago, *run, text.as_str())).collect();
    [
        ("api", log("api", &api)),
        (
            "worker",
            log("worker", &[(41, 6, "connected to queue mail"), (40, 6, "\x1b[31mfatal:\x1b[0m bad frame 0x1f")]),
        ),
        ("assets", log("assets", &[(9, 1, "webpack 5.99 compiling…")])),
    ]
    .map(|(name, lines)| (name.to_owned(), lines))
    .into()
}
