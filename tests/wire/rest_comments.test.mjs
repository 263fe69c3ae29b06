// Comments over REST.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertStatus, draw, readAll, types } from './lib/contracts.mjs';
import { assertError, startServer } from './lib/server.mjs';

let server, manager, editor, other, viewer;

before(async () => {
  server = await startServer({ config: { types } });
  [manager, editor, other, viewer] = await Promise.all(['mgarcia', 'akhan', 'jsmith', 'lchen'].map((name) => server.login(name)));
});

after(() => server?.stop());

const say = async (client, path, body) => assertStatus(await client.post(`${path}/comments`, body), 201).comment;
const at = ({ id }, rest = '') => `/api/v1/comments/${id}${rest}`;

test('a thread is read in the order in which it was written', async () => {
  const { path, id } = await draw(editor);
  const first = await say(viewer, path, { text: 'Is this right?', path: 'price' });
  assert.deepEqual([first.kind, first.entity_type, first.entity_id, first.user_id, first.name, first.path, first.state], ['comment', 'contract', id, 4, 'Li Chen', '/price', 'open']);
  const answer = await say(editor, path, { text: 'It is.', parentId: first.id });
  assert.equal(answer.parent_id, first.id);
  await say(other, path, { text: 'About all of it' });
  const texts = (await readAll(viewer, `${path}/comments`, 'comments')).map(({ text }) => text);
  assert.deepEqual(texts, ['Is this right?', 'It is.', 'About all of it']);
  assert.equal(assertStatus(await viewer.get(at(first)), 200).comment.text, 'Is this right?');
});

test('who is mentioned finds it in his inbox', async () => {
  const { path } = await draw(editor);
  const comment = await say(editor, path, { text: 'What do you think, @jsmith?' });
  assert.deepEqual(comment.mentions, [5]);
  const { notifications } = assertStatus(await other.get('/api/v1/notifications'), 200);
  assert.ok(notifications.some(({ type, data }) => type === 'mention' && data.comment_id === comment.id));
  assertError(await editor.post(`${path}/comments`, { text: 'Hello', mentions: ['nobody'] }), 400, 'unknown_user', 'mentions');
});

test('its author edits and deletes it, nobody else does', async () => {
  const { path } = await draw(editor);
  const comment = await say(editor, path, { text: 'Frist' });
  assertError(await other.patch(at(comment), { text: 'Mine' }), 403, 'forbidden', undefined);
  const edited = assertStatus(await editor.patch(at(comment), { text: 'First' }), 200).comment;
  assert.equal(edited.text, 'First');
  assert.ok(edited.edited_at);
  assertError(await other.delete(at(comment)), 403, 'forbidden', undefined);
  assertStatus(await editor.delete(at(comment)), 204);
  const [left] = assertStatus(await viewer.get(`${path}/comments`), 200).comments;
  assert.deepEqual([left.deleted, left.text], [true, '']);
});

test('it is resolved, reopened, reacted to', async () => {
  const { path } = await draw(editor);
  const comment = await say(editor, path, { text: 'Check the price' });
  assert.equal(assertStatus(await other.post(at(comment, '/resolve')), 200).comment.resolved_by, 5);
  const inState = async (state) => assertStatus(await viewer.get(`${path}/comments?state=${state}`), 200).comments.map(({ id }) => id);
  assert.deepEqual(await inState('resolved'), [comment.id]);
  assert.deepEqual(await inState('open'), []);
  assert.equal(assertStatus(await other.post(at(comment, '/reopen'), {}), 200).comment.state, 'open');
  assert.deepEqual(assertStatus(await other.post(at(comment, '/react'), { emoji: '👍' }), 200).comment.reactions, { '👍': [5] });
  assert.deepEqual(assertStatus(await other.post(at(comment, '/react'), { emoji: '👍', on: false }), 200).comment.reactions, {});
});

test('one about a field that somebody may not read is not there for him', async () => {
  const { path } = await draw(editor);
  const comment = await say(manager, path, { text: 'Low', path: 'margin' });
  assert.equal(assertStatus(await manager.get(`${path}/comments`), 200).comments.length, 1);
  assert.deepEqual(assertStatus(await viewer.get(`${path}/comments`), 200).comments, []);
  for (const answer of [await viewer.get(at(comment)), await viewer.patch(at(comment), { text: 'x' }), await viewer.post(at(comment, '/resolve')), await viewer.delete(at(comment))])
    assertError(answer, 404, 'not_found', undefined);
  assertError(await viewer.post(`${path}/comments`, { text: 'x', path: 'margin' }), 400, 'unknown_field', 'path');
});

test('the same request twice is one comment', async () => {
  const { path } = await draw(editor);
  const send = () => editor.post(`${path}/comments`, { text: 'Once' }, { 'idempotency-key': `comment ${path}` });
  const [one, two] = [assertStatus(await send(), 201), assertStatus(await send(), 201)];
  assert.equal(one.comment.id, two.comment.id);
  assert.equal(assertStatus(await viewer.get(`${path}/comments`), 200).comments.length, 1);
});

test('what is no comment is refused', async () => {
  const { path } = await draw(editor);
  const send = (body) => editor.post(`${path}/comments`, body);
  assertError(await send({}), 400, 'missing_field', 'text');
  assertError(await send({ text: 1 }), 400, 'bad_field', 'text');
  assertError(await send({ text: 'x'.repeat(4001) }), 400, 'bad_field', 'text');
  assertError(await send({ text: 'x', parent_id: 'nothing' }), 404, 'not_found', 'parent_id');
  assertError(await editor.post(`${path}/comments`), 415, 'unsupported', undefined);
  assertError(await editor.get(`${path}/comments?state=lost`), 400, 'bad_field', 'state');
  assertError(await editor.get(`${path}/comments?cursor=nonsense`), 400, 'bad_field', 'cursor');
  assertError(await editor.get(`${path}/comments?limit=0`), 400, 'bad_field', 'limit');
  assertError(await editor.get('/api/v1/comments/nothing'), 404, 'not_found', undefined);
  assertError(await editor.post('/api/v1/records/contract/nothing-here/comments', { text: 'x' }), 404, 'not_found', undefined);
});
