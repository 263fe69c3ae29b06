// A server of the test's own that can come back on its data and port, and clients for it that show whole answers.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { login, startServer as startProcess } from '../../lib/server.mjs';

// Options: `config` (an object, written to a file), `env`.
export async function startServer(options = {}) {
  const server = new Server(options);
  await server.start();
  return server;
}

class Server {
  constructor({ config, env = {} }) {
    this.data = mkdtempSync(join(tmpdir(), 'collabd-test-'));
    this.args = ['--workers', '2'];
    this.env = env;
    this.port = 0;
    if (config) {
      const file = join(this.data, 'config.json');
      writeFileSync(file, JSON.stringify(config));
      this.args.push('--config', file);
    }
  }

  async start() {
    this.process = await startProcess({ args: this.args, env: this.env, data: this.data, port: this.port });
    this.port = this.process.port;
    this.url = this.process.base;
    this.wsUrl = this.process.ws;
  }

  // What it has logged since it was started.
  get output() {
    return this.process.log;
  }

  // On the same data and port.
  async restart(signal = 'SIGTERM') {
    await this.process.stop(signal);
    await this.start();
  }

  async stop() {
    const { code, signal } = await this.process.stop();
    rmSync(this.data, { recursive: true, force: true });
    assert.equal(code ?? signal, 0, `the server ended badly:\n${this.output}`);
  }

  // A client that is logged in with the cookie.
  async login(username) {
    const client = new Client(this);
    client.headers.cookie = await login(this.process, username);
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
