// Changes over REST: what they are made against, what became of them, and queues of them.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertStatus, draw, set, types } from './lib/contracts.mjs';
import { assertError, startServer } from './lib/server.mjs';

let server, manager, editor, other, viewer;

before(async () => {
  server = await startServer({ config: { types } });
  [manager, editor, other, viewer] = await Promise.all(['mgarcia', 'akhan', 'jsmith', 'lchen'].map((name) => server.login(name)));
});

after(() => server?.stop());

const verdictOf = (answer) => answer.headers.get('x-verdict');

describe('a patch', () => {
  test('of the present version is applied', async () => {
    const { path } = await draw(editor);
    const answer = await editor.patch(`${path}?base_version=1`, { status: 'signed' });
    assert.equal(assertStatus(answer, 200).version, 2);
    assert.equal(verdictOf(answer), 'applied');
  });

  test('of an older one is merged with what was done since', async () => {
    const { path } = await draw(editor, { notes: 'one two' });
    const edit = (client, value) => client.post(`${path}/changes`, { base_version: 1, ops: [{ op: 'txt', path: 'notes', value }] });
    assertStatus(await editor.patch(path, { status: 'signed' }, { 'x-base-version': '1' }), 200);
    assert.equal(assertStatus(await editor.get(path), 200).version, 2);
    const first = assertStatus(await edit(editor, [3, ' and a half']), 200).results[0];
    const second = assertStatus(await edit(other, [7, ' three']), 200).results[0];
    assert.equal(first.version, 3);
    assert.equal(second.verdict, 'merged', JSON.stringify(second));
    assert.equal(second.strategy, 'operational-transform');
    assert.equal(assertStatus(await viewer.get(path), 200).data.notes, 'one and a half two three');
  });

  test('that clashes in a manual field is kept as a conflict: 202, and nothing is changed', async () => {
    const { path } = await draw(editor, { price: 10 });
    assertStatus(await editor.patch(`${path}?base_version=1`, { price: 20 }), 200);
    const answer = await other.patch(`${path}?base_version=1`, { price: 30 });
    const { verdict, conflict } = assertStatus(answer, 202);
    assert.equal(verdict, 'conflict');
    assert.equal(verdictOf(answer), 'conflict');
    assert.equal(conflict.state, 'open');
    assert.deepEqual(conflict.fields, [{ path: '/price', base: 10, mine: 30, theirs: 20 }]);
    const now = assertStatus(await viewer.get(path), 200);
    assert.equal(now.version, 2);
    assert.equal(now.data.price, 20);
  });

  test('may ask for another strategy that the type allows, and no other', async () => {
    const { path } = await draw(editor, { status: 'draft' });
    assertStatus(await editor.patch(`${path}?base_version=1`, { status: 'signed' }), 200);
    const answer = await other.patch(`${path}?base_version=1&strategy=manual`, { status: 'void' });
    assertStatus(answer, 202);
    assert.equal(answer.headers.get('x-strategy'), 'manual');
    const vendor = assertStatus(await editor.post('/api/v1/records/vendor', { name: 'Vendor' }), 201);
    assertError(await editor.patch(`/api/v1/records/vendor/${vendor.id}?strategy=crdt`, { name: 'x' }), 400, 'strategy_not_allowed', 'name');
  });

  test('says what it is made against in one way that makes sense', async () => {
    const { path } = await draw(editor);
    const patch = (query, headers) => editor.patch(path + query, { status: 'signed' }, headers);
    assertError(await patch('?base_version=0'), 400, 'bad_version', 'base_version');
    assertError(await patch('?base_version=x'), 400, 'bad_field', 'base_version');
    assertError(await patch('?base_version=99'), 400, 'bad_version', 'version');
    assertError(await patch('?base_version=1', { 'if-match': '"1"' }), 400, 'bad_request', 'base_version');
    assertError(await patch('?strategy=luck'), 400, 'bad_field', 'strategy');
    assertError(await patch('', { 'lock-token': 'mine' }), 400, 'bad_field', 'lock_token');
    assertError(await patch(`?group=${'g'.repeat(129)}`), 400, 'bad_field', 'group');
    assert.equal(assertStatus(await viewer.get(path), 200).version, 1);
  });
});

describe('a queue of changes', () => {
  test('gets a verdict for each, in order', async () => {
    const { path } = await draw(editor, { price: 1 });
    assertStatus(await other.patch(path, { price: 2 }), 200);
    const changes = [
      set('status', 'signed', { id: 'q-1', version: 1 }),
      set('price', 3, { id: 'q-2', version: 1 }),
      set('nothing', 1, { id: 'q-3', version: 1 }),
      { id: 'q-4', version: 1, operation: 'increment', path: 'signatures', after: 2 },
      set('name', 'Last', { id: 'q-5', version: 1 }),
    ];
    const answer = await editor.post(`${path}/changes`, { changes });
    const { results } = assertStatus(answer, 200);
    assert.deepEqual(results.map(({ id }) => id), ['q-1', 'q-2', 'q-3', 'q-4', 'q-5']);
    assert.deepEqual(results.map(({ verdict }) => (verdict === 'merged' ? 'applied' : verdict)), ['applied', 'conflict', 'rejected', 'applied', 'applied']);
    assert.equal(results[1].conflict.fields[0].mine, 3);
    assert.deepEqual([results[2].error.code, results[2].error.field], ['unknown_field', 'nothing']);
    const versions = [results[0], results[3], results[4]].map(({ version }) => version);
    assert.deepEqual(versions, [3, 4, 5]);
    assert.ok(results[4].position.offset > results[0].position.offset);
    const { data } = assertStatus(await viewer.get(path), 200);
    assert.deepEqual([data.status, data.price, data.signatures, data.name], ['signed', 2, 2, 'Last']);
  });

  test('sent twice is done once', async () => {
    const { path } = await draw(editor);
    const changes = [1, 2, 3].map((n) => ({ id: `twice-${path}-${n}`.slice(-100), operation: 'increment', path: 'signatures', after: n }));
    const first = assertStatus(await editor.post(`${path}/changes`, { changes }), 200).results;
    const second = assertStatus(await editor.post(`${path}/changes`, { changes }), 200).results;
    assert.deepEqual(second.map(({ version }) => version), first.map(({ version }) => version));
    assert.ok(second.every(({ repeat }) => repeat === true));
    assert.equal(assertStatus(await viewer.get(path), 200).data.signatures, 6);
  });

  test('without ids of its own is known by the key of its request', async () => {
    const { path } = await draw(editor);
    const send = () => editor.post(`${path}/changes`, { changes: [set('name', 'A'), set('name', 'B')] }, { 'idempotency-key': `key ${path}` });
    const versions = (answer) => assertStatus(answer, 200).results.map(({ version }) => version);
    assert.deepEqual(versions(await send()), versions(await send()));
    assert.equal(assertStatus(await viewer.get(path), 200).version, 3);
  });

  test('of one change is a change', async () => {
    const { path } = await draw(editor);
    const { results } = assertStatus(await editor.post(`${path}/changes`, { operation: 'update', path: 'status', before: 'draft', after: 'signed', version: 1 }), 200);
    assert.equal(results.length, 1);
    assert.deepEqual([results[0].verdict, results[0].version, results[0].change.before, results[0].change.after], ['applied', 2, 'draft', 'signed']);
  });

  test('may make a record, change it and take it away', async () => {
    const path = `/api/v1/records/contract/CT-offline-${process.pid}`;
    const changes = [
      { operation: 'insert', after: { name: 'Offline' } },
      set('status', 'signed'),
      { ops: [{ op: 'ins', coll: 'items', id: 'i1', pos: 'a', value: { sku: 'SKU-1' } }] },
      { operation: 'update', path: '/items/@i1/sku', before: 'SKU-1', after: 'SKU-2' },
      { operation: 'update', path: 'items/0/sku', after: 'SKU-3' },
    ];
    const { results } = assertStatus(await editor.post(`${path}/changes`, { changes }), 200);
    assert.deepEqual(results.map(({ version, error }) => version ?? error.code), [1, 2, 3, 4, 'position_in_path']);
    const { data } = assertStatus(await viewer.get(path), 200);
    assert.deepEqual([data.status, data.items.map(({ sku }) => sku)], ['signed', ['SKU-2']]);
    const gone = assertStatus(await editor.post(`${path}/changes`, { operation: 'delete' }), 200).results[0];
    assert.deepEqual([gone.verdict, gone.change.action], ['applied', 'delete']);
    assertError(await viewer.get(path), 404, 'not_found', undefined);
  });

  test('does not let the last word of the queue clash with its own first', async () => {
    const { path } = await draw(editor, { price: 1 });
    const changes = [2, 3, 4].map((price) => set('price', price, { version: 1 }));
    const { results } = assertStatus(await editor.post(`${path}/changes`, { changes }), 200);
    assert.ok(results.every(({ verdict }) => verdict !== 'conflict'), JSON.stringify(results));
    assert.equal(assertStatus(await viewer.get(path), 200).data.price, 4);
  });

  test('of nothing has no position where nobody is, and no id when it came without one', async () => {
    const { path, data } = await draw(editor);
    const { results } = assertStatus(await editor.post(`${path}/changes`, { changes: [set('name', data.name), set('name', data.name, { id: 'n-1' })] }), 200);
    assert.deepEqual(results.map(({ id, verdict, version, position }) => [id, verdict, version, position]), [[null, 'applied', 1, undefined], ['n-1', 'applied', 1, undefined]]);
  });

  test('has 1 to 100 of them', async () => {
    const { path } = await draw(editor);
    const send = (changes) => editor.post(`${path}/changes`, { changes });
    assertError(await send([]), 400, 'bad_field', 'changes');
    assertError(await send('x'), 400, 'bad_field', 'changes');
    assertError(await send(Array.from({ length: 101 }, () => set('status', 'signed'))), 413, 'too_large', 'changes');
    assertStatus(await send(Array.from({ length: 100 }, (_, n) => set('name', `n${n}`))), 200);
    assert.equal(assertStatus(await viewer.get(path), 200).version, 101);
  });

  test('is refused to those who may only read', async () => {
    const { path } = await draw(editor);
    const { results } = assertStatus(await viewer.post(`${path}/changes`, { changes: [set('status', 'signed')] }), 200);
    assert.deepEqual([results[0].verdict, results[0].error.code], ['rejected', 'forbidden']);
    assertError(await viewer.post('/api/v1/records/nothing/X/changes', set('a', 1)), 404, 'not_found', undefined);
  });
});

describe('history', () => {
  test('says how a change came about, and what lost', async () => {
    const { path } = await draw(editor, { notes: 'a' });
    assertStatus(await editor.patch(`${path}?base_version=1`, { notes: 'b' }), 200);
    assertStatus(await other.patch(`${path}?base_version=1`, { notes: 'c', status: 'signed' }), 200);
    const { changes } = assertStatus(await viewer.get(`${path}/history`), 200);
    assert.deepEqual(changes.map(({ version }) => version), [3, 2, 1]);
    assert.equal(changes[0].verdict, 'merged');
    assert.equal(changes[0].base_version, 1);
    assert.deepEqual(changes[0].superseded, [{ path: '/notes', value: 'b', by_version: 3 }]);
    assert.equal(changes[1].verdict, 'applied');
  });

  test('shows what differs between two versions', async () => {
    const { path } = await draw(editor, { name: 'One' });
    assertStatus(await editor.patch(path, { name: 'Two', status: 'signed' }), 200);
    assertStatus(await manager.patch(path, { margin: 5 }), 200);
    const diff = (client, from, to) => client.get(`${path}/diff?from=${from}&to=${to}`);
    const { ops } = assertStatus(await diff(manager, 1, 3), 200);
    const of = (list, wanted) => list.find((op) => op.path === wanted);
    assert.deepEqual([of(ops, '/name').before, of(ops, '/name').after], ['One', 'Two']);
    assert.equal(of(ops, '/margin').after, 5);
    assert.equal(of(assertStatus(await diff(viewer, 1, 3), 200).ops, '/margin'), undefined);
    assert.equal(of(assertStatus(await diff(viewer, 2, 1), 200).ops, '/name').after, 'One');
    assert.equal(of(assertStatus(await diff(viewer, 0, 1), 200).ops, '/name').before, null);
    assertError(await diff(viewer, 1, 9), 400, 'bad_version', undefined);
    assertError(await viewer.get(`${path}/diff?from=1`), 400, 'missing_field', 'to');
    assertError(await viewer.get(`${path}/diff?from=x&to=1`), 400, 'bad_field', 'from');
  });

  test('leads back to any moment', async () => {
    const { path, updated_at: drawn } = await draw(editor, { name: 'Early' });
    let answer;
    do answer = assertStatus(await editor.patch(path, { name: `Later ${Math.random()}` }), 200);
    while (answer.updated_at === drawn); // the clock must have moved on
    const at = async (time) => assertStatus(await viewer.get(`${path}?at=${encodeURIComponent(time)}`), 200);
    assert.equal((await at(drawn)).version, 1);
    assert.equal((await at(drawn)).data.name, 'Early');
    assert.equal((await at('2999-01-01T00:00:00Z')).version, answer.version);
    assertError(await viewer.get(`${path}?at=2001-01-01T00:00:00Z`), 404, 'not_found', undefined);
    assertError(await viewer.get(`${path}?at=yesterday`), 400, 'bad_field', 'at');
    assertError(await viewer.get(`${path}?at=2999-01-01T00:00:00Z&version=1`), 400, 'bad_request', 'at');
  });
});
