// Making and changing elements. Everything is inserted as text: nothing that a task says is ever markup.

const SVG = "http://www.w3.org/2000/svg";

export const element = (id) => document.getElementById(id);

/** A new element with a class and content: texts and elements. */
export function make(tag, className = "", ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

/** A button that does something when it is pressed. */
export function button(text, onclick, className = "") {
  const made = make("button", className, text);
  made.type = "button";
  made.onclick = onclick;
  return made;
}

/** A new element of a drawing. */
export function draw(tag, attributes = {}) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Sets a text only when it differs: nothing moves unless something happened. */
export function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Sets an attribute only when it differs; null takes it away. */
export function mark(target, name, value) {
  if (value === null) target.removeAttribute(name);
  else if (target.getAttribute(name) !== value) target.setAttribute(name, value);
}
