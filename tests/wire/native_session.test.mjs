// Who somebody is on `/ws`, how his messages are answered, and how it ends: docs/protocol/native.md with a plain WebSocket.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Client, eventually, login, rest, startServer, tokenOf } from '../lib/server.mjs';
import { assertAck, assertRefused, collabd, drop, hear, People } from './lib/people.mjs';

let server, people;

before(async () => {
  server = await startServer({ env: { COLLABD_AUTH_TIMEOUT_MS: '500' } });
  people = new People(server);
});

after(() => server?.stop());

const token = async (name, seconds) => {
  const made = await collabd(['token', name, '--ttl', String(seconds), '--data', server.folder]);
  assert.equal(made.code, 0, made.err);
  return made.out.trim();
};
const me = { id: '3', username: 'akhan', name: 'Amir Khan', roles: ['editor'] };

describe('a person', () => {
  test('is known by cookie, bearer token, token in the URL', async () => {
    const cookie = await people.cookie('akhan');
    const jwt = await tokenOf(server, 'akhan');
    const ways = [{ cookie }, { headers: { authorization: `Bearer ${jwt}` } }, { token: jwt }];
    for (const way of ways) {
      const window = await Client.open(server, '/ws', way);
      const { presence } = assertAck(await window.ask({ type: 'subscribe', channel: 'who' }));
      assert.deepEqual(presence.map(({ userId, username, name }) => [userId, username, name]), [['3', 'akhan', 'Amir Khan']]);
      window.close();
    }
  });

  test('may say it with the first message; before that nothing else is answered', async () => {
    const window = await Client.open(server, '/ws');
    assertRefused(await window.ask({ type: 'subscribe', channel: 'who' }), 'not_authenticated');
    assertRefused(await window.ask({ type: 'publish', channel: 'who', payload: 1 }), 'not_authenticated');
    assert.equal((await window.ask({ type: 'ping' })).type, 'pong');
    assertRefused(await window.ask({ type: 'auth', payload: {} }), 'missing_field', 'token');
    const answer = assertAck(await window.ask({ type: 'auth', payload: { token: await token('akhan', 600) } }));
    const { id, username, name, roles } = answer.user;
    assert.deepEqual({ id, username, name, roles }, me);
    const left = (Date.parse(answer.expiresAt) - Date.now()) / 1000;
    assert.ok(left > 500 && left <= 600, answer.expiresAt);
    assertAck(await window.ask({ type: 'subscribe', channel: 'who' }));
    window.close();
  });

  test('whose first token is none is told so and sent away', async () => {
    const window = await Client.open(server, '/ws');
    assertRefused(await window.ask({ type: 'auth', payload: { token: 'x.y.z' } }), 'bad_token', 'token');
    assert.equal((await window.waitClosed()).code, 4401);
  });

  test('who does not say it in time is sent away', async () => {
    const window = await Client.open(server, '/ws');
    assert.equal((await window.waitClosed()).code, 4408);
  });

  test('is refused before the socket opens when his token or cookie is none', async () => {
    const spoiled = `${(await tokenOf(server, 'akhan')).slice(0, -4)}AAAA`;
    for (const way of [{ token: spoiled }, { token: 'x' }, { headers: { authorization: `Bearer ${spoiled}` } }, { cookie: 'collabd_session=nobody' }]) {
      await assert.rejects(Client.open(server, '/ws', way), { status: 401 });
    }
    const cookie = await people.cookie('akhan');
    await assert.rejects(Client.open(server, '/ws', { cookie, headers: { origin: 'https://evil.example' } }), { status: 403 });
  });

  test('renews his token in place, and only with one of his own', async () => {
    const short = await token('akhan', 2);
    const window = await Client.open(server, '/ws', { token: short });
    assertRefused(await window.ask({ type: 'auth', payload: { token: await token('mgarcia', 600) } }), 'forbidden', 'token');
    const { expiresAt } = assertAck(await window.ask({ type: 'auth', payload: { token: await token('akhan', 600) } }));
    assert.ok(Date.parse(expiresAt) - Date.now() > 500_000);
    assertRefused(await window.ask({ type: 'auth', payload: { token: 'x.y.z' } }), 'bad_token', 'token'); // he keeps the one he has
    const other = await Client.open(server, '/ws', { token: short });
    assert.equal((await other.waitClosed()).code, 4401);
    assertAck(await window.ask({ type: 'subscribe', channel: 'who' })); // the first one lives on
    window.close();
  });
});

describe('a session that ends takes its connections along', () => {
  test('with a logout, and leaves those of another session alone', async () => {
    const [first, second] = [await login(server, 'jsmith'), await login(server, 'jsmith')];
    const windows = await Promise.all([first, first, second].map((cookie) => Client.open(server, '/ws', { cookie })));
    assert.equal((await rest(server, first, 'POST', '/api/v1/logout', {})).status, 204);
    assert.equal((await windows[0].waitClosed()).code, 4440);
    assert.equal((await windows[1].waitClosed()).code, 4440);
    assert.equal((await windows[2].ask({ type: 'ping' })).type, 'pong');
    await assert.rejects(Client.open(server, '/ws', { cookie: first }), { status: 401 });
    windows[2].close();
  });

  for (const [what, words, input] of [
    ['a new password', ['passwd', 'guest'], 'another secret\n'],
    ['new roles', ['roles', 'guest', '--roles', 'viewer'], ''],
    ['the account', ['remove', 'guest'], ''],
  ]) {
    test(`with ${what}`, async () => {
      const add = await collabd(['user', 'add', 'guest', '--roles', 'editor', '--data', server.folder], { input: 'a secret\n' });
      assert.equal(add.code, 0, add.err);
      const jwt = await token('guest', 600);
      const cookie = await login(server, 'guest', 'a secret');
      const windows = [
        await Client.open(server, '/ws', { cookie }),
        await Client.open(server, '/ws', { token: jwt }),
        await Client.open(server, '/api/v1/ws', { token: jwt }),
      ];
      const bystander = await people.open('akhan');
      const done = await collabd(['user', ...words, '--data', server.folder], { input });
      assert.equal(done.code, 0, done.err);
      for (const window of windows) assert.equal((await window.waitClosed()).code, 4440);
      assert.equal((await bystander.ask({ type: 'ping' })).type, 'pong');
      await assert.rejects(Client.open(server, '/ws', { cookie }), { status: 401 });
      await assert.rejects(Client.open(server, '/ws', { token: jwt }), { status: 401 });
      bystander.close();
      await collabd(['user', 'remove', 'guest', '--data', server.folder]);
    });
  }
});

describe('an answer', () => {
  test('comes once to every message that asks for one, in any case of the names', async () => {
    const window = await people.open('akhan');
    window.send({ type: 'ping', messageId: 'one' });
    window.send({ type: 'ping', message_id: 'two' });
    window.send({ type: 'ping' });
    window.send({ type: 'subscribe', channel: 'answers', messageId: 'three' });
    window.send({ type: 'subscribe', channel: 'answers' });
    window.send({ type: 'nothing', messageId: 'four' });
    assert.equal((await window.ask({ type: 'ping' })).type, 'pong');
    assertAck(await window.ask({ type: 'presence_get', channel: 'answers' })); // comes after the joins
    const answers = window.heard.map(({ type, replyTo }) => `${type} ${replyTo}`).sort();
    assert.deepEqual(answers, ['ack t2', 'ack three', 'error four', 'pong one', 'pong t1', 'pong two', 'pong undefined']);
    window.close();
  });

  test('says which field is wrong', async () => {
    const window = await people.open('akhan');
    assertRefused(await window.ask({ type: 'nothing' }), 'unknown_type', 'type');
    assertRefused(await window.ask({}), 'missing_field', 'type');
    assertRefused(await window.ask({ type: 'subscribe' }), 'missing_field', 'channel');
    assertRefused(await window.ask({ type: 'subscribe', channel: 7 }), 'bad_field', 'channel');
    assertRefused(await window.ask({ type: 'subscribe', channel: 'x'.repeat(201) }), 'bad_name', 'channel');
    assertRefused(await window.ask({ type: 'subscribe', channel: '' }), 'bad_name', 'channel');
    assertRefused(await window.ask({ type: 'subscribe', channel: 'a', payload: [] }), 'bad_field', 'payload');
    assertRefused(await window.ask({ type: 'publish', channel: 'elsewhere', payload: 1 }), 'not_member', 'channel');
    assertAck(await window.ask({ type: 'subscribe', channel: 'é'.repeat(100) })); // 200 bytes
    window.close();
  });

  test('without an id is only given to what is wrong', async () => {
    const window = await people.open('akhan');
    window.send({ type: 'subscribe' });
    const error = await window.wait((heard) => heard.type === 'error');
    assert.equal(error.replyTo, undefined);
    assertRefused(error, 'missing_field', 'channel');
    window.close();
  });

  test('to what is no message at all is an error, and the connection goes on', async () => {
    const texts = ['', 'x', '[]', '7', '{"type":"ping"', '{"type":"ping","type":"ping"}', '{"type":"ping"} x', `${'['.repeat(33)}${']'.repeat(33)}`];
    const window = await people.open('akhan');
    for (const text of texts) window.send(text);
    assert.equal((await window.ask({ type: 'ping' })).type, 'pong');
    const errors = window.heard.filter((heard) => heard.type === 'error');
    assert.equal(errors.length, texts.length);
    for (const error of errors) assert.match(error.payload.code, /^bad_(json|message)$/);
    window.close();
  });

  test('is the end after too many mistakes: with the code of the last', async () => {
    const mistakes = [
      [{ type: 'nothing' }, 4400],
      [{ type: 'update', payload: { entityType: 'pricing', entityId: 'PR-1', patch: {} } }, 4403],
    ];
    for (const [mistake, code] of mistakes) {
      const window = await people.open('lchen');
      for (let i = 0; i < 11; i++) window.send(mistake);
      assert.equal((await window.waitClosed()).code, code, JSON.stringify(window.heard.at(-1)));
      assert.equal(window.heard.filter((heard) => heard.type === 'error').length >= 10, true);
    }
  });
});

describe('the socket', () => {
  test('is closed with the code of what is wrong with it', async () => {
    const wrongs = [
      [1003, (window) => window.send(Buffer.from([1, 2, 3]))],
      [1007, (window) => window.socket.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false })],
      [1009, (window) => window.send({ type: 'ping', payload: { text: 'x'.repeat(65536) } })],
    ];
    for (const [code, wrong] of wrongs) {
      const window = await people.open('akhan');
      wrong(window);
      assert.equal((await window.waitClosed()).code, code);
    }
    const window = await people.open('akhan');
    window.socket.close(1000, 'bye');
    assert.equal((await window.waitClosed()).code, 1000);
  });

  test('takes a message of 64 KiB', async () => {
    const window = await people.open('akhan');
    const frame = JSON.stringify({ type: 'ping', messageId: 'big', payload: '' });
    window.send(frame.replace('""', `"${'x'.repeat(65536 - frame.length)}"`));
    assert.equal((await window.wait((heard) => heard.replyTo === 'big')).type, 'pong');
    window.close();
  });

  test('joins 128 rooms, and one more when it has left one', async () => {
    const window = await people.open('akhan');
    for (let i = 0; i < 128; i++) window.send({ type: 'subscribe', channel: `many-${i}`, messageId: `join-${i}` });
    assertAck(await window.wait((heard) => heard.replyTo === 'join-127'));
    assertRefused(await window.ask({ type: 'subscribe', channel: 'one-more' }), 'too_many', 'channel');
    assertAck(await window.ask({ type: 'subscribe', channel: 'many-3' })); // it is in that one already
    assertAck(await window.ask({ type: 'unsubscribe', channel: 'many-3' }));
    assertAck(await window.ask({ type: 'subscribe', channel: 'one-more' }));
    await drop(window);
  });

  test('says more than a hundred messages a second only for a while', async () => {
    const strict = await startServer({ env: { COLLABD_LIMITS: 'normal' } });
    try {
      const crowd = new People(strict);
      const window = await crowd.enter('akhan', 'busy');
      const other = await crowd.enter('mgarcia', 'busy');
      // cursors and typing are conflated, not counted
      for (let i = 0; i < 500; i++) window.send({ type: 'cursor', channel: 'busy', payload: { i } });
      await hear(other, 'cursor', (payload) => payload.cursor.i === 499);
      for (let i = 0; i < 500; i++) window.send({ type: 'ping' });
      assert.equal((await window.waitClosed()).code, 4429);
      const refused = window.heard.filter((heard) => heard.type === 'error');
      assertRefused(refused[0], 'rate_limited');
      assert.ok(refused[0].payload.retryAfterMs > 0, JSON.stringify(refused[0]));
    } finally {
      await strict.stop();
    }
  });
});

describe('who comes in vain is told why', () => {
  test('a request that is no handshake, and a page of another origin', async () => {
    const cookie = await people.cookie('akhan');
    const plain = await rest(server, cookie, 'GET', '/ws');
    assert.deepEqual([plain.status, plain.body.error.code, plain.headers.get('upgrade')], [426, 'upgrade_required', 'websocket']);
    const foreign = await rest(server, cookie, 'GET', '/api/v1/me', undefined, { origin: 'https://evil.example' });
    assert.deepEqual([foreign.status, foreign.body.error.code], [403, 'bad_origin']);
    const nobody = await rest(server, null, 'GET', '/api/v1/me');
    assert.deepEqual([nobody.status, nobody.body.error.code], [401, 'not_authenticated']);
  });

  test('one connection too many of a user', async () => {
    const strict = await startServer({ env: { COLLABD_LIMITS: 'normal', COLLABD_CONNECTIONS_PER_USER_MAX: '2' } });
    try {
      const crowd = new People(strict);
      const windows = [await crowd.enter('akhan', 'room'), await crowd.enter('akhan', 'room')];
      const third = await crowd.open('akhan');
      assert.equal((await third.waitClosed()).code, 1013);
      const other = await crowd.enter('mgarcia', 'room'); // others are not in his way
      await drop(windows[0]);
      await eventually(async () => {
        const again = await crowd.open('akhan');
        const pong = await again.ask({ type: 'ping' }).catch(() => null);
        return pong?.type === 'pong';
      }, 'there is room again');
      other.close();
    } finally {
      await strict.stop();
    }
  });

  test('one who reads too slowly: he comes back and misses nothing', async () => {
    const small = await startServer({
      env: { COLLABD_CONN_QUEUE_BYTES_MAX: '64 KiB', COLLABD_CONN_QUEUE_BYTES_SOFT: '32 KiB', COLLABD_LOG_BYTES_MAX: '256 MiB' },
    });
    try {
      const crowd = new People(small);
      const reader = await crowd.enter('mgarcia', 'flood');
      const writer = await crowd.enter('akhan', 'flood');
      reader.socket._socket.pause();
      const filler = randomBytes(24 * 1024).toString('base64'); // nothing that compresses
      let said = 0;
      const slowClosed = async () => /^collabd_connections_slow_closed(_total)? [1-9]/m.test(await (await fetch(`${small.base}/metrics`)).text());
      do {
        for (let i = 0; i < 100; i++) writer.send({ type: 'publish', channel: 'flood', payload: { n: ++said, filler }, messageId: `p${said}` });
        const last = `p${said}`;
        assertAck(await writer.wait(({ replyTo }) => replyTo === last));
      } while (!(await slowClosed()) && said < 2000);
      reader.socket._socket.resume();
      assert.equal((await reader.waitClosed()).code, 4450);
      const seen = reader.heard.filter(({ type }) => type === 'publish');
      assert.deepEqual(seen.map(({ payload }) => payload.n), seen.map((_, i) => i + 1));
      const { epoch, offset } = seen.at(-1) ?? reader.joined.position;
      const again = await crowd.enter('mgarcia', 'flood', { epoch, offset });
      assert.deepEqual([again.joined.resync, again.joined.missed], [false, said - seen.length]);
      await again.until(() => again.heard.length > said - seen.length, 'what was missed');
      assert.deepEqual(again.heard.filter(({ type }) => type === 'publish').map(({ payload }) => payload.n), Array.from({ length: said - seen.length }, (_, i) => seen.length + 1 + i));
      assert.ok(writer.closed === null);
    } finally {
      await small.stop();
    }
  });
});
