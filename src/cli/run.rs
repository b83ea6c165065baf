//! `stead run`: one task with all it needs, or commands without a file, to their end.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Args};
use clap_complete::ArgValueCandidates;

use super::client::{Client, ClientError, block_on};
use super::run_within;
use super::up::ViewArgs;
use super::{FileArgs, completions};
use crate::app::{Ending, Presentation, launch};
use crate::config::{Config, Project, TaskSelection, UnknownTask};
use crate::supervisor::PlannedUntil;
use crate::supervisor::engine::{BadConfig, OnExhausted, Policy};
use crate::wire::VersionResponse;

/// Characters of a task's name that come from its command.
const NAME_CHARS: usize = 32;

/// Arguments of `stead run`.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(group = ArgGroup::new("what").required(true))]
pub(super) struct RunArgs {
    /// Task to run, with everything it needs
    #[arg(value_name = "TASK", group = "what", value_parser = NonEmptyStringValueParser::new())]
    #[arg(add = ArgValueCandidates::new(completions::tasks))]
    task: Option<String>,
    /// Write a report in JUnit's XML: a case for each task that ran
    #[arg(long, value_name = "FILE", requires = "task")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    view: ViewArgs,
    /// Commands to run without a file, each a line for `sh -c`
    #[arg(value_name = "COMMAND", group = "what", last = true)]
    commands: Vec<String>,
}

/// Runs it to its end.
///
/// # Errors
///
/// The configuration is invalid or has no such task, or nothing could be started.
pub(super) fn run(file: &FileArgs, args: &RunArgs) -> anyhow::Result<ExitCode> {
    let Some(task) = &args.task else { return run_commands(args) };
    let junit = args.junit.as_ref().map(std::path::absolute).transpose().context("cannot find --junit FILE")?;
    let client = Client::of(file)?;
    match block_on(async { Ok(client.read::<VersionResponse>("/api/v1/version").await) })? {
        Ok(_) => return run_within::run(file, &client, task, junit.as_deref()),
        Err(ClientError::NoServer(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let (chosen, cwd) = file.choose()?;
    let config = alone(chosen.load(&cwd)?, task)?;
    let name = task.clone();
    let read = move |project: &Project| {
        let config = chosen.reread(project, &cwd, &Default::default())?;
        alone(config, &name).map_err(|error| BadConfig::new(error.to_string()))
    };
    let until = PlannedUntil::Task(task.clone());
    launch(&config.identity(), read, Presentation::Plain, Ending { until, junit })
}

/// The configuration with this task to be run once. What it needs starts with it.
fn alone(config: Config, name: &str) -> anyhow::Result<Config> {
    let names: Vec<_> = config.tasks.iter().map(|task| task.name.clone()).collect();
    if !names.iter().any(|known| known == name) {
        return Err(UnknownTask::among(name, names).into());
    }
    let mut config = config.select(&TaskSelection { tasks: vec![name.to_owned()], profiles: Vec::new() })?;
    for task in config.tasks.iter_mut().filter(|task| task.name == name) {
        // Its first end is the result.
        (task.policy, task.on_exhausted) = (Policy::Never, OnExhausted::Hold);
    }
    // For a moment, and several may run at once.
    config.web.enabled = false;
    Ok(config)
}

/// Runs each command as a task, in a project of its own that is removed at the end.
fn run_commands(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let here = super::locate::working_dir()?;
    let dir = tempfile::Builder::new().prefix("stead-run-").tempdir().context("cannot create a temporary directory")?;
    let root = dir.path().join(here.file_name().unwrap_or("run".as_ref()));
    std::fs::create_dir(&root).with_context(|| format!("cannot create {}", root.display()))?;
    let Some(here) = here.to_str() else { bail!("the path of this directory is not UTF-8") };
    let (text, names) = file_for(&args.commands, here);
    let read = move |project: &Project| Ok(Config::parse(&text, &project.path())?);
    let presentation = args.view.presentation();
    let until = match (&presentation, names.as_slice()) {
        (Presentation::Dashboard { .. }, _) => PlannedUntil::Asked,
        (_, [only]) => PlannedUntil::Task(only.clone()),
        _ => PlannedUntil::AllDone,
    };
    launch(&Project::in_dir(&root), read, presentation, until.into())
}

/// The file that these commands would stand in, and the names of their tasks.
fn file_for(commands: &[String], dir: &str) -> (String, Vec<String>) {
    let quoted = |text: &str| toml::Value::from(text.replace("${", "$${")).to_string();
    let mut text = "[web]\nenabled = false\n".to_owned();
    let mut names: Vec<String> = Vec::new();
    for command in commands {
        let name = name_of(command);
        let more = (2..).map(|number| format!("{name}-{number}"));
        let name = std::iter::once(name.clone()).chain(more).find(|name| !names.contains(name));
        let name = name.expect("the numbers do not run out");
        text +=
            &format!("[tasks.\"{name}\"]\ncommand = {}\ndir = {}\nrestart = \"never\"\n", quoted(command), quoted(dir));
        names.push(name);
    }
    (text, names)
}

/// The name of a command's task, of its first words: `npm-run-dev`.
fn name_of(command: &str) -> String {
    let words = command.split_whitespace().filter(|word| !word.starts_with('-')).map(|word| {
        let last = word.rsplit('/').next().unwrap_or(word);
        last.chars().filter(|c| c.is_ascii_alphanumeric() || "_.-".contains(*c)).collect::<String>()
    });
    let words: Vec<_> =
        words.map(|word| word.trim_matches(['.', '-']).to_owned()).filter(|word| !word.is_empty()).collect();
    let name: String =
        words.iter().take(3).map(String::as_str).collect::<Vec<_>>().join("-").chars().take(NAME_CHARS).collect();
    if name.is_empty() || name.starts_with("stead.") { "command".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn commands_have_names_of_their_words() {
        for (command, name) in [
            ("npm run dev", "npm-run-dev"),
            ("./bin/api --port 80", "api-80"),
            ("cd api && cargo run", "cd-api-cargo"),
            ("sleep 5", "sleep-5"),
            ("'' || $(( ))", "command"),
            ("stead.x", "command"),
        ] {
            assert_eq!(name_of(command), name, "{command}");
        }
    }

    #[test]
    fn what_is_written_for_them_is_valid_and_means_the_same() {
        let commands = ["echo \"${A:-x}\" 'b' $C", "true", "true"].map(str::to_owned);
        let (text, names) = file_for(&commands, "/some where");
        let config = Config::parse(&text, Path::new("stead.toml")).unwrap();
        assert_eq!(names, ["echo-A-x-b", "true", "true-2"]);
        assert_eq!(config.tasks[0].command.shell_line(), Some(commands[0].as_str()));
        assert_eq!(config.tasks[0].dir, Path::new("/some where"));
    }
}
