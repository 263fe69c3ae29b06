// `collabd bench` against servers whose behaviour is known: what it counts is what they did.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { createServer } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Server } from 'socket.io';
import { WebSocketServer } from 'ws';

// Runs `collabd bench` with these words and, unless they say otherwise, only for a moment.
function bench(words, url) {
  const args = ['bench', ...words.split(' ')];
  if (url) args.push('--url', url);
  if (!args.includes('--seconds')) args.push('--seconds', '0.3', '--warmup', '0.1');
  return new Promise((resolve) => {
    execFile(process.env.COLLABD_BIN, args, (error, stdout, stderr) => {
      const result = stdout.startsWith('{') ? JSON.parse(stdout) : null;
      resolve({ code: error ? error.code : 0, stdout, stderr, result });
    });
  });
}

// The same against a WebSocket server whose connections are handled by `talk(socket, request)`.
async function benchAgainst(talk, words, urlPath = '/ws') {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await new Promise((resolve) => server.once('listening', resolve));
  server.on('connection', talk);
  try {
    return await bench(words, `ws://127.0.0.1:${server.address().port}${urlPath}`);
  } finally {
    for (const socket of server.clients) socket.terminate();
    await new Promise((resolve) => server.close(resolve));
  }
}

// Rooms whose members hear what the others say.
function makeRooms() {
  const rooms = new Map();
  return {
    names: () => [...rooms.keys()],
    enter(room, socket) {
      rooms.set(room, (rooms.get(room) ?? new Set()).add(socket));
      socket.on('close', () => rooms.get(room).delete(socket));
    },
    say(room, from, text) {
      for (const member of rooms.get(room)) if (member !== from) member.send(text);
    },
  };
}

function rawTalk(rooms = makeRooms()) {
  return (socket, { url }) => {
    rooms.enter(url, socket);
    socket.on('message', (data) => rooms.say(url, socket, data.toString()));
  };
}

// As much of the native dialect as a load generator needs. `answer` names other answers than `ack`, by message type.
function nativeTalk({ answer = {}, seen = [], relays = true } = {}) {
  const rooms = makeRooms();
  return (socket, { url, headers }) => {
    socket.on('message', (data) => {
      const message = JSON.parse(data);
      const { type, channel, messageId, payload } = message;
      seen.push({ ...message, url, authorization: headers.authorization });
      if (type === 'subscribe') rooms.enter(channel, socket);
      if (type === 'publish' || type === 'cursor') {
        rooms.say(channel, socket, JSON.stringify({ type: 'presence', channel, payload: { event: 'refresh' } }));
        if (relays) rooms.say(channel, socket, JSON.stringify({ type, channel, payload }));
      }
      if (messageId === undefined) return;
      socket.send(JSON.stringify({ type: answer[type] ?? 'ack', replyTo: messageId, payload: {} }));
    });
  };
}

test('every message said over the raw wire is heard by everybody else in its room', async () => {
  const rooms = makeRooms();
  const words = 'rooms --wire raw --rooms 3 --members 4 --rate 50 --room-prefix r';
  const { code, result } = await benchAgainst(rawTalk(rooms), words, '/relay');
  assert.equal(code, 0);
  assert.deepEqual(rooms.names(), ['/relay/r0', '/relay/r1', '/relay/r2']);
  assert.equal(result.missing, 0);
  assert.equal(result.speakers, 12);
  assert.ok(result.delivered > 0 && result.latency_samples > 0);
});

test('a payload has the size that was asked for, and what nobody relays is missing', async () => {
  const sizes = new Set();
  const talk = (socket) => socket.on('message', (data) => sizes.add(data.length));
  const { code, result } = await benchAgainst(talk, 'fanout --wire raw --members 2 --payload 300');
  assert.equal(code, 0);
  assert.deepEqual([...sizes], [300]);
  assert.equal(result.delivered, 0);
  assert.ok(result.missing > 0);
});

test('a window of messages is never exceeded', async () => {
  const rooms = makeRooms();
  let waiting = 0;
  let most = 0;
  const talk = (socket, { url }) => {
    rooms.enter(url, socket);
    socket.on('message', (data) => {
      most = Math.max(most, ++waiting);
      setTimeout(() => {
        waiting--;
        rooms.say(url, socket, data.toString());
      }, 2);
    });
  };
  const { code, result } = await benchAgainst(talk, 'saturate --wire raw --members 3 --window 4');
  assert.equal(code, 0);
  assert.equal(most, 4);
  assert.equal(result.missing, 0);
});

test('over Socket.IO it connects with its token, joins and is heard', async () => {
  const http = createServer();
  const io = new Server(http);
  const tokens = new Set();
  io.of('/board').on('connection', (socket) => {
    tokens.add(socket.handshake.auth.token);
    socket.on('enter', (room, done) => done(socket.join(room)));
    socket.on('shout', (room, payload) => socket.to(room).emit('shout', payload));
  });
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
  try {
    const words = 'fanout --wire socketio --members 5 --namespace /board --join-event enter --say-event shout --token abc';
    const { code, result } = await bench(words, `ws://127.0.0.1:${http.address().port}/socket.io/`);
    assert.equal(code, 0);
    assert.deepEqual([...tokens], ['abc']);
    assert.ok(result.delivered > 0);
    assert.equal(result.missing, 0);
  } finally {
    await io.close();
  }
});

test('over the native wire it joins, publishes and is heard', async () => {
  const { code, result } = await benchAgainst(nativeTalk(), 'fanout --members 5');
  assert.equal(code, 0);
  assert.ok(result.delivered > 0);
  assert.equal(result.missing, 0);
});

test('presence is no delivery', async () => {
  const { code, result } = await benchAgainst(nativeTalk({ relays: false }), 'fanout --members 5');
  assert.equal(code, 0);
  assert.equal(result.delivered, 0);
  assert.ok(result.sent > 0);
});

test('cursors are said as cursors', async () => {
  const seen = [];
  const { code } = await benchAgainst(nativeTalk({ seen }), 'hot --rooms 1 --members 3 --rate 20');
  assert.equal(code, 0);
  assert.deepEqual([...new Set(seen.map((message) => message.type))], ['subscribe', 'cursor']);
});

test('tokens of a file are taken in turn and sent where they were asked to go', async () => {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'bench-')), 'tokens');
  fs.writeFileSync(file, 'one\ntwo\n');
  const idle = async (words) => {
    const seen = [];
    const all = `idle --connections 3 --members 3 --seconds 0.1 --tokens-file ${file} ${words}`;
    assert.equal((await benchAgainst(nativeTalk({ seen }), all)).code, 0);
    return seen;
  };
  try {
    const inHeaders = await idle('--login header');
    assert.deepEqual(inHeaders.map((message) => message.authorization).sort(), ['Bearer one', 'Bearer one', 'Bearer two']);

    const inQueries = await idle('--login query');
    assert.deepEqual(inQueries.map((message) => message.url).sort(), ['/ws?token=one', '/ws?token=one', '/ws?token=two']);

    const inMessages = await idle('--login message --depth authenticated');
    assert.ok(inMessages.every((message) => message.type === 'auth'));
    assert.deepEqual(inMessages.map((message) => message.payload.token).sort(), ['one', 'one', 'two']);
  } finally {
    fs.rmSync(path.dirname(file), { recursive: true });
  }
});

test('changes wait for their acknowledgement and are spread over the records', async () => {
  const seen = [];
  const words = 'changes --connections 4 --window 3 --record-count 3';
  const { code, result } = await benchAgainst(nativeTalk({ seen }), words);
  assert.equal(code, 0);
  assert.ok(result.acks > 0 && result.acks <= seen.length);
  assert.equal(result.missing, 0);
  assert.deepEqual([...new Set(seen.map((message) => message.payload.entityId))].sort(), ['PN-10001', 'PN-10002', 'PN-10003']);
});

test('changes at a rate are never more than it says', async () => {
  const { code, result } = await benchAgainst(nativeTalk(), 'changes --connections 4 --rate 100 --seconds 0.5 --warmup 0');
  assert.equal(code, 0);
  assert.ok(result.acks > 0 && result.acks <= 51, `${result.acks} acks in half a second at 100/s`);
});

test('answers that are errors are counted and make it fail', async () => {
  const talk = nativeTalk({ answer: { update: 'error' } });
  const { code, result, stderr } = await benchAgainst(talk, 'changes --connections 1 --window 1 --rate 50');
  assert.equal(code, 1);
  assert.ok(result.errors > 0);
  assert.match(stderr, /^bench: error: \{"type":"error"/);
});

test('a refused join is told with the answer', async () => {
  const { code, stderr } = await benchAgainst(nativeTalk({ answer: { subscribe: 'error' } }), 'fanout --members 2');
  assert.equal(code, 1);
  assert.match(stderr, /^bench: refused: \{"type":"error"/);
});

test('a connection that the server ends makes it fail, with the code', async () => {
  const talk = (socket) => socket.on('message', () => socket.close(4450, 'too slow'));
  const { code, stderr, result } = await benchAgainst(talk, 'fanout --wire raw --members 2');
  assert.equal(code, 1);
  assert.equal(result.connections_lost, 1);
  assert.match(stderr, /closed by the server, 4450 too slow/);
});

test("given a pid it tells that process's CPU and memory", async () => {
  const { code, result } = await benchAgainst(nativeTalk(), `fanout --members 5 --pid ${process.pid}`);
  assert.equal(code, 0);
  assert.ok(result.server_cpu_ns_per_delivery > 0);
  assert.ok(result.server_resident_bytes > 1e6);
});

test('nobody listening, no such process and a wrong option are told apart from success', async () => {
  assert.equal((await bench('fanout', 'ws://127.0.0.1:1/ws')).code, 1);
  assert.equal((await benchAgainst(nativeTalk(), 'idle --connections 1 --pid 999999999')).code, 1);
  assert.equal((await bench('fanout --no-such-option')).code, 2);
  assert.equal((await bench('--help')).code, 0);
});

test('a table is for people', async () => {
  const { stdout } = await benchAgainst(nativeTalk(), 'fanout --members 2 --table');
  assert.match(stdout, /^scenario +fanout\nwire +native\n/);
});
