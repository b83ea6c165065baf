//! What the core supervises: every task with its policy, and the order between them.

use std::time::Duration;

use super::event::TaskId;
use super::snapshot::TaskKind;
use crate::config::{Condition, DrainConfig, OnExhausted, Policy, RestartConfig};

/// All tasks of one supervisor. Dependencies are by place, exist, and have no cycle.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// In the order in which they are shown.
    pub tasks: Vec<TaskPlan>,
    /// How long an ordered stop may take.
    pub drain: DrainConfig,
    /// Seeds the jitter of the backoff.
    pub seed: u64,
}

/// One task of the plan.
#[derive(Debug, Clone)]
pub struct TaskPlan {
    /// Its unique name.
    pub name: String,
    /// What it is made of.
    pub kind: TaskKind,
    /// For people: the command line, or what the surface is.
    pub about: String,
    /// What an exit means.
    pub policy: Policy,
    /// What a spent budget means.
    pub on_exhausted: OnExhausted,
    /// When and how often it is started again.
    pub restart: RestartConfig,
    /// What must hold before it starts.
    pub after: Vec<(TaskId, Condition)>,
    /// Whether a probe tells when it is ready; without one it is ready as soon as it runs.
    pub probed: bool,
    /// So many failed probes in a row end the run.
    pub failure_threshold: Option<u32>,
    /// Whether it has a terminal.
    pub tty: bool,
    /// How long it may take to stop before it is killed.
    pub stop_timeout: Duration,
    /// Exit codes that count as success.
    pub success_exit_codes: Vec<i32>,
}

impl Plan {
    /// The order of the drain: tasks nobody depends on first, then what they depended on, and so on;
    /// surfaces last, in the same order, so that every face shows the drain to its end.
    pub(super) fn drain_layers(&self) -> Vec<Vec<TaskId>> {
        let mut height = vec![0usize; self.tasks.len()];
        // A task stands above everything it depends on. There are no cycles, so this settles after as
        // many rounds as the longest chain has links.
        loop {
            let mut settled = true;
            for (place, task) in self.tasks.iter().enumerate() {
                let above = task.after.iter().map(|(dependency, _)| height[dependency.0] + 1).max().unwrap_or(0);
                if above > height[place] {
                    height[place] = above;
                    settled = false;
                }
            }
            if settled {
                break;
            }
        }
        let tallest = height.iter().copied().max().unwrap_or(0);
        let members = |surface: bool, wanted: usize| -> Vec<TaskId> {
            let ids = 0..self.tasks.len();
            ids.filter(|&id| (self.tasks[id].kind == TaskKind::Surface) == surface && height[id] == wanted)
                .map(TaskId)
                .collect()
        };
        let by_height = |surface| (0..=tallest).rev().map(move |wanted| (surface, wanted));
        let mut layers: Vec<_> =
            by_height(false).chain(by_height(true)).map(|(surface, wanted)| members(surface, wanted)).collect();
        layers.retain(|layer| !layer.is_empty());
        layers
    }
}
