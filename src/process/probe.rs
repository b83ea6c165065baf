//! Probes of a run: repeats a check and reports what each try saw.
//!
//! What a result means for the task is decided by the engine.

use std::future::pending;
use std::time::{Duration, Instant};

use hyper::Request;
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::ProcessTask;
use super::notify::{NotifySocket, TaskNotice};
use super::spawn::run_quietly;
use super::start_failure::cause;
use crate::config::{Check, CommandLine, HttpOptions, LiveConfig, ReadyConfig, TriesConfig};
use crate::duration::Pretty;
use crate::http_client::{self, Certificates, HttpError};
use crate::logs::without_escapes;
use crate::supervisor::RunContext;
use crate::supervisor::engine::{ExitReason, Input, Probe};

/// The pause before the first try; doubled after each failure until it is the configured interval.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Characters of a line that are reported: of a log, of a command's output, of an answer.
const LINE_CHARS: usize = 200;

/// The probes of one run.
pub(super) struct Probes<'a> {
    task: &'a ProcessTask,
    context: &'a RunContext,
    /// The main process.
    main: u32,
    /// Whether it was ready once. Only then its liveness is probed.
    was_ready: CancellationToken,
    /// It said that it is alive.
    fed: Notify,
}

impl<'a> Probes<'a> {
    pub(super) fn new(task: &'a ProcessTask, context: &'a RunContext, main: u32) -> Self {
        let was_ready = CancellationToken::new();
        if task.config.ready.is_none() {
            was_ready.cancel();
        }
        Self { task, context, main, was_ready, fed: Notify::new() }
    }

    /// Probes until the future is dropped, which the caller does when the run ends.
    pub(super) async fn run(&self, ready_line: Option<oneshot::Receiver<String>>, socket: Option<&NotifySocket>) {
        tokio::join!(self.readiness(ready_line), self.liveness(), self.hear(socket));
    }

    async fn readiness(&self, ready_line: Option<oneshot::Receiver<String>>) {
        let Some(ready) = &self.task.config.ready else { return };
        match ready_line {
            Some(line) => {
                if let Ok(line) = line.await {
                    self.report(Probe::Ready, true, format!("log line: {}", start(&line))).await;
                }
            }
            None => self.try_until_ready(ready).await,
        }
    }

    /// While the pauses are shorter than the interval, only a success is reported: `failure_threshold` counts tries that
    /// are an interval apart, so that a slow start does not use it up.
    async fn try_until_ready(&self, ready: &ReadyConfig) {
        if let Check::Notify(_) = ready.check {
            return;
        }
        let interval = ready.tries.interval.max(FIRST_PAUSE);
        sleep(ready.tries.delay).await;
        let mut pause = FIRST_PAUSE;
        loop {
            // Counted from the end of the last try: no tries are caught up on after the machine was suspended.
            sleep(pause).await;
            match self.attempt(&ready.check, &ready.tries).await {
                Ok(detail) => {
                    self.report(Probe::Ready, true, detail).await;
                    if ready.once {
                        return;
                    }
                    pause = interval;
                }
                Err(detail) => {
                    if pause >= interval {
                        self.report(Probe::Ready, false, detail).await;
                    }
                    pause = pause.saturating_mul(2).min(interval);
                }
            }
        }
    }

    async fn liveness(&self) {
        let Some(live) = &self.task.config.live else { return };
        self.was_ready.cancelled().await;
        sleep(live.tries.delay).await;
        match live.check {
            Check::Watchdog(limit) => self.watch(limit).await,
            _ => self.try_whether_alive(live).await,
        }
    }

    async fn try_whether_alive(&self, live: &LiveConfig) {
        loop {
            let (passed, detail) = match self.attempt(&live.check, &live.tries).await {
                Ok(detail) => (true, detail),
                Err(detail) => (false, detail),
            };
            self.report(Probe::Live, passed, detail).await;
            sleep(live.tries.interval).await;
        }
    }

    /// Waits for one sign of life after the other.
    async fn watch(&self, limit: Duration) {
        let mut was_alive = false;
        loop {
            let is_alive = timeout(limit, self.fed.notified()).await.is_ok();
            // One report is enough while all is well.
            if !is_alive {
                self.report(Probe::Live, false, format!("no WATCHDOG=1 for {}", Pretty(limit))).await;
            } else if !was_alive {
                self.report(Probe::Live, true, "WATCHDOG=1".to_owned()).await;
            }
            was_alive = is_alive;
        }
    }

    /// Hears what the task says of itself.
    async fn hear(&self, socket: Option<&NotifySocket>) {
        let Some(socket) = socket else { return };
        loop {
            let TaskNotice { ready, status, is_alive, gives_up } = match socket.next(self.main).await {
                Ok(notice) => notice,
                Err(error) => return tracing::warn!(%error, "notifications can't be received"),
            };
            if let Some(status) = status {
                self.context.report(Input::Said { run: self.context.run, status }).await;
            }
            let speaks = |ready: &ReadyConfig| matches!(ready.check, Check::Notify(_));
            match ready.filter(|_| self.task.config.ready.as_ref().is_some_and(speaks)) {
                Some(true) => self.report(Probe::Ready, true, "READY=1".to_owned()).await,
                Some(false) => self.report(Probe::Ready, false, "STOPPING=1: it is about to end".to_owned()).await,
                None => {}
            }
            if is_alive {
                self.fed.notify_one();
            }
            if gives_up {
                self.report(Probe::Live, false, "WATCHDOG=trigger".to_owned()).await;
            }
        }
    }

    async fn report(&self, probe: Probe, passed: bool, detail: String) {
        self.context.report(Input::Probed { run: self.context.run, probe, passed, detail }).await;
        if passed && probe == Probe::Ready {
            self.was_ready.cancel();
        }
    }

    /// Tries once, and returns what it saw.
    async fn attempt(&self, check: &Check, tries: &TriesConfig) -> Result<String, String> {
        let started = Instant::now();
        let checked = async {
            match check {
                Check::Tcp(address) => tcp(address).await,
                Check::Http(url) => http(url.expose(), &tries.http).await,
                Check::Exec(command) => self.exec(command).await,
                // The capture searches the lines, and the socket is heard elsewhere.
                Check::Log(_) | Check::Notify(_) | Check::Watchdog(_) => pending().await,
            }
        };
        match timeout(tries.timeout, checked).await {
            Ok(Ok(seen)) => Ok(format!("{seen} in {} ms", started.elapsed().as_millis())),
            Ok(Err(seen)) => Err(seen),
            Err(_) => Err(format!("timed out after {}", Pretty(tries.timeout))),
        }
    }

    async fn exec(&self, command: &CommandLine) -> Result<String, String> {
        let ran = run_quietly(self.task, command, self.context.run.number).await?;
        if ran.reason == (ExitReason::Code { code: 0 }) {
            return Ok("exec code 0".to_owned());
        }
        let printed = ran.output.trim_end().lines().next_back().unwrap_or_default();
        Err(with_words(format!("exec {}", ran.reason), printed))
    }
}

async fn tcp(address: &str) -> Result<String, String> {
    TcpStream::connect(address).await.map_err(|error| cause(&error))?;
    Ok(format!("tcp {address}"))
}

async fn http(url: &str, options: &HttpOptions) -> Result<String, String> {
    let mut request = Request::builder();
    for (name, value) in &options.headers {
        request = request.header(name, value.expose());
    }
    let certificates = if options.insecure { Certificates::Any } else { Certificates::Trusted };
    let answer = http_client::send(url, request, String::new(), certificates).await.map_err(|error| match error {
        HttpError::Connect { source, .. } => cause(&source),
        HttpError::Answer(error) => format!("no http answer: {}", innermost(&error)),
        HttpError::Tls(_) | HttpError::Url(_) | HttpError::Request(_) => error.to_string(),
    })?;
    let code = answer.status.as_u16();
    if options.accepts(code) {
        return Ok(format!("http {code}"));
    }
    Err(with_words(format!("http {code}"), answer.body.trim_start().lines().next().unwrap_or_default()))
}

/// What was seen, with what was said to it.
fn with_words(seen: String, words: &str) -> String {
    let words = start(without_escapes(words.as_bytes()).trim());
    if words.is_empty() { seen } else { format!("{seen}: {words}") }
}

fn start(line: &str) -> String {
    line.chars().take(LINE_CHARS).collect()
}

fn innermost(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => innermost(source),
        None => error.to_string(),
    }
}
