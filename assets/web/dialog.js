// What lies over the page: a question, the keys, why a task is as it is. One at a time.

import { button, make } from "./dom.js";
import { KEYS, keyName } from "./keys.js";

/** Asks before something that can't be taken back. Resolves to the answer. */
export function confirm(title, text) {
  return new Promise((resolve) => {
    const yes = button("Yes", () => close("yes"), "strong");
    const no = button("No", () => close("no"));
    const box = open(title, make("p", "", text), make("p", "answers", yes, no));
    const close = (answer) => box.close(answer);
    box.onkeydown = (event) => {
      if (event.key === "y") close("yes");
      if (event.key === "n" || event.key === "q") close("no");
    };
    box.addEventListener("close", () => resolve(box.returnValue === "yes"));
    no.focus();
  });
}

/** Shows a page that is read and closed. */
export function page(title, ...content) {
  const box = open(title, make("div", "reading", ...content), make("p", "answers", button("Close", () => box.close())));
  box.onkeydown = (event) => {
    if (["q", "?", "w"].includes(event.key)) box.close();
  };
}

/** All keys, by topic. */
export function help() {
  const topics = [...new Set(KEYS.map((row) => row.topic))].map((topic) => {
    const list = make("dl");
    for (const { keys, help } of KEYS.filter((row) => row.topic === topic)) {
      const names = keys.map((key) => make("kbd", "", keyName(key)));
      list.append(make("dt", "", ...names), make("dd", "", help));
    }
    return make("section", "", make("h3", "", topic), list);
  });
  page("Keys", make("div", "keys", ...topics));
}

/** Each is an element of its own, so that no late event of the last one is taken for one of this. */
function open(title, ...content) {
  document.querySelector("dialog")?.close();
  const heading = make("h2", "", title);
  heading.id = "dialog-title";
  const box = make("dialog", "", heading, ...content);
  box.setAttribute("aria-labelledby", heading.id);
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
  return box;
}
