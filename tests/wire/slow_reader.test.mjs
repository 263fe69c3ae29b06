// A reader that stops reading: the others hear everything at once, its queue stays bounded, it is told 4450 and hung up on, and when it comes
// back it gets exactly what it missed. What is only the latest (cursors) does not pile up for it at all.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Client, eventually, startServer } from '../lib/server.mjs';
import { closeFrame, enter, frame, makeCertificate, metric, OP, Raw, RawSocket } from '../lib/raw.mjs';

const QUEUE_MAX = 256 * 1024;
const QUEUE_SOFT = 64 * 1024;
const certificate = makeCertificate();
const servers = {};
const cookies = {};

before(async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // for the clients that are not ours
  for (const [kind, args] of [['plain', []], ['tls', certificate.args]]) {
    servers[kind] = await startServer({
      args: ['--workers', '2', ...args],
      env: { COLLABD_CONN_QUEUE_BYTES_MAX: `${QUEUE_MAX}`, COLLABD_CONN_QUEUE_BYTES_SOFT: `${QUEUE_SOFT}`, COLLABD_CONN_QUEUE_SOFT_MS: '300' },
    });
    cookies[kind] = await enter(servers[kind], 'akhan');
  }
});

after(async () => {
  for (const server of Object.values(servers)) {
    const { code } = await server.stop();
    assert.equal(code, 0, server.log);
    assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
  }
  rmSync(certificate.folder, { recursive: true });
});

const say = (message) => frame(OP.text, JSON.stringify(message));
const slowClosed = (kind) => metric(servers[kind], 'connections_slow_closed_total');
const queued = (kind) => metric(servers[kind], 'send_queue_bytes');

/** A member of a room that has stopped reading. */
async function openStalled(kind, channel) {
  const socket = await RawSocket.open(servers[kind], '/ws', { headers: { Cookie: cookies[kind] } });
  await socket.write(say({ type: 'subscribe', channel, messageId: 's', payload: { present: false } }));
  await socket.wait(({ payload }) => payload.includes('"replyTo":"s"'), 'the ack');
  socket.raw.socket.pause();
  return socket;
}

const messages = (socket) => socket.frames().filter(({ opcode }) => opcode === OP.text).map(({ payload }) => JSON.parse(payload));

async function openHealthy(kind, channel) {
  const client = await Client.open(servers[kind], '/ws', { cookie: cookies[kind] });
  client.position = (await client.ask({ type: 'subscribe', channel, payload: { present: false } })).payload.position;
  return client;
}

const BIG = 'x'.repeat(60000);

/** Publishes until `isEnough`, each time waiting for every healthy reader to have heard it. Gives how many. */
async function publishUntil(isEnough, channel, publisher, healthy, text = BIG) {
  let count = 0;
  for (; !(await isEnough(count)); count++) {
    const number = count;
    assert.equal((await publisher.ask({ type: 'publish', channel, payload: { number, text } })).type, 'ack');
    for (const client of healthy) {
      await client.wait((heard) => heard.type === 'publish' && heard.payload.number === number, `message ${number}`);
      client.offsets = [...(client.offsets ?? []), client.heard.findLast(({ type }) => type === 'publish').offset];
      client.heard.length = 0;
    }
    assert.ok(count < 1000, 'nobody was slow');
  }
  return count;
}

/** Reads on to the end: the offsets that were heard, and the goodbye. */
async function readOn(socket) {
  socket.raw.socket.resume();
  const closing = await socket.waitClose();
  await socket.write(closeFrame(closing.code));
  const heard = messages(socket).filter(({ type }) => type === 'publish');
  socket.destroy();
  return { closing, offsets: heard.map(({ offset }) => offset), epoch: heard[0].epoch };
}

for (const kind of ['plain', 'tls']) {
  describe(`over ${kind}`, { concurrency: 1 }, () => {
    test('three of six stop: the others miss nothing, the three are told 4450, and come back to exactly what they missed', async () => {
      const channel = `stalled-${kind}`;
      const healthy = await Promise.all([0, 1, 2].map(() => openHealthy(kind, channel)));
      const publisher = await openHealthy(kind, channel);
      const stalled = await Promise.all([0, 1, 2].map(() => openStalled(kind, channel)));
      const before = await slowClosed(kind);
      let mostQueued = 0;
      const count = await publishUntil(async () => {
        mostQueued = Math.max(mostQueued, await queued(kind));
        return (await slowClosed(kind)) - before === 3;
      }, channel, publisher, healthy);
      assert.ok(mostQueued <= 4 * (QUEUE_MAX + 2 * BIG.length), `${mostQueued} bytes were queued`);
      for (const client of healthy) assert.deepEqual(client.offsets, Array.from({ length: count }, (_, index) => client.position.offset + 1 + index));
      for (const socket of stalled) {
        const { closing, offsets, epoch } = await readOn(socket);
        assert.equal(closing.code, 4450);
        assert.equal(closing.reason, 'slow_consumer');
        const { offset: start } = healthy[0].position;
        assert.deepEqual(offsets, Array.from({ length: offsets.length }, (_, index) => start + 1 + index), 'what came before the end has no gap');
        const last = offsets.at(-1);
        const back = await Client.open(servers[kind], '/ws', { cookie: cookies[kind] });
        const ack = await back.ask({ type: 'subscribe', channel, payload: { epoch, offset: last, present: false } });
        assert.equal(ack.payload.resync, false);
        const missed = start + count - last;
        assert.equal(ack.payload.missed, missed);
        await back.until(() => back.heard.filter(({ type }) => type === 'publish').length >= missed, 'what was missed');
        assert.deepEqual(back.heard.filter(({ type }) => type === 'publish').map(({ offset }) => offset), Array.from({ length: missed }, (_, index) => last + 1 + index));
        back.close();
      }
      await eventually(async () => (await queued(kind)) === 0, 'empty queues');
      for (const client of [...healthy, publisher]) client.close();
    });

    test('one that never reads again is cut off, and its queue is given back', async () => {
      const channel = `gone-${kind}`;
      const publisher = await openHealthy(kind, channel);
      const stalled = await openStalled(kind, channel);
      const before = await slowClosed(kind);
      await publishUntil(async () => (await slowClosed(kind)) > before, channel, publisher, []);
      await eventually(async () => (await queued(kind)) === 0, 'the end of the queue', 20000);
      stalled.destroy();
      publisher.close();
    });
  });
}

test('a little too much for a little too long is too much as well', async () => {
  const channel = 'soft';
  const publisher = await openHealthy('plain', channel);
  const stalled = await openStalled('plain', channel);
  const before = await slowClosed('plain');
  // fills what the kernel takes, then the queue, in small steps, to between the two limits
  await publishUntil(async () => (await queued('plain')) > QUEUE_SOFT, channel, publisher, []);
  assert.ok((await queued('plain')) < QUEUE_MAX);
  await eventually(async () => (await slowClosed('plain')) > before, 'the end of patience');
  assert.equal((await readOn(stalled)).closing.code, 4450);
  publisher.close();
});

test('cursors for one that does not read are replaced by newer ones, and the last one arrives', async () => {
  const channel = 'cursors';
  const server = servers.plain;
  const [mover, watcher] = await Promise.all([openHealthy('plain', channel), openHealthy('plain', channel)]);
  await mover.ask({ type: 'subscribe', channel }); // who has a cursor is seen
  const stalled = await openStalled('plain', channel);
  const before = await slowClosed('plain');
  // messages fill the kernel's buffers, so that cursors must wait
  await publishUntil(async () => (await queued('plain')) > 0, channel, mover, [], 'z'.repeat(20000));
  let x = 0;
  const conflatedBefore = await metric(server, 'messages_conflated_total');
  for (let i = 0; i < 5000; i++) mover.send({ type: 'cursor', channel, payload: { x: ++x } });
  await mover.ask({ type: 'ping' });
  await watcher.wait(({ type, payload }) => type === 'cursor' && payload.cursor.x === x, 'the last cursor at the one who reads');
  assert.ok((await queued('plain')) < QUEUE_SOFT);
  assert.ok((await metric(server, 'messages_conflated_total')) > conflatedBefore);
  stalled.raw.socket.resume();
  await stalled.wait(({ payload }) => payload.includes(`"x":${x}}`), 'the last cursor');
  assert.equal(await slowClosed('plain'), before);
  const seen = messages(stalled).filter(({ type }) => type === 'cursor').map(({ payload }) => payload.cursor.x);
  assert.deepEqual(seen, seen.toSorted((a, b) => a - b), 'never an older one after a newer one');
  stalled.destroy();
  for (const client of [mover, watcher]) client.close();
});

test('an event stream that is not read ends, and goes on from its Last-Event-ID', async () => {
  const channel = 'stream';
  const server = servers.plain;
  const open = async (lastId) => {
    const raw = await Raw.open(server);
    await raw.write(`GET /api/v1/events?channel=${channel} HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookies.plain}\r\n${lastId ? `Last-Event-ID: ${lastId}\r\n` : ''}\r\n`);
    await raw.until(() => raw.bytes.includes('event: ready'), 'the stream');
    return raw;
  };
  const events = (raw) => {
    const blocks = raw.bytes.toString().split('\n\n').slice(0, -1).filter((block) => block.includes('event: publish'));
    return blocks.map((block) => ({ id: block.match(/^id: (.*)$/m)[1], ...JSON.parse(block.match(/^data: (.*)$/m)[1]) }));
  };
  const publisher = await openHealthy('plain', channel);
  const stalled = await open();
  stalled.socket.pause();
  const before = await slowClosed('plain');
  const count = await publishUntil(async () => (await slowClosed('plain')) > before, channel, publisher, []);
  stalled.socket.resume();
  await stalled.waitOver();
  const first = events(stalled);
  assert.ok(first.length > 0 && first.length < count);
  assert.deepEqual(first.map(({ payload }) => payload.number), Array.from({ length: first.length }, (_, index) => index));
  const back = await open(first.at(-1).id);
  await back.until(() => events(back).length >= count - first.length, 'what was missed');
  assert.deepEqual(events(back).map(({ payload }) => payload.number), Array.from({ length: count - first.length }, (_, index) => first.length + index));
  back.destroy();
  publisher.close();
});

test('a list that is read slowly is whole, and counts for nobody', async () => {
  const server = servers.plain;
  const before = await slowClosed('plain');
  const raw = await Raw.open(server);
  raw.socket.pause();
  await raw.write(`GET /api/v1/records/part?limit=1000 HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookies.plain}\r\n\r\n`.repeat(30));
  const client = await openHealthy('plain', 'beside');
  for (let i = 0; i < 20; i++) assert.equal((await client.ask({ type: 'ping' })).type, 'pong');
  raw.socket.resume();
  const answers = await raw.answers(30);
  assert.ok(answers.every(({ status, body }) => status === 200 && JSON.parse(body).records.length === 1000));
  assert.equal(await slowClosed('plain'), before);
  raw.destroy();
  client.close();
});

test('one that asks for much and reads nothing waits, and keeps a bounded part of the memory', async () => {
  const channel = 'asked';
  const server = servers.plain;
  const publisher = await openHealthy('plain', channel);
  for (let i = 0; i < 50; i++) await publisher.ask({ type: 'publish', channel, payload: BIG });
  const before = await slowClosed('plain');
  const resume = say({ type: 'subscribe', channel, messageId: 'again', payload: { ...publisher.position, present: false } });
  const look = say({ type: 'presence_get', channel, messageId: 'look' });
  const greedy = await Promise.all([0, 1, 2].map(() => openStalled('plain', channel)));
  for (const [index, socket] of greedy.entries()) await socket.write(Buffer.concat(Array.from({ length: index ? 300 : 15 }, (_, number) => (number % 3 ? resume : look))));
  for (let i = 0; i < 20; i++) {
    assert.equal((await publisher.ask({ type: 'presence_get', channel })).type, 'ack');
    assert.ok((await queued('plain')) <= 3 * 2 * 50 * BIG.length, `${await queued('plain')} bytes are queued`);
  }
  assert.equal(await slowClosed('plain'), before, 'what was asked for is not held against it');
  // whoever reads on gets all that it asked for
  const [one, ...others] = greedy;
  for (const socket of others) socket.destroy();
  one.raw.socket.resume();
  const answered = () => one.frames().filter(({ payload }) => payload.length < 1000 && payload.includes('"replyTo":"again"')).length;
  await one.raw.until(() => answered() === 10 || one.raw.isOver, 'the last answer', 60000);
  assert.ok(!one.raw.isOver);
  one.destroy();
  publisher.close();
  assert.equal(server.child.exitCode, null);
});
