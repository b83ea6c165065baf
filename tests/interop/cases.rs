//! The files that are compared, and how.

use nix::sys::signal::Signal;

use crate::tools::Original;

/// A directory of `fixtures/`, run by its own tool and by stead.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) original: Original,
    pub(super) scenario: Scenario,
    pub(super) their_options: &'static [&'static str],
    pub(super) our_options: &'static [&'static str],
    /// Processes whose starts have an order; others start at the same time.
    pub(super) start_order: &'static [&'static str],
    /// Processes whose stops have an order.
    pub(super) stop_order: &'static [&'static str],
    /// What differs, and words of `stead check` that say so.
    pub(super) differs: &'static [(&'static str, &'static str)],
}

/// How a run ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scenario {
    /// By itself.
    Ends,
    /// By a signal to the tool, after so many starts.
    Stops { starts: usize, signal: Signal },
}

const fn ends(original: Original, name: &'static str) -> Case {
    let scenario = Scenario::Ends;
    Case {
        name,
        original,
        scenario,
        their_options: &[],
        our_options: &[],
        start_order: &[],
        stop_order: &[],
        differs: &[],
    }
}

const fn stops(original: Original, name: &'static str, starts: usize) -> Case {
    Case { scenario: Scenario::Stops { starts, signal: Signal::SIGTERM }, ..ends(original, name) }
}

const AS_HONCHO: &[&str] = &["--runner", "honcho"];
const AS_HIVEMIND: &[&str] = &["--runner", "hivemind"];
const CODE: &[(&str, &str)] =
    &[("exit code", "is that of the first process that ends, or 143 after SIGTERM; stead's is")];

const CODE_OF_ONE: &[(&str, &str)] =
    &[("exit code", "ends with the exit code of this process; stead's exit code is 1")];
const WAITS: (&str, &str) = ("waits between starts", "supervisord waits 1 s, 2 s, 3 s and so on; stead 1 s, 2 s, 4 s");

pub(super) const CASES: &[Case] = &[
    Case { our_options: AS_HONCHO, differs: CODE, ..stops(Original::Honcho, "procfile-ports", 2) },
    Case { our_options: AS_HONCHO, differs: CODE, ..stops(Original::Honcho, "procfile-words", 2) },
    Case {
        our_options: AS_HONCHO,
        differs: &[
            CODE[0],
            ("env EMPTY", "EMPTY: honcho does not read this line; stead does"),
            ("env LEFT", "LEFT: honcho does not read this line; stead does"),
        ],
        ..stops(Original::Honcho, "procfile-quotes", 1)
    },
    Case { our_options: AS_HONCHO, differs: CODE, ..ends(Original::Honcho, "procfile-exit") },
    Case { our_options: AS_HONCHO, differs: CODE, ..ends(Original::Honcho, "procfile-done") },
    Case { our_options: AS_HONCHO, differs: CODE, ..stops(Original::Honcho, "procfile-stubborn", 2) },
    Case {
        their_options: &["-c", "worker=2"],
        our_options: &["--runner", "honcho", "--formation", "worker=2"],
        differs: CODE,
        ..stops(Original::Honcho, "procfile-formation", 3)
    },
    Case { our_options: AS_HIVEMIND, ..stops(Original::Hivemind, "hivemind-ports", 2) },
    stops(Original::Overmind, "overmind-options", 2),
    stops(Original::Supervisord, "supervisord-plain", 2),
    stops(Original::Supervisord, "supervisord-restart", 3),
    Case { differs: &[WAITS], ..stops(Original::Supervisord, "supervisord-unexpected", 4) },
    Case { differs: &[WAITS], ..stops(Original::Supervisord, "supervisord-retries", 4) },
    stops(Original::Supervisord, "supervisord-numprocs", 2),
    stops(Original::Supervisord, "supervisord-stop", 2),
    stops(Original::Supervisord, "supervisord-include", 2),
    stops(Original::Pm2, "pm2-fork", 2),
    Case {
        their_options: &["--env", "production"],
        our_options: &["--env", "production"],
        ..stops(Original::Pm2, "pm2-env", 1)
    },
    Case {
        differs: &[("exit code", "without -d stead ends then, with 1 if an app has failed")],
        ..stops(Original::Pm2, "pm2-restart", 2)
    },
    stops(Original::Pm2, "pm2-instances", 2),
    stops(Original::Pm2, "pm2-stop", 1),
    stops(Original::Pm2, "pm2-once", 2),
    stops(Original::Mprocs, "mprocs-plain", 4),
    stops(Original::Mprocs, "mprocs-stop", 3),
    stops(Original::Mprocs, "mprocs-restart", 5),
    stops(Original::Mprocs, "mprocs-select", 1),
    stops(Original::ProcessCompose, "process-compose-plain", 2),
    Case {
        differs: &[("exit code", "process-compose's is 0 even if a process has failed")],
        ..stops(Original::ProcessCompose, "process-compose-restart", 6)
    },
    Case { start_order: &["db", "migrate", "api"], ..stops(Original::ProcessCompose, "process-compose-ready", 5) },
    stops(Original::ProcessCompose, "process-compose-stop", 2),
    stops(Original::ProcessCompose, "process-compose-stop-command", 1),
    Case {
        start_order: &["db", "api"],
        stop_order: &["api", "db"],
        ..stops(Original::ProcessCompose, "process-compose-order", 2)
    },
    Case { differs: CODE_OF_ONE, ..ends(Original::ProcessCompose, "process-compose-fatal") },
    Case { differs: CODE_OF_ONE, ..ends(Original::ProcessCompose, "process-compose-end") },
    stops(Original::ProcessCompose, "process-compose-templates", 3),
    stops(Original::ProcessCompose, "process-compose-files", 2),
    stops(Original::ProcessCompose, "process-compose-tty", 1),
    Case {
        differs: &[("waits between starts", "counts failures only after that, so it stops the process later")],
        ..stops(Original::ProcessCompose, "process-compose-failing-probe", 2)
    },
];
