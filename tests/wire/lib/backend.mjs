// An application's backend: a real HTTP server that checks each signature, keeps what it was told and answers as the test says.
import assert from 'node:assert/strict';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { eventually } from '../../lib/server.mjs';

export const SECRET = 'a secret that both of them know';

export class Backend {
  constructor() {
    this.heard = []; // {body, delivery, event, status}: in the order in which they were answered
    this.answer = () => ({ allow: true });
    this.port = 0;
  }

  /** The same port every time. */
  async start() {
    this.server = createServer((request, response) => this.#serve(request, response));
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}/`;
    return this;
  }

  async stop() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  async #serve(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    assertSigned(request.headers['collabd-signature'], text);
    const told = { body: JSON.parse(text), headers: request.headers };
    this.asked?.(told);
    const said = await this.answer(told.body, told);
    if (said === undefined) return; // never
    this.heard.push(told);
    const { status = 200, raw } = said;
    response.writeHead(status, { 'Content-Type': 'application/json', ...said.headers }).end(raw ?? JSON.stringify(said));
  }

  /** What was asked under one hook. */
  of(hook) {
    return this.heard.map(({ body }) => body).filter((body) => body.hook === hook);
  }

  /** All events of all deliveries, in order. */
  get events() {
    return this.heard.flatMap(({ body }) => body.events ?? []);
  }

  async until(suits, what) {
    await eventually(() => suits(this), what);
  }
}

export function assertSigned(header, text) {
  const [, time, digest] = header.match(/^t=(\d+),v1=([0-9a-f]{64})$/);
  assert.ok(Math.abs(Date.now() / 1000 - Number(time)) < 60);
  const mine = createHmac('sha256', SECRET).update(`${time}.${text}`).digest();
  assert.ok(timingSafeEqual(mine, Buffer.from(digest, 'hex')), 'the signature is not right');
}
