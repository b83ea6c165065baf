// One line of a log as it is drawn, and what is copied of it.

import { paint, parse } from "./ansi.js";
import { make } from "./dom.js";
import { moment } from "./format.js";

const NAME_TONES = 6;

/** The element of a line as the server tells it, which it keeps as `line`. Its last child has the text. */
export function drawLine(line, isMerged) {
  const text = make("span", "text");
  for (const { text: part, ink } of parse(line.text)) text.append(paint(part, ink));
  if (line.cut) text.append(make("span", "quiet", "…"));
  const time = make("time", "", moment(line.at));
  time.dateTime = line.at;
  time.title = `${line.at}, run ${line.run}, ${line.stream}`;
  const drawn = make("div", `line ${line.stream}`, time);
  if (isMerged) drawn.append(make("b", `name${toneOf(line.task)}`, line.task));
  const stream = make("i", "", line.stream === "stderr" ? "!" : "");
  stream.title = line.stream === "stderr" ? "standard error" : "";
  drawn.append(stream, text);
  drawn.line = line;
  return drawn;
}

/** A task has the same colour whenever and wherever its name is shown. */
function toneOf(task) {
  let sum = 0;
  for (const character of task) sum = (sum * 31 + character.codePointAt(0)) >>> 0;
  return sum % NAME_TONES;
}

/** Copies the text of the lines that are selected, and nothing that this page has put around it. */
export function copySelected(event, lines) {
  const selection = document.getSelection();
  if (selection.isCollapsed || !selection.rangeCount) return;
  const range = selection.getRangeAt(0);
  const chosen = Array.from(lines).filter((drawn) => range.intersectsNode(drawn.lastChild));
  if (!chosen.length) return;
  const texts = chosen.map((drawn) => {
    const part = document.createRange();
    part.selectNodeContents(drawn.lastChild);
    const isWithin = (node, offset) => part.comparePoint(node, offset) === 0;
    const { startContainer, startOffset, endContainer, endOffset } = range;
    const [startsHere, endsHere] = [isWithin(startContainer, startOffset), isWithin(endContainer, endOffset)];
    if (startsHere) part.setStart(startContainer, startOffset);
    if (endsHere) part.setEnd(endContainer, endOffset);
    return part.toString();
  });
  event.clipboardData.setData("text/plain", texts.join("\n"));
  event.preventDefault();
}
