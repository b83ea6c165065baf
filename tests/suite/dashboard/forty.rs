//! Forty tasks, eight hours into a working day: one has given up, two flap, one is blocked.

use std::sync::Arc;
use std::time::Duration;

use stead::signal::Signal;
use stead::supervisor::EventRecord;
use stead::supervisor::engine::{
    AfterExit, Condition, EdgeSnapshot, Event, EventKind, ExitReason, LastExit, OnRestart, PhaseSnapshot, Policy,
    Snapshot, Stage, TaskSnapshot,
};

use super::fixture::{Dashboard, NOW, ago, exited, in_millis, log, task, usage, wall};

/// A trace as Python writes it.
pub(crate) const TRACE: [&str; 6] = [
    "Traceback (most recent call last):",
    "  File \"worker.py\", line 40, in <module>",
    "    main()",
    "  File \"worker.py\", line 12, in main",
    "    connect()",
    "psycopg.OperationalError: connection failed: FATAL: too many connections",
];
const FULL: &str = "psycopg.OperationalError: connection failed: FATAL: too many connections";

/// The dashboard over forty tasks.
pub(crate) fn dashboard(width: u16, height: u16) -> Dashboard {
    let mut dashboard = Dashboard::empty(width, height);
    dashboard.snapshot = snapshot();
    dashboard.events = events();
    let trace: Vec<_> = TRACE.iter().map(|line| (41, 4, *line)).collect();
    let reports = [vec![(43, 4, "level=info msg=connecting host=db")], trace].concat();
    dashboard.logs.insert("worker-reports".to_owned(), log("worker-reports", &reports));
    let json = |status: u16, level: &str| {
        format!(
            r#"{{"time":"2026-11-23T12:03:00Z","level":"{level}","msg":"request handled","status":{status},"path":"/cart"}}"#
        )
    };
    let lines = [json(200, "info"), json(503, "error"), json(200, "info"), json(404, "warn")];
    let lines: Vec<_> = lines.iter().zip(0..).map(|(line, nth)| (60 - nth, 1, line.as_str())).collect();
    dashboard.logs.insert("api-users".to_owned(), log("api-users", &lines));
    dashboard.resize(width, height);
    dashboard
}

fn snapshot() -> Snapshot {
    let up = |seconds| PhaseSnapshot::Ready { since: ago(seconds), pid: Some(4_000) };
    let mut tasks = vec![
        TaskSnapshot {
            policy: Policy::Critical,
            usage: usage(7, 2.0, 180),
            ..task("db", "postgres -D data", up(28_000))
        },
        TaskSnapshot { usage: usage(1, 0.3, 12), ..task("cache", "redis-server", up(28_000)) },
        TaskSnapshot {
            policy: Policy::Never,
            last_exit: exited(1, ExitReason::Code { code: 0 }, 7_990, 3),
            ..task("migrate", "sqlx migrate run", PhaseSnapshot::Done)
        },
    ];
    for name in ["users", "orders", "cart", "stock", "mail", "files", "search"] {
        tasks.push(TaskSnapshot { usage: usage(2, 4.0, 64), ..task(&format!("api-{name}"), "cargo run", up(7_200)) });
    }
    flap(tasks.last_mut().expect("api-search"), 24, 25_000, 3, "index corrupted: segment 17");
    for name in ["audit", "billing", "reports", "export", "images", "import", "push", "sync"] {
        tasks.push(task(&format!("worker-{name}"), "python worker.py", up(540)));
    }
    let named =
        |tasks: &mut Vec<TaskSnapshot>, name: &str| tasks.iter().position(|task| task.name == name).expect(name);
    let billing = named(&mut tasks, "worker-billing");
    flap(&mut tasks[billing], 34, 20_000, 9, "FATAL: too many connections");
    let reports = named(&mut tasks, "worker-reports");
    tasks[reports] = TaskSnapshot {
        run: 4,
        retries: 3,
        max_retries: 3,
        restarts: 3,
        last_exit: exited(4, ExitReason::Code { code: 1 }, 41, 1),
        last_words: Some(FULL.to_owned()),
        phase: PhaseSnapshot::Failed { reason: "3 retries spent: code 1".to_owned(), dependency: None, retry_at: None },
        ..task("worker-reports", "python worker.py", up(0))
    };
    let blocked = "worker-reports failed".to_owned();
    let phase =
        PhaseSnapshot::Failed { reason: blocked, dependency: Some("worker-reports".to_owned()), retry_at: None };
    tasks.push(TaskSnapshot { run: 0, has_started: false, ..task("report-mailer", "node mailer.js", phase) });
    for (name, needed) in
        [("api-users", "db"), ("api-users", "cache"), ("worker-reports", "db"), ("report-mailer", "worker-reports")]
    {
        let at = named(&mut tasks, name);
        let edge = EdgeSnapshot {
            task: needed.to_owned(),
            condition: Condition::Ready,
            on_restart: OnRestart::Ignore,
            required: true,
        };
        tasks[at].after.push(edge);
    }
    let more = 1..=(40 - tasks.len());
    tasks.extend(more.map(|nth| task(&format!("svc-{nth:02}"), "./svc", up(7_900))));
    Snapshot { generation: 42, at: NOW, stage: Stage::Up, tasks, groups: Vec::new() }
}

fn flap(task: &mut TaskSnapshot, per_hour: u32, every_millis: u64, up_for: u64, words: &str) {
    task.phase = PhaseSnapshot::Ready { since: ago(up_for), pid: Some(4_700) };
    task.run = 64;
    task.restarts = 63;
    task.restarts_last_hour = per_hour;
    task.flapping_every = Some(Duration::from_millis(every_millis));
    task.last_words = Some(words.to_owned());
    let reason = ExitReason::Signal { signal: Signal::from_raw(6), core_dumped: false, by: None };
    task.last_exit = Some(LastExit { at: ago(up_for + 1), ..exited(63, reason, up_for, 20).expect("an exit") });
    task.budget_back_at = Some(in_millis(9_000));
}

fn events() -> Vec<Arc<EventRecord>> {
    let exit = |run, code, then| EventKind::Exited {
        run,
        reason: ExitReason::Code { code },
        expected: false,
        then,
        after: Duration::from_secs(1),
        peak_memory: None,
    };
    let retry = |attempt| EventKind::Backoff { attempt, max_retries: 3, wait: Duration::from_secs(1) };
    let started = |run| EventKind::Started { run, pid: Some(4_700), address: None };
    [
        (812_u32, "worker-reports", exit(1, 1, AfterExit::Backoff)),
        (812, "worker-reports", retry(1)),
        (811, "worker-reports", started(2)),
        (500, "worker-reports", exit(2, 1, AfterExit::Backoff)),
        (500, "worker-reports", retry(2)),
        (498, "worker-reports", started(3)),
        (90, "worker-billing", exit(62, 1, AfterExit::Backoff)),
        (89, "worker-billing", started(63)),
        (60, "worker-reports", exit(3, 1, AfterExit::Backoff)),
        (60, "worker-reports", retry(3)),
        (43, "worker-reports", started(4)),
        (41, "worker-reports", exit(4, 1, AfterExit::Failed)),
        (41, "worker-reports", EventKind::Exhausted { limit: "3 retries".to_owned() }),
        (41, "worker-reports", EventKind::Failed { reason: "3 retries spent: code 1".to_owned() }),
        (10, "worker-billing", exit(63, 1, AfterExit::Backoff)),
        (9, "worker-billing", started(64)),
        (4, "api-search", exit(63, 3, AfterExit::Backoff)),
        (3, "api-search", started(64)),
    ]
    .into_iter()
    .zip(1..)
    .map(|((seconds_ago, task, kind), number)| {
        let text = kind.to_string();
        let event = Event { task: Some(task.to_owned()), kind };
        let (at, uptime) = (wall(seconds_ago.into()), ago(seconds_ago.into()));
        Arc::new(EventRecord { number, at, uptime, event, text })
    })
    .collect()
}
