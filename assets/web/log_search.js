// Searching a log: the server finds the lines that match, in all that is kept; this goes from one to the next, and
// shows where in the lines on screen the matches are.

import { expression } from "./log_source.js";

export class LogSearch {
  #view;
  #source = null;
  #expression = null;
  #lines = [];
  #at = -1;
  #moreBefore = false;
  #moreAfter = false;
  #busy = false;
  #abort = new AbortController();
  text = "";

  constructor(view) {
    this.#view = view;
  }

  /** Searches for a text and goes to the match that is nearest above the end of the view. */
  async begin(source, text) {
    this.clear();
    this.#source = source;
    this.text = text;
    this.#expression = expression(text);
    const below = this.#view.firstBelow;
    await this.#find(below ? { before: below.cursor } : {}, (found, { more_before }) => {
      this.#lines = found;
      this.#moreBefore = more_before;
      this.#moreAfter = below !== null;
    });
    if (this.#lines.length === 0 && this.#moreAfter) return this.next();
    await this.#go(this.#lines.length - 1);
    return this.#lines.length > 0;
  }

  /** Goes to the next match. False if there is none. */
  async next() {
    // While the log is followed, there may be more than there were.
    if (this.#at === this.#lines.length - 1 && this.#source?.isLive) this.#moreAfter = true;
    if (this.#at === this.#lines.length - 1 && this.#moreAfter) {
      const last = this.#lines.at(-1) ?? this.#view.firstBelow;
      await this.#find(last ? { after: last.cursor } : {}, (found, { more_after }) => {
        this.#lines.push(...found);
        this.#moreAfter = more_after;
      });
    }
    return this.#go(this.#at + 1);
  }

  /** Goes to the match before. False if there is none. */
  async previous() {
    if (this.#at <= 0 && this.#moreBefore) {
      await this.#find({ before: this.#lines[0].cursor }, (found, { more_before }) => {
        this.#lines.unshift(...found);
        this.#at += found.length;
        this.#moreBefore = more_before;
      });
    }
    return this.#go(this.#at - 1);
  }

  /** Forgets what is searched for, and searches no further. */
  clear() {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#busy = false;
    this.#lines = [];
    this.#at = -1;
    this.#moreBefore = this.#moreAfter = false;
    this.#expression = null;
    this.text = "";
    this.show();
  }

  /** `3 of 17`, or `3 of 1000+` when not all were looked for yet. */
  get count() {
    if (!this.text) return "";
    if (this.#busy) return "searching …";
    const all = `${this.#lines.length}${this.#moreBefore || this.#moreAfter ? "+" : ""}`;
    return this.#lines.length ? `${this.#at + 1} of ${all}` : "no match";
  }

  /** Marks what matches in the lines that are drawn. */
  show() {
    const current = this.#lines[this.#at]?.cursor;
    const ranges = [];
    for (const drawn of this.#view.lines) {
      drawn.classList.toggle("current", this.text !== "" && drawn.line.cursor === current);
      if (this.#expression) ranges.push(...matches(drawn.lastChild, this.#expression));
    }
    CSS.highlights?.set("hit", new Highlight(...ranges));
  }

  async #go(index) {
    if (this.#busy || !this.#lines[index]) return false;
    this.#at = index;
    await this.#view.reveal(this.#lines[index]);
    this.show();
    return true;
  }

  async #find(where, take) {
    const { signal } = this.#abort;
    this.#busy = true;
    try {
      const page = await this.#source.hits(this.text, where, signal);
      signal.throwIfAborted();
      take(page.lines, page);
    } finally {
      if (!signal.aborted) this.#busy = false;
    }
  }
}

/** Where the expression matches in an element, as ranges over its texts. */
function* matches(element, expression) {
  const texts = Array.from(element.childNodes, (node) => node.firstChild).filter((node) => node);
  for (const found of element.textContent.matchAll(expression)) {
    if (!found[0]) continue;
    const range = new Range();
    let at = 0;
    for (const text of texts) {
      const [start, end] = [found.index - at, found.index + found[0].length - at];
      if (start >= 0 && start < text.length) range.setStart(text, start);
      if (end > 0 && end <= text.length) range.setEnd(text, end);
      at += text.length;
    }
    yield range;
  }
}
