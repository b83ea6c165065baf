//! The words of `tests/words.json`; the page's JavaScript is held to the same file by `tests/suite/browser/words.rs`.

use std::time::Duration;

use serde_json::{Value, json};

use super::clock::Clock;
use super::next::next;
use super::parts::parts;
use super::state::{Tone, look};
use super::{task, text};
use crate::duration::Pretty;
use crate::kernel::sample::process;
use crate::supervisor::engine::{PhaseSnapshot, TaskSnapshot, Uptime};

fn words() -> Value {
    serde_json::from_str(include_str!("../../tests/words.json")).unwrap()
}

fn at(millis: &Value) -> Uptime {
    Uptime(Duration::from_millis(millis.as_u64().unwrap()))
}

fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "",
        Tone::Quiet => "quiet",
        Tone::Good => "good",
        Tone::Busy => "busy",
        Tone::Warning => "warn",
        Tone::Bad => "bad",
    }
}

/// Fields over others.
fn task_json(base: &Value, own: &Value) -> Value {
    let mut whole = base.clone();
    whole.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    whole
}

/// A task that is as the base says but for its own fields; the page needs no others.
fn task_of(base: &Value, own: &Value) -> TaskSnapshot {
    let mut whole = serde_json::to_value(process("api", PhaseSnapshot::Stopped)).unwrap();
    whole = task_json(&task_json(&whole, base), own);
    serde_json::from_value(whole).unwrap()
}

#[test]
fn every_task_has_its_words() {
    let words = words();
    for case in words["tasks"].as_array().unwrap() {
        let shown = task_of(&words["base"], &case["task"]);
        let clock = Clock::new(at(&case["now"]));
        let (look, next) = (look(&shown), next(&shown, case["draining"] == true, &clock));
        let said = json!({
            "glyph": look.glyph,
            "tone": tone(look.tone),
            "counted": look.counted,
            "next": next.text,
            "next_tone": tone(next.tone),
            "share": next.share,
            "uptime": task::uptime(&shown, &clock).unwrap_or_default(),
            "last_exit": task::last_exit(&shown, &clock).map(|(how, age)| format!("{how} · {age}")).unwrap_or_default(),
            "retries": task::pips(shown.retries, shown.max_retries),
            "exit_label": task::exit_label(&shown),
            "on_exit": task::on_exit(&shown),
        });
        assert_eq!(said, case["words"], "{}", case["case"]);
    }
}

#[test]
fn what_a_task_depends_on_has_its_words() {
    let words = words();
    for case in words["after"].as_array().unwrap() {
        assert_eq!(
            task::after(&task_of(&words["base"], &json!({ "state": "stopped", "after": case[0] }))),
            case[1],
            "{case}"
        );
    }
    for case in words["groups"].as_array().unwrap() {
        assert_eq!(task::group_policy(&serde_json::from_value(case[0].clone()).unwrap()), case[1], "{case}");
    }
}

#[test]
fn the_parts_of_stead_have_theirs() {
    let words = words();
    for row in words["parts"].as_array().unwrap() {
        let number = |(number, own): (usize, &Value)| {
            let own = [json!({ "name": number.to_string(), "kind": "builtin" }), own.clone()];
            task_of(&task_json(&words["base"], &own[0]), &own[1])
        };
        let tasks: Vec<_> = row[0].as_array().unwrap().iter().enumerate().map(number).collect();
        let parts = parts(&tasks, row[1] == true);
        let alone: Vec<usize> = parts.alone.iter().map(|task| task.name.parse().unwrap()).collect();
        assert_eq!((json!(alone), parts.folded.unwrap_or_default().into()), (row[2].clone(), row[3].clone()), "{row}");
    }
}

#[test]
fn times_and_sizes_have_theirs() {
    let words = words();
    let rows = |name: &str| words[name].as_array().unwrap().clone();
    for row in rows("left") {
        assert_eq!(Clock::new(at(&row[0])).left(at(&row[1])), row[2], "{row}");
    }
    for row in rows("since") {
        let clock = Clock::new(at(&row[0]));
        assert_eq!(json!([clock.age(at(&row[1])), clock.span(at(&row[1]))]), json!([row[2], row[3]]), "{row}");
    }
    for row in rows("durations") {
        assert_eq!(Pretty(at(&row[0]).0).to_string(), row[1], "{row}");
    }
    for row in rows("sizes") {
        assert_eq!(text::memory(row[0].as_u64().unwrap()), row[1], "{row}");
    }
}
