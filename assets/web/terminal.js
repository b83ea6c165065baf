// The terminal of a task: the server sends what its screen shows, this draws it and sends back the keys. It stands in the
// place of the log while it is open; ctrl-] leaves, and leaves the task running.

import { paint } from "./ansi.js";
import { button, element, make, mark, write } from "./dom.js";
import { encode, paste } from "./terminal_keys.js";
import { protocols } from "./token.js";

export class TaskTerminal {
  #tell;
  #closed;
  #socket = null;
  #pane = element("terminal");
  #screen = element("screen");
  #keys = element("keys");
  /** Whose terminal it is. */
  task = "";
  #modes = {};
  #size = "";
  #utf8 = new TextEncoder();

  /** `tell(text)` says something to the person; `closed()` is called when it has gone. */
  constructor({ tell, closed }) {
    this.#tell = tell;
    this.#closed = closed;
    element("terminal-head").append(button("Leave (ctrl-])", () => this.close()));
    this.#keys.addEventListener("keydown", (event) => this.#keyDown(event));
    this.#keys.addEventListener("paste", (event) => this.#paste(event));
    this.#keys.addEventListener("input", (event) => event.isComposing || this.#typed());
    this.#keys.addEventListener("compositionend", () => this.#typed());
    this.#screen.addEventListener("mouseup", () => document.getSelection().isCollapsed && this.#keys.focus());
    new ResizeObserver(() => this.#fit()).observe(this.#screen);
  }

  get isOpen() {
    return this.#socket !== null;
  }

  open(task) {
    this.close();
    this.task = task;
    this.#size = "";
    this.#screen.replaceChildren();
    const url = new URL(`api/v1/tasks/${encodeURIComponent(task)}/attach?view=cells`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = (this.#socket = new WebSocket(url, protocols()));
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.#fit();
    };
    socket.onmessage = (message) => {
      const said = JSON.parse(message.data);
      if (said.refused) this.#tell(said.refused);
      else this.#show(said);
    };
    socket.onclose = () => {
      if (socket !== this.#socket) return;
      // A browser does not tell a page why an upgrade was refused.
      this.#tell(opened ? `the connection to ${task}'s terminal has ended` : `${task}'s terminal can't be attached to`);
      this.close();
    };
    this.#pane.hidden = false;
    document.body.classList.add("attached");
    this.#say("");
    this.#keys.focus();
  }

  close() {
    if (!this.#socket) return;
    const socket = this.#socket;
    this.#socket = null;
    socket.close();
    this.#pane.hidden = true;
    document.body.classList.remove("attached");
    this.#closed();
  }

  #say(note) {
    write(element("terminal-title"), `${this.task} · attached`);
    write(element("terminal-note"), note);
  }

  // What it shows

  /** A picture: the rows that have changed since the last one, by their number. */
  #show({ height, rows, cursor, modes, is_live: isLive, skipped_bytes: skipped }) {
    this.#modes = modes;
    while (this.#screen.children.length > height) this.#screen.lastChild.remove();
    while (this.#screen.children.length < height) this.#screen.append(make("div"));
    for (const [at, runs] of Object.entries(rows)) this.#screen.children[at].replaceChildren(...runs.flatMap(cells));
    this.#screen.querySelector("#cursor")?.remove();
    if (cursor && isLive) {
      const block = make("span");
      block.id = "cursor";
      block.style.insetInlineStart = `${cursor[0]}ch`;
      this.#screen.children[cursor[1]]?.append(block);
    }
    const notes = [isLive ? "" : "ended", skipped ? `${skipped} bytes not shown` : ""];
    this.#say(notes.filter(Boolean).join(" · "));
    mark(this.#screen, "aria-label", `screen of ${this.task}`);
  }

  /** Makes the terminal as large as the pane. */
  #fit() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const probe = make("span", "probe", "0".repeat(100));
    this.#screen.append(probe);
    const { width, height } = probe.getBoundingClientRect();
    probe.remove();
    if (!width) return;
    const style = getComputedStyle(this.#screen);
    const room = this.#screen.clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight);
    const tall = this.#screen.clientHeight - Number.parseFloat(style.paddingTop) - Number.parseFloat(style.paddingBottom);
    const size = { rows: Math.max(2, Math.floor(tall / height)), columns: Math.max(2, Math.floor((room * 100) / width)) };
    const said = JSON.stringify({ resize: size });
    if (said === this.#size) return;
    this.#size = said;
    this.#socket.send(said);
  }

  // What is typed

  #send(text) {
    if (text && this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(this.#utf8.encode(text));
  }

  #keyDown(event) {
    if (event.isComposing) return;
    if (event.ctrlKey && event.key === "]") {
      event.preventDefault();
      return this.close();
    }
    // What the browser is asked to copy or paste is its own.
    const isClipboard = event.metaKey || (event.ctrlKey && event.shiftKey && /^[cv]$/i.test(event.key));
    const bytes = isClipboard ? "" : encode(event, this.#modes);
    if (!bytes) return;
    event.preventDefault();
    this.#send(bytes);
  }

  #typed() {
    this.#send(this.#keys.value);
    this.#keys.value = "";
  }

  #paste(event) {
    event.preventDefault();
    this.#send(paste(event.clipboardData.getData("text/plain"), this.#modes));
  }
}

/** The elements of a run of cells. A character that is not of one column has a box of its own, so that all stand right. */
function cells({ text, width, ...ink }) {
  const painted = paint(text, ink);
  if (width) {
    painted.classList.add("cell");
    painted.style.inlineSize = `${width}ch`;
  }
  return painted;
}
