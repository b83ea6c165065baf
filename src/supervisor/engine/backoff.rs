//! How long to wait before the next try, and how many tries are left.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::later;
use super::policy::{Intensity, RestartConfig};
use crate::duration::Pretty;

/// The stretch that "restarts in the last hour" counts over.
const HOUR: Duration = Duration::from_secs(3_600);
/// From so many restarts in the last hour on a task is flapping, until it is calm again.
const FLAPPING_RESTARTS: usize = 6;
/// It is calm once a run has lasted so many times as long as there were between the last restarts, and no less than this.
const CALM_AFTER: (u32, Duration) = (4, Duration::from_secs(60));

/// The wait before retry number `attempt`, counted from 1 (0 is treated as 1):
/// `min(initial_backoff * 2^(attempt - 1), max_backoff)`. Saturates instead of overflowing.
#[must_use]
pub fn backoff(config: &RestartConfig, attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1);
    let factor = 1u32.checked_shl(doublings).unwrap_or(u32::MAX);
    config.initial_backoff.saturating_mul(factor).min(config.max_backoff)
}

/// The first `count` waits of a backoff, for people.
pub fn backoff_waits(initial: Duration, most: Duration, count: u32) -> impl Iterator<Item = Duration> {
    let config = RestartConfig { initial_backoff: initial, max_backoff: most, ..RestartConfig::default() };
    (1..=count).map(move |attempt| backoff(&config, attempt))
}

/// What a task has used of its limits on restarts.
#[derive(Debug, Default)]
pub(super) struct Budget {
    /// Retries since the last stable run or since a person gave the budget back.
    pub(super) retries: u32,
    /// When the latest restarts happened, oldest first; at most [`Intensity::MOST`].
    recent: VecDeque<Instant>,
    /// Whether it is known to be spent.
    is_spent: bool,
    /// While it is flapping: the mean time between the last restarts, and when it is calm again.
    flapping: Option<(Duration, Instant)>,
}

/// A limit on restarts is spent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exhausted {
    /// Which: `5 retries`.
    pub(super) limit: String,
    /// Whether it was spent before.
    pub(super) is_known: bool,
}

impl Budget {
    /// Takes one retry, after a run that lasted `ran_for`: the attempt's number, or which limit is spent.
    pub(super) fn spend(&mut self, config: &RestartConfig, ran_for: Duration, now: Instant) -> Result<u32, Exhausted> {
        if ran_for >= config.reset_after {
            self.give_back();
        }
        if let Some(limit) = self.spent_limit(config, now) {
            return Err(Exhausted { limit, is_known: std::mem::replace(&mut self.is_spent, true) });
        }
        self.is_spent = false;
        self.retries += 1;
        Ok(self.retries)
    }

    fn spent_limit(&self, config: &RestartConfig, now: Instant) -> Option<String> {
        if self.retries >= config.max_retries {
            return Some(counted(config.max_retries, "retry", "retries"));
        }
        let Intensity { restarts, within } = config.intensity?;
        let is_spent = self.restarts_within(within, now) >= restarts;
        is_spent.then(|| format!("{} within {}", counted(restarts, "restart", "restarts"), Pretty(within)))
    }

    /// A stable run gives all retries back.
    pub(super) fn give_back(&mut self) {
        (self.retries, self.is_spent) = (0, false);
    }

    /// Remembers that a restart happened.
    pub(super) fn restarted(&mut self, now: Instant) {
        if self.recent.len() == Intensity::MOST as usize {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        let first = self.recent.len().checked_sub(FLAPPING_RESTARTS).map(|index| self.recent[index]);
        let between = first.map(|first| now.saturating_duration_since(first)).filter(|between| *between < HOUR);
        self.flapping = between.map(|between| {
            let every = between / (FLAPPING_RESTARTS as u32 - 1);
            (every, later(now, CALM_AFTER.1.max(every.saturating_mul(CALM_AFTER.0))))
        });
    }

    /// While it restarts again and again: the mean time between the last restarts.
    pub(super) fn flapping(&self) -> Option<Duration> {
        self.flapping.map(|(every, _)| every)
    }

    /// When it is calm again unless it restarts before.
    pub(super) fn calm_at(&self) -> Option<Instant> {
        self.flapping.map(|(_, calm_at)| calm_at)
    }

    /// It is calm again, if it is time.
    pub(super) fn calm_down(&mut self, now: Instant) {
        self.flapping = self.flapping.filter(|(_, calm_at)| *calm_at > now);
    }

    /// What is used is never more than there is, whatever a reload makes of that.
    pub(super) fn cap(&mut self, max_retries: u32) {
        self.retries = self.retries.min(max_retries);
    }

    /// A person gives everything back.
    pub(super) fn refund(&mut self) {
        *self = Self::default();
    }

    /// Restarts in the last hour; counts no further than [`Intensity::MOST`].
    pub(super) fn restarts_last_hour(&self, now: Instant) -> u32 {
        self.restarts_within(HOUR, now)
    }

    fn restarts_within(&self, window: Duration, now: Instant) -> u32 {
        let count = self.recent.iter().rev().take_while(|at| now.saturating_duration_since(**at) < window).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

pub(super) fn counted(count: u32, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A small seeded generator (SplitMix64), so that the core stays deterministic.
#[derive(Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Adds up to `share` (0 to 1) of `wait` to it. The cap of the backoff is applied before: at the cap
    /// jitter would otherwise do nothing, and that is where crowds meet.
    pub(super) fn stretch(&mut self, wait: Duration, share: f64) -> Duration {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        let unit = (z >> 11) as f64 / (1u64 << 53) as f64;
        let extra = wait.as_secs_f64() * share * unit;
        wait.saturating_add(Duration::try_from_secs_f64(extra).unwrap_or(Duration::ZERO))
    }
}
