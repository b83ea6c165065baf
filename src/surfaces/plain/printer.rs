//! Makes lines of text of events and output, the name of their task in front.

use jiff::tz::TimeZone;

use super::task_output::Part;
use crate::logs::{LineId, LogLine};
use crate::present::line::{SHOWN_CHARS, excerpt};
use crate::supervisor::EventRecord;

/// Text that waits to be written.
#[derive(Debug)]
pub(super) struct LinePrinter {
    pub(super) text: Vec<u8>,
    /// The width of the longest name of a process at the start. stead's own parts have longer ones, and rarely a line.
    width: usize,
    /// Whether nothing that acts on a terminal may be printed. A pipe gets the bytes as they were written.
    is_terminal: bool,
    zone: TimeZone,
    /// The line that has not ended and was printed last.
    begun: Option<LineId>,
}

impl LinePrinter {
    pub(super) fn new(width: usize, is_terminal: bool) -> Self {
        Self { text: Vec::new(), width, is_terminal, zone: TimeZone::system(), begun: None }
    }

    pub(super) fn event(&mut self, task: &str, record: &EventRecord) {
        self.timed(task, record, &record.text);
    }

    /// A line at the time of an event.
    pub(super) fn timed(&mut self, task: &str, record: &EventRecord, text: &str) {
        let time = record.at.to_zoned(self.zone.clone()).strftime("%H:%M:%S");
        self.note(task, &format!("{time} {text}"));
    }

    /// A line of stead's own.
    pub(super) fn note(&mut self, task: &str, text: &str) {
        self.end_line();
        self.text.extend_from_slice(format!("{task:width$} * {text}\n", width = self.width).as_bytes());
    }

    /// Some of what a task wrote.
    pub(super) fn output(&mut self, task: &str, part: &Part) {
        match part {
            Part::Line(line, from) if *from > 0 && self.begun == Some(line.id) => {
                self.line_text(line, *from);
                self.end_line();
            }
            // All of it was printed before, and its line ended for the sake of another.
            Part::Line(line, from) if *from > 0 && *from >= line.bytes.len() => {}
            Part::Line(line, from) => {
                self.prefix(line);
                self.line_text(line, *from);
                self.text.push(b'\n');
            }
            Part::Begun(line, from) => {
                if self.begun != Some(line.id) {
                    self.prefix(line);
                }
                self.line_text(line, *from);
                self.begun = Some(line.id);
            }
            Part::LeftOut(bytes) => self.note(task, &format!("{bytes} bytes left out here; the log file has them")),
        }
    }

    /// Ends the line that has not ended, so that the next one begins in a row of its own.
    pub(super) fn end_line(&mut self) {
        if self.begun.take().is_some() {
            self.text.push(b'\n');
        }
    }

    fn prefix(&mut self, line: &LogLine) {
        self.end_line();
        self.text.extend_from_slice(format!("{:width$} | ", line.task, width = self.width).as_bytes());
    }

    fn line_text(&mut self, line: &LogLine, from: usize) {
        if self.is_terminal {
            let rest = line.text().get(from..).unwrap_or_default();
            self.text.extend_from_slice(excerpt(rest, None, SHOWN_CHARS).as_bytes());
            return;
        }
        self.text.extend_from_slice(line.bytes.get(from..).unwrap_or_default());
        if line.cut {
            self.text.extend_from_slice(" […cut here; the log file has all of it…]".as_bytes());
        }
    }
}
