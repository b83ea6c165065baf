//! Names one line of a log, so that reading can go on from it later: after a rotation, too.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

/// A line by who wrote it, when, and where it begins in its segment. As text: `MICROSECONDS.OFFSET.TASK`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineMark {
    /// The task that wrote it.
    pub task: String,
    /// When its first byte was read.
    pub at: Timestamp,
    /// Where it begins, in bytes of its segment.
    pub offset: u64,
}

impl fmt::Display for LineMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.at.as_microsecond(), self.offset, self.task)
    }
}

impl FromStr for LineMark {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '.');
        let mut number = || parts.next()?.parse::<i64>().ok();
        let at = number().and_then(|micros| Timestamp::from_microsecond(micros).ok());
        let offset = number().and_then(|offset| u64::try_from(offset).ok());
        let task = parts.next().filter(|task| !task.is_empty());
        match (at, offset, task) {
            (Some(at), Some(offset), Some(task)) => Ok(Self { task: task.to_owned(), at, offset }),
            _ => Err(format!("`{text}` names no line; take it as it came")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_text_it_comes_back_as_it_was() {
        let mark = LineMark { task: "api.v2".into(), at: Timestamp::from_microsecond(7).unwrap(), offset: 9 };
        assert_eq!(mark.to_string(), "7.9.api.v2");
        assert_eq!(mark.to_string().parse(), Ok(mark));
        for text in ["", "1", "1.2", "1.2.", "x.2.api", "1.-2.api", "99999999999999999999.2.api"] {
            assert!(text.parse::<LineMark>().is_err(), "{text}");
        }
    }
}
