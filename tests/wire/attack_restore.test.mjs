// Taking back and restoring are no way around the rights of the fields.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertAck, assertRefused, People } from './lib/people.mjs';
import { make, say, update } from './lib/records.mjs';
import { startServer } from './lib/server.mjs';

const all = ['editor', 'manager'];
const types = {
  offer: {
    roles: { create: all, update: all, delete: all, revert_others: all },
    fields: {
      name: { kind: 'string', required: true },
      price: { kind: 'number', write: ['manager'] },
      floor: { kind: 'number', read: ['manager'], write: ['manager'] },
      approved_by: { kind: 'string', read_only: true },
    },
    actions: {
      approve: { roles: ['manager'], set: { approved_by: '$username' } },
      withdraw: { roles: ['manager'], set: { approved_by: null } },
    },
  },
};

let server, people, amir, maria;

before(async () => {
  server = await startServer({ config: { types } });
  people = new People(server.process);
  [amir, maria] = await Promise.all(['akhan', 'mgarcia'].map((name) => people.open(name)));
});

after(() => server?.stop());

const data = async (room) => assertAck(await say(maria, 'read', room)).record.data;
const restore = (window, room, version) => say(window, 'restore', room, { version });
const remove = async (room) => assertAck(await update(amir, room, { operation: 'delete' }));
const offer = () => make(people, 'offer', { name: 'Pump', price: 10, floor: 5 }, 'mgarcia');

describe('what only an action may write', () => {
  test('is passed over by an undo, which takes back the edit before', async () => {
    const room = await offer();
    assertAck(await update(maria, room, { patch: { price: 20 } }));
    assertAck(await say(maria, 'action', room, { action: 'approve' }));
    assertAck(await say(maria, 'undo', room));
    assert.deepEqual(await data(room), { name: 'Pump', price: 10, floor: 5, approved_by: 'mgarcia' });
    assertAck(await say(maria, 'redo', room));
    assert.equal((await data(room)).price, 20);
    assertRefused(await say(maria, 'undo', room, { version: 3 }), 'forbidden', 'approved_by');
  });

  test('stays as it is when an old version comes back, and is counted', async () => {
    const room = await offer();
    assertAck(await update(maria, room, { patch: { price: 20 } }));
    assertAck(await say(maria, 'action', room, { action: 'approve' }));
    assert.equal(assertAck(await restore(maria, room, 1)).skipped, 1);
    assert.deepEqual(await data(room), { name: 'Pump', price: 10, floor: 5, approved_by: 'mgarcia' });
    assertRefused(await restore(maria, room, 1), 'forbidden', 'approved_by');
  });
});

describe('a record that was deleted', () => {
  test('comes back as it was last, with all its fields, whoever may make one', async () => {
    const room = await offer();
    assertAck(await update(maria, room, { patch: { price: 20, floor: 8 } }));
    await remove(room);
    assertAck(await restore(amir, room, 2));
    assert.deepEqual(await data(room), { name: 'Pump', price: 20, floor: 8 });
    await remove(room);
    assertAck(await say(amir, 'undo', room));
    assert.deepEqual(await data(room), { name: 'Pump', price: 20, floor: 8 });
  });

  test('does not come back with what it was before in fields that are not his to write', async () => {
    const room = await offer();
    assertAck(await update(maria, room, { patch: { price: 20 } }));
    assertRefused(await restore(amir, room, 1), 'forbidden', 'price');
    await remove(room);
    assertRefused(await restore(amir, room, 1), 'forbidden', 'price');
    assertAck(await restore(maria, room, 1));
    assert.equal((await data(room)).price, 10);
  });

  test('does not come back with an approval that was withdrawn', async () => {
    const room = await offer();
    assertAck(await say(maria, 'action', room, { action: 'approve' }));
    assertAck(await say(maria, 'action', room, { action: 'withdraw' }));
    await remove(room);
    await restore(amir, room, 2);
    await restore(amir, room, 3);
    assert.equal((await data(room)).approved_by, undefined);
  });
});

test('a field that he may not read is not named to him', async () => {
  const room = await offer();
  assertAck(await update(maria, room, { patch: { floor: 8 } }));
  assertRefused(await restore(amir, room, 1), 'forbidden', undefined);
  assertRefused(await say(amir, 'undo', room, { version: 2 }), 'forbidden', undefined);
  await remove(room);
  assertRefused(await restore(amir, room, 1), 'forbidden', undefined);
});
