//! `stead clients`: who is connected to the running supervisor.

use std::process::ExitCode;

use clap::Args;

use super::client::{Client, block_on, parse};
use super::table::table;
use super::{FileArgs, print};
use crate::gateway::ConnectedClient;
use crate::present::ansi;
use crate::present::clock::Clock;
use crate::supervisor::engine::Uptime;
use crate::wire::LenientSnapshot;

const CLIENT_HEADINGS: [&str; 5] = ["ID", "NAME", "FROM", "SINCE", "LAST REQUEST"];

/// Arguments of `stead clients`.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct ClientsArgs {
    /// Disconnect the client with this ID
    ///
    /// The client receives who asked. A page or a dashboard in another terminal stays disconnected until a person connects it again.
    #[arg(long, value_name = "ID")]
    disconnect: Option<u64>,
    /// Print the clients as JSON: [{"id", "name", "from", "since", "last_request", "last_request_at"}…]
    #[arg(long)]
    json: bool,
}

/// Prints the clients, or disconnects one.
///
/// # Errors
///
/// No supervisor runs, or it has no such client.
pub(super) fn run(file: &FileArgs, args: &ClientsArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(file)?;
    block_on(async {
        if let Some(id) = args.disconnect {
            let answer = client.delete(&format!("/api/v1/clients/{id}")).await?;
            let ConnectedClient { name, from, .. } = parse(&answer)?;
            return Ok(print(&if args.json {
                String::from_utf8_lossy(&answer).into_owned()
            } else {
                format!("{} ({}) is disconnected", plain(&name.0), plain(&from))
            })?);
        }
        let answer = client.get("/api/v1/clients").await?;
        if args.json {
            return Ok(print(&String::from_utf8_lossy(&answer))?);
        }
        let LenientSnapshot { now, .. } = client.read("/api/v1/snapshot").await?;
        let clients: Vec<ConnectedClient> = parse(&answer)?;
        Ok(print(&table(CLIENT_HEADINGS, &clients.iter().map(|client| row(client, now)).collect::<Vec<_>>()))?)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn row(client: &ConnectedClient, now: Uptime) -> [String; CLIENT_HEADINGS.len()] {
    let clock = Clock::new(now);
    let last = client.last_request.as_ref().zip(client.last_request_at);
    let last = last.map(|(request, at)| format!("{}, {}", plain(request), clock.age(at)));
    let since = clock.age(client.since);
    [client.id.to_string(), plain(&client.name.0), plain(&client.from), since, last.unwrap_or_else(|| "–".to_owned())]
}

/// What a client says of itself is not trusted to be harmless on a terminal.
fn plain(text: &str) -> String {
    ansi::plain_text(text.as_bytes())
}
