// People who edit the same few records in every way there is, while the server dies under them. They remember all that they
// asked for and all that they were told; edits_ledger.mjs judges it.
import { Client, login, rest } from '../lib/server.mjs';
import { assign, bringBack, rareEdit, restore, TYPE } from './rare_edits.mjs';

/** A type with each of the five strategies on a field of its own; a change may name another one. */
export const types = {
  [TYPE]: {
    title: 'Deal',
    id_prefix: 'D-',
    strategy: 'operational-transform',
    strategies_allowed: ['last-write-wins', 'operational-transform', 'crdt', 'lock-based', 'manual'],
    roles: { create: ['editor', 'manager'], update: ['editor', 'manager'], delete: ['manager'] },
    fields: {
      name: { kind: 'string', required: true },
      stage: { kind: 'string', strategy: 'last-write-wins' },
      plan: { kind: 'string', strategy: 'operational-transform' },
      notes: { kind: 'text', strategy: 'operational-transform' },
      count: { kind: 'integer', strategy: 'crdt', default: 0 },
      place: { kind: 'string', strategy: 'crdt' },
      keeper: { kind: 'string', strategy: 'lock-based' },
      terms: { kind: 'string', strategy: 'manual' },
      rows: { kind: 'collection', strategy: 'operational-transform' },
    },
  },
};
export { TYPE };
const VIEWS_MAX = 4;
const NOTES_MAX = 2000;
const ROWS_MAX = 12;
const QUIET_ONE_IN = 16; // commands are about the last record, which comes and goes
const DONE_MAX = 12; // of what one did to a record, to be named again

/** A small generator (mulberry32): the same seed gives the same decisions. */
export function dice(seed) {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % bound;
  };
}

/** Where the server is: it comes and goes, on one port. */
export class Stage {
  constructor(start) {
    this.start = start;
    this.isOver = false;
  }

  async open() {
    this.lives = (this.lives ?? 0) + 1;
    this.cookies = new Map();
    this.server = await this.start();
  }

  /** kill -9, and a new life; who asks `up()` meanwhile waits for it. */
  async kill() {
    const { server } = this;
    this.rising = (async () => {
      server.child.kill('SIGKILL');
      await server.exited;
      await this.open();
    })();
    await this.rising;
    this.rising = null;
  }

  async up() {
    await this.rising;
    return this.server;
  }

  cookie(username) {
    if (!this.cookies.has(username)) {
      const cookie = login(this.server, username);
      cookie.catch(() => {});
      this.cookies.set(username, cookie);
    }
    return this.cookies.get(username);
  }
}

const isInsidePair = (text, at) => at > 0 && at < text.length && text.charCodeAt(at) >= 0xdc00 && text.charCodeAt(at) <= 0xdfff;

/** One person at one window, or an application over REST. One thing at a time is under way: without an answer it is asked again, as it was. */
export class Editor {
  constructor(name, username, stage, records, seed, { overRest = false, joins = false } = {}) {
    Object.assign(this, { name, username, stage, records, overRest, joins, random: dice(seed), serial: 0, open: null, asked: [], plans: [], views: new Map(), gone: new Map(), done: new Map(), tokens: new Map(), client: null });
  }

  async run() {
    while (!this.stage.isOver) await this.#step();
    this.#hangUp();
  }

  /** What has no answer yet gets one. */
  async finish() {
    while (this.open) await this.#step();
    this.#hangUp();
  }

  async #step() {
    const life = this.stage.lives;
    try {
      this.open ??= await this.#next();
      if (this.open) await this.#ask(this.open);
    } catch (error) {
      this.#hangUp();
      if (error.isStrange) throw error;
      if (this.stage.lives === life && !this.stage.rising) await new Promise(setImmediate); // cut by itself, or the server is about to go
      await this.stage.up();
    }
  }

  #hangUp() {
    this.client?.socket.terminate();
    this.client = null;
  }

  // ---- what to do next: {id, room, wants: [{path, value}], type, payload} ----

  async #next() {
    const id = `${this.name}-${++this.serial}`;
    const item = { id, username: this.username, wants: [] };
    const plan = this.plans.shift();
    if (plan) return plan(item);
    const isQuiet = this.random(QUIET_ONE_IN) === 0;
    const entityId = isQuiet ? this.records.at(-1) : this.records[this.random(this.records.length - 1)];
    const views = this.views.get(entityId);
    if (!views || this.random(6) === 0) return this.#look(entityId);
    const view = views[this.random(views.length)];
    if (this.gone.has(entityId) && this.random(2)) return bringBack(this, { ...item, entityId }, view);
    if (isQuiet || this.random(9) === 0) return rareEdit(this, { ...item, entityId }, view, isQuiet);
    return this.#usual({ ...item, entityId }, view);
  }

  #usual(item, view) {
    const about = { entityType: TYPE, entityId: item.entityId, id: item.id };
    const roll = this.random(100);
    if (this.overRest) return this.#queue(item, view, 1 + this.random(4));
    if (roll < 56) return this.#change(item, view);
    if (roll < 70) return this.#lockOrWrite(item, view);
    if (roll < 78) return { ...item, type: this.random(3) ? 'undo' : 'redo', payload: about };
    if (roll < 80) return restore(this, item, 1 + this.random(view.version));
    if (roll < 92) return this.#settle(item);
    return this.#queue(item, view, 2 + this.random(8));
  }

  /** Reads the record: what it saw is what later changes are made against, even when that is old by then. */
  async #look(entityId) {
    const { record } = this.overRest ? { record: (await this.#rest('GET', `/api/v1/records/${TYPE}/${entityId}`)).body } : (await this.#say({ type: 'sync', payload: { entityType: TYPE, entityId } })).payload;
    if (!record?.data) return this.#missed(entityId);
    this.gone.delete(entityId);
    const views = this.views.get(entityId) ?? [];
    views.push({ version: record.version, data: record.data });
    this.views.set(entityId, views.slice(-VIEWS_MAX));
    return null;
  }

  /** It is not there; or the server was about to end. */
  #missed(entityId) {
    this.gone.set(entityId, this.gone.get(entityId) ?? 0);
    return null;
  }

  #change(item, view) {
    const { change, wants } = this.#edit(item.id, view);
    // What was seen is often old: a source of its own says that not even this window's own changes were seen since.
    return { ...item, wants, type: 'update', payload: { entityType: TYPE, entityId: item.entityId, source: item.id, ...change } };
  }

  #queue(item, view, count) {
    const edits = Array.from({ length: count }, (_, index) => this.#edit(`${item.id}.${index}`, view, index > 0));
    const changes = edits.map(({ change }) => change);
    const parts = edits.map(({ change, wants }) => ({ ...item, id: change.id, wants, source: item.id, change }));
    return { ...item, parts, type: 'sync', payload: { entityType: TYPE, entityId: item.entityId, source: item.id, changes } };
  }

  /** One change against what was seen, with values that nobody else writes. */
  #edit(id, view, isLater = false) {
    const base = { id, version: view.version };
    const set = (path, more = {}) => ({ change: { ...base, operation: 'update', path, after: `${path} ${id}`, ...more }, wants: [{ path: `/${path}`, value: `${path} ${id}` }] });
    const rows = view.data.rows ?? [];
    const row = rows[this.random(rows.length || 1)];
    switch (this.random(12)) {
      case 0: return set('stage');
      case 1: return set('plan');
      case 2: return set('place', this.random(2) ? { stamp: Date.now() - this.random(3000) } : {});
      case 3: return set('terms');
      case 4: return set('plan', { strategy: ['last-write-wins', 'crdt', 'manual'][this.random(3)] });
      case 5: return set('stage', { strategy: 'manual' });
      case 6: return { change: { ...base, operation: 'increment', path: 'count', after: 1 + this.random(5) }, wants: [{ path: '/count' }] };
      case 7: return rows.length < ROWS_MAX ? this.#insert(base, id) : { change: { ...base, operation: 'delete', path: `rows/@${row.id}` }, wants: [] };
      case 8: return row ? { change: { ...base, operation: 'move', path: `rows/@${row.id}`, after: `M${this.random(1e6)}` }, wants: [] } : this.#insert(base, id);
      case 9: return row ? set(`rows/@${row.id}/what`) : this.#insert(base, id);
      case 10: return { change: { ...base, ops: [{ op: 'set', path: 'plan', value: `plan ${id}` }, { op: 'inc', path: 'count', n: 1 }, { op: 'set', path: 'stage', value: `stage ${id}` }] },
        wants: [{ path: '/plan', value: `plan ${id}` }, { path: '/count' }, { path: '/stage', value: `stage ${id}` }] };
      default: return isLater ? set('plan') : this.#type(base, id, view.data.notes ?? '');
    }
  }

  #insert(base, id) {
    const rowId = id.replaceAll('.', '_');
    return { change: { ...base, operation: 'insert', path: `rows/@${rowId}`, after: { what: `row ${id}` } }, wants: [{ path: `/rows/@${rowId}`, value: `row ${id}` }] };
  }

  /** Types a word that is found again, and takes a little away. */
  #type(base, id, text) {
    const word = `<${id} 😀>`;
    let at = this.random(text.length + 1);
    let end = Math.min(text.length, at + (text.length > NOTES_MAX ? 200 : this.random(12)));
    if (isInsidePair(text, at)) at--;
    if (isInsidePair(text, end)) end++;
    const edit = [...(at > 0 ? [at] : []), word, ...(end > at ? [{ d: end - at }] : [])];
    return { change: { ...base, operation: 'text', path: 'notes', after: edit }, wants: [{ path: '/notes', value: word }] };
  }

  /** Takes the lock of a field, writes under it, with an old token now and then, gives it back or just lets it lapse. */
  #lockOrWrite(item, view) {
    const about = { entityType: TYPE, entityId: item.entityId };
    const token = this.tokens.get(item.entityId);
    const roll = this.random(10);
    if (!token || roll === 0) return { ...item, type: 'lock', payload: { ...about, id: item.id, action: 'acquire', path: 'keeper', ttlMs: 1000 } };
    if (roll === 1) return { ...item, type: 'lock', payload: { ...about, id: item.id, action: 'release', path: 'keeper', token } };
    if (roll === 2) return { ...item, type: 'lock', payload: { ...about, id: item.id, action: 'force', path: 'keeper' } };
    const value = `keeper ${item.id}`;
    const change = { id: item.id, source: item.id, version: view.version, operation: 'update', path: 'keeper', after: value, fencingToken: token };
    return { ...item, fence: token, wants: [{ path: '/keeper', value }], type: 'update', payload: { ...about, ...change } };
  }

  /** Decides a conflict that is open, if there is one. */
  async #settle(item) {
    const about = { entityType: TYPE, entityId: item.entityId };
    const { payload } = await this.#say({ type: 'list', payload: { ...about, kind: 'conflict', state: 'open', limit: 5 } });
    const conflict = payload.items?.[this.random(payload.items.length || 1)];
    if (!conflict) return null;
    if (this.random(6) === 0) return assign(this, item, conflict);
    const isOfAll = conflict.fields.some(({ path }) => path === ''); // a deletion: there is nothing between it and none
    const resolution = ['local', 'remote', 'merged'][this.random(isOfAll ? 2 : 3)];
    const values = Object.fromEntries(conflict.fields.map(({ path }) => [path, `merged ${item.id}`]));
    const wants = resolution === 'merged' ? conflict.fields.map(({ path }) => ({ path, value: `merged ${item.id}` })) : [];
    return { ...item, wants, settles: conflict.id, resolution, type: 'conflict', payload: { ...about, id: item.id, conflictId: conflict.id, action: 'resolve', resolution, ...(resolution === 'merged' ? { values } : {}) } };
  }

  // ---- asking ----

  async #ask(item) {
    const isCut = !this.overRest && this.random(25) === 0;
    item.wasCut ||= isCut; // what it said may still be on its way when it asks again
    const answer = item.http ? await this.#request(item) : this.overRest ? await this.#post(item) : await this.#say(item, isCut);
    const told = answer.type === 'error' ? { code: answer.payload.code } : answer.payload;
    if (['overloaded', 'draining'].includes(told.code)) return; // it is asked again
    this.open = null;
    this.#note(item, told);
  }

  #note(item, told) {
    if (item.type === 'lock') {
      if (told.lock?.token && item.payload.action === 'acquire') this.tokens.set(item.entityId, told.lock.token);
      return this.asked.push({ ...item, isLock: true, told: { code: told.code } });
    }
    if (!item.parts) return this.#keep(item, told);
    if (told.code) return this.asked.push({ ...item, told });
    return item.parts.forEach((part, index) => this.#keep({ ...part, wasCut: item.wasCut }, told.results[index]));
  }

  #keep(item, { code, error, verdict, version, position, conflict, skipped }) {
    const told = { code: code ?? error?.code, verdict, version, position, conflictId: conflict?.id, skipped };
    this.asked.push({ ...item, told });
    if (told.code === 'not_found') this.#missed(item.entityId);
    if (told.code || item.settles || item.assigns) return;
    if (item.takesAway && verdict !== 'conflict') this.gone.set(item.entityId, version ?? 0);
    else this.gone.delete(item.entityId);
    if (version) this.done.set(item.entityId, [...(this.done.get(item.entityId) ?? []), { id: item.id, version }].slice(-DONE_MAX));
  }

  async #connect() {
    const server = await this.stage.up();
    this.client = await Client.open(server, '/ws', { cookie: await this.stage.cookie(this.username) });
    if (!this.joins) return;
    for (const entityId of this.records) await this.client.ask({ type: 'subscribe', channel: `${TYPE}:${entityId}`, payload: {} });
  }

  /** Says it and waits for the answer; `isCut`: hangs up before it can come. */
  async #say({ type, say = type, payload }, isCut = false) {
    if (!this.client || this.client.closed) await this.#connect();
    const { client } = this;
    client.heard.length = 0;
    const messageId = `m${++client.serial}`;
    await new Promise((resolve) => client.socket.send(JSON.stringify({ type: say, payload, messageId }), resolve));
    if (isCut) throw new Error('hung up');
    try {
      return await client.wait(({ replyTo }) => replyTo === messageId, `the answer to ${say}`, 30000);
    } catch (error) {
      throw client.closed ? error : Object.assign(error, { isStrange: true });
    }
  }

  async #rest(method, path, body, headers) {
    const server = await this.stage.up();
    return rest(server, await this.stage.cookie(this.username), method, path, body, headers);
  }

  /** One change over REST, in a request of its own: known by its key, answered with the record, or with nothing when that is gone. */
  async #request({ id, http }) {
    const { status, headers, body } = await this.#rest(http.method, http.path, http.body, { 'Idempotency-Key': id, ...http.headers });
    if (status >= 400) return { type: 'error', payload: body.error };
    if (body?.results) return { type: 'ack', payload: body.results[0] };
    return { type: 'ack', payload: { verdict: headers.get('x-verdict'), version: body?.version, skipped: Number(headers.get('x-skipped') ?? 0), conflict: body?.conflict } };
  }

  async #post({ entityId, payload }) {
    const { changes, source } = payload;
    const { status, body } = await this.#rest('POST', `/api/v1/records/${TYPE}/${entityId}/changes`, { changes: changes.map((change) => ({ ...change, source })) });
    return status === 200 ? { type: 'ack', payload: body } : { type: 'error', payload: body.error };
  }
}

/** Listens at the records, always from where it was, and keeps everything numbered that it heard. */
export class Watcher {
  constructor(username, stage, rooms) {
    Object.assign(this, { username, stage, rooms, heard: new Map(rooms.map((room) => [room, []])), starts: new Map(), places: new Map() });
  }

  async run() {
    while (!this.stage.isOver) {
      try {
        await this.#listen();
        if (!this.stage.isOver) await this.client.waitClosed(3600000); // who was on his way when all was over has nobody to hang up for him
      } catch {
        // the server is about to go
      }
      this.#collect();
      await this.stage.up();
    }
  }

  async #listen() {
    const server = await this.stage.up();
    this.client = null;
    this.client = await Client.open(server, '/ws', { cookie: await this.stage.cookie(this.username) });
    for (const room of this.rooms) {
      const { payload } = await this.client.ask({ type: 'subscribe', channel: room, payload: { present: false, ...this.places.get(room) } });
      if (!this.starts.has(room)) this.starts.set(room, { position: payload.position, record: payload.record });
      else if (payload.resync) this.heard.get(room).push({ resync: payload.position, record: payload.record });
      if (!this.places.has(room) || payload.resync) this.places.set(room, payload.position);
    }
  }

  #collect() {
    for (const message of this.client?.heard ?? []) {
      if (!message.offset || !this.heard.has(message.channel)) continue;
      this.places.set(message.channel, { epoch: message.epoch, offset: message.offset });
      this.heard.get(message.channel).push({ epoch: message.epoch, offset: message.offset, type: message.type, userId: message.userId, payload: message.payload });
    }
    this.client?.socket.terminate();
    this.client = null;
  }

  /** Comes back once more and hears the rest: all up to the rooms' last positions. */
  async finish() {
    await this.#listen();
    for (const room of this.rooms) {
      const { payload } = await this.client.ask({ type: 'presence_get', channel: room });
      const isThere = (message) => message.channel === room && message.offset >= payload.position.offset;
      if (this.places.get(room).offset < payload.position.offset) await this.client.wait(isThere, `the last event of ${room}`);
    }
    this.#collect();
  }
}

/** What the server says of a record when all is over: its state, its history (oldest first), its conflicts. */
export async function readAll(server, cookie, entityId) {
  const path = `/api/v1/records/${TYPE}/${entityId}`;
  const pages = async (url, key, next, parameter, filter = '') => {
    const rows = [];
    for (let from = ''; from !== null && from !== undefined; ) {
      const { status, body } = await rest(server, cookie, 'GET', `${url}?limit=200${filter}${from && `&${parameter}=${encodeURIComponent(from)}`}`);
      if (status !== 200) throw new Error(`${url}: ${JSON.stringify(body)}`);
      rows.push(...body[key]);
      from = body[next];
    }
    return rows;
  };
  const [changes, conflicts] = [await pages(`${path}/history`, 'changes', 'next_before', 'before'), await pages(`${path}/conflicts`, 'conflicts', 'next_cursor', 'cursor')];
  const activity = await pages('/api/v1/activity', 'activity', 'next_cursor', 'cursor', `&type=${TYPE}&entity_id=${entityId}`);
  const { status, body } = await rest(server, cookie, 'GET', path);
  const record = status === 404 ? { version: changes[0].version, data: null } : { version: body.version, data: body.data };
  return { record, changes: changes.reverse(), conflicts, activity: activity.reverse() };
}
