// Notifications and preferences over REST.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertStatus, draw, readAll, types } from './lib/contracts.mjs';
import { assertError, startServer } from './lib/server.mjs';

let server, admin, manager, editor, other, viewer;

before(async () => {
  server = await startServer({ config: { types } });
  [admin, manager, editor, other, viewer] = await Promise.all(['admin', 'mgarcia', 'akhan', 'jsmith', 'lchen'].map((name) => server.login(name)));
});

after(() => server?.stop());

const inbox = async (client, query = '') => assertStatus(await client.get(`/api/v1/notifications${query}`), 200);
const notify = async (id, title, more = {}) => assertStatus(await admin.post(`/api/v1/users/${id}/notify`, { title, ...more }), 201).notification;

test('an inbox keeps what its owner was told, and what he has read', async () => {
  const made = [];
  for (const title of ['One', 'Two', 'Three']) made.push(await notify(4, title, { priority: 'high', type: 'reminder' }));
  assert.deepEqual((await readAll(viewer, '/api/v1/notifications', 'notifications')).slice(0, 3).map(({ title }) => title), ['Three', 'Two', 'One']);
  const { notifications: [three], unread_count: unread } = await inbox(viewer);
  assert.deepEqual([three.type, three.priority, three.state, three.read, three.to_user_id], ['reminder', 'high', 'unread', false, 4]);
  const marked = assertStatus(await viewer.post('/api/v1/notifications/read', { ids: [made[0].id, made[1].id] }), 200);
  assert.deepEqual([marked.state, marked.count, marked.unread_count], ['read', 2, unread - 2]);
  assert.ok((await inbox(viewer, '?state=read')).notifications.some(({ id }) => id === made[0].id));
  assertStatus(await viewer.post(`/api/v1/notifications/${made[0].id}/unread`), 200);
  assert.equal((await inbox(viewer)).unread_count, unread - 1);
  assertStatus(await viewer.delete(`/api/v1/notifications/${made[2].id}`), 200);
  assert.ok(!(await inbox(viewer)).notifications.some(({ id }) => id === made[2].id));
  assert.equal(assertStatus(await viewer.post('/api/v1/notifications/read', { all: true }), 200).unread_count, 0);
  assert.equal((await inbox(viewer, '?state=unread')).notifications.length, 0);
});

test('all of them are read at once, however many they are', async () => {
  assertStatus(await other.post('/api/v1/notifications/read', { all: true }), 200);
  for (let n = 0; n < 150; n += 10) await Promise.all(Array.from({ length: 10 }, (_, i) => notify(5, `Number ${n + i}`)));
  assert.equal((await inbox(other)).unread_count, 150);
  assert.deepEqual(assertStatus(await other.post('/api/v1/notifications/read', { all: true }), 200), { state: 'read', count: 150, unread_count: 0 });
  assert.equal((await inbox(other)).unread_count, 0);
  assert.equal(assertStatus(await other.post('/api/v1/notifications/read', { all: true }), 200).count, 0);
});

test('one is nobody else\'s', async () => {
  const { id } = await notify(4, 'Private');
  assert.ok(!(await inbox(editor)).notifications.some((one) => one.id === id));
  assertError(await editor.post('/api/v1/notifications/read', { ids: [id] }), 404, 'not_found', 'ids');
  assertError(await editor.delete(`/api/v1/notifications/${id}`), 404, 'not_found', 'object_id');
  assertError(await editor.post('/api/v1/users/4/notify', { title: 'From a colleague' }), 403, 'forbidden', undefined);
});

test('about a record it reaches those who are named', async () => {
  const { id } = await draw(editor);
  const body = { entity_type: 'contract', entityId: id, type: 'info', title: 'Please sign', to: [4], actions: [{ label: 'Open', url: `/contracts/${id}` }] };
  assertStatus(await editor.post('/api/v1/notifications', body), 201);
  const [told] = (await inbox(viewer)).notifications;
  assert.deepEqual([told.title, told.entity_type, told.entity_id, told.from_user_id ?? told.user_id, told.actions[0].label], ['Please sign', 'contract', id, 3, 'Open']);
  assertError(await viewer.post('/api/v1/notifications', body), 403, 'forbidden', undefined);
  assertError(await editor.post('/api/v1/notifications', { title: 'x' }), 400, 'missing_field', 'entity_type');
  assertError(await editor.post('/api/v1/notifications', { title: 'x', entity_type: 'contract' }), 400, 'missing_field', 'entity_id');
  assertError(await editor.post('/api/v1/notifications', { title: 'x', entity_type: 'nothing', entity_id: '1' }), 404, 'not_found', undefined);
});

test("an application's server tells several people at once", async () => {
  const send = (client, to) => client.post('/api/v1/notifications', { title: 'Closing early', to }, { 'idempotency-key': `close ${to}` });
  assert.deepEqual(assertStatus(await send(admin, [3, '5']), 201), { notified: 2 });
  assert.deepEqual(assertStatus(await send(admin, [3, '5']), 201), { notified: 2 });
  for (const client of [editor, other]) assert.equal((await inbox(client)).notifications.filter(({ title }) => title === 'Closing early').length, 1);
  assertError(await send(editor, [5]), 403, 'forbidden', undefined);
  assertError(await send(admin, []), 400, 'bad_field', 'to');
  assertError(await send(admin, [{}]), 400, 'bad_field', 'to');
});

test('preferences say what one wants to be told, and how', async () => {
  assert.deepEqual(assertStatus(await manager.get('/api/v1/preferences'), 200).preferences, { types: {}, default: {} });
  const wanted = { default: { sound: true }, types: { newsletter: { on: false }, reminder: { desktop: true } } };
  const put = await manager.request('PUT', '/api/v1/preferences', { body: wanted });
  assert.deepEqual(assertStatus(put, 200).preferences.types, wanted.types);
  const { preferences } = assertStatus(await manager.get('/api/v1/preferences'), 200);
  assert.deepEqual([preferences.user_id, preferences.default], [2, wanted.default]);
  assert.equal((await admin.post('/api/v1/users/2/notify', { title: 'News', type: 'newsletter' })).status, 204);
  assert.deepEqual((await notify(2, 'Soon', { type: 'reminder' })).show, { toast: true, badge: true, sound: true, desktop: true });
  assertError(await manager.request('PUT', '/api/v1/preferences', { body: { default: { sound: 'loud' } } }), 400, 'bad_field', 'default');
});
