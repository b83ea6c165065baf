// What sums up the whole: the counts by state, the banner, the title and icon of the tab.

import { element, make, mark, write } from "./dom.js";
import { STATES, bytes, isLive, isSurface, left, percent, span, stateOf } from "./format.js";

/** Draws what a snapshot says. */
export function headline(snapshot) {
  const count = (state) => snapshot.tasks.filter((task) => stateOf(task) === state && !isSurface(task)).length;
  const counts = Object.keys(STATES).map((state) => [state, count(state)]).filter(([, count]) => count > 0);
  const text = ([state, count]) => `${STATES[state].glyph} ${count} ${STATES[state].counted}`;
  const summary = counts.map(text).join();
  if (element("summary").dataset.said !== summary) {
    element("summary").dataset.said = summary;
    element("summary").replaceChildren(...counts.map((each) => make("li", STATES[each[0]].tone, text(each))));
  }
  write(element("project"), snapshot.project);
  element("shut-down").disabled = element("restart-all").disabled = snapshot.stage.stage === "draining";
}

/** Draws what time alone changes. */
export function meta(snapshot, now) {
  const sum = (of) => snapshot.tasks.reduce((total, task) => total + of(task), 0);
  const restarts = sum((task) => task.restarts);
  const used = snapshot.tasks.some((task) => task.usage);
  const cpu = used ? ` · cpu ${percent(sum((task) => task.usage?.cpu_percent ?? 0))}` : "";
  const memory = used ? ` · mem ${bytes(sum((task) => task.usage?.memory_bytes ?? 0))}` : "";
  write(element("meta"), `up ${span(now, 0)} · restarts ${restarts}${cpu}${memory} · stead ${snapshot.version}`);
}

/** The banner: a drain, or that the server is out of reach (`lost` is `{ retryAt, why }` then, otherwise null). */
export function banner(snapshot, now, lost) {
  const draining = snapshot?.stage.stage === "draining" ? snapshot.stage : null;
  const box = element("banner");
  document.body.classList.toggle("lost", lost !== null);
  box.hidden = !lost && !draining;
  mark(box, "class", draining?.fatal || (lost && !draining) ? "bad" : null);
  if (lost) {
    write(element("banner-text"), lost.retryAt === Infinity ? lost.why : outOfReach(snapshot, draining, lost.retryAt));
  } else if (draining) {
    const live = snapshot.tasks.filter(isLive).length;
    const rest = `${left(now, draining.deadline)} until the rest is killed`;
    write(element("banner-text"), `draining (${draining.cause}) · ${live} of ${snapshot.tasks.length} left · ${rest}`);
  }
  element("retry").hidden = !lost;
}

function outOfReach(snapshot, draining, retryAt) {
  const wait = Math.ceil((retryAt - performance.now()) / 1000);
  const again = wait > 0 ? `trying again in ${wait}s` : "trying again";
  const seen = snapshot ? "; this is what was last seen" : "";
  return `${draining ? `stead has shut down (${draining.cause})` : `stead can't be reached${seen}`} · ${again}`;
}

/** Says in the tab's title and icon whether all is well. */
export function tab(snapshot, lost) {
  const count = (...states) => snapshot?.tasks.filter((task) => states.includes(task.state)).length ?? 0;
  const [failed, troubled] = [count("failed"), count("backoff")];
  const name = snapshot?.project || "stead";
  const say = (icon, note) => {
    mark(element("icon"), "href", icon);
    const title = `${note}${name} · stead`;
    if (document.title !== title) document.title = title;
  };
  if (lost) say("icon-lost.svg", "⚠ lost · ");
  else if (failed) say("icon-bad.svg", `✖ ${failed} failed · `);
  else if (troubled) say("icon-warn.svg", `◐ ${troubled} backing off · `);
  else if (snapshot?.stage.stage === "draining") say("icon-warn.svg", "draining · ");
  else say("icon.svg", "");
}
