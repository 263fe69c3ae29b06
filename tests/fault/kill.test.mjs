// kill -9 at any moment under load loses no acknowledged change, doubles none, and leaves a sound database; a listener that comes
// back gets every event once, in order.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client, login, rest, startServer } from '../lib/server.mjs';
import { judgeChanges, judgeListener } from './ledger.mjs';

const CYCLES = Number(process.env.KILL_CYCLES ?? 50);
const SEED = Number(process.env.SEED ?? Date.now() % 1e9);
const WRITERS = 6;
const RECORDS = 40;
const FEED = 'work-order-updates';

// a small generator (mulberry32): the same seed gives the same decisions
let state = SEED;
const random = (bound) => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % bound;
};

const recordId = (index) => `WO-${1001 + index}`;

/** Writes until the server dies; an operation without an answer is sent again, unchanged, in the next life. */
class Writer {
  constructor(name) {
    this.name = name;
    this.serial = 0;
    this.open = null; // sent, not answered
    this.acked = [];
  }

  async run(server, cookie, onAck) {
    let client;
    try {
      client = await Client.open(server, '/ws', { cookie });
      while (!client.closed) {
        this.open ??= {
          id: `${this.name}-${++this.serial}`, entityType: 'work_order', entityId: recordId(random(RECORDS)), patch: { notes: `note ${this.name} ${this.serial}` },
        };
        const answer = await Promise.race([client.ask({ type: 'update', payload: this.open }), client.waitClosed(600000)]);
        client.heard.length = 0;
        if (answer.code !== undefined) return; // closed
        if (answer.type !== 'ack') throw new Error(`refused: ${JSON.stringify(answer)}`);
        this.acked.push({ ...this.open, version: answer.payload.version });
        this.open = null;
        onAck();
      }
    } catch (error) {
      if (String(error).includes('refused:')) throw error; // everything else is the connection that was cut
    } finally {
      client?.socket.terminate();
    }
  }
}

/** Listens to the feed, always from where it was. */
class Listener {
  constructor() {
    this.heard = [];
    this.start = null;
    this.place = null;
  }

  async run(server, cookie) {
    this.client = await Client.open(server, '/ws', { cookie });
    const answer = await this.client.ask({ type: 'subscribe', channel: FEED, payload: { present: false, ...this.place } });
    const { position, resync } = answer.payload;
    if (!this.start) this.start = this.place = position;
    else if (resync) this.heard.push({ resync: position });
  }

  /** What the last connection brought. */
  collect() {
    for (const message of this.client.heard) {
      if (message.channel !== FEED || !message.offset) continue;
      this.heard.push({ epoch: message.epoch, offset: message.offset });
      this.place = { epoch: message.epoch, offset: message.offset };
    }
    this.client.socket.terminate();
  }
}

/** Asks a copy: looking at the database itself would already mend it. */
function query(folder, sql) {
  const copy = mkdtempSync(join(tmpdir(), 'collabd-copy-'));
  cpSync(folder, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
  const answer = execFileSync('sqlite3', [join(copy, 'collabd.db'), sql], { encoding: 'utf8' }).trim();
  rmSync(copy, { recursive: true });
  return answer;
}

async function historyOf(server, cookie, id) {
  const changes = [];
  let before = '';
  do {
    const { body } = await rest(server, cookie, 'GET', `/api/v1/records/work_order/${id}/history?limit=1000${before && `&before=${before}`}`);
    changes.push(...body.changes.map((change) => ({ id: change.id, version: change.version })));
    before = body.next_before;
  } while (before);
  return changes;
}

test(`${CYCLES} times killed under load: nothing acknowledged is lost (seed ${SEED})`, { timeout: 1800000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'collabd-kill-'));
  const writers = Array.from({ length: WRITERS }, (_, index) => new Writer(`w${index}`));
  const listener = new Listener();
  let server = await startServer({ data: folder });
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    const cookie = await login(server, 'akhan');
    await listener.run(server, cookie);
    // the instant: after a random number of acknowledgements, with more on their way
    let left = 200 + random(200);
    const victim = server;
    const runs = writers.map((writer) => writer.run(server, cookie, () => --left === 0 && victim.child.kill('SIGKILL')));
    await Promise.all([...runs, server.exited, listener.client.waitClosed(600000)]);
    listener.collect();
    assert.equal(query(folder, 'PRAGMA integrity_check; PRAGMA foreign_key_check;'), 'ok', `after cycle ${cycle}`);
    server = await startServer({ data: folder });
  }
  const cookie = await login(server, 'akhan');
  await listener.run(server, cookie);
  // what is still open gets its answer: each operation ends exactly once
  for (const writer of writers) {
    if (!writer.open) continue;
    const client = await Client.open(server, '/ws', { cookie });
    const answer = await client.ask({ type: 'update', payload: writer.open });
    assert.equal(answer.type, 'ack', JSON.stringify(answer));
    writer.acked.push({ ...writer.open, version: answer.payload.version });
    client.close();
  }
  const histories = new Map();
  const records = new Map();
  for (let index = 0; index < RECORDS; index++) {
    const id = recordId(index);
    histories.set(`work_order:${id}`, await historyOf(server, cookie, id));
    records.set(`work_order:${id}`, (await rest(server, cookie, 'GET', `/api/v1/records/work_order/${id}`)).body.version);
  }
  const acked = writers.flatMap((writer) => writer.acked);
  assert.ok(acked.length >= CYCLES * 150, `only ${acked.length} acknowledgements`);
  const total = [...histories.values()].reduce((sum, changes) => sum + changes.length - 1, 0);
  // every change of the feed has its place in the feed: it has as many events as there are changes
  const feed = await listener.client.ask({ type: 'presence_get', channel: FEED });
  await listener.client.wait((message) => message.channel === FEED && message.offset === feed.payload.position.offset, 'the last event').catch(() => {});
  listener.collect();
  assert.equal(feed.payload.position.offset - listener.start.offset, total, 'the feed numbers each change once');
  assert.deepEqual(judgeChanges(acked, histories, records), []);
  assert.deepEqual(judgeListener(listener.heard, listener.start), []);
  assert.equal(listener.place.offset, feed.payload.position.offset);
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});
