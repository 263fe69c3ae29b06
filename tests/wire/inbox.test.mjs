// What comes into an inbox by itself: of alerts, whoever is away; and that nothing that is told of a record says what its reader may not see.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../lib/server.mjs';
import { assertAck, hear, People } from './lib/people.mjs';

const managers = { read: ['manager'] };
const config = {
  types: {
    deal: {
      title: 'Deal', label: 'code', strategies_allowed: ['manual'],
      fields: {
        code: { kind: 'string', ...managers }, owner: { kind: 'string' }, limit: { kind: 'number', read: ['manager', 'editor'] },
        customer: { kind: 'reference', target: 'customer', ...managers }, qty: { kind: 'number' }, least: { kind: 'number', ...managers },
      },
      alerts: {
        low: { field: 'qty', below: 'least', title: 'Low: {code}', message: '{qty} left', priority: 'urgent', notify: ['{owner}', 'role:manager'] },
        none: { field: 'qty', equal: 0, title: 'None left', message: '{qty} left', notify: ['{owner}', 'role:editor'] },
      },
    },
  },
};
const deal = { entityType: 'deal', entityId: 'D-1' };
const room = 'deal:D-1';
let server, people, folder, ada;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'collabd-config-'));
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  server = await startServer({ args: ['--config', join(folder, 'config.json')] });
  people = new People(server);
  const made = await people.rest('admin', 'POST', '/api/v1/records/deal', { id: 'D-1', code: 'Falcon', limit: 5, customer: 'CUST-0007', qty: 50, least: 10 });
  assert.equal(made.status, 201);
  ada = await people.open('admin');
});

after(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const say = async (window, type, payload) => assertAck(await window.ask({ type, payload: { ...deal, ...payload } }));
const told = (window, type) => hear(window, 'notification', (payload) => payload.type === type && payload.event === 'added');
const inboxOf = async (name) => (await people.rest(name, 'GET', '/api/v1/notifications')).body.notifications;

describe('an inbox', () => {
  test('calls a record by its name only when everybody may read that', async () => {
    const amir = await people.enter('akhan', 'inbox');
    for (const channel of [room, 'records', 'comments', 'activity-feed', 'notifications', 'feed:user:1', 'feed:customer:CUST-0007']) assertAck(await amir.ask({ type: 'subscribe', channel }));
    await say(ada, 'comment', { action: 'add', text: '@akhan @lchen look' });
    assert.equal((await told(amir, 'mention')).payload.title, 'Ada Admin mentioned you on Deal D-1');
    await say(ada, 'update', { patch: { owner: 'akhan' } });
    assert.equal((await told(amir, 'assignment')).payload.title, 'Assigned to you: Deal D-1');
    const { version } = (await say(amir, 'sync', {})).record;
    await say(amir, 'update', { version, patch: { limit: 6 } });
    const { conflict } = await say(ada, 'update', { version, operation: 'update', path: 'limit', after: 7, strategy: 'manual' });
    const { payload } = await told(amir, 'conflict');
    assert.deepEqual([payload.title, payload.entityName, payload.fields], ['Conflicting changes: Deal D-1', null, [{ path: '/limit' }]]);
    for (const userId of ['3', '4']) await say(ada, 'conflict', { action: 'assign', conflictId: conflict.id, userId });
    await say(amir, 'lock', { action: 'acquire', path: 'limit' });
    await say(ada, 'lock', { action: 'force', path: 'limit' });
    assert.equal((await told(amir, 'lock_lost')).payload.title, 'Ada Admin took your lock on Deal D-1 away');
    await say(ada, 'update', { patch: { code: 'Falcon II' } });
    await say(ada, 'activity', { action: 'exported' });
    await hear(amir, 'activity', ({ action }) => action === 'exported');
    const lists = [];
    for (const kind of ['notification', 'activity', 'comment', 'conflict']) lists.push(await say(amir, 'list', { kind }));
    for (const path of ['/notifications', '/activity', '/records/deal', '/records/deal/D-1/history', '/conflicts']) lists.push((await people.rest('akhan', 'GET', `/api/v1${path}`)).body);
    assert.doesNotMatch(JSON.stringify([amir.heard, lists]), /Falcon/);
    assert.deepEqual(amir.heard.filter(({ type, channel }) => type === 'activity' && channel === 'feed:customer:CUST-0007'), []);
    assert.match(JSON.stringify((await people.rest('mgarcia', 'GET', '/api/v1/activity?type=deal')).body), /Falcon/);
    amir.close();
  });

  test('has nothing about a field that its owner may not read', async () => {
    assert.deepEqual((await inboxOf('lchen')).map(({ type }) => type), ['mention']); // she was to settle the conflict over the limit, too
  });

  test('counts what its owner may read, as many as the list has', async () => {
    const listed = (await people.rest('lchen', 'GET', '/api/v1/notifications?state=unread')).body;
    assert.equal(listed.unread_count, listed.notifications.length);
    const li = await people.open('lchen');
    const { items, unreadCount } = assertAck(await li.ask({ type: 'list', payload: { kind: 'notification', state: 'unread' } }));
    assert.equal(unreadCount, items.length);
    const { notification } = assertAck(await li.ask({ type: 'notification', payload: { action: 'read', all: true } }));
    assert.deepEqual([notification.count, notification.unreadCount], [items.length, 0]);
    li.close();
  });

  test('has the alerts of the rules that name him, whoever was away', async () => {
    const john = await people.enter('jsmith', 'inbox');
    await say(ada, 'update', { patch: { qty: 0 } });
    const { payload } = await told(john, 'alert');
    assert.deepEqual([payload.title, payload.message, payload.data, payload.userId], ['None left', '0 left', { rule: 'none', value: 0, limit: 0 }, undefined]);
    const alerts = async (name) => (await inboxOf(name)).filter(({ type }) => type === 'alert').map(({ title, priority, show }) => [title, priority, show.sound]);
    assert.deepEqual(await alerts('mgarcia'), [['Low: Falcon II', 'urgent', true]]);
    assert.deepEqual(await alerts('akhan'), [['None left', 'normal', false]]); // the owner is meant by both rules, and may not read what one of them shows
    assert.deepEqual(await alerts('lchen'), []);
    john.close();
  });

  test('gets the alerts of the types that are built in', async () => {
    const change = await people.rest('jsmith', 'PATCH', '/api/v1/records/inventory/SKU-0001', { qty_on_hand: 0 });
    assert.equal(change.status, 200, JSON.stringify(change.body));
    const [alert] = await inboxOf('mgarcia');
    assert.deepEqual([alert.type, alert.entity_id, alert.data.rule], ['alert', 'SKU-0001', 'low_stock']);
  });
});
