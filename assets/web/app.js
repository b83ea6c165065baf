// The page: draws the latest snapshot, ticks what counts down, and passes requests on. It holds no task state.

import { Stream, get, post } from "./connection.js";
import { Detail } from "./detail.js";
import { confirm, help } from "./dialog.js";
import { button, element, make, mark } from "./dom.js";
import { canStop, isLive, isSurface } from "./format.js";
import { banner, headline, meta, tab } from "./headline.js";
import { History } from "./history.js";
import { KEYS, keyName, lookup } from "./keys.js";
import { LogPane } from "./log_pane.js";
import { changed, restartedWith } from "./snapshot.js";
import { Table } from "./table.js";
import { TaskTerminal } from "./terminal.js";
import { Timeline } from "./timeline.js";
import { hasToken, onToken } from "./token.js";
import { why } from "./why.js";

const TOAST_MS = 6000;
const TICK_MS = 100;
/** How often a hidden page asks, so that the title and icon of its tab stay true. */
const PEEK_MS = 10_000;

let snapshot = null;
let received = 0;
let lost = null;
let toastTimer = 0;

const history = new History();
const timeline = new Timeline();
const table = new Table({ selected, pointed, act: (verb, name) => ask(verb, [name]) });
const detail = new Detail(perform);
const log = new LogPane({ act: perform, tell });
const terminal = new TaskTerminal({ tell, closed: () => log.newest() });

/** The supervisor's clock, carried on from the last snapshot. */
const now = () => snapshot.now + (performance.now() - received);
const isDraining = () => snapshot?.stage.stage === "draining";

const stream = new Stream(
  "api/v1/events",
  {
    opened() {
      lost = null;
      // A project may let anyone read.
      element("token-note").hidden = hasToken();
      showWhatActs();
    },
    messages: (messages) => messages.forEach(take),
    lost(retryAt, why) {
      lost = { retryAt, why };
      draw();
    },
  },
  { resumes: true },
);

function take({ event, data }) {
  const said = JSON.parse(data);
  if (event === "event") timeline.add(said);
  if (event === "dropped") timeline.missed(said.count);
  if (event === "lost") log.lost(said);
  if (event === "snapshot") show(said);
  if (event === "delta") {
    const next = changed(snapshot, said);
    // The stream begins with a whole one.
    if (next) show(next);
    else stream.retry();
  }
}

function show(said) {
  if (snapshot?.started_at !== said.started_at) begin();
  snapshot = said;
  received = performance.now();
  draw();
}

/** Streams rest while the page is hidden; this does not hold a connection. */
async function peek() {
  if (!document.hidden) return;
  try {
    const said = await get("api/v1/snapshot");
    lost = null;
    show(said);
  } catch (error) {
    lost = { retryAt: performance.now() + PEEK_MS, why: error.message };
    draw();
  }
}

setInterval(peek, PEEK_MS);

/** Another supervisor, or the first: nothing that was seen of the last one counts. */
function begin() {
  timeline.clear();
  log.lost({});
  history.clear();
}

// Drawing

function draw() {
  if (snapshot) {
    headline(snapshot);
    table.show(snapshot.tasks, isDraining());
    if (!hasToken()) showWhatActs();
    selected();
  }
  tab(snapshot, lost);
  tick();
}

/** What the selection has to do with. */
function selected() {
  const { task, marked } = table;
  detail.show(task, isDraining(), snapshot?.groups);
  if (task) drawHistory(task);
  timeline.select(task?.name ?? null);
  log.select(task, marked);
  if (terminal.isOpen && terminal.task !== task?.name) terminal.close();
}

/** In a narrow window the log of what was pointed at stands below. */
function pointed() {
  if (matchMedia("(max-width: 56rem)").matches) element("log-pane").scrollIntoView();
}

/** Whether what would change something looks as if it could. It can be pressed all the same, and says why it can't. */
function showWhatActs() {
  for (const made of document.querySelectorAll("button.acts")) mark(made, "aria-disabled", hasToken() ? null : "true");
}

function drawHistory(task) {
  detail.history(task, { of: history.of(task.name), span: history.span });
}

/** What changes by time alone. */
function tick() {
  const time = snapshot && !lost ? now() : null;
  banner(snapshot, time, lost);
  if (time === null) return;
  table.tick(time);
  if (table.task) detail.tick(table.task, time);
  meta(snapshot, time);
  if (!history.sample(snapshot.tasks, time)) return;
  table.history(history);
  if (table.task) drawHistory(table.task);
}

setInterval(tick, TICK_MS);

function tell(text) {
  const box = element("toast");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (box.hidden = true), TOAST_MS);
}

// Acting

const ACTIONS = {
  selectNext: () => table.move(1),
  selectPrevious: () => table.move(-1),
  selectFirst: () => table.move(-Infinity),
  selectLast: () => table.move(Infinity),
  mark: () => table.mark(),
  restart: async () => {
    const targets = names(table.targets);
    const all = restartedWith(snapshot, targets);
    const question = `This restarts ${all.join(", ")}: some depend on others with on_restart.`;
    if (all.length === targets.length || (await confirm("Restart", question))) ask("restart", targets);
  },
  stopOrStart,
  kill: async () => {
    const targets = names(table.targets);
    const question = `Kill ${targets.join(", ")} now, with everything that belongs to it and no time to clean up?`;
    if (targets.length && (await confirm("Kill", question))) ask("kill", targets);
  },
  restartAll: async () => {
    const question = "Stop every task that is not stopped or done, and start it again?";
    if (await confirm("Restart all", question)) request("restart all", "api/v1/tasks/restart", { all: true });
  },
  shutDown: async () => {
    const live = snapshot.tasks.filter((task) => !isSurface(task) && isLive(task)).length;
    const running = live === 1 ? "1 task is" : `${live} tasks are`;
    const question = `${running} running. Stop everything in good order and end stead? This page goes away with it.`;
    if (await confirm("Shut down", question)) request("shut down", "api/v1/shutdown");
  },
  zoom: () => {
    document.body.classList.toggle("zoomed");
    selected();
  },
  events: () => timeline.toggle(),
  parts: () => table.toggleParts(),
  why: () => table.task && why(table.task.name).catch((error) => tell(error.message)),
  attach: () => {
    if (!table.task?.tty) return tell("it has no terminal: `tty = true` in its config gives it one");
    if (!hasToken()) return tell("to attach, open the link that `stead status` prints: it has the token for this");
    terminal.open(table.task.name);
  },
  help,
  search: () => log.type("search"),
  filter: () => log.type("filter"),
  nextHit: () => log.hit(true),
  previousHit: () => log.hit(false),
  follow: () => log.follow(),
  merge: () => log.merge(),
  previousRun: () => log.step(-1),
  nextRun: () => log.step(1),
  copy: () => log.copy(),
  times: () => log.times(),
  wrap: () => log.wrap(),
  left: () => log.aside(-1),
  right: () => log.aside(1),
  lineDown: () => log.lines(1),
  lineUp: () => log.lines(-1),
  pageDown: () => log.pages(1),
  pageUp: () => log.pages(-1),
  oldest: () => log.oldest(),
  newest: () => log.newest(),
  close: () => {
    if (log.clear()) return;
    if (table.marked.size) table.unmark();
    else document.body.classList.remove("zoomed");
  },
};

/** Those of them with a hint that change something. */
const ACTING = ["restart", "stopOrStart"];

function perform(action) {
  if (snapshot) ACTIONS[action]();
}

const names = (tasks) => tasks.map((task) => task.name);

async function stopOrStart() {
  const { targets } = table;
  if (!targets.some(canStop)) return ask("start", names(targets));
  const stopped = targets.filter(canStop);
  const parts = names(stopped.filter(isSurface));
  // A stopped surface may take this very page away, and everybody else's.
  const question = `Stop ${parts.join(", ")}? This is a part of stead: what it shows or serves goes away.`;
  if (parts.length === 0 || (await confirm("Stop", question))) ask("stop", names(stopped));
}

function ask(verb, tasks) {
  if (tasks.length === 0) return;
  const path = tasks.length === 1 ? `api/v1/tasks/${encodeURIComponent(tasks[0])}/${verb}` : `api/v1/tasks/${verb}`;
  request(`${verb} ${tasks.join(", ")}`, path, tasks.length === 1 ? undefined : { tasks });
}

async function request(what, path, body) {
  try {
    const { refused = [] } = await post(path, body);
    tell(refused.length ? refused.map(({ detail }) => detail).join("; ") : `${what}: accepted`);
  } catch (error) {
    tell(`${what}: ${error.message}`);
  }
}

document.addEventListener("keydown", (event) => {
  if (terminal.isOpen) return;
  const action = lookup(event, document.body.classList.contains("zoomed"));
  if (!action) return;
  event.preventDefault();
  perform(action);
});

element("restart-all").onclick = () => perform("restartAll");
element("shut-down").onclick = () => perform("shutDown");
element("help").onclick = help;
element("retry").onclick = () => stream.retry();
element("hints").append(
  ...KEYS.filter(({ hint }) => hint).map(({ keys, action, hint }) => {
    const made = button("", () => perform(action), ACTING.includes(action) ? "acts" : "");
    made.append(make("kbd", "", keyName(keys[0])), ` ${hint}`);
    return made;
  }),
);
onToken(() => stream.retry());
