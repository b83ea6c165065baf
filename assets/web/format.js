// How a task reads: pure functions from snapshot to words. All times are milliseconds on the supervisor's clock.

/** A duration in at most two units: 500ms, 1.5s, 12m 5s, 2h 14m, 3d 4h. */
export function duration(ms) {
  const whole = Math.max(0, Math.floor(ms));
  const seconds = Math.floor(whole / 1000);
  const two = (big, unit, small, smallUnit) => (small ? `${big}${unit} ${small}${smallUnit}` : `${big}${unit}`);
  if (seconds === 0) return `${whole}ms`;
  if (seconds < 10 && whole % 1000 >= 100) return `${seconds}.${Math.floor((whole % 1000) / 100)}s`;
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return two(Math.floor(seconds / 60), "m", seconds % 60, "s");
  if (seconds < 86400) return two(Math.floor(seconds / 3600), "h", Math.floor((seconds % 3600) / 60), "m");
  return two(Math.floor(seconds / 86400), "d", Math.floor((seconds % 86400) / 3600), "h");
}

/** A time that is left: tenths in the last ten seconds, whole units before. */
export function left(ms) {
  const rest = Math.max(0, ms);
  return rest < 10_000 ? `${(rest / 1000).toFixed(1)}s` : duration(rest);
}

/** An age, which never needs more than whole seconds. */
export function age(ms) {
  return ms < 1000 ? "now" : `${duration(Math.floor(ms / 1000) * 1000)} ago`;
}

/** Glyph and tone of every state, the worst first. */
export const STATES = {
  failed: { glyph: "✖", tone: "bad" },
  backoff: { glyph: "◐", tone: "warn" },
  stopping: { glyph: "◒", tone: "warn" },
  starting: { glyph: "◔", tone: "busy" },
  running: { glyph: "◑", tone: "busy" },
  waiting: { glyph: "◌", tone: "quiet" },
  ready: { glyph: "●", tone: "good" },
  done: { glyph: "✔", tone: "quiet" },
  stopped: { glyph: "■", tone: "quiet" },
};

const CONDITIONS = { started: "to be started", ready: "to be ready", success: "to succeed", exited: "to exit" };

/** What happens next to a task: `{ text, tone, share }`, where share (0 to 1) is how much of a wait has passed. */
export function next(task, now) {
  switch (task.state) {
    case "waiting": {
      const named = task.blockers.map((b) => `for ${b.task} ${CONDITIONS[b.condition]}`);
      return { text: named.join(", ") };
    }
    case "starting":
      return { text: `gives up in ${left(task.deadline - now)}` };
    case "running":
      return { text: task.probe ? `not ready: ${task.probe.detail}` : "not ready yet" };
    case "backoff": {
      const wait = task.retry_at - task.since;
      const share = wait > 0 ? Math.min(1, Math.max(0, (now - task.since) / wait)) : 1;
      return { text: `retry ${task.attempt} in ${left(task.retry_at - now)}`, tone: "warn", share };
    }
    case "stopping": {
      const then = { stay: "", restart: ", then restarts", retry: ", then retries", leave: ", then leaves" }[task.then];
      const what = task.left.map((process) => `${process.name} (${process.pid})`).join(", ");
      const end = task.killed ? "killed, not gone yet" : `killed in ${left(task.kill_at - now)}`;
      return { text: end + then + (what && `: ${what}`) };
    }
    case "failed":
      return { text: task.reason, tone: "bad" };
    default:
      return budgetReturn(task, now);
  }
}

function budgetReturn(task, now) {
  return task.budget_back_at === null ? { text: "" } : { text: `budget back in ${left(task.budget_back_at - now)}` };
}

/** How long the current run has lasted; empty without one. */
export function uptime(task, now) {
  return task.state === "running" || task.state === "ready" ? duration(wholeSeconds(now - task.since)) : "";
}

function wholeSeconds(ms) {
  return ms < 1000 ? 0 : Math.floor(ms / 1000) * 1000;
}

/** The budget as pips, up to ten of them. */
export function pips(task) {
  if (task.max_retries > 10) return "";
  const used = Math.min(task.retries, task.max_retries);
  return "●".repeat(used) + "○".repeat(task.max_retries - used);
}

/** What the process tree uses: 11% · 96M; empty while that is not known. */
export function usage(task) {
  if (!task.usage) return "";
  const mebibytes = task.usage.memory_bytes / 2 ** 20;
  const memory = mebibytes < 1024 ? `${Math.round(mebibytes)}M` : `${(mebibytes / 1024).toFixed(1)}G`;
  return `${Math.round(task.usage.cpu_percent)}% · ${memory}`;
}

/** Whether a run is live: starting, up, or on its way down. */
export function isLive(task) {
  return ["starting", "running", "ready", "stopping"].includes(task.state);
}

/** What can be asked of a task in its state. stead's own parts are only ever restarted. */
export function actions(task) {
  if (task.kind === "surface") return ["restart"];
  if (["failed", "done", "stopped"].includes(task.state)) return ["start"];
  if (task.state === "waiting") return ["stop"];
  return ["stop", "restart"];
}
