//! `stead attach TASK`: this terminal becomes the task's, until ctrl-] is pressed. The task goes on.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use futures_util::{SinkExt, StreamExt};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::Receiver;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::super::client::{Client, TerminalSocket, segment};
use super::super::{EXIT_REFUSED, complain};
use super::raw::{self, RawTerminal};
use crate::wire::{KEYS_MESSAGE_BYTES, Lenient, TerminalCommand, TerminalNotice};

/// What ctrl-] sends: by itself, and where a program has asked for keys with their modifiers.
const LEAVE: [&[u8]; 3] = [b"\x1d", b"\x1b[93;5u", b"\x1b[27;5;93~"];

/// Why it is over.
enum AttachEnd {
    Left,
    /// Another client has disconnected this one; says who.
    Disconnected(String),
    /// The supervisor has ended, or its control surface.
    Closed,
    /// This terminal, or this process was asked to end.
    Hangup,
}

/// Attaches until the person leaves, or one of the two ends.
///
/// # Errors
///
/// There is no supervisor, it refused, or there is no terminal here.
pub(super) async fn attach(client: &Client, task: &str) -> anyhow::Result<ExitCode> {
    let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    ensure!(is_terminal, "this is not a terminal; `stead send {task} TEXT` types into one");
    let socket = client.socket(&format!("/api/v1/tasks/{}/attach", segment(task))).await?;
    let mut signals = Signals::listen().context("cannot listen to signals")?;
    let terminal = RawTerminal::take().context("cannot take the terminal")?;
    let end = converse(socket, raw::keys()?, &mut signals, task).await;
    drop(terminal);
    Ok(match end? {
        AttachEnd::Left => {
            complain(&format!("detached from {task}, which goes on"));
            ExitCode::SUCCESS
        }
        AttachEnd::Closed => {
            complain("the supervisor has ended, or its control surface has");
            ExitCode::from(EXIT_REFUSED)
        }
        AttachEnd::Disconnected(why) => {
            complain(&why);
            ExitCode::from(EXIT_REFUSED)
        }
        AttachEnd::Hangup => ExitCode::from(EXIT_REFUSED),
    })
}

struct Signals {
    resized: Signal,
    hung_up: Signal,
    terminated: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            resized: signal(SignalKind::window_change())?,
            hung_up: signal(SignalKind::hangup())?,
            terminated: signal(SignalKind::terminate())?,
        })
    }
}

async fn converse(
    mut socket: TerminalSocket,
    mut keys: Receiver<Vec<u8>>,
    signals: &mut Signals,
    task: &str,
) -> anyhow::Result<AttachEnd> {
    if socket.send(size()?).await.is_err() {
        return Ok(AttachEnd::Closed);
    }
    loop {
        tokio::select! {
            typed = keys.recv() => {
                let Some(typed) = typed else { return Ok(AttachEnd::Hangup) };
                let end = leaving(&typed);
                for part in typed[..end.unwrap_or(typed.len())].chunks(KEYS_MESSAGE_BYTES) {
                    if socket.send(Message::binary(part.to_vec())).await.is_err() {
                        return Ok(AttachEnd::Closed);
                    }
                }
                if end.is_some() {
                    return Ok(AttachEnd::Left);
                }
            }
            message = socket.next() => match message {
                Some(Ok(Message::Binary(bytes))) => write(&bytes)?,
                Some(Ok(Message::Text(text))) => write(&notice_bytes(&text, task)?)?,
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(Some(CloseFrame { code: CloseCode::Policy, reason })))) => {
                    return Ok(AttachEnd::Disconnected(reason.to_string()));
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(AttachEnd::Closed),
            },
            _ = signals.resized.recv() => {
                if socket.send(size()?).await.is_err() {
                    return Ok(AttachEnd::Closed);
                }
            }
            _ = signals.hung_up.recv() => return Ok(AttachEnd::Hangup),
            _ = signals.terminated.recv() => return Ok(AttachEnd::Hangup),
        }
    }
}

/// Where in what was typed the wish to leave begins.
fn leaving(typed: &[u8]) -> Option<usize> {
    LEAVE.iter().filter_map(|leave| typed.windows(leave.len()).position(|window| window == *leave)).min()
}

fn size() -> io::Result<Message> {
    let (columns, rows) = crossterm::terminal::size()?;
    Ok(Message::text(TerminalCommand::Resize { rows, columns }.json()))
}

fn notice_bytes(text: &str, task: &str) -> anyhow::Result<Vec<u8>> {
    Ok(match serde_json::from_str(text).context("cannot read a message of the supervisor")? {
        Lenient::Known(TerminalNotice::Live(false)) => {
            format!("\r\n[{task} is not running; ctrl-] leaves]\r\n").into_bytes()
        }
        // A bell is all that does not disturb the screen.
        Lenient::Known(TerminalNotice::Refused(_)) => b"\x07".to_vec(),
        Lenient::Known(TerminalNotice::Live(true)) | Lenient::Unknown(_) => Vec::new(),
    })
}

fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_out_is_found_however_it_is_typed() {
        assert_eq!(leaving(b"ls\r"), None);
        assert_eq!(leaving(b"ls\x1dmore"), Some(2));
        assert_eq!(leaving(b"\x1b[93;5u"), Some(0));
        assert_eq!(leaving(b"a\x1b[27;5;93~\x1d"), Some(1));
    }

    #[test]
    fn a_task_that_does_not_run_is_named() {
        assert_eq!(notice_bytes(r#"{"live": false}"#, "api").unwrap(), b"\r\n[api is not running; ctrl-] leaves]\r\n");
        assert_eq!(notice_bytes(r#"{"live": true}"#, "api").unwrap(), b"");
        assert_eq!(notice_bytes(r#"{"refused": "it does not read"}"#, "api").unwrap(), b"\x07");
    }
}
