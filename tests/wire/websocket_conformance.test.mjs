// The transport with an echo behind it, against everything RFC 6455 and RFC 7692 allow: sizes up to 16 MiB, any fragmentation, every window and
// both kinds of context, with the client library people use and with bare bytes.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import zlib from 'node:zlib';
import { closeFrame, frame, inParallel, OP, RawSocket } from '../lib/raw.mjs';

const BINARY = process.env.COLLABD_BIN ?? new URL('../../build/collabd', import.meta.url).pathname;
const ECHO = join(dirname(BINARY), 'conformance');
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

const open = (options = {}) => new Promise((resolve, reject) => {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/echo`, { perMessageDeflate: false, maxPayload: 0, ...options });
  socket.once('open', () => resolve(socket));
  socket.once('error', reject);
});

/** Sends and gives what comes back: {data, isBinary}. */
const echo = (socket, data, options) => new Promise((resolve, reject) => {
  socket.once('message', (back, isBinary) => resolve({ data: back, isBinary }));
  socket.once('close', (code) => reject(new Error(`closed with ${code}`)));
  socket.send(data, options);
});

const all = (...pieces) => Buffer.concat(pieces);
const repeat = (count, make) => Buffer.concat(Array.from({ length: count }, (_, index) => make(index)));
const hex = (digits) => Buffer.from(digits.replace(/ /g, ''), 'hex');

// ---- sizes ----------------------------------------------------------------------------------------------------------

test('messages of every size up to 16 MiB come back as they were, text as text, binary as binary', async () => {
  const socket = await open();
  for (const size of [0, 1, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537, 262144, 1048576, 4194304, 8388608, 16777216]) {
    for (const binary of [false, true]) {
      const data = binary ? randomBytes(size) : Buffer.alloc(size, 'aé日'.slice(0, 1));
      const back = await echo(socket, data, { binary });
      assert.equal(back.isBinary, binary);
      assert.ok(back.data.equals(data), `${size} bytes of ${binary ? 'binary' : 'text'}`);
    }
  }
  socket.close();
});

test('a message over 16 MiB closes with 1009, said once or in pieces', async () => {
  for (const bytes of [frame(OP.binary, 'x', { length: 16777217, lengthBytes: 8 }), all(frame(OP.binary, Buffer.alloc(16777216), { fin: false }), frame(OP.continuation, 'x'))]) {
    const socket = await RawSocket.open(server, '/echo');
    await socket.write(bytes);
    assert.equal((await socket.waitClose()).code, 1009);
    socket.destroy();
  }
});

test('4 MiB in fragments of 64 bytes to 4 MiB, sent in pieces of any size', async () => {
  const size = 4 * 1024 * 1024;
  const data = randomBytes(size);
  for (const piece of [64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, size]) {
    const socket = await RawSocket.open(server, '/echo');
    await socket.write(repeat(size / piece, (index) => frame(index ? OP.continuation : OP.binary, data.subarray(index * piece, (index + 1) * piece), { fin: index === size / piece - 1 })));
    const { payload, opcode } = await socket.wait(() => true, 'the echo');
    assert.equal(opcode, OP.binary);
    assert.ok(payload.equals(data), `fragments of ${piece}`);
    socket.destroy();
  }
});

// ---- fragments, pings, pieces ---------------------------------------------------------------------------------------

test('a message in any fragments, with pings and pongs between them, in any pieces of TCP', async () => {
  const text = 'Hello-µ@ßöäüàá-UTF-8!! 日本語 😀';
  const body = Buffer.from(text);
  const variants = [];
  for (let cut = 0; cut <= body.length; cut++) {
    variants.push(all(frame(OP.text, body.subarray(0, cut), { fin: false }), frame(OP.ping, `p${cut}`), frame(OP.pong, ''), frame(OP.continuation, body.subarray(cut))));
  }
  variants.push(all(frame(OP.text, '', { fin: false }), repeat(body.length, (index) => all(frame(OP.continuation, body.subarray(index, index + 1), { fin: false }), frame(OP.ping, ''))), frame(OP.continuation, '')));
  await inParallel(variants.flatMap((bytes) => [undefined, 1, 3, 7].map((size) => [bytes, size])), 10, async ([bytes, size]) => {
    const socket = await RawSocket.open(server, '/echo');
    await socket.write(bytes, size);
    const { payload } = await socket.wait(({ opcode }) => opcode === OP.text, 'the echo');
    assert.equal(payload.toString(), text);
    assert.ok(socket.frames().some(({ opcode }) => opcode === OP.pong));
    socket.destroy();
  });
});

test('a hundred pings of any payload are answered in order, with messages between', async () => {
  const socket = await RawSocket.open(server, '/echo');
  await socket.write(repeat(100, (index) => all(frame(OP.ping, `${index}:${'x'.repeat(index)}`), frame(OP.text, `${index}`))));
  await socket.raw.until(() => socket.frames().length === 200, 'all answers');
  const pongs = socket.frames().filter(({ opcode }) => opcode === OP.pong).map(({ payload }) => payload.toString());
  assert.deepEqual(pongs, Array.from({ length: 100 }, (_, index) => `${index}:${'x'.repeat(index)}`));
  socket.destroy();
});

// ---- UTF-8 ----------------------------------------------------------------------------------------------------------

test('every valid sequence comes back; every invalid one closes with 1007, in one frame, cut anywhere, and before the rest has come', async () => {
  const valid = ['', '7f', 'c280', 'dfbf', 'e0a080', 'ed9fbf', 'ee8080', 'efbfbd', 'efbfbe', 'efbfbf', 'f0908080', 'f48fbfbf', 'f09fbfbe', '00', 'e0a0a0e0bfbf', 'ceba', 'cebae1bdb9cf83cebcceb5', 'f0bfbfbf', 'f3bfbfbf', 'efbbbf'];
  const invalid = [
    '80', 'bf', '80bf', '80bf80', 'c0', 'c1', 'c080', 'c0af', 'c1bf', 'c2', 'df', 'c2c2', 'c220', 'e0', 'e080', 'e0a0', 'e08080', 'e09fbf', 'e0a020', 'ed', 'eda0', 'eda080', 'edad bf', 'edae80', 'edaf bf', 'edb080', 'edbe80', 'edbfbf', 'eda080edb080', 'f0', 'f080', 'f09080',
    'f0808080', 'f08fbfbf', 'f4908080', 'f4bfbfbf', 'f5808080', 'f7bfbfbf', 'f8', 'f888808080', 'fb bfbfbfbf', 'fc8480808080', 'fdbfbfbfbfbf', 'fe', 'ff', 'fefeffff', 'cebae1bdb9cf83cebcceb5eda080656469746564', 'cebae1bdb9cf83cebcceb5f4908080656469746564', 'e1bf', 'efbf', 'f09d92', '61ff62', 'f28080',
  ];
  const ways = (body) => [
    ['whole', [frame(OP.text, body)]], ['a byte a frame', [all(frame(OP.text, '', { fin: false }), repeat(body.length, (index) => frame(OP.continuation, body.subarray(index, index + 1), { fin: false })), frame(OP.continuation, ''))]],
    ['a byte a packet', [frame(OP.text, body), 1]], ...Array.from({ length: Math.max(0, body.length - 1) }, (_, index) => [`cut after ${index + 1}`, [all(frame(OP.text, body.subarray(0, index + 1), { fin: false }), frame(OP.continuation, body.subarray(index + 1)))]]),
  ];
  const failures = [];
  const tries = [...valid.map((digits) => [digits, true]), ...invalid.map((digits) => [digits, false])].flatMap(([digits, isValid]) => ways(hex(digits)).map((way) => [digits, isValid, way]));
  await inParallel(tries, 10, async ([digits, isValid, [what, [bytes, size]]]) => {
    const socket = await RawSocket.open(server, '/echo');
    await socket.write(bytes, size);
    const first = await socket.wait(() => true, 'an answer');
    if (isValid ? !first.payload.equals(hex(digits)) || first.opcode !== OP.text : socket.closing().code !== 1007) failures.push(`${digits}, ${what}: ${socket.closing().code}`);
    socket.destroy();
  });
  assert.deepEqual(failures, []);
  // what cannot become valid any more is refused at once
  for (const digits of ['ff', 'c0', 'eda0', 'e09f', 'f490', 'f08f', 'c220', 'f5']) {
    const socket = await RawSocket.open(server, '/echo');
    await socket.write(frame(OP.text, hex(`6162${digits}`), { length: 100000, lengthBytes: 8 }));
    assert.equal((await socket.waitClose()).code, 1007, digits);
    socket.destroy();
  }
});

// ---- what is refused ------------------------------------------------------------------------------------------------

test('reserved bits and opcodes, wrong control frames, wrong continuations, wrong closes', async () => {
  const asHex = (code) => code.toString(16).padStart(4, '0');
  const cases = [
    ...[1, 2, 3, 4, 5, 6, 7].flatMap((rsv) => [OP.text, OP.binary, OP.ping, OP.pong, OP.close].map((opcode) => [frame(opcode, '', { rsv }), 1002])),
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode) => ['', 'x'].map((body) => [frame(opcode, body), 1002])),
    ...[OP.ping, OP.pong, OP.close].flatMap((opcode) => [[frame(opcode, 'x'.repeat(126)), 1002], [frame(opcode, '', { fin: false }), 1002], [frame(opcode, '', { mask: null }), 1002]]),
    [frame(OP.continuation, 'x'), 1002], [frame(OP.continuation, 'x', { fin: false }), 1002], [all(frame(OP.text, 'a', { fin: false }), frame(OP.text, 'b')), 1002], [all(frame(OP.text, 'a', { fin: false }), frame(OP.binary, 'b', { fin: false })), 1002],
    ...[0, 1, 500, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535].map((code) => [frame(OP.close, hex(asHex(code))), 1002]), [frame(OP.close, 'x'), 1002], [frame(OP.close, hex('03e8ff')), 1007],
    ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999].map((code) => [closeFrame(code, 'bye'), code]), [frame(OP.close, ''), 1005],
  ];
  const failures = [];
  await inParallel(cases.flatMap(([bytes, code]) => [undefined, 1].map((size) => [bytes, code, size])), 12, async ([bytes, code, size]) => {
    // a message before it comes back, one behind it does not
    const socket = await RawSocket.open(server, '/echo');
    await socket.write(all(frame(OP.text, 'before'), bytes, frame(OP.text, 'behind')), size);
    await socket.raw.waitOver();
    const texts = socket.frames().filter(({ opcode }) => opcode === OP.text).map(({ payload }) => payload.toString());
    if (socket.closing().code !== code || texts.join() !== 'before') failures.push(`${bytes.toString('hex').slice(0, 40)}: ${socket.closing().code}, not ${code}; ${texts}`);
    socket.destroy();
  });
  assert.deepEqual(failures, []);
});

// ---- permessage-deflate ---------------------------------------------------------------------------------------------

/** Like what people send: JSON with repetition, of any length. */
const sample = (size, seed) => {
  const words = ['"status":"open"', '"quantity":12', '"notes":"left at the dock, call first"', '"id":"WO-10', '日本', '😀'];
  let text = '';
  for (let i = seed; text.length < size; i++) text += `${words[(i * 7 + (i >> 3)) % words.length]}${i},`;
  return text.slice(0, size).replace(/[\ud800-\udbff]$/, '');
};

const SIZES = [0, 1, 16, 64, 255, 256, 257, 1024, 4096, 8192, 32768, 65536, 131072];
const windows = [undefined, 9, 10, 11, 12, 13, 14, 15];

test('every offer that the client library can make: messages of any size, text and binary, in both directions, with and without context', async () => {
  const offers = [];
  for (const serverMaxWindowBits of windows) {
    for (const clientMaxWindowBits of [undefined, true, 9, 12, 15]) {
      for (const serverNoContextTakeover of [false, true]) {
        for (const clientNoContextTakeover of [false, true]) offers.push({ serverMaxWindowBits, clientMaxWindowBits, serverNoContextTakeover, clientNoContextTakeover });
      }
    }
  }
  await inParallel(offers, 6, async (offer) => {
    const options = Object.fromEntries(Object.entries(offer).filter(([, value]) => value !== undefined && value !== false));
    const socket = await open({ perMessageDeflate: { ...options, threshold: 0 } });
    const what = JSON.stringify(options);
    const agreed = socket.extensions;
    assert.equal(agreed, 'permessage-deflate', what);
    for (const [index, size] of [...SIZES, ...SIZES.slice(3, 10)].entries()) {
      const text = sample(size, index * 13);
      const back = await echo(socket, text).catch((error) => assert.fail(`${what}, ${size} characters: ${error.message}`));
      assert.equal(back.data.toString(), text, `${what}, ${size} characters`);
      if (index % 4 === 0) {
        const noise = randomBytes(size);
        assert.ok((await echo(socket, noise)).data.equals(noise), `${what}, ${size} bytes of noise`);
      }
    }
    socket.close();
  });
});

test('a thousand messages over one context, each a little like the last, and one of 16 MiB', async () => {
  const socket = await open({ perMessageDeflate: { threshold: 0 } });
  for (let i = 0; i < 1000; i++) {
    const text = sample(100 + i * 3, i);
    assert.equal((await echo(socket, text)).data.toString(), text, `message ${i}`);
  }
  const large = Buffer.alloc(16 * 1024 * 1024, sample(5000, 1).replace(/[^\x00-\x7f]/g, ''));
  assert.ok((await echo(socket, large, { binary: true })).data.equals(large));
  socket.close();
});

test('compressed in fragments, with empty ones, between plain ones, with pings inside', async () => {
  const deflate = (text, options) => zlib.deflateRawSync(text, { finishFlush: zlib.constants.Z_SYNC_FLUSH, ...options }).subarray(0, -4);
  const inflate = (payload) => zlib.inflateRawSync(all(payload, hex('0000ffff')), { finishFlush: zlib.constants.Z_SYNC_FLUSH }).toString();
  const text = sample(3000, 5);
  const bytes = deflate(text);
  const offer = { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; server_no_context_takeover; client_no_context_takeover' } };
  for (const size of [1, 2, 7, 64, 500, 5000]) {
    const socket = await RawSocket.open(server, '/echo', offer);
    const count = Math.ceil(bytes.length / size);
    await socket.write(all(
      frame(OP.text, 'plain'), repeat(count, (index) => all(frame(index ? OP.continuation : OP.text, bytes.subarray(index * size, (index + 1) * size), { fin: false, rsv: index ? 0 : 4 }), frame(OP.ping, ''))), frame(OP.continuation, ''), frame(OP.text, deflate('again'), { rsv: 4 }), frame(OP.text, hex('00'), { rsv: 4 }),
    ));
    const messages = () => socket.frames().filter(({ opcode }) => opcode === OP.text).map(({ rsv, payload }) => (rsv ? inflate(payload) : payload.toString()));
    await socket.raw.until(() => messages().length === 4, 'four echoes');
    assert.deepEqual(messages(), ['plain', text, 'again', ''], `fragments of ${size}`);
    socket.destroy();
  }
});

test('a client that keeps its context where it said it would not, or the other way round, is understood or refused', async () => {
  // the second message refers to the first one's window
  const stream = zlib.createDeflateRaw({ windowBits: 15 });
  const pieces = [];
  stream.on('data', (piece) => pieces.push(piece));
  const next = (text) => new Promise((resolve) => {
    pieces.length = 0;
    stream.write(text);
    stream.flush(zlib.constants.Z_SYNC_FLUSH, () => resolve(all(...pieces).subarray(0, -4)));
  });
  const text = sample(600, 9);
  const [first, second] = [await next(text), await next(text)];
  for (const [offer, verdict] of [['permessage-deflate', 'echo'], ['permessage-deflate; client_no_context_takeover', 1007]]) {
    const socket = await RawSocket.open(server, '/echo', { headers: { 'Sec-WebSocket-Extensions': offer } });
    await socket.write(all(frame(OP.text, first, { rsv: 4 }), frame(OP.text, second, { rsv: 4 })));
    await socket.raw.until(() => socket.frames().length === 2, 'two answers');
    const [, answer] = socket.frames();
    if (verdict === 'echo') assert.equal(answer.opcode, OP.text);
    else assert.equal(socket.closing().code, verdict);
    socket.destroy();
  }
});
