//! The hub with slow and gone channels.

use std::time::Instant;

use jiff::Timestamp;

use super::*;
use crate::kernel::KernelHandle;
use crate::supervisor::engine::{Event, EventKind, Refusal, Request};
use crate::supervisor::{Backend, handle};

struct Scene {
    backend: Backend,
    gateway: GatewayHandle,
}

fn scene() -> Scene {
    let (supervisor, backend) = handle(Instant::now());
    let kernel = KernelHandle::new(supervisor);
    let (hub, gateway) = Gateway::new(kernel);
    tokio::spawn(hub.run(CancellationToken::new()));
    Scene { backend, gateway }
}

impl Scene {
    fn happen(&self) {
        let notice = Event { task: None, kind: EventKind::Done };
        self.backend.event_log.record(notice, Uptime::default(), Timestamp::UNIX_EPOCH);
    }

    /// Waits until what the kernel knows of the channels is this.
    async fn channels(&mut self, wanted: &[(&str, u64)]) {
        let known = |channels: &Vec<ChannelSnapshot>| {
            channels.iter().map(|channel| (channel.name.0.as_str(), channel.dropped)).eq(wanted.iter().copied())
        };
        self.backend.channels.wait_for(known).await.expect("a kernel");
    }
}

#[tokio::test]
async fn events_reach_every_channel_and_a_slow_one_loses_only_its_own() {
    let mut scene = scene();
    let (slow, _slow) = Channel::new("slow");
    let (quick, mut quick_client) = Channel::new("quick");
    scene.gateway.register(slow).await.expect("a gateway");
    scene.gateway.register(quick).await.expect("a gateway");
    for number in 1..=CHANNEL_EVENTS as u64 + 3 {
        scene.happen();
        assert_eq!(quick_client.events.recv().await.expect("an event").number, number);
    }
    scene.channels(&[("slow", 3), ("quick", 0)]).await;
}

#[tokio::test]
async fn a_channel_that_is_gone_or_unregistered_is_forgotten() {
    let mut scene = scene();
    let (gone, client) = Channel::new("gone");
    let (left, mut left_client) = Channel::new("left");
    scene.gateway.register(gone).await.expect("a gateway");
    let id = scene.gateway.register(left).await.expect("a gateway");
    scene.channels(&[("gone", 0), ("left", 0)]).await;
    drop(client);
    scene.happen();
    scene.channels(&[("left", 0)]).await;
    scene.gateway.unregister(id).await;
    scene.channels(&[]).await;
    assert!(left_client.events.recv().await.is_some(), "what came before is still there");
    assert!(left_client.events.recv().await.is_none());
    assert_eq!(left_client.requester.request(Request::ShutDown).await, Err(Refusal::Unavailable));
}

#[tokio::test]
async fn a_request_carries_the_name_of_its_channel() {
    let mut scene = scene();
    let (channel, client) = Channel::new("desk");
    scene.gateway.register(channel).await.expect("a gateway");
    let answer = tokio::spawn(async move { client.requester.request(Request::RestartAll).await });
    let asked = scene.backend.requests.recv().await.expect("a request");
    assert_eq!((asked.request, asked.origin.0.as_str()), (Request::RestartAll, "desk"));
    asked.answer.send(Err(Refusal::Draining)).expect("somebody waits");
    assert_eq!(answer.await.expect("no panic"), Err(Refusal::Draining));
}

#[tokio::test]
async fn a_restart_of_the_gateway_disconnects_nobody() {
    let (supervisor, backend) = handle(Instant::now());
    let kernel = KernelHandle::new(supervisor);
    let (hub, gateway) = Gateway::new(kernel);
    let first = CancellationToken::new();
    let running = tokio::spawn(hub.clone().run(first.clone()));
    let (channel, mut client) = Channel::new("desk");
    gateway.register(channel).await.expect("a gateway");
    first.cancel();
    running.await.expect("no panic").expect("a clean end");
    tokio::spawn(hub.run(CancellationToken::new()));
    let scene = Scene { backend, gateway };
    scene.happen();
    assert!(client.events.recv().await.is_some());
}
