// The table of tasks: its rows, which of them is selected, and which are marked.

import { button, element, make, write } from "./dom.js";
import { isSurface, parts } from "./format.js";
import { Row } from "./row.js";

export class Table {
  #rows = new Map();
  #table = element("tasks");
  #groups = [make("tbody", "theirs"), make("tbody", "own")];
  /** Stands for stead's own parts while they are well. */
  #fold = make("tr", "fold");
  #foldButton = button("", () => this.toggleParts(), "name");
  #unfolded = false;
  /** All there are, and whether they drain; and those that are shown. */
  #all = [];
  #draining = false;
  #tasks = [];
  #on;
  selected = null;
  marked = new Set();

  /**
   * `on` says what to do: `selected()` when that or the marks have changed, `pointed()` when it was done with a pointer,
   * `act(verb, name)`.
   */
  constructor(on) {
    this.#on = on;
    this.#table.append(...this.#groups);
    const cell = this.#fold.insertCell();
    cell.colSpan = 9;
    cell.append(this.#foldButton);
  }

  /** Takes the tasks of a snapshot. Rows keep their element, so that focus survives; they stand in the plan's order. */
  show(tasks, draining) {
    this.#all = tasks;
    this.#draining = draining;
    const { alone, folded } = parts(tasks, draining);
    const own = this.#unfolded ? tasks.filter(isSurface) : alone;
    this.#tasks = [...tasks.filter((task) => !isSurface(task)), ...own];
    if (!folded) this.#fold.remove();
    else if (!this.#fold.isConnected) this.#groups[1].append(this.#fold);
    write(this.#foldButton, this.#unfolded ? "stead: fold its parts" : folded);
    const names = new Set(this.#tasks.map((task) => task.name));
    for (const [name, row] of this.#rows) {
      if (names.has(name)) continue;
      row.element.remove();
      this.#rows.delete(name);
      this.marked.delete(name);
    }
    const places = [0, 0];
    for (const task of this.#tasks) {
      if (!this.#rows.has(task.name)) this.#rows.set(task.name, this.#row(task.name));
      const row = this.#rows.get(task.name);
      row.show(task, draining);
      const group = isSurface(task) ? 1 : 0;
      const at = this.#groups[group].children[places[group]++];
      if (at !== row.element) this.#groups[group].insertBefore(row.element, at ?? null);
    }
    if (!names.has(this.selected)) this.select(this.#tasks[0]?.name ?? null);
  }

  /** Shows stead's own parts in one line, or each. */
  toggleParts() {
    this.#unfolded = !this.#unfolded;
    this.show(this.#all, this.#draining);
  }

  /** Draws what time alone changes. */
  tick(now) {
    for (const row of this.#rows.values()) row.tick(now);
  }

  history(history) {
    for (const [name, row] of this.#rows) row.history(history.of(name));
  }

  select(name) {
    const had = this.#rows.get(this.selected)?.element.contains(document.activeElement);
    this.selected = name;
    const row = this.#rows.get(name);
    row?.element.scrollIntoView({ block: "nearest" });
    if (had) row?.focus();
    this.#choose();
  }

  /** Selects the task so many rows further. */
  move(by) {
    const names = this.#tasks.map((task) => task.name);
    const at = names.indexOf(this.selected) + by;
    this.select(names[Math.max(0, Math.min(names.length - 1, at))] ?? null);
  }

  /** Marks the selected task, or takes its mark away, and goes on to the next. */
  mark() {
    this.#toggle(this.selected);
    this.move(1);
  }

  unmark() {
    this.marked.clear();
    this.#choose();
  }

  /** The selected task, as the snapshot has it. */
  get task() {
    return this.#tasks.find((task) => task.name === this.selected) ?? null;
  }

  /** What an action is for: the marked tasks, or else the selected one. */
  get targets() {
    return this.#tasks.filter((task) => (this.marked.size ? this.marked.has(task.name) : task.name === this.selected));
  }

  #row(name) {
    const select = (of, event) => {
      if (event.ctrlKey || event.metaKey) this.#toggle(of);
      this.select(of);
      this.#on.pointed();
    };
    return new Row(name, { select, act: this.#on.act });
  }

  #toggle(name) {
    if (!this.marked.delete(name)) this.marked.add(name);
  }

  #choose() {
    for (const [name, row] of this.#rows) row.choose(name === this.selected, this.marked.has(name));
    this.#on.selected();
  }
}
