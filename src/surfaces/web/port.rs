//! Which port the page gets: the one that the configuration names, or else one that stays the project's own.
//!
//! Where none is named it is the one that it had last, then 7070, then one that follows from the project's path; a port that
//! is taken, or that a task of the project will want, is stepped over.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Context;
use rustix::fs::OFlags;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;

use crate::port_holder::PortHolder;
use crate::private;
use crate::stable_hash::fnv1a;

/// The port that is tried first for a project that had none before.
const FIRST_PORT: u16 = 7070;
/// Where the others lie: below the ports that systems give to connections, and with hardly a service that is known.
const OTHER_PORTS: std::ops::Range<u16> = 17_070..17_970;
/// Bytes of the file that are read.
const FILE_BYTES: u64 = 16;

/// Finds a port for a project whose configuration names none.
#[derive(Debug)]
pub(crate) struct PortChoice {
    /// Where the last one is written.
    pub(crate) file: PathBuf,
    /// Tells the project from others.
    pub(crate) project: Vec<u8>,
    /// What its tasks will want.
    pub(crate) not: BTreeSet<u16>,
}

impl PortChoice {
    /// Listens on the address that is named, or on a port of loopback that is free.
    ///
    /// # Errors
    ///
    /// The address is taken (the error names who has it), or can't be had; or not one port is free.
    pub(super) async fn bind(&self, named: Option<SocketAddr>) -> anyhow::Result<TcpListener> {
        match named {
            Some(address) => bind_named(address).await,
            None => self.bind_free().await,
        }
    }

    async fn bind_free(&self) -> anyhow::Result<TcpListener> {
        let last = self.last();
        for port in self.candidates(last) {
            match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
                Ok(listener) => {
                    if last != Some(port) {
                        self.remember(port);
                    }
                    return Ok(listener);
                }
                Err(error) if is_taken(&error) => tracing::info!(port, %error, "the page's port is not to be had"),
                Err(error) => return Err(error).with_context(|| format!("cannot listen on 127.0.0.1:{port}")),
            }
        }
        anyhow::bail!("no port is free from {} to {}", OTHER_PORTS.start, OTHER_PORTS.end - 1)
    }

    fn candidates(&self, last: Option<u16>) -> impl Iterator<Item = u16> + '_ {
        let count = OTHER_PORTS.end - OTHER_PORTS.start;
        let begin = OTHER_PORTS.start + u16::try_from(fnv1a(&self.project) % u64::from(count)).unwrap_or_default();
        let others = (begin..OTHER_PORTS.end).chain(OTHER_PORTS.start..begin);
        last.into_iter().chain([FIRST_PORT]).chain(others).filter(|port| !self.not.contains(port))
    }

    /// The port that it had last.
    fn last(&self) -> Option<u16> {
        let mut text = String::new();
        let file = private::open(&self.file, OFlags::RDONLY).ok()?;
        file.take(FILE_BYTES).read_to_string(&mut text).ok()?;
        text.trim().parse().ok().filter(|port| *port == FIRST_PORT || OTHER_PORTS.contains(port))
    }

    fn remember(&self, port: u16) {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
        if let Err(error) = private::open(&self.file, flags).and_then(|mut file| writeln!(file, "{port}")) {
            tracing::warn!(%error, port, "the page's port can't be remembered");
        }
    }
}

async fn bind_named(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let error = match TcpListener::bind(address).await {
        Ok(listener) => return Ok(listener),
        Err(error) => error,
    };
    if error.kind() != ErrorKind::AddrInUse {
        return Err(error).with_context(|| format!("cannot listen on {address}"));
    }
    let holder = spawn_blocking(move || PortHolder::of(address)).await.ok().flatten();
    let by = holder.map(|holder| format!(" by {holder}")).unwrap_or_default();
    anyhow::bail!("port {} in use{by}", address.port())
}

/// Whether another port may be free: that one is used, or reserved for something.
fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(dir: &tempfile::TempDir, project: &str, not: &[u16]) -> PortChoice {
        let file = std::fs::canonicalize(dir.path()).unwrap().join("web-port");
        PortChoice { file, project: project.into(), not: not.iter().copied().collect() }
    }

    #[tokio::test]
    async fn a_project_keeps_its_port_and_steps_over_what_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        // Not the first port: another test or program may have it.
        let shop = choice(&dir, "/srv/shop", &[FIRST_PORT]);
        let first = shop.bind(None).await.unwrap();
        let port = first.local_addr().unwrap().port();
        assert!(OTHER_PORTS.contains(&port));
        let (other_dir, beside) = (tempfile::tempdir().unwrap(), shop.bind(None).await.unwrap());
        assert_ne!(beside.local_addr().unwrap().port(), port, "stepped over, and remembered");
        drop(first);
        assert_eq!(shop.last(), Some(beside.local_addr().unwrap().port()));
        let again = choice(&other_dir, "/srv/shop", &[FIRST_PORT]);
        assert_eq!(again.bind(None).await.unwrap().local_addr().unwrap().port(), port, "it follows from the path");
        assert_eq!(again.last(), Some(port));
    }

    #[test]
    fn the_last_port_comes_first_and_what_tasks_want_never() {
        let dir = tempfile::tempdir().unwrap();
        let shop = choice(&dir, "/srv/shop", &[]);
        assert_eq!(shop.last(), None);
        assert_eq!(shop.candidates(None).next(), Some(FIRST_PORT));
        assert_eq!(shop.candidates(Some(17_100)).next(), Some(17_100));
        let own = shop.candidates(None).nth(1).unwrap();
        assert_eq!(shop.candidates(None).count(), 901);
        let choosy = choice(&dir, "/srv/shop", &[FIRST_PORT, own]);
        assert!(choosy.candidates(Some(own)).all(|port| port != FIRST_PORT && port != own));
        assert_ne!(choice(&dir, "/srv/blog", &[]).candidates(None).nth(1), Some(own));
        for wrong in ["", "22", "99999", "x"] {
            std::fs::write(&shop.file, wrong).unwrap();
            assert_eq!(shop.last(), None, "{wrong}");
        }
    }
}
