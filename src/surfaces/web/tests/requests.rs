//! What is asked, and what it is answered with.

use super::live::LiveStream;
use super::*;
use crate::kernel::sample::at;
use crate::supervisor::engine::{PhaseSnapshot, Stage, Verb};

const ALL: &str = r#"{"all": true}"#;

#[tokio::test]
async fn a_reload_says_what_changed_or_where_the_mistake_is() {
    let site = Site::new().await;
    let answer = site.post("/api/v1/reload").await;
    assert_eq!((answer.status, &answer.json()["unchanged"]), (200, &0.into()));
    let bad = BadConfig { summary: "1 mistake".to_owned(), report: "  | KEY = 'hunter2'".to_owned() };
    site.supervisor.lock().unwrap().refusal = Some(Refusal::BadConfig(bad));
    let answer = site.post("/api/v1/reload").await;
    assert_eq!(answer.status, 422);
    let problem = answer.json();
    assert_eq!(problem["detail"], "1 mistake; all goes on as it was");
    assert_eq!(problem["report"], "  | KEY = 'hunter2'");
    // The stand-in has nothing to read, and is not asked.
    let asked = site.asked();
    let answer = site.post("/api/v1/reload?dry_run=true").await;
    assert_eq!((answer.status, &answer.json()["summary"]), (422, &"nothing to read".into()));
    assert_eq!(site.asked(), asked);
    assert_eq!(site.post("/api/v1/reload?dry_run=perhaps").await.status, 400);
}

#[tokio::test]
async fn the_snapshot_comes_with_what_a_client_needs() {
    let site = Site::new().await;
    let answer = site.get("/api/v1/snapshot").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let json = answer.json();
    assert_eq!((&json["project"], &json["version"]), (&"shop".into(), &env!("CARGO_PKG_VERSION").into()));
    assert_eq!(json["stage"]["stage"], "up");
    assert_eq!((&json["tasks"][0]["name"], &json["tasks"][0]["state"]), (&"api".into(), &"ready".into()));
    assert!(json["now"].is_u64() && json["started_at"].is_string());
}

#[tokio::test]
async fn what_is_asked_of_a_task_reaches_the_supervisor() {
    let site = Site::new().await;
    for verb in ["start", "stop", "restart", "kill"] {
        let answer = site.post(&format!("/api/v1/tasks/api/{verb}")).await;
        assert_eq!((answer.status, answer.json()), (202, serde_json::json!({ "accepted": format!("{verb} api") })));
    }
    assert_eq!(site.asked(), Verb::LIFE.map(|verb| verb.of("api")));
    assert_eq!(site.supervisor.lock().unwrap().asked[0].1, Origin("web".into()));
}

#[tokio::test]
async fn several_tasks_are_asked_at_once_and_each_is_answered() {
    let site = Site::new().await;
    site.show(snapshot(
        2,
        vec![process("api", ready(0)), process("db", ready(0)), process("old", PhaseSnapshot::Done)],
    ));
    let answer = site.post_json("/api/v1/tasks/restart", r#"{"tasks": ["db", "api"]}"#).await;
    assert_eq!(answer.status, 202);
    assert_eq!(
        answer.json(),
        serde_json::json!({ "accepted": ["restart db", "restart api"], "unchanged": [], "refused": [] })
    );
    assert_eq!(
        site.post_json("/api/v1/tasks/restart", ALL).await.json()["accepted"],
        serde_json::json!(["restart all"])
    );
    assert_eq!(
        site.post_json("/api/v1/tasks/stop", ALL).await.json()["accepted"],
        serde_json::json!(["stop api", "stop db"])
    );
    assert_eq!(site.post_json("/api/v1/tasks/start", ALL).await.json()["accepted"], serde_json::json!([]));
    assert_eq!(site.asked().len(), 5);
}

#[tokio::test]
async fn one_unknown_name_among_several_leaves_all_as_they_are() {
    let site = Site::new().await;
    let answer = site.post_json("/api/v1/tasks/restart", r#"{"tasks": ["api", "apu"]}"#).await;
    assert_eq!((answer.problem(), &answer.json()["near"]), (404, &"api".into()));
    assert_eq!(answer.json()["detail"], "no task is called `apu`; did you mean `api`? the only task is api");
    assert_eq!(site.post_json("/api/v1/tasks/stop", r#"{"all": true, "tasks": ["apu"]}"#).await.problem(), 404);
    for body in ["{}", r#"{"all": false}"#, r#"{"tasks": []}"#] {
        let nothing = serde_json::json!({ "accepted": [], "unchanged": [], "refused": [] });
        assert_eq!(site.post_json("/api/v1/tasks/stop", body).await.json(), nothing, "{body}");
    }
    for body in ["", "{", "[]", r#"[["api"]]"#, r#"{"task": "api"}"#, r#"{"tasks": [1]}"#, r#"{"all": 1}"#] {
        assert_eq!(site.post_json("/api/v1/tasks/restart", body).await.problem(), 400, "{body}");
    }
    assert_eq!(site.asked(), []);
}

#[tokio::test]
async fn a_name_that_is_repeated_is_asked_for_once() {
    let site = Site::new().await;
    let names = vec!["api"; 6_000];
    let answer = site.post_json("/api/v1/tasks/restart", &serde_json::json!({ "tasks": names }).to_string()).await;
    assert_eq!(answer.json()["accepted"], serde_json::json!(["restart api"]));
    assert_eq!(site.asked().len(), 1);
}

#[tokio::test]
async fn a_task_may_be_called_like_what_is_asked_of_it() {
    let site = Site::new().await;
    site.show(snapshot(2, vec![process("restart", ready(0))]));
    assert_eq!(site.get("/api/v1/tasks/restart").await.json()["name"], "restart");
    assert_eq!(site.post("/api/v1/tasks/restart/stop").await.json()["accepted"], "stop restart");
}

#[tokio::test]
async fn a_shutdown_is_asked_for_like_anything_else() {
    let site = Site::new().await;
    assert_eq!(site.post("/api/v1/shutdown").await.status, 202);
    assert_eq!(site.asked(), [Request::ShutDown]);
}

#[tokio::test]
async fn nothing_is_changed_without_the_token() {
    let site = Site::new().await;
    for path in ["/api/v1/tasks/api/restart", "/api/v1/tasks/restart", "/api/v1/shutdown"] {
        for header in ["", "authorization: Bearer nope\r\n"] {
            let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{header}\r\n");
            let answer = site.send_owned(head).await;
            assert_eq!((answer.problem(), answer.header("www-authenticate")), (401, Some("Bearer")), "{path}");
        }
    }
    assert_eq!(site.asked(), []);
}

#[tokio::test]
async fn what_stands_where_can_be_looked_up() {
    let site = Site::new().await;
    assert_eq!(site.get("/api/v1/tasks/api").await.json()["state"], "ready");
    assert_eq!(site.get("/api/v1/tasks/apo").await.json()["near"], "api");
    assert_eq!(site.get("/api/v1/version").await.json()["project"], "shop");
    assert_eq!(site.get("/api/v1/clients").await.json()[0]["last_request"], "GET /api/v1/clients");
    assert_eq!(site.get("/api/v1/config").await.json()["path"], "/srv/shop/stead.toml");
}

#[tokio::test]
async fn a_refusal_is_a_problem_with_its_reason() {
    let site = Site::new().await;
    let task = || "api".to_owned();
    for (refusal, status, word) in [
        (Refusal::UnknownTask { task: task() }, 404, "unknown_task"),
        (Refusal::NotRunning { task: task(), state: "done".into() }, 409, "not_running"),
        (Refusal::Draining, 409, "draining"),
        (Refusal::Unavailable, 503, "unavailable"),
    ] {
        site.supervisor.lock().unwrap().refusal = Some(refusal.clone());
        let answer = site.post("/api/v1/tasks/api/restart").await;
        assert_eq!(answer.problem(), status);
        assert_eq!(answer.json()["refusal"], word);
        assert!(answer.json()["detail"].as_str().unwrap().starts_with(&refusal.to_string()));
    }
}

#[tokio::test]
async fn a_client_that_is_disconnected_is_told_by_whom_and_its_connection_ends() {
    let site = Site::new().await;
    let mut stream = LiveStream::open(&site).await;
    let id = stream_id(&site).await;
    let delete = |id: &str| format!("DELETE /api/v1/clients/{id} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    assert_eq!(site.send_owned(delete(&id) + "\r\n").await.problem(), 401);
    let disconnect = |id: &str| delete(id) + &site.authorization() + "\r\n\r\n";
    for (id, status) in [("no-number", 400), ("777", 404)] {
        assert_eq!(site.send_owned(disconnect(id)).await.problem(), status);
    }
    assert_eq!(site.send_owned(disconnect(&id)).await.json()["last_request"], "GET /api/v1/events");
    assert_eq!(stream.next_of("disconnected").await.json()["by"], "web");
    stream.ended().await;
    let event = site.journal.recent().pop().unwrap();
    assert!(event.text.ends_with("was disconnected, asked by web"), "{}", event.text);
}

/// The number of the client that follows the events.
async fn stream_id(site: &Site) -> String {
    let clients = site.get("/api/v1/clients").await.json();
    let follows = |client: &&Value| client["last_request"] == "GET /api/v1/events";
    clients.as_array().unwrap().iter().find(follows).unwrap()["id"].to_string()
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_does_not_answer_is_not_waited_for_forever() {
    let site = Site::new().await;
    site.supervisor.lock().unwrap().hesitation = Some(CancellationToken::new());
    assert_eq!(site.post("/api/v1/tasks/api/restart").await.problem(), 504);
}

#[tokio::test]
async fn looking_never_changes_anything() {
    let site = Site::new().await;
    let answer = site.get("/api/v1/tasks/api/restart").await;
    assert_eq!((answer.problem(), answer.header("allow")), (405, Some("POST")));
    let answer = site.post("/api/v1/snapshot").await;
    assert_eq!((answer.problem(), answer.header("allow")), (405, Some("GET,HEAD")));
    assert_eq!(site.asked(), []);
}

#[tokio::test]
async fn what_is_not_there_is_a_404() {
    let site = Site::new().await;
    for path in ["/nope", "/api", "/api/v1/nope", "/api/v2/snapshot", "/api/v1/tasks/api/explode", "//"] {
        assert_eq!(site.get(path).await.problem(), 404, "{path}");
    }
    assert_eq!(site.post("/api/v1/tasks/api/explode").await.problem(), 404);
    assert_eq!(site.get("/api/v1/tasks/%ff/restart").await.problem(), 405);
    assert_eq!(site.post("/api/v1/tasks/%ff/restart").await.problem(), 400);
}

#[tokio::test]
async fn no_path_leads_out_of_the_bundle() {
    let site = Site::new().await;
    for path in [
        "/../Cargo.toml",
        "/../../../../etc/passwd",
        "/%2e%2e/Cargo.toml",
        "/%2e%2e%2fCargo.toml",
        "/..%2f..%2fCargo.toml",
        "/%252e%252e%252fCargo.toml",
        "/..%5cCargo.toml",
        "/./index.html",
        "//etc/passwd",
        "/index.html/",
        "/index.html%00",
        "/%c0%ae%c0%ae/Cargo.toml",
        "/api/../../Cargo.toml",
    ] {
        let answer = site.get(path).await;
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.head);
    }
}

#[tokio::test]
async fn a_foreign_host_is_misdirected() {
    let site = Site::new().await;
    let get = |host: &str| site.send_owned(format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"));
    for host in ["evil.example", "evil.example:7070", "localhost.evil.example", "127.0.0.1.nip.io"] {
        assert_eq!(get(host).await.problem(), 421, "{host}");
    }
    for host in ["localhost", "LocalHost:1", "127.0.0.1:7070", "127.3.2.1", "[::1]:7070"] {
        assert_eq!(get(host).await.status, 200, "{host}");
    }
    // The request line wins over the header.
    let absolute = "GET http://evil.example/ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    assert_eq!(site.send(absolute).await.problem(), 421);
    assert_eq!(site.send("GET / HTTP/1.1\r\nconnection: close\r\n\r\n").await.problem(), 400);
    let post = "POST /api/v1/tasks/api/restart HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    assert_eq!(site.send(post).await.problem(), 421);
    assert_eq!(site.asked(), []);
}

#[tokio::test]
async fn a_cross_origin_request_changes_nothing() {
    let site = Site::new().await;
    let host = site.address;
    let authorization = site.authorization();
    let post = |header: String| {
        let head = format!(
            "POST /api/v1/tasks/api/restart HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{authorization}\r\n\
             {header}\r\n\r\n"
        );
        site.send_owned(head)
    };
    for header in [
        "origin: http://evil.example",
        "origin: null",
        "origin: http://localhost",
        "sec-fetch-site: cross-site",
        "sec-fetch-site: same-site",
    ] {
        assert_eq!(post(header.into()).await.problem(), 403, "{header}");
    }
    assert_eq!(site.asked(), []);
    assert_eq!(post(format!("origin: http://{host}\r\nsec-fetch-site: same-origin")).await.status, 202);
    assert_eq!(site.asked().len(), 1);
}

#[tokio::test]
async fn a_body_of_three_megabytes_is_too_large() {
    let site = Site::new().await;
    let authorization = site.authorization();
    let head = format!(
        "POST /api/v1/tasks/api/restart HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{authorization}\r\n"
    );
    let three = "x".repeat(3_000_000);
    let declared = format!("{head}content-length: {}\r\n\r\n{three}", three.len());
    assert_eq!(site.send(&declared).await.problem(), 413);
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{three}\r\n0\r\n\r\n", three.len());
    assert_eq!(site.send(&chunked).await.problem(), 413);
    // One that waits for leave to write gets its answer instead.
    let expecting = format!("{head}expect: 100-continue\r\ncontent-length: {}\r\n\r\n", three.len());
    assert_eq!(site.send(&expecting).await.problem(), 413);
    assert_eq!(site.asked(), []);
    let small = format!("{head}content-length: 2\r\n\r\n{{}}");
    assert_eq!(site.send(&small).await.status, 202);
}

#[tokio::test]
async fn health_is_told_apart_from_readiness() {
    let site = Site::new().await;
    assert_eq!(site.get("/readyz").await.status, 200);
    let failed = PhaseSnapshot::Failed { reason: "5 retries spent: SIGSEGV".into(), dependency: None, retry_at: None };
    site.show(snapshot(2, vec![process("api", ready(0)), process("worker", failed)]));
    let answer = site.get("/readyz").await;
    assert_eq!(answer.problem(), 503);
    assert_eq!(answer.json()["detail"], "worker: failed, 5 retries spent: SIGSEGV");
    assert_eq!(answer.json()["obstacles"][0]["task"], "worker");
    assert_eq!(site.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_drain_is_not_ready_but_healthy() {
    let site = Site::new().await;
    let stage = Stage::Draining { cause: "asked by terminal".into(), fatal: false, deadline: at(10_000) };
    site.show(Snapshot { stage, ..snapshot(2, Vec::new()) });
    assert_eq!(site.get("/readyz").await.problem(), 503);
    assert_eq!(site.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn metrics_say_what_they_are() {
    let answer = Site::new().await.get("/metrics").await;
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(answer.text().contains("stead_task_state{task=\"api\",state=\"ready\"} 1\n"));
}

#[tokio::test]
async fn every_response_is_hardened() {
    let site = Site::new().await;
    for path in ["/", "/nope", "/api/v1/snapshot", "/metrics"] {
        let answer = site.get(path).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn odd_requests_get_an_answer_and_do_no_harm() {
    let site = Site::new().await;
    for (request, statuses) in [
        ("CONNECT localhost:80 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", 400..500),
        ("OPTIONS * HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", 400..500),
        ("TRACE / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", 405..406),
        ("BREW / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", 405..406),
        ("GET / HTTP/1.0\r\nhost: localhost\r\n\r\n", 200..201),
        ("GET / HTTP/9.9\r\nhost: localhost\r\n\r\n", 400..600),
        ("GET nowhere HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", 400..500),
        ("\u{1}\u{2}\u{3}\r\n\r\n", 400..500),
        ("POST /api/v1/tasks/api/stop HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n", 400..500),
    ] {
        let request = request.replacen("host: ", &format!("{}\r\nhost: ", site.authorization()), 1);
        let answer = site.send(&request).await;
        assert!(statuses.contains(&answer.status), "{request}: {}", answer.head);
    }
    let many = "x-header: value\r\n".repeat(500);
    let answer = site.send(&format!("GET / HTTP/1.1\r\nhost: localhost\r\n{many}\r\n")).await;
    assert_eq!(answer.status, 431);
    assert_eq!(site.asked(), []);
    assert_eq!(site.get("/healthz").await.status, 200);
}
