// build/conformance, started for a test on a free port, and clients that say what no library would.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import WebSocket from 'ws';

const BINARY =
  process.env.CONFORMANCE_BIN ?? process.env.COLLABD_BIN?.replace(/collabd$/, 'conformance') ?? new URL('../../../build/conformance', import.meta.url).pathname;

/** Starts the program: {port, base, ws, stop}. */
export async function startConformance(...args) {
  const child = spawn(BINARY, ['--listen', '127.0.0.1:0', ...args.map(String)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const server = { child, log: '', exited: once(child, 'exit') };
  child.stderr.on('data', (chunk) => (server.log += chunk));
  await new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`conformance ended with ${code}: ${server.log}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      server.port = Number(line.match(/port (\d+)/)?.[1]);
      server.base = `http://127.0.0.1:${server.port}`;
      server.ws = `ws://127.0.0.1:${server.port}`;
      resolve();
    });
  });
  /** Ends it; it must have been well to the end. */
  server.stop = async () => {
    child.kill('SIGTERM');
    const [code, signal] = await server.exited;
    assert.deepEqual({ code, signal, log: server.log }, { code: 0, signal: null, log: '' });
  };
  return server;
}

/** A WebSocket whose messages are taken one after the other; text as string, binary as Buffer. */
export class Socket {
  constructor(url) {
    this.ws = new WebSocket(url, { perMessageDeflate: false });
    this.ws.binaryType = 'nodebuffer';
    this.heard = [];
    this.closed = null;
    this.waiters = new Set();
    this.opened = new Promise((resolve, reject) => {
      this.ws.once('open', resolve);
      this.ws.once('error', reject);
    });
    this.opened.catch(() => {});
    this.ws.on('error', () => {});
    this.ws.on('message', (data, isBinary) => {
      this.heard.push(isBinary ? data : data.toString());
      this.#wake();
    });
    this.ws.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
      this.#wake();
    });
  }

  #wake() {
    for (const waiter of [...this.waiters]) waiter();
  }

  send(...messages) {
    for (const message of messages) this.ws.send(message);
  }

  /** Resolves as soon as `find` gives something. */
  until(find, what, ms = 15000) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiters.delete(look);
        reject(new Error(`${what} did not come; waiting: ${JSON.stringify(this.heard)}, closed: ${JSON.stringify(this.closed)}`));
      }, ms);
      const look = () => {
        const found = find();
        if (found === undefined || found === null) return;
        this.waiters.delete(look);
        clearTimeout(timer);
        resolve(found);
      };
      this.waiters.add(look);
      look();
    });
  }

  /** The next message; fails when the connection closes first. */
  async next(ms) {
    const found = await this.until(() => (this.heard.length ? { message: this.heard.shift() } : this.closed && { closed: this.closed }), 'a message', ms);
    if (found.closed) throw new Error(`closed with ${JSON.stringify(found.closed)} instead of a message`);
    return found.message;
  }

  waitClosed(ms) {
    return this.until(() => this.closed, 'the close', ms);
  }

  close() {
    this.ws.close();
  }
}
