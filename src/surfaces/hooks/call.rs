//! One call of a hook: a command that is run, or a POST.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::ensure;
use hyper::header::{CONTENT_TYPE, USER_AGENT};
use hyper::{Method, Request};
use serde::Serialize;

use super::payload::HookPayload;
use crate::config::{CommandLine, HookCall, HookConfig};
use crate::http_client::{self, Certificates};
use crate::logs::without_escapes;
use crate::process::{OneShotCommand, Warden};
use crate::supervisor::engine::ExitReason;

/// Characters of the last line of a failed command that go into the event log.
const FAILURE_CHARS: usize = 200;

/// Calls hooks. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct HookRunner {
    pub(super) root: PathBuf,
    pub(super) project: Arc<str>,
    pub(super) warden: Warden,
}

/// What a command finds on its standard input, and what is posted.
#[derive(Serialize)]
struct HookBody<'a> {
    hook: &'a str,
    project: &'a str,
    #[serde(flatten)]
    payload: &'a HookPayload,
}

impl HookRunner {
    /// Calls a hook.
    ///
    /// # Errors
    ///
    /// The reason for people.
    pub(super) async fn call(&self, hook: &HookConfig, payload: &HookPayload) -> Result<(), String> {
        let body = HookBody { hook: &hook.name, project: &self.project, payload };
        let body = serde_json::to_string(&body).expect("plain data with string keys");
        match &hook.call {
            HookCall::Command(command) => self.run(command, &hook.name, payload, body).await,
            HookCall::Url(url) => post(url.expose(), body).await.map_err(|error| format!("{error:#}")),
        }
    }

    async fn run(&self, command: &CommandLine, hook: &str, about: &HookPayload, body: String) -> Result<(), String> {
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
        let ran = OneShotCommand { command, dir: &self.root, env, input: body + "\n" }.run(&self.warden).await?;
        tracing::info!(hook, task = about.task, reason = %ran.reason, output = ran.output.trim_end(), "a hook has ended");
        if ran.reason == (ExitReason::Code { code: 0 }) {
            return Ok(());
        }
        let last = without_escapes(ran.output.lines().next_back().unwrap_or_default().as_bytes());
        let last: String = last.chars().take(FAILURE_CHARS).collect();
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
    let status = http_client::send(url, request, json, Certificates::Trusted).await?.status;
    ensure!(status.is_success(), "it answered {status}");
    Ok(())
}
