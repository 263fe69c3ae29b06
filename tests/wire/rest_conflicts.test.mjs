// Conflicts over REST: found, assigned, settled once.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertStatus, draw, readAll, types } from './lib/contracts.mjs';
import { assertError, startServer } from './lib/server.mjs';

let server, manager, second, editor, other, viewer;

before(async () => {
  server = await startServer({ config: { types } });
  [manager, second, editor, other, viewer] = await Promise.all(['mgarcia', 'admin', 'akhan', 'jsmith', 'lchen'].map((name) => server.login(name)));
});

after(() => server?.stop());

/** The same field changed by two who knew the same version. */
async function clash(field, values, [one, two] = [editor, other]) {
  const record = await draw(editor);
  assertStatus(await one.patch(`${record.path}?base_version=1`, { [field]: values[0] }), 200);
  const { conflict } = assertStatus(await two.patch(`${record.path}?base_version=1`, { [field]: values[1] }), 202);
  return { ...record, conflict };
}

const dataOf = async (client, path) => assertStatus(await client.get(path), 200).data;
const resolve = (client, { conflict }, body) => client.post(`/api/v1/conflicts/${conflict.id}/resolve`, body);

test('a conflict shows both sides and what was there', async () => {
  const { conflict, path } = await clash('price', [20, 30]);
  const read = assertStatus(await viewer.get(`/api/v1/conflicts/${conflict.id}`), 200).conflict;
  assert.deepEqual(read.fields, [{ path: '/price', base: null, mine: 30, theirs: 20 }]);
  assert.deepEqual([read.state, read.resolved, read.base_version, read.current_version], ['open', false, 1, 2]);
  assert.deepEqual([read.user_id, read.local_change.user_id, read.local_change.after, read.remote_change.user_id, read.remote_change.after], [5, 5, 30, 3, 20]);
  assert.equal((await dataOf(viewer, path)).price, 20);
});

test('the same request twice is one conflict', async () => {
  const { path } = await draw(editor);
  assertStatus(await editor.patch(`${path}?base_version=1`, { price: 20 }), 200);
  const patch = () => other.patch(`${path}?base_version=1`, { price: 30 }, { 'idempotency-key': `once ${path}` });
  const [first, second] = [assertStatus(await patch(), 202), assertStatus(await patch(), 202)];
  assert.equal(second.conflict.id, first.conflict.id);
  assert.equal(assertStatus(await viewer.get(`${path}/conflicts`), 200).conflicts.length, 1);
});

test('taking a record away that somebody else changed is one, if the type is like that', async () => {
  const record = assertStatus(await manager.post('/api/v1/records/deed', { name: 'A', secret: 'hush' }), 201);
  const path = `/api/v1/records/deed/${record.id}`;
  assertStatus(await manager.patch(path, { name: 'B', secret: 'hush hush' }), 200);
  const answer = await editor.delete(`${path}?base_version=1`);
  const { conflict } = assertStatus(answer, 202);
  assert.deepEqual(conflict.fields, [{ path: '', base: { name: 'A' }, mine: null, theirs: { name: 'B' } }]);
  for (const shown of [answer, await viewer.get(`/api/v1/conflicts/${conflict.id}`), await viewer.get(`${path}/conflicts`)]) assert.ok(!shown.text.includes('hush'));
  assert.equal(assertStatus(await manager.get(`/api/v1/conflicts/${conflict.id}`), 200).conflict.fields[0].theirs.secret, 'hush hush');
  assert.equal(assertStatus(await viewer.get(path), 200).data.name, 'B');
  assertStatus(await editor.post(`/api/v1/conflicts/${conflict.id}/resolve`, { resolution: 'local' }), 200);
  assertError(await viewer.get(path), 404, 'not_found', undefined);
});

test('mine: what was refused is done', async () => {
  const conflicting = await clash('price', [20, 30]);
  const { conflict } = assertStatus(await resolve(other, conflicting, { resolution: 'local' }), 200);
  assert.deepEqual([conflict.state, conflict.resolution, conflict.resolved_by, conflict.resolved_version], ['resolved', 'local', 5, 3]);
  assert.equal((await dataOf(viewer, conflicting.path)).price, 30);
  const [change] = assertStatus(await viewer.get(`${conflicting.path}/history?limit=1`), 200).changes;
  assert.equal(change.resolves, conflict.id);
});

test('theirs: it stays as it is', async () => {
  const conflicting = await clash('price', [20, 30]);
  assertStatus(await resolve(other, conflicting, { resolution: 'remote' }), 200);
  const { version, data } = assertStatus(await viewer.get(conflicting.path), 200);
  assert.deepEqual([version, data.price], [2, 20]);
});

test('merged: something else is done', async () => {
  const conflicting = await clash('price', [20, 30]);
  const { conflict } = assertStatus(await resolve(manager, conflicting, { resolution: 'merged', value: 25 }), 200);
  assert.equal(conflict.merged_value, 25);
  assert.equal((await dataOf(viewer, conflicting.path)).price, 25);
});

test('who is second is told', async () => {
  const conflicting = await clash('price', [20, 30]);
  const answers = await Promise.all([resolve(manager, conflicting, { resolution: 'local' }), resolve(second, conflicting, { resolution: 'remote' })]);
  const statuses = answers.map(({ status }) => status).sort();
  assert.deepEqual(statuses, [200, 409]);
  const late = answers.find(({ status }) => status === 409);
  assertError(late, 409, 'already_resolved', undefined);
  assert.equal(late.json.conflict.state, 'resolved');
});

test('who decides over values that are not there any more is shown the present ones', async () => {
  const conflicting = await clash('price', [20, 30]);
  assertStatus(await manager.patch(conflicting.path, { price: 21 }), 200);
  const late = await resolve(other, conflicting, { resolution: 'local' });
  assertError(late, 409, 'conflict', undefined);
  assert.deepEqual([late.json.conflict.state, late.json.conflict.fields[0].theirs], ['open', 21]);
  assertStatus(await resolve(other, conflicting, { resolution: 'local' }), 200);
  assert.equal((await dataOf(viewer, conflicting.path)).price, 30);
});

test('somebody is asked to settle it', async () => {
  const conflicting = await clash('price', [20, 30]);
  const assign = (body) => editor.post(`/api/v1/conflicts/${conflicting.conflict.id}/assign`, body);
  assert.equal(assertStatus(await assign({ user_id: 2 }), 200).conflict.assigned_to, 2);
  const { conflicts } = assertStatus(await viewer.get('/api/v1/conflicts?state=open&assigned_to=2'), 200);
  assert.ok(conflicts.some(({ id }) => id === conflicting.conflict.id));
  const inbox = assertStatus(await manager.get('/api/v1/notifications?state=unread'), 200).notifications;
  assert.ok(inbox.some(({ type, data }) => type === 'assignment' && data.conflict_id === conflicting.conflict.id));
  assertError(await assign({ user_id: 'nobody' }), 400, 'unknown_user', 'user_id');
});

test('lists show the open ones, of a record, of a type, page by page', async () => {
  const [one, two, three] = [await clash('price', [1, 2]), await clash('price', [3, 4]), await clash('price', [5, 6])];
  assertStatus(await resolve(other, two, { resolution: 'remote' }), 200);
  const ids = (await readAll(viewer, '/api/v1/conflicts?state=open&type=contract', 'conflicts')).map(({ id }) => id);
  assert.ok(ids.includes(one.conflict.id) && ids.includes(three.conflict.id) && !ids.includes(two.conflict.id));
  assert.equal(new Set(ids).size, ids.length);
  const ofRecord = async (query) => assertStatus(await viewer.get(`${two.path}/conflicts${query}`), 200).conflicts.map(({ id }) => id);
  assert.deepEqual(await ofRecord(''), [two.conflict.id]);
  assert.deepEqual(await ofRecord('?state=open'), []);
  assertError(await viewer.get('/api/v1/conflicts?state=lost'), 400, 'bad_field', 'state');
});

test('one about a field that somebody may not read is not there for him', async () => {
  const { conflict, path } = await clash('margin', [1, 2], [manager, second]);
  assertStatus(await manager.get(`/api/v1/conflicts/${conflict.id}`), 200);
  assertError(await viewer.get(`/api/v1/conflicts/${conflict.id}`), 404, 'not_found', undefined);
  assertError(await editor.post(`/api/v1/conflicts/${conflict.id}/resolve`, { resolution: 'local' }), 404, 'not_found', undefined);
  assert.deepEqual(assertStatus(await viewer.get(`${path}/conflicts`), 200).conflicts, []);
});

test('what makes no sense is refused, and nothing is settled', async () => {
  const conflicting = await clash('price', [20, 30]);
  assertError(await resolve(other, conflicting, {}), 400, 'missing_field', 'resolution');
  assertError(await resolve(other, conflicting, { resolution: 'both' }), 400, 'bad_field', 'resolution');
  assertError(await resolve(other, conflicting, { resolution: 'merged' }), 400, 'missing_field', 'value');
  assertError(await resolve(viewer, conflicting, { resolution: 'local' }), 403, 'forbidden', undefined);
  assertError(await editor.get('/api/v1/conflicts/nothing'), 404, 'not_found', undefined);
  assert.equal(assertStatus(await viewer.get(`/api/v1/conflicts/${conflicting.conflict.id}`), 200).conflict.state, 'open');
});
