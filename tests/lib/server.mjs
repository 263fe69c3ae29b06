// The real binary, started for a test on a free port with data of its own, and clients that wait for facts.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import WebSocket from 'ws';

const BINARY = process.env.COLLABD_BIN ?? new URL('../../build/collabd', import.meta.url).pathname;

/**
 * Starts `collabd serve --demo` on 127.0.0.1 and waits until it is ready.
 * @param {{args?: string[], env?: object, data?: string, port?: number, demo?: boolean}} [options]
 */
export async function startServer({ args = [], env = {}, data, port = 0, demo = true } = {}) {
  const folder = data ?? mkdtempSync(join(tmpdir(), 'collabd-test-'));
  const child = spawn(BINARY, ['serve', '--data', folder, '--listen', `127.0.0.1:${port}`, ...(demo ? ['--demo'] : []), ...args], {
    env: { ...process.env, COLLABD_LIMITS: 'open', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const server = { child, folder, log: '', said: '', base: '', ws: '', exited: once(child, 'exit') };
  child.stderr.on('data', (chunk) => (server.log += chunk));
  await new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`collabd ended with ${code}: ${server.log}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      server.said += `${line}\n`;
      const ready = line.match(/ready on (https?):\/\/localhost:(\d+)/);
      if (!ready) return;
      server.port = Number(ready[2]);
      server.base = `${ready[1]}://127.0.0.1:${server.port}`;
      server.ws = server.base.replace('http', 'ws');
      resolve();
    });
  });
  /** Ends the process and waits; the folder stays unless it was made here. */
  server.stop = async (signal = 'SIGTERM') => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    const [code, killedBy] = await server.exited;
    if (!data && signal !== 'SIGKILL') rmSync(folder, { recursive: true, force: true });
    return { code, signal: killedBy };
  };
  server.remove = () => rmSync(folder, { recursive: true, force: true });
  return server;
}

/** Logs in and gives the cookie for a `Cookie` header. */
export async function login(server, username, password = 'demo') {
  const answer = await fetch(`${server.base}/api/v1/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ username, password }),
  });
  if (!answer.ok) throw new Error(`login of ${username}: ${answer.status} ${await answer.text()}`);
  return answer.headers.get('set-cookie').split(';')[0];
}

/** A JWT of a demonstration account. */
export async function tokenOf(server, username) {
  const cookie = await login(server, username);
  const answer = await fetch(`${server.base}/api/v1/token`, { method: 'POST', headers: { cookie, 'Content-Type': 'application/json' }, body: '{}' });
  return (await answer.json()).token;
}

/** REST with a cookie; gives {status, headers, body}. */
export async function rest(server, cookie, method, path, body, headers = {}) {
  const answer = await fetch(server.base + path, {
    method,
    headers: { ...(cookie ? { cookie } : {}), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  let json = null;
  try {
    json = JSON.parse(text);
  } catch {
    json = text;
  }
  return { status: answer.status, headers: answer.headers, body: json };
}

/** A plain JSON-over-WebSocket client that keeps everything it hears. */
export class Client {
  constructor(socket) {
    this.socket = socket;
    this.heard = [];
    this.closed = null;
    this.serial = 0;
    this.waiters = new Set();
    socket.on('message', (data, isBinary) => {
      this.heard.push(isBinary ? data : JSON.parse(data));
      this.#wake();
    });
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
      this.#wake();
    });
    socket.on('error', () => {});
  }

  /** @param {{token?: string, cookie?: string, headers?: object}} [who] */
  static async open(server, path, { token, cookie, headers = {}, ...options } = {}) {
    const url = server.ws + path + (token ? `${path.includes('?') ? '&' : '?'}token=${token}` : '');
    const socket = new WebSocket(url, { headers: { ...(cookie ? { cookie } : {}), ...headers }, ...options });
    const client = new Client(socket);
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('unexpected-response', (request, response) => {
        request.destroy();
        reject(Object.assign(new Error(`refused with ${response.statusCode}`), { status: response.statusCode }));
      });
      socket.once('error', reject);
    });
    return client;
  }

  send(message) {
    this.socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  }

  /** Sends with a fresh messageId and gives the one answer. */
  async ask(message) {
    const messageId = `t${++this.serial}`;
    this.send({ ...message, messageId, ...(message.type ? {} : {}) });
    return this.wait((heard) => heard.replyTo === messageId || heard.reply_to === messageId, `the answer to ${message.type}`);
  }

  /** The first message, heard already or later, that the predicate likes. */
  async wait(predicate, what = 'a message', ms = 10000) {
    return this.until(() => this.heard.find(predicate), what, ms);
  }

  async waitClosed(ms = 10000) {
    return this.until(() => this.closed, 'the close', ms);
  }

  async until(find, what, ms = 10000) {
    const found = find();
    if (found) return found;
    return new Promise((resolve, reject) => {
      const waiter = () => {
        const later = find();
        if (!later && !this.closed) return;
        this.waiters.delete(waiter);
        clearTimeout(timer);
        if (later) resolve(later);
        else fail();
      };
      const fail = () => {
        this.waiters.delete(waiter);
        reject(new Error(`${what} did not come; heard ${JSON.stringify(this.heard.slice(-5)).slice(0, 4000)}, closed ${JSON.stringify(this.closed)}`));
      };
      const timer = setTimeout(fail, ms);
      this.waiters.add(waiter);
      if (this.closed) waiter(); // nothing more will come
    });
  }

  #wake() {
    for (const waiter of [...this.waiters]) waiter();
  }

  close() {
    this.socket.close(1000);
  }
}

/** Polls a question that has no event to wait for. */
export async function eventually(question, what, ms = 10000) {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await question();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what} did not become true`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
