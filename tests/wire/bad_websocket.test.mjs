// Handshakes and frames that break RFC 6455, over plain TCP and TLS, whole, a byte at a time, and in one piece with the handshake and a
// request before it: each gets its close code, and nobody else notices.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { eventually } from '../lib/server.mjs';
import {
  closeFrame, exchange, frame, handshake, inParallel, metric, OP, Raw, RawSocket, WS_ACCEPT, WS_KEY,
} from '../lib/raw.mjs';
import { serveBoth } from './lib/both.mjs';

const { servers, cookies, healthy } = serveBoth({ env: { COLLABD_ERROR_MESSAGES_PER_MINUTE_MAX: '0' } });

const PING = frame(OP.text, '{"type":"ping","messageId":"p"}');
const text = (body, options) => frame(OP.text, body, options);
const hex = (digits) => Buffer.from(digits.replace(/ /g, ''), 'hex');
const all = (...pieces) => Buffer.concat(pieces);
const repeated = (count, piece) => Buffer.concat(Array.from({ length: count }, () => piece));
const rawClose = (body, options) => frame(OP.close, body, options);
const asHex = (code) => code.toString(16).padStart(4, '0');

const BAD_UTF8 = [
  'c080', 'c1bf', 'e08080', 'e09fbf', 'f0808080', 'f08fbfbf', 'eda080', 'edbfbf', 'eda080edb080', 'f4908080', 'f5808080', 'f888808080', 'fc8480808080',
  'fe', 'ff', '80', 'bf', 'c3', 'c328', 'e282', 'e228a1', 'f09d92', 'f0288cbc', '6162ff', 'c3c3', 'e2e2', 'ed', 'f4',
];

// [what, the bytes after the handshake, the close code]
const CLOSED = [
  ['RSV1 without the extension', text('{}', { rsv: 4 }), 1002],
  ['RSV2', text('{}', { rsv: 2 }), 1002],
  ['RSV3', text('{}', { rsv: 1 }), 1002],
  ['RSV1-3', text('{}', { rsv: 7 }), 1002],
  ['RSV1 on a ping', frame(OP.ping, '', { rsv: 4 }), 1002],
  ['RSV2 on a close', rawClose('', { rsv: 2 }), 1002],
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => [`opcode ${opcode}`, frame(opcode, 'x'), 1002]),
  ['opcode 3 after half a message', all(text('{', { fin: false }), frame(3, 'x')), 1002],
  ['a ping of 126 bytes', frame(OP.ping, 'x'.repeat(126)), 1002],
  ['a pong of 126 bytes', frame(OP.pong, 'x'.repeat(126)), 1002],
  ['a close of 126 bytes', rawClose(all(hex('03e8'), Buffer.alloc(124, 'x'))), 1002],
  ['a ping of 64 KiB', frame(OP.ping, 'x'.repeat(65536)), 1002],
  ['a ping with a long length', frame(OP.ping, 'x', { lengthBytes: 2 }), 1002],
  ['a ping without its end', frame(OP.ping, 'x', { fin: false }), 1002],
  ['a pong without its end', frame(OP.pong, 'x', { fin: false }), 1002],
  ['a close without its end', rawClose(hex('03e8'), { fin: false }), 1002],
  ['a length with the top bit', text('x', { length: (1n << 63n) + 1n, lengthBytes: 8 }), 1002],
  ['a length of 2^64 - 1', text('x', { length: (1n << 64n) - 1n, lengthBytes: 8 }), 1002],
  ['a length of 2^63 - 1', text('x', { length: (1n << 63n) - 1n, lengthBytes: 8 }), 1009],
  ['a length of 2^32', text('x', { length: 1n << 32n, lengthBytes: 8 }), 1009],
  ['a length of 2^31', text('x', { length: 1n << 31n, lengthBytes: 8 }), 1009],
  ['a length of 64 KiB and a byte', text('x', { length: 65537, lengthBytes: 8 }), 1009],
  ['a binary length of 2^63 - 1', frame(OP.binary, 'x', { length: (1n << 63n) - 1n, lengthBytes: 8 }), 1009],
  ['a continuation of 2^63 - 14', all(text('{', { fin: false }), frame(OP.continuation, 'x', { length: (1n << 63n) - 14n, lengthBytes: 8 })), 1009],
  ['5 bytes with a length of two bytes', text('{"a":', { lengthBytes: 2 }), 1002],
  ['125 bytes with a length of two bytes', text('x'.repeat(125), { lengthBytes: 2 }), 1002],
  ['5 bytes with a length of eight bytes', text('{"a":', { lengthBytes: 8 }), 1002],
  ['65,535 bytes with a length of eight bytes', text('x'.repeat(65535), { lengthBytes: 8 }), 1002],
  ['an unmasked frame', text('{}', { mask: null }), 1002],
  ['an unmasked ping', frame(OP.ping, '', { mask: null }), 1002],
  ['a request for a frame', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), 1002],
  ['an answer for a frame', Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), 1002],
  ['a frame of hixie-76', hex('00 68 65 6c 6c 6f ff'), 1002],
  ['a continuation of nothing', frame(OP.continuation, '{}'), 1002],
  ['a continuation of nothing, without its end', frame(OP.continuation, '{}', { fin: false }), 1002],
  ['a continuation after the end', all(text('{"type":', { fin: false }), frame(OP.continuation, '"ping"}'), frame(OP.continuation, 'x')), 1002],
  ['a text inside a message', all(text('{', { fin: false }), text('{}')), 1002],
  ['a binary inside a message', all(text('{', { fin: false }), frame(OP.binary, 'x')), 1002],
  ['a binary message', frame(OP.binary, '{"type":"ping"}'), 1003],
  ['an empty binary message', frame(OP.binary, ''), 1003],
  ['a binary message in pieces', all(frame(OP.binary, 'a', { fin: false }), frame(OP.continuation, 'b')), 1003],
  ['1,025 fragments', all(text('', { fin: false }), repeated(1024, frame(OP.continuation, '', { fin: false }))), 1009],
  ['20,000 empty fragments', all(text('', { fin: false }), repeated(20000, frame(OP.continuation, '', { fin: false }))), 1009],
  ['2,000 fragments of a byte', all(text('{', { fin: false }), repeated(2000, frame(OP.continuation, ' ', { fin: false }))), 1009],
  ['fragments without an end', all(text('{', { fin: false }), repeated(100, frame(OP.continuation, ' '.repeat(1000), { fin: false }))), 1009],
  ['70 KiB in two fragments', all(text(' '.repeat(35000), { fin: false }), frame(OP.continuation, ' '.repeat(35000))), 1009],
  ...BAD_UTF8.map((digits) => [`the text ${digits}`, text(hex(digits)), 1007]),
  ...['ff', 'eda080', 'f49080', 'c080', 'e08080', 'f08080'].map((digits) => [`the bytes ${digits} in a frame that goes on`, text(hex(digits), { length: 1000 }), 1007]),
  ['half a character at the end of a message in pieces', all(text('{"a":"', { fin: false }), frame(OP.continuation, hex('c3'))), 1007],
  ['bad bytes across a fragment edge', all(text(hex('ed'), { fin: false }), frame(OP.continuation, hex('a0'), { length: 100, fin: false })), 1007],
  ['bad bytes after an empty fragment', all(text(hex('f0'), { fin: false }), frame(OP.continuation, '', { fin: false }), frame(OP.continuation, hex('28'), { length: 10 })), 1007],
  ...[0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 9999, 65535].map((code) => [`the close code ${code}`, rawClose(hex(asHex(code))), 1002]),
  ['a close of one byte', rawClose('x'), 1002],
  ['a close whose reason is no UTF-8', rawClose(hex('03e8 ff')), 1007],
  ['a close whose reason ends in half a character', rawClose(hex('03e8 61 e282')), 1007],
];

// [what, the bytes after the handshake, the code that comes back]
const FAREWELLS = [
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999].map((code) => [`the close code ${code}`, closeFrame(code), code]),
  ['a close with a reason of 123 bytes', closeFrame(1000, 'ä'.repeat(61) + 'x'), 1000],
  ['a close without a code', rawClose(''), 1005],
  ['two closes', all(closeFrame(1000), closeFrame(1001)), 1000],
  ['a close and more', all(closeFrame(4000), PING, frame(OP.ping, 'x'), frame(3, 'x'), hex('ffffffff')), 4000],
  ['a close inside a message', all(text('{', { fin: false }), closeFrame(1000)), 1000],
];

// Odd, but right: after each the connection lives.
const ALIVE = [
  ['a mask of zeros', text('{"type":"ping"}', { mask: [0, 0, 0, 0] })],
  ['a mask of ones', text('{"type":"ping"}', { mask: [255, 255, 255, 255] })],
  ['a mask with text in it', text('{"type":"ping"}', { mask: [71, 69, 84, 32] })],
  ['1,000 pongs that nobody asked for', repeated(1000, frame(OP.pong, 'x'))],
  ['a pong of 125 bytes', frame(OP.pong, 'x'.repeat(125))],
  ['an empty text', text('')],
  ['text that is no JSON', text('hello')],
  ['a message in 1,024 fragments', all(text('', { fin: false }), repeated(1022, frame(OP.continuation, ' ', { fin: false })), frame(OP.continuation, '{"type":"ping"}'))],
  ['a character in four fragments', all(text('{"type":"ping","x":"\xf0'.slice(0, -1), { fin: false }), frame(OP.continuation, hex('f0'), { fin: false }), frame(OP.continuation, hex('9f'), { fin: false }), frame(OP.continuation, hex('98'), { fin: false }), frame(OP.continuation, all(hex('80'), Buffer.from('"}'))))],
  ['a ping between fragments', all(text('{"type":', { fin: false }), frame(OP.ping, 'mid'), frame(OP.pong, ''), frame(OP.continuation, '"ping"}'))],
  ['an empty last fragment', all(text('{"type":"ping"}', { fin: false }), frame(OP.continuation, ''))],
  ['a message of 64 KiB', text(`{"type":"ping","x":"${'y'.repeat(65536 - 22)}"}`)],
  ['a message of 125 bytes', text(`{"type":"ping","x":"${'y'.repeat(125 - 22)}"}`)],
  ['a message of 126 bytes', text(`{"type":"ping","x":"${'y'.repeat(126 - 22)}"}`)],
  ['a message of 65,535 bytes', text(`{"type":"ping","x":"${'y'.repeat(65535 - 22)}"}`)],
  ['noncharacters', text(hex('efbfbe efbfbf f09fbfbe f48fbfbf ee8080'))],
  ['a byte order mark', text(hex('efbbbf 7b7d'))],
];

const HANDSHAKES = [
  ['no key', { 'Sec-WebSocket-Key': null }, '', [400]],
  ['an empty key', { 'Sec-WebSocket-Key': '' }, '', [400]],
  ['a key of 15 bytes', { 'Sec-WebSocket-Key': Buffer.alloc(15, 'x').toString('base64') }, '', [400]],
  ['a key of 17 bytes', { 'Sec-WebSocket-Key': Buffer.alloc(17, 'x').toString('base64') }, '', [400]],
  ['a key that is no base64', { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZ!==' }, '', [400]],
  ['a key without padding', { 'Sec-WebSocket-Key': WS_KEY.slice(0, 22) }, '', [400]],
  ['a key with bits behind its end', { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZR==' }, '', [400]],
  ['two keys', {}, `Sec-WebSocket-Key: ${WS_KEY}\r\n`, [400]],
  ...['8', '12', '14', '0', '13, 8', 'x', ''].map((version) => [`version ${version}`, { 'Sec-WebSocket-Version': version }, '', [426]]),
  ['no version', { 'Sec-WebSocket-Version': null }, '', [426]],
  ['two versions', {}, 'Sec-WebSocket-Version: 13\r\n', [400, 426]],
  ['no Connection', { Connection: null }, '', [400]],
  ['Connection: keep-alive', { Connection: 'keep-alive' }, '', [400]],
  ['no Upgrade', { Upgrade: null }, '', [400, 426]],
  ['Upgrade: h2c', { Upgrade: 'h2c' }, '', [400, 426]],
  ['a body', { 'Content-Length': '5' }, '', [400], 'hello'],
  ['a chunked body', { 'Transfer-Encoding': 'chunked' }, '', [400], '0\r\n\r\n'],
  ['a protocol with 32,000 blanks', { 'Sec-WebSocket-Protocol': `b${' '.repeat(15000)}x` }, '', [400]],
  ['5,000 protocols', { 'Sec-WebSocket-Protocol': Array.from({ length: 5000 }, () => 'a').join(',') }, '', [400]],
  ['an empty protocol', { 'Sec-WebSocket-Protocol': '' }, '', [400]],
  ['a protocol with a blank', { 'Sec-WebSocket-Protocol': 'a b' }, '', [400]],
  ['a protocol in brackets', { 'Sec-WebSocket-Protocol': '[a]' }, '', [400]],
  ['hixie-76', { 'Sec-WebSocket-Key': null, 'Sec-WebSocket-Version': null, 'Sec-WebSocket-Key1': '18x 6]8vM;54 *(5:  {   U1]8  z [  8', 'Sec-WebSocket-Key2': '1_ tx7X d  <  nw  334J702) 7]o}` 0' }, '', [400, 426], 'Tm[K T2u'],
  ['Origin: null', { Origin: 'null' }, '', [403]],
  ['a foreign Origin', { Origin: 'https://evil.example' }, '', [403]],
  ['a cookie of nobody', { Cookie: 'collabd_session=nobody' }, '', [401]],
  ['a token of nobody', { Authorization: 'Bearer nobody' }, '', [401]],
];

const GOOD = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n';
const ways = {
  whole: async (kind, bytes) => {
    const socket = await RawSocket.open(servers[kind], '/ws', { headers: { Cookie: cookies[kind] } });
    await socket.write(bytes);
    return socket;
  },
  'a byte at a time': async (kind, bytes) => {
    const socket = await RawSocket.open(servers[kind], '/ws', { headers: { Cookie: cookies[kind] } });
    await socket.write(bytes, bytes.length > 2000 ? 41 : 1);
    return socket;
  },
  'with the handshake': async (kind, bytes) => {
    const raw = await Raw.open(servers[kind]);
    await raw.write(all(Buffer.from(GOOD), Buffer.from(handshake('/ws', { Cookie: cookies[kind] })), bytes));
    const answers = await raw.answers(2);
    assert.deepEqual(answers.map(({ status }) => status), [200, 101]);
    const socket = new RawSocket(raw, answers[1]);
    socket.skip = raw.bytes.indexOf('\r\n\r\n', raw.bytes.indexOf('HTTP/1.1 101')) + 4;
    return socket;
  },
};

async function tryAll(kind, cases, check) {
  const failures = [];
  const tries = cases.flatMap((item) => Object.keys(ways).map((way) => [item, way]));
  await inParallel(tries, 12, async ([item, way]) => {
    let socket;
    try {
      socket = await ways[way](kind, item[1]);
      await check(socket, item);
    } catch (error) {
      failures.push(`${item[0]}, ${way}: ${error.message.slice(0, 300)}`);
    }
    socket?.destroy();
  });
  assert.deepEqual(failures, []);
  assert.equal((await healthy[kind].ask({ type: 'ping' })).type, 'pong');
}

for (const kind of ['plain', 'tls']) {
  describe(`over ${kind}`, { concurrency: 1 }, () => {
    test(`${CLOSED.length} violations close with their code, and nothing else is said`, () =>
      tryAll(kind, CLOSED, async (socket, [, , code]) => {
        assert.equal((await socket.waitClose()).code, code);
        await socket.write(closeFrame(code)); // who may still answer does
        await socket.raw.waitOver();
        assert.equal(socket.frames().filter(({ opcode }) => opcode === OP.close).length, 1);
        assert.equal(socket.frames().at(-1).opcode, OP.close);
      }));

    test(`${FAREWELLS.length} goodbyes are answered with the same code, once, and end the connection`, () =>
      tryAll(kind, FAREWELLS, async (socket, [, , code]) => {
        await socket.raw.waitOver();
        assert.equal(socket.closing().code, code);
        assert.deepEqual(socket.frames().map(({ opcode }) => opcode), [OP.close]);
      }));

    test(`${ALIVE.length} odd messages are right, and the connection lives`, () =>
      tryAll(kind, ALIVE, async (socket) => {
        await socket.write(PING);
        await socket.wait(({ payload }) => String(payload).includes('"replyTo":"p"'), 'the pong');
        assert.ok(!socket.raw.isOver);
      }));

    test(`${HANDSHAKES.length} wrong handshakes are refused, and what follows is not heard`, async () => {
      const failures = [];
      await inParallel(HANDSHAKES, 8, async ([what, headers, more, statuses, body = '']) => {
        const input = all(Buffer.from(handshake('/ws', headers, more)), Buffer.from(body), PING, Buffer.from(GOOD));
        for (const how of ['whole', input.length > 3000 ? 61 : 'split']) {
          const { answers } = await exchange(servers[kind], input, { how });
          // without a word of an upgrade it is a request like others, and what follows is a bad one
          const isRequest = /^(no Upgrade|Upgrade: )/.test(what);
          if (answers.length !== (isRequest ? 2 : 1) || !statuses.includes(answers[0].status) || answers.at(-1).status === 200) failures.push(`${what}, ${how}: ${answers.map(({ status }) => status)}`);
          if (answers[0]?.status === 426 && !isRequest && answers[0].headers.get('sec-websocket-version') !== '13') failures.push(`${what}: no version`);
        }
      });
      for (const [what, start] of [['POST', 'POST /ws HTTP/1.1'], ['HEAD', 'HEAD /ws HTTP/1.1'], ['HTTP/1.0', 'GET /ws HTTP/1.0']]) {
        const raw = await Raw.open(servers[kind]);
        await raw.write(handshake('/ws').replace('GET /ws HTTP/1.1', start));
        await raw.waitOver();
        if (!/^HTTP\/1.1 4\d\d /.test(raw.bytes.toString())) failures.push(`${what}: ${raw.bytes.toString().slice(0, 30)}`);
      }
      assert.deepEqual(failures, []);
    });

    test('a handshake a byte at a time, with names in any case and lists, is accepted', async () => {
      const odd = `GET /ws HTTP/1.1\r\nhOST: localhost\r\nupgrade: foo, WebSocket\r\nCONNECTION: keep-alive , uPgRaDe\r\nsec-websocket-key: ${WS_KEY}\r\nsec-websocket-version: 13\r\nSec-WebSocket-Protocol: chat, x\r\nCookie: ${cookies[kind]}\r\n\r\n`;
      for (const size of [1, 7, 1000]) {
        const raw = await Raw.open(servers[kind]);
        await raw.writeSplit(odd, size);
        const [answer] = await raw.answers(1);
        assert.equal(answer.status, 101);
        assert.equal(answer.headers.get('sec-websocket-accept'), WS_ACCEPT);
        raw.destroy();
      }
    });

    test('a ping is answered with what it carried; of many at once the last ones are', async () => {
      const socket = await RawSocket.open(servers[kind], '/ws', { headers: { Cookie: cookies[kind] } });
      for (const payload of ['', 'x', 'y'.repeat(125)]) {
        await socket.write(frame(OP.ping, payload));
        await socket.wait(({ opcode, payload: back }) => opcode === OP.pong && back.toString() === payload, 'the pong');
      }
      socket.destroy();
    });

    test('a client that says goodbye and stays is hung up on', async () => {
      await eventually(async () => (await metric(servers[kind], 'connections')) === 2, 'quiet');
      const sockets = await Promise.all(Array.from({ length: 5 }, () => RawSocket.open(servers[kind], '/ws', { headers: { Cookie: cookies[kind] }, allowHalfOpen: true })));
      for (const socket of sockets) await socket.write(closeFrame(1000));
      for (const socket of sockets) assert.equal((await socket.waitClose()).code, 1000);
      await eventually(async () => (await metric(servers[kind], 'connections')) === 2, 'the end of those who stay', 20000);
      for (const socket of sockets) socket.destroy();
    });
  });
}

test('a TCP connection that is reset in the middle of anything leaves nothing behind', async () => {
  const server = servers.plain;
  const input = all(Buffer.from(handshake('/ws', { Cookie: cookies.plain })), text('{"type":"subscribe","channel":"torn"}'), text('{"type":"publish","channel":"torn","payload":1}'), closeFrame(1000));
  await inParallel(Array.from({ length: 120 }, (_, index) => 1 + index * 3), 20, async (length) => {
    const raw = await Raw.open(server);
    await raw.write(input.subarray(0, length));
    raw.socket.resetAndDestroy();
  });
  await eventually(async () => (await metric(server, 'connections')) === 2, 'the end of all connections');
  assert.equal((await metric(server, 'connections_websocket')), 1);
});
