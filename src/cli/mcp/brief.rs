//! The tool `status` in short: a line for each task, those that need attention first, within the bytes of one answer.

use serde_json::{Value, json};

use super::TOOL_ANSWER_BYTES;
use crate::present::ansi::plain;
use crate::present::parts::parts;
use crate::present::state::look;
use crate::supervisor::engine::TaskSnapshot;
use crate::wire::{Lenient, LenientSnapshot};

/// Bytes of an answer that are not tasks.
const FRAME_BYTES: usize = 1_024;
/// The rank of a task whose state this version does not know: before all that it knows.
const UNKNOWN_RANK: u8 = 0;

/// Every task in short. Of stead's own parts only those that are not well; and no task for which there is no room.
pub(super) fn of_all(snapshot: &LenientSnapshot) -> Value {
    let parts = parts(snapshot.tasks.iter().filter_map(Lenient::known), snapshot.drain().is_some());
    let is_shown =
        |task: &&Lenient<TaskSnapshot>| !task.is_builtin() || parts.alone.iter().any(|alone| alone.name == task.name());
    let mut tasks: Vec<_> = snapshot.tasks.iter().filter(is_shown).collect();
    // Stable: within a rank they stay in the order of the file.
    tasks.sort_by_key(|task| task.known().map_or(UNKNOWN_RANK, |task| look(task).rank));
    let (count, mut room, mut shown) = (tasks.len(), TOOL_ANSWER_BYTES - FRAME_BYTES, Vec::new());
    for task in tasks {
        let task = in_short(task, snapshot);
        let bytes = task.to_string().len() + 1;
        if bytes > room {
            break;
        }
        room -= bytes;
        shown.push(task);
    }
    let left_out = count - shown.len();
    let mut answer = json!({ "project": snapshot.supervisor.project, "tasks": shown });
    if let Some((cause, _)) = snapshot.drain() {
        answer["draining"] = plain(cause).into();
    }
    if left_out > 0 {
        answer["left_out"] = left_out.into();
    }
    answer
}

/// What there is to know at first sight; what says nothing is left out.
fn in_short(task: &Lenient<TaskSnapshot>, snapshot: &LenientSnapshot) -> Value {
    let mut short = json!({ "name": task.name(), "state": task.state() });
    let next = snapshot.next(task);
    if !next.is_empty() {
        short["next"] = plain(&next).into();
    }
    let Some(task) = task.known() else { return short };
    if task.retries > 0 {
        short["retries"] = format!("{}/{}", task.retries, task.max_retries).into();
    }
    if let Some(exit) = &task.last_exit {
        short["last_exit"] = plain(&exit.reason.to_string()).into();
    }
    short
}
