// The projects vocabulary with the real Socket.IO client: docs/protocol/socketio.md.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client, login, rest, startServer, tokenOf } from '../lib/server.mjs';
import { Socket, TRANSPORTS } from './lib/socketio.mjs';

let server;
let employees;
before(async () => {
  server = await startServer({ args: ['--workers', '2'], env: { COLLABD_PRESENCE_GRACE_MS: '50', COLLABD_PRESENCE_IDLE_MS: '1500' } });
  employees = (await rest(server, await login(server, 'mgarcia'), 'GET', '/api/v1/records/employee?limit=20')).body.records;
});
after(() => server?.stop());

let serial = 100;
const nextProject = () => `PRJ-${++serial}`;

async function join(username, projectId, options = {}) {
  const socket = await Socket.open(server, username, options);
  const ack = await socket.ask('project:join', { projectId });
  assert.equal(ack.ok, true, JSON.stringify(ack));
  return Object.assign(socket, { ack });
}

for (const [how, transports] of Object.entries(TRANSPORTS)) {
  describe(`over ${how}`, () => {
    test('people on a project see each other, its changes, and who types where', async () => {
      const projectId = nextProject();
      const amir = await join('akhan', projectId, { transports });
      assert.equal(amir.ack.record.id, projectId);
      assert.equal(amir.ack.record.type, 'project');
      assert.deepEqual(amir.ack.presence.map(({ username, status }) => [username, status]), [['akhan', 'online']]);
      const maria = await join('mgarcia', projectId, { transports });
      assert.deepEqual(maria.ack.presence.map(({ userId }) => userId).sort(), ['2', '3']);
      const seen = await amir.hear('presence:change', ({ projectId: id }) => id === projectId);
      assert.deepEqual([seen.userId, seen.username, seen.status], ['2', 'mgarcia', 'online']);
      assert.match(seen.color, /^#[0-9A-F]{6}$/);

      amir.emit('typing:start', { projectId, field: 'notes' });
      assert.deepEqual(await maria.hear('typing:start'), { projectId, userId: '3', username: 'akhan', field: 'notes' });
      amir.emit('typing:stop', { projectId, field: 'notes' });
      await maria.hear('typing:stop', ({ field }) => field === 'notes');

      const { ok, version } = await amir.ask('project:update', { projectId, field: 'name', value: `Bridge ${how}` });
      assert.equal(ok, true);
      const { timestamp, ...update } = await maria.hear('project:updated');
      assert.deepEqual(update, { projectId, field: 'name', newValue: `Bridge ${how}`, action: 'update', updatedBy: '3', username: 'akhan', version });
      assert.ok(Date.parse(timestamp));

      assert.deepEqual(await maria.ask('project:leave', { projectId }), { ok: true });
      await amir.hear('presence:change', (change) => change.projectId === projectId && change.userId === '2' && change.status === 'offline');
      await amir.ask('project:update', { projectId, changes: { status: 'active', progress: 3 } });
      assert.equal((await maria.ask('typing:start', { projectId, field: 'x' })).error.code, 'not_member');
      assert.equal(maria.all('project:updated').length, 1);
      amir.close();
      maria.close();
    });

    test('capacity is told to everybody', async () => {
      const { id, data } = employees.pop();
      const amir = await join('akhan', nextProject(), { transports });
      const maria = await join('mgarcia', nextProject(), { transports });
      const hours = data.capacity / 2;
      const ack = await amir.ask('capacity:update', { employeeId: id, hours });
      assert.deepEqual(ack, { ok: true, division: data.division, employeeId: id, newUtilization: 50, hours, capacity: data.capacity, version: ack.version });
      const { timestamp, ...told } = await maria.hear('capacity:updated', ({ employeeId }) => employeeId === id);
      assert.deepEqual(told, {
        division: data.division, employeeId: id, newUtilization: 50, hours, capacity: data.capacity, updatedBy: '3', username: 'akhan', version: ack.version,
      });
      assert.deepEqual(amir.all('capacity:updated', ({ employeeId }) => employeeId === id), []);
      // who asks for no acknowledgement hears what came of it
      amir.emit('capacity:update', { employeeId: id, hours: data.capacity });
      assert.equal((await amir.hear('capacity:updated', ({ employeeId }) => employeeId === id)).newUtilization, 100);
      amir.close();
      maria.close();
    });
  });
}

describe('projects', () => {
  test('are rooms of their own: who is elsewhere hears nothing', async () => {
    const [here, there] = [nextProject(), nextProject()];
    const amir = await join('akhan', here);
    const john = await join('jsmith', there);
    const maria = await join('mgarcia', here);
    await amir.ask('project:update', { projectId: here, field: 'progress', value: 7 });
    await maria.hear('project:updated', ({ field }) => field === 'progress');
    await amir.ask('project:update', { projectId: there, field: 'progress', value: 8 });
    await john.hear('project:updated', ({ newValue }) => newValue === 8);
    assert.deepEqual(john.all('project:updated').map(({ projectId }) => projectId), [there]);
    assert.deepEqual(maria.all('project:updated').map(({ projectId }) => projectId), [here]);
    assert.deepEqual(john.all('presence:change', ({ projectId }) => projectId === here), []);
    for (const socket of [amir, john, maria]) socket.close();
  });

  test('several fields at once are one event with all of them', async () => {
    const projectId = nextProject();
    const amir = await join('akhan', projectId);
    const maria = await join('mgarcia', projectId);
    const { version } = await amir.ask('project:update', { projectId, changes: { name: 'Two', progress: 12 }, id: 'both' });
    const told = await maria.hear('project:updated');
    assert.deepEqual([told.field, told.newValue, told.version], ['name', 'Two', version]);
    assert.deepEqual(told.changes, [{ field: 'name', newValue: 'Two' }, { field: 'progress', newValue: 12 }]);
    assert.equal((await amir.ask('project:update', { projectId, changes: { name: 'Two', progress: 12 }, id: 'both' })).repeat, true);
    assert.equal((await amir.ask('project:update', { projectId, field: 'name', value: 'Three', version: version - 1, if_match: true })).error.code, 'precondition_failed');
    amir.close();
    maria.close();
  });

  test('people on other wires are on them, too', async () => {
    const projectId = nextProject();
    const amir = await join('akhan', projectId);
    const native = await Client.open(server, '/ws', { token: await tokenOf(server, 'mgarcia') });
    await native.ask({ type: 'subscribe', channel: `project:${projectId}` });
    await amir.hear('presence:change', (change) => change.projectId === projectId && change.username === 'mgarcia');
    await native.ask({ type: 'update', channel: `project:${projectId}`, payload: { patch: { description: 'From afar' } } });
    assert.equal((await amir.hear('project:updated', ({ field }) => field === 'description')).newValue, 'From afar');
    native.send({ type: 'typing', channel: `project:${projectId}`, payload: { field: 'notes' } });
    await amir.hear('typing:start', ({ username }) => username === 'mgarcia');
    native.close();
    amir.close();
  });

  test('who asks for no acknowledgement is told who is there already', async () => {
    const projectId = nextProject();
    const amir = await join('akhan', projectId);
    const maria = await Socket.open(server, 'mgarcia');
    maria.emit('project:join', { projectId });
    await maria.hear('presence:change', (change) => change.projectId === projectId && change.username === 'akhan' && change.status === 'online');
    amir.close();
    maria.close();
  });

  test('divisions are rooms as well', async () => {
    const division = employees[0].data.division;
    const amir = await Socket.open(server, 'akhan');
    assert.equal((await amir.ask('division:join', { division })).divisionId, division);
    const maria = await Socket.open(server, 'mgarcia');
    assert.equal((await maria.ask('division:join', { division })).presence.length, 2);
    await amir.hear('presence:change', ({ divisionId, username }) => divisionId === division && username === 'mgarcia');
    assert.deepEqual(await maria.ask('division:leave', { division }), { ok: true });
    await amir.hear('presence:change', ({ divisionId, status }) => divisionId === division && status === 'offline');
    amir.close();
    maria.close();
  });
});

describe('presence', () => {
  test('people come online, go idle, and are gone', async () => {
    const amir = await join('akhan', nextProject());
    const john = await join('jsmith', nextProject());
    const ofJohn = (status) => amir.hear('presence:change', (change) => change.userId === '5' && !change.projectId && change.status === status);
    await ofJohn('online');
    assert.deepEqual(await john.ask('presence:set', { status: 'idle' }), { ok: true });
    await ofJohn('idle');
    assert.equal((await john.ask('presence:set', { status: 'dancing' })).error.code, 'bad_field');
    john.close();
    await ofJohn('offline');
    amir.close();
  });

  test('who does nothing is idle by himself', async () => {
    const amir = await join('akhan', nextProject());
    const maria = await join('mgarcia', nextProject());
    await amir.hear('presence:change', (change) => change.userId === '2' && !change.projectId && change.status === 'idle');
    amir.close();
    maria.close();
  });
});

describe('alerts', () => {
  test('reach those whom they are for, and nobody else', async () => {
    const maria = await join('mgarcia', nextProject());
    const john = await join('jsmith', nextProject());
    const { id, data } = employees.pop();
    await john.ask('capacity:update', { employeeId: id, hours: 0 });
    await john.ask('capacity:update', { employeeId: id, hours: data.capacity + 20 });
    const alert = await maria.hear('alert:new', ({ entityId }) => entityId === id);
    assert.deepEqual([alert.rule, alert.entityType, alert.priority, alert.value, alert.limit], ['overbooked', 'employee', 'normal', data.capacity + 20, data.capacity]);
    assert.ok(alert.title.includes(data.name) && alert.message && alert.id && Date.parse(alert.timestamp));
    await john.ask('capacity:update', { employeeId: id, hours: data.hours });
    assert.deepEqual(john.all('alert:new'), []); // of managers alone
    maria.close();
    john.close();
  });
});

describe('messages', () => {
  test('reach one user in all his windows, and everybody on a project', async () => {
    const projectId = nextProject();
    const amir = await join('akhan', projectId);
    const maria = await join('mgarcia', projectId);
    const phone = await join('mgarcia', nextProject());
    const john = await join('jsmith', nextProject());
    const sent = await amir.ask('message:send', { to: '2', text: 'Lunch?', data: { my_key: 1 }, id: 'once' });
    assert.deepEqual([sent.ok, sent.to, sent.text, sent.userId], [true, '2', 'Lunch?', '3']);
    for (const window of [maria, phone]) {
      const heard = await window.hear('message:new', ({ to }) => to === '2');
      assert.deepEqual([heard.id, heard.username, heard.text, heard.data], [sent.id, 'akhan', 'Lunch?', { my_key: 1 }]);
      assert.ok(Date.parse(heard.timestamp));
    }
    assert.deepEqual((await amir.ask('message:send', { to: '2', text: 'Lunch?', data: { my_key: 1 }, id: 'once' })).id, sent.id);
    assert.equal((await maria.ask('message:send', { projectId, text: 'Who is here?' })).projectId, projectId);
    assert.deepEqual([(await amir.hear('message:new')).text, amir.all('message:new').length], ['Who is here?', 1]);
    assert.deepEqual([phone.all('message:new').length, john.all('message:new')], [1, []]);
    for (const window of [amir, maria, phone, john]) window.close();
  });

  test('and notifications of people on other wires are heard', async () => {
    const john = await join('jsmith', nextProject());
    const native = await Client.open(server, '/ws', { cookie: await login(server, 'akhan') });
    await native.ask({ type: 'comment', payload: { entityType: 'work_order', entityId: 'WO-1001', action: 'add', text: '@jsmith look' } });
    const alert = await john.hear('alert:new', ({ type }) => type === 'mention');
    assert.deepEqual([alert.entityType, alert.entityId, alert.userId, alert.state], ['work_order', 'WO-1001', '3', 'unread']);
    assert.ok(alert.title && alert.id && Date.parse(alert.timestamp));
    await native.ask({ type: 'chat', payload: { to: '5', text: 'Hello' } });
    assert.equal((await john.hear('message:new')).text, 'Hello');
    assert.equal(john.all('alert:new').length, 1);
    native.close();
    john.close();
  });
});

describe('what is wrong', () => {
  const cases = [
    ['message:send', { text: 'x' }, 'missing_field', 'projectId'],
    ['message:send', { to: 'nobody', text: 'x' }, 'unknown_user', 'to'],
    ['message:send', { to: '2' }, 'missing_field', 'text'],
    ['message:send', { to: '2', text: 7 }, 'bad_field', 'text'],
    ['project:join', {}, 'missing_field', 'projectId'],
    ['project:join', 'PRJ-101', 'bad_field', 'payload'],
    ['project:join', { projectId: 'a/b' }, 'bad_name', 'projectId'],
    ['project:leave', { projectId: 'PRJ-139' }, 'not_member', 'projectId'],
    ['typing:start', { projectId: 'PRJ-139', field: 'x' }, 'not_member', 'projectId'],
    ['capacity:update', { employeeId: 'EMP-1' }, 'missing_field', 'hours'],
    ['capacity:update', { employeeId: 'EMP-1', hours: '40' }, 'bad_field', 'hours'],
    ['capacity:update', { employeeId: 'EMP-1', hours: 169 }, 'bad_field', 'hours'],
    ['capacity:update', { hours: 40 }, 'missing_field', 'employeeId'],
    ['capacity:update', { employeeId: 'nobody', hours: 40 }, 'not_found'],
    ['project:update', { projectId: 'PRJ-101' }, 'missing_field', 'field'],
    ['project:update', { projectId: 'PRJ-101', field: 'name' }, 'missing_field', 'value'],
    ['project:update', { projectId: 'PRJ-101', field: 'nonsense', value: 1 }, 'unknown_field', 'nonsense'],
    ['project:update', { projectId: 'PRJ-101', field: 'budget', value: 1 }, 'forbidden', 'budget'],
    ['project:update', { projectId: 'PRJ-101', changes: [] }, 'bad_field', 'changes'],
    ['project:update', { projectId: 'PRJ-101', field: 'name', value: 'x', version: 'one' }, 'bad_field', 'version'],
    ['join_inventory_room', {}, 'unknown_type', 'event'],
  ];
  for (const [name, payload, code, field] of cases) {
    test(`${name} ${JSON.stringify(payload).slice(0, 60)}: ${code}`, async () => {
      const amir = await join('akhan', 'PRJ-101');
      const { error } = await amir.ask(name, payload);
      assert.equal(error.code, code, JSON.stringify(error));
      if (field) assert.equal(error.field, field);
      amir.emit(name, payload);
      assert.equal((await amir.hear('error')).error.code, code);
      amir.close();
    });
  }
});

describe('rates and tokens', () => {
  test('more changes than a minute allows are refused with the time to wait; cursors and typing are not counted', async () => {
    const strict = await startServer({ env: { COLLABD_LIMITS: '', COLLABD_CHANGES_PER_MINUTE: '5' } });
    try {
      const amir = await Socket.open(strict, 'akhan');
      assert.equal((await amir.ask('project:join', { projectId: 'PRJ-101' })).ok, true);
      for (let i = 0; i < 4; i++) assert.equal((await amir.ask('project:update', { projectId: 'PRJ-101', field: 'progress', value: i })).ok, true);
      for (let i = 0; i < 20; i++) assert.deepEqual(await amir.ask('typing:start', { projectId: 'PRJ-101', field: 'notes' }), { ok: true });
      const { error } = await amir.ask('project:update', { projectId: 'PRJ-101', field: 'progress', value: 9 });
      assert.equal(error.code, 'rate_limited');
      assert.ok(error.retry_after_ms > 0 && error.retry_after_ms <= 60000, `${error.retry_after_ms}`);
      amir.close();
      // the other vocabulary has no such limit
      const maria = await Socket.open(strict, 'mgarcia');
      assert.equal((await maria.ask('join_inventory_room', {})).ok, true);
      for (let i = 0; i < 10; i++) assert.equal((await maria.ask('inventory_update', { sku: 'SKU-0001', field: 'location', new_value: `L${i}` })).ok, true);
      maria.close();
    } finally {
      await strict.stop();
    }
  });

  test('an expired token ends the connection, and a new one brings everything back', async () => {
    const brief = await startServer({ env: { COLLABD_TOKEN_TTL_S: '2' } });
    try {
      const socket = new Socket(brief, null, { reconnection: true, auth: (give) => tokenOf(brief, 'akhan').then((token) => give({ token })) });
      await socket.hear('(connect)');
      assert.equal((await socket.ask('project:join', { projectId: 'PRJ-101' })).ok, true);
      assert.equal((await socket.hear('error')).error.code, 'token_expired');
      await socket.hear('(disconnect)');
      socket.heard.length = 0;
      socket.io.connect();
      await socket.hear('(connect)');
      assert.equal((await socket.ask('project:join', { projectId: 'PRJ-101' })).ok, true);
      socket.close();
    } finally {
      await brief.stop();
    }
  });
});
