// Whose rights are taken away while an application's backend is being asked about what he wants: it is not done any more.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { eventually } from '../lib/server.mjs';
import { Backend, SECRET } from './lib/backend.mjs';
import { assertStatus } from './lib/contracts.mjs';
import { collabd, hear, People } from './lib/people.mjs';
import { about } from './lib/records.mjs';
import { startServer } from './lib/server.mjs';

const roles = { create: ['editor', 'manager'], update: ['editor', 'manager'] };
const types = { ticket: { roles, fields: { title: { kind: 'string', required: true } } } };

let backend, server, people, path, room, waiting, go;
let serial = 0;

before(async () => {
  backend = await new Backend().start();
  server = await startServer({ config: { types, backend_url: backend.url, backend_secret: SECRET, backend_asks: ['change'], backend_timeout_ms: 30000, presence_grace_ms: 0 } });
});

after(async () => {
  await server?.stop();
  await backend.stop();
});

/** A record, and a backend that thinks about what Amir wants until `go` is called, and then allows it. */
beforeEach(async () => {
  people = new People(server.process);
  const id = `T-${++serial}`;
  [path, room] = [`/api/v1/records/ticket/${id}`, `ticket:${id}`];
  backend.answer = () => ({ allow: true });
  assertStatus(await (await server.login('mgarcia')).post('/api/v1/records/ticket', { id, title: 'New' }), 201);
  waiting = 0;
  const thought = new Promise((resolve) => (go = resolve));
  backend.answer = async ({ user }) => {
    if (user.username === 'akhan') waiting++;
    if (user.username === 'akhan') await thought;
    return { allow: true };
  };
});

const rename = (title) => ({ type: 'update', messageId: title, payload: { ...about(room), patch: { title } } });

/** All that waited has been decided: somebody else hears that Amir left, which he said after it; the title is as it was. */
async function assertUntouched(maria) {
  go();
  await hear(maria, 'presence', ({ event, userId }) => event === 'user_left' && userId === '3');
  assert.equal((await people.rest('mgarcia', 'GET', path)).body.version, 1);
}

test('what waited on a WebSocket', async () => {
  const maria = await people.enter('mgarcia', room);
  const amir = await people.enter('akhan', room);
  amir.send(rename('first'));
  amir.send(rename('second'));
  await eventually(() => waiting === 1, 'the question');
  assert.equal((await people.rest('akhan', 'POST', '/api/v1/logout', {})).status, 204);
  assert.equal((await amir.waitClosed()).code, 4440);
  await assertUntouched(maria);
  assert.equal(waiting, 1);
  maria.close();
});

test('what waited on another wire, when his roles became others', async () => {
  const maria = await people.enter('mgarcia', room);
  const amir = await people.enter('akhan', room);
  const answer = people.rest('akhan', 'PATCH', path, { title: 'over REST' });
  amir.send(rename('beside it'));
  await eventually(() => waiting === 2, 'both questions');
  assert.equal((await collabd(['user', 'roles', 'akhan', '--roles', 'viewer', '--data', server.data])).code, 0);
  assert.equal((await amir.waitClosed()).code, 4440);
  await assertUntouched(maria);
  assert.equal((await answer).body.error.code, 'session_revoked');
  assert.equal((await people.rest('mgarcia', 'GET', path)).body.version, 1);
  maria.close();
});
