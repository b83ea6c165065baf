//! The language that lines are filtered by, the same wherever lines are shown:
//!
//! ```text
//! words "a phrase" /a regex/ -not level>=warn status>=500 path~/cart task:api run:3 since:10m until:14:30
//! ```
//!
//! All terms must be true of a line; `-` before a term turns it round. Words and phrases are found as they stand, and their
//! case matters only if they have an upper-case letter. Fields are those of JSON and logfmt.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering as MemoryOrdering};

use jiff::{Timestamp, Zoned};

use super::level::{Level, is_level_key};
use super::line::LogLine;
use super::moment::moment;
use super::origin::OutputStream;
use super::pattern::LinePattern;
use super::record::Record;
use super::text::without_escapes;

/// Which lines pass. The default lets all of them.
#[derive(Debug, Clone, Default)]
pub struct LineFilter {
    terms: Vec<Term>,
    /// Lines that are less grave do not pass, and are counted.
    floor: Option<Level>,
    hidden: Arc<AtomicUsize>,
}

#[derive(Debug, Clone)]
struct Term {
    is_negated: bool,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Matches(LinePattern),
    Level(Comparison, Level),
    Field { name: String, comparison: Comparison, value: String },
    Task(String),
    Run(u32),
    Since(Timestamp),
    Until(Timestamp),
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    AtLeast,
    AtMost,
    Not,
    Is,
    More,
    Less,
    Contains,
}

/// The signs of comparisons, the longer ones first.
const SIGNS: [(&str, Comparison); 7] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    ("!=", Comparison::Not),
    ("=", Comparison::Is),
    (">", Comparison::More),
    ("<", Comparison::Less),
    ("~", Comparison::Contains),
];

impl LineFilter {
    /// Reads a filter; `now` is what times are relative to.
    ///
    /// # Errors
    ///
    /// Which term is wrong, and how.
    pub fn parse(text: &str, now: &Zoned) -> Result<Self, String> {
        let terms = words(text)?.iter().map(|word| term(word, now)).collect::<Result<_, _>>()?;
        Ok(Self { terms, ..Self::default() })
    }

    /// The same for lines of at least this level alone.
    #[must_use]
    pub fn with_floor(self, floor: Option<Level>) -> Self {
        Self { floor, hidden: Arc::default(), ..self }
    }

    /// Whether it lets every line pass.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty() && self.floor.is_none()
    }

    /// How many lines the floor has held back so far.
    #[must_use]
    pub fn hidden(&self) -> usize {
        self.hidden.load(MemoryOrdering::Relaxed)
    }

    /// Whether a line passes.
    #[must_use]
    pub fn passes(&self, line: &LogLine) -> bool {
        let mut text = None;
        let mut text = || text.get_or_insert_with(|| without_escapes(&line.bytes)).clone();
        if !self.terms.iter().all(|term| term.is_true(line, &mut text)) {
            return false;
        }
        let is_grave =
            self.floor.is_none_or(|floor| Level::judged(&text(), line.stream == OutputStream::Stderr) >= floor);
        if !is_grave {
            self.hidden.fetch_add(1, MemoryOrdering::Relaxed);
        }
        is_grave
    }

    /// The patterns that a line matches because it passes, to show where.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = &LinePattern> {
        self.terms.iter().filter(|term| !term.is_negated).filter_map(|term| match &term.test {
            Test::Matches(pattern) => Some(pattern),
            _ => None,
        })
    }
}

impl Term {
    fn is_true(&self, line: &LogLine, text: &mut impl FnMut() -> String) -> bool {
        let is_met = match &self.test {
            Test::Matches(pattern) => pattern.matches(&line.bytes),
            Test::Level(comparison, level) => {
                let own = Level::judged(&text(), line.stream == OutputStream::Stderr);
                comparison.holds(own.cmp(level))
            }
            Test::Field { name, comparison, value } => {
                let record = Record::of_line(&text());
                record.as_ref().and_then(|record| record.field(name)).is_some_and(|own| comparison.of(own, value))
            }
            Test::Task(name) => *line.task == **name,
            Test::Run(number) => line.run.number == *number,
            Test::Since(at) => line.at >= *at,
            Test::Until(at) => line.at <= *at,
        };
        is_met != self.is_negated
    }
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::AtLeast => order != Ordering::Less,
            Self::AtMost => order != Ordering::Greater,
            Self::Not => order != Ordering::Equal,
            Self::Is => order == Ordering::Equal,
            Self::More => order == Ordering::Greater,
            Self::Less => order == Ordering::Less,
            Self::Contains => true,
        }
    }

    /// Numbers are compared as numbers, also with the same unit behind them: `12ms`.
    fn of(self, own: &str, value: &str) -> bool {
        if self == Self::Contains {
            return own.to_lowercase().contains(&value.to_lowercase());
        }
        let order = match (number(own), number(value)) {
            (Some((own, unit)), Some((value, other))) if unit == other || other.is_empty() => own.partial_cmp(&value),
            _ => Some(own.cmp(value)),
        };
        order.is_some_and(|order| self.holds(order))
    }
}

fn number(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(text.len());
    text[..end].parse().ok().map(|number| (number, &text[end..]))
}

/// A term as it was typed.
struct Word {
    is_negated: bool,
    text: String,
    kind: WordKind,
}

#[derive(PartialEq)]
enum WordKind {
    Plain,
    Quoted,
    Regex,
}

/// Divides what was typed at blanks, but for those in quotes and regular expressions.
fn words(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let unsigned = rest.strip_prefix('-').filter(|behind| !behind.is_empty() && !behind.starts_with(' '));
        let is_negated = unsigned.is_some();
        let term = unsigned.unwrap_or(rest);
        let (kind, closing) = match term.chars().next() {
            Some('"') => (WordKind::Quoted, '"'),
            Some('/') => (WordKind::Regex, '/'),
            _ => (WordKind::Plain, ' '),
        };
        let (text, behind) = if kind == WordKind::Plain {
            plain_word(term)?
        } else {
            let inner = &term[1..];
            let end = closing_at(inner, closing).ok_or_else(|| format!("{closing} is missing at the end of {term}"))?;
            (inner[..end].to_owned(), &inner[end + 1..])
        };
        words.push(Word { is_negated, text, kind });
        rest = behind.trim_start();
    }
    Ok(words)
}

/// A word up to the next blank; a value in quotes may have some.
fn plain_word(text: &str) -> Result<(String, &str), String> {
    let mut word = String::new();
    let mut is_quoted = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => is_quoted = !is_quoted,
            ' ' if !is_quoted => return Ok((word, &text[at..])),
            letter => word.push(letter),
        }
    }
    if is_quoted { Err(format!("\" is missing at the end of {text}")) } else { Ok((word, "")) }
}

fn closing_at(text: &str, closing: char) -> Option<usize> {
    let mut is_escaped = false;
    text.char_indices().find_map(|(at, letter)| {
        let is_closing = letter == closing && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        is_closing.then_some(at)
    })
}

fn term(word: &Word, now: &Zoned) -> Result<Term, String> {
    let test = match word.kind {
        WordKind::Regex => Test::Matches(pattern(&word.text)?),
        WordKind::Quoted => Test::Matches(pattern(&regex::escape(&word.text))?),
        WordKind::Plain => match scope(&word.text, now).or_else(|| comparison(&word.text).map(Ok)) {
            Some(test) => test?,
            None => Test::Matches(pattern(&regex::escape(&word.text))?),
        },
    };
    Ok(Term { is_negated: word.is_negated, test })
}

fn pattern(text: &str) -> Result<LinePattern, String> {
    LinePattern::smart_case(text).map_err(|error| {
        let report = error.to_string();
        report.lines().last().unwrap_or("not a regular expression").trim_start_matches("error: ").to_owned()
    })
}

/// `task:api`, `run:3`, `since:10m`, `until:14:30`
fn scope(word: &str, now: &Zoned) -> Option<Result<Test, String>> {
    let (key, value) = word.split_once(':').filter(|(_, value)| !value.is_empty())?;
    Some(match key {
        "task" => Ok(Test::Task(value.to_owned())),
        "run" => value.parse().map(Test::Run).map_err(|_| format!("run:{value} is not the number of a run")),
        "since" => moment(value, now).map(Test::Since).map_err(|why| format!("since: {why}")),
        "until" => moment(value, now).map(Test::Until).map_err(|why| format!("until: {why}")),
        _ => return None,
    })
}

/// `level>=warn`, `status>=500`
fn comparison(word: &str) -> Option<Test> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@');
    let end = word.find(|c| !is_name(c)).filter(|&end| end > 0)?;
    let (name, rest) = word.split_at(end);
    let (sign, comparison) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign))?;
    let value = &rest[sign.len()..];
    let level = Level::of_word(value).filter(|_| is_level_key(name));
    Some(match level {
        Some(level) => Test::Level(*comparison, level),
        None => Test::Field { name: name.to_owned(), comparison: *comparison, value: value.to_owned() },
    })
}

#[cfg(test)]
mod tests {
    use super::super::origin::RunKey;
    use super::*;

    fn now() -> Zoned {
        "2026-11-23T12:00:00[UTC]".parse().unwrap()
    }

    fn line(text: &str) -> LogLine {
        let run = RunKey { supervised_since: 0, number: 3 };
        let at = "2026-11-23T11:55:00Z".parse().unwrap();
        LogLine { bytes: text.as_bytes().to_vec(), ..LogLine::new(&Arc::from("api"), at, run, OutputStream::Stdout) }
    }

    fn passes(filter: &str, text: &str) -> bool {
        LineFilter::parse(filter, &now()).unwrap().passes(&line(text))
    }

    #[test]
    fn words_phrases_and_regular_expressions_are_found() {
        for (filter, text, expected) in [
            ("", "anything", true),
            ("pool", "the POOL is empty", true),
            ("Pool", "the POOL is empty", false),
            ("pool empty", "the pool is empty", true),
            ("\"is empty\" -full", "the pool is empty", true),
            ("-empty", "the pool is empty", false),
            ("/p..l$/", "the pool", true),
            ("/a b/ c", "c a b", true),
            ("[a-", "x [a- y", true),
            ("a.b", "axb", false),
        ] {
            assert_eq!(passes(filter, text), expected, "{filter} on {text}");
        }
    }

    #[test]
    fn levels_and_fields_are_compared() {
        let json = r#"{"level":"error","msg":"no","status":503,"path":"/cart","took":"12ms"}"#;
        for (filter, expected) in [
            ("level>=warn", true),
            ("level<warn", false),
            ("level=error", true),
            ("status>=500", true),
            ("status>=504", false),
            ("status!=503", false),
            ("-status=200", true),
            ("path~CART status=503", true),
            ("took>9ms", true),
            ("missing=1", false),
        ] {
            assert_eq!(passes(filter, json), expected, "{filter}");
        }
        assert!(passes("level>=warn", "WARN slow") && !passes("level>=warn", "tick"));
    }

    #[test]
    fn tasks_runs_and_times_choose_too() {
        for (filter, expected) in [
            ("task:api", true),
            ("-task:api", false),
            ("run:3", true),
            ("run:4", false),
            ("since:10m", true),
            ("since:1m", false),
            ("until:11:50", false),
            ("http://x:1", false),
        ] {
            assert_eq!(passes(filter, "x"), expected, "{filter}");
        }
    }

    #[test]
    fn a_mistake_is_named() {
        let mistake = |filter: &str| LineFilter::parse(filter, &now()).unwrap_err();
        assert_eq!(mistake("/[a-/"), "unclosed character class");
        assert_eq!(mistake("\"open"), "\" is missing at the end of \"open");
        assert_eq!(mistake("run:x"), "run:x is not the number of a run");
        assert!(mistake("since:never").contains("10m"));
    }

    #[test]
    fn the_floor_counts_what_it_holds_back() {
        let filter = LineFilter::default().with_floor(Some(Level::Warn));
        let passed = ["INFO a", "WARN b", "tick", "  at frame"].map(|text| filter.passes(&line(text)));
        assert_eq!((passed, filter.hidden()), ([false, true, false, true], 2));
    }
}
