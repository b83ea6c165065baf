//! Probes: `readiness_probe`, `liveness_probe`, `ready_log_line`.

use std::path::Path;

use toml::Value as Toml;

use super::process::ComposeProcess;
use super::project::{ignored, shell_command};
use super::text::Text;
use crate::import::draft::{ConfigDraft, Weight};
use crate::import::fields::{Field, Fields};

pub(super) fn read(draft: &mut ConfigDraft, process: &mut ComposeProcess<'_>) {
    let ready = process.fields.take("readiness_probe");
    let live = process.fields.take("liveness_probe");
    let line =
        process.fields.take("ready_log_line").filter(|line| line.node.scalar().is_none_or(|it| !it.text.is_empty()));
    if let Some(line) = line {
        if let Some(ready) = &ready {
            let title = "`ready_log_line` and a readiness probe";
            draft.refuse(ready.key_place, title, "process-compose refuses both at once: keep one of them");
        } else if let Some(text) = process.plain_text(draft, &line) {
            // What is searched is a text, not a pattern.
            let pattern = process.write(&text.map(regex::escape));
            process.put(draft, &["ready", "log"], pattern, &line);
        }
    }
    if let Some(ready) = ready {
        probe(draft, process, &ready, "ready");
    }
    match live {
        Some(live) if process.is_daemon => probe(draft, process, &live, "live"),
        Some(live) => {
            let what = "process-compose acts on it for daemons only, and otherwise just logs it";
            draft.drop(Weight::Notable, live.key_place, live.key.clone(), what);
        }
        None => {}
    }
}

fn probe(draft: &mut ConfigDraft, process: &ComposeProcess<'_>, field: &Field<'_>, into: &'static str) {
    let mut fields = Fields::of(draft, field);
    let (exec, http) = (fields.take("exec"), fields.take("http_get"));
    draft.table(&["tasks", process.task, into], field.key_place);
    match (exec, http) {
        (Some(exec), http) => {
            if let Some(http) = http {
                draft.drop(
                    Weight::Notable,
                    http.key_place,
                    http.key.clone(),
                    "process-compose ignores it, because there is `exec`",
                );
            }
            exec_check(draft, process, &exec, into);
        }
        (None, Some(http)) => http_check(draft, process, &http, into),
        (None, None) => {
            let what = "it has neither `exec` nor `http_get`: process-compose says so and probes nothing";
            draft.drop(Weight::ChangesWhatRuns, field.key_place, field.key.clone(), what);
            for key in
                ["initial_delay_seconds", "period_seconds", "timeout_seconds", "success_threshold", "failure_threshold"]
            {
                fields.take(key);
            }
            ignored(draft, &mut fields);
            return;
        }
    }
    let mut seconds = |draft: &mut ConfigDraft, key: &str, to: &str, least: i64, default: i64| {
        let found = fields.take(key);
        let value = found.as_ref().and_then(|field| field.whole(draft)).filter(|value| *value >= least);
        let (value, text) = (value.unwrap_or(default), |value: i64| Toml::from(format!("{value}s")));
        let value = if to == "failure_threshold" { value.into() } else { text(value) };
        let path = ["tasks", process.task, into, to];
        match found {
            Some(field) => draft.take(&path, value, &field.node.place, field.key),
            None => draft.fill(&path, value, field.key_place, format!("process-compose's {key}")),
        }
    };
    seconds(draft, "period_seconds", "interval", 1, 10);
    seconds(draft, "timeout_seconds", "timeout", 1, 1);
    seconds(draft, "failure_threshold", "failure_threshold", 1, 3);
    let what = "stead tries more often at first and counts failures only after that, so it stops the process later";
    draft.drop(Weight::Minor, field.key_place, format!("{}.failure_threshold", field.key), what);
    if let Some(delay) = fields.take("initial_delay_seconds")
        && let Some(seconds @ 1..) = delay.whole(draft)
    {
        let path = ["tasks", process.task, into, "delay"];
        draft.take(&path, format!("{seconds}s"), &delay.node.place, delay.key);
    }
    if let Some(threshold) = fields.take("success_threshold")
        && threshold.whole(draft).is_some_and(|threshold| threshold > 1)
    {
        draft.drop(Weight::Notable, threshold.key_place, threshold.key, "process-compose ignores it, too");
    }
    ignored(draft, &mut fields);
}

fn exec_check(draft: &mut ConfigDraft, process: &ComposeProcess<'_>, field: &Field<'_>, into: &str) {
    let mut fields = Fields::of(draft, field);
    let dir = fields.take("working_dir").and_then(|field| process.plain_text(draft, &field));
    let dir = dir.filter(|dir| !dir.value.is_empty() && Some(dir) != process.dir.as_ref());
    let Some(command) = fields.take("command") else {
        field.refuse(draft, "expected a `command`");
        return;
    };
    if let Some(text) = process.text(draft, &command) {
        let value = match dir {
            None => process.shell_line(&text),
            Some(dir) => in_dir(process, &dir, &text),
        };
        process.put(draft, &[into, "exec"], value, &command);
    }
    ignored(draft, &mut fields);
}

/// A command in another directory than the process.
fn in_dir(process: &ComposeProcess<'_>, dir: &Text, line: &Text) -> Toml {
    let dir = process.project.around.absolute(Path::new(&dir.value)).display().to_string();
    let mut words = vec![
        Toml::from("sh"),
        "-c".into(),
        "cd \"$0\" && exec \"$@\"".into(),
        crate::import::escape::escaped(&dir).into(),
    ];
    match shell_command(&process.project.shell, process.write(line)) {
        Toml::Array(command) => words.extend(command),
        line => words.extend(["sh".into(), "-c".into(), line]),
    }
    words.into()
}

fn http_check(draft: &mut ConfigDraft, process: &ComposeProcess<'_>, field: &Field<'_>, into: &str) {
    let mut fields = Fields::of(draft, field);
    let mut part = |draft: &mut ConfigDraft, key: &str, default: &str| {
        let text = fields.take(key).and_then(|field| process.text(draft, &field));
        text.filter(|text| !text.value.trim().is_empty()).unwrap_or_else(|| default.into())
    };
    let (scheme, host, path) =
        (part(draft, "scheme", "http"), part(draft, "host", "127.0.0.1"), part(draft, "path", "/"));
    let port = part(draft, "port", "");
    // What is no port counts as none.
    let is_port = port.value.parse::<u32>().is_ok_and(|port| (1..=65535).contains(&port));
    let mut url = format!("{}://{}", process.write(&scheme), process.write(&host));
    if is_port {
        url.push_str(&format!(":{}", process.write(&port)));
    } else if !port.value.is_empty() {
        let what = format!("`{}` is no port: process-compose takes that of the scheme", port.value.escape_debug());
        draft.drop(Weight::Notable, field.key_place, format!("{}.port", field.key), what);
    }
    let path = process.write(&path);
    url.push_str(&if path.starts_with('/') { path } else { format!("/{path}") });
    process.put(draft, &[into, "http"], url, field);
    let status = fields.take("status_code").and_then(|field| Some((field.whole(draft)?, field)));
    match status.filter(|(status, _)| (1..400).contains(status)) {
        Some((status, field)) => process.put(draft, &[into, "status"], status, &field),
        None => process.fill(draft, &[into, "status"], 200, "process-compose takes this status alone"),
    }
    if let Some(headers) = fields.take("headers") {
        let prefix = headers.key.len() + 1;
        for header in Fields::of(draft, &headers).rest() {
            if let Some(text) = process.plain_text(draft, &header) {
                process.put(draft, &[into, "headers", &header.key[prefix..]], process.write(&text), &header);
            }
        }
    }
    fields.take("num_port");
    ignored(draft, &mut fields);
}
