//! Reads the configuration anew, away from the driver's loop: a disk may hang.

use std::collections::BTreeMap;

use tokio::task::{JoinError, JoinSet};

use super::core::{Event, TaskId};
use super::driver::Runner;
use super::processes::{Fresh, Loaded, Processes};
use crate::config::BadConfig;

/// What has come of a reading.
pub(super) struct Read(Result<Outcome, JoinError>);

/// The reader comes back with what it has read.
type Outcome = (Option<Box<Processes>>, Result<Loaded, BadConfig>);

/// The way to read the configuration anew, if there is one. One reading at a time: the core sees to it.
pub(super) struct Reading {
    /// None while it reads.
    processes: Option<Box<Processes>>,
    under_way: JoinSet<Outcome>,
    /// What takes effect with the plan that is being handed to the core.
    fresh: Option<Fresh>,
}

impl Reading {
    pub(super) fn new(processes: Option<Processes>) -> Self {
        Self { processes: processes.map(Box::new), under_way: JoinSet::new(), fresh: None }
    }

    /// Whether there is anything to read.
    pub(super) fn is_possible(&self) -> bool {
        self.processes.is_some()
    }

    /// Begins to read.
    pub(super) fn begin(&mut self) {
        let processes = self.processes.take();
        self.under_way.spawn_blocking(move || {
            let Some(mut processes) = processes else {
                return (None, Err(BadConfig::new("there is no configuration to read")));
            };
            let loaded = processes.load();
            (Some(processes), loaded)
        });
    }

    /// What the reading comes to; never if none is under way.
    pub(super) async fn next(&mut self) -> Read {
        match self.under_way.join_next().await {
            Some(read) => Read(read),
            None => std::future::pending().await,
        }
    }

    /// Tells the core of it.
    pub(super) fn event(&mut self, Read(read): Read) -> Event {
        let loaded = match read {
            Ok((processes, loaded)) => {
                self.processes = processes;
                loaded
            }
            Err(error) => Err(BadConfig::new(format!("cannot read the configuration: {error}"))),
        };
        Event::Loaded(loaded.map(|Loaded { replan, fresh }| {
            self.fresh = Some(fresh);
            replan
        }))
    }

    /// Puts in force what the core has adopted: its tasks go by these ids.
    pub(super) fn adopt(&mut self, ids: Vec<TaskId>, runners: &mut BTreeMap<TaskId, Runner>) {
        let Some(fresh) = self.fresh.take() else { return };
        fresh.take_effect();
        let mut before = std::mem::take(runners);
        let made = ids.into_iter().zip(fresh.runners);
        runners.extend(made.filter_map(|(id, runner)| Some((id, runner.or_else(|| before.remove(&id))?))));
    }
}
