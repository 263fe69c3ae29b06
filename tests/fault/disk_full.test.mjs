// A disk that is full: changes are refused with a word that says so, reading goes on, nothing that was acknowledged is lost, and as soon as there
// is room again changes are taken again, by the same process.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, rmSync, statSync, writeSync, closeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client, eventually, login, rest, startServer } from '../lib/server.mjs';
import { judgeChanges } from './ledger.mjs';
import { finish, readHistories, Writer } from './writers.mjs';

/** A disk of so many bytes, or null where nobody may make one. */
function makeDisk(bytes) {
  const path = mkdtempSync(join(tmpdir(), 'collabd-disk-'));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path], { stdio: 'ignore' }).status !== 0) {
    rmSync(path, { recursive: true });
    return null;
  }
  const filler = join(path, 'filler');
  return {
    path,
    fill: () => {
      const file = openSync(filler, 'w');
      try {
        for (const block of [Buffer.alloc(65536), Buffer.alloc(4096)]) {
          try {
            for (;;) writeSync(file, block);
          } catch (error) {
            if (error.code !== 'ENOSPC') throw error;
          }
        }
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler),
    remove: () => {
      execFileSync('umount', [path]);
      rmSync(path, { recursive: true });
    },
  };
}

/** No file of the process may grow beyond the largest it has: for those who may not mount. */
function limitFiles(server) {
  const set = (bytes) => execFileSync('prlimit', ['--pid', String(server.child.pid), `--fsize=${bytes}:`]);
  return {
    fill: () => set(Math.max(...['collabd.db', 'collabd.db-wal'].map((name) => join(server.folder, name)).filter(existsSync).map((name) => statSync(name).size))),
    free: () => set('unlimited'),
  };
}

/** The story itself: full under load, then not any more. */
async function live(server, disk) {
  const pid = server.child.pid;
  const cookie = await login(server, 'akhan');
  const reader = await Client.open(server, '/ws', { cookie });
  await reader.ask({ type: 'subscribe', channel: 'beside' });
  const writers = Array.from({ length: 6 }, (_, index) => new Writer(`w${index}`, server, cookie, { overRest: index >= 4 }));
  const runs = writers.map((writer) => writer.run());
  const sum = (what) => writers.reduce((total, writer) => total + writer[what].length, 0);
  await eventually(() => sum('acked') >= 200, '200 acknowledgements');
  for (let round = 0; round < 3; round++) {
    disk.fill();
    const before = sum('refused');
    await eventually(() => writers.every(({ refused }) => refused.length > round) && sum('refused') >= before + 100, 'refusals');
    // reading goes on, and what is not stored at all, too
    const page = await rest(server, cookie, 'GET', '/api/v1/records/work_order?limit=10');
    assert.equal(page.status, 200);
    assert.equal((await rest(server, cookie, 'GET', '/api/v1/records/work_order/WO-1001/history')).status, 200);
    assert.equal((await rest(server, null, 'GET', '/healthz')).status, 200);
    assert.equal((await reader.ask({ type: 'sync', payload: { entityType: 'work_order', entityId: 'WO-1400' } })).type, 'ack');
    assert.equal((await reader.ask({ type: 'publish', channel: 'beside', payload: round })).type, 'ack');
    assert.equal((await reader.ask({ type: 'cursor', channel: 'beside', payload: { x: round } })).type, 'ack');
    const acked = sum('acked');
    disk.free();
    const start = Date.now();
    await eventually(() => sum('acked') > acked + 50, 'acknowledgements again', 25000);
    assert.ok(Date.now() - start < 25000);
  }
  for (const writer of writers) writer.isStopped = true;
  await Promise.all(runs);
  for (const { refused, overRest } of writers) {
    for (const refusal of refused) {
      assert.equal(refusal.code, 'storage_full');
      if (overRest) assert.equal(refusal.status, 507);
    }
  }
  assert.equal(server.child.pid, pid);
  assert.equal(server.child.exitCode, null);
  assert.ok((server.log.match(/store\.failed/g) ?? []).length <= 20, 'a line when it begins, not for every batch');
  reader.close();
  // the same in the next life
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
  assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
  const next = await startServer({ data: server.folder });
  const again = await login(next, 'akhan');
  await finish(writers, next, again);
  const { histories, records } = await readHistories(next, again);
  assert.deepEqual(judgeChanges(writers.flatMap(({ acked }) => acked), histories, records), []);
  const known = new Set([...histories.values()].flat().map(({ id }) => id));
  assert.deepEqual(writers.flatMap(({ refused }) => refused).filter(({ id }) => known.has(id)), [], 'what was refused was not done');
  assert.equal((await next.stop()).code, 0);
  assert.equal(execFileSync('sqlite3', [join(server.folder, 'collabd.db'), 'PRAGMA integrity_check'], { encoding: 'utf8' }).trim(), 'ok');
}

test('a disk without room', async (t) => {
  const disk = makeDisk(48 * 1024 * 1024);
  if (!disk) return t.skip('nobody here may mount a small disk');
  const folder = join(disk.path, 'data');
  try {
    await live(await startServer({ data: folder }), disk);
  } finally {
    disk.remove();
  }
});

test('a limit for the size of files', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'collabd-full-'));
  const server = await startServer({ data: folder });
  await live(server, limitFiles(server));
  rmSync(folder, { recursive: true });
});

test('a disk that is full from the beginning keeps the server from starting, and it says why', async (t) => {
  const disk = makeDisk(64 * 1024);
  if (!disk) return t.skip('nobody here may mount a small disk');
  try {
    disk.fill();
    await assert.rejects(startServer({ data: join(disk.path, 'data') }), /full|space/i);
  } finally {
    disk.remove();
  }
});
