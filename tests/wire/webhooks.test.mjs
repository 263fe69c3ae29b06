// Events out: what is committed is told to an application's backend, in order and at least once.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Backend, SECRET } from './lib/backend.mjs';
import { assertStatus, draw, types } from './lib/contracts.mjs';
import { startServer } from './lib/server.mjs';
import { eventually } from '../lib/server.mjs';

const KINDS = ['change', 'comment', 'conflict', 'lock', 'notification', 'message', 'activity'];
const servers = [];
const backends = [];

async function start(more = {}) {
  const backend = await new Backend().start();
  backend.answer = () => ({});
  backends.push(backend);
  const server = await startServer({ config: { types, webhook_url: backend.url, webhook_secret: SECRET, ...more } });
  servers.push(server);
  return { backend, server, editor: await server.login('akhan') };
}

after(async () => {
  for (const server of servers) await server.stop();
  for (const backend of backends) await backend.stop();
});

const about = (id) => (event) => event.entity?.id === id;
const sign = (editor, path, n) => editor.patch(path, { signatures: n });

test('a change is told as the activity feed tells it', async () => {
  const { backend, editor } = await start();
  const contract = await draw(editor);
  assertStatus(await sign(editor, contract.path, 5), 200);
  await backend.until(({ events }) => events.length === 2, 'two events');
  const [made, changed] = backend.events;
  assert.deepEqual([made.kind, made.event, made.entity.type, made.entity.id], ['change', 'created', 'contract', contract.id]);
  const { kind, event, ...rest } = changed;
  assert.deepEqual([kind, event], ['change', 'updated']);
  const { activity } = assertStatus(await editor.get(`/api/v1/activity?type=contract&entity_id=${contract.id}`), 200);
  assert.deepEqual(rest, activity[0]);
  const { headers } = backend.heard[0];
  assert.match(headers['collabd-delivery'], /^[0-9a-f]{32}$/);
  assert.equal(headers['collabd-event'], 'change');
});

test('nothing that was there before is told, and only what was asked for', async () => {
  const { backend, editor } = await start({ webhook_events: ['comment'] });
  const contract = await draw(editor);
  assertStatus(await editor.post(`${contract.path}/comments`, { text: 'Look' }), 201);
  await backend.until(({ events }) => events.length > 0, 'the comment');
  assert.deepEqual(backend.events.map(({ kind, event, comment }) => [kind, event, comment.text]), [['comment', 'added', 'Look']]);
});

test('every kind has its object with it, a lock its token', async () => {
  const { backend, server, editor } = await start({ webhook_events: KINDS });
  const contract = await draw(editor);
  const { lock } = assertStatus(await editor.post(`${contract.path}/locks`, { path: 'owner' }), 201);
  assertStatus(await editor.post(`${contract.path}/comments`, { text: 'Look, @lchen' }), 201);
  assertStatus(await editor.post(`/api/v1/rooms/${encodeURIComponent(contract.room)}/messages`, { text: 'Hello' }), 201);
  assertStatus(await editor.post('/api/v1/activity', { entity_type: 'contract', entity_id: contract.id, action: 'printed' }), 201);
  assertStatus(await sign(await server.login('akhan'), contract.path, 1), 200);
  await backend.until(({ events }) => events.some(({ event, kind }) => kind === 'change' && event === 'updated'), 'all of them');
  const one = (kind) => backend.events.find((event) => event.kind === kind);
  assert.equal(one('lock').event, 'acquired');
  assert.equal(one('lock').lock.token, lock.token);
  assert.equal(one('message').message.text, 'Hello');
  assert.equal(one('notification').notification.type, 'mention');
  assert.equal(one('activity').action, 'printed');
});

test('while it is down nothing is lost, and the order holds', async () => {
  const { backend, server, editor } = await start();
  const contract = await draw(editor);
  await backend.until(({ events }) => events.length === 1, 'the first');
  await backend.stop();
  for (let n = 1; n <= 250; n++) assertStatus(await sign(editor, contract.path, n), 200);
  await eventually(() => server.output.includes('webhook.down'), 'noticing');
  await backend.start();
  await backend.until(({ events }) => events.length >= 251, 'all of them');
  assert.deepEqual(backend.events.filter(about(contract.id)).map(({ version }) => version), Array.from({ length: 251 }, (_, i) => i + 1));
  assert.ok(backend.heard.every(({ body }) => body.events.length <= 100));
});

test('a delivery that was not accepted comes again under its id', async () => {
  const { backend, editor } = await start();
  const tries = [];
  backend.answer = (body, { headers }) => (tries.push(headers['collabd-delivery']) === 1 ? { status: 500 } : {});
  await draw(editor);
  await backend.until(({ heard }) => heard.length === 2, 'the second try');
  assert.equal(tries[0], tries[1]);
  assert.deepEqual(backend.heard[0].body, backend.heard[1].body);
});

test('a delivery that was under way when the server was killed comes again as it was', async () => {
  const { backend, server, editor } = await start();
  const contract = await draw(editor);
  await backend.until(({ events }) => events.length === 1, 'the first');
  const told = [];
  backend.asked = ({ body, headers }) => told.push({ id: headers['collabd-delivery'], events: body.events });
  backend.answer = () => undefined; // it hears, and does not answer
  assertStatus(await sign(editor, contract.path, 1), 200);
  await eventually(() => told.length === 1, 'the delivery');
  assertStatus(await sign(editor, contract.path, 2), 200);
  backend.answer = () => ({});
  await server.restart('SIGKILL');
  await backend.until(({ events }) => events.length === 3, 'the rest');
  assert.deepEqual(told[1], told[0]);
  assert.deepEqual(backend.events.map(({ version }) => version), [1, 2, 3]);
});

test('what was told before a restart is not told again', async () => {
  const { backend, server, editor } = await start();
  const contract = await draw(editor);
  await backend.until(({ events }) => events.length === 1, 'the first');
  await server.restart();
  assertStatus(await sign(editor, contract.path, 1), 200);
  await backend.until(({ events }) => events.length > 1, 'the second');
  assert.deepEqual(backend.events.map(({ version }) => version), [1, 2]);
});

test('kill -9 between deliveries loses nothing, and what comes twice has the same id', async () => {
  const { backend, server, editor } = await start();
  const contract = await draw(editor);
  const told = new Map(); // delivery id -> body
  backend.asked = ({ body, headers }) => {
    const before = told.get(headers['collabd-delivery']);
    if (before) assert.deepEqual(body, before);
    told.set(headers['collabd-delivery'], body);
  };
  let n = 0;
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 30; i++) assertStatus(await sign(editor, contract.path, ++n), 200);
    if (round % 2) backend.answer = () => new Promise((resolve) => setImmediate(resolve, {}));
    await server.restart('SIGKILL');
  }
  assertStatus(await sign(editor, contract.path, ++n), 200);
  const versions = () => backend.events.filter(about(contract.id)).map(({ version }) => version);
  await backend.until(() => versions().at(-1) === n + 1, 'the last one');
  const first = [...new Set(versions())];
  assert.deepEqual(first, Array.from({ length: n + 1 }, (_, i) => i + 1));
  assert.ok(!server.output.includes(SECRET));
});
