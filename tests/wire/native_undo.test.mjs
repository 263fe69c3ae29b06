// Taking back, and bringing back, over `/ws`: docs/protocol/native.md, "Taking back", with a plain WebSocket.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../lib/server.mjs';
import { assertAck, assertRefused, hear, People } from './lib/people.mjs';
import { heard, newOrder, read, say, set, settleRecord, sync, update } from './lib/records.mjs';

let server, people;

before(async () => {
  server = await startServer();
  people = new People(server);
});

after(() => server?.stop());

const leave = (...windows) => windows.forEach((window) => window.close());
const undo = (window, room, more = {}) => say(window, 'undo', room, more);
const redo = (window, room, more = {}) => say(window, 'redo', room, more);
const restore = (window, room, version, more = {}) => say(window, 'restore', room, { version, ...more });
/** A step of its own: changes that follow each other at once would be undone together. */
let steps = 0;
const step = async (window, room, path, after) => assertAck(await set(window, room, path, after, { group: `step ${++steps}` }));

/** A refusal of a change: its code and nothing done. */
function assertRejected(answer, code) {
  assert.equal(answer.type, 'error', JSON.stringify(answer));
  assert.deepEqual([answer.payload.code, answer.payload.verdict], [code, 'rejected'], JSON.stringify(answer));
}

async function scene(fields = {}) {
  const room = await newOrder(people, fields);
  return { room, amir: await people.enter('akhan', room), maria: await people.enter('mgarcia', room) };
}

describe('undo', () => {
  test('takes back one’s own last change, then the one before, and redo brings them back', async () => {
    const { room, amir, maria } = await scene({ work_center: 'Paint' });
    const first = await step(amir, room, 'work_center', 'Assembly 1');
    const second = await step(amir, room, 'work_center', 'Assembly 2');
    const undone = assertAck(await undo(amir, room));
    assert.deepEqual([undone.verdict, undone.version, undone.skipped, undone.change.undoOf, undone.change.after], ['applied', 4, 0, second.version, 'Assembly 1']);
    const event = await hear(maria, 'update', ({ version }) => version === 4);
    assert.deepEqual([event.payload.undoOf, event.payload.path, event.payload.after], [second.version, '/work_center', 'Assembly 1']);
    assert.equal(assertAck(await undo(amir, room)).change.undoOf, first.version);
    assert.equal(await read(maria, room, 'work_center'), 'Paint');
    assertRejected(await undo(amir, room), 'forbidden'); // that he made it: editors do not delete
    assertAck(await redo(amir, room));
    assert.equal(await read(maria, room, 'work_center'), 'Assembly 1');
    assertAck(await redo(amir, room));
    assert.equal(await read(maria, room, 'work_center'), 'Assembly 2');
    assertRejected(await redo(amir, room), 'nothing_to_undo');
    leave(amir, maria);
  });

  test('works after a reload, from another tab', async () => {
    const { room, amir, maria } = await scene({ work_center: 'Paint' });
    await step(amir, room, 'work_center', 'Assembly 1');
    amir.close();
    const tab = await people.enter('akhan', room);
    assertAck(await undo(tab, room));
    assert.equal(await read(maria, room, 'work_center'), 'Paint');
    assertAck(await redo(await people.enter('akhan', room), room));
    assert.equal(await read(maria, room, 'work_center'), 'Assembly 1');
    leave(tab, maria);
  });

  test('takes back nobody else’s change', async () => {
    const { room, amir, maria } = await scene({ work_center: 'Paint' });
    await step(amir, room, 'work_center', 'Assembly 1');
    const hers = await step(maria, room, 'priority', 'high');
    assertRejected(await undo(amir, room, { version: hers.version }), 'forbidden');
    assert.equal(assertAck(await undo(amir, room)).change.after, 'Paint');
    assert.equal(await read(maria, room, 'priority'), 'high');
    const john = await people.enter('jsmith', room);
    assertRejected(await undo(john, room), 'nothing_to_undo');
    leave(amir, maria, john);
  });

  test('leaves what somebody else has written over since', async () => {
    const { room, amir, maria } = await scene({ work_center: 'Paint' });
    await step(amir, room, 'work_center', 'Assembly 1');
    await step(maria, room, 'work_center', 'Hers');
    assertRejected(await undo(amir, room), 'undo_blocked');
    assert.equal(await read(amir, room, 'work_center'), 'Hers');
    const both = await scene({ work_center: 'Paint' });
    assertAck(await update(both.amir, both.room, { patch: { work_center: 'Assembly 1', assigned_to: 'akhan' } }));
    await step(both.maria, both.room, 'work_center', 'Hers');
    assert.equal(assertAck(await undo(both.amir, both.room)).skipped, 1);
    const { data } = await sync(both.amir, both.room);
    assert.deepEqual([data.work_center, data.assigned_to], ['Hers', undefined]);
    leave(amir, maria, both.amir, both.maria);
  });

  test('of an edit keeps what others wrote around it', async () => {
    const { room, amir, maria } = await scene({ notes: 'the pump' });
    assertAck(await update(amir, room, { operation: 'text', path: 'notes', after: [4, 'red '], group: 'edit' }));
    assertAck(await update(maria, room, { operation: 'text', path: 'notes', after: [12, ' leaks'] }));
    assertAck(await update(maria, room, { operation: 'increment', path: 'quantity_completed', after: 5 }));
    assertAck(await undo(amir, room));
    const { data } = await sync(amir, room);
    assert.deepEqual([data.notes, data.quantity_completed], ['the pump leaks', 5]);
    leave(amir, maria);
  });

  test('takes a group back as one', async () => {
    const { room, amir, maria } = await scene({ work_center: 'Paint' });
    for (const [path, after] of [['work_center', 'Assembly 1'], ['priority', 'high'], ['quantity', 9]]) assertAck(await set(amir, room, path, after, { group: 'one' }));
    assertAck(await undo(amir, room));
    const { data } = await sync(maria, room);
    assert.deepEqual([data.work_center, data.priority, data.quantity], ['Paint', 'normal', 1]);
    assertAck(await redo(amir, room));
    assert.equal(await read(maria, room, 'quantity'), 9);
    leave(amir, maria);
  });

  test('of a change by its version or its id, and once when it is asked for twice', async () => {
    const { room, amir, maria } = await scene({ work_center: 'Paint' });
    const first = await step(amir, room, 'work_center', 'Assembly 1');
    await step(amir, room, 'priority', 'high');
    assertAck(await set(amir, room, 'quantity', 9, { id: 'named', group: 'q' }));
    const payload = { version: first.version, id: 'undo-1' };
    const once = assertAck(await undo(amir, room, payload));
    assert.equal(once.id, 'undo-1');
    const twice = assertAck(await undo(amir, room, payload));
    assert.deepEqual([twice.id, twice.version, twice.verdict, twice.repeat], ['undo-1', once.version, once.verdict, true]);
    assertAck(await undo(amir, room, { changeId: 'named' }));
    const { data } = await sync(maria, room);
    assert.deepEqual([data.work_center, data.priority, data.quantity], ['Paint', 'high', 1]);
    assertRejected(await undo(amir, room, { version: first.version }), 'nothing_to_undo');
    assertRejected(await undo(amir, room, { version: 99 }), 'not_found');
    assertRejected(await undo(amir, room, { changeId: 'never' }), 'not_found');
    leave(amir, maria);
  });

  test('has an error for everything that is wrong', async () => {
    const { room, amir, maria } = await scene();
    assertRefused(await undo(amir, room, { version: 'last' }), 'bad_field', 'version');
    assertRefused(await undo(amir, room, { version: -1 }), 'bad_version', 'version');
    assertRefused(await undo(amir, room, { changeId: 7 }), 'bad_field', 'changeId');
    assertRefused(await undo(amir, room, { id: '' }), 'bad_field', 'id');
    assertRefused(await restore(amir, room), 'missing_field', 'version');
    assertRefused(await restore(amir, room, 0), 'bad_version', 'version');
    assertRejected(await restore(amir, room, 99), 'bad_version');
    const viewer = await people.enter('lchen', room);
    assertRejected(await restore(viewer, room, 1), 'forbidden');
    assert.equal((await sync(amir, room)).version, 1);
    leave(amir, maria, viewer);
  });
});

describe('restore', () => {
  test('makes a change that brings back what was', async () => {
    const { room, amir, maria } = await scene({ work_center: 'Paint', materials: [{ id: 'a', part: 'PN-10001' }] });
    const before = await sync(amir, room);
    await step(amir, room, 'work_center', 'Assembly 1');
    await step(maria, room, 'assigned_to', 'jsmith');
    assertAck(await update(maria, room, { operation: 'insert', path: 'materials', after: { id: 'b', part: 'PN-10002' } }));
    const ack = assertAck(await restore(amir, room, 1, { id: 'back' }));
    assert.deepEqual([ack.id, ack.verdict, ack.version, ack.change.restored], ['back', 'applied', 5, 1]);
    const record = await sync(maria, room);
    assert.deepEqual(record.data, before.data);
    assert.equal((await hear(maria, 'update', ({ version }) => version === 5)).payload.restored, 1);
    assert.equal(assertAck(await restore(amir, room, 1, { id: 'back' })).repeat, true);
    assertAck(await undo(amir, room));
    assert.equal(await read(maria, room, 'work_center'), 'Assembly 1');
    await settleRecord(room, amir, maria);
    assert.deepEqual(heard(maria, 'update', room).map(({ version }) => version), [2, 5, 6, 7]);
    leave(amir, maria);
  });

  test('of what is there already changes nothing', async () => {
    const { room, amir, maria } = await scene();
    const ack = assertAck(await restore(amir, room, 1));
    assert.deepEqual([ack.version, ack.change], [1, undefined]);
    leave(amir, maria);
  });
});
