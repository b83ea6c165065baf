// One row of the task table. Everything is inserted as text.

import { STATES, actions, age, next, pips, uptime, usage } from "./format.js";
import { hasToken } from "./token.js";

const UNSTABLE_RESTARTS = 6;

export class Row {
  #name;
  #cells = {};
  #about;
  #next;
  #bar;
  #uptime;
  #usage;
  #buttons = {};
  #task = null;
  #draining = false;
  #asking = false;

  /** `request(name, action)` asks the supervisor; its promise settles when that was answered. */
  constructor(name, request) {
    this.#name = name;
    this.element = document.createElement("tr");
    for (const cell of ["task", "state", "retries", "next", "uptime", "exit", "actions"]) {
      this.#cells[cell] = this.element.insertCell();
      this.#cells[cell].className = cell;
    }
    part(this.#cells.task, "span", "name", name);
    this.#about = part(this.#cells.task, "span", "about");
    this.#next = part(this.#cells.next, "span");
    this.#bar = part(this.#cells.next, "progress");
    this.#bar.setAttribute("aria-label", "share of the wait that has passed");
    this.#uptime = part(this.#cells.uptime, "span");
    this.#usage = part(this.#cells.uptime, "span", "usage");
    for (const action of ["start", "stop", "restart"]) {
      const button = part(this.#cells.actions, "button", "", action);
      button.setAttribute("aria-label", `${action} ${name}`);
      if (!hasToken()) button.title = "needs the link that `stead status` prints";
      button.onclick = () => this.#ask(action, request);
      this.#buttons[action] = button;
    }
  }

  /** Takes what a snapshot says of the task; `tick` draws the rest. */
  show(task, draining) {
    this.#task = task;
    this.#draining = draining;
    const { tone } = look(task);
    this.element.className = tone === "bad" || tone === "warn" ? "trouble" : "";
    write(this.#about, task.about);
    this.#about.title = task.about;
    this.#showState();
    const spent = task.retries >= task.max_retries;
    write(this.#cells.retries, task.retries ? `${pips(task)} ${task.retries}/${task.max_retries}`.trim() : "");
    this.#cells.retries.className = task.retries ? `retries ${spent ? "bad" : "warn"}` : "retries";
    write(this.#usage, usage(task));
    this.#showButtons();
  }

  /** Draws what time alone changes. */
  tick(now) {
    const task = this.#task;
    const { text, tone, share } = next(task, now);
    write(this.#next, text);
    this.#next.className = tone ?? "";
    this.#bar.hidden = share === undefined;
    if (share !== undefined) this.#bar.value = share;
    write(this.#uptime, uptime(task, now));
    const exit = task.last_exit;
    write(this.#cells.exit, exit ? `${exit.reason.text} · ${age(now - exit.at)}` : "");
    this.#cells.exit.classList.toggle("bad", exit !== null && !exit.expected);
  }

  /** Drawn anew only when it says something else, so that a selection in it survives. */
  #showState() {
    const task = this.#task;
    const { glyph, tone } = look(task);
    const tags = [];
    if (task.policy === "critical") tags.push(["critical", "tag"]);
    if (task.restarts_last_hour >= UNSTABLE_RESTARTS) tags.push(["unstable", "tag warn"]);
    const parts = [[`${glyph} ${task.state}`, tone], ...tags];
    const cell = this.#cells.state;
    if (cell.textContent === parts.map(([text]) => text).join("")) return;
    cell.replaceChildren();
    for (const [text, className] of parts) part(cell, "span", className, text);
  }

  #showButtons() {
    const allowed = actions(this.#task);
    for (const [action, button] of Object.entries(this.#buttons)) {
      button.hidden = !allowed.includes(action);
      button.disabled = this.#asking || (this.#draining && action !== "stop");
    }
  }

  async #ask(action, request) {
    this.#asking = true;
    this.#showButtons();
    await request(this.#name, action);
    this.#asking = false;
    this.#showButtons();
  }
}

/** A state this page does not know is shown all the same. */
function look(task) {
  return STATES[task.state] ?? { glyph: "?", tone: "quiet" };
}

function part(parent, tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  parent.append(made);
  return made;
}

/** Sets a text only when it differs: nothing moves unless something happened. */
export function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}
