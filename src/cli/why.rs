//! `stead why`: how a task failed last, with or without a supervisor that runs.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::state_dir::StatePaths;
use super::{FileArgs, print};
use crate::config::{Pretty, UnknownTask};
use crate::kernel::{PostMortem, PostMortems};
use crate::ui::post_mortem;

/// What `stead why` is told.
#[derive(Debug, Clone, Args)]
pub(super) struct WhyArgs {
    /// The task that failed
    #[arg(value_name = "TASK")]
    task: String,
    /// Print all that is kept of its failed runs as JSON, oldest first, one a line
    #[arg(long)]
    json: bool,
}

/// Says it in words.
///
/// # Errors
///
/// The configuration is wrong or has no such task, or what is kept can't be read.
pub(super) fn run(file: &FileArgs, args: &WhyArgs) -> anyhow::Result<ExitCode> {
    let config = file.load()?;
    let task = &args.task;
    let kept = PostMortems::new(&StatePaths::of(&config.root).post_mortems)
        .of(task)
        .with_context(|| format!("cannot read what is kept of the runs of {task}"))?;
    if kept.is_empty() && !config.tasks.iter().any(|known| known.name == *task) {
        return Err(UnknownTask::among(task, config.tasks.into_iter().map(|task| task.name)).into());
    }
    if args.json {
        for post_mortem in &kept {
            print(&serde_json::to_string(post_mortem)?)?;
        }
    } else if let Some(last) = kept.last() {
        print(&told(last, kept.len(), Timestamp::now(), &TimeZone::system()))?;
    } else {
        print(&format!("{task} has not failed, as far as is known"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A failed run in words; `kept` is the number of those that are known.
fn told(last: &PostMortem, kept: usize, now: Timestamp, zone: &TimeZone) -> String {
    let mut text = String::new();
    let ago = Duration::try_from(now.duration_since(last.at)).unwrap_or_default();
    let ago = Pretty(Duration::from_secs(ago.as_secs()));
    let _ = writeln!(text, "{}: {}", last.task, post_mortem::headline(last));
    let _ = writeln!(text, "  when     {}, {ago} ago", post_mortem::when(last, zone));
    for (what, fact) in post_mortem::facts(last) {
        let _ = writeln!(text, "  {what:<8} {fact}");
    }
    if kept > 1 {
        let _ = writeln!(text, "  known    the last {kept} failed runs: stead why --json {}", last.task);
    }
    let _ = write!(text, "  said{}", if last.lines.is_empty() { "     nothing" } else { "" });
    for line in post_mortem::last_lines(last, zone) {
        let _ = write!(text, "\n  {line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::post_mortem::LastLine;

    #[test]
    fn a_failed_run_is_told_whole() {
        let at = Timestamp::from_second(3_600).unwrap();
        let line = |is_stderr, text: &str| LastLine { at, is_stderr, text: text.to_owned() };
        let last = PostMortem {
            task: "api".to_owned(),
            run: 4,
            at,
            reason: "SIGSEGV (core dumped)".to_owned(),
            class: "signal".to_owned(),
            signal: Some("SIGSEGV".to_owned()),
            ran_for_ms: 123_000,
            retries: 3,
            max_retries: 5,
            then: "backoff".to_owned(),
            peak_memory_bytes: Some(5 << 20),
            lines: vec![line(false, "listening"), line(true, "oh \u{1b}[31mno")],
        };
        let expected = "\
api: SIGSEGV (core dumped) after 2m 3s (run 4)
  when     1970-01-01 01:00:00, 1m 1s ago
  then     was to be restarted, retry 3 of 5
  signal   SIGSEGV
  memory   5.0 MiB at most
  known    the last 2 failed runs: stead why --json api
  said
  01:00:00   listening
  01:00:00 ! oh no";
        assert_eq!(told(&last, 2, Timestamp::from_second(3_661).unwrap(), &TimeZone::UTC), expected);
    }
}
