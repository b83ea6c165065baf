//! `stead env` and `stead exec`: the environment of a task's next run, and another command in it.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use clap_complete::ArgValueCandidates;

use super::client::{Client, ClientError, block_on, parse, segment};
use super::table::table;
use super::{FileArgs, completions, print};
use crate::config::{MASK, UnknownTask};
use crate::kernel::RunEnvironment;
use crate::present::ansi;
use crate::process::{LikeTask, environment_of};

const ENVIRONMENT_HEADINGS: [&str; 3] = ["NAME", "VALUE", "FROM"];
/// Exit codes of a command that can't be run, as of a shell.
const EXIT_NOT_FOUND: u8 = 127;
const EXIT_NOT_EXECUTABLE: u8 = 126;

/// Arguments of `stead env`.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct EnvArgs {
    /// Name of the task
    #[arg(value_name = "TASK", value_parser = NonEmptyStringValueParser::new())]
    #[arg(add = ArgValueCandidates::new(completions::tasks))]
    task: String,
    /// Show the values, which may be secrets
    #[arg(long)]
    show: bool,
    /// Print the environment as JSON
    ///
    /// The object is {"task", "dir", "user", "group", "umask", "variables": [{"name", "value", "from"}…]}.
    #[arg(long)]
    json: bool,
}

/// Arguments of `stead exec`.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct ExecArgs {
    /// Name of the task
    #[arg(value_name = "TASK", value_parser = NonEmptyStringValueParser::new())]
    #[arg(add = ArgValueCandidates::new(completions::tasks))]
    task: String,
    /// Fail if there is no terminal here; the command has the one of this shell anyway
    #[arg(short, long)]
    tty: bool,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", required = true, last = true)]
    command: Vec<String>,
}

/// Prints what a run of the task would get, and where each value comes from.
///
/// # Errors
///
/// There is no such task, or its env files are wrong.
pub(super) fn run(file: &FileArgs, args: &EnvArgs) -> anyhow::Result<ExitCode> {
    let mut environment = environment(file, &args.task)?;
    if !args.show {
        environment.variables.iter_mut().for_each(|variable| MASK.clone_into(&mut variable.value));
    }
    if args.json {
        print(&serde_json::to_string(&environment)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let plain = |text: &str| ansi::plain_text(text.as_bytes());
    let rows = environment.variables.iter();
    let rows: Vec<_> = rows.map(|row| [plain(&row.name), plain(&row.value), plain(&row.from)]).collect();
    print(&table(ENVIRONMENT_HEADINGS, &rows))?;
    Ok(ExitCode::SUCCESS)
}

/// Becomes the command, in the environment and directory of the task.
///
/// # Errors
///
/// There is no such task, or its env files are wrong, or the command can't be run.
pub(super) fn exec(file: &FileArgs, args: &ExecArgs) -> anyhow::Result<ExitCode> {
    if args.tty && !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        bail!("this is not a terminal; leave out --tty");
    }
    let RunEnvironment { dir, user, group, umask, variables, .. } = environment(file, &args.task)?;
    let is_run = |name: &str| name == "STEAD_RUN";
    let variables = variables.into_iter().filter(|variable| !is_run(&variable.name));
    let like = LikeTask {
        argv: args.command.clone(),
        env: variables.map(|variable| (variable.name, variable.value)).collect(),
        dir: dir.into(),
        user,
        group,
        umask: umask.map(|umask| u32::from_str_radix(&umask, 8)).transpose().context("cannot read the umask")?,
    };
    let error = like.exec();
    super::complain(&format!("cannot run `{}`: {error}", args.command[0]));
    let is_missing = error.kind() == io::ErrorKind::NotFound;
    Ok(ExitCode::from(if is_missing { EXIT_NOT_FOUND } else { EXIT_NOT_EXECUTABLE }))
}

/// What a run under the supervisor would get; if none runs, what it would get under one that is started here.
fn environment(file: &FileArgs, name: &str) -> anyhow::Result<RunEnvironment> {
    let client = Client::of(file)?;
    let path = format!("/api/v1/tasks/{}/env", segment(name));
    match block_on(async { Ok(client.post(&path, None).await) })? {
        Err(ClientError::NoServer(_)) => {}
        answer => return Ok(parse(&answer?)?),
    }
    let config = file.load()?;
    match config.tasks.iter().find(|task| task.name == name) {
        Some(task) => environment_of(task).map_err(anyhow::Error::msg),
        None => Err(UnknownTask::among(name, config.tasks.into_iter().map(|task| task.name)).into()),
    }
}
