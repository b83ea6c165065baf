//! `stead logs`: what the tasks wrote, now or earlier, with or without a supervisor that runs.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use anyhow::Context;
use bytesize::ByteSize;
use clap::Args;
use clap_complete::ArgValueCandidates;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::client::{Client, block_on, while_read};
use super::log_files;
use super::{FileArgs, complain, completions, shows_colour};
use crate::config::UnknownTask;
use crate::logs::{
    self, LineFilter, LineLimits, LinePattern, LineQuery, LogChanges, LogLine, LogLines, LogReader, OutputStream,
    RunChoice,
};
use crate::present::ansi::plain;
use crate::present::line::{SHOWN_CHARS, excerpt};
use crate::wire::LostOutput;

/// Lines that are shown before those that follow.
const LINES_BEFORE: usize = 10;
/// The exit code when there is nothing to show, as of `grep`.
const EXIT_NOTHING: u8 = 1;
/// The colours of names, by their number in a terminal.
const COLOURS: [u8; 6] = [36, 33, 32, 35, 34, 31];

/// The arguments of `stead logs`.
#[derive(Debug, Clone, Args)]
pub(super) struct LogsArgs {
    /// Only these tasks [default: all that have written]
    #[arg(value_name = "TASK")]
    #[arg(add = ArgValueCandidates::new(completions::tasks))]
    tasks: Vec<String>,
    /// Go on with what is written, until the supervisor ends
    #[arg(short = 'f', long)]
    follow: bool,
    /// Only the last N lines [default: all; with -f: 10]
    #[arg(short = 'n', long, value_name = "N")]
    lines: Option<usize>,
    /// Only what was written since: `10m` ago, `14:30`, `2026-01-31 14:30`
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    since: Option<Timestamp>,
    /// Only what was written until
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    until: Option<Timestamp>,
    /// Only one run of each task: its number, `last`, or `-1` for the one before
    #[arg(long, value_name = "RUN", value_parser = run_choice, allow_hyphen_values = true)]
    run: Option<RunChoice>,
    /// Only what was written to standard error
    #[arg(long)]
    stderr: bool,
    /// Only lines in which this regular expression matches
    #[arg(short, long, value_name = "REGEX", value_parser = pattern)]
    grep: Option<LinePattern>,
    /// Only lines that pass this filter: `level>=warn status>=500 -word "a phrase" /a regex/ since:10m`
    ///
    /// All terms must be true; `-` turns one round. Fields are those of JSON and logfmt; a level is recognised in most formats.
    #[arg(long = "where", value_name = "FILTER", value_parser = line_filter, allow_hyphen_values = true)]
    filter: Option<Arc<LineFilter>>,
    /// Print the time before each line
    #[arg(short, long)]
    times: bool,
    /// Print how much of the disk each log takes, instead of lines
    #[arg(long, conflicts_with_all = ["follow", "lines", "since", "until", "run", "stderr", "grep", "times", "clear"])]
    disk: bool,
    /// Remove all that the named tasks have written so far
    ///
    /// A task that runs goes on with an empty log.
    #[arg(long, requires = "tasks", conflicts_with_all = ["follow", "lines", "since", "until", "run", "stderr", "grep", "times"])]
    clear: bool,
    /// Print each line as a JSON object: {"task", "at", "run", "stream", "text", "cut", "is_finished"}
    ///
    /// With --disk one object: {"total", "max_total", "logs": [{"task", "bytes", "segments", "oldest"}]}. With --clear:
    /// {"TASK": BYTES, …}.
    #[arg(long)]
    json: bool,
    /// The configuration file [default: the nearest stead.toml, from here upwards]
    // Here `-f` is `--follow`; the same id keeps the general argument away.
    #[arg(id = "file", long = "file", value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Prints what is asked for.
///
/// # Errors
///
/// The configuration is wrong or has no such task, or a log can't be read.
pub(super) fn run(args: &LogsArgs) -> anyhow::Result<ExitCode> {
    let file = FileArgs { file: args.file.clone() };
    let known = KnownLogs::of(&file)?;
    let reader = LogReader::new(&known.dir);
    let tasks = known.choose(&reader, &args.tasks)?;
    if args.disk {
        return log_files::show_usage(&known, &tasks, args.json);
    }
    if args.clear {
        return log_files::clear(&file, &known, &tasks, args.json);
    }
    // Before anything is read, so that nothing is missed in between.
    let watch = if args.follow { Some(LogWatch::start(&known.dir, supervisor_ends(file.clone()))?) } else { None };
    let query = LineQuery {
        run: args.run,
        stream: args.stderr.then_some(OutputStream::Stderr),
        since: args.since,
        until: args.until,
        pattern: args.grep.clone(),
        filter: args.filter.clone(),
        waits_for_ends: args.follow,
        limits: LineLimits::WHOLE,
        ..LineQuery::default()
    };
    let mut printer = LogPrinter::new(args, &tasks);
    let lost = lost_output(file, &tasks);
    match print_all(&reader, &tasks, &query, args, &mut printer, watch) {
        // A reader that has gone away has seen what it wanted.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error),
        Ok(()) => {
            for (task, bytes) in &lost {
                let bytes = ByteSize(*bytes).display().iec();
                complain(&format!("{bytes} of what {task} wrote are lost: they could not be written to its log"));
            }
            if printer.printed > 0 { Ok(ExitCode::SUCCESS) } else { Ok(nothing(&reader, &tasks, args, &lost)) }
        }
    }
}

/// Where the logs of a project are, and the tasks of its configuration.
#[derive(Debug)]
pub(super) struct KnownLogs {
    pub(super) dir: PathBuf,
    /// What all logs together may take on the disk; 0: as much as there is.
    pub(super) max_total: u64,
    tasks: Vec<String>,
    groups: BTreeMap<String, Vec<String>>,
}

impl KnownLogs {
    /// What the configuration says; if it can't be read, what the supervisor that runs says.
    ///
    /// # Errors
    ///
    /// Those of the configuration, if no supervisor answers.
    pub(super) fn of(file: &FileArgs) -> anyhow::Result<Self> {
        let unusable = match file.load() {
            Ok(config) => {
                return Ok(Self {
                    dir: config.logs.dir,
                    max_total: config.logs.max_total,
                    tasks: config.tasks.into_iter().map(|task| task.name).collect(),
                    groups: config.groups.into_iter().map(|group| (group.name, group.tasks)).collect(),
                });
            }
            Err(unusable) => unusable,
        };
        let running: anyhow::Result<Value> =
            Client::of(file).and_then(|client| block_on(async { Ok(client.read("/api/v1/config").await?) }));
        running.ok().and_then(|config| Self::of_running(&config)).ok_or(unusable)
    }

    fn of_running(config: &Value) -> Option<Self> {
        let dir = config["logs"]["dir"].as_str()?.into();
        let max_total = config["logs"]["max_total"].as_u64().unwrap_or_default();
        let groups = config["groups"].as_object().into_iter().flatten();
        let tasks = |group: &Value| serde_json::from_value(group["tasks"].clone()).unwrap_or_default();
        let groups = groups.map(|(name, group)| (name.clone(), tasks(group))).collect();
        Some(Self { dir, max_total, tasks: config["tasks"].as_object()?.keys().cloned().collect(), groups })
    }

    /// The tasks to be shown: those of the configuration, and others that have left a log.
    ///
    /// # Errors
    ///
    /// The directory can't be read, or there is no such task.
    pub(super) fn choose(&self, reader: &LogReader, asked: &[String]) -> anyhow::Result<Vec<String>> {
        let mut known = self.tasks.clone();
        let stored = reader.tasks().with_context(|| format!("cannot read {}", self.dir.display()))?;
        known.extend(stored.into_iter().filter(|name| !self.tasks.contains(name)));
        if asked.is_empty() {
            return Ok(known);
        }
        let mut chosen: Vec<String> = Vec::new();
        for name in asked {
            let meant = match name.strip_prefix('@').and_then(|group| self.groups.get(group)) {
                Some(members) => members.clone(),
                None if known.contains(name) => vec![name.clone()],
                None => {
                    known.extend(self.groups.keys().map(|group| format!("@{group}")));
                    return Err(UnknownTask::among(name, known).into());
                }
            };
            let new: Vec<_> = meant.into_iter().filter(|name| !chosen.contains(name)).collect();
            chosen.extend(new);
        }
        Ok(chosen)
    }
}

fn print_all(
    reader: &LogReader,
    tasks: &[String],
    query: &LineQuery,
    args: &LogsArgs,
    printer: &mut LogPrinter,
    watch: Option<LogWatch>,
) -> anyhow::Result<()> {
    let most = args.lines.or(args.follow.then_some(LINES_BEFORE));
    let mut lines = match most {
        Some(most) => {
            let mut lines = reader.backwards(tasks, query)?;
            let last = lines.by_ref().take(most).collect::<io::Result<Vec<_>>>()?;
            last.iter().rev().try_for_each(|line| printer.print(line))?;
            lines.turn_to_the_end();
            lines
        }
        None => {
            let mut lines = reader.forwards(tasks, query)?;
            printer.print_all(&mut lines)?;
            lines
        }
    };
    printer.out.flush()?;
    let Some(watch) = watch else { return Ok(()) };
    let mut has_ended = false;
    loop {
        lines.refresh()?;
        printer.print_all(&mut lines)?;
        printer.out.flush()?;
        if has_ended {
            complain("the supervisor has ended");
            return Ok(());
        }
        watch.signs.recv().context("nothing watches for changes any more")?;
        if watch.is_unread.load(Ordering::Acquire) {
            return Ok(());
        }
        has_ended = watch.has_ended.load(Ordering::Acquire);
    }
}

/// What these tasks have lost under the supervisor that runs, if one does.
fn lost_output(file: FileArgs, tasks: &[String]) -> LostOutput {
    // Without an answer nothing is known of losses.
    let mut lost: LostOutput =
        block_on(async { Ok(Client::of(&file)?.read("/api/v1/logs/lost").await?) }).unwrap_or_default();
    lost.retain(|task, _| tasks.contains(task));
    lost
}

/// Says that there is nothing to show, and why.
fn nothing(reader: &LogReader, tasks: &[String], args: &LogsArgs, lost: &LostOutput) -> ExitCode {
    let is_kept = |task: &String| reader.runs(task).is_ok_and(|runs| !runs.is_empty());
    let has_written = |task: &String| lost.contains_key(task) || is_kept(task);
    if !tasks.iter().any(has_written) {
        let who = if args.tasks.is_empty() { "no task".to_owned() } else { args.tasks.join(", ") };
        let what = if args.tasks.is_empty() { "anything" } else { "nothing" };
        complain(&format!("{who} has written {what} yet"));
    } else if args.grep.is_none() && tasks.iter().any(is_kept) {
        complain("nothing that was written is asked for");
    }
    ExitCode::from(EXIT_NOTHING)
}

/// Writes lines to standard output.
struct LogPrinter {
    out: BufWriter<io::Stdout>,
    json: bool,
    times: bool,
    zone: TimeZone,
    is_terminal: bool,
    pattern: Option<LinePattern>,
    /// The names that stand in front, if there are several, each as it is shown.
    names: Vec<(String, String)>,
    printed: u64,
}

impl LogPrinter {
    fn new(args: &LogsArgs, tasks: &[String]) -> Self {
        let width = tasks.iter().map(String::len).max().unwrap_or(0);
        let colour = shows_colour(&io::stdout());
        let shown = |(number, task): (usize, &String)| {
            let padded = format!("{:width$} |", plain(task));
            let code = COLOURS[number % COLOURS.len()];
            (task.clone(), if colour { format!("\x1b[{code}m{padded}\x1b[0m ") } else { format!("{padded} ") })
        };
        let names = if args.tasks.len() == 1 { Vec::new() } else { tasks.iter().enumerate().map(shown).collect() };
        Self {
            out: BufWriter::new(io::stdout()),
            json: args.json,
            times: args.times,
            zone: TimeZone::system(),
            is_terminal: io::stdout().is_terminal(),
            pattern: args.grep.clone(),
            names,
            printed: 0,
        }
    }

    /// Into a pipe or a file the bytes as they were written, onto a terminal nothing that acts on it.
    fn print_text(&mut self, line: &LogLine) -> io::Result<()> {
        if self.is_terminal {
            let found = self.pattern.as_ref().and_then(|pattern| pattern.find(&line.bytes));
            return writeln!(self.out, "{}", excerpt(line.text(), found, SHOWN_CHARS));
        }
        self.out.write_all(&line.bytes)?;
        if line.cut {
            let limit = LineLimits::WHOLE.kept;
            let task = &line.task;
            complain(&format!("a line of {task} is longer than {limit} bytes and is cut; the log file has all of it"));
        }
        self.out.write_all(b"\n")
    }

    fn print_all(&mut self, lines: &mut LogLines) -> anyhow::Result<()> {
        for line in lines {
            self.print(&line?)?;
        }
        Ok(())
    }

    fn print(&mut self, line: &LogLine) -> anyhow::Result<()> {
        self.printed += 1;
        if self.json {
            serde_json::to_writer(&mut self.out, line)?;
            self.out.write_all(b"\n")?;
        } else {
            if let Some((_, name)) = self.names.iter().find(|(task, _)| **task == *line.task) {
                self.out.write_all(name.as_bytes())?;
            }
            if self.times {
                write!(self.out, "{} ", line.at.to_zoned(self.zone.clone()).strftime("%F %T%.3f"))?;
            }
            self.print_text(line)?;
        }
        // The first is seen at once, however long the rest takes.
        if self.printed == 1 {
            self.out.flush()?;
        }
        Ok(())
    }
}

/// What a follower waits for.
struct LogWatch {
    _changes: LogChanges,
    /// One for all changes since the last was taken: a log may have grown, or the supervisor has ended.
    signs: Receiver<()>,
    /// Whether the supervisor has ended that ran when this began.
    has_ended: Arc<AtomicBool>,
    /// Whether no one reads standard output any more.
    is_unread: Arc<AtomicBool>,
}

impl LogWatch {
    /// Watches the logs in `dir`. `wait` waits for the end, and returns whether it came.
    fn start(dir: &Path, wait: impl FnOnce() -> bool + Send + 'static) -> anyhow::Result<Self> {
        // One is enough: what comes before it is taken is seen with it.
        let (sender, signs) = sync_channel(1);
        let grown = sender.clone();
        let changes = LogChanges::watch(dir, move |_| {
            let _ = grown.try_send(());
        });
        let changes = changes.with_context(|| format!("cannot watch {}", dir.display()))?;
        let has_ended = Arc::new(AtomicBool::new(false));
        let (ended, ends) = (Arc::clone(&has_ended), sender.clone());
        let waiting = move || {
            if wait() {
                ended.store(true, Ordering::Release);
                let _ = ends.try_send(());
            }
        };
        thread::Builder::new().spawn(waiting).context("cannot wait for the end of the supervisor")?;
        let is_unread = Arc::new(AtomicBool::new(false));
        let unread = Arc::clone(&is_unread);
        let watching = move || {
            if block_on(while_read(std::future::pending())).is_ok() {
                unread.store(true, Ordering::Release);
                let _ = sender.try_send(());
            }
        };
        thread::Builder::new().spawn(watching).context("cannot watch standard output")?;
        Ok(Self { _changes: changes, signs, has_ended, is_unread })
    }
}

/// Waits for the end of the supervisor. Without one there is no end to wait for: another may come and write.
fn supervisor_ends(file: FileArgs) -> impl FnOnce() -> bool + Send + 'static {
    move || block_on(async { Ok(Client::of(&file)?.watch_end().await?.wait().await?) }).is_ok()
}

/// Prints what a task writes from now on, byte for byte, until `wait` returns.
///
/// # Errors
///
/// The log can't be read.
pub(super) fn follow_until(dir: &Path, task: &str, wait: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    let watch = LogWatch::start(dir, move || {
        wait();
        true
    })?;
    let query = LineQuery {
        since: Some(Timestamp::now()),
        waits_for_ends: true,
        limits: LineLimits::WHOLE,
        ..LineQuery::default()
    };
    let mut lines = LogReader::new(dir).forwards(&[task.to_owned()], &query)?;
    let mut out = io::stdout();
    let mut has_ended = false;
    loop {
        lines.refresh()?;
        for line in &mut lines {
            let line = line?;
            out.write_all(&line.bytes)?;
            out.write_all(b"\n")?;
        }
        out.flush()?;
        if has_ended {
            return Ok(());
        }
        watch.signs.recv().context("nothing watches for changes any more")?;
        has_ended = watch.has_ended.load(Ordering::Acquire);
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let direct = error.downcast_ref::<io::Error>().map(io::Error::kind);
    let json = error.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
    direct.or(json) == Some(ErrorKind::BrokenPipe)
}

/// A time of day, a date with one, or how long ago.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    logs::moment(text, &jiff::Zoned::now())
}

fn line_filter(text: &str) -> Result<Arc<LineFilter>, String> {
    LineFilter::parse(text, &jiff::Zoned::now()).map(Arc::new)
}

pub(super) fn run_choice(text: &str) -> Result<RunChoice, String> {
    let number = |digits: &str| digits.parse().ok().filter(|number: &u32| *number > 0);
    let choice = match text.strip_prefix('-') {
        Some(back) => number(back).and_then(|back| usize::try_from(back).ok()).map(RunChoice::Back),
        None if text == "last" => Some(RunChoice::Back(0)),
        None => number(text).map(RunChoice::Number),
    };
    choice.ok_or_else(|| "expected the number of a run, `last`, or `-1` for the one before".to_owned())
}

pub(super) fn pattern(text: &str) -> Result<LinePattern, String> {
    LinePattern::new(text).map_err(|error| error.to_string())
}
