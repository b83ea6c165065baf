//! What the tasks wrote, and what is known of their runs.

use super::live::LiveStream as Live;
use super::*;
use crate::logs::{LogWriter, OutputStream, Store};
use crate::supervisor::engine::TaskKind;
use crate::surfaces::http::limits::FOLLOW_BEHIND_BYTES;

impl Site {
    /// A run of `api` writes this.
    pub(super) fn write(&self, run: u64, stream: OutputStream, text: &str) {
        self.run(run)(stream, text);
    }

    /// A run of `api` that writes what this is given.
    fn run(&self, run: u64) -> impl FnMut(OutputStream, &str) {
        let store = Store::new(&logs_in(self.dir.path()), "api");
        let (key, mut writer) = (store.run(run), LogWriter::new(store, run));
        let tail = self.kernel.logs().tail("api");
        move |stream, text| {
            writer.write(stream, text.as_bytes()).unwrap();
            tail.write(key, stream, text.as_bytes());
        }
    }

    async fn page(&self, query: &str) -> Value {
        let answer = self.get(&format!("/api/v1/logs?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }
}

fn texts(page: &Value) -> Vec<&str> {
    page["lines"].as_array().unwrap().iter().map(|line| line["text"].as_str().unwrap()).collect()
}

fn numbered(range: std::ops::RangeInclusive<u32>) -> Vec<String> {
    range.map(|number| format!("line {number}")).collect()
}

#[tokio::test]
async fn a_log_is_paged_through_in_both_directions() {
    let site = Site::new().await;
    (1..=25).for_each(|number| site.write(1, OutputStream::Stdout, &format!("line {number}\n")));
    let last = site.page("limit=10").await;
    assert_eq!(texts(&last), numbered(16..=25));
    assert_eq!((&last["more_before"], &last["more_after"]), (&true.into(), &false.into()));
    let cursor = last["lines"][0]["cursor"].as_str().unwrap();
    let before = site.page(&format!("limit=10&before={cursor}")).await;
    assert_eq!(texts(&before), numbered(6..=15));
    assert_eq!((&before["more_before"], &before["more_after"]), (&true.into(), &true.into()));
    let cursor = before["lines"][0]["cursor"].as_str().unwrap();
    let first = site.page(&format!("limit=10&before={cursor}")).await;
    assert_eq!((texts(&first).len(), &first["more_before"]), (5, &false.into()));
    let cursor = first["lines"][4]["cursor"].as_str().unwrap();
    let again = site.page(&format!("limit=20&after={cursor}")).await;
    assert_eq!((texts(&again).len(), &again["more_after"]), (20, &false.into()));
    let line = &again["lines"][0];
    assert_eq!((&line["task"], &line["run"], &line["stream"]), (&"api".into(), &1.into(), &"stdout".into()));
    assert_eq!((&line["text"], &line["cut"]), (&"line 6".into(), &false.into()));
}

#[tokio::test]
async fn lines_are_chosen_by_run_stream_time_and_pattern() {
    let site = Site::new().await;
    // One run: two that begin in different milliseconds are different runs of that number.
    let mut first = site.run(1);
    first(OutputStream::Stdout, "listening\n");
    first(OutputStream::Stderr, "\u{1b}[31merr\u{1b}[0mor 7\n");
    site.write(2, OutputStream::Stdout, "listening again\n<script>\n");
    assert_eq!(texts(&site.page("task=api&run=1").await).len(), 2);
    assert_eq!(texts(&site.page("stream=stderr").await), ["\u{1b}[31merr\u{1b}[0mor 7"]);
    assert_eq!(texts(&site.page("grep=error+%5Cd").await).len(), 1, "as it is read, not as it is coloured");
    assert_eq!(texts(&site.page("grep=%5Elist&limit=1").await), ["listening again"]);
    assert_eq!(texts(&site.page("since=1h").await).len(), 4);
    assert_eq!(texts(&site.page("until=1h").await).len(), 0);
    let unknown = site.get("/api/v1/logs?task=apu").await;
    assert_eq!((unknown.problem(), &unknown.json()["near"]), (404, &"api".into()));
    for query in ["tusk=api", "grep=(", "limit=0", "limit=5001", "run=1", "after=x", "after=1.2.db"] {
        assert_eq!(site.get(&format!("/api/v1/logs?{query}")).await.problem(), 400, "{query}");
    }
}

#[tokio::test]
async fn a_follower_gets_the_last_lines_then_what_is_written_and_comes_back_where_it_was() {
    let site = Site::new().await;
    let mut write = site.run(1);
    write(OutputStream::Stdout, "one\ntwo\nhal");
    let mut stream = Live::open_at(&site, "/api/v1/logs/follow?task=api&limit=1", "").await;
    let first = stream.next().await;
    assert_eq!((first.event.as_str(), &first.json()["text"]), ("line", &"two".into()));
    assert_eq!(first.id, first.json()["cursor"].as_str().unwrap());
    write(OutputStream::Stdout, "f a line\nthree\n");
    assert_eq!(stream.next().await.json()["text"], "half a line");
    assert_eq!(stream.next().await.json()["text"], "three");
    let header = format!("last-event-id: {}\r\n", first.id);
    let mut again = Live::open_at(&site, "/api/v1/logs/follow?grep=e$", &header).await;
    assert_eq!(again.next().await.json()["text"], "half a line");
    assert_eq!(again.next().await.json()["text"], "three");
    let mut none = Live::open_at(&site, "/api/v1/logs/follow", "").await;
    write(OutputStream::Stdout, "four\n");
    assert_eq!(none.next().await.json()["text"], "four");
    site.shutdown.cancel();
    stream.ended().await;
}

#[tokio::test]
async fn a_follower_that_is_far_behind_is_told_how_many_lines_it_misses() {
    let site = Site::new().await;
    site.write(1, OutputStream::Stdout, "first\n");
    let mut stream = Live::open_at(&site, "/api/v1/logs/follow?limit=1", "").await;
    assert_eq!(stream.next().await.json()["text"], "first");
    let lines = 2 * FOLLOW_BEHIND_BYTES / 100;
    site.write(1, OutputStream::Stdout, &format!("{}\n", "x".repeat(99)).repeat(usize::try_from(lines).unwrap()));
    site.write(1, OutputStream::Stdout, "last\n");
    let (mut skipped, mut seen) = (0, 0);
    loop {
        let message = stream.next().await;
        match message.event.as_str() {
            "gap" => skipped += message.json()["skipped"].as_u64().unwrap(),
            _ if message.json()["text"] == "last" => break,
            _ => seen += 1,
        }
    }
    assert_eq!(skipped + seen, lines);
    assert!(skipped > 0 && seen > 0);
}

#[tokio::test]
async fn what_is_known_of_runs_comes_together() {
    let site = Site::new().await;
    site.write(1, OutputStream::Stdout, "here\n");
    let runs = site.get("/api/v1/tasks/api/runs").await.json();
    assert_eq!(
        (&runs[0]["run"], &runs[0]["ended_at"], &runs[0]["lines_kept"]),
        (&1.into(), &Value::Null, &true.into())
    );
    let id = runs[0]["id"].as_str().unwrap();
    assert_eq!(texts(&site.page(&format!("task=api&run={id}")).await), ["here"]);
    let why = site.get("/api/v1/tasks/api/why").await.json();
    assert_eq!((&why["causes"][0]["task"], &why["post_mortems"]), (&"api".into(), &serde_json::json!([])));
    assert!(why["causes"][0]["sentences"][0].as_str().unwrap().starts_with("is ready: run 1"), "{why}");
    assert_eq!(site.get("/api/v1/tasks/apu/runs").await.problem(), 404);
    assert_eq!(site.get("/api/v1/tasks/apu/why").await.problem(), 404);
}

#[tokio::test]
async fn a_name_without_a_log_is_never_answered_with_itself() {
    let site = Site::new().await;
    let mut hooks = process("stead.hooks", ready(0));
    hooks.kind = TaskKind::Builtin;
    site.show(snapshot(2, vec![process("api", ready(0)), hooks]));
    let answer = site.get("/api/v1/logs?task=stead.hooks").await;
    assert_eq!((answer.problem(), answer.json().get("near")), (404, None), "{}", answer.text());
    assert_eq!(site.get("/api/v1/logs?task=ap").await.json()["near"], "api");
}

#[tokio::test]
async fn a_pattern_that_is_none_or_too_large_is_refused() {
    let site = Site::new().await;
    for (pattern, why) in [("(", "unclosed group"), ("%5Cw{300}", "size limit"), ("(%3Fi)%5Cpath{200}", "%5Cp")] {
        let answer = site.get(&format!("/api/v1/logs?grep={pattern}")).await;
        assert_eq!(answer.problem(), 400, "{pattern}");
        assert!(why == "%5Cp" || answer.json()["detail"].as_str().unwrap().contains(why), "{}", answer.text());
    }
    assert_eq!(site.get("/api/v1/logs?grep=%5Cw{1,20}+error").await.status, 200);
    assert_eq!(site.get(&format!("/api/v1/logs?grep={}", "x".repeat(5_000))).await.problem(), 400);
}

#[tokio::test]
async fn what_logs_take_is_told_and_one_is_cleared() {
    let site = Site::new().await;
    site.write(1, OutputStream::Stdout, "hello\n");
    let usage = site.get("/api/v1/logs/usage").await.json();
    let bytes = usage["total"].as_u64().unwrap();
    assert!(bytes > 6, "the index counts, too: {usage}");
    assert_eq!((&usage["logs"][0]["task"], &usage["logs"][0]["segments"]), (&"api".into(), &1.into()));
    let authorization = site.authorization();
    let delete = |path: &str| {
        site.send_owned(format!(
            "DELETE {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{authorization}\r\n\r\n"
        ))
    };
    let refused = delete("/api/v1/tasks/nope/log").await;
    assert_eq!(refused.problem(), 404);
    assert_eq!(delete("/api/v1/tasks/api/log").await.json()["cleared"], bytes);
    assert_eq!(texts(&site.page("").await), [""; 0]);
    assert_eq!(site.journal.recent().last().unwrap().text, "clear the log of api, asked by web");
}
