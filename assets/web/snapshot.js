// The snapshot, kept true by the changes that the server sends.

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
