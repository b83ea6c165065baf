//! The ports of a task: looked at before each start, not held. Holding them would break the task's own listening.

use std::net::{Ipv4Addr, SocketAddr};

use crate::config::{PortConfig, is_free};
use crate::port_holder::PortHolder;

/// Whether a task can listen on its ports now. Blocks for some milliseconds.
///
/// # Errors
///
/// Names who holds one of them.
pub(super) fn check_free(ports: &[PortConfig]) -> Result<(), String> {
    match ports.iter().find(|port| !is_free(port.number)) {
        Some(port) => Err(taken(port)),
        None => Ok(()),
    }
}

fn taken(PortConfig { name, number, .. }: &PortConfig) -> String {
    let holder = PortHolder::of(SocketAddr::from((Ipv4Addr::UNSPECIFIED, *number)));
    let holder = holder.map_or_else(|| "another process".to_owned(), |holder| holder.to_string());
    format!("port {number} ({name}) is taken by {holder}")
}
