// What people do to a record now and then: they take it away and bring it back in every way there is, patch it whole, name what is to
// be taken back, put in what is there already, queue a deletion. Each function gives something to ask, as editors.mjs asks it.

export const TYPE = 'deal';
const MAY_DELETE = new Set(['mgarcia', 'admin']);

const place = (item) => `/api/v1/records/${TYPE}/${item.entityId}`;
const about = (item) => ({ entityType: TYPE, entityId: item.entityId, id: item.id });
const post = (item, what, body = {}) => ({ method: 'POST', path: `${place(item)}/${what}`, body });
const any = (editor, list) => list[editor.random(list.length)];

/** Against which version: none said, the one that was seen, or only if that is the present one. */
function against(editor, view) {
  const version = view.version;
  switch (editor.random(4)) {
    case 0: return { payload: {}, query: '', headers: {} };
    case 1: return { payload: { version, ifMatch: true }, query: '', headers: { 'If-Match': `"${version}"` }, ifMatch: version };
    default: return { payload: { version }, query: `?base_version=${version}`, headers: {} };
  }
}

/** Several fields at once, as a merge patch; a source of its own says that not even this window's own changes were seen. */
function patch(editor, item, view) {
  const { payload, query, headers, ifMatch } = against(editor, view);
  const fields = Object.fromEntries(['stage', 'plan', 'place', 'terms'].filter(() => editor.random(2) === 0).map((field) => [field, `${field} ${item.id}`]));
  const wants = Object.entries(fields).map(([field, value]) => ({ path: `/${field}`, value }));
  const body = editor.random(4) === 0 ? { place: null, ...fields } : { plan: `plan ${item.id}`, ...fields };
  if (body.plan && !fields.plan) wants.push({ path: '/plan', value: body.plan });
  const asked = { ...item, wants, ifMatch, type: 'patch' };
  if (editor.overRest) return { ...asked, http: { method: 'PATCH', path: `${place(item)}${query}`, body, headers } };
  return { ...asked, source: item.id, say: 'update', payload: { ...about(item), source: item.id, patch: body, ...payload } };
}

/** An item of a collection that is there already, as something else: what he wanted is kept beside it. */
function insertAgain(editor, item, view) {
  const row = any(editor, view.data.rows ?? []);
  if (!row) return patch(editor, item, view);
  const change = { id: item.id, version: view.version, operation: 'insert', path: `rows/@${row.id}`, after: { what: `again ${item.id}` } };
  const asked = { ...item, source: item.id, wants: [{ path: `/rows/@${row.id}`, value: `again ${item.id}` }] };
  if (editor.overRest) return { ...asked, http: post(item, 'changes', { source: item.id, ...change }) };
  return { ...asked, type: 'update', payload: { ...about(item), source: item.id, ...change } };
}

/** What he saw is said with the change; without a version it also says which one that was. */
function withBefore(editor, item, view) {
  const field = any(editor, ['stage', 'plan', 'place', 'terms']);
  const version = editor.random(2) ? { version: view.version } : {};
  const hasSeen = version.version ? undefined : view.version;
  const change = { id: item.id, ...version, operation: 'update', path: field, before: view.data[field] ?? null, after: `${field} ${item.id}` };
  const asked = { ...item, hasSeen, source: item.id, wants: [{ path: `/${field}`, value: change.after }] };
  if (editor.overRest) return { ...asked, http: post(item, 'changes', { source: item.id, ...change }) };
  return { ...asked, type: 'update', payload: { ...about(item), source: item.id, ...change } };
}

/** An edit of a text, about which a person is to decide when anybody else has been there. */
function editForAPerson(editor, item, view) {
  const word = `<${item.id}>`;
  const change = { id: item.id, version: view.version, strategy: 'manual', operation: 'text', path: 'notes', after: [word] };
  const asked = { ...item, source: item.id, wants: [{ path: '/notes', value: word }] };
  if (editor.overRest) return { ...asked, http: post(item, 'changes', { source: item.id, ...change }) };
  return { ...asked, type: 'update', payload: { ...about(item), source: item.id, ...change } };
}

/** Undo or redo of a change that is named: mostly one's own, sometimes that of somebody else. */
function takeBackNamed(editor, item, view) {
  const own = editor.done.get(item.entityId) ?? [];
  const one = any(editor, own);
  const named = !one || editor.random(5) === 0 ? { version: 1 + editor.random(view.version) } : editor.random(2) && one.id ? { changeId: one.id } : { version: one.version };
  return takeBack(editor, item, editor.random(3) ? 'undo' : 'redo', named);
}

function takeBack(editor, item, type, named = {}) {
  if (!editor.overRest) return { ...item, type, payload: { ...about(item), ...named } };
  const { version, changeId } = named;
  return { ...item, type, http: post(item, type, { ...(version ? { version } : {}), ...(changeId ? { change_id: changeId } : {}) }) };
}

export function restore(editor, item, version) {
  const asked = { ...item, type: 'restore', restores: version };
  return editor.overRest ? { ...asked, http: post(item, 'restore', { version }) } : { ...asked, payload: { ...about(item), version } };
}

/** Takes the record away, whether or not he may; a person may be asked about it first. */
function takeAway(editor, item, view) {
  const { payload, query, headers, ifMatch } = against(editor, view);
  const strategy = editor.random(5) === 0 ? 'manual' : undefined;
  const asked = { ...item, type: 'delete', takesAway: true, mayNot: !MAY_DELETE.has(item.username), ifMatch };
  if (editor.random(2)) editor.plans.push((next) => bringBack(editor, { ...next, entityId: item.entityId }, view));
  if (!editor.overRest) return { ...asked, say: 'update', payload: { ...about(item), operation: 'delete', ...payload, ...(strategy ? { strategy } : {}) } };
  const both = [query.slice(1), strategy ? `strategy=${strategy}` : ''].filter(Boolean).join('&');
  return { ...asked, http: { method: 'DELETE', path: `${place(item)}${both && '?'}${both}`, headers } };
}

function anew(item) {
  const fields = { name: item.entityId, stage: `stage ${item.id}`, plan: `plan ${item.id}`, notes: `begin <${item.id}>` };
  const wants = ['stage', 'plan'].map((field) => ({ path: `/${field}`, value: fields[field] }));
  return { fields, wants: [...wants, { path: '/notes', value: `<${item.id}>` }] };
}

/** Makes the record anew; whoever made it takes that back now and then. */
function make(editor, item) {
  const { fields, wants } = anew(item);
  const asked = { ...item, wants, makes: true, type: 'make' };
  if (editor.random(2)) editor.plans.push((next) => takeBack(editor, { ...next, entityId: item.entityId }, 'undo', editor.random(2) ? { changeId: item.id } : {}));
  if (editor.overRest) return { ...asked, http: { method: 'POST', path: `/api/v1/records/${TYPE}`, body: { id: item.entityId, ...fields } } };
  return { ...asked, say: 'update', payload: { ...about(item), data: fields } };
}

/** It is gone, as far as he knows: he makes it anew, takes back that it was taken away, or brings back an old version. */
export function bringBack(editor, item, view) {
  const way = editor.random(4);
  if (way === 0) return make(editor, item);
  if (way === 1) return takeBack(editor, item, 'undo');
  if (way === 2) return takeBack(editor, item, 'undo', { version: (editor.gone.get(item.entityId) || view.version) });
  return restore(editor, item, 1 + editor.random(view.version));
}

/** A queue of somebody who was away: he changes the record, takes it away, makes it anew and goes on with that. */
function queueWithDelete(editor, item, view) {
  const part = (index, change, more) => ({ ...item, id: `${item.id}.${index}`, source: item.id, wants: [], ...more, change: { id: `${item.id}.${index}`, version: view.version, ...change } });
  const write = (index, field, more = {}) => part(index, { operation: 'update', path: field, after: `${field} ${item.id}.${index}` }, { wants: [{ path: `/${field}`, value: `${field} ${item.id}.${index}` }], ...more });
  const { fields, wants } = anew({ ...item, id: `${item.id}.2` });
  const parts = [write(0, 'plan'), part(1, { operation: 'delete' }, { takesAway: true, type: 'delete', mayNot: !MAY_DELETE.has(item.username) })];
  if (editor.random(3)) parts.push(part(2, { operation: 'insert', after: fields }, { makes: true, type: 'make', wants }), write(3, 'plan', { followsOwn: `${item.id}.2` }), write(4, 'place', { followsOwn: `${item.id}.2` }));
  else parts.push(write(2, 'place'));
  return { ...item, parts, type: 'sync', payload: { ...about(item), source: item.id, changes: parts.map(({ change }) => change) } };
}

/** Somebody is asked to settle a conflict, or nobody any more. */
export function assign(editor, item, conflict) {
  const userId = any(editor, ['2', '3', '5', null]);
  return { ...item, type: 'conflict', assigns: conflict.id, assignee: userId, payload: { ...about(item), conflictId: conflict.id, action: 'assign', userId } };
}

/** How often, of a hundred times, somebody takes a record away, or queues that: on one that few look at there is more coming and going. */
const takings = (username, isQuiet) => (MAY_DELETE.has(username) ? (isQuiet ? 24 : 5) : 1);

/** One of all that, by chance. */
export function rareEdit(editor, item, view, isQuiet) {
  const often = takings(item.username, isQuiet);
  const roll = editor.random(100);
  if (roll < often) return takeAway(editor, item, view);
  if (roll < often + Math.ceil(often / 4)) return queueWithDelete(editor, item, view);
  if (roll < 50) return patch(editor, item, view);
  if (roll < 60) return insertAgain(editor, item, view);
  if (roll < 70) return withBefore(editor, item, view);
  if (roll < 76) return editForAPerson(editor, item, view);
  if (roll < 92) return takeBackNamed(editor, item, view);
  if (roll < 95) return make(editor, item);
  return restore(editor, item, 1 + editor.random(view.version));
}
