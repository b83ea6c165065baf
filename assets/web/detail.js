// The selected task in a few lines: its process, what an exit means, whether it is ready, what it used.

import { button, element, make, mark, write } from "./dom.js";
import { after, age, bytes, canStop, duration, exitLabel, flapping, groupPolicy, isEssential, isLive, onExit, percent } from "./format.js";
import { Spark } from "./spark.js";

const LINES = {
  description: "is", about: "runs", exit: "on exit", after: "after", group: "group", ready: "ready", live: "live",
  says: "says", ports: "ports", address: "address", failed: "failed", hint: "hint", flapping: "flapping",
};

export class Detail {
  #lines = {};
  #charts = {};
  #buttons;
  #address = make("a");

  /** `act(action)` does what the key of that action does. */
  constructor(act) {
    const list = make("dl");
    for (const [name, label] of Object.entries(LINES)) {
      const line = { label: make("dt", "", label), text: make("dd") };
      this.#lines[name] = line;
      list.append(line.label, line.text);
    }
    this.#lines.address.text.append(this.#address);
    const charts = make("div", "charts");
    for (const what of ["cpu", "memory", "restarts"]) {
      const words = make("b");
      const spark = new Spark(what, { bars: what === "restarts" });
      this.#charts[what] = { words, spark };
      charts.append(make("figure", "", make("figcaption", "", what, words), spark.element));
    }
    const actions = { restart: "Restart", stopOrStart: "Stop", kill: "Kill", why: "Why?", attach: "Attach" };
    this.#buttons = Object.fromEntries(
      Object.entries(actions).map(([action, text]) => [action, button(text, () => act(action), action === "why" ? "" : "acts")]),
    );
    element("detail").append(make("p", "actions", ...Object.values(this.#buttons)), list, charts);
  }

  /** Takes what a snapshot says of the task. */
  show(task, draining, groups = []) {
    write(element("detail-title"), task?.name ?? "");
    if (!task) return;
    const processes = task.usage?.processes > 1 ? `${task.usage.processes} processes` : "";
    this.#say("about", [task.pid && `pid ${task.pid}`, processes, task.about].filter(Boolean).join(" · "));
    write(this.#lines.exit.label, exitLabel(task));
    this.#say("exit", onExit(task));
    this.#say("description", task.description ?? "");
    this.#say("after", after(task));
    const group = groups.find((group) => group.tasks.includes(task.name));
    this.#say("group", group ? `${group.name} · ${groupPolicy(group)}` : "");
    this.#say("failed", task.state === "failed" ? task.reason : "", "bad");
    this.#say("ports", Object.entries(task.ports ?? {}).map(([name, number]) => `${name} ${number}`).join(", "));
    this.#say("says", task.status ?? "");
    this.#say("hint", isLive(task) ? "" : (task.last_exit?.hint ?? ""), "warn");
    this.#say("flapping", flapping(task), "warn");
    this.#showAddress(task.address ?? "");
    write(this.#buttons.stopOrStart, canStop(task) ? "Stop" : "Start");
    this.#buttons.stopOrStart.disabled = draining && !canStop(task);
    this.#buttons.restart.disabled = draining;
    this.#buttons.kill.disabled = !isLive(task);
    for (const action of ["restart", "stopOrStart", "kill"]) this.#buttons[action].hidden = isEssential(task);
    this.#buttons.attach.hidden = !task.tty;
    this.#buttons.attach.disabled = !isLive(task);
  }

  /** Draws what time alone changes. */
  tick(task, now) {
    const { probe, live_probe: live } = task;
    this.#say("live", live ? `${live.detail} · ${age(now, live.at)}` : "", live?.passed === false ? "warn" : "");
    this.#say("ready", probe ? `${probe.detail} · ${age(now, probe.at)}` : "", probe?.passed === false ? "warn" : "");
  }

  history(task, { of, span }) {
    const { cpu, memory, restarts } = of;
    const high = (points) => Math.max(0, ...points);
    const say = (what, points, least, words) => {
      write(this.#charts[what].words, words);
      this.#charts[what].spark.show(points, least, `${words}, over ${duration(span)}`);
    };
    say("cpu", cpu, 10, task.usage ? `${percent(task.usage.cpu_percent)} · most ${percent(high(cpu))}` : "–");
    say("memory", memory, 2 ** 20, task.usage ? `${bytes(task.usage.memory_bytes)} · most ${bytes(high(memory))}` : "–");
    say("restarts", restarts, 1, `${task.restarts} · ${task.restarts_last_hour} in the last hour`);
  }

  #say(name, text, tone = "") {
    const { label, text: line } = this.#lines[name];
    label.hidden = line.hidden = !text;
    write(line, text);
    mark(line, "class", tone || null);
  }

  #showAddress(address) {
    const { label, text } = this.#lines.address;
    label.hidden = text.hidden = !address;
    write(this.#address, address);
    mark(this.#address, "href", /^https?:\/\//.test(address) ? address : null);
  }
}
