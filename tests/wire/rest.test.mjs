// Records, history, presence and types over REST, as docs/protocol/rest.md describes them.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openEvents } from './lib/events.mjs';
import { assertError, startServer } from './lib/server.mjs';
import { openSocket } from './lib/socket.mjs';

const types = {
  plan: {
    title: 'Plan',
    id_prefix: 'PLAN-',
    label: 'name',
    roles: { read: ['manager'] },
    fields: { name: { kind: 'string', required: true } },
  },
};

let server, admin, manager, editor, viewer;

before(async () => {
  server = await startServer({ config: { types }, env: { COLLABD_LIMITS: 'open' } });
  [admin, manager, editor, viewer] = await Promise.all(['admin', 'mgarcia', 'akhan', 'lchen'].map((name) => server.login(name)));
});

after(() => server?.stop());

async function create(fields = {}) {
  const answer = await editor.post('/api/v1/records/work_order', { title: 'Made by a test', ...fields });
  assert.equal(answer.status, 201, answer.text);
  return { ...answer.json, path: `/api/v1/records/work_order/${answer.json.id}` };
}

describe('types', () => {
  test('are shown with what the user may do', async () => {
    const { json } = await viewer.get('/api/v1/types');
    const order = json.types.find(({ name }) => name === 'work_order');
    assert.equal(order.channel, 'work-order-updates');
    assert.deepEqual(order.allowed, { create: false, update: false, delete: false, force_locks: false, revert_others: false });
    assert.equal(order.fields.find(({ name }) => name === 'status').writable, false);
    const forAdmin = (await admin.get('/api/v1/types')).json.types.find(({ name }) => name === 'work_order');
    assert.deepEqual(forAdmin.allowed, { create: true, update: true, delete: true, force_locks: true, revert_others: true });
    assert.equal(forAdmin.fields.find(({ name }) => name === 'status').writable, true);
  });

  test('and fields that the user may not read are not shown', async () => {
    const fieldsFor = async (client) => {
      const { json } = await client.get('/api/v1/types');
      return json.types.find(({ name }) => name === 'employee').fields.map(({ name }) => name);
    };
    assert.ok((await fieldsFor(manager)).includes('hourly_rate'));
    assert.ok(!(await fieldsFor(viewer)).includes('hourly_rate'));
    assert.ok(!(await viewer.get('/api/v1/types')).json.types.some(({ name }) => name === 'plan'));
    assert.ok((await manager.get('/api/v1/types')).json.types.some(({ name }) => name === 'plan'));
  });
});

describe('a list', () => {
  test('is read page by page to its end, every record once', async () => {
    const ids = [];
    let cursor = '', total;
    do {
      const { status, json } = await viewer.get(`/api/v1/records/inventory?limit=500${cursor && `&cursor=${cursor}`}`);
      assert.equal(status, 200);
      ids.push(...json.records.map(({ id }) => id));
      cursor = json.next_cursor;
      total = json.total;
    } while (cursor !== null);
    assert.equal(total, 1200);
    assert.equal(new Set(ids).size, 1200);
    assert.deepEqual(ids, [...ids].sort());
  });

  test('is filtered, compared and sorted by fields', async () => {
    const path = '/api/v1/records/work_order?status=open&quantity__gte=100&quantity__lt=300&sort=-quantity&limit=1000';
    const { json } = await viewer.get(path);
    const quantities = json.records.map(({ data }) => data.quantity);
    assert.ok(quantities.length > 5 && json.records.every(({ data }) => data.status === 'open'));
    assert.ok(quantities.every((quantity) => quantity >= 100 && quantity < 300));
    assert.deepEqual(quantities, [...quantities].sort((a, b) => b - a));
    assert.equal(json.total, quantities.length);
  });

  test('finds text literally: no wildcards, no quoting to escape from', async () => {
    await editor.post('/api/v1/records/vendor', { name: '100% "quoted" o\'clock; DROP TABLE record;--' });
    const find = async (text) =>
      (await viewer.get(`/api/v1/records/vendor?q=${encodeURIComponent(text)}`)).json.records.map(({ data }) => data.name);
    assert.equal((await find('100% "QUOTED"')).length, 1);
    assert.equal((await find("o'clock; DROP")).length, 1);
    assert.equal((await find('1__% "quoted"')).length, 0);
    assert.equal((await find('a* NEAR(')).length, 0);
    assert.equal((await find('\0')).length, 0);
    assert.equal((await viewer.get('/api/v1/records/vendor?limit=1')).status, 200);
  });

  test('refuses what it does not understand, and names it', async () => {
    const list = (query) => viewer.get(`/api/v1/records/work_order?${query}`);
    assertError(await list('colour=red'), 400, 'unknown_field', 'colour');
    assertError(await list('status__like=o'), 400, 'unknown_field', 'status__like');
    assertError(await list('sort=colour'), 400, 'unknown_field', 'sort');
    assertError(await list('sort=materials'), 400, 'bad_field', 'sort');
    assertError(await list('quantity=many'), 400, 'bad_field', 'quantity');
    assertError(await list('kitted=perhaps'), 400, 'bad_field', 'kitted');
    for (const limit of ['0', '1001', '-1', '1e2', '01', '']) assertError(await list(`limit=${limit}`), 400, 'bad_field', 'limit');
    assertError(await list('cursor=nonsense'), 400, 'bad_field', 'cursor');
    assertError(await list('q=%ff'), 400, 'bad_utf8', undefined);
    assertError(await list(`q=${'x'.repeat(300)}`), 400, 'bad_field', 'q');
    assertError(await list(Array.from({ length: 17 }, () => 'status=open').join('&')), 400, 'bad_request', 'status');
  });

  test('takes a field that the user may not read for one that is not there', async () => {
    for (const query of ['hourly_rate__gt=10', 'hourly_rate=1', 'sort=hourly_rate', 'sort=-hourly_rate']) {
      assert.equal((await manager.get(`/api/v1/records/employee?${query}`)).status, 200);
      const answer = await viewer.get(`/api/v1/records/employee?${query}`);
      assertError(answer, 400, 'unknown_field', query.startsWith('sort') ? 'sort' : query.split('=')[0]);
    }
    const { json } = await manager.get('/api/v1/records/employee?limit=1');
    const { id, data } = json.records[0];
    assert.equal(typeof data.hourly_rate, 'number');
    const found = await viewer.get(`/api/v1/records/employee?q=${data.hourly_rate}&limit=1000`);
    assert.ok(!found.json.records.some((record) => record.id === id));
  });
});

describe('a record', () => {
  test('is read with its version as its ETag', async () => {
    const answer = await viewer.get('/api/v1/records/order/ORD-10001');
    assert.equal(answer.status, 200);
    assert.deepEqual(Object.keys(answer.json), ['type', 'id', 'version', 'updated_at', 'data']);
    assert.equal(answer.headers.get('etag'), `"${answer.json.version}"`);
    assert.match(answer.json.updated_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    for (const tag of ['"1"', 'W/"1"', '*', '"0", "1"']) {
      const known = await viewer.get('/api/v1/records/order/ORD-10001', { 'if-none-match': tag });
      assert.equal(known.status, 304, tag);
      assert.equal(known.text, '');
      assert.equal(known.headers.get('etag'), '"1"');
    }
    assert.equal((await viewer.get('/api/v1/records/order/ORD-10001', { 'if-none-match': '"2"' })).status, 200);
    const head = await viewer.request('HEAD', '/api/v1/records/order/ORD-10001');
    assert.equal(head.status, 200);
    assert.equal(head.text, '');
    assert.equal(head.headers.get('etag'), '"1"');
  });

  test('is known by an alias of its type, too', async () => {
    const { json } = await viewer.get('/api/v1/records/item/SKU-0001');
    assert.equal(json.type, 'inventory');
  });

  test('that is missing and one that is hidden are answered alike', async () => {
    const made = await manager.post('/api/v1/records/plan', { id: 'PLAN-A', name: 'secret' });
    assert.equal(made.status, 201, made.text);
    const paths = ['plan/PLAN-A', 'plan/PLAN-B', 'plan', 'nothing/X', 'nothing', 'work_order/WO-0', 'plan/PLAN-A/history'];
    for (const path of paths) assertError(await viewer.get(`/api/v1/records/${path}`), 404, 'not_found', undefined);
    assertError(await viewer.patch('/api/v1/records/plan/PLAN-A', { name: 'x' }), 404, 'not_found', undefined);
    assertError(await viewer.delete('/api/v1/records/plan/PLAN-A'), 404, 'not_found', undefined);
    assertError(await viewer.post('/api/v1/records/plan', { name: 'x' }), 404, 'not_found', undefined);
    assertError(await viewer.get('/api/v1/presence?resource_type=plan&resource_id=PLAN-A'), 404, 'not_found', undefined);
    assertError(await viewer.get('/api/v1/presence?room=plan:PLAN-A'), 404, 'not_found', undefined);
    assert.equal((await manager.get('/api/v1/records/plan/PLAN-A')).json.data.name, 'secret');
  });

  test('has one spelling of its id', async () => {
    await editor.post('/api/v1/records/vendor', { id: '1', name: 'One' });
    assert.equal((await editor.get('/api/v1/records/vendor/1')).status, 200);
    for (const id of ['1e0', '%201', '1%20', '+1', '01', '1.0', '%31%20'])
      assertError(await editor.get(`/api/v1/records/vendor/${id}`), 404, 'not_found', undefined);
  });

  test('shows only the fields that the user may read', async () => {
    const [{ id }] = (await manager.get('/api/v1/records/employee?limit=1')).json.records;
    const path = `/api/v1/records/employee/${id}`;
    assert.ok('hourly_rate' in (await manager.get(path)).json.data);
    for (const query of ['', '?version=1']) {
      const { json } = await viewer.get(path + query);
      assert.ok('name' in json.data && !('hourly_rate' in json.data));
    }
    const rate = (await manager.get(path)).json.data.hourly_rate;
    assert.equal((await manager.patch(path, { hourly_rate: rate + 1 })).status, 200);
    const { json } = await viewer.get(`${path}/history`);
    assert.equal(json.changes.length, 2);
    assert.ok(!JSON.stringify(json).includes('hourly_rate'));
    assertError(await editor.patch(path, { hourly_rate: 1 }), 400, 'unknown_field', 'hourly_rate');
  });
});

describe('creating', () => {
  test('gives the next id of its type, a location and defaults', async () => {
    const answer = await editor.post('/api/v1/records/work_order', { title: 'First' });
    assert.equal(answer.status, 201);
    assert.match(answer.json.id, /^WO-\d+$/);
    assert.equal(answer.headers.get('location'), `/api/v1/records/work_order/${answer.json.id}`);
    assert.equal(answer.headers.get('etag'), '"1"');
    assert.equal(answer.json.data.status, 'open');
    const second = await editor.post('/api/v1/records/work_order', { title: 'Second' });
    assert.equal(Number(second.json.id.slice(3)), Number(answer.json.id.slice(3)) + 1);
    assert.equal((await editor.get(answer.headers.get('location'))).json.data.title, 'First');
  });

  test('takes an id of the client, once', async () => {
    const id = 'Füße & "50%"';
    const answer = await editor.post('/api/v1/records/work_order', { id, title: 'Odd' });
    assert.equal(answer.status, 201, answer.text);
    assert.equal(answer.json.id, id);
    assert.equal((await editor.get(answer.headers.get('location'))).json.id, id);
    assertError(await editor.post('/api/v1/records/work_order', { id, title: 'Odd' }), 409, 'already_exists', undefined);
  });

  test('refuses what is no such record, and names the field', async () => {
    const post = (body) => editor.post('/api/v1/records/work_order', body);
    assertError(await post({}), 400, 'missing_field', 'title');
    assertError(await post({ title: 7 }), 400, 'bad_field', 'title');
    assertError(await post({ title: 'x', status: 'lost' }), 400, 'bad_field', 'status');
    assertError(await post({ title: 'x', colour: 'red' }), 400, 'unknown_field', 'colour');
    for (const id of ['a/b', '', ' a', 7, 'x'.repeat(129)]) assertError(await post({ id, title: 'x' }), 400, 'bad_field', 'id');
    assertError(await post([]), 400, 'bad_request', undefined);
    assertError(await viewer.post('/api/v1/records/work_order', { title: 'x' }), 403, 'forbidden', undefined);
  });

  test('is done once for one Idempotency-Key, with and without an id', async () => {
    for (const id of [undefined, 'WO-IDEM']) {
      const key = { 'idempotency-key': `create ${id}` };
      const body = { id, title: 'Once' };
      const first = await editor.post('/api/v1/records/work_order', body, key);
      assert.equal(first.status, 201, first.text);
      const { path } = { path: first.headers.get('location') };
      await editor.patch(path, { title: 'Changed since' });
      const second = await editor.post('/api/v1/records/work_order', body, key);
      assert.equal(second.status, 201, second.text);
      assert.deepEqual(second.json, first.json);
      const other = await editor.post('/api/v1/records/work_order', { ...body, title: 'Other' }, key);
      assertError(other, 409, 'conflict', undefined);
      assert.equal((await editor.get(`${path}/history`)).json.changes.length, 2);
    }
    const many = Array.from({ length: 8 }, () =>
      editor.post('/api/v1/records/work_order', { title: 'At once' }, { 'idempotency-key': 'at once' }));
    const ids = new Set((await Promise.all(many)).map(({ json }) => json.id));
    assert.equal(ids.size, 1);
    assert.equal((await editor.get('/api/v1/records/work_order?title=At+once')).json.total, 1);
  });

  test('under the same Idempotency-Key of another user is another request', async () => {
    const key = { 'idempotency-key': 'shared' };
    const mine = await editor.post('/api/v1/records/work_order', { title: 'Mine' }, key);
    const theirs = await admin.post('/api/v1/records/work_order', { title: 'Theirs' }, key);
    assert.equal(theirs.status, 201);
    assert.notEqual(mine.json.id, theirs.json.id);
    for (const bad of ['x'.repeat(129)])
      assertError(await editor.post('/api/v1/records/work_order', { title: 'x' }, { 'idempotency-key': bad }), 400, 'bad_request', undefined);
  });
});

describe('changing', () => {
  test('merges a patch: what is not named stays, null takes away', async () => {
    const { path } = await create({ notes: 'as it was', priority: 'low' });
    const answer = await editor.patch(path, { priority: 'high', notes: null });
    assert.equal(answer.status, 200);
    assert.equal(answer.json.version, 2);
    assert.equal(answer.headers.get('etag'), '"2"');
    assert.equal(answer.json.data.priority, 'high');
    assert.equal(answer.json.data.title, 'Made by a test');
    assert.ok(!('notes' in answer.json.data));
    const merge = await editor.patch(path, JSON.stringify({ title: 'As merge-patch' }), { 'content-type': 'application/merge-patch+json; charset=utf-8' });
    assert.equal(merge.json.version, 3);
    const nothing = await editor.patch(path, {});
    assert.equal(nothing.status, 200);
    assert.equal(nothing.json.version, 3);
  });

  test('with If-Match is done against the present version only', async () => {
    const { path } = await create();
    const patch = (tag, title) => editor.patch(path, { title }, { 'if-match': tag });
    assert.equal((await patch('"1"', 'two')).status, 200);
    const stale = await patch('"1"', 'three');
    assertError(stale, 412, 'precondition_failed', undefined);
    assert.equal(stale.headers.get('etag'), '"2"');
    assert.equal((await patch('"1", "2"', 'three')).status, 200);
    assert.equal((await patch('*', 'four')).status, 200);
    for (const tag of ['W/"4"', '"abc"', '""']) assertError(await patch(tag, 'five'), 412, 'precondition_failed', undefined);
    for (const tag of ['4', '"4', 'abc', '"4" "3"', "'4'", '"4",,']) assertError(await patch(tag, 'five'), 400, 'bad_request', undefined);
    const future = await patch('"99"', 'five');
    assert.ok(future.status === 400 || future.status === 412, future.text);
    assert.equal((await editor.get(path)).json.version, 4);
    assertError(await editor.patch('/api/v1/records/work_order/WO-0', { title: 'x' }, { 'if-match': '*' }), 404, 'not_found', undefined);
  });

  test('deletes, and the past can still be read', async () => {
    const { path } = await create();
    assertError(await editor.delete(path), 403, 'forbidden', undefined);
    await editor.patch(path, { title: 'Before the end' });
    assertError(await admin.delete(path, { 'if-match': '"1"' }), 412, 'precondition_failed', undefined);
    assertError(await admin.delete(path, { 'if-match': 'garbage' }), 400, 'bad_request', undefined);
    const gone = await admin.delete(path, { 'if-match': '"2"' });
    assert.equal(gone.status, 204);
    assert.equal(gone.text, '');
    assertError(await editor.get(path), 404, 'not_found', undefined);
    assertError(await admin.delete(path), 404, 'not_found', undefined);
    assert.equal((await editor.get(`${path}?version=2`)).json.data.title, 'Before the end');
    const { json } = await editor.get(`${path}/history`);
    assert.deepEqual(json.changes.map(({ action }) => action), ['delete', 'update', 'create']);
  });

  test('reads any version of the past, and none that never was', async () => {
    const { path } = await create({ title: 'one' });
    await editor.patch(path, { title: 'two' });
    await editor.patch(path, { title: 'three' });
    for (const [version, title] of [[1, 'one'], [2, 'two'], [3, 'three']]) {
      const past = await viewer.get(`${path}?version=${version}`);
      assert.equal(past.json.data.title, title);
      assert.equal(past.headers.get('etag'), `"${version}"`);
    }
    for (const version of ['0', '4', '9007199254740993']) assertError(await viewer.get(`${path}?version=${version}`), 400, 'bad_version', 'version');
    for (const version of ['-1', 'x', '1.0', '01', '', '99999999999999999999'])
      assertError(await viewer.get(`${path}?version=${version}`), 400, 'bad_field', 'version');
  });

  test('is done once for one Idempotency-Key', async () => {
    const { path } = await create();
    const key = { 'idempotency-key': `patch ${path}` };
    const first = await editor.patch(path, { title: 'x' }, key);
    await editor.patch(path, { title: 'y' });
    const second = await editor.patch(path, { title: 'x' }, key);
    assert.deepEqual(second.json, first.json);
    assertError(await editor.patch(path, { title: 'z' }, key), 409, 'conflict', undefined);
    assert.equal((await editor.get(path)).json.data.title, 'y');
  });

  test('takes JSON only, and only so much of it', async () => {
    const { path } = await create();
    const raw = (body, type) => editor.patch(path, body, type ? { 'content-type': type } : {});
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/jsonp'])
      assertError(await raw('{"title":"x"}', type), 415, 'unsupported', undefined);
    for (const body of ['', '{', '{"title":"x"}}', '{"title":"x","title":"y"}', '{"title":"\\ud800"}', '\ufeff{}'])
      assertError(await raw(body, 'application/json'), 400, 'bad_json', undefined);
    assertError(await raw(JSON.stringify({ title: 'x'.repeat(300_000) }), 'application/json'), 413, 'too_large', undefined);
    assert.equal((await editor.get(path)).json.version, 1);
  });
});

describe('actions', () => {
  test('do what the type says, in the states that it says', async () => {
    const { path } = await create({ quantity: 10 });
    const started = await editor.post(`${path}/actions/start`);
    assert.equal(started.status, 200, started.text);
    assert.equal(started.json.data.status, 'in_progress');
    const done = await editor.post(`${path}/actions/complete`, { quantity_completed: 9 });
    assert.equal(done.json.data.quantity_completed, 9);
    assert.equal(done.json.data.completed_by, 'akhan');
    assertError(await editor.post(`${path}/actions/complete`), 409, 'bad_state', 'status');
    assertError(await editor.post(`${path}/actions/explode`), 404, 'unknown_action', 'action');
    assertError(await editor.post(`${path}/actions/reopen`), 403, 'forbidden', 'action');
    assertError(await editor.post('/api/v1/records/work_order/WO-0/actions/start'), 404, 'not_found', undefined);
    assert.equal((await manager.post(`${path}/actions/reopen`, {}, { 'if-match': '"3"' })).json.version, 4);
    const { json } = await editor.get(`${path}/history`);
    assert.deepEqual(json.changes.map(({ action }) => action), ['reopen', 'complete', 'start', 'create']);
  });

  test('are done once for one Idempotency-Key', async () => {
    const { path } = await create();
    const key = { 'idempotency-key': `start ${path}` };
    const first = await editor.post(`${path}/actions/start`, {}, key);
    const second = await editor.post(`${path}/actions/start`, {}, key);
    assert.equal(first.status, 200);
    assert.deepEqual(second.json, first.json);
  });

  test('ask for the input that they need', async () => {
    const path = '/api/v1/records/inventory/SKU-0002/actions/receive';
    assertError(await editor.post(path), 400, 'missing_field', 'quantity');
    assertError(await editor.post(path, { quantity: 'lots' }), 400, 'bad_field', 'qty_on_hand');
    assertError(await editor.post(path, [1]), 400, 'bad_request', undefined);
    assertError(await editor.post(path, '{"quantity":1}', { 'content-type': 'text/plain' }), 415, 'unsupported', undefined);
    assert.equal((await editor.post(path, { quantity: 1 })).status, 200);
  });
});

describe('history', () => {
  test('is paged from the newest change to the oldest', async () => {
    const { path } = await create();
    for (const title of ['b', 'c', 'd']) await editor.patch(path, { title });
    const first = (await viewer.get(`${path}/history?limit=3`)).json;
    assert.deepEqual(first.changes.map(({ version }) => version), [4, 3, 2]);
    const { json } = await viewer.get(`${path}/history?limit=3&before=${first.next_before}`);
    assert.deepEqual(json.changes.map(({ version }) => version), [1]);
    assert.equal(json.next_before, null);
    const [change] = first.changes;
    assert.equal(change.user_id, 3);
    assert.equal(change.username, 'akhan');
    assert.equal(change.entity_type, 'work_order');
    assert.deepEqual([change.operation, change.path, change.before, change.after], ['update', '/title', 'c', 'd']);
    assert.equal(change.ops.length, 1);
    for (const query of ['limit=0', 'limit=1001', 'limit=x']) assertError(await viewer.get(`${path}/history?${query}`), 400, 'bad_field', 'limit');
    assertError(await viewer.get(`${path}/history?before=-1`), 400, 'bad_field', 'before');
  });
});

describe('presence', () => {
  test('shows who is in a record, and what they do there', async () => {
    const path = '/api/v1/presence?resource_type=work_order&resource_id=WO-1010';
    assert.deepEqual((await viewer.get(path)).json, []);
    const socket = await openSocket(editor, '/ws');
    await socket.ask({ type: 'subscribe', channel: 'work_order:WO-1010', payload: { action: 'editing' } });
    const [person, ...others] = (await viewer.get(path)).json;
    assert.equal(others.length, 0);
    assert.equal(person.user_id, 3);
    assert.equal(person.username, 'akhan');
    assert.equal(person.resource_type, 'work_order');
    assert.equal(person.resource_id, 'WO-1010');
    assert.equal(person.action, 'editing');
    assert.match(person.color, /^#[0-9A-F]{6}$/);
    assert.match(person.timestamp, /Z$/);
    assert.deepEqual((await viewer.get('/api/v1/presence?room=work_order:WO-1010')).json.map(({ user_id }) => user_id), [3]);
    await socket.ask({ type: 'unsubscribe', channel: 'work_order:WO-1010' });
    assert.deepEqual((await viewer.get(path)).json, []);
    await socket.close();
  });

  test('needs a room that can be one', async () => {
    assertError(await viewer.get('/api/v1/presence'), 400, 'missing_field', 'resource_type');
    assertError(await viewer.get('/api/v1/presence?resource_type=work_order'), 400, 'missing_field', 'resource_id');
    assertError(await viewer.get('/api/v1/presence?resource_type=nothing&resource_id=1'), 404, 'not_found', undefined);
    assertError(await viewer.get('/api/v1/presence?room='), 400, 'bad_name', 'room');
    assertError(await viewer.get('/api/v1/presence?room=a%0ab'), 400, 'bad_name', 'room');
    assertError(await viewer.get(`/api/v1/presence?room=${'x'.repeat(201)}`), 400, 'bad_name', 'room');
    assert.deepEqual((await viewer.get('/api/v1/presence?room=nobody')).json, []);
  });

  test('of the inventory grid has cursors and rows', async () => {
    const path = '/api/v1/inventory/collaboration/presence';
    assert.deepEqual((await viewer.get(`${path}?room=elsewhere`)).json, { room: 'elsewhere', users: [], count: 0 });
    const socket = await openSocket(editor, '/ws');
    await socket.ask({ type: 'subscribe', channel: 'inventory_management' });
    await socket.ask({ type: 'cursor', channel: 'inventory_management', payload: { x: 1, y: 2, editingRow: 'SKU-0009' } });
    const { json } = await viewer.get(path);
    assert.equal(json.room, 'inventory_management');
    assert.equal(json.count, 1);
    const [user] = json.users;
    assert.equal(user.user_id, 3);
    assert.equal(user.username, 'akhan');
    assert.equal(user.editing_row, 'SKU-0009');
    assert.equal(user.cursor_position.x, 1);
    assert.match(user.last_seen, /Z$/);
    await socket.close();
  });
});

describe('broadcast-change', () => {
  const path = '/api/v1/inventory/collaboration/broadcast-change';
  const change = { sku: 'SKU-0001', field: 'qty_on_hand', old_value: 10, new_value: 15, update_type: 'edit' };

  test('is heard in the room, and stores nothing', async () => {
    const socket = await openSocket(viewer, '/ws');
    await socket.ask({ type: 'subscribe', channel: 'inventory_management' });
    const stream = await openEvents(viewer, '/api/v1/events?channel=inventory_management');
    const before = (await viewer.get('/api/v1/records/inventory/SKU-0001')).json;
    assert.deepEqual((await editor.post(path, change)).json, { success: true });
    const heard = await socket.hearType('publish');
    assert.equal(heard.event, 'inventory_changed');
    assert.equal(heard.userId, '3');
    const { timestamp, ...payload } = heard.payload;
    assert.deepEqual(payload, { ...change, user_id: '3', username: 'akhan' });
    assert.match(timestamp, /Z$/);
    assert.deepEqual((await stream.named('publish')).data, heard);
    assert.deepEqual((await viewer.get('/api/v1/records/inventory/SKU-0001')).json, before);
    stream.close();
    await socket.close();
  });

  test('takes any room that is not the server\'s own, and any JSON value', async () => {
    const socket = await openSocket(viewer, '/ws');
    await socket.ask({ type: 'subscribe', channel: 'grid-2' });
    const values = { old_value: null, new_value: { deep: [1.50, 'x'] } };
    assert.equal((await editor.post(path, { ...change, ...values, room: 'grid-2' })).status, 200);
    const { payload } = await socket.hearType('publish');
    assert.deepEqual([payload.old_value, payload.new_value], [values.old_value, values.new_value]);
    for (const room of ['inventory-updates', 'records', 'user-presence', 'notifications'])
      assertError(await editor.post(path, { ...change, room }), 403, 'forbidden', undefined);
    assert.equal((await editor.post(path, { ...change, room: 'nobody is here' })).status, 200);
    await socket.close();
  });

  test('refuses who may not change the inventory, and what is no change', async () => {
    assertError(await viewer.post(path, change), 403, 'forbidden', undefined);
    assertError(await editor.post(path, { ...change, sku: undefined }), 400, 'missing_field', 'sku');
    assertError(await editor.post(path, { ...change, field: 7 }), 400, 'bad_field', 'field');
    assertError(await editor.post(path, { ...change, room: 'a\nb' }), 400, 'bad_name', 'room');
    assertError(await editor.post(path, 'sku=1', { 'content-type': 'application/x-www-form-urlencoded' }), 415, 'unsupported', undefined);
  });
});

describe('paths', () => {
  test('that are not there, or not with this method, say so', async () => {
    assertError(await viewer.get('/api/v1/nothing'), 404, 'not_found', undefined);
    assertError(await viewer.get('/api/v2/me'), 404, 'not_found', undefined);
    for (const [method, path, allow] of [
      ['PUT', '/api/v1/me', 'GET, HEAD, OPTIONS'],
      ['GET', '/api/v1/login', 'POST, OPTIONS'],
      ['PUT', '/api/v1/records/work_order/WO-1001', 'GET, HEAD, PATCH, DELETE, OPTIONS'],
      ['DELETE', '/api/v1/records/work_order', 'GET, HEAD, POST, OPTIONS'],
    ]) {
      const answer = await viewer.request(method, path);
      assertError(answer, 405, 'method_not_allowed', undefined);
      assert.equal(answer.headers.get('allow'), allow);
      const options = await viewer.request('OPTIONS', path);
      assert.equal(options.status, 204);
      assert.equal(options.headers.get('allow'), allow);
    }
    assert.equal((await viewer.request('HEAD', '/api/v1/me')).status, 200);
    const upgrade = await viewer.get('/ws');
    assertError(upgrade, 426, 'upgrade_required', undefined);
    assert.equal(upgrade.headers.get('upgrade'), 'websocket');
  });

  test('about health need nobody to log in', async () => {
    const nobody = server.client();
    assert.deepEqual((await nobody.get('/healthz')).json, { status: 'ok' });
    assert.deepEqual((await nobody.get('/readyz')).json, { status: 'ready' });
    const stats = (await nobody.get('/socket-stats')).json;
    assert.ok(stats.connections >= 1 && stats.http_requests > 10 && stats.workers === 2);
    const metrics = await nobody.get('/metrics');
    assert.match(metrics.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
    assert.match(metrics.text, /^# TYPE collabd_http_requests_total counter\ncollabd_http_requests_total \d+$/m);
  });
});
