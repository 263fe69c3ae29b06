// Conflicts that people settle, over `/ws`: docs/protocol/native.md, "Conflicts", with a plain WebSocket.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../lib/server.mjs';
import { assertAck, assertRefused, hear, People } from './lib/people.mjs';
import { about, newOrder, read, say, set, sync, update } from './lib/records.mjs';

let server, people;

before(async () => {
  server = await startServer();
  people = new People(server);
});

after(() => server?.stop());

const leave = (...windows) => windows.forEach((window) => window.close());
const settleIt = (window, room, conflictId, resolution, more = {}) => say(window, 'conflict', room, { action: 'resolve', conflictId, resolution, ...more });

/** Maria's change met Amir's: he wrote first. */
async function scene({ path = 'work_center', his = 'Paint', hers = 'Assembly 1', fields = {} } = {}) {
  const room = await newOrder(people, fields);
  const amir = await people.enter('akhan', room);
  const maria = await people.enter('mgarcia', room);
  assertAck(await set(amir, room, path, his, { version: 1, id: `his-${room}` }));
  const { conflict } = assertAck(await set(maria, room, path, hers, { version: 1, strategy: 'manual', id: `hers-${room}` }));
  return { room, amir, maria, conflict };
}

describe('a conflict', () => {
  test('has both changes and both values, for whoever made it and for all others', async () => {
    const { room, amir, maria, conflict } = await scene();
    assert.deepEqual(
      [conflict.state, conflict.resolved, conflict.resolutionStrategy, conflict.baseVersion, conflict.currentVersion, conflict.entityId],
      ['open', false, 'manual', 1, 2, about(room).entityId],
    );
    assert.deepEqual(conflict.fields, [{ path: '/work_center', base: null, mine: 'Assembly 1', theirs: 'Paint' }]);
    const { localChange, remoteChange, remoteChanges } = conflict;
    assert.deepEqual([localChange.id, localChange.userId, localChange.path, localChange.after, localChange.resolved], [`hers-${room}`, '2', '/work_center', 'Assembly 1', false]);
    assert.deepEqual([remoteChange.id, remoteChange.userId, remoteChange.version, remoteChange.after], [`his-${room}`, '3', 2, 'Paint']);
    assert.deepEqual(remoteChanges, [remoteChange]);
    const { payload, channel } = await hear(amir, 'conflict', ({ event }) => event === 'opened');
    assert.deepEqual([channel, payload.id], [room, conflict.id]);
    assert.deepEqual(payload, { event: 'opened', ...conflict });
    const { items } = assertAck(await say(amir, 'list', room, { kind: 'conflict', state: 'open' }));
    assert.deepEqual(items.map(({ id }) => id), [conflict.id]);
    leave(amir, maria);
  });

  test('is settled with the value that waited', async () => {
    const { room, amir, maria, conflict } = await scene();
    const ack = assertAck(await settleIt(amir, room, conflict.id, 'local'));
    assert.deepEqual([ack.version, ack.conflict.state, ack.conflict.resolved, ack.conflict.resolution, ack.conflict.resolvedBy], [3, 'resolved', true, 'local', '3']);
    assert.equal(await read(maria, room, 'work_center'), 'Assembly 1');
    const changed = await hear(maria, 'update', ({ version }) => version === 3);
    assert.equal(changed.payload.resolves, conflict.id);
    assert.equal((await hear(maria, 'conflict', ({ event }) => event === 'resolved')).payload.resolution, 'local');
    leave(amir, maria);
  });

  test('is settled with the value that is there, without a change', async () => {
    const { room, amir, maria, conflict } = await scene();
    const ack = assertAck(await settleIt(maria, room, conflict.id, 'remote'));
    assert.deepEqual([ack.conflict.resolved, ack.conflict.resolution], [true, 'remote']);
    const record = await sync(amir, room);
    assert.deepEqual([record.version, record.data.work_center], [2, 'Paint']);
    assert.deepEqual(assertAck(await say(amir, 'list', room, { kind: 'conflict', state: 'open' })).items, []);
    leave(amir, maria);
  });

  test('is settled with a third value', async () => {
    const { room, amir, maria, conflict } = await scene();
    const ack = assertAck(await settleIt(maria, room, conflict.id, 'merged', { value: 'Paint, then assembly' }));
    assert.deepEqual([ack.conflict.resolution, ack.conflict.mergedValue], ['merged', 'Paint, then assembly']);
    assert.equal(await read(amir, room, 'work_center'), 'Paint, then assembly');
    leave(amir, maria);
  });

  test('of several fields is settled with a value for each', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    assertAck(await update(amir, room, { version: 1, patch: { work_center: 'Paint', assigned_to: 'akhan' } }));
    const { conflict } = assertAck(await update(maria, room, { version: 1, strategy: 'manual', patch: { work_center: 'Assembly 1', assigned_to: 'mgarcia' } }));
    assert.deepEqual(conflict.fields.map(({ path, mine, theirs }) => [path, mine, theirs]), [['/work_center', 'Assembly 1', 'Paint'], ['/assigned_to', 'mgarcia', 'akhan']]);
    assertAck(await settleIt(maria, room, conflict.id, 'merged', { values: { '/work_center': 'Paint', '/assigned_to': 'jsmith' } }));
    const { data } = await sync(amir, room);
    assert.deepEqual([data.work_center, data.assigned_to], ['Paint', 'jsmith']);
    leave(amir, maria);
  });

  test('is settled by one of two who do it at once, and the other is told', async () => {
    const { room, amir, maria, conflict } = await scene();
    const answers = await Promise.all([settleIt(amir, room, conflict.id, 'local'), settleIt(maria, room, conflict.id, 'merged', { value: 'Both' })]);
    const [lost] = answers.filter(({ type }) => type === 'error');
    assert.deepEqual(answers.map(({ type }) => type).sort(), ['ack', 'error']);
    assertRefused(lost, 'already_resolved', undefined);
    const won = answers.find(({ type }) => type === 'ack').payload.conflict;
    const record = await sync(amir, room);
    assert.deepEqual([record.version, record.data.work_center], [3, won.resolution === 'local' ? 'Assembly 1' : 'Both']);
    leave(amir, maria);
  });

  test('is given to somebody, who is told', async () => {
    const { room, amir, maria, conflict } = await scene();
    const john = await people.enter('jsmith', 'inbox');
    assert.equal(assertAck(await say(amir, 'conflict', room, { action: 'assign', conflictId: conflict.id, userId: '5' })).conflict.assignedTo, '5');
    assert.equal((await hear(maria, 'conflict', ({ event }) => event === 'assigned')).payload.assignedTo, '5');
    const { payload } = await hear(john, 'notification', ({ type }) => type === 'assignment');
    assert.equal(payload.data.conflict_id, conflict.id);
    assertRefused(await say(amir, 'conflict', room, { action: 'assign', conflictId: conflict.id, userId: 'nobody' }), 'unknown_user', 'userId');
    leave(amir, maria, john);
  });

  test('survives a restart of the server', async () => {
    const { room, amir, maria, conflict } = await scene();
    leave(amir, maria);
    const { folder } = server;
    const { port } = server;
    server.child.kill('SIGKILL');
    await server.exited;
    const again = await startServer({ data: folder, port });
    const others = new People(again);
    try {
      const back = await others.enter('akhan', room);
      const { items } = assertAck(await say(back, 'list', room, { kind: 'conflict', state: 'open' }));
      assert.deepEqual(items, [conflict]);
      assertAck(await settleIt(back, room, conflict.id, 'local'));
      assert.equal(await read(back, room, 'work_center'), 'Assembly 1');
      back.close();
    } finally {
      await again.stop();
      server.remove();
      server = await startServer();
      people = new People(server);
    }
  });

  test('has an error for everything that is wrong', async () => {
    const { room, amir, maria, conflict } = await scene();
    const act = (payload) => say(amir, 'conflict', room, payload);
    assertRefused(await act({ conflictId: conflict.id }), 'missing_field', 'action');
    assertRefused(await act({ action: 'open', conflictId: conflict.id }), 'bad_field', 'action');
    assertRefused(await act({ action: 'resolve', resolution: 'local' }), 'missing_field', 'conflictId');
    assertRefused(await act({ action: 'resolve', conflictId: conflict.id }), 'missing_field', 'resolution');
    assertRefused(await act({ action: 'resolve', conflictId: conflict.id, resolution: 'mine' }), 'bad_field', 'resolution');
    assertRefused(await act({ action: 'resolve', conflictId: 'none', resolution: 'local' }), 'not_found', undefined);
    assert.equal((await act({ action: 'resolve', conflictId: conflict.id, resolution: 'merged' })).payload.code, 'missing_field');
    assert.equal((await act({ action: 'resolve', conflictId: conflict.id, resolution: 'merged', value: 7 })).payload.code, 'bad_field');
    assert.equal((await sync(amir, room)).version, 2);
    leave(amir, maria);
  });
});
