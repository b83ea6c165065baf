//! Finds all lines that match, the nearest first: backwards from where the search began, then forwards, then whatever
//! is written.

use std::collections::VecDeque;
use std::io;

use super::scan::Scan;
use super::window::query;
use super::worker::{Job, JobProgress};
use crate::logs::{LineId, LogReader, ReadStep};
use crate::ui::{Hits, LogChoice, SearchQuery};

/// Matches that can be gone to; more are only counted.
pub(super) const HITS_KEPT: usize = 200_000;
/// Lines that are taken at once.
const SEARCH_STEPS: usize = 4_096;

/// What is searched, and for what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SearchRequest {
    pub(super) choice: LogChoice,
    pub(super) search: SearchQuery,
}

/// Searches, if anything is searched for.
#[derive(Debug)]
pub(super) struct SearchJob {
    reader: LogReader,
    wanted: Option<SearchRequest>,
    running: io::Result<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    scan: Scan,
    ids: VecDeque<LineId>,
    /// Those that match as they look now, but have not ended.
    unfinished: Vec<LineId>,
    before: usize,
    after: usize,
    /// Bytes that were to be searched at first.
    bytes: u64,
}

impl SearchJob {
    pub(super) fn new(reader: LogReader) -> Self {
        Self { reader, wanted: None, running: Ok(None) }
    }

    fn begin(&mut self) {
        let begun = self.wanted.as_ref().map(|wanted| Running::begin(&self.reader, wanted));
        self.running = begun.transpose();
    }
}

impl Job for SearchJob {
    type Query = Option<SearchRequest>;
    type Answer = Hits;

    fn turn_to(&mut self, wanted: Option<SearchRequest>) {
        self.wanted = wanted;
        self.begin();
    }

    fn refresh(&mut self) {
        match &mut self.running {
            Ok(Some(running)) => {
                if let Err(error) = running.scan.refresh() {
                    self.running = Err(error);
                }
            }
            Ok(None) => {}
            Err(_) => self.begin(),
        }
    }

    fn step(&mut self) -> JobProgress {
        let Ok(Some(running)) = &mut self.running else { return JobProgress::Done };
        let had_none = running.ids.is_empty();
        match running.go_on() {
            Ok(true) if had_none && !running.ids.is_empty() => JobProgress::News,
            Ok(true) => JobProgress::More,
            Ok(false) => JobProgress::Done,
            Err(error) => {
                self.running = Err(error);
                JobProgress::Done
            }
        }
    }

    fn answer(&mut self) -> Hits {
        let Some(SearchRequest { choice, search }) = self.wanted.clone() else { return Hits::default() };
        if let Ok(Some(running)) = &mut self.running {
            running.see_unfinished();
        }
        match &self.running {
            Ok(Some(running)) => Hits { choice, search, ..running.answer() },
            Ok(None) => Hits { choice, search, ..Hits::default() },
            Err(error) => {
                let error = Some(format!("can't be read: {error}"));
                Hits { choice, search, error, is_complete: true, ..Hits::default() }
            }
        }
    }
}

impl Running {
    fn begin(reader: &LogReader, wanted: &SearchRequest) -> io::Result<Self> {
        let query = query(&wanted.choice, Some(&wanted.search.pattern))?;
        let from = Some(wanted.search.from).filter(|from| *from != LineId::END);
        let scan = Scan::open(reader, wanted.choice.of.tasks(), &query, from)?;
        let bytes = scan.left();
        Ok(Self { scan, ids: VecDeque::new(), unfinished: Vec::new(), before: 0, after: 0, bytes })
    }

    /// Searches a window of the log, or takes what was found in one. Whether there is more.
    fn go_on(&mut self) -> io::Result<bool> {
        for _ in 0..SEARCH_STEPS {
            let is_back = self.scan.can_go_back();
            let step = if is_back { self.scan.step_back()? } else { self.scan.step_on()? };
            match step {
                ReadStep::Line(line) => {
                    if is_back {
                        self.found_before(line.id)
                    } else {
                        self.found_after(line.id)
                    }
                }
                ReadStep::Reading => return Ok(true),
                ReadStep::End => return Ok(self.scan.can_go_on()),
            }
            if self.ids.len() == 1 {
                break;
            }
        }
        Ok(true)
    }

    fn see_unfinished(&mut self) {
        let lines = self.scan.unfinished();
        self.unfinished = lines.iter().map(|line| line.id).collect();
    }

    fn found_before(&mut self, id: LineId) {
        if self.ids.len() < HITS_KEPT { self.ids.push_front(id) } else { self.before += 1 }
    }

    fn found_after(&mut self, id: LineId) {
        if self.ids.len() < HITS_KEPT {
            // Its line may have begun before others that ended first.
            let at = self.ids.partition_point(|other| *other < id);
            self.ids.insert(at, id);
        } else {
            self.after += 1;
        }
    }

    fn answer(&self) -> Hits {
        let left = self.scan.left().min(self.bytes);
        let percent = (self.bytes - left) * 100 / self.bytes.max(1);
        let mut ids: Vec<_> = self.ids.iter().copied().collect();
        // Behind matches that are not kept there would be a gap.
        if self.after == 0 {
            ids.extend(&self.unfinished);
            ids.sort_unstable();
        }
        Hits {
            ids,
            before: self.before,
            after: self.after,
            is_start_reached: !self.scan.can_go_back(),
            is_complete: !self.scan.can_go_back() && !self.scan.can_go_on(),
            percent: u8::try_from(percent).unwrap_or(100),
            ..Hits::default()
        }
    }
}
