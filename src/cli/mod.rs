//! Arguments and subcommands, one file each.
//!
//! This module parses, dispatches, and turns errors into one message and an exit code. What a subcommand does
//! is its own file's matter.

mod ask;
mod attach;
mod board;
mod check;
mod client;
mod completions;
mod demo;
mod detach;
mod down;
mod events;
mod init;
mod logs;
mod man;
#[cfg(feature = "mcp")]
mod mcp;
mod plan;
mod reload;
mod schema;
mod send;
mod signal;
mod status;
mod up;
mod wait;
mod web;
mod why;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::config::{Config, ConfigError, UnknownTask, nearest};
use crate::supervisor::engine::Verb;
use client::ClientError;

/// The exit code of a bad command line or a bad configuration: nothing was started.
pub const EXIT_USAGE: u8 = 2;
/// The exit code when the supervisor refused, or what was waited for was not reached.
pub const EXIT_REFUSED: u8 = 1;
/// The exit code when there is no supervisor to ask.
pub const EXIT_NO_SERVER: u8 = 3;

const AFTER_HELP: &str = "\
Examples:
  stead                     run everything in stead.toml, with the dashboard
  stead up api              run api and all it depends on
  stead up --plain | cat    one line per event and per line of output
  stead up -d --wait        run everything in the background, and return once all is ready
  stead reload              read stead.toml anew, and touch only what has changed
  stead status              how everything stands, asked from another terminal
  stead restart api && stead wait api --timeout 1m
  stead logs -f api         what api writes, as it does
  stead why api             why it is as it is, and how it failed last
  stead attach              the dashboard of what runs, from another terminal
  stead attach shell        the terminal of shell, until ctrl-]
  stead logs --grep 'err|warn' --since 10m
  stead init && stead check write a first stead.toml, and see whether it is right

Exit codes:
    0   everything ended in good order
    1   fatal: a critical task exited, or a spent retry budget ended everything;
        for what asks a running supervisor: it refused, or what was waited for did not come
    2   bad usage or configuration; nothing was started
    3   no supervisor runs here
  130   a second signal cut the ordered stop short";

#[derive(Debug, Parser)]
#[command(name = "stead", version, after_help = AFTER_HELP)]
#[command(about = "Keeps everything a project needs running, and shows exactly why when it is not.")]
struct Cli {
    #[command(flatten)]
    file: FileArgs,
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    up: up::UpArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the tasks (also without a subcommand)
    Up(up::UpArgs),
    /// Run a demonstration that needs no file
    Demo(demo::DemoArgs),
    /// Say how everything stands
    Status(status::StatusArgs),
    /// Start what is not running, or waits for its next try
    Start(ask::AskArgs),
    /// Stop tasks, and keep them stopped
    Stop(ask::AskArgs),
    /// Restart tasks, and give them their whole retry budget back
    Restart(ask::AskArgs),
    /// Stop tasks without a grace period
    Kill(ask::AskArgs),
    /// Send a signal to a task
    Signal(signal::SignalArgs),
    /// Type into a task's terminal
    Send(send::SendArgs),
    /// Show the dashboard of what runs, or use a task's terminal; leaving ends neither
    Attach(attach::AttachArgs),
    /// Wait until tasks are ready, or have started, exited or succeeded
    Wait(wait::WaitArgs),
    /// Print what has happened, and what happens
    Events(events::EventsArgs),
    /// Read the configuration anew, and touch only what has changed
    Reload(reload::ReloadArgs),
    /// Say what would run in which order, and what a reload would change
    Plan(plan::PlanArgs),
    /// Stop everything in good order, and wait for the end
    Down(down::DownArgs),
    /// Print what the tasks wrote, now or earlier, merged in the order of time
    Logs(logs::LogsArgs),
    /// Say why a task is as it is, and how it failed last
    Why(why::WhyArgs),
    /// Serve agents over standard input and output (Model Context Protocol)
    #[cfg(feature = "mcp")]
    Mcp(mcp::McpArgs),
    /// Choose which page the web surface serves
    Web(web::WebArgs),
    /// Say whether the configuration is right, and start nothing
    Check,
    /// Print the JSON Schema of stead.toml, for editors
    Schema,
    /// Write a first stead.toml, from a Procfile or package.json when there is one
    Init,
    /// Print what a shell needs to complete `stead`, names of tasks included
    Completions(completions::CompletionsArgs),
    /// Write the manual pages
    Man(man::ManArgs),
}

/// Which configuration file is meant; every subcommand understands it.
#[derive(Debug, Clone, Default, Args)]
struct FileArgs {
    /// The configuration file [default: the nearest stead.toml, from here upwards]
    #[arg(short, long, value_name = "FILE", global = true)]
    file: Option<PathBuf>,
}

impl FileArgs {
    /// Reads the configuration.
    ///
    /// # Errors
    ///
    /// See [`Config::load`]; or the working directory is gone.
    fn load(&self) -> anyhow::Result<Config> {
        Ok(Config::load(self.file.as_deref(), &std::env::current_dir()?)?)
    }

    fn path(&self) -> &Path {
        self.file.as_deref().unwrap_or(Path::new(crate::config::FILE_NAME))
    }
}

impl Cli {
    /// What belongs to `up` may be written without it, but not before another subcommand, which would ignore it.
    fn checked(self) -> Result<Self, clap::Error> {
        if self.command.is_some() && self.up != up::UpArgs::default() {
            let message = "only -f FILE can stand before a subcommand; put the rest after it";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, message));
        }
        Ok(self)
    }
}

/// Runs what the arguments ask for. The first of them is the program's own name.
///
/// A subcommand that fails has started nothing; one that has started something says by its exit code how
/// that ended.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    completions::answer_if_asked();
    let cli = match Cli::try_parse_from(arguments).and_then(Cli::checked) {
        Ok(cli) => cli,
        Err(error) => return told_by_clap(&error),
    };
    let would_start = matches!(cli.command, None | Some(Command::Up(_)));
    let result = match cli.command {
        None => up::run(&cli.file, &cli.up).map_err(perhaps_a_command),
        Some(Command::Up(args)) => up::run(&cli.file, &args),
        Some(Command::Demo(args)) => demo::run(&args),
        Some(Command::Status(args)) => status::run(&cli.file, &args),
        Some(Command::Start(args)) => ask::run(&cli.file, Verb::Start, &args),
        Some(Command::Stop(args)) => ask::run(&cli.file, Verb::Stop, &args),
        Some(Command::Restart(args)) => ask::run(&cli.file, Verb::Restart, &args),
        Some(Command::Kill(args)) => ask::run(&cli.file, Verb::Kill, &args),
        Some(Command::Signal(args)) => signal::run(&cli.file, &args),
        Some(Command::Send(args)) => send::run(&cli.file, &args),
        Some(Command::Attach(args)) => attach::run(&cli.file, &args),
        Some(Command::Wait(args)) => wait::run(&cli.file, &args),
        Some(Command::Events(args)) => events::run(&args),
        Some(Command::Reload(args)) => reload::run(&cli.file, &args),
        Some(Command::Plan(args)) => plan::run(&cli.file, &args),
        Some(Command::Down(args)) => down::run(&cli.file, &args),
        Some(Command::Logs(args)) => logs::run(&args),
        Some(Command::Why(args)) => why::run(&cli.file, &args),
        #[cfg(feature = "mcp")]
        Some(Command::Mcp(args)) => mcp::run(&cli.file, &args),
        Some(Command::Web(args)) => web::run(&cli.file, &args),
        Some(Command::Check) => check::run(&cli.file),
        Some(Command::Schema) => schema::run(),
        Some(Command::Init) => init::run(&cli.file),
        Some(Command::Completions(args)) => completions::run(&args),
        Some(Command::Man(args)) => man::run(&args),
    };
    result.unwrap_or_else(|error| tell(&error, would_start))
}

/// A word that is no task may be a misspelt subcommand.
fn perhaps_a_command(error: anyhow::Error) -> anyhow::Error {
    let Some(UnknownTask { name, near: None, .. }) = error.downcast_ref() else { return error };
    let cli = Cli::command();
    match nearest(name, cli.get_subcommands().map(clap::Command::get_name)) {
        Some(command) => anyhow::anyhow!("no task is called `{name}`; did you mean `stead {command}`?"),
        None => error,
    }
}

/// Help and version are no errors, and go to standard output.
fn told_by_clap(error: &clap::Error) -> ExitCode {
    // As in `tell`.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS }
}

/// Says on standard error what went wrong, once. Where a configuration is wrong, that is all of its mistakes.
fn tell(error: &anyhow::Error, would_start: bool) -> ExitCode {
    let mut text = format!("stead: {error:#}");
    if let Some(config) = error.downcast_ref::<ConfigError>() {
        let details = config.details(shows_colour(&io::stderr()));
        let gap = if details.is_empty() { "" } else { "\n\n" };
        let end = if would_start { "; nothing was started" } else { "" };
        text = format!("{details}{gap}stead: {}{end}", config.summary());
    }
    // Nobody is left to tell when standard error is gone; the code still says it.
    let _ = writeln!(io::stderr(), "{text}");
    ExitCode::from(error.downcast_ref().map_or(EXIT_USAGE, ClientError::exit_code))
}

/// Shows on standard error what was said elsewhere.
fn quote(text: &str) {
    // As in `tell`.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Says on standard error what did not go as it should.
fn complain(text: &str) {
    // As in `tell`.
    let _ = writeln!(io::stderr(), "stead: {text}");
}

/// Whether colour is understood and wanted there: <https://no-color.org>.
fn shows_colour(output: &impl IsTerminal) -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    output.is_terminal() && set("NO_COLOR").is_none() && set("TERM").is_none_or(|term| term != "dumb")
}

/// Says what the supervisor has taken.
fn show_accepted(answer: &[u8], json: bool) -> anyhow::Result<ExitCode> {
    #[derive(serde::Deserialize)]
    struct Taken {
        accepted: String,
    }
    let Taken { accepted } = serde_json::from_slice(answer)?;
    print(&if json { String::from_utf8_lossy(answer).into_owned() } else { format!("{accepted}: accepted") })?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a command's result to standard output. A reader that has gone away has seen what it wanted.
fn print(text: &str) -> io::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
