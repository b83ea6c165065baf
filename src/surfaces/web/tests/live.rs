//! The event stream.

use jiff::Timestamp;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::*;
use crate::kernel::sample::at;
use crate::supervisor::engine::{Event, EventKind, ExitReason, LastExit, PhaseSnapshot};
use crate::surfaces::http::limits::STREAMS_MOST;

/// The client's end of a live stream.
pub(super) struct LiveStream(BufReader<TcpStream>);

/// One message of it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct SseMessage {
    pub(super) event: String,
    pub(super) id: String,
    data: String,
}

impl SseMessage {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap()
    }

    /// The number of an entry, by its id.
    fn number(&self) -> u64 {
        self.id.split_once('-').unwrap().1.parse().unwrap()
    }
}

impl LiveStream {
    pub(super) async fn open(site: &Site) -> Self {
        Self::open_with(site, "", "").await
    }

    async fn open_with(site: &Site, query: &str, header: &str) -> Self {
        Self::open_at(site, &format!("/api/v1/events{query}"), header).await
    }

    pub(super) async fn open_at(site: &Site, path: &str, header: &str) -> Self {
        let mut stream = Self::unread(site, path, header).await;
        assert_eq!(stream.line().await, "HTTP/1.0 200 OK");
        while !stream.line().await.is_empty() {}
        stream
    }

    async fn unread(site: &Site, path: &str, header: &str) -> Self {
        let mut stream = site.connect().await;
        // HTTP/1.0: the body is the stream itself, without chunks.
        let head = format!("GET {path} HTTP/1.0\r\nhost: localhost\r\n{}\r\n{header}\r\n", site.authorization());
        stream.write_all(head.as_bytes()).await.unwrap();
        Self(BufReader::new(stream))
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(within(self.0.read_line(&mut line)).await.unwrap(), 0, "the stream has ended");
        line.trim_end().to_owned()
    }

    pub(super) async fn next(&mut self) -> SseMessage {
        let mut message = SseMessage::default();
        loop {
            let line = self.line().await;
            match line.split_once(": ") {
                Some(("event", event)) => message.event = event.into(),
                Some(("id", id)) => message.id = id.into(),
                Some(("data", data)) => message.data = data.into(),
                Some(_) => {}
                None if message == SseMessage::default() => {}
                None => return message,
            }
        }
    }

    /// The next message of this kind; others are passed over.
    pub(super) async fn next_of(&mut self, event: &str) -> SseMessage {
        loop {
            let message = self.next().await;
            if message.event == event {
                return message;
            }
        }
    }

    pub(super) async fn ended(mut self) {
        within(self.0.read_to_end(&mut Vec::new())).await.unwrap();
    }
}

impl Site {
    fn record(&self, kind: EventKind) {
        let notice = Event { task: Some("api".into()), kind };
        self.journal.record(notice, at(0), Timestamp::now());
    }
}

#[tokio::test]
async fn the_state_comes_at_once_then_what_happened_then_what_happens() {
    let site = Site::new().await;
    site.record(EventKind::Done);
    let mut stream = LiveStream::open(&site).await;
    let first = stream.next().await;
    assert_eq!((first.event.as_str(), &first.json()["generation"]), ("snapshot", &1.into()));
    let past = stream.next().await;
    assert_eq!((past.event.as_str(), past.number(), &past.json()["text"]), ("event", 1, &"done".into()));
    site.record(EventKind::Stopped);
    let live = stream.next().await;
    assert_eq!((live.event.as_str(), live.number(), &live.json()["text"]), ("event", 2, &"stopped".into()));
}

#[tokio::test]
async fn a_stream_goes_on_where_its_client_was() {
    let site = Site::new().await;
    (0..3).for_each(|_| site.record(EventKind::Done));
    let mut first = LiveStream::open(&site).await;
    let id = first.next_of("event").await.id;
    let mut again = LiveStream::open_with(&site, "", &format!("last-event-id: {id}\r\n")).await;
    assert_eq!(again.next_of("event").await.number(), 2);
    let mut after = LiveStream::open_with(&site, "?after=2", "").await;
    assert_eq!(after.next_of("event").await.number(), 3);
    // What a browser has seen since it first asked is in the header.
    let mut later = LiveStream::open_with(&site, "?after=0", &format!("last-event-id: {id}\r\n")).await;
    assert_eq!(later.next_of("event").await.number(), 2);
    // An id of another supervisor says nothing about this one.
    let mut other = LiveStream::open_with(&site, "?after=77-2", "").await;
    assert_eq!(other.next_of("event").await.number(), 1);
    for bad in ["after=x", "after=", "after=-1", "before=1", "after=1&after=2"] {
        assert_eq!(site.get(&format!("/api/v1/events?{bad}")).await.problem(), 400, "{bad}");
    }
}

#[tokio::test]
async fn what_is_not_kept_any_more_is_counted() {
    let site = Site::new().await;
    (0..1_200).for_each(|_| site.record(EventKind::Done));
    let mut stream = LiveStream::open_with(&site, "?after=100", "").await;
    assert_eq!(stream.next_of("dropped").await.json()["count"], 100);
    assert_eq!(stream.next_of("event").await.number(), 201);
}

#[tokio::test]
async fn the_event_log_comes_at_once() {
    let site = Site::new().await;
    (0..3).for_each(|_| site.record(EventKind::Done));
    let numbers = |answer: HttpAnswer| {
        let records = answer.json();
        records.as_array().unwrap().iter().map(|record| record["number"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(site.get("/api/v1/event-log").await), [1, 2, 3]);
    assert_eq!(numbers(site.get("/api/v1/event-log?after=2").await), [3]);
    for beyond in [9, u64::MAX] {
        assert_eq!(numbers(site.get(&format!("/api/v1/event-log?after={beyond}")).await), [0; 0]);
        let mut stream = LiveStream::open_with(&site, &format!("?after={beyond}"), "").await;
        stream.next_of("snapshot").await;
        site.record(EventKind::Done);
        assert_eq!(stream.next().await.event, "event");
    }
}

#[tokio::test]
async fn the_latest_snapshot_wins() {
    let site = Site::new().await;
    let mut stream = LiveStream::open(&site).await;
    stream.next_of("snapshot").await;
    for generation in 2..=1_000 {
        site.show(snapshot(generation, Vec::new()));
    }
    // One thread runs this test and the server: not one of them was seen in between.
    let delta = stream.next_of("delta").await.json();
    assert_eq!((&delta["base"], &delta["generation"]), (&1.into(), &1_000.into()));
}

#[tokio::test(start_paused = true)]
async fn changes_keep_their_distance() {
    let site = Site::new().await;
    let mut stream = LiveStream::open(&site).await;
    stream.next_of("snapshot").await;
    let begin = tokio::time::Instant::now();
    for generation in 2..=11 {
        site.show(snapshot(generation, Vec::new()));
        stream.next_of("delta").await;
    }
    assert!(begin.elapsed() >= Duration::from_millis(450), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_says_that_it_is_alive() {
    let site = Site::new().await;
    let mut stream = LiveStream::open(&site).await;
    stream.next_of("snapshot").await;
    assert_eq!(stream.line().await, ": heartbeat");
}

#[tokio::test]
async fn a_slow_client_gets_all_that_is_kept_and_the_rest_is_counted() {
    let site = Site::new().await;
    let mut stream = LiveStream::open(&site).await;
    stream.next_of("snapshot").await;
    // One thread runs this test and the server, so the stream can't be read from in between.
    (0..1_200).for_each(|_| site.record(EventKind::Done));
    assert_eq!(stream.next_of("dropped").await.json()["count"], 200);
    for number in 201..=1_200 {
        assert_eq!(stream.next_of("event").await.number(), number);
    }
}

#[tokio::test]
async fn an_open_stream_does_not_hold_the_end() {
    let site = Site::new().await;
    let mut reading = LiveStream::open(&site).await;
    reading.next_of("snapshot").await;
    let _never_read = LiveStream::unread(&site, "", "").await;
    let begin = Instant::now();
    site.end().await;
    assert!(begin.elapsed() < Duration::from_secs(5));
    reading.ended().await;
}

#[tokio::test]
async fn one_stream_too_many_is_refused_and_its_place_comes_back() {
    let site = Site::new().await;
    let mut streams = Vec::new();
    for _ in 0..STREAMS_MOST {
        streams.push(LiveStream::open(&site).await);
    }
    assert_eq!(site.get("/api/v1/events").await.problem(), 503);
    assert_eq!(site.get("/api/v1/snapshot").await.status, 200);
    let mut observers = site.kernel.usage_observers().watch();
    within(observers.wait_for(|count| *count == STREAMS_MOST)).await.unwrap();
    drop(streams.pop());
    within(observers.wait_for(|count| *count == STREAMS_MOST - 1)).await.unwrap();
    LiveStream::open(&site).await;
}

#[tokio::test]
async fn lost_output_is_told_at_once_and_when_there_is_more() {
    let site = Site::new().await;
    let tail = site.kernel.logs().tail("api");
    tail.lose(7);
    let mut events = LiveStream::open(&site).await;
    assert_eq!(events.next_of("lost").await.json(), json!({ "api": 7 }));
    tail.lose(3);
    site.kernel.logs().tail("db").lose(1);
    assert_eq!(events.next_of("lost").await.json(), json!({ "api": 10, "db": 1 }));
    assert_eq!(site.get("/api/v1/logs/lost").await.json(), json!({ "api": 10, "db": 1 }));
}

#[tokio::test]
async fn markup_in_a_line_stays_text() {
    let site = Site::new().await;
    let mut stream = LiveStream::open(&site).await;
    site.record(EventKind::Failed { reason: "<script>alert(1)</script>\r\ndata: forged\n\n".into() });
    let event = stream.next_of("event").await;
    assert_eq!(event.json()["reason"], "<script>alert(1)</script>\r\ndata: forged\n\n");
}

/// A thousand tasks, twenty of which are in this run and state.
fn crowd(generation: u64) -> Snapshot {
    let flapping = |run: u64| {
        let phase = match run % 3 {
            0 => PhaseSnapshot::Backoff { attempt: 3, since: at(run), retry_at: at(run + 100) },
            1 => PhaseSnapshot::Starting { since: at(run), deadline: at(run + 30_000) },
            _ => ready(run),
        };
        let reason = ExitReason::Code { code: 1 };
        let ran_for = Duration::from_millis(7);
        let last = LastExit {
            run,
            reason,
            expected: false,
            succeeded: false,
            at: at(run),
            ran_for,
            peak_memory: Some(run << 10),
            hint: None,
        };
        let mut task = process("", phase);
        (task.run, task.restarts, task.retries, task.last_exit) = (run, run, 3, Some(last));
        task
    };
    let tasks = (0..1_000).map(|number| {
        let mut task = if number % 50 == 0 { flapping(generation) } else { process("", ready(0)) };
        task.name = format!("service-number-{number}");
        task
    });
    snapshot(generation, tasks.collect())
}

#[tokio::test(start_paused = true)]
async fn a_thousand_tasks_that_flap_are_no_flood() {
    let site = Site::new().await;
    site.show(crowd(1));
    let mut stream = LiveStream::open(&site).await;
    let whole = stream.next_of("snapshot").await.data.len();
    let (begin, mut bytes, mut generation) = (tokio::time::Instant::now(), 0, 1);
    while begin.elapsed() < Duration::from_secs(5) {
        generation += 1;
        site.show(crowd(generation));
        let delta = stream.next_of("delta").await;
        assert_eq!(delta.json()["tasks"].as_object().unwrap().len(), 20);
        bytes += delta.data.len();
    }
    let per_second = bytes as f64 / begin.elapsed().as_secs_f64();
    assert!(whole > 300_000 && per_second < 200_000.0, "{whole} bytes at first, then {per_second} a second");
}
