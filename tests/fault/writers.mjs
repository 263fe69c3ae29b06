// Writers and a listener for fault tests: they remember what they were told, so that the ledger can be judged afterwards.
import { Client, rest } from '../lib/server.mjs';

export const RECORDS = 20;
export const FEED = 'work-order-updates';
export const recordId = (index) => `WO-${1001 + index}`;

/** Sends changes one after the other, over a socket or over REST, until told to stop; keeps what was acknowledged and what was refused. */
export class Writer {
  constructor(name, server, cookie, { overRest = false } = {}) {
    Object.assign(this, { name, server, cookie, overRest, serial: 0, acked: [], refused: [], open: null, isStopped: false });
  }

  async run() {
    const client = this.overRest ? null : await Client.open(this.server, '/ws', { cookie: this.cookie });
    while (!this.isStopped && !client?.closed) {
      this.open ??= this.#next();
      const verdict = await (client ? this.#say(client) : this.#put());
      if (!verdict) break; // the connection ended: nobody knows
      if (verdict.version) this.acked.push({ ...this.open, version: verdict.version });
      else this.refused.push({ ...this.open, ...verdict });
      this.open = null;
      if (client) client.heard.length = 0;
    }
    this.closed = client?.closed ?? null;
    client?.socket.terminate();
  }

  #next() {
    const serial = ++this.serial;
    return { id: `${this.name}-${serial}`, entityType: 'work_order', entityId: recordId((serial * 7 + this.name.charCodeAt(1)) % RECORDS), patch: { notes: `note ${this.name} ${serial} ${'x'.repeat(2000)}` } };
  }

  async #say(client) {
    const answer = await Promise.race([client.ask({ type: 'update', payload: this.open }), client.waitClosed(600000)]).catch((error) => {
      if (client.closed) return client.closed;
      throw error;
    });
    if (answer.type === 'ack') return { version: answer.payload.version };
    return answer.type === 'error' ? { code: answer.payload.code } : null;
  }

  async #put() {
    const { id, entityId, patch } = this.open;
    const answer = await rest(this.server, this.cookie, 'PATCH', `/api/v1/records/work_order/${entityId}`, patch, { 'Idempotency-Key': id }).catch(() => null);
    if (!answer) return null;
    return answer.status === 200 ? { version: answer.body.version } : { status: answer.status, code: answer.body?.error?.code };
  }
}

/** What the server says of the past: for judgeChanges. */
export async function readHistories(server, cookie) {
  const histories = new Map();
  const records = new Map();
  for (let index = 0; index < RECORDS; index++) {
    const id = recordId(index);
    const changes = [];
    for (let before = ''; before !== null; ) {
      const { body } = await rest(server, cookie, 'GET', `/api/v1/records/work_order/${id}/history?limit=1000${before && `&before=${before}`}`);
      changes.push(...body.changes.map((change) => ({ id: change.id, version: change.version })));
      before = body.next_before;
    }
    histories.set(`work_order:${id}`, changes);
    records.set(`work_order:${id}`, (await rest(server, cookie, 'GET', `/api/v1/records/work_order/${id}`)).body.version);
  }
  return { histories, records };
}

/** Sends again what has no answer yet: each operation ends exactly once. */
export async function finish(writers, server, cookie) {
  for (const writer of writers.filter(({ open }) => open)) {
    const { id, entityType, entityId, patch } = writer.open;
    const client = await Client.open(server, '/ws', { cookie });
    // over REST the key is another one: the same change, known by the same id
    const answer = await client.ask({ type: 'update', payload: { id, entityType, entityId, patch } });
    if (answer.type === 'ack') writer.acked.push({ ...writer.open, version: answer.payload.version });
    writer.open = null;
    client.close();
  }
}
