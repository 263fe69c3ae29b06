// What is sent again under its id is done once, and the second answer is the first one and says so: over /ws and over REST.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { draw, types } from './lib/contracts.mjs';
import { assertAck, hear, People } from './lib/people.mjs';
import { startServer } from './lib/server.mjs';

let server, people, editor, contract, serial = 0;

before(async () => {
  server = await startServer({ config: { types } });
  people = new People(server.process);
  editor = await server.login('akhan');
  contract = await draw(editor);
});

after(() => server?.stop());

const about = () => ({ entityType: 'contract', entityId: contract.id });

describe('over /ws the same message twice', () => {
  // what, the message; in which room its user is while he sends it
  const kinds = {
    'a comment': () => ({ type: 'comment', payload: { ...about(), action: 'add', text: 'right, @mgarcia?', path: 'status' } }),
    'a message about a record': () => ({ type: 'chat', payload: { ...about(), text: 'lunch?' } }),
    'a message to somebody': () => ({ type: 'chat', payload: { to: '2', text: 'lunch?' } }),
    'a message in a free room': () => ({ type: 'chat', channel: 'lobby', payload: { text: 'lunch?' } }),
    'a notification about a record': () => ({ type: 'notification', payload: { ...about(), title: 'Look', to: ['mgarcia', '5'] } }),
    'a notification that nobody keeps': () => ({ type: 'notification', payload: { ...about(), title: 'Look' } }),
    'an activity': () => ({ type: 'activity', payload: { ...about(), action: 'printed', metadata: { pages: 2 } } }),
    'preferences': () => ({ type: 'preferences', payload: { action: 'put', types: { message: { on: true } } } }),
    'a change': () => ({ type: 'update', payload: { ...about(), operation: 'increment', path: 'signatures', after: 1 } }),
    'a publication': () => ({ type: 'publish', channel: 'lobby', payload: { n: 1 } }),
  };

  for (const isWatched of [true, false])
    for (const [what, make] of Object.entries(kinds))
      test(`${what}, ${isWatched ? 'while somebody is in the room' : 'into rooms where nobody else is'}`, async () => {
        const rooms = [contract.room, 'lobby', 'user:2'];
        const watchers = isWatched ? await Promise.all(rooms.map((room) => people.enter(room === 'user:2' ? 'mgarcia' : 'jsmith', room))) : [];
        const window = await people.open('akhan');
        if (JSON.stringify(make()).includes('lobby')) assertAck(await window.ask({ type: 'subscribe', channel: 'lobby' }));
        const message = make();
        const id = `twice-${++serial}`;
        if (message.type === 'publish') message.id = id;
        else message.payload.id = id;
        const first = await window.ask(message);
        const { repeat, ...second } = assertAck(await window.ask(message));
        assert.equal(repeat, true);
        const { change, value, ...told } = assertAck(first);
        assert.deepEqual(second, told);
        for (const socket of [window, ...watchers]) socket.close();
      });
});

describe('over REST the same request twice', () => {
  const kinds = {
    'a comment': () => [`${contract.path}/comments`, { text: 'right, @mgarcia?', path: 'status' }],
    'a message about a record': () => [`/api/v1/rooms/${encodeURIComponent(contract.room)}/messages`, { text: 'lunch?' }],
    'a message to somebody': () => ['/api/v1/users/2/messages', { text: 'lunch?' }],
    'a message in a free room': () => ['/api/v1/rooms/lobby/messages', { text: 'lunch?' }],
    'a notification about a record': () => ['/api/v1/notifications', { entity_type: 'contract', entity_id: contract.id, title: 'Look', to: [2] }],
    'an activity': () => ['/api/v1/activity', { entity_type: 'contract', entity_id: contract.id, action: 'printed' }],
    'a record': () => ['/api/v1/records/contract', { name: 'One more' }],
    'a change of nothing': () => [`${contract.path}/changes`, { operation: 'update', path: 'name', after: contract.data.name }],
  };

  for (const [what, make] of Object.entries(kinds))
    test(what, async () => {
      const [path, body] = make();
      const key = { 'idempotency-key': `twice-${++serial}` };
      const first = await editor.post(path, body, key);
      const second = await editor.post(path, body, key);
      assert.ok(first.status < 300, first.text);
      assert.equal(second.status, first.status, second.text);
      assert.deepEqual(JSON.parse(second.text.replace(',"repeat":true', '')), first.json);
    });
});
