// An application's backend is asked before commands go to their rooms.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { Backend, SECRET } from './lib/backend.mjs';
import { assertStatus, draw, types } from './lib/contracts.mjs';
import { assertAck, assertRefused, hear } from './lib/people.mjs';
import { assertError, startServer } from './lib/server.mjs';
import { Client, eventually } from '../lib/server.mjs';

const backend = await new Backend().start();
let server, editor, viewer;

before(async () => {
  server = await startServer({
    config: {
      types,
      backend_url: backend.url,
      backend_secret: SECRET,
      backend_asks: ['join', 'publish', 'change', 'object', 'authenticate'],
      backend_timeout_ms: 1000,
    },
  });
  [editor, viewer] = await Promise.all(['akhan', 'lchen'].map((name) => server.login(name)));
});

after(async () => {
  await server?.stop();
  await backend.stop();
});

afterEach(async () => {
  backend.answer = () => ({ allow: true });
  backend.heard.length = 0;
});

const open = (client) => Client.open(server.process, '/ws', { cookie: client.headers.cookie });
const refuse = (hook, message) => (backend.answer = (question) => (question.hook === hook ? { allow: false, message } : { allow: true }));
const metric = async (name) => {
  const { text } = await editor.get('/metrics');
  return Number(text.match(new RegExp(`^collabd_${name} (\\d+)`, 'm'))[1]);
};

test('what is allowed happens, and the question says what it is about', async () => {
  const contract = await draw(editor);
  const [question] = backend.of('change');
  assert.deepEqual(question.user, { id: 3, username: 'akhan', name: 'Amir Khan', roles: question.user.roles });
  assert.ok(question.user.roles.includes('editor'));
  assert.deepEqual([question.room, question.entity_type, question.entity_id], [contract.room, 'contract', contract.id]);
  assert.ok(question.change.ops.length > 0);

  const socket = await open(viewer);
  assertAck(await socket.ask({ type: 'subscribe', channel: contract.room }));
  assert.deepEqual(backend.of('join').map(({ room, user }) => [room, user.username]), [[contract.room, 'lchen']]);
  assertAck(await socket.ask({ type: 'publish', channel: contract.room, event: 'look', payload: { at: 'this' } }));
  const [said] = backend.of('publish');
  assert.deepEqual([said.event, said.data], ['look', { at: 'this' }]);

  assertStatus(await editor.post(`${contract.path}/comments`, { text: 'Well' }), 201);
  const [commented] = backend.of('object');
  assert.deepEqual([commented.kind, commented.verb, commented.input.text], ['comment', 'add', 'Well']);
  socket.close();
});

test('what is refused does not happen, and the backend says why', async () => {
  const contract = await draw(editor);
  refuse('change', 'The month is closed.');
  const refused = await editor.patch(contract.path, { status: 'signed' });
  assertError(refused, 403, 'backend_refused', undefined);
  assert.equal(refused.json.error.message, 'The month is closed.');
  assert.equal((await editor.get(contract.path)).json.version, 1);

  refuse('join', 'Not for you.');
  const socket = await open(viewer);
  assert.equal(assertRefused(await socket.ask({ type: 'subscribe', channel: contract.room }), 'backend_refused').message, 'Not for you.');
  refuse('object');
  assertError(await editor.post(`${contract.path}/comments`, { text: 'Well' }), 403, 'backend_refused', undefined);
  socket.close();
});

test('a message that is no line for people is cut', async () => {
  const contract = await draw(editor);
  refuse('change', `Because${'!'.repeat(1000)}`);
  assert.equal((await editor.patch(contract.path, { status: 'signed' })).json.error.message.length, 500);
  refuse('change', 'One.\nTwo.');
  assert.equal((await editor.patch(contract.path, { status: 'signed' })).json.error.message, 'One.');
});

test('one session waits and keeps its order, the others do not wait', async () => {
  const contract = await draw(editor);
  const [slow, fast] = [await open(editor), await open(viewer)];
  let release;
  const held = new Promise((resolve) => (release = resolve));
  backend.answer = async (question) => {
    if (question.user.username === 'akhan' && question.hook === 'join') await held;
    return { allow: true };
  };
  const joined = slow.ask({ type: 'subscribe', channel: contract.room });
  const published = slow.ask({ type: 'publish', channel: contract.room, event: 'first', payload: 1 });
  assertAck(await fast.ask({ type: 'subscribe', channel: contract.room }));
  assertAck(await fast.ask({ type: 'publish', channel: contract.room, event: 'other', payload: 2 }));
  assert.equal(slow.heard.filter(({ replyTo }) => replyTo).length, 0);
  release();
  assertAck(await joined);
  assertAck(await published); // not before the join, or it would be not_member
  await hear(fast, 'publish', (payload) => payload === 1);
  for (const socket of [slow, fast]) socket.close();
});

test('what was sent before somebody left still happens, and he is gone after it', async () => {
  const contract = await draw(editor);
  const [leaver, stayer] = [await open(editor), await open(viewer)];
  assertAck(await stayer.ask({ type: 'subscribe', channel: contract.room }));
  let asked;
  const isAsked = new Promise((resolve) => (asked = resolve));
  let release;
  const held = new Promise((resolve) => (release = resolve));
  backend.answer = async (question) => {
    if (question.hook === 'change') {
      asked();
      await held;
    }
    return { allow: true };
  };
  assertAck(await leaver.ask({ type: 'subscribe', channel: contract.room, payload: { present: true } }));
  leaver.send({ type: 'update', payload: { id: 'last-words', entityType: 'contract', entityId: contract.id, operation: 'update', path: 'status', after: 'signed' } });
  await isAsked;
  leaver.socket.terminate();
  await leaver.waitClosed();
  release();
  await eventually(async () => (await editor.get(contract.path)).json.data.status === 'signed', 'the change');
  stayer.close();
});

test('what the backend says may be remembered is not asked again', async () => {
  const contract = await draw(editor);
  backend.answer = () => ({ allow: true, cache_seconds: 60 });
  // windows of one worker share what is remembered: with two of them somebody is asked twice at most
  for (let i = 0; i < 8; i++) {
    const socket = await open(viewer);
    assertAck(await socket.ask({ type: 'subscribe', channel: contract.room }));
    socket.close();
  }
  assert.ok(backend.of('join').length <= 2, `${backend.of('join').length} questions`);
  for (let i = 0; i < 3; i++) assertStatus(await editor.patch(contract.path, { signatures: i + 1 }), 200);
  assert.equal(backend.of('change').length, 4); // with its making
});

test('a status, an answer in time and JSON are asked for', async () => {
  const contract = await draw(editor);
  for (const answer of [{ status: 500 }, { raw: 'yes' }, {}, { status: 302, headers: { location: '/' } }]) {
    backend.answer = (question) => (question.hook === 'change' ? answer : { allow: true });
    assertError(await editor.patch(contract.path, { status: 'signed' }), 503, 'backend_unavailable', undefined);
    backend.answer = () => ({ allow: true }); // one that answers in between keeps it from being taken for dead
    assertStatus(await editor.patch(contract.path, { status: 'draft' }), 200);
  }
  backend.answer = () => undefined;
  assertError(await editor.patch(contract.path, { status: 'signed' }), 503, 'backend_unavailable', undefined);
  backend.answer = () => ({ allow: true });
  assertStatus(await editor.patch(contract.path, { status: 'signed' }), 200);
});

test('a dead backend is left alone for a while, and found when it is back', async () => {
  const contract = await draw(editor);
  await backend.stop();
  for (let i = 0; i < 6; i++) assertError(await editor.patch(contract.path, { status: 'signed' }), 503, 'backend_unavailable', undefined);
  assert.equal(await metric('backend_open'), 1);
  await backend.start();
  await eventually(async () => (await editor.patch(contract.path, { status: 'signed' })).status === 200, 'the backend being asked again', 20000);
  assert.equal(await metric('backend_open'), 0);
  const log = server.output.split('\n').filter((line) => /backend\.(up|down)/.test(line));
  assert.deepEqual(log.map((line) => line.match(/backend\.\w+/)[0]), ['backend.down', 'backend.up']);
  assert.ok(!server.output.includes(SECRET));
});

test('a token that nobody knows is the backend\'s to explain', async () => {
  backend.answer = ({ hook, token }) => {
    if (hook !== 'authenticate') return { allow: true };
    return token === 'letmein' ? { user: { id: 900, username: 'outside', name: 'Out Side', roles: ['editor'] }, expires_at: new Date(Date.now() + 60_000).toISOString() } : { allow: false };
  };
  const outside = server.client({ authorization: 'Bearer letmein' });
  const { user } = assertStatus(await outside.get('/api/v1/me'), 200);
  assert.deepEqual([user.id, user.username, user.name, user.roles], [900, 'outside', 'Out Side', ['editor']]);
  assertStatus(await outside.get('/api/v1/types'), 200);
  assertError(await server.client({ authorization: 'Bearer guess' }).get('/api/v1/me'), 401, 'bad_token', undefined);
  const socket = await Client.open(server.process, '/ws', { token: 'letmein' });
  assertAck(await socket.ask({ type: 'subscribe', channel: 'lobby' }));
  socket.close();
  backend.answer = () => ({ user: { name: 'Nobody' } });
  assertError(await server.client({ authorization: 'Bearer other' }).get('/api/v1/me'), 503, 'backend_unavailable', undefined);
});

test('Server-Sent Events ask the same', async () => {
  refuse('join', 'Not here.');
  const answer = await viewer.get('/api/v1/events?channel=lobby');
  assertError(answer, 403, 'backend_refused', undefined);
});

test('the backend in the documentation works as it stands there', async () => {
  const [program] = readFileSync(new URL('../../docs/hooks.md', import.meta.url), 'utf8').match(/(?<=```js\n)[^]*?(?=```)/);
  const place = await new Backend().start(); // a port that is free
  await place.stop();
  const other = await startServer({
    config: { backend_url: place.url, backend_secret: SECRET, webhook_url: place.url, webhook_secret: SECRET },
  });
  const file = join(other.data, 'backend.mjs');
  writeFileSync(file, program);
  const child = spawn(process.execPath, [file], { env: { ...process.env, SECRET, PORT: place.port }, stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.on('data', (chunk) => (printed += chunk));
  try {
    await eventually(() => fetch(place.url, { method: 'POST', body: '{}' }).then(({ status }) => status === 401, () => false), 'the backend');
    const amir = await other.login('akhan');
    const refused = await amir.patch('/api/v1/records/order/ORD-10002', { status: 'cancelled' });
    assertError(refused, 403, 'backend_refused', undefined);
    assert.equal(refused.json.error.message, 'This order is closed.');
    const order = assertStatus(await amir.post('/api/v1/records/order', { customer: 'CUST-0001' }), 201);
    await eventually(() => printed.includes(`change created ${order.id}\n`), 'the webhook');
  } finally {
    child.kill();
    await once(child, 'exit');
    await other.stop();
  }
});

test('without a backend commands go on where that is configured, but nobody comes in with a token of nobody', async () => {
  const place = await new Backend().start();
  await place.stop();
  const other = await startServer({
    config: { types, backend_url: place.url, backend_secret: SECRET, backend_when_down: 'allow', backend_asks: ['change', 'authenticate'] },
  });
  const contract = await draw(await other.login('akhan'));
  assert.equal(contract.version, 1);
  assertError(await other.client({ authorization: 'Bearer letmein' }).get('/api/v1/me'), 503, 'backend_unavailable', undefined);
  await other.stop();
});

test('a server that is stopped while questions are open ends in order', async () => {
  const slow = await new Backend().start();
  const other = await startServer({ config: { types, backend_url: slow.url, backend_secret: SECRET, backend_timeout_ms: 30_000 } });
  const amir = await other.login('akhan');
  const contract = await draw(amir);
  const asked = new Promise((resolve) => (slow.asked = ({ body }) => body.hook === 'publish' && resolve()));
  slow.answer = ({ hook }) => (hook === 'publish' ? undefined : { allow: true });
  const socket = await Client.open(other.process, '/ws', { cookie: amir.headers.cookie });
  assertAck(await socket.ask({ type: 'subscribe', channel: contract.room }));
  for (let i = 0; i < 3; i++) socket.send({ type: 'publish', channel: contract.room, event: 'x', payload: i });
  await asked;
  const stopped = other.stop();
  assert.equal((await socket.waitClosed()).code, 1012);
  await stopped;
  await slow.stop();
});
