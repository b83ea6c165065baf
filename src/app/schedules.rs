//! Tells the engine when tasks are due. It computes the times of day that the engine knows nothing of.
//!
//! The wall clock may jump: after a suspend, by a person, by the network. A time that has passed unnoticed is reported once,
//! and how late that is; one that comes a second time because the clock went back is not reported again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::config::{Config, ScheduleConfig};
use crate::kernel::KernelHandle;
use crate::supervisor::engine::Input;

/// The longest sleep: a jump of the clock is noticed after this long.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// From here on a run is said to be late.
const LATE: Duration = Duration::from_secs(5);

/// A task with a schedule.
struct ScheduledTask {
    config: ScheduleConfig,
    /// What a period counts from.
    since: Timestamp,
    due: Option<Timestamp>,
}

impl ScheduledTask {
    fn new(config: ScheduleConfig, now: Timestamp) -> Self {
        Self { due: config.next(now, now), config, since: now }
    }

    /// How late it is, if it is due.
    fn take(&mut self, now: Timestamp) -> Option<Duration> {
        let due = self.due.filter(|due| *due <= now)?;
        self.due = self.config.next(now, self.since);
        Some(Duration::try_from(now.duration_since(due)).unwrap_or_default())
    }

    /// A clock that went far back leaves nothing waiting longer than its schedule can mean.
    fn follow_clock(&mut self, now: Timestamp, last: Timestamp) {
        if now < last {
            let next = self.config.next(now, self.since.min(now));
            self.due = match (self.due, next) {
                // What was reported is not reported again.
                (_, Some(next)) if next <= last => self.config.next(last, self.since.min(now)),
                (_, next) => next,
            };
        }
    }
}

/// Reports due times for as long as it runs.
pub(super) async fn run_schedules(mut config: watch::Receiver<Arc<Config>>, kernel: KernelHandle) {
    let mut tasks: BTreeMap<String, ScheduledTask> = BTreeMap::new();
    let mut last = Timestamp::now();
    adopt(&mut tasks, &config.borrow_and_update(), last);
    announce_all(&tasks, &kernel, last).await;
    loop {
        let now = Timestamp::now();
        let next = tasks.values().filter_map(|task| task.due).min();
        let wait = next.map(|next| Duration::try_from(next.duration_since(now)).unwrap_or_default());
        let config_changed = tokio::select! {
            changed = config.changed() => match changed {
                Ok(()) => true,
                Err(_) => return,
            },
            () = sleep(wait.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)), if !tasks.is_empty() => false,
        };
        let now = Timestamp::now();
        if config_changed {
            adopt(&mut tasks, &config.borrow_and_update(), now);
            announce_all(&tasks, &kernel, now).await;
        }
        for (name, task) in &mut tasks {
            task.follow_clock(now, last);
            if let Some(late) = task.take(now) {
                let late = Some(late).filter(|late| *late >= LATE);
                kernel.report(Input::Due { task: name.clone(), late }).await;
                announce(name, task, &kernel, now).await;
            }
        }
        last = last.max(now);
    }
}

/// Goes on with what the configuration says; what it says as before keeps its times.
fn adopt(tasks: &mut BTreeMap<String, ScheduledTask>, config: &Config, now: Timestamp) {
    let mut before = std::mem::take(tasks);
    for task in &config.tasks {
        let Some(schedule) = &task.schedule else { continue };
        let known = before.remove(&task.name).filter(|known| known.config == *schedule);
        tasks.insert(task.name.clone(), known.unwrap_or_else(|| ScheduledTask::new(schedule.clone(), now)));
    }
}

async fn announce_all(tasks: &BTreeMap<String, ScheduledTask>, kernel: &KernelHandle, now: Timestamp) {
    for (name, task) in tasks {
        announce(name, task, kernel, now).await;
    }
}

async fn announce(name: &str, task: &ScheduledTask, kernel: &KernelHandle, now: Timestamp) {
    let next = task.due.map(|due| Duration::try_from(due.duration_since(now)).unwrap_or_default());
    let next = next.and_then(|wait| Instant::now().checked_add(wait));
    kernel.report(Input::Scheduled { task: name.to_owned(), next }).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DueTimes;
    use crate::supervisor::engine::Overlap;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn nightly(zone: &str) -> ScheduleConfig {
        let times = DueTimes::Schedule("30 2 * * *".to_owned());
        ScheduleConfig { times, time_zone: Some(zone.to_owned()), overlap: Overlap::Skip }
    }

    #[test]
    fn a_suspend_of_days_is_one_run_and_says_how_late() {
        let mut task = ScheduledTask::new(nightly("UTC"), at("2026-03-01T12:00:00Z"));
        assert_eq!(task.take(at("2026-03-02T02:29:59Z")), None);
        assert_eq!(task.take(at("2026-03-05T12:00:00Z")), Some(Duration::from_secs(3 * 86_400 + 34_200)));
        assert_eq!(task.take(at("2026-03-05T12:00:01Z")), None);
        assert_eq!(task.due, Some(at("2026-03-06T02:30:00Z")));
    }

    #[test]
    fn an_hour_that_comes_twice_is_one_run_and_one_that_is_left_out_is_run_all_the_same() {
        let mut task = ScheduledTask::new(nightly("Europe/Berlin"), at("2026-10-24T12:00:00Z"));
        let mut runs = Vec::new();
        let mut now = at("2026-10-24T12:00:00Z");
        while now < at("2026-10-26T12:00:00Z") {
            now += Duration::from_secs(600);
            runs.extend(task.take(now).map(|_| now));
        }
        assert_eq!(runs.len(), 2, "{runs:?}");
        let task = ScheduledTask::new(nightly("Europe/Berlin"), at("2026-03-28T12:00:00Z"));
        assert!(task.due < Some(at("2026-03-29T02:00:00Z")), "{:?}", task.due);
    }

    #[test]
    fn a_clock_that_goes_back_repeats_no_run_and_leaves_nothing_waiting() {
        let mut task = ScheduledTask::new(nightly("UTC"), at("2026-03-01T12:00:00Z"));
        assert!(task.take(at("2026-03-02T02:30:00Z")).is_some());
        task.follow_clock(at("2026-03-02T02:00:00Z"), at("2026-03-02T02:30:00Z"));
        assert_eq!(task.due, Some(at("2026-03-03T02:30:00Z")), "it ran for this time");
        let every = ScheduleConfig { times: DueTimes::Every(Duration::from_secs(60)), ..nightly("UTC") };
        let mut task = ScheduledTask::new(every, at("2026-03-02T12:00:00Z"));
        task.follow_clock(at("2020-01-01T00:00:00Z"), at("2026-03-02T12:00:30Z"));
        assert_eq!(task.take(at("2026-03-02T12:01:00Z")).map(|late| late.as_secs()), Some(0));
    }
}
