//! `stead demo`: a configuration that shows what there is to see.

use std::process::ExitCode;

use clap::Args;

use super::up::ViewArgs;

/// What `stead demo` is told.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct DemoArgs {
    #[command(flatten)]
    view: ViewArgs,
}

/// Runs the demonstration until it has ended.
pub(super) fn run(_args: &DemoArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("the supervisor is not connected yet")
}
