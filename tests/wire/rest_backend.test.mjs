// What an application's own server does over REST, with the role `service`.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertStatus, draw, types } from './lib/contracts.mjs';
import { assertAck, collabd, hear } from './lib/people.mjs';
import { assertError, startServer } from './lib/server.mjs';
import { Client, login } from '../lib/server.mjs';

let server, robot, editor, viewer;

before(async () => {
  server = await startServer({ config: { types } });
  const { code, err } = await collabd(['user', 'add', 'robot', '--roles', 'service', '--data', server.data], { input: 'robot\n' });
  assert.equal(code, 0, err);
  robot = server.client({ cookie: await login(server.process, 'robot', 'robot') });
  [editor, viewer] = await Promise.all(['akhan', 'lchen'].map((name) => server.login(name)));
});

after(() => server?.stop());

const listen = async (client, room) => {
  const socket = await Client.open(server.process, '/ws', { cookie: client.headers.cookie });
  assertAck(await socket.ask({ type: 'subscribe', channel: room }));
  return socket;
};
const publish = (client, room, body) => client.post(`/api/v1/rooms/${encodeURIComponent(room)}/publish`, body);

test('it speaks in rooms', async () => {
  const { room } = await draw(editor);
  for (const name of ['lobby', room]) {
    const socket = await listen(viewer, name);
    const { position } = assertStatus(await publish(robot, name, { event: 'tick', data: { n: 1 } }), 200);
    const heard = await hear(socket, 'publish');
    assert.deepEqual([heard.event, heard.payload, heard.offset], ['tick', { n: 1 }, position.offset]);
    socket.close();
  }
  assert.equal(assertStatus(await publish(robot, 'nobody is here', { data: 1 }), 200).position, null);
});

test('what it says twice under one id is said once', async () => {
  const { room } = await draw(editor);
  const first = assertStatus(await publish(robot, room, { data: 'x', id: 'said-1' }), 200);
  const second = assertStatus(await publish(robot, room, { data: 'x', id: 'said-1' }), 200);
  assert.deepEqual(second, { ...first, repeat: true });
  assertError(await publish(robot, room, { data: 'y', id: 'said-1' }), 409, 'conflict', undefined);
});

test('nobody else does', async () => {
  assertError(await publish(editor, 'lobby', { data: 1 }), 403, 'forbidden', undefined);
  for (const word of ['kick', 'revoke', 'notify']) assertError(await editor.post(`/api/v1/users/4/${word}`, { title: 'x' }), 403, 'forbidden', undefined);
  assertError(await editor.get('/api/v1/sockets?namespace=/x'), 403, 'forbidden', undefined);
});

test('what makes no message is refused', async () => {
  assertError(await publish(robot, 'lobby', { event: 1 }), 400, 'bad_field', 'event');
  assertError(await publish(robot, 'lobby', { event: 'x'.repeat(129) }), 400, 'bad_field', 'event');
  assertError(await publish(robot, 'lobby', { volatile: 'yes' }), 400, 'bad_field', 'volatile');
  assertError(await publish(robot, 'order-updates', { data: 1 }), 403, 'forbidden', undefined);
  assertError(await publish(robot, 'user:4', { data: 1 }), 403, 'forbidden', undefined);
});

test('it changes records on behalf of its users, with their rights, and signs it', async () => {
  const { path } = await draw(editor);
  const as = (username) => ({ 'x-on-behalf-of': username });
  assertStatus(await robot.patch(path, { status: 'signed' }, as('akhan')), 200);
  const [change] = assertStatus(await viewer.get(`${path}/history?limit=1`), 200).changes;
  assert.deepEqual([change.user_id, change.username, change.metadata], [3, 'akhan', { sent_by: 'robot' }]);
  assertError(await robot.patch(path, { status: 'void' }, as('lchen')), 403, 'forbidden', 'status');
  assertError(await robot.patch(path, { status: 'void' }, as('nobody')), 400, 'unknown_user', 'on_behalf_of');
  assertError(await editor.patch(path, { status: 'void' }, as('mgarcia')), 403, 'forbidden', undefined);
  const made = assertStatus(await robot.post('/api/v1/records/contract', { name: 'By the shop' }, as('jsmith')), 201);
  assertStatus(await robot.post(`/api/v1/records/contract/${made.id}/changes`, { operation: 'increment', path: 'signatures', after: 1 }, as('jsmith')), 200);
  assertStatus(await robot.delete(`/api/v1/records/contract/${made.id}`, as('jsmith')), 204);
  const { changes } = assertStatus(await viewer.get(`/api/v1/records/contract/${made.id}/history`), 200);
  assert.ok(changes.length === 3 && changes.every(({ user_id, metadata }) => user_id === 5 && metadata.sent_by === 'robot'));
});

test('it does everything else on behalf of its users, too, and sees what they see', async () => {
  const { id, path, room } = await draw(editor, { name: 'Shared' });
  const as = (username) => ({ 'x-on-behalf-of': username });
  const { comment } = assertStatus(await robot.post(`${path}/comments`, { text: 'From the shop' }, as('akhan')), 201);
  assert.deepEqual([comment.user_id, comment.username], [3, 'akhan']);
  const { lock } = assertStatus(await robot.post(`${path}/locks`, { path: 'owner' }, as('akhan')), 201);
  assert.equal(lock.locked_by, 3);
  assertError(await robot.post(`${path}/locks`, { path: 'owner' }, as('jsmith')), 423, 'locked', undefined);
  assertStatus(await robot.post(`/api/v1/rooms/${encodeURIComponent(room)}/messages`, { text: 'hello' }, as('jsmith')), 201);
  assertStatus(await robot.patch(path, { notes: 'x' }, as('jsmith')), 200);
  assertStatus(await robot.post(`${path}/undo`, {}, as('jsmith')), 200);
  assertError(await robot.post(`${path}/undo`, {}, as('mgarcia')), 409, 'nothing_to_undo', undefined);
  const secret = 'deed';
  const deed = assertStatus(await robot.post(`/api/v1/records/${secret}`, { name: 'A', secret: 'x' }, as('mgarcia')), 201);
  assert.equal(assertStatus(await robot.get(`/api/v1/records/${secret}/${deed.id}`, as('mgarcia')), 200).data.secret, 'x');
  assert.equal(assertStatus(await robot.get(`/api/v1/records/${secret}/${deed.id}`, as('jsmith')), 200).data.secret, undefined);
  assertError(await editor.get(path, as('mgarcia')), 403, 'forbidden', undefined);
  assert.ok(id);
});

test('where it acts for nobody, saying on whose behalf is an error', async () => {
  const as = { 'x-on-behalf-of': 'akhan' };
  const refused = [
    robot.get('/api/v1/me', as), robot.post('/api/v1/token', {}, as), robot.post('/api/v1/logout', {}, as), robot.get('/api/v1/events?channel=lobby', as), robot.get('/api/v1/sockets?namespace=/', as),
    robot.post('/api/v1/rooms/lobby/publish', { data: 1 }, as), robot.post('/api/v1/users/4/notify', { title: 'x' }, as), robot.post('/api/v1/users/4/kick', {}, as), robot.get('/healthz', as),
  ];
  for (const answer of await Promise.all(refused)) assertError(answer, 400, 'bad_request', 'on_behalf_of');
  assertStatus(await robot.get('/api/v1/me'), 200);
  await assert.rejects(Client.open(server.process, '/ws', { cookie: robot.headers.cookie, headers: as }), { status: 400 });
});

test('kicked, a user loses his connections and may come back', async () => {
  const socket = await listen(editor, 'lobby');
  const bystander = await listen(viewer, 'lobby');
  assertStatus(await robot.post('/api/v1/users/3/kick', { reason: 'maintenance' }), 200);
  assert.equal((await socket.waitClosed()).code, 4440);
  assertStatus(await editor.get('/api/v1/me'), 200);
  (await listen(editor, 'lobby')).close();
  assert.equal(bystander.closed, null);
  bystander.close();
  assertError(await robot.post('/api/v1/users/3/kick', { reason: 1 }), 400, 'bad_field', 'reason');
});

test('revoked, he has to log in again, and his tokens are worth nothing', async () => {
  const { token } = assertStatus(await editor.post('/api/v1/token', {}), 200);
  const withToken = server.client({ authorization: `Bearer ${token}` });
  assertStatus(await withToken.get('/api/v1/me'), 200);
  const socket = await listen(editor, 'lobby');
  assertStatus(await robot.post('/api/v1/users/3/revoke'), 200);
  assert.equal((await socket.waitClosed()).code, 4440);
  assertError(await editor.get('/api/v1/me'), 401, 'session_revoked', undefined);
  assertError(await withToken.get('/api/v1/me'), 401, 'session_revoked', undefined);
  editor = await server.login('akhan');
  assertStatus(await editor.get('/api/v1/me'), 200);
  assertStatus(await viewer.get('/api/v1/me'), 200);
  assertError(await robot.post('/api/v1/users/nobody/revoke'), 404, 'not_found', undefined);
});
