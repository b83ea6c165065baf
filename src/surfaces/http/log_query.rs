//! A query of the logs, read from a URL. A parameter that is misspelt, repeated or means nothing is refused.

use axum::http::StatusCode;
use jiff::Timestamp;

use super::limits::{PAGE_LINES_DEFAULT, PAGE_LINES_MOST, PATTERN_BYTES};
use super::problem::Problem;
use crate::config::nearest;
use crate::duration::parse_duration;
use crate::logs::{Direction, LineId, LinePattern, LineQuery, OutputStream, RunChoice, RunKey};
use crate::supervisor::engine::Snapshot;

/// Which lines of which logs.
#[derive(Debug)]
pub(super) struct LogsQuery {
    /// None named: all.
    tasks: Vec<String>,
    pub(super) filter: LineQuery,
    /// The regular expression that is to match: compiled in the turn to read, as that takes time and memory.
    grep: Option<String>,
    /// Forwards: the first lines behind the cursor. Backwards: the last ones before it, or of all.
    pub(super) direction: Direction,
    /// The line to go on from, and by what name that was given.
    pub(super) cursor: Option<(&'static str, String)>,
    pub(super) limit: usize,
}

/// Stands for a line before all others.
const FROM_START: &str = "start";

const OF_ALL: [&str; 4] = ["task", "stream", "grep", "limit"];
const OF_PAGES: [&str; 5] = ["run", "since", "until", "after", "before"];

impl LogsQuery {
    /// The query of `GET /logs`.
    ///
    /// # Errors
    ///
    /// Says which parameter is wrong, and what would be right.
    pub(super) fn page(query: Option<&str>) -> Result<Self, Problem> {
        let read = Self::of(query, &[OF_ALL.as_slice(), &OF_PAGES].concat(), PAGE_LINES_DEFAULT)?;
        if read.limit == 0 {
            return Err(bad("limit", "at least one line"));
        }
        if read.filter.run.is_some() && read.tasks.len() != 1 {
            return Err(bad("run", "one `task` beside it: every task has its own runs"));
        }
        Ok(read)
    }

    /// The query of `GET /logs/follow`.
    ///
    /// # Errors
    ///
    /// As of [`page`](Self::page).
    pub(super) fn follow(query: Option<&str>) -> Result<Self, Problem> {
        Self::of(query, &OF_ALL, 0)
    }

    fn of(query: Option<&str>, known: &[&str], limit: usize) -> Result<Self, Problem> {
        let mut read = Self {
            tasks: Vec::new(),
            filter: LineQuery::default(),
            grep: None,
            direction: Direction::Backwards,
            cursor: None,
            limit,
        };
        let mut seen = Vec::new();
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&&*key) {
                let near = nearest(&key, known.iter().copied());
                let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                return Err(Problem::new(StatusCode::BAD_REQUEST, format!("there is no parameter `{key}`{near}")));
            }
            if key != "task" && seen.contains(&key) {
                return Err(bad(&key, "it once"));
            }
            read.take(&key, &value)?;
            seen.push(key);
        }
        if seen.iter().any(|key| key == "after") && seen.iter().any(|key| key == "before") {
            return Err(bad("after", "either it or `before`"));
        }
        Ok(read)
    }

    fn take(&mut self, key: &str, value: &str) -> Result<(), Problem> {
        match key {
            "task" if self.tasks.iter().any(|task| task == value) => {}
            "task" => self.tasks.push(value.to_owned()),
            "stream" => self.filter.stream = Some(stream(value)?),
            "grep" if value.len() > PATTERN_BYTES => {
                return Err(bad("grep", &format!("{PATTERN_BYTES} bytes at most")));
            }
            "grep" => self.grep = Some(value.to_owned()),
            "limit" => self.limit = limit(value)?,
            "run" => self.filter.run = Some(run(value)?),
            "since" => self.filter.since = Some(moment(key, value)?),
            "until" => self.filter.until = Some(moment(key, value)?),
            "after" if value == FROM_START => self.direction = Direction::Forwards,
            "after" => self.go_on_after("after", value),
            _ => self.cursor = Some(("before", value.to_owned())),
        }
        Ok(())
    }

    /// Goes on after the line of this cursor, which came under this name.
    pub(super) fn go_on_after(&mut self, name: &'static str, cursor: &str) {
        (self.direction, self.cursor) = (Direction::Forwards, Some((name, cursor.to_owned())));
    }

    /// Whether tasks are named.
    pub(super) fn names_tasks(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// Compiles the query, and returns the tasks that are meant. Takes time: for the turn to read.
    ///
    /// # Errors
    ///
    /// `grep` is no regular expression or too large a one, a task that is named has never written and is not there, or the
    /// line to go on from is of none of them.
    pub(super) fn compile(&mut self, known: Vec<String>, snapshot: &Snapshot) -> Result<Vec<String>, Problem> {
        let compile = |text: &String| {
            LinePattern::new(text).map_err(|error| bad("grep", &format!("a regular expression: {error}")))
        };
        self.filter.pattern = self.grep.as_ref().map(compile).transpose()?;
        if let Some(unknown) = self.tasks.iter().find(|task| !known.contains(task)) {
            return Err(no_log(unknown, &known, snapshot));
        }
        let tasks = if self.tasks.is_empty() { known } else { self.tasks.clone() };
        if let Some((name, cursor)) = &self.cursor {
            let line = LineId::of_cursor(cursor, &tasks)
                .ok_or_else(|| bad(name, "the cursor of a line of the tasks that are asked for, as it came"))?;
            self.filter.from = Some(if self.direction == Direction::Forwards { line.behind() } else { line });
        }
        Ok(tasks)
    }
}

/// There is no log of this name; says which name is near.
pub(super) fn no_log(task: &str, known: &[String], snapshot: &Snapshot) -> Problem {
    if snapshot.task(task).is_some() {
        return Problem::new(StatusCode::NOT_FOUND, format!("{task} is a part of stead and has no log; see stead.log"));
    }
    Problem::unknown_name(task, known.iter().map(String::as_str))
}

fn bad(key: &str, expected: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, format!("`{key}`: expected {expected}"))
}

fn stream(text: &str) -> Result<OutputStream, Problem> {
    match text {
        "stdout" => Ok(OutputStream::Stdout),
        "stderr" => Ok(OutputStream::Stderr),
        _ => Err(bad("stream", "`stdout` or `stderr`")),
    }
}

fn limit(text: &str) -> Result<usize, Problem> {
    let limit = text.parse().ok().filter(|limit| *limit <= PAGE_LINES_MOST);
    limit.ok_or_else(|| bad("limit", &format!("a number up to {PAGE_LINES_MOST}")))
}

/// `3`, or with the supervisor that ran it `1764000000-3`.
fn run(text: &str) -> Result<RunChoice, Problem> {
    let choice = match text.split_once('-') {
        None => text.parse().ok().map(RunChoice::Number),
        Some((since, number)) => match (since.parse(), number.parse()) {
            (Ok(supervised_since), Ok(number)) => Some(RunChoice::Key(RunKey { supervised_since, number })),
            _ => None,
        },
    };
    choice.ok_or_else(|| bad("run", "the number of a run, or its id"))
}

/// A time of day with its date and zone, or how long ago.
fn moment(key: &str, text: &str) -> Result<Timestamp, Problem> {
    let ago = parse_duration(text).ok().and_then(|ago| Timestamp::now().checked_sub(ago).ok());
    let at = ago.or_else(|| text.parse().ok());
    at.ok_or_else(|| bad(key, "a time like `2026-01-31T14:30:00Z`, or how long ago, like `10m`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_whole() {
        let read =
            LogsQuery::page(Some("task=api&task=db&task=api&stream=stderr&limit=7&after=7.5.9.db&grep=a%2Bb")).unwrap();
        assert_eq!((read.tasks.as_slice(), read.limit), (["api".to_owned(), "db".to_owned()].as_slice(), 7));
        assert_eq!((read.filter.stream, read.direction), (Some(OutputStream::Stderr), Direction::Forwards));
        assert_eq!(read.cursor, Some(("after", "7.5.9.db".to_owned())));
        let run = LogsQuery::page(Some("task=api&run=1764000000-3")).unwrap().filter.run;
        assert_eq!(run, Some(RunChoice::Key(RunKey { supervised_since: 1_764_000_000, number: 3 })));
        let read = LogsQuery::page(None).unwrap();
        assert_eq!((read.limit, read.direction), (PAGE_LINES_DEFAULT, Direction::Backwards));
        assert_eq!(LogsQuery::follow(Some("limit=0")).unwrap().limit, 0);
        let first = LogsQuery::page(Some("after=start")).unwrap();
        assert_eq!((first.direction, first.cursor), (Direction::Forwards, None));
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for query in [
            "limt=3",
            "limit=0",
            "limit=5001",
            "limit=-1",
            "limit=x",
            "limit=1&limit=2",
            "stream=both",
            "run=1",
            "task=a&task=b&run=1",
            "task=a&run=x",
            "since=yesterday",
            "after=1.2.3.a&before=1.2.3.a",
        ] {
            assert!(LogsQuery::page(Some(query)).is_err(), "{query}");
        }
        assert!(LogsQuery::follow(Some("since=10m")).is_err());
    }
}
