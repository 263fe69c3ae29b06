// The judge of many who edit a few records in every way there is: compares what they were told with the history, the state, the
// conflicts, and what those heard who listened. Pure: it is fed facts and gives complaints. edits_ledger.test.mjs proves that it can.
import { isDeepStrictEqual } from 'node:util';
import { isItem, isSame, judgeAssigned, judgeBack, judgeKind, judgeOwnLife, judgeRestored, judgeShown, stepsOf } from './edits_lives.mjs';
import { judgeChanges, judgeListener } from './ledger.mjs';

/** Refusals that may come to people who did nothing wrong. */
const FAIR_REFUSALS = new Set(['locked', 'lock_required', 'lock_lost', 'nothing_to_undo', 'undo_blocked', 'already_resolved', 'conflict', 'not_found', 'forbidden']);
const LIVES = 8; // of a record in which a value is looked for that was seen

/** ... and those that only come to who asked for what they refuse. */
function isFair({ type, told, ifMatch, makes, takesAway, mayNot, hasSeen }, changes) {
  if (told.code === 'precondition_failed') return ifMatch !== undefined;
  if (told.code === 'already_exists') return makes || ['undo', 'redo'].includes(type);
  if (told.code === 'forbidden') return mayNot || !(makes || takesAway);
  if (told.code === 'bad_before') return hasSeen !== undefined && changes.filter(({ action, version }) => action === 'delete' && version > hasSeen).length >= LIVES;
  return FAIR_REFUSALS.has(told.code);
}

// ---- a record as the fold of its changes ----

/**
 * Does one operation on a state, in place, by what the history says of it.
 * @returns {string | undefined} what was not as the operation says it was
 */
export function fold(data, { operation, path, before, after }) {
  const steps = stepsOf(path);
  const last = steps.pop();
  let inside = data;
  for (const step of steps) {
    inside = step.startsWith('@') ? inside?.find(({ id }) => id === step.slice(1)) : inside[step] ??= isItem(last) || isItem(steps[1]) ? [] : {};
    if (inside === undefined) return isDeepStrictEqual(before, after) ? undefined : `${path}: there is nothing around it`;
  }
  const found = isItem(last) ? inside.find(({ id }) => id === last.slice(1)) : inside[last];
  const seen = operation === 'move' ? found?.pos : found;
  if (!isDeepStrictEqual(seen ?? null, before ?? null)) return `${path}: was ${JSON.stringify(seen)}, the operation says ${JSON.stringify(before)}`;
  if (isItem(last)) putItem(inside, found, operation, after);
  else if (after === null) delete inside[last];
  else inside[last] = structuredClone(after);
  return undefined;
}

const byPlace = (a, b) => (a.pos < b.pos ? -1 : a.pos > b.pos ? 1 : a.id < b.id ? -1 : 1);

function putItem(items, found, operation, after) {
  if (operation === 'move') found.pos = after;
  else {
    if (found) items.splice(items.indexOf(found), 1);
    if (after !== null) items.push(structuredClone(after));
  }
  items.sort(byPlace);
}

/**
 * Does one change on a copy of the record, in place: `copy.data` is null while there is no record.
 * @returns {string[]} what was not as the change says it was
 */
export function foldChange(copy, { action, ops = [] }, check = () => undefined) {
  const complaints = [];
  if (action === 'create' && copy.data !== null) complaints.push('it was made where it was');
  if (action !== 'create' && copy.data === null) complaints.push(action === 'delete' ? 'it was taken away where it was not' : 'it was changed where it was not');
  if (action === 'delete') copy.data = null;
  else {
    copy.data ??= {};
    complaints.push(...ops.map((op) => fold(copy.data, op) ?? check(op)).filter((complaint) => complaint !== undefined));
  }
  return complaints;
}

/** What a history makes of its record at each version: read once, in order, and kept as text. */
function statesOf(changes) {
  const copy = { data: null };
  const texts = [];
  for (const change of changes) {
    foldChange(copy, change);
    texts[change.version] = JSON.stringify(copy.data);
  }
  return (version) => JSON.parse(texts[version] ?? 'null');
}

/** The fold of a history is the record, and each operation found what it says it found. */
export function judgeFold(room, changes, record, pasts = []) {
  const complaints = [];
  const copy = { data: null };
  for (const change of changes) {
    for (const complaint of foldChange(copy, change)) complaints.push(`${room} at version ${change.version}: ${complaint}`);
    for (const past of pasts) if (past.version === change.version && !isSame(past.data, copy.data)) complaints.push(`${room}: version ${past.version} reads as ${JSON.stringify(past.data)}, its history makes ${JSON.stringify(copy.data)}`);
  }
  if (!isSame(record.data, copy.data)) complaints.push(`${room}: is ${JSON.stringify(record.data)}, its history makes ${JSON.stringify(copy.data)}`);
  return complaints;
}

// ---- what became of what everybody asked for ----

/** Who hung up and asked again may have been refused before what he had said first was read, and done. */
const mayBeDone = ({ told, wasCut }) => !told.code || wasCut;

const holds = (thing, value) => JSON.stringify(thing ?? null).includes(JSON.stringify(value).slice(1, -1));

/** Each thing that was asked for ended as it was told to have ended. */
export function judgeAsked(asked, histories, conflicts, states) {
  const complaints = [];
  const parked = new Map(asked.filter(({ told }) => told.verdict === 'conflict').map((item) => [item.told.conflictId, item]));
  const byId = new Map();
  for (const [room, changes] of histories) for (const change of changes) byId.set(`${room} ${change.id}`, change);
  for (const item of asked) {
    const room = `${item.roomType ?? 'deal'}:${item.entityId}`;
    const change = byId.get(`${room} ${item.id}`);
    const name = `${item.id} (${item.type ?? 'update'}) on ${room}`;
    if (item.told.code && !isFair(item, histories.get(room))) complaints.push(`${name}: was refused with ${item.told.code}`);
    if (item.isLock || item.assigns) continue;
    if (item.told.code) {
      if (change && !change.resolves && !mayBeDone(item)) complaints.push(`${name}: was refused with ${item.told.code} and is version ${change.version}`);
    } else if (item.settles) complaints.push(...judgeSettled(item, name, room, histories, conflicts, parked.get(item.settles)));
    else if (item.told.verdict === 'conflict') complaints.push(...judgeParked(item, name, conflicts.get(room) ?? [], change));
    else {
      complaints.push(...judgeDone(item, name, change), ...judgeKind(item, name, change), ...judgeOwnLife(item, name, change, histories.get(room)));
      if (item.restores) complaints.push(...judgeRestored(item, name, change, states.get(room)));
    }
  }
  return complaints;
}

function judgeDone(item, name, change) {
  // Taking away what is gone already does nothing: such a change has no version and no place of its own.
  if (!change) return item.wants.length === 0 ? [] : [`lost: ${name} was ${item.told.verdict} as version ${item.told.version}`];
  const isUntold = item.told.version === undefined && item.http; // over REST nothing is said of a record that is gone
  if (!isUntold && change.version !== item.told.version) return [`${name}: was told version ${item.told.version} and is ${change.version}`];
  const written = item.wants.filter(({ value }) => value !== undefined);
  const missing = written.filter(({ value }) => !isInChange(change, value));
  const unsaid = item.told.verdict === 'merged' ? [] : written.filter(({ value }) => isInChange(change, value) && !isInOps(change, value));
  return [
    ...missing.map(({ value }) => `${name}: ${JSON.stringify(value)} is neither in version ${change.version} nor in what it superseded`),
    ...unsaid.map(({ value }) => `${name}: was told to be ${item.told.verdict}, and ${JSON.stringify(value)} lost`),
  ];
}

const isInOps = (change, value) => (change.ops ?? []).some((op) => holds(op.after, value));
const isInChange = (change, value) => isInOps(change, value) || (change.superseded ?? []).some((lost) => holds(lost.value, value));

function judgeParked(item, name, conflicts, change) {
  if (change && !change.resolves) return [`${name}: was parked and is version ${change.version}`];
  const conflict = conflicts.find(({ id }) => id === item.told.conflictId);
  if (!conflict) return [`lost: ${name} became conflict ${item.told.conflictId}, which is not there`];
  if (conflict.local_change?.id !== item.id) return [`${name}: conflict ${conflict.id} keeps another change, ${conflict.local_change?.id}`];
  const missing = item.wants.filter(({ value }) => value !== undefined && !holds(conflict.local_change.ops, value));
  return missing.map(({ value }) => `${name}: ${JSON.stringify(value)} is not in conflict ${conflict.id}`);
}

function judgeSettled(item, name, room, histories, conflicts, parked) {
  const conflict = (conflicts.get(room) ?? []).find(({ id }) => id === item.settles);
  if (conflict?.state !== 'resolved') return [`${name}: settled conflict ${item.settles}, which is ${conflict?.state}`];
  if (conflict.resolution !== item.resolution) return [`${name}: settled ${item.settles} as ${item.resolution}, it is ${conflict.resolution}`];
  const made = (histories.get(room) ?? []).filter(({ resolves }) => resolves === item.settles);
  if (made.length > 1) return [`${name}: conflict ${item.settles} was settled ${made.length} times`];
  if (item.resolution === 'remote') return made.length ? [`${name}: nothing was to be done, and version ${made[0].version} was made`] : [];
  if (made.length === 0) return [`lost: ${name} settled ${item.settles} as ${item.resolution}, and no change did it`];
  // With what waited all of it is done, and what nobody disputed of it whatever was decided about the rest.
  const rest = (parked?.wants ?? []).filter(({ path, value }) => value !== undefined && (item.resolution === 'local' || isUndisputed(conflict, path)));
  const missing = [...item.wants, ...rest].filter(({ value }) => !isInChange(made[0], value));
  return missing.map(({ value }) => `${name}: ${JSON.stringify(value)} is not in version ${made[0].version}`);
}

const isUndisputed = (conflict, path) => !(conflict.fields ?? []).some((field) => `${path}/`.startsWith(`${field.path}/`) || `${field.path}/`.startsWith(`${path}/`));

/** Each conflict shows what it is about. */
function judgeAllShown(asked, conflicts, states) {
  const parked = new Map(asked.filter(({ told }) => told.verdict === 'conflict').map((item) => [item.told.conflictId, item]));
  return [...conflicts].flatMap(([room, list]) => list.flatMap((conflict) => judgeShown(room, conflict, parked.get(conflict.id)?.wants ?? [], states.get(room))));
}

/** No conflict was settled by two people. */
export function judgeSettlers(asked) {
  const settlers = new Map();
  for (const item of asked.filter((one) => one.settles && !one.told.code)) settlers.set(item.settles, [...(settlers.get(item.settles) ?? []), item.id]);
  return [...settlers].filter(([, ids]) => ids.length > 1).map(([id, ids]) => `conflict ${id} was settled by ${ids.join(' and ')}`);
}

/** Every open conflict was told to somebody, every settled one settled by somebody. */
export function judgeConflicts(asked, conflicts) {
  const told = new Set(asked.map((item) => item.told.conflictId));
  const cut = new Set(asked.filter((item) => item.told.code && item.wasCut).map((item) => item.id));
  const settled = new Set(asked.filter((item) => item.settles && mayBeDone(item)).map((item) => item.settles));
  const complaints = [];
  for (const conflict of [...conflicts.values()].flat()) {
    if (!told.has(conflict.id) && !cut.has(conflict.local_change?.id)) complaints.push(`conflict ${conflict.id} was told to nobody`);
    if (conflict.state === 'resolved' && !settled.has(conflict.id)) complaints.push(`conflict ${conflict.id} is settled, and nobody was told so`);
  }
  return complaints;
}

/** Nothing is in the history that nobody was told of. */
export function judgeStrangers(asked, histories) {
  const told = new Set(asked.filter(mayBeDone).map((item) => item.id));
  const complaints = [];
  for (const [room, changes] of histories) for (const change of changes) {
    if (change.version > 1 && !change.resolves && !told.has(change.id)) complaints.push(`${room}: version ${change.version} (${change.id}) was told to nobody`);
  }
  return complaints;
}

/** A value that was written over by somebody who had not seen it is kept as superseded. */
export function judgeOverwritten(room, changes, sources = new Map()) {
  const complaints = [];
  const last = new Map();
  for (const change of changes) {
    const ownWork = change.undo_of || change.restored || change.resolves;
    if (change.action === 'delete') last.clear(); // nobody else had written since, or it would not have been taken away
    for (const op of change.ops ?? []) {
      const earlier = last.get(op.path);
      const isRegister = op.op === undefined && ['update', 'delete'].includes(op.operation) && !op.path.includes('@');
      if (isRegister && earlier && !ownWork && isUnseen(change, earlier, sources) && earlier.value !== null && !isDeepStrictEqual(earlier.value, op.after)) {
        const kept = (change.superseded ?? []).some((lost) => lost.path === op.path && isDeepStrictEqual(lost.value, earlier.value));
        if (!kept) complaints.push(`lost: ${room}${op.path} ${JSON.stringify(earlier.value)} of version ${earlier.version} was overwritten by version ${change.version}, made against ${change.base_version}, and kept nowhere`);
      }
      if (!op.path.includes('@')) last.set(op.path, { value: op.after, version: change.version, id: change.id });
    }
  }
  return complaints;
}

function isUnseen(change, earlier, sources) {
  const source = sources.get(change.id);
  return change.base_version !== undefined && change.base_version < earlier.version && (source === undefined || source !== sources.get(earlier.id));
}

// ---- what those heard who listened ----

/** The events of a room have no gap; each change told by an answer stands where the answer said; the listener's own copy is the record. */
export function judgeHeard(room, heard, start, asked, changes, record) {
  const complaints = judgeListener(heard, start.position).map((complaint) => `${room}: ${complaint}`);
  const byOffset = new Map(heard.map((event) => [event.offset, event]));
  const made = new Set(changes.map(({ id }) => id));
  for (const item of asked) {
    const { position, verdict, code } = item.told;
    if (code || !position || !made.has(item.id) || item.settles || verdict === 'conflict') continue;
    const event = byOffset.get(position.offset);
    if (event?.type !== 'update' || event.payload.id !== item.id) complaints.push(`${room}: ${item.id} was told place ${position.offset}, where ${event?.type} ${event?.payload.id} was heard`);
  }
  const copy = { version: start.record.version, data: structuredClone(start.record.data) };
  for (const { resync, record: anew, type, payload } of heard) {
    if (resync) complaints.push(`${room}: what was missed was not there any more`);
    if (resync && anew) Object.assign(copy, structuredClone({ version: anew.version, data: anew.data }));
    if (type !== 'update') continue;
    if (payload.version !== copy.version + 1) complaints.push(`${room}: version ${payload.version} was heard after ${copy.version}`);
    for (const complaint of foldChange(copy, payload, judgeEdit)) complaints.push(`${room}, heard at version ${payload.version}: ${complaint}`);
    copy.version = payload.version;
  }
  if (copy.version !== record.version || !isSame(copy.data, record.data)) complaints.push(`${room}: who listened has ${JSON.stringify(copy)}, the server ${JSON.stringify(record)}`);
  return complaints;
}

/** Doing the edit of a text, or the sum, gives what is said to come of it. */
function judgeEdit({ op, path, before, after, value, n }) {
  if (op === 'inc' && (before ?? 0) + n !== after) return `${path}: ${before} and ${n} is not ${after}`;
  if (op !== 'txt') return undefined;
  let at = 0;
  let text = '';
  for (const step of value) {
    if (typeof step === 'number') text += (before ?? '').slice(at, (at += step));
    else if (typeof step === 'string') text += step;
    else at += step.d;
  }
  text += (before ?? '').slice(at);
  return text === after ? undefined : `${path}: the edit makes ${JSON.stringify(text)}, not ${JSON.stringify(after)}`;
}

/** What was written under a lock was written by who held it then, and never with a token older than the last one given. */
export function judgeLocks(room, heard, asked, path = '/keeper') {
  const complaints = [];
  const fences = new Map(asked.filter((item) => item.fence).map((item) => [item.id, item.fence]));
  let newest = 0;
  let lock = null;
  for (const { type, userId, payload } of heard) {
    if (type === 'lock' && payload.path === path) {
      if (['acquired', 'handed_over'].includes(payload.event)) {
        if (payload.token <= newest) complaints.push(`${room}: token ${payload.token} was given after ${newest}`);
        newest = Math.max(newest, payload.token);
        lock = { token: payload.token, userId: payload.lockedBy };
      } else if (['released', 'expired', 'forced'].includes(payload.event) && lock?.token === payload.token) lock = null;
    }
    if (type !== 'update' || payload.action === 'create') continue; // nobody holds what is not there
    if (payload.action === 'delete' && lock && lock.userId !== userId) complaints.push(`${room}: ${payload.id} of user ${userId} took the record away while user ${lock.userId} held the lock`);
    if (!payload.ops?.some((op) => op.path === path)) continue;
    const fence = fences.get(payload.id);
    if (fence !== undefined && fence < newest) complaints.push(`${room}: ${payload.id} was written with token ${fence} after ${newest} was given`);
    if (lock?.userId !== userId) complaints.push(`${room}: ${payload.id} of user ${userId} was written while ${lock ? `user ${lock.userId} held the lock` : 'nobody held the lock'}`);
  }
  return complaints;
}

// ---- the activity feed ----

/** Each change is one line of the feed, in order, under the name of who made it; every line says what was done. `feed`: oldest first. */
export function judgeFeed(room, changes, feed) {
  const lines = feed.filter(({ version }) => version);
  const complaints = feed.filter(({ action }) => !action).map(({ id }) => `${room}: line ${id} of the feed does not say what was done`);
  changes.forEach(({ version, user_id: userId }, index) => {
    const line = lines[index];
    if (line?.version !== version) complaints.push(`${room}: version ${version} is not in its place of the feed, where ${line?.version} is`);
    else if (line.user_id !== userId) complaints.push(`${room}: in the feed version ${version} is of user ${line.user_id}, not ${userId}`);
  });
  if (lines.length > changes.length) complaints.push(`${room}: the feed tells of ${lines.length} changes, ${changes.length} were made`);
  return complaints.slice(0, 5);
}

// ---- all of it ----

/**
 * @param {{asked: object[], rooms: Map<string, {record: object, changes: object[], conflicts: object[], activity: object[], pasts?: object[]}>,
 *   watchers: {heard: Map, starts: Map}[]}} facts
 */
export function judgeEdits({ asked, rooms, watchers }) {
  const histories = new Map([...rooms].map(([room, { changes }]) => [room, changes]));
  const conflicts = new Map([...rooms].map(([room, all]) => [room, all.conflicts]));
  const records = new Map([...rooms].map(([room, { record }]) => [room, record.version]));
  const sources = new Map(asked.filter(({ source }) => source).map(({ id, source }) => [id, source]));
  const states = new Map([...histories].map(([room, changes]) => [room, statesOf(changes)]));
  const complaints = [...judgeChanges([], histories, records), ...judgeAsked(asked, histories, conflicts, states), ...judgeAllShown(asked, conflicts, states), ...judgeAssigned(asked, conflicts), ...judgeSettlers(asked), ...judgeConflicts(asked, conflicts), ...judgeStrangers(asked, histories)];
  for (const [room, { record, changes, pasts, activity }] of rooms) {
    const here = asked.filter(({ entityId }) => room.endsWith(`:${entityId}`));
    complaints.push(...judgeFold(room, changes, record, pasts), ...judgeBack(room, changes, states.get(room)), ...judgeOverwritten(room, changes, sources), ...judgeFeed(room, changes, activity));
    for (const { heard, starts } of watchers) complaints.push(...judgeHeard(room, heard.get(room), starts.get(room), here, changes, record));
    complaints.push(...judgeLocks(room, watchers[0].heard.get(room), here));
  }
  return complaints;
}
