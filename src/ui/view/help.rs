//! All keys, from the table that dispatches them.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::super::keymap::{Binding, Chord, Context, KEYS, Topic};
use super::context::DrawContext;

/// From this width on the help has two columns.
const TWO_COLUMNS_FROM: u16 = 110;
/// Columns of the keys.
const KEYS_WIDTH: usize = 13;
/// Columns of the left half.
const LEFT_WIDTH: usize = 58;

pub(super) fn lines(context: &DrawContext<'_>, area: Rect) -> Vec<Line<'static>> {
    let topics = Topic::ALL.map(|topic| of_topic(context, topic));
    if area.width < TWO_COLUMNS_FROM {
        return topics.join(&Line::default());
    }
    let [select, act, log, look, leave] = topics;
    let gap = Line::default();
    let left = [select, act, look, leave].join(&gap);
    beside(left, log)
}

fn of_topic(context: &DrawContext<'_>, topic: Topic) -> Vec<Line<'static>> {
    let heading = Line::styled(topic.title(), context.theme.strong());
    let is_shown = |context: &Context| matches!(context, Context::Main | Context::Log);
    let bindings = KEYS.iter().filter(|binding| binding.topic == topic && binding.contexts.iter().any(is_shown));
    let bindings: Vec<_> = bindings.collect();
    let help = |binding: &Binding| binding.help(context.shown.is_guest);
    let lines = bindings.chunk_by(|one, next| help(one) == help(next)).map(|same| {
        let keys = same.iter().flat_map(|binding| binding.keys);
        let mut names: Vec<String> = Vec::new();
        for name in keys.map(|key: &Chord| key.name()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let names = names.join(" ");
        let gap = " ".repeat(KEYS_WIDTH.saturating_sub(names.width()));
        Line::from(vec![Span::styled(names, context.theme.accent()), Span::raw(gap), Span::raw(help(same[0]))])
    });
    std::iter::once(heading).chain(lines).collect()
}

fn beside(left: Vec<Line<'static>>, right: Vec<Line<'static>>) -> Vec<Line<'static>> {
    let rows = left.len().max(right.len());
    let mut right = right.into_iter();
    let mut left = left.into_iter();
    (0..rows)
        .map(|_| {
            let mut line = left.next().unwrap_or_default();
            if let Some(other) = right.next() {
                let gap = LEFT_WIDTH.saturating_sub(line.width());
                let own = std::mem::take(&mut line.style);
                line.spans.iter_mut().for_each(|span| span.style = own.patch(span.style));
                line.push_span(Span::raw(" ".repeat(gap)));
                line.extend(other.spans.into_iter().map(|span| span.patch_style(other.style)));
            }
            line
        })
        .collect()
}
