//! What a desktop notice says: that a task has failed for good, or that everything ends for one.

use std::sync::Arc;

use crate::present::ansi::plain;
use crate::supervisor::EventRecord;
use crate::supervisor::engine::EventKind;

/// The most characters of a notice.
const NOTICE_CHARS: usize = 120;

/// One notice about all that came after event `seen`, if there is reason for one: plain text, and short.
#[must_use]
pub fn desktop_notice(events: &[Arc<EventRecord>], seen: u64) -> Option<String> {
    let unseen = &events[events.partition_point(|record| record.number <= seen)..];
    let fatal = unseen.iter().find_map(|record| match &record.event.kind {
        EventKind::Draining { culprit: Some(_), cause, .. } => Some(format!("stead: fatal: {cause}")),
        _ => None,
    });
    let mut failed = unseen.iter().filter_map(|record| match &record.event.kind {
        EventKind::Failed { reason } => Some((record.event.task.as_deref()?, reason)),
        _ => None,
    });
    let text = match (fatal, failed.next(), failed.count()) {
        (Some(fatal), _, _) => fatal,
        (None, Some((task, reason)), 0) => format!("stead: {task} failed: {reason}"),
        (None, Some((task, _)), more) => format!("stead: {task} and {more} more failed"),
        (None, None, _) => return None,
    };
    Some(plain(&text).chars().take(NOTICE_CHARS).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::supervisor::engine::{Event, Uptime};

    fn events(notices: Vec<(&str, EventKind)>) -> Vec<Arc<EventRecord>> {
        let record = |((task, kind), number): ((&str, EventKind), u64)| {
            let (at, text) = (Timestamp::UNIX_EPOCH, kind.to_string());
            let notice = Event { task: Some(task.to_owned()), kind };
            Arc::new(EventRecord { number, at, uptime: Uptime::default(), event: notice, text })
        };
        notices.into_iter().zip(1..).map(record).collect()
    }

    fn failed(reason: &str) -> EventKind {
        EventKind::Failed { reason: reason.to_owned() }
    }

    #[test]
    fn a_failure_for_good_is_told_once() {
        let events = events(vec![("api", EventKind::Stopped), ("api", failed("5 retries spent: code 1"))]);
        let text = desktop_notice(&events, 0);
        assert_eq!(text.as_deref(), Some("stead: api failed: 5 retries spent: code 1"));
        assert_eq!(desktop_notice(&events, 2), None);
        assert_eq!(desktop_notice(&events[..1], 0), None);
    }

    #[test]
    fn many_at_once_are_one_notice_and_a_fatal_end_says_it_all() {
        let drain = |culprit: Option<&str>| EventKind::Draining {
            cause: "db: SIGKILL".to_owned(),
            culprit: culprit.map(str::to_owned),
            within: Duration::from_secs(3),
        };
        let three = || vec![("a", failed("x")), ("b", failed("a failed")), ("c", failed("b failed"))];
        assert_eq!(desktop_notice(&events(three()), 0).as_deref(), Some("stead: a and 2 more failed"));
        let with = |culprit| events(three().into_iter().chain([("db", drain(culprit))]).collect());
        assert_eq!(desktop_notice(&with(Some("db")), 0).as_deref(), Some("stead: fatal: db: SIGKILL"));
        assert_eq!(desktop_notice(&with(None), 0).as_deref(), Some("stead: a and 2 more failed"));
    }

    #[test]
    fn what_a_reason_holds_can_not_end_the_sequence() {
        let events = events(vec![("api", failed(&format!("\x07\x1b]52;c;aGk=\x07 \u{9c}{}", "x".repeat(500))))]);
        let text = desktop_notice(&events, 0).unwrap();
        assert!(!text.chars().any(char::is_control) && text.chars().count() <= NOTICE_CHARS, "{text:?}");
    }
}
