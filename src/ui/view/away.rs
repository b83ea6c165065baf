//! The page of what happened since the last key.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};
use unicode_width::UnicodeWidthStr;

use super::super::away::{TaskNews, news};
use super::super::layout::{self, ClickTarget, Layout, Page, first_visible};
use super::context::DrawContext;
use super::frame;
use crate::present::ansi::plain;
use crate::present::state::look;
use crate::present::text::fit;

/// The most columns of names, and of what happened.
const MOST_COLUMNS: (usize, usize) = (32, 44);

pub(super) fn draw(
    context: &DrawContext<'_>,
    chosen: usize,
    area: Rect,
    layout: &mut Layout,
    buffer: &mut Buffer,
) -> Page {
    let shown = context.shown;
    let since = context.model.absence.since;
    let news = news(shown.events, shown.snapshot, since);
    Clear.render(area, buffer);
    let title = format!("while you were away · since {}", minute(context, wall(context, since)));
    frame::draw(context.theme, area, &title, "enter: its log then · tab: every event", buffer);
    let text = layout::inside(area);
    let (rest, height) = (text.height.saturating_sub(2), usize::from(text.height.saturating_sub(2)));
    let chosen = chosen.min(news.len().saturating_sub(1));
    let first = first_visible(0, chosen, news.len(), height);
    let columns = |of: &dyn Fn(&TaskNews<'_>) -> usize, most: usize| news.iter().map(of).max().unwrap_or(0).min(most);
    let name_width = columns(&|news| news.task.name.width(), MOST_COLUMNS.0);
    let said: Vec<String> = news.iter().map(|news| happened(context, news)).collect();
    let said_width = said.iter().map(|said| said.width()).max().unwrap_or(0).min(MOST_COLUMNS.1);
    for (y, index) in (text.y..text.y + rest).zip(first..news.len()) {
        let row = Rect { y, height: 1, ..text };
        draw_line(context, &news[index], &said[index], (name_width, said_width), row, buffer);
        layout.add_target(row, ClickTarget::Entry(index));
        if index == chosen {
            buffer.set_stringn(row.x, y, "▸", 1, context.theme.accent());
            buffer.set_style(row, context.theme.selected());
        }
    }
    let drawn = u16::try_from(news.len().min(height)).unwrap_or(0);
    let others = shown.snapshot.tasks.iter().filter(|task| !task.is_builtin()).count();
    let others = others.saturating_sub(news.iter().filter(|news| !news.task.is_builtin()).count());
    let told = match (others, news.len()) {
        (0, _) => String::new(),
        (others, 0) => format!("{others} tasks: nothing happened"),
        (1, _) => "1 other: nothing happened".to_owned(),
        (others, _) => format!("{others} others: nothing happened"),
    };
    if rest > 0 {
        let y = (text.y + drawn + u16::from(drawn > 0 && drawn < rest)).min(text.bottom() - 1);
        buffer.set_stringn(text.x + 2, y, told, usize::from(text.width.saturating_sub(2)), context.theme.dim());
    }
    frame::hint(context.theme, area, first, height, news.len(), buffer);
    Page { text, rows: news.len() }
}

fn draw_line(
    context: &DrawContext<'_>,
    news: &TaskNews<'_>,
    said: &str,
    (name_width, said_width): (usize, usize),
    row: Rect,
    buffer: &mut Buffer,
) {
    let theme = context.theme;
    let (glyph, style) = theme.state(look(news.task));
    let name = fit(&news.task.name, name_width);
    let said = fit(said, said_width);
    let mut line = Line::from(vec![
        Span::raw("  "),
        Span::styled(format!("{glyph} "), style),
        Span::styled(format!("{name}{:gap$}  ", "", gap = name_width - name.width()), theme.strong()),
        Span::raw(format!("{said}{:gap$}", "", gap = said_width - said.width())),
    ]);
    let words = news.task.last_words.as_deref().filter(|_| news.failures > 0).unwrap_or_default();
    let room = usize::from(row.width).saturating_sub(line.width() + 4);
    line.push_span(Span::styled(format!("   {}", fit(&plain(words), room)), theme.bad()));
    buffer.set_line(row.x, row.y, &line, row.width);
}

/// `4 fails 11:49–12:02 · now failed`, or what else happened, and when.
fn happened(context: &DrawContext<'_>, news: &TaskNews<'_>) -> String {
    let (first, last) = (minute(context, news.first), minute(context, news.last));
    let now = look(news.task).word;
    match news.failures {
        0 => format!("{last} {}", plain(&news.outcome)),
        1 => format!("1 fail {last} · now {now}"),
        count => format!("{count} fails {first}–{last} · now {now}"),
    }
}

fn minute(context: &DrawContext<'_>, at: jiff::Timestamp) -> String {
    context.shown.zone.to_datetime(at).strftime("%H:%M").to_string()
}

/// The time on the wall of a time on the supervisor's clock.
fn wall(context: &DrawContext<'_>, at: crate::supervisor::engine::Uptime) -> jiff::Timestamp {
    let ago = context.shown.now.since(at);
    context.shown.wall.checked_sub(ago).unwrap_or(context.shown.wall)
}
