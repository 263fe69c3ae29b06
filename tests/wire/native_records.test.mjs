// Records over `/ws`: changing them, hearing of it, coming back to them: docs/protocol/native.md and types.md with a plain WebSocket.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../lib/server.mjs';
import { assertAck, assertRefused, drop, events, hear, People } from './lib/people.mjs';

const config = {
  types: {
    plan: { roles: { read: ['manager'], create: ['manager'], update: ['manager'] }, fields: { name: { kind: 'string', required: true } } },
  },
};
let server, people, folder;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'collabd-config-'));
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  server = await startServer({ args: ['--config', join(folder, 'config.json')] });
  people = new People(server);
});

after(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const about = (room) => {
  const [entityType, entityId] = room.split(':');
  return { entityType, entityId };
};
const update = (window, room, payload) => window.ask({ type: 'update', payload: { ...about(room), ...payload } });
const act = (window, room, action, more = {}) => window.ask({ type: 'action', payload: { ...about(room), action, ...more } });
const sync = async (window, room) => assertAck(await window.ask({ type: 'sync', payload: about(room) })).record;
const updates = (window) => events(window, 'update').map(({ payload }) => payload);

/** The second answer to one id: the first one's facts, without the change itself. */
const repeated = ({ id, verdict, version, position, strategy }) => ({ id, verdict, version, position, strategy, repeat: true });

/** All changes of the record that were made before this have been heard when it resolves: one more came after them. */
async function settleRecord(room, writer, ...listeners) {
  const { version } = assertAck(await update(writer, room, { patch: { description: `settled ${Math.random()}` } }));
  await Promise.all(listeners.map((listener) => hear(listener, 'update', (payload) => payload.version === version && payload.entityId === about(room).entityId)));
  return version;
}

let serial = 0;
/** A work order of the test's own; gives its room. */
async function newOrder(fields = {}) {
  const answer = await people.rest('akhan', 'POST', '/api/v1/records/work_order', { title: `Order ${++serial}`, ...fields });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return `work_order:${answer.body.id}`;
}

describe('a change', () => {
  test('is acknowledged to who made it and heard by the others, in every room that shows it', async () => {
    const room = await newOrder();
    const amir = await people.enter('akhan', room);
    const tab = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    const channel = await people.enter('lchen', 'work-order-updates');
    const feed = await people.enter('lchen', 'records');
    assert.equal(amir.joined.record.version, 1);
    const { title } = amir.joined.record.data;
    const ack = assertAck(await update(amir, room, { patch: { title: 'New', priority: 'high' }, id: 'c-1', version: 1 }));
    assert.deepEqual([ack.id, ack.version, ack.repeat], ['c-1', 2, undefined]);
    assert.equal(ack.position.offset, amir.joined.position.offset + 1);
    for (const [window, where] of [[tab, room], [maria, room], [channel, 'work-order-updates'], [feed, 'records']]) {
      const event = await hear(window, 'update', ({ id }) => id === 'c-1');
      assert.deepEqual([event.channel, event.userId], [where, '3']);
      if (where === room) assert.deepEqual({ epoch: event.epoch, offset: event.offset }, ack.position);
      const { timestamp, ...payload } = event.payload;
      assert.ok(Date.parse(timestamp));
      assert.deepEqual(payload, {
        id: 'c-1', ...about(room), action: 'update', operation: 'update', path: '/title', before: title, after: 'New',
        ops: [
          { operation: 'update', path: '/title', before: title, after: 'New' },
          { operation: 'update', path: '/priority', before: 'normal', after: 'high' },
        ],
        version: 2, userId: '3', username: 'akhan', label: 'New', resolved: true,
      });
    }
    await settleRecord(room, maria, amir);
    assert.equal(updates(amir).filter(({ id }) => id === 'c-1').length, 0);
    for (const window of [amir, tab, maria, channel, feed]) window.close();
  });

  test('may be one operation, several, or a patch, in either case of the names', async () => {
    const room = await newOrder({ notes: 'old' });
    const amir = await people.enter('akhan', room);
    const { entityType, entityId } = about(room);
    assertAck(await update(amir, room, { operation: 'update', path: 'notes', before: 'old', after: 'one' }));
    assertAck(await amir.ask({ type: 'update', channel: room, payload: { operation: 'update', path: '/notes', after: 'two' } }));
    assertAck(await amir.ask({ type: 'update', payload: { entity_type: entityType, entity_id: entityId, patch: { status: 'on_hold', notes: null } } }));
    assertAck(await update(amir, room, { ops: [{ operation: 'update', path: 'priority', after: 'urgent' }, { operation: 'update', path: '/quantity', after: 5 }] }));
    const { record } = (await people.enter('lchen', room)).joined;
    const { notes, status, priority, quantity } = record.data;
    assert.deepEqual([notes, status, priority, quantity, record.version], [undefined, 'on_hold', 'urgent', 5, 5]);
    amir.close();
  });

  test('reaches the items of a collection by their ids', async () => {
    const room = await newOrder({ materials: [{ id: 'a', part: 'PN-10001', required: 1 }, { id: 'b', part: 'PN-10002' }] });
    const amir = await people.enter('akhan', room);
    const pos = Object.fromEntries(amir.joined.record.data.materials.map((item) => [item.id, item.pos]));
    assertAck(await update(amir, room, { ops: [
      { operation: 'update', path: '/materials/@a/required', after: 7 },
      { operation: 'insert', path: '/materials/@c', after: { part: 'PN-10003' } },
      { operation: 'delete', path: '/materials/@b' },
    ] }));
    assertAck(await update(amir, room, { operation: 'move', path: '/materials/@a', after: 'zz' }));
    const { materials } = (await people.enter('lchen', room)).joined.record.data;
    assert.deepEqual(materials.map(({ id }) => id), ['c', 'a']);
    assert.deepEqual([materials[1].required, materials[1].pos, pos.a < pos.b], [7, 'zz', true]);
    assertRefused(await update(amir, room, { operation: 'update', path: '/materials/0/required', after: 1 }), 'position_in_path', 'path');
    amir.close();
  });

  test('is applied whole or not at all', async () => {
    const room = await newOrder();
    const amir = await people.enter('akhan', room);
    const good = { operation: 'update', path: 'title', after: 'Half' };
    for (const [bad, code, field] of [
      [{ operation: 'update', path: 'status', after: 'bogus' }, 'bad_field', 'status'],
      [{ operation: 'update', path: 'nothing', after: 1 }, 'unknown_field', 'nothing'],
      [{ operation: 'update', path: 'kitted', after: true }, 'forbidden', 'kitted'],
      [{ operation: 'destroy', path: 'title' }, 'bad_field', 'operation'],
    ]) {
      assertRefused(await update(amir, room, { ops: [good, bad] }), code, field);
    }
    assertRefused(await update(amir, room, {}), 'missing_field', 'operation');
    assertRefused(await update(amir, room, { patch: { quantity: 'many' } }), 'bad_field', 'quantity');
    assertRefused(await update(amir, room, { patch: { quantity: 0 } }), 'bad_field', 'quantity');
    assertRefused(await update(amir, room, { patch: { title: null } }), 'missing_field', 'title');
    assertRefused(await update(amir, 'nothing:1', { patch: {} }), 'not_found', 'entityType');
    assertRefused(await amir.ask({ type: 'update', payload: { entityType: 'work_order', patch: {} } }), 'missing_field', 'entityId');
    const { record } = (await people.enter('lchen', room)).joined;
    assert.deepEqual(record, amir.joined.record);
    amir.close();
  });

  test('that changes nothing is acknowledged, and nobody hears of it', async () => {
    const room = await newOrder({ title: 'Same' });
    const amir = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    const ack = assertAck(await update(amir, room, { patch: { title: 'Same' } }));
    assert.deepEqual([ack.version, ack.change, ack.position], [1, undefined, amir.joined.position]);
    assert.equal(assertAck(await update(amir, room, { patch: { title: 'Same' }, id: 'nothing' })).id, 'nothing');
    const version = await settleRecord(room, amir, maria);
    assert.equal(version, 2);
    assert.equal(updates(maria).length, 1);
    amir.close();
    maria.close();
  });

  test('names the version that it was made against', async () => {
    const room = await newOrder();
    const amir = await people.enter('akhan', room);
    assertAck(await update(amir, room, { patch: { title: 'Two' }, version: 1 }));
    assertAck(await update(amir, room, { patch: { title: 'Three' }, version: 0 }));
    assertAck(await update(amir, room, { patch: { notes: 'late' }, version: 1 })); // an older one is no reason to refuse
    for (const version of [5, 2 ** 53, -1, 1.5]) {
      assertRefused(await update(amir, room, { patch: { title: 'x' }, version }), 'bad_version', 'version');
    }
    assert.equal((await update(amir, room, { patch: { title: 'x' }, version: 5 })).payload.currentVersion, 4);
    assertRefused(await update(amir, room, { patch: { title: 'x' }, version: 'two' }), 'bad_field', 'version');
    assert.equal(assertRefused(await update(amir, room, { patch: { title: 'x' }, version: 3, ifMatch: true }), 'precondition_failed').currentVersion, 4);
    assert.equal(assertAck(await update(amir, room, { patch: { title: 'x' }, version: 4, if_match: true })).version, 5);
    assert.equal(assertRefused(await act(amir, room, 'kit', { version: 4, ifMatch: true }), 'precondition_failed').currentVersion, 5);
    amir.close();
  });

  test('is done once for one id, and the second answer is the first', async () => {
    const room = await newOrder();
    const amir = await people.enter('akhan', room);
    const tab = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    const first = assertAck(await update(amir, room, { patch: { title: 'Once' }, id: 'once-1' }));
    assertAck(await update(maria, room, { patch: { title: 'Meanwhile' } }));
    for (const window of [amir, tab]) {
      assert.deepEqual(assertAck(await update(window, room, { patch: { title: 'Once' }, id: 'once-1' })), repeated(first));
    }
    assertRefused(await update(tab, room, { patch: { title: 'Other' }, id: 'once-1' }), 'conflict', 'id');
    assert.equal(assertAck(await update(maria, room, { patch: { title: 'Hers' }, id: 'once-1' })).version, 4); // her ids are hers
    const kit = assertAck(await act(amir, room, 'kit', { id: 'once-2' }));
    assert.deepEqual(assertAck(await act(tab, room, 'kit', { id: 'once-2' })), repeated(kit));
    const version = await settleRecord(room, amir, maria);
    assert.equal(version, 6);
    assert.deepEqual(updates(maria).map(({ version: number }) => number), [2, 5, 6]);
    for (const window of [amir, tab, maria]) window.close();
  });

  test('may make a record, and take it away', async () => {
    const maria = await people.enter('mgarcia', 'work-order-updates');
    const amir = await people.enter('akhan', 'work_order:WO-MINE');
    assert.equal(amir.joined.record, null);
    const made = assertAck(await update(maria, 'work_order:WO-MINE', { data: { title: 'Made' }, id: 'make' }));
    assert.deepEqual([made.version, made.change.action], [1, 'create']);
    const heard = await hear(amir, 'update');
    assert.deepEqual([heard.payload.action, heard.payload.label], ['create', 'Made']);
    assert.ok(heard.payload.ops.some(({ path, after: value }) => path === '/status' && value === 'open'), 'defaults');
    assertRefused(await update(amir, 'work_order:WO-MINE', { data: { title: 'Again' } }), 'already_exists');
    assertRefused(await update(amir, 'work_order:WO-MINE', { operation: 'delete' }), 'forbidden');
    assert.equal(assertAck(await update(maria, 'work_order:WO-MINE', { operation: 'delete' })).version, 2);
    assert.equal((await hear(amir, 'update', ({ action }) => action === 'delete')).payload.version, 2);
    assertRefused(await update(maria, 'work_order:WO-MINE', { operation: 'delete' }), 'not_found');
    assertRefused(await update(amir, 'work_order:WO-MINE', { patch: { title: 'x' } }), 'not_found');
    assert.equal((await people.enter('lchen', 'work_order:WO-MINE')).joined.record, null);
    amir.close();
    maria.close();
  });

  test('is read back with `sync`, joined or not', async () => {
    const room = await newOrder({ title: 'Read' });
    const amir = await people.open('akhan');
    const record = await sync(amir, room);
    assert.deepEqual([record.type, record.id, record.version, record.data.title], [about(room).entityType, about(room).entityId, 1, 'Read']);
    assertAck(await amir.ask({ type: 'subscribe', channel: room }));
    assertAck(await update(amir, room, { patch: { title: 'Changed' } }));
    const answer = assertAck(await amir.ask({ type: 'sync', channel: room }));
    assert.deepEqual([answer.record.version, answer.record.data.title], [2, 'Changed']);
    assert.ok(answer.position.epoch > 0);
    assert.equal(await sync(amir, 'work_order:WO-NEVER'), null);
    amir.close();
  });

  test('by many at once is in the same order for everybody, version by version', async () => {
    const room = await newOrder();
    const writers = await Promise.all(['akhan', 'jsmith', 'mgarcia', 'admin'].map((name) => people.enter(name, room)));
    const listener = await people.enter('lchen', room);
    for (let i = 0; i < 25; i++) for (const [n, writer] of writers.entries()) writer.send({ type: 'update', messageId: `w${i}`, payload: { ...about(room), patch: { notes: `${n}-${i}` } } });
    await hear(listener, 'update', ({ version }) => version === 101);
    assert.deepEqual(updates(listener).map(({ version }) => version), Array.from({ length: 100 }, (_, i) => i + 2));
    const order = new Map(updates(listener).map(({ version, after: value }) => [version, value]));
    for (const [n, writer] of writers.entries()) {
      const own = await Promise.all(Array.from({ length: 25 }, async (_, i) => (await writer.wait(({ replyTo }) => replyTo === `w${i}`)).payload));
      for (const [i, { version }] of own.entries()) assert.equal(order.get(version), `${n}-${i}`);
      await writer.until(() => updates(writer).length === 75, 'the changes of the others');
      writer.close();
    }
    listener.close();
  });
});

describe('an action', () => {
  test('does what its type says, in a state that it says', async () => {
    const room = await newOrder();
    const amir = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    const { version, change } = assertAck(await act(amir, room, 'complete', { input: { quantity_completed: 1 } }));
    assert.deepEqual([version, change.action], [2, 'complete']);
    const { payload } = await hear(maria, 'update');
    assert.deepEqual([payload.action, payload.version, payload.label], ['complete', 2, amir.joined.record.data.title]);
    const after = Object.fromEntries(payload.ops.map((op) => [op.path, op.after]));
    assert.deepEqual([after['/status'], after['/completed_by'], after['/quantity_completed']], ['completed', 'akhan', 1]);
    assert.ok(Date.parse(after['/completed_at']));
    assertRefused(await act(amir, room, 'complete'), 'bad_state', 'status');
    assertRefused(await act(amir, room, 'explode'), 'unknown_action', 'action');
    assertRefused(await act(amir, room, 'reopen'), 'forbidden', 'action');
    assertAck(await act(maria, room, 'reopen'));
    assertRefused(await amir.ask({ type: 'action', payload: about(room) }), 'missing_field', 'action');
    assertRefused(await act(amir, room, 'kit', { input: [] }), 'bad_field', 'input');
    assertRefused(await act(amir, 'work_order:WO-NEVER', 'kit'), 'not_found');
    assertRefused(await act(amir, 'inventory:SKU-0005', 'adjust'), 'missing_field', 'quantity');
    amir.close();
    maria.close();
  });

  test('that is refused again and again is nobody\'s fault: the connection stays', async () => {
    const room = await newOrder({ status: 'completed' });
    const amir = await people.enter('akhan', room);
    for (let i = 0; i < 30; i++) assertRefused(await act(amir, room, 'complete'), 'bad_state', 'status');
    for (let i = 0; i < 30; i++) assertRefused(await update(amir, room, { patch: { notes: 'x' }, version: 7, ifMatch: true }), 'precondition_failed');
    assert.equal((await amir.ask({ type: 'ping' })).type, 'pong');
    amir.close();
  });
});

describe('an alert', () => {
  test('comes when stock becomes low, to everybody, and not while it stays so', async () => {
    const amir = await people.open('akhan');
    const viewer = await people.enter('lchen', 'notifications');
    const { record } = (await people.enter('akhan', 'inventory:SKU-0020')).joined;
    const low = record.data.reorder_point;
    assertAck(await update(amir, 'inventory:SKU-0020', { patch: { qty_on_hand: low + 5 } }));
    assertAck(await update(amir, 'inventory:SKU-0020', { patch: { qty_on_hand: low } }));
    const { payload, channel } = await hear(viewer, 'notification', ({ entityId }) => entityId === 'SKU-0020');
    const { id, timestamp, ...rest } = payload;
    assert.ok(id && Date.parse(timestamp));
    assert.equal(channel, 'notifications');
    assert.deepEqual(rest, {
      rule: 'low_stock', priority: 'high', title: `Low stock: ${record.data.name}`,
      message: `SKU-0020 is low: ${low} left, reorder point ${low}`, entityType: 'inventory', entityId: 'SKU-0020', value: low, limit: low,
    });
    if (low > 0) assertAck(await update(amir, 'inventory:SKU-0020', { patch: { qty_on_hand: low - 1 } }));
    assertAck(await update(amir, 'inventory:SKU-0021', { patch: { qty_on_hand: 100000 } }));
    assertAck(await update(amir, 'inventory:SKU-0021', { patch: { qty_on_hand: 0 } }));
    await hear(viewer, 'notification', ({ entityId }) => entityId === 'SKU-0021'); // the marker
    assert.equal(events(viewer, 'notification', ({ entityId }) => entityId === 'SKU-0020').length, 1);
    amir.close();
    viewer.close();
  });

  test('about a division\'s cash is urgent; one for managers reaches managers only', async () => {
    const maria = await people.enter('mgarcia', 'notifications');
    const viewer = await people.enter('lchen', 'notifications');
    const list = (await people.rest('mgarcia', 'GET', '/api/v1/records/division?limit=1')).body.records;
    const division = `division:${list[0].id}`;
    const employee = (await people.rest('mgarcia', 'GET', '/api/v1/records/employee?limit=1')).body.records[0];
    assertAck(await update(maria, `employee:${employee.id}`, { patch: { hours: 0 } }));
    assertAck(await update(maria, `employee:${employee.id}`, { patch: { hours: employee.data.capacity + 1 } }));
    await hear(maria, 'notification', ({ rule }) => rule === 'overbooked');
    assertAck(await update(maria, division, { patch: { cash_threshold: 1000, cash_balance: 2000 } }));
    assertAck(await update(maria, division, { patch: { cash_balance: 999 } }));
    for (const window of [maria, viewer]) {
      const { payload } = await hear(window, 'notification', ({ rule, entityId }) => rule === 'cash_low' && entityId === list[0].id);
      assert.deepEqual([payload.priority, payload.value, payload.limit], ['urgent', 999, 1000]);
    }
    assert.equal(events(viewer, 'notification', ({ rule }) => rule === 'overbooked').length, 0);
    maria.close();
    viewer.close();
  });
});

describe('who may', () => {
  test('not: a viewer changes nothing', async () => {
    const room = await newOrder();
    const viewer = await people.enter('lchen', room);
    assertRefused(await update(viewer, room, { patch: { title: 'x' } }), 'forbidden', 'title');
    assertRefused(await update(viewer, 'work_order:WO-X', { data: { title: 'x' } }), 'forbidden', 'title');
    assertRefused(await update(viewer, room, { operation: 'delete' }), 'forbidden');
    assertRefused(await act(viewer, room, 'kit'), 'forbidden', 'action');
    assert.equal((await people.enter('akhan', room)).joined.record.version, 1);
    viewer.close();
  });

  test('approve: an approver, of what was submitted', async () => {
    const made = await people.rest('akhan', 'POST', '/api/v1/records/eco', { title: 'Stronger bracket' });
    const room = `eco:${made.body.id}`;
    const [amir, maria] = [await people.enter('akhan', room), await people.enter('mgarcia', room)];
    assertRefused(await act(maria, room, 'approve'), 'bad_state', 'status');
    assertAck(await act(amir, room, 'submit'));
    assertRefused(await act(amir, room, 'approve'), 'forbidden', 'action');
    assertAck(await act(maria, room, 'approve'));
    const { payload } = await hear(amir, 'update', ({ action }) => action === 'approve');
    assert.equal(payload.ops.find(({ path }) => path === '/approved_by').after, 'mgarcia');
    assertAck(await act(amir, room, 'implement'));
    assertRefused(await update(maria, room, { patch: { status: 'draft' } }), 'forbidden', 'status'); // read-only, also for managers
    amir.close();
    maria.close();
  });

  test('see a field: not everybody, neither in the record nor in its changes', async () => {
    const [{ id }] = (await people.rest('mgarcia', 'GET', '/api/v1/records/employee?limit=1')).body.records;
    const room = `employee:${id}`;
    const viewer = await people.enter('lchen', room);
    const amir = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    assert.ok('hourly_rate' in maria.joined.record.data);
    assert.ok(!('hourly_rate' in viewer.joined.record.data));
    const channel = await people.enter('lchen', 'employee-updates');
    assertAck(await update(maria, room, { patch: { hourly_rate: 77, hours: 30.5 } }));
    assertAck(await update(maria, room, { patch: { hourly_rate: 78 } }));
    const { version } = assertAck(await update(maria, room, { patch: { hours: 31.5 } }));
    for (const window of [viewer, channel]) {
      await hear(window, 'update', (payload) => payload.version === version);
      assert.ok(!JSON.stringify(window.heard).includes('hourly_rate'), JSON.stringify(window.heard));
      const versions = updates(window).map((payload) => payload.version);
      assert.deepEqual(versions.filter((number) => number !== version - 1), [version - 2, version]);
      assert.deepEqual(updates(window)[0].ops.map(({ path }) => path), ['/hours']);
      assert.deepEqual([updates(window)[0].path, updates(window)[0].after], ['/hours', 30.5]);
    }
    const refused = assertRefused(await update(amir, room, { patch: { hourly_rate: 99 } }), 'unknown_field', 'hourly_rate');
    assert.ok(!refused.message.includes('78'));
    for (const window of [viewer, amir, maria, channel]) window.close();
  });

  test('write a field: a price is a manager\'s', async () => {
    const [amir, maria] = [await people.open('akhan'), await people.open('mgarcia')];
    assertRefused(await update(amir, 'inventory:SKU-0030', { patch: { unit_cost: 1 } }), 'forbidden', 'unit_cost');
    assertAck(await update(maria, 'inventory:SKU-0030', { patch: { unit_cost: 1.25 } }));
    amir.close();
    maria.close();
  });

  test('read a type at all: others find no such record, room or event', async () => {
    const maria = await people.enter('mgarcia', 'plan:P-1');
    const viewer = await people.enter('lchen', 'records');
    assertAck(await update(maria, 'plan:P-1', { data: { name: 'Secret' } }));
    assertRefused(await viewer.ask({ type: 'subscribe', channel: 'plan:P-1' }), 'forbidden');
    assertRefused(await viewer.ask({ type: 'presence_get', channel: 'plan:P-1' }), 'forbidden');
    assertRefused(await viewer.ask({ type: 'subscribe', channel: 'plan-updates' }), 'forbidden');
    assertRefused(await update(viewer, 'plan:P-1', { patch: { name: 'x' } }), 'unknown_field', 'name');
    const marker = assertAck(await update(maria, await newOrder(), { patch: { notes: 'marker' } }));
    await hear(viewer, 'update', ({ entityId }) => entityId === marker.change.entityId);
    assert.ok(!JSON.stringify(viewer.heard).includes('Secret'));
    maria.close();
    viewer.close();
  });
});

describe('coming back', () => {
  test('after kill -9 brings exactly what was missed: of a record, of a type, of everything', async () => {
    let one = await startServer();
    const { folder: data, port } = one;
    try {
      const crowd = new People(one);
      const rooms = ['work_order:WO-1001', 'work-order-updates', 'records'];
      const amir = await crowd.open('akhan');
      const windows = await Promise.all(rooms.map((room) => crowd.enter('lchen', room)));
      assertAck(await update(amir, 'work_order:WO-1001', { patch: { notes: 'seen' } }));
      const positions = [];
      for (const window of windows) {
        const { epoch, offset } = await hear(window, 'update', ({ after: value }) => value === 'seen');
        positions.push({ epoch, offset });
        await drop(window);
      }
      const first = assertAck(await update(amir, 'work_order:WO-1001', { patch: { notes: 'missed 1' }, id: 'op-1' }));
      assertAck(await update(amir, 'work_order:WO-1002', { patch: { notes: 'missed 2' } }));
      assertAck(await update(amir, 'inventory:SKU-0040', { patch: { location: 'missed 3' } }));
      assertAck(await update(amir, 'work_order:WO-1001', { patch: { notes: 'missed 4' } }));
      await one.stop('SIGKILL');
      one = await startServer({ data, port });
      crowd.server = one;
      const again = await Promise.all(rooms.map((room, i) => crowd.enter('lchen', room, positions[i])));
      const back = await crowd.open('akhan');
      assert.deepEqual(assertAck(await update(back, 'work_order:WO-1001', { patch: { notes: 'missed 1' }, id: 'op-1' })), repeated(first));
      assertAck(await update(back, 'work_order:WO-1001', { patch: { notes: 'after' } }));
      const expected = [
        ['missed 1', 'missed 4', 'after'],
        ['missed 1', 'missed 2', 'missed 4', 'after'],
        ['missed 1', 'missed 2', 'missed 3', 'missed 4', 'after'],
      ];
      for (const [i, window] of again.entries()) {
        await hear(window, 'update', ({ after: value }) => value === 'after');
        const { epoch, offset } = positions[i];
        assert.equal(window.joined.resync, false);
        assert.equal(window.joined.missed, expected[i].length - 1);
        assert.deepEqual(updates(window).map((payload) => payload.after), expected[i]);
        assert.deepEqual(events(window, 'update').map((event) => [event.epoch, event.offset]), expected[i].map((_, n) => [epoch, offset + n + 1]));
      }
      assert.equal(again[0].joined.record.data.notes, 'missed 4'); // the state at the answer's position
    } finally {
      await one.stop();
      one.remove();
    }
  });

  test('gives state and position in one: what is heard next fits', async () => {
    const room = await newOrder({ quantity: 1 });
    const writer = await people.open('akhan');
    for (let i = 2; i <= 60; i++) writer.send({ type: 'update', messageId: `q${i}`, payload: { ...about(room), patch: { quantity: i } } });
    for (let i = 0; i < 8; i++) {
      const window = await people.enter('lchen', room);
      const { record, position } = window.joined;
      assert.equal(record.data.quantity, record.version);
      await writer.wait(({ replyTo }) => replyTo === 'q60');
      await window.until(() => record.version === 60 || updates(window).some(({ version }) => version === 60), 'the last one');
      assert.deepEqual(updates(window).map(({ version }) => version), Array.from({ length: 60 - record.version }, (_, n) => record.version + 1 + n));
      if (updates(window).length > 0) assert.equal(events(window, 'update')[0].offset, position.offset + 1);
      window.close();
    }
    writer.close();
  });

  test('with a wrong epoch or a position above the head: load anew, with the state in the answer', async () => {
    const room = await newOrder({ title: 'Here' });
    const { position } = (await people.enter('lchen', room)).joined;
    for (const since of [{ ...position, epoch: 1 }, { ...position, offset: position.offset + 1 }]) {
      const window = await people.enter('lchen', room, since);
      assert.deepEqual([window.joined.resync, window.joined.missed, window.joined.position], [true, 0, position]);
      assert.equal(window.joined.record.data.title, 'Here');
      window.close();
    }
  });

  test('messages published in a record\'s room are kept with its changes, in one order, over a restart', async () => {
    let one = await startServer();
    const { folder: data, port } = one;
    try {
      const crowd = new People(one);
      const amir = await crowd.enter('akhan', 'work_order:WO-1003');
      const since = amir.joined.position;
      for (let i = 0; i < 3; i++) {
        assertAck(await amir.ask({ type: 'publish', channel: 'work_order:WO-1003', payload: `message ${i}` }));
        assertAck(await update(amir, 'work_order:WO-1003', { patch: { notes: `change ${i}` } }));
      }
      await one.stop('SIGKILL');
      one = await startServer({ data, port });
      crowd.server = one;
      const again = await crowd.enter('lchen', 'work_order:WO-1003', since);
      assert.deepEqual([again.joined.resync, again.joined.missed], [false, 6]);
      await again.until(() => again.heard.length >= 7, 'all of it');
      const heard = again.heard.slice(1, 7).map(({ type, payload, offset }) => [type === 'publish' ? payload : payload.after, offset - since.offset]);
      assert.deepEqual(heard, [['message 0', 1], ['change 0', 2], ['message 1', 3], ['change 1', 4], ['message 2', 5], ['change 2', 6]]);
    } finally {
      await one.stop();
      one.remove();
    }
  });
});
