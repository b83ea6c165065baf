//! What the title of the terminal's window says: the project and what is not well.

use crate::present::ansi::plain;
use crate::present::state::look;
use crate::supervisor::engine::{Snapshot, Stage};

/// Ranks of states that are worth a place in the title.
const WORST_RANKS: u8 = 4;

/// `shop: 1 failed, 2 flapping`, or `shop: ok`.
#[must_use]
pub fn window_title(project: &str, snapshot: &Snapshot) -> String {
    let project = plain(project);
    if matches!(snapshot.stage, Stage::Draining { .. }) {
        return format!("{project}: draining");
    }
    let mut looks: Vec<_> = snapshot.tasks.iter().map(look).filter(|look| look.rank < WORST_RANKS).collect();
    looks.sort_by_key(|look| look.rank);
    let counts = looks.chunk_by(|one, next| one.rank == next.rank);
    let counts: Vec<_> = counts.map(|same| format!("{} {}", same.len(), same[0].counted)).collect();
    if counts.is_empty() { format!("{project}: ok") } else { format!("{project}: {}", counts.join(", ")) }
}
