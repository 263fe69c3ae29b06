// A type whose fields are settled in all the ways there are, and its records; and one of which all is left to people.
import assert from 'node:assert/strict';

export const types = {
  contract: {
    title: 'Contract',
    id_prefix: 'CT-',
    label: 'name',
    strategies_allowed: ['last-write-wins', 'operational-transform', 'crdt', 'lock-based', 'manual'],
    roles: { create: ['editor', 'manager'], update: ['editor', 'manager'], delete: ['editor', 'manager'] },
    fields: {
      name: { kind: 'string', required: true },
      status: { kind: 'enum', values: ['draft', 'signed', 'void'], default: 'draft' },
      customer: { kind: 'reference', target: 'customer' },
      price: { kind: 'number', strategy: 'manual' },
      notes: { kind: 'text', strategy: 'operational-transform' },
      signatures: { kind: 'integer', strategy: 'crdt', default: 0 },
      owner: { kind: 'string', strategy: 'lock-based' },
      margin: { kind: 'number', read: ['manager'], write: ['manager'], strategy: 'manual' },
      items: { kind: 'collection', strategy: 'operational-transform' },
    },
  },
  deed: {
    title: 'Deed',
    strategy: 'manual',
    roles: { create: ['editor', 'manager'], update: ['editor', 'manager'], delete: ['editor'] },
    fields: { name: { kind: 'string', required: true }, secret: { kind: 'string', read: ['manager'], write: ['manager'] } },
  },
};

let serial = 0;

/** A new contract made by the client; gives it with its `path`. */
export async function draw(client, fields = {}) {
  const id = `CT-${process.pid}-${++serial}`;
  const answer = await client.post('/api/v1/records/contract', { id, name: `Contract ${serial}`, ...fields });
  assert.equal(answer.status, 201, answer.text);
  return { ...answer.json, path: `/api/v1/records/contract/${id}`, room: `contract:${id}` };
}

/** The answer has this status; gives its body. */
export function assertStatus(answer, status) {
  assert.equal(answer.status, status, answer.text);
  return answer.json;
}

/** One change of a field. */
export function set(path, value, more = {}) {
  return { ops: [{ op: 'set', path, value }], ...more };
}

/** Every page of a list, put together. */
export async function readAll(client, path, key) {
  const rows = [];
  let cursor = '';
  do {
    const page = assertStatus(await client.get(`${path}${path.includes('?') ? '&' : '?'}limit=2${cursor && `&cursor=${encodeURIComponent(cursor)}`}`), 200);
    assert.ok(page[key].length <= 2);
    rows.push(...page[key]);
    cursor = page.next_cursor ?? '';
  } while (cursor);
  return rows;
}
