//! `stead demo`: small shell programs that behave and misbehave, to see what there is to see.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::up::ViewArgs;
use crate::app::launch;
use crate::config::Config;

/// The configuration of the demonstration.
const CONFIG: &str = include_str!("../../assets/demo.toml");

/// What `stead demo` is told.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct DemoArgs {
    #[command(flatten)]
    view: ViewArgs,
}

/// Runs the demonstration until it has ended, in a directory of its own that goes with it.
///
/// # Errors
///
/// When that directory can't be made.
pub(super) fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let dir = tempfile::Builder::new().prefix("stead-demo-").tempdir().context("cannot make a temporary directory")?;
    // The project is called by its directory's name.
    let root = dir.path().join("demo");
    std::fs::create_dir(&root).with_context(|| format!("cannot make {}", root.display()))?;
    let read = move || Config::parse(CONFIG, &root.join("stead.toml"));
    launch(read()?, move || Ok(read()?), args.view.presentation())
}
