// The inventory vocabulary with the real Socket.IO client: docs/protocol/socketio.md.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client, login, rest, startServer, tokenOf } from '../lib/server.mjs';
import { Socket, TRANSPORTS } from './lib/socketio.mjs';

let server;
before(async () => {
  server = await startServer({ args: ['--workers', '2'], env: { COLLABD_PRESENCE_GRACE_MS: '50' } });
});
after(() => server?.stop());

let serial = 0;
/** A room of this test's own, and whom it needs in it. */
async function meet(names, options = {}) {
  const room = `meeting-${++serial}`;
  const sockets = [];
  for (const name of names) {
    const socket = await Socket.open(server, name, options);
    assert.equal((await socket.ask('join_inventory_room', { room })).ok, true);
    sockets.push(socket);
  }
  return { room, sockets, close: () => sockets.forEach((socket) => socket.close()) };
}

const mood = (value) => ({ sku: 'SKU-0002', field: 'location', new_value: value });

for (const [how, transports] of Object.entries(TRANSPORTS)) {
  describe(`over ${how}`, () => {
    test('people meet in the room, see each other\'s cursors and changes, and hear who leaves', async () => {
      const amir = await Socket.open(server, 'akhan', { transports, path: '/ws/socket.io/' });
      const hello = await amir.hear('connection_established');
      assert.equal(hello.sid, amir.io.id);
      assert.deepEqual([hello.user_id, hello.username], ['3', 'akhan']);
      assert.match(hello.color, /^#[0-9A-F]{6}$/);

      amir.emit('join_inventory_room', {});
      const first = await amir.hear('room_joined');
      assert.equal(first.room, 'inventory_management');
      assert.equal(first.user.sid, amir.io.id);

      const maria = await Socket.open(server, 'mgarcia', { transports });
      const ack = await maria.ask('join_inventory_room', { room: 'inventory_management' });
      const joined = await maria.hear('room_joined');
      assert.deepEqual(ack, { ok: true, ...joined });
      assert.deepEqual(joined.users.map(({ username }) => username).sort(), ['akhan', 'mgarcia']);
      assert.notEqual(joined.users[0].color, joined.users[1].color);
      const mine = joined.users.find(({ username }) => username === 'mgarcia');
      assert.deepEqual([mine.user_id, mine.cursor_position, mine.editing_row, mine.sid], ['2', null, null, maria.io.id]);
      assert.ok(Date.parse(mine.last_seen));
      const seen = await amir.hear('user_joined', ({ username }) => username === 'mgarcia');
      assert.deepEqual([seen.user_id, seen.color], ['2', mine.color]);

      amir.emit('update_cursor', { cursor_position: { x: 100, y: 200 }, editing_row: 'SKU-0002' });
      const cursor = await maria.hear('cursor_updated');
      assert.deepEqual(cursor, {
        user_id: '3', username: 'akhan', color: first.user.color, cursor_position: { x: 100, y: 200 }, editing_row: 'SKU-0002',
        room: 'inventory_management',
      });

      const done = await amir.ask('inventory_update', { ...mood(`Shelf ${how}`), update_type: 'recount' });
      assert.equal(done.ok, true);
      const change = await maria.hear('inventory_changed');
      const { color, old_value, timestamp, ...rest } = change;
      assert.deepEqual(rest, {
        user_id: '3', username: 'akhan', update_type: 'recount', sku: 'SKU-0002', field: 'location', new_value: `Shelf ${how}`,
        version: done.version,
      });
      assert.equal(typeof old_value, 'string');
      assert.ok(Date.parse(timestamp));

      maria.emit('request_presence', {});
      const presence = await maria.hear('presence_update');
      assert.equal(presence.count, 2);
      assert.equal(presence.users.find(({ username }) => username === 'akhan').editing_row, 'SKU-0002');

      amir.close();
      const left = await maria.hear('user_left');
      assert.equal(left.username, 'akhan');
      // one's own doings come as answers, not as events
      assert.deepEqual(amir.all('inventory_changed'), []);
      assert.deepEqual(amir.all('cursor_updated'), []);
      maria.close();
    });
  });
}

describe('changes', () => {
  test('are stored, and told to everybody in his own words', async () => {
    const { sockets: [amir, maria], close } = await meet(['akhan', 'mgarcia']);
    const native = await Client.open(server, '/ws', { token: await tokenOf(server, 'jsmith') });
    await native.ask({ type: 'subscribe', channel: 'item:SKU-0003' });
    const old = await rest(server, await login(server, 'akhan'), 'GET', '/api/v1/records/inventory/SKU-0003');

    const { version } = await amir.ask('inventory_update', { sku: 'SKU-0003', field: 'qty_ordered_jason', new_value: 4711 });
    const update = await native.wait(({ type, payload }) => type === 'update' && payload.version === version);
    assert.deepEqual([update.payload.path, update.payload.after, update.payload.userId], ['/qty_ordered_jason', 4711, '3']);
    const told = await maria.hear('inventory_changed', (change) => change.version === version);
    assert.equal(told.old_value, old.body.data.qty_ordered_jason);
    assert.equal(told.update_type, 'edit');

    const now = await rest(server, await login(server, 'akhan'), 'GET', '/api/v1/records/inventory/SKU-0003');
    assert.equal(now.body.data.qty_ordered_jason, 4711);

    // and the other way round, with several fields at once
    await native.ask({ type: 'update', channel: 'item:SKU-0003', payload: { patch: { location: 'Yard', unit: 'box' } } });
    for (const socket of [amir, maria]) {
      const { field, new_value, changes } = await socket.hear('inventory_changed', (change) => change.user_id === '5');
      assert.deepEqual([field, new_value], ['location', 'Yard']);
      assert.deepEqual(changes.map((change) => [change.field, change.new_value]), [['location', 'Yard'], ['unit', 'box']]);
    }
    native.close();
    close();
  });

  test('are heard once, also by who is in the record\'s room as well', async () => {
    const { sockets: [amir, maria], close } = await meet(['akhan', 'mgarcia']);
    assert.equal((await maria.ask('join_inventory_room', { room: 'item:SKU-0004' })).room, 'inventory:SKU-0004');
    await amir.ask('inventory_update', { sku: 'SKU-0004', field: 'location', new_value: 'One' });
    await amir.ask('inventory_update', { sku: 'SKU-0004', field: 'location', new_value: 'Two' });
    await maria.hear('inventory_changed', ({ new_value }) => new_value === 'Two');
    assert.equal(maria.all('inventory_changed', ({ sku }) => sku === 'SKU-0004').length, 2);
    close();
  });

  test('with an id are made once', async () => {
    const { sockets: [amir, maria], close } = await meet(['akhan', 'mgarcia']);
    const update = { sku: 'SKU-0005', field: 'location', new_value: 'Cellar', id: 'once-1' };
    const first = await amir.ask('inventory_update', update);
    const second = await amir.ask('inventory_update', update);
    assert.deepEqual(second, { ...first, repeat: true });
    await amir.ask('inventory_update', { sku: 'SKU-0005', field: 'location', new_value: 'Roof' });
    await maria.hear('inventory_changed', ({ new_value }) => new_value === 'Roof');
    assert.deepEqual(maria.all('inventory_changed', ({ sku }) => sku === 'SKU-0005').map(({ new_value }) => new_value), ['Cellar', 'Roof']);
    close();
  });

  test('announced over REST come under the name of who announced them', async () => {
    const { room, sockets: [amir], close } = await meet(['akhan']);
    const cookie = await login(server, 'jsmith');
    const announcement = { room, sku: 'SKU-9', field: 'qty', old_value: 1, new_value: 2, update_type: 'import' };
    assert.equal((await rest(server, cookie, 'POST', '/api/v1/inventory/collaboration/broadcast-change', announcement)).status, 200);
    const { color, timestamp, ...told } = await amir.hear('inventory_changed', ({ sku }) => sku === 'SKU-9');
    assert.deepEqual(told, { user_id: '5', username: 'jsmith', update_type: 'import', sku: 'SKU-9', field: 'qty', old_value: 1, new_value: 2 });
    close();
  });
});

describe('one world', () => {
  test('people on other wires are in the same room', async () => {
    const { room, sockets: [amir], close } = await meet(['akhan']);
    const native = await Client.open(server, '/ws', { token: await tokenOf(server, 'mgarcia') });
    const { payload } = await native.ask({ type: 'subscribe', channel: room });
    assert.ok(payload.presence.some(({ username }) => username === 'akhan'));
    await amir.hear('user_joined', ({ username }) => username === 'mgarcia');
    native.send({ type: 'cursor', channel: room, payload: { x: 1, y: 2, editingRow: 'SKU-0007' } });
    assert.equal((await amir.hear('cursor_updated', ({ username }) => username === 'mgarcia')).editing_row, 'SKU-0007');
    amir.emit('update_cursor', { cursor_position: { x: 9 }, editing_row: 'SKU-0008' });
    const cursor = await native.wait(({ type }) => type === 'cursor');
    assert.deepEqual([cursor.payload.cursor, cursor.payload.editingRow], [{ x: 9 }, 'SKU-0008']);
    const seen = await rest(server, await login(server, 'lchen'), 'GET', `/api/v1/inventory/collaboration/presence?room=${room}`);
    assert.equal(seen.body.count, 2);
    native.close();
    close();
  });

  test('messages come under their name, but nobody can speak as the server', async () => {
    const { room, sockets: [amir], close } = await meet(['akhan']);
    const native = await Client.open(server, '/ws', { token: await tokenOf(server, 'mgarcia') });
    await native.ask({ type: 'subscribe', channel: room });
    await native.ask({ type: 'publish', channel: room, event: 'hello', payload: { n: 1 } });
    assert.deepEqual(await amir.hear('hello'), { n: 1 });
    for (const event of ['disconnect', 'user_left', 'room_joined', 'connect_error'])
      await native.ask({ type: 'publish', channel: room, event, payload: 'forged' });
    await native.ask({ type: 'publish', channel: room, event: 'inventory_changed', payload: { user_id: '1', username: 'admin', sku: 'S', field: 'f', new_value: 1 } });
    const forged = await amir.hear('inventory_changed', ({ sku }) => sku === 'S');
    assert.deepEqual([forged.user_id, forged.username], ['2', 'mgarcia']);
    assert.equal(amir.io.connected, true);
    assert.deepEqual(amir.all('message').map(({ event, username }) => [event, username]),
      ['disconnect', 'user_left', 'room_joined', 'connect_error'].map((event) => [event, 'mgarcia']));
    native.close();
    close();
  });
});

describe('rooms', () => {
  test('left, they are silent, and the others hear of it', async () => {
    const { room, sockets: [amir, maria], close } = await meet(['akhan', 'mgarcia']);
    assert.deepEqual(await maria.ask('leave_inventory_room', { room }), { ok: true });
    await amir.hear('user_left', ({ username }) => username === 'mgarcia');
    const before = maria.all('cursor_updated').length;
    await amir.ask('update_cursor', { cursor_position: { x: 1 } });
    assert.equal((await maria.ask('request_presence', { room })).count, 1);
    assert.equal(maria.all('cursor_updated').length, before);
    assert.equal((await maria.ask('update_cursor', { room, cursor_position: { x: 1 } })).error.code, 'not_member');
    close();
  });

  test('that was joined last is meant where none is named', async () => {
    const [ann, bob] = [await Socket.open(server, 'akhan'), await Socket.open(server, 'mgarcia')];
    for (const socket of [ann, bob]) for (const room of ['one', 'two']) await socket.ask('join_inventory_room', { room });
    await ann.ask('update_cursor', { cursor_position: { x: 1 } });
    assert.equal((await bob.hear('cursor_updated')).room, 'two');
    await ann.ask('leave_inventory_room', {});
    await ann.ask('update_cursor', { cursor_position: { x: 2 } });
    assert.equal((await bob.hear('cursor_updated', ({ cursor_position }) => cursor_position.x === 2)).room, 'one');
    for (const socket of [ann, bob]) socket.close();
  });

  test('two tabs are one person, who left when both are closed', async () => {
    const { room, sockets: [amir, tab, maria], close } = await meet(['akhan', 'akhan', 'mgarcia']);
    assert.equal((await maria.ask('request_presence', { room })).count, 2);
    tab.close();
    amir.emit('update_cursor', { editing_row: 'SKU-0001' });
    await maria.hear('cursor_updated', ({ editing_row }) => editing_row === 'SKU-0001');
    assert.equal(maria.all('user_left').length, 0);
    amir.close();
    await maria.hear('user_left', ({ username }) => username === 'akhan');
    close();
  });

  test('a colour of one\'s own choice is checked', async () => {
    const { room, sockets: [amir, maria], close } = await meet(['akhan', 'mgarcia']);
    assert.equal((await amir.ask('join_inventory_room', { room, color: 'red;background:url(x)' })).error.code, 'bad_color');
    const again = await amir.ask('join_inventory_room', { room, color: '#123456' });
    assert.equal(again.user.color, '#123456');
    assert.equal((await maria.ask('request_presence', {})).users.find(({ username }) => username === 'akhan').color, '#123456');
    close();
  });
});

describe('what is wrong', () => {
  const cases = [
    ['inventory_update', { field: 'location', new_value: 1 }, 'missing_field', 'sku'],
    ['inventory_update', { sku: 'SKU-0001', new_value: 1 }, 'missing_field', 'field'],
    ['inventory_update', { sku: 'SKU-0001', field: 'location' }, 'missing_field', 'new_value'],
    ['inventory_update', { sku: 'no such', field: 'location', new_value: 'x' }, 'not_found'],
    ['inventory_update', { sku: 'SKU-0001', field: 'nonsense', new_value: 'x' }, 'unknown_field', 'nonsense'],
    ['inventory_update', { sku: 'SKU-0001', field: 'qty_on_hand', new_value: 'many' }, 'bad_field', 'qty_on_hand'],
    ['inventory_update', { sku: 'SKU-0001', field: 'unit_cost', new_value: 1 }, 'forbidden', 'unit_cost'],
    ['inventory_update', 'SKU-0001', 'bad_field', 'payload'],
    ['update_cursor', { cursor_position: 7 }, 'bad_field', 'cursor_position'],
    ['update_cursor', { cursor_position: { x: 'y'.repeat(2000) } }, 'too_large', 'cursor_position'],
    ['update_cursor', { editing_row: ['x'] }, 'bad_field', 'editing_row'],
    ['update_cursor', { room: 'elsewhere' }, 'not_member', 'room'],
    ['join_inventory_room', { room: '' }, 'bad_field', 'room'],
    ['join_inventory_room', { room: 'bad\u0007name' }, 'bad_name', 'room'],
    ['leave_inventory_room', { room: 'elsewhere' }, 'not_member', 'room'],
    ['no_such_event', {}, 'unknown_type'],
  ];
  for (const [name, payload, code, field] of cases) {
    test(`${name} ${JSON.stringify(payload).slice(0, 60)}: ${code}`, async () => {
      const { sockets: [amir], close } = await meet(['akhan']);
      const { error } = await amir.ask(name, payload);
      assert.equal(error.code, code);
      if (field) assert.equal(error.field, field);
      assert.ok(error.message);
      // without an acknowledgement it is an event
      amir.emit(name, payload);
      assert.equal((await amir.hear('error')).error.code, code);
      close();
    });
  }

  test('a viewer may look, but change nothing', async () => {
    const { sockets: [li], close } = await meet(['lchen']);
    assert.equal((await li.ask('inventory_update', { sku: 'SKU-0001', field: 'location', new_value: 'x' })).error.code, 'forbidden');
    close();
  });

  test('nobody comes in without a user', async () => {
    const stranger = new Socket(server, null);
    const error = await stranger.hear('(connect_error)');
    assert.equal(error.data.code, 'not_authenticated');
    const forger = new Socket(server, 'a.b.c');
    assert.equal((await forger.hear('(connect_error)')).data.code, 'bad_token');
  });
});
