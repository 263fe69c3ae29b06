// What an error shows beside its code tells nobody what is in fields that he may not read.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAck, assertRefused, People } from './lib/people.mjs';
import { make, say, update } from './lib/records.mjs';
import { startServer } from './lib/server.mjs';

const all = ['editor', 'manager'];
const types = {
  offer: {
    roles: { create: all, update: all, delete: all },
    fields: {
      name: { kind: 'string', required: true },
      price: { kind: 'number', strategy: 'manual' },
      floor: { kind: 'number', read: ['manager'], write: ['manager'] },
    },
  },
};

let server, people, amir, maria;

before(async () => {
  server = await startServer({ config: { types } });
  people = new People(server.process);
  [amir, maria] = await Promise.all(['akhan', 'mgarcia'].map((name) => people.open(name)));
});

after(() => server?.stop());

/** Amir's price waits, because Maria has changed the price and the floor in one. */
async function conflict() {
  const room = await make(people, 'offer', { name: 'Pump', price: 1, floor: 47110000 }, 'mgarcia');
  assertAck(await update(maria, room, { patch: { price: 2, floor: 47110001 } }));
  const told = assertAck(await update(amir, room, { operation: 'update', path: 'price', after: 3, version: 1 }));
  assert.equal(told.verdict, 'conflict');
  return { room, conflictId: told.conflict.id };
}
const resolve = (window, room, conflictId) => say(window, 'conflict', room, { conflictId, action: 'resolve', resolution: 'local' });

/** The refusal shows the conflict, with what Maria did, as far as he may read it. */
function assertShown(answer, code) {
  const { conflict } = assertRefused(answer, code);
  assert.ok(conflict.remoteChanges.some(({ ops }) => ops.some(({ path }) => path === '/price')));
  assert.doesNotMatch(JSON.stringify(answer), /4711000\d|floor/);
}

test('a conflict that was settled already', async () => {
  const { room, conflictId } = await conflict();
  assertAck(await resolve(maria, room, conflictId));
  assertShown(await resolve(amir, room, conflictId), 'already_resolved');
});

test('a conflict that was refreshed', async () => {
  const { room, conflictId } = await conflict();
  assertAck(await update(maria, room, { patch: { price: 5, floor: 47110002 } }));
  assertShown(await resolve(amir, room, conflictId), 'conflict');
});

test('over REST', async () => {
  const { room, conflictId } = await conflict();
  assertAck(await resolve(maria, room, conflictId));
  const answer = await people.rest('akhan', 'POST', `/api/v1/conflicts/${conflictId}/resolve`, { resolution: 'local' });
  assert.equal(answer.body.error.code, 'already_resolved', JSON.stringify(answer.body));
  assert.doesNotMatch(JSON.stringify(answer.body), /4711000\d|floor/);
});
