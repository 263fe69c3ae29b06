#!/usr/bin/env node
// Measures collabd beside a bare broadcaster (floor.c) and beside npm's ws and socket.io, in one run: the server on one
// core, the load generator (`collabd bench`) on the other. Every scenario is measured three times, the servers taking
// turns, and the median counts. The other programs beside floor measure parts of the server by themselves.
// Prints tables and writes build/bench.json.
//
//   bench/run.mjs [--rounds 3] [--seconds 5] [--only fanout,idle-joined] [--servers floor,collabd]
//                 [--out build/bench.json] [--collabd build/collabd] [--generator build/collabd]
//                 [--floor build/release/bench/floor]
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { makeServers, pickCores, root, withServer } from './servers.mjs';

const RELAYS = ['floor', 'collabd', 'collabd-socketio', 'ws', 'socket.io'];
const NATIVE = { server: 'collabd-socketio', than: 'collabd', name: 'native' };
const ns = { name: 'CPU ns/delivery', key: 'server_cpu_ns_per_delivery', digits: 0 };
const p50 = { name: 'p50 ms', key: 'latency_p50_us', scale: 1e-3, digits: 2 };
const p99 = { name: 'p99 ms', key: 'latency_p99_us', scale: 1e-3, digits: 2 };
const delivered = { name: 'deliveries/s', key: 'delivered_per_s', digits: 0 };
const cpu = { name: 'CPU %', key: 'server_cpu_percent', digits: 1 };
const connected = { name: 'connections/s', key: 'connected_per_s', digits: 0 };
const bytes = { name: 'bytes/connection', key: 'server_resident_bytes_per_connection', digits: 0 };
const acked = { name: 'acks/s', key: 'acks_per_s', digits: 0 };
const usPer = (what) => ({ name: `CPU us/${what}`, key: `server_cpu_us_per_${what}`, digits: 1 });

// The first column is what is compared: `beside` names the server it is divided by.
const SCENARIOS = {
  fanout: {
    title: '1 sender to 1,000 members, 50/s, 128 bytes',
    goal: 'at most 1.15x the floor; Socket.IO at most 1.3x native',
    args: ['fanout'],
    servers: RELAYS,
    beside: 'floor',
    also: NATIVE,
    columns: [ns, p50, p99, delivered, cpu],
  },
  rooms: {
    title: '400 rooms of 5, each member 2/s, 128 bytes',
    goal: 'at most 1.15x the floor; Socket.IO at most 1.3x native',
    args: ['rooms'],
    servers: RELAYS,
    beside: 'floor',
    also: NATIVE,
    columns: [ns, p50, p99, delivered, cpu],
  },
  saturate: {
    title: '1 sender to 1,000 members, 8 messages outstanding',
    goal: '1,000,000 deliveries/s; at most 1.3x the floor that flushes once per turn; Socket.IO at most 1.3x native',
    args: ['saturate'],
    servers: ['floor', 'floor-flush', 'collabd', 'collabd-socketio', 'ws', 'socket.io'],
    beside: 'floor-flush',
    also: NATIVE,
    columns: [ns, delivered, p50, p99, cpu],
  },
  hot: {
    title: '10 rooms of 50, each member 6 cursors/s',
    goal: '25 % less CPU with the room tick of 2 ms than without',
    args: ['hot'],
    servers: ['floor', 'collabd', 'collabd-no-tick', 'ws', 'socket.io'],
    beside: 'collabd-no-tick',
    columns: [usPer('cursor'), p50, p99, delivered, cpu],
  },
  'idle-authenticated': {
    title: '10,000 idle connections: upgraded, authenticated, in no room',
    goal: 'at most 1,024 bytes each',
    args: ['idle', '--depth', 'authenticated', '--login', 'message'],
    servers: ['collabd', 'ws', 'socket.io'],
    columns: [bytes, connected, cpu],
  },
  'idle-joined': {
    title: '10,000 idle connections: an account, one room of ten, presence, resume position',
    goal: 'at most 3,072 bytes each',
    args: ['idle', '--depth', 'joined', '--login', 'message'],
    servers: ['floor', 'collabd', 'ws', 'socket.io'],
    columns: [bytes, connected, cpu],
  },
  connect: {
    title: 'connect, upgrade, authenticate, join: 10,000 connections, 64 at once',
    goal: 'at least 8,000 connections/s',
    args: ['connect', '--connections', '10000'],
    servers: ['floor', 'collabd', 'ws', 'socket.io'],
    beside: 'floor',
    columns: [connected, p50, p99, usPer('connection'), cpu],
  },
  changes: {
    title: 'durable changes of 2,000 records: 100 connections, 16 outstanding each',
    goal: 'at least 20,000 acks/s',
    args: ['changes', '--connections', '100', '--window', '16'],
    servers: ['collabd'],
    columns: [acked, p50, p99, usPer('ack'), cpu],
  },
  'changes-half': {
    title: 'durable changes at 10,000/s: 100 connections',
    goal: 'p99 under 20 ms',
    args: ['changes', '--connections', '100', '--window', '16', '--rate', '10000'],
    servers: ['collabd'],
    columns: [acked, p50, p99, usPer('ack'), cpu],
  },
  'changes-500': {
    title: 'durable changes at 5,000/s: 500 connections',
    goal: '5,000 acks/s, p99 under 25 ms',
    args: ['changes', '--connections', '500', '--rate', '5000'],
    servers: ['collabd'],
    columns: [acked, p50, p99, usPer('ack'), cpu],
  },
};

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    only: { type: 'string' },
    servers: { type: 'string' },
    out: { type: 'string', default: path.join(root, 'build/bench.json') },
    collabd: { type: 'string', default: path.join(root, 'build/collabd') },
    generator: { type: 'string', default: path.join(root, 'build/collabd') },
    floor: { type: 'string', default: path.join(root, 'build/release/bench/floor') },
  },
});

const cores = pickCores();
// Beside the build, not in the system's folder for scratch, which may be memory: what is called durable must reach a
// disk.
fs.mkdirSync(path.dirname(options.out), { recursive: true });
const folder = fs.mkdtempSync(path.join(path.dirname(path.resolve(options.out)), 'bench-'));
try {
  await main();
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}

async function main() {
  const servers = makeServers({ floor: options.floor, collabd: options.collabd, folder });
  const scenarios = choose(Object.keys(SCENARIOS), options.only);
  const wanted = choose(Object.keys(servers), options.servers);
  const machine = describeMachine();
  const runs = {};
  console.log(`${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}, ${machine.date}`);
  console.log(`servers on core ${cores.server}, generator on core ${cores.generator}`);
  console.log(`before: load ${machine.load}, fdatasync of a page ${machine.fdatasync_us} us`);
  if (machine.load > 0.5) console.log('something else is running: expect high figures and loose ratios');
  if (cores.server === cores.generator) console.log('only one core: the figures of CPU hold, those of time do not');
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const scenario of scenarios) {
      for (const server of rotate(SCENARIOS[scenario].servers, round)) {
        if (!wanted.includes(server)) continue;
        const result = await measure(SCENARIOS[scenario], servers[server]);
        ((runs[scenario] ??= {})[server] ??= []).push(result);
        process.stderr.write(`round ${round + 1}: ${scenario}, ${server}: ${result.failure ?? 'ok'}\n`);
      }
    }
  }
  const results = scenarios.flatMap((scenario) => summarise(scenario, runs[scenario] ?? {}));
  for (const scenario of scenarios) printTable(scenario, results);
  const programs = options.only === undefined ? runPrograms() : [];
  const report = { machine, rounds: Number(options.rounds), results, programs };
  fs.writeFileSync(options.out, JSON.stringify(report, null, 2) + '\n');
  console.log(`\nas JSON: ${path.relative(process.cwd(), options.out)}`);
}

function choose(names, list) {
  const chosen = list === undefined ? names : list.split(',');
  const unknown = chosen.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`there is no ${unknown}: ${names.join(', ')}`);
  return chosen;
}

function rotate(list, by) {
  return list.map((_, i) => list[(i + by) % list.length]);
}

// ---- one measurement ------------------------------------------------------------------------------------------------

async function measure(scenario, server) {
  try {
    return await withServer(server, cores.server, ({ child, url }) => {
      const target = ['--wire', server.wire, '--url', url, '--pid', String(child.pid)];
      return generate([...scenario.args, ...server.extra, ...target, ...secondsFor(scenario)]);
    });
  } catch (error) {
    return { failure: error.message };
  }
}

// Idle connections need no time, they need rest.
function secondsFor(scenario) {
  return ['idle', 'connect'].includes(scenario.args[0]) ? [] : ['--seconds', options.seconds];
}

function generate(args) {
  const child = spawn('taskset', ['-c', String(cores.generator), options.generator, 'bench', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let said = '';
  child.stdout.on('data', (text) => (out += text));
  child.stderr.on('data', (text) => (said += text));
  return new Promise((resolve) => {
    child.on('close', (code) => {
      const result = out === '' ? {} : JSON.parse(out);
      const failure = said.trim().replace(/^bench: /, '') || `exit status ${code}`;
      resolve(code === 0 ? result : { ...result, failure });
    });
  });
}

// ---- results --------------------------------------------------------------------------------------------------------

function summarise(scenario, runs) {
  return Object.entries(runs).map(([server, list]) => {
    const good = list.filter((run) => run.failure === undefined);
    const failures = list.filter((run) => run.failure !== undefined).map((run) => run.failure);
    const median = {};
    for (const [key, value] of Object.entries(good[0] ?? {})) {
      median[key] = typeof value === 'number' ? middle(good.map((run) => run[key])) : value;
    }
    return { scenario, server, failures, median, runs: list };
  });
}

function middle(numbers) {
  const sorted = numbers.filter((number) => number !== null).sort((a, b) => a - b);
  const at = (sorted.length - 1) / 2;
  return sorted.length === 0 ? null : (sorted[Math.floor(at)] + sorted[Math.ceil(at)]) / 2;
}

function printTable(scenario, results) {
  const { title, goal, columns, beside, also, servers } = SCENARIOS[scenario];
  const rows = results.filter((row) => row.scenario === scenario);
  rows.sort((a, b) => servers.indexOf(a.server) - servers.indexOf(b.server));
  const first = (server) => rows.find((row) => row.server === server)?.median[columns[0].key];
  const ratioTo = (server, row) => (first(server) && first(row.server) ? (first(row.server) / first(server)).toFixed(2) : '');
  console.log(`\n${scenario}: ${title}\n  goal: ${goal}`);
  const names = columns.map((column) => column.name.padStart(18)).join('');
  console.log(`  ${'server'.padEnd(24)}${names}${beside ? `   x ${beside}` : ''}${also ? `   x ${also.name}` : ''}`);
  for (const row of rows) {
    const cells = columns.map(({ key, scale = 1, digits }) => format(row.median[key], scale, digits).padStart(18));
    const ratio = beside ? ratioTo(beside, row).padEnd(beside.length + 2) : '';
    const second = also?.server === row.server ? ratioTo(also.than, row) : '';
    console.log(`  ${row.server.padEnd(24)}${cells.join('')}   ${ratio}   ${second}`.trimEnd());
    for (const failure of new Set(row.failures)) console.log(`  ${' '.repeat(24)}  failed: ${failure.split('\n')[0]}`);
  }
}

function format(value, scale, digits) {
  if (typeof value !== 'number') return '-';
  return (value * scale).toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

// ---- programs -------------------------------------------------------------------------------------------------------

// A program prints one measurement a line: name, value and unit with a tab between them.
function runPrograms() {
  const dir = path.dirname(options.floor);
  const names = fs.readdirSync(dir).filter((name) => name !== path.basename(options.floor)).sort();
  return names.flatMap((program) => {
    console.log(`\n${program}`);
    const env = { ...process.env, TMPDIR: folder };
    const { stdout, status } = spawnSync(path.join(dir, program), { env, encoding: 'utf8' });
    if (status !== 0) console.log(`  failed: exit status ${status}`);
    return (stdout ?? '').split('\n').flatMap((line) => {
      const [name, value, unit] = line.split('\t');
      if (unit === undefined) return [];
      console.log(`  ${name.padEnd(56)}${format(Number(value), 1, 1).padStart(18)} ${unit}`);
      return [{ program, name, value: Number(value), unit }];
    });
  });
}

// ---- the machine ----------------------------------------------------------------------------------------------------

function describeMachine() {
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: os.cpus()[0].model.trim(),
    cores: os.cpus().length,
    memory_bytes: os.totalmem(),
    kernel: os.release(),
    node: process.version,
    load: Number(os.loadavg()[0].toFixed(2)),
    fdatasync_us: measureDisk(),
  };
}

// How long the disk takes for a page and its fdatasync, the median of a hundred.
function measureDisk() {
  const file = path.join(folder, 'page');
  const fd = fs.openSync(file, 'w');
  const page = Buffer.alloc(4096, 1);
  const times = Array.from({ length: 100 }, () => {
    const begin = process.hrtime.bigint();
    fs.writeSync(fd, page);
    fs.fdatasyncSync(fd);
    return Number(process.hrtime.bigint() - begin) / 1e3;
  });
  fs.closeSync(fd);
  fs.rmSync(file);
  return Math.round(middle(times));
}
