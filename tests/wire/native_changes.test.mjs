// Changes that meet others, over `/ws`: docs/protocol/native.md from "Changes" to "After being away", with a plain WebSocket.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../lib/server.mjs';
import { assertAck, assertRefused, drop, hear, People, settle } from './lib/people.mjs';
import { about, heard, newOrder, make, read, say, set, settleRecord, sync, update } from './lib/records.mjs';

let server, people;

before(async () => {
  server = await startServer();
  people = new People(server);
});

after(() => server?.stop());

const verdict = ({ verdict, strategy, value, superseded }) => ({ verdict, strategy, value, superseded });

describe('a verdict', () => {
  test('says that a change was done as it was sent, and what is there now', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    const ack = assertAck(await set(amir, room, 'quantity', 7, { id: 'v-1', version: 1, before: 1 }));
    assert.deepEqual([ack.id, ack.version, ack.verdict, ack.strategy, ack.value], ['v-1', 2, 'applied', 'operational-transform', 7]);
    assert.deepEqual([ack.change.path, ack.change.before, ack.change.after], ['/quantity', 1, 7]);
    amir.close();
  });

  test('of two values for one field says which one was lost, to whom, and in the event', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    assertAck(await set(amir, room, 'work_center', 'Assembly 1', { version: 1 }));
    const ack = assertAck(await set(maria, room, 'work_center', 'Paint', { version: 1, id: 'later' }));
    assert.deepEqual(verdict(ack), {
      verdict: 'merged', strategy: 'operational-transform', value: 'Paint', superseded: [{ path: '/work_center', value: 'Assembly 1', byVersion: 3 }],
    });
    const event = await hear(amir, 'update', ({ id }) => id === 'later');
    assert.deepEqual(event.payload.superseded, ack.superseded);
    assert.equal(await read(amir, room, 'work_center'), 'Paint');
    for (const window of [amir, maria]) window.close();
  });

  test('is the same when the same change comes again', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    assertAck(await set(maria, room, 'work_center', 'Paint', { version: 1 }));
    const payload = { id: 'again', version: 1, operation: 'update', path: 'work_center', after: 'Assembly 1' };
    const first = assertAck(await update(amir, room, payload));
    const tab = await people.enter('akhan', room);
    const second = assertAck(await update(tab, room, payload));
    for (const member of ['id', 'verdict', 'version', 'position', 'strategy']) assert.deepEqual(second[member], first[member], member);
    assert.equal(second.repeat, true);
    assert.equal((await sync(amir, room)).version, 3);
    assertRefused(await update(tab, room, { ...payload, after: 'Else' }), 'conflict', 'id');
    for (const window of [amir, maria, tab]) window.close();
  });

  test('of a change that changes nothing has the present version, and a position only where there is one', async () => {
    const room = await newOrder(people, { title: 'Same' });
    const alone = await people.open('akhan');
    const nothing = { operation: 'update', path: 'title', after: 'Same' };
    assert.deepEqual(assertAck(await update(alone, room, nothing)), { id: null, verdict: 'applied', version: 1, strategy: 'operational-transform' });
    assert.equal(assertAck(await update(alone, room, { ...nothing, id: 'n-1' })).id, 'n-1');
    const amir = await people.enter('akhan', room);
    const { id, position } = assertAck(await update(alone, room, { ...nothing, id: 'n-2' }));
    assert.deepEqual([id, position], ['n-2', amir.joined.position]);
    for (const window of [alone, amir]) window.close();
  });

  test('of a refusal is in the error', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    for (const [payload, code, field] of [
      [{ operation: 'update', path: 'nothing', after: 1 }, 'unknown_field', 'nothing'],
      [{ operation: 'update', path: 'quantity', after: 1, version: 99 }, 'bad_version', undefined],
      [{ operation: 'update', path: 'quantity', after: 5, before: 3 }, 'bad_before', 'quantity'],
      [{ operation: 'update', after: 5 }, 'missing_field', 'path'],
      [{ operation: 'text', after: ['x'] }, 'missing_field', 'path'],
      [{ operation: 'insert', path: 'materials', after: { qty: 1 } }, 'missing_field', 'id'],
      [{ operation: 'update', path: 'quantity', after: 5, strategy: 'guessing' }, 'bad_field', 'strategy'],
      [{ operation: 'text', path: 'title', after: [900, 'x'] }, 'bad_offset', undefined],
    ]) {
      const answer = await update(amir, room, payload);
      assert.equal(answer.payload.verdict, 'rejected', JSON.stringify(answer));
      assert.equal(answer.payload.code, code, JSON.stringify(answer));
      if (field) assert.equal(answer.payload.field, field);
      if (['bad_version', 'bad_before'].includes(code)) assert.equal(answer.payload.currentVersion, 1);
    }
    assert.equal((await sync(amir, room)).version, 1);
    amir.close();
  });
});

describe('strategies', () => {
  test('leave out of an edit what does nothing', async () => {
    const room = await newOrder(people, { notes: 'pump' });
    const amir = await people.enter('akhan', room);
    const edited = assertAck(await update(amir, room, { operation: 'text', path: 'notes', after: [0, 'The ', '', 4, { d: 0 }, '.'] }));
    assert.deepEqual([edited.value, edited.change.value], ['The pump.', ['The ', 4, '.']]);
    const { change, version } = assertAck(await update(amir, room, { operation: 'text', path: 'notes', after: [0] }));
    assert.deepEqual([change, version], [undefined, edited.version]);
    amir.close();
  });

  test('keep both edits of one text', async () => {
    const room = await newOrder(people, { notes: 'the pump' });
    const amir = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    assertAck(await update(amir, room, { version: 1, operation: 'text', path: 'notes', after: [4, 'red '] }));
    const ack = assertAck(await update(maria, room, { version: 1, operation: 'text', path: 'notes', after: [8, ' leaks'] }));
    assert.deepEqual([ack.verdict, ack.value], ['merged', 'the red pump leaks']);
    const { payload } = await hear(amir, 'update', ({ version }) => version === 3);
    assert.deepEqual(payload.ops, [{ operation: 'update', path: '/notes', before: 'the red pump', after: 'the red pump leaks', op: 'txt', value: [12, ' leaks'] }]);
    for (const window of [amir, maria]) window.close();
  });

  test('add all that was counted', async () => {
    const room = await newOrder(people, { quantity_completed: 10 });
    const amir = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    assertAck(await update(amir, room, { version: 1, operation: 'increment', path: 'quantity_completed', after: 5 }));
    const ack = assertAck(await update(maria, room, { version: 1, operation: 'increment', path: 'quantity_completed', n: 2 }));
    assert.deepEqual([ack.value, ack.strategy], [17, 'crdt']);
    const { payload } = await hear(amir, 'update', ({ version }) => version === 3);
    assert.deepEqual([payload.ops[0].op, payload.ops[0].n, payload.ops[0].after], ['inc', 2, 17]);
    for (const window of [amir, maria]) window.close();
  });

  test('keep items that two people add to one list, and one who moves it while another edits it', async () => {
    const room = await newOrder(people, { materials: [{ id: 'a', part: 'PN-10001' }, { id: 'b', part: 'PN-10002' }] });
    const amir = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    assertAck(await update(amir, room, { version: 1, operation: 'insert', path: 'materials', after: { id: 'c', part: 'PN-10003' } }));
    assertAck(await update(maria, room, { version: 1, operation: 'insert', path: 'materials/@d', after: { part: 'PN-10004' } }));
    assertAck(await update(amir, room, { version: 3, operation: 'move', path: 'materials/@a', after: 'zz' }));
    assertAck(await set(maria, room, 'materials/@a/part', 'PN-10009', { version: 3 }));
    const { materials } = (await sync(amir, room)).data;
    assert.deepEqual(materials.map(({ id, part }) => [id, part]), [['b', 'PN-10002'], ['c', 'PN-10003'], ['d', 'PN-10004'], ['a', 'PN-10009']]);
    for (const window of [amir, maria]) window.close();
  });

  test('may be chosen where the type allows it, and the verdict says which it was', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    assert.equal(assertAck(await set(amir, room, 'work_center', 'Paint', { strategy: 'last-write-wins' })).strategy, 'last-write-wins');
    const eco = await make(people, 'eco', { title: 'Change' });
    const answer = await set(amir, eco, 'title', 'Other', { strategy: 'crdt' });
    assert.deepEqual([answer.payload.code, answer.payload.verdict], ['strategy_not_allowed', 'rejected']);
    amir.close();
  });

  test('park what a person has to decide', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    assertAck(await set(amir, room, 'work_center', 'Paint', { version: 1 }));
    const ack = assertAck(await set(maria, room, 'work_center', 'Assembly 1', { version: 1, strategy: 'manual', id: 'parked' }));
    assert.deepEqual([ack.id, ack.verdict, ack.strategy, ack.version, ack.value], ['parked', 'conflict', 'manual', 2, undefined]);
    assert.deepEqual(ack.conflict.fields, [{ path: '/work_center', base: null, mine: 'Assembly 1', theirs: 'Paint' }]);
    assert.equal(await read(maria, room, 'work_center'), 'Paint');
    const same = assertAck(await set(maria, room, 'work_center', 'Paint', { version: 1, strategy: 'manual' }));
    assert.notEqual(same.verdict, 'conflict');
    for (const window of [amir, maria]) window.close();
  });

  test('find the version that a client saw by what it saw', async () => {
    const room = await newOrder(people, { notes: 'one' });
    const amir = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    assertAck(await set(amir, room, 'notes', 'two'));
    assertAck(await set(amir, room, 'priority', 'high'));
    const ack = assertAck(await set(maria, room, 'notes', 'three', { before: 'one' }));
    assert.deepEqual([ack.verdict, ack.superseded[0].value], ['merged', 'two']);
    const answer = await set(maria, room, 'notes', 'four', { before: 'zero' });
    assert.equal(answer.payload.code, 'bad_before');
    for (const window of [amir, maria]) window.close();
  });
});

describe('a client that was away', () => {
  const queue = (window, room, changes, more = {}) => say(window, 'sync', room, { changes, ...more });

  test('gets a verdict for each of its changes, the record, and the position after them', async () => {
    const room = await newOrder(people, { notes: 'the pump' });
    const amir = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    assertAck(await set(maria, room, 'work_center', 'Paint', { version: 1 }));
    const { record, position, results } = assertAck(await queue(amir, room, [
      { id: 'q-1', version: 1, operation: 'text', path: 'notes', after: [4, 'red '] },
      { id: 'q-2', version: 1, operation: 'update', path: 'kitted', after: true },
      { id: 'q-3', version: 1, operation: 'update', path: 'work_center', after: 'Assembly 1', strategy: 'manual' },
      { id: 'q-4', version: 1, operation: 'text', path: 'notes', after: [12, ' leaks'] },
      { version: 1, patch: { priority: 'high' } },
    ]));
    assert.deepEqual(results.map(({ id, verdict, version }) => [id, verdict, version]), [
      ['q-1', 'applied', 3], ['q-2', 'rejected', undefined], ['q-3', 'conflict', 3], ['q-4', 'applied', 4], [results[4].id, 'applied', 5],
    ]);
    assert.match(results[4].id, /./); // a change that came without one is given one
    assert.deepEqual([results[1].error.code, results[1].error.field], ['forbidden', 'kitted']);
    assert.equal(results[2].conflict.fields[0].theirs, 'Paint');
    assert.deepEqual([record.version, record.data.notes, record.data.work_center, record.data.priority], [5, 'the red pump leaks', 'Paint', 'high']);
    assert.deepEqual(position, results[4].position);
    assert.equal((await sync(maria, room)).version, 5);
    for (const window of [amir, maria]) window.close();
  });

  test('may have made the record itself', async () => {
    const amir = await people.open('akhan');
    const room = `work_order:WO-made-${Date.now()}`;
    const { results, record } = assertAck(await queue(amir, room, [
      { id: 'm-1', data: { title: 'Made offline', work_center: 'Paint' } },
      { id: 'm-2', operation: 'update', path: 'work_center', after: 'Assembly 1' },
    ]));
    assert.deepEqual(results.map(({ verdict, version }) => [verdict, version]), [['applied', 1], ['applied', 2]]);
    assert.deepEqual([record.data.title, record.data.work_center], ['Made offline', 'Assembly 1']);
    const gone = assertAck(await queue(amir, room, [{ id: 'm-3', operation: 'update', path: 'title', after: 'Late' }, { id: 'm-4', data: { title: 'Again' } }]));
    assert.deepEqual(gone.results.map(({ verdict, error }) => error?.code ?? verdict), ['applied', 'already_exists']);
    amir.close();
  });

  test('has not to give way to itself', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    const { results, record } = assertAck(await queue(amir, room, ['a', 'b', 'c'].map((name) => ({
      id: `own-${name}`, version: 1, operation: 'update', path: 'work_center', after: name, strategy: 'manual',
    })), { source: 'tab-1' }));
    assert.deepEqual(results.map(({ verdict }) => verdict), ['applied', 'applied', 'applied']);
    assert.equal(record.data.work_center, 'c');
    amir.close();
  });

  test('may send its queue again when the answer was lost', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    const changes = Array.from({ length: 100 }, (_, i) => ({ id: `r-${i}`, version: 1, operation: 'increment', path: 'quantity_completed', after: 1 }));
    amir.send({ type: 'sync', messageId: 'lost', payload: { ...about(room), changes, source: 'tab-1' } });
    await drop(amir);
    const back = await people.enter('akhan', room);
    const { results, record } = assertAck(await queue(back, room, changes, { source: 'tab-1' }));
    assert.deepEqual([results.length, record.version, record.data.quantity_completed], [100, 101, 100]);
    assert.deepEqual(results.map(({ version }) => version), changes.map((_, i) => i + 2));
    assert.deepEqual(new Set(results.map(({ verdict }) => verdict)), new Set(['applied']));
    back.close();
  });

  test('is told what is wrong with the queue as a whole, and nothing is done', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    const change = { operation: 'increment', path: 'quantity_completed', after: 1 };
    assertRefused(await queue(amir, room, 'all'), 'bad_field', 'changes');
    assertRefused(await queue(amir, room, [change, 7]), 'bad_field', 'changes');
    assertRefused(await queue(amir, room, [change, { ...change, id: 7 }]), 'bad_field', 'id');
    assertRefused(await queue(amir, room, Array(101).fill(change)), 'too_large', 'changes');
    amir.send({ type: 'sync', payload: { ...about(room), changes: [change] } });
    const { payload } = await amir.wait(({ type, replyTo }) => type === 'error' && !replyTo);
    assert.deepEqual([payload.code, payload.field], ['missing_field', 'messageId']);
    const nothing = assertAck(await queue(amir, room, []));
    assert.deepEqual([nothing.results, nothing.record.version], [[], 1]);
    amir.close();
  });

  test('is not heard twice, and others hear each change once and in order', async () => {
    const room = await newOrder(people);
    const maria = await people.enter('mgarcia', room);
    const amir = await people.enter('akhan', room);
    const changes = Array.from({ length: 10 }, (_, i) => ({ id: `o-${i}`, version: 1, operation: 'increment', path: 'quantity_completed', after: 1 }));
    assertAck(await queue(amir, room, changes));
    assertAck(await queue(amir, room, changes));
    await settleRecord(room, amir, maria);
    const mine = heard(maria, 'update', room).filter(({ id }) => id.startsWith('o-'));
    assert.deepEqual(mine.map(({ id, version }) => [id, version]), changes.map(({ id }, i) => [id, i + 2]));
    await settle(room, maria, amir);
    assert.deepEqual(heard(amir, 'update', room).filter(({ id }) => id.startsWith('o-')), []);
    for (const window of [amir, maria]) window.close();
  });
});

describe('in an event', () => {
  test('a change says where it came from and with what it belongs together', async () => {
    const room = await newOrder(people);
    const amir = await people.enter('akhan', room);
    const maria = await people.enter('mgarcia', room);
    assertAck(await amir.ask({ type: 'update', payload: { ...about(room), patch: { priority: 'low' }, client_id: 'tab-9', group: 'g-1', metadata: { why: 'x' }, id: 'from' } }));
    const { payload } = await hear(maria, 'update', ({ id }) => id === 'from');
    assert.deepEqual([payload.source, payload.group, payload.metadata], ['tab-9', 'g-1', { why: 'x' }]);
    for (const window of [amir, maria]) window.close();
  });
});
