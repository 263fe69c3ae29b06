#!/usr/bin/env node
// Many people on one record: each sets one of its fields again and again, with one change under way at a time, made against
// what he has seen of the others'. collabd (durable, operational transform) beside npm's sharedb (json0, in memory), in one run:
// the server on one core, all clients in this program on the other. What counts is the server's CPU per acknowledged change.
// Prints a table and writes JSON.
//
//   bench/one_record.mjs [--clients 1,10,50] [--rounds 3] [--seconds 5] [--collabd build/collabd] [--out build/one_record.json]
import { createRequire } from 'node:module';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

import { makeServers, pickCores, root, withServer } from './servers.mjs';

const require = createRequire(path.join(root, 'bench/peers/package.json'));
const WebSocket = require('ws');
const ShareDB = require('sharedb/lib/client');

const WARMUP_SECONDS = 1;
const TICKS_PER_SECOND = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout);
const FIELD = 'work_center';
const RECORD = { entityType: 'work_order', entityId: 'WO-1001' };

const { values: options } = parseArgs({
  options: {
    clients: { type: 'string', default: '1,10,50' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    collabd: { type: 'string', default: path.join(root, 'build/collabd') },
    out: { type: 'string', default: path.join(root, 'build/one_record.json') },
  },
});

const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

function cpuSeconds(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

// ---- a client of each: calls `onAck` after every change, and at once starts the next one ----

const opened = (socket) => new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));

async function collabdClient(url, number, tally, tokens) {
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${tokens[number]}` }, perMessageDeflate: false });
  let version = 0;
  let count = 0;
  const change = () => {
    const payload = { ...RECORD, version, operation: 'update', path: FIELD, after: `${number}-${count++}` };
    socket.send(JSON.stringify({ type: 'update', messageId: 'u', payload }));
  };
  await opened(socket);
  await new Promise((resolve, reject) => {
    socket.on('message', (data) => {
      const message = JSON.parse(data);
      if (message.type === 'error') return reject(new Error(JSON.stringify(message.payload)));
      if (message.payload?.version > version) version = message.payload.version;
      if (message.replyTo === 'j') {
        version = message.payload.record.version;
        resolve();
      } else if (message.replyTo === 'u') {
        tally.acks++;
        if (!tally.isOver) change();
      }
    });
    socket.send(JSON.stringify({ type: 'subscribe', channel: `${RECORD.entityType}:${RECORD.entityId}`, messageId: 'j', payload: { present: false } }));
  });
  return { start: change, close: () => socket.terminate() };
}

async function sharedbClient(url, number, tally) {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await opened(socket);
  const doc = new ShareDB.Connection(socket).get('records', 'one');
  let count = 0;
  const change = () => {
    doc.submitOp([{ p: [FIELD], od: doc.data[FIELD], oi: `${number}-${count++}` }], (error) => {
      if (error) throw error;
      tally.acks++;
      if (!tally.isOver) change();
    });
  };
  await new Promise((resolve, reject) => doc.subscribe((error) => (error ? reject(error) : resolve())));
  return { start: change, close: () => socket.terminate() };
}

async function measure(connect, pid, clientCount) {
  const tally = { acks: 0, isOver: false };
  const clients = [];
  for (let i = 0; i < clientCount; i++) clients.push(await connect(i, tally));
  for (const client of clients) client.start();
  await sleep(WARMUP_SECONDS);
  const before = { acks: tally.acks, cpu: cpuSeconds(pid), time: performance.now() };
  await sleep(Number(options.seconds));
  const acks = tally.acks - before.acks;
  const seconds = (performance.now() - before.time) / 1000;
  const cpu = cpuSeconds(pid) - before.cpu;
  tally.isOver = true;
  for (const client of clients) client.close();
  return { acks_per_s: acks / seconds, server_cpu_us_per_change: (cpu / acks) * 1e6, server_cpu_percent: (cpu / seconds) * 100 };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

async function main() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'collabd-bench-'));
  const servers = makeServers({ floor: '', collabd: options.collabd, folder });
  const tokens = fs.readFileSync(path.join(folder, 'tokens'), 'utf8').trim().split('\n');
  const cores = pickCores();
  const clients = { collabd: (url) => (i, tally) => collabdClient(url, i, tally, tokens), sharedb: (url) => (i, tally) => sharedbClient(url, i, tally) };
  const results = [];

  spawnSync('taskset', ['-cp', String(cores.generator), String(process.pid)]);
  for (const clientCount of options.clients.split(',').map(Number)) {
    const figures = { collabd: [], sharedb: [] };
    for (let round = 0; round < Number(options.rounds); round++)
      for (const name of Object.keys(figures))
        await withServer(servers[name], cores.server, async ({ child, url }) =>
          figures[name].push(await measure(clients[name](url), child.pid, clientCount)));
    const of = (name, key) => median(figures[name].map((figure) => figure[key]));
    const keys = ['acks_per_s', 'server_cpu_us_per_change', 'server_cpu_percent'];
    const row = Object.fromEntries(Object.keys(figures).map((name) => [name, Object.fromEntries(keys.map((key) => [key, of(name, key)]))]));
    results.push({ clients: clientCount, ...row, ratio: row.collabd.server_cpu_us_per_change / row.sharedb.server_cpu_us_per_change });
  }
  fs.rmSync(folder, { recursive: true, force: true });
  console.log('many people on one record: the server\'s CPU per acknowledged change; collabd durable, sharedb json0 in memory');
  console.log('  clients   collabd us   changes/s   sharedb us   changes/s   ratio');
  for (const { clients: count, collabd, sharedb, ratio } of results) {
    const cells = [count, collabd.server_cpu_us_per_change.toFixed(1), collabd.acks_per_s.toFixed(0), sharedb.server_cpu_us_per_change.toFixed(1), sharedb.acks_per_s.toFixed(0), ratio.toFixed(3)];
    console.log(`  ${cells.map((cell, i) => String(cell).padStart([7, 10, 9, 10, 9, 5][i])).join('   ')}`);
  }
  fs.writeFileSync(options.out, JSON.stringify(results, null, 2) + '\n');
}

await main();
