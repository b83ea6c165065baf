//! `stead up`: run the tasks.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use clap_complete::ArgValueCandidates;

use super::config_file::ForeignArgs;
use super::detach::{self, detach};
use super::{FileArgs, completions};
use crate::app::{Presentation, launch};
use crate::config::{Project, TaskSelection};
use crate::duration::parse_duration;
use crate::supervisor::PlannedUntil;

/// Arguments of `stead up`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(super) struct UpArgs {
    #[command(flatten)]
    pub(super) view: ViewArgs,
    #[command(flatten)]
    detach: DetachArgs,
    #[command(flatten)]
    foreign: ForeignArgs,
    #[command(flatten)]
    profiles: ProfileArgs,
    /// Tasks to start, with everything they need; a group is @NAME [default: all]
    ///
    /// The others are on the board as stopped.
    #[arg(value_name = "TASK")]
    #[arg(add = ArgValueCandidates::new(completions::tasks))]
    tasks: Vec<String>,
}

/// Arguments that choose profiles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[group(skip)]
pub(super) struct ProfileArgs {
    /// Start the tasks with this profile, too [default: those in STEAD_PROFILES]
    ///
    /// Tasks without `profiles` always start. Several are divided by commas, or the option is given several times.
    #[arg(long = "profile", value_name = "PROFILE", value_delimiter = ',')]
    profiles: Vec<String>,
}

impl ProfileArgs {
    /// Those that are named, or else those of the environment.
    pub(super) fn chosen(&self) -> Vec<String> {
        if !self.profiles.is_empty() {
            return self.profiles.clone();
        }
        let inherited = std::env::var("STEAD_PROFILES").unwrap_or_default();
        inherited.split(',').map(str::trim).filter(|profile| !profile.is_empty()).map(str::to_owned).collect()
    }
}

/// Arguments that choose how a run is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[group(skip)]
pub(super) struct ViewArgs {
    /// Print events and output as lines
    ///
    /// This is the default without a terminal.
    #[arg(long)]
    plain: bool,
    /// Print only events
    #[arg(long, conflicts_with = "plain")]
    headless: bool,
    /// Leave the mouse to the terminal
    #[arg(long)]
    no_mouse: bool,
    /// Without a terminal: run on when every task has ended
    ///
    /// By default the exit code is 0 then, or 1 if one has failed. A task with a schedule or a watch, and one that was stopped by
    /// request, keeps it running; so does -d.
    #[arg(long)]
    stay: bool,
}

/// Arguments that run the supervisor in the background.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[group(skip)]
pub(super) struct DetachArgs {
    /// Run in the background
    ///
    /// Returns once the supervisor answers requests. `stead attach` shows it, `stead down` ends it.
    #[arg(short, long, conflicts_with = "plain")]
    detach: bool,
    /// With -d: wait until every process is ready or done
    ///
    /// The exit code is 1 if one of them fails or is not ready in time; the supervisor runs on.
    #[arg(long, requires = "detach")]
    wait: bool,
    /// With --wait: the longest wait, as 30s or 2m [default: 1m]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, requires = "wait")]
    timeout: Option<Duration>,
    /// Marks the process in the background
    #[arg(long = detach::IN_BACKGROUND, hide = true)]
    is_detached: bool,
}

impl ViewArgs {
    /// When it ends without being asked to.
    pub(super) fn until(&self) -> PlannedUntil {
        if self.stay || can_draw() { PlannedUntil::Asked } else { PlannedUntil::AllDone }
    }

    pub(super) fn presentation(&self) -> Presentation {
        match self {
            Self { headless: true, .. } => Presentation::Headless,
            Self { plain: false, no_mouse, .. } if can_draw() => Presentation::Dashboard { mouse: !no_mouse },
            Self { .. } => Presentation::Plain,
        }
    }
}

/// Runs the tasks until they have ended, or in the background.
///
/// # Errors
///
/// The configuration is invalid or has no such task, or nothing could be started.
pub(super) fn run(file: &FileArgs, args: &UpArgs) -> anyhow::Result<ExitCode> {
    let selection = TaskSelection { tasks: args.tasks.clone(), profiles: args.profiles.chosen() };
    let DetachArgs { detach: is_wanted, wait, timeout, is_detached } = args.detach;
    let (chosen, cwd) = file.choose()?;
    // In the background, what is to be said was said before.
    let config = chosen.load_to_run(&cwd, &args.foreign, is_detached)?.select(&selection)?;
    if is_wanted {
        return detach(file, &selection, &args.foreign, wait.then(|| timeout.unwrap_or(detach::WAIT_DEFAULT)));
    }
    let presentation = if is_detached { Presentation::Detached } else { args.view.presentation() };
    if is_detached {
        detach::leave_session()?;
    }
    let foreign = args.foreign.clone();
    let read = move |project: &Project| Ok(chosen.reread(project, &cwd, &foreign)?.select(&selection)?);
    let until = if is_detached { PlannedUntil::Asked } else { args.view.until() };
    launch(&config.identity(), read, presentation, until.into())
}

/// Whether a dashboard can be drawn and keys can be read here.
fn can_draw() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    io::stdin().is_terminal() && io::stdout().is_terminal() && !dumb
}
