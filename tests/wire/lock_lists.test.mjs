// What lists say of locks: those that are held, and until when.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually } from '../lib/server.mjs';
import { assertStatus, draw, types } from './lib/contracts.mjs';
import { assertAck, People } from './lib/people.mjs';
import { say } from './lib/records.mjs';
import { assertError, startServer } from './lib/server.mjs';

let server, people, editor, other, viewer;

before(async () => {
  server = await startServer({ config: { types } });
  people = new People(server.process);
  [editor, other, viewer] = await Promise.all(['akhan', 'jsmith', 'lchen'].map((name) => server.login(name)));
});

after(() => server?.stop());

const take = async (path, body) => assertStatus(await editor.post(`${path}/locks`, body), 201).lock;
const locksOf = async (path) => assertStatus(await viewer.get(`${path}/locks`), 200).locks;

test('a lock that was renewed is listed with the time that it has now', async () => {
  const { path } = await draw(editor);
  const { token, expires_at: first } = await take(path, { ttl: 30 });
  const renewed = assertStatus(await editor.request('PATCH', `${path}/locks`, { body: { token, ttl: 600 } }), 200).lock;
  assert.ok(Date.parse(renewed.expires_at) > Date.parse(first));
  assert.deepEqual((await locksOf(path)).map(({ token: listed, expires_at, ttl_ms }) => [listed, expires_at, ttl_ms]), [[token, renewed.expires_at, 600000]]);
});

test('a lock whose connection keeps it is listed as going on', async () => {
  const { path, room } = await draw(editor);
  const window = await people.enter('akhan', room);
  const { lock } = assertAck(await say(window, 'lock', room, { action: 'acquire', ttl: 1 }));
  const [listed] = await locksOf(path);
  assert.equal(listed.token, lock.token);
  assert.ok(Date.parse(listed.expires_at) - Date.parse(listed.locked_at) >= 20000);
  const { items } = assertAck(await say(window, 'list', room, { kind: 'lock' }));
  assert.deepEqual(items.map(({ token, expiresAt }) => [token, expiresAt]), [[lock.token, listed.expires_at]]);
  window.close();
});

test('a lock that ended while the server was away is not listed, and in nobody’s way', async () => {
  const { path, room } = await draw(editor);
  const { path: longer } = await draw(editor);
  await take(path, { ttl: 1 });
  const { token } = await take(longer, { ttl: 600 });
  await server.restart('SIGKILL');
  await eventually(async () => (await locksOf(path)).length === 0, 'the list without the lock');
  assert.deepEqual((await locksOf(longer)).map((lock) => lock.token), [token]);
  const all = assertStatus(await viewer.get('/api/v1/locks?type=contract&limit=200'), 200).locks;
  assert.ok(!all.some(({ entity_id }) => room.endsWith(entity_id)));
  assert.ok(all.some((lock) => lock.token === token));
});

test('a lock is not given to somebody who did not ask for it', async () => {
  const { path } = await draw(editor);
  const { token } = await take(path, {});
  assertError(await editor.post(`${path}/locks/hand_over`, { user_id: 5, token }), 404, 'not_found', 'user_id');
  assertError(await editor.post(`${path}/locks/hand_over`, { token }), 404, 'not_found', 'user_id');
  assertStatus(await other.post(`${path}/locks/request`), 200);
  assertStatus(await editor.post(`${path}/locks/hand_over`, { user_id: 5, token }), 200);
});
