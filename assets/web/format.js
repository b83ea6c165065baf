// How a task reads: pure functions from snapshot to words, the same as in src/present; tests/words.json holds both to it.
// All times are milliseconds on the supervisor's clock. This module imports nothing.

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

const wholeSeconds = (count) => (count <= 0 ? "0s" : duration(count * 1000));

/** How long it is until `at`: tenths in the last ten seconds, whole seconds before. Never shows less than is left. */
export function left(now, at) {
  if (at <= now) return "0.0s";
  if (at - now > 10_000) return wholeSeconds(Math.ceil(at / 1000) - Math.floor(now / 1000));
  return `${((Math.ceil(at / 100) - Math.floor(now / 100)) / 10).toFixed(1)}s`;
}

/** How long it has been since `since`. All of these turn over together, at the full seconds of the clock. */
export function span(now, since) {
  return wholeSeconds(Math.floor(now / 1000) - Math.floor(since / 1000));
}

/** How long ago `at` was, in one unit: 40s ago, 2m ago, 3d ago. */
export function age(now, at) {
  const seconds = Math.max(0, Math.floor(now / 1000) - Math.floor(at / 1000));
  const [unit, name] = [[86_400, "d"], [3600, "h"], [60, "m"], [1, "s"]].find(([unit]) => seconds >= unit || unit === 1);
  return `${Math.floor(seconds / unit)}${name} ago`;
}

const two = (number) => String(number).padStart(2, "0");

/** The time of day of a timestamp, of 24 hours whatever the browser's language is. */
export function clock(timestamp) {
  const at = new Date(timestamp);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
}

/** Its day: 2026-01-31. */
export function day(timestamp) {
  const at = new Date(timestamp);
  return [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
}

/** Its time of day, with the day if that is not today. */
export function moment(timestamp) {
  const own = day(timestamp);
  return own === day(Date.now()) ? clock(timestamp) : `${own} ${clock(timestamp)}`;
}

/** Glyph, tone and counted words of every state, the worst first. */
export const STATES = {
  failed: { glyph: "✖", tone: "bad", counted: "failed" },
  flapping: { glyph: "◍", tone: "warn", counted: "flapping" },
  backoff: { glyph: "◐", tone: "warn", counted: "backing off" },
  blocked: { glyph: "⊘", tone: "warn", counted: "blocked" },
  stopping: { glyph: "◒", tone: "warn", counted: "stopping" },
  unready: { glyph: "◑", tone: "busy", counted: "not ready" },
  starting: { glyph: "◔", tone: "busy", counted: "starting" },
  waiting: { glyph: "◌", tone: "busy", counted: "waiting" },
  stopped: { glyph: "○", tone: "quiet", counted: "stopped" },
  scheduled: { glyph: "◷", tone: "quiet", counted: "scheduled" },
  running: { glyph: "●", tone: "good", counted: "running" },
  ready: { glyph: "●", tone: "good", counted: "ready" },
  done: { glyph: "✔", tone: "quiet", counted: "done" },
};

/** The key of a task in `STATES`: those that flap, are blocked, or are not ready by their probe have one of their own. */
export function stateOf(task) {
  if (isFlapping(task)) return "flapping";
  if (task.state === "failed" && task.dependency != null) return "blocked";
  return task.state === "running" && task.probed ? "unready" : task.state;
}

/** Glyph and tone of a task; a state that this page does not know is shown all the same. */
export function look(task) {
  return STATES[stateOf(task)] ?? { glyph: "?", tone: "quiet", counted: task.state };
}

const CONDITIONS = { started: "to be started", ready: "to be ready", success: "to succeed", exited: "to exit" };
/** A longer budget is shown in numbers alone. */
const MOST_PIPS = 8;

/** What happens next to a task: `{ text, tone, share }`, where share (0 to 1) is how much of a wait has passed. */
export function next(task, now, draining) {
  const say = (text, tone = "") => ({ text, tone });
  if (task.pending_stop) {
    const { then, waits_for: dependents } = task.pending_stop;
    return say(`${then === "restart" ? "restarts" : "stops"} once ${dependents.join(" and ")} ${dependents.length === 1 ? "has" : "have"} stopped`);
  }
  switch (task.state) {
    case "waiting":
      return say(task.blockers.map((b) => `for ${b.task} ${CONDITIONS[b.condition]}`).join(", "));
    case "starting":
      return say(`start fails in ${left(now, task.deadline)}`);
    case "scheduled":
      return say(task.next_due == null ? "" : `runs in ${left(now, task.next_due)}`);
    case "running":
      if (!task.probed) return running(task, now, draining);
      if (task.probe && !task.probe.passed) return say(`not ready: ${task.probe.detail}`, "warn");
      return draining ? say("stops in its turn", "quiet") : say("not ready yet");
    case "ready":
      return running(task, now, draining);
    case "backoff": {
      const wait = task.retry_at - task.since;
      const share = wait > 0 ? Math.min(1, Math.max(0, (now - task.since) / wait)) : 1;
      return { text: `retry in ${left(now, task.retry_at)}`, tone: "warn", share };
    }
    case "stopping": {
      const then = { stay: "", restart: ", restarts", retry: ", retries", leave: ", leaves", fail: ", fails" }[task.then];
      const what = task.left.map((process) => `${process.name} (${process.pid})`).join(", ");
      const end = task.killed ? "killed, not gone yet" : `killed in ${left(now, task.kill_at)}${then}`;
      return say(end + (what && `: ${what}`), task.killed ? "bad" : "");
    }
    case "stopped":
      return draining ? say("") : say("until started", "quiet");
    case "failed":
      if (task.retry_at != null) return say(`tried again in ${left(now, task.retry_at)}`);
      if (!task.last_exit) return say(task.reason, "bad");
      return say(draining ? "" : "until restarted");
    default:
      return say("");
  }
}

function running(task, now, draining) {
  if (draining) return { text: "stops in its turn", tone: "quiet" };
  if (isFlapping(task)) return { text: flapping(task), tone: "warn" };
  return { text: task.budget_back_at === null ? "" : `budget back in ${left(now, task.budget_back_at)}`, tone: "" };
}

/** Whether its runs end again and again, though its budget lasts. */
export function isFlapping(task) {
  return task.flapping_every_ms != null;
}

/** How often its runs end: `34/h, every 20s`. Empty unless it is flapping. */
export function flapping(task) {
  if (!isFlapping(task)) return "";
  const every = task.flapping_every_ms;
  return `${task.restarts_last_hour}/h, every ${duration(every < 1000 ? every : Math.round(every / 1000) * 1000)}`;
}

/** How long the current run has lasted; empty without one. */
export function uptime(task, now) {
  return task.state === "running" || task.state === "ready" ? span(now, task.since) : "";
}

/** The used part of the budget, behind as many pips as there are retries: ●○○○○ 1/5. */
export function retries({ retries: used, max_retries: max }) {
  const filled = Math.min(used, max);
  const pips = max > MOST_PIPS ? "" : "●".repeat(filled) + "○".repeat(max - filled);
  return `${pips} ${used}/${max}`.trim();
}

/** How the last run ended, and how long ago; empty before the first end. */
export function lastExit({ last_exit: last }, now) {
  return last ? `${last.reason.text} · ${age(now, last.at)}` : "";
}

export function percent(share) {
  return `${Math.round(share)}%`;
}

/** Bytes in at most four columns: 312K, 96M, 1.2G. */
export function bytes(count) {
  const units = ["K", "M", "G", "T", "P"];
  let size = count / 1024;
  let unit = 0;
  for (; size >= 999.5 && unit + 1 < units.length; unit++) size /= 1024;
  return size.toFixed(unit > 1 && size < 9.95 ? 1 : 0) + units[unit];
}

/** Whether a run is live: starting, up, or on its way down. */
export function isLive(task) {
  return ["starting", "running", "ready", "stopping"].includes(task.state);
}

/** Whether "stop" means something; otherwise the same key starts it. */
export function canStop(task) {
  return isLive(task) || ["backoff", "waiting", "scheduled"].includes(task.state);
}

export function isSurface(task) {
  return task.kind === "builtin";
}

/** What stands for stead's own parts: those that need attention, and the others in words; "" if there are none. */
export function parts(tasks, draining) {
  const own = tasks.filter(isSurface);
  const alone = own.filter((task) => needsAttention(task, draining));
  const folded = own.filter((task) => !alone.includes(task));
  if (folded.length === 0) return { alone, folded: "" };
  const all = folded.length;
  const ready = folded.filter((task) => look(task).tone === "good").length;
  const which = `${alone.length ? "other " : ""}part${all === 1 && ready === 1 ? "" : "s"}`;
  return { alone, folded: ready === all ? `stead: ${all} ${which} ready` : `stead: ${ready} of ${all} ${which} ready` };
}

/** Starting, waiting and stopping pass by themselves. */
function needsAttention(task, draining) {
  if (task.state === "stopped") return !draining;
  if (task.state === "running" || task.state === "ready") return isFlapping(task);
  return task.state === "failed" || task.state === "backoff";
}

/** Whether it is a part of stead that everything goes through: such a part is never restarted. */
export function isEssential(task) {
  return isSurface(task) && task.policy === "critical";
}

const ON_RESTART = { ignore: "", restart: ", restarts with it", stop: ", stops with it" };

/** What it depends on; empty if on nothing. */
export function after(task) {
  const edge = (on) => `${on.task} ${on.condition}${ON_RESTART[on.on_restart] ?? ""}${on.required ? "" : ", optional"}`;
  return task.after.map(edge).join(" · ");
}

/** What a group does. */
export function groupPolicy(group) {
  return group.strategy + (group.max_restarts === null ? "" : `, ${group.restarts} of ${group.max_restarts} restarts`);
}

/** Which exits the policy is about. */
export function exitLabel(task) {
  return task.policy === "on-failure" ? "on failure" : "on exit";
}

/** What an exit means, in words: `restart, 5 retries, 500ms–30s`. */
export function onExit(task) {
  if (task.policy === "critical") return "fatal: everything stops";
  if (task.policy === "never") return "done";
  const counted = { 0: "no retries", 1: "1 retry" }[task.max_retries] ?? `${task.max_retries} retries`;
  if (task.on_exhausted === "fatal") return `restart, ${counted}, then fatal`;
  return `restart, ${counted}, ${duration(task.initial_backoff_ms)}–${duration(task.max_backoff_ms)}`;
}
