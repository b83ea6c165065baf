// Where the lines of a log come from: the tasks it is of, a run, a filter; pages and a live stream of it.

import { plainText } from "./ansi.js";
import { Stream, get } from "./connection.js";

/** Lines that are asked for at a time. */
export const PAGE = 300;
/** Matches that are asked for at a time. */
const HITS = 1000;

export class LogSource {
  #query;
  #filter;
  /** Whether there is more to come: not of a run that is over. */
  isLive;
  /** Whether each line says who wrote it. */
  isMerged;

  /** `tasks` is a list of names, or null for all; `run` the id of one, or null for all of them. */
  constructor({ tasks, run, filter }) {
    this.#query = [...(tasks ?? []).map((task) => ["task", task])];
    if (run !== null) this.#query.push(["run", run]);
    if (filter) this.#query.push(["grep", pattern(filter)]);
    this.#filter = filter ? expression(filter) : null;
    this.isLive = run === null;
    this.isMerged = tasks === null || tasks.length > 1;
  }

  /** A page of lines: the last ones, or those `before` or `after` a cursor. */
  page(where, signal) {
    return this.#read(this.#query, { limit: PAGE, ...where }, () => true, signal);
  }

  /** A page of the lines that match, as of `page`. With a filter a line has to pass both; that is looked at here. */
  hits(text, where, signal) {
    const query = this.#query.filter(([name]) => name !== "grep");
    const passes = (line) => !this.#filter || plainText(line.text).search(this.#filter) >= 0;
    return this.#read([...query, ["grep", pattern(text)]], { limit: HITS, ...where }, passes, signal);
  }

  /** Reads on until a line passes, or there are no more: the server searches for so long at a time. */
  async #read(query, { limit, ...from }, passes, signal) {
    const direction = "after" in from ? "after" : "before";
    for (;;) {
      const wanted = [...query, ["limit", limit], ...Object.entries(from)];
      const page = await get(`api/v1/logs?${new URLSearchParams(wanted)}`, signal);
      const lines = page.lines.filter(passes);
      const next = page.next ?? page.lines.at(direction === "after" ? -1 : 0)?.cursor;
      if (lines.length || !next || !page[`more_${direction}`]) return { ...page, lines };
      from = { [direction]: next };
    }
  }

  /** The last lines, and then those that come. It begins anew when it was lost. */
  follow(on) {
    const query = new URLSearchParams([...this.#query, ["limit", PAGE]]);
    return new Stream(`api/v1/logs/follow?${query}`, on, { resumes: false });
  }
}

/** A pattern for the server: case matters only if it has an upper-case letter. */
function pattern(text) {
  return hasUpperCase(text) ? text : `(?i)${text}`;
}

/** The same for this page, to show what matches; null where the two dialects differ. */
export function expression(text) {
  try {
    return new RegExp(text, hasUpperCase(text) ? "gu" : "giu");
  } catch {
    return null;
  }
}

/** Letters of an escape such as `\W` say nothing of case. */
function hasUpperCase(text) {
  return /\p{Lu}/u.test(text.replace(/\\(?:[pP]\{[^}]*\}|.)/gsu, ""));
}
