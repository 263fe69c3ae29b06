// Applications written for Socket.IO, on a relay namespace: their client knows nothing of collabd's own events.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { io } from 'socket.io-client';
import WebSocket from 'ws';
import { Raw } from '../lib/raw.mjs';
import { eventually, login, rest, startServer, tokenOf } from '../lib/server.mjs';

const NAMESPACES = {
  '/chat': { anonymous: true, echo: true },
  '/board': { join: ['enter board'], leave: ['leave board'], volatile: ['pointer'] },
};
const WAYS = { websocket: ['websocket'], polling: ['polling'], upgrade: ['polling', 'websocket'] };

let server;
let token;
const open = new Set();

before(async () => {
  server = await startServer({ args: ['--workers', '2'], env: { COLLABD_NAMESPACES: JSON.stringify(NAMESPACES) } });
  token = { akhan: await tokenOf(server, 'akhan'), mgarcia: await tokenOf(server, 'mgarcia') };
});
after(async () => {
  for (const socket of open) socket.disconnect();
  await server?.stop();
});

function dial(nsp, { who, ...options } = {}) {
  const socket = io(server.base + nsp, { forceNew: true, reconnection: false, ...(who ? { auth: { token: token[who] } } : {}), ...options });
  open.add(socket);
  socket.heard = [];
  socket.waiting = [];
  socket.onAny((...event) => {
    socket.heard.push(event);
    for (const look of socket.waiting.splice(0)) look();
  });
  return socket;
}

async function connect(nsp, options) {
  const socket = dial(nsp, options);
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  return socket;
}

/** The first event of that name; it is taken out of what was heard. */
async function hear(socket, name) {
  for (;;) {
    const at = socket.heard.findIndex(([heard]) => heard === name);
    if (at >= 0) return socket.heard.splice(at, 1)[0].slice(1);
    await new Promise((resolve) => socket.waiting.push(resolve));
  }
}

const ask = (socket, ...event) => socket.timeout(5000).emitWithAck(...event);
const upgraded = (socket) =>
  new Promise((resolve) => (socket.io.engine.transport.name === 'websocket' ? resolve() : socket.io.engine.once('upgrade', resolve)));

for (const [way, transports] of Object.entries(WAYS)) {
  describe(`over ${way}`, () => {
    test('a chat of twenty lines works', async () => {
      // the whole program of the chat: two windows, nobody logged in
      const [ann, bob] = await Promise.all([connect('/chat', { transports }), connect('/chat', { transports })]);
      ann.emit('chat message', 'hello', { at: 1 });
      assert.deepEqual(await hear(ann, 'chat message'), ['hello', { at: 1 }]);
      assert.deepEqual(await hear(bob, 'chat message'), ['hello', { at: 1 }]);
      if (way === 'upgrade') await Promise.all([upgraded(ann), upgraded(bob)]);
      for (let i = 0; i < 50; i++) bob.emit('chat message', i);
      for (let i = 0; i < 50; i++) assert.deepEqual(await hear(ann, 'chat message'), [i]);
      ann.disconnect();
      bob.disconnect();
    });

    test('rooms keep to themselves, and what is said is acknowledged', async () => {
      const options = { transports, who: 'akhan' };
      const [one, two, other] = await Promise.all([connect('/board', options), connect('/board', options), connect('/board', options)]);
      assert.deepEqual(await ask(one, 'enter board', 'red'), { ok: true });
      assert.deepEqual(await ask(two, 'enter board', { room: 'red' }), { ok: true });
      assert.deepEqual(await ask(other, 'enter board', 'blue'), { ok: true });
      assert.deepEqual(await ask(one, 'draw', { room: 'red', line: [1, 2.5, 'x'] }), { ok: true });
      assert.deepEqual(await hear(two, 'draw'), [{ room: 'red', line: [1, 2.5, 'x'] }]);
      assert.deepEqual(await ask(one, 'draw', 'red', { point: 1 }), { ok: true });
      assert.deepEqual(await hear(two, 'draw'), [{ point: 1 }]);
      one.emit('pointer', 3, 4);
      assert.deepEqual(await hear(two, 'pointer'), [3, 4]);
      assert.deepEqual(await ask(two, 'leave board', 'red'), { ok: true });
      assert.deepEqual(await ask(one, 'draw', 'again'), { ok: true });
      assert.deepEqual(await ask(two, 'enter board', 'blue'), { ok: true });
      assert.deepEqual(await ask(other, 'draw', 'to blue'), { ok: true });
      assert.deepEqual(await hear(two, 'draw'), ['to blue']);
      assert.deepEqual([one.heard, other.heard], [[], []]);
      for (const socket of [one, two, other]) socket.disconnect();
    });

    test('binary data travels as it is', async () => {
      const [one, two] = await Promise.all([connect('/chat', { transports }), connect('/chat', { transports })]);
      const bytes = Buffer.from([0, 1, 2, 250, 255]);
      one.emit('file', { name: 'a.bin', data: bytes }, Buffer.from('second'));
      for (const socket of [one, two]) {
        const [{ name, data }, second] = await hear(socket, 'file');
        assert.equal(name, 'a.bin');
        assert.deepEqual(Buffer.from(data), bytes);
        assert.equal(Buffer.from(second).toString(), 'second');
        socket.disconnect();
      }
    });
  });
}

describe('the program in the documentation', () => {
  const text = readFileSync(new URL('../../docs/protocol/socketio.md', import.meta.url), 'utf8').match(/<!-- chat\.mjs -->\n```js\n([^`]*(?:`[^`]+`[^`]*)*?)```/)[1];

  /** Runs it as it stands there, where it finds its library. */
  function run(name, { base } = server) {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', text, 'chat.mjs', base, 'lobby', name], { cwd: new URL('..', import.meta.url) });
    const program = { child, said: '', ended: new Promise((resolve) => child.once('exit', resolve)) };
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (program.said += bytes));
    program.says = (line) => eventually(() => program.said.split('\n').includes(line), `${line} in ${program.said}`);
    return program;
  }

  test('has twenty lines, or so, and works', async () => {
    assert.ok(text.split('\n').filter(Boolean).length <= 20);
    const [ann, bob] = [run('ann'), run('bob')];
    await Promise.all([ann.says('ann is in lobby'), bob.says('bob is in lobby')]);
    ann.child.stdin.write('hello\n');
    await Promise.all([ann.says('ann: hello'), bob.says('ann: hello')]);
    bob.child.stdin.end('bye\n');
    await Promise.all([ann.says('bob: bye'), bob.says('gone: io client disconnect')]);
    ann.child.stdin.end();
    assert.deepEqual(await Promise.all([ann.ended, bob.ended]), [0, 0]);
  });
});

describe('who may', () => {
  const refusal = async (nsp, options) => {
    const socket = dial(nsp, options);
    const error = await new Promise((resolve) => socket.once('connect_error', resolve));
    socket.disconnect();
    return error;
  };

  test('a namespace that nobody configured is no namespace', async () => {
    assert.equal((await refusal('/nowhere')).message, 'Invalid namespace');
  });

  test('who has not logged in is told so, and a bad token is called bad', async () => {
    const error = await refusal('/board');
    assert.equal(error.data.code, 'not_authenticated');
    assert.equal(error.message, 'Log in first.');
    assert.equal((await refusal('/board', { auth: { token: 'x.y.z' } })).data.code, 'bad_token');
    assert.equal((await refusal('/chat', { auth: { token: 7 } })).data.code, 'bad_token');
  });

  test('the cookie of a login is enough, and its logout ends the socket', async () => {
    const cookie = await login(server, 'lchen');
    const socket = await connect('/relay', { extraHeaders: { cookie } });
    assert.deepEqual(await ask(socket, 'join', 'x'), { ok: true });
    const gone = new Promise((resolve) => socket.once('disconnect', resolve));
    await rest(server, cookie, 'POST', '/api/v1/logout', {});
    assert.equal(await gone, 'io server disconnect');
    assert.equal((await hear(socket, 'error'))[0].error.code, 'session_revoked');
  });

  test('several namespaces share one connection', async () => {
    const board = await connect('/board', { who: 'akhan' });
    const chat = board.io.socket('/chat', { auth: {} });
    open.add(chat);
    await new Promise((resolve) => chat.once('connect', resolve));
    assert.notEqual(chat.id, board.id);
    chat.disconnect();
    assert.deepEqual(await ask(board, 'enter board', 'x'), { ok: true });
    board.disconnect();
  });
});

describe('what is wrong gets an answer', () => {
  test('in the acknowledgement, or as the event error', async () => {
    const socket = await connect('/board', { who: 'mgarcia' });
    assert.equal((await ask(socket, 'enter board')).error.code, 'missing_field');
    assert.equal((await ask(socket, 'enter board', 5)).error.code, 'bad_field');
    assert.equal((await ask(socket, 'enter board', '')).error.code, 'bad_name');
    assert.equal((await ask(socket, 'leave board', 'never')).error.code, 'not_member');
    socket.emit('enter board', { room: 'x'.repeat(200) });
    const [{ error }] = await hear(socket, 'error');
    assert.deepEqual([error.code, error.field], ['bad_name', 'room']);
    socket.disconnect();
  });
});

describe('a session lives on one worker, its requests come to any', () => {
  // one request, on a connection of its own, so that the kernel picks the worker
  const once = async (path, method = 'GET', body = '') => {
    const response = await new Promise((resolve, reject) => {
      const request = http.request(server.base + path, { method, agent: new http.Agent(), headers: { 'Content-Length': Buffer.byteLength(body) } }, resolve);
      request.on('error', reject);
      request.end(body);
    });
    let text = '';
    for await (const bytes of response) text += bytes;
    return { status: response.statusCode, text };
  };

  test('polls, POSTs and upgrades on fresh connections all find it', async () => {
    for (let round = 0; round < 20; round++) {
      const { sid } = JSON.parse((await once('/socket.io/?EIO=4&transport=polling')).text.slice(1));
      const path = `/socket.io/?EIO=4&transport=polling&sid=${sid}`;
      assert.deepEqual(await once(path, 'POST', '40/chat,'), { status: 200, text: 'ok' });
      assert.match((await once(path)).text, /^40\/chat,\{"sid":"[\w-]{20}"\}$/);
      for (let i = 0; i < 5; i++) assert.equal((await once(path, 'POST', `42/chat,["n",${i}]`)).text, 'ok');
      let heard = [];
      while (heard.length < 5) heard.push(...(await once(path)).text.split('\x1e'));
      assert.deepEqual(heard, [0, 1, 2, 3, 4].map((i) => `42/chat,["n",${i}]`));
      const socket = new WebSocket(`${server.ws}/socket.io/?EIO=4&transport=websocket&sid=${sid}`);
      const said = [];
      let wake;
      socket.on('message', (data) => (said.push(String(data)), wake?.()));
      const next = async () => {
        while (said.length === 0) await new Promise((resolve) => (wake = resolve));
        return said.shift();
      };
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
      socket.send('2probe');
      assert.equal(await next(), '3probe');
      socket.send('5');
      socket.send('42/chat,["over"]');
      assert.equal(await next(), '42/chat,["over"]');
      assert.equal((await once(path)).status, 400);
      socket.close();
    }
  });

  test('what another request brought along is served, too', async () => {
    const { sid } = JSON.parse((await once('/socket.io/?EIO=4&transport=polling')).text.slice(1));
    const post = `POST /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n40/chat,`;
    const get = `GET /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    for (let i = 0; i < 8; i++) {
      const socket = net.connect(server.port, '127.0.0.1');
      socket.write(i === 0 ? post + get : `GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n${post.replace('8\r\n\r\n40/chat,', '16\r\n\r\n42/chat,["n",10]')}${get}`);
      let text = '';
      for await (const bytes of socket) text += bytes;
      const count = text.split('HTTP/1.1 200').length - 1;
      assert.equal(count, i === 0 ? 3 : 4, text);
    }
  });

  test('two POSTs at once end it', async () => {
    const path = '/socket.io/?EIO=4&transport=polling';
    const { sid } = JSON.parse((await once(path)).text.slice(1));
    const request = (body, length = body.length) => `POST ${path}&sid=${sid} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n${body}`;
    // the first one of each brings the connection to where the session lives
    const [one, two] = await Promise.all([Raw.open(server), Raw.open(server)]);
    for (const raw of [one, two]) {
      await raw.write(request('40/chat,'));
      assert.equal((await raw.answers(1))[0].status, 200);
    }
    await one.write(request('4', 2));
    await eventually(async () => {
      await two.write(request('6'));
      return (await two.answers(two.parsed.length + 1)).at(-1).status === 400;
    });
    assert.equal((await once(`${path}&sid=${sid}`)).status, 400);
    for (const raw of [one, two]) raw.destroy();
  });

  test('an id of a worker that is not there is no id', async () => {
    const { status, text } = await once(`/socket.io/?EIO=4&transport=polling&sid=ff${'a'.repeat(27)}`);
    assert.deepEqual([status, JSON.parse(text).code], [400, 1]);
  });
});

describe('a backend', () => {
  test('speaks to rooms and to a whole namespace', async () => {
    const admin = await login(server, 'admin');
    const emit = (body, cookie = admin) => rest(server, cookie, 'POST', '/api/v1/sockets/emit', body);
    const [red, blue] = await Promise.all([connect('/board', { who: 'akhan' }), connect('/board', { who: 'mgarcia' })]);
    await ask(red, 'enter board', 'red');
    await ask(blue, 'enter board', 'blue');
    assert.equal((await emit({ namespace: '/board', rooms: ['red', 'empty'], event: 'news', args: [1, { two: 2 }] })).status, 200);
    assert.deepEqual(await hear(red, 'news'), [1, { two: 2 }]);
    assert.equal((await emit({ namespace: '/board', event: 'end' })).status, 200);
    assert.deepEqual(await Promise.all([hear(red, 'end'), hear(blue, 'end')]), [[], []]);
    assert.deepEqual(blue.heard, []);
    const refused = async (body, cookie) => (await emit(body, cookie)).body.error;
    assert.equal((await refused({ namespace: '/nowhere', event: 'x' })).code, 'not_found');
    assert.equal((await refused({ namespace: '/board' })).field, 'event');
    assert.equal((await refused({ namespace: '/board', event: 'x', rooms: [] })).field, 'rooms');
    assert.equal((await refused({ namespace: '/board', event: 'x', rooms: [''] })).code, 'bad_name');
    assert.equal((await refused({ namespace: '/board', event: 'x', args: {} })).field, 'args');
    assert.equal((await refused({ namespace: '/board', event: 'x' }, await login(server, 'akhan'))).code, 'forbidden');
    red.disconnect();
    blue.disconnect();
  });
  test('asks sockets and gets their answers, and the names of those who gave none', async () => {
    const admin = await login(server, 'admin');
    const emit = async (body) => (await rest(server, admin, 'POST', '/api/v1/sockets/emit', { namespace: '/board', event: 'question', args: ['why'], ...body })).body;
    const sorted = (list) => list.sort((a, b) => (a.sid ?? a).localeCompare(b.sid ?? b));
    const crowd = await Promise.all(Object.values(WAYS).flatMap((transports) => [1, 2].map(() => connect('/board', { who: 'akhan', transports }))));
    const silent = await connect('/board', { who: 'akhan' });
    for (const socket of [...crowd, silent]) await ask(socket, 'enter board', 'quiz');
    crowd.forEach((socket, i) => socket.on('question', (text, answer) => answer(text, { i })));
    const expected = sorted(crowd.map(({ id }, i) => ({ sid: id, args: ['why', { i }] })));
    const all = await emit({ rooms: ['quiz'], timeout_ms: 300 });
    assert.deepEqual([sorted(all.answers), all.missing, all.count, all.ok], [expected, [silent.id], 7, true]);
    assert.deepEqual(await emit({ id: crowd[3].id, timeout_ms: 10000 }), { ok: true, answers: [{ sid: crowd[3].id, args: ['why', { i: 3 }] }], missing: [], count: 1 });
    assert.deepEqual(await emit({ rooms: ['nobody'], timeout_ms: 10000 }), { ok: true, answers: [], missing: [], count: 0 });
    // who goes away is not waited for
    const { id } = silent;
    silent.on('question', () => silent.disconnect());
    const { missing, answers } = await emit({ rooms: ['quiz'], timeout_ms: 60000 });
    assert.deepEqual([missing, answers.length], [[id], 6]);
    crowd[0].removeAllListeners('question');
    crowd[0].on('question', (text, answer) => answer(Buffer.from([1, 2, 3])));
    const [binary] = (await emit({ id: crowd[0].id, timeout_ms: 10000 })).answers;
    assert.deepEqual([binary.args, binary.binaries], [[{ _placeholder: true, num: 0 }], ['AQID']]);
    for (const timeout_ms of [0, -1, 60001, 'x', 1.5]) assert.equal((await emit({ timeout_ms })).error.field, 'timeout_ms');
    for (const socket of crowd) socket.disconnect();
  });

  test('lists sockets, makes them join and leave, and sends them away', async () => {
    const admin = await login(server, 'admin');
    const call = async (method, path, body) => (await rest(server, admin, method, `/api/v1/sockets${path}`, body)).body;
    const all = await Promise.all(Array.from({ length: 6 }, () => connect('/board', { who: 'mgarcia' })));
    const query = `?namespace=${encodeURIComponent('/board')}`;
    const rooms = async (socket) => (await call('GET', `${query}&id=${socket.id}`)).sockets[0].rooms.sort();
    assert.deepEqual(new Set((await call('GET', query)).sockets.map(({ id }) => id)), new Set(all.map(({ id }) => id)));
    assert.deepEqual((await call('GET', `${query}&id=${all[0].id}`)).sockets, [{ id: all[0].id, user_id: 2, username: 'mgarcia', rooms: [] }]);
    for (const socket of all.slice(0, 3)) await ask(socket, 'enter board', 'odd');
    assert.equal((await call('GET', `${query}&room=odd`)).count, 3);
    assert.deepEqual(await call('POST', '/join', { namespace: '/board', room: 'odd', rooms: ['new', 'other'] }), { ok: true, count: 3 });
    assert.deepEqual(await rooms(all[0]), ['new', 'odd', 'other']);
    await eventually(async () => (await call('POST', '/emit', { namespace: '/board', rooms: ['new'], event: 'hi' })).ok && all.slice(0, 3).every(({ heard }) => heard.length > 0));
    assert.deepEqual(await call('POST', '/leave', { namespace: '/board', rooms: ['odd', 'other'] }), { ok: true, count: 6 });
    assert.deepEqual(await rooms(all[1]), ['new']);
    const gone = all.slice(0, 3).map((socket) => new Promise((resolve) => socket.once('disconnect', resolve)));
    assert.deepEqual(await call('POST', '/disconnect', { namespace: '/board', room: 'new' }), { ok: true, count: 3 });
    assert.deepEqual(await Promise.all(gone), Array(3).fill('io server disconnect'));
    assert.equal((await call('GET', query)).count, 3);
    assert.equal((await call('POST', '/join', { namespace: '/board' })).error.field, 'rooms');
    assert.equal((await call('GET', '?namespace=/x')).error.code, 'not_found');
    for (const socket of all) socket.disconnect();
  });
});
