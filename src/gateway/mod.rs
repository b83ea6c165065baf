//! The gateway: the hub between faces and kernel.
//!
//! Surfaces register a [`Channel`] with it. It fans the timeline out to every channel (what a slow one
//! can't take is dropped for that one, and counted), stamps each request with the channel's name, and
//! tells the kernel who is connected. Itself a critical task: without it nobody reaches the supervisor.

mod channel;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, broadcast, mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{StreamExt, StreamMap};
use tokio_util::sync::CancellationToken;

pub use channel::{CHANNEL_EVENTS, CHANNEL_REQUESTS, Channel, ChannelClient, Requester};

use crate::kernel::KernelHandle;
use crate::supervisor::EventRecord;
use crate::supervisor::engine::{ChannelSnapshot, Origin, Uptime};
use channel::Ask;

/// Registrations that may wait for the gateway.
const COMMANDS_QUEUED: usize = 64;

/// A registered channel, until it is unregistered; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(u64);

/// Registers and unregisters channels. Cheap to clone.
#[derive(Debug, Clone)]
pub struct GatewayHandle {
    commands: mpsc::Sender<Command>,
}

#[derive(Debug)]
enum Command {
    Register(Channel, oneshot::Sender<ChannelId>),
    Unregister(ChannelId),
}

impl GatewayHandle {
    /// Connects a channel; none if the gateway is gone.
    pub async fn register(&self, channel: Channel) -> Option<ChannelId> {
        let (registered, id) = oneshot::channel();
        self.commands.send(Command::Register(channel, registered)).await.ok()?;
        id.await.ok()
    }

    /// Disconnects a channel. Its requests that are under way are still answered.
    pub async fn unregister(&self, id: ChannelId) {
        // A gateway that is gone has disconnected everybody.
        let _ = self.commands.send(Command::Unregister(id)).await;
    }
}

/// The hub itself. Its state outlives a run, so that a restart disconnects nobody.
#[derive(Debug, Clone)]
pub struct Gateway {
    hub: Arc<Mutex<Hub>>,
}

impl Gateway {
    /// A gateway to `kernel`, with the handle to register at.
    #[must_use]
    pub fn new(kernel: KernelHandle) -> (Self, GatewayHandle) {
        let (commands, commands_rx) = mpsc::channel(COMMANDS_QUEUED);
        let (_, events) = kernel.event_log().follow();
        let hub = Hub {
            kernel,
            commands: commands_rx,
            events,
            channels: BTreeMap::new(),
            requests: StreamMap::new(),
            next_id: 0,
        };
        (Self { hub: Arc::new(Mutex::new(hub)) }, GatewayHandle { commands })
    }

    /// Serves until `stop` is cancelled.
    ///
    /// # Errors
    ///
    /// When the kernel's event stream has ended.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut hub = self.hub.lock().await;
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            result = hub.serve() => result,
        }
    }
}

#[derive(Debug)]
struct Hub {
    kernel: KernelHandle,
    commands: mpsc::Receiver<Command>,
    events: broadcast::Receiver<Arc<EventRecord>>,
    channels: BTreeMap<ChannelId, Registered>,
    requests: StreamMap<ChannelId, ReceiverStream<Ask>>,
    next_id: u64,
}

#[derive(Debug)]
struct Registered {
    about: ChannelSnapshot,
    events: mpsc::Sender<Arc<EventRecord>>,
}

impl Hub {
    async fn serve(&mut self) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                Some(command) = self.commands.recv() => self.obey(command),
                event = self.events.recv() => match event {
                    Ok(record) => self.fan_out(&record),
                    Err(RecvError::Lagged(missed)) => self.count_drops(missed),
                    Err(RecvError::Closed) => anyhow::bail!("the kernel's event stream has ended"),
                },
                Some((id, ask)) = self.requests.next() => self.forward(id, ask),
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Register(Channel { name, events, requests }, registered) => {
                self.next_id += 1;
                let id = ChannelId(self.next_id);
                let since: Uptime = self.kernel.now();
                let about = ChannelSnapshot { name, since, dropped: 0 };
                self.channels.insert(id, Registered { about, events });
                self.requests.insert(id, ReceiverStream::new(requests));
                if registered.send(id).is_err() {
                    self.disconnect(id);
                }
            }
            Command::Unregister(id) => self.disconnect(id),
        }
        self.tell_kernel();
    }

    fn disconnect(&mut self, id: ChannelId) {
        self.channels.remove(&id);
        self.requests.remove(&id);
    }

    fn fan_out(&mut self, record: &Arc<EventRecord>) {
        let (connected, mut dropped) = (self.channels.len(), false);
        self.channels.retain(|_, channel| match channel.events.try_send(Arc::clone(record)) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                channel.about.dropped += 1;
                dropped = true;
                true
            }
            Err(TrySendError::Closed(_)) => false,
        });
        if dropped || self.channels.len() != connected {
            self.tell_kernel();
        }
    }

    fn count_drops(&mut self, missed: u64) {
        for channel in self.channels.values_mut() {
            channel.about.dropped += missed;
        }
        self.tell_kernel();
    }

    /// Stamps a request and passes it on. The answer is waited for outside the hub; how many wait is
    /// bounded by the kernel's own queue.
    fn forward(&self, id: ChannelId, Ask { request, client, answer }: Ask) {
        let Some(channel) = self.channels.get(&id) else { return };
        let name = &channel.about.name;
        let origin = client.map_or_else(|| name.clone(), |client| Origin(format!("{name}/{client}")));
        let kernel = self.kernel.clone();
        tokio::spawn(async move {
            // Whoever asked may have gone away meanwhile.
            let _ = answer.send(kernel.request(request, origin).await);
        });
    }

    fn tell_kernel(&self) {
        self.kernel.set_channels(self.channels.values().map(|channel| channel.about.clone()).collect());
    }
}

#[cfg(test)]
mod tests;
