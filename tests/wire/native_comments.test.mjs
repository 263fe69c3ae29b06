// Comments and chat over `/ws`: docs/protocol/native.md and docs/objects.md with a plain WebSocket.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../lib/server.mjs';
import { assertAck, assertRefused, hear, People, settle } from './lib/people.mjs';
import { about, heard, make, newOrder, say, settleRecord } from './lib/records.mjs';

const config = {
  types: {
    paper: {
      roles: { read: ['manager', 'editor'], create: ['editor'], update: ['editor'] },
      fields: { name: { kind: 'string', required: true }, secret: { kind: 'string', read: ['manager'], write: ['manager'] } },
    },
  },
};
let server, people, folder;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'collabd-config-'));
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  server = await startServer({ args: ['--config', join(folder, 'config.json')] });
  people = new People(server);
});

after(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const comment = (window, room, action, more = {}) => say(window, 'comment', room, { action, ...more });
const add = async (window, room, text, more = {}) => assertAck(await comment(window, room, 'add', { text, ...more })).comment;
const happened = (window, event, suits = () => true) => hear(window, 'comment', (payload) => payload.event === event && suits(payload));
const leave = (...windows) => windows.forEach((window) => window.close());
const list = async (window, room, more = {}) => assertAck(await say(window, 'list', room, { kind: 'comments', ...more }));

describe('a comment', () => {
  test('is heard at the record and among all comments, and stays', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    const watcher = await people.enter('lchen', 'comments');
    const made = await add(amir, room, 'Is <b>this</b> right?', { path: 'due_date' });
    const { id, createdAt, updatedAt, entityName, ...rest } = made;
    assert.ok(id && Date.parse(createdAt) && Date.parse(updatedAt) && entityName);
    assert.deepEqual(rest, {
      kind: 'comment', ...about(room), userId: '3', username: 'akhan', name: 'Amir Khan',
      path: '/due_date', text: 'Is <b>this</b> right?', mentions: [], reactions: {}, state: 'open', deleted: false, resolved: false,
    });
    for (const [window, where] of [[maria, room], [watcher, 'comments']]) {
      const { channel, userId, payload } = await happened(window, 'added', (payload) => payload.id === id);
      assert.deepEqual([channel, userId], [where, '3']);
      assert.deepEqual(payload, { event: 'added', ...made });
    }
    assert.deepEqual((await list(maria, room)).items, [made]);
    assert.deepEqual(heard(amir, 'comment', room), []);
    leave(amir, maria, watcher);
  });

  test('is answered, edited, resolved, reopened, reacted to and deleted', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    const first = await add(amir, room, 'First');
    const answer = await add(maria, room, 'Answer', { parentId: first.id });
    assert.equal(answer.parentId, first.id);
    const edited = assertAck(await comment(amir, room, 'edit', { commentId: first.id, text: 'Changed' })).comment;
    assert.deepEqual([edited.text, typeof edited.editedAt], ['Changed', 'string']);
    assertAck(await comment(maria, room, 'react', { comment_id: first.id, emoji: '👍', on: true }));
    assert.deepEqual((await happened(amir, 'reacted')).payload.reactions, { '👍': ['2'] });
    assertAck(await comment(maria, room, 'resolve', { commentId: first.id }));
    const { payload } = await happened(amir, 'resolved');
    assert.deepEqual([payload.state, payload.resolved, payload.resolvedBy], ['resolved', true, '2']);
    assert.deepEqual((await list(amir, room, { state: 'resolved' })).items.map(({ id }) => id), [first.id]);
    assert.equal(assertAck(await comment(amir, room, 'reopen', { commentId: first.id })).comment.resolved, false);
    const gone = assertAck(await comment(amir, room, 'delete', { commentId: first.id })).comment;
    assert.deepEqual([gone.deleted, gone.text], [true, '']);
    assert.equal((await happened(maria, 'deleted')).payload.text, '');
    assert.deepEqual((await list(amir, room)).items.map(({ id, deleted }) => [id, deleted]), [[first.id, true], [answer.id, false]]);
    leave(amir, maria);
  });

  test('that is sent twice is made once', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    const tab = await people.enter('akhan', room);
    const first = assertAck(await comment(amir, room, 'add', { text: 'Once', id: 'k-1' }));
    const second = assertAck(await comment(tab, room, 'add', { text: 'Once', id: 'k-1' }));
    assert.deepEqual([second.comment.id, second.repeat], [first.comment.id, true]);
    assertRefused(await comment(tab, room, 'add', { text: 'Other', id: 'k-1' }), 'conflict', 'id');
    assert.equal((await list(amir, room)).items.length, 1);
    leave(amir, tab);
  });

  test('tells those who are mentioned, wherever they are', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    const john = await people.enter('jsmith', 'inbox');
    const { id, mentions } = await add(amir, room, '@jsmith and @nobody, and @lchen.', { mentions: ['mgarcia'] });
    assert.deepEqual([...mentions].sort(), ['2', '4', '5']);
    const { channel, payload } = await hear(john, 'notification', ({ type }) => type === 'mention');
    assert.deepEqual([channel, payload.event, payload.userId, payload.entityId, payload.data.comment_id, payload.state], ['user:5', 'added', '3', about(room).entityId, id, 'unread']);
    const { items, unreadCount } = assertAck(await (await people.open('mgarcia')).ask({ type: 'list', payload: { kind: 'notification', state: 'unread' } }));
    assert.ok(unreadCount >= 1 && items.some(({ data }) => data?.comment_id === id));
    leave(amir, john);
  });

  test('about a field that somebody may not read is not there for him', async () => {
    const paper = await make(people, 'paper', { name: 'P' });
    const maria = await people.enter('mgarcia', paper);
    const amir = await people.enter('akhan', paper);
    const feed = await people.enter('akhan', 'activity-feed');
    const hidden = await add(maria, paper, 'Not for everybody', { path: 'secret' });
    const open = await add(maria, paper, 'For everybody', { path: 'name' });
    assert.equal((await happened(amir, 'added')).payload.id, open.id);
    await hear(feed, 'activity', ({ comment }) => comment?.id === open.id);
    assert.equal(feed.heard.some(({ payload }) => payload?.comment?.id === hidden.id), false);
    assert.deepEqual((await list(amir, paper)).items.map(({ id }) => id), [open.id]);
    assert.deepEqual((await list(maria, paper)).items.map(({ id }) => id), [hidden.id, open.id]);
    assertRefused(await comment(amir, paper, 'resolve', { commentId: hidden.id }), 'not_found', 'commentId');
    assert.equal((await comment(amir, paper, 'add', { text: 'x', path: 'secret' })).type, 'error');
    leave(maria, amir, feed);
  });

  test('has an error for everything that is wrong with it', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    const { id } = await add(amir, room, 'Mine');
    assertRefused(await comment(amir, room, undefined), 'missing_field', 'action');
    assertRefused(await comment(amir, room, 'shout'), 'bad_field', 'action');
    assertRefused(await comment(amir, room, 'add'), 'missing_field', 'text');
    assertRefused(await comment(amir, room, 'add', { text: 7 }), 'bad_field', 'text');
    assertRefused(await comment(amir, room, 'add', { text: 'x', path: 'nothing' }), 'unknown_field', 'path');
    assertRefused(await comment(amir, room, 'add', { text: 'x', mentions: ['nobody'] }), 'unknown_user', 'mentions');
    assertRefused(await comment(amir, room, 'add', { text: 'x', parentId: 'none' }), 'not_found', 'parentId');
    assertRefused(await comment(amir, room, 'edit', { text: 'x' }), 'missing_field', 'commentId');
    assertRefused(await comment(amir, room, 'edit', { commentId: 'none', text: 'x' }), 'not_found', 'commentId');
    assertRefused(await comment(maria, room, 'edit', { commentId: id, text: 'Hers' }), 'forbidden', undefined);
    assert.equal((await list(amir, room)).items[0].text, 'Mine');
    leave(amir, maria);
  });
});

describe('chat', () => {
  const chat = (window, payload, channel) => window.ask({ type: 'chat', channel, payload });

  test('is heard in the room, in order with all else there, and stays', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    const { message } = assertAck(await chat(amir, { ...about(room), text: 'Hello', data: { my_key: 1 } }));
    assertAck(await chat(amir, { text: 'Again' }, room));
    await settleRecord(room, amir, maria);
    assert.deepEqual(heard(maria, 'chat', room).map(({ event, text, userId }) => [event, text, userId]), [['sent', 'Hello', '3'], ['sent', 'Again', '3']]);
    assert.deepEqual(message.data, { my_key: 1 });
    const { items } = assertAck(await say(maria, 'list', room, { kind: 'message' }));
    assert.deepEqual(items.map(({ text }) => text), ['Again', 'Hello']);
    leave(amir, maria);
  });

  test('in a free room is for those who joined it', async () => {
    const amir = await people.enter('akhan', 'coffee');
    const maria = await people.enter('mgarcia', 'coffee');
    const john = await people.open('jsmith');
    assertAck(await chat(amir, { text: 'Anybody?' }, 'coffee'));
    assert.equal((await hear(maria, 'chat')).payload.text, 'Anybody?');
    assertRefused(await chat(john, { text: 'Me' }, 'coffee'), 'not_member', undefined);
    assertRefused(await chat(john, { text: 'Me' }), 'missing_field', 'channel');
    await settle('coffee', amir, maria);
    assert.equal(heard(maria, 'chat', 'coffee').length, 1);
    leave(amir, maria, john);
  });

  test('between two is heard in all windows of both and by nobody else', async () => {
    const amir = await people.enter('akhan', 'inbox');
    const tab = await people.enter('akhan', 'user:3');
    const maria = await people.enter('mgarcia', 'inbox');
    const john = await people.enter('jsmith', 'inbox');
    const { message } = assertAck(await chat(amir, { to: '2', text: 'Lunch?' }));
    assert.deepEqual([message.toUserId, message.userId], ['2', '3']);
    assert.equal((await hear(maria, 'chat')).channel, 'user:2');
    assert.equal((await hear(tab, 'chat')).channel, 'user:3');
    const told = await hear(maria, 'notification', ({ type, data }) => type === 'message' && data?.message_id === message.id);
    assert.equal(told.payload.userId, '3');
    for (const [window, other] of [[amir, '2'], [maria, '3']]) {
      const { items } = assertAck(await window.ask({ type: 'list', payload: { kind: 'message', with: other } }));
      assert.deepEqual(items.map(({ id }) => id), [message.id]);
    }
    assert.deepEqual(assertAck(await john.ask({ type: 'list', payload: { kind: 'message', with: '2' } })).items, []);
    for (const channel of ['user:2', 'dm:2:3']) assertRefused(await john.ask({ type: 'list', channel, payload: { kind: 'message' } }), 'not_found', 'channel');
    assertRefused(await chat(john, { to: 'nobody', text: 'x' }), 'unknown_user', 'to');
    assert.deepEqual(heard(john, 'chat', 'user:5'), []);
    leave(amir, tab, maria, john);
  });
});
