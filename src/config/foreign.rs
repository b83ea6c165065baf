//! Keys and values that other tools have for a task, answered with stead's.

use super::table::Foreign;

/// What docker compose, supervisord, pm2, systemd, foreman, process-compose and overmind call the keys of a task.
pub(super) const TASK: &[Foreign] = &[
    Foreign {
        words: &["cmd", "run", "exec", "script", "entrypoint", "program", "args", "shell", "start", "exec_start"],
        key: "command",
        remedy: "stead's word is `command`: a line for `sh -c`, or an array to run as it is",
    },
    Foreign {
        words: &["depends_on", "dependencies", "deps", "needs", "requires", "wants", "before", "links", "priority"],
        key: "after",
        remedy: "stead's word is `after`, with a condition: after = { db = \"ready\" }",
    },
    Foreign {
        words: &["environment", "vars", "variables", "envs"],
        key: "env",
        remedy: "stead's word is `env`: env = { NAME = \"value\" }",
    },
    Foreign {
        words: &["env_files", "dotenv", "envfile", "environment_file"],
        key: "env_file",
        remedy: "stead's word is `env_file`: env_file = \".env\"",
    },
    Foreign {
        words: &["working_dir", "working_directory", "workdir", "cwd", "directory", "chdir", "root", "path"],
        key: "dir",
        remedy: "stead's word is `dir`: dir = \"api\"",
    },
    Foreign {
        words: &["restart_policy", "autorestart", "availability", "on_exit", "respawn"],
        key: "restart",
        remedy: "stead's word is `restart`: \"always\", \"on-failure\" or \"never\"",
    },
    Foreign {
        words: &["max_restarts", "retries", "startretries", "start_limit_burst", "max_attempts"],
        key: "max_retries",
        remedy: "stead's word is `max_retries`: restarts without a stable run in between",
    },
    Foreign {
        words: &["restart_delay", "restart_sec", "backoff", "backoff_seconds", "delay", "exp_backoff_restart_delay"],
        key: "initial_backoff",
        remedy: "stead's words are `initial_backoff` and `max_backoff`: initial_backoff = \"1s\"",
    },
    Foreign {
        words: &["healthcheck", "health_check", "readiness_probe", "readiness", "probe", "liveness_probe", "health"],
        key: "ready",
        remedy: "stead's word is `ready`: ready.http = \"http://127.0.0.1:8080/\", or ready.tcp, ready.exec, ready.log",
    },
    Foreign {
        words: &["tcp", "http", "log"],
        key: "ready",
        remedy: "it belongs to `ready`: ready.http = \"http://127.0.0.1:8080/\"",
    },
    Foreign {
        words: &["stop_signal", "stopsignal", "kill_signal", "signal"],
        key: "stop",
        remedy: "it belongs to `stop`: stop.signal = \"SIGINT\"",
    },
    Foreign {
        words: &[
            "stop_grace_period",
            "stopwaitsecs",
            "kill_timeout",
            "timeout",
            "grace",
            "timeout_stop_sec",
            "shutdown",
        ],
        key: "stop",
        remedy: "it belongs to `stop`: stop.timeout = \"10s\"",
    },
    Foreign {
        words: &["stop_command", "exec_stop"],
        key: "stop",
        remedy: "it belongs to `stop`: stop.command = \"./stop\"",
    },
    Foreign { words: &["interval"], key: "ready", remedy: "it belongs to `ready`: ready.interval = \"2s\"" },
    Foreign {
        words: &["exitcodes", "success_codes", "success_exit_status", "exit_codes", "stop_exit_codes"],
        key: "success_exit_codes",
        remedy: "stead's word is `success_exit_codes`: success_exit_codes = [0, 3]",
    },
    Foreign {
        words: &["mem_limit", "max_memory_restart", "memory", "memory_max", "mem"],
        key: "max_memory",
        remedy: "stead's word is `max_memory`: max_memory = \"512 MiB\"",
    },
    Foreign {
        words: &["ulimits", "rlimits", "open_files", "nofile", "limit_nofile"],
        key: "limits",
        remedy: "stead's word is `limits`: limits.open_files = 1024",
    },
    Foreign {
        words: &["is_tty", "interactive", "pty", "terminal"],
        key: "tty",
        remedy: "stead's word is `tty`: tty = true",
    },
    Foreign { words: &["stdin_open"], key: "stdin", remedy: "stead's word is `stdin`: stdin = \"open\"" },
    Foreign { words: &["username", "uid", "run_as"], key: "user", remedy: "stead's word is `user`: user = \"www\"" },
    Foreign { words: &["gid"], key: "group", remedy: "stead's word is `group`: group = \"www\"" },
    Foreign {
        words: &["instances", "numprocs", "scale", "processes", "concurrency"],
        key: "replicas",
        remedy: "stead's word is `replicas`: replicas = 2 runs NAME-1 and NAME-2",
    },
    Foreign {
        words: &["disabled", "enabled", "auto_start"],
        key: "autostart",
        remedy: "stead's word is `autostart`: autostart = false",
    },
    Foreign { words: &["profile"], key: "profiles", remedy: "stead's word is `profiles`: profiles = [\"dev\"]" },
    Foreign {
        words: &["comment", "title", "about", "summary"],
        key: "description",
        remedy: "stead's word is `description`: description = \"The HTTP API\"",
    },
    Foreign {
        words: &["stdout_logfile", "stderr_logfile", "log_file", "logfile", "out_file", "error_file", "log_location"],
        key: "",
        remedy: "the output of every task is kept in `.stead/logs/NAME.log`; [logs] dir = \"…\" moves it",
    },
    Foreign {
        words: &["on_fail", "on_failure", "exit_on_failure", "essential", "fatal"],
        key: "critical",
        remedy: "stead's word is `critical`: its exit ends everything",
    },
    Foreign {
        words: &["volumes", "image", "build", "networks", "container_name"],
        key: "",
        remedy: "stead runs processes, not containers",
    },
];

/// stead's word for a value of docker compose or process-compose.
pub(super) fn value(word: &str) -> Option<&'static str> {
    match word {
        "unless-stopped" => Some("always"),
        "no" | "none" | "exit_on_failure" => Some("never"),
        "service_started" | "process_started" | "running" => Some("started"),
        "service_healthy" | "process_healthy" | "process_log_ready" | "healthy" => Some("ready"),
        "service_completed_successfully" | "process_completed_successfully" | "completed" | "succeeded" => {
            Some("success")
        }
        "process_completed" | "finished" => Some("exited"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema;

    #[test]
    fn no_word_is_a_key_of_steads_and_every_answer_is_one() {
        let schema = schema();
        let keys = &schema["properties"]["tasks"]["additionalProperties"]["properties"];
        let mut words: Vec<_> = TASK.iter().flat_map(|foreign| foreign.words).collect();
        for foreign in TASK {
            assert!(foreign.key.is_empty() || keys.get(foreign.key).is_some(), "{}", foreign.key);
        }
        words.sort_unstable();
        for pair in words.windows(2) {
            assert!(pair[0] != pair[1] && keys.get(pair[0]).is_none(), "{}", pair[0]);
        }
    }
}
