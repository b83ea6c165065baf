//! All that is known of one task, as a page.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::context::DrawContext;
use crate::duration::Pretty;
use crate::present::ansi::plain;
use crate::present::next::next;
use crate::present::post_mortem;
use crate::present::state::look;
use crate::present::task::{exit_label, flapping, last_exit, on_exit, ports, retries, uptime};
use crate::present::text::{memory, wrap};
use crate::supervisor::engine::{Condition, PhaseSnapshot, Policy, ProbeSnapshot, Reach, TaskSnapshot, backoff_waits};

/// Columns of a label.
const LABEL_COLUMNS: usize = 13;
/// Columns of text; more would be hard to read.
const MOST_COLUMNS: u16 = 100;
/// Waits of the backoff that are written out.
const WAITS_SHOWN: u32 = 8;

pub(super) fn lines(context: &DrawContext<'_>, area: Rect) -> Vec<Line<'static>> {
    let Some(task) = context.model.selected_task(context.shown.snapshot) else {
        return vec![Line::raw("there are no tasks")];
    };
    let width = usize::from(area.width.saturating_sub(4).min(MOST_COLUMNS));
    let mut page = DetailsPage { context, width, lines: Vec::new() };
    page.state(task);
    page.process(task);
    page.policy(task);
    page.probes(task);
    page.edges(task);
    page.past(task);
    page.lines
}

struct DetailsPage<'a> {
    context: &'a DrawContext<'a>,
    width: usize,
    lines: Vec<Line<'static>>,
}

impl DetailsPage<'_> {
    fn heading(&mut self, text: &str) {
        if !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        self.lines.push(Line::styled(text.to_owned(), self.context.theme.strong()));
    }

    fn fact(&mut self, label: &str, text: &str, style: Style) {
        if text.is_empty() {
            return;
        }
        for (nth, piece) in wrap(&plain(text), self.width.saturating_sub(LABEL_COLUMNS + 2)).into_iter().enumerate() {
            let label = if nth == 0 { label } else { "" };
            let label = Span::styled(format!("  {label:<LABEL_COLUMNS$}"), self.context.theme.dim());
            self.lines.push(Line::from(vec![label, Span::styled(piece, style)]));
        }
    }

    fn plain_fact(&mut self, label: &str, text: &str) {
        self.fact(label, text, Style::new());
    }

    fn state(&mut self, task: &TaskSnapshot) {
        let (clock, theme) = (self.context.clock, self.context.theme);
        self.heading("state");
        let look = look(task);
        let (glyph, style) = theme.state(look);
        self.fact("now", &format!("{glyph} {}", look.word), style);
        self.plain_fact("next", &next(task, false, clock).text);
        self.fact("flapping", &flapping(task).unwrap_or_default(), theme.warning());
        if let PhaseSnapshot::Failed { reason, .. } = &task.phase {
            self.fact("reason", reason, theme.bad());
        }
        self.fact("last words", task.last_words.as_deref().unwrap_or_default(), theme.bad());
        self.plain_fact("up", &uptime(task, clock).unwrap_or_default());
    }

    fn process(&mut self, task: &TaskSnapshot) {
        self.heading("process");
        self.plain_fact("command", &task.about);
        self.plain_fact("run", &task.run.to_string());
        self.plain_fact("pid", &task.pid().map(|pid| pid.to_string()).unwrap_or_default());
        if let Some(usage) = &task.usage {
            let used = format!(
                "{:.0}% cpu · {} memory · {} processes",
                usage.cpu_percent,
                memory(usage.memory_bytes),
                usage.processes
            );
            self.plain_fact("uses", &used);
            self.plain_fact("listens on", &ports(&usage.ports).unwrap_or_default());
        }
        self.plain_fact("address", task.address.as_deref().unwrap_or_default());
        self.plain_fact("terminal", if task.tty { "yes; a attaches to it" } else { "" });
        self.plain_fact("replica of", task.replica_of.as_deref().unwrap_or_default());
        let groups = self.context.shown.snapshot.groups.iter().filter(|group| group.tasks.contains(&task.name));
        let groups: Vec<_> = groups.map(|group| group.name.as_str()).collect();
        self.plain_fact("group", &groups.join(", "));
    }

    fn policy(&mut self, task: &TaskSnapshot) {
        self.heading("policy");
        self.plain_fact(exit_label(task), &on_exit(task));
        if matches!(task.policy, Policy::Always | Policy::OnFailure) {
            self.plain_fact("budget", &format!("{} used", retries(task.retries, task.max_retries)));
            let waits = backoff_waits(task.initial_backoff, task.max_backoff, task.max_retries.min(WAITS_SHOWN));
            let waits: Vec<_> = waits.map(|wait| Pretty(wait).to_string()).collect();
            let more = if task.max_retries > WAITS_SHOWN { ", …" } else { "" };
            self.plain_fact("waits", &(waits.join(", ") + more));
        }
        self.plain_fact("restarts", &format!("{} · {} in the last hour", task.restarts, task.restarts_last_hour));
    }

    fn probes(&mut self, task: &TaskSnapshot) {
        let probes = [("ready", &task.probe), ("live", &task.live_probe)];
        if !task.probed && probes.iter().all(|(_, probe)| probe.is_none()) {
            return;
        }
        self.heading("probes");
        for (label, probe) in probes {
            if let Some(ProbeSnapshot { passed, detail, at, failures }) = probe {
                let tries = if *failures > 0 { format!(" · {failures} failed in a row") } else { String::new() };
                let style = if *passed { Style::new() } else { self.context.theme.warning() };
                self.fact(label, &format!("{detail} · {}{tries}", self.context.clock.age(*at)), style);
            }
        }
    }

    fn edges(&mut self, task: &TaskSnapshot) {
        let snapshot = self.context.shown.snapshot;
        let dependents = snapshot.tasks.iter().filter(|other| other.after.iter().any(|edge| edge.task == task.name));
        let dependents: Vec<_> = dependents.map(|other| other.name.as_str()).collect();
        if task.after.is_empty() && dependents.is_empty() {
            return;
        }
        self.heading("dependencies");
        for edge in &task.after {
            let holds = snapshot.task(&edge.task).is_some_and(|other| holds(other, edge.condition));
            let style = if holds { Style::new() } else { self.context.theme.warning() };
            let sign = if holds { "✔" } else { "✖" };
            self.fact("needs", &format!("{sign} {} {}", edge.task, edge.condition), style);
        }
        self.plain_fact("needed by", &dependents.join(", "));
    }

    fn past(&mut self, task: &TaskSnapshot) {
        self.heading("past");
        let last = last_exit(task, self.context.clock).map(|(how, age)| format!("{how} · {age}"));
        self.plain_fact("last exit", &last.unwrap_or_else(|| "none yet".to_owned()));
        let exits: Vec<_> = task.exits.iter().map(|(class, count)| format!("{count} {class}")).collect();
        self.plain_fact("exits", &exits.join(", "));
        let failed: Vec<String> = match self.context.model.history(self.context.shown) {
            Some(history) => history
                .post_mortems
                .iter()
                .rev()
                .map(|kept| {
                    format!("{} · {}", post_mortem::when(kept, self.context.shown.zone), post_mortem::headline(kept))
                })
                .collect(),
            None => Vec::new(),
        };
        for (nth, failed) in failed.iter().enumerate() {
            self.plain_fact(if nth == 0 { "failed runs" } else { "" }, failed);
        }
    }
}

/// Whether a condition of a dependent holds now.
pub(super) fn holds(task: &TaskSnapshot, condition: Condition) -> bool {
    matches!(task.toward(condition), Reach::Met)
}
