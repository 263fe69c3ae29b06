#!/usr/bin/env node
// Socket.IO by long-polling alone: many clients that each hear one event a second, in rooms of twenty. collabd beside npm's
// socket.io, in one run: the server on one core, all clients in this program on the other. What counts is that everything
// arrives, how late, and the server's CPU. Prints a table and writes JSON.
//
//   bench/polling.mjs [--clients 2000] [--rounds 3] [--seconds 10] [--servers collabd-socketio,socket.io]
//                     [--collabd build/collabd] [--out build/polling.json]
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { makeServers, pickCores, root, withServer } from './servers.mjs';

const ROOM_SIZE = 20;
const WARMUP_SECONDS = 2;
const TICKS_PER_SECOND = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout);

const { values: options } = parseArgs({
  options: {
    clients: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '10' },
    servers: { type: 'string', default: 'collabd-socketio,socket.io' },
    collabd: { type: 'string', default: path.join(root, 'build/collabd') },
    out: { type: 'string', default: path.join(root, 'build/polling.json') },
  },
});

/** A client that only polls: as small as it can be, so that this program is not what is measured. */
class Poller {
  constructor(url, agent, namespace, token, hear) {
    this.target = { host: url.hostname, port: url.port, agent };
    this.path = `${url.pathname}?EIO=4&transport=polling`;
    this.prefix = namespace === '/' ? '' : `${namespace},`;
    this.token = token;
    this.hear = hear;
    this.isOver = false;
    this.answered = null;
  }

  request(method, body) {
    return new Promise((resolve, reject) => {
      const request = http.request({ ...this.target, method, path: this.path }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part) => (text += part));
        answer.on('end', () => (answer.statusCode === 200 ? resolve(text) : reject(new Error(`${answer.statusCode} ${text}`))));
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  async open(room) {
    this.path += `&sid=${JSON.parse((await this.request('GET')).slice(1)).sid}`;
    this.polling = this.poll().catch((error) => {
      if (!this.isOver) this.failure = error;
    });
    await this.ask(`40${this.prefix}${this.token ? JSON.stringify({ token: this.token }) : ''}`, '40');
    await this.ask(`42${this.prefix}0${JSON.stringify(['join', room])}`, '43');
  }

  async ask(packet, wanted) {
    const answer = new Promise((resolve) => (this.answered = { wanted, resolve }));
    await this.request('POST', packet);
    await answer;
  }

  say(room, payload) {
    return this.request('POST', `42${this.prefix}${JSON.stringify(['say', room, payload])}`);
  }

  async poll() {
    while (!this.isOver) {
      for (const packet of (await this.request('GET')).split('\x1e')) {
        if (packet === '2') await this.request('POST', '3');
        else if (packet.startsWith('42')) this.hear(JSON.parse(packet.slice(packet.indexOf('['))));
        else if (this.answered && packet.startsWith(this.answered.wanted)) this.answered.resolve();
      }
    }
  }

  async close() {
    this.isOver = true;
    await this.request('POST', '1').catch(() => {});
  }
}

function cpuSeconds(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

async function measure(server, { child, url }) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });
  const tokens = server.tokens ? fs.readFileSync(server.tokens, 'utf8').trim().split('\n') : [];
  const namespace = server.namespace ?? '/';
  const count = Number(options.clients);
  const late = [];
  let isMeasuring = false;
  const hear = ([, { at, counts }]) => counts && late.push(performance.now() - at);
  const target = new URL(url.replace('ws:', 'http:'));
  const make = (i) => new Poller(target, agent, namespace, tokens[i % tokens.length], hear);
  const rooms = Array.from({ length: Math.ceil(count / ROOM_SIZE) }, (_, i) => `polling-${i}`);
  const people = Array.from({ length: count + rooms.length }, (_, i) => make(i));
  try {
    for (let i = 0; i < people.length; i += 64) {
      await Promise.all(people.slice(i, i + 64).map((person, j) => person.open(rooms[(i + j) % rooms.length])));
    }
    const senders = people.slice(count);
    const deadline = performance.now() + (WARMUP_SECONDS + Number(options.seconds)) * 1000;
    const begin = performance.now() + WARMUP_SECONDS * 1000;
    let said = 0, cpu = 0;
    const talk = senders.map(async (sender, i) => {
      const room = rooms[(count + i) % rooms.length];
      await sleep((i * 1000) / senders.length);
      while (performance.now() < deadline) {
        const at = performance.now();
        said += isMeasuring;
        await sender.say(room, { at, counts: isMeasuring });
        await sleep(Math.max(0, at + 1000 - performance.now()));
      }
    });
    await sleep(begin - performance.now());
    [isMeasuring, cpu] = [true, cpuSeconds(child.pid)];
    await Promise.all(talk);
    cpu = cpuSeconds(child.pid) - cpu;
    for (let waited = 0; waited < 40 && late.length < said * ROOM_SIZE; waited++) await sleep(50);
    const failed = people.filter(({ failure }) => failure).length;
    late.sort((a, b) => a - b);
    return {
      said, expected: said * ROOM_SIZE, delivered: late.length, failed,
      p50_ms: late[Math.floor(late.length / 2)], p99_ms: late[Math.floor(late.length * 0.99)],
      server_cpu_percent: (cpu / Number(options.seconds)) * 100, server_cpu_us_per_delivery: (cpu / late.length) * 1e6,
    };
  } finally {
    await Promise.all(people.map((person) => person.close()));
    agent.destroy();
  }
}

const middle = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

const cores = pickCores();
spawnSync('taskset', ['-cp', String(cores.generator), String(process.pid)]);
fs.mkdirSync(path.dirname(options.out), { recursive: true });
const folder = fs.mkdtempSync(path.join(path.dirname(path.resolve(options.out)), 'polling-'));
const runs = {};
try {
  const servers = makeServers({ floor: '', collabd: options.collabd, folder });
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const name of options.servers.split(',')) {
      (runs[name] ??= []).push(await withServer(servers[name], cores.server, (running) => measure(servers[name], running)));
    }
  }
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}

console.log(`${os.cpus()[0].model.trim()}, ${new Date().toISOString().slice(0, 10)}: ${options.clients} polling clients, one event a second each`);
console.log(`  ${'server'.padEnd(20)}${['CPU %', 'CPU us/delivery', 'p50 ms', 'p99 ms', 'lost'].map((name) => name.padStart(18)).join('')}`);
for (const [name, list] of Object.entries(runs)) {
  const of = (key, digits) => middle(list.map((run) => run[key]))?.toFixed(digits) ?? '-';
  const lost = list.reduce((sum, run) => sum + run.expected - run.delivered + run.failed, 0);
  const cells = [of('server_cpu_percent', 1), of('server_cpu_us_per_delivery', 1), of('p50_ms', 1), of('p99_ms', 1), String(lost)];
  console.log(`  ${name.padEnd(20)}${cells.map((cell) => cell.padStart(18)).join('')}`);
}
fs.writeFileSync(options.out, JSON.stringify({ date: new Date().toISOString(), clients: Number(options.clients), runs }, null, 2) + '\n');
