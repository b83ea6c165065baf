// Why a task is as it is: the chain of causes, and what is kept of its failed runs.

import { get } from "./connection.js";
import { make } from "./dom.js";
import { page } from "./dialog.js";
import { clock, day, duration } from "./format.js";

/** Shows it; rejects with a `Refusal` if it can't be had. */
export async function why(task) {
  const { causes, session, post_mortems: failures } = await get(`api/v1/tasks/${encodeURIComponent(task)}/why`);
  page(`Why is ${task} as it is?`, make("ol", "causes", ...causes.map(cause)), ...failures.flatMap((failed, at) => {
    const isNew = failed.session !== session && failed.session !== failures[at - 1]?.session;
    return isNew ? [make("h3", "", earlier(failed.session)), failure(failed)] : [failure(failed)];
  }));
}

function earlier(session) {
  return `Under an earlier supervisor, started ${day(session)} ${clock(session)}`;
}

function cause({ depth, task, sentences }) {
  const [first, ...rest] = sentences;
  const item = make("li", "", make("p", "", make("b", "", task), ` ${first}`));
  item.append(...rest.map((sentence) => make("p", "", sentence)));
  item.style.marginInlineStart = `${depth * 1.25}rem`;
  return item;
}

function failure({ run, at, reason, ran_for_ms, lines }) {
  const title = `Run ${run} ended with ${reason} after ${duration(ran_for_ms)}, ${day(at)} ${clock(at)}`;
  const details = make("details", "", make("summary", "", title));
  const text = lines.map((line) => `${line.is_stderr ? "! " : "  "}${line.text}`).join("\n");
  details.append(make("pre", "", text || "it wrote nothing"));
  return details;
}
