//! The driver over in-process tasks, in paused time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use stead::supervisor::SupervisorHandle;
use stead::supervisor::engine::RestartConfig;
use stead::supervisor::engine::{Answer, Origin, PhaseSnapshot, Refusal, Request, Verb};
use stead::supervisor::{ShutdownCause, ShutdownOutcome, TaskSupervisor};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long any of these may take by the paused clock.
const DEADLINE: Duration = Duration::from_secs(3_600);

fn supervisor() -> (TaskSupervisor, CancellationToken) {
    let root = CancellationToken::new();
    (TaskSupervisor::new(root.clone(), RestartConfig::default()), root)
}

async fn run(supervisor: TaskSupervisor) -> ShutdownOutcome {
    tokio::time::timeout(DEADLINE, supervisor.run()).await.expect("an end in time")
}

/// Waits until the task's state is this word.
async fn until(kernel: &SupervisorHandle, task: &str, word: &str) {
    let mut snapshots = kernel.watch();
    let there = snapshots.wait_for(|snapshot| snapshot.task(task).is_some_and(|task| task.phase.word() == word));
    tokio::time::timeout(DEADLINE, there).await.expect("the state in time").expect("a driver");
}

fn fatal(name: &str, reason: &str) -> ShutdownCause {
    ShutdownCause::Fatal { name: name.to_owned(), reason: reason.to_owned() }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_always_fails_starts_six_times_and_then_is_fatal() {
    let (mut supervisor, _root) = supervisor();
    let starts = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&starts);
    supervisor.track_restartable("flaky", move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Err(anyhow::anyhow!("no luck").context("trying")) }
    });
    let began = Instant::now();
    let outcome = run(supervisor).await;
    assert_eq!(outcome.cause, fatal("flaky", "5 retries spent: trying: no luck"));
    assert_eq!(outcome.exit_code(), 1);
    assert_eq!(starts.load(Ordering::Relaxed), 6);
    assert_eq!(began.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_told_with_its_message() {
    let (mut supervisor, _root) = supervisor();
    supervisor.track_critical("worker", tokio::spawn(async { panic!("lost {}", 7) }));
    assert_eq!(run(supervisor).await.cause, fatal("worker", "panic: lost 7"));
}

#[tokio::test(start_paused = true)]
async fn a_critical_task_that_just_returns_is_fatal_too() {
    let (mut supervisor, _root) = supervisor();
    supervisor.track_critical("worker", tokio::spawn(async { Ok(()) }));
    assert_eq!(run(supervisor).await.cause, fatal("worker", "finished"));
}

#[tokio::test(start_paused = true)]
async fn whoever_has_an_answer_finds_a_snapshot_that_shows_it() {
    let (mut supervisor, root) = supervisor();
    supervisor.track_restartable("worker", |stop| async move {
        stop.cancelled().await;
        Ok(())
    });
    let kernel = supervisor.handle();
    let running = tokio::spawn(run(supervisor));
    until(&kernel, "worker", "running").await;
    for run in 2..20 {
        kernel.request(Verb::Restart.of("worker"), Origin("test".into())).await.expect("a restart");
        let snapshot = kernel.snapshot();
        let worker = snapshot.task("worker").expect("the task");
        let has_begun = matches!(worker.phase, PhaseSnapshot::Stopping { .. }) || worker.run == run;
        assert!(has_begun, "run {run}: {:?}", worker.phase);
        let mut snapshots = kernel.watch();
        let next = snapshots.wait_for(|snapshot| snapshot.task("worker").is_some_and(|worker| worker.run == run));
        tokio::time::timeout(DEADLINE, next).await.expect("the run in time").expect("a driver");
    }
    root.cancel();
    running.await.expect("an outcome");
}

#[tokio::test(start_paused = true)]
async fn the_root_token_drains_and_every_task_hears_of_it() {
    let (mut supervisor, root) = supervisor();
    let child = root.child_token();
    supervisor.track_critical(
        "worker",
        tokio::spawn(async move {
            child.cancelled().await;
            Ok(())
        }),
    );
    supervisor.track_restartable("ticker", |stop| async move {
        stop.cancelled().await;
        Ok(())
    });
    let told = Arc::new(AtomicU32::new(0));
    let tell = Arc::clone(&told);
    supervisor.on_stop(move |outcome| tell.store(u32::from(outcome.exit_code()) + 1, Ordering::Relaxed));
    let kernel = supervisor.handle();
    let (outcome, ()) = tokio::join!(run(supervisor), async {
        until(&kernel, "ticker", "running").await;
        root.cancel();
    });
    assert_eq!((outcome.exit_code(), outcome.killed.len()), (0, 0));
    assert_eq!(told.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ignores_its_token_is_aborted_and_named() {
    let (mut supervisor, root) = supervisor();
    supervisor.track_restartable("deaf", |_| async {
        std::future::pending::<()>().await;
        Ok(())
    });
    let kernel = supervisor.handle();
    let (outcome, ()) = tokio::join!(run(supervisor), async {
        until(&kernel, "deaf", "running").await;
        root.cancel();
    });
    assert_eq!(outcome.killed.iter().map(|killed| killed.name.as_str()).collect::<Vec<_>>(), ["deaf"]);
    assert_eq!(outcome.took, Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn requests_are_answered_and_acted_on_during_a_countdown() {
    let (mut supervisor, _root) = supervisor();
    let starts = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&starts);
    supervisor.track_restartable("flaky", move |stop| {
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            if first {
                anyhow::bail!("not yet");
            }
            stop.cancelled().await;
            Ok(())
        }
    });
    let kernel = supervisor.handle();
    let (outcome, ()) = tokio::join!(run(supervisor), async {
        let ask = |request| kernel.request(request, Origin("test".to_owned()));
        until(&kernel, "flaky", "backoff").await;
        assert_eq!(ask(Verb::Restart.of("flaky")).await, Ok(Answer::Taken));
        until(&kernel, "flaky", "running").await;
        let unknown = Refusal::UnknownTask { task: "flakey".to_owned() };
        assert_eq!(ask(Verb::Stop.of("flakey")).await, Err(unknown));
        assert_eq!(ask(Verb::Stop.of("flaky")).await, Ok(Answer::Taken));
        until(&kernel, "flaky", "stopped").await;
        assert_eq!(ask(Request::ShutDown).await, Ok(Answer::Taken));
    });
    assert_eq!(starts.load(Ordering::Relaxed), 2);
    assert_eq!(outcome.cause.to_string(), "asked by test");
}

#[tokio::test(start_paused = true)]
async fn a_reload_without_a_configuration_is_refused_and_changes_nothing() {
    let (mut supervisor, root) = supervisor();
    supervisor.track_restartable("ticker", |stop| async move {
        stop.cancelled().await;
        Ok(())
    });
    let kernel = supervisor.handle();
    let (outcome, ()) = tokio::join!(run(supervisor), async {
        until(&kernel, "ticker", "running").await;
        for _ in 0..2 {
            let refused = kernel.request(Request::Reload, Origin("test".to_owned())).await.expect_err("a refusal");
            assert_eq!(refused.to_string(), "there is no configuration to read; all goes on as it was");
        }
        assert_eq!(kernel.snapshot().task("ticker").map(|ticker| ticker.run), Some(1));
        root.cancel();
    });
    assert_eq!(outcome.exit_code(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_never_shows_two_generations_alike() {
    let (mut supervisor, root) = supervisor();
    supervisor.track_restartable("ticker", |_| async { anyhow::bail!("again") });
    let kernel = supervisor.handle();
    let mut snapshots = kernel.watch();
    let watch = async {
        let mut last = 0;
        while snapshots.changed().await.is_ok() {
            let snapshot = snapshots.borrow_and_update().clone();
            assert!(snapshot.generation > last);
            last = snapshot.generation;
            if let PhaseSnapshot::Backoff { attempt: 3, .. } = snapshot.tasks[0].phase {
                root.cancel();
            }
        }
        last
    };
    let (_, last) = tokio::join!(run(supervisor), watch);
    // Three waits at least, each longer than the time between two snapshots.
    assert!(last >= 3);
}

/// A future that never yields holds its worker thread; the supervisor's end must not wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_blocks_its_thread_does_not_hold_the_end() {
    let (supervisor, root) = supervisor();
    let mut supervisor = supervisor.with_drain(stead::supervisor::engine::DrainConfig {
        graceful: Some(Duration::from_millis(200)),
        fatal: Duration::from_millis(200),
    });
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let mut blocked = Some(blocked);
    supervisor.track_restartable("stuck", move |_| {
        let blocked = blocked.take();
        async move {
            // Blocks until the sender is dropped at the end of the test.
            let _ = blocked.map(|blocked| blocked.recv());
            Ok(())
        }
    });
    let kernel = supervisor.handle();
    let (outcome, ()) = tokio::join!(run(supervisor), async {
        until(&kernel, "stuck", "running").await;
        root.cancel();
    });
    drop(release);
    assert_eq!(outcome.abandoned, ["stuck"]);
}
