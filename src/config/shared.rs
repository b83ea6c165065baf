//! The configuration in force while a supervisor runs, and the way to read it anew.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use super::{BadSelection, Config, ConfigError};
use crate::supervisor::engine::BadConfig;

impl From<ConfigError> for BadConfig {
    fn from(error: ConfigError) -> Self {
        Self { summary: error.headline(), report: error.details(false) }
    }
}

impl From<BadSelection> for BadConfig {
    fn from(error: BadSelection) -> Self {
        Self::new(error.to_string())
    }
}

type Read = dyn Fn() -> Result<Config, BadConfig> + Send + Sync;

/// The configuration in force. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct SharedConfig {
    current: Arc<watch::Sender<Arc<Config>>>,
    read: Arc<Read>,
}

impl SharedConfig {
    /// `config` is in force; `read` reads it anew, and may block.
    pub fn new(config: Config, read: impl Fn() -> Result<Config, BadConfig> + Send + Sync + 'static) -> Self {
        Self { current: Arc::new(watch::Sender::new(Arc::new(config))), read: Arc::new(read) }
    }

    /// What is in force now.
    #[must_use]
    pub fn current(&self) -> Arc<Config> {
        Arc::clone(&self.current.borrow())
    }

    /// What is in force, with a way to wait for another.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Config>> {
        self.current.subscribe()
    }

    /// Reads what would be in force after a reload. Blocks.
    ///
    /// # Errors
    ///
    /// It is not there, or wrong.
    pub fn read(&self) -> Result<Config, BadConfig> {
        (self.read)()
    }

    /// Puts another one in force.
    pub(crate) fn replace(&self, config: Arc<Config>) {
        self.current.send_replace(config);
    }
}

impl fmt::Debug for SharedConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedConfig").field(&self.current().path).finish()
    }
}
