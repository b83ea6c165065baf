//! The gateway: the hub between faces and kernel.

mod channel;

pub use channel::{Channel, ChannelClient, Requester};
