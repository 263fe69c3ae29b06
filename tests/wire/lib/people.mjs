// People in front of a server: each logs in once and opens as many windows as he likes. And what their answers must be.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Client, login, rest } from '../../lib/server.mjs';

export const BINARY = process.env.COLLABD_BIN ?? new URL('../../../build/collabd', import.meta.url).pathname;

export class People {
  constructor(server) {
    this.server = server;
    this.cookies = new Map();
  }

  /** The cookie of somebody's one session. */
  cookie(name) {
    if (!this.cookies.has(name)) this.cookies.set(name, login(this.server, name));
    return this.cookies.get(name);
  }

  async open(name, path = '/ws', options = {}) {
    return Client.open(this.server, path, { cookie: await this.cookie(name), ...options });
  }

  /** A window that has joined a native room; `joined` is what the answer said. */
  async enter(name, room, payload = {}) {
    const window = await this.open(name);
    window.joined = assertAck(await window.ask({ type: 'subscribe', channel: room, payload }));
    return window;
  }

  async rest(name, method, path, body, headers) {
    return rest(this.server, await this.cookie(name), method, path, body, headers);
  }
}

/** The answer is an `ack`: gives its payload. */
export function assertAck(answer) {
  assert.equal(answer.type, 'ack', JSON.stringify(answer));
  return answer.payload;
}

/** The answer is this error and explains itself to a person. */
export function assertRefused(answer, code, field) {
  assert.equal(answer.type, 'error', JSON.stringify(answer));
  const error = answer.payload ?? answer.error;
  assert.equal(error.code, code, JSON.stringify(answer));
  assert.equal(error.field, field, JSON.stringify(answer));
  assert.match(error.message, /^[A-Z].*\.$/);
  return error;
}

/** What was heard of one type, without answers. */
export function events(client, type, suits = () => true) {
  return client.heard.filter((heard) => heard.type === type && !heard.replyTo && suits(heard.payload ?? heard, heard));
}

/** Waits for an event of that type whose payload suits; gives the whole message. */
export function hear(client, type, suits = () => true) {
  return client.wait((heard) => heard.type === type && !heard.replyTo && suits(heard.payload ?? heard, heard), type);
}

/** Everything that was published or changed in the room before this has arrived when it resolves: a marker came after it. */
export async function settle(room, speaker, ...listeners) {
  const marker = `marker ${Math.random()}`;
  assertAck(await speaker.ask({ type: 'publish', channel: room, payload: { marker }, volatile: true }));
  await Promise.all(listeners.map((listener) => hear(listener, 'publish', (payload) => payload.marker === marker)));
}

/** Closes without a word, as a lost network does. */
export function drop(client) {
  client.socket.terminate();
  return client.waitClosed();
}

/** Runs `collabd WORD...`; gives {code, out, err}. `input` goes to its standard input. */
export async function collabd(words, { input = '', env = {}, cwd } = {}) {
  const child = spawn(BINARY, words, { env: { ...process.env, ...env }, cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  const result = { code: null, out: '', err: '' };
  child.stdout.on('data', (chunk) => (result.out += chunk));
  child.stderr.on('data', (chunk) => (result.err += chunk));
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  [result.code] = await once(child, 'close');
  return result;
}
