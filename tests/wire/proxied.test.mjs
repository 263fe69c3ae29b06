// Records that an application's backend decides about: docs/hooks.md.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client } from '../lib/server.mjs';
import { Backend, SECRET } from './lib/backend.mjs';
import { assertStatus } from './lib/contracts.mjs';
import { assertAck, assertRefused } from './lib/people.mjs';
import { assertError, startServer } from './lib/server.mjs';

const fields = { title: { kind: 'string', required: true }, state: { kind: 'string', strategy: 'lock-based' }, price: { kind: 'number', strategy: 'manual' } };
const roles = { create: ['editor'], update: ['editor'], delete: ['editor'] };
const types = { ticket: { title: 'Ticket', write_mode: 'proxied', roles, fields }, memo: { title: 'Memo', roles, fields } };

const open = (server, client) => Client.open(server.process, '/ws', { cookie: client.headers.cookie });
const about = (id) => ({ entityType: 'ticket', entityId: id });

describe('with a backend that is asked about nothing else, and whose silence means yes', () => {
  let backend, server, editor, serial = 0;

  before(async () => {
    backend = await new Backend().start();
    server = await startServer({ config: { types, backend_url: backend.url, backend_secret: SECRET, backend_asks: ['authenticate'], backend_when_down: 'allow', backend_timeout_ms: 500 } });
    editor = await server.login('akhan');
  });

  after(async () => {
    await server?.stop();
    await backend.stop();
  });

  const make = async () => assertStatus(await editor.post('/api/v1/records/ticket', { id: `T-${++serial}`, title: 'New' }), 201);

  test('its yes makes a change, which is then kept, locked, undone as any other', async () => {
    backend.heard.length = 0;
    const { id } = await make();
    const path = `/api/v1/records/ticket/${id}`;
    const socket = await open(server, editor);
    const { lock } = assertAck(await socket.ask({ type: 'lock', payload: { ...about(id), action: 'acquire', path: 'state' } }));
    const locked = assertAck(await socket.ask({ type: 'update', payload: { ...about(id), operation: 'update', path: 'state', after: 'open', fencingToken: lock.token } }));
    assert.deepEqual([locked.verdict, locked.version, locked.strategy], ['applied', 2, 'lock-based']);
    assertStatus(await editor.patch(path, { title: 'Newer' }), 200);
    assert.equal(assertStatus(await editor.post(`${path}/undo`, {}), 200).data.title, 'New');
    assert.equal(assertStatus(await editor.patch(`${path}?base_version=1`, { price: 1 }), 200).version, 5);
    assert.equal(assertStatus(await editor.patch(`${path}?base_version=1`, { price: 2 }), 202).verdict, 'conflict');
    assert.equal(assertStatus(await editor.get(`${path}/history`), 200).changes.length, 5);
    assertStatus(await editor.post(`${path}/comments`, { text: 'Fine' }), 201);
    const asked = backend.of('change');
    assert.deepEqual(asked.map(({ change, undo }) => change?.kind ?? (undo && 'undo')), ['create', 'update', 'update', 'undo', 'update', 'update']);
    assert.deepEqual([asked[0].entity_type, asked[0].entity_id], ['ticket', id]);
    assert.equal(backend.of('object').length, 0);
    socket.close();
  });

  test('its no refuses it, and nothing is done', async () => {
    const { id } = await make();
    backend.answer = () => ({ allow: false, message: 'The period is closed.' });
    const refused = await editor.patch(`/api/v1/records/ticket/${id}`, { title: 'x' });
    assertError(refused, 403, 'backend_refused', undefined);
    assert.equal(refused.json.error.message, 'The period is closed.');
    const socket = await open(server, editor);
    assertRefused(await socket.ask({ type: 'undo', payload: about(id) }), 'backend_refused');
    assertRefused(await socket.ask({ type: 'update', payload: { ...about(id), operation: 'delete' } }), 'backend_refused');
    backend.answer = () => ({ allow: true });
    assert.equal(assertStatus(await editor.get(`/api/v1/records/ticket/${id}`), 200).version, 1);
    socket.close();
  });

  test('its silence refuses it, too; other records go on', async () => {
    const { id } = await make();
    backend.answer = () => ({ status: 500 });
    assertError(await editor.patch(`/api/v1/records/ticket/${id}`, { title: 'x' }), 503, 'backend_unavailable', undefined);
    const memo = assertStatus(await editor.post('/api/v1/records/memo', { title: 'New' }), 201);
    assertStatus(await editor.patch(`/api/v1/records/memo/${memo.id}`, { title: 'x' }), 200);
    backend.answer = () => ({ allow: true });
    assert.equal(assertStatus(await editor.get(`/api/v1/records/ticket/${id}`), 200).version, 1);
  });
});

test('without a backend there is nobody to decide', async () => {
  const server = await startServer({ config: { types } });
  const editor = await server.login('akhan');
  assertError(await editor.post('/api/v1/records/ticket', { id: 'T-1', title: 'New' }), 503, 'backend_unavailable', undefined);
  assertStatus(await editor.post('/api/v1/records/memo', { title: 'New' }), 201);
  const socket = await open(server, editor);
  assertAck(await socket.ask({ type: 'subscribe', channel: 'ticket:T-1' }));
  assertRefused(await socket.ask({ type: 'update', payload: { ...about('T-1'), data: { title: 'New' } } }), 'backend_unavailable');
  const { results } = assertAck(await socket.ask({ type: 'sync', payload: { ...about('T-1'), changes: [{ id: 'q', operation: 'insert', after: { title: 'New' } }] } }));
  assert.equal(results[0].error.code, 'backend_unavailable');
  assertError(await editor.get('/api/v1/records/ticket/T-1'), 404, 'not_found', undefined);
  socket.close();
  await server.stop();
});
