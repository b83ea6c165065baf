//! The time as the screen shows it: ages, uptimes and countdowns, and when the first of them will read differently.
//!
//! Whatever is drawn through a [`Clock`] is remembered, so the next frame comes when something that is really on
//! screen changes, and not before. All ages turn over together, at the full seconds of the supervisor's clock:
//! a hundred tasks cost one frame a second, not a hundred.

use std::cell::Cell;
use std::time::Duration;

use crate::duration::Pretty;
use crate::supervisor::engine::Uptime;

/// From here on a countdown shows tenths.
const TENTHS_BELOW: Duration = Duration::from_secs(10);
const TENTH: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);

/// `now`, and the time until something that was shown of it changes.
#[derive(Debug)]
pub(crate) struct Clock {
    now: Uptime,
    next: Cell<Option<Duration>>,
}

impl Clock {
    pub(crate) fn new(now: Uptime) -> Self {
        Self { now, next: Cell::new(None) }
    }

    /// The time until the first of the texts made so far changes; none if no text does.
    pub(crate) fn next_tick(&self) -> Option<Duration> {
        self.next.get()
    }

    /// How long ago `at` was, in one unit: `40s ago`, `2m ago`, `3d ago`.
    pub(crate) fn age(&self, at: Uptime) -> String {
        let seconds = self.seconds_since(at);
        let (unit, name) = match seconds {
            0..60 => (1, 's'),
            60..3600 => (60, 'm'),
            3600..86_400 => (3600, 'h'),
            _ => (86_400, 'd'),
        };
        self.changes_at_multiple_of(unit, seconds);
        format!("{}{name} ago", seconds / unit)
    }

    /// How long it has been since `since`, in up to two units: `1m 48s`, `2h 14m`.
    pub(crate) fn span(&self, since: Uptime) -> String {
        let seconds = self.seconds_since(since);
        let unit = match seconds {
            0..3600 => 1,
            3600..86_400 => 60,
            _ => 3600,
        };
        self.changes_at_multiple_of(unit, seconds);
        whole_seconds(seconds)
    }

    /// How long it is until `at`: `0.8s`, `14s`, `3m 12s`. Never shows less than is left.
    pub(crate) fn left(&self, at: Uptime) -> String {
        let left = self.now.until(at);
        if left.is_zero() {
            return "0.0s".to_owned();
        }
        if left <= TENTHS_BELOW {
            let tenths = at.0.as_millis().div_ceil(TENTH.as_millis()) - self.now.0.as_millis() / TENTH.as_millis();
            self.changes_in(until_multiple(self.now.0, TENTH));
            return format!("{}.{}s", tenths / 10, tenths % 10);
        }
        let end = at.0.as_secs() + u64::from(at.0.subsec_nanos() > 0);
        self.changes_in(until_multiple(self.now.0, SECOND));
        whole_seconds(end - self.now.0.as_secs())
    }

    /// How much of the stretch from `since` to `until` has passed, from 0 to 1.
    pub(crate) fn share(&self, since: Uptime, until: Uptime) -> f64 {
        let whole = until.since(since).as_secs_f64();
        if whole > 0.0 { (self.now.since(since).as_secs_f64() / whole).clamp(0.0, 1.0) } else { 1.0 }
    }

    /// Whether `at` is still to come.
    pub(crate) fn is_before(&self, at: Uptime) -> bool {
        let left = self.now.until(at);
        if !left.is_zero() {
            self.changes_in(left);
        }
        !left.is_zero()
    }

    fn seconds_since(&self, at: Uptime) -> u64 {
        self.now.0.as_secs().saturating_sub(at.0.as_secs())
    }

    /// A text made of `seconds` changes when they reach the next multiple of `unit`.
    fn changes_at_multiple_of(&self, unit: u64, seconds: u64) {
        let more = unit - 1 - seconds % unit;
        self.changes_in(until_multiple(self.now.0, SECOND) + Duration::from_secs(more));
    }

    fn changes_in(&self, wait: Duration) {
        self.next.set(Some(self.next.get().map_or(wait, |next| next.min(wait))));
    }
}

/// The time from `now` to the next multiple of `step`; a whole step if `now` is one.
fn until_multiple(now: Duration, step: Duration) -> Duration {
    let over = now.as_nanos() % step.as_nanos();
    step - Duration::from_nanos(u64::try_from(over).unwrap_or(0))
}

fn whole_seconds(seconds: u64) -> String {
    match seconds {
        0 => "0s".to_owned(),
        _ => Pretty(Duration::from_secs(seconds)).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Uptime {
        Uptime(Duration::from_millis(millis))
    }

    #[test]
    fn a_countdown_shows_tenths_only_in_its_last_ten_seconds() {
        let left = |now, until| Clock::new(at(now)).left(at(until));
        assert_eq!(left(0, 192_000), "3m 12s");
        assert_eq!(left(0, 10_500), "11s");
        assert_eq!(left(0, 10_000), "10.0s");
        assert_eq!(left(1_200, 2_000), "0.8s");
        assert_eq!(left(1_999, 2_000), "0.1s");
        assert_eq!(left(2_000, 2_000), "0.0s");
        assert_eq!(left(9_000, 2_000), "0.0s");
    }

    #[test]
    fn the_next_tick_is_the_first_change_of_what_was_shown() {
        let clock = Clock::new(at(7_260_250));
        assert_eq!(clock.next_tick(), None);
        assert_eq!(clock.span(at(0)), "2h 1m");
        assert_eq!(clock.next_tick(), Some(Duration::from_millis(59_750)));
        assert_eq!(clock.age(at(7_220_000)), "40s ago");
        assert_eq!(clock.next_tick(), Some(Duration::from_millis(750)));
        assert_eq!(clock.left(at(7_261_000)), "0.8s");
        assert_eq!(clock.next_tick(), Some(Duration::from_millis(50)));
    }

    #[test]
    fn nothing_changes_before_the_next_tick_and_something_does_at_it() {
        for (now, other) in [(0, 9_000), (12_345, 61_000), (600_010, 7), (3_600_000, 999), (90_000_001, 30_000)] {
            let texts = |clock: &Clock| (clock.age(at(other)), clock.span(at(other)), clock.left(at(other)));
            let clock = Clock::new(at(now));
            let before = texts(&clock);
            let tick = clock.next_tick().expect("an age always changes");
            let just_before = Clock::new(Uptime(at(now).0 + tick - Duration::from_nanos(1)));
            assert_eq!(texts(&just_before), before, "from {now} to just before {tick:?}");
            assert!(!tick.is_zero());
        }
    }

    #[test]
    fn a_share_stays_between_nothing_and_all() {
        let share = |now, since, until| Clock::new(at(now)).share(at(since), at(until));
        assert_eq!(share(500, 0, 2_000), 0.25);
        assert_eq!(share(9_000, 0, 2_000), 1.0);
        assert_eq!(share(0, 5_000, 5_000), 1.0);
    }
}
