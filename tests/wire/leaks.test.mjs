// A room's data goes to those who may have it, and to nobody else, whichever way they ask. Values that are planted in hidden types and fields
// ("canaries") are written, changed, and fire alerts while four users with different roles try everything over every transport; the oracle is
// what GET /api/v1/types tells each of them. Then every byte that each of them heard is searched.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { io } from 'socket.io-client';
import { Client, login, rest, startServer } from '../lib/server.mjs';
import { inParallel, Raw } from '../lib/raw.mjs';

const SEED = Number(process.env.SEED ?? Date.now() % 1e9);
const PROBES = Number(process.env.PROBES ?? 500);
const folder = mkdtempSync(join(tmpdir(), 'collabd-leaks-'));
let server;

let state = SEED;
const random = (bound) => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % bound;
};
const pick = (list) => list[random(list.length)];

const TYPES = {
  tagged: { id_prefix: 'T-', label: 'tag', roles: { update: ['editor'] }, fields: { tag: { kind: 'string', read: ['manager'] }, open: { kind: 'text' } } },
  vault: { id_prefix: 'V-', label: 'name', roles: { read: ['manager'], create: ['manager'], update: ['manager'], delete: ['manager'] }, fields: { name: { kind: 'string' }, code: { kind: 'text' }, level: { kind: 'number' } }, actions: { open: { set: { code: '$input.code' } } }, alerts: { low: { field: 'level', below: 100, title: 'Vault {name}', message: 'level {level} of {code}' } } },
  mixed: {
    id_prefix: 'M-', label: 'name', strategy: 'operational-transform', roles: { update: ['editor', 'manager', 'viewer'] },
    fields: { name: { kind: 'string' }, open: { kind: 'text' }, wage: { kind: 'number', read: ['manager'] }, memo: { kind: 'text', read: ['approver'] }, box: { kind: 'object', read: ['editor'] }, list: { kind: 'collection', read: ['manager'] }, flag: { kind: 'string', read: ['admin'] } },
    actions: { stamp: { set: { memo: '$input.memo', open: 'stamped' } }, mark: { roles: ['manager'], set: { flag: '$input.flag' } } },
    alerts: { high: { field: 'wage', above: 1000, title: 'High: {name}', message: '{name} earns {wage}, says {memo}' }, noted: { field: 'wage', above: 2000, title: 'Memo of {name}: {memo}', message: 'box {box}', roles: ['viewer', 'editor', 'manager'] } },
  },
};
const SECRET = 'a secret that another issuer shares with us';
const USERS = ['admin', 'mgarcia', 'akhan', 'lchen'];
const people = {};

/** Where each planted value stands: value -> 'type.field'. */
const canaries = new Map();
let serial = 0;
function canary(type, field, isNumber) {
  const value = isNumber ? 770000000 + ++serial * 7 : `CANARY${(++serial * 2654435761 % 4294967296).toString(36)}X${serial}`;
  canaries.set(String(value), `${type}.${field}`);
  return value;
}

before(async () => {
  const config = join(folder, 'config.json');
  writeFileSync(config, JSON.stringify({ jwt_secret: SECRET, types: TYPES, namespaces: { '/board': {} } }));
  server = await startServer({ args: ['--workers', '2', '--config', config], env: { COLLABD_ERROR_MESSAGES_PER_MINUTE_MAX: '0', COLLABD_CHANGES_PER_MINUTE: '0' } });
  for (const name of USERS) {
    const cookie = await login(server, name);
    const { types } = (await rest(server, cookie, 'GET', '/api/v1/types')).body;
    const readable = new Set(types.flatMap((type) => type.fields.map((field) => `${type.name}.${field.name}`)));
    people[name] = { name, cookie, types: new Map(types.map((type) => [type.name, type])), readable, heard: [], sockets: [] };
  }
});

after(async () => {
  for (const { sockets } of Object.values(people)) for (const close of sockets) close();
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
  assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
  rmSync(folder, { recursive: true });
});

/** REST that remembers every byte it heard, heads included. */
async function ask(person, method, path, body, headers = {}) {
  const answer = await rest(server, person.cookie, method, path, body, headers);
  person.heard.push(JSON.stringify([...answer.headers]) + JSON.stringify(answer.body));
  return answer;
}

async function openSocket(person, path) {
  const client = await Client.open(server, path, { cookie: person.cookie });
  client.socket.on('message', (data) => person.heard.push(String(data)));
  person.sockets.push(() => client.close());
  return client;
}

async function openStream(person, channels, lastEventId) {
  const raw = await Raw.open(server);
  const query = channels.map((channel) => `channel=${encodeURIComponent(channel)}`).join('&');
  await raw.write(`GET /api/v1/events?${query} HTTP/1.1\r\nHost: localhost\r\nCookie: ${person.cookie}\r\n${lastEventId ? `Last-Event-ID: ${lastEventId}\r\n` : ''}\r\n`);
  await raw.until(() => raw.bytes.includes('event: ready') || /^HTTP\/1.1 4/.test(raw.bytes.toString('latin1', 0, 20)), 'the stream');
  raw.socket.on('data', (data) => person.heard.push(String(data)));
  person.heard.push(raw.bytes.toString());
  person.sockets.push(() => raw.destroy());
  return raw;
}

const record = (type) => Object.fromEntries(Object.entries(TYPES[type].fields).map(([name, { kind }]) => {
  const value = canary(type, name, kind === 'number');
  return [name, kind === 'object' ? { inside: value } : kind === 'collection' ? [{ id: `i${serial}`, pos: 'a', text: value }] : value];
}));

const COUNT = 6;
const roomsOf = (type) => Array.from({ length: COUNT }, (_, index) => `${type}:${TYPES[type].id_prefix}${index}`);

test(`${PROBES} probes by four users over five transports: nobody hears what he may not read (seed ${SEED})`, { timeout: 120000 }, async () => {
  const { admin } = people;
  const everything = [...roomsOf('vault'), ...roomsOf('mixed'), ...roomsOf('tagged'), 'vault-updates', 'mixed-updates', 'tagged-updates', 'records', 'notifications', 'user-presence', 'order-updates', 'vault:missing', 'mixed:missing'];
  // everybody joins all he can, before anything happens
  const native = {};
  const positions = {};
  for (const person of Object.values(people)) {
    native[person.name] = await openSocket(person, '/ws');
    positions[person.name] = {};
    for (const channel of everything) {
      const answer = await native[person.name].ask({ type: 'subscribe', channel });
      if (answer.type === 'ack') positions[person.name][channel] = answer.payload.position;
      const isHidden = channel.startsWith('vault') && !person.types.has('vault');
      assert.equal(answer.type, isHidden ? 'error' : 'ack', `${person.name} and ${channel}: ${JSON.stringify(answer)}`);
    }
    const flat = await openSocket(person, '/api/v1/ws');
    for (const room of [...roomsOf('vault'), ...roomsOf('mixed'), ...roomsOf('tagged')]) flat.send({ type: 'subscribe', room, message_id: room });
    await openStream(person, everything.filter((channel) => !channel.startsWith('vault') || person.types.has('vault')));
    for (const first of ['join_inventory_room', 'project:join']) {
      const socket = io(server.base, { transports: ['websocket'], extraHeaders: { cookie: person.cookie }, forceNew: true, reconnection: false });
      socket.onAny((...words) => person.heard.push(JSON.stringify(words)));
      person.sockets.push(() => socket.close());
      await new Promise((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
      for (const room of first === 'project:join' ? ['PRJ-1'] : [...roomsOf('mixed').slice(0, 3), ...roomsOf('vault').slice(0, 3), 'vault-updates', 'mixed-updates']) {
        const said = await socket.emitWithAck(first, first === 'project:join' ? { projectId: room } : { room });
        person.heard.push(JSON.stringify(said));
        if (room.startsWith('vault') && !person.types.has('vault')) assert.ok(said.error, `${person.name} joined ${room} over Socket.IO: ${JSON.stringify(said)}`);
      }
    }
  }
  // the planting, by one who may do everything
  for (const type of Object.keys(TYPES)) {
    for (let index = 0; index < COUNT; index++) assert.equal((await rest(server, admin.cookie, 'POST', `/api/v1/records/${type}`, { id: `${TYPES[type].id_prefix}${index}`, ...record(type) })).status, 201);
  }
  const failures = [];
  const writer = await Client.open(server, '/ws', { cookie: admin.cookie });
  const change = async () => {
    const type = pick(Object.keys(TYPES));
    const entityId = `${TYPES[type].id_prefix}${random(COUNT)}`;
    const all = record(type);
    const name = pick(Object.keys(all));
    const value = all[name];
    const answer = pick([
      () => writer.ask({ type: 'update', payload: { entityType: type, entityId, patch: { [name]: value } } }),
      () => writer.ask({ type: 'update', payload: { entityType: type, entityId, patch: all } }),
      () => writer.ask({ type: 'update', payload: { entityType: type, entityId, operation: 'update', path: `/${name}`, after: value, metadata: { note: 'by admin' } } }),
      () => writer.ask({ type: 'action', payload: { entityType: type, entityId, action: type === 'vault' ? 'open' : type === 'mixed' ? pick(['stamp', 'mark']) : 'none', input: { code: canary('vault', 'code'), memo: canary('mixed', 'memo'), flag: canary('mixed', 'flag') } } }),
      () => writer.ask({ type: 'update', payload: { entityType: 'mixed', entityId: `M-${random(COUNT)}`, patch: { wage: pick([5, canary('mixed', 'wage', true)]) } } }), // fires alerts
      () => writer.ask({ type: 'update', payload: { entityType: 'vault', entityId: `V-${random(COUNT)}`, patch: { level: pick([5, 500]) } } }),
    ])();
    const said = await answer;
    if (said.type !== 'ack' && !['bad_state', 'unknown_action'].includes(said.payload.code)) failures.push(`admin: ${JSON.stringify(said)}`);
    writer.heard.length = 0;
  };
  // what must be alike: [what, the hidden thing, one that is not there]
  const alike = (person, what, hidden, missing) => {
    const facts = ({ status, body, type, payload }) => JSON.stringify(status === undefined ? [type, payload?.code, payload?.message] : [status, body?.error?.code, body?.error?.message]);
    if (facts(hidden) !== facts(missing)) failures.push(`${person.name}: ${what}: ${facts(hidden)} differs from ${facts(missing)}`);
  };
  const isRefused = (answer) => (answer.status === undefined ? answer.type === 'error' : answer.status >= 400);
  const probe = async (person) => {
    const type = pick(Object.keys(TYPES));
    const prefix = TYPES[type].id_prefix;
    const id = `${prefix}${random(COUNT)}`;
    const base = `/api/v1/records/${type}`;
    const isOpen = person.types.has(type);
    const hiddenField = pick(Object.keys(TYPES[type].fields).filter((name) => !person.readable.has(`${type}.${name}`)));
    const client = native[person.name];
    const byEither = async (what, make, { mayBeDone = isOpen } = {}) => {
      const hidden = await make(id);
      if (!mayBeDone && !isRefused(hidden)) failures.push(`${person.name}: ${what} of ${type}: ${JSON.stringify(hidden.body ?? hidden).slice(0, 200)}`);
      if (!isOpen) alike(person, `${what} of a hidden record`, hidden, await make(`${prefix}missing`));
    };
    const byField = async (what, make) => {
      if (!hiddenField || !isOpen) return;
      const hidden = await make(hiddenField);
      if (!isRefused(hidden)) failures.push(`${person.name}: ${what} by ${type}.${hiddenField} was served`);
      alike(person, `${what} by a hidden field`, hidden, await make('no_such_field'));
    };
    const value = () => canary(type, hiddenField ?? 'name');
    await pick([
      () => byEither('reading', (one) => ask(person, 'GET', `${base}/${one}`)),
      () => byEither('reading the past', (one) => ask(person, 'GET', `${base}/${one}?version=1`)),
      () => byEither('the history', (one) => ask(person, 'GET', `${base}/${one}/history?limit=${1 + random(50)}`)),
      () => byEither('a list', () => ask(person, 'GET', `${base}?limit=100`)),
      () => byEither('asking with If-None-Match', (one) => ask(person, 'GET', `${base}/${one}`, undefined, { 'If-None-Match': '"1"' })),
      () => byEither('an action', (one) => ask(person, 'POST', `${base}/${one}/actions/${type === 'vault' ? 'open' : 'mark'}`, { code: 'x', flag: 'x' }), { mayBeDone: ['admin', 'mgarcia'].includes(person.name) }),
      () => byEither('deleting', (one) => ask(person, 'DELETE', `${base}/${one}`, undefined, { 'If-Match': '"9999"' }), { mayBeDone: false }),
      () => byEither('a repeat', (one) => ask(person, 'PATCH', `${base}/${one}`, { name: 'x' }, { 'Idempotency-Key': 'admin-key', 'If-Match': '"9999"' }), { mayBeDone: false }),
      () => byEither('presence', (one) => ask(person, 'GET', `/api/v1/presence?resource_type=${type}&resource_id=${one}`)),
      () => byEither('presence of the room', (one) => ask(person, 'GET', `/api/v1/presence?room=${type}:${one}`)),
      () => byEither('presence of the grid', (one) => ask(person, 'GET', `/api/v1/inventory/collaboration/presence?room=${type}:${one}`)),
      () => byEither('a stream', (one) => ask(person, 'HEAD', `/api/v1/events?channel=${type}:${one}`)),
      () => byEither('a stream of the type', () => ask(person, 'HEAD', `/api/v1/events?channel=${type}-updates&last_event_id=1-1`)),
      () => byEither('subscribing', (one) => client.ask({ type: 'subscribe', channel: `${type}:${one}`, payload: { present: random(2) === 0 } })),
      () => byEither('resuming', (one) => client.ask({ type: 'subscribe', channel: `${type}:${one}`, payload: { ...(positions.admin[`${type}:${one}`] ?? { epoch: 1, offset: 0 }), offset: 0 } })),
      () => byEither('resuming the type', () => client.ask({ type: 'subscribe', channel: `${type}-updates`, payload: { ...positions.admin[`${type}-updates`], offset: 0 } })),
      () => byEither('looking', (one) => client.ask({ type: 'presence_get', channel: `${type}:${one}` })),
      () => byEither('being seen', (one) => client.ask({ type: 'presence', channel: `${type}:${one}`, payload: { action: 'viewing' } })),
      () => byEither('syncing', (one) => client.ask({ type: 'sync', payload: { entityType: type, entityId: one } })),
      () => byEither('syncing by room', (one) => client.ask({ type: 'sync', channel: `${type}:${one}` })),
      () => byEither('changing', (one) => client.ask({ type: 'update', payload: { entityType: type, entityId: one, version: 9999, ifMatch: true, patch: { name: 'x' } } }), { mayBeDone: false }),
      () => byEither('acting', (one) => client.ask({ type: 'action', payload: { entityType: type, entityId: one, action: type === 'vault' ? 'open' : 'mark', version: 9999, ifMatch: true, input: { code: 'x', flag: 'x' } } }), { mayBeDone: false }),
      () => byEither('publishing', (one) => client.ask({ type: 'publish', channel: `${type}:${one}`, payload: 'x' }), { mayBeDone: isOpen }),
      () => byField('a filter', (name) => ask(person, 'GET', `${base}?${name}=x`)), () => byField('a comparison', (name) => ask(person, 'GET', `${base}?${name}__gt=1`)), () => byField('an order', (name) => ask(person, 'GET', `${base}?sort=-${name}`)),
      () => byField('a patch', (name) => ask(person, 'PATCH', `${base}/${id}`, { [name]: value() })), () => byField('a new record', (name) => ask(person, 'POST', base, { [name]: value() })),
      () => byField('a change', (name) => client.ask({ type: 'update', payload: { entityType: type, entityId: id, patch: { [name]: value() } } })),
      () => byField('an operation', (name) => client.ask({ type: 'update', payload: { entityType: type, entityId: id, operation: 'update', path: `/${name}`, after: 'x' } })),
      () => byField('a test', (name) => client.ask({ type: 'update', payload: { entityType: type, entityId: id, ops: [{ op: 'test', path: `/${name}`, value: 'x' }] } })),
      async () => { // a search finds what he may read only
        if (!isOpen) return;
        const [known, where] = pick([...canaries]);
        const { body } = await ask(person, 'GET', `${base}?q=${encodeURIComponent(known)}`);
        if (!person.readable.has(where) && body.records?.length) failures.push(`${person.name}: a search for ${where} found ${body.records.length}`);
      },
      async () => { // only the server speaks in its own channels
        const channel = pick(['records', 'notifications', 'mixed-updates', 'user-presence', 'order-updates']);
        const answer = await client.ask({ type: 'publish', channel, payload: { forged: true } });
        if (answer.type !== 'error') failures.push(`${person.name} spoke in ${channel}`);
      },
      async () => { // a room of one person
        const other = pick(['1', '2', '3', '4']);
        const own = { admin: '1', mgarcia: '2', akhan: '3', lchen: '4' }[person.name];
        const answer = await client.ask({ type: 'subscribe', channel: `user:${other}` });
        if (other !== own && person.name !== 'admin' && answer.type !== 'error') failures.push(`${person.name} is in user:${other}`);
        if (other === own && answer.type !== 'ack') failures.push(`${person.name} is not in his own room`);
      },
    ])();
    if (client.heard.length > 5000) client.heard.length = 0;
  };
  let done = 0;
  const writing = (async () => {
    while (done < PROBES) await change();
  })();
  // one probe at a time for each user: the native client's answers are told apart by their ids
  await inParallel(Object.values(people), 4, async (person) => {
    for (; done < PROBES; done++) await probe(person);
  });
  await writing;
  assert.deepEqual(failures.slice(0, 20), []);

  // now every byte
  for (const person of Object.values(people)) {
    const all = person.heard.join('\n');
    const found = new Map();
    for (const [value] of all.matchAll(/CANARY[0-9a-z]+X\d+|\b77\d{7}\b/g)) found.set(value, (found.get(value) ?? 0) + 1);
    const leaks = [...found.keys()].filter((value) => canaries.has(value) && !person.readable.has(canaries.get(value)));
    const shown = leaks.slice(0, 5).map((value) => `${canaries.get(value)} in ...${all.slice(Math.max(0, all.indexOf(value) - 300), all.indexOf(value) + 40)}`);
    assert.deepEqual(shown, [], `${person.name} heard ${leaks.length} values that he may not read`);
    // and the test can see: what he may read he did hear
    const wanted = person.readable.has('mixed.open') ? 'mixed.open' : 'vault.name';
    assert.ok([...found.keys()].filter((value) => canaries.get(value) === wanted).length > 2, `${person.name} heard next to nothing`);
  }
});

test('who is not in a room hears nothing of it, and who has left hears no more', async () => {
  const { akhan, lchen, mgarcia } = people;
  const [inside, outside, left] = [await openSocket(akhan, '/ws'), await openSocket(lchen, '/ws'), await openSocket(mgarcia, '/ws')];
  for (const client of [inside, left]) await client.ask({ type: 'subscribe', channel: 'den' });
  await outside.ask({ type: 'subscribe', channel: 'den2' });
  await left.ask({ type: 'unsubscribe', channel: 'den' });
  const from = left.heard.length;
  for (let i = 0; i < 50; i++) {
    await inside.ask({ type: 'publish', channel: 'den', payload: `secret ${i}` });
    await inside.ask({ type: 'cursor', channel: 'den', payload: { x: i } });
    await inside.ask({ type: 'typing', channel: 'den', payload: {} });
  }
  for (const client of [outside, left]) assert.equal((await client.ask({ type: 'publish', channel: 'den', payload: 'x' })).payload.code, 'not_member');
  for (const heard of [...outside.heard, ...left.heard.slice(from)]) assert.ok(heard.channel !== 'den' || heard.replyTo, JSON.stringify(heard));
});

test('a token with fewer roles in the place of the old one: from then on less is heard, and nothing resumed', async () => {
  const mint = (roles) => {
    const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: 'ext-1', roles, exp: Math.floor(Date.now() / 1000) + 3600 })}`;
    return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
  };
  const person = { name: 'ext', heard: [], sockets: people.admin.sockets };
  const client = await Client.open(server, '/ws', { token: mint(['manager']) });
  client.socket.on('message', (data) => person.heard.push(String(data)));
  const position = (await client.ask({ type: 'subscribe', channel: 'vault:V-1' })).payload.position;
  for (const channel of ['mixed:M-1', 'records', 'notifications']) assert.equal((await client.ask({ type: 'subscribe', channel })).type, 'ack');
  const writer = await Client.open(server, '/ws', { cookie: people.admin.cookie });
  const write = (entityType, entityId, patch) => writer.ask({ type: 'update', payload: { entityType, entityId, patch } });
  await write('vault', 'V-1', { name: 'heard' });
  await client.wait(({ type, payload }) => type === 'update' && payload.after === 'heard', 'the change');
  assert.equal((await client.ask({ type: 'auth', payload: { token: mint(['viewer']) } })).type, 'ack');
  const from = person.heard.length;
  await write('vault', 'V-1', { name: 'CANARYgone', level: 500 });
  await write('vault', 'V-1', { level: 7 }); // an alert
  await write('mixed', 'M-1', { memo: 'CANARYmemo', wage: 987654321 });
  await write('mixed', 'M-1', { open: 'the last' });
  await client.wait(({ type, payload }) => type === 'update' && payload.after === 'the last', 'what he may still read');
  const said = [];
  said.push(await client.ask({ type: 'sync', channel: 'vault:V-1' }), await client.ask({ type: 'subscribe', channel: 'vault:V-1', payload: position }), await client.ask({ type: 'update', payload: { entityType: 'vault', entityId: 'V-1', patch: { name: 'x' } } }));
  for (const answer of said) assert.equal(answer.type, 'error', JSON.stringify(answer));
  assert.doesNotMatch(person.heard.slice(from).join('\n'), /CANARYgone|CANARYmemo|987654321/);
  client.close();
  writer.close();
});
