// What a task wrote, made safe to show: one line becomes runs of styled text. Colours (SGR) are kept; the cursor moves
// that progress bars are made of act within the line; everything else is neutralised. As in src/present/ansi.rs.

import { make } from "./dom.js";

/** Columns of one line: as many as the server sends characters. What the cursor is moved beyond them is dropped. */
const COLUMNS = 128 * 1024;
const TAB = 8;

const PLAIN = Object.freeze({});
// A control sequence, a string (OSC and the like) up to its end, a short escape, any other control character.
const TOKEN =
  /(?:\x1b\[|\x9b)([\x30-\x3f]*)([\x20-\x2f]*)([\x40-\x7e])|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)|\x1b[\x20-\x2f]*[\x30-\x7e]?|[\x00-\x1f\x7f-\x9f]/g;
const CONTROL = /[\x00-\x1f\x7f-\x9f]/;
/** Format characters without a shape of their own, which would reorder or hide what is beside them. */
const INVISIBLE =
  /[\u00ad\u061c\u180b-\u180f\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu;

/** The runs of one line: `[{ text, ink }]`, neighbours of different ink. */
export function parse(text) {
  const shown = text.replace(INVISIBLE, "");
  if (!CONTROL.test(shown)) return shown ? [{ text: shown, ink: PLAIN }] : [];
  const pen = new Pen();
  let at = 0;
  for (const found of shown.matchAll(TOKEN)) {
    pen.write(shown.slice(at, found.index));
    at = found.index + found[0].length;
    if (found[3] === undefined) pen.control(found[0]);
    else if (!found[2]) pen.sequence(found[1], found[3]);
  }
  pen.write(shown.slice(at));
  return pen.runs();
}

/** The text of one line, without colours. */
export function plainText(text) {
  return parse(text).map((run) => run.text).join("");
}

/** Writes a line column by column. */
class Pen {
  #cells = [];
  #at = 0;
  #ink = PLAIN;

  write(text) {
    for (const character of text) {
      if (/\p{M}|\u200d/u.test(character) && this.#at > 0 && this.#cells[this.#at - 1]) {
        const base = this.#cells[this.#at - 1];
        this.#cells[this.#at - 1] = { ...base, text: base.text + character };
      } else if (this.#at < COLUMNS) {
        this.#cells[this.#at++] = { text: character, ink: this.#ink };
      }
    }
  }

  control(text) {
    if (text === "\r") this.#at = 0;
    else if (text === "\t") this.#at = Math.min(COLUMNS, (Math.floor(this.#at / TAB) + 1) * TAB);
    else if (text === "\b") this.#at = Math.max(0, this.#at - 1);
  }

  sequence(params, final) {
    const first = Number.parseInt(params, 10) || 0;
    const count = Math.max(1, first);
    if (final === "m" && /^[\d;:]*$/.test(params)) this.#ink = sgr(this.#ink, params);
    else if (final === "K") this.#erase(first);
    else if (final === "C") this.#at = Math.min(COLUMNS, this.#at + count);
    else if (final === "D") this.#at = Math.max(0, this.#at - count);
    else if (final === "G") this.#at = Math.min(COLUMNS, count - 1);
  }

  runs() {
    const runs = [];
    for (const { text, ink } of Array.from(this.#cells, (cell) => cell ?? { text: " ", ink: PLAIN })) {
      const last = runs.at(-1);
      if (last?.ink === ink) last.text += text;
      else runs.push({ text, ink });
    }
    return runs;
  }

  #erase(what) {
    if (what === 0) this.#cells.length = Math.min(this.#cells.length, this.#at);
    else if (what === 1) this.#cells.fill(undefined, 0, this.#at + 1);
    else if (what === 2) this.#cells.length = 0;
  }
}

const ON = { 1: "bold", 2: "dim", 3: "italic", 4: "underlined", 7: "reversed", 9: "struck" };
const OFF = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underlined"], 27: ["reversed"], 29: ["struck"], 39: ["fg"], 49: ["bg"] };

/** The ink after one SGR sequence. */
function sgr(before, params) {
  let ink = { ...before };
  const codes = params.split(";");
  for (let at = 0; at < codes.length; at++) {
    const parts = codes[at].split(":");
    const code = Number(parts[0]);
    const side = code === 38 ? "fg" : code === 48 ? "bg" : null;
    if (side && parts.length > 1) {
      // 38:5:N, 38:2:R:G:B, 38:2::R:G:B
      const values = parts[1] === "2" ? parts.slice(-3) : parts.slice(2);
      ink[side] = colour(parts[1], values) ?? ink[side];
    } else if (side) {
      const taken = { 5: 1, 2: 3 }[codes[at + 1]] ?? 0;
      ink[side] = colour(codes[at + 1], codes.slice(at + 2, at + 2 + taken)) ?? ink[side];
      at += 1 + taken;
    } else if (code === 0) ink = {};
    else if (code === 4 && parts[1] === "0") delete ink.underlined;
    else if (ON[code]) ink[ON[code]] = true;
    else if (OFF[code]) OFF[code].forEach((name) => delete ink[name]);
    else if (code >= 30 && code <= 37) ink.fg = code - 30;
    else if (code >= 40 && code <= 47) ink.bg = code - 40;
    else if (code >= 90 && code <= 97) ink.fg = code - 82;
    else if (code >= 100 && code <= 107) ink.bg = code - 92;
  }
  return Object.keys(ink).length ? ink : PLAIN;
}

/** A number of the palette, or `[red, green, blue]`; null if it is neither. */
function colour(kind, values) {
  const numbers = values.map((value) => Math.min(255, Number(value) || 0));
  if (kind === "5" && numbers.length === 1) return numbers[0];
  return kind === "2" && numbers.length === 3 ? numbers : null;
}

const FLAGS = ["bold", "dim", "italic", "underlined", "struck"];

/** An element with this text in this ink. */
export function paint(text, ink) {
  const span = make("span", FLAGS.filter((flag) => ink[flag]).join(" "), text);
  const [fg, bg] = [css(ink.fg), css(ink.bg)];
  const front = ink.reversed ? (bg ?? "var(--card)") : fg;
  const back = ink.reversed ? (fg ?? "var(--text)") : bg;
  if (front) {
    span.style.setProperty("--ink", front);
    // A colour that was chosen for a dark terminal has to be read on this page's own background.
    span.classList.add("ink", ...(typeof ink.fg !== "number" || ink.fg > 15 ? (back ? [] : ["literal"]) : []));
  }
  if (back) span.style.background = back;
  return span;
}

function css(colour) {
  if (colour === undefined || colour === null) return null;
  if (Array.isArray(colour)) return `rgb(${colour.join(" ")})`;
  if (colour < 16) return `var(--ansi-${colour})`;
  if (colour >= 232) return css(new Array(3).fill(8 + 10 * (colour - 232)));
  const level = (value) => (value ? 55 + 40 * value : 0);
  const cube = colour - 16;
  return css([level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6)]);
}
