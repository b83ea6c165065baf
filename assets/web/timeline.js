// What has happened: a bounded list of events, the newest at the end, of all tasks or of the selected one.

import { element, make, write } from "./dom.js";
import { moment } from "./format.js";

/** Events that are held. */
const HELD = 1000;
/** Events that are drawn at once. */
const DRAWN = 200;
/** So near to its end the list follows what is added. */
const FOLLOW_PIXELS = 24;

const TONES = {
  exhausted: "bad", failed: "bad", killed: "bad", left: "bad", forced: "bad", abandoned: "bad",
  group_exhausted: "bad",
  backoff: "warn", background: "warn", unready: "warn", refused: "warn", overlapped: "warn", watch_suspended: "warn",
};

export class Timeline {
  #records = [];
  #last = 0;
  #task = null;
  #all = true;
  #list = element("events");

  constructor() {
    element("events-of").onclick = () => this.toggle();
  }

  /** Takes an event, unless it is here already: a stream that comes back may begin again. */
  add(record) {
    if (record.number <= this.#last) return;
    this.#last = record.number;
    this.#hold(record);
  }

  /** Says that there were events which are not kept any more. */
  missed(count) {
    this.#hold({ at: null, text: `${count} events were too many to be kept or sent` });
  }

  /** Another supervisor: nothing that was seen of the last one counts. */
  clear() {
    this.#records = [];
    this.#last = 0;
    this.#draw();
  }

  /** Which task is selected. */
  select(name) {
    if (this.#task === name) return;
    this.#task = name;
    this.#draw();
  }

  /** Between all tasks and the selected one. */
  toggle() {
    this.#all = !this.#all;
    this.#draw();
  }

  #hold(record) {
    this.#records.push(record);
    if (this.#records.length > HELD) this.#records.shift();
    if (!this.#shows(record)) return;
    this.#list.querySelector(".none")?.remove();
    const { scrollHeight, scrollTop, clientHeight } = this.#list;
    const follows = scrollHeight - scrollTop - clientHeight < FOLLOW_PIXELS;
    this.#list.append(entry(record));
    if (this.#list.children.length > DRAWN) this.#list.firstChild.remove();
    if (follows) this.#list.scrollTop = this.#list.scrollHeight;
  }

  /** The filter is for tasks: what stead itself says is for all of them. */
  #shows(record) {
    return this.#all || record.task === this.#task || !record.task;
  }

  #draw() {
    const shown = this.#records.filter((record) => this.#shows(record)).slice(-DRAWN);
    const entries = shown.map(entry);
    this.#list.replaceChildren(...(entries.length ? entries : [make("li", "none quiet", "nothing has happened yet")]));
    this.#list.scrollTop = this.#list.scrollHeight;
    write(element("events-of"), this.#all ? "all tasks" : (this.#task ?? "all tasks"));
    element("events-of").setAttribute("aria-pressed", String(!this.#all));
  }
}

function entry(record) {
  const time = make("time", "", record.at ? moment(record.at) : "");
  if (record.at) time.dateTime = time.title = record.at;
  return make("li", "", time, make("b", "", record.task ?? "stead"), make("span", TONES[record.event] ?? "", record.text));
}
