//! The kernel: what surfaces may see and request, behind one [`KernelHandle`].
//!
//! It adds to the supervisor's own handle (snapshot, event log, requests) what belongs to a supervisor with processes:
//! logs, screens, post-mortems, hooks, metrics. Nothing here decides anything.

mod containment;
mod environment;
mod hooks;
pub(crate) mod metrics;
pub mod post_mortem;
#[cfg(test)]
pub(crate) mod sample;
mod usage;

use std::ops::Deref;

pub use containment::Containment;
pub use environment::{RunEnvironment, RunEnvironments, RunVariable};
pub use hooks::{HookCount, HookCounts};
pub use post_mortem::{PostMortem, PostMortems};
pub use usage::{UsageObserver, UsageObservers};

use crate::logs::LogHub;
use crate::screen::ScreenHub;
use crate::supervisor::SupervisorHandle;

/// What a surface holds of the supervisor: all of a [`SupervisorHandle`], and what the tasks leave. Cheap to clone.
#[derive(Debug, Clone)]
pub struct KernelHandle {
    supervisor: SupervisorHandle,
    logs: LogHub,
    post_mortems: Option<PostMortems>,
    containment: Option<Containment>,
    screens: ScreenHub,
    usage_observers: UsageObservers,
    hooks: HookCounts,
    environments: Option<RunEnvironments>,
}

impl Deref for KernelHandle {
    type Target = SupervisorHandle;

    fn deref(&self) -> &SupervisorHandle {
        &self.supervisor
    }
}

impl KernelHandle {
    /// The kernel of a supervisor. Its logs and screens are empty.
    #[must_use]
    pub fn new(supervisor: SupervisorHandle) -> Self {
        Self {
            supervisor,
            logs: LogHub::default(),
            post_mortems: None,
            containment: None,
            screens: ScreenHub::default(),
            usage_observers: UsageObservers::default(),
            hooks: HookCounts::default(),
            environments: None,
        }
    }

    /// Keeps failed runs in `post_mortems`. Nothing is kept by default.
    #[must_use]
    pub fn with_post_mortems(mut self, post_mortems: PostMortems) -> Self {
        self.post_mortems = Some(post_mortems);
        self
    }

    /// Sets how the processes of tasks are contained. `None` by default: no processes.
    #[must_use]
    pub fn with_containment(mut self, containment: Containment) -> Self {
        self.containment = Some(containment);
        self
    }

    /// Sets how the environments of runs are found out. Not at all by default: no processes.
    #[must_use]
    pub fn with_environments(mut self, environments: RunEnvironments) -> Self {
        self.environments = Some(environments);
        self
    }

    /// How the environments of runs are found out; `None` if this supervisor makes no processes.
    #[must_use]
    pub fn environments(&self) -> Option<&RunEnvironments> {
        self.environments.as_ref()
    }

    /// How often each hook was called, and with what result.
    #[must_use]
    pub fn hooks(&self) -> &HookCounts {
        &self.hooks
    }

    /// What the tasks wrote.
    #[must_use]
    pub fn logs(&self) -> &LogHub {
        &self.logs
    }

    /// The failed runs that are kept; `None` if nothing is kept.
    #[must_use]
    pub fn post_mortems(&self) -> Option<&PostMortems> {
        self.post_mortems.as_ref()
    }

    /// How the processes of tasks are contained; `None` if this supervisor makes no processes.
    #[must_use]
    pub fn containment(&self) -> Option<Containment> {
        self.containment
    }

    /// The terminals of the tasks that have one: what they show, and a way to type into them.
    #[must_use]
    pub fn screens(&self) -> &ScreenHub {
        &self.screens
    }

    /// Registers an observer: cpu and memory are sampled while the result lives.
    #[must_use]
    pub fn observe_usage(&self) -> UsageObserver {
        self.usage_observers.observe()
    }

    /// Everyone who observes cpu and memory.
    pub(crate) fn usage_observers(&self) -> &UsageObservers {
        &self.usage_observers
    }
}
