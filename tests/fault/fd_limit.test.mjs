// Out of file descriptors: those inside are served as before, those outside wait without costing anything, and get in as soon as there is room.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Client, eventually, login, rest, startServer } from '../lib/server.mjs';
import { exchange, Raw } from '../lib/raw.mjs';

let server, cookie;

before(async () => {
  server = await startServer({ args: ['--workers', '2'] });
  cookie = await login(server, 'akhan');
});

after(async () => {
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
  assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
});

const openFiles = () => readdirSync(`/proc/${server.child.pid}/fd`).length;
const limit = (count) => execFileSync('prlimit', ['--pid', String(server.child.pid), `--nofile=${count}:`]);
/** Ticks (of 10 ms) of processor time that it has used. */
const ticks = () => {
  const [, rest] = readFileSync(`/proc/${server.child.pid}/stat`, 'utf8').split(') ');
  return rest.split(' ').slice(11, 13).reduce((sum, word) => sum + Number(word), 0);
};

test('no descriptor is left: nobody inside notices, nothing spins, and who waits gets in when there is room', async () => {
  const inside = await Promise.all(Array.from({ length: 20 }, () => Client.open(server, '/ws', { cookie })));
  for (const client of inside) await client.ask({ type: 'subscribe', channel: 'full' });
  limit(openFiles() + 5);
  const outside = await Promise.all(Array.from({ length: 60 }, () => Raw.open(server))); // the kernel takes them, the server cannot
  for (const raw of outside) await raw.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await eventually(() => outside.some((raw) => raw.bytes.includes('200 OK')), 'the last places');
  const before = ticks();
  const start = Date.now();
  for (let i = 0; i < 30; i++) {
    for (const client of inside) assert.equal((await client.ask({ type: 'ping' })).type, 'pong');
    await new Promise((resolve) => setTimeout(resolve, 50)); // the span over which its use of the processor is measured
  }
  const used = (ticks() - before) * 10;
  assert.ok(used < (Date.now() - start) / 2, `${used} ms of processor time in ${Date.now() - start} ms`);
  // changes and logins need no descriptor of their own
  const [writer, reader] = inside;
  const answer = await writer.ask({ type: 'update', payload: { entityType: 'order', entityId: 'ORD-10001', patch: { notes: 'no descriptor' } } });
  assert.equal(answer.type, 'ack');
  await writer.ask({ type: 'publish', channel: 'full', payload: 'still here' });
  await reader.wait(({ type, payload }) => type === 'publish' && payload === 'still here', 'what is said inside');
  const waiting = outside.filter((raw) => !raw.bytes.includes('200 OK'));
  assert.ok(waiting.length >= 40, `only ${waiting.length} wait`);
  // room by leaving
  for (const raw of outside.filter((each) => !waiting.includes(each))) raw.destroy();
  for (const client of inside.slice(10)) client.close();
  await eventually(() => waiting.filter((raw) => raw.bytes.includes('200 OK')).length >= 10, 'those who waited, in the places of those who left');
  // room by a higher limit
  limit(1024);
  for (const raw of waiting) await raw.answers(1, 10000);
  assert.equal((await exchange(server, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n', { count: 1 })).answers[0].status, 200);
  assert.equal((await rest(server, await login(server, 'akhan'), 'GET', '/api/v1/records/order/ORD-10001')).body.data.notes, 'no descriptor');
  for (const raw of waiting) raw.destroy();
  for (const client of inside) client.close();
  assert.ok((server.log.match(/\n/g) ?? []).length < 200, 'the log did not grow with it');
});

test('ten thousand connections one after the other leave no descriptor behind', async () => {
  const before = openFiles();
  let done = 0;
  await Promise.all(Array.from({ length: 50 }, async () => {
    while (done++ < 10000) {
      const raw = await Raw.open(server);
      if (done % 3) raw.socket.resetAndDestroy();
      else raw.destroy();
    }
  }));
  await eventually(() => openFiles() <= before, 'as many as before', 20000);
  assert.equal((await exchange(server, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n', { count: 1 })).answers[0].status, 200);
});
