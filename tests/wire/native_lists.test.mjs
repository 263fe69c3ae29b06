// Lists over all records, and of a time, over `/ws`: docs/protocol/native.md, "Lists", with a plain WebSocket.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { types } from './lib/contracts.mjs';
import { assertAck, assertRefused, People } from './lib/people.mjs';
import { about, make, say, set, update } from './lib/records.mjs';
import { startServer } from './lib/server.mjs';

const paper = {
  strategies_allowed: ['last-write-wins', 'manual'],
  roles: { read: ['manager', 'editor'], create: ['editor'], update: ['editor', 'manager'] },
  fields: { name: { kind: 'string', required: true } },
};
let server, people, amir, maria, li;

before(async () => {
  server = await startServer({ config: { types: { ...types, paper } } });
  people = new People(server.process);
  [amir, maria, li] = await Promise.all(['akhan', 'mgarcia', 'lchen'].map((name) => people.open(name)));
});

after(() => server?.stop());

const ask = (window, payload) => window.ask({ type: 'list', payload });
const ids = (items) => items.map(({ id }) => id);

/** Every page, put together. */
async function list(window, payload) {
  const items = [];
  let cursor;
  do {
    const page = assertAck(await ask(window, { limit: 2, ...payload, cursor }));
    assert.ok(page.items.length <= 2);
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor);
  return items;
}

async function refuses(who, payload, code, field) {
  const window = await people.open(who);
  assertRefused(await ask(window, payload), code, field);
  window.close();
}

/** Amir wrote first; Maria’s value for the field waits. */
async function clash(type, path, his, hers, fields = {}) {
  const room = await make(people, type, { name: 'One', ...fields });
  assertAck(await set(path === 'margin' ? maria : amir, room, path, his, { version: 1 }));
  const { conflict } = assertAck(await set(maria, room, path, hers, { version: 1, strategy: 'manual', source: 'another window' }));
  return { room, id: conflict.id };
}

describe('conflicts', () => {
  test('are listed of all records, of those of a type, of one', async () => {
    const [first, second, private_] = [await clash('contract', 'price', 1, 2), await clash('contract', 'price', 3, 4), await clash('paper', 'name', 'Two', 'Three')];
    const all = ids(await list(amir, { kind: 'conflict' }));
    assert.deepEqual(all, [private_.id, second.id, first.id]);
    assert.deepEqual(ids(await list(amir, { kind: 'conflicts', entityType: 'contract' })), [second.id, first.id]);
    assert.deepEqual(ids(await list(amir, { kind: 'conflict', ...about(first.room) })), [first.id]);
    assert.deepEqual(ids((assertAck(await amir.ask({ type: 'list', channel: first.room, payload: { kind: 'conflict' } }))).items), [first.id]);
    assert.deepEqual(ids(await list(li, { kind: 'conflict' })), [second.id, first.id], 'a viewer may not read papers');
    const { body } = await people.rest('akhan', 'GET', '/api/v1/conflicts');
    assert.deepEqual(ids(body.conflicts), all);
    assertAck(await say(amir, 'conflict', first.room, { conflictId: first.id, action: 'resolve', resolution: 'remote' }));
    assert.deepEqual(ids(await list(amir, { kind: 'conflict', entityType: 'contract', state: 'open' })), [second.id]);
    assert.deepEqual(ids(await list(amir, { kind: 'conflict', entityType: 'contract', state: 'resolved' })), [first.id]);
  });

  test('are listed of whom they are assigned to, by his id or username', async () => {
    const [his, other] = [await clash('contract', 'price', 1, 2), await clash('contract', 'price', 3, 4)];
    assertAck(await say(maria, 'conflict', his.room, { conflictId: his.id, action: 'assign', userId: '3' }));
    for (const assignedTo of ['3', 'akhan']) {
      assert.deepEqual(ids(await list(li, { kind: 'conflict', assignedTo })), [his.id]);
      assert.deepEqual(ids(await list(li, { kind: 'conflict', entityType: 'contract', assignedTo })), [his.id]);
      assert.deepEqual(ids(await list(li, { kind: 'conflict', ...about(his.room), assignedTo })), [his.id]);
      assert.deepEqual(ids(await list(li, { kind: 'conflict', ...about(other.room), assignedTo })), []);
    }
    assert.deepEqual(ids(await list(li, { kind: 'conflict', assignedTo: 'nobody' })), []);
  });

  test('about a field are not shown to who may not see it', async () => {
    const { id } = await clash('contract', 'margin', 47110001, 47110002);
    assert.ok(ids(await list(maria, { kind: 'conflict' })).includes(id));
    const told = await list(li, { kind: 'conflict' });
    assert.ok(!ids(told).includes(id));
    assert.doesNotMatch(JSON.stringify(told), /4711000\d/);
  });
});

describe('locks', () => {
  test('are listed of all records, of those of a type, of one', async () => {
    const rooms = [await make(people, 'contract', { name: 'One' }), await make(people, 'contract', { name: 'Two' }), await make(people, 'paper', { name: 'Three' })];
    const tokens = [];
    for (const room of rooms) tokens.push(assertAck(await say(amir, 'lock', room, { action: 'acquire', ttl: 600 })).lock.token);
    const listed = async (window, payload) => (await list(window, { kind: 'lock', ...payload })).map(({ token }) => token);
    assert.deepEqual(await listed(amir), tokens.toReversed());
    assert.deepEqual(await listed(amir, { entityType: 'paper' }), [tokens[2]]);
    assert.deepEqual(await listed(amir, about(rooms[0])), [tokens[0]]);
    assert.deepEqual(await listed(li), [tokens[1], tokens[0]], 'a viewer may not read papers');
    assertAck(await say(amir, 'lock', rooms[1], { action: 'release' }));
    assert.deepEqual(await listed(li), [tokens[0]]);
    const hidden = assertAck(await say(maria, 'lock', rooms[1], { action: 'acquire', path: 'margin', ttl: 600 })).lock.token;
    assert.ok((await listed(maria)).includes(hidden));
    assert.ok(!(await listed(li)).includes(hidden));
    const { body } = await people.rest('lchen', 'GET', '/api/v1/locks');
    assert.deepEqual(body.locks.map(({ token }) => token), await listed(li));
  });
});

describe('activity', () => {
  test('is listed of a time, as over REST', async () => {
    const room = await make(people, 'contract', { name: 'One' });
    const times = [];
    for (let round = 0; round < 3; round++) {
      let change;
      do change = assertAck(await update(amir, room, { operation: 'increment', path: 'signatures', after: 1 })).change;
      while (change.timestamp === times.at(-1)); // the clock must have moved on
      times.push(change.timestamp);
    }
    const of = async (more) => (await list(li, { kind: 'activity', ...about(room), action: 'updated', ...more })).map(({ timestamp }) => timestamp);
    const suits = (from, to) => (time) => time >= from && time < to;
    const all = await of({});
    assert.ok(times.every((time) => all.includes(time)));
    assert.deepEqual(await of({ since: times[1] }), all.filter(suits(times[1], '9')));
    assert.deepEqual(await of({ until: times[1] }), all.filter(suits('0', times[1])));
    assert.deepEqual(await of({ since: times[1], until: times[2] }), all.filter(suits(times[1], times[2])));
    assert.deepEqual(await of({ since: '2999-01-01T00:00:00Z' }), []);
    assert.deepEqual(await of({ since: null, until: null }), all);
    const { entityType, entityId } = about(room);
    const { body } = await people.rest('lchen', 'GET', `/api/v1/activity?type=${entityType}&entity_id=${entityId}&action=updated&since=${times[1]}&until=${times[2]}`);
    assert.deepEqual(body.activity.map(({ timestamp }) => timestamp), await of({ since: times[1], until: times[2] }));
  });
});

test('what cannot be asked for', async () => {
  for (const time of ['yesterday', '', 7, {}]) for (const name of ['since', 'until']) await refuses('akhan', { kind: 'activity', [name]: time }, 'bad_field', name);
  for (const kind of ['conflict', 'lock']) {
    await refuses('akhan', { kind, entityType: 'nothing' }, 'not_found', 'entityType');
    await refuses('lchen', { kind, entityType: 'paper' }, 'forbidden', undefined);
    await refuses('lchen', { kind, entityType: 'paper', entityId: 'P-1' }, 'forbidden', undefined);
    await refuses('akhan', { kind, entityId: 'CT-1' }, 'missing_field', 'entityType');
    await refuses('akhan', { kind, entityType: 'contract', entityId: '' }, 'missing_field', 'entityId');
    await refuses('akhan', { kind, entityType: 7 }, 'bad_field', 'entityType');
    await refuses('akhan', { kind, cursor: 'x' }, 'bad_field', 'cursor');
  }
  for (const assignedTo of [7, {}, 'x'.repeat(129)]) await refuses('akhan', { kind: 'conflict', assignedTo }, 'bad_field', 'assignedTo');
  for (const kind of ['comment', 'change']) await refuses('akhan', { kind, entityType: 'contract' }, 'missing_field', 'entityId');
});
