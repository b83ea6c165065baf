//! The pure state machine.

pub mod event;
pub mod exit;
pub mod snapshot;

pub use event::*;
pub use exit::ExitReason;
pub use snapshot::*;
