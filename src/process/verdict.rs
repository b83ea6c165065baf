//! What is to be said of the end of a run beside its wait status: who sent a SIGKILL, and what a person should know.

use std::time::Duration;

use super::oom::OomKills;
use super::reason_of;
use super::warden::{CPU_TIME_GRACE, Exit};
use crate::config::{TaskConfig, TaskStdin};
use crate::signal::Signal;
use crate::supervisor::engine::{ExitReason, Killer, Policy, Straggler};

/// A run that ends with success earlier than this may have taken the end of its input for that of its parent.
const INPUT_ENDS_RUNS_WITHIN: Duration = Duration::from_secs(10);
/// The exit code of a shell whose command was ended by SIGKILL.
const SHELL_CODE_OF_KILL: i32 = 128 + 9;

/// How programs that put themselves into the background by default are kept in the foreground.
const FOREGROUND: [(&str, &str); 19] = [
    ("apache2", "-DFOREGROUND"),
    ("cron", "-f"),
    ("crond", "-f"),
    ("dnsmasq", "--keep-in-foreground"),
    ("gunicorn", "without --daemon"),
    ("haproxy", "-db"),
    ("httpd", "-DFOREGROUND"),
    ("memcached", "without -d"),
    ("mongod", "without --fork"),
    ("named", "-f"),
    ("nginx", "daemon off;"),
    ("php-fpm", "--nodaemonize"),
    ("postgres", "postgres -D DIR, not pg_ctl start"),
    ("redis-server", "daemonize no"),
    ("rsyslogd", "-n"),
    ("squid", "-N"),
    ("sshd", "-D"),
    ("supervisord", "-n"),
    ("varnishd", "-F"),
];

/// How the main process of a task ended. `killed`: stead has killed it, which the engine knows more of.
pub(super) fn reason_of_exit(config: &TaskConfig, exit: Exit, oom: &OomKills, killed: bool) -> ExitReason {
    let reason = reason_of(exit.status());
    match reason {
        ExitReason::Signal { signal: Signal::KILL, core_dumped, .. } if !killed => {
            ExitReason::Signal { signal: Signal::KILL, core_dumped, by: Some(killer(config, exit, oom)) }
        }
        reason => reason,
    }
}

fn killer(config: &TaskConfig, exit: Exit, oom: &OomKills) -> Killer {
    let cpu_limit = config.limits.cpu_time.map(|seconds| Duration::from_secs(seconds.saturating_add(CPU_TIME_GRACE)));
    match oom.since_start() {
        Some(certain) => Killer::OutOfMemory { certain },
        None if cpu_limit.is_some_and(|limit| exit.cpu_time() >= limit) => Killer::CpuTime,
        None => Killer::Other,
    }
}

/// What a person should know of the end of a run that was not asked for. `left`: what it left running.
pub(super) fn hint(
    config: &TaskConfig,
    reason: &ExitReason,
    lasted: Duration,
    left: &[Straggler],
    oom: &OomKills,
) -> Option<String> {
    if !left.is_empty() {
        return Some(background(
            left,
            config.success_exit_codes.iter().any(|code| *reason == ExitReason::Code { code: *code }),
        ));
    }
    match reason {
        ExitReason::Code { code: SHELL_CODE_OF_KILL } => oom.since_start().map(|certain| {
            let killer = Killer::OutOfMemory { certain };
            format!("a command of its shell was ended by SIGKILL{killer}")
        }),
        ExitReason::Code { code: 0 } if ended_with_its_input(config, lasted) => Some(
            "its standard input was at end of file, which some programs take for the end of the program that started them; \
             `stdin = \"open\"` keeps it open"
                .to_owned(),
        ),
        _ => None,
    }
}

fn ended_with_its_input(config: &TaskConfig, lasted: Duration) -> bool {
    // What is never restarted is meant to end.
    config.stdin == TaskStdin::Null && !config.tty && config.policy != Policy::Never && lasted < INPUT_ENDS_RUNS_WITHIN
}

fn background(left: &[Straggler], succeeded: bool) -> String {
    let mut text = format!("left {} running in the background; ended with the run", Straggler::list(left));
    if succeeded {
        text += "; run it in the foreground";
        let known = |straggler: &Straggler| {
            let is_it =
                |(name, _): &&(&str, &str)| straggler.name == *name || straggler.name.starts_with(&format!("{name}:"));
            FOREGROUND.iter().find(is_it).map(|(_, how)| *how)
        };
        if let Some(how) = left.iter().find_map(known) {
            text += &format!(" (`{how}`)");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(names: &[&str]) -> Vec<Straggler> {
        names.iter().zip(100..).map(|(name, pid)| Straggler { pid, name: (*name).to_owned() }).collect()
    }

    #[test]
    fn what_is_left_is_named_with_the_way_to_keep_it_in_the_foreground() {
        let nginx = "left nginx (100), nginx (101) running in the background; ended with the run; run it in the foreground \
                     (`daemon off;`)";
        assert_eq!(background(&left(&["nginx", "nginx"]), true), nginx);
        let other = "left mine (100) running in the background; ended with the run; run it in the foreground";
        assert_eq!(background(&left(&["mine"]), true), other);
        assert_eq!(
            background(&left(&["mine"]), false),
            "left mine (100) running in the background; ended with the run"
        );
    }
}
