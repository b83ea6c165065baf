//! How fast output is captured, and how fast it is searched. `cargo bench` compares with what the system's own
//! programs do: `cat` and `grep`.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use divan::Bencher;
use divan::counter::BytesCount;
use stead::logs::{LinePattern, LineQuery, LogReader};
use tempfile::TempDir;

/// What one round captures or searches.
const BYTES: usize = 256 << 20;
/// Lines of 100 bytes; one in ten thousand is what is searched for.
const LINE: &str =
    "2026-01-31T14:30:00Z INFO request handled path=/api/v1/items status=200 bytes=48213 ms=12 ok=true x";
const RARE: &str =
    "2026-01-31T14:30:00Z WARN request was slow path=/api/v1/items status=200 bytes=48213 ms=9120 ok=true";

/// A directory whose `it.log` is full of lines.
static LOGS: LazyLock<TempDir> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a directory");
    let mut text = String::with_capacity(BYTES);
    for number in 0..BYTES / 100 {
        text.push_str(&if number % 10_000 == 5_000 { RARE } else { LINE }[..99]);
        text.push('\n');
    }
    fs::write(dir.path().join("it.log"), text).expect("a log");
    dir
});

fn main() {
    divan::main();
}

/// A supervisor over so many tasks that write as fast as they can, an equal share each.
#[divan::bench(args = [1, 8], sample_count = 5, sample_size = 1)]
fn capture(bencher: Bencher<'_, '_>, tasks: usize) {
    bencher.counter(BytesCount::new(BYTES)).with_inputs(|| project(tasks)).bench_refs(|dir| {
        run(Command::new(env!("CARGO_BIN_EXE_stead")).args(["up", "--headless"]).current_dir(dir.path()), 1);
    });
}

#[divan::bench(args = [1, 8], sample_count = 5, sample_size = 1)]
fn capture_by_cat(bencher: Bencher<'_, '_>, tasks: usize) {
    bencher.counter(BytesCount::new(BYTES)).with_inputs(|| project(tasks)).bench_refs(|dir| {
        let script = format!("for i in $(seq {tasks}); do ({} | cat > $i.log) & done; wait", writer(tasks));
        run(Command::new("sh").args(["-c", &script]).current_dir(dir.path()), 0);
    });
}

#[divan::bench(args = ["WARN", "ms=9[0-9]{3} "], sample_count = 5)]
fn search(bencher: Bencher<'_, '_>, pattern: &str) {
    let reader = LogReader::new(LOGS.path());
    let query = LineQuery { pattern: Some(LinePattern::new(pattern).expect("a pattern")), ..LineQuery::default() };
    bencher
        .counter(BytesCount::new(BYTES))
        .bench_local(|| assert_eq!(reader.forwards(&["it"], &query).expect("a log").count(), BYTES / 1_000_000));
}

#[divan::bench(args = ["WARN", "ms=9[0-9]{3} "], sample_count = 5)]
fn search_by_grep(bencher: Bencher<'_, '_>, pattern: &str) {
    let log = LOGS.path().join("it.log");
    let mut grep = Command::new("grep");
    grep.args(["-cE", pattern]).arg(log);
    // Its count is taken: it stops at the first match when nobody takes it.
    bencher.counter(BytesCount::new(BYTES)).bench_local(|| grep.output().expect("grep").stdout);
}

/// The last lines, as a dashboard asks for them.
#[divan::bench(sample_count = 20)]
fn last_thousand_lines(bencher: Bencher<'_, '_>) {
    let reader = LogReader::new(LOGS.path());
    let query = LineQuery::default();
    bencher.bench_local(|| reader.backwards(&["it"], &query).expect("a log").take(1_000).count());
}

fn writer(tasks: usize) -> String {
    format!("yes '{}' | head -c {}", &LINE[..99], BYTES / tasks)
}

/// A project with these tasks. The last of them is critical and waits for the others, so that all ends with it.
fn project(tasks: usize) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let mut config = "[web]\nenabled = false\n[logs]\nmax_size = 0\n".to_owned();
    let names: Vec<_> = (0..tasks).map(|number| format!("t{number}")).collect();
    for name in &names {
        config += &format!("[tasks.{name}]\ncommand = \"\"\"{}\"\"\"\nrestart = \"never\"\n", writer(tasks));
    }
    let after: Vec<_> = names.iter().map(|name| format!("{name} = \"exited\"")).collect();
    config += &format!("[tasks.last]\ncommand = \"true\"\ncritical = true\nafter = {{ {} }}\n", after.join(", "));
    fs::write(dir.path().join("stead.toml"), config).expect("a config");
    dir
}

fn run(command: &mut Command, code: i32) {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert_eq!(status.expect("a program").code(), Some(code), "{command:?}");
}
