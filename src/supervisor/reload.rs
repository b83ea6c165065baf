//! Loads a new plan away from the driver's loop: a disk may hang.

use std::collections::BTreeMap;

use tokio::task::{JoinError, JoinSet};

use super::Runner;
use super::engine::{BadConfig, Input, LoadRequest, Replan, TaskId};

/// Makes a new plan, or says why there is none. May block.
pub(crate) type Loader = Box<dyn FnMut(LoadRequest) -> Result<PlannedReload, BadConfig> + Send>;

/// A new plan, and what takes effect once the engine has adopted it.
pub(crate) struct PlannedReload {
    pub(crate) replan: Box<Replan>,
    /// By position in the plan; `None` where nothing has changed.
    pub(crate) runners: Vec<Option<Runner>>,
    /// Called when the plan is adopted.
    pub(crate) adopted: Box<dyn FnOnce() + Send>,
}

/// The result of one load.
pub(super) struct LoadResult(Result<Finished, JoinError>);

/// The loader comes back with what it has made.
type Finished = (Option<Loader>, Result<PlannedReload, BadConfig>);

/// Loads at most one plan at a time: the engine sees to it.
pub(super) struct Reload {
    /// None while it loads, or if there is nothing to load.
    loader: Option<Loader>,
    loading: JoinSet<Finished>,
    /// Takes effect with the plan that is being passed to the engine.
    pending: Option<PendingReload>,
}

struct PendingReload {
    runners: Vec<Option<Runner>>,
    adopted: Box<dyn FnOnce() + Send>,
}

impl Reload {
    pub(super) fn new(loader: Option<Loader>) -> Self {
        Self { loader, loading: JoinSet::new(), pending: None }
    }

    /// Whether there is anything to load.
    pub(super) fn is_possible(&self) -> bool {
        self.loader.is_some()
    }

    /// Begins to load.
    pub(super) fn begin(&mut self, request: LoadRequest) {
        let loader = self.loader.take();
        self.loading.spawn_blocking(move || {
            let Some(mut loader) = loader else {
                return (None, Err(BadConfig::new("there is no configuration to read")));
            };
            let loaded = loader(request);
            (Some(loader), loaded)
        });
    }

    /// Waits for the load that is under way; for ever if none is.
    pub(super) async fn next(&mut self) -> LoadResult {
        match self.loading.join_next().await {
            Some(result) => LoadResult(result),
            None => std::future::pending().await,
        }
    }

    /// The engine's input for a result.
    pub(super) fn input(&mut self, LoadResult(result): LoadResult) -> Input {
        let loaded = match result {
            Ok((loader, loaded)) => {
                self.loader = loader;
                loaded
            }
            Err(error) => Err(BadConfig::new(format!("cannot read the configuration: {error}"))),
        };
        Input::Loaded(loaded.map(|PlannedReload { replan, runners, adopted }| {
            self.pending = Some(PendingReload { runners, adopted });
            replan
        }))
    }

    /// Puts the adopted plan in force: its tasks go by these ids.
    pub(super) fn adopt(&mut self, ids: Vec<TaskId>, runners: &mut BTreeMap<TaskId, Runner>) {
        let Some(PendingReload { runners: made, adopted }) = self.pending.take() else { return };
        adopted();
        let mut before = std::mem::take(runners);
        let made = ids.into_iter().zip(made);
        runners.extend(made.filter_map(|(id, runner)| Some((id, runner.or_else(|| before.remove(&id))?))));
    }
}
