//! Connections: slow ones, idle ones, many of them, and the end of a run.

use tokio::io::AsyncBufReadExt;
use tokio::net::TcpListener;

use super::*;
use crate::logs::OutputStream;
use crate::surfaces::http::limits::{CONNECTIONS_MOST, REQUEST_HEAD_TIME, WRITE_STALL};

/// Reads to the end of the connection under a clock that runs ahead whenever nothing else happens, and says how long
/// that took by it.
async fn until_closed(mut stream: TcpStream) -> (String, Duration) {
    let begin = tokio::time::Instant::now();
    let mut text = String::new();
    tokio::time::timeout(Duration::from_secs(3_600), stream.read_to_string(&mut text)).await.unwrap().unwrap();
    (text, begin.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_half_sent_head_is_closed_within_thirty_seconds() {
    let site = Site::new().await;
    let mut stream = site.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localho").await.unwrap();
    let (_, waited) = until_closed(stream).await;
    assert!(waited >= REQUEST_HEAD_TIME && waited < Duration::from_secs(30), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_is_closed() {
    let site = Site::new().await;
    let (text, waited) = until_closed(site.connect().await).await;
    assert_eq!(text, "");
    assert!(waited >= REQUEST_HEAD_TIME && waited < Duration::from_secs(30), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_kept_alive_connection_is_closed_when_it_idles() {
    let site = Site::new().await;
    let mut stream = site.connect().await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let (text, waited) = until_closed(stream).await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\nok\n"), "{text}");
    assert!(waited >= REQUEST_HEAD_TIME && waited < Duration::from_secs(30), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes_is_a_timeout() {
    let site = Site::new().await;
    let mut stream = site.connect().await;
    let authorization = site.authorization();
    let head = format!(
        "POST /api/v1/tasks/api/stop HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n{authorization}\r\n\r\nabc"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (text, _) = until_closed(stream).await;
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
    assert_eq!(site.asked(), []);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_let_go_of() {
    let site = Site::new().await;
    let line = "x".repeat(100_000) + "\n";
    (0..40).for_each(|_| site.write(1, OutputStream::Stdout, &line));
    let mut stream = site.connect().await;
    let head = format!("GET /api/v1/logs?limit=40 HTTP/1.1\r\nhost: localhost\r\n{}\r\n\r\n", site.authorization());
    stream.write_all(head.as_bytes()).await.unwrap();
    // What fits into the buffers between the two is on its way; then nothing goes on.
    stream.readable().await.unwrap();
    tokio::time::sleep(2 * WRITE_STALL).await;
    let mut read = Vec::new();
    // Closed or reset: it is over either way.
    let _ = within(stream.read_to_end(&mut read)).await;
    assert!(read.starts_with(b"HTTP/1.1 200 OK\r\n") && read.len() < 4_000_000, "{}", read.len());
}

#[tokio::test]
async fn five_hundred_idle_connections_leave_the_api_alone() {
    let site = Site::new().await;
    let mut idle = Vec::new();
    for _ in 0..500 {
        idle.push(site.connect().await);
    }
    assert_eq!(site.get("/api/v1/snapshot").await.status, 200);
    assert_eq!(site.post("/api/v1/tasks/api/restart").await.status, 202);
    // They are connections still.
    let mut last = idle.pop().unwrap();
    last.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    assert_eq!(HttpAnswer::read(&mut last).await.status, 200);
}

#[tokio::test]
async fn when_all_places_are_taken_the_one_that_has_waited_longest_makes_room() {
    let site = Site::new().await;
    let mut stream = site.connect().await;
    let head = format!("GET /api/v1/events HTTP/1.1\r\nhost: localhost\r\n{}\r\n\r\n", site.authorization());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.read_exact(&mut [0; 15]).await.unwrap();
    let mut slow = Vec::new();
    for number in 0..2 * CONNECTIONS_MOST {
        let mut connection = site.connect().await;
        // Heads and bodies that never come to their end.
        let part = match number % 3 {
            0 => String::new(),
            1 => "GET / HTTP/1.1\r\nhost: localho".to_owned(),
            _ => format!(
                "POST /api/v1/tasks/api/stop HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n{}\r\n\r\n1",
                site.authorization()
            ),
        };
        // It may be closed already.
        let _ = connection.write_all(part.as_bytes()).await;
        slow.push(connection);
    }
    let begin = Instant::now();
    assert_eq!(site.get("/api/v1/snapshot").await.status, 200);
    assert_eq!(site.post("/api/v1/tasks/api/restart").await.status, 202);
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    // What is being answered was left alone.
    stream.read_exact(&mut [0; 200]).await.unwrap();
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let web = config(&format!("127.0.0.1:{port}"), None);
    let (supervisor, _backend) = handle(Instant::now());
    let handle = KernelHandle::new(supervisor);
    let dir = tempfile::tempdir().unwrap();
    let error = Web::new(web.clone(), port_choice(dir.path()), Token::source(dir.path().join("token")))
        .start(context(Gateway::new(handle.clone()), handle, &web, dir.path()))
        .await
        .unwrap_err();
    let told = format!("{error:#}");
    assert!(told.starts_with(&format!("port {port} in use by pid {}: ", std::process::id())), "{told}");
}

#[tokio::test]
async fn a_start_that_fails_leaves_the_port_free() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let web = config(&free.to_string(), Some("/nowhere/at/all".into()));
    let (supervisor, _backend) = handle(Instant::now());
    let handle = KernelHandle::new(supervisor);
    let dir = tempfile::tempdir().unwrap();
    let error = Web::new(web.clone(), port_choice(dir.path()), Token::source("/nowhere/token"))
        .start(context(Gateway::new(handle.clone()), handle, &web, dir.path()))
        .await
        .unwrap_err();
    assert!(format!("{error:#}").starts_with("cannot read /nowhere/at/all: "), "{error:#}");
    TcpListener::bind(free).await.unwrap();
}

#[tokio::test]
async fn the_next_run_listens_where_the_last_one_did() {
    let site = Site::new().await;
    let listen = site.address;
    // The server closes first, which leaves the connection in TIME_WAIT on its side.
    assert_eq!(site.get("/healthz").await.status, 200);
    let _held = site.connect().await;
    site.end().await;
    let site = Site::start(config(&listen.to_string(), None)).await;
    assert_eq!(site.address, listen);
    assert_eq!(site.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn aborted_tasks_leave_no_connection_behind() {
    let site = Site::new().await;
    let mut stream = site.connect().await;
    let head = format!("GET /api/v1/events HTTP/1.1\r\nhost: localhost\r\n{}\r\n\r\n", site.authorization());
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut line = String::new();
    let mut stream = tokio::io::BufReader::new(stream);
    within(stream.read_line(&mut line)).await.unwrap();
    assert_eq!(line, "HTTP/1.1 200 OK\r\n");
    site.tasks.iter().for_each(JoinHandle::abort);
    for task in site.tasks {
        assert!(within(task).await.unwrap_err().is_cancelled());
    }
    let mut rest = Vec::new();
    // Closed or reset: the stream is over either way.
    let _ = within(stream.read_to_end(&mut rest)).await;
    TcpListener::bind(site.address).await.unwrap();
}

#[tokio::test]
async fn a_run_that_ends_finishes_what_it_is_answering() {
    let site = Site::new().await;
    let hesitation = CancellationToken::new();
    site.supervisor.lock().unwrap().hesitation = Some(hesitation.clone());
    let mut stream = site.connect().await;
    let authorization = site.authorization();
    let head = format!("POST /api/v1/tasks/web/restart HTTP/1.1\r\nhost: localhost\r\n{authorization}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    within(async {
        while site.asked().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    site.shutdown.cancel();
    hesitation.cancel();
    assert_eq!(HttpAnswer::read(&mut stream).await.status, 202);
    site.end().await;
}
