// A small drawing of how a number went.

import { draw, mark } from "./dom.js";

const WIDTH = 120;
const HEIGHT = 24;

export class Spark {
  #path = draw("path");
  #label;
  #bars;

  /** `label` names what is drawn, for those who don't see it; `bars` draws events instead of a level. */
  constructor(label, { bars = false } = {}) {
    this.#label = label;
    this.#bars = bars;
    this.element = draw("svg", {
      class: bars ? "spark bars" : "spark",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      role: "img",
    });
    this.element.append(this.#path);
  }

  /** Draws the points, of which `least` fills the height if none is higher; `words` says them in short. */
  show(points, least, words) {
    const top = Math.max(least, ...points.filter((point) => point !== null));
    const step = WIDTH / Math.max(1, points.length - (this.#bars ? 0 : 1));
    const y = (value) => (HEIGHT - 1 - (value / top) * (HEIGHT - 3)).toFixed(1);
    const line = (value, at) => {
      const begins = points[at - 1] ?? null;
      return value === null ? "" : `${begins === null ? "M" : "L"}${(at * step).toFixed(1)} ${y(value)}`;
    };
    const bar = (value, at) => (value ? `M${((at + 0.5) * step).toFixed(1)} ${HEIGHT}V${y(value)}` : "");
    mark(this.#path, "d", points.map(this.#bars ? bar : line).join(""));
    mark(this.element, "aria-label", `${this.#label}: ${words}`);
  }
}
