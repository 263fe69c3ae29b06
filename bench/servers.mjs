// Starts what is measured, each server alone on one core, and ends it again. A server is started afresh for each
// measurement, so none carries another one's memory.
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const START_SECONDS = 60;
const SECRET = 'a secret that only benchmarks know: it opens nothing';
const USER_COUNT = 10_000;

export const root = path.dirname(import.meta.dirname);

// The two cores: the first for servers, the second for the load generator.
export function pickCores() {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  const cores = /^Cpus_allowed_list:\s*(.*)$/m.exec(status)[1].split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
  return { server: cores[0], generator: cores[cores.length - 1] };
}

// What can be measured: how it is started, and what its clients speak.
export function makeServers({ floor, collabd, folder }) {
  const collabdArgs = (env, how = {}) => ({
    wire: 'native',
    path: '/ws',
    extra: ['--tokens-file', writeTokens(folder)],
    ...how,
    async start(core) {
      const data = fs.mkdtempSync(path.join(folder, 'data-'));
      const port = await freePort();
      const args = ['serve', '--workers', '1', '--listen', `127.0.0.1:${port}`, '--data', data, '--demo'];
      const child = launch(core, collabd, args, {
        COLLABD_LIMITS: 'open',
        COLLABD_JWT_SECRET: SECRET,
        COLLABD_LOG_LEVEL: 'warn',
        ...env,
      });
      await waitUntilReady(child, `http://127.0.0.1:${port}/readyz`);
      return { child, port, cleanUp: () => fs.rmSync(data, { recursive: true, force: true }) };
    },
  });
  const speaking = (wire, url, ...command) => ({
    wire,
    path: url,
    extra: [],
    async start(core) {
      const child = launch(core, ...command);
      return { child, port: await readPort(child) };
    },
  });
  const peer = (name) => [process.execPath, [path.join(root, 'bench/peers', name)]];
  return {
    floor: speaking('raw', '/', floor, []),
    'floor-flush': speaking('raw', '/', floor, ['--flush-per-turn']),
    collabd: collabdArgs({}),
    'collabd-socketio': collabdArgs({}, {
      wire: 'socketio',
      path: '/socket.io/',
      namespace: '/relay',
      tokens: writeTokens(folder),
      extra: ['--tokens-file', writeTokens(folder), '--namespace', '/relay'],
    }),
    'collabd-no-tick': collabdArgs({ COLLABD_ROOM_TICK_MS: '0' }),
    ws: speaking('raw', '/', ...peer('ws.mjs')),
    sharedb: speaking('sharedb', '/', ...peer('sharedb.mjs')),
    'socket.io': speaking('socketio', '/socket.io/', ...peer('socketio.mjs')),
  };
}

export async function withServer(server, core, use) {
  const running = await server.start(core);
  try {
    return await use({ ...running, url: `ws://127.0.0.1:${running.port}${server.path}` });
  } finally {
    await end(running.child);
    running.cleanUp?.();
  }
}

function launch(core, program, args, env = {}) {
  const child = spawn('taskset', ['-c', String(core), program, ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.said = '';
  child.stderr.on('data', (bytes) => (child.said = (child.said + bytes).slice(-4000)));
  return child;
}

async function readPort(child) {
  for await (const line of readline.createInterface({ input: child.stdout })) {
    const port = /^listening on .*:(\d+)$/.exec(line)?.[1];
    if (port) return Number(port);
  }
  throw new Error(`a server did not start: ${child.said}`);
}

async function waitUntilReady(child, url) {
  child.stdout.resume();
  for (let waited = 0; waited < START_SECONDS * 20; waited++) {
    if (child.exitCode !== null) break;
    const isReady = await fetch(url).then((answer) => answer.ok, () => false);
    if (isReady) return;
    await sleep(50);
  }
  child.kill('SIGKILL');
  throw new Error(`collabd did not start: ${child.said}`);
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(timer);
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

// Ten thousand different people, by tokens that the server accepts because it was given the secret.
function writeTokens(folder) {
  const file = path.join(folder, 'tokens');
  if (fs.existsSync(file)) return file;
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const header = encode({ alg: 'HS256', typ: 'JWT' });
  const now = Math.floor(Date.now() / 1000);
  const lines = Array.from({ length: USER_COUNT }, (_, i) => {
    const who = { sub: `bench-${i}`, username: `bench-${i}`, name: `Bench ${i}`, roles: ['editor'] };
    const body = `${header}.${encode({ ...who, iat: now, exp: now + 86_400 })}`;
    return `${body}.${createHmac('sha256', SECRET).update(body).digest('base64url')}`;
  });
  fs.writeFileSync(file, lines.join('\n') + '\n', { mode: 0o600 });
  return file;
}
