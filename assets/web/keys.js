// The keys, as data: one table that the dispatch, the help and the hints read alike. As in src/ui/keymap.rs.

/** Where a key works: everywhere on the page, or only with the log small, or only with it zoomed. */
const MAIN = "main";
const ZOOM = "zoom";

/** `[keys, action, topic, help, where, hint]`; a hint is what the page's last line says of it. */
const ROWS = [
  [["j", "ArrowDown"], "selectNext", "Select", "next task", MAIN],
  [["k", "ArrowUp"], "selectPrevious", "Select", "previous task", MAIN],
  [["g"], "selectFirst", "Select", "first task", MAIN],
  [["G"], "selectLast", "Select", "last task", MAIN],
  [[" "], "mark", "Select", "mark: r, s, K and m act on all marked", MAIN, "mark"],

  [["r"], "restart", "Act", "restart now, also during a countdown", null, "restart"],
  [["s"], "stopOrStart", "Act", "stop, or start what is stopped", null, "stop / start"],
  [["K"], "kill", "Act", "kill now, without a grace period (asks)"],
  [["R"], "restartAll", "Act", "restart all (asks)"],

  [["w"], "why", "Look", "why is it not running: the chain of causes", null, "why"],
  [["Enter", "z"], "zoom", "Look", "zoom the log, and back", null, "zoom"],
  [["e"], "events", "Look", "events of all tasks, or of the selected one", null, "events"],
  [["b"], "parts", "Look", "stead's own parts, in one line or each"],
  [["?", "F1"], "help", "Look", "all keys", null, "help"],
  [["Escape"], "close", "Look", "close, clear, go back"],

  [["/"], "search", "Log", "search (regex; case matters with a capital)", null, "search"],
  [["n"], "nextHit", "Log", "next match"],
  [["N"], "previousHit", "Log", "previous match"],
  [["F"], "filter", "Log", "filter: show only lines that match"],
  [["f"], "follow", "Log", "follow the end, or pause", null, "follow"],
  [["m"], "merge", "Log", "merged log of all, or the marked"],
  [["["], "previousRun", "Log", "the log of the run before"],
  [["]"], "nextRun", "Log", "the log of the run after"],
  [["a"], "attach", "Log", "attach: keys go to its terminal, ctrl-] leaves"],
  [["y"], "copy", "Log", "copy the selection, or all in view"],
  [["t"], "times", "Log", "times on, off"],
  [["W"], "wrap", "Log", "wrap on, off"],
  [["ArrowLeft", "h"], "left", "Log", "sideways, without wrap"],
  [["ArrowRight", "l"], "right", "Log", "sideways, without wrap"],
  [["j", "ArrowDown"], "lineDown", "Log", "a line down, when zoomed", ZOOM],
  [["k", "ArrowUp"], "lineUp", "Log", "a line up, when zoomed", ZOOM],
  [["PageDown"], "pageDown", "Log", "a page down"],
  [["PageUp"], "pageUp", "Log", "a page up"],
  [["Home"], "oldest", "Log", "the oldest line that is kept"],
  [["End"], "newest", "Log", "the end"],
  [["g"], "oldest", "Log", "the oldest line, when zoomed", ZOOM],
  [["G"], "newest", "Log", "the end, when zoomed", ZOOM],
];

export const KEYS = ROWS.map(([keys, action, topic, help, where = null, hint = ""]) => ({
  keys,
  action,
  topic,
  help,
  where,
  hint,
}));

const NAMES = { " ": "space", ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→", Escape: "esc" };

/** How a key is called. */
export const keyName = (key) => NAMES[key] ?? (key.length > 1 ? key.toLowerCase() : key);

/** What a key means; undefined if it is the browser's own. */
export function lookup(event, zoomed) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return undefined;
  const where = zoomed ? ZOOM : MAIN;
  const bound = KEYS.find(({ keys, where: only }) => keys.includes(event.key) && (only === null || only === where));
  return isElsewhere(event) ? undefined : bound?.action;
}

/** Whether what has the focus takes the key itself: a line to type into, a list, a button that is to be pressed. */
function isElsewhere(event) {
  const { target, key } = event;
  if (target.closest("dialog[open]")) return true;
  if (target.closest("input, textarea, select")) return key !== "Escape";
  const presses = key === "Enter" || key === " ";
  return presses && target.closest("button, a, summary") !== null && !target.closest(".name");
}
