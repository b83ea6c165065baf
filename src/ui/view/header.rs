//! The first line: the whole in one look, the worst first; while draining, how far it is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::ansi::plain;
use super::super::format::{fit, memory};
use super::Scene;
use crate::supervisor::core::{PhaseSnapshot, Stage, TaskKind, TaskSnapshot, Uptime};

pub(super) fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let mut left = vec![
        Span::styled(" stead ", scene.theme.accent()),
        Span::styled(format!(" {} ", plain(scene.shown.project)), scene.theme.strong()),
        Span::raw("  "),
    ];
    let brand: usize = left.iter().map(Span::width).sum();
    let right = match &scene.shown.snapshot.stage {
        Stage::Up => {
            left.extend(counts(scene, width.saturating_sub(brand)));
            facts(scene, width.saturating_sub(left.iter().map(Span::width).sum()))
        }
        Stage::Draining { cause, fatal, deadline } => {
            let style = if *fatal { scene.theme.bad() } else { scene.theme.warning() };
            left.extend(drain(scene, *deadline, style, width.saturating_sub(brand)));
            let room = width.saturating_sub(left.iter().map(Span::width).sum::<usize>() + 3);
            // A cause that has to be cut to nothing says nothing.
            if room < 12 { Line::default() } else { Line::styled(format!("{} ", fit(&plain(cause), room)), style) }
        }
    };
    let start = area.right().saturating_sub(u16::try_from(right.width()).unwrap_or(u16::MAX)).max(area.x);
    let left = Line::from(left);
    buffer.set_line(area.x, area.y, &left, area.width);
    buffer.set_line(start, area.y, &right, area.right() - start);
}

/// How many tasks are in which state, the worst first; words only if there is room for them.
fn counts(scene: &Scene<'_>, room: usize) -> Vec<Span<'static>> {
    let spans = |with_words: bool| {
        let mut spans = Vec::new();
        for (count, phase) in counted(scene) {
            let (glyph, style) = scene.theme.phase(phase);
            spans.push(Span::styled(format!("{glyph} {count}"), style));
            spans.push(Span::raw(if with_words { format!(" {}  ", participle(phase)) } else { "  ".to_owned() }));
        }
        spans
    };
    let full = spans(true);
    if full.iter().map(Span::width).sum::<usize>() <= room { full } else { spans(false) }
}

/// The states that occur, the worst first, with how often.
fn counted<'a>(scene: &Scene<'a>) -> Vec<(usize, &'a PhaseSnapshot)> {
    let mut counted: Vec<(usize, &PhaseSnapshot)> = Vec::new();
    for task in &scene.shown.snapshot.tasks {
        match counted.iter_mut().find(|(_, phase)| phase.word() == task.phase.word()) {
            Some((count, _)) => *count += 1,
            None => counted.push((1, &task.phase)),
        }
    }
    counted.sort_by_key(|(_, phase)| badness(phase));
    counted
}

/// The rank of a state, the worst first.
fn badness(phase: &PhaseSnapshot) -> u8 {
    match phase {
        PhaseSnapshot::Failed { .. } => 0,
        PhaseSnapshot::Backoff { .. } => 1,
        PhaseSnapshot::Stopping { .. } => 2,
        PhaseSnapshot::Running { .. } => 3,
        PhaseSnapshot::Starting { .. } => 4,
        PhaseSnapshot::Waiting { .. } => 5,
        PhaseSnapshot::Stopped => 6,
        PhaseSnapshot::Ready { .. } => 7,
        PhaseSnapshot::Done => 8,
    }
}

fn participle(phase: &PhaseSnapshot) -> &'static str {
    match phase {
        PhaseSnapshot::Backoff { .. } => "backing off",
        PhaseSnapshot::Running { .. } => "not ready",
        other => other.word(),
    }
}

/// The figures on the right, as many as there is room for.
fn facts(scene: &Scene<'_>, room: usize) -> Line<'static> {
    let tasks = &scene.shown.snapshot.tasks;
    let restarts: u64 = tasks.iter().map(|task| task.restarts).sum();
    let mut facts: Vec<(u8, Vec<Span<'static>>)> = vec![
        (0, vec![Span::raw(format!("up {}", scene.clock.span(Uptime::default())))]),
        (2, vec![Span::raw(format!("restarts {restarts}"))]),
    ];
    let usages = || tasks.iter().filter_map(|task| task.usage);
    if usages().next().is_some() {
        let cpu: f32 = usages().map(|usage| usage.cpu_percent).sum();
        let bytes = usages().fold(0, |sum: u64, usage| sum.saturating_add(usage.memory_bytes));
        facts.push((3, vec![Span::raw(format!("cpu {cpu:.0}%"))]));
        facts.push((4, vec![Span::raw(format!("mem {}", memory(bytes)))]));
    }
    facts.extend(tasks.iter().filter_map(|task| Some((1, address(scene, task)?))));
    let width = |facts: &[(u8, Vec<Span<'_>>)]| {
        facts.iter().map(|(_, spans)| spans.iter().map(Span::width).sum::<usize>() + 3).sum::<usize>()
    };
    while width(&facts) > room {
        let Some(least) = (0..facts.len()).max_by_key(|&index| facts[index].0) else { break };
        facts.remove(least);
    }
    let mut line = Line::default();
    for (index, (_, spans)) in facts.into_iter().enumerate() {
        if index > 0 {
            line.push_span(Span::styled(" · ", scene.theme.dim()));
        }
        line.extend(spans);
    }
    line.push_span(Span::raw(" "));
    line
}

/// Where a surface can be reached, with its state if it can't be now.
fn address(scene: &Scene<'_>, task: &TaskSnapshot) -> Option<Vec<Span<'static>>> {
    let address = task.address.as_ref().filter(|_| task.kind == TaskKind::Surface)?;
    let host = address.split_once("://").map_or(address.as_str(), |(_, rest)| rest).trim_end_matches('/');
    let host = host.strip_prefix("127.0.0.1").filter(|port| port.starts_with(':')).unwrap_or(host);
    let name = Span::raw(format!("{} ", task.name));
    if matches!(task.phase, PhaseSnapshot::Ready { .. }) {
        return Some(vec![name, Span::raw(plain(host))]);
    }
    let (glyph, style) = scene.theme.phase(&task.phase);
    Some(vec![name, Span::styled(format!("{glyph} "), style), Span::styled(plain(host), scene.theme.dim())])
}

/// How far the drain is, in as many words as there is room for.
fn drain(scene: &Scene<'_>, deadline: Uptime, style: Style, room: usize) -> Vec<Span<'static>> {
    let tasks = &scene.shown.snapshot.tasks;
    let left = tasks.iter().filter(|task| task.is_live()).count();
    let rest = match scene.clock.is_before(deadline) {
        true => format!("{} until the rest is killed", scene.clock.left_in_prose(deadline)),
        false => "the rest is being killed".to_owned(),
    };
    let parts =
        ["draining".to_owned(), format!("{left} of {} left", tasks.len()), rest, "ctrl-c to kill now".to_owned()];
    let mut spans = vec![Span::styled(parts[0].clone(), style.patch(scene.theme.strong()))];
    let mut used = parts[0].len();
    for part in &parts[1..] {
        used += part.len() + 3;
        if used > room {
            break;
        }
        spans.push(Span::styled(" · ", scene.theme.dim()));
        spans.push(Span::styled(part.clone(), style));
    }
    spans
}
