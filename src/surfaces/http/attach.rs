//! A task's terminal from elsewhere: input by a request, or a WebSocket for as long as one likes.
//!
//! Both begin with a request to the supervisor, which refuses them or has them in the timeline; what is typed then
//! goes straight to the terminal. A client that does not keep up gets the screen anew instead of what it missed; one
//! without an emulator of its own may have the screen as cells.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::api::{Api, Name, text};
use super::asker::Asker;
use super::cells::CellsViewer;
use super::limits::{ATTACHED, HEARTBEAT, KEYS_BYTES, SILENCE, WRITE_STALL};
use super::openapi::{Operation, Routes};
use super::problem::Problem;
use super::requests::{Accepted, accepted};
use crate::screen::{AttachEvent, AttachStream, InputRefusal, ScreenSize, TaskScreen};
use crate::supervisor::engine::{Refusal, Verb};

/// What is spoken on the WebSocket.
const PROTOCOL: &str = "stead.v1";
/// Words to one client that may wait until it takes them; more are not said.
const WORDS_QUEUED: usize = 8;

pub(super) fn routes(routes: Routes) -> Routes {
    let input = Operation::post("/api/v1/tasks/{name}/input", "Type bytes into its terminal.").takes_bytes();
    let attach = "A WebSocket to its terminal: binary messages are what it shows and what is typed.";
    let attach = Operation::socket("/api/v1/tasks/{name}/attach", attach);
    let attach = attach.query("view", "^cells$", "`cells`: what it shows as rows of cells, as JSON, instead of bytes.");
    routes.route(input.answers::<Accepted>(StatusCode::ACCEPTED), self::input).route(attach, self::attach)
}

/// What a client wants to be shown.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    view: Option<View>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum View {
    Cells,
}

/// What leads to what a client is shown.
enum Eye {
    Bytes(AttachStream),
    Cells(CellsViewer),
}

impl Eye {
    fn of(screen: &TaskScreen, view: Option<View>) -> Self {
        match view {
            None => Self::Bytes(screen.attach()),
            Some(View::Cells) => Self::Cells(CellsViewer::new(screen.clone())),
        }
    }

    /// Waits for what comes next. Nothing is lost when this is dropped.
    async fn next(&mut self) -> Message {
        match self {
            Self::Bytes(viewer) => match viewer.next().await {
                AttachEvent::Output(bytes) => Message::Binary(Bytes::copy_from_slice(&bytes)),
                AttachEvent::Live(is_live) => Said::Live(is_live).into(),
            },
            Self::Cells(viewer) => Message::text(viewer.next().await),
        }
    }
}

async fn input(State(api): State<Api>, asker: Asker, name: Name, body: Bytes) -> Result<Response, Problem> {
    let task = text(name)?;
    let accepted = accepted(&api, &asker, Verb::Input.of(&task)).await?;
    screen(&api, &task)?.type_in(&body).map_err(|refusal| refused(&task, refusal))?;
    Ok((StatusCode::ACCEPTED, Json(accepted)).into_response())
}

async fn attach(
    State(api): State<Api>,
    asker: Asker,
    name: Name,
    wanted: Result<Query<Wanted>, QueryRejection>,
    socket: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Response> {
    let task = text(name).map_err(IntoResponse::into_response)?;
    let Query(Wanted { view }) =
        wanted.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()).into_response())?;
    let socket = socket.map_err(|_| upgrade_needed())?;
    let attaching = async {
        let permit = Arc::clone(&api.attached).try_acquire_owned().map_err(|_| {
            let detail = format!("{ATTACHED} terminals are attached to already");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        })?;
        accepted(&api, &asker, Verb::Attach.of(&task)).await?;
        Ok((permit, screen(&api, &task)?))
    };
    let (permit, screen) = attaching.await.map_err(|problem: Problem| problem.into_response())?;
    let socket = socket.protocols([PROTOCOL]).max_message_size(KEYS_BYTES).max_frame_size(KEYS_BYTES);
    Ok(socket.on_upgrade(async move |socket| {
        let _permit = permit;
        converse(socket, screen, view, api.shutdown).await;
    }))
}

fn screen(api: &Api, task: &str) -> Result<TaskScreen, Problem> {
    api.kernel.screens().get(task).ok_or_else(|| Refusal::NoTerminal { task: task.to_owned() }.into())
}

fn refused(task: &str, refusal: InputRefusal) -> Problem {
    Problem::new(StatusCode::CONFLICT, format!("{task} was not given that: {refusal}"))
}

fn upgrade_needed() -> Response {
    let detail = "this is a WebSocket; ask for an upgrade to it";
    let mut response = Problem::new(StatusCode::UPGRADE_REQUIRED, detail).into_response();
    response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    response
}

/// What is said to a client beside what the terminal shows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    /// Whether a run has the terminal.
    Live(bool),
    /// Why something that was sent was not taken.
    Refused(String),
}

impl From<Said> for Message {
    fn from(said: Said) -> Self {
        Self::text(serde_json::to_string(&said).expect("it is plain data"))
    }
}

/// What a client says beside what is typed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Heard {
    /// How large its terminal is.
    Resize { rows: u16, columns: u16 },
}

/// Shows and types until the client leaves, or the run of the surface ends.
async fn converse(socket: WebSocket, screen: TaskScreen, view: Option<View>, shutdown: CancellationToken) {
    let (out, keys) = socket.split();
    let (say, words) = mpsc::channel(WORDS_QUEUED);
    tokio::select! {
        () = show(out, Eye::of(&screen, view), words, shutdown) => {}
        () = listen(keys, &screen, &say) => {}
    }
}

/// Until the client takes no more.
async fn show(
    mut out: SplitSink<WebSocket, Message>,
    mut eye: Eye,
    mut words: mpsc::Receiver<Said>,
    shutdown: CancellationToken,
) {
    let mut pulse = interval(HEARTBEAT);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            () = shutdown.cancelled() => break,
            shown = eye.next() => shown,
            Some(said) = words.recv() => said.into(),
            _ = pulse.tick() => Message::Ping(Bytes::new()),
        };
        if !matches!(timeout(WRITE_STALL, out.send(message)).await, Ok(Ok(()))) {
            return;
        }
    }
    let farewell = CloseFrame { code: close_code::AWAY, reason: "this surface ends".into() };
    // Whoever does not take it notices the end all the same.
    let _ = timeout(HEARTBEAT, out.send(Message::Close(Some(farewell)))).await;
}

/// Until the client has left, or says nothing: not even that it is alive, which it is asked now and then.
async fn listen(mut keys: SplitStream<WebSocket>, screen: &TaskScreen, say: &mpsc::Sender<Said>) {
    while let Ok(Some(Ok(message))) = timeout(SILENCE, keys.next()).await {
        let refused = match message {
            Message::Binary(bytes) => screen.type_in(&bytes).err().map(|refusal| refusal.to_string()),
            Message::Text(text) => match serde_json::from_str(&text) {
                Ok(Heard::Resize { rows, columns }) => {
                    screen.resize(ScreenSize::new(columns, rows));
                    None
                }
                Err(error) => Some(format!("expected {{\"resize\": {{\"rows\": 24, \"columns\": 80}}}}: {error}")),
            },
            Message::Close(_) => return,
            Message::Ping(_) | Message::Pong(_) => None,
        };
        if let Some(why) = refused {
            // Who takes no more words has not read the first ones.
            let _ = say.try_send(Said::Refused(why));
        }
    }
}
