// What is too many, too fast, too slow or too much, with limits small enough to reach: the answer says so, others are not touched, and what
// was full has room again afterwards.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { Client, eventually, rest, startServer, tokenOf } from '../lib/server.mjs';
import { enter, exchange, frame, handshake, makeCertificate, metric, OP, parseAnswers, Raw, RawSocket } from '../lib/raw.mjs';

const started = [];
const certificate = makeCertificate();

after(async () => {
  for (const server of started) {
    const { code } = await server.stop();
    assert.equal(code, 0, server.log);
    assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
  }
  rmSync(certificate.folder, { recursive: true });
});

/** A server with limits: the options in small letters. */
async function serve(limits, { limits: mode = 'normal', args = [] } = {}) {
  const env = Object.fromEntries(Object.entries(limits).map(([name, value]) => [`COLLABD_${name.toUpperCase()}`, String(value)]));
  const server = await startServer({ args: ['--workers', '2', ...args], env: { COLLABD_LIMITS: mode, ...env } });
  started.push(server);
  return server;
}

const GET = 'GET /api/v1/types HTTP/1.1\r\nHost: localhost\r\n\r\n';
const HEALTH = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** What a new connection of this address hears: the status of a request, and the close code of a WebSocket. */
async function knock(server, cookie) {
  const [answer] = (await exchange(server, GET, { count: 1 })).answers;
  const client = await Client.open(server, '/ws', { cookie });
  const said = await Promise.race([client.waitClosed(), client.ask({ type: 'ping' }).catch(() => client.waitClosed())]);
  if (said.type) client.close();
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), code: said.code ?? said.type, error: answer.status < 400 ? null : JSON.parse(answer.body).error.code };
}

describe('connections', () => {
  test('of one address: the one too many hears 429 or 1013, health is still answered, and room is made by leaving', async () => {
    const server = await serve({ connections_per_address_max: 12 });
    const cookie = await enter(server, 'akhan');
    const held = await Promise.all(Array.from({ length: 10 }, () => Client.open(server, '/ws', { cookie })));
    held.push(await Raw.open(server));
    await eventually(async () => (await metric(server, 'connections')) === 12, 'a full house');
    const more = [await Raw.open(server)];
    await more[0].write(HEALTH);
    assert.equal((await more[0].answers(1))[0].status, 200, 'the last place');
    const said = await knock(server, cookie);
    assert.equal(said.status, 429);
    assert.match(said.retryAfter, /^\d+$/);
    assert.equal(said.error, 'too_many');
    assert.equal(said.code, 1013);
    assert.equal((await exchange(server, HEALTH, { count: 1 })).answers[0].status, 200, 'health');
    for (const client of held.slice(0, 10)) assert.equal((await client.ask({ type: 'ping' })).type, 'pong', 'those inside');
    for (const client of held.slice(0, 5)) client.close();
    await eventually(async () => (await knock(server, cookie)).code === 'pong', 'room again');
    assert.ok((await metric(server, 'connections_refused_total')) >= 2);
    for (const client of held.slice(5, 10)) client.close();
    for (const raw of [held[10], ...more]) raw.destroy();
  });

  test('at once from one address: past the burst 429 or 1013, until time has passed', async () => {
    const server = await serve({ handshakes_per_second: 20, handshakes_burst: 30 });
    const cookie = await enter(server, 'akhan');
    const start = Date.now();
    const statuses = await Promise.all(Array.from({ length: 120 }, async () => (await exchange(server, GET, { count: 1 })).answers[0].status));
    const served = statuses.filter((status) => status === 401).length;
    assert.ok(served <= 31 + ((Date.now() - start) * 20) / 1000, `${served} were served`);
    assert.equal(statuses.filter((status) => status === 429).length, 120 - served);
    assert.ok(served < 120);
    await eventually(async () => (await exchange(server, GET, { count: 1 })).answers[0].status === 401, 'patience rewarded');
    await eventually(async () => (await knock(server, cookie)).code === 'pong', 'patience rewarded');
  });

  test('of all: 503 or 1013 at the last place, and again served when one is free', async () => {
    const server = await serve({ connections_max: 15, unauthenticated_percent_max: 100 });
    const cookie = await enter(server, 'akhan');
    const held = await Promise.all(Array.from({ length: 14 }, () => Client.open(server, '/ws', { cookie })));
    const last = await Raw.open(server);
    await last.write(HEALTH);
    assert.equal((await last.answers(1))[0].status, 200);
    const said = await knock(server, cookie);
    assert.deepEqual([said.status, said.error, said.code], [503, 'overloaded', 1013]);
    assert.equal((await exchange(server, 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n', { count: 1 })).answers[0].status, 200);
    last.destroy();
    await eventually(async () => (await knock(server, cookie)).status === 401, 'room again');
    for (const client of held) client.close();
  });

  test('of one user: the one too many is closed with 1013, another user is not touched', async () => {
    const server = await serve({ connections_per_user_max: 3, connections_max: 100, unauthenticated_percent_max: 10, auth_timeout_ms: 60000 });
    const [cookie, other] = [await enter(server, 'akhan'), await enter(server, 'lchen')];
    const held = await Promise.all([0, 1, 2].map(() => Client.open(server, '/ws', { cookie })));
    const token = await tokenOf(server, 'akhan');
    assert.equal((await (await Client.open(server, '/ws', { cookie })).waitClosed()).code, 1013);
    assert.equal((await (await Client.open(server, '/ws', { token })).waitClosed()).code, 1013);
    const late = await Client.open(server, '/ws');
    const answer = await late.ask({ type: 'auth', payload: { token } });
    assert.equal(answer.payload.code, 'too_many');
    assert.equal((await late.waitClosed()).code, 1013);
    assert.equal((await exchange(server, `GET /api/v1/events?channel=x HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\n\r\n`, { count: 1 })).answers[0].status, 429);
    assert.equal((await rest(server, cookie, 'GET', '/api/v1/me')).status, 200);
    const stranger = await Client.open(server, '/ws', { cookie: other });
    assert.equal((await stranger.ask({ type: 'ping' })).type, 'pong');
    for (const client of [...held, stranger]) client.close();
    await eventually(async () => (await knock(server, cookie)).code === 'pong', 'room again');
    await eventually(async () => (await metric(server, 'connections_unauthenticated')) === 0, 'nobody waits');
  });

  test('of those who say nothing of themselves: a tenth of the places, then 1013; who is known still gets in', async () => {
    const server = started.at(-1);
    const cookie = await enter(server, 'akhan');
    const silent = await Promise.all(Array.from({ length: 10 }, () => Client.open(server, '/ws')));
    await eventually(async () => (await metric(server, 'connections_unauthenticated')) === 10, 'ten that wait');
    assert.equal((await (await Client.open(server, '/ws')).waitClosed()).code, 1013);
    assert.equal((await (await Client.open(server, '/api/v1/ws')).waitClosed()).code, 1013);
    const known = await Client.open(server, '/ws', { cookie });
    assert.equal((await known.ask({ type: 'ping' })).type, 'pong');
    const token = await tokenOf(server, 'akhan');
    assert.equal((await silent[0].ask({ type: 'auth', payload: { token } })).type, 'ack');
    assert.equal((await metric(server, 'connections_unauthenticated')), 9);
    const next = await Client.open(server, '/ws');
    assert.equal((await next.ask({ type: 'ping' })).type, 'pong');
    for (const client of [...silent, known, next]) client.close();
    await eventually(async () => (await metric(server, 'connections_unauthenticated')) === 0, 'nobody waits');
  });
});

describe('deadlines', () => {
  // each of these closes by itself: the test only waits, and would wait for ever otherwise
  const DEADLINES = { http_first_byte_ms: 300, http_header_ms: 400, http_idle_ms: 1000, http_body_rate_grace_ms: 300, auth_timeout_ms: 400, ping_ms: 250, dead_ms: 750 };

  for (const kind of ['plain', 'tls']) {
    test(`over ${kind}: nothing said, a head or a body a byte at a time, nothing more to say, nobody logged in, no sign of life`, async () => {
      process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // for the clients that are not ours
      const server = await serve(DEADLINES, { limits: 'open', args: kind === 'tls' ? certificate.args : [] });
      const cookie = await enter(server, 'akhan');
      /** Writes a byte now and then until the server ends it. */
      const drip = async (raw, start, byte, ms = 40) => {
        await raw.write(start);
        while (!raw.isOver) {
          await raw.write(byte);
          await new Promise((resolve) => setTimeout(resolve, ms)); // the attack, not a wait for a fact
        }
        return parseAnswers(raw.bytes).answers.map(({ status }) => status);
      };
      const plain = { ...server, base: 'http:' };
      const head = 'POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
      const attacks = {
        silence: async () => (await Raw.open(server)).waitOver(),
        'a head a byte at a time': async () => assert.deepEqual(await drip(await Raw.open(server), 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ', 'x'), [408]),
        'a second head a byte at a time': async () => assert.deepEqual(await drip(await Raw.open(server), `${HEALTH}GET /healthz HTTP/1.1\r\nX: `, 'x'), [200, 408]),
        'blank lines': async () => assert.deepEqual(await drip(await Raw.open(server), '\r\n\r\n', ''), [408]),
        'a body a byte at a time': async () => assert.deepEqual(await drip(await Raw.open(server), `${head}Content-Length: 5000\r\n\r\n`, ' '), [408]),
        'chunks of a byte': async () => assert.deepEqual(await drip(await Raw.open(server), `${head}Transfer-Encoding: chunked\r\n\r\n`, '1\r\nx\r\n'), [408]),
        'a body that does not come': async () => assert.deepEqual(await drip(await Raw.open(server), `${head}Content-Length: 5\r\n\r\n`, ''), [408]),
        'a body that waits to be asked for': async () => {
          const raw = await Raw.open(server);
          await raw.write(`${head}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n`);
          await raw.waitOver();
          assert.match(raw.bytes.toString(), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 408 /);
        },
        idleness: async () => {
          const raw = await Raw.open(server);
          await raw.write(HEALTH);
          await raw.waitOver();
          assert.equal(parseAnswers(raw.bytes).answers.length, 1);
        },
        'nobody logs in': async () => {
          const socket = await RawSocket.open(server, '/ws');
          assert.equal((await socket.waitClose()).code, 4408);
          socket.destroy();
        },
        'nobody logs in, but talks': async () => {
          const socket = await RawSocket.open(server, '/ws');
          while (!socket.raw.isOver && socket.closing().code === 1006) {
            await socket.write(frame(OP.text, '{"type":"ping"}'));
            await new Promise((resolve) => setTimeout(resolve, 40));
          }
          assert.equal(socket.closing().code, 4408);
          socket.destroy();
        },
        'a dead peer': async () => {
          const socket = await RawSocket.open(server, '/ws', { headers: { Cookie: cookie } });
          await socket.raw.waitOver(); // pings were not answered
          assert.ok(socket.frames().some(({ opcode }) => opcode === OP.ping));
        },
        ...(kind === 'tls' && {
          'a ClientHello a byte at a time': async () => {
            const raw = await Raw.open(plain);
            await drip(raw, Buffer.from('16030100c8010000c40303', 'hex'), '\0');
          },
          'a handshake that stops': async () => {
            const raw = await Raw.open(plain);
            await raw.write(Buffer.from('1603010005', 'hex'));
            await raw.waitOver();
          },
        }),
      };
      const living = await Client.open(server, '/ws', { cookie }); // answers pings: lives through all of it
      await Promise.all(Object.entries(attacks).map(([what, attack]) => attack().catch((error) => assert.fail(`${what}: ${error.message}`))));
      assert.equal((await living.ask({ type: 'ping' })).type, 'pong');
      living.close();
      await eventually(async () => (await metric(server, 'connections')) === 1, 'the end of all');
      assert.equal(await metric(server, 'connections_unauthenticated'), 0);
    });
  }
});

describe('messages', () => {
  test('too fast are refused with when to come again; cursors, typing and presence are not; then the connection ends', async () => {
    const server = await serve({ messages_per_second: 5, messages_burst: 20, error_messages_per_minute_max: 10 });
    const cookie = await enter(server, 'akhan');
    const client = await Client.open(server, '/ws', { cookie });
    await client.ask({ type: 'subscribe', channel: 'fast' });
    for (let i = 0; i < 300; i++) client.send({ type: ['cursor', 'typing', 'presence'][i % 3], channel: 'fast', payload: {}, messageId: `c${i}` });
    await client.until(() => client.heard.filter(({ replyTo }) => replyTo?.startsWith('c')).length === 300, '300 answers');
    assert.ok(client.heard.every(({ type, payload }) => type !== 'error' || payload.code !== 'rate_limited'));
    for (let i = 0; i < 26; i++) client.send({ type: 'ping', messageId: `p${i}` });
    await client.until(() => client.heard.filter(({ replyTo }) => replyTo?.startsWith('p')).length === 26, '26 answers');
    const refused = client.heard.filter(({ type, payload }) => type === 'error' && payload.code === 'rate_limited');
    assert.ok(refused.length >= 5 && refused.length <= 10, `${refused.length} were refused`);
    for (const { payload } of refused) assert.ok(payload.retryAfterMs > 0 && payload.retryAfterMs <= 5000, JSON.stringify(payload));
    const { retryAfterMs } = refused.at(-1).payload;
    await new Promise((resolve) => setTimeout(resolve, retryAfterMs + 100)); // what the answer asked for
    assert.equal((await client.ask({ type: 'ping' })).type, 'pong', 'after waiting as long as was asked');
    for (let i = 0; i < 60; i++) client.send({ type: 'ping' });
    assert.equal((await client.waitClosed()).code, 4429);
  });

  test('a queue counts as its changes: it is done whole, or refused whole and done when it was asked to come again', async () => {
    const server = await serve({ messages_per_second: 20, messages_burst: 50 });
    const client = await Client.open(server, '/ws', { cookie: await enter(server, 'akhan') });
    const version = async (id) => (await client.ask({ type: 'read', payload: { entityType: 'order', entityId: id } })).payload.record.version;
    const queue = (id, from, count) => ({
      type: 'sync', payload: { entityType: 'order', entityId: id, changes: Array.from({ length: count }, (_, i) => ({ id: `q${from + i}`, patch: { notes: `n${from + i}` } })) },
    });
    const before = await version('ORD-10001');
    const done = await client.ask(queue('ORD-10001', 1000, 30));
    assert.equal(done.type, 'ack', JSON.stringify(done));
    assert.deepEqual(done.payload.results.map(({ version }) => version), Array.from({ length: 30 }, (_, i) => before + 1 + i));
    const refused = await client.ask(queue('ORD-10001', 2000, 40));
    assert.equal(refused.type, 'error');
    assert.deepEqual([refused.payload.code, refused.payload.verdict], ['rate_limited', undefined]);
    const { retryAfterMs } = refused.payload;
    assert.ok(retryAfterMs > 0 && retryAfterMs <= 1100, `40 after 31 of 50 wait for 21 more, ${retryAfterMs} ms`);
    assert.equal(await version('ORD-10001'), before + 30, 'nothing of it was done');
    await new Promise((resolve) => setTimeout(resolve, retryAfterMs + 100)); // what the answer asked for, and for the reading
    const again = await client.ask(queue('ORD-10001', 2000, 40));
    assert.equal(again.payload.results?.length, 40, JSON.stringify(again));
    assert.ok(again.payload.results.every(({ verdict, repeat }) => verdict === 'applied' && !repeat));
    client.close();
  });

  test('a queue that is larger than the burst waits for a full one, and is paid for afterwards', async () => {
    const server = await serve({ messages_per_second: 4, messages_burst: 10 });
    const client = await Client.open(server, '/ws', { cookie: await enter(server, 'akhan') });
    const queue = (count) => ({
      type: 'sync', payload: { entityType: 'order', entityId: 'ORD-10002', changes: Array.from({ length: count }, (_, i) => ({ id: `q${i}`, patch: { notes: `n${i}` } })) },
    });
    assert.equal((await client.ask({ type: 'ping' })).type, 'pong');
    const early = await client.ask(queue(30));
    assert.equal(early.payload.code, 'rate_limited', 'the burst is not whole');
    await new Promise((resolve) => setTimeout(resolve, early.payload.retryAfterMs + 50)); // what the answer asked for
    assert.equal((await client.ask(queue(30))).payload.results?.length, 30);
    const next = await client.ask({ type: 'ping' });
    assert.equal(next.payload.code, 'rate_limited');
    assert.ok(next.payload.retryAfterMs > 1000 && next.payload.retryAfterMs <= 5250, `20 are owed, and 1: ${next.payload.retryAfterMs} ms`);
    assert.equal((await client.ask({ type: 'sync', payload: { entityType: 'order', entityId: 'ORD-10002', changes: Array(101).fill({}) } })).payload.code, 'rate_limited');
    client.close();
  });

  test('too many bytes are refused', async () => {
    const server = await serve({ message_bytes_per_second: 10000, message_bytes_burst: 100000, messages_burst: 1000, messages_per_second: 1000 });
    const client = await Client.open(server, '/ws', { cookie: await enter(server, 'akhan') });
    const answers = await Promise.all([1, 2, 3].map(() => client.ask({ type: 'ping', payload: 'x'.repeat(40000) })));
    assert.deepEqual(answers.map(({ type }) => type), ['pong', 'pong', 'error']);
    assert.equal(answers[2].payload.code, 'rate_limited');
    assert.ok(answers[2].payload.retryAfterMs > 0);
    client.close();
  });

  test('that are wrong are answered ten times a minute, then the connection ends with the code of the last', async () => {
    const server = started.at(-1);
    const [cookie, viewer] = [await enter(server, 'akhan'), await enter(server, 'lchen')];
    const change = (entityId, more) => ({ type: 'update', payload: { entityType: 'order', entityId, ...more } });
    const kinds = [
      [4400, cookie, (i) => ({ type: `nonsense${i}` })], [4400, cookie, () => 'no json'], [4403, viewer, (i) => change(`ORD-100${10 + i}`, { patch: { notes: 'x' } })],
      [4409, cookie, (i) => ({ ...change('ORD-10050', { id: 'same', patch: { notes: `n${i}` } }), messageId: `m${i}` })],
    ];
    for (const [code, who, message] of kinds) {
      const client = await Client.open(server, '/ws', { cookie: who });
      for (let i = 0; i < 13 && !client.closed; i++) {
        client.send(message(i));
        await client.until(() => client.closed || client.heard.length > i, 'an answer');
      }
      assert.equal((await client.waitClosed()).code, code, String(code));
      const errors = client.heard.filter(({ type }) => type === 'error').length;
      assert.ok(errors >= 10 && errors <= 12, `${errors} errors were said before ${code}`);
    }
    assert.equal((server.log.match(/suspicious\.errors/g) ?? []).length, kinds.length, 'one line for each connection');
  });

  test('that are right and come too late may be as many as the rates allow', async () => {
    const server = started.at(-1);
    const client = await Client.open(server, '/ws', { cookie: await enter(server, 'akhan') });
    for (let i = 0; i < 30; i++) {
      const { type, payload } = await client.ask({ type: 'redo', payload: { entityType: 'order', entityId: 'ORD-10010' } });
      assert.deepEqual([type, payload.code], ['error', 'nothing_to_undo']);
    }
    assert.equal((await client.ask({ type: 'ping' })).type, 'pong');
    client.close();
  });

  test('pings past twenty a second end the connection with 1008', async () => {
    const server = started.at(-1);
    const cookie = await enter(server, 'akhan');
    const socket = await RawSocket.open(server, '/ws', { headers: { Cookie: cookie } });
    await socket.write(Buffer.concat(Array.from({ length: 100 }, () => frame(OP.ping, 'x'))));
    assert.equal((await socket.waitClose()).code, 1008);
    assert.ok(socket.frames().filter(({ opcode }) => opcode === OP.pong).length <= 41);
    socket.destroy();
  });
});

describe('requests of one user', () => {
  const order = '/api/v1/records/order/ORD-10003';
  const note = (server, cookie, i) => rest(server, cookie, 'PATCH', order, { notes: `n${i}` });
  const statuses = (answers) => [200, 429].map((status) => answers.filter((answer) => answer.status === status).length);

  test('that write: past the burst 429 on all his connections, until as long has passed as was said; others are not touched', async () => {
    const server = await serve({ rest_writes_per_second: 2, rest_writes_burst: 10, rest_reads_per_second: 2, rest_reads_burst: 40 });
    const [cookie, again, other] = [await enter(server, 'akhan'), await enter(server, 'akhan'), await enter(server, 'mgarcia')];
    const start = Date.now();
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => note(server, i % 2 ? cookie : again, i)));
    const [served, refused] = statuses(answers);
    const most = 10 + Math.ceil(((Date.now() - start) * 2) / 1000);
    assert.ok(served >= 10 && served <= most, `${served} were served, at most ${most}`);
    assert.equal(served + refused, 40);
    const { body, headers } = answers.find(({ status }) => status === 429);
    assert.equal(body.error.code, 'rate_limited');
    assert.equal(headers.get('retry-after'), '1');
    assert.equal((await note(server, other, 1)).status, 200, 'another user');
    assert.equal((await rest(server, cookie, 'GET', order)).status, 200, 'reading');
    assert.ok((await metric(server, 'rate_limited_total')) >= refused);
    await new Promise((resolve) => setTimeout(resolve, 1050)); // what the answer asked for
    assert.equal((await note(server, cookie, 2)).status, 200, 'after waiting as long as was asked');
    const reads = statuses(await Promise.all(Array.from({ length: 80 }, () => rest(server, cookie, 'GET', '/api/v1/me'))));
    assert.ok(reads[0] >= 38 && reads[1] > 0, `${reads}`);
    assert.equal((await rest(server, cookie, 'POST', '/api/v1/logout')).status, 204, 'going is always possible');
  });

  test('a queue counts as its changes: refused whole, and done when it was asked to come again', async () => {
    const server = await serve({ rest_writes_per_second: 20, rest_writes_burst: 50 });
    const cookie = await enter(server, 'akhan');
    const push = (from, count) => rest(server, cookie, 'POST', `${order}/changes`, {
      changes: Array.from({ length: count }, (_, i) => ({ id: `q${from + i}`, ops: [{ op: 'set', path: 'notes', value: `q${from + i}` }] })),
    });
    const version = async () => (await rest(server, cookie, 'GET', order)).body.version;
    const before = await version();
    const done = await push(0, 40);
    assert.deepEqual(done.body.results.map(({ verdict }) => verdict), Array(40).fill('applied'));
    const refused = await push(100, 45);
    assert.deepEqual([refused.status, refused.body.error.code, refused.body.results], [429, 'rate_limited', undefined]);
    assert.match(refused.headers.get('retry-after'), /^[12]$/);
    assert.equal(await version(), before + 40, 'nothing of it was done');
    await new Promise((resolve) => setTimeout(resolve, refused.headers.get('retry-after') * 1000 + 50)); // what the answer asked for
    const later = await push(100, 45);
    assert.ok(later.body.results.every(({ verdict, repeat }) => verdict === 'applied' && !repeat), JSON.stringify(later.body));
  });

  test('an application\'s backend may do more, and pays for those it asks for', async () => {
    const server = await serve({ rest_writes_per_second: 1, rest_writes_burst: 5, rest_backend_factor: 10 });
    const [admin, cookie] = [await enter(server, 'admin'), await enter(server, 'akhan')];
    const asked = await Promise.all(Array.from({ length: 40 }, (_, i) => rest(server, admin, 'PATCH', order, { notes: `b${i}` }, { 'X-On-Behalf-Of': 'akhan' })));
    assert.deepEqual(statuses(asked), [40, 0]);
    const [served, refused] = statuses(await Promise.all(Array.from({ length: 30 }, (_, i) => note(server, cookie, i))));
    assert.ok(served >= 5 && refused > 0, `nothing of his own was used up: ${served} were served`);
  });

  test('are not limited when limits are open', async () => {
    const server = await serve({ rest_writes_per_second: 1, rest_writes_burst: 1, rest_reads_per_second: 1, rest_reads_burst: 1 }, { limits: 'open' });
    const cookie = await enter(server, 'akhan');
    assert.deepEqual(statuses(await Promise.all(Array.from({ length: 50 }, (_, i) => note(server, cookie, i)))), [50, 0]);
  });
});

describe('rooms and records', () => {
  test('too many rooms of a connection, members of a room, bytes of a record or a message: refused, and nothing half done', async () => {
    const server = await serve({ rooms_per_connection_max: 5, room_members_max: 4, record_bytes_max: 4096, message_bytes_max: 16384, list_rows_max: 10, http_pipeline_max: 2 }, { limits: 'open' });
    const cookie = await enter(server, 'akhan');
    const client = await Client.open(server, '/ws', { cookie });
    for (let i = 0; i < 4; i++) assert.equal((await client.ask({ type: 'subscribe', channel: `r${i}` })).type, 'ack');
    const answers = [];
    for (let i = 4; i < 8; i++) answers.push(await client.ask({ type: 'subscribe', channel: `r${i}` }));
    assert.equal(answers.at(-1).payload.code, 'too_many');
    assert.equal((await client.ask({ type: 'unsubscribe', channel: 'r0' })).type, 'ack');
    await client.ask({ type: 'unsubscribe', channel: 'r1' });
    assert.equal((await client.ask({ type: 'subscribe', channel: 'r9' })).type, 'ack');
    const crowd = [];
    for (let i = 0; i < 6; i++) {
      const one = await Client.open(server, '/ws', { cookie });
      crowd.push(one);
      one.answer = await one.ask({ type: 'subscribe', channel: 'crowd' });
    }
    assert.deepEqual(crowd.map(({ answer }) => answer.type), ['ack', 'ack', 'ack', 'ack', 'error', 'error']);
    assert.equal(crowd[5].answer.payload.code, 'too_many');
    assert.equal((await rest(server, cookie, 'PATCH', '/api/v1/records/order/ORD-10001', { notes: 'x'.repeat(5000) })).status, 413);
    const { body } = await rest(server, cookie, 'GET', '/api/v1/records/order/ORD-10001');
    assert.equal(body.version, 1);
    assert.equal((await rest(server, cookie, 'GET', '/api/v1/records/order?limit=11')).status, 400);
    assert.equal((await rest(server, cookie, 'GET', '/api/v1/records/order?limit=10')).body.records.length, 10);
    client.send({ type: 'ping', payload: 'x'.repeat(16384) });
    assert.equal((await client.waitClosed()).code, 1009);
    for (const one of crowd) one.close();
  });

  test('pipelined requests are all answered, in order, however few may wait', async () => {
    const server = started.at(-1);
    const paths = ['/healthz', '/api/v1/me', '/readyz', '/nowhere'];
    const raw = await Raw.open(server);
    await raw.write(Array.from({ length: 400 }, (_, index) => `GET ${paths[index % 4]} HTTP/1.1\r\nHost: localhost\r\n\r\n`).join(''));
    const answers = await raw.answers(400);
    assert.deepEqual(answers.map(({ status }) => status), Array.from({ length: 400 }, (_, index) => [200, 401, 200, 404][index % 4]));
    raw.destroy();
  });

  test('resident memory past its limit: new connections hear 503 or 1013, those inside go on', async () => {
    const server = await serve({ mem_limit_bytes: 1024 * 1024 }, { limits: 'open' });
    await eventually(async () => (await exchange(server, GET, { count: 1 })).answers[0].status === 503, 'the limit is noticed');
    const raw = await Raw.open(server);
    await raw.write(handshake('/ws'));
    await raw.answers(1);
    const socket = new RawSocket(raw, null);
    assert.equal((await socket.waitClose()).code, 1013);
    assert.equal((await exchange(server, HEALTH, { count: 1 })).answers[0].status, 200);
    socket.destroy();
  });
});
