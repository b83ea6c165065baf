//! The whole surface over real connections, against a kernel whose other end the test holds.

mod bundle;
mod connections;
mod live;
mod requests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::{Config, DrainConfig, LogsConfig};
use crate::kernel::sample::{process, ready, snapshot};
use crate::kernel::{Backend, KernelHandle, LogHub, kernel};
use crate::supervisor::core::{Refusal, Request, Snapshot};

/// What a test waits for comes long before this, or never.
const DEADLINE: Duration = Duration::from_secs(20);

/// A web surface that runs.
struct Site {
    address: SocketAddr,
    backend: Backend,
    dist: ActiveWebDist,
    shutdown: CancellationToken,
    tasks: Vec<JoinHandle<anyhow::Result<()>>>,
    /// Every request that reached the supervisor.
    asked: Arc<Mutex<Vec<Request>>>,
    /// What the next requests are answered with.
    refusal: Arc<Mutex<Option<Refusal>>>,
}

fn config(listen: &str, dist: Option<PathBuf>) -> WebConfig {
    WebConfig { enabled: true, listen: listen.parse().unwrap(), dist }
}

fn context(kernel: KernelHandle, web: &WebConfig) -> SurfaceContext {
    let config = Config {
        path: "/srv/shop/stead.toml".into(),
        root: "/srv/shop".into(),
        drain: DrainConfig::default(),
        logs: LogsConfig { dir: "/srv/shop/.stead/logs".into(), max_size: 0, keep: 0 },
        web: web.clone(),
        restart: Default::default(),
        tasks: Vec::new(),
    };
    SurfaceContext {
        kernel,
        config_path: config.path.clone(),
        config: Arc::new(config),
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
        let (handle, backend) = kernel(Instant::now(), LogHub::default());
        backend.snapshot.send_replace(Arc::new(snapshot(1, vec![process("api", ready(0))])));
        let context = context(handle, &web);
        let (dist, shutdown) = (context.web_dist.clone(), context.shutdown.clone());
        let run = Web::new(web).start(context).await.unwrap();
        let address = run.address.unwrap().strip_prefix("http://").unwrap().parse().unwrap();
        let (asked, refusal) = (Arc::default(), Arc::default());
        tokio::spawn(run.channel.unwrap().answer_with({
            let (asked, refusal) = (Arc::clone(&asked), Arc::clone(&refusal));
            move |request| {
                let (asked, refusal): (&Mutex<Vec<Request>>, &Mutex<Option<Refusal>>) = (&asked, &refusal);
                asked.lock().unwrap().push(request);
                refusal.lock().unwrap().clone().map_or(Ok(()), Err)
            }
        }));
        Self { address, backend, dist, shutdown, tasks: run.tasks, asked, refusal }
    }

    fn show(&self, snapshot: Snapshot) {
        self.backend.snapshot.send_replace(Arc::new(snapshot));
    }

    fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")).await
    }

    async fn post(&self, path: &str) -> Answer {
        self.send(&format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")).await
    }

    /// Writes bytes as they are, and reads until the server closes.
    async fn send(&self, request: &str) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        Answer::read(&mut stream).await
    }

    async fn send_owned(&self, request: String) -> Answer {
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
    tokio::time::timeout(DEADLINE, future).await.expect("it happens before the deadline")
}

/// One response, whole.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
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
