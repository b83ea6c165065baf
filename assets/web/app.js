// The page: draws the latest snapshot, ticks what counts down, and passes requests on. It holds no task state.

import { ask, follow } from "./connection.js";
import { Row, write } from "./row.js";
import { STATES, duration, isLive, left } from "./format.js";

const EVENTS_SHOWN = 200;
const TOAST_MS = 6000;
const TICK_MS = 100;

const element = (id) => document.getElementById(id);
const rows = new Map();
let snapshot = null;
let received = 0;
let connected = false;
let lastEvent = 0;
let toastTimer = 0;

/** The supervisor's clock, carried on from the last snapshot. */
const now = () => snapshot.now + (performance.now() - received);

follow({
  snapshot(latest) {
    if (snapshot?.started_at !== latest.started_at) forget();
    snapshot = latest;
    received = performance.now();
    connected = true;
    draw();
  },
  event(record) {
    // After a reconnect the stream begins again with what is kept.
    if (record.number <= lastEvent) return;
    lastEvent = record.number;
    addEvent(clock(record.at), record.task ?? "stead", record.text);
  },
  dropped({ count }) {
    addEvent("", "stead", `${count} events were too fast for this page`);
  },
  lost() {
    connected = false;
    drawBanner();
  },
});

setInterval(() => snapshot && connected && tick(), TICK_MS);

/** Another supervisor: nothing that was seen of the last one counts. */
function forget() {
  lastEvent = 0;
  element("events").replaceChildren();
}

function draw() {
  document.title = `${snapshot.project || "stead"} · stead`;
  element("project").textContent = snapshot.project;
  drawSummary();
  drawRows();
  drawBanner();
  tick();
}

function drawSummary() {
  const count = (state) => snapshot.tasks.filter((task) => task.state === state).length;
  const counts = Object.keys(STATES).map((state) => [state, count(state)]);
  const items = counts.filter(([, count]) => count > 0).map(([state, count]) => {
    const item = document.createElement("li");
    item.className = STATES[state].tone;
    item.textContent = `${STATES[state].glyph} ${count} ${state}`;
    return item;
  });
  element("summary").replaceChildren(...items);
}

/** Rows keep their element, so that focus and selection survive; they stand in the order of the plan. */
function drawRows() {
  const names = new Set(snapshot.tasks.map((task) => task.name));
  for (const [name, row] of rows) {
    if (!names.has(name)) {
      row.element.remove();
      rows.delete(name);
    }
  }
  const groups = [body("theirs"), body("own")];
  const places = [0, 0];
  for (const task of snapshot.tasks) {
    if (!rows.has(task.name)) rows.set(task.name, new Row(task.name, request));
    const row = rows.get(task.name);
    row.show(task, snapshot.stage.stage === "draining");
    const group = task.kind === "surface" ? 1 : 0;
    const at = groups[group].children[places[group]++];
    if (at !== row.element) groups[group].insertBefore(row.element, at ?? null);
  }
}

function body(name) {
  const table = element("tasks");
  const found = table.querySelector(`tbody.${name}`);
  if (found) return found;
  const made = document.createElement("tbody");
  made.className = name;
  table.append(made);
  return made;
}

function drawBanner() {
  const draining = snapshot?.stage.stage === "draining" ? snapshot.stage : null;
  const banner = element("banner");
  document.body.classList.toggle("lost", !connected);
  banner.hidden = connected && !draining;
  banner.className = draining?.fatal || (!connected && !draining) ? "bad" : "";
  if (!connected) {
    const cause = draining ? `stead has shut down (${draining.cause})` : "stead can't be reached, this is what was last seen";
    write(banner, `${cause}; trying again`);
  } else if (draining) {
    const live = snapshot.tasks.filter(isLive);
    const rest = `${left(draining.deadline - now())} until the rest is killed`;
    write(banner, `draining (${draining.cause}) · ${live.length} of ${snapshot.tasks.length} left · ${rest}`);
  }
}

/** What changes by time alone. */
function tick() {
  const time = now();
  for (const row of rows.values()) row.tick(time);
  const restarts = snapshot.tasks.reduce((sum, task) => sum + task.restarts, 0);
  const up = duration(Math.floor(time / 1000) * 1000);
  write(element("meta"), `up ${up} · restarts ${restarts} · stead ${snapshot.version}`);
  if (snapshot.stage.stage === "draining") drawBanner();
}

async function request(task, action) {
  try {
    await ask(task, action);
    toast(`${action} ${task}: taken`);
  } catch (error) {
    toast(`${action} ${task}: ${error.message}`);
  }
}

function toast(text) {
  const box = element("toast");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (box.hidden = true), TOAST_MS);
}

function addEvent(time, task, text) {
  const item = document.createElement("li");
  for (const [tag, content] of [["time", time], ["b", task], ["span", text]]) {
    const part = document.createElement(tag);
    part.textContent = content;
    item.append(part);
  }
  const list = element("events");
  list.prepend(item);
  while (list.children.length > EVENTS_SHOWN) list.lastChild.remove();
}

function clock(timestamp) {
  return new Date(timestamp).toLocaleTimeString([], { hour12: false });
}
