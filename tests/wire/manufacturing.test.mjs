// Real-time collaboration as the manufacturing application speaks it: docs/protocol/manufacturing.md with a plain WebSocket.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client, eventually, startServer, tokenOf } from '../lib/server.mjs';
import { assertRefused, drop, People } from './lib/people.mjs';

const PATH = '/api/v1/ws';
const config = {
  types: { plan: { roles: { read: ['manager'], create: ['manager'] }, fields: { name: { kind: 'string', required: true } } } },
};
let server, people, folder;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'collabd-config-'));
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  server = await startServer({
    args: ['--config', join(folder, 'config.json')],
    env: { COLLABD_PRESENCE_GRACE_MS: '700', COLLABD_TYPING_MS: '400' },
  });
  people = new People(server);
});

after(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A window that has been greeted; the greeting is `window.hello`. */
async function enter(name, { crowd = people, query = '', ...options } = {}) {
  const window = await crowd.open(name, PATH + query, options);
  window.hello = await window.wait(({ type }) => type === 'connected', 'the greeting');
  return window;
}

const of = (id) => ({ resource_type: 'work_order', resource_id: id });
const hear = (window, type, suits = () => true) => window.wait((heard) => heard.type === type && suits(heard), type);
const heardOf = (window, type, suits = () => true) => window.heard.filter((heard) => heard.type === type && suits(heard));

async function ask(window, message) {
  const id = `m${++window.serial}`;
  window.send({ ...message, message_id: id });
  return window.wait(({ reply_to: replyTo }) => replyTo === id, `the answer to ${message.type}`);
}

async function agreed(window, message) {
  const answer = await ask(window, message);
  assert.equal(answer.type, 'ack', JSON.stringify(answer));
  return answer;
}

async function done(answer, status = 200) {
  const { status: got, body } = await answer;
  assert.equal(got, status, JSON.stringify(body));
  return body;
}
const patch = (name, path, fields) => done(people.rest(name, 'PATCH', `/api/v1/records/${path}`, fields));
const act = (name, path, action, input = {}) => done(people.rest(name, 'POST', `/api/v1/records/${path}/actions/${action}`, input));
const create = (name, type, fields) => done(people.rest(name, 'POST', `/api/v1/records/${type}`, fields), 201);
const whoIsIn = (id) => done(people.rest('lchen', 'GET', `/api/v1/presence?resource_type=work_order&resource_id=${id}`));

describe('connecting', () => {
  test('is greeted with who one is and where the feed stands', async () => {
    const window = await enter('jsmith');
    const { type, user_id: id, user, epoch, offset, resync } = window.heard[0];
    assert.deepEqual([type, id, user, resync], ['connected', 5, 'jsmith', false]);
    assert.ok(epoch > 0 && offset >= 0);
    window.close();
  });

  test('works with a token, also as the first message', async () => {
    const token = await tokenOf(server, 'akhan');
    const one = await Client.open(server, PATH, { token });
    assert.equal((await hear(one, 'connected')).user_id, 3);
    for (const message of [{ type: 'auth', token }, { type: 'auth', payload: { token } }]) {
      const window = await Client.open(server, PATH);
      assertRefused(await ask(window, { type: 'presence', ...of('WO-1'), action: 'viewing' }), 'not_authenticated');
      window.send(message);
      assert.equal((await hear(window, 'connected')).user, 'akhan');
      window.close();
    }
    await assert.rejects(Client.open(server, PATH, { token: 'x' }), { status: 401 });
    await assert.rejects(Client.open(server, PATH, { token, headers: { origin: 'https://evil.example' } }), { status: 403 });
    one.close();
  });

  test('is told to everybody once, however many windows; leaving likewise, after the grace', async () => {
    const amir = await enter('akhan');
    const one = await enter('lchen');
    const { timestamp, ...joined } = await hear(amir, 'user_joined', ({ user_id: id }) => id === 4);
    assert.deepEqual(joined, { type: 'user_joined', user_id: 4, user: 'lchen' });
    assert.ok(Date.parse(timestamp));
    const two = await enter('lchen');
    await drop(one);
    const again = await enter('lchen');
    await drop(again);
    await drop(two);
    const left = await hear(amir, 'user_left', ({ user_id: id }) => id === 4);
    assert.equal(left.user, 'lchen');
    assert.equal(heardOf(amir, 'user_joined', ({ user_id: id }) => id === 4).length, 1);
    assert.equal(heardOf(amir, 'user_left', ({ user_id: id }) => id === 4).length, 1);
    amir.close();
  });
});

describe('records', () => {
  test('are heard of by everybody without a word: created, updated, deleted', async () => {
    const windows = [await enter('akhan'), await enter('lchen')];
    const { id } = await create('akhan', 'work_order', { title: 'Heard of' });
    await patch('akhan', `work_order/${id}`, { status: 'in_progress', notes: 'n' });
    await act('jsmith', `work_order/${id}`, 'kit');
    await done(people.rest('mgarcia', 'DELETE', `/api/v1/records/work_order/${id}`), 204);
    for (const window of windows) {
      const heard = (type, action) => hear(window, type, (event) => event.id === id && event.action === action);
      const created = await heard('work_order_created', 'create');
      assert.deepEqual([created.user_id, created.user, created.version, created.data.title, created.data.status], [3, 'akhan', 1, 'Heard of', 'open']);
      const { timestamp, epoch, offset, ...updated } = await heard('work_order_updated', 'update');
      assert.deepEqual(updated, {
        type: 'work_order_updated', id, action: 'update', user_id: 3, user: 'akhan', version: 2, data: { status: 'in_progress', notes: 'n' },
      });
      assert.ok(Date.parse(timestamp));
      assert.deepEqual([epoch, offset], [created.epoch, created.offset + 1]);
      const kitted = await heard('work_order_updated', 'kit');
      assert.deepEqual([kitted.user_id, kitted.data.kitted, kitted.data.kitted_by], [5, true, 'jsmith']);
      const deleted = await heard('work_order_deleted', 'delete');
      assert.deepEqual([deleted.user_id, deleted.version, deleted.offset], [2, 4, created.offset + 3]);
      window.close();
    }
  });

  test('of the other types, too, with the words of their actions', async () => {
    const window = await enter('lchen');
    const { id } = await create('akhan', 'eco', { title: 'Stronger bracket' });
    await act('akhan', `eco/${id}`, 'submit');
    await act('mgarcia', `eco/${id}`, 'approve');
    await act('akhan', `eco/${id}`, 'implement');
    await patch('akhan', 'inventory/SKU-0100', { location: 'A1' });
    await patch('akhan', 'part/PN-10001', { name: 'Heard of' });
    await hear(window, 'part_updated', (event) => event.id === 'PN-10001');
    const words = window.heard.filter((heard) => heard.id === id || heard.id === 'SKU-0100').map(({ type, action, user_id: user }) => [type, action, user]);
    assert.deepEqual(words, [
      ['eco_created', 'create', 3], ['eco_updated', 'submit', 3], ['eco_approved', 'approve', 2], ['eco_implemented', 'implement', 3],
      ['inventory_updated', 'update', 3],
    ]);
    window.close();
  });

  test('show nobody more than he may read', async () => {
    const [viewer, maria] = [await enter('lchen'), await enter('mgarcia')];
    const [{ id }] = (await done(people.rest('mgarcia', 'GET', '/api/v1/records/employee?limit=1'))).records;
    await create('mgarcia', 'plan', { id: 'P-1', name: 'Secret' });
    await patch('mgarcia', `employee/${id}`, { hourly_rate: 81, hours: 30.25 });
    await patch('mgarcia', `employee/${id}`, { hourly_rate: 82 });
    await patch('mgarcia', `employee/${id}`, { hours: 30.75 });
    for (const window of [viewer, maria]) await hear(window, 'employee_updated', ({ data }) => data.hours === 30.75);
    assert.deepEqual((await hear(maria, 'plan_created')).data, { name: 'Secret' });
    assert.deepEqual(heardOf(maria, 'employee_updated').map(({ data }) => data), [{ hourly_rate: 81, hours: 30.25 }, { hourly_rate: 82 }, { hours: 30.75 }]);
    assert.ok(!/Secret|hourly_rate|81|82/.test(JSON.stringify(viewer.heard.map(({ type, data }) => [type, data]))), JSON.stringify(viewer.heard));
    assert.deepEqual(heardOf(viewer, 'employee_updated').map(({ data }) => data).filter((data) => Object.keys(data).length), [{ hours: 30.25 }, { hours: 30.75 }]);
    viewer.close();
    maria.close();
  });

  test('raise alerts: low stock, and cash below the threshold', async () => {
    const window = await enter('lchen');
    const { data } = await done(people.rest('akhan', 'GET', '/api/v1/records/inventory/SKU-0200'));
    await patch('akhan', 'inventory/SKU-0200', { qty_on_hand: data.reorder_point + 1 });
    await patch('akhan', 'inventory/SKU-0200', { qty_on_hand: data.reorder_point });
    const { timestamp, epoch, offset, ...alert } = await hear(window, 'alert', ({ id }) => id === 'SKU-0200');
    const limit = data.reorder_point;
    assert.deepEqual(alert, {
      type: 'alert', resource_type: 'inventory', id: 'SKU-0200', rule: 'low_stock', priority: 'high', title: `Low stock: ${data.name}`,
      message: `SKU-0200 is low: ${limit} left, reorder point ${limit}`, value: limit, limit,
    });
    const cause = window.heard[window.heard.findIndex(({ type }) => type === 'alert') - 1];
    assert.deepEqual([cause.type, cause.offset + 1, cause.epoch], ['inventory_updated', offset, epoch]);
    const [division] = (await done(people.rest('mgarcia', 'GET', '/api/v1/records/division?limit=1'))).records;
    await patch('mgarcia', `division/${division.id}`, { cash_threshold: 50, cash_balance: 60 });
    await patch('mgarcia', `division/${division.id}`, { cash_balance: 49.5 });
    const cash = await hear(window, 'alert', ({ rule }) => rule === 'cash_low');
    assert.deepEqual([cash.resource_type, cash.id, cash.priority, cash.value, cash.limit], ['division', division.id, 'urgent', 49.5, 50]);
    window.close();
  });
});

describe('presence', () => {
  test('is what its user is doing: heard by everybody, and asked for over REST', async () => {
    const [john, viewer] = [await enter('jsmith'), await enter('lchen')];
    for (const action of ['viewing', 'editing']) {
      john.send({ type: 'presence', ...of('WO-1234'), action });
      const heard = await hear(viewer, 'presence_update', ({ user_id: id, data }) => id === 5 && data.action === action);
      assert.equal(heard.user, 'jsmith');
      assert.deepEqual([heard.data.resource_type, heard.data.resource_id], ['work_order', 'WO-1234']);
      assert.match(heard.data.timestamp, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
      const [{ user_id: id, username, resource_type: type, resource_id: resource, action: doing, timestamp }, ...others] = await whoIsIn('WO-1234');
      assert.deepEqual([id, username, type, resource, doing, others.length], [5, 'jsmith', 'work_order', 'WO-1234', action, 0]);
      assert.ok(Date.parse(timestamp));
    }
    john.send({ type: 'presence', ...of('WO-1234'), action: 'left' });
    const left = await hear(viewer, 'presence_update', ({ user_id: id, data }) => id === 5 && data.action === 'left');
    assert.equal(left.data.status, undefined); // he left the record, not the building
    assert.deepEqual(await whoIsIn('WO-1234'), []);
    assert.equal(heardOf(viewer, 'user_left', ({ user_id: id }) => id === 5).length, 0);
    john.close();
    viewer.close();
  });

  test('ends with the connection, after the grace; a reload is no leave', async () => {
    const viewer = await enter('lchen');
    const before = await enter('jsmith');
    const other = await enter('akhan');
    await agreed(before, { type: 'presence', ...of('WO-1101'), action: 'editing' });
    await agreed(other, { type: 'presence', ...of('WO-1101'), action: 'viewing' });
    await drop(before);
    const again = await enter('jsmith');
    await agreed(again, { type: 'presence', ...of('WO-1101'), action: 'editing' });
    await drop(other);
    await hear(viewer, 'presence_update', ({ user_id: id, data }) => id === 3 && data.action === 'left' && data.resource_id === 'WO-1101');
    assert.deepEqual((await whoIsIn('WO-1101')).map(({ username, action }) => [username, action]), [['jsmith', 'editing']]);
    assert.equal(heardOf(viewer, 'presence_update', ({ user_id: id, data }) => id === 5 && data.action === 'left').length, 0);
    viewer.close();
    again.close();
  });

  test('of who only subscribes is viewing', async () => {
    const window = await enter('jsmith');
    const { presence } = await agreed(window, { type: 'subscribe', ...of('WO-1102') });
    assert.deepEqual(presence.map(({ user_id: id, username, action }) => [id, username, action]), [[5, 'jsmith', 'viewing']]);
    assert.deepEqual((await whoIsIn('WO-1102')).map(({ username, action }) => [username, action]), [['jsmith', 'viewing']]);
    window.close();
  });

  test('takes either case of the names, and says what is wrong', async () => {
    const window = await enter('akhan');
    await agreed(window, { type: 'presence', resourceType: 'work_order', resourceId: 'WO-1103', action: 'viewing' });
    assert.deepEqual((await whoIsIn('WO-1103')).map(({ username }) => username), ['akhan']);
    assertRefused(await ask(window, { type: 'presence', resource_type: 'nothing', resource_id: '1', action: 'viewing' }), 'not_found', 'resource_type');
    assertRefused(await ask(window, { type: 'presence', resource_type: 'work_order', action: 'viewing' }), 'missing_field', 'resource_id');
    assertRefused(await ask(window, { type: 'presence', ...of('WO-1103'), action: 'dancing' }), 'bad_field', 'action');
    assertRefused(await ask(window, { type: 'presence', ...of('WO-1104'), action: 'left' }), 'not_member', 'resource_id');
    assertRefused(await ask(window, { type: 'nothing' }), 'unknown_type', 'type');
    window.close();
  });

  test('says who is away, for the whole server', async () => {
    const idle = await startServer({ env: { COLLABD_PRESENCE_IDLE_MS: '1000' } });
    try {
      const crowd = new People(idle);
      const viewer = await enter('lchen', { crowd });
      const john = await enter('jsmith', { crowd });
      const away = await hear(viewer, 'presence_update', ({ user_id: id, data }) => id === 5 && data.status === 'away');
      assert.equal(away.data.resource_type, undefined);
      john.send({ type: 'presence', ...of('WO-1001'), action: 'viewing' });
      await hear(viewer, 'presence_update', ({ user_id: id, data }) => id === 5 && data.status === 'online' && !data.resource_type);
    } finally {
      await idle.stop();
    }
  });
});

describe('rooms', () => {
  test('carry typing, cursors and messages to the others in them, and to nobody else', async () => {
    const room = { ...of('WO-1200') };
    const [amir, maria, outside] = [await enter('akhan'), await enter('mgarcia'), await enter('lchen')];
    await agreed(amir, { type: 'subscribe', ...room });
    await agreed(maria, { type: 'subscribe', room: 'work_order:WO-1200' });
    await agreed(amir, { type: 'typing', ...room, field: 'title' });
    const where = { room: 'work_order:WO-1200', ...room };
    const typing = await hear(maria, 'typing', (event) => event.typing);
    assert.deepEqual(typing, { type: 'typing', user_id: 3, user: 'akhan', ...where, field: 'title', typing: true, timestamp: typing.timestamp });
    await hear(maria, 'typing', (event) => !event.typing); // by itself
    amir.send({ type: 'cursor', ...room, data: { x: 1 } });
    const cursor = await hear(maria, 'cursor');
    assert.deepEqual(cursor, { type: 'cursor', user_id: 3, user: 'akhan', color: cursor.color, ...where, data: { x: 1 }, timestamp: cursor.timestamp });
    const { epoch, offset } = await agreed(amir, { type: 'publish', ...room, event: 'note', data: { text: 'hello' } });
    const message = await hear(maria, 'message');
    assert.equal(message.type, 'message');
    assert.deepEqual([message.user_id, message.user, message.room, message.event, message.data, message.epoch, message.offset],
      [3, 'akhan', 'work_order:WO-1200', 'note', { text: 'hello' }, epoch, offset]);
    await patch('akhan', 'work_order/WO-1200', { notes: 'marker' });
    await hear(outside, 'work_order_updated', ({ id }) => id === 'WO-1200');
    assert.deepEqual(outside.heard.filter(({ type }) => ['typing', 'cursor', 'message'].includes(type)), []);
    assert.deepEqual(heardOf(amir, 'message'), []);
    assert.equal(heardOf(maria, 'work_order_updated', ({ id }) => id === 'WO-1200').length <= 1, true); // by the feed, not twice
    await agreed(maria, { type: 'unsubscribe', ...room });
    assertRefused(await ask(maria, { type: 'publish', ...room, data: 1 }), 'not_member', 'room');
    assertRefused(await ask(maria, { type: 'unsubscribe', room: 'work_order:WO-1200' }), 'not_member', 'room');
    assert.equal((await ask(maria, { type: 'ping' })).type, 'pong');
    for (const window of [amir, maria, outside]) window.close();
  });

  test('resume: exactly what was missed, after the answer', async () => {
    const amir = await enter('akhan');
    await agreed(amir, { type: 'subscribe', room: 'shift-1' });
    const { epoch, offset } = await agreed(amir, { type: 'publish', room: 'shift-1', data: 0 });
    for (let n = 1; n <= 5; n++) await agreed(amir, { type: 'publish', room: 'shift-1', data: n });
    const maria = await enter('mgarcia');
    const { resync, missed } = await agreed(maria, { type: 'subscribe', room: 'shift-1', epoch, offset });
    assert.deepEqual([resync, missed], [false, 5]);
    await hear(maria, 'message', ({ data }) => data === 5);
    assert.deepEqual(heardOf(maria, 'message').map(({ data }) => data), [1, 2, 3, 4, 5]);
    const wrong = await agreed(await enter('lchen'), { type: 'subscribe', room: 'shift-1', epoch: epoch + 1, offset });
    assert.equal(wrong.resync, true);
    amir.close();
    maria.close();
  });
});

describe('coming back by URL', () => {
  const records = (window) => window.heard.filter(({ type, offset }) => offset !== undefined && type !== 'connected');

  test('brings the record events that were missed, once and in order, after the greeting; after kill -9 too', async () => {
    let one = await startServer();
    const { folder: data, port } = one;
    try {
      const crowd = new People(one);
      const change = (path, fields) => done(crowd.rest('akhan', 'PATCH', `/api/v1/records/${path}`, fields));
      const before = await enter('lchen', { crowd });
      await change('work_order/WO-1001', { notes: 'seen' });
      const { epoch, offset } = await hear(before, 'work_order_updated');
      await drop(before);
      await change('work_order/WO-1001', { notes: 'missed 1' });
      await change('inventory/SKU-0001', { location: 'missed 2' });
      for (let round = 0; round < 2; round++) {
        const again = await enter('lchen', { crowd, query: `?epoch=${epoch}&offset=${offset}` });
        assert.equal(again.heard[0].type, 'connected');
        assert.equal(again.hello.resync, false);
        await change('work_order/WO-1002', { notes: `after ${round}` });
        await hear(again, 'work_order_updated', (event) => event.data.notes === `after ${round}`);
        const expected = [['work_order_updated', 'WO-1001'], ['inventory_updated', 'SKU-0001'], ['work_order_updated', 'WO-1002'], ['work_order_updated', 'WO-1002']];
        assert.deepEqual(records(again).map(({ type, id }) => [type, id]), expected.slice(0, 3 + round));
        assert.deepEqual(records(again).map((event) => event.offset - offset), [1, 2, 3, 4].slice(0, 3 + round));
        if (round === 1) break;
        await one.stop('SIGKILL');
        one = await startServer({ data, port });
        crowd.server = one;
      }
    } finally {
      await one.stop();
      one.remove();
    }
  });

  test('with a position that never was is told to load anew', async () => {
    const { hello: { epoch, offset } } = await enter('lchen');
    for (const query of [`?epoch=${epoch + 1}&offset=${offset}`, `?epoch=${epoch}&offset=${offset + 50}`, `?epoch=${epoch}&offset=-1`, '?epoch=x&offset=y']) {
      const window = await enter('lchen', { query });
      assert.deepEqual([window.hello.resync, window.hello.epoch], [true, epoch], query);
      window.close();
    }
    const at = await enter('lchen', { query: `?epoch=${epoch}&offset=${offset}` });
    assert.equal(at.hello.resync, false);
    at.close();
  });
});

test('a session that ends closes its sockets with 4440, and its user is gone at once', async () => {
  const viewer = await enter('lchen');
  const window = await enter('jsmith');
  await agreed(window, { type: 'presence', ...of('WO-1300'), action: 'editing' });
  await done(people.rest('jsmith', 'POST', '/api/v1/logout', {}), 204);
  people.cookies.delete('jsmith');
  assert.equal((await window.waitClosed()).code, 4440);
  await hear(viewer, 'presence_update', ({ user_id: id, data }) => id === 5 && data.action === 'left' && data.resource_id === 'WO-1300');
  await eventually(async () => (await whoIsIn('WO-1300')).length === 0, 'nobody there');
  viewer.close();
});
