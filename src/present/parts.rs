//! stead's own parts: in one line while they are well.

use crate::supervisor::engine::{TaskSnapshot, TaskState};

/// stead's own parts: those that need attention, and what there is to say of the others.
#[derive(Debug, Default)]
pub(crate) struct Parts<'a> {
    pub(crate) alone: Vec<&'a TaskSnapshot>,
    /// `stead: 5 parts ready`; none if there are no others.
    pub(crate) folded: Option<String>,
}

/// Divides those among `tasks` that are stead's own.
pub(crate) fn parts<'a>(tasks: impl IntoIterator<Item = &'a TaskSnapshot>, is_draining: bool) -> Parts<'a> {
    let own = tasks.into_iter().filter(|task| task.is_builtin());
    let (alone, folded): (Vec<_>, Vec<_>) = own.partition(|task| needs_attention(task, is_draining));
    let ready = folded.iter().filter(|task| task.counts_as_ready()).count();
    let other = if alone.is_empty() { "" } else { "other " };
    let folded = match folded.len() {
        0 => None,
        1 if ready == 1 => Some(format!("stead: 1 {other}part ready")),
        all if ready == all => Some(format!("stead: {all} {other}parts ready")),
        all => Some(format!("stead: {ready} of {all} {other}parts ready")),
    };
    Parts { alone, folded }
}

/// Starting, waiting and stopping pass by themselves.
pub(crate) fn needs_attention(task: &TaskSnapshot, is_draining: bool) -> bool {
    match task.state() {
        TaskState::Failed | TaskState::Backoff => true,
        TaskState::Stopped => !is_draining,
        TaskState::Ready | TaskState::Running => task.is_flapping(),
        TaskState::Waiting | TaskState::Starting | TaskState::Stopping | TaskState::Scheduled | TaskState::Done => {
            false
        }
    }
}
