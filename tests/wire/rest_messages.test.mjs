// Chat over REST: in rooms, and from one person to another.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertStatus, draw, readAll, types } from './lib/contracts.mjs';
import { assertError, startServer } from './lib/server.mjs';

let server, editor, other, viewer;

before(async () => {
  server = await startServer({ config: { types } });
  [editor, other, viewer] = await Promise.all(['akhan', 'jsmith', 'lchen'].map((name) => server.login(name)));
});

after(() => server?.stop());

const inRoom = (room) => `/api/v1/rooms/${encodeURIComponent(room)}/messages`;
const textsOf = async (client, path) => (await readAll(client, path, 'messages')).map(({ text }) => text);

test('messages in rooms of records and of any name are kept, newest first', async () => {
  const { room } = await draw(editor);
  for (const name of [room, 'lobby', 'page:/orders/today', 'Füße & more']) {
    for (const text of ['one', 'two', 'three']) {
      const { message } = assertStatus(await editor.post(inRoom(name), { text, data: { n: 1 } }), 201);
      assert.deepEqual([message.room, message.text, message.user_id, message.data], [name, text, 3, { n: 1 }]);
    }
    assert.deepEqual(await textsOf(viewer, inRoom(name)), ['three', 'two', 'one'], name);
  }
});

test('two people talk among themselves', async () => {
  const { message } = assertStatus(await editor.post('/api/v1/users/5/messages', { text: 'Lunch?' }), 201);
  assert.deepEqual([message.to_user_id, message.user_id], [5, 3]);
  assertStatus(await other.post('/api/v1/users/3/messages', { text: 'At noon.' }), 201);
  const said = ['At noon.', 'Lunch?'];
  assert.deepEqual(await textsOf(editor, '/api/v1/users/5/messages'), said);
  assert.deepEqual(await textsOf(other, '/api/v1/users/3/messages'), said);
  assert.deepEqual(await textsOf(viewer, '/api/v1/users/5/messages'), []);
  for (const room of ['user:5', 'user:3', 'dm:3:5']) {
    assertError(await viewer.get(inRoom(room)), 404, 'not_found', undefined);
    assertError(await viewer.post(inRoom(room), { text: 'x' }), 404, 'not_found', undefined);
  }
  const { notifications } = assertStatus(await other.get('/api/v1/notifications'), 200);
  assert.ok(notifications.some(({ type, data }) => type === 'message' && data.message_id === message.id));
});

test('what is no message, and what is no room for one, is refused', async () => {
  assertError(await editor.post(inRoom('lobby'), {}), 400, 'missing_field', 'text');
  assertError(await editor.post(inRoom('lobby'), { text: 'x', data: 1 }), 400, 'bad_field', 'data');
  assertError(await editor.post(inRoom('x'.repeat(201)), { text: 'x' }), 400, 'bad_name', 'room');
  assertError(await editor.post(inRoom('order-updates'), { text: 'x' }), 403, 'forbidden', undefined);
  assertError(await editor.post('/api/v1/users/nobody/messages', { text: 'x' }), 400, 'unknown_user', 'to');
});
