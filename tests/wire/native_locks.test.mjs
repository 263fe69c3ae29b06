// Locks over `/ws`: docs/protocol/native.md, "Locks", with a plain WebSocket.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../lib/server.mjs';
import { assertAck, assertRefused, drop, hear, People } from './lib/people.mjs';
import { about, heard, newOrder, say, set, settleRecord } from './lib/records.mjs';

let server, people;

before(async () => {
  server = await startServer({ env: { COLLABD_PRESENCE_GRACE_MS: '300' } });
  people = new People(server);
});

after(() => server?.stop());

const lock = (window, room, action, more = {}) => say(window, 'lock', room, { action, ...more });
const take = async (window, room, more) => assertAck(await lock(window, room, 'acquire', more)).lock;
const happened = (window, event, suits = () => true) => hear(window, 'lock', (payload) => payload.event === event && suits(payload));

/** A work order with two people in its room, and a third who listens to all locks. */
async function scene() {
  const room = await newOrder(people);
  return { room, amir: await people.enter('akhan', room), maria: await people.enter('mgarcia', room), watcher: await people.enter('lchen', 'edit-locks') };
}
const leave = (...windows) => windows.forEach((window) => window.close());

describe('a lock', () => {
  test('is told to whoever takes it, to those at the record and to those who watch all locks', async () => {
    const { room, amir, maria, watcher } = await scene();
    const { lock: taken, position } = assertAck(await lock(amir, room, 'acquire', { path: 'title', ttl: 20 }));
    assert.deepEqual(
      { ...about(room), path: taken.path, lockedBy: taken.lockedBy, lockedByName: taken.lockedByName, renewable: taken.renewable, soft: taken.soft, ttlMs: taken.ttlMs, requests: taken.requests },
      { entityType: taken.entityType, entityId: taken.entityId, path: '/title', lockedBy: '3', lockedByName: 'Amir Khan', renewable: true, soft: false, ttlMs: 20000, requests: [] },
    );
    assert.ok(Number.isSafeInteger(taken.token) && taken.token > 0);
    assert.equal(Date.parse(taken.expiresAt) - Date.parse(taken.lockedAt) >= 19000, true);
    for (const [window, where] of [[maria, room], [watcher, 'edit-locks']]) {
      const event = await happened(window, 'acquired', ({ entityId }) => entityId === taken.entityId);
      assert.deepEqual([event.channel, event.userId, event.payload.token, event.payload.lockedBy], [where, '3', taken.token, '3']);
      if (where === room) assert.deepEqual({ epoch: event.epoch, offset: event.offset }, position);
    }
    assert.deepEqual(heard(amir, 'lock', room), []);
    leave(amir, maria, watcher);
  });

  test('is in the way of others where it is, and says whose it is', async () => {
    const { room, amir, maria, watcher } = await scene();
    await take(amir, room, { path: 'materials' });
    for (const path of ['materials', '/materials/@i1', undefined]) {
      const error = assertRefused(await lock(maria, room, 'acquire', { path }), 'locked', undefined);
      assert.deepEqual([error.lock.path, error.lock.lockedBy, error.lock.lockedByName], ['/materials', '3', 'Amir Khan']);
    }
    await take(maria, room, { path: 'title' });
    leave(amir, maria, watcher);
  });

  test('is renewed by taking it again or by its token, and keeps that', async () => {
    const { room, amir, maria, watcher } = await scene();
    const first = await take(amir, room, { ttlMs: 5000 });
    const again = await take(amir, room, { ttl: 60 });
    assert.deepEqual([again.token, again.ttlMs], [first.token, 60000]);
    assert.equal(assertAck(await lock(amir, room, 'renew', { token: first.token, ttl: 30 })).lock.token, first.token);
    assertRefused(await lock(maria, room, 'renew', { token: first.token }), 'lock_lost', undefined);
    leave(amir, maria, watcher);
  });

  test('is free when it is released, and when its holder leaves', async () => {
    const { room, amir, maria, watcher } = await scene();
    const first = await take(amir, room);
    assertAck(await lock(amir, room, 'release', { token: first.token }));
    await happened(maria, 'released');
    const second = await take(maria, room);
    assert.ok(second.token > first.token);
    assertAck(await maria.ask({ type: 'unsubscribe', channel: room }));
    await happened(amir, 'released', ({ lockedBy }) => lockedBy === '2');
    assert.ok((await take(amir, room)).token > second.token);
    leave(amir, maria, watcher);
  });

  test('outlives a connection that breaks for a while, and then it is free', async () => {
    const { room, amir, maria, watcher } = await scene();
    await take(amir, room, { path: 'title' });
    await drop(amir);
    assertRefused(await lock(maria, room, 'acquire', { path: 'title' }), 'locked', undefined);
    await hear(maria, 'lock', ({ event }) => event === 'expired' || event === 'released');
    await take(maria, room, { path: 'title' });
    leave(maria, watcher);
  });

  test('stays with somebody who comes back in time', async () => {
    const { room, amir, maria, watcher } = await scene();
    const { token } = await take(amir, room);
    const tab = await people.enter('akhan', room);
    await drop(amir);
    await settleRecord(room, tab, maria);
    assert.equal((await take(tab, room)).token, token);
    assertRefused(await lock(maria, room, 'acquire'), 'locked', undefined);
    leave(tab, maria, watcher);
  });

  test('without anybody in the room lasts for its ttl', async () => {
    const { room, amir, maria, watcher } = await scene();
    const outside = await people.open('jsmith');
    await take(outside, room, { ttl: 1 });
    assertRefused(await lock(maria, room, 'acquire'), 'locked', undefined);
    await happened(maria, 'expired', ({ lockedBy }) => lockedBy === '5');
    await take(maria, room);
    leave(outside, amir, maria, watcher);
  });

  test('only warns when it is soft', async () => {
    const { room, amir, maria, watcher } = await scene();
    assert.equal((await take(amir, room, { soft: true })).soft, true);
    assert.equal((await happened(maria, 'acquired')).payload.soft, true);
    assertAck(await set(maria, room, 'title', 'Written all the same', { strategy: 'lock-based' }).then(async (answer) => {
      assert.equal(answer.payload.code, 'lock_required');
      return set(maria, room, 'title', 'Written all the same');
    }));
    leave(amir, maria, watcher);
  });
});

describe('writing under a lock', () => {
  const write = (window, room, after, more = {}) => set(window, room, 'title', after, { strategy: 'lock-based', ...more });

  test('needs it, and its token when one is given', async () => {
    const { room, amir, maria, watcher } = await scene();
    const refused = await write(amir, room, 'A');
    assert.deepEqual([refused.payload.code, refused.payload.verdict, refused.payload.lock], ['lock_required', 'rejected', undefined]);
    const { token } = await take(amir, room, { path: 'title' });
    assert.equal(assertAck(await write(amir, room, 'B', { fencingToken: token })).verdict, 'applied');
    assert.equal(assertAck(await write(amir, room, 'C', { fence: token })).strategy, 'lock-based');
    const locked = await write(maria, room, 'D');
    assert.deepEqual([locked.payload.code, locked.payload.verdict, locked.payload.lock.lockedBy], ['locked', 'rejected', '3']);
    leave(amir, maria, watcher);
  });

  test('with an old token is refused, so that nothing is overwritten by who lost it', async () => {
    const { room, amir, maria, watcher } = await scene();
    const { token } = await take(amir, room, { path: 'title' });
    assertAck(await lock(amir, room, 'release', { path: 'title', token }));
    const hers = await take(maria, room, { path: 'title' });
    assertAck(await write(maria, room, 'Hers', { fencingToken: hers.token }));
    const late = await write(amir, room, 'His', { fencingToken: token });
    assert.ok(['locked', 'lock_lost'].includes(late.payload.code), JSON.stringify(late));
    assertAck(await lock(maria, room, 'release', { path: 'title', token: hers.token }));
    await take(amir, room, { path: 'title' });
    const older = await write(amir, room, 'His', { fencingToken: token });
    assert.deepEqual([older.payload.code, older.payload.verdict], ['lock_lost', 'rejected']);
    leave(amir, maria, watcher);
  });
});

describe('between people', () => {
  test('a lock is asked for and handed over', async () => {
    const { room, amir, maria, watcher } = await scene();
    const inbox = await people.enter('akhan', 'inbox');
    const { token } = await take(amir, room, { path: 'title' });
    assertAck(await lock(maria, room, 'request', { path: 'title', note: 'just the spelling' }));
    const asked = (await happened(amir, 'requested')).payload;
    assert.deepEqual(asked.requests.map(({ userId, username, note }) => [userId, username, note]), [['2', 'mgarcia', 'just the spelling']]);
    assert.equal((await hear(inbox, 'notification', ({ type }) => type === 'lock_request')).payload.userId, '2');
    assertAck(await lock(amir, room, 'hand_over', { path: 'title', token, userId: '2' }));
    const given = (await happened(maria, 'handed_over')).payload;
    assert.equal(given.lockedBy, '2');
    assert.ok(given.token > token);
    assertAck(await set(maria, room, 'title', 'Spelt', { strategy: 'lock-based', fencingToken: given.token }));
    leave(amir, maria, watcher, inbox);
  });

  test('nobody gives away what is not his', async () => {
    const { room, amir, maria, watcher } = await scene();
    await take(amir, room);
    const refused = await lock(maria, room, 'hand_over', { userId: '3' });
    assert.equal(refused.type, 'error', JSON.stringify(refused));
    leave(amir, maria, watcher);
  });

  test('an administrator takes it from its holder, who is told; others may not', async () => {
    const { room, amir, maria, watcher } = await scene();
    const admin = await people.enter('admin', room);
    const inbox = await people.enter('akhan', 'inbox');
    await take(amir, room);
    assertRefused(await lock(await people.enter('jsmith', room), room, 'force'), 'forbidden', undefined);
    assertAck(await lock(admin, room, 'force', { note: 'urgent' }));
    await happened(amir, 'forced');
    await hear(inbox, 'notification', ({ type }) => type === 'lock_lost');
    await take(maria, room);
    leave(amir, maria, watcher, admin, inbox);
  });
});

describe('what is wrong', () => {
  test('has a code of its own', async () => {
    const { room, amir, maria, watcher } = await scene();
    assertRefused(await lock(amir, room, undefined), 'missing_field', 'action');
    assertRefused(await lock(amir, room, 'steal'), 'bad_field', 'action');
    assertRefused(await lock(amir, room, 'expire'), 'bad_field', 'action');
    assertRefused(await lock(amir, room, 'acquire', { path: 'nothing' }), 'unknown_field', 'nothing');
    assertRefused(await lock(amir, room, 'acquire', { path: 'materials/0' }), 'position_in_path', 'path');
    assertRefused(await lock(amir, room, 'acquire', { ttl: 0 }), 'bad_field', 'ttl');
    assertRefused(await lock(amir, room, 'acquire', { ttlMs: 1e9 }), 'bad_field', 'ttlMs');
    assert.equal((await lock(amir, room, 'release')).type, 'error');
    assertRefused(await amir.ask({ type: 'lock', payload: { action: 'acquire' } }), 'missing_field', 'entityType');
    assertRefused(await amir.ask({ type: 'lock', payload: { action: 'acquire', entityType: 'work_order', entityId: 'WO-none' } }), 'not_found', undefined);
    leave(amir, maria, watcher);
  });
});
