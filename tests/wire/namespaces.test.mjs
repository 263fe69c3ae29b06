// Namespaces that the configuration names by a pattern: each name that matches is a world of its own.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { io } from 'socket.io-client';
import { eventually, login, rest, startServer } from '../lib/server.mjs';

const WAYS = { websocket: ['websocket'], polling: ['polling'], upgrade: ['polling', 'websocket'] };
const NAMESPACES = {
  '/tenant-*': { anonymous: true, echo: true, recovery: true },
  '/tenant-closed': {},
  '/^\\/shop-\\d+$/': { anonymous: true, join: ['enter'] },
};

let server;
const open = new Set();
before(async () => {
  server = await startServer({ args: ['--workers', '2'], env: { COLLABD_NAMESPACES: JSON.stringify(NAMESPACES) } });
});
after(async () => {
  for (const socket of open) socket.disconnect();
  await server?.stop();
});

async function connect(nsp, options = {}) {
  const socket = io(server.base + nsp, { forceNew: true, reconnection: false, ...options });
  open.add(socket);
  socket.heard = [];
  socket.on('n', (n) => socket.heard.push(n));
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
  return socket;
}
const ask = (socket, ...event) => socket.timeout(5000).emitWithAck(...event);

for (const [way, transports] of Object.entries(WAYS)) {
  test(`tenants do not hear each other, in rooms of the same name neither, over ${way}`, async () => {
    const [one, another, two] = await Promise.all(['/tenant-1', '/tenant-1', '/tenant-2'].map((nsp) => connect(nsp, { transports })));
    for (const socket of [one, another, two]) assert.ok((await ask(socket, 'join', 'red')).ok);
    await ask(two, 'n', 2);
    await ask(one, 'n', 1);
    await eventually(() => another.heard.length && two.heard.length);
    assert.deepEqual([one.heard, another.heard, two.heard], [[1], [1], [2]]);
    for (const socket of [one, another, two]) socket.disconnect();
  });
}

describe('a pattern', () => {
  test('lets in what matches, and nothing else', async () => {
    for (const nsp of ['/tenant-', '/tenant-x-y', '/tenant-ä', '/shop-1', '/shop-12345']) (await connect(nsp)).disconnect();
    const refused = ['/tenant', '/tenant-1/x', '/shop-', '/shop-x', '/shop-1x', `/tenant-${'x'.repeat(60)}`];
    for (const nsp of refused) await assert.rejects(connect(nsp), { message: 'Invalid namespace' }, nsp);
    await assert.rejects(connect('/tenant-closed'), (error) => error.data.code === 'not_authenticated');
  });

  test('gives its namespaces the events that it names', async () => {
    const [ann, bob] = [await connect('/shop-7'), await connect('/shop-7')];
    for (const socket of [ann, bob]) assert.ok((await ask(socket, 'enter', 'door')).ok);
    await ask(ann, 'n', 1);
    await eventually(() => bob.heard.length);
    assert.deepEqual([ann.heard, bob.heard], [[], [1]]);
    for (const socket of [ann, bob]) socket.disconnect();
  });

  test('gives them recovery, of the same tenant only', async () => {
    const ann = await connect('/tenant-5', { reconnection: true, reconnectionDelay: 1, reconnectionDelayMax: 1 });
    await ask(ann, 'n', 1);
    await eventually(() => ann.heard.length === 1);
    const { id } = ann;
    const back = new Promise((resolve) => ann.io.once('reconnect', () => ann.once('connect', resolve)));
    ann.io.engine.close();
    await back;
    assert.deepEqual([ann.recovered, ann.id], [true, id]);
    ann.disconnect();
  });

  test('is reached from a backend by each of its names', async () => {
    const cookie = await login(server, 'admin');
    const [one, two] = [await connect('/tenant-8'), await connect('/tenant-9')];
    const emit = (namespace, n) => rest(server, cookie, 'POST', '/api/v1/sockets/emit', { namespace, event: 'n', args: [n] });
    assert.equal((await emit('/tenant-8', 8)).status, 200);
    assert.equal((await emit('/tenant-9', 9)).status, 200);
    assert.equal((await emit('/tenant', 0)).status, 404);
    await eventually(() => one.heard.length && two.heard.length);
    assert.deepEqual([one.heard, two.heard], [[8], [9]]);
    const { body } = await rest(server, cookie, 'GET', '/api/v1/sockets?namespace=/tenant-8');
    assert.deepEqual(body.sockets.map(({ id }) => id), [one.id]);
    for (const socket of [one, two]) socket.disconnect();
  });
});
