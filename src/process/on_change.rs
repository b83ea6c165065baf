//! The command that a task has run when a file that it watches has changed.

use std::collections::BTreeMap;

use super::{OneShotCommand, ProcessTask};
use crate::config::OnChange;
use crate::supervisor::engine::ExitReason;

/// The changed file, for the command: absolute.
const CHANGED: &str = "STEAD_CHANGED";

/// Runs the command to its end. What it writes, and how it fails, is in the log of the task.
pub(super) async fn run_command(task: &ProcessTask, run: u64, file: String) {
    let Some(watch) = &task.config.watch else { return };
    let OnChange::Run(command) = &watch.action else { return };
    let path = std::path::absolute(watch.root.join(&file)).unwrap_or_else(|_| watch.root.join(&file));
    let variables = task.config.env.iter().map(|(name, variable)| (name.clone(), variable.value.expose().to_owned()));
    let mut env: BTreeMap<_, _> = variables.collect();
    env.insert("STEAD_TASK".to_owned(), task.config.name.clone());
    env.insert(CHANGED.to_owned(), path.to_string_lossy().into_owned());
    let one_shot = OneShotCommand { command, dir: &task.config.dir, env, input: String::new() };
    let note = |text: String| task.tail.note(task.log.run(run), text);
    let failure = match one_shot.run(&task.warden).await {
        Ok(outcome) => {
            outcome.output.lines().for_each(|line| note(line.to_owned()));
            (outcome.reason != ExitReason::Code { code: 0 }).then(|| outcome.reason.to_string())
        }
        Err(message) => Some(message),
    };
    if let Some(failure) = failure {
        note(format!("stead: the command for the changed {file} failed: {failure}"));
    }
}
