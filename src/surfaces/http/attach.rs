//! A task's terminal from elsewhere: input by a request, or a WebSocket for as long as one likes.
//!
//! Both begin with a request to the supervisor, which refuses them or has them in the event log; what is typed then
//! goes straight to the terminal. A client that does not keep up gets the screen anew instead of what it missed; one
//! without an emulator of its own may have the screen as cells.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::caller::Caller;
use super::cells::CellsViewer;
use super::extract::{Parameters, TaskName};
use super::limits::{HEARTBEAT, SOCKET_PINGS_MOST, SOCKET_SILENCE, SOCKET_WRITE_BYTES, WRITE_STALL};
use super::openapi::{Operation, Routes};
use super::problem::Problem;
use super::state::Api;
use crate::screen::{AttachEvent, AttachStream, InputRefusal, ScreenSize, TaskScreen};
use crate::supervisor::engine::{Refusal, Verb};
use crate::wire::{AcceptedResponse, KEYS_MESSAGE_BYTES, TerminalCommand, TerminalNotice};

/// The WebSocket's protocol.
const SOCKET_PROTOCOL: &str = "stead.v1";
/// Notices to one client that may wait until it takes them; more are dropped.
const NOTICES_QUEUED: usize = 8;

pub(super) fn routes() -> Routes {
    let input =
        Operation::post("type_into_task", "/api/v1/tasks/{name}/input", "Type bytes into its terminal.").takes_bytes();
    let attach = "A WebSocket to its terminal: binary messages are what it shows and what is typed.";
    let attach = Operation::socket("attach_to_task", "/api/v1/tasks/{name}/attach", attach);
    let attach = attach.query("view", "^cells$", "`cells`: what it shows as rows of cells, as JSON, instead of bytes.");
    Routes::default()
        .route(input.answers::<AcceptedResponse>(StatusCode::ACCEPTED), self::input)
        .route(attach, self::attach)
}

/// What a client wants to be shown.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AttachQuery {
    view: Option<AttachView>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AttachView {
    Cells,
}

/// What a client is shown.
enum ScreenFeed {
    Bytes(AttachStream),
    Cells(CellsViewer),
}

impl ScreenFeed {
    fn of(screen: &TaskScreen, view: Option<AttachView>) -> Self {
        match view {
            None => Self::Bytes(AttachStream::new(screen.clone())),
            Some(AttachView::Cells) => Self::Cells(CellsViewer::new(screen.clone())),
        }
    }

    /// Waits for what comes next. Nothing is lost when this is dropped.
    async fn next(&mut self) -> Message {
        match self {
            Self::Bytes(viewer) => match viewer.next().await {
                AttachEvent::Output(bytes) => Message::Binary(Bytes::copy_from_slice(&bytes)),
                AttachEvent::Live(is_live) => Message::text(TerminalNotice::Live(is_live).json()),
            },
            Self::Cells(viewer) => Message::text(viewer.next().await),
        }
    }
}

async fn input(
    State(api): State<Api>,
    caller: Caller,
    TaskName(task): TaskName,
    body: Bytes,
) -> Result<Response, Problem> {
    let accepted = caller.accepted(&api, Verb::Input.of(&task)).await?;
    screen(&api, &task)?.type_in(&body).map_err(|refusal| refused(&task, refusal))?;
    Ok((StatusCode::ACCEPTED, Json(accepted)).into_response())
}

async fn attach(
    State(api): State<Api>,
    caller: Caller,
    TaskName(task): TaskName,
    Parameters(AttachQuery { view }): Parameters<AttachQuery>,
    socket: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Response> {
    let socket = socket.map_err(|_| upgrade_needed())?;
    let attaching = async {
        let permit = api.attach_permit()?;
        caller.accepted(&api, Verb::Attach.of(&task)).await?;
        Ok((permit, screen(&api, &task)?))
    };
    let (permit, screen) = attaching.await.map_err(|problem: Problem| problem.into_response())?;
    let socket = socket
        .protocols([SOCKET_PROTOCOL])
        .max_message_size(KEYS_MESSAGE_BYTES)
        .max_frame_size(KEYS_MESSAGE_BYTES)
        .max_write_buffer_size(SOCKET_WRITE_BYTES);
    Ok(socket.on_upgrade(async move |socket| {
        let _permit = permit;
        converse(socket, screen, view, caller).await;
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

/// Shows and types until the client leaves, or its connection ends.
async fn converse(socket: WebSocket, screen: TaskScreen, view: Option<AttachView>, caller: Caller) {
    let (out, keys) = socket.split();
    let (sender, notices) = mpsc::channel(NOTICES_QUEUED);
    tokio::select! {
        () = show(out, ScreenFeed::of(&screen, view), notices, &caller) => {}
        () = listen(keys, &screen, &sender) => {}
    }
}

/// Until the client takes no more.
async fn show(
    mut out: SplitSink<WebSocket, Message>,
    mut feed: ScreenFeed,
    mut notices: mpsc::Receiver<TerminalNotice>,
    caller: &Caller,
) {
    let mut pulse = interval(HEARTBEAT);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            () = caller.connection().ended() => break,
            shown = feed.next() => shown,
            Some(notice) = notices.recv() => Message::text(notice.json()),
            _ = pulse.tick() => Message::Ping(Bytes::new()),
        };
        if !matches!(timeout(WRITE_STALL, out.send(message)).await, Ok(Ok(()))) {
            return;
        }
    }
    let farewell = match caller.connection().disconnected_by() {
        Some(by) => CloseFrame { code: close_code::POLICY, reason: format!("disconnected by {by}").into() },
        None => CloseFrame { code: close_code::AWAY, reason: "this surface ends".into() },
    };
    // A client that does not take it notices the end all the same.
    let _ = timeout(HEARTBEAT, out.send(Message::Close(Some(farewell)))).await;
}

/// Until the client has left, pings too often, or says nothing: not even that it is alive, which it is asked now and then.
async fn listen(mut keys: SplitStream<WebSocket>, screen: &TaskScreen, notices: &mpsc::Sender<TerminalNotice>) {
    let (mut counted_since, mut pings) = (Instant::now(), 0);
    while let Ok(Some(Ok(message))) = timeout(SOCKET_SILENCE, keys.next()).await {
        let refused = match message {
            Message::Binary(bytes) => screen.type_in(&bytes).err().map(|refusal| refusal.to_string()),
            Message::Text(text) => match serde_json::from_str(&text) {
                Ok(TerminalCommand::Resize { rows, columns }) => {
                    screen.resize(ScreenSize::new(columns, rows));
                    None
                }
                Err(error) => Some(format!("expected {{\"resize\": {{\"rows\": 24, \"columns\": 80}}}}: {error}")),
            },
            Message::Close(_) => return,
            Message::Ping(_) => {
                if counted_since.elapsed() > HEARTBEAT {
                    (counted_since, pings) = (Instant::now(), 0);
                }
                pings += 1;
                if pings > SOCKET_PINGS_MOST {
                    return;
                }
                None
            }
            Message::Pong(_) => None,
        };
        if let Some(why) = refused {
            // A client that takes no more has not read the first ones.
            let _ = notices.try_send(TerminalNotice::Refused(why));
        }
    }
}
