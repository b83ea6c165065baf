//! `schedule` and `watch`.

use std::path::Path;
use std::time::Duration;

use toml::Value as Toml;

use super::process::ComposeProcess;
use super::project::ignored;
use crate::duration::Pretty;
use crate::import::draft::{ConfigDraft, Weight};
use crate::import::fields::{Field, Fields};

pub(super) fn read(draft: &mut ConfigDraft, process: &mut ComposeProcess<'_>) {
    if let Some(field) = process.fields.take("schedule") {
        schedule(draft, process, &field);
    }
    if let Some(field) = process.fields.take("watch") {
        watch(draft, process, &field);
    }
}

fn schedule(draft: &mut ConfigDraft, process: &ComposeProcess<'_>, field: &Field<'_>) {
    let mut fields = Fields::of(draft, field);
    if let Some(field) = fields.take("cron")
        && let Some(text) = process.plain_text(draft, &field)
    {
        process.put(draft, &["schedule"], process.write(&text), &field);
    }
    if let Some(field) = fields.take("timezone")
        && let Some(text) = process.plain_text(draft, &field)
    {
        process.put(draft, &["time_zone"], process.write(&text), &field);
    }
    if let Some(field) = fields.take("interval") {
        match field.text(draft).map(go_duration) {
            Some(Some(every)) => process.put(draft, &["every"], Pretty(every).to_string(), &field),
            Some(None) => field.refuse(draft, "expected a duration like `30m` or `1h30m`"),
            None => {}
        }
    }
    if let Some(field) = fields.take("run_on_start")
        && field.flag(draft) == Some(true)
    {
        let what = "it runs at its times only; `stead start` runs it now";
        draft.drop(Weight::ChangesWhatRuns, field.key_place, field.key.clone(), what);
    }
    if let Some(field) = fields.take("max_concurrent")
        && field.whole(draft).is_some_and(|most| most > 1)
    {
        let what = "a task has one run at a time; a time that comes during a run is skipped";
        draft.drop(Weight::ChangesWhatRuns, field.key_place, field.key.clone(), what);
    }
    ignored(draft, &mut fields);
}

/// `1h30m`, `500ms`, `1.5s`.
fn go_duration(text: &str) -> Option<Duration> {
    let mut total = 0.0;
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        total += number
            * match &rest[..end] {
                "ns" => 1e-9,
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
        rest = &rest[end..];
    }
    Duration::try_from_secs_f64(total)
        .ok()
        .map(|it| Duration::from_millis(it.as_millis() as u64))
        .filter(|it| !it.is_zero())
}

fn watch(draft: &mut ConfigDraft, process: &ComposeProcess<'_>, field: &Field<'_>) {
    let mut fields = Fields::of(draft, field);
    let (mut globs, mut ignore) = (Vec::new(), Vec::new());
    let paths = fields.take("paths");
    for path in paths.as_ref().map(|paths| paths.list(draft)).unwrap_or_default() {
        let mut own = Fields::of(draft, &path);
        let Some(root) = own.take("path").and_then(|field| field.text(draft)) else { continue };
        let dir = process.dir.as_ref().map_or("", |dir| &dir.value);
        let root = process.project.around.relative(&Path::new(dir).join(root));
        let prefix = if root == "." { String::new() } else { format!("{root}/") };
        let mut patterns = |draft: &mut ConfigDraft, key: &str| {
            let items = own.take(key).map(|field| field.list(draft)).unwrap_or_default();
            let items: Vec<String> = items.iter().filter_map(|item| item.text(draft).map(str::to_owned)).collect();
            items
        };
        let below = |pattern: &String| {
            if pattern.contains('/') { format!("{prefix}{pattern}") } else { format!("{prefix}**/{pattern}") }
        };
        let (include, exclude) = (patterns(draft, "include"), patterns(draft, "exclude"));
        match include.is_empty() {
            true => globs.push(format!("{prefix}**")),
            false => globs.extend(include.iter().map(below)),
        }
        ignore.extend(exclude.iter().map(below));
        ignored(draft, &mut own);
    }
    let texts = |texts: Vec<String>| {
        Toml::Array(texts.iter().map(|text| crate::import::escape::escaped(text).into()).collect())
    };
    if let Some(paths) = paths.filter(|_| !globs.is_empty()) {
        process.put(draft, &["watch", "paths"], texts(globs), &paths);
        if !ignore.is_empty() {
            process.put(draft, &["watch", "ignore"], texts(ignore), &paths);
        }
    }
    if let Some(field) = fields.take("debounce")
        && let Some(Some(debounce)) = field.text(draft).map(go_duration)
    {
        process.put(draft, &["watch", "debounce"], Pretty(debounce).to_string(), &field);
    }
    if let Some(field) = fields.take("cascade")
        && field.flag(draft) == Some(true)
    {
        let what = "say `after.NAME = { is = …, on_restart = \"restart\" }` where one is to be restarted with another";
        draft.drop(Weight::ChangesWhatRuns, field.key_place, field.key.clone(), what);
    }
    for key in ["max_entries", "buffer_size", "disable_default_excludes"] {
        if let Some(field) = fields.take(key) {
            draft.drop(
                Weight::Minor,
                field.key_place,
                field.key.clone(),
                "stead has no such limit; it honours .gitignore",
            );
        }
    }
    ignored(draft, &mut fields);
}
