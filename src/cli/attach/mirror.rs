//! A kernel whose supervisor is another process. What that says is put where a dashboard looks, and what the dashboard
//! asks is passed on; the logs are read from the files, as everywhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::super::client::{Client, ClientError, EventStream, StreamMessage, parse, segment};
use super::screens;
use crate::kernel::{KernelHandle, PostMortems};
use crate::supervisor::engine::{Answer, Origin, Refusal, Request, Snapshot, TaskSnapshot, Verb};
use crate::supervisor::{Backend, EventRecord, QueuedRequest, handle};
use crate::wire::{Lenient, ReceivedSnapshot, SignalRequest, SnapshotResponse, TasksRequest, VersionResponse};

/// The wait before the control socket is tried again when it has gone away: its surface may be restarting.
const STREAM_RETRY: Duration = Duration::from_millis(500);

/// The other process' supervisor, as it is known here.
#[derive(Debug)]
pub(super) struct Mirror {
    pub(super) project: String,
    pub(super) kernel: KernelHandle,
    started_at: Timestamp,
    backend: Backend,
    client: Arc<Client>,
    /// The number of the last event that is known.
    last_event: u64,
    asked: JoinSet<()>,
    screens: JoinSet<()>,
}

/// How it ended.
#[derive(Debug)]
pub(super) enum MirrorEnd {
    /// The supervisor has ended.
    Ended,
    /// Another client has disconnected this one.
    Disconnected(Origin),
}

/// What the mirror waits for.
enum MirrorWakeup {
    Received(Result<Option<StreamMessage>, ClientError>),
    Requested(QueuedRequest),
    Answered,
}

impl Mirror {
    /// Learns how everything stands.
    ///
    /// # Errors
    ///
    /// There is no supervisor, or it is of another version.
    pub(super) async fn connect(client: Arc<Client>) -> anyhow::Result<Self> {
        let answer = client.get("/api/v1/snapshot").await?;
        let version =
            serde_json::from_slice::<Value>(&answer).ok().and_then(|board| Some(board["version"].as_str()?.to_owned()));
        let own = env!("CARGO_PKG_VERSION");
        ensure!(
            version.as_deref() == Some(own),
            "the supervisor is stead {}, this is {own}; a dashboard of the same version can attach to it",
            version.as_deref().unwrap_or("of an unknown version")
        );
        let SnapshotResponse { supervisor: VersionResponse { project, started_at, .. }, now, snapshot } =
            parse(&answer)?;
        let started = Instant::now().checked_sub(now.0).context("the supervisor is older than this system")?;
        let (handle, backend) = handle(started);
        let kernel = KernelHandle::new(handle).with_post_mortems(PostMortems::new(&client.paths.post_mortems));
        backend.snapshot.send_replace(snapshot);
        Ok(Self {
            project,
            kernel,
            started_at,
            backend,
            client,
            last_event: 0,
            asked: JoinSet::new(),
            screens: JoinSet::new(),
        })
    }

    /// Keeps it true until the supervisor has ended, which `ended` tells.
    ///
    /// # Errors
    ///
    /// What the supervisor says can't be understood.
    pub(super) async fn run(mut self, ended: CancellationToken) -> anyhow::Result<MirrorEnd> {
        self.show_screens();
        loop {
            let query = format!("?after={}", self.last_event);
            match self.client.stream(&query).await {
                Ok(mut events) => {
                    if let Some(by) = self.follow(&mut events).await? {
                        return Ok(MirrorEnd::Disconnected(by));
                    }
                }
                Err(error) => tracing::debug!(%error, "the control socket is away"),
            }
            tokio::select! {
                () = ended.cancelled() => return Ok(MirrorEnd::Ended),
                () = sleep(STREAM_RETRY) => {}
            }
        }
    }

    /// Until the stream ends. Returns who has disconnected this client, if someone did.
    async fn follow(&mut self, events: &mut EventStream<TaskSnapshot>) -> anyhow::Result<Option<Origin>> {
        loop {
            let happened = tokio::select! {
                said = events.next() => MirrorWakeup::Received(said),
                Some(request) = self.backend.requests.recv() => MirrorWakeup::Requested(request),
                Some(_) = self.asked.join_next() => MirrorWakeup::Answered,
            };
            match happened {
                MirrorWakeup::Received(Ok(Some(message))) => self.take(message, events)?,
                MirrorWakeup::Received(Err(ClientError::Disconnected(by))) => return Ok(Some(by)),
                MirrorWakeup::Received(Ok(None) | Err(_)) => return Ok(None),
                MirrorWakeup::Requested(request) => self.pass_on(request),
                MirrorWakeup::Answered => {}
            }
        }
    }

    fn take(&mut self, message: StreamMessage, events: &EventStream<TaskSnapshot>) -> anyhow::Result<()> {
        match message {
            StreamMessage::Snapshot => {
                let Some(received) = events.snapshot() else { return Ok(()) };
                let ReceivedSnapshot { supervisor, generation, at, stage, tasks, groups, .. } = received;
                ensure!(supervisor.started_at == self.started_at, "another supervisor has taken over");
                let stage = stage.known().context("the supervisor is in a stage that is not known here")?.clone();
                let groups = groups.iter().filter_map(Lenient::known).cloned().collect();
                let snapshot = Snapshot { generation: *generation, at: *at, stage, tasks: tasks.clone(), groups };
                self.backend.snapshot.send_replace(Arc::new(snapshot));
                self.show_screens();
            }
            StreamMessage::Event(event) => {
                let record: EventRecord = parse(event.as_bytes())?;
                self.last_event = record.number;
                self.backend.event_log.copy(record);
            }
            // What was dropped is seen by its number.
            StreamMessage::Dropped(_) => {}
            StreamMessage::Lost(lost) => self.kernel.logs().set_losses(&lost),
        }
        Ok(())
    }

    fn pass_on(&mut self, QueuedRequest { request, answer, .. }: QueuedRequest) {
        let client = Arc::clone(&self.client);
        self.asked.spawn(async move {
            // A dashboard that has left does not hear it.
            let _ = answer.send(ask(&client, &request).await);
        });
    }

    /// Shows the screens of tasks that have a terminal and were not known before.
    fn show_screens(&mut self) {
        let snapshot = self.kernel.snapshot();
        for task in snapshot.tasks.iter().filter(|task| task.tty) {
            if self.kernel.screens().get(&task.name).is_none() {
                let screen = self.kernel.screens().add(&task.name);
                self.screens.spawn(screens::show(Arc::clone(&self.client), task.name.clone(), screen));
            }
        }
    }
}

/// Asks the supervisor; what only its own dashboard may ask is not available here.
async fn ask(client: &Client, request: &Request) -> Result<Answer, Refusal> {
    let (path, body) = route(request).ok_or(Refusal::Unavailable)?;
    let answer = client.post(&path, body.as_ref()).await.map_err(|error| match error {
        ClientError::Refused { refusal: Some(refusal), .. } => *refusal,
        error => {
            tracing::debug!(%error, "a request has failed");
            Refusal::Unavailable
        }
    })?;
    match request {
        Request::Reload | Request::Scale { .. } => {
            serde_json::from_slice(&answer).map(Answer::Reloaded).map_err(|_| Refusal::Unavailable)
        }
        _ => Ok(Answer::Taken),
    }
}

fn route(request: &Request) -> Option<(String, Option<Value>)> {
    Some(match request {
        Request::Task { verb: Verb::Input | Verb::Attach, .. } | Request::KillAll => return None,
        Request::Task { task, verb } => {
            let body = match verb {
                Verb::Signal { signal, tree } => Some(json!(SignalRequest { signal: signal.to_string(), tree: *tree })),
                _ => None,
            };
            (format!("/api/v1/tasks/{}/{}", segment(task), verb.word()), body)
        }
        Request::RestartAll => ("/api/v1/tasks/restart".to_owned(), Some(json!(TasksRequest::all()))),
        Request::Scale { task, replicas } => {
            (format!("/api/v1/tasks/{}/scale", segment(task)), Some(json!({ "replicas": replicas })))
        }
        Request::Reload => ("/api/v1/reload".to_owned(), None),
        Request::ShutDown => ("/api/v1/shutdown".to_owned(), None),
    })
}
