// One world: whoever looks at the same record is in the same room, whichever way he speaks. Native, manufacturing, REST and an event
// stream see each other and each other's changes, each in his own words; with one worker and with two.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EventSource } from 'eventsource';
import { startServer } from '../lib/server.mjs';
import { assertAck, events, hear, People } from './lib/people.mjs';

const ROOM = 'work_order:WO-1001';
const RECORD = { entityType: 'work_order', entityId: 'WO-1001' };
const RESOURCE = { resource_type: 'work_order', resource_id: 'WO-1001' };

for (const workers of [1, 2]) {
  describe(`with ${workers} worker${workers > 1 ? 's' : ''}`, () => {
    world(workers);
  });
}

async function openStream(people, name, ...channels) {
  const cookie = await people.cookie(name);
  const query = channels.map((channel) => `channel=${encodeURIComponent(channel)}`).join('&');
  const stream = { heard: [], waiters: new Set() };
  stream.source = new EventSource(`${people.server.base}/api/v1/events?${query}`, {
    fetch: (url, options) => fetch(url, { ...options, headers: { ...options.headers, cookie } }),
  });
  const keep = (event) => {
    stream.heard.push(JSON.parse(event.data));
    for (const waiter of [...stream.waiters]) waiter();
  };
  for (const type of ['ready', 'update', 'presence', 'typing', 'cursor', 'publish', 'notification']) stream.source.addEventListener(type, keep);
  stream.hear = (suits) =>
    new Promise((resolve, reject) => {
      const look = () => {
        const found = stream.heard.find(suits);
        if (!found) return;
        clearTimeout(timer);
        stream.waiters.delete(look);
        resolve(found);
      };
      const timer = setTimeout(() => reject(new Error(`not heard: ${JSON.stringify(stream.heard.slice(-5))}`)), 10000);
      stream.waiters.add(look);
      look();
    });
  await stream.hear((event) => event.channels);
  return stream;
}

function world(workers) {
  let server, people;

  /** Everybody, each in his own way; several windows of each, so that with two workers they are on both. */
  async function gather() {
    server = await startServer({ args: ['--workers', String(workers)], env: { COLLABD_PRESENCE_GRACE_MS: '300' } });
    people = new People(server);
    const all = { natives: [], factories: [], streams: [] };
    for (let i = 0; i < 3; i++) {
      all.natives.push(await people.enter('akhan', ROOM, { action: 'editing' }));
      const factory = await people.open('jsmith', '/api/v1/ws');
      await factory.wait(({ type }) => type === 'connected');
      all.factories.push(factory);
      all.streams.push(await openStream(people, 'lchen', ROOM, 'work-order-updates'));
    }
    all.leave = async () => {
      for (const stream of all.streams) stream.source.close();
      await server.stop();
    };
    return all;
  }

  test('a change made in any way is heard in every way', async () => {
    const all = await gather();
    try {
      const made = {
        native: async (notes) => assertAck(await all.natives[0].ask({ type: 'update', payload: { ...RECORD, patch: { notes } } })).version,
        rest: async (notes) => (await people.rest('jsmith', 'PATCH', '/api/v1/records/work_order/WO-1001', { notes })).body.version,
      };
      let last = 1;
      for (const [way, make] of Object.entries(made)) {
        const [id, username] = way === 'native' ? ['3', 'akhan'] : ['5', 'jsmith'];
        const version = await make(`by ${way}`);
        assert.equal(version, ++last);
        for (const window of way === 'native' ? all.natives.slice(1) : all.natives) {
          const { payload } = await hear(window, 'update', (update) => update.version === version);
          assert.deepEqual([payload.path, payload.after, payload.userId, payload.username], ['/notes', `by ${way}`, id, username]);
        }
        for (const factory of all.factories) {
          const event = await factory.wait(({ type, version: number, id: record }) => type === 'work_order_updated' && number === version && record === 'WO-1001');
          assert.deepEqual([event.data, event.user_id, event.user], [{ notes: `by ${way}` }, Number(id), username]);
        }
        for (const stream of all.streams) {
          for (const channel of [ROOM, 'work-order-updates']) {
            const { payload } = await stream.hear((event) => event.channel === channel && event.payload?.version === version);
            assert.deepEqual([payload.after, payload.username], [`by ${way}`, username]);
          }
        }
      }
      const { body } = await people.rest('lchen', 'GET', '/api/v1/records/work_order/WO-1001/history');
      assert.deepEqual(body.changes.map(({ version }) => version), [3, 2, 1]);
      assert.equal(events(all.natives[0], 'update').filter(({ payload }) => payload.after === 'by native').length, 0);
    } finally {
      await all.leave();
    }
  });

  test('an action and an alert, too', async () => {
    const all = await gather();
    try {
      const listener = await people.enter('lchen', 'notifications');
      const item = { entityType: 'inventory', entityId: 'SKU-0010' };
      assertAck(await all.natives[0].ask({ type: 'action', payload: { ...item, action: 'count', input: { quantity: 100000 } } }));
      assertAck(await all.natives[0].ask({ type: 'action', payload: { ...item, action: 'count', input: { quantity: 0 } } }));
      const { payload } = await hear(listener, 'notification', ({ entityId }) => entityId === 'SKU-0010');
      for (const factory of all.factories) {
        const alert = await factory.wait(({ type, id }) => type === 'alert' && id === 'SKU-0010');
        assert.deepEqual([alert.rule, alert.message, alert.value, alert.limit], [payload.rule, payload.message, payload.value, payload.limit]);
      }
      assertAck(await all.natives[1].ask({ type: 'action', payload: { ...RECORD, action: 'kit' } }));
      for (const factory of all.factories) {
        const kit = await factory.wait(({ type, action: word }) => type === 'work_order_updated' && word === 'kit');
        assert.equal(kit.data.kitted_by, 'akhan');
      }
      for (const stream of all.streams) await stream.hear((event) => event.payload?.action === 'kit');
    } finally {
      await all.leave();
    }
  });

  test('who is there is known in every way', async () => {
    const all = await gather();
    try {
      const asked = async () => {
        const { body } = await people.rest('lchen', 'GET', '/api/v1/presence?resource_type=work_order&resource_id=WO-1001');
        return body.map(({ user_id: id, username, action }) => [id, username, action]);
      };
      assert.deepEqual(await asked(), [[3, 'akhan', 'editing']]);
      all.factories[0].send({ type: 'presence', ...RESOURCE, action: 'viewing' });
      for (const window of all.natives) {
        const { payload } = await hear(window, 'presence', ({ event, userId }) => event === 'user_joined' && userId === '5');
        assert.deepEqual([payload.username, payload.action], ['jsmith', 'viewing']);
      }
      for (const stream of all.streams) await stream.hear((event) => event.channel === ROOM && event.payload?.userId === '5');
      assert.deepEqual(await asked(), [[3, 'akhan', 'editing'], [5, 'jsmith', 'viewing']]);
      const saidOfAmir = (action) => {
        const suits = ({ type, user_id: id, data }) => type === 'presence_update' && id === 3 && data.action === action && data.resource_id === 'WO-1001';
        return Promise.all(all.factories.map((factory) => factory.wait(suits)));
      };
      for (const window of all.natives) assertAck(await window.ask({ type: 'presence', channel: ROOM, payload: { action: 'viewing' } }));
      await saidOfAmir('viewing');
      for (const window of all.natives) assertAck(await window.ask({ type: 'unsubscribe', channel: ROOM }));
      await saidOfAmir('left');
      assert.deepEqual(await asked(), [[5, 'jsmith', 'viewing']]);
      all.factories[0].send({ type: 'presence', ...RESOURCE, action: 'left' });
      for (const stream of all.streams) await stream.hear((event) => event.payload?.event === 'user_left' && event.payload.userId === '5');
      assert.deepEqual(await asked(), []);
    } finally {
      await all.leave();
    }
  });

  test('typing, cursors and messages pass from one way of speaking to the other', async () => {
    const all = await gather();
    try {
      const [native, factory] = [all.natives[0], all.factories[0]];
      factory.send({ type: 'subscribe', ...RESOURCE, message_id: 'join' });
      await factory.wait(({ reply_to: replyTo }) => replyTo === 'join');
      assertAck(await native.ask({ type: 'typing', channel: ROOM, payload: { field: 'title' } }));
      assertAck(await native.ask({ type: 'cursor', channel: ROOM, payload: { x: 7 } }));
      assertAck(await native.ask({ type: 'publish', channel: ROOM, event: 'wave', payload: { hello: 1 } }));
      const typing = await factory.wait(({ type }) => type === 'typing');
      assert.deepEqual([typing.user_id, typing.field, typing.resource_id], [3, 'title', 'WO-1001']);
      assert.deepEqual((await factory.wait(({ type }) => type === 'cursor')).data, { x: 7 });
      const message = await factory.wait(({ type }) => type === 'message');
      assert.deepEqual([message.user, message.event, message.data], ['akhan', 'wave', { hello: 1 }]);
      factory.send({ type: 'typing', ...RESOURCE, field: 'notes' });
      factory.send({ type: 'cursor', ...RESOURCE, data: { x: 8 } });
      factory.send({ type: 'publish', ...RESOURCE, event: 'back', data: { hello: 2 } });
      for (const window of all.natives) {
        assert.equal((await hear(window, 'typing', ({ field }) => field === 'notes')).payload.userId, '5');
        assert.equal((await hear(window, 'cursor', ({ userId }) => userId === '5')).payload.cursor.x, 8);
        const back = await hear(window, 'publish', ({ hello }) => hello === 2);
        assert.deepEqual([back.event, back.userId], ['back', '5']);
      }
      for (const stream of all.streams) {
        await stream.hear((event) => event.type === 'typing' && event.payload.field === 'notes');
        await stream.hear((event) => event.type === 'publish' && event.payload.hello === 2);
      }
    } finally {
      await all.leave();
    }
  });

  test('many writers in every way: everybody hears every version once, in order', async () => {
    const all = await gather();
    try {
      const rounds = 12;
      for (let i = 0; i < rounds; i++) {
        for (const [n, window] of all.natives.entries()) window.send({ type: 'update', payload: { ...RECORD, patch: { notes: `native ${n} ${i}` } } });
        await people.rest('jsmith', 'PATCH', '/api/v1/records/work_order/WO-1001', { notes: `rest ${i}` });
      }
      const head = 1 + rounds * 4;
      for (const stream of all.streams) await stream.hear((event) => event.channel === ROOM && event.payload?.version === head);
      const versions = Array.from({ length: head - 1 }, (_, i) => i + 2);
      for (const stream of all.streams) {
        const heard = stream.heard.filter(({ type, channel }) => type === 'update' && channel === ROOM);
        assert.deepEqual(heard.map(({ payload }) => payload.version), versions);
      }
      for (const factory of all.factories) {
        await factory.wait(({ version }) => version === head);
        assert.deepEqual(factory.heard.filter(({ type }) => type === 'work_order_updated').map(({ version }) => version), versions);
      }
      for (const [n, window] of all.natives.entries()) {
        await window.until(() => events(window, 'update').length === rounds * 3, 'the changes of the others');
        assert.ok(events(window, 'update').every(({ payload }) => !payload.after.startsWith(`native ${n} `)));
      }
    } finally {
      await all.leave();
    }
  });
}
