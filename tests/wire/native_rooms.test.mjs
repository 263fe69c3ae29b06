// Publishing in rooms and coming back to them: docs/protocol/native.md with a plain WebSocket.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../lib/server.mjs';
import { assertAck, assertRefused, drop, events, hear, People, settle } from './lib/people.mjs';

const LOG_EVENTS = 32;
let server, people;

before(async () => {
  server = await startServer({ env: { COLLABD_LOG_EVENTS_MAX: String(LOG_EVENTS) } });
  people = new People(server);
});

after(() => server?.stop());

async function publish(window, room, payload, more = {}) {
  return assertAck(await window.ask({ type: 'publish', channel: room, payload, ...more }));
}

/** The numbered events of a room, as [payload, offset]. */
const numbered = (window) => window.heard.filter(({ offset }) => offset !== undefined).map(({ payload, offset }) => [payload, offset]);

describe('publishing', () => {
  test('reaches everybody else in the room, and nobody outside it', async () => {
    const amir = await people.enter('akhan', 'news');
    const tab = await people.enter('akhan', 'news');
    const maria = await people.enter('mgarcia', 'news');
    const elsewhere = await people.enter('mgarcia', 'other-news');
    const { position } = await publish(amir, 'news', { title: 'ü', n: [1, null] }, { event: 'headline' });
    for (const window of [tab, maria]) {
      const { messageId, timestamp, ...message } = await hear(window, 'publish');
      assert.deepEqual(message, {
        type: 'publish', channel: 'news', event: 'headline', payload: { title: 'ü', n: [1, null] }, userId: '3',
        epoch: position.epoch, offset: position.offset,
      });
      assert.ok(messageId && Date.parse(timestamp));
    }
    await settle('news', maria, amir);
    assertAck(await elsewhere.ask({ type: 'presence_get', channel: 'other-news' }));
    assert.equal(events(amir, 'publish', (payload) => payload.title).length, 0);
    assert.equal(events(elsewhere, 'publish').length, 0);
    for (const window of [amir, tab, maria, elsewhere]) window.close();
  });

  test('carries any JSON value as it was', async () => {
    const amir = await people.enter('akhan', 'values');
    const maria = await people.enter('mgarcia', 'values');
    const values = [0, -1.5, 1e21, 'text', '', true, false, null, [], {}, [[1], { a: { b: [] } }], '\u0001"\\/\ud83d\ude00 '];
    for (const value of values) await publish(amir, 'values', value);
    amir.send({ type: 'publish', channel: 'values' });
    await settle('values', amir, maria);
    assert.deepEqual(numbered(maria).map(([value]) => value), [...values, null]);
    const exact = '{"type":"publish","channel":"values","messageId":"exact","payload":{"big":18446744073709551615,"z":1,"a":1.0}}';
    let raw;
    maria.socket.on('message', (text) => (raw = String(text)));
    amir.send(exact);
    await hear(maria, 'publish', (payload) => payload?.z === 1);
    assert.ok(raw.includes('"payload":{"big":18446744073709551615,"z":1,"a":1.0}'), raw);
    amir.close();
    maria.close();
  });

  test('with an id is done once, from whichever window it is sent', async () => {
    const one = await people.enter('akhan', 'once');
    const two = await people.enter('akhan', 'once');
    const maria = await people.enter('mgarcia', 'once');
    const first = await publish(one, 'once', { n: 1 }, { id: 'message-1' });
    for (const window of [one, two]) {
      assert.deepEqual(await publish(window, 'once', { n: 1 }, { id: 'message-1' }), { ...first, repeat: true });
    }
    assertRefused(await two.ask({ type: 'publish', channel: 'once', payload: { n: 2 }, id: 'message-1' }), 'conflict', 'id');
    const hers = await publish(maria, 'once', { n: 3 }, { id: 'message-1' }); // everybody has his own ids
    assert.equal(hers.repeat, undefined);
    assert.equal(hers.position.offset, first.position.offset + 1);
    await settle('once', one, maria);
    assert.deepEqual(numbered(maria), [[{ n: 1 }, first.position.offset]]);
    assertRefused(await one.ask({ type: 'publish', channel: 'once', payload: 1, id: 7 }), 'bad_field', 'id');
    assertRefused(await one.ask({ type: 'publish', channel: 'once', payload: 1, event: 7 }), 'bad_field', 'event');
    for (const window of [one, two, maria]) window.close();
  });

  test('that is volatile is heard and not kept; with an echo it is heard by the sender, too', async () => {
    const amir = await people.enter('akhan', 'kept');
    const maria = await people.enter('mgarcia', 'kept');
    const { position: before } = await publish(amir, 'kept', 'first', { echo: true });
    const { position } = await publish(amir, 'kept', 'gone', { volatile: true });
    assert.deepEqual(position, before);
    const { offset } = await hear(maria, 'publish', (payload) => payload === 'gone');
    assert.equal(offset, undefined);
    assert.deepEqual(numbered(amir), [['first', before.offset]]);
    const again = await people.enter('lchen', 'kept', { epoch: before.epoch, offset: before.offset - 1 });
    await settle('kept', maria, again);
    assert.deepEqual(numbered(again), [['first', before.offset]]);
    for (const window of [amir, maria, again]) window.close();
  });

  test('needs to be in the room, and none of the server\'s own', async () => {
    const amir = await people.enter('akhan', 'mine');
    assertRefused(await amir.ask({ type: 'publish', channel: 'not-mine', payload: 1 }), 'not_member', 'channel');
    for (const room of ['work-order-updates', 'records', 'user-presence', 'notifications']) {
      assertAck(await amir.ask({ type: 'subscribe', channel: room, payload: { present: false } }));
      assertRefused(await amir.ask({ type: 'publish', channel: room, payload: 1 }), 'forbidden');
    }
    assertAck(await amir.ask({ type: 'unsubscribe', channel: 'mine' }));
    assertRefused(await amir.ask({ type: 'publish', channel: 'mine', payload: 1 }), 'not_member', 'channel');
    amir.close();
  });

  test('stops being heard with `unsubscribe`', async () => {
    const amir = await people.enter('akhan', 'quiet');
    const maria = await people.enter('mgarcia', 'quiet');
    assertAck(await maria.ask({ type: 'unsubscribe', channel: 'quiet' }));
    await publish(amir, 'quiet', 'unheard');
    assertAck(await maria.ask({ type: 'presence_get', channel: 'quiet' })); // answered after it
    assert.equal(events(maria, 'publish').length, 0);
    amir.close();
    maria.close();
  });
});

describe('coming back', () => {
  /** What happens while Maria is away from a room of hers, and what she hears then. */
  async function away(room, count, { since } = {}) {
    const amir = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    for (let i = 0; i < 3; i++) await publish(amir, room, `before ${i}`);
    const { epoch, offset } = await hear(maria, 'publish', (payload) => payload === 'before 2');
    await drop(maria);
    for (let i = 0; i < count; i++) await publish(amir, room, `missed ${i}`);
    await publish(amir, room, 'passing', { volatile: true });
    const again = await people.enter('mgarcia', room, since ? since(epoch, offset) : { epoch, offset });
    await publish(amir, room, 'after');
    await settle(room, amir, again);
    amir.close();
    again.close();
    return { joined: again.joined, heard: numbered(again).map(([payload]) => payload), numbers: numbered(again).map(([, n]) => n), epoch, offset, again };
  }
  const missed = (count) => Array.from({ length: count }, (_, i) => `missed ${i}`);

  test('brings exactly what was missed, in order, after the answer', async () => {
    const { joined, heard, numbers, epoch, offset, again } = await away('gap', 7);
    assert.deepEqual([joined.resync, joined.missed, joined.position], [false, 7, { epoch, offset: offset + 7 }]);
    assert.deepEqual(heard, [...missed(7), 'after']);
    assert.deepEqual(numbers, [1, 2, 3, 4, 5, 6, 7, 8].map((n) => offset + n));
    assert.equal(again.heard[0].type, 'ack');
    assert.deepEqual(again.heard.slice(1, 8).map(({ payload }) => payload), missed(7)); // directly after it
  });

  test('brings nothing when nothing was missed', async () => {
    const { joined, heard } = await away('no-gap', 0);
    assert.deepEqual([joined.resync, joined.missed, heard], [false, 0, ['after']]);
  });

  test('brings all that the room keeps, and says so when that is not enough', async () => {
    const all = await away('long', LOG_EVENTS);
    assert.deepEqual([all.joined.resync, all.joined.missed], [false, LOG_EVENTS]);
    assert.deepEqual(all.heard, [...missed(LOG_EVENTS), 'after']);
    const more = await away('too-long', LOG_EVENTS + 1);
    assert.deepEqual([more.joined.resync, more.joined.missed], [true, 0]);
    assert.deepEqual([more.heard, more.joined.position], [['after'], { epoch: more.epoch, offset: more.offset + LOG_EVENTS + 1 }]);
  });

  test('with a position that never was is told to load anew', async () => {
    const wrongs = [
      (epoch, offset) => ({ epoch: epoch + 1, offset }),
      (epoch, offset) => ({ epoch: 0, offset }),
      (epoch, offset) => ({ epoch, offset: offset + 100 }),
      (epoch) => ({ epoch, offset: -1 }),
      (epoch) => ({ epoch, offset: 1e300 }),
    ];
    for (const [index, since] of wrongs.entries()) {
      const { joined, heard, epoch, offset } = await away(`wrong-${index}`, 2, { since });
      assert.deepEqual([joined.resync, joined.missed, joined.position], [true, 0, { epoch, offset: offset + 2 }]);
      assert.deepEqual(heard, ['after']);
    }
    const maria = await people.open('mgarcia');
    const ask = (payload) => maria.ask({ type: 'subscribe', channel: 'wrong-0', payload });
    assertRefused(await ask({ epoch: 'x', offset: 1 }), 'bad_field', 'epoch');
    assertRefused(await ask({ epoch: 1, offset: [1] }), 'bad_field', 'offset');
    assertRefused(await ask({ epoch: 1 }), 'missing_field', 'offset');
    assertRefused(await ask({ offset: 1 }), 'missing_field', 'epoch');
    maria.close();
  });

  test('from the beginning of a room brings all of it', async () => {
    const amir = await people.enter('akhan', 'from-zero');
    const { epoch, offset } = amir.joined.position;
    assert.equal(offset, 0);
    for (let i = 0; i < 5; i++) await publish(amir, 'from-zero', `missed ${i}`);
    const maria = await people.enter('mgarcia', 'from-zero', { epoch, offset });
    await settle('from-zero', amir, maria);
    assert.deepEqual(numbered(maria).map(([payload]) => payload), missed(5));
    amir.close();
    maria.close();
  });

  test('on the same connection replays, and doubles nothing that comes meanwhile', async () => {
    const amir = await people.enter('akhan', 'again');
    const maria = await people.enter('mgarcia', 'again');
    const { epoch, offset } = maria.joined.position;
    for (let i = 0; i < 20; i++) amir.send({ type: 'publish', channel: 'again', payload: `missed ${i}` });
    maria.heard.length = 0;
    const joined = assertAck(await maria.ask({ type: 'subscribe', channel: 'again', payload: { epoch, offset } }));
    await settle('again', amir, maria);
    const place = maria.heard.findIndex(({ type }) => type === 'ack');
    const rest = maria.heard.slice(place).filter((heard) => heard.offset !== undefined).map(({ payload }) => payload);
    assert.deepEqual(rest, missed(20));
    assert.ok(joined.missed <= 20);
    amir.close();
    maria.close();
  });

  test('to a room that was empty meanwhile finds it as it was', async () => {
    const amir = await people.enter('akhan', 'empty');
    const { position } = await publish(amir, 'empty', 'one');
    await publish(amir, 'empty', 'two');
    assertAck(await amir.ask({ type: 'unsubscribe', channel: 'empty' }));
    amir.close();
    const maria = await people.enter('mgarcia', 'empty', position);
    await settle('empty', maria, maria.closed ?? (await people.enter('lchen', 'empty')));
    assert.deepEqual([maria.joined.resync, maria.joined.missed], [false, 1]);
    assert.deepEqual(numbered(maria).map(([payload]) => payload), ['two']);
    maria.close();
  });

  test('after a restart of the server is told to load anew: free rooms have a new epoch', async () => {
    let one = await startServer({ demo: true });
    const { folder, port } = one;
    try {
      const crowd = new People(one);
      const amir = await crowd.enter('akhan', 'free');
      const { position } = await publish(amir, 'free', 'before');
      await one.stop('SIGKILL');
      one = await startServer({ data: folder, port });
      crowd.server = one;
      const again = await crowd.enter('akhan', 'free', position); // the cookie outlives the restart
      assert.equal(again.joined.resync, true);
      assert.notEqual(again.joined.position.epoch, position.epoch);
    } finally {
      await one.stop();
      one.remove();
    }
  });

  test('many times, while others never stop, misses and doubles nothing', async () => {
    const writers = [await people.enter('akhan', 'storm'), await people.enter('jsmith', 'storm')];
    let position = (await people.enter('mgarcia', 'storm')).joined.position;
    const seen = [];
    let said = 0;
    for (let round = 0; round < 20; round++) {
      const maria = await people.enter('mgarcia', 'storm', position);
      for (let i = 0; i < 6; i++) writers[i % 2].send({ type: 'publish', channel: 'storm', payload: ++said });
      await maria.until(() => numbered(maria).length > 2, 'something');
      await drop(maria);
      assert.equal(maria.joined.resync, false);
      for (const [payload, offset] of numbered(maria)) {
        seen.push(payload);
        position = { ...position, offset };
      }
    }
    const maria = await people.enter('mgarcia', 'storm', position);
    for (const writer of writers) await settle('storm', writer, maria);
    seen.push(...numbered(maria).map(([payload]) => payload));
    assert.deepEqual([...seen].sort((a, b) => a - b), Array.from({ length: said }, (_, i) => i + 1));
    for (const window of [...writers, maria]) window.close();
  });
});
