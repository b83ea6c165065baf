// The live stream: follows /api/v1/events, comes back by itself, and rests while the page is not looked at.

import { authorization } from "./token.js";

const RETRY_MS = 1000;

/** Calls `on.snapshot`, `on.event`, `on.dropped` with what comes, `on.lost` when the server is out of reach. */
export function follow(on) {
  let source = null;
  let timer = 0;

  const open = () => {
    close();
    source = new EventSource("api/v1/events");
    for (const name of ["snapshot", "event", "dropped"]) {
      source.addEventListener(name, (message) => on[name](JSON.parse(message.data)));
    }
    source.onerror = () => {
      on.lost();
      // A browser retries a broken connection, but gives up on a refused one.
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, RETRY_MS);
    };
  };
  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };

  // A hidden page holds no connection: browsers allow few to one server, over all tabs.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  if (!document.hidden) open();
}

/** Asks for `action` on a task; resolves when it is taken, rejects with an Error that says why not. */
export async function ask(task, action) {
  let response;
  try {
    response = await fetch(`api/v1/tasks/${encodeURIComponent(task)}/${action}`, { method: "POST", headers: authorization() });
  } catch {
    throw new Error("stead can't be reached");
  }
  if (response.ok) return;
  if (response.status === 401) throw new Error("open the link that `stead status` prints: it has the token for this");
  const problem = await response.json().catch(() => ({}));
  throw new Error(problem.detail ?? `refused with status ${response.status}`);
}
