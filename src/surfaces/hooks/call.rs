//! One call of a hook: a command that is run, or a POST.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use super::occurrence::Occurrence;
use crate::config::{CommandLine, HookCall, HookConfig};
use crate::logs::without_escapes;
use crate::process::{Once, Warden};
use crate::supervisor::engine::ExitReason;

/// Characters of what a command that failed has said that go into the timeline.
const SAID_CHARS: usize = 200;
/// The port of a URL without one.
const HTTP_PORT: u16 = 80;

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
        let ran = Once { command, dir: &self.root, env, input: told + "\n" }.run(&self.warden).await?;
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
    let url: Uri = url.parse().context("not a URL")?;
    let authority = url.authority().context("the URL names no host")?;
    let (host, port) = (authority.host(), authority.port_u16().unwrap_or(HTTP_PORT));
    // An IPv6 address stands in brackets in a URL only.
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await;
    let stream = stream.with_context(|| format!("cannot connect to {host}:{port}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(async move {
        // How it fares is seen in the answer.
        let _ = connection.await;
    }));
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::post(path)
        .header(HOST, format!("{host}:{port}"))
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("stead/", env!("CARGO_PKG_VERSION")));
    if let Some((user, _)) = authority.as_str().rsplit_once('@') {
        request = request.header(AUTHORIZATION, format!("Basic {}", BASE64_STANDARD.encode(user)));
    }
    let answer = sender.send_request(request.body(json)?).await.context("no answer")?;
    ensure!(answer.status().is_success(), "it answered {}", answer.status());
    Ok(())
}
