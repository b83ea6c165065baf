//! A time as people write it.

use jiff::civil::{DateTime, Time};
use jiff::{Timestamp, Zoned};

use crate::duration::parse_duration;

/// A time of day, a date with one, or how long before `now`: `14:30`, `2026-01-31 14:30`, `10m`, `-10m`.
///
/// # Errors
///
/// It is none of these; what would be one.
pub(crate) fn moment(text: &str, now: &Zoned) -> Result<Timestamp, String> {
    let in_zone = |civil: DateTime| civil.to_zoned(now.time_zone().clone()).map(|zoned| zoned.timestamp());
    if let Ok(ago) = parse_duration(text.strip_prefix('-').unwrap_or(text)) {
        return now.timestamp().checked_sub(ago).map_err(|error| error.to_string());
    }
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    if let Ok(time) = text.parse::<Time>() {
        return in_zone(now.date().to_datetime(time)).map_err(|error| error.to_string());
    }
    let civil = text.parse::<DateTime>();
    civil.and_then(in_zone).map_err(|_| "expected something like `10m`, `14:30` or `2026-01-31 14:30`".to_owned())
}
