//! Keeps the logs within the bounds of `[logs]` where no task writes: a log that rotates sees to that itself.

use std::time::Duration;

use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::config::{LogsConfig, SharedConfig};
use crate::logs::Retention;

/// How often it is looked for segments that have become too old.
const LOOK_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// Looks now and then, for ever.
pub(super) async fn keep_logs_in_bounds(config: SharedConfig) {
    loop {
        enforce(&config.current().logs).await;
        sleep(LOOK_INTERVAL).await;
    }
}

/// Removes what is too old or too much.
pub(super) async fn enforce(config: &LogsConfig) {
    let (retention, dir) = (Retention::of(config), config.dir.clone());
    // Only the end of the runtime takes it away.
    let _ = spawn_blocking(move || retention.enforce(&dir, Timestamp::now())).await;
}
