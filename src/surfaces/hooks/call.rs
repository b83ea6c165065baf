//! One call of a hook: a command that is run, or a POST.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::ensure;
use hyper::header::{CONTENT_TYPE, USER_AGENT};
use hyper::{Method, Request};
use serde::Serialize;

use super::occurrence::Occurrence;
use crate::config::{CommandLine, HookCall, HookConfig};
use crate::http_client;
use crate::logs::without_escapes;
use crate::process::{OneShotCommand, Warden};
use crate::supervisor::engine::ExitReason;

/// Characters of what a command that failed has said that go into the timeline.
const SAID_CHARS: usize = 200;

/// What calls need beside the hook. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) root: PathBuf,
    pub(super) project: Arc<str>,
    pub(super) warden: Warden,
}

/// What a command finds on its standard input, and what is posted.
#[derive(Serialize)]
struct Told<'a> {
    hook: &'a str,
    project: &'a str,
    #[serde(flatten)]
    occurrence: &'a Occurrence,
}

impl Caller {
    /// Tells a hook.
    ///
    /// # Errors
    ///
    /// Says for people why that failed.
    pub(super) async fn call(&self, hook: &HookConfig, occurrence: &Occurrence) -> Result<(), String> {
        let told = Told { hook: &hook.name, project: &self.project, occurrence };
        let told = serde_json::to_string(&told).expect("plain data with string keys");
        match &hook.call {
            HookCall::Command(command) => self.run(command, &hook.name, occurrence, told).await,
            HookCall::Url(url) => post(url.expose(), told).await.map_err(|error| format!("{error:#}")),
        }
    }

    async fn run(&self, command: &CommandLine, hook: &str, about: &Occurrence, told: String) -> Result<(), String> {
        let env = [
            ("STEAD_HOOK", hook.to_owned()),
            ("STEAD_EVENT", about.event.word().to_owned()),
            ("STEAD_TASK", about.task.clone()),
            ("STEAD_RUN", about.run.to_string()),
            // The system has no way to pass on a NUL.
            ("STEAD_REASON", about.reason.replace('\0', "")),
            ("STEAD_RETRIES", about.retries.to_string()),
        ];
        let env: BTreeMap<_, _> = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let ran = OneShotCommand { command, dir: &self.root, env, input: told + "\n" }.run(&self.warden).await?;
        tracing::info!(hook, task = about.task, reason = %ran.reason, output = ran.output.trim_end(), "a hook has ended");
        if ran.reason == (ExitReason::Code { code: 0 }) {
            return Ok(());
        }
        let last = without_escapes(ran.output.lines().next_back().unwrap_or_default().as_bytes());
        let last: String = last.chars().take(SAID_CHARS).collect();
        let gap = if last.is_empty() { "" } else { ": " };
        Err(format!("{}{gap}{last}", ran.reason))
    }
}

/// Posts JSON.
async fn post(url: &str, json: String) -> anyhow::Result<()> {
    let request = Request::builder()
        .method(Method::POST)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("stead/", env!("CARGO_PKG_VERSION")));
    let status = http_client::send(url, request, json).await?;
    ensure!(status.is_success(), "it answered {status}");
    Ok(())
}
