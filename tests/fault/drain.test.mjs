// SIGTERM under load, again and again: everybody is told 1012, what is under way is answered or was never promised, the process ends with 0, and
// in the next life nothing acknowledged is missing and every listener goes on exactly where it was.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client, eventually, login, rest, startServer } from '../lib/server.mjs';
import { enter, frame, OP, parseAnswers, Raw, RawSocket } from '../lib/raw.mjs';
import { judgeChanges, judgeListener } from './ledger.mjs';
import { FEED, finish, readHistories, Writer } from './writers.mjs';

const CYCLES = Number(process.env.DRAIN_CYCLES ?? 4);

/** Listens to the feed over a socket, always from where it was. */
class Listener {
  heard = [];
  start = null;
  place = null;

  async open(server, cookie) {
    this.client = await Client.open(server, '/ws', { cookie });
    const { position, resync } = (await this.client.ask({ type: 'subscribe', channel: FEED, payload: { present: false, ...this.place } })).payload;
    if (!this.start) this.start = this.place = position;
    else if (resync) this.heard.push({ resync: position });
  }

  collect() {
    for (const { channel, epoch, offset } of this.client.heard) {
      if (channel !== FEED || !offset) continue;
      this.heard.push({ epoch, offset });
      this.place = { epoch, offset };
    }
  }
}

/** The same as an event stream, by Last-Event-ID. */
class Stream {
  numbers = [];
  lastId = null;

  async open(server, cookie) {
    this.raw = await Raw.open(server);
    await this.raw.write(`GET /api/v1/events?channel=${FEED} HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\n${this.lastId ? `Last-Event-ID: ${this.lastId}\r\n` : ''}\r\n`);
    await this.raw.until(() => this.raw.bytes.includes('event: ready'), 'the stream');
  }

  collect() {
    for (const block of this.raw.bytes.toString().split('\n\n')) {
      if (/^event: resync$/m.test(block)) this.numbers.push('resync');
      const id = block.match(/^id: (.*)$/m)?.[1];
      if (id) this.lastId = id;
      const data = block.match(/^data: (.*)$/m)?.[1];
      if (/^event: update$/m.test(block) && data && block.endsWith('}')) this.numbers.push(JSON.parse(data).offset);
    }
  }
}

test(`${CYCLES} times told to end under load: nothing acknowledged is lost, everybody is told and goes on`, { timeout: 300000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'collabd-drain-'));
  const env = { COLLABD_DRAIN_MS: '10000' };
  let server = await startServer({ data: folder, env });
  let cookie = await login(server, 'akhan');
  const writers = Array.from({ length: 8 }, (_, index) => new Writer(`w${index}`, server, cookie, { overRest: index >= 6 }));
  const [listener, stream] = [new Listener(), new Stream()];
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    await listener.open(server, cookie);
    await stream.open(server, cookie);
    const idle = await Promise.all(Array.from({ length: 30 }, (_, index) => Client.open(server, index % 2 ? '/ws' : '/api/v1/ws', { cookie })));
    const nobody = await Client.open(server, '/ws');
    const keptAlive = await Raw.open(server);
    await keptAlive.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await keptAlive.answers(1);
    const silent = await Raw.open(server);
    const stalled = await RawSocket.open(server, '/ws', { headers: { Cookie: cookie } });
    await stalled.write(frame(OP.text, JSON.stringify({ type: 'subscribe', channel: FEED })));
    stalled.raw.socket.pause();
    const before = writers.reduce((sum, { acked }) => sum + acked.length, 0);
    const runs = writers.map((writer) => Object.assign(writer, { server, cookie }).run());
    await eventually(() => writers.reduce((sum, { acked }) => sum + acked.length, 0) > before + 100 + cycle * 37, 'acknowledgements');
    // what is under way at that very moment: a login that is being computed, a list on its way
    const entering = enter(server, 'lchen').then(() => 'served', (error) => error.message);
    const list = await Raw.open(server);
    await list.write(`GET /api/v1/records/part?limit=1000 HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\nConnection: close\r\n\r\n`);
    const start = Date.now();
    server.child.kill('SIGTERM');
    for (const client of [...idle, nobody, listener.client]) assert.equal((await client.waitClosed(15000)).code, 1012);
    await Promise.all([...runs, stream.raw.waitOver(), keptAlive.waitOver(), silent.waitOver(), list.waitOver()]);
    for (const { closed, overRest } of writers) assert.ok(overRest || closed?.code === 1012, JSON.stringify(closed));
    assert.match(await entering, /^served|: 503 |undefined|ECONN/);
    const [answer] = parseAnswers(list.bytes).answers;
    if (answer?.status === 200) assert.equal(JSON.parse(answer.body).records.length, 1000, 'a list that was begun is whole');
    const { code } = await server.stop();
    assert.equal(code, 0, server.log);
    assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
    assert.ok(Date.now() - start < 20000, 'it took too long');
    listener.collect();
    stream.collect();
    for (const raw of [keptAlive, silent, list, stalled, stream.raw]) raw.destroy();
    server = await startServer({ data: folder, env });
    cookie = await login(server, 'akhan');
  }
  await finish(writers, server, cookie);
  await listener.open(server, cookie);
  await stream.open(server, cookie);
  const last = (await listener.client.ask({ type: 'presence_get', channel: FEED })).payload.position;
  if (last.offset > listener.place.offset) await listener.client.wait(({ channel, offset }) => channel === FEED && offset === last.offset, 'the last event').catch(() => {});
  await eventually(() => stream.raw.bytes.includes(`"offset":${last.offset}}`) || stream.numbers.includes(last.offset) || stream.raw.bytes.includes('"missed":0'), 'the last event of the stream').catch(() => {});
  listener.collect();
  stream.collect();
  const acked = writers.flatMap((writer) => writer.acked);
  assert.ok(acked.length >= CYCLES * 100);
  const { histories, records } = await readHistories(server, cookie);
  assert.deepEqual(judgeChanges(acked, histories, records), []);
  assert.deepEqual(judgeListener(listener.heard, listener.start), []);
  assert.equal(listener.place.offset, last.offset);
  assert.deepEqual(stream.numbers, Array.from({ length: stream.numbers.length }, (_, index) => stream.numbers[0] + index), 'the stream has every event once');
  assert.equal(stream.numbers.at(-1), last.offset);
  for (const { code, status } of writers.flatMap(({ refused }) => refused)) assert.ok(['draining', undefined].includes(code) && [undefined, 503].includes(status), `${code} ${status}`);
  listener.client.close();
  stream.raw.destroy();
  assert.equal((await server.stop()).code, 0);
  rmSync(folder, { recursive: true });
});

/** The workers listen each for themselves, and stop one after the other. */
const isRefused = (server) =>
  Raw.open(server).then(
    ({ socket }) => void socket.destroy(),
    ({ message }) => assert.match(message, /ECONNREFUSED|closed/) ?? true,
  );

test('while it ends: no new connections, health says so, and a request that is being answered is answered', async () => {
  const server = await startServer({ env: { COLLABD_DRAIN_MS: '4000' } });
  const cookie = await login(server, 'akhan');
  const [first, second] = [await Raw.open(server), await Raw.open(server)];
  // one that keeps it from ending for as long as may be: reads nothing, closes nothing
  const stubborn = await RawSocket.open(server, '/ws', { headers: { Cookie: cookie }, allowHalfOpen: true });
  // half a request is under way: the server has it, since it has answered what came with it
  const half = `POST /api/v1/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\nCookie: ${cookie}\r\n\r\n{`;
  await second.write(`GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n${half}`);
  await second.answers(1);
  await first.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /re');
  await first.answers(2);
  server.child.kill('SIGTERM');
  assert.equal((await stubborn.waitClose()).code, 1012);
  await first.write('adyz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await first.waitOver();
  const ready = parseAnswers(first.bytes).answers[2];
  assert.equal(ready.status, 503);
  assert.equal(ready.headers.get('connection'), 'close');
  await second.write('}');
  await second.waitOver();
  assert.equal(parseAnswers(second.bytes).answers[1].status, 503);
  await eventually(() => isRefused(server), 'the listener of each worker is closed');
  const start = Date.now();
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
  assert.ok(Date.now() - start < 20000);
  stubborn.destroy();
});

test('what was asked before the end is answered, when nobody else is there, too: a password that is being verified, a list that is read slowly', async () => {
  const server = await startServer({ env: { COLLABD_DRAIN_MS: '10000' } });
  const cookie = await login(server, 'akhan');
  const list = await Raw.open(server);
  list.socket.pause();
  const count = 30;
  await list.write(`GET /api/v1/records/part?limit=1000 HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\n\r\n`.repeat(count));
  const entering = Array.from({ length: 4 }, () => enter(server, 'lchen').catch((error) => error.message));
  await eventually(async () => (await rest(server, null, 'GET', '/socket-stats')).body.send_queue_bytes > 0, 'a list that waits for its reader');
  const reader = new Promise((resolve) => list.socket.once('resume', resolve));
  server.child.kill('SIGTERM');
  for (const answer of await Promise.all(entering)) assert.match(answer, /^collabd_session=|: 503 /);
  list.socket.resume();
  await Promise.all([reader, list.waitOver()]);
  const { answers, rest: torn } = parseAnswers(list.bytes);
  assert.ok(answers.length > 0);
  assert.equal(torn.length, 0, 'the last answer is whole');
  for (const { status, body } of answers) assert.ok(status === 503 || JSON.parse(body).records.length === 1000);
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
});
