// One row of the task table.

import { bytes, canStop, isEssential, isSurface, lastExit, look, next, percent, retries, stateOf, uptime } from "./format.js";
import { button, make, mark, write } from "./dom.js";
import { Spark } from "./spark.js";

const CELLS = ["task", "state", "retries", "next", "uptime", "cpu", "memory", "exit", "actions"];
/** What fills a drawing of cpu, in percent, if nothing uses more. */
const CPU_LEAST = 10;
const MEMORY_LEAST = 2 ** 20;

export class Row {
  #cells = {};
  #name;
  #next = make("span");
  #bar = make("progress");
  #values = { cpu: make("span"), memory: make("span") };
  #sparks = { cpu: new Spark("cpu"), memory: new Spark("memory") };
  #buttons;
  #task = null;
  #draining = false;

  /** `on` says what to do: `select(name, event)`, `act(verb, name)`. */
  constructor(name, on) {
    this.element = make("tr");
    for (const cell of CELLS) {
      this.#cells[cell] = this.element.insertCell();
      this.#cells[cell].className = cell;
    }
    this.#name = button(name, (event) => on.select(name, event), "name");
    this.#cells.task.append(this.#name);
    this.#bar.setAttribute("aria-label", "share of the wait that has passed");
    this.#cells.next.append(this.#bar, this.#next);
    for (const what of ["cpu", "memory"]) this.#cells[what].append(this.#values[what], this.#sparks[what].element);
    this.#buttons = Object.fromEntries(
      ["start", "stop", "restart"].map((verb) => {
        const made = button(verb, () => on.act(verb, name), "acts");
        made.setAttribute("aria-label", `${verb} ${name}`);
        return [verb, made];
      }),
    );
    this.#cells.actions.append(...Object.values(this.#buttons));
    this.element.onclick = (event) => event.target.closest("button") || on.select(name, event);
  }

  /** Takes what a snapshot says of the task; `tick` draws the rest. */
  show(task, draining) {
    this.#task = task;
    this.#draining = draining;
    const { tone } = look(task);
    this.element.classList.toggle("trouble", tone === "bad" || tone === "warn");
    this.#name.title = task.about;
    this.#showState();
    const spent = task.retries >= task.max_retries;
    write(this.#cells.retries, task.retries ? retries(task) : "");
    this.#cells.retries.className = task.retries ? `retries ${spent ? "bad" : "warn"}` : "retries";
    write(this.#values.cpu, task.usage ? percent(task.usage.cpu_percent) : "");
    write(this.#values.memory, task.usage ? bytes(task.usage.memory_bytes) : "");
    this.#showButtons();
  }

  /** Draws what time alone changes. */
  tick(now) {
    const task = this.#task;
    const { text, tone, share } = next(task, now, this.#draining);
    write(this.#next, text);
    mark(this.#next, "class", tone || null);
    this.#bar.hidden = share === undefined;
    if (share !== undefined) this.#bar.value = share;
    write(this.#cells.uptime, uptime(task, now));
    write(this.#cells.exit, lastExit(task, now));
    this.#cells.exit.title = this.#cells.exit.textContent;
    this.#cells.exit.classList.toggle("bad", task.last_exit?.expected === false);
  }

  /** Draws how its usage went. */
  history({ cpu, memory }) {
    this.#sparks.cpu.show(cpu, CPU_LEAST, `now ${this.#values.cpu.textContent || "unknown"}`);
    this.#sparks.memory.show(memory, MEMORY_LEAST, `now ${this.#values.memory.textContent || "unknown"}`);
  }

  /** Whether it is the one that the log and the details are of, and whether it is marked. */
  choose(selected, marked) {
    mark(this.element, "aria-current", selected ? "true" : null);
    this.element.classList.toggle("marked", marked);
    mark(this.#name, "aria-description", marked ? "marked" : null);
  }

  focus() {
    this.#name.focus({ preventScroll: true });
  }

  /** Drawn anew only when it says something else, so that a selection in it survives. */
  #showState() {
    const task = this.#task;
    const { glyph, tone } = look(task);
    const word = { flapping: "flapping", blocked: "blocked" }[stateOf(task)] ?? task.state;
    const parts = [[`${glyph} ${word}`, tone]];
    if (task.policy === "critical") parts.push(["critical", "tag"]);
    const cell = this.#cells.state;
    if (cell.textContent === parts.map(([text]) => text).join("")) return;
    cell.replaceChildren(...parts.map(([text, className]) => make("span", className, text)));
  }

  #showButtons() {
    const task = this.#task;
    const { start, stop, restart } = this.#buttons;
    start.hidden = canStop(task);
    stop.hidden = !canStop(task) || isSurface(task);
    restart.hidden = !canStop(task) || task.state === "waiting" || isEssential(task);
    start.disabled = restart.disabled = this.#draining;
  }
}
