// Engine.IO 4 on the wire: requests and WebSockets as no library would make them, then the library that everybody uses.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { Socket as EngineClient } from 'engine.io-client';
import WebSocket from 'ws';
import { eventually } from '../lib/server.mjs';
import { exchange, Raw, RawSocket } from '../lib/raw.mjs';
import { Socket, startConformance } from './lib/conformance.mjs';

const INTERVAL_MS = 300;
const TIMEOUT_MS = 200;
const PATH = '/engine.io/';
let server; // with a quick heartbeat
let calm; // with a slow one
let greeting; // says hello, and upgrades nobody
let undecided; // a session with a WebSocket that never takes over, from the start: it takes its time

before(async () => {
  server = await startConformance('--ping-interval', INTERVAL_MS, '--ping-timeout', TIMEOUT_MS, '--max-payload', 1000000);
  calm = await startConformance('--max-payload', 20000);
  undecided = await open(calm);
  undecided.socket = await probe(calm, undecided.sid);
  greeting = await startConformance('--greeting', 'hello', '--allow-upgrades', 'off');
});

after(async () => {
  for (const one of [server, calm, greeting]) await one?.stop();
});

const url = (where, query) => `${where.base}${PATH}?EIO=4&transport=polling${query ?? ''}`;
const wsUrl = (where, query) => `${where.ws}${PATH}?EIO=4&transport=websocket${query ?? ''}`;

/** Opens a session by polling; gives the handshake. */
async function open(where) {
  const answer = await fetch(url(where));
  const text = await answer.text();
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'text/plain; charset=UTF-8');
  assert.equal(text[0], '0');
  return JSON.parse(text.slice(1));
}

const poll = (where, sid, options) => fetch(url(where, `&sid=${sid}`), options);
const post = (where, sid, body, options) => fetch(url(where, `&sid=${sid}`), { method: 'POST', body, ...options });
const pollText = async (where, sid) => (await poll(where, sid)).text();

async function assertRefused(answer, code, status = 400) {
  assert.equal(answer.status, status);
  assert.equal(answer.headers.get('content-type'), 'application/json');
  const messages = ['Transport unknown', 'Session ID unknown', 'Bad handshake method', 'Bad request', 'Forbidden', 'Unsupported protocol version'];
  assert.deepEqual(await answer.json(), { code, message: messages[code] });
}

const isClosed = async (where, sid) => (await poll(where, sid)).status === 400;

/** A WebSocket that has opened a session; the handshake is read. */
async function openSocket(where) {
  const socket = new Socket(wsUrl(where));
  await socket.opened;
  const text = await socket.next();
  assert.equal(text[0], '0');
  socket.handshake = JSON.parse(text.slice(1));
  return socket;
}

async function probe(where, sid) {
  const socket = new Socket(wsUrl(where, `&sid=${sid}`));
  await socket.opened;
  socket.send('2probe');
  assert.equal(await socket.next(), '3probe');
  return socket;
}

describe('a handshake', () => {
  test('by polling tells exactly what the protocol says', async () => {
    const handshake = await open(server);
    assert.deepEqual(Object.keys(handshake), ['sid', 'upgrades', 'pingInterval', 'pingTimeout', 'maxPayload']);
    assert.match(handshake.sid, /^[\w-]{20,}$/);
    assert.deepEqual({ ...handshake, sid: '' }, { sid: '', upgrades: ['websocket'], pingInterval: INTERVAL_MS, pingTimeout: TIMEOUT_MS, maxPayload: 1000000 });
  });

  test('by WebSocket tells of no upgrades', async () => {
    const socket = await openSocket(server);
    assert.deepEqual({ ...socket.handshake, sid: '' }, { sid: '', upgrades: [], pingInterval: INTERVAL_MS, pingTimeout: TIMEOUT_MS, maxPayload: 1000000 });
    socket.close();
  });

  test('works with and without the last slash', async () => {
    for (const path of ['/engine.io', '/engine.io/', '/socket.io', '/socket.io/']) {
      const answer = await fetch(`${calm.base}${path}?EIO=4&transport=polling`);
      assert.equal(answer.status, 200, path);
      await answer.text();
      const socket = new Socket(`${calm.ws}${path}?EIO=4&transport=websocket`);
      await socket.opened;
      assert.equal((await socket.next())[0], '0');
      socket.close();
    }
    assert.equal((await fetch(`${calm.base}/engine.io/more?EIO=4&transport=polling`)).status, 404);
  });

  test('has another id each time', async () => {
    const ids = new Set();
    for (let i = 0; i < 50; i++) ids.add((await open(calm)).sid);
    assert.equal(ids.size, 50);
  });

  test('with a bad query is refused with the code that says why', async () => {
    const cases = [
      ['', 0], ['EIO=4', 0], ['EIO=4&transport=abc', 0], ['EIO=4&transport=constructor', 0], ['EIO=4&transport=__proto__', 0], ['EIO=4&transport=', 0],
      ['transport=polling', 5], ['EIO=3&transport=polling', 5], ['EIO=abc&transport=polling', 5], ['EIO=4&EIO=3&transport=polling', 5],
      ['EIO=4&transport=polling&sid=', 1], ['EIO=4&transport=polling&sid=abc', 1], ['EIO=4&transport=polling&sid=__proto__', 1],
      ['EIO=4&transport=websocket', 3], ['EIO=4&transport=polling&sid=a&sid=b', 1],
    ];
    for (const [query, code] of cases) await assertRefused(await fetch(`${calm.base}${PATH}?${query}`), code);
    for (const method of ['POST', 'PUT', 'DELETE']) await assertRefused(await fetch(url(calm), { method }), 2);
    const jsonp = await fetch(url(calm, '&j=0'));
    assert.equal(jsonp.status, 400);
    assert.match((await jsonp.json()).message, /JSONP/);
  });

  test('by WebSocket with a bad query is refused, not left open', async () => {
    for (const [query, code] of [['', 0], ['EIO=4', 0], ['EIO=4&transport=abc', 0], ['EIO=4&transport=polling', 3], ['transport=websocket', 5],
      ['EIO=3&transport=websocket', 5], ['EIO=abc&transport=websocket', 5], ['EIO=4&transport=websocket&sid=abc', 1]]) {
      await assert.rejects(RawSocket.open(calm, `${PATH}?${query}`), (error) => {
        assert.equal(error.status, 400, query);
        assert.equal(JSON.parse(error.answer.body).code, code, query);
        return true;
      });
    }
  });

  test('answers a preflight, and a page of another origin', async () => {
    const headers = { Origin: 'https://elsewhere.example', 'Access-Control-Request-Method': 'POST' };
    const answer = await fetch(url(calm), { method: 'OPTIONS', headers });
    assert.equal(answer.status, 204);
    assert.match(answer.headers.get('access-control-allow-methods'), /POST/);
    const get = await fetch(url(calm), { headers: { Origin: 'https://elsewhere.example' } });
    assert.equal(get.headers.get('access-control-allow-origin'), 'https://elsewhere.example');
    await get.text();
  });
});

describe('messages by polling', () => {
  test('come back: one, several in a payload, text beyond ASCII, empty', async () => {
    const { sid } = await open(calm);
    const answer = await post(calm, sid, '4test');
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get('content-type'), /^text\/html/);
    assert.equal(await answer.text(), 'ok');
    const got = await poll(calm, sid);
    assert.equal(got.headers.get('content-type'), 'text/plain; charset=UTF-8');
    assert.equal(await got.text(), '4test');
    assert.equal(await (await post(calm, sid, '4test1\x1e4test2\x1e4\x1e4€ü😀')).text(), 'ok');
    assert.equal(await pollText(calm, sid), '4test1\x1e4test2\x1e4\x1e4€ü😀');
  });

  test('may be binary, in base64', async () => {
    const { sid } = await open(calm);
    await post(calm, sid, 'bAQIDBA==\x1e4text\x1ebAA==');
    assert.equal(await pollText(calm, sid), 'bAQIDBA==\x1e4text\x1ebAA==');
  });

  test('wake the poll that waits', async () => {
    const { sid } = await open(calm);
    const waiting = pollText(calm, sid);
    await post(calm, sid, '4late');
    assert.equal(await waiting, '4late');
  });

  test('that are no packets end the session', async () => {
    for (const body of ['', 'abc', '7', '9x', '4ok\x1e', '\x1e4ok', 'b***', 'bAQIDBA', '0', '2', '4a\x1e0', Buffer.from([0x34, 0xff])]) {
      const { sid } = await open(calm);
      assert.equal((await post(calm, sid, body)).status, 400, JSON.stringify(body));
      await assertRefused(await poll(calm, sid), 1);
    }
  });

  test('over the limit are refused with 413 and nothing more, declared or chunked; at the limit they pass', async () => {
    const { sid } = await open(calm);
    assert.equal((await post(calm, sid, `4${'x'.repeat(19999)}`)).status, 200);
    assert.equal((await pollText(calm, sid)).length, 20000);
    const answer = await post(calm, sid, `4${'x'.repeat(20000)}`);
    assert.equal(answer.status, 413);
    assert.equal(await answer.text(), '');
    const head = `POST ${PATH}?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const { answers } = await exchange(calm, `${head}5000\r\n${'4'.repeat(0x5000)}\r\n0\r\n\r\n`, { count: 1 });
    assert.deepEqual([answers[0].status, answers[0].body], [413, '']);
  });

  test('that nobody fetches are bounded: then the session ends', async () => {
    const { sid } = await open(greeting);
    const body = `4${'x'.repeat(900000)}`;
    assert.equal((await post(greeting, sid, body)).status, 200);
    await eventually(async () => (await post(greeting, sid, body)).status === 400, 'the end');
    await assertRefused(await poll(greeting, sid), 1);
  });

  test('are compressed when they are long and the client can read it', async () => {
    const { sid } = await open(calm);
    const headers = (answer) => ['content-encoding', 'vary', 'content-type'].map((name) => answer.headers.get(name));
    const ask = async (length, coding) => {
      const message = `4${'x'.repeat(length)}`;
      assert.equal((await post(calm, sid, message)).status, 200);
      const answer = await poll(calm, sid, { headers: { 'Accept-Encoding': coding } });
      assert.ok(await answer.text() === message);
      return headers(answer);
    };
    const type = 'text/plain; charset=UTF-8';
    assert.deepEqual(await ask(1022, 'gzip'), [null, null, type]);
    assert.deepEqual(await ask(1023, 'gzip'), ['gzip', 'Accept-Encoding', type]);
    assert.deepEqual(await ask(5000, 'br, gzip;q=0.5'), ['gzip', 'Accept-Encoding', type]);
    for (const coding of ['identity', 'gzip;q=0', 'br']) assert.deepEqual(await ask(5000, coding), [null, 'Accept-Encoding', type]);
    assert.deepEqual(await ask(19000, 'gzip'), ['gzip', 'Accept-Encoding', type]);
  });

  test('of other methods are refused', async () => {
    const { sid } = await open(calm);
    for (const method of ['PUT', 'DELETE', 'PATCH']) await assertRefused(await fetch(url(calm, `&sid=${sid}`), { method }), 2);
  });

  test('of two sessions do not mix, over one connection', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const ask = (query, body) =>
      new Promise((resolve, reject) => {
        const request = http.request(url(calm, query), { agent, method: body ? 'POST' : 'GET' }, async (answer) => {
          let text = '';
          for await (const chunk of answer) text += chunk;
          resolve(text);
        });
        request.on('error', reject).end(body);
      });
    const [a, b] = [JSON.parse((await ask('')).slice(1)).sid, JSON.parse((await ask('')).slice(1)).sid];
    await ask(`&sid=${a}`, '4for a');
    await ask(`&sid=${b}`, '4for b');
    assert.equal(await ask(`&sid=${b}`), '4for b');
    assert.equal(await ask(`&sid=${a}`), '4for a');
    agent.destroy();
  });
});

describe('messages by WebSocket', () => {
  test('come back, text as text and binary as binary', async () => {
    const socket = await openSocket(calm);
    socket.send('4test', '4', '4€😀', Buffer.from([1, 2, 3, 4]), Buffer.alloc(0));
    assert.deepEqual([await socket.next(), await socket.next(), await socket.next()], ['4test', '4', '4€😀']);
    assert.deepEqual([...(await socket.next())], [1, 2, 3, 4]);
    assert.equal((await socket.next()).length, 0);
    socket.close();
  });

  test('that are no packets close it', async () => {
    for (const bad of ['', 'abc', '7', '9', '0', '2']) {
      const socket = await openSocket(calm);
      socket.send(bad);
      await socket.waitClosed();
    }
  });

  test('over the limit close it with 1009 and no reason', async () => {
    for (const big of [`4${'x'.repeat(20000)}`, Buffer.alloc(20001)]) {
      const socket = await openSocket(calm);
      socket.send(big);
      assert.deepEqual(await socket.waitClosed(), { code: 1009, reason: '' });
    }
  });
});

describe('the heartbeat', () => {
  test('pings a poll, and a pong keeps it alive', async () => {
    const { sid } = await open(server);
    for (let i = 0; i < 3; i++) {
      assert.equal(await pollText(server, sid), '2');
      assert.equal((await post(server, sid, '3')).status, 200);
    }
  });

  test('pings a WebSocket, and a pong keeps it alive', async () => {
    const socket = await openSocket(server);
    for (let i = 0; i < 3; i++) {
      assert.equal(await socket.next(), '2');
      socket.send('3');
    }
    socket.close();
  });

  test('ends a WebSocket that does not answer, not before its time', async () => {
    const began = performance.now();
    const socket = await openSocket(server);
    await socket.waitClosed();
    assert.deepEqual(socket.heard, ['2']);
    assert.ok(performance.now() - began >= INTERVAL_MS + TIMEOUT_MS - 5);
  });

  test('ends a polling session that does not answer', async () => {
    const { sid } = await open(server);
    assert.equal(await pollText(server, sid), '2');
    assert.match(await pollText(server, sid), /(^|\x1e)1$/);
    await assertRefused(await poll(server, sid), 1);
  });

  test('ends one that never polls', async () => {
    const { sid } = await open(server);
    await eventually(async () => (await post(server, sid, '6')).status === 400, 'the end');
  });
});

describe('a close', () => {
  test('by a packet on a WebSocket closes it', async () => {
    const socket = await openSocket(calm);
    socket.send('1');
    await socket.waitClosed();
  });

  test('of the WebSocket ends the session', async () => {
    const socket = await openSocket(calm);
    const { sid } = socket.handshake;
    await assertRefused(await poll(calm, sid), 3); // it is carried by something else
    socket.close();
    await socket.waitClosed();
    await eventually(async () => (await (await poll(calm, sid)).json()).code === 1, 'the end');
  });

  test('by a packet lets the poll go that waits, and there are no more', async () => {
    const { sid } = await open(calm);
    const [got, ok] = await Promise.all([pollText(calm, sid), new Promise((r) => setImmediate(r)).then(() => post(calm, sid, '1'))]);
    assert.equal(ok.status, 200);
    assert.equal(got, '6');
    await assertRefused(await poll(calm, sid), 1);
  });

  test('by a second poll: both end', async () => {
    const { sid } = await open(calm);
    const first = await Raw.open(calm);
    await first.write(`GET ${PATH}?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    // A POST behind it shows that the first was read: it has the loop to itself when it is answered.
    await post(calm, sid, '6');
    const second = await poll(calm, sid);
    assert.equal(second.status, 400);
    const [answer] = await first.answers(1);
    assert.deepEqual([answer.status, answer.body], [200, '1']);
    first.destroy();
    await assertRefused(await poll(calm, sid), 1);
  });

  const head = (sid, length) => `POST ${PATH}?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\n\r\n`;

  test('by a second POST while one is read: both are refused, and nothing of either is heard', async () => {
    const { sid } = await open(calm);
    const [first, second] = await Promise.all([Raw.open(calm), Raw.open(calm)]);
    await first.write(`${head(sid, 8)}4one`);
    await post(calm, (await open(calm)).sid, '6'); // whatever came before this has been read
    const waiting = poll(calm, sid);
    await second.write(`${head(sid, 4)}4two`);
    const refused = (await second.answers(1))[0];
    assert.deepEqual([refused.status, JSON.parse(refused.body).code], [400, 1]);
    assert.equal(await (await waiting).text(), '1');
    await first.write('more');
    assert.equal((await first.answers(1))[0].status, 400);
    await assertRefused(await poll(calm, sid), 1);
    for (const raw of [first, second]) raw.destroy();
  });

  test('not by one POST after the other, over one connection or two, whole or a byte at a time, nor by one that is too large', async () => {
    const { sid } = await open(calm);
    const [first, second] = await Promise.all([Raw.open(calm), Raw.open(calm)]);
    await first.write(`${head(sid, 2)}4a${head(sid, 2)}4b`);
    assert.deepEqual((await first.answers(2)).map(({ status, body }) => [status, body]), [[200, 'ok'], [200, 'ok']]);
    for (const byte of `${head(sid, 2)}4c`) await second.write(byte);
    assert.equal((await second.answers(1))[0].status, 200);
    assert.equal((await post(calm, sid, `4${'x'.repeat(1_000_000)}`)).status, 413);
    await post(calm, sid, '4d');
    assert.equal(await pollText(calm, sid), '4a\x1e4b\x1e4c\x1e4d');
    for (const raw of [first, second]) raw.destroy();
  });

  test('by a POST that is broken off', async () => {
    const { sid } = await open(calm);
    const raw = await Raw.open(calm);
    await raw.write(`${head(sid, 8)}4one`);
    await post(calm, (await open(calm)).sid, '6');
    raw.destroy();
    await eventually(() => isClosed(calm, sid), 'the end');
  });

  for (const how of ['end', 'destroy', 'resetAndDestroy']) {
    test(`by giving up a poll (${how})`, async () => {
      const { sid } = await open(calm);
      const raw = await Raw.open(calm);
      await raw.write(`GET ${PATH}?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      await post(calm, sid, '6');
      raw.socket[how]();
      await eventually(() => isClosed(calm, sid), 'the end');
      raw.destroy();
    });
  }

  test('by an aborted fetch', async () => {
    const { sid } = await open(calm);
    const controller = new AbortController();
    const waiting = poll(calm, sid, { signal: controller.signal }).catch((error) => error);
    await post(calm, sid, '6');
    controller.abort();
    await waiting;
    await eventually(() => isClosed(calm, sid), 'the end');
  });
});

describe('an upgrade', () => {
  test('probes, lets the poll go, and then echoes on the WebSocket', async () => {
    const { sid } = await open(calm);
    const waiting = pollText(calm, sid);
    const socket = await probe(calm, sid);
    assert.equal(await waiting, '6');
    socket.send('5', '4hello');
    assert.equal(await socket.next(), '4hello');
    socket.send(Buffer.from([9]));
    assert.deepEqual([...(await socket.next())], [9]);
    await assertRefused(await poll(calm, sid), 3);
    await assertRefused(await post(calm, sid, '4x'), 3);
    socket.close();
  });

  test('neither loses nor doubles what is said meanwhile', async () => {
    const { sid } = await open(calm);
    const heard = [];
    let isOver = false;
    const polling = (async () => {
      while (!isOver) {
        const answer = await poll(calm, sid);
        if (answer.status !== 200) break;
        heard.push(...(await answer.text()).split('\x1e'));
      }
    })();
    for (let i = 0; i < 20; i++) await post(calm, sid, `4before ${i}`);
    const socket = await probe(calm, sid);
    for (let i = 0; i < 20; i++) await post(calm, sid, `4during ${i}`);
    isOver = true;
    await polling;
    await post(calm, sid, '4unread\x1ebAQI=\x1e4last');
    socket.send('5', '4after');
    assert.equal(await socket.next(), '4unread');
    assert.deepEqual([...(await socket.next())], [1, 2]);
    assert.equal(await socket.next(), '4last');
    assert.equal(await socket.next(), '4after');
    const expected = [...Array.from({ length: 20 }, (_, i) => `4before ${i}`), ...Array.from({ length: 20 }, (_, i) => `4during ${i}`)];
    assert.deepEqual(heard.filter((text) => text !== '6'), expected);
    socket.close();
  });

  test('in the middle of a POST loses nothing of what came before, and refuses what comes too late', async () => {
    const { sid } = await open(calm);
    const raw = await Raw.open(calm);
    await post(calm, sid, '4before');
    await raw.write(`POST ${PATH}?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n4l`);
    const socket = await probe(calm, sid);
    socket.send('5', '4after');
    assert.deepEqual([await socket.next(), await socket.next()], ['4before', '4after']);
    await raw.write('ate');
    const [late] = await raw.answers(1);
    assert.deepEqual([late.status, JSON.parse(late.body).code], [400, 3]);
    socket.send('4on');
    assert.equal(await socket.next(), '4on');
    raw.destroy();
    socket.close();
  });

  test('has its heartbeat on the WebSocket', async () => {
    const { sid } = await open(server);
    const socket = await probe(server, sid);
    socket.send('5');
    for (let i = 0; i < 2; i++) {
      assert.equal(await socket.next(), '2');
      socket.send('3');
    }
    await socket.waitClosed();
  });

  test('keeps the first of two WebSockets, while probing and afterwards', async () => {
    const { sid } = await open(calm);
    const first = await probe(calm, sid);
    const second = new Socket(wsUrl(calm, `&sid=${sid}`));
    await second.waitClosed();
    first.send('5', '4one');
    assert.equal(await first.next(), '4one');
    const third = new Socket(wsUrl(calm, `&sid=${sid}`));
    await third.waitClosed();
    first.send('4two');
    assert.equal(await first.next(), '4two');
    first.close();
  });

  test('that says something else first, or goes away, leaves the session polling', async () => {
    const { sid } = await open(calm);
    for (const word of ['5', '4x', '2', '2other', 'abc', '', Buffer.from([1])]) {
      const socket = new Socket(wsUrl(calm, `&sid=${sid}`));
      await socket.opened;
      socket.send(word);
      await socket.waitClosed();
    }
    const gone = await probe(calm, sid);
    gone.ws.terminate();
    await post(calm, sid, '4still here');
    const heard = [];
    while (!heard.includes('4still here')) heard.push(...(await pollText(calm, sid)).split('\x1e'));
    const last = await probe(calm, sid);
    last.send('5', '4moved');
    assert.equal(await last.next(), '4moved');
    last.close();
  });

  test('is not offered and not made where it is not allowed; the greeting comes first', async () => {
    const handshake = await open(greeting);
    assert.deepEqual(handshake.upgrades, []);
    assert.equal(await pollText(greeting, handshake.sid), '4hello');
    const socket = new Socket(wsUrl(greeting, `&sid=${handshake.sid}`));
    await socket.opened.catch(() => {});
    await socket.waitClosed();
    await post(greeting, handshake.sid, '4on');
    assert.equal(await pollText(greeting, handshake.sid), '4on');
    const direct = await openSocket(greeting);
    assert.equal(await direct.next(), '4hello');
    direct.close();
  });
});

describe('a probe without an end', () => {
  test('is given up, and the session polls on', async () => {
    await undecided.socket.waitClosed(20000);
    await post(calm, undecided.sid, '4still here');
    assert.match(await pollText(calm, undecided.sid), /4still here$/);
  });
});

describe('engine.io-client', () => {
  for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
    test(`echoes text and binary, in order, and lives on, by ${transports.join(' and ')}`, async () => {
      const socket = new EngineClient(server.base, { transports, path: PATH });
      socket.binaryType = 'nodebuffer';
      const heard = [];
      let isClosed = false;
      socket.on('message', (data) => heard.push(data));
      socket.on('close', () => (isClosed = true));
      await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
      for (let i = 0; i < 50; i++) socket.send(`text ${i}`);
      if (transports.length > 1) await eventually(() => socket.transport.name === 'websocket', 'the upgrade');
      for (let i = 0; i < 50; i++) socket.send(i % 2 ? Buffer.from([i]) : `more ${i}`);
      await eventually(() => heard.length >= 100, 'the echoes');
      let pings = 0;
      socket.on('heartbeat', () => pings++);
      await eventually(() => pings >= 2, 'two heartbeats');
      assert.equal(isClosed, false);
      const said = [...Array.from({ length: 50 }, (_, i) => `text ${i}`), ...Array.from({ length: 50 }, (_, i) => (i % 2 ? i : `more ${i}`))];
      assert.deepEqual(heard.map((one) => (typeof one === 'string' ? one : one[0])), said);
      socket.close();
      await eventually(() => isClosed, 'the close');
    });
  }
});
