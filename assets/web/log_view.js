// The lines of a log in a box that scrolls: a window of what is kept, which moves as it is scrolled. The window is
// bounded, so is what waits to be drawn; while it follows, the newest lines are in it.

import { copySelected, drawLine } from "./log_line.js";
import { PAGE } from "./log_source.js";

/** Lines that are drawn at once. */
const WINDOW = 1200;
/** Characters that are drawn at once. */
const WINDOW_CHARS = 4 * 2 ** 20;
/** What comes within this time is drawn in one go. */
const FLUSH_MS = 60;
/** Pixels from an edge at which the next page is loaded. */
const MARGIN = 400;
const AT_END = 4;

export class LogView {
  #box;
  #changed;
  #source = null;
  #stream = null;
  #abort = new AbortController();
  #loading = false;
  #waiting = [];
  #timer = 0;
  #fresh = false;
  #moreBefore = true;
  #moreAfter = false;
  /** Lines that came too fast, since the last that is drawn. */
  skipped = 0;
  /** `following`, `paused`, `over` (a past run, at its end). */
  state = "paused";
  /** What went wrong last, for people; empty if nothing has. */
  trouble = "";

  /** `changed` is called when the state has changed, or what is drawn. */
  constructor(box, changed) {
    this.#box = box;
    this.#changed = changed;
    box.addEventListener("scroll", () => this.#scrolled());
    box.addEventListener("copy", (event) => copySelected(event, this.lines));
    new ResizeObserver(() => this.stay()).observe(box);
  }

  /** Shows another log, from its end. */
  show(source) {
    this.#source = source;
    this.#begin();
    this.#box.replaceChildren();
    this.end();
  }

  /** Goes to the end and stays there. */
  end() {
    if (!this.#source.isLive) return this.#load({}, () => this.#box.lastElementChild?.scrollIntoView({ block: "end" }));
    if (this.state === "following") return this.stay();
    this.#begin();
    this.#become("following");
    this.#stream = this.#source.follow({
      opened: () => {
        this.trouble = "";
        this.#fresh = true;
        this.#flushSoon();
      },
      messages: (messages) => this.#take(messages),
      lost: (_, why) => this.#fail(why),
    });
  }

  /** Stops at what is shown now. */
  pause() {
    if (this.state !== "following") return;
    this.#flush();
    this.#stream.close();
    this.#stream = null;
    this.#moreAfter = true;
    this.#become("paused");
  }

  /** Shows nothing and asks for nothing. */
  close() {
    this.#begin();
    this.#source = null;
    this.#box.replaceChildren();
  }

  /** Goes to the oldest line that is kept. */
  async oldest() {
    this.pause();
    await this.#load({ after: "start" }, () => (this.#box.scrollTop = 0));
  }

  scrollBy(rows) {
    this.#box.scrollBy({ top: rows * this.#rowHeight() });
  }

  scrollPages(pages) {
    this.#box.scrollBy({ top: pages * Math.max(1, this.#box.clientHeight - this.#rowHeight()) });
  }

  scrollAside(step) {
    this.#box.scrollBy({ left: (step * this.#box.clientWidth) / 4 });
  }

  /** Keeps the end in view, if that is followed. */
  stay() {
    if (this.state === "following") this.#box.scrollTop = this.#box.scrollHeight;
  }

  /** Brings a line into view, and those around it; returns its element. */
  async reveal(line) {
    this.pause();
    if (!this.#find(line.cursor)) {
      const source = this.#source;
      const [before, after] = await Promise.all([
        source.page({ before: line.cursor, limit: PAGE / 2 }, this.#abort.signal),
        source.page({ after: line.cursor, limit: PAGE / 2 }, this.#abort.signal),
      ]);
      if (source !== this.#source) return null;
      this.#fill([...before.lines, line, ...after.lines], before.more_before, after.more_after);
    }
    const found = this.#find(line.cursor);
    found.scrollIntoView({ block: "nearest" });
    const [pane, row] = [this.#box.getBoundingClientRect(), found.getBoundingClientRect()];
    const isAtEdge = row.bottom + 2 * row.height > pane.bottom || row.top - 2 * row.height < pane.top;
    if (isAtEdge) found.scrollIntoView({ block: "center" });
    this.#changed();
    return found;
  }

  /** The elements of the lines that are drawn. */
  get lines() {
    return this.#box.children;
  }

  /** The plain text of the lines that are in view. */
  get textInView() {
    const pane = this.#box.getBoundingClientRect();
    const isInView = (line) => {
      const { top, bottom } = line.getBoundingClientRect();
      return bottom > pane.top + 1 && top < pane.bottom - 1;
    };
    return Array.from(this.lines).filter(isInView).map((line) => line.lastChild.textContent).join("\n");
  }

  /** The first line below what is in view; null if the end is. */
  get firstBelow() {
    if (this.state === "following") return null;
    const { bottom } = this.#box.getBoundingClientRect();
    return Array.from(this.lines).find((drawn) => drawn.getBoundingClientRect().top >= bottom - 1)?.line ?? null;
  }

  #begin() {
    this.#stream?.close();
    this.#stream = null;
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#loading = false;
    this.#waiting = [];
    this.skipped = 0;
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#moreBefore = true;
    this.#moreAfter = false;
    this.trouble = "";
    this.#become(this.#source?.isLive === false ? "over" : "paused");
  }

  #become(state) {
    this.state = state;
    this.#changed();
  }

  #fail(why) {
    this.trouble = why;
    this.#changed();
  }

  // What comes

  #take(messages) {
    // Only what could be drawn is read at all: a flood costs little.
    for (const { event, data } of messages.slice(-WINDOW)) this.#waiting.push({ event, data });
    if (this.#waiting.length > WINDOW) this.#waiting.splice(0, this.#waiting.length - WINDOW);
    this.#flushSoon();
  }

  #flushSoon() {
    this.#timer ||= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  #flush() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#fresh) {
      this.#box.replaceChildren();
      this.skipped = 0;
    }
    this.#fresh = false;
    const drawn = [];
    for (const { event, data } of this.#waiting) {
      const said = JSON.parse(data);
      if (event === "gap") this.skipped += said.skipped;
      if (event !== "line") continue;
      const line = this.#draw(said);
      if (this.skipped) line.dataset.gap = `${this.skipped} lines came too fast to be shown here; scrolling back shows them`;
      this.skipped = 0;
      drawn.push(line);
    }
    this.#waiting = [];
    this.#box.append(...drawn);
    this.#trim("firstChild");
    this.#rule();
    this.stay();
    this.#changed();
  }

  // Pages

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#box;
    const below = scrollHeight - scrollTop - clientHeight;
    if (this.state === "following" && below > AT_END) this.pause();
    if (this.#loading || !this.lines.length) return;
    if (scrollTop < MARGIN && this.#moreBefore && this.state !== "following") this.#before();
    else if (below < MARGIN && this.#moreAfter) this.#after();
    else if (below <= AT_END && this.state === "paused" && !this.#moreAfter) this.end();
  }

  #before() {
    const first = this.#box.firstElementChild.line.cursor;
    return this.#fetch({ before: first }, ({ lines, more_before }) => {
      const { scrollTop, scrollHeight } = this.#box;
      this.#box.prepend(...lines.map((line) => this.#draw(line)));
      this.#moreBefore = more_before && lines.length > 0;
      this.#rule();
      this.#box.scrollTop = scrollTop + this.#box.scrollHeight - scrollHeight;
      if (this.#trim("lastChild")) this.#moreAfter = true;
    });
  }

  #after() {
    const last = this.#box.lastElementChild.line.cursor;
    return this.#fetch({ after: last }, ({ lines, more_after }) => {
      this.#box.append(...lines.map((line) => this.#draw(line)));
      this.#moreAfter = more_after && lines.length > 0;
      const { scrollTop, scrollHeight } = this.#box;
      if (this.#trim("firstChild")) this.#moreBefore = true;
      this.#rule();
      this.#box.scrollTop = scrollTop + this.#box.scrollHeight - scrollHeight;
    });
  }

  #load(where, then) {
    return this.#fetch(where, ({ lines, more_before, more_after }) => {
      this.#fill(lines, more_before, more_after);
      then();
    });
  }

  async #fetch(where, then) {
    const { signal } = this.#abort;
    this.#loading = true;
    try {
      const page = await this.#source.page(where, signal);
      if (signal.aborted) return;
      then(page);
      this.trouble = "";
    } catch (error) {
      if (signal.aborted) return;
      this.trouble = error.message;
    }
    this.#loading = false;
    this.#changed();
  }

  #fill(lines, moreBefore, moreAfter) {
    this.#box.replaceChildren(...lines.map((line) => this.#draw(line)));
    this.#moreBefore = moreBefore;
    this.#moreAfter = moreAfter;
    this.#rule();
  }

  /** Takes away what is too much, from one end. True if there was anything. */
  #trim(end) {
    const before = this.lines.length;
    let chars = Array.from(this.lines).reduce((sum, { line }) => sum + line.text.length, 0);
    while (this.lines.length > WINDOW || (chars > WINDOW_CHARS && this.lines.length > 1)) {
      chars -= this.#box[end].line.text.length;
      this.#box[end].remove();
    }
    return this.lines.length < before;
  }

  // Lines

  #draw(line) {
    return drawLine(line, this.#source.isMerged);
  }

  /** Says above a line that another run begins there. */
  #rule() {
    if (this.#source.isMerged) return;
    let before = null;
    for (const drawn of this.lines) {
      const { run } = drawn.line;
      if (run !== before && (before !== null || !this.#moreBefore)) drawn.dataset.run = `run ${run}`;
      else delete drawn.dataset.run;
      before = run;
    }
  }

  #find(cursor) {
    return Array.from(this.lines).find((drawn) => drawn.line.cursor === cursor);
  }

  #rowHeight() {
    return Number.parseFloat(getComputedStyle(this.#box).lineHeight) || 18;
  }
}
