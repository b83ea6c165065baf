// What goes over the network: questions, requests, and live streams that come back by themselves.

import { authorization, hasToken } from "./token.js";

const RETRY_LEAST_MS = 1000;
const RETRY_MOST_MS = 15_000;
/** The server says that it is alive every 15 seconds. */
const SILENCE_MS = 40_000;

/** Without the token a tab sees and changes nothing, or only sees; with a wrong one the supervisor has another by now. */
const noToken = () =>
  hasToken()
    ? "the token of this tab is not valid any more: open the link that `stead status` prints"
    : "this needs the token: open the link that `stead status` prints";

/** Why something was refused, in words for people. */
export class Refusal extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Another client has ended this one's stream. */
class Disconnected extends Error {}

async function send(path, options) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("stead can't be reached", 0);
  }
  if (response.ok) return response;
  if (response.status === 401) throw new Refusal(noToken(), 401);
  const problem = await response.json().catch(() => ({}));
  throw new Refusal(problem.detail ?? `refused with status ${response.status}`, response.status);
}

/** Asks for something to be done; rejects with a `Refusal` that says why not. */
export async function post(path, body) {
  const headers = authorization();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return (await send(path, { method: "POST", headers, body: body && JSON.stringify(body) })).json();
}

/** Reads something. */
export async function get(path, signal) {
  return (await send(path, { headers: authorization(), signal })).json();
}

/**
 * Follows a stream of server-sent events until it is closed, and comes back when it is lost. It rests while the page is
 * not looked at: browsers allow few connections to one server, over all tabs.
 *
 * `on.opened` is called whenever it begins (again); `on.messages` gets what has come as a list of `{ event, id, data }`,
 * data still as text; `on.lost` gets when the next try is made (on the clock of `performance.now()`), and why. There is no
 * next try (`Infinity`) where only a person can help: without the token, or when another client has disconnected this one.
 */
export class Stream {
  #path;
  #on;
  #lastId = null;
  #retryMs = RETRY_LEAST_MS;
  #abort = null;
  #timer = 0;
  #closed = false;
  #resumes;
  #seen = () => (document.hidden ? this.#rest() : this.#open());

  /** With `resumes` it goes on behind the last message that it has seen; otherwise it begins anew. */
  constructor(path, on, { resumes }) {
    this.#path = path;
    this.#on = on;
    this.#resumes = resumes;
    document.addEventListener("visibilitychange", this.#seen);
    if (!document.hidden) this.#open();
  }

  close() {
    this.#closed = true;
    document.removeEventListener("visibilitychange", this.#seen);
    this.#rest();
  }

  /** Makes the next try now. */
  retry() {
    this.#open();
  }

  #rest() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
  }

  async #open() {
    this.#rest();
    const abort = (this.#abort = new AbortController());
    let error = new Error("the stream has ended");
    try {
      await this.#read(abort);
    } catch (caught) {
      error = caught;
    }
    // Closed, hidden, or opened anew meanwhile.
    if (this.#closed || document.hidden || this.#abort !== abort) return;
    if (error.status === 401 || error instanceof Disconnected) return this.#on.lost(Infinity, error.message);
    const wait = this.#retryMs;
    this.#retryMs = Math.min(RETRY_MOST_MS, wait * 2);
    this.#timer = setTimeout(() => this.#open(), wait);
    this.#on.lost(performance.now() + wait, error.message);
  }

  async #read(abort) {
    let silence = setTimeout(() => abort.abort(), SILENCE_MS);
    try {
      const headers = authorization();
      if (this.#resumes && this.#lastId) headers["Last-Event-ID"] = this.#lastId;
      const response = await send(this.#path, { headers, signal: abort.signal });
      this.#on.opened();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let unread = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(silence);
        silence = setTimeout(() => abort.abort(), SILENCE_MS);
        const blocks = (unread + value).split("\n\n");
        unread = blocks.pop();
        const messages = blocks.map(message).filter(({ data }) => data);
        if (messages.length === 0 || abort.signal.aborted) continue;
        this.#retryMs = RETRY_LEAST_MS;
        this.#lastId = messages.findLast(({ id }) => id)?.id ?? this.#lastId;
        const end = messages.find(({ event }) => event === "disconnected");
        if (end) throw new Disconnected(`disconnected by ${JSON.parse(end.data).by}`);
        this.#on.messages(messages);
      }
    } finally {
      clearTimeout(silence);
    }
  }
}

/** One message of a stream; a sign of life has no data. */
function message(block) {
  const found = { event: "message", id: "", data: "" };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    const field = line.slice(0, colon);
    if (field in found) found[field] = line.slice(colon + 1).replace(/^ /, "");
  }
  return found;
}
