// What is no TLS, old TLS, and half of TLS: an alert or a close, and those inside notice nothing.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { Client, eventually, startServer } from '../lib/server.mjs';
import { enter, exchange, inParallel, makeCertificate, metric, Raw } from '../lib/raw.mjs';

const certificate = makeCertificate();
let server, plain, healthy;

before(async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // for the clients that are not ours
  server = await startServer({ args: ['--workers', '2', ...certificate.args], env: { COLLABD_HTTP_FIRST_BYTE_MS: '1500' } });
  plain = { ...server, base: 'http:' };
  healthy = await Client.open(server, '/ws', { cookie: await enter(server, 'akhan') });
});

after(async () => {
  healthy.close();
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
  assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
  rmSync(certificate.folder, { recursive: true });
});

/** A handshake with these options: the socket's facts, or its error. */
const shake = (options) => new Promise((resolve) => {
  const socket = tls.connect({ host: '127.0.0.1', port: server.port, rejectUnauthorized: false, ...options });
  socket.once('secureConnect', () => {
    resolve({ protocol: socket.getProtocol(), cipher: socket.getCipher().name, alpn: socket.alpnProtocol });
    socket.destroy();
  });
  socket.once('error', (error) => resolve({ error: error.code ?? error.message }));
});

test('TLS 1.2 and 1.3 with forward secrecy and authenticated ciphers are spoken, and nothing older or weaker', async () => {
  assert.equal((await shake({})).protocol, 'TLSv1.3');
  assert.equal((await shake({ maxVersion: 'TLSv1.2' })).protocol, 'TLSv1.2');
  for (const version of ['TLSv1', 'TLSv1.1']) assert.ok((await shake({ minVersion: 'TLSv1', maxVersion: version, ciphers: 'ALL:@SECLEVEL=0' })).error, version);
  for (const ciphers of ['AES128-SHA', 'AES256-GCM-SHA384', 'ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES256-SHA384', 'DHE-RSA-AES256-GCM-SHA384', 'ADH-AES256-GCM-SHA384', 'NULL-SHA256', 'ECDHE-ECDSA-NULL-SHA']) {
    assert.ok((await shake({ maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0` })).error, ciphers);
  }
  assert.match((await shake({ maxVersion: 'TLSv1.2' })).cipher, /^ECDHE-.*(GCM|CHACHA20)/);
  assert.equal((await shake({ ALPNProtocols: ['h2', 'http/1.1'] })).alpn, 'http/1.1');
  assert.ok((await shake({ ALPNProtocols: ['h2'] })).error);
});

const hex = (digits) => Buffer.from(digits.replace(/ /g, ''), 'hex');
const GARBAGE = [
  ['SSLv2', hex('802e 0100 0200 1500 0000 1001 0080 0200 8003 0080 0400 8005 0080 0600 4007 00c0 00112233445566778899aabbccddeeff')],
  ['a record of type 99', hex('63 0303 0005 0102030405')], ['a record of version 9.9', hex('16 0909 0005 0100000100')], ['a record of 65,535 bytes', hex('16 0301 ffff 01')], ['an empty record', hex('16 0301 0000')], ['1,000 empty records', Buffer.concat(Array.from({ length: 1000 }, () => hex('16 0301 0000')))],
  ['an alert', hex('15 0301 0002 0228')], ['1,000 warnings', Buffer.concat(Array.from({ length: 1000 }, () => hex('15 0301 0002 015a')))], ['application data', hex('17 0303 0010 00112233445566778899aabbccddeeff')], ['a change of ciphers', hex('14 0303 0001 01')],
  ['a ClientHello of no content', hex('16 0301 0004 01000000')], ['a ClientHello whose length lies', hex('16 0301 0004 01ffffff')], ['a ServerHello', hex('16 0301 0004 02000000')], ['a heartbeat', hex('18 0302 0003 01 4000')], ['zeros', Buffer.alloc(2000)], ['ones', Buffer.alloc(2000, 255)],
  ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')], ['a PROXY line', Buffer.from('PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n')], ['a Redis command', Buffer.from('*1\r\n$4\r\nPING\r\n')], ['one byte', hex('16')],
];

test(`${GARBAGE.length} kinds of bytes that are no handshake end the connection, whole and a byte at a time`, async () => {
  await inParallel(GARBAGE.flatMap(([what, bytes]) => [undefined, bytes.length > 100 ? 50 : 1].map((size) => [what, bytes, size])), 10, async ([what, bytes, size]) => {
    const raw = await Raw.open(plain);
    if (size) await raw.writeSplit(bytes, size);
    else await raw.write(bytes);
    await raw.waitOver().catch(() => assert.fail(`${what} was left open`));
    assert.ok(raw.bytes.length === 0 || raw.bytes[0] === 0x15 || raw.bytes.toString().startsWith('HTTP/1.1 400 '), `${what}: ${raw.bytes.toString('latin1', 0, 40)}`);
    raw.destroy();
  });
  assert.equal((await healthy.ask({ type: 'ping' })).type, 'pong');
});

test('a ClientHello cut anywhere, and one with any byte changed, does no harm', async () => {
  // a real one, overheard
  const { createServer } = await import('node:net');
  const hello = await new Promise((resolve) => {
    const trap = createServer((socket) => socket.once('data', (data) => (resolve(data), socket.destroy(), trap.close()))).listen(0, '127.0.0.1', () => {
      tls.connect({ host: '127.0.0.1', port: trap.address().port }).on('error', () => {});
    });
  });
  const variants = [];
  for (let at = 0; at < hello.length; at += 3) {
    variants.push(hello.subarray(0, at + 1));
    const changed = Buffer.from(hello);
    changed[at] ^= 1 << at % 8;
    variants.push(changed);
  }
  await inParallel(variants, 20, async (bytes) => {
    const raw = await Raw.open(plain);
    await raw.write(bytes);
    raw.socket.end();
    await raw.waitOver();
    raw.destroy();
  });
  assert.equal((await healthy.ask({ type: 'ping' })).type, 'pong');
});

test('five hundred handshakes that are begun and left end by themselves; whoever comes meanwhile is served', async () => {
  const hello = hex('16 0301 0200 01 0001fc 0303');
  const left = await Promise.all(Array.from({ length: 500 }, async () => {
    const raw = await Raw.open(plain);
    await raw.write(hello);
    return raw;
  }));
  assert.equal((await healthy.ask({ type: 'ping' })).type, 'pong');
  assert.equal((await exchange(server, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n', { count: 1 })).answers[0].status, 200);
  for (const raw of left) await raw.waitOver();
  await eventually(async () => (await metric(server, 'connections')) === 2, 'the end of all of them');
});

test('keys that are changed again and again end the connection', async () => {
  const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${server.port}`, '-tls1_3'], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => {});
  const exited = once(child, 'exit').then(() => true);
  await new Promise((resolve) => child.stdout.on('data', (data) => String(data).includes('Verify return code') && resolve()));
  child.stdin.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'); // or it would be ended for its silence
  await new Promise((resolve) => child.stdout.on('data', (data) => String(data).includes('200 OK') && resolve()));
  let said = '';
  child.stderr.on('data', (data) => (said += data));
  const count = () => said.match(/KEYUPDATE/g)?.length ?? 0;
  for (let isOver = false; !isOver; ) {
    const before = count();
    assert.ok(before < 20000, 'nobody minds');
    child.stdin.write('K\n'); // changes its keys, and asks for new ones
    while (!isOver && count() === before) isOver = await Promise.race([exited, once(child.stderr, 'data').then(() => false)]);
  }
  assert.ok(count() >= 32, `the ${count()}th ended it`);
  assert.equal((await healthy.ask({ type: 'ping' })).type, 'pong');
});

test('connections that are reset in the middle of a message, on both sides of a close, leave nothing behind', async () => {
  await inParallel(Array.from({ length: 60 }, (_, index) => index), 10, async (index) => {
    const raw = await Raw.open(server);
    raw.write('GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
    if (index % 3) await raw.answers(1);
    if (index % 3 === 2) await raw.write(hex('88 82 00000000 03e8')); // and its answer is on the way
    raw.destroy();
  });
  await eventually(async () => (await metric(server, 'connections')) === 2, 'the end of all of them');
  assert.equal((await healthy.ask({ type: 'ping' })).type, 'pong');
});
