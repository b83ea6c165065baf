// Where the lines of a log come from: the tasks it is of, a run, a filter; pages and a live stream of it.

import { Stream, get } from "./connection.js";

/** Lines that are asked for at a time. */
export const PAGE = 300;
/** Matches that are asked for at a time. */
const HITS = 1000;

export class LogSource {
  #query;
  /** Whether there is more to come: not of a run that is over. */
  isLive;
  /** Whether each line says who wrote it. */
  isMerged;

  /** `tasks` is a list of names, or null for all; `run` a number, or null for all of them. */
  constructor({ tasks, run, filter }) {
    this.#query = [...(tasks ?? []).map((task) => ["task", task])];
    if (run !== null) this.#query.push(["run", run]);
    if (filter) this.#query.push(["grep", pattern(filter)]);
    this.isLive = run === null;
    this.isMerged = tasks === null || tasks.length > 1;
  }

  /** A page of lines: the last ones, or those `before` or `after` a cursor. */
  page(where, signal) {
    return get(this.#path("logs", { limit: PAGE, ...where }), signal);
  }

  /** A page of the lines that match, as of `page`. With a filter a line has to pass both. */
  async hits(text, where) {
    const wanted = [...this.#query, ["grep", pattern(text)], ["limit", HITS], ...Object.entries(where)];
    return get(`api/v1/logs?${new URLSearchParams(wanted)}`);
  }

  /** The last lines, and then those that come. It begins anew when it was lost. */
  follow(on) {
    return new Stream(this.#path("logs/follow", { limit: PAGE }), on, { resumes: false });
  }

  #path(what, more) {
    return `api/v1/${what}?${new URLSearchParams([...this.#query, ...Object.entries(more)])}`;
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
