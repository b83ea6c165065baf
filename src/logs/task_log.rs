//! One task's log as it is read: all its segments, oldest first, and the lines in any stretch of them.
//!
//! A line belongs to where it begins. So the lines of any window are known without those around it, and
//! reading forwards and backwards is the same but for the order. Memory is bounded by the window, whatever is in it.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use memchr::{memchr, memrchr};

use super::filter::Filter;
use super::id::LineId;
use super::index::{IndexRecord, Piece};
use super::line::{LineBuilder, LogLine};
use super::position::{Direction, LogPosition};
use super::rotation::{FileIdentity, index_path, log_path};
use super::segment::{Segment, open_all};

/// What is read of a log at once.
const WINDOW_BYTES: u64 = 128 * 1024;
/// What is read at once for the end of a line that goes on behind its window: most end soon.
const REST_BYTES: u64 = 4 * 1024;
/// What is looked at of an index at once, in bytes of its log.
const STRIDE_BYTES: u64 = 1024 * 1024;

/// The segments of one log.
#[derive(Debug)]
pub(super) struct TaskLog {
    dir: PathBuf,
    task: Arc<str>,
    /// Its number among the tasks that are read, if they are several.
    number: Option<usize>,
    segments: Vec<Segment>,
    /// Whether bytes that the index does not tell of yet are left for later.
    only_indexed: bool,
    /// The window that was read last, for its room.
    window: Vec<u8>,
}

/// A stretch that is read at once.
#[derive(Debug, Clone)]
pub(super) struct ScanWindow {
    pub(super) segment: usize,
    pub(super) range: Range<u64>,
    /// When that was written of it which is read first, and may pass.
    pub(super) at: Timestamp,
}

/// A line, and where it begins.
#[derive(Debug)]
pub(super) struct FoundLine {
    pub(super) position: LogPosition,
    pub(super) line: LogLine,
}

/// A line whose end has not been seen yet.
#[derive(Debug)]
pub(super) struct OpenLine {
    /// Where it begins.
    pub(super) position: LogPosition,
    /// Where more of it may follow.
    pub(super) next: LogPosition,
    builder: LineBuilder,
}

/// What has become of an [`OpenLine`].
pub(super) enum Completed {
    /// It has ended, and is selected or not.
    Line(Option<FoundLine>),
    /// It has not ended yet.
    Open(OpenLine),
}

/// The lines that begin in a window.
#[derive(Debug, Default)]
pub(super) struct WindowLines {
    /// In the order in which they begin.
    pub(super) found: Vec<FoundLine>,
    /// Those that have not ended, if they are waited for.
    pub(super) open: Vec<OpenLine>,
}

impl ScanWindow {
    pub(super) fn start(&self) -> LogPosition {
        LogPosition { segment: self.segment, offset: self.range.start }
    }

    pub(super) fn end(&self) -> LogPosition {
        LogPosition { segment: self.segment, offset: self.range.end }
    }
}

impl TaskLog {
    /// Opens what there is; a log that is not there has no segments.
    ///
    /// # Errors
    ///
    /// Something that is there can't be read.
    pub(super) fn open(dir: &Path, task: &str, number: Option<usize>, only_indexed: bool) -> io::Result<Self> {
        let segments = open_all(dir, task)?;
        let window = Vec::new();
        let mut log = Self { dir: dir.to_owned(), task: task.into(), number, segments, only_indexed, window };
        log.give_keys()?;
        Ok(log)
    }

    /// Sees what has been written since, and the segments that have begun. Returns by how many places the segments
    /// have moved up, for those before `needed` are let go.
    ///
    /// # Errors
    ///
    /// As [`TaskLog::open`].
    pub(super) fn refresh(&mut self, needed: usize) -> io::Result<usize> {
        let (log, index) = (log_path(&self.dir, &self.task), index_path(&self.dir, &self.task));
        let current = match File::open(&log) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            file => Some(FileIdentity::of(&file?)?),
        };
        let is_written = current.is_some() && self.segments.last().is_some_and(|last| last.identities[0] == current);
        if let Some(last) = self.segments.last_mut() {
            last.refresh()?;
            if is_written && last.identities[1].is_none() {
                // Its index may have come after it.
                *last = Segment::open(&log, &index, false)?;
            }
        }
        if current.is_some() && !is_written {
            let mut all = open_all(&self.dir, &self.task)?;
            let newer = self.segments.last_mut().map_or(Ok(0), |last| last.newer_among(&mut all))?;
            self.segments.extend(all.drain(newer..));
        }
        self.give_keys()?;
        self.segments.drain(..needed.min(self.segments.len().saturating_sub(1)));
        Ok(needed)
    }

    /// The task whose log it is.
    pub(super) fn task(&self) -> &Arc<str> {
        &self.task
    }

    /// The id of a line that begins here, and was written at this time.
    ///
    /// A segment is known by its key, whatever the file is called now: when it began. Later segments have larger
    /// keys. One without an index is known by its neighbours alone.
    pub(super) fn line_id(&self, position: LogPosition, at: Timestamp) -> LineId {
        let at = self.number.map_or(0, |_| at.as_microsecond());
        let segment = self.segments.get(position.segment).map_or(0, |segment| segment.key);
        LineId { at, task: self.number.unwrap_or(0), segment, offset: position.offset }
    }

    fn give_keys(&mut self) -> io::Result<()> {
        let mut last = 0;
        for segment in &mut self.segments {
            if segment.began.is_none() {
                segment.began = segment.index.first_sound()?.map(|first| first.at.as_microsecond());
            }
            segment.key = segment.began.map_or(last + 1, |began| began.max(last + 1));
            last = segment.key;
        }
        Ok(())
    }

    /// Where the line of this id begins, or would begin: the lines of this log that come before it are before that.
    ///
    /// # Errors
    ///
    /// The index can't be read.
    pub(super) fn position_of(&mut self, id: LineId) -> io::Result<LogPosition> {
        let number = self.number.unwrap_or(0);
        if id == LineId::END {
            return self.end();
        }
        if id.task == number {
            let segment = self.segments.partition_point(|segment| segment.key < id.segment);
            return match self.segments.get(segment) {
                Some(found) if found.key == id.segment => Ok(LogPosition { segment, offset: id.offset.min(found.len) }),
                Some(_) => Ok(LogPosition { segment, offset: 0 }),
                None => self.end(),
            };
        }
        let comes_before = |at: i64| at < id.at || (at == id.at && number < id.task);
        for segment in (0..self.segments.len()).rev() {
            let end = self.end_of(segment)?;
            let index = &mut self.segments[segment].index;
            let after = index.partition_point(|record| comes_before(record.at.as_microsecond()))?;
            if after > 0 {
                let first = if after < index.count() { index.get(after)? } else { None };
                return Ok(LogPosition { segment, offset: first.map_or(end, |first| first.offset) });
            }
        }
        Ok(self.start())
    }

    /// How many bytes there are from a position on.
    pub(super) fn bytes_beyond(&self, from: LogPosition, direction: Direction) -> u64 {
        let own = self.segments.get(from.segment).map_or(0, |segment| segment.len);
        let lengths =
            |segments: Option<&[Segment]>| segments.unwrap_or_default().iter().map(|one| one.len).sum::<u64>();
        match direction {
            Direction::Forwards => own.saturating_sub(from.offset) + lengths(self.segments.get(from.segment + 1..)),
            Direction::Backwards => own.min(from.offset) + lengths(self.segments.get(..from.segment)),
        }
    }

    /// Where the log begins.
    pub(super) fn start(&self) -> LogPosition {
        LogPosition { segment: 0, offset: 0 }
    }

    /// Where the log ends now.
    ///
    /// # Errors
    ///
    /// The index can't be read.
    pub(super) fn end(&mut self) -> io::Result<LogPosition> {
        let Some(segment) = self.segments.len().checked_sub(1) else { return Ok(self.start()) };
        Ok(LogPosition { segment, offset: self.end_of(segment)? })
    }

    /// The next window from `from` on with something in it that passes.
    ///
    /// # Errors
    ///
    /// The index can't be read.
    pub(super) fn window_from(&mut self, from: LogPosition, filter: &Filter) -> io::Result<Option<ScanWindow>> {
        for segment in from.segment..self.segments.len() {
            let bounds = self.bounds(segment, filter)?;
            let begin = if segment == from.segment { from.offset.max(bounds.start) } else { bounds.start };
            for stride in strides(begin..bounds.end) {
                let pieces = self.segments[segment].index.pieces(stride)?;
                if let Some(piece) = pieces.iter().find(|piece| passes(filter, piece)) {
                    let start = piece.range.start;
                    let range = start..bounds.end.min(start + WINDOW_BYTES);
                    return Ok(Some(ScanWindow { segment, range, at: piece.at }));
                }
            }
        }
        Ok(None)
    }

    /// The next window before `before`, as [`TaskLog::window_from`].
    ///
    /// # Errors
    ///
    /// The index can't be read.
    pub(super) fn window_before(&mut self, before: LogPosition, filter: &Filter) -> io::Result<Option<ScanWindow>> {
        for segment in (0..self.segments.len().min(before.segment + 1)).rev() {
            let bounds = self.bounds(segment, filter)?;
            let end = if segment == before.segment { before.offset.min(bounds.end) } else { bounds.end };
            for stride in strides(bounds.start..end).rev() {
                let pieces = self.segments[segment].index.pieces(stride)?;
                if let Some(piece) = pieces.iter().rfind(|piece| passes(filter, piece)) {
                    let end = piece.range.end;
                    let range = bounds.start.max(end.saturating_sub(WINDOW_BYTES))..end;
                    return Ok(Some(ScanWindow { segment, range, at: piece.at }));
                }
            }
        }
        Ok(None)
    }

    /// The selected lines that begin in a window.
    ///
    /// # Errors
    ///
    /// The log can't be read.
    pub(super) fn lines_in(&mut self, segment: usize, window: Range<u64>, filter: &Filter) -> io::Result<WindowLines> {
        let pieces = self.segments[segment].index.pieces(window.clone())?;
        let mut bytes = std::mem::take(&mut self.window);
        self.read(segment, window.clone(), &mut bytes)?;
        let mut found = Vec::new();
        let mut open: [Option<OpenLine>; 2] = [None, None];
        let within = |offset: u64| (offset - window.start) as usize;
        let (end_of_window, limits) = (LogPosition { segment, offset: window.end }, filter.query.line_limits());
        let goes_on = |a: &Piece, b: &Piece| {
            let has_end = || within(b.range.start).checked_sub(1).and_then(|at| bytes.get(at)) == Some(&b'\n');
            (a.run, a.stream) == (b.run, b.stream) && (b.continues != Some(false) || has_end())
        };
        for group in pieces.chunk_by(goes_on) {
            let first = &group[0];
            let (mut start, end) = (first.range.start, group[group.len() - 1].range.end);
            let text = |from: u64, to: u64| bytes.get(within(from)..within(to)).unwrap_or_default();
            match open[first.stream as usize].take() {
                Some(line) if !line.goes_on_in(first) => found.extend(line.finish(true, filter)),
                Some(mut line) => match line.take(text(start, end)) {
                    Some(taken) => {
                        found.extend(line.finish(true, filter));
                        start += taken as u64;
                    }
                    None => {
                        open[first.stream as usize] = Some(line);
                        continue;
                    }
                },
                None if self.begins_within_line(segment, first)? => match memchr(b'\n', text(start, end)) {
                    Some(line_end) => start += line_end as u64 + 1,
                    None => continue,
                },
                None => {}
            }
            if !group.iter().any(|piece| passes(filter, piece)) {
                continue;
            }
            let open_at = |offset: u64| {
                let piece = &group[group.partition_point(|piece| piece.range.end <= offset)];
                let position = LogPosition { segment, offset };
                let id = self.line_id(position, piece.at);
                let line = LogLine { id, ..LogLine::new(&self.task, piece.at, piece.run, piece.stream) };
                OpenLine { position, next: end_of_window, builder: LineBuilder::new(line, limits) }
            };
            let rest = start + memrchr(b'\n', text(start, end)).map_or(0, |last| last as u64 + 1);
            filter.each_line(text(start, rest), |line| {
                let mut open = open_at(start + line.start as u64);
                open.builder.push(&text(start, rest)[line]);
                found.extend(open.finish(true, filter));
            });
            if rest < end {
                let mut line = open_at(rest);
                line.take(text(rest, end));
                open[first.stream as usize] = Some(line);
            }
        }
        self.window = bytes;
        let mut lines = WindowLines { found, open: Vec::new() };
        for line in open.into_iter().flatten() {
            match self.complete(line, filter)? {
                Completed::Line(line) => lines.found.extend(line),
                Completed::Open(line) if filter.query.waits_for_ends => lines.open.push(line),
                Completed::Open(line) => lines.found.extend(line.finish(false, filter)),
            }
        }
        lines.found.sort_by_key(|line| line.position);
        Ok(lines)
    }

    /// Reads on in a line, to its end if that is there. Without an end, a line that is cut anyway ends at once.
    ///
    /// # Errors
    ///
    /// The log can't be read.
    pub(super) fn complete(&mut self, mut line: OpenLine, filter: &Filter) -> io::Result<Completed> {
        if !line.passes(filter) {
            return Ok(Completed::Line(None));
        }
        let (mut bytes, mut most) = (Vec::new(), REST_BYTES);
        for segment in line.next.segment..self.segments.len() {
            let begin = if segment == line.next.segment { line.next.offset } else { 0 };
            let end = self.end_of(segment)?;
            for stride in strides(begin..end) {
                for piece in self.segments[segment].index.pieces(stride)? {
                    if piece.stream != line.builder.line().stream {
                        continue;
                    }
                    if !line.goes_on_in(&piece) {
                        return Ok(Completed::Line(line.finish(true, filter)));
                    }
                    for part in parts(piece.range, most) {
                        self.read(segment, part, &mut bytes)?;
                        if line.take(&bytes).is_some() || line.builder.is_full() {
                            return Ok(Completed::Line(line.finish(true, filter)));
                        }
                        most = WINDOW_BYTES;
                    }
                }
                if filter.is_cancelled() {
                    return Ok(Completed::Line(None));
                }
            }
            line.next = LogPosition { segment, offset: end.max(begin) };
        }
        Ok(Completed::Open(line))
    }

    /// Whether a piece begins in the middle of a line.
    fn begins_within_line(&mut self, segment: usize, piece: &Piece) -> io::Result<bool> {
        let start = piece.range.start;
        match piece.continues {
            Some(continues) => Ok(continues),
            None if start == 0 => Ok(false),
            None => {
                let mut before = Vec::new();
                self.read(segment, start - 1..start, &mut before)?;
                Ok(before != b"\n")
            }
        }
    }

    /// Reads a stretch of a segment into `bytes`, replacing what they were; less, if it has become shorter.
    fn read(&mut self, segment: usize, range: Range<u64>, bytes: &mut Vec<u8>) -> io::Result<()> {
        // Those that are not in use give back their room on the disk.
        for (at, other) in self.segments.iter_mut().enumerate() {
            if at.abs_diff(segment) > 1 {
                other.give_back();
            }
        }
        let file = self.segments[segment].file()?;
        bytes.resize((range.end - range.start) as usize, 0);
        let mut read = 0;
        while read < bytes.len() {
            match file.read_at(&mut bytes[read..], range.start + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(read);
        Ok(())
    }

    /// Where a segment ends.
    fn end_of(&mut self, segment: usize) -> io::Result<u64> {
        let is_written = segment + 1 == self.segments.len();
        let Segment { index, len, .. } = &mut self.segments[segment];
        if !(is_written && self.only_indexed) {
            return Ok(*len);
        }
        let last = index.sound_before(index.count())?;
        Ok(last.map_or(0, |last| last.end().min(*len)))
    }

    /// The part of a segment that was written in the time asked for.
    fn bounds(&mut self, segment: usize, filter: &Filter) -> io::Result<Range<u64>> {
        let end = self.end_of(segment)?;
        let index = &mut self.segments[segment].index;
        let mut bounds = 0..end;
        if let Some(since) = filter.query.since {
            let first = index.partition_point(|record| record.at < since)?;
            let before = index.sound_before(first)?;
            bounds.start = before.map_or(0, |before| before.end()).min(end);
        }
        if let Some(until) = filter.query.until {
            let after = index.partition_point(|record| record.at <= until)?;
            let after = if after < index.count() { index.get(after)? } else { None };
            bounds.end = after.map_or(end, |after| after.offset).clamp(bounds.start, end);
        }
        Ok(bounds)
    }

    /// Calls `f` with every record there is, oldest first.
    ///
    /// # Errors
    ///
    /// An index can't be read.
    pub(super) fn each_record(&mut self, mut f: impl FnMut(&IndexRecord)) -> io::Result<()> {
        for segment in &mut self.segments {
            for number in 0..segment.index.count() {
                segment.index.get(number)?.iter().for_each(&mut f);
            }
        }
        Ok(())
    }
}

impl OpenLine {
    /// Whether the next piece of its stream has more of it: not if it is of another run, or something was lost between.
    fn goes_on_in(&self, next: &Piece) -> bool {
        self.builder.line().run == next.run && next.continues != Some(false)
    }

    /// Takes bytes up to the end of the line: how many, with the line feed, if it is among them.
    fn take(&mut self, bytes: &[u8]) -> Option<usize> {
        let end = memchr(b'\n', bytes);
        let text = &bytes[..end.unwrap_or(bytes.len())];
        self.builder.push(text);
        end.map(|end| end + 1)
    }

    fn passes(&self, filter: &Filter) -> bool {
        let line = self.builder.line();
        filter.passes(line.at, line.run, line.stream)
    }

    /// The line as it is so far, if it is selected and not empty.
    pub(super) fn so_far(&self, filter: &Filter) -> Option<LogLine> {
        let line = self.builder.line();
        let is_selected = self.passes(filter) && !line.text().is_empty() && filter.matches(line);
        is_selected.then(|| LogLine { is_finished: false, ..self.builder.clone().finish() })
    }

    /// The line, if it is selected.
    fn finish(self, is_finished: bool, filter: &Filter) -> Option<FoundLine> {
        let is_selected = self.passes(filter) && filter.matches(self.builder.line());
        let line = || LogLine { is_finished, ..self.builder.finish() };
        is_selected.then(|| FoundLine { position: self.position, line: line() })
    }
}

fn passes(filter: &Filter, piece: &Piece) -> bool {
    filter.passes(piece.at, piece.run, piece.stream)
}

/// A stretch of a log in parts that an index is looked at by.
fn strides(range: Range<u64>) -> impl DoubleEndedIterator<Item = Range<u64>> {
    parts(range, STRIDE_BYTES)
}

fn parts(range: Range<u64>, most: u64) -> impl DoubleEndedIterator<Item = Range<u64>> {
    let Range { start, end } = range;
    (0..end.saturating_sub(start).div_ceil(most)).map(move |part| {
        let start = start + part * most;
        start..end.min(start + most)
    })
}
