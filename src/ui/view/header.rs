//! The first line: the whole in one look, the worst first; while draining, how far it is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::context::DrawContext;
use crate::present::ansi::plain;
use crate::present::state::{StateLook, look};
use crate::present::task::short_name;
use crate::present::text::{fit, memory};
use crate::supervisor::engine::{Stage, TaskKind, TaskSnapshot, Uptime};

/// What is left out when there is not enough room, step by step: which states have a word beside their number (those
/// less bad than this have none), and which facts stand on the right (those of a higher rank do not).
const STEPS: [(u8, u8); 8] = [(13, 4), (13, 2), (13, 1), (7, 1), (4, 1), (2, 1), (0, 1), (0, 0)];

/// From this width on the project's name is shown.
const PROJECT_FROM: usize = 60;

pub(super) fn draw(context: &DrawContext<'_>, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let mut left = Line::from(Span::styled(" stead ", context.theme.accent()));
    if width >= PROJECT_FROM {
        left.push_span(Span::styled(format!(" {}   ", plain(context.shown.project)), context.theme.strong()));
    }
    let room = width.saturating_sub(left.width());
    let (state, right) = match &context.shown.snapshot.stage {
        Stage::Up => supervising(context, room),
        Stage::Draining { cause, fatal, deadline } => {
            let style = if *fatal { context.theme.bad() } else { context.theme.warning() };
            let state = drain(context, *deadline, style, room);
            let room = room.saturating_sub(state.width() + 3);
            // A cause that has to be cut to nothing says nothing.
            let cause = if room < 12 { String::new() } else { format!("{} ", fit(&plain(cause), room)) };
            (state, Line::styled(cause, style))
        }
    };
    left.extend(state.spans);
    let start = area.right().saturating_sub(u16::try_from(right.width()).unwrap_or(u16::MAX)).max(area.x);
    buffer.set_line(area.x, area.y, &left, area.width);
    buffer.set_line(start, area.y, &right, area.right() - start);
}

/// The counts on the left and the facts on the right, as much of them as there is room for.
fn supervising(context: &DrawContext<'_>, room: usize) -> (Line<'static>, Line<'static>) {
    let fits = |(counts, facts): &(Line<'_>, Line<'_>)| counts.width() + facts.width() <= room;
    let steps = STEPS.iter().map(|&(words, rank)| (counts(context, words), facts(context, rank)));
    let tightest = || (counts(context, 0), Line::default());
    steps.into_iter().find(fits).unwrap_or_else(tightest)
}

/// How many tasks are in which state, the worst first; with words for those that are worse than `words_below`.
fn counts(context: &DrawContext<'_>, words_below: u8) -> Line<'static> {
    let mut line = Line::default();
    for (count, look) in counted(context) {
        let (glyph, style) = context.theme.state(look);
        if words_below == 0 {
            line.push_span(Span::styled(format!("{glyph}{count} "), style));
            continue;
        }
        let word = if look.rank < words_below { format!(" {}", look.counted) } else { String::new() };
        line.push_span(Span::styled(format!("{glyph} {count}"), style));
        line.push_span(Span::raw(format!("{word}  ")));
    }
    line
}

/// The states that occur, the worst first, with how often. Stead's own parts count only when they need eyes.
fn counted(context: &DrawContext<'_>) -> Vec<(usize, StateLook)> {
    let mut counted: Vec<(usize, StateLook)> = Vec::new();
    let tasks = context.shown.snapshot.tasks.iter();
    for look in tasks.filter(|task| !task.is_builtin() || !task.counts_as_ready()).map(look) {
        match counted.iter_mut().find(|(_, known)| *known == look) {
            Some((count, _)) => *count += 1,
            None => counted.push((1, look)),
        }
    }
    counted.sort_by_key(|(_, look)| look.rank);
    counted
}

/// The figures on the right, up to a rank.
fn facts(context: &DrawContext<'_>, rank: u8) -> Line<'static> {
    let tasks = &context.shown.snapshot.tasks;
    let restarts: u64 = tasks.iter().map(|task| task.restarts).sum();
    let mut facts = vec![(0, vec![Span::raw(format!("up {}", context.clock.span(Uptime::default())))])];
    facts.push((2, vec![Span::raw(format!("restarts {restarts}"))]));
    let usages = || tasks.iter().filter_map(|task| task.usage.as_ref());
    if usages().next().is_some() {
        let cpu: f32 = usages().map(|usage| usage.cpu_percent).sum();
        let bytes = usages().fold(0, |sum: u64, usage| sum.saturating_add(usage.memory_bytes));
        facts.push((3, vec![Span::raw(format!("cpu {cpu:.0}%"))]));
        facts.push((4, vec![Span::raw(format!("mem {}", memory(bytes)))]));
    }
    facts.extend(tasks.iter().filter_map(|task| Some((1, address(context, task)?))));
    let mut line = Line::default();
    for (_, spans) in facts.into_iter().filter(|(own, _)| *own <= rank) {
        if !line.spans.is_empty() {
            line.push_span(Span::styled(" · ", context.theme.dim()));
        }
        line.extend(spans);
    }
    line.push_span(Span::raw(" "));
    line
}

/// Where a surface can be reached, with its state if it can't be now.
fn address(context: &DrawContext<'_>, task: &TaskSnapshot) -> Option<Vec<Span<'static>>> {
    let address = task.address.as_ref().filter(|_| task.kind == TaskKind::Builtin)?;
    let host = address.split_once("://").map_or(address.as_str(), |(_, rest)| rest).trim_end_matches('/');
    let host = host.strip_prefix("127.0.0.1").filter(|port| port.starts_with(':')).unwrap_or(host);
    let name = Span::raw(format!("{} ", short_name(task)));
    if task.counts_as_ready() {
        return Some(vec![name, Span::raw(plain(host))]);
    }
    let (glyph, style) = context.theme.state(look(task));
    Some(vec![name, Span::styled(format!("{glyph} "), style), Span::styled(plain(host), context.theme.dim())])
}

/// How far the drain is, in as many words as there is room for.
fn drain(context: &DrawContext<'_>, deadline: Uptime, style: Style, room: usize) -> Line<'static> {
    let tasks = &context.shown.snapshot.tasks;
    let left = tasks.iter().filter(|task| task.is_live()).count();
    let rest = match context.clock.is_before(deadline) {
        true => format!("{} until the rest is killed", context.clock.left(deadline)),
        false => "the rest is being killed".to_owned(),
    };
    let mut parts = vec!["draining".to_owned(), format!("{left} of {} left", tasks.len()), rest];
    // Where a guest presses it, it leaves.
    if !context.shown.is_guest {
        parts.push("ctrl-c to kill now".to_owned());
    }
    let mut line = Line::default();
    for part in parts {
        if line.spans.is_empty() {
            line.push_span(Span::styled(part, style.patch(context.theme.strong())));
        } else if line.width() + part.len() + 3 <= room {
            line.push_span(Span::styled(" · ", context.theme.dim()));
            line.push_span(Span::styled(part, style));
        }
    }
    line
}
