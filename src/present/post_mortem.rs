//! A failed run in words: the same in the dashboard and in `stead why`.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::ansi;
use crate::duration::Pretty;
use crate::kernel::PostMortem;

/// How a run failed, in one line.
pub(crate) fn headline(last: &PostMortem) -> String {
    let lasted = Pretty(Duration::from_millis(last.ran_for_ms));
    format!("{} after {lasted} (run {})", ansi::plain_text(last.reason.as_bytes()), last.run)
}

/// The heading above failures of an earlier supervisor.
pub(crate) fn earlier_session(last: &PostMortem, zone: &TimeZone) -> String {
    format!("under an earlier supervisor, started {}", last.session.to_zoned(zone.clone()).strftime("%F %T"))
}

/// When it ended.
pub(crate) fn when(last: &PostMortem, zone: &TimeZone) -> String {
    last.at.to_zoned(zone.clone()).strftime("%F %T").to_string()
}

/// What else is known: what it is, and it.
pub(crate) fn facts(last: &PostMortem) -> Vec<(&'static str, String)> {
    let PostMortem { retries, max_retries, then, .. } = last;
    let next = match then.as_str() {
        "backoff" | "waiting" | "starting" => format!("was to be restarted, retry {retries} of {max_retries}"),
        "failed" if *max_retries == 1 => "given up, 1 retry was allowed".to_owned(),
        "failed" if *retries > 0 => format!("given up, {max_retries} retries were allowed"),
        other => other.to_owned(),
    };
    let memory = last.peak_memory_bytes.map(|bytes| format!("{} at most", bytesize::ByteSize(bytes).display().iec()));
    let signal = last.signal.clone().map(|signal| ("signal", signal));
    [("then", next)].into_iter().chain(signal).chain(memory.map(|memory| ("memory", memory))).collect()
}

/// The last lines that it wrote, each with its time; `!` marks standard error.
pub(crate) fn last_lines(last: &PostMortem, zone: &TimeZone) -> Vec<String> {
    let told = last.lines.iter().map(|line| {
        let time = line.at.to_zoned(zone.clone()).strftime("%T");
        let mark = if line.is_stderr { '!' } else { ' ' };
        format!("{time} {mark} {}", ansi::plain_text(line.text.as_bytes()))
    });
    told.collect()
}
