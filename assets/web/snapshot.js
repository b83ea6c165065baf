// The snapshot, kept true by the changes that the server sends, and what follows from it.

import { isLive } from "./format.js";

/** The snapshot that a change leads to; null if it is no change of this one. What has not changed is the same object. */
export function changed(snapshot, { base, tasks = {}, order, ...rest }) {
  if (base !== snapshot?.generation) return null;
  const known = new Map(snapshot.tasks.map((task) => [task.name, task]));
  for (const [name, members] of Object.entries(tasks)) {
    if (members === null) known.delete(name);
    else known.set(name, { ...known.get(name), ...members });
  }
  const all = order ? order.map((name) => known.get(name)) : [...known.values()];
  return { ...snapshot, ...rest, tasks: all };
}

/** The tasks that a restart of these restarts, themselves first: `Snapshot::restarted_with` of the supervisor. */
export function restartedWith(snapshot, names) {
  const all = new Set();
  for (const name of names) {
    const first = snapshot.tasks.find((task) => task.name === name);
    if (first) for (const found of restartedWithOne(snapshot, first)) all.add(found);
  }
  return [...all];
}

function restartedWithOne(snapshot, first) {
  const goesAlong = (task, edge) =>
    edge.on_restart === "restart" ? comesBack(task) || task.state === "done"
    : edge.on_restart === "stop" && isLive(first) && comesBack(task);
  const found = [first.name];
  for (const dependency of found) {
    for (const task of snapshot.tasks) {
      const follows = (edge) => edge.task === dependency && goesAlong(task, edge);
      if (!found.includes(task.name) && task.after.some(follows)) found.push(task.name);
    }
  }
  return found;
}

function comesBack(task) {
  return task.state === "stopping" ? ["restart", "retry"].includes(task.then) : isLive(task);
}
