// The judge's rules about records that are taken away and come back, and about what is taken back or brought back. Pure.
import { isDeepStrictEqual } from 'node:util';

/** Steps of a canonical path, decoded. */
export const stepsOf = (path) => path.slice(1).split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));

export const isItem = (step) => step?.startsWith('@') ?? false;

/** An empty list and none are the same to a reader; a record without values is not one that is gone. */
const plain = (data) => data && Object.fromEntries(Object.entries(data).filter(([, value]) => !(Array.isArray(value) && value.length === 0)));
export const isSame = (a, b) => isDeepStrictEqual(plain(a), plain(b));

/** What is at a path in a state; of the whole record all of it. */
export function valueAt(state, path) {
  let value = state;
  for (const step of path === '' ? [] : stepsOf(path)) value = isItem(step) ? value?.find?.(({ id }) => id === step.slice(1)) : value?.[step];
  return value ?? null;
}

const didSomething = ({ action, ops = [] }) => action === 'create' || action === 'delete' || ops.some((op) => !isDeepStrictEqual(op.before, op.after));
const beginsLife = ({ action, undo_of: undone }) => action === 'create' && !undone;

/**
 * What came of each change that took something back, or brought something back.
 * @param {object[]} changes of one record, oldest first, without a gap
 * @param {(version: number) => object | null} stateAt what its history makes of it
 */
export function judgeBack(room, changes, stateAt) {
  const complaints = [];
  const at = (version) => changes[version - 1];
  for (const change of changes) {
    const name = `${room}: version ${change.version} (${change.id})`;
    const undone = change.undo_of && at(change.undo_of);
    if (!undone) continue;
    const since = changes.slice(undone.version, change.version - 1);
    if (since.some(beginsLife)) complaints.push(`${name} takes back version ${undone.version}, which was of a record that is gone`);
    if (undone.action === 'delete' && !isSame(stateAt(change.version), stateAt(undone.version - 1))) complaints.push(`${name} takes a deletion back and makes ${JSON.stringify(stateAt(change.version))} of what was ${JSON.stringify(stateAt(undone.version - 1))}`);
    if (undone.action !== 'create') continue;
    const others = since.filter((later) => later.user_id !== undone.user_id && didSomething(later));
    if (change.action !== 'delete') complaints.push(`${name} takes back that the record was made, and it is there`);
    for (const other of others) complaints.push(`lost: ${name} takes back that the record was made, and with it version ${other.version} of user ${other.user_id}`);
  }
  return complaints;
}

/** Who brings back an old version gets that one, but for what was left out, which he is told. */
export function judgeRestored(item, name, change, stateAt) {
  const version = change?.version ?? item.told.version;
  if (item.told.skipped > 0 || isSame(stateAt(version), stateAt(item.restores))) return [];
  return [`${name}: version ${item.restores} was to come back, which is ${JSON.stringify(stateAt(item.restores))}, and version ${version} is ${JSON.stringify(stateAt(version))}`];
}

/** The change that was to do it is there, and is what it was to be. */
export function judgeKind(item, name, change) {
  const action = item.takesAway ? 'delete' : item.makes ? 'create' : undefined;
  const takesBack = item.type === 'undo' || item.type === 'redo';
  if (!change) return action || takesBack ? [`lost: ${name} was ${item.told.verdict}, and no change did it`] : [];
  const complaints = [];
  if (action && change.action !== action) complaints.push(`${name}: was to ${action} the record and is ${change.action}`);
  if (takesBack && !change.undo_of) complaints.push(`${name}: takes nothing back`);
  if (item.mayNot) complaints.push(`${name}: was done by ${item.username}, who may not`);
  if (item.ifMatch && change.version !== item.ifMatch + 1) complaints.push(`${name}: was to be done only on version ${item.ifMatch} and was done on ${change.version - 1}`);
  return complaints;
}

/** What a conflict shows: what was there when the change was made, and what the change wants there. */
export function judgeShown(room, conflict, wants, stateAt) {
  const complaints = [];
  for (const { path, base, mine } of conflict.fields ?? []) {
    const was = valueAt(stateAt(conflict.base_version), path);
    const isMoved = conflict.local_change.ops?.some((op) => op.operation === 'move' && op.path === path);
    const isShown = path === '' ? isSame(was, base) : isDeepStrictEqual(isMoved ? (was?.pos ?? null) : was, base ?? null);
    if (!isShown) complaints.push(`${room}: conflict ${conflict.id} shows ${JSON.stringify(base)} as ${path} of version ${conflict.base_version}, which was ${JSON.stringify(was)}`);
    for (const want of wants.filter((one) => one.path === path && one.value !== undefined)) {
      if (!JSON.stringify(mine ?? null).includes(JSON.stringify(want.value).slice(1, -1))) complaints.push(`lost: ${room}: conflict ${conflict.id} shows ${JSON.stringify(mine)} as what was wanted of ${path}, not ${JSON.stringify(want.value)}`);
    }
  }
  return complaints;
}

/** Nobody stands in his own way: what he wrote into the record that he had made anew himself is there. */
export function judgeOwnLife(item, name, change, changes) {
  const made = item.followsOwn && changes.find(({ id }) => id === item.followsOwn);
  if (!made || !change) return [];
  const since = changes.slice(made.version, change.version - 1);
  if (since.some(({ action }) => action === 'delete')) return [];
  const lost = item.wants.filter(({ path, value }) => !(change.ops ?? []).some((op) => op.path === path && isDeepStrictEqual(op.after, value)) && !since.some((other) => other.ops?.some((op) => op.path === path)));
  return lost.map(({ path }) => `${name}: ${path} gave way to the deletion before, which was his own`);
}

/** Who is to settle a conflict is whom the last one said who assigned it. */
export function judgeAssigned(asked, conflicts) {
  const complaints = [];
  for (const conflict of [...conflicts.values()].flat()) {
    const told = asked.filter((item) => item.assigns === conflict.id && !item.told.code).sort((a, b) => a.told.position.offset - b.told.position.offset);
    const assignee = told.at(-1)?.assignee ?? null;
    const cut = asked.filter((item) => item.assigns === conflict.id && item.told.code && item.wasCut).map((item) => String(item.assignee));
    if (!cut.includes(String(conflict.assigned_to ?? null)) && String(conflict.assigned_to ?? null) !== String(assignee)) complaints.push(`conflict ${conflict.id} is assigned to ${conflict.assigned_to}, the last one said ${assignee}`);
  }
  return complaints;
}
