//! `stead why`: the causes of a task's state, if a supervisor runs, and its last failure.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use clap_complete::ArgValueCandidates;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::client::{Client, ClientError, block_on, segment};
use super::{FileArgs, completions, print};
use crate::app::StatePaths;
use crate::config::UnknownTask;
use crate::duration::Pretty;
use crate::kernel::{PostMortem, PostMortems};
use crate::present::post_mortem;
use crate::present::why::chain_line;
use crate::wire::{UnwellResponse, WhyResponse};

/// Arguments of `stead why`.
#[derive(Debug, Clone, Args)]
pub(super) struct WhyArgs {
    /// Name of the task [default: everything that is not well]
    #[arg(value_name = "TASK", value_parser = NonEmptyStringValueParser::new())]
    #[arg(add = ArgValueCandidates::new(completions::tasks))]
    task: Option<String>,
    /// Print the causes as JSON
    ///
    /// The object is {"task", "causes": [{"depth", "task", "sentences"}…], "post_mortems": [newest first…]}; the causes are
    /// null without a supervisor. Without a name there is no "task", and the last failure of each task that is not well.
    #[arg(long)]
    json: bool,
}

/// Prints the causes and the last failure.
///
/// # Errors
///
/// The supervisor refused. Without one: the configuration is invalid or has no such task, or the post-mortems can't be read.
pub(super) fn run(file: &FileArgs, args: &WhyArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(file)?;
    let Some(task) = &args.task else { return explain_all(&client, file, args.json) };
    let why = block_on(known(&client, file, task))?;
    if args.json {
        print(&serde_json::to_string(&why)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    for cause in why.causes.iter().flatten() {
        print(&chain_line(cause))?;
    }
    let gap = if why.causes.is_some() { "\n" } else { "" };
    match why.post_mortems.first() {
        Some(last) => {
            let zone = TimeZone::system();
            if why.session != Some(last.session) {
                print(&format!("{gap}{}:", post_mortem::earlier_session(last, &zone)))?;
            }
            print(&format!("{gap}{}", failure_text(last, why.post_mortems.len(), Timestamp::now(), &zone)))?;
        }
        None if why.causes.is_none() => print(&format!("{} has no recorded failure", why.task))?,
        None => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what is not well and why; without a supervisor, how each task failed last.
fn explain_all(client: &Client, file: &FileArgs, json: bool) -> anyhow::Result<ExitCode> {
    let why: UnwellResponse = match block_on(async { Ok(client.read("/api/v1/why").await) })? {
        Err(ClientError::NoServer(_)) => all_on_disk(file)?,
        answer => answer?,
    };
    if json {
        print(&serde_json::to_string(&why)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    match &why.causes {
        Some(causes) if causes.is_empty() => print("everything is well")?,
        Some(causes) => causes.iter().try_for_each(|cause| print(&chain_line(cause)))?,
        None if why.post_mortems.is_empty() => print("no supervisor runs, and no failure is recorded")?,
        None => print(&failures_text(&why.post_mortems, &TimeZone::system()))?,
    }
    if !why.post_mortems.is_empty() {
        print("\n`stead why TASK` shows the last failure of a task whole")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The last failure of each task, one line for each, under the supervisor that they happened under.
fn failures_text(failures: &[PostMortem], zone: &TimeZone) -> String {
    let mut text = String::new();
    let mut session = None;
    for last in failures {
        if session.replace(last.session) != Some(last.session) {
            let _ = writeln!(text, "{}:", post_mortem::earlier_session(last, zone));
        }
        let _ = writeln!(text, "  {} {}: {}", post_mortem::when(last, zone), last.task, post_mortem::headline(last));
    }
    text.truncate(text.trim_end().len());
    text
}

fn all_on_disk(file: &FileArgs) -> anyhow::Result<UnwellResponse> {
    let config = file.load()?;
    let tasks: Vec<_> = config.tasks.iter().map(|task| task.name.clone()).collect();
    let kept = PostMortems::new(&StatePaths::of(&config.identity()).post_mortems);
    let post_mortems = kept.last_of_each(&tasks).context("cannot read the post-mortems")?;
    Ok(UnwellResponse { now: None, session: None, causes: None, post_mortems })
}

/// Reads the report of a task from the supervisor, or from disk if none runs.
///
/// # Errors
///
/// Those of [`run`].
pub(super) async fn known(client: &Client, file: &FileArgs, task: &str) -> anyhow::Result<WhyResponse> {
    match client.read(&format!("/api/v1/tasks/{}/why", segment(task))).await {
        Err(ClientError::NoServer(_)) => on_disk(file, task),
        answer => Ok(answer?),
    }
}

fn on_disk(file: &FileArgs, task: &str) -> anyhow::Result<WhyResponse> {
    let config = file.load()?;
    let mut post_mortems = PostMortems::new(&StatePaths::of(&config.identity()).post_mortems)
        .of(task)
        .with_context(|| format!("cannot read the post-mortems of {task}"))?;
    if post_mortems.is_empty() && !config.tasks.iter().any(|known| known.name == *task) {
        return Err(UnknownTask::among(task, config.tasks.into_iter().map(|task| task.name)).into());
    }
    post_mortems.reverse();
    Ok(WhyResponse { task: task.to_owned(), now: None, session: None, causes: None, post_mortems })
}

/// A failed run in words; `kept` is the number of post-mortems.
fn failure_text(last: &PostMortem, kept: usize, now: Timestamp, zone: &TimeZone) -> String {
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
    fn a_failed_run_is_described_whole() {
        let at = Timestamp::from_second(3_600).unwrap();
        let line = |is_stderr, text: &str| LastLine { at, is_stderr, text: text.to_owned() };
        let last = PostMortem {
            task: "api".to_owned(),
            run: 4,
            session: Timestamp::UNIX_EPOCH,
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
        assert_eq!(failure_text(&last, 2, Timestamp::from_second(3_661).unwrap(), &TimeZone::UTC), expected);
    }
}
