//! Surfaces under the real supervisor and gateway, in paused time.

use std::sync::Mutex;
use std::time::Duration;

use tokio::runtime::Handle;

use super::*;
use crate::app::builtin::{Surfaces, track_gateway};
use crate::config::{Config, SharedConfig};
use crate::gateway::{Connection, Gateway};
use crate::kernel::KernelHandle;
use crate::supervisor::engine::{Answer, PhaseSnapshot, Refusal, Request, Verb};
use crate::supervisor::engine::{BadConfig, RestartConfig};
use crate::supervisor::{ShutdownOutcome, TaskSupervisor};

/// How long any of these may take by the paused clock.
const DEADLINE: Duration = Duration::from_secs(3_600);

/// What a run of the surface does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Life {
    Serves,
    FailsToStart,
    PanicsInStart,
    HangsInStart,
    OneOfItsTasksPanics,
}

/// A surface whose runs live as the list says, the last kind for ever.
#[derive(Debug)]
struct Actor {
    lives: Mutex<Vec<Life>>,
    connection: Arc<Mutex<Option<Arc<Connection>>>>,
    /// Cancelled when the second task of a run has ended.
    other_ended: CancellationToken,
}

impl Surface for Actor {
    fn name(&self) -> &str {
        "actor"
    }

    fn about(&self) -> String {
        String::new()
    }

    async fn start(&self, context: SurfaceContext) -> anyhow::Result<SurfaceHandle> {
        let life = {
            let mut lives = self.lives.lock().unwrap();
            if lives.len() > 1 { lives.remove(0) } else { lives[0] }
        };
        match life {
            Life::FailsToStart => anyhow::bail!("port 1 in use"),
            Life::PanicsInStart => panic!("no luck"),
            Life::HangsInStart => std::future::pending().await,
            Life::Serves | Life::OneOfItsTasksPanics => {}
        }
        let connection = Arc::new(context.gateway.register_own("actor")?);
        *self.connection.lock().unwrap() = Some(Arc::clone(&connection));
        let (stop, ended) = (context.shutdown, self.other_ended.clone());
        let first = stop.clone();
        let tasks = vec![
            tokio::spawn(async move {
                assert!(life != Life::OneOfItsTasksPanics, "broken");
                first.cancelled().await;
                Ok(())
            }),
            tokio::spawn(async move {
                stop.cancelled().await;
                ended.cancel();
                Ok(())
            }),
        ];
        Ok(SurfaceHandle { address: None, tasks })
    }
}

struct Scene {
    supervisor: TaskSupervisor,
    kernel: KernelHandle,
    root: CancellationToken,
    connection: Arc<Mutex<Option<Arc<Connection>>>>,
    gateway: Gateway,
    other_ended: CancellationToken,
}

fn stage(lives: &[Life]) -> Scene {
    let root = CancellationToken::new();
    let mut supervisor = TaskSupervisor::new(root.clone(), RestartConfig::default());
    let kernel = KernelHandle::new(supervisor.handle());
    let gateway = track_gateway(&mut supervisor, kernel.clone());
    let connection = Arc::new(Mutex::new(None));
    let other_ended = CancellationToken::new();
    let actor = Actor {
        lives: Mutex::new(lives.to_vec()),
        connection: Arc::clone(&connection),
        other_ended: other_ended.clone(),
    };
    let config = Config::parse("tasks.a.command = 'true'", "stead.toml".as_ref()).unwrap();
    let config = SharedConfig::new(config, || Err(BadConfig::new("nothing to read")));
    Surfaces {
        supervisor: &mut supervisor,
        kernel: kernel.clone(),
        config,
        gateway: gateway.clone(),
        web_dist: Default::default(),
        runtime: &Handle::current(),
    }
    .track(actor);
    Scene { supervisor, kernel, root, connection, gateway, other_ended }
}

async fn run(supervisor: TaskSupervisor) -> ShutdownOutcome {
    tokio::time::timeout(DEADLINE, supervisor.run()).await.expect("an end in time")
}

async fn until_ready(kernel: &KernelHandle, run: u64) {
    let mut snapshots = kernel.watch();
    let ready = snapshots.wait_for(|snapshot| {
        let there = |task: &crate::supervisor::engine::TaskSnapshot| task.run == run && task.counts_as_ready();
        snapshot.task("actor").is_some_and(there)
    });
    tokio::time::timeout(DEADLINE, ready).await.expect("the run in time").expect("a driver");
}

#[tokio::test(start_paused = true)]
async fn a_surface_that_fails_comes_back_and_registers_anew() {
    let Scene { supervisor, kernel, connection, gateway, other_ended, .. } =
        stage(&[Life::FailsToStart, Life::PanicsInStart, Life::OneOfItsTasksPanics, Life::Serves]);
    let (outcome, ()) = tokio::join!(run(supervisor), async {
        until_ready(&kernel, 4).await;
        assert!(other_ended.is_cancelled(), "the rest of a broken run was seen off");
        let names: Vec<_> = gateway.clients().into_iter().map(|client| client.name.0).collect();
        assert_eq!(names, ["actor"], "those of the runs before are gone");
        let events: Vec<String> = kernel.event_log().recent().iter().map(|event| event.text.clone()).collect();
        for said in ["port 1 in use after 0ms", "panic: no luck", "panic: broken"] {
            assert!(events.iter().any(|event| event.contains(said)), "{said}: {events:?}");
        }
        let ask = connection.lock().unwrap().clone().expect("a connection");
        let unknown = Refusal::UnknownTask { task: "b".to_owned() };
        assert_eq!(ask.request(Verb::Start.of("b")).await, Err(unknown));
        assert_eq!(ask.request(Request::ShutDown).await, Ok(Answer::Taken));
    });
    assert_eq!(outcome.cause.to_string(), "asked by actor", "a request carries its client's name");
    assert!(outcome.killed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_surface_that_fails_for_good_is_held_and_tried_again_and_ends_nothing() {
    let lives: Vec<_> = [Life::FailsToStart; 8].into_iter().chain([Life::Serves]).collect();
    let Scene { supervisor, kernel, root, .. } = stage(&lives);
    let (outcome, ()) = tokio::join!(run(supervisor), async {
        let mut snapshots = kernel.watch();
        let failed = |snapshot: &Arc<crate::supervisor::engine::Snapshot>| {
            let reason = |task: &crate::supervisor::engine::TaskSnapshot| match &task.phase {
                PhaseSnapshot::Failed { reason, retry_at: Some(_), .. } => Some(reason.clone()),
                _ => None,
            };
            snapshot.task("actor").and_then(reason).as_deref() == Some("5 retries spent: port 1 in use")
        };
        snapshots.wait_for(failed).await.expect("a driver");
        until_ready(&kernel, 9).await;
        root.cancel();
    });
    assert_eq!(outcome.exit_code(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_hangs_is_aborted_and_tried_again() {
    let Scene { supervisor, kernel, root, .. } = stage(&[Life::HangsInStart, Life::Serves]);
    let (_, ()) = tokio::join!(run(supervisor), async {
        until_ready(&kernel, 2).await;
        let last = kernel.snapshot().task("actor").and_then(|task| task.last_exit.clone()).expect("an exit");
        assert_eq!(last.reason.to_string(), "start took longer than 30s");
        root.cancel();
    });
}

#[tokio::test(start_paused = true)]
async fn a_start_that_hangs_does_not_hold_the_drain() {
    let Scene { supervisor, kernel, root, .. } = stage(&[Life::HangsInStart]);
    let (outcome, ()) = tokio::join!(run(supervisor), async {
        let mut snapshots = kernel.watch();
        let starting = |snapshot: &Arc<crate::supervisor::engine::Snapshot>| {
            snapshot.task("actor").is_some_and(|task| task.phase.word() == "starting")
        };
        snapshots.wait_for(starting).await.expect("a driver");
        root.cancel();
    });
    assert!(outcome.took < Duration::from_secs(1), "{:?}", outcome.took);
}
