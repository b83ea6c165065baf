//! Durations as people write and read them: "1m 30s", "500ms", "0s".

use std::fmt;
use std::time::Duration;

/// Parses a duration such as `1m 30s`, `500ms` or `0s`.
///
/// # Errors
///
/// Says what is wrong with `text`: not a duration, negative, or out of range.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let days = || text.trim().parse::<jiff::Span>()?.to_duration(jiff::SpanRelativeTo::days_are_24_hours());
    let signed: jiff::SignedDuration = text
        .trim()
        .parse()
        .or_else(|_| days())
        .map_err(|_: jiff::Error| format!("`{text}` is not a duration; write it like \"1m 30s\" or \"500ms\""))?;
    Duration::try_from(signed).map_err(|_| format!("`{text}` is negative; a duration starts at \"0s\""))
}

/// A duration as whole milliseconds, for `#[serde(with)]`; fields that use it end in `_ms`.
pub(crate) mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

/// As [`millis`], or `null`.
pub(crate) mod maybe_millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }

    pub(crate) fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::millis::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }
}

/// Shows a duration in at most two units, for reading at a glance: `500ms`, `1.5s`, `12m 5s`, `2h 14m`, `3d 4h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pretty(pub Duration);

impl fmt::Display for Pretty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let seconds = self.0.as_secs();
        let two = |f: &mut fmt::Formatter<'_>, big: u64, unit: &str, small: u64, small_unit: &str| match small {
            0 => write!(f, "{big}{unit}"),
            _ => write!(f, "{big}{unit} {small}{small_unit}"),
        };
        match seconds {
            0 => write!(f, "{millis}ms"),
            1..10 if millis % 1000 >= 100 => write!(f, "{seconds}.{}s", millis % 1000 / 100),
            1..60 => write!(f, "{seconds}s"),
            60..3600 => two(f, seconds / 60, "m", seconds % 60, "s"),
            3600..86_400 => two(f, seconds / 3600, "h", seconds % 3600 / 60, "m"),
            _ => two(f, seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!(parse_duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for text in ["", "nan", "-1s", "5", "1000000000000y", "soon"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shows_two_units_at_most() {
        let shown = |ms| Pretty(Duration::from_millis(ms)).to_string();
        assert_eq!(shown(0), "0ms");
        assert_eq!(shown(1_500), "1.5s");
        assert_eq!(shown(59_999), "59s");
        assert_eq!(shown(65_000), "1m 5s");
        assert_eq!(shown(8_040_000), "2h 14m");
        assert_eq!(shown(273_600_000), "3d 4h");
    }
}
