//! What depends on what, as an indented tree: each task below those that it waits for.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::context::DrawContext;
use super::details::holds;
use crate::present::ansi::plain;
use crate::present::state::look;
use crate::supervisor::engine::{EdgeSnapshot, Snapshot, TaskSnapshot};

/// Columns of a step of the indentation.
const STEP: usize = 3;
/// A chain that is longer is cut.
const MOST_DEPTH: usize = 40;

pub(super) fn lines(context: &DrawContext<'_>) -> Vec<Line<'static>> {
    let snapshot = context.shown.snapshot;
    let is_root = |task: &&TaskSnapshot| !task.is_builtin() && task.after.is_empty();
    let mut tree = DependencyTree { context, lines: Vec::new(), seen: Vec::new() };
    for root in snapshot.tasks.iter().filter(is_root) {
        let has_dependents = dependents(snapshot, root).next().is_some();
        // Those that stand alone are named together, below.
        if has_dependents {
            tree.add(root, None, 0);
        }
    }
    let alone = snapshot.tasks.iter().filter(is_root).filter(|root| dependents(snapshot, root).next().is_none());
    let alone: Vec<_> = alone.map(|task| task.name.as_str()).collect();
    if !alone.is_empty() {
        if !tree.lines.is_empty() {
            tree.lines.push(Line::default());
        }
        tree.lines.push(Line::styled(
            format!("{} with no dependency: {}", alone.len(), plain(&alone.join(", "))),
            context.theme.dim(),
        ));
    }
    tree.lines
}

struct DependencyTree<'a> {
    context: &'a DrawContext<'a>,
    lines: Vec<Line<'static>>,
    /// Whose dependents stand in the tree already.
    seen: Vec<&'a str>,
}

impl<'a> DependencyTree<'a> {
    fn add(&mut self, task: &'a TaskSnapshot, edge: Option<(&TaskSnapshot, &EdgeSnapshot)>, depth: usize) {
        let theme = self.context.theme;
        let (glyph, style) = theme.state(look(task));
        let margin =
            if depth > 0 { format!("{:indent$}└─ ", "", indent = (depth - 1) * STEP) } else { String::new() };
        let is_selected = self.context.model.selected(self.context.shown.snapshot) == Some(task.name.as_str());
        let name = if is_selected { theme.accent() } else { theme.strong() };
        let mut line = Line::from(vec![
            Span::styled(margin, theme.dim()),
            Span::styled(format!("{glyph} "), style),
            Span::styled(plain(&task.name), name),
            Span::styled(format!("  {}", look(task).word), style),
        ]);
        if let Some((needed, edge)) = edge {
            let holds = holds(needed, edge.condition);
            let (sign, style) = if holds { ("✔", Style::new()) } else { ("✖", theme.warning()) };
            line.push_span(Span::styled(format!("  {sign} needs {} {}", plain(&edge.task), edge.condition), style));
        }
        let is_known = self.seen.contains(&task.name.as_str());
        let snapshot = self.context.shown.snapshot;
        if is_known && dependents(snapshot, task).next().is_some() {
            line.push_span(Span::styled("  (see above)", theme.dim()));
        }
        self.lines.push(line);
        if is_known || depth >= MOST_DEPTH {
            return;
        }
        self.seen.push(&task.name);
        for (dependent, edge) in dependents(snapshot, task) {
            self.add(dependent, Some((task, edge)), depth + 1);
        }
    }
}

/// The tasks that wait for this one, each with what it waits for.
fn dependents<'a>(
    snapshot: &'a Snapshot,
    task: &TaskSnapshot,
) -> impl Iterator<Item = (&'a TaskSnapshot, &'a EdgeSnapshot)> {
    let name = task.name.clone();
    snapshot.tasks.iter().filter_map(move |other| Some((other, other.after.iter().find(|edge| edge.task == name)?)))
}
