//! The registry: its limit, its names, and how a conversation ends.

use std::time::Instant;

use super::*;
use crate::supervisor::{Backend, handle};

fn gateway() -> (Gateway, Backend) {
    let (supervisor, backend) = handle(Instant::now());
    (Gateway::new(KernelHandle::new(supervisor)), backend)
}

fn register(gateway: &Gateway, name: &str) -> Connection {
    gateway.register(name, "127.0.0.1:1".to_owned(), &CancellationToken::new()).unwrap()
}

fn names(gateway: &Gateway) -> Vec<String> {
    gateway.clients().into_iter().map(|client| client.name.0).collect()
}

#[test]
fn a_client_is_listed_as_long_as_it_is_connected() {
    let (gateway, _backend) = gateway();
    let (first, second) = (register(&gateway, "web"), register(&gateway, "control"));
    assert_eq!(names(&gateway), ["web", "control"]);
    second.note_request("GET /api/v1/events".to_owned());
    second.rename("control/curl".to_owned());
    drop(first);
    let [client] = gateway.clients().try_into().unwrap();
    assert_eq!((client.id, client.name.0.as_str()), (2, "control/curl"));
    assert_eq!(client.last_request.as_deref(), Some("GET /api/v1/events"));
}

#[test]
fn there_is_a_limit() {
    let (gateway, _backend) = gateway();
    let mut clients: Vec<_> = (0..CLIENTS_MOST).map(|_| register(&gateway, "web")).collect();
    assert_eq!(gateway.register_own("terminal").unwrap_err(), ClientRefusal::Full);
    clients.pop();
    register(&gateway, "web");
}

#[tokio::test]
async fn a_request_carries_the_name_of_its_client() {
    let (gateway, mut backend) = gateway();
    let client = register(&gateway, "desk");
    let answer = tokio::spawn(async move { client.request(Request::RestartAll).await });
    let asked = backend.requests.recv().await.expect("a request");
    assert_eq!((asked.request, asked.origin.0.as_str()), (Request::RestartAll, "desk"));
    asked.answer.send(Err(Refusal::Draining)).expect("the client waits");
    assert_eq!(answer.await.expect("no panic"), Err(Refusal::Draining));
}

#[tokio::test]
async fn a_client_can_be_disconnected_and_a_part_of_this_process_can_not() {
    let (gateway, backend) = gateway();
    let (client, own) = (register(&gateway, "web"), gateway.register_own("terminal").unwrap());
    let by = || Origin("control/cli".to_owned());
    assert_eq!(gateway.disconnect(own.id, by()), Err(ClientRefusal::Own(Origin("terminal".to_owned()))));
    assert_eq!(gateway.disconnect(7, by()), Err(ClientRefusal::Unknown(7)));
    gateway.disconnect(client.id, by()).unwrap();
    client.ended().await;
    assert_eq!(client.disconnected_by(), Some(by()));
    let [event] = backend.event_log.recent().try_into().unwrap();
    assert_eq!(event.text, "web (127.0.0.1:1) was disconnected, asked by control/cli");
}

#[tokio::test]
async fn the_end_of_the_gateway_ends_every_conversation() {
    let (gateway, _backend) = gateway();
    let client = register(&gateway, "web");
    let stop = CancellationToken::new();
    stop.cancel();
    gateway.clone().run(stop).await.unwrap();
    client.ended().await;
    assert_eq!(client.disconnected_by(), None);
    assert_eq!(gateway.register_own("terminal").unwrap_err(), ClientRefusal::Stopped);
}
