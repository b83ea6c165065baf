//! `stead demo`: small shell programs that behave and misbehave.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::up::ViewArgs;
use crate::app::launch;
use crate::config::{Config, Project};

/// The configuration of the demonstration.
const DEMO_CONFIG: &str = include_str!("../../assets/demo.toml");

/// Arguments of `stead demo`.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct DemoArgs {
    #[command(flatten)]
    view: ViewArgs,
}

/// Runs the demonstration in a temporary directory, which is removed at the end.
///
/// # Errors
///
/// The directory can't be created.
pub(super) fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let dir =
        tempfile::Builder::new().prefix("stead-demo-").tempdir().context("cannot create a temporary directory")?;
    // A project has the name of its directory.
    let root = dir.path().join("demo");
    std::fs::create_dir(&root).with_context(|| format!("cannot create {}", root.display()))?;
    let read = |project: &Project| Ok(Config::parse(DEMO_CONFIG, &project.path())?);
    launch(&Project::in_dir(&root), read, args.view.presentation(), args.view.until().into())
}
