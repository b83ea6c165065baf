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

/** A duration in whole seconds: it changes once a second at most. */
export function seconds(ms) {
  return ms < 1000 ? "0s" : duration(Math.floor(ms / 1000) * 1000);
}

/** An age, which never needs more than whole seconds. */
export function age(ms) {
  return ms < 1000 ? "now" : `${seconds(ms)} ago`;
}

/** The time of day of a timestamp; with milliseconds where that helps to compare. */
export function clock(timestamp, digits) {
  return new Date(timestamp).toLocaleTimeString([], { hour12: false, fractionalSecondDigits: digits });
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
  stopped: { glyph: "○", tone: "quiet" },
};

/** Glyph and tone of a task; a state that this page does not know is shown all the same. */
export function look(task) {
  return STATES[task.state] ?? { glyph: "?", tone: "quiet" };
}

const CONDITIONS = { started: "to be started", ready: "to be ready", success: "to succeed", exited: "to exit" };
/** From so many restarts in the last hour on a task is called unstable. */
const UNSTABLE_RESTARTS = 6;

/** What happens next to a task: `{ text, tone, share }`, where share (0 to 1) is how much of a wait has passed. */
export function next(task, now, draining) {
  const quiet = (text) => ({ text, tone: "quiet" });
  switch (task.state) {
    case "waiting":
      return { text: task.blockers.map((b) => `for ${b.task} ${CONDITIONS[b.condition]}`).join(", ") };
    case "starting":
      return { text: `start fails in ${left(task.deadline - now)}` };
    case "running":
      if (task.probe && !task.probe.passed) return { text: `not ready: ${task.probe.detail}`, tone: "warn" };
      return draining ? quiet("stops in its turn") : { text: "not ready yet" };
    case "ready":
      if (draining) return quiet("stops in its turn");
      if (isUnstable(task)) return { text: `unstable: ${task.restarts_last_hour} restarts/h`, tone: "warn" };
      return { text: task.budget_back_at === null ? "" : `budget back in ${left(task.budget_back_at - now)}` };
    case "backoff": {
      const wait = task.retry_at - task.since;
      const share = wait > 0 ? Math.min(1, Math.max(0, (now - task.since) / wait)) : 1;
      return { text: `${left(task.retry_at - now)} of ${duration(wait)}`, tone: "warn", share };
    }
    case "stopping": {
      const then = { stay: "", restart: ", restarts", retry: ", retries", leave: ", leaves" }[task.then];
      const what = task.left.map((process) => `${process.name} (${process.pid})`).join(", ");
      const end = task.killed ? "killed, not gone yet" : `killed in ${left(task.kill_at - now)}${then}`;
      return { text: end + (what && `: ${what}`), tone: task.killed ? "bad" : "" };
    }
    case "stopped":
      return draining ? { text: "" } : quiet("start brings it back");
    case "failed":
      return { text: task.last_exit ? "restart tries again" : task.reason, tone: "bad" };
    default:
      return { text: "" };
  }
}

export function isUnstable(task) {
  return task.restarts_last_hour >= UNSTABLE_RESTARTS;
}

/** How long the current run has lasted; empty without one. */
export function uptime(task, now) {
  return task.state === "running" || task.state === "ready" ? seconds(now - task.since) : "";
}

/** The budget as pips, up to ten of them. */
export function pips(task) {
  if (task.max_retries > 10) return "";
  const used = Math.min(task.retries, task.max_retries);
  return "●".repeat(used) + "○".repeat(task.max_retries - used);
}

export function percent(share) {
  return `${Math.round(share)}%`;
}

export function bytes(count) {
  const mebibytes = count / 2 ** 20;
  return mebibytes < 1024 ? `${Math.round(mebibytes)}M` : `${(mebibytes / 1024).toFixed(1)}G`;
}

/** Whether a run is live: starting, up, or on its way down. */
export function isLive(task) {
  return ["starting", "running", "ready", "stopping"].includes(task.state);
}

/** Whether "stop" means something; otherwise the same key starts it. */
export function canStop(task) {
  return isLive(task) || task.state === "backoff" || task.state === "waiting";
}

export function isSurface(task) {
  return task.kind === "builtin";
}

/** Whether it is a part of stead that everything goes through: such a part is never restarted. */
export function isEssential(task) {
  return isSurface(task) && task.policy === "critical";
}

/** What an exit means, in words: `restart, 5 retries, 500ms–30s`. */
export function onExit(task) {
  if (task.policy === "critical") return "fatal: everything stops";
  if (task.policy === "never") return "done";
  const counted = { 0: "no retries", 1: "1 retry" }[task.max_retries] ?? `${task.max_retries} retries`;
  if (task.on_exhausted === "fatal") return `restart, ${counted}, then fatal`;
  return `restart, ${counted}, ${duration(task.initial_backoff_ms)}–${duration(task.max_backoff_ms)}`;
}
