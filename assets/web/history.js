// What the tasks used since the page was opened: a bounded number of points, each of which stands for more time as
// the page gets older.

const POINTS = 120;
const FIRST_STEP_MS = 2000;

export class History {
  /** How long one point is. */
  step = FIRST_STEP_MS;
  /** For each task `{ cpu, memory, restarts }`, lists as long as the history; null where nothing is known. */
  #series = new Map();
  #length = 0;
  #due = 0;
  #restarts = new Map();

  /** Takes a point if it is time for one. True if there is a new one. */
  sample(tasks, time) {
    if (time < this.#due) return false;
    this.#due = time + this.step;
    if (this.#length === POINTS) this.#thin();
    for (const task of tasks) {
      const { cpu, memory, restarts } = this.of(task.name);
      const before = this.#restarts.get(task.name) ?? task.restarts;
      this.#restarts.set(task.name, task.restarts);
      cpu.push(task.usage ? task.usage.cpu_percent : null);
      memory.push(task.usage ? task.usage.memory_bytes : null);
      restarts.push(Math.max(0, task.restarts - before));
    }
    this.#length += 1;
    this.#settle(tasks);
    return true;
  }

  /** What is known of one task. */
  of(name) {
    if (!this.#series.has(name)) {
      const empty = () => new Array(this.#length).fill(null);
      this.#series.set(name, { cpu: empty(), memory: empty(), restarts: empty() });
    }
    return this.#series.get(name);
  }

  /** How long ago the first point was, in milliseconds. */
  get span() {
    return this.#length * this.step;
  }

  /** Forgets everything: another supervisor answers. */
  clear() {
    this.#series.clear();
    this.#restarts.clear();
    this.#length = 0;
    this.#due = 0;
    this.step = FIRST_STEP_MS;
  }

  /** Forgets the tasks that are gone. */
  #settle(tasks) {
    const names = new Set(tasks.map((task) => task.name));
    for (const name of this.#series.keys()) {
      if (names.has(name)) continue;
      this.#series.delete(name);
      this.#restarts.delete(name);
    }
  }

  /** Makes one point of every two: the higher, or for restarts the sum. */
  #thin() {
    const pairs = (list, join) =>
      Array.from({ length: list.length / 2 }, (_, at) => {
        const both = list.slice(2 * at, 2 * at + 2).filter((value) => value !== null);
        return both.length ? join(...both) : null;
      });
    for (const series of this.#series.values()) {
      series.cpu = pairs(series.cpu, Math.max);
      series.memory = pairs(series.memory, Math.max);
      series.restarts = pairs(series.restarts, (a, b = 0) => a + b);
    }
    this.#length /= 2;
    this.step *= 2;
  }
}
