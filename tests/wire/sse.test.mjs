// Server-Sent Events, as docs/protocol/rest.md describes them, read byte by byte and with a real EventSource.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { EventSource } from 'eventsource';
import { openEvents } from './lib/events.mjs';
import { assertError, startServer } from './lib/server.mjs';
import { openSocket } from './lib/socket.mjs';

const types = {
  plan: {
    title: 'Plan',
    id_prefix: 'PLAN-',
    label: 'name',
    channel: 'plan-updates',
    roles: { read: ['manager'] },
    fields: { name: { kind: 'string', required: true } },
  },
};

let server, editor, viewer, manager;

before(async () => {
  server = await startServer({ config: { types, sse_heartbeat_ms: '1 s', log_events_max: 16 }, env: { COLLABD_LIMITS: 'open' } });
  [editor, viewer, manager] = await Promise.all(['akhan', 'lchen', 'mgarcia'].map((name) => server.login(name)));
});

after(() => server?.stop());

const path = (...channels) => `/api/v1/events?${channels.map((name) => `channel=${encodeURIComponent(name)}`).join('&')}`;
const record = (id) => `/api/v1/records/work_order/${id}`;

async function change(id, fields) {
  const answer = await editor.patch(record(id), fields);
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}

// Somebody who publishes in free rooms.
async function speaker(room) {
  const socket = await openSocket(editor, '/ws');
  const joined = await socket.ask({ type: 'subscribe', channel: room, payload: { present: false } });
  assert.equal(joined.type, 'ack');
  const say = async (payload) => {
    const answer = await socket.ask({ type: 'publish', channel: room, payload });
    assert.equal(answer.type, 'ack', JSON.stringify(answer));
  };
  return { say, socket, close: () => socket.close() };
}

describe('a stream', () => {
  test('begins with `ready` and goes on with what happens', async () => {
    const stream = await openEvents(viewer, path('work_order:WO-1001', 'lobby'));
    assert.equal(stream.headers.get('content-type'), 'text/event-stream');
    assert.equal(stream.headers.get('x-accel-buffering'), 'no');
    assert.equal(stream.headers.get('content-length'), null);
    assert.match(stream.headers.get('cache-control'), /no-store|no-cache/);
    const ready = await stream.next();
    assert.equal(ready.name, 'ready');
    assert.deepEqual(ready.data.channels.map(({ channel }) => channel), ['work_order:WO-1001', 'lobby']);
    for (const { position, resync, missed } of ready.data.channels) {
      assert.ok(position.epoch > 0 && position.offset >= 0);
      assert.deepEqual([resync, missed], [false, 0]);
    }
    const { version } = await change('WO-1001', { title: 'Heard' });
    const event = await stream.next();
    assert.equal(event.name, 'update');
    assert.equal(event.data.type, 'update');
    assert.equal(event.data.channel, 'work_order:WO-1001');
    assert.equal(event.data.payload.version, version);
    assert.equal(event.data.payload.after, 'Heard');
    assert.equal(event.data.offset, ready.data.channels[0].position.offset + 1);
    assert.ok(event.id && event.id !== ready.id);
    stream.close();
  });

  test('says exactly what a native socket hears', async () => {
    const socket = await openSocket(viewer, '/ws');
    await socket.ask({ type: 'subscribe', channel: 'both' });
    const stream = await openEvents(viewer, path('both'));
    await stream.named('ready');
    const { say, close } = await speaker('both');
    await say({ n: [1.50, null, 'ü'] });
    const heard = await socket.hearType('publish');
    assert.deepEqual((await stream.named('publish')).data, heard);
    assert.deepEqual(heard.payload, { n: [1.5, null, 'ü'] });
    await close();
    await socket.close();
    stream.close();
  });

  test('carries presence, typing and cursors without an id', async () => {
    const stream = await openEvents(viewer, path('people'));
    const { id } = await stream.named('ready');
    const socket = await openSocket(editor, '/ws');
    await socket.ask({ type: 'subscribe', channel: 'people' });
    await socket.ask({ type: 'typing', channel: 'people', payload: { field: 'title' } });
    await socket.ask({ type: 'cursor', channel: 'people', payload: { x: 1 } });
    for (const name of ['presence', 'typing', 'cursor']) {
      const event = await stream.named(name);
      assert.equal(event.id, undefined);
      assert.equal(event.data.type, name);
    }
    assert.equal(stream.lastId, id);
    await socket.close();
    stream.close();
  });

  test('is nobody\'s presence', async () => {
    const stream = await openEvents(viewer, path('work_order:WO-1002'));
    await stream.named('ready');
    const answer = await viewer.get('/api/v1/presence?resource_type=work_order&resource_id=WO-1002');
    assert.deepEqual(answer.json, []);
    stream.close();
  });

  test('knows aliases, and takes a channel that is named twice once', async () => {
    const stream = await openEvents(viewer, path('item:SKU-0001', 'inventory:SKU-0001'));
    const { data } = await stream.named('ready');
    assert.deepEqual(data.channels.map(({ channel }) => channel), ['inventory:SKU-0001']);
    stream.close();
  });

  test('shows a change in the channel of its type and in the feed of all records', async () => {
    const stream = await openEvents(viewer, path('work-order-updates', 'records'));
    await stream.named('ready');
    await change('WO-1003', { title: 'Shown twice' });
    const events = [await stream.named('update'), await stream.named('update')];
    assert.deepEqual(events.map(({ data }) => data.channel).sort(), ['records', 'work-order-updates']);
    assert.ok(events.every(({ data }) => data.payload.entityId === 'WO-1003'));
    assert.equal(events[0].data.messageId, events[1].data.messageId);
    stream.close();
  });

  test('cannot be made to carry an event of somebody else\'s making', async () => {
    const stream = await openEvents(viewer, path('evil'));
    await stream.named('ready');
    const { say, socket, close } = await speaker('evil');
    const text = 'x\n\nevent: fake\ndata: {}\r\n\r\rid: 7\u2028';
    await say({ text });
    const event = await stream.next();
    assert.equal(event.name, 'publish');
    assert.equal(event.data.payload.text, text);
    // Payloads travel as they came, with the line ends between their tokens.
    socket.ws.send('{"type":"publish","channel":"evil","payload":{"a":\n\n[\r\n1\r,\n2]}}');
    assert.deepEqual((await stream.next()).data.payload, { a: [1, 2] });
    await say('after');
    assert.equal((await stream.next()).data.payload, 'after');
    await close();
    stream.close();
  });

  test('is kept open by comments', async () => {
    const stream = await openEvents(viewer, path('silence'));
    await stream.named('ready');
    await stream.comment();
    await stream.comment();
    stream.close();
  });
});

describe('a client that comes back', () => {
  test('gets exactly what it missed, in all its channels', async () => {
    const channels = path('work_order:WO-1004', 'work_order:WO-1005', 'free');
    const { say, close } = await speaker('free');
    const first = await openEvents(viewer, channels);
    await first.named('ready');
    await change('WO-1004', { title: 'seen' });
    await first.named('update');
    first.close();
    await change('WO-1004', { title: 'missed 1' });
    await change('WO-1005', { title: 'missed 2' });
    await say('missed 3');
    await change('WO-1004', { title: 'missed 4' });

    const second = await openEvents(viewer, channels, { 'last-event-id': first.lastId });
    const ready = await second.next();
    assert.equal(ready.name, 'ready');
    assert.equal(ready.id, first.lastId);
    assert.deepEqual(ready.data.channels.map(({ missed, resync }) => [missed, resync]), [[2, false], [1, false], [1, false]]);
    await change('WO-1005', { title: 'live' });
    const heard = { 'work_order:WO-1004': [], 'work_order:WO-1005': [], free: [] };
    for (let i = 0; i < 5; i++) {
      const { data } = await second.next();
      heard[data.channel].push(data.type === 'publish' ? data.payload : data.payload.after);
    }
    assert.deepEqual(heard, {
      'work_order:WO-1004': ['missed 1', 'missed 4'],
      'work_order:WO-1005': ['missed 2', 'live'],
      free: ['missed 3'],
    });
    await close();
    second.close();
  });

  test('in the middle of what it missed gets the rest', async () => {
    const { say, close } = await speaker('cut');
    const first = await openEvents(viewer, path('cut'));
    await first.named('ready');
    first.close();
    for (let n = 1; n <= 5; n++) await say(n);
    const second = await openEvents(viewer, path('cut'), { 'last-event-id': first.lastId });
    const ids = [];
    for (let n = 0; n <= 5; n++) ids.push((await second.next()).id);
    second.close();
    const third = await openEvents(viewer, path('cut'), { 'last-event-id': ids[2] });
    await third.named('ready');
    assert.deepEqual([(await third.next()).data.payload, (await third.next()).data.payload, (await third.next()).data.payload], [3, 4, 5]);
    third.close();
    await close();
  });

  test('may bring its id in the query, and the header is newer', async () => {
    const { say, close } = await speaker('query');
    const first = await openEvents(viewer, path('query'));
    const ready = await first.named('ready');
    await say('one');
    const one = await first.named('publish');
    first.close();
    const query = `${path('query')}&last_event_id=${encodeURIComponent(ready.id)}`;
    const second = await openEvents(viewer, query);
    assert.equal((await second.named('ready')).data.channels[0].missed, 1);
    second.close();
    const third = await openEvents(viewer, query, { 'last-event-id': one.id });
    assert.equal((await third.named('ready')).data.channels[0].missed, 0);
    third.close();
    await close();
  });

  test('after too long is told to load anew, channel by channel', async () => {
    const { say, close } = await speaker('long');
    const first = await openEvents(viewer, path('long', 'quiet'));
    await first.named('ready');
    first.close();
    for (let n = 0; n < 20; n++) await say(n); // more than the room keeps
    const second = await openEvents(viewer, path('long', 'quiet'), { 'last-event-id': first.lastId });
    const { data } = await second.next();
    assert.deepEqual(data.channels.map(({ channel, resync, missed }) => [channel, resync, missed]), [['long', true, 0], ['quiet', false, 0]]);
    const resync = await second.next();
    assert.equal(resync.name, 'resync');
    assert.deepEqual(resync.data, { channel: 'long', position: data.channels[0].position });
    await say('new');
    assert.equal((await second.next()).data.payload, 'new');
    second.close();
    await close();
  });

  test('with other channels than before resumes those it had', async () => {
    const { say, close } = await speaker('kept');
    const first = await openEvents(viewer, path('dropped', 'kept'));
    await first.named('ready');
    first.close();
    await say('missed');
    const second = await openEvents(viewer, path('added', 'kept'), { 'last-event-id': first.lastId });
    const { data } = await second.next();
    assert.deepEqual(data.channels.map(({ channel, resync, missed }) => [channel, resync, missed]), [['added', false, 0], ['kept', false, 1]]);
    assert.equal((await second.next()).data.payload, 'missed');
    second.close();
    await close();
  });

  test('with a position that never was is told to load anew', async () => {
    const first = await openEvents(viewer, path('work_order:WO-1006'));
    const { id } = await first.named('ready');
    first.close();
    const [hash, epoch, offset] = id.split('.');
    for (const bad of [`${hash}.${epoch}.${Number(offset) + 1000}`, `${hash}.1.${offset}`, `${hash}.18446744073709551615.18446744073709551615`]) {
      const stream = await openEvents(viewer, path('work_order:WO-1006'), { 'last-event-id': bad });
      assert.equal((await stream.named('ready')).data.channels[0].resync, true, bad);
      await stream.named('resync');
      stream.close();
    }
  });

  test('with an id that is none of ours is refused', async () => {
    const ids = ['7', '-1', '0000000000000000.1.-1', '0000000000000000.1', 'zzzzzzzzzzzzzzzz.1.1', `${'0'.repeat(16)}.1.1,`.repeat(400), '0000000000000000.1.1,,', ' 1.1.1'];
    for (const id of ids) assertError(await openEvents(viewer, path('x'), { 'last-event-id': id }), 400, 'bad_field', 'last_event_id');
    for (const id of ['%0d%0aevent:x', '1%00', '%ff'])
      assertError(await openEvents(viewer, `${path('x')}&last_event_id=${id}`), 400, 'bad_field', 'last_event_id');
  });
});

describe('who may listen', () => {
  test('is asked before the stream begins', async () => {
    assertError(await openEvents(server.client(), path('x')), 401, 'not_authenticated', undefined);
    for (const channel of ['plan:PLAN-1', 'plan-updates']) {
      assertError(await openEvents(viewer, path('x', channel)), 404, 'not_found', 'channel');
      const stream = await openEvents(manager, path('x', channel));
      assert.equal(stream.status, 200);
      stream.close();
    }
    assertError(await openEvents(viewer, '/api/v1/events'), 400, 'missing_field', 'channel');
    assertError(await openEvents(viewer, path('')), 400, 'bad_name', 'channel');
    assertError(await openEvents(viewer, path('x'.repeat(201))), 400, 'bad_name', 'channel');
    assertError(await openEvents(viewer, path(...Array.from({ length: 129 }, (_, n) => `c${n}`))), 429, 'too_many', undefined);
    const many = await openEvents(viewer, path(...Array.from({ length: 128 }, (_, n) => `c${n}`)));
    assert.equal((await many.named('ready')).data.channels.length, 128);
    many.close();
  });

  test('hears nothing of records and fields that he may not read', async () => {
    const stream = await openEvents(viewer, path('records'));
    await stream.named('ready');
    await manager.post('/api/v1/records/plan', { name: 'secret' });
    const [{ id, data }] = (await manager.get('/api/v1/records/employee?limit=1')).json.records;
    await manager.patch(`/api/v1/records/employee/${id}`, { hourly_rate: data.hourly_rate + 1, job_title: 'Foreman' });
    await change('WO-1007', { title: 'the end' });
    const events = [];
    do events.push(await stream.named('update'));
    while (events.at(-1).data.payload.entityId !== 'WO-1007');
    assert.deepEqual(events.map(({ data }) => data.payload.entityType), ['employee', 'work_order']);
    assert.ok(!JSON.stringify(events).includes('hourly_rate') && !JSON.stringify(events).includes('secret'));
    stream.close();
  });

  test('is over with the session', async () => {
    const guest = await server.login('jsmith');
    const stream = await openEvents(guest, path('x'));
    await stream.named('ready');
    assert.equal((await guest.post('/api/v1/logout')).status, 204);
    assert.deepEqual((await stream.named('end')).data, { code: 'session_revoked' });
    await stream.over();
    assertError(await openEvents(guest, path('x')), 401, 'session_revoked', undefined);
  });
});

test('a HEAD request is answered without a stream', async () => {
  const answer = await viewer.request('HEAD', path('x'));
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'text/event-stream');
});

test('a stream that nobody reads is cut off, and the others go on', async () => {
  const socket = net.connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`GET ${path('flood')} HTTP/1.1\r\nHost: x\r\nCookie: ${viewer.headers.cookie}\r\n\r\n`);
  await once(socket, 'readable'); // the stream has begun; from now on nothing is read
  const { say, close } = await speaker('flood');
  const reader = await openEvents(viewer, path('flood'));
  await reader.named('ready');
  const text = 'x'.repeat(32_000);
  const slowOnes = async () => (await viewer.get('/socket-stats')).json.connections_slow_closed;
  const before = await slowOnes();
  let said = 0;
  while ((await slowOnes()) === before) {
    await say({ n: ++said, text });
    assert.equal((await reader.named('publish')).data.payload.n, said);
  }
  socket.destroy();
  reader.close();
  await close();
});

test('an EventSource comes back by itself after a restart of the server and misses nothing', async () => {
  const own = await startServer({ env: { COLLABD_LIMITS: 'open' } });
  const writer = await own.login('akhan');
  const heard = [], readies = [];
  const wait = { resolve: () => {} };
  const until = async (fact) => {
    while (!fact()) await new Promise((resolve) => (wait.resolve = resolve));
  };
  const source = new EventSource(own.url + path('work_order:WO-1001'), {
    fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, ...writer.headers } }),
  });
  const on = (name, list) =>
    source.addEventListener(name, ({ data }) => {
      list.push(JSON.parse(data));
      wait.resolve();
    });
  on('update', heard);
  on('ready', readies);
  const patch = (title) => writer.patch('/api/v1/records/work_order/WO-1001', { title });
  await until(() => readies.length === 1);
  await patch('one');
  await until(() => heard.length === 1);
  await own.restart('SIGKILL');
  await patch('two');
  await patch('three');
  await until(() => heard.length === 3);
  assert.deepEqual(heard.map(({ payload }) => payload.after), ['one', 'two', 'three']);
  assert.equal(readies.at(-1).channels[0].resync, false);
  source.close();
  await own.stop();
});
