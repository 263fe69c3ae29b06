// The activity feed over REST.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertStatus, draw, readAll, types } from './lib/contracts.mjs';
import { assertError, startServer } from './lib/server.mjs';

let server, manager, editor, viewer;

before(async () => {
  server = await startServer({ config: { types } });
  [manager, editor, viewer] = await Promise.all(['mgarcia', 'akhan', 'lchen'].map((name) => server.login(name)));
});

after(() => server?.stop());

const feed = async (client, query = '') => assertStatus(await client.get(`/api/v1/activity${query}`), 200).activity;
const of = (id) => `?type=contract&entity_id=${id}`;

test('tells who did what, newest first', async () => {
  const { id, path } = await draw(editor, { name: 'Rent' });
  assertStatus(await editor.patch(path, { status: 'signed' }), 200);
  assertStatus(await viewer.post(`${path}/comments`, { text: 'At last' }), 201);
  assertStatus(await viewer.post('/api/v1/activity', { entity_type: 'contract', entity_id: id, action: 'printed', metadata: { copies: 2 } }), 201);
  const items = await feed(manager, of(id));
  assert.deepEqual(items.map(({ action }) => action), ['printed', 'commented', 'updated', 'created']);
  const [printed, commented, updated] = items;
  assert.deepEqual(updated.entity, { type: 'contract', id, name: 'Rent' });
  assert.deepEqual(updated.changes, [{ field: 'status', before: 'draft', after: 'signed' }]);
  assert.deepEqual([updated.user_id, updated.username], [3, 'akhan']);
  assert.match(updated.timestamp, /^\d{4}-\d\d-\d\dT/);
  assert.equal(commented.comment.text, 'At last');
  assert.deepEqual(printed.metadata, { copies: 2 });
});

test('is filtered by user, record, customer, action and time, and read page by page', async () => {
  const { id, path } = await draw(editor, { customer: 'CUST-0007' });
  for (let n = 0; n < 4; n++) assertStatus(await manager.patch(path, { name: `Name ${n}` }), 200);
  const all = await feed(viewer, of(id));
  assert.equal(all.length, 5);
  const ids = (items) => items.map((item) => item.id);
  assert.deepEqual(ids(await readAll(viewer, `/api/v1/activity${of(id)}`, 'activity')), ids(all));
  assert.deepEqual((await feed(viewer, `${of(id)}&user=3`)).map(({ action }) => action), ['created']);
  assert.equal((await feed(viewer, `${of(id)}&action=updated`)).length, 4);
  assert.deepEqual(ids(await feed(viewer, `${of(id)}&user=mgarcia`)), ids(await feed(viewer, `${of(id)}&user=2`)));
  assert.equal((await feed(viewer, `${of(id)}&user=mgarcia`)).length, 4);
  assert.deepEqual(await feed(viewer, `${of(id)}&user=nobody`), []);
  assert.deepEqual(ids(await feed(viewer, '?customer=CUST-0007&type=contract')), ids(all));
  assert.deepEqual(ids(await feed(viewer, '?feed=customer&entity_id=CUST-0007')).filter((one) => ids(all).includes(one)), ids(all));
  assert.ok((await feed(viewer, '?feed=user&entity_id=2')).every(({ user_id }) => user_id === 2));
  assert.ok(ids(await feed(viewer, '?feed=global')).includes(all[0].id));
  assert.deepEqual(await feed(viewer, `${of(id)}&since=2999-01-01T00:00:00Z`), []);
  assert.deepEqual(await feed(viewer, `${of(id)}&until=2001-01-01T00:00:00Z`), []);
});

test('shows nobody what he may not read', async () => {
  const { id, path } = await draw(editor, { name: 'Hidden' });
  assertStatus(await manager.patch(path, { margin: 7, status: 'signed' }), 200);
  assertStatus(await manager.post(`${path}/comments`, { text: 'too low', path: 'margin' }), 201);
  const full = JSON.stringify(await feed(manager, of(id)));
  const partial = JSON.stringify(await feed(viewer, of(id)));
  assert.ok(full.includes('margin') && full.includes('too low'));
  assert.ok(!partial.includes('margin') && !partial.includes('too low'));
});

test('refuses what it does not understand', async () => {
  const get = (query) => viewer.get(`/api/v1/activity${query}`);
  assertError(await get('?feed=mine'), 400, 'bad_field', 'feed');
  assertError(await get('?feed=user'), 400, 'missing_field', 'entity_id');
  assertError(await get('?entity_id=CT-1'), 400, 'missing_field', 'type');
  assertError(await get('?since=yesterday'), 400, 'bad_field', 'since');
  assertError(await get('?until=1'), 400, 'bad_field', 'until');
  assertError(await get('?type=nothing'), 404, 'not_found', 'type');
  assertError(await get('?cursor=nonsense'), 400, 'bad_field', 'cursor');
  assertError(await get('?limit=0'), 400, 'bad_field', 'limit');
  const { id } = await draw(editor);
  const post = (body) => viewer.post('/api/v1/activity', { entity_type: 'contract', entity_id: id, ...body });
  assertError(await post({}), 400, 'missing_field', 'action');
  for (const action of ['updated', 'Printed!', '']) assertError(await post({ action }), 400, 'bad_field', 'action');
});
