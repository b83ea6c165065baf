//! `stead attach TASK`: this terminal becomes the task's, until ctrl-] is pressed. The task goes on.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::Receiver;
use tokio_tungstenite::tungstenite::Message;

use super::super::client::{Client, Socket, segment};
use super::super::{EXIT_REFUSED, complain};
use super::raw::{self, RawTerminal};

/// What ctrl-] sends: by itself, and where a program has asked for keys with their modifiers.
const LEAVE: [&[u8]; 3] = [b"\x1d", b"\x1b[93;5u", b"\x1b[27;5;93~"];
/// Bytes of one message: what the supervisor takes.
const KEYS_BYTES: usize = 16 * 1024;

/// Why it is over.
enum End {
    Left,
    /// The supervisor has ended, or its control surface.
    Closed,
    /// This terminal, or somebody asked this process to end.
    Hangup,
}

/// What the supervisor says beside what the terminal shows.
#[derive(Deserialize)]
struct Said {
    /// Whether a run has the terminal.
    live: Option<bool>,
    /// Why something that was typed was not taken.
    refused: Option<String>,
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
        End::Left => {
            complain(&format!("detached from {task}, which goes on"));
            ExitCode::SUCCESS
        }
        End::Closed => {
            complain("the supervisor has ended, or its control surface has");
            ExitCode::from(EXIT_REFUSED)
        }
        End::Hangup => ExitCode::from(EXIT_REFUSED),
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
    mut socket: Socket,
    mut keys: Receiver<Vec<u8>>,
    signals: &mut Signals,
    task: &str,
) -> anyhow::Result<End> {
    if socket.send(size()?).await.is_err() {
        return Ok(End::Closed);
    }
    loop {
        tokio::select! {
            typed = keys.recv() => {
                let Some(typed) = typed else { return Ok(End::Hangup) };
                let end = leaving(&typed);
                for part in typed[..end.unwrap_or(typed.len())].chunks(KEYS_BYTES) {
                    if socket.send(Message::binary(part.to_vec())).await.is_err() {
                        return Ok(End::Closed);
                    }
                }
                if end.is_some() {
                    return Ok(End::Left);
                }
            }
            message = socket.next() => match message {
                Some(Ok(Message::Binary(bytes))) => write(&bytes)?,
                Some(Ok(Message::Text(text))) => write(&told(&text, task)?)?,
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(End::Closed),
            },
            _ = signals.resized.recv() => {
                if socket.send(size()?).await.is_err() {
                    return Ok(End::Closed);
                }
            }
            _ = signals.hung_up.recv() => return Ok(End::Hangup),
            _ = signals.terminated.recv() => return Ok(End::Hangup),
        }
    }
}

/// Where in what was typed the wish to leave begins.
fn leaving(typed: &[u8]) -> Option<usize> {
    LEAVE.iter().filter_map(|leave| typed.windows(leave.len()).position(|window| window == *leave)).min()
}

fn size() -> io::Result<Message> {
    let (columns, rows) = crossterm::terminal::size()?;
    Ok(Message::text(json!({ "resize": { "rows": rows, "columns": columns } }).to_string()))
}

fn told(text: &str, task: &str) -> anyhow::Result<Vec<u8>> {
    let Said { live, refused } = serde_json::from_str(text).context("the supervisor says what can't be understood")?;
    if live == Some(false) {
        return Ok(format!("\r\n[{task} is not running; ctrl-] leaves]\r\n").into_bytes());
    }
    // A bell is all that does not disturb the picture.
    Ok(if refused.is_some() { b"\x07".to_vec() } else { Vec::new() })
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
        assert_eq!(told(r#"{"live": false}"#, "api").unwrap(), b"\r\n[api is not running; ctrl-] leaves]\r\n");
        assert_eq!(told(r#"{"live": true}"#, "api").unwrap(), b"");
        assert_eq!(told(r#"{"refused": "it does not read"}"#, "api").unwrap(), b"\x07");
    }
}
