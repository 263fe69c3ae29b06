// What people do, and what they are told, over `/ws` and as Server-Sent Events: docs/protocol/native.md, "What people do", "Notifications" and "Lists".
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../lib/server.mjs';
import { openEvents } from './lib/events.mjs';
import { assertAck, assertRefused, hear, People } from './lib/people.mjs';
import { about, heard, make, newOrder, say, set, settleRecord, update } from './lib/records.mjs';

const config = {
  types: {
    paper: {
      label: 'name',
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

const leave = (...windows) => windows.forEach((window) => window.close());
const activity = (window, suits) => hear(window, 'activity', suits);
const list = async (window, payload) => assertAck(await window.ask({ type: 'list', payload }));

describe('the activity feed', () => {
  test('tells who did what with which record and fields, as the list does later', async () => {
    const feed = await people.enter('lchen', 'activity-feed');
    const room = await newOrder(people, { title: 'Pump' });
    const amir = await people.enter('akhan', room);
    const entity = { type: 'work_order', id: about(room).entityId, name: 'Pump' };
    assertAck(await set(amir, room, 'priority', 'high', { metadata: { why: 'x' } }));
    const { payload, userId } = await activity(feed, ({ action, entity: { id } }) => action === 'updated' && id === entity.id);
    const { id, timestamp, ...rest } = payload;
    assert.ok(id && Date.parse(timestamp));
    assert.equal(userId, '3');
    assert.deepEqual(rest, {
      userId: '3', username: 'akhan', name: 'Amir Khan', action: 'updated', entity, changes: [{ field: 'priority', before: 'normal', after: 'high' }], version: 2, metadata: { why: 'x' },
    });
    assertAck(await say(amir, 'action', room, { action: 'start' }));
    await activity(feed, (payload) => payload.entity.id === entity.id && payload.changes?.some(({ field, after }) => field === 'status' && after === 'in_progress'));
    assertAck(await say(amir, 'comment', room, { action: 'add', text: 'Done' }));
    assert.equal((await activity(feed, ({ action, entity: { id } }) => action === 'commented' && id === entity.id)).payload.comment.text, 'Done');
    const created = (await activity(feed, ({ action, entity: { id } }) => action === 'created' && id === entity.id)).payload;
    assert.equal(created.entity.name, 'Pump');
    assert.equal(feed.heard.some(({ type }) => type === 'update' || type === 'comment'), false);
    const { items } = await list(feed, { kind: 'activity', entityType: 'work_order', entityId: entity.id });
    assert.deepEqual(items, feed.heard.filter(({ type, payload }) => type === 'activity' && payload.entity.id === entity.id).map(({ payload }) => payload).reverse());
    const pages = [];
    for (let cursor; cursor !== null; ) {
      const page = await list(feed, { kind: 'activity', entityType: 'work_order', entityId: entity.id, limit: 1, cursor });
      pages.push(...page.items);
      cursor = page.nextCursor;
    }
    assert.deepEqual(pages, items);
    assert.deepEqual((await list(feed, { kind: 'activity', entityType: 'work_order', entityId: entity.id, action: 'commented' })).items, [items[0]]);
    leave(feed, amir);
  });

  test('says of hidden fields nothing to those who may not read them', async () => {
    const forAmir = await people.enter('akhan', 'activity-feed');
    const forMaria = await people.enter('mgarcia', 'activity-feed');
    const forViewer = await people.enter('lchen', 'activity-feed');
    const paper = await make(people, 'paper', { name: 'P' });
    const maria = await people.enter('mgarcia', paper);
    const { entityId } = about(paper);
    const ack = assertAck(await update(maria, paper, { ops: [{ operation: 'update', path: 'secret', after: 's' }] }));
    const room = await newOrder(people, { title: 'after it' });
    const isIt = ({ entity, version }) => entity.id === entityId && version === ack.version;
    assert.deepEqual((await activity(forMaria, isIt)).payload.changes, [{ field: 'secret', before: null, after: 's' }]);
    const hidden = await activity(forAmir, isIt);
    assert.deepEqual(hidden.payload.changes, []);
    await activity(forViewer, ({ entity }) => entity.id === about(room).entityId);
    assert.equal(forViewer.heard.some(({ payload }) => payload?.entity?.id === entityId), false);
    const shown = async (window) => (await list(window, { kind: 'activity', entityType: 'paper', entityId })).items.find(isIt)?.changes;
    assert.deepEqual([await shown(forMaria), await shown(forAmir), await shown(forViewer)], [[{ field: 'secret', before: null, after: 's' }], [], undefined]);
    leave(forAmir, forMaria, forViewer, maria);
  });

  test('is everybody’s, one user’s, or a customer’s', async () => {
    const customer = 'customer:CUST-0001';
    const his = await people.enter('lchen', 'feed:user:3');
    const theirs = await people.enter('lchen', 'feed:customer:CUST-0001');
    const amir = await people.open('akhan');
    const maria = await people.open('mgarcia');
    assertAck(await say(maria, 'activity', customer, { action: 'viewed', metadata: { from: 'list' } }));
    assertAck(await amir.ask({ type: 'activity', payload: { entity: { type: 'customer', id: 'CUST-0001', name: 'whoever' }, action: 'called' } }));
    const viewed = await activity(theirs, ({ action }) => action === 'viewed');
    assert.deepEqual([viewed.channel, viewed.payload.userId, viewed.payload.entity.id, viewed.payload.metadata], ['feed:customer:CUST-0001', '2', 'CUST-0001', { from: 'list' }]);
    assert.equal((await activity(theirs, ({ action }) => action === 'called')).payload.userId, '3');
    assert.equal((await activity(his, ({ action }) => action === 'called')).channel, 'feed:user:3');
    assert.equal(his.heard.some(({ payload }) => payload?.action === 'viewed'), false);
    assert.deepEqual((await list(amir, { kind: 'activity', customerId: 'CUST-0001' })).items.map(({ action }) => action).slice(0, 2), ['called', 'viewed']);
    assert.deepEqual((await list(amir, { kind: 'activity', userId: '2', action: 'viewed' })).items.map(({ entity }) => entity.id), ['CUST-0001']);
    assertRefused(await say(amir, 'activity', customer, {}), 'missing_field', 'action');
    assertRefused(await say(amir, 'activity', customer, { action: 'updated' }), 'bad_field', 'action');
    leave(his, theirs, amir, maria);
  });

  test('can be resumed without a gap', async () => {
    const feed = await people.enter('lchen', 'activity-feed');
    const { epoch, offset } = feed.joined.position;
    const room = await newOrder(people);
    const last = await activity(feed, ({ entity }) => entity.id === about(room).entityId);
    const again = await people.enter('lchen', 'activity-feed', { epoch, offset });
    assert.equal(again.joined.resync, false);
    assert.deepEqual(await activity(again, ({ id }) => id === last.payload.id), last);
    leave(feed, again);
  });

  test('is heard as server-sent events, too, and so is an inbox', async () => {
    const client = { server: { url: server.base }, headers: { cookie: await people.cookie('akhan') } };
    const events = await openEvents(client, '/api/v1/events?channel=activity-feed&channel=edit-locks&channel=user:3');
    await events.named('ready');
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    assertAck(await say(maria, 'lock', room, { action: 'acquire' }));
    assertAck(await maria.ask({ type: 'chat', payload: { to: '3', text: 'Hello' } }));
    const seen = {};
    while (!seen.activity || !seen.lock || !seen.chat || !seen.notification) {
      const event = await events.next();
      seen[event.name] ??= event.data;
    }
    assert.deepEqual([seen.lock.payload.lockedBy, seen.chat.payload.text, seen.notification.payload.type], ['2', 'Hello', 'message']);
    events.close();
    leave(amir, maria);
  });
});

describe('a notification', () => {
  const notify = (window, payload) => window.ask({ type: 'notification', payload });
  const inboxOf = async (window, state) => list(window, { kind: 'notification', state });

  test('reaches those at the record, and the inboxes of those it is for', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    const all = await people.enter('lchen', 'notifications');
    const john = await people.enter('jsmith', 'inbox');
    const sent = { ...about(room), type: 'warning', priority: 'high', title: 'Late', message: 'Parts are late', actions: [{ label: 'Look', url: '/orders' }], data: { my_key: 1 }, to: ['jsmith'] };
    const { notification } = assertAck(await notify(amir, sent));
    assert.deepEqual([notification.title, notification.type, notification.userId, notification.data], ['Late', 'warning', '3', { my_key: 1 }]);
    for (const [window, where] of [[maria, room], [all, 'notifications']]) {
      const { channel, payload } = await hear(window, 'notification', ({ title }) => title === 'Late');
      assert.deepEqual([channel, payload.event, payload.priority, payload.actions, payload.entityId], [where, 'added', 'high', sent.actions, sent.entityId]);
    }
    const { payload } = await hear(john, 'notification', ({ title }) => title === 'Late');
    assert.deepEqual([payload.state, payload.read, payload.toUserId, payload.show], ['unread', false, '5', { toast: true, badge: true, sound: false, desktop: false }]);
    const { items, unreadCount } = await inboxOf(john, 'unread');
    assert.ok(unreadCount >= 1 && items.some(({ id }) => id === payload.id));
    assertRefused(await notify(await people.open('lchen'), { ...about(room), title: 'x' }), 'forbidden', undefined);
    leave(amir, maria, all, john);
  });

  test('waits for who is away, and is read, unread and dismissed on all his devices', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    const sent = [];
    for (const title of ['One', 'Two', 'Three']) assertAck(await notify(amir, { ...about(room), title, to: ['4'] }));
    const window = await people.enter('lchen', 'inbox');
    const phone = await people.enter('lchen', 'user:4');
    const first = await inboxOf(window, 'unread');
    sent.push(...first.items.filter(({ entityId }) => entityId === about(room).entityId).map(({ id }) => id));
    assert.deepEqual(first.items.slice(0, 3).map(({ title }) => title), ['Three', 'Two', 'One']);
    const read = assertAck(await notify(window, { action: 'read', ids: [sent[0], sent[1]] })).notification;
    assert.deepEqual([[...read.ids].sort(), read.state, read.count, read.unreadCount], [[sent[0], sent[1]].sort(), 'read', 2, first.unreadCount - 2]);
    const told = (await hear(phone, 'notification', ({ event }) => event === 'read')).payload;
    assert.deepEqual([[...told.ids].sort(), told.unreadCount], [[sent[0], sent[1]].sort(), first.unreadCount - 2]);
    assertAck(await notify(window, { action: 'unread', ids: [sent[0]] }));
    assertAck(await notify(window, { action: 'dismiss', notificationId: sent[1] }));
    await hear(phone, 'notification', ({ event }) => event === 'dismissed');
    const rest = (await inboxOf(phone)).items.filter(({ entityId }) => entityId === about(room).entityId);
    assert.deepEqual(rest.map(({ id, state }) => [id, state]), [[sent[0], 'unread'], [sent[2], 'unread']]);
    assert.equal(assertAck(await notify(window, { action: 'read', all: true })).notification.unreadCount, 0);
    assertRefused(await notify(window, { action: 'read', ids: ['none'] }), 'not_found', 'ids');
    assertRefused(await notify(window, { action: 'shout' }), 'bad_field', 'action');
    leave(amir, window, phone);
  });

  test('is what he wants to be told of, and how', async () => {
    const amir = await people.enter('akhan', 'inbox');
    const maria = await people.open('mgarcia');
    const wish = { action: 'put', default: { sound: true }, types: { message: { on: false }, my_own: { desktop: true } } };
    const put = assertAck(await amir.ask({ type: 'preferences', payload: wish })).preferences;
    assert.deepEqual([put.default, put.types], [wish.default, wish.types]);
    assert.deepEqual(assertAck(await amir.ask({ type: 'preferences', payload: { action: 'get' } })).preferences, put);
    assert.deepEqual(assertAck(await (await people.open('jsmith')).ask({ type: 'preferences', payload: { action: 'get' } })).preferences, {});
    assertAck(await maria.ask({ type: 'chat', payload: { to: '3', text: 'Silent' } }));
    const room = await newOrder(people);
    assertAck(await maria.ask({ type: 'notification', payload: { ...about(room), type: 'my_own', title: 'Own', to: ['3'] } }));
    const { payload } = await hear(amir, 'notification', ({ title }) => title === 'Own');
    assert.deepEqual(payload.show, { toast: true, badge: true, sound: true, desktop: true });
    assert.equal(amir.heard.some(({ type, payload }) => type === 'notification' && payload.message === 'Silent'), false);
    assertRefused(await amir.ask({ type: 'preferences', payload: { action: 'put', default: { sound: 'loud' } } }), 'bad_field', 'default');
    assertAck(await amir.ask({ type: 'preferences', payload: { action: 'put' } }));
    leave(amir, maria);
  });

  test('comes to nobody through another one’s inbox', async () => {
    const john = await people.open('jsmith');
    assertRefused(await john.ask({ type: 'subscribe', channel: 'user:3' }), 'forbidden', undefined);
    assertRefused(await notify(john, { to: '3', title: 'x' }), 'forbidden', undefined);
    const admin = await people.open('admin');
    const amir = await people.enter('akhan', 'inbox');
    assertAck(await notify(admin, { to: '3', title: 'From the office' }));
    await hear(amir, 'notification', ({ title }) => title === 'From the office');
    assertAck(await amir.ask({ type: 'unsubscribe', channel: 'inbox' }));
    leave(john, admin, amir);
  });
});

describe('a list', () => {
  test('has an error for everything that is wrong', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    const ask = (payload) => amir.ask({ type: 'list', payload });
    assertRefused(await ask({}), 'missing_field', 'kind');
    assertRefused(await ask({ kind: 'secrets' }), 'bad_field', 'kind');
    assertRefused(await ask({ kind: 'preferences' }), 'bad_field', 'kind');
    assertRefused(await ask({ kind: 'comment' }), 'missing_field', 'entityType');
    assertRefused(await ask({ kind: 'comment', ...about(room), limit: 0 }), 'bad_field', 'limit');
    assertRefused(await ask({ kind: 'comment', ...about(room), limit: 201 }), 'bad_field', 'limit');
    assertRefused(await ask({ kind: 'comment', ...about(room), cursor: 'mine' }), 'bad_field', 'cursor');
    assertRefused(await ask({ kind: 'activity', entityId: 'WO-1001' }), 'missing_field', 'entityType');
    assertRefused(await ask({ kind: 'activity', entityType: 'nothing' }), 'not_found', 'entityType');
    assertRefused(await (await people.open('lchen')).ask({ type: 'list', payload: { kind: 'comment', entityType: 'paper', entityId: 'P-1' } }), 'forbidden', undefined);
    amir.close();
  });

  test('is in no state that there is not', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    for (const [kind, state] of [['comment', 'unread'], ['conflict', 'zz'], ['lock', 'open'], ['message', 'open'], ['notification', 'open']])
      assertRefused(await say(amir, 'list', room, { kind, state }), 'bad_field', 'state');
    for (const [kind, state] of [['comment', 'resolved'], ['conflict', 'open'], ['notification', 'read']]) assertAck(await say(amir, 'list', room, { kind, state }));
    amir.close();
  });

  test('knows people by their usernames as well as by their ids', async () => {
    const amir = await people.open('akhan');
    const { message } = assertAck(await amir.ask({ type: 'chat', payload: { to: '2', text: 'by name' } }));
    for (const who of ['2', 'mgarcia', 'MGarcia']) {
      const { items } = await list(amir, { kind: 'message', with: who, limit: 1 });
      assert.deepEqual(items.map(({ id }) => id), [message.id], who);
    }
    assert.deepEqual((await list(amir, { kind: 'message', with: 'nobody' })).items, []);
    await newOrder(people);
    const mine = await list(amir, { kind: 'activity', userId: 'akhan', limit: 3 });
    assert.ok(mine.items.length > 0 && mine.items.every(({ userId }) => userId === '3'));
    assert.deepEqual(mine.items, (await list(amir, { kind: 'activity', userId: '3', limit: 3 })).items);
    amir.close();
  });

  test('many at once are answered one after the other', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    const answers = await Promise.all(Array.from({ length: 100 }, () => say(amir, 'list', room, { kind: 'comment' })));
    assert.deepEqual(new Set(answers.map(({ type }) => type)), new Set(['ack']));
    await settleRecord(room, amir);
    assert.deepEqual(heard(amir, 'error', room), []);
    amir.close();
  });
});
