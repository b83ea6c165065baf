//! The command line: one file for each subcommand.
//!
//! This module parses the arguments, dispatches, and turns an error into one message and an exit code.

mod attach;
mod check;
mod client;
mod clients;
mod completions;
mod config_file;
mod demo;
mod detach;
mod down;
mod end;
mod env;
mod events;
mod export;
mod import;
mod init;
mod keys;
mod locate;
mod log_files;
mod logs;
mod man;
#[cfg(feature = "mcp")]
mod mcp;
mod plan;
mod reload;
mod request;
mod run;
mod run_within;
mod scale;
mod schema;
mod send;
mod signal;
mod status;
mod table;
mod up;
mod wait;
mod web;
mod why;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::config::{BadSelection, ConfigError, FILE_NAME, UnknownTask, nearest};
use crate::present::ansi;
use crate::supervisor::engine::Verb;
use crate::wire::AcceptedResponse;
use client::ClientError;

/// The exit code for an invalid command line or configuration. Nothing was started.
pub const EXIT_USAGE: u8 = 2;
/// The exit code if the supervisor refused, or a condition that was waited for does not hold.
pub const EXIT_REFUSED: u8 = 1;
/// The exit code if no supervisor runs.
pub const EXIT_NO_SERVER: u8 = 3;

const AFTER_HELP: &str = "\
Examples:
  stead                     run everything in stead.toml, with the dashboard
  stead up api              run api and everything it depends on
  stead up --plain | cat    print events and output as lines
  stead up -d --wait        run everything in the background, return once all is ready
  stead status              show the state of every task
  stead restart api && stead wait api --timeout 1m
  stead reload              apply the changes in stead.toml
  stead logs -f api         follow the output of api
  stead logs --grep 'err|warn' --since 10m
  stead why                 explain everything that is not well
  stead why api             explain the state of api and its last failure
  stead attach              open the dashboard from another terminal
  stead attach shell        use the terminal of the task shell; ctrl-] leaves it
  stead init && stead check write a first stead.toml and validate it

Exit codes:
    0   success; after `stead up`: everything was stopped gracefully
    1   fatal: a critical task exited, or a spent retry budget ended everything;
        of a command to a running supervisor: it refused, or a wait failed
    2   invalid usage or configuration; nothing was started
    3   no supervisor runs here
  130   a second signal cut the graceful stop short";

#[derive(Debug, Parser)]
#[command(name = "stead", version, after_help = AFTER_HELP)]
#[command(about = "Keeps everything a project needs running, and shows exactly why when something is not")]
struct Cli {
    #[command(flatten)]
    file: FileArgs,
    #[command(subcommand)]
    command: Option<CliCommand>,
    #[command(flatten)]
    up: up::UpArgs,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    /// Run the tasks; the default without a subcommand
    Up(up::UpArgs),
    /// Run one task with all it needs, or commands, to their end
    ///
    /// The exit code is that of the task: 128 and the number of a signal that ended it. On failure the chain of causes and the
    /// last lines of the guilty task are printed. Where a supervisor runs, the task runs in it, and only what it started ends.
    /// Several commands end with 0 if all have succeeded.
    Run(run::RunArgs),
    /// Run a demonstration that needs no file
    Demo(demo::DemoArgs),
    /// Show the status of every task
    Status(status::StatusArgs),
    /// Print the keys of the dashboard
    Keys,
    /// Start tasks
    ///
    /// A task that waits for its next retry starts at once.
    Start(request::RequestArgs),
    /// Stop tasks and keep them stopped
    Stop(request::RequestArgs),
    /// Restart tasks and reset their retry budget
    Restart(request::RestartArgs),
    /// Kill tasks without a grace period
    Kill(request::RequestArgs),
    /// Run another number of replicas of a task
    ///
    /// It lasts until the next reload. Of fewer, the highest numbers stop; their logs are kept.
    Scale(scale::ScaleArgs),
    /// Send a signal to a task
    Signal(signal::SignalArgs),
    /// Type text into a task's terminal
    Send(send::SendArgs),
    /// Open the dashboard or a task's terminal
    ///
    /// Leaving it ends neither the supervisor nor the task.
    Attach(attach::AttachArgs),
    /// Wait until tasks are ready, started, done or exited
    ///
    /// Fails at once if the condition can't hold any more without a restart.
    Wait(wait::WaitArgs),
    /// Print the events of the supervisor
    Events(events::EventsArgs),
    /// Show who is connected to the supervisor, or disconnect one
    Clients(clients::ClientsArgs),
    /// Apply the changes in the configuration
    ///
    /// Tasks that have not changed run on. If the configuration is invalid, nothing changes.
    Reload(reload::ReloadArgs),
    /// Show the start order and what a reload would change
    Plan(plan::PlanArgs),
    /// Stop everything gracefully and wait for the end
    Down(down::DownArgs),
    /// Print the output of tasks, merged in the order of time
    ///
    /// This also works without a supervisor.
    Logs(logs::LogsArgs),
    /// Explain what is not well, or one task and its last failure
    ///
    /// Without a supervisor only the last failures are known.
    Why(why::WhyArgs),
    /// Show what a task finds in its environment, and where it comes from
    ///
    /// Values are masked: they may be secrets. `--show` prints them.
    Env(env::EnvArgs),
    /// Run a command in a task's environment and directory
    ///
    /// It is a process of this shell, not of the supervisor, and its exit code is that of the command.
    Exec(env::ExecArgs),
    /// Serve agents over stdin and stdout (Model Context Protocol)
    #[cfg(feature = "mcp")]
    Mcp(mcp::McpArgs),
    /// Choose the page that the web surface serves
    Web(web::WebArgs),
    /// Validate the configuration, start nothing
    ///
    /// Of a file for another tool it lists what is taken, what is filled in, and what can't be honoured.
    Check(check::CheckArgs),
    /// Write a stead.toml from the file of another tool
    ///
    /// Known are process-compose, Procfiles, mprocs, supervisord, pm2 and docker compose. A file in JavaScript is run by
    /// node. An existing file is not overwritten.
    Import(import::ImportArgs),
    /// Write files for systemd, Kubernetes or compose
    ///
    /// What has no counterpart there is a comment in the files and a line on standard error.
    Export(export::ExportArgs),
    /// Print the JSON Schema of stead.toml, for editors
    Schema,
    /// Write a first stead.toml
    ///
    /// Its tasks come from the first of: Procfile.dev, Procfile; package.json, pyproject.toml and Cargo.toml; a justfile or Makefile. An existing file is never overwritten.
    Init,
    /// Print a script for shell completion
    Completions(completions::CompletionsArgs),
    /// Write the manual pages
    Man(man::ManArgs),
}

/// The argument that selects the configuration file, common to all subcommands.
#[derive(Debug, Clone, Default, Args)]
struct FileArgs {
    /// Configuration file, also of another tool, or its directory [default: the nearest stead.toml, here or above]
    #[arg(short, long, value_name = "FILE", global = true)]
    file: Option<PathBuf>,
}

impl FileArgs {
    /// The file that is named, or the `stead.toml` in the directory that is named, or here.
    fn path(&self) -> PathBuf {
        match &self.file {
            Some(dir) if dir.is_dir() => dir.join(FILE_NAME),
            Some(file) => file.clone(),
            None => FILE_NAME.into(),
        }
    }
}

impl Cli {
    /// Refuses arguments of `up` before another subcommand, which would ignore them.
    fn checked(self) -> Result<Self, clap::Error> {
        if self.command.is_some() && self.up != up::UpArgs::default() {
            let message = "only -f FILE may precede a subcommand; put other arguments after it";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, message));
        }
        Ok(self)
    }
}

/// Runs the subcommand that the arguments select and returns its exit code. The first argument is the program's name.
///
/// A subcommand that returns an error has started nothing.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    completions::answer_if_asked();
    let cli = match Cli::try_parse_from(arguments).and_then(Cli::checked) {
        Ok(cli) => cli,
        Err(error) => return print_clap(&error),
    };
    let would_start = matches!(cli.command, None | Some(CliCommand::Up(_)));
    let result = match cli.command {
        None => up::run(&cli.file, &cli.up).map_err(suggest_subcommand),
        Some(CliCommand::Up(args)) => up::run(&cli.file, &args),
        Some(CliCommand::Run(args)) => run::run(&cli.file, &args),
        Some(CliCommand::Demo(args)) => demo::run(&args),
        Some(CliCommand::Keys) => keys::run(),
        Some(CliCommand::Status(args)) => status::run(&cli.file, &args),
        Some(CliCommand::Start(args)) => request::run(&cli.file, Verb::Start, &args),
        Some(CliCommand::Stop(args)) => request::run(&cli.file, Verb::Stop, &args),
        Some(CliCommand::Restart(args)) => request::restart(&cli.file, &args),
        Some(CliCommand::Kill(args)) => request::run(&cli.file, Verb::Kill, &args),
        Some(CliCommand::Scale(args)) => scale::run(&cli.file, &args),
        Some(CliCommand::Signal(args)) => signal::run(&cli.file, &args),
        Some(CliCommand::Send(args)) => send::run(&cli.file, &args),
        Some(CliCommand::Attach(args)) => attach::run(&cli.file, &args),
        Some(CliCommand::Wait(args)) => wait::run(&cli.file, &args),
        Some(CliCommand::Events(args)) => events::run(&args),
        Some(CliCommand::Clients(args)) => clients::run(&cli.file, &args),
        Some(CliCommand::Reload(args)) => reload::run(&cli.file, &args),
        Some(CliCommand::Plan(args)) => plan::run(&cli.file, &args),
        Some(CliCommand::Down(args)) => down::run(&cli.file, &args),
        Some(CliCommand::Logs(args)) => logs::run(&args),
        Some(CliCommand::Why(args)) => why::run(&cli.file, &args),
        Some(CliCommand::Env(args)) => env::run(&cli.file, &args),
        Some(CliCommand::Exec(args)) => env::exec(&cli.file, &args),
        #[cfg(feature = "mcp")]
        Some(CliCommand::Mcp(args)) => mcp::run(&cli.file, &args),
        Some(CliCommand::Web(args)) => web::run(&cli.file, &args),
        Some(CliCommand::Check(args)) => check::run(&cli.file, &args),
        Some(CliCommand::Import(args)) => import::run(&cli.file, &args),
        Some(CliCommand::Export(args)) => export::run(&cli.file, &args),
        Some(CliCommand::Schema) => schema::run(),
        Some(CliCommand::Init) => init::run(&cli.file),
        Some(CliCommand::Completions(args)) => completions::run(&args),
        Some(CliCommand::Man(args)) => man::run(&args),
    };
    result.unwrap_or_else(|error| print_error(&error, would_start))
}

/// A word that is not a task may be a misspelt subcommand.
fn suggest_subcommand(error: anyhow::Error) -> anyhow::Error {
    let Some(BadSelection::Task(UnknownTask { name, near: None, .. })) = error.downcast_ref() else { return error };
    let cli = Cli::command();
    match nearest(name, cli.get_subcommands().map(clap::Command::get_name)) {
        Some(command) => anyhow::anyhow!("no task is called `{name}`; did you mean `stead {command}`?"),
        None => error,
    }
}

/// Prints a message of clap: help and version to standard output, anything else to standard error.
fn print_clap(error: &clap::Error) -> ExitCode {
    // As in `eprint_line`.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS }
}

/// Prints an error to standard error, with every mistake if a configuration is invalid, and returns the exit code.
fn print_error(error: &anyhow::Error, would_start: bool) -> ExitCode {
    let mut text = ansi::plain_lines(&format!("stead: {error:#}"));
    if let Some(config) = error.downcast_ref::<ConfigError>() {
        let details = config.details(shows_colour(&io::stderr()));
        let gap = if details.is_empty() { "" } else { "\n\n" };
        let end = if would_start { "; nothing was started" } else { "" };
        text = format!("{details}{gap}stead: {}{end}", ansi::plain_lines(&config.summary()));
    }
    eprint_line(&text);
    ExitCode::from(error.downcast_ref().map_or(EXIT_USAGE, ClientError::exit_code))
}

/// Prints a line to standard error.
fn eprint_line(text: &str) {
    // If standard error is closed, the exit code still reports the failure.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints lines of text to standard error.
fn show_text(text: &str) {
    // As in `eprint_line`.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Prints a message of this program to standard error.
fn complain(text: &str) {
    eprint_line(&format!("stead: {}", ansi::plain_lines(text)));
}

/// Whether `output` is a terminal that shows colour, and colour is wanted: <https://no-color.org>.
fn shows_colour(output: &impl IsTerminal) -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    output.is_terminal() && set("NO_COLOR").is_none() && set("TERM").is_none_or(|term| term != "dumb")
}

/// Prints the request that the supervisor has accepted.
fn show_accepted(answer: &[u8], json: bool) -> anyhow::Result<ExitCode> {
    let AcceptedResponse { accepted, unchanged } = serde_json::from_slice(answer)?;
    let words = unchanged.unwrap_or_else(|| format!("{accepted}: accepted"));
    print(&if json { String::from_utf8_lossy(answer).into_owned() } else { words })?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the result of a command to standard output. A closed pipe is not an error.
fn print(text: &str) -> io::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
