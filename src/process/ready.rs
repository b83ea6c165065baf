//! Readiness probes: repeats a check and reports the result of each try.
//!
//! What a result means for the task is decided by the engine.

use std::time::{Duration, Instant};

use hyper::Request;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::spawn::spawn_silent;
use super::start_failure::cause;
use super::{ProcessTask, reason_of};
use crate::config::{Check, CommandLine, ReadyConfig};
use crate::duration::Pretty;
use crate::http_client::{self, HttpError};
use crate::supervisor::RunContext;
use crate::supervisor::engine::{ExitReason, Input, Probe};

/// The pause before the first try; doubled after each failure until it is the configured interval.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Characters of a matching line that are reported.
const READY_LINE_CHARS: usize = 200;

/// Probes until the future is dropped, which the caller does when the run ends.
///
/// While the pauses are shorter than the interval, only a success is reported: `failure_threshold` counts tries that
/// are an interval apart, so that a slow start does not use it up.
pub(super) async fn probe(task: &ProcessTask, ready: &ReadyConfig, context: &RunContext) {
    let interval = ready.interval.max(FIRST_PAUSE);
    let mut pause = FIRST_PAUSE;
    loop {
        // Counted from the end of the last try: no tries are caught up on after the machine was suspended.
        sleep(pause).await;
        match attempt(task, ready, context.run.number).await {
            Ok(detail) => {
                report_probe(context, true, detail).await;
                pause = interval;
            }
            Err(detail) => {
                if pause >= interval {
                    report_probe(context, false, detail).await;
                }
                pause = pause.saturating_mul(2).min(interval);
            }
        }
    }
}

/// Reports the line of `ready.log`, if it comes.
pub(super) async fn wait_for_line(line: oneshot::Receiver<String>, context: &RunContext) {
    if let Ok(line) = line.await {
        report_probe(context, true, format!("log line: {}", line.chars().take(READY_LINE_CHARS).collect::<String>()))
            .await;
    }
}

async fn report_probe(context: &RunContext, passed: bool, detail: String) {
    context.report(Input::Probed { run: context.run, probe: Probe::Ready, passed, detail }).await;
}

/// Runs a command of a task to its end. Its remaining processes are killed then, and all of them if the future is
/// dropped.
///
/// # Errors
///
/// It could not be run.
pub(super) async fn run_command(task: &ProcessTask, command: &CommandLine, run: u64) -> Result<ExitReason, String> {
    let child = spawn_silent(task, command, run).await?;
    // Dropping the child kills what is left of it.
    child.exited().await.map(|exit| reason_of(exit.status())).ok_or_else(|| "the warden is gone".to_owned())
}

/// Tries once, and returns what it saw.
async fn attempt(task: &ProcessTask, ready: &ReadyConfig, run: u64) -> Result<String, String> {
    let started = Instant::now();
    let checked = async {
        match &ready.check {
            Check::Tcp(address) => tcp(address).await,
            Check::Http(url) => http(url.expose()).await,
            Check::Exec(command) => exec(task, command, run).await,
            // The capture searches the lines.
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
    match run_command(task, command, run).await? {
        ExitReason::Code { code: 0 } => Ok("exec code 0".to_owned()),
        reason => Err(format!("exec {reason}")),
    }
}

async fn http(url: &str) -> Result<String, String> {
    let status = http_client::send(url, Request::builder(), String::new()).await.map_err(|error| match error {
        HttpError::Connect { source, .. } => cause(&source),
        HttpError::Answer(error) => format!("no http answer: {}", innermost(&error)),
        HttpError::Url(_) | HttpError::Request(_) => error.to_string(),
    })?;
    match status.as_u16() {
        code @ 200..=399 => Ok(format!("http {code}")),
        code => Err(format!("http {code}")),
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => innermost(source),
        None => error.to_string(),
    }
}
