//! `stead attach`: the whole dashboard over the supervisor of another process. It is the same as that process' own.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::super::client::Client;
use super::super::{EXIT_REFUSED, complain};
use super::log_changes::FollowedLogs;
use super::mirror::{Mirror, MirrorEnd};
use crate::gateway::Gateway;
use crate::logs::LogReader;
use crate::surfaces::{DashboardSetup, SurfaceHandle, Terminal};

/// The part of `/api/v1/config` that matters here.
#[derive(Deserialize)]
struct ConfigSection {
    logs: LogsSection,
}

#[derive(Deserialize)]
struct LogsSection {
    dir: PathBuf,
}

/// Why it is over.
enum DashboardEnd {
    Left,
    Mirror(MirrorEnd),
    Hangup,
}

/// Shows the dashboard until the person leaves it or the supervisor has ended.
pub(super) async fn attach(client: Arc<Client>, mouse: bool) -> anyhow::Result<ExitCode> {
    let ended = end_of_supervisor(&client).await?;
    let mirror = Mirror::connect(Arc::clone(&client)).await?;
    let ConfigSection { logs: LogsSection { dir: logs_dir } } = client.read("/api/v1/config").await?;
    let (kernel, project) = (mirror.kernel.clone(), mirror.project.clone());
    let changes = FollowedLogs::watch(&logs_dir)?;
    let log_changes = tokio::spawn(changes.pass_on(LogReader::new(&logs_dir), kernel.logs().clone()));
    let shutdown = CancellationToken::new();
    let gateway = Gateway::new(kernel.clone());
    let mut hung_up = signal(SignalKind::hangup())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let setup = DashboardSetup { kernel, gateway, project, logs_dir, notify: Box::new(|| true), is_guest: true };
    let SurfaceHandle { mut tasks, .. } =
        Terminal::new(mouse, client.paths.dashboard.clone()).show(setup, shutdown.clone()).await?;
    let mut dashboard = tasks.pop().context("a dashboard is a task")?;
    let end = tokio::select! {
        left = &mut dashboard => left.context("the dashboard broke off")?.map(|()| DashboardEnd::Left),
        over = mirror.run(ended) => over.map(DashboardEnd::Mirror),
        _ = hung_up.recv() => Ok(DashboardEnd::Hangup),
        _ = terminated.recv() => Ok(DashboardEnd::Hangup),
    };
    shutdown.cancel();
    log_changes.abort();
    if !dashboard.is_finished() {
        // It gives the terminal back; what went wrong with it then is of no more interest.
        let _ = dashboard.await;
    }
    Ok(match end? {
        DashboardEnd::Left => {
            complain("detached; everything runs on");
            ExitCode::SUCCESS
        }
        DashboardEnd::Mirror(MirrorEnd::Disconnected(by)) => {
            complain(&format!("disconnected, asked by {by}; everything runs on"));
            ExitCode::from(EXIT_REFUSED)
        }
        DashboardEnd::Mirror(MirrorEnd::Ended) => {
            complain(&last_words(&client));
            ExitCode::from(EXIT_REFUSED)
        }
        DashboardEnd::Hangup => ExitCode::from(EXIT_REFUSED),
    })
}

/// Cancelled when the supervisor has ended.
async fn end_of_supervisor(client: &Client) -> anyhow::Result<CancellationToken> {
    let end = client.watch_end().await?;
    let ended = CancellationToken::new();
    let cancelled = ended.clone();
    tokio::spawn(async move {
        // If the system can't tell, only the person can leave.
        if end.wait().await.is_ok() {
            cancelled.cancel();
        }
    });
    Ok(ended)
}

fn last_words(client: &Client) -> String {
    let outcome = client.paths.outcome();
    let last = outcome.as_deref().and_then(|words| words.trim_end().lines().last()?.strip_prefix("stead: "));
    match last {
        Some(last) => format!("the supervisor has ended: {last}"),
        None => "the supervisor has ended, and did not say how".to_owned(),
    }
}
