//! `stead mcp`, spoken to as an agent does: JSON-RPC over pipes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::{Value, json};

use super::{DEADLINE, Project};

const STACK: &str = r#"
    [tasks.api]
    command = "echo hello; echo listening on 80; exec sleep 1000"
    [tasks.bad]
    command = "echo no such table >&2; exit 7"
    max_retries = 0
"#;

struct Agent {
    child: Child,
    stdin: ChildStdin,
    answers: Receiver<Value>,
    last: u64,
}

impl Agent {
    /// One that has introduced itself.
    fn new(project: &Project, arguments: &[&str]) -> Self {
        let mut child = project
            .command()
            .arg("mcp")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary");
        let (said, answers) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        thread::spawn(move || {
            // Whatever else stands on standard output would break the protocol.
            let mut lines = stdout.lines().map(|line| serde_json::from_str(&line.expect("text")).expect("JSON"));
            lines.try_for_each(|answer| said.send(answer))
        });
        let stdin = child.stdin.take().expect("a pipe");
        let mut agent = Self { child, stdin, answers, last: 0 };
        let introduction = json!({
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
        });
        let info = agent.ask("initialize", introduction);
        assert_eq!(info["result"]["serverInfo"]["name"], "stead", "{info}");
        agent.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        agent
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.stdin, "{message}").expect("it reads");
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let id = self.last;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let answer = self.answers.recv_timeout(DEADLINE).expect("an answer in time");
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    fn tools(&mut self) -> Vec<String> {
        let list = self.ask("tools/list", json!({}));
        let tools = list["result"]["tools"].as_array().expect("tools");
        tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
    }

    /// What a tool answers.
    fn call(&mut self, name: &str, arguments: Value) -> Value {
        let answer = self.ask("tools/call", json!({ "name": name, "arguments": arguments }));
        assert_eq!(answer["result"]["isError"], false, "{answer}");
        answer["result"]["structuredContent"].clone()
    }

    /// Why a tool fails.
    fn fail(&mut self, name: &str, arguments: Value) -> String {
        let answer = self.ask("tools/call", json!({ "name": name, "arguments": arguments }));
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        answer["result"]["content"][0]["text"].as_str().expect("text").to_owned()
    }

    /// Ends with its input.
    fn end(self) {
        let Self { mut child, stdin, .. } = self;
        drop(stdin);
        assert_eq!(super::wait(&mut child).code(), Some(0));
    }
}

#[test]
fn an_agent_sees_how_tasks_stand_why_and_what_they_wrote() {
    let project = Project::new(STACK);
    let mut stead = project.up();
    stead.wait_for_control();
    stead.wait_for("failed: 0 retries spent: code 7");
    stead.wait_for("| listening on 80");
    let mut agent = Agent::new(&project, &[]);
    assert_eq!(agent.tools(), ["status", "why", "logs", "wait", "check"]);
    assert_eq!(agent.call("wait", json!({ "tasks": ["api"] })), json!({ "reached": true, "missing": [] }));
    let missing = agent.call("wait", json!({ "tasks": ["bad"], "until": "success" }));
    assert_eq!(missing["missing"], json!(["bad has failed: 0 retries spent: code 7 (“no such table”)"]));
    let status = agent.call("status", json!({ "tasks": ["bad"] }));
    assert_eq!(status["tasks"].as_array().map(Vec::len), Some(1), "{status}");
    assert_eq!(
        (&status["tasks"][0]["state"], &status["tasks"][0]["next"]),
        (&"failed".into(), &"until restarted".into())
    );
    let brief = agent.call("status", json!({}));
    let expected = json!([
        { "name": "bad", "state": "failed", "next": "until restarted", "last_exit": "code 7" },
        { "name": "api", "state": "running" },
    ]);
    assert_eq!(brief["tasks"], expected, "the worst first, and no parts that are well: {brief}");
    let why = agent.call("why", json!({ "task": "bad" }));
    assert!(why["causes"][0]["sentences"].to_string().contains("has failed"), "{why}");
    assert_eq!(why["post_mortems"][0]["lines"][0]["text"], "no such table");
    let logs = agent.call("logs", json!({ "tasks": ["api"], "grep": "listen.*[0-9]", "run": "last" }));
    assert_eq!((&logs["lines"][0]["text"], &logs["more_before"]), (&"listening on 80".into(), &false.into()));
    let logs = agent.call("logs", json!({ "limit": 1, "tasks": ["api"] }));
    assert_eq!((logs["lines"].as_array().map(Vec::len), &logs["more_before"]), (Some(1), &true.into()));
    assert!(agent.fail("logs", json!({ "limit": 1001 })).contains("limit is 1 to 1000"));
    agent.end();
}

#[test]
fn an_agent_changes_nothing_unless_it_may() {
    let project = Project::new(STACK);
    let mut stead = project.up();
    stead.wait_for_control();
    stead.wait_for_start("api");
    let mut agent = Agent::new(&project, &[]);
    let refused = agent.ask("tools/call", json!({ "name": "stop", "arguments": { "tasks": ["api"] } }));
    assert!(refused["error"]["message"].as_str().is_some_and(|why| why.contains("--allow-control")), "{refused}");
    agent.end();
    let mut agent = Agent::new(&project, &["--allow-control"]);
    assert_eq!(agent.tools(), ["status", "why", "logs", "wait", "check", "restart", "stop", "start", "reload"]);
    let taken = agent.call("restart", json!({ "tasks": ["api"] }));
    assert_eq!(taken["accepted"], json!(["restart api"]));
    stead.wait_for("restart api, asked by control/mcp");
    assert!(agent.fail("restart", json!({ "tasks": [] })).contains("at least one task"));
    assert!(agent.fail("restart", json!({ "tasks": ["apy"] })).contains("did you mean `api`?"));
    agent.end();
}

#[test]
fn an_agent_is_told_when_no_supervisor_runs_and_finds_the_next_one() {
    let project = Project::new(STACK);
    let mut agent = Agent::new(&project, &[]);
    assert!(agent.fail("status", json!({})).contains("no supervisor runs in"));
    assert!(agent.fail("logs", json!({ "tasks": ["apy"] })).contains("did you mean `api`?"));
    assert!(agent.fail("logs", json!({ "grep": "(" })).contains("grep: "));
    assert!(agent.fail("why", json!({ "name": "api" })).contains("unknown field `name`"));
    let stead = project.up();
    stead.wait_for_control();
    assert_eq!(agent.call("wait", json!({ "tasks": ["api"] }))["reached"], true);
    stead.signal(nix::sys::signal::Signal::SIGTERM);
    stead.end();
    assert!(agent.fail("status", json!({})).contains("no supervisor runs in"));
    let logs = agent.call("logs", json!({ "tasks": ["api"] }));
    assert_eq!(logs["lines"][1]["text"], "listening on 80", "the logs are there without one");
    agent.end();
}

#[test]
fn an_agent_gets_each_line_once_and_goes_on_where_it_was() {
    let project = Project::new(
        "[tasks.a]\ncommand = 'echo 1; echo 2; until test -e go; do sleep 0.01; done; echo 3; echo 4; exec sleep 1000'\n",
    );
    let mut stead = project.up();
    stead.wait_for("| 2");
    let mut agent = Agent::new(&project, &[]);
    let texts = |answer: &Value| {
        let lines = answer["lines"].as_array().expect("lines").iter();
        lines.map(|line| line["text"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    let first = agent.call("logs", json!({}));
    assert_eq!(texts(&first), ["1", "2"]);
    let none = agent.call("logs", json!({ "after": first["cursor"] }));
    assert_eq!((texts(&none).len(), &none["cursor"], &none["more_after"]), (0, &first["cursor"], &false.into()));
    std::fs::write(project.path().join("go"), "").expect("a file");
    stead.wait_for("| 4");
    let third = agent.call("logs", json!({ "after": none["cursor"], "limit": 1 }));
    assert_eq!((texts(&third), &third["more_after"]), (vec!["3".to_owned()], &true.into()));
    assert_eq!(texts(&agent.call("logs", json!({ "after": third["cursor"] }))), ["4"]);
    assert!(agent.fail("logs", json!({ "after": "yesterday" })).contains("no cursor of a line"));
    agent.end();
}

#[test]
fn an_agent_checks_and_reloads_and_is_told_of_mistakes() {
    let project = Project::new(STACK);
    let mut stead = project.up();
    stead.wait_for_control();
    stead.wait_for_start("api");
    let mut agent = Agent::new(&project, &["--allow-control"]);
    assert_eq!(agent.call("check", json!({})), json!({ "valid": true, "tasks": 2, "warnings": "" }));
    let file = project.path().join("stead.toml");
    let text = std::fs::read_to_string(&file).expect("a file");
    std::fs::write(&file, text.clone() + "colour = 'red'\n").expect("a file");
    let checked = agent.call("check", json!({}));
    assert!(checked["valid"] == false && checked["mistakes"].to_string().contains("`colour`"), "{checked}");
    assert!(agent.fail("reload", json!({})).contains("`colour`"));
    std::fs::write(&file, text + "[tasks.new]\ncommand = 'no-such-program'\n").expect("a file");
    assert!(agent.call("check", json!({}))["warnings"].to_string().contains("there is no program"));
    assert_eq!(agent.call("reload", json!({}))["added"], json!(["new"]));
    agent.end();
}

#[test]
fn an_agent_sees_what_a_tool_takes_and_does_and_a_crowd_fits_one_answer() {
    let crowd: String =
        (0..900).map(|number| format!("[tasks.task-number-{number}]\ncommand = 'true'\nrestart = 'never'\n")).collect();
    let project = Project::new(&crowd);
    let _stead = project.up_with(&["up", "--headless"]);
    let mut agent = Agent::new(&project, &["--allow-control"]);
    let listed = agent.ask("tools/list", json!({}));
    let tool = |name: &str| {
        let tools = listed["result"]["tools"].as_array().expect("tools");
        tools.iter().find(|tool| tool["name"] == name).expect("a tool").clone()
    };
    let limit = &tool("logs")["inputSchema"]["properties"]["limit"];
    assert_eq!((&limit["minimum"], &limit["maximum"]), (&json!(1), &json!(1000)), "{limit}");
    assert_eq!(tool("wait")["inputSchema"]["properties"]["timeout_seconds"]["maximum"], 600);
    for (name, reads, destroys) in [
        ("status", true, false),
        ("check", true, false),
        ("start", false, false),
        ("restart", false, true),
        ("stop", false, true),
        ("reload", false, true),
    ] {
        let hints = &tool(name)["annotations"];
        assert_eq!((&hints["readOnlyHint"], &hints["destructiveHint"]), (&reads.into(), &destroys.into()), "{name}");
    }
    let deadline = std::time::Instant::now() + DEADLINE;
    let answer = loop {
        let answer = agent.ask("tools/call", json!({ "name": "status", "arguments": {} }));
        if answer["result"]["isError"] == false {
            break answer;
        }
        assert!(std::time::Instant::now() < deadline, "{answer}");
    };
    let status = &answer["result"]["structuredContent"];
    let shown = status["tasks"].as_array().map_or(0, Vec::len) as u64;
    assert!(shown > 400 && shown + status["left_out"].as_u64().unwrap_or(0) >= 900, "{shown}: {}", status["left_out"]);
    agent.end();
}
