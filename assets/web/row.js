// One row of the task table. Everything is inserted as text.

import { STATES, actions, age, next, pips, reason, uptime } from "./format.js";

export class Row {
  #task = null;
  #cells = {};
  #buttons = {};
  #asking = new Set();

  /** `request(name, action)` asks the supervisor; its promise settles when that was answered. */
  constructor(name, request) {
    this.element = document.createElement("tr");
    for (const cell of ["task", "state", "retries", "next", "uptime", "exit", "actions"]) {
      this.#cells[cell] = this.element.insertCell();
      this.#cells[cell].className = cell;
    }
    this.#cells.exit.dataset.label = "last exit";
    this.#cells.uptime.dataset.label = "up";
    this.#name = part(this.#cells.task, "span", "name", name);
    this.#about = part(this.#cells.task, "span", "about", "");
    this.#text = part(this.#cells.next, "span", "", "");
    this.#bar = part(this.#cells.next, "progress", "", "");
    this.#bar.setAttribute("aria-label", "share of the wait that has passed");
    this.#bar.hidden = true;
    for (const action of ["start", "stop", "restart"]) {
      const button = part(this.#cells.actions, "button", "", action);
      button.setAttribute("aria-label", `${action} ${name}`);
      button.onclick = () => this.#ask(action, request);
      this.#buttons[action] = button;
    }
  }

  #name;
  #about;
  #text;
  #bar;
  #draining = false;

  /** Draws what a snapshot says of the task; call `tick` afterwards. */
  show(task, draining) {
    this.#task = task;
    this.#draining = draining;
    const { glyph, tone } = STATES[task.state] ?? { glyph: "?", tone: "quiet" };
    this.element.className = tone === "bad" || tone === "warn" ? "trouble" : "";
    write(this.#about, task.about);
    this.#about.title = task.about;
    this.#showState(`${glyph} ${task.state}`, tone, task);
    const used = task.retries > 0;
    write(this.#cells.retries, used ? `${pips(task)} ${task.retries}/${task.max_retries}`.trim() : "");
    this.#cells.retries.className = used ? `retries ${task.retries >= task.max_retries ? "bad" : "warn"}` : "retries";
    this.#showButtons();
  }

  /** Draws what time alone changes. */
  tick(now) {
    const task = this.#task;
    const { text, tone, share } = next(task, now);
    write(this.#text, text);
    this.#text.className = tone ?? "";
    this.#bar.hidden = share === undefined;
    if (share !== undefined) this.#bar.value = share;
    write(this.#cells.uptime, uptime(task, now));
    const exit = task.last_exit;
    write(this.#cells.exit, exit ? `${reason(exit.reason)} · ${age(now - exit.at)}` : "");
    this.#cells.exit.classList.toggle("bad", exit !== null && !exit.expected);
  }

  #showState(text, tone, task) {
    const tags = [task.policy === "critical" && "critical", task.restarts_last_hour >= 6 && "unstable"].filter(Boolean);
    const wanted = [text, ...tags].join(" ");
    const cell = this.#cells.state;
    if (cell.dataset.shown === wanted) return;
    cell.dataset.shown = wanted;
    cell.replaceChildren();
    part(cell, "span", tone, text);
    for (const tag of tags) part(cell, "span", tag === "unstable" ? "tag warn" : "tag", tag);
  }

  #showButtons() {
    const allowed = actions(this.#task);
    for (const [action, button] of Object.entries(this.#buttons)) {
      button.hidden = action === "start" ? !allowed.start : action === "stop" ? !allowed.stop : !allowed.restart;
      button.disabled = this.#asking.size > 0 || (this.#draining && action !== "stop");
    }
  }

  async #ask(action, request) {
    this.#asking.add(action);
    this.#showButtons();
    await request(this.#task.name, action);
    this.#asking.delete(action);
    this.#showButtons();
  }
}

function part(parent, tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  parent.append(made);
  return made;
}

function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}
