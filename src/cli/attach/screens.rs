//! The terminals of another process' tasks, shown here: what each shows comes over a WebSocket, what is typed and how
//! large it is goes back.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::{self, Message};

use super::super::client::{Client, TerminalSocket, segment};
use crate::screen::{ScreenSize, TaskScreen};
use crate::wire::{KEYS_MESSAGE_BYTES, TerminalCommand, TerminalNotice};

/// The wait before a terminal that has gone away is asked for again.
const SCREEN_RETRY: Duration = Duration::from_secs(1);

/// Shows the terminal of a task until this is dropped.
pub(super) async fn show(client: Arc<Client>, task: String, screen: TaskScreen) {
    loop {
        match client.socket(&format!("/api/v1/tasks/{}/attach", segment(&task))).await {
            Ok(socket) => {
                let end = converse(socket, &screen).await;
                tracing::debug!(task, end = ?end.err(), "the terminal has gone away");
            }
            Err(error) => tracing::debug!(task, %error, "the terminal can't be reached"),
        }
        screen.end();
        sleep(SCREEN_RETRY).await;
    }
}

async fn converse(mut socket: TerminalSocket, screen: &TaskScreen) -> Result<(), tungstenite::Error> {
    // Smaller than any pane: the first pane that shows it says how large it is to be.
    screen.resize(ScreenSize::new(0, 0));
    screen.begin();
    let mut size = screen.size();
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Binary(bytes))) => {
                    screen.write(&bytes);
                    while screen.show_some() {}
                }
                Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
                    Ok(TerminalNotice::Live(true)) if !screen.is_live() => screen.go_on(),
                    Ok(TerminalNotice::Live(false)) => screen.end(),
                    _ => {}
                },
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_))) | None => return Ok(()),
                Some(Err(error)) => return Err(error),
            },
            () = screen.stirred() => {
                if screen.size() != size {
                    size = screen.size();
                    socket.send(resized(size)).await?;
                }
                while let Some(typed) = typed(screen) {
                    socket.send(Message::binary(typed)).await?;
                }
            }
        }
    }
}

fn resized(ScreenSize { rows, columns }: ScreenSize) -> Message {
    Message::text(TerminalCommand::Resize { rows, columns }.json())
}

/// The next part of what was typed.
fn typed(screen: &TaskScreen) -> Option<Vec<u8>> {
    let mut part = Vec::new();
    let taken = screen.pass_input(|bytes| {
        part.extend_from_slice(&bytes[..bytes.len().min(KEYS_MESSAGE_BYTES)]);
        Ok::<_, Infallible>(part.len())
    });
    match taken {
        Ok(()) => (!part.is_empty()).then_some(part),
    }
}
