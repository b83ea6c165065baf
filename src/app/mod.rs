//! Composes a supervisor from a config: the warden, a task for each process, the gateway and the surfaces, what follows
//! the supervisor (post-mortems, sampling), and the reload of all that.

mod announce;
mod builtin;
mod compose;
mod diagnostics;
mod event_file;
mod inspect;
mod last_words;
mod launch;
mod log_bounds;
mod post_mortems;
mod run_numbers;
mod run_reports;
mod runtime;
mod sampling;
mod schedules;
mod state_dir;
mod surface_host;
mod task_factory;
mod watches;

pub(crate) use announce::UP;
pub(crate) use event_file::{EventSession, KeptEvents, read_events};
pub(crate) use inspect::inspect;
pub(crate) use launch::{Ending, Presentation, launch};
pub(crate) use state_dir::StatePaths;
