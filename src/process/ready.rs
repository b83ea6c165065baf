//! Readiness: tries a check again and again and says how each try went.
//!
//! What a result means (a threshold, a state) is the core's to know.

use std::time::{Duration, Instant};

use hyper::Uri;
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::spawn::spawn_silent;
use super::start_failure::cause;
use super::{ProcessTask, exit_reason};
use crate::config::{Check, CommandLine, ReadyConfig};
use crate::duration::Pretty;
use crate::supervisor::RunContext;
use crate::supervisor::engine::{ExitReason, Input};

/// The pause before the first try; doubled after each failure until it is the configured interval.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// As much of a matching line as is told.
const LINE_CHARS: usize = 200;
/// The port of a URL without one.
const HTTP_PORT: u16 = 80;

/// Probes for ever; whoever calls this drops it when the run ends.
///
/// While the pauses are still shorter than the interval, only a success is told: the failure threshold of a task
/// counts tries that are an interval apart, and a task must not be given up for starting slowly.
pub(super) async fn probe(task: &ProcessTask, ready: &ReadyConfig, context: &RunContext) {
    let interval = ready.interval.max(FIRST_PAUSE);
    let mut pause = FIRST_PAUSE;
    loop {
        // Counted from the end of the last try: nothing is caught up on after the machine has slept.
        sleep(pause).await;
        match attempt(task, ready, context.run.number).await {
            Ok(detail) => {
                tell(context, true, detail).await;
                pause = interval;
            }
            Err(detail) => {
                if pause >= interval {
                    tell(context, false, detail).await;
                }
                pause = pause.saturating_mul(2).min(interval);
            }
        }
    }
}

/// Tells of the line that was searched, if it comes.
pub(super) async fn wait_for_line(line: oneshot::Receiver<String>, context: &RunContext) {
    if let Ok(line) = line.await {
        tell(context, true, format!("log line: {}", line.chars().take(LINE_CHARS).collect::<String>())).await;
    }
}

async fn tell(context: &RunContext, passed: bool, detail: String) {
    // A driver that is gone needs no events.
    let _ = context.events.send(Input::Probed { run: context.run, passed, detail }).await;
}

/// Runs a command of a task to its end. When this is dropped before, the command is killed with its descendants;
/// what it leaves behind is killed in any case.
///
/// # Errors
///
/// Says why it could not be run.
pub(super) async fn run_silent(task: &ProcessTask, command: &CommandLine, run: u64) -> Result<ExitReason, String> {
    let child = spawn_silent(task, command, run).await?;
    // What is left goes with the child, at the end of this.
    child.exited().await.map(exit_reason).ok_or_else(|| "the warden is gone".to_owned())
}

/// One try: what was seen, for people.
async fn attempt(task: &ProcessTask, ready: &ReadyConfig, run: u64) -> Result<String, String> {
    let started = Instant::now();
    let checked = async {
        match &ready.check {
            Check::Tcp(address) => tcp(address).await,
            Check::Http(url) => http(url.expose()).await,
            Check::Exec(command) => exec(task, command, run).await,
            // Lines are searched where they are read.
            Check::Log(_) => std::future::pending().await,
        }
    };
    match timeout(ready.timeout, checked).await {
        Ok(Ok(seen)) => Ok(format!("{seen} in {} ms", started.elapsed().as_millis())),
        Ok(Err(seen)) => Err(seen),
        Err(_) => Err(format!("timed out after {}", Pretty(ready.timeout))),
    }
}

async fn tcp(address: &str) -> Result<String, String> {
    TcpStream::connect(address).await.map_err(|error| cause(&error))?;
    Ok(format!("tcp {address}"))
}

async fn exec(task: &ProcessTask, command: &CommandLine, run: u64) -> Result<String, String> {
    match run_silent(task, command, run).await? {
        ExitReason::Code { code: 0 } => Ok("exec code 0".to_owned()),
        reason => Err(format!("exec {reason}")),
    }
}

async fn http(url: &str) -> Result<String, String> {
    let url: Uri = url.parse().map_err(|error| format!("`{url}` is not a URL: {error}"))?;
    let authority = url.authority().ok_or_else(|| format!("`{url}` names no host"))?;
    // An IPv6 address stands in brackets in a URL only.
    let host = authority.host().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(HTTP_PORT))).await;
    let stream = TokioIo::new(stream.map_err(|error| cause(&error))?);
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let request = hyper::Request::get(path).header(HOST, authority.as_str()).body(String::new());
    let request = request.map_err(|error| error.to_string())?;
    let status = answer(stream, request).await.map_err(|error| format!("no http answer: {}", innermost(&error)))?;
    match status.as_u16() {
        code @ 200..=399 => Ok(format!("http {code}")),
        code => Err(format!("http {code}")),
    }
}

/// The status of the answer; the connection is closed with it.
async fn answer(stream: TokioIo<TcpStream>, request: hyper::Request<String>) -> hyper::Result<hyper::StatusCode> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
    let answer = sender.send_request(request);
    let driven = async {
        // How the connection fares is seen in the answer.
        let _ = connection.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = answer => Ok(answer?.status()),
        () = driven => unreachable!("it waits for ever"),
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => innermost(source),
        None => error.to_string(),
    }
}
