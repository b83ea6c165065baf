//! The gateway: the registry of clients.
//!
//! A client is one conversation with the supervisor: a connection to a surface that listens, or the dashboard in this
//! process. A surface registers each of its clients, and the registration lasts as long as its [`Connection`]. Requests
//! go through the connection, which stamps them with the client's name. The number of clients is limited, and each can
//! be disconnected. Nothing here decides about a task.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::kernel::KernelHandle;
use crate::supervisor::engine::{Answer, Event, EventKind, Origin, Refusal, Request, Uptime};

/// Clients at once, over all surfaces; one more is refused.
pub const CLIENTS_MOST: usize = 2_048;

/// What is known of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectedClient {
    /// Its number. Never reused.
    pub id: u64,
    /// Its name: the origin of its requests, such as `web` or `control/cli`.
    pub name: Origin,
    /// Where it is: `127.0.0.1:41234`, `pid 4123, uid 1000`, `this process`.
    pub from: String,
    /// When it connected.
    pub since: Uptime,
    /// Its latest request: `GET /api/v1/events`. None before the first.
    pub last_request: Option<String>,
    /// When that came.
    pub last_request_at: Option<Uptime>,
}

/// Why a client can't be registered or disconnected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientRefusal {
    /// There are as many as there may be.
    #[error("{CLIENTS_MOST} clients are connected already")]
    Full,
    /// The gateway has stopped.
    #[error("stead is ending")]
    Stopped,
    /// There is no client of this number.
    #[error("no client has the number {0}; `stead clients` lists them")]
    Unknown(u64),
    /// It is a part of this process.
    #[error("{0} belongs to the supervisor itself and can't be disconnected")]
    Own(Origin),
}

/// Registers clients and lists them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gateway {
    kernel: KernelHandle,
    registry: Arc<Mutex<Registry>>,
}

#[derive(Debug, Default)]
struct Registry {
    clients: BTreeMap<u64, Registered>,
    last_id: u64,
    is_stopped: bool,
}

#[derive(Debug)]
struct Registered {
    client: ConnectedClient,
    /// Ends the conversation. None for a part of this process.
    end: Option<CancellationToken>,
    disconnected_by: Option<Origin>,
}

impl Gateway {
    /// A gateway to `kernel`, without clients.
    #[must_use]
    pub fn new(kernel: KernelHandle) -> Self {
        Self { kernel, registry: Arc::default() }
    }

    /// Runs until `stop` is cancelled; then every client is disconnected and no more are registered.
    ///
    /// # Errors
    ///
    /// None: it is a task.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        stop.cancelled().await;
        let mut registry = self.lock();
        registry.is_stopped = true;
        registry.clients.values().filter_map(|client| client.end.as_ref()).for_each(CancellationToken::cancel);
        Ok(())
    }

    /// Registers a client that can be disconnected. It is to end when `shutdown` is cancelled, too.
    ///
    /// # Errors
    ///
    /// [`ClientRefusal::Full`] or [`ClientRefusal::Stopped`].
    pub fn register(
        &self,
        name: &str,
        from: String,
        shutdown: &CancellationToken,
    ) -> Result<Connection, ClientRefusal> {
        let end = shutdown.child_token();
        let id = self.insert(name, from, Some(end.clone()))?;
        Ok(Connection { id, end, gateway: self.clone() })
    }

    /// Registers a part of this process.
    ///
    /// # Errors
    ///
    /// As of [`register`](Self::register).
    pub fn register_own(&self, name: &str) -> Result<Connection, ClientRefusal> {
        let id = self.insert(name, "this process".to_owned(), None)?;
        Ok(Connection { id, end: CancellationToken::new(), gateway: self.clone() })
    }

    fn insert(&self, name: &str, from: String, end: Option<CancellationToken>) -> Result<u64, ClientRefusal> {
        let mut registry = self.lock();
        if registry.is_stopped {
            return Err(ClientRefusal::Stopped);
        }
        if registry.clients.len() >= CLIENTS_MOST {
            return Err(ClientRefusal::Full);
        }
        registry.last_id += 1;
        let id = registry.last_id;
        let (name, since) = (Origin(name.to_owned()), self.kernel.now());
        let client = ConnectedClient { id, name, from, since, last_request: None, last_request_at: None };
        registry.clients.insert(id, Registered { client, end, disconnected_by: None });
        Ok(id)
    }

    /// Every client, in the order in which they connected.
    #[must_use]
    pub fn clients(&self) -> Vec<ConnectedClient> {
        self.lock().clients.values().map(|registered| registered.client.clone()).collect()
    }

    /// The number of clients.
    #[must_use]
    pub fn client_count(&self) -> usize {
        self.lock().clients.len()
    }

    /// Ends a client's conversation, and says so in the event log. Returns what is known of the client.
    ///
    /// # Errors
    ///
    /// [`ClientRefusal::Unknown`] or [`ClientRefusal::Own`].
    pub fn disconnect(&self, id: u64, origin: Origin) -> Result<ConnectedClient, ClientRefusal> {
        let client = {
            let mut registry = self.lock();
            let registered = registry.clients.get_mut(&id).ok_or(ClientRefusal::Unknown(id))?;
            let Some(end) = &registered.end else {
                return Err(ClientRefusal::Own(registered.client.name.clone()));
            };
            registered.disconnected_by = Some(origin.clone());
            end.cancel();
            registered.client.clone()
        };
        let name = format!("{} ({})", client.name, client.from);
        self.kernel.note(Event { task: None, kind: EventKind::Disconnected { client: name, origin } });
        Ok(client)
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A registered client, until this is dropped.
#[derive(Debug)]
pub struct Connection {
    id: u64,
    end: CancellationToken,
    gateway: Gateway,
}

impl Connection {
    /// Sends a request in the client's name, and waits until the supervisor has accepted or refused it.
    ///
    /// # Errors
    ///
    /// The supervisor's [`Refusal`].
    pub async fn request(&self, request: Request) -> Result<Answer, Refusal> {
        self.gateway.kernel.request(request, self.name()).await
    }

    /// The client's name.
    #[must_use]
    pub fn name(&self) -> Origin {
        self.read(|registered| registered.client.name.clone())
    }

    /// Notes what the client asks for.
    pub fn note_request(&self, request: String) {
        let now = self.gateway.kernel.now();
        self.read(|Registered { client, .. }| {
            (client.last_request, client.last_request_at) = (Some(request), Some(now));
        });
    }

    /// Gives the client another name.
    pub fn rename(&self, name: String) {
        self.read(|registered| registered.client.name = Origin(name));
    }

    /// Waits until the conversation is to end.
    pub async fn ended(&self) {
        self.end.cancelled().await;
    }

    /// Who disconnected this client, if someone did.
    #[must_use]
    pub fn disconnected_by(&self) -> Option<Origin> {
        self.read(|registered| registered.disconnected_by.clone())
    }

    /// The gateway it is registered with.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    fn read<T>(&self, f: impl FnOnce(&mut Registered) -> T) -> T {
        let mut registry = self.gateway.lock();
        f(registry.clients.get_mut(&self.id).expect("a client is registered as long as its connection lives"))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.gateway.lock().clients.remove(&self.id);
    }
}

#[cfg(test)]
mod tests;
