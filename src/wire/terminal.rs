//! What is said over the WebSocket of a terminal, as text messages. Binary ones are the terminal's own bytes.

use serde::{Deserialize, Serialize};

/// Bytes of one message that is typed into a terminal.
pub(crate) const KEYS_MESSAGE_BYTES: usize = 16 * 1024;

/// From the supervisor.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TerminalNotice {
    /// Whether a run has the terminal.
    Live(bool),
    /// Why something that was sent was not taken.
    Refused(String),
}

/// From the client.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum TerminalCommand {
    /// The size of its terminal.
    Resize {
        /// Lines.
        rows: u16,
        /// Columns.
        columns: u16,
    },
}

impl TerminalNotice {
    /// As a message.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("it is plain data")
    }
}

impl TerminalCommand {
    /// As a message.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("it is plain data")
    }
}
