// What a record was, and how it came to be what it is, over `/ws`: docs/protocol/native.md, "History and time travel", with a plain WebSocket.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { types } from './lib/contracts.mjs';
import { assertAck, assertRefused, People } from './lib/people.mjs';
import { about, make, say, set, sync, update } from './lib/records.mjs';
import { startServer } from './lib/server.mjs';

const paper = {
  roles: { read: ['manager', 'editor'], create: ['editor'], update: ['editor'] },
  fields: { name: { kind: 'string', required: true }, secret: { kind: 'string', read: ['manager'], write: ['manager'] } },
};
let server, people, amir, maria, li;

before(async () => {
  server = await startServer({ config: { types: { ...types, paper } } });
  people = new People(server.process);
  [amir, maria, li] = await Promise.all(['akhan', 'mgarcia', 'lchen'].map((name) => people.open(name)));
});

after(() => server?.stop());

const newContract = (fields = {}, who = 'akhan') => make(people, 'contract', { name: 'One', ...fields }, who);
const history = async (window, room, more = {}) => assertAck(await say(window, 'list', room, { kind: 'change', ...more }));
const readAt = async (window, room, when) => assertAck(await say(window, 'read', room, when)).record;
const diff = async (window, room, from, to) => assertAck(await say(window, 'diff', room, { from, to }));
const restOf = async (who, room, more) => (await people.rest(who, 'GET', `/api/v1/records/${room.replace(':', '/')}${more}`)).body;
const opsOn = (ops, path) => ops.filter((op) => op.path === path);

/** Names of members in camelCase, and users’ ids as strings: REST’s answer as the native dialect has it. */
function inCamelCase(value) {
  if (Array.isArray(value)) return value.map(inCamelCase);
  if (value === null || typeof value !== 'object') return value;
  const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [camel(name), name === 'user_id' ? String(inner) : inCamelCase(inner)]));
}

/** The window is told so, and lives. Each refusal has a window of its own: who errs often is sent away. */
async function refuses(who, type, room, payload, code, field) {
  const window = await people.open(who);
  assertRefused(await say(window, type, room, payload), code, field);
  assert.equal((await window.ask({ type: 'ping' })).type, 'pong');
  window.close();
}

describe('the history', () => {
  test('has each change, newest first, with how it came about and what lost', async () => {
    const room = await newContract({ notes: 'a' });
    assertAck(await set(maria, room, 'notes', 'b', { version: 1, id: 'hers' }));
    assertAck(await update(amir, room, { patch: { notes: 'c', status: 'signed' }, version: 1, id: 'his', metadata: { why: 'x' }, group: 'g' }));
    const { kind, items, nextCursor } = await history(li, room);
    assert.deepEqual([kind, nextCursor], ['change', null]);
    assert.deepEqual(items.map(({ version, action, verdict, userId }) => [version, action, verdict, userId]), [[3, 'update', 'merged', '3'], [2, 'update', 'applied', '2'], [1, 'create', 'applied', '3']]);
    const [merged, hers] = items;
    assert.deepEqual([merged.id, merged.entityType, merged.entityId, merged.baseVersion, merged.metadata, merged.group, merged.username, merged.resolved], ['his', 'contract', about(room).entityId, 1, { why: 'x' }, 'g', 'akhan', true]);
    assert.deepEqual(merged.superseded, [{ path: '/notes', value: 'b', byVersion: 3 }]);
    assert.deepEqual([hers.operation, hers.path, hers.before, hers.after, hers.ops.length], ['update', '/notes', 'a', 'b', 1]);
    assert.ok(Date.parse(hers.timestamp));
  });

  test('is the one that REST tells', async () => {
    const room = await newContract({ notes: 'a' });
    assertAck(await set(amir, room, 'notes', 'b'));
    assertAck(await set(maria, room, 'notes', 'c', { version: 1 }));
    assertAck(await say(maria, 'undo', room));
    assertAck(await say(maria, 'restore', room, { version: 1 }));
    const { changes } = await restOf('lchen', room, '/history');
    const { items } = await history(li, room);
    assert.ok(changes.length >= 4 && changes.some(({ undo_of }) => undo_of) && changes.some(({ restored }) => restored));
    assert.deepEqual(items, changes.map((change) => ({ ...inCamelCase(change), resolved: true })));
  });

  test('comes page by page, and from any version on', async () => {
    const room = await newContract();
    for (let version = 2; version <= 7; version++) assertAck(await set(amir, room, 'signatures', version));
    const versions = [];
    let cursor;
    do {
      const page = await history(li, room, { limit: 3, cursor });
      assert.ok(page.items.length <= 3);
      versions.push(...page.items.map(({ version }) => version));
      cursor = page.nextCursor;
    } while (cursor);
    assert.deepEqual(versions, [7, 6, 5, 4, 3, 2, 1]);
    const versionsOf = async (more) => (await history(li, room, more)).items.map(({ version }) => version);
    assert.deepEqual(await versionsOf({ before: 3 }), [2, 1]);
    assert.deepEqual(await versionsOf({ before: 6, cursor: '4' }), [3, 2, 1]);
    assert.deepEqual(await versionsOf({ before: 1 }), []);
    assert.deepEqual((await versionsOf({ before: 99 })).length, 7);
    assert.deepEqual((await versionsOf({ before: 0 })).length, 7);
    assert.deepEqual((await restOf('lchen', room, '/history?before=0')).changes.length, 7);
  });

  test('of a deleted record is still there', async () => {
    const room = await newContract();
    assertAck(await update(amir, room, { operation: 'delete' }));
    const { items } = await history(li, room);
    assert.deepEqual(items.map(({ action }) => action), ['delete', 'create']);
    await refuses('lchen', 'read', room, {}, 'not_found', undefined);
    assert.equal((await readAt(li, room, { version: 1 })).data.name, 'One');
  });
});

describe('the past', () => {
  test('is read at each version, as it was then', async () => {
    const room = await newContract();
    const states = [await sync(amir, room)];
    for (let round = 0; round < 150; round++) {
      const payload = [{ operation: 'increment', path: 'signatures', after: round + 1 }, { operation: 'update', path: 'notes', after: `note ${round}` }, { operation: 'insert', path: 'items', after: { id: `i${round}`, qty: round } }][round % 3];
      assertAck(await update(amir, room, payload));
      states.push(await sync(amir, room));
    }
    for (const version of [1, 2, 3, 63, 64, 65, 100, 127, 128, 129, 150, 151]) {
      const { updatedAt, ...record } = await readAt(li, room, { version });
      assert.deepEqual(record, states[version - 1]);
      assert.ok(Date.parse(updatedAt));
    }
    const { updatedAt, ...record } = await readAt(li, room, {});
    assert.deepEqual(record, states.at(-1));
    assert.deepEqual({ ...record, updatedAt }, inCamelCase(await restOf('admin', room, '')));
  });

  test('is read at a moment', async () => {
    const room = await newContract({ name: 'Early' });
    const drawn = (await readAt(amir, room, {})).updatedAt;
    let now;
    do {
      assertAck(await set(amir, room, 'name', `Later ${Math.random()}`));
      now = await readAt(amir, room, {});
    } while (now.updatedAt === drawn); // the clock must have moved on
    const early = await readAt(li, room, { at: drawn });
    assert.deepEqual([early.version, early.data.name, early.updatedAt], [1, 'Early', drawn]);
    assert.deepEqual(await readAt(amir, room, { at: '2999-01-01T00:00:00Z' }), now);
    await refuses('lchen', 'read', room, { at: '2001-01-01T00:00:00Z' }, 'not_found', undefined);
  });

  test('is found by the channel, too', async () => {
    const room = await newContract();
    const { record } = assertAck(await li.ask({ type: 'read', channel: room, payload: { version: 1 } }));
    assert.equal(record.data.name, 'One');
  });
});

describe('the difference', () => {
  test('of two versions is told in either direction, as over REST', async () => {
    const room = await newContract({ items: [{ id: 'a', qty: 1 }] });
    assertAck(await update(amir, room, { patch: { name: 'Two', status: 'signed' } }));
    assertAck(await update(amir, room, { operation: 'update', path: 'items/@a/qty', after: 2 }));
    const there = await diff(li, room, 1, 3);
    assert.deepEqual([there.from, there.to], [1, 3]);
    assert.deepEqual(opsOn(there.ops, '/name'), [{ operation: 'update', path: '/name', before: 'One', after: 'Two' }]);
    assert.deepEqual(opsOn(there.ops, '/items/@a/qty').map(({ before, after }) => [before, after]), [[1, 2]]);
    const back = await diff(li, room, 3, 1);
    assert.deepEqual(opsOn(back.ops, '/name').map(({ before, after }) => [before, after]), [['Two', 'One']]);
    assert.deepEqual((await diff(li, room, 2, 2)).ops, []);
    assert.deepEqual(opsOn((await diff(li, room, 0, 1)).ops, '/name').map(({ before, after }) => [before, after]), [[null, 'One']]);
    for (const [from, to] of [[1, 3], [3, 1], [0, 2]]) assert.deepEqual(await diff(li, room, from, to), await restOf('lchen', room, `/diff?from=${from}&to=${to}`));
  });
});

describe('who may not see a field', () => {
  test('finds it nowhere in the past', async () => {
    const room = await newContract({ margin: 47110001 }, 'mgarcia');
    assertAck(await set(maria, room, 'margin', 47110002));
    assertAck(await update(maria, room, { ops: [{ op: 'set', path: 'margin', value: 47110003 }, { op: 'set', path: 'name', value: 'Two' }] }));
    assertAck(await set(maria, room, 'margin', 47110004, { version: 1, strategy: 'last-write-wins' }));
    for (const window of [li, amir]) {
      const { items } = await history(window, room);
      assert.deepEqual(items.slice(0, 3).map(({ ops }) => ops.map(({ path }) => path)), [[], ['/name'], []]);
      const told = [items, await readAt(window, room, { version: 2 }), await readAt(window, room, {}), await diff(window, room, 0, 4), await diff(window, room, 2, 3)];
      assert.doesNotMatch(JSON.stringify(told), /4711000\d|margin/);
    }
    assert.equal((await readAt(maria, room, { version: 2 })).data.margin, 47110002);
    assert.equal(opsOn((await diff(maria, room, 1, 4)).ops, '/margin')[0].after, 47110004);
    assert.deepEqual(opsOn((await history(maria, room)).items[1].ops, '/margin')[0].after, 47110003);
  });

  test('and who may not read such records is told nothing of them', async () => {
    const room = await make(people, 'paper', { name: 'Private' });
    for (const [type, payload] of [['list', { kind: 'change' }], ['read', { version: 1 }], ['read', {}], ['read', { at: '2999-01-01T00:00:00Z' }], ['diff', { from: 0, to: 1 }]]) {
      await refuses('lchen', type, room, payload, 'forbidden', undefined);
      await refuses('lchen', type, 'paper:none', payload, 'forbidden', undefined);
      assertAck(await say(amir, type, room, payload));
    }
  });
});

describe('what cannot be', () => {
  test('a version that never was, or is none', async () => {
    const room = await newContract();
    for (const version of [2, 99, 0, -1, 1.5, 2 ** 60]) await refuses('akhan', 'read', room, { version }, 'bad_version', 'version');
    for (const version of ['1', {}, true]) await refuses('akhan', 'read', room, { version }, 'bad_field', 'version');
    for (const [from, to] of [[1, 9], [9, 1], [0, 2]]) await refuses('akhan', 'diff', room, { from, to }, 'bad_version', undefined);
    await refuses('akhan', 'diff', room, { from: -1, to: 1 }, 'bad_version', 'from');
    await refuses('akhan', 'diff', room, { from: 1, to: 'x' }, 'bad_field', 'to');
    await refuses('akhan', 'diff', room, { from: 1 }, 'missing_field', 'to');
    await refuses('akhan', 'diff', room, { to: 1, from: null }, 'missing_field', 'from');
  });

  test('a moment that is none, or two words for when', async () => {
    const room = await newContract();
    for (const at of ['yesterday', '', 7, {}, '2026-13-01T00:00:00Z']) await refuses('akhan', 'read', room, { at }, 'bad_field', 'at');
    await refuses('akhan', 'read', room, { at: '2999-01-01T00:00:00Z', version: 1 }, 'bad_request', 'at');
  });

  test('a page that is none', async () => {
    const room = await newContract();
    for (const limit of [0, 201, -1, 1.5, '5']) await refuses('akhan', 'list', room, { kind: 'change', limit }, 'bad_field', 'limit');
    for (const before of [-1, 1.5, 'x', {}, 2 ** 63]) await refuses('akhan', 'list', room, { kind: 'change', before }, 'bad_field', 'before');
    for (const cursor of ['x', '0', '-1', '99999999999999999999', 7, 'x'.repeat(1025)]) await refuses('akhan', 'list', room, { kind: 'change', cursor }, 'bad_field', 'cursor');
  });

  test('a record that is none', async () => {
    for (const [type, payload] of [['list', { kind: 'change' }], ['read', { version: 1 }], ['diff', { from: 0, to: 1 }]]) {
      const code = { list: 'not_found', read: 'bad_version', diff: 'bad_version' }[type];
      await refuses('akhan', type, 'contract:CT-none', payload, code, type === 'read' ? 'version' : undefined);
      await refuses('akhan', type, 'nothing:X', payload, 'not_found', 'entityType');
      assertRefused(await amir.ask({ type, payload }), 'missing_field', 'entityType');
      assertRefused(await amir.ask({ type, payload: { ...payload, entityType: 'contract' } }), 'missing_field', 'entityId');
    }
    await refuses('akhan', 'read', 'contract:CT-none', {}, 'not_found', undefined);
  });

  test('a question without a message id', async () => {
    const room = await newContract();
    for (const [type, payload] of [['list', { kind: 'change' }], ['read', {}], ['diff', { from: 0, to: 1 }]]) {
      const window = await people.open('akhan');
      window.send({ type, payload: { ...about(room), ...payload } });
      const { payload: told, replyTo } = await window.wait(({ type }) => type === 'error');
      assert.deepEqual([told.code, told.field, replyTo], ['missing_field', 'messageId', undefined], type);
      window.close();
    }
  });
});
