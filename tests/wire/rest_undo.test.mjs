// Taking changes back over REST: one's own, in order, and never at the cost of somebody else's.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertStatus, draw, types } from './lib/contracts.mjs';
import { assertError, startServer } from './lib/server.mjs';

let server, admin, editor, other, viewer;

before(async () => {
  server = await startServer({ config: { types } });
  [admin, editor, other, viewer] = await Promise.all(['admin', 'akhan', 'jsmith', 'lchen'].map((name) => server.login(name)));
});

after(() => server?.stop());

const dataOf = async (path) => assertStatus(await viewer.get(path), 200).data;

test('undo takes back the last own change, redo brings it back', async () => {
  const { path } = await draw(editor, { name: 'A' });
  assertStatus(await editor.patch(`${path}?group=g1`, { name: 'B' }), 200);
  assertStatus(await other.patch(path, { status: 'signed' }), 200);
  const undone = await editor.post(`${path}/undo`);
  assert.equal(assertStatus(undone, 200).data.name, 'A');
  assert.deepEqual([undone.json.version, undone.json.data.status], [4, 'signed']);
  assert.equal(assertStatus(await editor.post(`${path}/redo`), 200).data.name, 'B');
  const { changes } = assertStatus(await viewer.get(`${path}/history`), 200);
  assert.deepEqual([changes[0].undo_of, changes[1].undo_of], [4, 2]);
});

test('a change is named by its version or its id', async () => {
  const { path } = await draw(editor, { name: 'A', status: 'draft' });
  assertStatus(await editor.patch(`${path}?group=1`, { name: 'B' }, { 'idempotency-key': `named ${path}` }), 200);
  assertStatus(await editor.patch(`${path}?group=2`, { status: 'signed' }), 200);
  assertStatus(await editor.post(`${path}/undo`, { change_id: `named ${path}` }), 200);
  assert.deepEqual((({ name, status }) => [name, status])(await dataOf(path)), ['A', 'signed']);
  assertStatus(await editor.post(`${path}/undo`, { version: 3 }), 200);
  assert.deepEqual((({ name, status }) => [name, status])(await dataOf(path)), ['A', 'draft']);
  assertError(await editor.post(`${path}/undo`, { version: 3 }), 409, 'nothing_to_undo', undefined);
});

test("what would destroy somebody else's work is refused", async () => {
  const { path } = await draw(editor, { name: 'A' });
  assertStatus(await editor.patch(path, { name: 'B' }), 200);
  assertStatus(await other.patch(path, { name: 'C' }), 200);
  assertError(await editor.post(`${path}/undo`, { version: 2 }), 409, 'undo_blocked', undefined);
  assert.equal((await dataOf(path)).name, 'C');
});

test('and what is left of it is done, with a word about the rest', async () => {
  const { path } = await draw(editor, { name: 'A', status: 'draft' });
  assertStatus(await editor.patch(path, { name: 'B', status: 'signed' }), 200);
  assertStatus(await other.patch(path, { name: 'C' }), 200);
  const answer = await editor.post(`${path}/undo`, { version: 2 });
  const { data } = assertStatus(answer, 200);
  assert.deepEqual([data.name, data.status], ['C', 'draft']);
  assert.equal(answer.headers.get('x-skipped'), '1');
});

test('there is nothing to undo for somebody who did nothing, and nothing to do for those who may only read', async () => {
  const { path } = await draw(editor);
  assertError(await other.post(`${path}/undo`), 409, 'nothing_to_undo', undefined);
  assertError(await other.post(`${path}/redo`), 409, 'nothing_to_undo', undefined);
  assertError(await viewer.post(`${path}/undo`), 403, 'forbidden', undefined);
  assertError(await viewer.post(`${path}/restore`, { version: 1 }), 403, 'forbidden', undefined);
});

test('a deletion is undone by naming it, once', async () => {
  const { path } = await draw(editor, { name: 'A', notes: 'x' });
  assertStatus(await editor.delete(path), 204);
  const { version, data } = assertStatus(await editor.post(`${path}/undo`, { version: 2 }), 200);
  assert.deepEqual([version, data.name, data.notes], [3, 'A', 'x']);
  assertError(await editor.post(`${path}/undo`, { version: 2 }), 409, 'nothing_to_undo', undefined);
  assertError(await other.post(`${path}/undo`, { version: 2 }), 409, 'nothing_to_undo', undefined);
});

test("nobody takes back what somebody else did, but an administrator", async () => {
  const { path } = await draw(editor, { name: 'A' });
  assertStatus(await editor.patch(path, { name: 'B' }), 200);
  assertError(await other.post(`${path}/undo`, { version: 2 }), 403, 'forbidden', undefined);
  assert.equal(assertStatus(await admin.post(`${path}/undo`, { version: 2 }), 200).data.name, 'A');
});

test('an older version is restored as a new change', async () => {
  const { path } = await draw(editor, { name: 'A', notes: 'x' });
  assertStatus(await editor.patch(path, { name: 'B', notes: null }), 200);
  assertStatus(await other.patch(path, { status: 'signed' }), 200);
  const { version, data } = assertStatus(await other.post(`${path}/restore`, { version: 1 }), 200);
  assert.deepEqual([version, data.name, data.notes, data.status], [4, 'A', 'x', 'draft']);
  const [change] = assertStatus(await viewer.get(`${path}/history?limit=1`), 200).changes;
  assert.equal(change.restored, 1);
  assertError(await other.post(`${path}/restore`, { version: 1 }, { 'if-match': '"3"' }), 412, 'precondition_failed', 'version');
});

test('a request says which version as a number that is one', async () => {
  const { path } = await draw(editor);
  for (const word of ['undo', 'redo', 'restore']) {
    assertError(await editor.post(`${path}/${word}`, { version: 'x' }), 400, 'bad_field', 'version');
    for (const version of [0, -1, 1.5]) assertError(await editor.post(`${path}/${word}`, { version }), 400, 'bad_version', 'version');
  }
  assertError(await editor.post(`${path}/restore`, {}), 400, 'missing_field', 'version');
  assertError(await editor.post(`${path}/restore`, { version: 9 }), 400, 'bad_version', 'version');
  assertError(await editor.post(`${path}/undo`, { version: 1, change_id: 'x' }), 400, 'bad_field', 'change_id');
  assertError(await editor.post(`${path}/undo`, { version: 9 }), 404, 'not_found', undefined);
});

test('the same request twice is one undo', async () => {
  const { path } = await draw(editor, { name: 'A' });
  assertStatus(await editor.patch(`${path}?group=1`, { name: 'B' }), 200);
  assertStatus(await editor.patch(`${path}?group=2`, { name: 'C' }), 200);
  const undo = () => editor.post(`${path}/undo`, undefined, { 'idempotency-key': `undo ${path}` });
  const [first, second] = [await undo(), await undo()];
  assert.deepEqual([first.json.version, second.json.version], [4, 4]);
  assert.equal((await dataOf(path)).name, 'B');
});

test('undo works on, after the server was killed', async () => {
  const { path } = await draw(editor, { name: 'A' });
  assertStatus(await editor.patch(path, { name: 'B' }), 200);
  await server.restart('SIGKILL');
  assert.equal(assertStatus(await editor.post(`${path}/undo`, { version: 2 }), 200).data.name, 'A');
});
