// Taking back that a record was made, or deleted; and one change out of a burst.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertStatus, draw, types } from './lib/contracts.mjs';
import { assertAck, hear, People } from './lib/people.mjs';
import { read, say, set } from './lib/records.mjs';
import { assertError, startServer } from './lib/server.mjs';

let server, people, editor, other, viewer;

before(async () => {
  server = await startServer({ config: { types } });
  people = new People(server.process);
  [editor, other, viewer] = await Promise.all(['akhan', 'jsmith', 'lchen'].map((name) => server.login(name)));
});

after(() => server?.stop());

test('a record that somebody made is gone when he takes that back, and there again', async () => {
  const { path, room, id } = await draw(editor, { name: 'A' });
  const listener = await people.enter('lchen', room);
  const undone = await editor.post(`${path}/undo`, undefined, { 'idempotency-key': `u ${id}` });
  assertStatus(undone, 204);
  assert.deepEqual((({ action, undoOf }) => [action, undoOf])((await hear(listener, 'update', ({ version }) => version === 2)).payload), ['delete', 1]);
  assertStatus(await editor.post(`${path}/undo`, undefined, { 'idempotency-key': `u ${id}` }), 204);
  assertError(await viewer.get(path), 404, 'not_found', undefined);
  assertError(await editor.post(`${path}/undo`), 409, 'nothing_to_undo', undefined);
  assert.equal(assertStatus(await editor.post(`${path}/redo`), 200).data.name, 'A');
  assert.deepEqual((({ action, undoOf }) => [action, undoOf])((await hear(listener, 'update', ({ version }) => version === 3)).payload), ['create', 2]);
  listener.close();
});

test('a record that somebody else has worked on stays', async () => {
  const { path } = await draw(editor, { name: 'A' });
  assertStatus(await other.patch(path, { status: 'signed' }), 200);
  assertError(await editor.post(`${path}/undo`), 409, 'undo_blocked', undefined);
  assertError(await editor.post(`${path}/undo`, { version: 1 }), 409, 'undo_blocked', undefined);
  assert.equal(assertStatus(await viewer.get(path), 200).version, 2);
});

test('who may not delete does not take the making back', async () => {
  const made = assertStatus(await editor.post('/api/v1/records/work_order', { title: 'Mine' }), 201);
  assertError(await editor.post(`/api/v1/records/work_order/${made.id}/undo`), 403, 'forbidden', undefined);
});

test('a deletion is taken back, and done again', async () => {
  const { path } = await draw(editor, { name: 'A' });
  assertStatus(await other.patch(path, { status: 'signed' }), 200);
  assertStatus(await editor.delete(path), 204);
  const back = assertStatus(await editor.post(`${path}/undo`), 200);
  assert.deepEqual([back.version, back.data.name, back.data.status], [4, 'A', 'signed']);
  assertStatus(await editor.post(`${path}/redo`), 204);
  assertError(await viewer.get(path), 404, 'not_found', undefined);
  assert.equal(assertStatus(await editor.post(`${path}/undo`), 200).version, 6);
});

test('a change that is named is taken back alone, and without a name the burst', async () => {
  const { room } = await draw(editor, { name: 'A' });
  const amir = await people.enter('akhan', room);
  const burst = [['name', 'B'], ['status', 'signed'], ['customer', 'CUST-0001']];
  const answers = await Promise.all(burst.map(([path, after]) => set(amir, room, path, after)));
  const [, signed] = answers.map((answer) => assertAck(answer).version);
  assertAck(await say(amir, 'undo', room, { version: signed }));
  assert.deepEqual(await Promise.all(['name', 'status', 'customer'].map((path) => read(amir, room, path))), ['B', 'draft', 'CUST-0001']);
  assertAck(await say(amir, 'redo', room));
  assert.equal(await read(amir, room, 'status'), 'signed');
  amir.close();
});
