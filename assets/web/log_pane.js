// The pane of the log: which log it is of, and what stands around the lines. In its place a task's terminal may be.

import { get } from "./connection.js";
import { button, element, mark, write } from "./dom.js";
import { bytes } from "./format.js";
import { LogSearch } from "./log_search.js";
import { LogSource } from "./log_source.js";
import { LogView } from "./log_view.js";

/** Characters of a pattern; as in the terminal. */
const PATTERN_CHARS = 200;

const LOST = "what was written is lost: the log could not be written";
const NOTHING = "nothing written yet";
/** Programs that print in large blocks unless that goes to a terminal; as in src/process/held_back.rs. */
const BLOCK_PRINTER = /(?:^|[\s/'"(])(?:(?:python|pypy)[\d.]*|ruby|perl|[gm]?awk|sed|grep|tr|cut|jq)(?:\s|$)/;

const BUTTONS = {
  follow: "Follow",
  previousHit: "↑",
  nextHit: "↓",
  merge: "Merged",
  wrap: "Wrap",
  times: "Times",
  copy: "Copy",
  zoom: "Zoom",
};

export class LogPane {
  #box = element("log");
  #view = new LogView(this.#box, () => this.#changed());
  #search = new LogSearch(this.#view);
  #source = null;
  #task = null;
  #marked = [];
  #merged = false;
  #run = null;
  #runs = [];
  #filter = "";
  #lost = {};
  #key = "";
  #tell;
  #buttons = {};

  /** `act(action)` does what the key of that action does; `tell(text)` says something to the person. */
  constructor({ act, tell }) {
    this.#tell = tell;
    for (const [action, text] of Object.entries(BUTTONS)) {
      this.#buttons[action] = button(text, () => act(action));
      element(action.endsWith("Hit") ? "hits" : "log-actions").append(this.#buttons[action]);
    }
    this.#buttons.previousHit.setAttribute("aria-label", "previous match");
    this.#buttons.nextHit.setAttribute("aria-label", "next match");
    for (const [id, take] of [["search", (text) => this.#find(text)], ["filter", (text) => this.#only(text)]]) {
      const line = element(id);
      line.maxLength = PATTERN_CHARS;
      line.addEventListener("keydown", (event) => {
        if (event.key === "Escape") line.blur();
        if (event.key !== "Enter") return;
        take(line.value);
        this.#box.focus({ preventScroll: true });
      });
      // The cross that empties the line.
      line.addEventListener("search", () => line.value || take(""));
    }
    element("runs").onchange = () => this.#choose({ run: element("runs").value || null });
    document.addEventListener("visibilitychange", () => document.hidden || this.#view.stay());
  }

  /** Shows the log of a task, or of the marked ones if the log is merged. */
  select(task, marked) {
    const isOther = task?.name !== this.#task?.name;
    const isNewRun = task?.run !== this.#task?.run;
    this.#task = task;
    this.#marked = [...marked];
    if (isOther && !this.#merged) this.#run = null;
    if (isOther || isNewRun) this.#loadRuns();
    this.#choose({});
  }

  /** Takes the bytes by task that no log file has. */
  lost(lost) {
    this.#lost = lost;
    this.#changed();
  }

  merge() {
    this.#choose({ merged: !this.#merged, run: null });
  }

  /** Goes to the run before (-1) or after (1); after the last comes what is written now. */
  step(by) {
    if (this.#merged) return this.#tell("a merged log is not divided into runs; m shows one task's");
    const shown = this.#runs.findIndex(({ id }) => id === this.#run);
    // The newest run comes first, and without a choice it is that one which is at the end.
    const wanted = Math.max(0, shown) - by;
    if (wanted < 0) return this.#run === null ? this.#tell("this is the newest run") : this.#choose({ run: null });
    if (!this.#runs[wanted]) return this.#tell("of no run before is anything kept");
    this.#choose({ run: this.#runs[wanted].id });
  }

  follow() {
    if (this.#view.state === "following") this.#view.pause();
    else this.newest();
  }

  newest() {
    if (this.#run === null || !this.#source.isLive) this.#view.end();
  }

  oldest() {
    this.#view.oldest();
  }

  lines(count) {
    this.#view.scrollBy(count);
  }

  pages(count) {
    this.#view.scrollPages(count);
  }

  aside(step) {
    this.#view.scrollAside(step);
  }

  wrap() {
    this.#toggle("nowrap");
  }

  times() {
    this.#toggle("timeless");
  }

  /** Puts the focus into the line for a search or a filter. */
  type(line) {
    element(line).focus();
    element(line).select();
  }

  async hit(forward) {
    if (!this.#search.text) return this.#tell("nothing is searched for yet: / begins");
    await this.#attempt(async () => {
      const found = await (forward ? this.#search.next() : this.#search.previous());
      if (!found) this.#tell(forward ? "there is no later match" : "there is no earlier match");
    });
  }

  /** Copies what is selected in the log, or all that is in view. */
  async copy() {
    const isSelected = !document.getSelection().isCollapsed && this.#box.contains(document.getSelection().anchorNode);
    if (isSelected && document.execCommand("copy")) return this.#tell("copied what is selected");
    try {
      await navigator.clipboard.writeText(this.#view.textInView);
      this.#tell("copied all in view");
    } catch {
      this.#tell("this browser does not let the page copy: select the text, and press ctrl-c");
    }
  }

  /** Undoes the last choice. False if there was none. */
  clear() {
    if (this.#search.text) this.#find("");
    else if (this.#filter) this.#only("");
    else if (this.#run !== null) this.#choose({ run: null });
    else if (this.#merged) this.#choose({ merged: false });
    else return false;
    return true;
  }

  #toggle(name) {
    this.#box.classList.toggle(name);
    this.#view.stay();
    this.#changed();
  }

  #choose({ merged = this.#merged, run = this.#run, filter = this.#filter }) {
    this.#merged = merged;
    this.#run = run;
    this.#filter = filter;
    const tasks = merged ? (this.#marked.length > 1 ? this.#marked : null) : this.#task && [this.#task.name];
    const key = JSON.stringify([tasks, run, filter]);
    if (key === this.#key) return this.#changed();
    this.#key = key;
    this.#search.clear();
    element("search").value = "";
    if (!merged && !this.#task) return this.#view.close();
    this.#source = new LogSource({ tasks, run, filter });
    this.#view.show(this.#source);
  }

  #only(text) {
    element("filter").value = text;
    this.#choose({ filter: text });
  }

  async #find(text) {
    element("search").value = text;
    if (!text) {
      this.#search.clear();
      return this.#changed();
    }
    await this.#attempt(async () => {
      if (!(await this.#search.begin(this.#source, text))) this.#tell(`no line matches ${text}`);
    });
  }

  async #attempt(work) {
    try {
      const done = work();
      this.#changed();
      await done;
    } catch (error) {
      if (error.name !== "AbortError") this.#tell(error.message);
    }
    this.#changed();
  }

  async #loadRuns() {
    const { name } = this.#task ?? {};
    this.#runs = [];
    if (!name) return;
    try {
      const runs = await get(`api/v1/tasks/${encodeURIComponent(name)}/runs`);
      if (this.#task?.name !== name) return;
      this.#runs = runs.filter((run) => run.lines_kept);
    } catch {
      // Then only the keys go from run to run.
    }
    this.#changed();
  }

  #changed() {
    this.#search.show();
    const task = this.#task?.name ?? "";
    const of = this.#marked.length > 1 ? `${this.#marked.length} tasks` : "all tasks";
    const run = this.#run ? ` · run ${this.#run.split("-").at(-1)}` : "";
    write(element("log-title"), this.#merged ? `${of} · merged log` : `${task}${run} · log`);
    const { state, trouble, skipped } = this.#view;
    const following = skipped ? `following · ${skipped} lines behind are left out` : "following";
    const shown = this.#merged ? (this.#marked.length > 1 ? this.#marked : Object.keys(this.#lost)) : [task];
    const count = shown.reduce((sum, name) => sum + (this.#lost[name] ?? 0), 0);
    const lost = count ? ` · ${bytes(count)} lost` : "";
    write(element("log-state"), (trouble || { following, paused: "paused", over: "a past run" }[state]) + lost);
    mark(element("log-state"), "class", trouble || lost ? "bad" : state === "following" ? null : "warn");
    write(element("hit-count"), this.#search.count);
    this.#buttons.previousHit.hidden = this.#buttons.nextHit.hidden = !this.#search.text;
    this.#box.dataset.empty = this.#filter ? "no line passes the filter" : lost ? LOST : nothingYet(this.#task);
    const pressed = {
      follow: state === "following",
      merge: this.#merged,
      wrap: !this.#box.classList.contains("nowrap"),
      times: !this.#box.classList.contains("timeless"),
      zoom: document.body.classList.contains("zoomed"),
    };
    for (const [action, is] of Object.entries(pressed)) mark(this.#buttons[action], "aria-pressed", String(is));
    this.#showRuns();
  }

  #showRuns() {
    const list = element("runs");
    list.hidden = this.#merged || this.#runs.length < 2;
    const known = this.#runs.map(({ id, run, exit }) => [id, `run ${run}${exit ? ` · ${exit}` : ""}`]);
    const options = [["", "all runs"], ...known];
    const key = JSON.stringify(options);
    if (list.dataset.said !== key) {
      list.dataset.said = key;
      list.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
    }
    list.value = this.#run ?? "";
  }
}

/** What stands where there are no lines. */
function nothingYet(task) {
  if (!task || task.tty || !BLOCK_PRINTER.test(task.about)) return NOTHING;
  return `${NOTHING}; its program may hold back what it prints, as that does not go to a terminal (python: PYTHONUNBUFFERED=1; or tty = true)`;
}
