//! The command line as a client: finds the supervisor of a project and talks to it over its control socket.
//!
//! It knows HTTP and the socket; what is asked and shown is each subcommand's matter.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use axum::body::{Body, BodyDataStream, Bytes, to_bytes};
use futures_util::StreamExt;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{self, client::IntoClientRequest};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::end::SupervisorEnd;
use super::locate::{NoSupervisor, locate};
use super::{EXIT_NO_SERVER, EXIT_REFUSED, EXIT_USAGE, FileArgs};
use crate::app::StatePaths;
use crate::config::Project;
use crate::duration::Pretty;
use crate::import::kind_of;
use crate::process::OutputReader;
use crate::supervisor::engine::{Origin, Refusal, TaskSnapshot, Verb};
use crate::surfaces::{ConnectError, Endpoint};
use crate::wire::{
    DisconnectedEvent, DroppedEvents, Lenient, LiveSnapshot, LostOutput, ProblemBody, ReceivedSnapshot, TasksRequest,
};

/// The client's name unless a command has one of its own: events call it `control/cli`.
const CLI_AGENT: &str = concat!("cli/", env!("CARGO_PKG_VERSION"));
/// How long an answer may take. Longer than the supervisor's own limit, so that its reason is heard.
const REPLY_TIME: Duration = Duration::from_secs(15);
/// How long an event stream may be silent. It says every few seconds that it is alive.
const STREAM_SILENCE: Duration = Duration::from_secs(60);
/// Bytes of one answer, and of one message of an event stream.
const REPLY_BYTES: usize = 64 * 1024 * 1024;

/// Why a supervisor could not be asked, or refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// No supervisor listens.
    #[error("{0}")]
    NoServer(Box<NoSupervisor>),
    /// It can't be connected to.
    #[error("cannot reach the supervisor at {}", path.display())]
    Unreachable { path: PathBuf, source: ConnectError },
    /// It said no.
    #[error("{detail}")]
    Refused {
        status: StatusCode,
        detail: String,
        /// The mistakes of a configuration, each with its place.
        report: String,
        /// The same for programs, if it was the supervisor's own decision.
        refusal: Option<Box<Refusal>>,
    },
    /// It said nothing.
    #[error("the supervisor did not answer within {}", Pretty(*.0))]
    Silent(Duration),
    /// It said what this program can't read.
    #[error("cannot read the answer of the supervisor, which may be of another version")]
    Unreadable(#[source] serde_json::Error),
    /// It has disconnected this client.
    #[error("disconnected, asked by {0}")]
    Disconnected(Origin),
    /// It went away meanwhile.
    #[error("the connection to the supervisor broke off")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ClientError {
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::NoServer(_) => EXIT_NO_SERVER,
            Self::Refused { refusal: Some(refusal), .. } if matches!(**refusal, Refusal::UnknownTask { .. }) => {
                EXIT_USAGE
            }
            Self::Unreachable { .. }
            | Self::Refused { .. }
            | Self::Silent(_)
            | Self::Unreadable(_)
            | Self::Disconnected(_)
            | Self::Broken(_) => EXIT_REFUSED,
        }
    }

    fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Broken(error.into())
    }
}

/// A way to one project's supervisor. Each request is a connection of its own.
#[derive(Debug)]
pub(super) struct Client {
    project: Project,
    pub(super) paths: StatePaths,
    agent: &'static str,
}

impl Client {
    /// A client for the project that is meant. Its configuration need not be valid, nor exist, to talk to its supervisor.
    ///
    /// # Errors
    ///
    /// There is no such project.
    pub(super) fn of(file: &FileArgs) -> anyhow::Result<Self> {
        let project = locate(file.file.as_deref())?;
        Ok(Self { paths: StatePaths::of(&project), project, agent: CLI_AGENT })
    }

    /// The same client under another name and version: the name is shown as the origin of what it asks for.
    pub(super) fn called(self, agent: &'static str) -> Self {
        Self { agent, ..self }
    }

    /// Whether the project's file was written for stead, not for another tool.
    pub(super) fn has_own_file(&self) -> bool {
        let path = self.project.path();
        // A file that is gone says nothing of its kind, but its name does.
        let text = std::fs::read(&path).unwrap_or_default();
        kind_of(&path, &String::from_utf8_lossy(&text)).is_none()
    }

    /// The end of the supervisor that runs now.
    pub(super) async fn watch_end(&self) -> Result<SupervisorEnd, ClientError> {
        Ok(SupervisorEnd::of(&self.connect().await?, &self.paths))
    }

    /// The JSON at `path`, read.
    pub(super) async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        parse(&self.get(path).await?)
    }

    /// The JSON at `path`, as it came.
    pub(super) async fn get(&self, path: &str) -> Result<Bytes, ClientError> {
        self.exchange(Method::GET, path, None).await
    }

    /// Asks for something; the answer as it came.
    pub(super) async fn post(&self, path: &str, body: Option<&Value>) -> Result<Bytes, ClientError> {
        let body = body.map(|body| ("application/json", Body::from(body.to_string())));
        self.exchange(Method::POST, path, body).await
    }

    /// Asks for `verb` with these tasks; the answer as it came.
    pub(super) async fn ask_of_several(&self, verb: Verb, tasks: &TasksRequest) -> Result<Bytes, ClientError> {
        self.post(&format!("/api/v1/tasks/{}", verb.word()), Some(&json!(tasks))).await
    }

    /// Takes something back; the answer as it came.
    pub(super) async fn delete(&self, path: &str) -> Result<Bytes, ClientError> {
        self.exchange(Method::DELETE, path, None).await
    }

    /// Asks for something that bytes say.
    pub(super) async fn post_bytes(&self, path: &str, body: Vec<u8>) -> Result<Bytes, ClientError> {
        self.exchange(Method::POST, path, Some(("application/octet-stream", body.into()))).await
    }

    /// Opens a WebSocket.
    pub(super) async fn socket(&self, path: &str) -> Result<TerminalSocket, ClientError> {
        let mut request = format!("ws://stead{path}").into_client_request().map_err(ClientError::broken)?;
        request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(self.agent));
        let shaken = client_async(request, self.connect().await?);
        match timeout(REPLY_TIME, shaken).await.map_err(|_| ClientError::Silent(REPLY_TIME))? {
            Ok((socket, _)) => Ok(socket),
            Err(tungstenite::Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                Err(refusal(response.status(), body))
            }
            Err(error) => Err(ClientError::broken(error)),
        }
    }

    /// Follows the event stream; a snapshot comes first. `query` begins with `?` or is empty.
    pub(super) async fn events(&self, query: &str) -> Result<EventStream, ClientError> {
        self.stream(query).await
    }

    /// The same, where each task is read as `T`.
    pub(super) async fn stream<T: DeserializeOwned>(&self, query: &str) -> Result<EventStream<T>, ClientError> {
        let response = self.send(Method::GET, &format!("/api/v1/events{query}"), None).await?;
        let chunks = accepted(response).await?.into_body().into_data_stream();
        Ok(EventStream::new(chunks))
    }

    async fn exchange(&self, method: Method, path: &str, body: Option<TypedBody>) -> Result<Bytes, ClientError> {
        let answer = async { read(accepted(self.send(method, path, body).await?).await?).await };
        timeout(REPLY_TIME, answer).await.map_err(|_| ClientError::Silent(REPLY_TIME))?
    }

    async fn connect(&self) -> Result<UnixStream, ClientError> {
        let path = &self.paths.socket;
        let endpoint = Endpoint::of(&self.project, path);
        let connected = timeout(REPLY_TIME, endpoint.connect()).await.map_err(|_| ClientError::Silent(REPLY_TIME))?;
        connected.map_err(|source| match source {
            ConnectError::NoServer => ClientError::NoServer(Box::new(NoSupervisor::of(&self.project))),
            source => ClientError::Unreachable { path: path.clone(), source },
        })
    }

    async fn send(&self, method: Method, path: &str, body: Option<TypedBody>) -> Result<Response<Body>, ClientError> {
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(self.connect().await?)).await;
        let (mut sender, connection) = handshake.map_err(ClientError::broken)?;
        tokio::spawn(async move {
            // A connection that breaks off is reported to the caller that waits for the answer.
            let _ = connection.await;
        });
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "stead")
            .header(header::USER_AGENT, self.agent);
        let (media, body) = body.unzip();
        if let Some(media) = media {
            request = request.header(header::CONTENT_TYPE, media);
        }
        let request = request.body(body.unwrap_or_default()).expect("paths are made here, of what is allowed in them");
        let response = timeout(REPLY_TIME, sender.send_request(request)).await;
        let response = response.map_err(|_| ClientError::Silent(REPLY_TIME))?.map_err(ClientError::broken)?;
        Ok(response.map(Body::new))
    }
}

/// A body with its media type.
type TypedBody = (&'static str, Body);

/// A WebSocket to the supervisor.
pub(super) type TerminalSocket = WebSocketStream<UnixStream>;

/// Reads an answer.
///
/// # Errors
///
/// [`ClientError::Unreadable`].
pub(super) fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(json).map_err(ClientError::Unreadable)
}

async fn accepted(response: Response<Body>) -> Result<Response<Body>, ClientError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    Err(refusal(status, &read(response).await?))
}

fn refusal(status: StatusCode, body: &[u8]) -> ClientError {
    let problem: Option<ProblemBody> = serde_json::from_slice(body).ok();
    let report = problem.as_ref().and_then(|problem| problem.members.get("report")?.as_str());
    ClientError::Refused {
        status,
        report: report.unwrap_or_default().to_owned(),
        refusal: serde_json::from_slice(body).ok().map(Box::new),
        detail: problem.map_or_else(|| format!("refused with status {status}"), |problem| problem.detail),
    }
}

/// A name as a part of a path.
pub(super) fn segment(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

async fn read(response: Response<Body>) -> Result<Bytes, ClientError> {
    to_bytes(response.into_body(), REPLY_BYTES).await.map_err(ClientError::broken)
}

/// A live event stream, and the snapshot that it keeps true. `T` is a task as it is read.
pub(super) struct EventStream<T = Lenient<TaskSnapshot>> {
    chunks: BodyDataStream,
    unread: Vec<u8>,
    live: Option<LiveSnapshot<T>>,
}

/// What a stream says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StreamMessage {
    /// The snapshot has changed.
    Snapshot,
    /// Something has happened: an event, as JSON.
    Event(String),
    /// So many events can't be had any more.
    Dropped(u64),
    /// Output that no log file has.
    Lost(LostOutput),
}

/// A message as it is sent.
#[derive(Debug, PartialEq, Eq)]
struct ServerEvent {
    event: String,
    /// JSON.
    data: String,
}

impl<T: DeserializeOwned> EventStream<T> {
    fn new(chunks: BodyDataStream) -> Self {
        Self { chunks, unread: Vec::new(), live: None }
    }

    /// What it says next; none when the supervisor has ended it. Nothing is lost when this is dropped.
    pub(super) async fn next(&mut self) -> Result<Option<StreamMessage>, ClientError> {
        while let Some(ServerEvent { event, data }) = self.next_event().await? {
            match event.as_str() {
                "snapshot" => {
                    self.live = Some(LiveSnapshot::begin(&data).map_err(ClientError::Unreadable)?);
                    return Ok(Some(StreamMessage::Snapshot));
                }
                "delta" => {
                    let Some(live) = &mut self.live else { continue };
                    live.apply(&data).map_err(ClientError::Unreadable)?;
                    return Ok(Some(StreamMessage::Snapshot));
                }
                "event" => return Ok(Some(StreamMessage::Event(data))),
                "dropped" => {
                    let DroppedEvents { count } = parse(data.as_bytes())?;
                    return Ok(Some(StreamMessage::Dropped(count)));
                }
                "lost" => return Ok(Some(StreamMessage::Lost(parse(data.as_bytes())?))),
                "disconnected" => {
                    let DisconnectedEvent { by } = parse(data.as_bytes())?;
                    return Err(ClientError::Disconnected(by));
                }
                // Of a newer supervisor.
                _ => {}
            }
        }
        Ok(None)
    }

    /// Follows the stream to the next change of the snapshot; none when the supervisor has ended it.
    pub(super) async fn next_snapshot(&mut self) -> Result<Option<&ReceivedSnapshot<T>>, ClientError> {
        loop {
            match self.next().await? {
                Some(StreamMessage::Snapshot) => return Ok(self.snapshot()),
                Some(StreamMessage::Event(_) | StreamMessage::Dropped(_) | StreamMessage::Lost(_)) => {}
                None => return Ok(None),
            }
        }
    }

    /// The snapshot as it is now; none before the first message.
    pub(super) fn snapshot(&self) -> Option<&ReceivedSnapshot<T>> {
        self.live.as_ref().map(|live| &live.snapshot)
    }

    /// The same as JSON.
    pub(super) fn snapshot_json(&self) -> Option<Value> {
        self.live.as_ref().map(LiveSnapshot::json)
    }

    async fn next_event(&mut self) -> Result<Option<ServerEvent>, ClientError> {
        loop {
            if let Some(event) = take_message(&mut self.unread) {
                return Ok(Some(event));
            }
            if self.unread.len() > REPLY_BYTES {
                return Err(ClientError::broken("a message is too long"));
            }
            match timeout(STREAM_SILENCE, self.chunks.next()).await {
                Ok(Some(Ok(chunk))) => self.unread.extend_from_slice(&chunk),
                Ok(Some(Err(error))) => return Err(ClientError::broken(error)),
                Ok(None) => return Ok(None),
                Err(_) => return Err(ClientError::Silent(STREAM_SILENCE)),
            }
        }
    }
}

/// Takes the first whole message that is one; signs of life are passed over.
fn take_message(unread: &mut Vec<u8>) -> Option<ServerEvent> {
    loop {
        let end = unread.windows(2).position(|pair| pair == b"\n\n")?;
        let block: Vec<u8> = unread.drain(..end + 2).collect();
        let text = String::from_utf8_lossy(&block);
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        if let (Some(event), Some(data)) = (field("event"), field("data")) {
            return Some(ServerEvent { event: event.to_owned(), data: data.to_owned() });
        }
    }
}

/// Runs a client's work to its end.
///
/// # Errors
///
/// Those of the work.
pub(super) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start the runtime")?.block_on(work)
}

/// Does `work` until it ends, or no one reads standard output any more: then there is no one to do it for.
pub(super) async fn while_read(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let reader = OutputReader::of(&io::stdout());
    tokio::select! {
        biased;
        result = work => result,
        () = reader.has_gone() => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_taken_whole_and_signs_of_life_are_none() {
        let mut unread = b": heartbeat\n\nevent: snapshot\nretry: 1000\ndata: {}\n\nid: 1-2\nevent: ev".to_vec();
        let message = |event: &str, data: &str| Some(ServerEvent { event: event.into(), data: data.into() });
        assert_eq!(take_message(&mut unread), message("snapshot", "{}"));
        assert_eq!(take_message(&mut unread), None);
        unread.extend_from_slice(b"ent\ndata: {\"a\": 1}\n\n");
        assert_eq!(take_message(&mut unread), message("event", "{\"a\": 1}"));
        assert_eq!(unread, b"");
    }
}
