// Many people edit the same few records with all five strategies, over WebSocket and REST: they lose their connections, work while
// they are away, send again what was not answered, take locks, undo, settle conflicts, take records away and bring them back, while the
// server is killed with -9 again and again. Afterwards everything that anybody was told is true, and nothing that anybody wrote is gone.
// SECONDS and KILLS make it longer.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually, login, rest, startServer } from '../lib/server.mjs';
import { dice, Editor, readAll, Stage, TYPE, types, Watcher } from './editors.mjs';
import { judgeEdits } from './edits_ledger.mjs';

const SECONDS = Number(process.env.SECONDS ?? 20);
const KILLS = Number(process.env.KILLS ?? 6);
const SEED = Number(process.env.SEED ?? Date.now() % 1e9);
const RECORDS = ['D-1', 'D-2', 'D-3', 'D-4']; // of the last one few know
const ROOMS = RECORDS.map((id) => `${TYPE}:${id}`);
const PEOPLE = ['akhan', 'jsmith', 'mgarcia', 'admin'];
const WINDOWS = 3; // of each
// Those who listen are in this busy process too: they may come back seconds later, and are to hear it all.
const FAR_BACK = { log_events_max: 100000, log_bytes_max: '64 MiB' };
const PASTS = 20; // versions of each record that are read again at the end

function cast(stage) {
  const editors = PEOPLE.flatMap((username, who) =>
    Array.from({ length: WINDOWS }, (_, window) => new Editor(`${username}-${window}`, username, stage, RECORDS, SEED + 97 * who + window, { joins: window === 0 })),
  );
  const backends = PEOPLE.map((username, index) => new Editor(`${username}-rest`, username, stage, RECORDS, SEED + 1000 + index, { overRest: true }));
  return [...editors, ...backends];
}

async function readRoom(server, cookie, id, random) {
  const all = await readAll(server, cookie, id);
  const pasts = [];
  for (let i = 0; i < PASTS; i++) {
    const version = 1 + random(all.record.version);
    const { status, body } = await rest(server, cookie, 'GET', `/api/v1/records/${TYPE}/${id}?version=${version}`);
    assert.ok(status === 200 || (status === 404 && body.error.code === 'not_found'), JSON.stringify(body));
    pasts.push({ version, data: status === 404 ? null : body.data });
  }
  return { ...all, pasts };
}

test(`${KILLS} kills in ${SECONDS} s: nothing that was told is untrue, nothing that was written is gone (seed ${SEED})`, { timeout: (SECONDS + 240) * 1000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'collabd-edits-'));
  const config = join(folder, 'config.json');
  writeFileSync(config, JSON.stringify({ types, ...FAR_BACK }));
  const stage = new Stage(() => startServer({ data: folder, port: stage.server?.port ?? 0, args: ['--workers', '2', '--config', config] }));
  await stage.open();
  for (const id of RECORDS) assert.equal((await rest(stage.server, await stage.cookie('admin'), 'POST', `/api/v1/records/${TYPE}`, { id, name: id, notes: 'begin' })).status, 201);

  const watchers = ['lchen', 'mgarcia'].map((username) => new Watcher(username, stage, ROOMS));
  const editors = cast(stage);
  t.after(async () => {
    stage.isOver = true; // also when something failed: nobody goes on
    for (const { client } of [...editors, ...watchers]) client?.socket.terminate();
    await stage.rising;
    stage.server.child.kill('SIGKILL');
  });
  const watching = watchers.map((watcher) => watcher.run());
  await eventually(() => watchers.every(({ starts }) => starts.size === ROOMS.length), 'listening');
  const editing = editors.map((editor) => editor.run());

  const random = dice(SEED);
  const answered = () => editors.reduce((sum, { asked }) => sum + asked.length, 0);
  const end = Date.now() + SECONDS * 1000;
  for (let kill = 0; kill < KILLS; kill++) {
    // the instant: an even share of the time, and then a random number of answers, with more on their way
    const share = end - ((KILLS - kill) * SECONDS * 1000) / (KILLS + 1);
    await eventually(() => Date.now() > share, 'the next share of the time', SECONDS * 1000 + 10000);
    const goal = answered() + random(40);
    await eventually(() => answered() >= goal, 'some more answers', 60000);
    await stage.kill();
  }
  await eventually(() => Date.now() > end, 'the end', SECONDS * 1000 + 10000);
  stage.isOver = true;
  for (const { client } of watchers) client?.socket.terminate();
  await Promise.all([...editing, ...watching]);
  await Promise.all(editors.map((editor) => editor.finish()));
  await Promise.all(watchers.map((watcher) => watcher.finish()));

  const cookie = await login(stage.server, 'admin');
  const rooms = new Map();
  for (const id of RECORDS) rooms.set(`${TYPE}:${id}`, await readRoom(stage.server, cookie, id, random));
  const asked = editors.flatMap((editor) => editor.asked);
  const counts = {};
  for (const { told } of asked) counts[told.code ?? told.verdict ?? 'settled'] = (counts[told.code ?? told.verdict ?? 'settled'] ?? 0) + 1;
  t.diagnostic(`${asked.length} answers: ${JSON.stringify(counts)}`);
  const changes = [...rooms.values()].flatMap((room) => room.changes);
  const many = (what) => changes.filter(what).length;
  const isBack = ({ action, undo_of: undone }) => action === 'create' && undone;
  t.diagnostic(`${many(({ action }) => action === 'delete')} times taken away (${many(({ action, undo_of: undone }) => action === 'delete' && undone)} by an undo), ${many(({ action }) => action === 'create')} times made (${many(isBack)} by an undo, ${many(({ action, restored }) => action === 'create' && restored)} restored), ${many((change) => change.superseded?.length)} with values that lost`);
  const complaints = judgeEdits({ asked, rooms, watchers });
  assert.equal(complaints.length, 0, `${complaints.length} complaints:\n${complaints.slice(0, 30).map((one) => one.slice(0, 600)).join('\n')}`);
  assert.ok(asked.length >= KILLS * 20, `only ${asked.length} answers`);
  for (const verdict of ['applied', 'merged', 'conflict']) assert.ok(counts[verdict] > 0, `nothing was ${verdict}`);
  await stage.server.stop();
  rmSync(folder, { recursive: true, force: true });
});
