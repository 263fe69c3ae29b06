// Who is there, doing what, typing and pointing where: presence on `/ws`, docs/protocol/native.md with a plain WebSocket.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../lib/server.mjs';
import { assertAck, assertRefused, drop, events, hear, People } from './lib/people.mjs';

let server, people;

before(async () => {
  server = await startServer({
    env: { COLLABD_PRESENCE_GRACE_MS: '700', COLLABD_TYPING_MS: '400', COLLABD_PRESENCE_REFRESH_MS: '300' },
  });
  people = new People(server);
});

after(() => server?.stop());

const joined = (window, id) => hear(window, 'presence', (payload) => payload.event === 'user_joined' && payload.userId === id);
const left = (window, id) => hear(window, 'presence', (payload) => payload.event === 'user_left' && payload.userId === id);
const names = (list) => list.map(({ username }) => username).sort();

async function present(window, room) {
  return assertAck(await window.ask({ type: 'presence_get', channel: room })).presence;
}

describe('people in a room', () => {
  test('see who comes, in full, and are seen by him in the answer', async () => {
    const amir = await people.enter('akhan', 'hall');
    const maria = await people.enter('mgarcia', 'hall', { action: 'editing', currentLocation: { page: '/orders', section: 'lines' }, activity: 'counting' });
    const { payload, channel, userId, messageId, timestamp, replyTo } = await joined(amir, '2');
    const { color, lastSeen, ...rest } = payload;
    assert.deepEqual([channel, userId, replyTo], ['hall', '2', undefined]);
    assert.ok(messageId && Date.parse(timestamp));
    assert.match(color, /^#[0-9A-F]{6}$/i);
    assert.ok(Date.parse(lastSeen));
    assert.deepEqual(rest, {
      event: 'user_joined', userId: '2', username: 'mgarcia', name: 'Maria Garcia', status: 'online', action: 'editing',
      currentLocation: { page: '/orders', section: 'lines' }, activity: 'counting', editingRow: null, cursor: null, sessions: 1,
    });
    assert.deepEqual(names(maria.joined.presence), ['akhan', 'mgarcia']);
    const shown = maria.joined.presence.find((person) => person.userId === '2');
    assert.deepEqual({ ...shown, event: 'user_joined' }, payload);
    assert.equal(events(maria, 'presence').length, 0); // nobody is told of himself
    amir.close();
    maria.close();
  });

  test('have each a colour of his own', async () => {
    const windows = [];
    for (const name of ['admin', 'mgarcia', 'akhan', 'lchen', 'jsmith']) windows.push(await people.enter(name, 'colours'));
    const colors = windows.at(-1).joined.presence.map(({ color }) => color);
    assert.equal(new Set(colors).size, 5);
    for (const window of windows) window.close();
  });

  test('are people, not windows', async () => {
    const maria = await people.enter('mgarcia', 'tabs');
    const one = await people.enter('akhan', 'tabs');
    assert.equal((await joined(maria, '3')).payload.sessions, 1);
    const two = await people.enter('akhan', 'tabs');
    const list = await present(maria, 'tabs');
    assert.deepEqual(list.map(({ username, sessions }) => [username, sessions]), [['mgarcia', 1], ['akhan', 2]]);
    assertAck(await one.ask({ type: 'unsubscribe', channel: 'tabs' }));
    assertAck(await two.ask({ type: 'presence', channel: 'tabs', payload: { activity: 'still here' } }));
    await hear(maria, 'presence', (payload) => payload.activity === 'still here' && payload.sessions === 1);
    assertAck(await two.ask({ type: 'unsubscribe', channel: 'tabs' }));
    await left(maria, '3');
    assert.equal(events(maria, 'presence', (payload) => payload.event === 'user_joined' && payload.userId === '3').length, 1);
    for (const window of [maria, one, two]) window.close();
  });

  test('hear what somebody does now, in any of his windows', async () => {
    const maria = await people.enter('mgarcia', 'doing');
    const one = await people.enter('akhan', 'doing', { action: 'viewing' });
    const two = await people.enter('akhan', 'doing');
    assertAck(await two.ask({ type: 'presence', channel: 'doing', payload: { action: 'editing', editing_row: 'row-7', color: '#aB12cd' } }));
    const { payload } = await hear(maria, 'presence', ({ event, action }) => event === 'presence_update' && action === 'editing');
    assert.deepEqual([payload.editingRow, payload.color.toLowerCase(), payload.sessions], ['row-7', '#ab12cd', 2]);
    await hear(one, 'presence', ({ action, userId }) => action === 'editing' && userId === '3'); // his other window, too
    assertAck(await two.ask({ type: 'presence', channel: 'doing', payload: { status: 'away' } }));
    await hear(maria, 'presence', ({ event, action, activity }) => event === 'presence_update' && activity === null && action === 'editing');
    assertRefused(await two.ask({ type: 'presence', channel: 'doing', payload: { color: 'red' } }), 'bad_color', 'color');
    assertRefused(await two.ask({ type: 'presence', channel: 'doing', payload: { action: 'sleeping' } }), 'bad_field', 'action');
    assertRefused(await two.ask({ type: 'presence', channel: 'doing', payload: { status: 'gone' } }), 'bad_field', 'status');
    assertRefused(await two.ask({ type: 'presence', channel: 'doing', payload: { currentLocation: 'here' } }), 'bad_field', 'currentLocation');
    for (const window of [maria, one, two]) window.close();
  });

  test('are listed for who only looks, without his being there', async () => {
    const maria = await people.enter('mgarcia', 'looked-at');
    const looker = await people.open('lchen');
    const answer = assertAck(await looker.ask({ type: 'presence_get', channel: 'looked-at' }));
    assert.deepEqual(names(answer.presence), ['mgarcia']);
    assert.ok(answer.position.epoch > 0 && answer.position.offset >= 0);
    assert.deepEqual(await present(looker, 'empty-room'), []);
    const listener = await people.enter('akhan', 'looked-at', { present: false });
    assert.deepEqual(names(listener.joined.presence), ['mgarcia']);
    assert.deepEqual(names(await present(maria, 'looked-at')), ['mgarcia']);
    assertAck(await maria.ask({ type: 'presence', channel: 'looked-at', payload: { activity: 'busy' } }));
    await hear(listener, 'presence', (payload) => payload.activity === 'busy');
    assert.equal(events(maria, 'presence').length, 0);
    for (const window of [maria, looker, listener]) window.close();
  });

  test('who say where they are, are there, though they never subscribed', async () => {
    const maria = await people.enter('mgarcia', 'said');
    const amir = await people.open('akhan');
    assertAck(await amir.ask({ type: 'presence', channel: 'said', payload: { action: 'viewing' } }));
    await joined(maria, '3');
    assert.deepEqual(names(await present(amir, 'said')), ['akhan', 'mgarcia']);
    maria.close();
    amir.close();
  });

  test('are heard of by everybody in `user-presence`', async () => {
    const watcher = await people.enter('admin', 'user-presence', { present: false });
    const window = await people.open('jsmith');
    assertAck(await window.ask({ type: 'presence', payload: { currentLocation: { page: '/home' }, status: 'online' } }));
    const event = await hear(watcher, 'presence', (payload) => payload.userId === '5' && payload.currentLocation.page === '/home');
    assert.equal(event.channel, 'user-presence');
    watcher.close();
    window.close();
  });

  test('hear every while who was seen lately, though he said nothing that is an event', async () => {
    const maria = await people.enter('mgarcia', 'refresh');
    const amir = await people.enter('akhan', 'refresh', { activity: 'reading' });
    const before = (await joined(maria, '3')).payload.lastSeen;
    assertAck(await amir.ask({ type: 'typing', channel: 'refresh', payload: {} }));
    const { payload } = await hear(maria, 'presence', ({ event, users }) => event === 'refresh' && names(users).includes('akhan'));
    const [seen] = payload.users.filter(({ userId }) => userId === '3');
    assert.ok(seen.lastSeen >= before);
    assert.deepEqual([seen.activity, seen.status, seen.sessions], ['reading', 'online', 1]);
    maria.close();
    amir.close();
  });
});

describe('going', () => {
  test('is heard at once when it is said', async () => {
    const maria = await people.enter('mgarcia', 'leaving');
    const amir = await people.enter('akhan', 'leaving');
    const gone = left(maria, '3');
    assertAck(await amir.ask({ type: 'unsubscribe', channel: 'leaving' }));
    const { payload } = await gone;
    assert.deepEqual([payload.status, payload.sessions], ['offline', 0]);
    assert.deepEqual(names(await present(maria, 'leaving')), ['mgarcia']);
    assertRefused(await amir.ask({ type: 'typing', channel: 'leaving', payload: {} }), 'not_member', 'channel');
    assertRefused(await amir.ask({ type: 'unsubscribe', channel: 'leaving' }), 'not_member', 'channel');
    maria.close();
    amir.close();
  });

  test('is no leave when it was a reload, and a leave when nobody comes back', async () => {
    const maria = await people.enter('mgarcia', 'reload');
    const before = await people.enter('akhan', 'reload', { action: 'editing' });
    const other = await people.enter('lchen', 'reload');
    await joined(maria, '4');
    const color = maria.heard.find((heard) => heard.payload?.userId === '3').payload.color;
    await drop(before);
    const again = await people.enter('akhan', 'reload');
    const after = again.joined.presence.find((person) => person.userId === '3');
    assert.equal(after.color, color);
    await drop(other); // later than the first: by the time it is missed, the first would have been, too
    assert.deepEqual(names(await present(maria, 'reload')), ['akhan', 'lchen', 'mgarcia']);
    await left(maria, '4');
    assert.deepEqual(events(maria, 'presence', (payload) => payload.userId === '3').map(({ payload }) => payload.event).filter((event) => event === 'user_left'), []);
    assert.equal(events(maria, 'presence', (payload) => payload.userId === '3' && payload.event === 'user_joined').length, 1);
    assert.deepEqual(names(await present(maria, 'reload')), ['akhan', 'mgarcia']);
    assert.equal((await present(maria, 'reload')).find((person) => person.userId === '3').sessions, 1);
    maria.close();
    again.close();
  });

  test('does not take a person away who still has another window', async () => {
    const maria = await people.enter('mgarcia', 'windows');
    const one = await people.enter('akhan', 'windows');
    const two = await people.enter('akhan', 'windows');
    const other = await people.enter('lchen', 'windows');
    await drop(one);
    await drop(other);
    await left(maria, '4');
    assert.deepEqual((await present(maria, 'windows')).map(({ username, sessions }) => [username, sessions]), [['mgarcia', 1], ['akhan', 1]]);
    await drop(two);
    await left(maria, '3');
    maria.close();
  });

  test('by logging out is at once, on a server where nothing else happens', async () => {
    const quiet = await startServer({
      args: ['--workers', '1'],
      env: { COLLABD_PRESENCE_GRACE_MS: '3600000', COLLABD_PRESENCE_REFRESH_MS: '3600000' },
    });
    try {
      const crowd = new People(quiet);
      const maria = await crowd.enter('mgarcia', 'logout');
      const john = await crowd.enter('jsmith', 'logout');
      await joined(maria, '5');
      assert.equal((await crowd.rest('jsmith', 'POST', '/api/v1/logout', {})).status, 204);
      assert.equal((await john.waitClosed()).code, 4440);
      await left(maria, '5');
    } finally {
      await quiet.stop();
    }
  });
});

describe('typing', () => {
  test('begins, ends when it is said, and by itself', async () => {
    const maria = await people.enter('mgarcia', 'typing');
    const amir = await people.enter('akhan', 'typing');
    const typing = (state, field) => hear(maria, 'typing', (payload) => payload.typing === state && payload.field === field);
    assertAck(await amir.ask({ type: 'typing', channel: 'typing', payload: { field: 'title' } }));
    const { payload, userId } = await typing(true, 'title');
    assert.deepEqual([userId, payload.userId, payload.username], ['3', '3', 'akhan']);
    assert.match(payload.color, /^#/);
    assertAck(await amir.ask({ type: 'typing', channel: 'typing', payload: { field: 'title', isTyping: false } }));
    await typing(false, 'title');
    assertAck(await amir.ask({ type: 'typing', channel: 'typing', payload: { field: 'notes', typing: true } }));
    await typing(true, 'notes');
    await typing(false, 'notes'); // nobody said so: he is told, too
    assert.deepEqual((await hear(amir, 'typing')).payload, { ...payload, field: 'notes', typing: false });
    assert.equal(events(amir, 'typing').length, 1);
    maria.close();
    amir.close();
  });

  test('ends with leaving', async () => {
    const maria = await people.enter('mgarcia', 'typing-left');
    const amir = await people.enter('akhan', 'typing-left');
    assertAck(await amir.ask({ type: 'typing', channel: 'typing-left', payload: { field: 'title' } }));
    await hear(maria, 'typing');
    amir.send({ type: 'unsubscribe', channel: 'typing-left' });
    await left(maria, '3');
    assert.deepEqual(events(maria, 'typing').map(({ payload }) => payload.typing), [true, false]);
    maria.close();
    amir.close();
  });

  test('needs to be in the room, and a field that is a text', async () => {
    const amir = await people.enter('akhan', 'typing-wrong');
    assertRefused(await amir.ask({ type: 'typing', channel: 'other', payload: {} }), 'not_member', 'channel');
    assertRefused(await amir.ask({ type: 'typing', channel: 'typing-wrong', payload: { field: 1 } }), 'bad_field', 'field');
    assertRefused(await amir.ask({ type: 'typing', channel: 'typing-wrong', payload: { typing: 'yes' } }), 'bad_field', 'typing');
    amir.close();
  });
});

describe('cursors', () => {
  test('arrive as the latest of each person', async () => {
    const maria = await people.enter('mgarcia', 'cursors');
    const amir = await people.enter('akhan', 'cursors');
    const john = await people.enter('lchen', 'cursors');
    for (let i = 0; i < 300; i++) {
      amir.send({ type: 'cursor', channel: 'cursors', payload: { x: i, y: 2 * i } });
      john.send({ type: 'cursor', channel: 'cursors', payload: { x: -i } });
    }
    const { payload } = await hear(maria, 'cursor', ({ cursor }) => cursor.x === 299);
    await hear(maria, 'cursor', ({ cursor }) => cursor.x === -299);
    assert.deepEqual([payload.userId, payload.username, payload.cursor], ['3', 'akhan', { x: 299, y: 598 }]);
    const seen = events(maria, 'cursor', ({ userId }) => userId === '3').map((event) => event.payload.cursor.x);
    assert.ok(seen.length < 300, `${seen.length} were not conflated`);
    assert.deepEqual(seen, [...seen].sort((a, b) => a - b));
    assert.equal(events(amir, 'cursor', ({ userId }) => userId === '3').length, 0);
    assert.deepEqual((await present(maria, 'cursors')).find(({ userId }) => userId === '3').cursor, { x: 299, y: 598 });
    for (const window of [maria, amir, john]) window.close();
  });

  test('name the row that is edited', async () => {
    const maria = await people.enter('mgarcia', 'rows');
    const amir = await people.enter('akhan', 'rows');
    assertAck(await amir.ask({ type: 'cursor', channel: 'rows', payload: { x: 1, editingRow: 'SKU-1' } }));
    assert.equal((await hear(maria, 'cursor')).payload.editingRow, 'SKU-1');
    assert.equal((await present(maria, 'rows')).find(({ userId }) => userId === '3').editingRow, 'SKU-1');
    maria.close();
    amir.close();
  });

  test('are objects of at most 1 KiB, from members', async () => {
    const amir = await people.enter('akhan', 'cursor-wrong');
    assertAck(await amir.ask({ type: 'cursor', channel: 'cursor-wrong', payload: { s: 'x'.repeat(1024 - 8) } }));
    assertRefused(await amir.ask({ type: 'cursor', channel: 'cursor-wrong', payload: { s: 'x'.repeat(1025 - 8) } }), 'too_large', 'payload');
    assertRefused(await amir.ask({ type: 'cursor', channel: 'cursor-wrong', payload: [1] }), 'bad_field', 'payload');
    assertRefused(await amir.ask({ type: 'cursor', channel: 'cursor-wrong' }), 'missing_field', 'payload');
    assertRefused(await amir.ask({ type: 'cursor', channel: 'elsewhere', payload: {} }), 'not_member', 'channel');
    amir.close();
  });
});

test('who does nothing for a while is away, and online again when he does something', async () => {
  const idle = await startServer({ env: { COLLABD_PRESENCE_IDLE_MS: '1000' } });
  try {
    const crowd = new People(idle);
    const maria = await crowd.enter('mgarcia', 'idle', { present: false });
    const amir = await crowd.enter('akhan', 'idle');
    await hear(maria, 'presence', ({ userId, status }) => userId === '3' && status === 'away');
    assertAck(await amir.ask({ type: 'cursor', channel: 'idle', payload: { x: 1 } }));
    await hear(maria, 'presence', ({ userId, status, event }) => userId === '3' && status === 'online' && event === 'presence_update');
  } finally {
    await idle.stop();
  }
});
