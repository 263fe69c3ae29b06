// Locks over REST: taken, kept, asked for, handed over, taken away, and what they keep others from.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertStatus, draw, readAll, set, types } from './lib/contracts.mjs';
import { assertError, startServer } from './lib/server.mjs';

let server, admin, editor, other, viewer;

before(async () => {
  server = await startServer({ config: { types } });
  [admin, editor, other, viewer] = await Promise.all(['admin', 'akhan', 'jsmith', 'lchen'].map((name) => server.login(name)));
});

after(() => server?.stop());

const take = async (client, path, body = {}) => assertStatus(await client.post(`${path}/locks`, body), 201).lock;
const locksOf = async (path) => assertStatus(await viewer.get(`${path}/locks`), 200).locks;
const assertRefused = (answer, code) => assertError(answer, 423, code, answer.json.error?.field);
const release = (client, path, query = '') => client.delete(`${path}/locks${query}`);

describe('a lock', () => {
  test('is given to one, and the other is told who has it', async () => {
    const { path, id } = await draw(editor);
    const lock = await take(editor, path, { ttl: 60 });
    assert.deepEqual([lock.entity_type, lock.entity_id, lock.locked_by, lock.locked_by_name, lock.soft], ['contract', id, 3, 'Amir Khan', false]);
    assert.ok(Number.isSafeInteger(lock.token) && lock.token > 0);
    assert.ok(Date.parse(lock.expires_at) > Date.parse(lock.locked_at));
    const refused = await other.post(`${path}/locks`);
    assertError(refused, 423, 'locked', undefined);
    assert.equal(refused.json.lock.locked_by, 3);
    assert.deepEqual((await locksOf(path)).map(({ token }) => token), [lock.token]);
    assertStatus(await release(editor, path, `?token=${lock.token}`), 204);
    assert.deepEqual(await locksOf(path), []);
    assert.ok((await take(other, path)).token > lock.token);
  });

  test('of one field leaves the others free', async () => {
    const { path } = await draw(editor);
    await take(editor, path, { path: 'name' });
    await take(other, path, { path: '/status' });
    assertError(await other.post(`${path}/locks`, { path: 'name' }), 423, 'locked', undefined);
    assertError(await other.post(`${path}/locks`), 423, 'locked', undefined);
    assert.deepEqual((await locksOf(path)).map((lock) => lock.path).sort(), ['/name', '/status']);
    assertStatus(await release(other, path, '?path=status'), 204);
    assertError(await release(other, path, '?path=status'), 404, 'not_found', undefined);
  });

  test('of a field that somebody may not read is not shown to him', async () => {
    const { path } = await draw(editor);
    await take(admin, path, { path: 'margin' });
    assert.deepEqual(await locksOf(path), []);
    const refused = await editor.post(`${path}/locks`);
    assertError(refused, 423, 'locked', undefined);
    assert.ok(!refused.text.includes('margin'));
    assertError(await editor.post(`${path}/locks`, { path: 'margin' }), 400, 'unknown_field', 'margin');
  });

  test('that is soft keeps nobody away', async () => {
    const { path } = await draw(editor);
    assert.equal((await take(editor, path, { soft: true })).soft, true);
    await take(other, path);
  });

  test('is renewed with its token', async () => {
    const { path } = await draw(editor);
    const { token } = await take(editor, path);
    const renew = (client, body) => client.request('PATCH', `${path}/locks`, { body });
    assert.equal(assertStatus(await renew(editor, { token, ttl_ms: 120000 }), 200).lock.ttl_ms, 120000);
    assertError(await renew(editor, { token: token + 1 }), 423, 'lock_lost', undefined);
    assertError(await renew(editor, { token: 'x' }), 400, 'bad_field', 'token');
    assert.equal((await take(editor, path)).token, token, 'taking it again is the same lock');
  });

  test('is asked for and handed over', async () => {
    const { path } = await draw(editor);
    const { token } = await take(editor, path);
    const asked = assertStatus(await other.post(`${path}/locks/request`, { note: 'five minutes, please' }), 200).lock;
    assert.deepEqual(asked.requests.map(({ user_id, note }) => [user_id, note]), [[5, 'five minutes, please']]);
    const { notifications } = assertStatus(await editor.get('/api/v1/notifications?state=unread'), 200);
    assert.ok(notifications.some(({ type, entity_id }) => type === 'lock_request' && path.endsWith(entity_id)));
    const given = assertStatus(await editor.post(`${path}/locks/hand_over`, { user_id: 5, token }), 200).lock;
    assert.equal(given.locked_by, 5);
    assert.ok(given.token > token);
    assertError(await editor.post(`${path}/locks`), 423, 'locked', undefined);
  });

  test('is taken away by a role that may', async () => {
    const { path } = await draw(editor);
    await take(editor, path);
    assertError(await other.post(`${path}/locks/force`), 403, 'forbidden', undefined);
    assertStatus(await admin.post(`${path}/locks/force`, { note: 'gone home' }), 200);
    assert.deepEqual(await locksOf(path), []);
    await take(other, path);
  });

  test('says what is wrong with what was asked', async () => {
    const { path } = await draw(editor);
    const lock = (body) => editor.post(`${path}/locks`, body);
    assertError(await lock({ path: 'nothing' }), 400, 'unknown_field', 'nothing');
    assertError(await lock({ path: 'items/2' }), 400, 'position_in_path', 'path');
    assertError(await lock({ ttl: 0 }), 400, 'bad_field', 'ttl');
    assertError(await lock({ ttl: 1e9 }), 400, 'bad_field', 'ttl');
    assertError(await lock({ soft: 'yes' }), 400, 'bad_field', 'soft');
    assertError(await release(editor, path, '?token=x'), 400, 'bad_field', 'token');
    assertError(await editor.post('/api/v1/records/nothing/X/locks'), 404, 'not_found', undefined);
    assertError(await viewer.get('/api/v1/locks?type=nothing'), 404, 'not_found', 'type');
  });

  test('is there after the server was killed', async () => {
    const { path } = await draw(editor);
    const { token } = await take(editor, path, { ttl: 600 });
    await server.restart('SIGKILL');
    assertError(await other.post(`${path}/locks`), 423, 'locked', undefined);
    assertStatus(await release(editor, path, `?token=${token}`), 204);
  });
});

describe('a write', () => {
  test('to a field that needs a lock needs it', async () => {
    const { path } = await draw(editor);
    assertRefused(await editor.patch(path, { owner: 'me' }), 'lock_required');
    const { token } = await take(editor, path, { path: 'owner' });
    assertStatus(await editor.patch(path, { owner: 'me' }, { 'lock-token': `${token}` }), 200);
    const refused = await other.patch(path, { owner: 'you' });
    assertRefused(refused, 'locked');
    assert.equal(refused.json.lock.locked_by, 3);
    assertStatus(await other.patch(path, { status: 'signed' }), 200);
  });

  test('with the token of a lock that was lost is refused', async () => {
    const { path } = await draw(editor);
    const { token } = await take(editor, path);
    assertStatus(await admin.post(`${path}/locks/force`), 200);
    const mine = await take(other, path);
    assertStatus(await release(other, path, `?token=${mine.token}`), 204);
    await take(editor, path);
    assertRefused(await editor.patch(path, { owner: 'me' }, { 'lock-token': `${token}` }), 'lock_lost');
    const { results } = assertStatus(await editor.post(`${path}/changes`, { changes: [set('owner', 'me', { fence: token })] }), 200);
    assert.deepEqual([results[0].verdict, results[0].error.code], ['rejected', 'lock_lost']);
  });
});

test('all locks are listed, page by page', async () => {
  const drawn = await Promise.all([1, 2, 3, 4, 5].map(() => draw(editor)));
  await Promise.all(drawn.map(({ path }) => take(editor, path)));
  const locks = await readAll(viewer, '/api/v1/locks?type=contract', 'locks');
  for (const { id } of drawn) assert.ok(locks.some(({ entity_id }) => entity_id === id));
  assert.equal(new Set(locks.map(({ token }) => token)).size, locks.length);
});
