//! The page words tasks as the rest of stead does: `format.js` is held to `tests/words.json`, as `src/present` is.

use std::process::Command;

use serde_json::{Value, json};

use super::Window;

/// Words every case, and lists those that read otherwise.
const CHECK: &str = r#"
const wrong = [];
const expect = (what, said, words) => {
  if (said !== words) wrong.push(`${what}: ${said} instead of ${words}`);
};
for (const { case: what, now, draining, task: own, words } of fixture.tasks) {
  const task = { ...fixture.base, ...own };
  const { glyph, tone, counted } = page.look(task);
  const next = page.next(task, now, draining);
  const said = {
    glyph,
    tone,
    counted,
    next: next.text,
    next_tone: next.tone,
    share: next.share ?? null,
    uptime: page.uptime(task, now),
    last_exit: page.lastExit(task, now),
    retries: page.retries(task),
    exit_label: page.exitLabel(task),
    on_exit: page.onExit(task),
  };
  for (const fact of Object.keys(words)) expect(`${what}, ${fact}`, said[fact], words[fact]);
}
for (const [now, at, left] of fixture.left) expect(`left from ${now} to ${at}`, page.left(now, at), left);
for (const [now, at, age, span] of fixture.since) {
  expect(`the age at ${now} of ${at}`, page.age(now, at), age);
  expect(`the span from ${at} to ${now}`, page.span(now, at), span);
}
for (const [edges, words] of fixture.after) expect("after", page.after({ after: edges }), words);
for (const [group, words] of fixture.groups) expect("a group", page.groupPolicy(group), words);
for (const [ms, words] of fixture.durations) expect(`${ms} ms`, page.duration(ms), words);
for (const [all, draining, alone, folded] of fixture.parts) {
  const tasks = all.map((own, at) => ({ ...fixture.base, kind: "builtin", name: String(at), ...own }));
  const said = page.parts(tasks, draining);
  const names = said.alone.map((task) => Number(task.name));
  expect(`parts ${JSON.stringify(all)}`, JSON.stringify([names, said.folded]), JSON.stringify([alone, folded]));
}
const evening = new Date(2026, 0, 31, 0, 5, 9);
expect("a time of day", page.clock(evening), "00:05:09");
expect("a time of another day", page.moment(evening), "2026-01-31 00:05:09");
expect("a time of today", page.moment(new Date()).length, 8);
for (const [bytes, words] of fixture.sizes) expect(`${bytes} bytes`, page.bytes(bytes), words);
"#;

#[test]
fn the_page_has_the_words_of_the_fixture() {
    let fixture: Value = serde_json::from_str(include_str!("../../words.json")).unwrap();
    let source = include_str!("../../../assets/web/format.js");
    let load = format!(
        "const page = await import('data:text/javascript,' + encodeURIComponent({}));\nconst fixture = {fixture};{CHECK}",
        json!(source)
    );
    let script = format!("{load}\nconsole.log(JSON.stringify(wrong));");
    let wrong = if let Ok(said) = Command::new("node").args(["--input-type=module", "--eval", &script]).output() {
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        serde_json::from_slice(&said.stdout).unwrap()
    } else {
        let Some(browser) = Window::open() else { return };
        browser.evaluate(&format!("(async () => {{ {load}\nreturn wrong; }})()"))
    };
    assert_eq!(wrong, json!([]), "{wrong:#}");
}
