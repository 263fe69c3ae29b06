// Whom a type lets take locks from others and take back what others did: roles of its own, not administrators alone.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertStatus } from './lib/contracts.mjs';
import { assertAck, assertRefused, hear, People } from './lib/people.mjs';
import { say } from './lib/records.mjs';
import { assertError, startServer } from './lib/server.mjs';

const roles = { create: ['editor', 'manager'], update: ['editor', 'manager'] };
const types = {
  permit: { label: 'name', roles: { ...roles, force_locks: ['manager'], revert_others: ['manager'] }, fields: { name: { kind: 'string', required: true }, zone: { kind: 'string' } } },
  badge: { label: 'name', roles, fields: { name: { kind: 'string', required: true } } },
};

let server, people, admin, manager, editor, other;

before(async () => {
  server = await startServer({ config: { types } });
  people = new People(server.process);
  [admin, manager, editor, other] = await Promise.all(['admin', 'mgarcia', 'akhan', 'jsmith'].map((name) => server.login(name)));
});

after(() => server?.stop());

let serial = 0;
async function issue(type = 'permit') {
  const id = `X-${process.pid}-${++serial}`;
  assertStatus(await editor.post(`/api/v1/records/${type}`, { id, name: `Permit ${serial}` }), 201);
  return { id, path: `/api/v1/records/${type}/${id}`, room: `${type}:${id}` };
}
const take = async (client, path) => assertStatus(await client.post(`${path}/locks`), 201).lock;
const force = (client, path, note) => client.post(`${path}/locks/force`, { note });

describe('a lock', () => {
  test('is forced by a role that the type names, and it is known who did it, and why', async () => {
    const { id, path } = await issue();
    const { token } = await take(editor, path);
    assertError(await force(other, path, 'mine'), 403, 'forbidden', undefined);
    const forced = assertStatus(await force(manager, path, 'shift is over'), 200).lock;
    assert.deepEqual([forced.token, forced.locked_by, forced.note], [token, 3, 'shift is over']);
    assertStatus(await editor.patch(path, { zone: 'north' }, { 'lock-token': `${token}` }), 423);
    const { activity } = assertStatus(await other.get(`/api/v1/activity?type=permit&id=${id}`), 200);
    const line = activity.find(({ action }) => action === 'lock_forced');
    assert.deepEqual([line.user_id, line.lock.locked_by, line.lock.note], [2, 3, 'shift is over']);
    const { notifications } = assertStatus(await editor.get('/api/v1/notifications?state=unread'), 200);
    const told = notifications.find(({ type, entity_id }) => type === 'lock_lost' && entity_id === id);
    assert.deepEqual([told.message, told.user_id], ['shift is over', 2]);
  });

  test('is forced over a WebSocket, too', async () => {
    const { room } = await issue();
    const [amir, john, maria] = await Promise.all(['akhan', 'jsmith', 'mgarcia'].map((name) => people.enter(name, room)));
    assertAck(await say(amir, 'lock', room, { action: 'acquire' }));
    assertRefused(await say(john, 'lock', room, { action: 'force' }), 'forbidden', undefined);
    assertAck(await say(maria, 'lock', room, { action: 'force', note: 'fire drill' }));
    const event = await hear(john, 'lock', ({ event: what }) => what === 'forced');
    assert.deepEqual([event.userId, event.payload.lockedBy, event.payload.note], ['2', '3', 'fire drill']);
    assertAck(await say(john, 'lock', room, { action: 'acquire' }));
    for (const window of [amir, john, maria]) window.close();
  });

  test('is forced by administrators alone where the type says nothing', async () => {
    const { path } = await issue('badge');
    await take(editor, path);
    assertError(await force(manager, path), 403, 'forbidden', undefined);
    assertStatus(await force(admin, path), 200);
  });
});

describe('a change', () => {
  test('of somebody else is taken back by a role that the type names', async () => {
    const { path } = await issue();
    assertStatus(await editor.patch(path, { zone: 'north' }), 200);
    assertError(await other.post(`${path}/undo`, { version: 2 }), 403, 'forbidden', undefined);
    const undone = assertStatus(await manager.post(`${path}/undo`, { version: 2 }), 200);
    assert.deepEqual([undone.version, undone.data.zone], [3, undefined]);
    const { changes } = assertStatus(await other.get(`${path}/history`), 200);
    assert.deepEqual([changes[0].user_id, changes[0].undo_of], [2, 2]);
    assertStatus(await manager.post(`${path}/redo`), 200);
  });

  test('of somebody else is taken back by administrators alone where the type says nothing', async () => {
    const { path } = await issue('badge');
    assertStatus(await editor.patch(path, { name: 'Another' }), 200);
    assertError(await manager.post(`${path}/undo`, { version: 2 }), 403, 'forbidden', undefined);
    assertStatus(await admin.post(`${path}/undo`, { version: 2 }), 200);
  });
});

test('everybody can see what he may', async () => {
  const allowed = async (client) => {
    const { types: listed } = assertStatus(await client.get('/api/v1/types'), 200);
    return ['permit', 'badge'].map((name) => (({ force_locks, revert_others }) => [force_locks, revert_others])(listed.find((type) => type.name === name).allowed));
  };
  assert.deepEqual(await allowed(admin), [[true, true], [true, true]]);
  assert.deepEqual(await allowed(manager), [[true, true], [false, false]]);
  assert.deepEqual(await allowed(editor), [[false, false], [false, false]]);
});
