// A database that may not be written: by a lock from outside, changes wait or are refused while reading goes on; on a file system that is
// read-only the server does not start, says why, and finds everything when it may write again.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client, eventually, login, rest, startServer } from '../lib/server.mjs';
import { judgeChanges } from './ledger.mjs';
import { finish, readHistories, Writer } from './writers.mjs';

/** A program that takes the database's write lock and keeps it until it is told otherwise. */
function holdLock(file) {
  const child = spawn('sqlite3', [file], { stdio: ['pipe', 'pipe', 'inherit'] });
  let said = '';
  const held = new Promise((resolve) => child.stdout.on('data', (bytes) => (said += bytes).includes('held') && resolve())); // it says other things first
  child.stdin.write("PRAGMA busy_timeout=20000;\nBEGIN IMMEDIATE;\nSELECT 'held';\n");
  return {
    held,
    child,
    release: () => new Promise((resolve) => {
      child.once('exit', resolve);
      child.stdin.end('ROLLBACK;\n.quit\n');
    }),
  };
}

test('a write lock of another process: reading goes on, changes are refused or wait, and go on when it is gone', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'collabd-locked-'));
  const server = await startServer({ data: folder });
  const cookie = await login(server, 'akhan');
  const reader = await Client.open(server, '/ws', { cookie });
  await reader.ask({ type: 'subscribe', channel: 'beside' });
  const writers = Array.from({ length: 4 }, (_, index) => new Writer(`w${index}`, server, cookie, { overRest: index === 3 }));
  const runs = writers.map((writer) => writer.run());
  const sum = (what) => writers.reduce((total, writer) => total + writer[what].length, 0);
  await eventually(() => sum('acked') >= 100, '100 acknowledgements');
  const lock = holdLock(join(folder, 'collabd.db'));
  t.after(() => { // also when something failed: nobody goes on
    for (const writer of writers) writer.isStopped = true;
    for (const child of [lock.child, server.child]) child.kill('SIGKILL');
    reader.socket.terminate();
  });
  await lock.held;
  const acked = sum('acked');
  for (let i = 0; i < 10; i++) {
    assert.equal((await rest(server, cookie, 'GET', `/api/v1/records/work_order?limit=${10 + i}`)).status, 200);
    assert.equal((await reader.ask({ type: 'publish', channel: 'beside', payload: i })).type, 'ack');
    assert.equal((await rest(server, null, 'GET', '/healthz')).status, 200);
  }
  assert.ok(sum('acked') <= acked + writers.length, 'nothing is acknowledged that cannot be written');
  await lock.release();
  await eventually(() => sum('acked') > acked + 50, 'acknowledgements again', 25000);
  for (const writer of writers) writer.isStopped = true;
  await Promise.all(runs);
  for (const { code } of writers.flatMap(({ refused }) => refused)) assert.ok(['storage_failed', 'overloaded', 'timeout'].includes(code), code);
  reader.close();
  assert.equal((await server.stop()).code, 0, server.log);
  assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
  const next = await startServer({ data: folder });
  const again = await login(next, 'akhan');
  await finish(writers, next, again);
  const { histories, records } = await readHistories(next, again);
  assert.deepEqual(judgeChanges(writers.flatMap((writer) => writer.acked), histories, records), []);
  assert.equal((await next.stop()).code, 0);
  rmSync(folder, { recursive: true });
});

test('a file system that is read-only: no start, and the reason; then all is there', async (t) => {
  const path = mkdtempSync(join(tmpdir(), 'collabd-disk-'));
  if (spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', path], { stdio: 'ignore' }).status !== 0) {
    rmSync(path, { recursive: true });
    return t.skip('nobody here may mount a disk');
  }
  const mount = (options) => execFileSync('mount', ['-o', `remount,${options}`, path]);
  const data = join(path, 'data');
  try {
    const first = await startServer({ data });
    const cookie = await login(first, 'akhan');
    assert.equal((await rest(first, cookie, 'PATCH', '/api/v1/records/order/ORD-10001', { notes: 'before' })).status, 200);
    assert.equal((await first.stop()).code, 0);
    mount('ro');
    await assert.rejects(startServer({ data }), (error) => /ended with 1/.test(error.message) && /data/.test(error.message) && /read-only|not ours to write/i.test(error.message));
    mount('rw');
    const next = await startServer({ data });
    const again = await login(next, 'akhan');
    assert.equal((await rest(next, again, 'GET', '/api/v1/records/order/ORD-10001')).body.data.notes, 'before');
    assert.equal((await next.stop()).code, 0);
  } finally {
    execFileSync('umount', [path]);
    rmSync(path, { recursive: true });
  }
});
