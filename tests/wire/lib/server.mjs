// A collabd of the test's own, with the demonstration data, on a port and in a folder that nobody else has; and clients for it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const PASSWORD = 'demo';

// Options: `config` (an object, written to a file), `args`, `env`, `data` (a folder to go on with), `port` (to come back on).
export async function startServer(options = {}) {
  const server = new Server(options);
  await server.start();
  return server;
}

class Server {
  constructor({ config, args = [], env = {}, data, port = 0 }) {
    this.ownsData = !data;
    this.data = data ?? fs.mkdtempSync(path.join(os.tmpdir(), 'collabd-test-'));
    this.args = args;
    this.env = env;
    this.port = port;
    if (config) {
      const file = path.join(this.data, 'config.json');
      fs.writeFileSync(file, JSON.stringify(config));
      this.args = ['--config', file, ...args];
    }
  }

  async start() {
    const words = ['serve', '--demo', '--data', this.data, '--listen', `127.0.0.1:${this.port}`];
    if (!this.args.includes('--workers')) words.push('--workers', '2');
    this.output = '';
    this.process = spawn(process.env.COLLABD_BIN, [...words, ...this.args], {
      env: { ...process.env, ...this.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.exited = new Promise((resolve) => {
      this.process.on('exit', (code, signal) => resolve({ code, signal }));
    });
    this.exited.then(() => (this.isOver = true));
    this.isOver = false;
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => (this.output += text));
    }
    const [, port] = await this.said(/server\.listening address=http:\/\/127\.0\.0\.1:(\d+)/);
    await this.said(/collabd is ready/);
    this.port = Number(port);
    this.url = `http://127.0.0.1:${port}`;
    this.wsUrl = `ws://127.0.0.1:${port}`;
  }

  // Resolves with the match as soon as the server has printed it.
  said(pattern) {
    return new Promise((resolve, reject) => {
      const streams = [this.process.stdout, this.process.stderr];
      const look = () => {
        const match = pattern.exec(this.output);
        if (match) finish(resolve, match);
      };
      const finish = (settle, value) => {
        for (const stream of streams) stream.off('data', look);
        settle(value);
      };
      for (const stream of streams) stream.on('data', look);
      this.exited.then(({ code, signal }) => {
        finish(reject, new Error(`the server ended (${code ?? signal}) without ${pattern}:\n${this.output}`));
      });
      look();
    });
  }

  // Gives how it ended.
  async end(signal = 'SIGTERM') {
    if (!this.isOver) this.process.kill(signal);
    return this.exited;
  }

  // On the same data and port.
  async restart(signal = 'SIGTERM') {
    await this.end(signal);
    await this.start();
  }

  async stop() {
    const { code, signal } = await this.end();
    if (this.ownsData) fs.rmSync(this.data, { recursive: true, force: true });
    assert.equal(code ?? signal, 0, `the server ended badly:\n${this.output}`);
  }

  // A client that is logged in with the cookie.
  async login(username) {
    const client = new Client(this);
    const answer = await client.post('/api/v1/login', { username, password: PASSWORD });
    assert.equal(answer.status, 200, answer.text);
    client.user = answer.json.user;
    client.headers.cookie = answer.headers.get('set-cookie').split(';')[0];
    return client;
  }

  // One that brings its headers itself, or none.
  client(headers = {}) {
    return new Client(this, headers);
  }
}

class Client {
  constructor(server, headers = {}) {
    this.server = server;
    this.headers = { ...headers };
  }

  async request(method, path, { body, headers = {} } = {}) {
    const isJson = body !== undefined && typeof body !== 'string';
    const response = await fetch(this.server.url + path, {
      method,
      redirect: 'manual',
      headers: { ...(isJson && { 'content-type': 'application/json' }), ...this.headers, ...headers },
      body: isJson ? JSON.stringify(body) : body,
    });
    const text = await response.text();
    const json = response.headers.get('content-type')?.startsWith('application/json') && text ? JSON.parse(text) : null;
    return { status: response.status, headers: response.headers, text, json };
  }

  get(path, headers) {
    return this.request('GET', path, { headers });
  }

  post(path, body, headers) {
    return this.request('POST', path, { body, headers });
  }

  patch(path, body, headers) {
    return this.request('PATCH', path, { body, headers });
  }

  delete(path, headers) {
    return this.request('DELETE', path, { headers });
  }
}

// The answer is this error and nothing else: its status, code and field.
export function assertError(answer, status, code, field) {
  assert.equal(answer.status, status, answer.text);
  const { error } = answer.json;
  assert.equal(error.code, code, answer.text);
  assert.equal(error.field, field, answer.text);
  assert.match(error.message, /^[A-Z].*\.$/);
  assert.equal(error.request_id, answer.headers.get('x-request-id'));
}
