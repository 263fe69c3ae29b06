// The HTTP server with an echo behind it: bodies of any size, framed and torn in any way, arrive as they were sent, in order, and connections
// live exactly as long as both sides said.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { exchange, inParallel, parseAnswers, Raw } from '../lib/raw.mjs';

const BINARY = process.env.COLLABD_BIN ?? new URL('../../build/collabd', import.meta.url).pathname;
const ECHO = join(dirname(BINARY), 'conformance');
const SEED = Number(process.env.SEED ?? Date.now() % 1e9);
const server = { base: 'http:', log: '' };

before(async () => {
  assert.ok(existsSync(ECHO), `${ECHO} was not built`);
  server.child = spawn(ECHO, ['--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'pipe'] });
  server.child.stderr.on('data', (data) => (server.log += data));
  server.port = await new Promise((resolve) => createInterface({ input: server.child.stdout }).on('line', (line) => resolve(Number(line.match(/port (\d+)/)?.[1]))));
});

after(async () => {
  const exited = new Promise((resolve) => server.child.once('exit', resolve));
  server.child.kill('SIGTERM');
  assert.equal(await exited, 0, server.log);
  assert.equal(server.log, '');
});

let state = SEED;
const random = (bound) => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % bound;
};
const pick = (list) => list[random(list.length)];

const head = (lines, method = 'POST') => Buffer.from(`${method} /http HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n`);

/** A body in chunks of any size, with extensions, zeros before sizes, capitals, and trailers. */
function chunked(body) {
  const pieces = [];
  for (let at = 0; at < body.length; ) {
    const size = Math.min(1 + random(pick([3, 20, 500, 5000])) + (body.length >> 9), body.length - at);
    const digits = pick([(text) => text, (text) => text.toUpperCase(), (text) => `00${text}`])(size.toString(16));
    pieces.push(Buffer.from(`${digits}${pick(['', '', ';a', ';a=b', ';a="b;c"', ' ;a=b'.slice(1)])}\r\n`), body.subarray(at, at + size), Buffer.from('\r\n'));
    at += size;
  }
  return Buffer.concat([...pieces, Buffer.from(`0${pick(['', ';last'])}\r\n${pick(['', 'Checksum: abc\r\n', 'A: 1\r\nB: 2\r\n'])}\r\n`)]);
}

test(`bodies of any size and framing, many on a connection, in pieces of any size, come back whole and in order (seed ${SEED})`, async () => {
  await inParallel(Array.from({ length: 40 }), 6, async () => {
    const bodies = Array.from({ length: 25 }, () => randomBytes(pick([0, 1, 2, 100, 1000, 4096, 16384, 16385, 65536, 100000].slice(0, 6 + random(5)))));
    const bytes = Buffer.concat(bodies.map((body) => (random(2) ? Buffer.concat([head(`Content-Length: ${body.length}\r\n`), body]) : Buffer.concat([head('Transfer-Encoding: chunked\r\n'), chunked(body)]))));
    const raw = await Raw.open(server);
    const size = pick([1000, 1460, 16384, 65536, bytes.length]);
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + random(size);
      await raw.write(bytes.subarray(at, at + length));
      at += length;
    }
    let rest = Buffer.alloc(0);
    await raw.until(() => raw.isOver || raw.bytes.length >= bodies.reduce((sum, body) => sum + body.length, 0), 'all bodies');
    await raw.answers(bodies.length);
    rest = raw.bytes;
    for (const body of bodies) {
      const end = rest.indexOf('\r\n\r\n') + 4;
      assert.match(rest.subarray(0, end).toString(), /^HTTP\/1\.1 200 /);
      assert.match(rest.subarray(0, end).toString(), new RegExp(`\\r\\nContent-Length: ${body.length}\\r\\n`));
      assert.ok(rest.subarray(end, end + body.length).equals(body));
      rest = rest.subarray(end + body.length);
    }
    assert.equal(rest.length, 0);
    raw.destroy();
  });
});

test('a body of 16 MiB comes back, one of a byte more does not, and chunks do not hide it', async () => {
  const body = randomBytes(16 * 1024 * 1024);
  const raw = await Raw.open(server);
  raw.write(Buffer.concat([head(`Content-Length: ${body.length}\r\n`), body]));
  await raw.until(() => raw.isOver || raw.bytes.length > body.length, 'the body', 60000);
  const end = raw.bytes.indexOf('\r\n\r\n') + 4;
  await raw.until(() => raw.isOver || raw.bytes.length >= end + body.length, 'all of it');
  assert.ok(raw.bytes.subarray(end).equals(body));
  raw.destroy();
  assert.equal((await exchange(server, head(`Content-Length: ${body.length + 1}\r\n`))).answers[0].status, 413);
  const chunks = await Raw.open(server);
  await chunks.write(Buffer.concat([head('Transfer-Encoding: chunked\r\n'), Buffer.from('1000000\r\n'), body, Buffer.from('\r\n1\r\nx')]));
  await chunks.waitOver();
  assert.equal(parseAnswers(chunks.bytes).answers[0].status, 413);
  chunks.destroy();
});

test('connections live as long as both sides said', async () => {
  const cases = [
    ['HTTP/1.1', '', true], ['HTTP/1.1', 'Connection: keep-alive\r\n', true], ['HTTP/1.1', 'Connection: close\r\n', false], ['HTTP/1.1', 'Connection: Close\r\n', false], ['HTTP/1.1', 'Connection: foo, close\r\n', false], ['HTTP/1.1', 'Connection: close, keep-alive\r\n', false],
    ['HTTP/1.1', 'Connection: foo\r\n', true], ['HTTP/1.0', '', false], ['HTTP/1.0', 'Connection: close\r\n', false], ['HTTP/1.0', 'Connection: keep-alive\r\n', true], ['HTTP/1.0', 'Connection: Keep-Alive\r\n', true],
  ];
  for (const [version, lines, isKept] of cases) {
    const request = `GET /http ${version}\r\nHost: localhost\r\n${lines}\r\n`;
    const raw = await Raw.open(server);
    await raw.write(request);
    const [first] = await raw.answers(1);
    assert.equal(first.status, 200);
    const said = first.headers.get('connection');
    assert.ok(isKept ? said !== 'close' : said === 'close', `${version} ${lines}: ${said}`);
    if (version === 'HTTP/1.0' && isKept) assert.equal(said.toLowerCase(), 'keep-alive');
    await raw.write(request);
    const answers = await raw.answers(2);
    assert.equal(answers.length, isKept ? 2 : 1, `${version} ${lines}`);
    if (!isKept) assert.ok(raw.isOver);
    raw.destroy();
  }
});

test('answers to HEAD have a length and no body, the next answer stands right behind them', async () => {
  const raw = await Raw.open(server);
  await raw.write(Buffer.concat([head('Content-Length: 5\r\n', 'HEAD'), Buffer.from('hello'), head('Content-Length: 3\r\nConnection: close\r\n'), Buffer.from('abc')]));
  await raw.waitOver();
  const [first, second, body] = raw.bytes.toString().split('\r\n\r\n');
  assert.match(first, /^HTTP\/1\.1 200 .*\r\nContent-Length: 5\r\n/s);
  assert.match(second, /^HTTP\/1\.1 200 /);
  assert.equal(body, 'abc');
});

test('100-continue is said when the body is waited for, once, and not when it is there already', async () => {
  const expecting = head('Content-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n');
  const raw = await Raw.open(server);
  await raw.write(expecting);
  await raw.until(() => raw.bytes.toString() === 'HTTP/1.1 100 Continue\r\n\r\n', 'the word to go on');
  await raw.write('hello');
  await raw.waitOver();
  assert.match(raw.bytes.toString(), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 .*\r\n\r\nhello$/s);
  const whole = await Raw.open(server);
  await whole.write(Buffer.concat([expecting, Buffer.from('hello')]));
  await whole.waitOver();
  assert.match(whole.bytes.toString(), /^HTTP\/1\.1 200 .*\r\n\r\nhello$/s);
});

test('the address in a target counts, whatever Host says; methods of any kind arrive', async () => {
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    const { answers } = await exchange(server, `${method} http://other.example:81/http?x=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi`, { count: 1 });
    assert.deepEqual([answers[0].status, answers[0].body], [200, 'hi'], method);
  }
});

/** A piece arrives, or it is over. */
function somethingHappens(socket) {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('data', done).off('close', done);
      resolve();
    };
    socket.on('data', done).on('close', done);
  });
}

test('a reader that takes an answer a little at a time gets all of it', async () => {
  const body = randomBytes(4 * 1024 * 1024);
  const raw = await Raw.open(server);
  raw.write(Buffer.concat([head(`Content-Length: ${body.length}\r\nConnection: close\r\n`), body]));
  while (!raw.isOver) {
    raw.socket.pause();
    await new Promise(setImmediate);
    raw.socket.resume();
    await somethingHappens(raw.socket);
  }
  assert.ok(raw.bytes.subarray(raw.bytes.indexOf('\r\n\r\n') + 4).equals(body));
});
