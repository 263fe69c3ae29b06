// Events out: what is committed is told to an application's backend, in order and at least once.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { Backend, SECRET } from './lib/backend.mjs';
import { assertStatus, draw, types } from './lib/contracts.mjs';
import { startServer } from './lib/server.mjs';
import { eventually } from '../lib/server.mjs';

const KINDS = ['change', 'comment', 'conflict', 'lock', 'notification', 'message', 'activity'];
const opened = [];

async function open(more = {}) {
  const backend = await new Backend().start();
  backend.answer = () => ({});
  opened.push(backend);
  const server = await startServer({ config: { types, webhook_url: backend.url, webhook_secret: SECRET, ...more } });
  opened.push(server);
  return { backend, server, editor: await server.login('akhan') };
}

let backend, server, editor; // with the kinds that are told when nothing is said

before(async () => ({ backend, server, editor } = await open()));

afterEach(() => {
  backend.answer = () => ({});
  backend.asked = undefined;
  backend.heard.length = 0;
});

after(async () => {
  for (const one of opened.reverse()) await one.stop();
});

const sign = (contract, n) => editor.patch(contract.path, { signatures: n });
const told = (contract) => backend.events.filter(({ entity }) => entity?.id === contract.id);
const versions = (contract) => told(contract).map(({ version }) => version);
const upTo = (n) => Array.from({ length: n }, (_, i) => i + 1);

/** A new contract, of which the backend has heard. */
async function drawn() {
  const contract = await draw(editor);
  await backend.until(() => told(contract).length === 1, 'the first event');
  return contract;
}

test('a change is told as the activity feed tells it', async () => {
  const contract = await draw(editor);
  assertStatus(await sign(contract, 5), 200);
  await backend.until(() => told(contract).length === 2, 'two events');
  assert.equal(told(contract).length, backend.events.length); // nothing that was there before
  const [made, { kind, event, ...rest }] = told(contract);
  assert.deepEqual([made.kind, made.event, made.entity.type], ['change', 'created', 'contract']);
  assert.deepEqual([kind, event], ['change', 'updated']);
  const { activity } = assertStatus(await editor.get(`/api/v1/activity?type=contract&entity_id=${contract.id}`), 200);
  assert.deepEqual(rest, activity[0]);
  const { headers } = backend.heard[0];
  assert.match(headers['collabd-delivery'], /^[0-9a-f]{32}$/);
  assert.equal(headers['collabd-event'], 'change');
});

test('every kind has its object with it, a lock its token', async () => {
  const all = await open({ webhook_events: KINDS });
  const contract = await draw(all.editor);
  const { lock } = assertStatus(await all.editor.post(`${contract.path}/locks`, { path: 'owner' }), 201);
  assertStatus(await all.editor.post(`${contract.path}/comments`, { text: 'Look, @lchen' }), 201);
  assertStatus(await all.editor.post(`/api/v1/rooms/${encodeURIComponent(contract.room)}/messages`, { text: 'Hello' }), 201);
  assertStatus(await all.editor.post('/api/v1/activity', { entity_type: 'contract', entity_id: contract.id, action: 'printed' }), 201);
  assertStatus(await all.editor.patch(contract.path, { signatures: 1 }), 200);
  await all.backend.until(({ events }) => events.some(({ event, kind }) => kind === 'change' && event === 'updated'), 'all of them');
  const one = (kind) => all.backend.events.find((event) => event.kind === kind);
  assert.equal(one('lock').event, 'acquired');
  assert.equal(one('lock').lock.token, lock.token);
  assert.equal(one('comment').comment.text, 'Look, @lchen');
  assert.equal(one('message').message.text, 'Hello');
  assert.equal(one('notification').notification.type, 'mention');
  assert.equal(one('activity').action, 'printed');
});

test('only what was asked for is told', async () => {
  const comments = await open({ webhook_events: ['comment'] });
  const contract = await draw(comments.editor);
  assertStatus(await comments.editor.post(`${contract.path}/comments`, { text: 'Look' }), 201);
  await comments.backend.until(({ events }) => events.length > 0, 'the comment');
  assert.deepEqual(comments.backend.events.map(({ kind, event }) => [kind, event]), [['comment', 'added']]);
});

test('while it is down nothing is lost, and the order holds', async () => {
  const contract = await drawn();
  await backend.stop();
  for (let n = 1; n <= 250; n++) assertStatus(await sign(contract, n), 200);
  await eventually(() => server.output.includes('webhook.down'), 'noticing');
  await backend.start();
  await backend.until(() => told(contract).length >= 251, 'all of them');
  assert.deepEqual(versions(contract), upTo(251));
  assert.ok(backend.heard.every(({ body }) => body.events.length <= 100));
  await eventually(() => server.output.includes('webhook.up'), 'noticing');
});

test('a delivery that was not accepted comes again under its id', async () => {
  const tries = [];
  backend.answer = (body, { headers }) => (tries.push(headers['collabd-delivery']) === 1 ? { status: 500 } : {});
  await draw(editor);
  await backend.until(({ heard }) => heard.length === 2, 'the second try');
  assert.equal(tries[0], tries[1]);
  assert.deepEqual(backend.heard[0].body, backend.heard[1].body);
});

test('a delivery that was under way when the server was killed comes again as it was', async () => {
  const contract = await drawn();
  const asked = [];
  backend.asked = ({ body, headers }) => asked.push({ id: headers['collabd-delivery'], events: body.events });
  backend.answer = () => undefined; // it hears, and does not answer
  assertStatus(await sign(contract, 1), 200);
  await eventually(() => asked.length === 1, 'the delivery');
  assertStatus(await sign(contract, 2), 200);
  backend.answer = () => ({});
  await server.restart('SIGKILL');
  await backend.until(() => told(contract).length === 3, 'the rest');
  assert.deepEqual(asked[1], asked[0]);
  assert.deepEqual(versions(contract), upTo(3));
});

test('what was told before a restart is not told again', async () => {
  const contract = await drawn();
  await server.restart();
  assertStatus(await sign(contract, 1), 200);
  await backend.until(() => told(contract).length > 1, 'the second');
  assert.deepEqual(versions(contract), upTo(2));
});

test('kill -9 between deliveries loses nothing, and what comes twice has the same id', async () => {
  const contract = await draw(editor);
  const deliveries = new Map(); // id -> body
  const others = []; // under an id that was there before
  backend.asked = ({ body, headers }) => {
    const id = headers['collabd-delivery'];
    if (deliveries.has(id)) others.push([deliveries.get(id), body]);
    deliveries.set(id, body);
  };
  let n = 0;
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 30; i++) assertStatus(await sign(contract, ++n), 200);
    if (round % 2) backend.answer = () => new Promise((resolve) => setImmediate(resolve, {}));
    await server.restart('SIGKILL');
  }
  assertStatus(await sign(contract, ++n), 200);
  await backend.until(() => versions(contract).at(-1) === n + 1, 'the last one');
  assert.deepEqual([...new Set(versions(contract))], upTo(n + 1));
  for (const [first, again] of others) assert.deepEqual(again, first);
  assert.ok(!server.output.includes(SECRET));
});
