//! `stead up`: run the tasks.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use clap_complete::ArgValueCandidates;

use super::detach::{self, detach};
use super::{FileArgs, completions};
use crate::app::{Presentation, launch};
use crate::config::Config;
use crate::duration::parse_duration;

/// What `stead up` is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(super) struct UpArgs {
    #[command(flatten)]
    pub(super) view: ViewArgs,
    #[command(flatten)]
    detach: DetachArgs,
    /// Run only these tasks and all they depend on
    #[arg(value_name = "TASK")]
    #[arg(add = ArgValueCandidates::new(completions::tasks))]
    tasks: Vec<String>,
}

/// How a run is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[group(skip)]
pub(super) struct ViewArgs {
    /// Print events and every line of output instead of drawing (chosen by itself without a terminal)
    #[arg(long)]
    plain: bool,
    /// Print events only
    #[arg(long, conflicts_with = "plain")]
    headless: bool,
    /// Leave the mouse to the terminal
    #[arg(long)]
    no_mouse: bool,
}

/// Whether it is left running in the background.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[group(skip)]
pub(super) struct DetachArgs {
    /// Run in the background: return once it can be asked, and leave it running
    #[arg(short, long, conflicts_with_all = ["plain", "headless", "no_mouse"])]
    detach: bool,
    /// With -d: return once all processes are ready or done; the exit code says whether they are
    #[arg(long, requires = "detach")]
    wait: bool,
    /// With --wait: how long at most, "30s", "2m" [default: 1m]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, requires = "wait")]
    timeout: Option<Duration>,
    /// This is the process in the background
    #[arg(long = detach::ARGUMENT, hide = true)]
    is_detached: bool,
}

impl ViewArgs {
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
/// The configuration is wrong or has no such task, or nothing could be started.
pub(super) fn run(file: &FileArgs, args: &UpArgs) -> anyhow::Result<ExitCode> {
    let config = file.load()?.select(&args.tasks)?;
    let DetachArgs { detach: is_wanted, wait, timeout, is_detached } = args.detach;
    if is_wanted {
        return detach(file, &args.tasks, wait.then(|| timeout.unwrap_or(detach::WAIT)));
    }
    let presentation = if is_detached { Presentation::Detached } else { args.view.presentation() };
    if is_detached {
        detach::leave_session()?;
    }
    // The very same file, whatever else is found by then.
    let (path, root, tasks) = (config.path.clone(), config.root.clone(), args.tasks.clone());
    launch(config, move || Ok(Config::load(Some(&path), &root)?.select(&tasks)?), presentation)
}

/// Whether a dashboard can be drawn here and keys can be read.
fn can_draw() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    io::stdin().is_terminal() && io::stdout().is_terminal() && !dumb
}
