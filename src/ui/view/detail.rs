//! The selected task in a few lines: its process, what an exit means, whether it is ready.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::layout::{self, Panes};
use super::context::DrawContext;
use super::frame;
use crate::present::ansi::plain;
use crate::present::task::{self as present, after, exit_label, flapping, group_policy, on_exit};
use crate::present::text::{fit, wrap};
use crate::supervisor::engine::{PhaseSnapshot, TaskSnapshot};

/// Columns of a line's label.
const LABEL_COLUMNS: usize = 11;

pub(super) fn draw(context: &DrawContext<'_>, panes: Panes, buffer: &mut Buffer) {
    let area = panes.detail;
    if area.is_empty() {
        return;
    }
    let task = context.model.selected_task(context.shown.snapshot);
    // The events below draw the lower edge: the rule between the two.
    let framed = Rect { height: area.height + u16::from(!panes.events.is_empty()), ..area };
    frame::draw(context.theme, framed, task.map_or("", |task| task.name.as_str()), "", buffer);
    let Some(task) = task else { return };
    let inside = layout::inside(framed);
    let width = usize::from(inside.width.saturating_sub(2));
    for (y, line) in (inside.y..inside.bottom()).zip(lines(context, task, width)) {
        buffer.set_line(inside.x + 1, y, &line, inside.width.saturating_sub(2));
    }
}

fn lines(context: &DrawContext<'_>, task: &TaskSnapshot, width: usize) -> Vec<Line<'static>> {
    let labelled = |label: &str, text: &str, style: Style| {
        let label = Span::styled(format!("{label:<LABEL_COLUMNS$}"), context.theme.dim());
        Line::from(vec![label, Span::styled(fit(text, width.saturating_sub(LABEL_COLUMNS)), style)])
    };
    let mut lines: Vec<Line<'static>> = shortened(&what(task), width).into_iter().map(Line::raw).collect();
    if let Some(description) = &task.description {
        lines.insert(0, Line::raw(fit(&plain(description), width)));
    }
    lines.push(labelled(exit_label(task), &on_exit(task), Style::new()));
    if !task.after.is_empty() {
        lines.push(labelled("after", &after(task), Style::new()));
    }
    if let Some(group) = context.shown.snapshot.group_of(&task.name) {
        lines.push(labelled("group", &format!("{} · {}", group.name, group_policy(group)), Style::new()));
    }
    if let Some(probe) = &task.probe {
        let text = format!("{} · {}", plain(&probe.detail), context.clock.age(probe.at));
        let style = if probe.passed { Style::new() } else { context.theme.warning() };
        lines.push(labelled("ready", &text, style));
    }
    if let Some(probe) = &task.live_probe {
        let text = format!("{} · {}", plain(&probe.detail), context.clock.age(probe.at));
        let style = if probe.passed { Style::new() } else { context.theme.warning() };
        lines.push(labelled("live", &text, style));
    }
    if let Some(status) = &task.status {
        lines.push(labelled("says", &plain(status), Style::new()));
    }
    if !task.ports.is_empty() {
        let ports: Vec<_> = task.ports.iter().map(|(name, number)| format!("{name} {number}")).collect();
        lines.push(labelled("ports", &ports.join(", "), Style::new()));
    }
    if let Some(address) = &task.address {
        lines.push(labelled("address", &plain(address), Style::new()));
    }
    if let PhaseSnapshot::Failed { reason, .. } = &task.phase {
        lines.push(labelled("failed", &plain(reason), context.theme.bad()));
    }
    if let Some(hint) = task.last_exit.as_ref().and_then(|last| last.hint.as_ref()).filter(|_| !task.is_live()) {
        let mut parts = wrap(&plain(hint), width.saturating_sub(LABEL_COLUMNS)).into_iter();
        lines.extend(parts.next().map(|first| labelled("hint", &first, context.theme.warning())));
        lines.extend(parts.map(|part| labelled("", &part, context.theme.warning())));
    }
    if let Some(often) = flapping(task) {
        lines.push(labelled("flapping", &often, context.theme.warning()));
    }
    lines
}

/// `pid 4121 · 3 processes · cargo run -p api`
fn what(task: &TaskSnapshot) -> String {
    let pid = task.pid().map(|pid| format!("pid {pid}"));
    let usage = task.usage.as_ref();
    let processes = usage.filter(|usage| usage.processes > 1).map(|usage| format!("{} processes", usage.processes));
    let ports = usage.and_then(|usage| present::ports(&usage.ports));
    let parts: Vec<String> = pid.into_iter().chain(processes).chain(ports).chain([plain(&task.about)]).collect();
    parts.join(" · ")
}

/// At most two lines of `width`; the second ends in an ellipsis if there would be more.
fn shortened(text: &str, width: usize) -> Vec<String> {
    let mut lines = wrap(text, width);
    if lines.len() > 2 {
        let rest = lines.split_off(1).join(" ");
        lines.push(fit(&rest, width));
    }
    lines
}
