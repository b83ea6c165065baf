//! `shutdown`: how a process is stopped.

use super::process::ComposeProcess;
use super::project::ignored;
use crate::import::draft::{ConfigDraft, Weight};
use crate::import::fields::Fields;
use crate::signal::Signal;

/// As good as never: process-compose sends no SIGKILL unless the file says when.
const NO_KILL: &str = "1h";

/// What a stop command may take when nothing else is said, in seconds.
const COMMAND_TIMEOUT: i64 = 10;

pub(super) fn read(draft: &mut ConfigDraft, process: &mut ComposeProcess<'_>) {
    let no_kill = "process-compose sends no SIGKILL unless timeout_seconds is given";
    let hangs_up = "process-compose ends what has a terminal with SIGHUP instead of SIGTERM";
    if process.has_terminal {
        process.fill(draft, &["stop", "signal"], "SIGHUP", hangs_up);
    }
    let Some(field) = process.fields.take("shutdown") else {
        process.fill(draft, &["stop", "timeout"], NO_KILL, no_kill);
        return;
    };
    let mut fields = Fields::of(draft, &field);
    let command = fields.take("command").filter(|field| field.node.scalar().is_none_or(|it| !it.text.is_empty()));
    let keys = fields.take("send_keys").filter(|field| field.node.scalar().is_none_or(|it| !it.text.is_empty()));
    let (signal, parent) = (fields.take("signal"), fields.take("parent_only"));
    let timeout = fields.take("timeout_seconds").and_then(|field| Some((field.whole(draft)?, field)));
    let timeout = timeout.filter(|(seconds, _)| *seconds > 0);
    draft.table(&["tasks", process.task, "stop"], field.key_place);
    if let Some(command) = command {
        // Half of the time is the command's; then comes the signal.
        let seconds = timeout.as_ref().map_or(COMMAND_TIMEOUT, |(seconds, _)| *seconds);
        if let Some(text) = process.plain_text(draft, &command) {
            process.put(draft, &["stop", "command"], process.shell_line(&text), &command);
        }
        let kill = "process-compose sends SIGKILL at once when its command fails or takes too long, and waits for ever when it succeeds";
        process.fill(draft, &["stop", "signal"], "SIGKILL", kill);
        match &timeout {
            Some((_, field)) => process.put(draft, &["stop", "timeout"], format!("{}s", seconds * 2), field),
            None => process.fill(draft, &["stop", "timeout"], format!("{}s", seconds * 2), "the command has 10 s"),
        }
        for field in [signal, parent, keys].into_iter().flatten() {
            let what = "process-compose ignores it, because there is a `command`";
            draft.drop(Weight::Notable, field.key_place, field.key.clone(), what);
        }
        ignored(draft, &mut fields);
        return;
    }
    if let Some(keys) = keys {
        let what = "stead types nothing to stop a task: it sends the signal";
        draft.drop(Weight::ChangesWhatRuns, keys.key_place, keys.key.clone(), what);
    }
    if let Some(field) = signal
        && let Some(number) = field.whole(draft)
    {
        // Anything else counts as SIGTERM.
        let signal = i32::try_from(number).ok().filter(|number| (1..=31).contains(number)).unwrap_or(15);
        if signal != 15 || !process.has_terminal {
            process.put(draft, &["stop", "signal"], Signal::from_raw(signal).to_string(), &field);
        }
    }
    if let Some(field) = parent
        && field.flag(draft) == Some(true)
    {
        process.put(draft, &["stop", "only_parent"], true, &field);
    }
    match &timeout {
        Some((seconds, field)) => process.put(draft, &["stop", "timeout"], format!("{seconds}s"), field),
        None => process.fill(draft, &["stop", "timeout"], NO_KILL, no_kill),
    }
    ignored(draft, &mut fields);
}
