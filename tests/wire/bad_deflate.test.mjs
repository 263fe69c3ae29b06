// permessage-deflate (RFC 7692) as an attacker speaks it: offers that ask too much, messages that grow a thousandfold, streams that are none.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import zlib from 'node:zlib';
import { closeFrame, frame, inParallel, OP, RawSocket } from '../lib/raw.mjs';
import { serveBoth } from './lib/both.mjs';

const { servers, cookies, healthy } = serveBoth({ env: { COLLABD_ERROR_MESSAGES_PER_MINUTE_MAX: '0' } });

const OFFER = 'permessage-deflate; client_no_context_takeover; server_no_context_takeover';
const RSV1 = { rsv: 4 };
const hex = (digits) => Buffer.from(digits.replace(/ /g, ''), 'hex');
const all = (...pieces) => Buffer.concat(pieces);

/** As the extension sends it: raw deflate, flushed, without the last four bytes. */
function deflate(text, options = {}) {
  const bytes = zlib.deflateRawSync(text, { finishFlush: zlib.constants.Z_SYNC_FLUSH, ...options });
  return options.finishFlush === undefined ? bytes.subarray(0, -4) : bytes;
}

const inflate = (payload) => zlib.inflateRawSync(all(payload, hex('0000ffff')), { finishFlush: zlib.constants.Z_SYNC_FLUSH }).toString();

/** Cuts a message into frames of so many bytes. */
function inFragments(payload, size) {
  const pieces = [];
  for (let at = 0; at < payload.length; at += size) {
    pieces.push(frame(at === 0 ? OP.text : OP.continuation, payload.subarray(at, at + size), { fin: at + size >= payload.length, rsv: at === 0 ? 4 : 0 }));
  }
  return all(...pieces);
}

const PING = '{"type":"ping","messageId":"p"}';
const bomb = (mebibytes, options) => deflate(Buffer.alloc(mebibytes * 1024 * 1024, ' '), options);

// [what, the bytes after the handshake, the close code]
const CLOSED = [
  ['48 MiB of blanks in a message', frame(OP.text, bomb(48), RSV1), 1009],
  ['64 KiB and a byte', frame(OP.text, deflate(' '.repeat(65537)), RSV1), 1009],
  ['a bomb in 1,000 fragments', inFragments(bomb(48), Math.ceil(bomb(48).length / 1000)), 1009],
  ['a bomb that is binary', frame(OP.binary, bomb(48), RSV1), 1009],
  ['a bomb whose stream never ends', frame(OP.text, bomb(32).subarray(0, 30000), RSV1), 1009],
  ['6 MiB of compressed bytes', frame(OP.text, Buffer.alloc(10), { rsv: 4, length: 6 * 1024 * 1024, lengthBytes: 8 }), 1009],
  ['fragments without an end', all(frame(OP.text, 'x', { rsv: 4, fin: false }), ...Array.from({ length: 80 }, () => frame(OP.continuation, Buffer.alloc(1000), { fin: false }))), 1009],
  ['RSV1 on a continuation', all(frame(OP.text, deflate(PING), { rsv: 4, fin: false }), frame(OP.continuation, '', RSV1)), 1002],
  ['RSV1 on the continuation of a plain message', all(frame(OP.text, '{', { fin: false }), frame(OP.continuation, deflate('}'), RSV1)), 1002],
  ['RSV1 on a ping', frame(OP.ping, deflate('x'), RSV1), 1002],
  ['RSV1 on a pong', frame(OP.pong, deflate('x'), RSV1), 1002],
  ['RSV1 on a close', frame(OP.close, deflate('x'), RSV1), 1002],
  ['RSV1 and RSV2', frame(OP.text, deflate(PING), { rsv: 6 }), 1002],
  ['a block of the type that is none', frame(OP.text, hex('07'), RSV1), 1007],
  ['bytes that are no stream', frame(OP.text, hex('ffffffffffffffff'), RSV1), 1007],
  ['a stored block whose lengths differ', frame(OP.text, hex('00 0500 0000 68656c6c6f'), RSV1), 1007],
  ['a distance before the beginning', frame(OP.text, hex('4b 04 22 00'), RSV1), 1007],
  ['a stored block without an end', frame(OP.text, all(hex('00 0200 fdff'), Buffer.from('{}')), RSV1), 1007],
  ['half a stream', frame(OP.text, deflate('{"type":"ping","payload":"some more text, and more of it"}').subarray(0, 12), RSV1), 1007],
  ['text that is no UTF-8', frame(OP.text, deflate(hex('7b22ff227d')), RSV1), 1007],
  ['half a character', frame(OP.text, deflate(hex('7b22c3')), RSV1), 1007],
  ['a surrogate', frame(OP.text, deflate(hex('eda080')), RSV1), 1007],
  ['a binary message', frame(OP.binary, deflate(PING), RSV1), 1003],
];

// Streams of any shape that mean the ping; the connection lives.
const stored = (text) => all(hex('00'), Buffer.from([text.length, 0, ~text.length & 255, 255]), Buffer.from(text));
const PONGS = [
  ['level 1', deflate(PING, { level: 1 })],
  ['level 9', deflate(PING, { level: 9 })],
  ['a window of 9 bits', deflate(PING, { windowBits: 9 })],
  ['a stored block', all(stored(PING), hex('00'))],
  ['two stored blocks', all(stored(PING.slice(0, 9)), stored(PING.slice(9)), hex('00'))],
  ['huffman only', deflate(PING, { strategy: zlib.constants.Z_HUFFMAN_ONLY })],
  ['fixed codes', deflate(PING, { strategy: zlib.constants.Z_FIXED })],
  ['a final block and the empty one behind it', all(deflate(PING, { finishFlush: zlib.constants.Z_FINISH }), hex('00'))],
  ['a final block alone', deflate(PING, { finishFlush: zlib.constants.Z_FINISH })],
  ['two final blocks', all(deflate(PING.slice(0, 9), { finishFlush: zlib.constants.Z_FINISH }), deflate(PING.slice(9), { finishFlush: zlib.constants.Z_FINISH }), hex('00'))],
  ['an empty block in front', all(hex('00 0000 ffff'), deflate(PING))],
  ['1,000 empty blocks in front', all(...Array.from({ length: 1000 }, () => hex('00 0000 ffff')), deflate(PING))],
  ['64 KiB of blanks around it', deflate(`${' '.repeat(65536 - PING.length)}${PING}`)],
].map(([what, payload]) => [what, frame(OP.text, payload, RSV1)]);
const ALIVE = [
  ...PONGS,
  ['a ping that is not compressed', frame(OP.text, PING)],
  ['in fragments of a byte', inFragments(deflate(PING), 1)],
  ['with a control frame between', all(frame(OP.text, deflate(PING).subarray(0, 5), { rsv: 4, fin: false }), frame(OP.ping, 'x'), frame(OP.continuation, deflate(PING).subarray(5)))],
  ['an empty message, then it', all(frame(OP.text, hex('00'), RSV1), frame(OP.text, deflate(PING), RSV1))],
  ['a message of no bytes, then it', all(frame(OP.text, '', RSV1), frame(OP.text, deflate(PING), RSV1))],
  ['no JSON, then it', all(frame(OP.text, deflate('hello'), RSV1), frame(OP.text, deflate(PING), RSV1))],
];

// [the offer, what is answered: undefined for none, null for a refused handshake]
const SHARED = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
const OFFERS = [
  ['permessage-deflate', SHARED],
  [OFFER, SHARED],
  ['permessage-deflate; client_max_window_bits', SHARED],
  ['permessage-deflate; client_max_window_bits=9', SHARED],
  ['permessage-deflate; client_max_window_bits=15', SHARED],
  ['permessage-deflate; server_max_window_bits=15', `${SHARED}; server_max_window_bits=15`],
  ['permessage-deflate; server_max_window_bits=9', undefined],
  ['permessage-deflate; server_max_window_bits=9, permessage-deflate', SHARED],
  ['PERMESSAGE-DEFLATE', SHARED],
  ['permessage-deflate; client_max_window_bits="15"', SHARED],
  ['permessage-deflate ; client_no_context_takeover ;server_no_context_takeover', SHARED],
  ['x-webkit-deflate-frame, permessage-deflate', SHARED],
  ['permessage-bzip2', undefined],
  ...['7', '8', '16', '0', '-1', '99999999999', '18446744073709551625', '1e1', '09', '', '"', '"1 5"', 'x'].flatMap((bits) => [
    [`permessage-deflate; server_max_window_bits=${bits}`, bits === '09' ? [undefined] : [undefined, null]],
    [`permessage-deflate; client_max_window_bits=${bits}`, bits === '09' ? [SHARED, undefined] : [undefined, null]],
  ]),
  ['permessage-deflate; server_max_window_bits', [undefined, null]],
  ['permessage-deflate; server_no_context_takeover=1', [undefined, null]],
  ['permessage-deflate; client_no_context_takeover; client_no_context_takeover', [undefined, null]],
  ['permessage-deflate; client_max_window_bits=15; client_max_window_bits=15', [undefined, null]],
  ['permessage-deflate; server_max_window_bits=15; server_max_window_bits=14', [undefined, null]],
  ['permessage-deflate; unknown', [undefined, null]],
  ['permessage-deflate; unknown=1', [undefined, null]],
  ['permessage-deflate;', [undefined, null]],
  ['permessage-deflate; ;', [undefined, null]],
  ['; permessage-deflate', [undefined, null]],
  ['permessage-deflate=1', [undefined, null]],
  ['permessage-deflate "x"', [undefined, null]],
  ['"permessage-deflate"', [undefined, null]],
  [',', undefined],
  [',,,permessage-deflate,,,', SHARED],
  [Array.from({ length: 300 }, () => 'x').join(', '), [undefined, null]],
  [Array.from({ length: 300 }, () => 'permessage-deflate; server_max_window_bits=9').join(', '), [undefined, null]],
  [`permessage-deflate; ${'x'.repeat(6000)}`, [undefined, null]],
  [`permessage-deflate;${' '.repeat(15000)}x`, [undefined, null]],
];

const open = (kind, offer = OFFER) => RawSocket.open(servers[kind], '/ws', { headers: { Cookie: cookies[kind], 'Sec-WebSocket-Extensions': offer } });

async function tryAll(kind, cases, check) {
  const failures = [];
  const tries = cases.flatMap((item) => [undefined, item[1].length > 2000 ? 97 : 1].map((size) => [item, size]));
  await inParallel(tries, 12, async ([item, size]) => {
    const socket = await open(kind);
    try {
      await socket.write(item[1], size);
      await check(socket, item);
    } catch (error) {
      failures.push(`${item[0]}, ${size ? 'in pieces' : 'whole'}: ${error.message.slice(0, 300)}`);
    }
    socket.destroy();
  });
  assert.deepEqual(failures, []);
  assert.equal((await healthy[kind].ask({ type: 'ping' })).type, 'pong');
}

for (const kind of ['plain', 'tls']) {
  describe(`over ${kind}`, { concurrency: 1 }, () => {
    test(`${OFFERS.length} offers are answered with what can be kept, declined, or refused`, async () => {
      const failures = [];
      await inParallel(OFFERS, 8, async ([offer, wanted]) => {
        let said;
        try {
          const socket = await open(kind, offer);
          said = socket.answer.headers.get('sec-websocket-extensions');
          // whatever was agreed upon, both sides understand each other
          await socket.write(said ? frame(OP.text, deflate(PING), RSV1) : frame(OP.text, PING));
          await socket.wait(({ payload }) => payload.includes('"replyTo":"p"'), `a pong after ${offer}`);
          socket.destroy();
        } catch (error) {
          if (!error.status) failures.push(error.message);
          said = error.status === 400 ? null : error.status;
        }
        if (!(Array.isArray(wanted) ? wanted : [wanted]).includes(said)) failures.push(`${offer.slice(0, 80)}: ${said}`);
      });
      assert.deepEqual(failures, []);
    });

    test(`${CLOSED.length} messages that must not be inflated, or cannot, close with their code`, () =>
      tryAll(kind, CLOSED, async (socket, [, , code]) => {
        assert.equal((await socket.waitClose()).code, code);
        await socket.write(closeFrame(code));
        await socket.raw.waitOver();
        assert.equal(socket.frames().at(-1).opcode, OP.close);
      }));

    test(`${ALIVE.length} streams of any shape are understood`, () =>
      tryAll(kind, ALIVE, async (socket) => {
        await socket.wait(({ payload }) => payload.includes('"replyTo":"p"'), 'the pong');
        assert.ok(!socket.raw.isOver);
      }));

    test('what comes back is compressed when it is long, and each message stands alone', async () => {
      const socket = await open(kind);
      const value = 'ab'.repeat(2000);
      await socket.write(frame(OP.text, deflate('{"type":"subscribe","channel":"deflated","messageId":"s"}'), RSV1));
      for (const id of ['1', '2']) {
        const message = `{"type":"publish","channel":"deflated","echo":true,"messageId":"p${id}","payload":"${value}${id}"}`;
        await socket.write(frame(OP.text, deflate(message), RSV1));
      }
      const sent = () => socket.frames().filter(({ rsv }) => rsv === 4).map(({ payload }) => inflate(payload)).filter((text) => text.includes('"type":"publish"'));
      await socket.raw.until(() => sent().length === 2, 'two echoes');
      assert.deepEqual(sent().map((text) => JSON.parse(text).payload), [`${value}1`, `${value}2`]);
      assert.ok(socket.frames().every(({ rsv, payload }) => rsv === 0 || payload.length < 400));
      socket.destroy();
    });
  });
}

test('a hundred bombs at once hold nobody up and leave no memory behind', async () => {
  const server = servers.plain;
  const payload = frame(OP.text, bomb(48), RSV1);
  const pings = [];
  const attackers = inParallel(Array.from({ length: 100 }), 20, async () => {
    const socket = await open('plain');
    await socket.write(payload);
    assert.equal((await socket.waitClose()).code, 1009);
    socket.destroy();
  });
  let isOver = false;
  attackers.finally(() => (isOver = true));
  while (!isOver) pings.push(await healthy.plain.ask({ type: 'ping' }));
  await attackers;
  assert.ok(pings.length > 0 && pings.every(({ type }) => type === 'pong'));
  assert.equal(server.child.exitCode, null);
});
