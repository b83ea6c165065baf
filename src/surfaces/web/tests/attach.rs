//! Input, signals, and a WebSocket to a task's terminal.

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::*;
use crate::screen::{ScreenSize, TaskScreen};
use crate::signal::Signal;
use crate::supervisor::engine::Verb;

type Socket = WebSocketStream<TcpStream>;

impl Site {
    /// A terminal for `api`, with a run that has it.
    fn terminal(&self) -> TaskScreen {
        let screen = self.kernel.screens().add("api");
        screen.begin();
        screen
    }

    /// Asks for a WebSocket as a page does.
    async fn socket(&self, protocols: &str, origin: &str) -> Result<Socket, Error> {
        let mut request = format!("ws://{}/api/v1/tasks/api/attach", self.address).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
        request.headers_mut().insert("origin", origin.parse().unwrap());
        let (socket, response) = within(client_async(request, self.connect().await)).await?;
        assert_eq!(response.headers()["sec-websocket-protocol"], "stead.v1");
        Ok(socket)
    }

    async fn attached(&self) -> Socket {
        let protocols = format!("stead.v1, token.{}", self.token.secret());
        self.socket(&protocols, &format!("http://{}", self.address)).await.unwrap()
    }
}

fn show(screen: &TaskScreen, text: &str) {
    screen.write(text.as_bytes());
    while screen.show_some() {}
}

async fn next(socket: &mut Socket) -> Message {
    loop {
        match within(socket.next()).await.unwrap().unwrap() {
            Message::Ping(_) | Message::Pong(_) => {}
            message => return message,
        }
    }
}

async fn shown(socket: &mut Socket) -> String {
    let message = next(socket).await;
    assert!(message.is_binary(), "{message}");
    String::from_utf8_lossy(&message.into_data()).into_owned()
}

/// Waits for what is typed.
async fn typed(screen: &TaskScreen) -> String {
    let mut typed = String::new();
    within(async {
        while !screen.has_input() {
            screen.stirred().await;
        }
    })
    .await;
    screen
        .pass_input(|bytes| {
            typed.push_str(std::str::from_utf8(bytes).unwrap());
            Ok::<_, ()>(bytes.len())
        })
        .unwrap();
    typed
}

#[tokio::test]
async fn the_screen_is_shown_and_keys_are_typed() {
    let site = Site::new().await;
    let screen = site.terminal();
    show(&screen, "before");
    let mut socket = site.attached().await;
    assert!(shown(&mut socket).await.contains("before"));
    assert_eq!(next(&mut socket).await, Message::text(r#"{"live":true}"#));
    show(&screen, "after");
    assert_eq!(shown(&mut socket).await, "after");
    socket.send(Message::binary("keys\r".as_bytes().to_vec())).await.unwrap();
    assert_eq!(typed(&screen).await, "keys\r");
    socket.send(Message::text(r#"{"resize": {"rows": 20, "columns": 70}}"#)).await.unwrap();
    assert!(shown(&mut socket).await.contains("after"), "drawn anew");
    assert_eq!(screen.size(), ScreenSize::new(70, 20));
    socket.send(Message::text("what?")).await.unwrap();
    assert!(next(&mut socket).await.to_text().unwrap().starts_with(r#"{"refused":"expected {"#));
    screen.end();
    assert_eq!(next(&mut socket).await, Message::text(r#"{"live":false}"#));
    assert_eq!(site.asked(), [Verb::Attach.of("api")]);
    site.shutdown.cancel();
    assert!(next(&mut socket).await.is_close());
    site.end().await;
}

#[tokio::test]
async fn who_may_not_attach_is_told_before_there_is_a_socket() {
    let site = Site::new().await;
    let own = format!("http://{}", site.address);
    let protocols = format!("stead.v1, token.{}", site.token.secret());
    let refused = async |protocols: &str, origin: &str| match site.socket(protocols, origin).await {
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&protocols, &own).await, 409, "it has no terminal");
    site.terminal();
    assert_eq!(refused("stead.v1, token.nope", &own).await, 401);
    assert_eq!(refused(&protocols, "http://evil.example").await, 403);
    site.supervisor.lock().unwrap().refusal = Some(Refusal::UnknownTask { task: "api".into() });
    assert_eq!(refused(&protocols, &own).await, 404);
    assert_eq!(site.get("/api/v1/tasks/api/attach").await.problem(), 426);
}

#[tokio::test]
async fn input_is_typed_once_the_supervisor_has_taken_it() {
    let site = Site::new().await;
    assert_eq!(site.post_json("/api/v1/tasks/api/input", "ls\r").await.problem(), 409);
    let screen = site.terminal();
    let answer = site.post_json("/api/v1/tasks/api/input", "ls\r").await;
    assert_eq!((answer.status, answer.json()), (202, serde_json::json!({ "accepted": "input to api" })));
    assert_eq!(typed(&screen).await, "ls\r");
    screen.end();
    let refused = site.post_json("/api/v1/tasks/api/input", "ls\r").await;
    assert_eq!(refused.problem(), 409);
    assert_eq!(refused.json()["detail"], "api was not given that: it is not running");
}

#[tokio::test]
async fn a_signal_reaches_the_supervisor_by_its_name() {
    let site = Site::new().await;
    let path = "/api/v1/tasks/api/signal";
    let answer = site.post_json(path, r#"{"signal": "SIGHUP"}"#).await;
    assert_eq!((answer.status, answer.json()), (202, serde_json::json!({ "accepted": "signal api SIGHUP" })));
    let answer = site.post_json(path, r#"{"signal": "term", "tree": true}"#).await;
    assert_eq!(answer.json()["accepted"], "signal api SIGTERM, its whole tree");
    let sent = |signal: &str, tree| Verb::Signal { signal: signal.parse::<Signal>().unwrap(), tree }.of("api");
    assert_eq!(site.asked(), [sent("HUP", false), sent("TERM", true)]);
    for body in ["", "{}", r#"{"signal": "SIGNOPE"}"#, r#"["SIGHUP"]"#, r#"{"signal": "SIGHUP", "trees": true}"#] {
        assert_eq!(site.post_json(path, body).await.problem(), 400, "{body}");
    }
}

#[tokio::test]
async fn a_client_that_pings_and_never_reads_is_let_go_of() {
    let site = Site::new().await;
    site.terminal();
    let mut socket = site.attached().await;
    let sent = async {
        let mut sent = 0_u64;
        while socket.feed(Message::Ping(vec![7; 125].into())).await.is_ok() && socket.flush().await.is_ok() {
            sent += 1;
            tokio::task::yield_now().await;
        }
        sent
    };
    let sent = within(sent).await;
    assert!(sent < 100_000, "{sent} pings were taken");
}
