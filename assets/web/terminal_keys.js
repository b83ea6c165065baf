// Keys as the bytes that a terminal would send for them: xterm's. As in src/ui/encode.rs.

const SIGNS = {
  " ": 0x00, "@": 0x00, 2: 0x00, "[": 0x1b, 3: 0x1b, "\\": 0x1c, 4: 0x1c, "]": 0x1d, 5: 0x1d,
  "^": 0x1e, 6: 0x1e, _: 0x1f, "/": 0x1f, 7: 0x1f, "?": 0x7f, 8: 0x7f,
};
const LETTERS = { ArrowUp: "A", ArrowDown: "B", ArrowRight: "C", ArrowLeft: "D", End: "F", Home: "H" };
const NUMBERS = {
  Insert: 2, Delete: 3, PageUp: 5, PageDown: 6, F5: 15, F6: 17, F7: 18, F8: 19, F9: 20, F10: 21, F11: 23, F12: 24,
};
const FIRST_KEYS = { F1: "P", F2: "Q", F3: "R", F4: "S" };

/** What a key sends; empty if it sends nothing, or is a character that is typed as text. */
export function encode(event, modes) {
  const { key, ctrlKey: control, altKey: alt, shiftKey: shift } = event;
  const modifier = 1 + (shift ? 1 : 0) + (alt ? 2 : 0) + (control ? 4 : 0);
  const meta = alt ? "\x1b" : "";
  if (key === "Enter") return `${meta}\r`;
  if (key === "Tab") return shift ? "\x1b[Z" : `${meta}\t`;
  if (key === "Escape") return `${meta}\x1b`;
  if (key === "Backspace") return meta + (control ? "\b" : "\x7f");
  const letter = LETTERS[key] ?? FIRST_KEYS[key];
  const inApplication = FIRST_KEYS[key] || modes.application_cursor;
  if (letter) return modifier > 1 ? `\x1b[1;${modifier}${letter}` : `\x1b${inApplication ? "O" : "["}${letter}`;
  if (NUMBERS[key]) return modifier > 1 ? `\x1b[${NUMBERS[key]};${modifier}~` : `\x1b[${NUMBERS[key]}~`;
  // Where alt makes another character (AltGr, or option on a Mac), it is that character which is typed.
  if (key.length !== 1 || !(control || alt) || (control && alt)) return "";
  return control ? controlled(key) : `\x1b${key}`;
}

function controlled(key) {
  if (/[a-z]/i.test(key)) return String.fromCharCode(key.charCodeAt(0) & 0x1f);
  return key in SIGNS ? String.fromCharCode(SIGNS[key]) : "";
}

/** Pasted text. It can't end the mark that stands around it. */
export function paste(text, modes) {
  const typed = text.replace(/\r?\n/g, "\r");
  return modes.bracketed_paste ? `\x1b[200~${typed.replaceAll("\x1b", "")}\x1b[201~` : typed;
}
