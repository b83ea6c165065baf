//! The whole surface over real connections, against a kernel whose other end the test holds.

mod attach;
mod bundle;
mod connections;
mod live;
mod logs;
mod openapi;
mod requests;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::{Config, LogsConfig, ReadAccess};
use crate::gateway::Gateway;
use crate::kernel::KernelHandle;
use crate::kernel::sample::{process, ready, snapshot};
use crate::supervisor::EventLog;
use crate::supervisor::engine::{self, Origin, Refusal, Request, Snapshot};
use crate::supervisor::engine::{BadConfig, Changes, OnExhausted};
use crate::supervisor::{Backend, handle};
use crate::surfaces::SharedConfig;
use crate::surfaces::web_dist::{ActiveWebDist, WebDist};

/// What a test waits for comes long before this, or never.
const SITE_DEADLINE: Duration = Duration::from_secs(20);

/// A web surface that runs, registered with a gateway.
struct Site {
    address: SocketAddr,
    token: Token,
    snapshots: watch::Sender<Arc<Snapshot>>,
    journal: EventLog,
    kernel: KernelHandle,
    /// The token and the logs are in it.
    dir: TempDir,
    dist: ActiveWebDist,
    shutdown: CancellationToken,
    tasks: Vec<JoinHandle<anyhow::Result<()>>>,
    supervisor: Arc<Mutex<Supervisor>>,
}

/// What stands in for the supervisor.
#[derive(Debug, Default)]
struct Supervisor {
    /// Every request that it got.
    asked: Vec<(Request, Origin)>,
    /// What it refuses requests with; none: it takes them.
    refusal: Option<Refusal>,
    /// Requests are answered once this is cancelled, if there is one.
    hesitation: Option<CancellationToken>,
}

fn config(listen: &str, dist: Option<PathBuf>) -> WebConfig {
    let listen = Some(listen.parse().unwrap());
    WebConfig { enabled: true, listen, read: ReadAccess::Token, dist, on_exhausted: OnExhausted::Hold }
}

fn port_choice(dir: &Path) -> PortChoice {
    PortChoice { file: dir.join("web-port"), project: Vec::new(), not: BTreeSet::new() }
}

fn logs_in(dir: &Path) -> LogsConfig {
    LogsConfig { max_size: 0, keep: 0, ..LogsConfig::new(dir.join("logs")) }
}

fn context(gateway: Gateway, kernel: KernelHandle, web: &WebConfig, dir: &Path) -> SurfaceContext {
    let mut config = Config::new("/srv/shop/stead.toml".into(), "/srv/shop".into());
    config.logs = logs_in(dir);
    config.web = web.clone();
    SurfaceContext {
        kernel,
        gateway,
        config_path: config.path.clone(),
        config: SharedConfig::new(config, || Err(BadConfig::new("nothing to read"))),
        web_dist: ActiveWebDist::default(),
        shutdown: CancellationToken::new(),
    }
}

impl Site {
    async fn new() -> Self {
        Self::start(config("127.0.0.1:0", None)).await
    }

    /// A site whose bundle comes from a directory.
    async fn of(dir: &std::path::Path) -> Self {
        Self::start(config("127.0.0.1:0", Some(dir.to_owned()))).await
    }

    async fn start(web: WebConfig) -> Self {
        let (supervisor, backend) = handle(Instant::now());
        let kernel = KernelHandle::new(supervisor);
        let Backend { snapshot: snapshots, mut requests, event_log: journal, .. } = backend;
        snapshots.send_replace(Arc::new(snapshot(1, vec![process("api", ready(0))])));
        let gateway = Gateway::new(kernel.clone());

        let dir = tempfile::tempdir().unwrap();
        let context = context(gateway.clone(), kernel.clone(), &web, dir.path());
        let (dist, shutdown) = (context.web_dist.clone(), context.shutdown.clone());
        let token = dir.path().join("token");
        let run = Web::new(web, port_choice(dir.path()), Token::source(token.clone())).start(context).await.unwrap();
        let token = Token::read(&token).unwrap();
        let address = run.address.unwrap().strip_prefix("http://").unwrap().parse().unwrap();

        let supervisor = Arc::new(Mutex::new(Supervisor::default()));
        let answering = Arc::clone(&supervisor);
        tokio::spawn(async move {
            while let Some(asked) = requests.recv().await {
                let answer = match asked.request {
                    Request::Reload | Request::Scale { .. } => engine::Answer::Reloaded(Changes::default()),
                    _ => engine::Answer::Taken,
                };
                let (refusal, hesitation) = {
                    let mut supervisor = answering.lock().unwrap();
                    supervisor.asked.push((asked.request, asked.origin));
                    (supervisor.refusal.clone(), supervisor.hesitation.clone())
                };
                if let Some(hesitation) = hesitation {
                    hesitation.cancelled().await;
                }
                asked.answer.send(refusal.map_or(Ok(answer), Err)).unwrap();
            }
        });
        Self { address, token, snapshots, journal, kernel, dir, dist, shutdown, tasks: run.tasks, supervisor }
    }

    fn show(&self, snapshot: Snapshot) {
        self.snapshots.send_replace(Arc::new(snapshot));
    }

    /// What reached the supervisor.
    fn asked(&self) -> Vec<Request> {
        self.supervisor.lock().unwrap().asked.iter().map(|(request, _)| request.clone()).collect()
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn get(&self, path: &str) -> HttpAnswer {
        let authorization = self.authorization();
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{authorization}\r\n\r\n"))
            .await
    }

    async fn post(&self, path: &str) -> HttpAnswer {
        let authorization = self.authorization();
        self.send(&format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{authorization}\r\n\r\n"))
            .await
    }

    async fn post_json(&self, path: &str, body: &str) -> HttpAnswer {
        let (authorization, length) = (self.authorization(), body.len());
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{authorization}\r\n\
             content-length: {length}\r\n\r\n{body}"
        ))
        .await
    }

    /// The header that shows the token.
    fn authorization(&self) -> String {
        format!("authorization: Bearer {}", self.token.secret())
    }

    /// Writes bytes as they are, and reads until the server closes.
    async fn send(&self, request: &str) -> HttpAnswer {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        HttpAnswer::read(&mut stream).await
    }

    async fn send_owned(&self, request: String) -> HttpAnswer {
        self.send(&request).await
    }

    /// Ends the run, and waits for all of it.
    async fn end(self) {
        self.shutdown.cancel();
        for task in self.tasks {
            within(task).await.unwrap().unwrap();
        }
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SITE_DEADLINE, future).await.expect("it happens before the deadline")
}

/// One response, whole.
#[derive(Debug)]
struct HttpAnswer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl HttpAnswer {
    async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        within(stream.read_to_end(&mut bytes)).await.unwrap();
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a response has a head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a response has a status");
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The status, after checking that the body is a problem of it.
    fn problem(&self) -> u16 {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.head);
        assert_eq!(self.json()["status"], self.status);
        assert!(self.json()["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
        self.status
    }
}
