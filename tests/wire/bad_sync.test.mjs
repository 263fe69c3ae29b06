// A hostile client against changes, locks, undo, conflicts, comments and inboxes, over `/ws` and REST: each attempt has its own error code
// (docs/errors.md), nothing is applied, nothing is shown that may not be seen, and the connection lives.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../lib/server.mjs';
import { types } from './lib/contracts.mjs';
import { assertAck, People } from './lib/people.mjs';
import { about, make, say, set, sync, update } from './lib/records.mjs';

const ERRORS_PER_WINDOW = 8; // more than ten of some kinds within a minute end a connection, rightly
const folder = mkdtempSync(join(tmpdir(), 'collabd-bad-'));
let server, people;

before(async () => {
  const config = join(folder, 'config.json');
  writeFileSync(config, JSON.stringify({ types }));
  server = await startServer({ args: ['--workers', '2', '--config', config] });
  people = new People(server);
});

after(async () => {
  assert.equal((await server.stop()).code, 0, server.log);
  assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
  rmSync(folder, { recursive: true });
});

const newContract = (fields = {}) =>
  make(people, 'contract', { name: 'Pump', notes: 'a😀b', price: 10, signatures: 2, items: [{ id: 'a' }, { id: 'b', parent: 'a' }, { id: 'c', parent: 'b' }], ...fields });
const nested = (depth) => JSON.parse('{"a":'.repeat(depth) + '1' + '}'.repeat(depth));
const recordPath = (room, rest = '') => `/api/v1/records/contract/${about(room).entityId}${rest}`;

/** Says each and expects its code: {what: [payload, code, field]}; then the record is as it was, and the window answers. */
async function refusesAll(who, type, room, cases) {
  const watcher = await people.open('admin');
  const record = await sync(watcher, room);
  let window = await people.open(who);
  let count = 0;
  for (const [what, [payload, code, field]] of Object.entries(cases)) {
    const { type: kind, payload: told } = await say(window, type, room, payload);
    assert.deepEqual([kind, told.code], ['error', code], `${what}: ${JSON.stringify(told)}`);
    if (field !== undefined) assert.equal(told.field, field, `${what}: ${JSON.stringify(told)}`);
    if (type === 'update') assert.equal(told.verdict, 'rejected', what);
    assert.match(told.message, /^[A-Z].*\.$/);
    assert.equal((await window.ask({ type: 'ping' })).type, 'pong', what);
    if (++count % ERRORS_PER_WINDOW === 0) {
      window.close();
      window = await people.open(who);
    }
  }
  assert.deepEqual(await sync(watcher, room), record);
  for (const each of [window, watcher]) each.close();
}

/** The same over REST: {what: [method, path, body, status, code, field, headers]}. */
async function restRefusesAll(who, room, cases) {
  const { body: record } = await people.rest('admin', 'GET', recordPath(room));
  for (const [what, [method, rest, body, status, code, field, headers]] of Object.entries(cases)) {
    const answer = await people.rest(who, method, rest.startsWith('/api') ? rest : recordPath(room, rest), body, headers);
    assert.deepEqual([answer.status, answer.body?.error?.code], [status, code], `${what}: ${JSON.stringify(answer.body)}`);
    if (field !== undefined) assert.equal(answer.body.error.field, field, `${what}: ${JSON.stringify(answer.body)}`);
  }
  assert.deepEqual((await people.rest('admin', 'GET', recordPath(room))).body, record);
}

const change = (path, value, more = {}) => ({ operation: 'update', path, after: value, ...more });
const text = (edit) => ({ operation: 'text', path: 'notes', after: edit });

describe('a change', () => {
  test('of what is not there, or not like that', async () => {
    await refusesAll('akhan', 'update', await newContract(), {
      'a field that is none': [change('nothing', 1), 'unknown_field', 'nothing'],
      'inside of it': [change('nothing/x', 1), 'unknown_field', 'nothing'],
      'a field that he may not read': [change('margin', 1), 'unknown_field', 'margin'],
      'inside of a register': [change('name/x', 1), 'bad_path', 'name'],
      'an item of a register': [change('name/@a', 1), 'bad_path', 'name'],
      'a position': [change('items/0', {}), 'position_in_path', 'path'],
      'a position in brackets': [change('items[0]', {}), 'position_in_path', 'path'],
      'an item without an id': [change('items/@', {}), 'bad_path', 'path'],
      'an id that is too long': [{ operation: 'insert', path: `items/@${'x'.repeat(65)}`, after: {} }, 'bad_path', 'path'],
      'steps without names': [change('//', 1), 'bad_path', 'path'],
      'a broken escape': [change('/a~2', 1), 'bad_path', 'path'],
      'seventeen steps': [change(`items/@a${'/x'.repeat(17)}`, 1), 'bad_path', 'path'],
      'a number for a path': [change(7, 1), 'bad_field', 'path'],
      'an object for a path': [change({}, 1), 'bad_field', 'path'],
      'moving a register': [{ operation: 'move', path: 'name', after: 'a' }, 'bad_path', 'name'],
      'an order key without characters': [{ operation: 'move', path: 'items/@a', after: '' }, 'bad_field', 'pos'],
      'an order key that is too long': [{ operation: 'move', path: 'items/@a', after: 'x'.repeat(65) }, 'bad_field', 'pos'],
      'an order key that is a number': [{ operation: 'move', path: 'items/@a', after: 3 }, 'bad_field', 'pos'],
      'an item that is a number': [{ operation: 'insert', path: 'items/@q', after: 7 }, 'bad_field', 'items'],
      'an unknown operation': [{ operation: 'replace', path: 'price', after: 1 }, 'bad_field', 'operation'],
      'an unknown op': [{ ops: [{ op: 'x', path: 'price' }] }, 'bad_field', 'operation'],
    });
  });

  test('to values of the wrong kind', async () => {
    await refusesAll('akhan', 'update', await newContract(), {
      'a text for a number': [change('price', 'x'), 'bad_field', 'price'],
      'half a signature': [change('signatures', 1.5), 'bad_field', 'signatures'],
      'more than a double counts': [change('signatures', 2 ** 60), 'bad_field', 'signatures'],
      'a word that is none of the list': [change('status', 'x'), 'bad_field', 'status'],
      'nothing for what is required': [change('name', null), 'missing_field', 'name'],
      'a number for a text': [change('notes', 1), 'bad_field', 'notes'],
      'an object for a collection': [change('items', {}), 'bad_field', 'items'],
      'items that are texts': [change('items', ['x']), 'bad_field', 'items'],
      'two items of one id': [change('items', [{ id: 'x' }, { id: 'x' }]), 'bad_field', 'items'],
      'a number for a reference': [change('customer', 1), 'bad_field', 'customer'],
      'counting by a word': [{ operation: 'increment', path: 'signatures', after: 'x' }, 'bad_field', 'n'],
      'counting a name': [{ operation: 'increment', path: 'name', after: 1 }, 'bad_field', 'name'],
      'counting too far': [{ operation: 'increment', path: 'signatures', after: 2 ** 53 - 1 }, 'bad_field', 'signatures'],
      'editing a number': [{ operation: 'text', path: 'price', after: ['x'] }, 'bad_field', 'price'],
      'a text that is too long': [change('notes', 'x'.repeat(20001)), 'bad_field', 'notes'],
      'a value that is too deep': [change('items/@a/x', nested(24)), 'too_deep', 'items'],
    });
  });

  test('against a past that never was', async () => {
    await refusesAll('akhan', 'update', await newContract(), {
      'a version of the future': [change('price', 1, { version: 99 }), 'bad_version', 'version'],
      'a negative one': [change('price', 1, { version: -1 }), 'bad_version'],
      'a value that was never there': [change('price', 1, { before: 77 }), 'bad_before', 'price'],
      'a value that was not there then': [change('price', 1, { before: 77, version: 1 }), 'bad_before', 'price'],
      'a test that fails': [{ ops: [{ op: 'test', path: 'price', value: 99 }, { op: 'set', path: 'price', value: 1 }] }, 'conflict', 'price'],
    });
  });

  test('that puts an item into itself', async () => {
    await refusesAll('akhan', 'update', await newContract(), {
      'at once': [change('items/@a/parent', 'a'), 'cyclic_move', 'items'],
      'by way of others': [change('items/@a/parent', 'c'), 'cyclic_move', 'items'],
      'with two new ones': [{ ops: [{ op: 'ins', path: 'items/@x', value: { parent: 'y' } }, { op: 'ins', path: 'items/@y', value: { parent: 'x' } }] }, 'cyclic_move', 'items'],
      'with the whole list': [change('items', [{ id: 'p', parent: 'q' }, { id: 'q', parent: 'p' }]), 'cyclic_move', 'items'],
    });
  });

  test('of a text at no place of it', async () => {
    const bad = [[-1, 'x'], [], [{ d: -1 }], [1.5], [2 ** 53, 'x'], [null], [[1]], [{ e: 1 }], 'x', 7, Array(1001).fill('x')];
    await refusesAll('akhan', 'update', await newContract(), {
      'inside of a surrogate pair': [text([2, 'x']), 'bad_offset', 'notes'],
      'half of one': [text([1, { d: 1 }]), 'bad_offset', 'notes'],
      'beyond the end': [text([5, 'x']), 'bad_offset', 'notes'],
      'more than there is': [text([{ d: 9 }]), 'bad_offset', 'notes'],
      ...Object.fromEntries(bad.map((edit) => [JSON.stringify(edit).slice(0, 30), [text(edit), 'bad_field', 'value']])),
    });
  });

  test('that is too much', async () => {
    const room = await newContract();
    await refusesAll('akhan', 'update', room, {
      '257 operations': [{ ops: Array(257).fill({ op: 'inc', path: 'signatures', n: 1 }) }, 'too_large', 'ops'],
      'no operation': [{ ops: [] }, 'bad_field', 'ops'],
      'an object of operations': [{ ops: {} }, 'bad_field', 'ops'],
      '49 KiB': [change('items/@a/x', 'x'.repeat(49 * 1024)), 'too_large', 'items'],
      'metadata of 5 KiB': [change('price', 1, { metadata: { a: 'x'.repeat(5000) } }), 'too_large', 'metadata'],
    });
    const window = await people.open('akhan');
    window.send({ type: 'update', messageId: 'big', payload: { ...about(room), ...change('items/@a/x', 'x'.repeat(70000)) } });
    assert.equal((await window.waitClosed()).code, 1009);
  });

  test('with a head that is wrong', async () => {
    const wrong = { fencingToken: [-1, 1.5, 'x'], stamp: [-1, 'x', { ms: -1 }, { ms: 2 ** 50 }, { ms: 1, counter: 65536 }], source: [7, '', {}, 'x'.repeat(200)], group: [7, 'x'.repeat(300)], metadata: [7, []], id: [7, '', {}, 'x'.repeat(129)], strategy: [7, 'x', 'LAST-WRITE-WINS'] };
    const cases = Object.entries(wrong).flatMap(([key, values]) => values.map((value) => [`${key} ${JSON.stringify(value).slice(0, 20)}`, [change('price', 6, { [key]: value }), 'bad_field']]));
    await refusesAll('akhan', 'update', await newContract(), Object.fromEntries(cases));
    await refusesAll('akhan', 'update', await make(people, 'eco', { title: 'Change' }), { 'a strategy that the type does not allow': [change('title', 'x', { strategy: 'crdt' }), 'strategy_not_allowed'] });
  });

  test('of somebody who may not', async () => {
    await refusesAll('lchen', 'update', await newContract(), { 'a viewer': [change('name', 'x'), 'forbidden', 'name'], 'a viewer, counting': [{ operation: 'increment', path: 'signatures', after: 1 }, 'forbidden', 'signatures'] });
  });

  test('over REST', async () => {
    const room = await newContract();
    await restRefusesAll('akhan', room, {
      'a version of the future': ['PATCH', '?base_version=99', { name: 'x' }, 400, 'bad_version', 'version'],
      'a negative one': ['PATCH', '?base_version=-1', { name: 'x' }, 400, 'bad_field', 'base_version'],
      'a token that is none': ['PATCH', '', { owner: 'x' }, 400, 'bad_field', 'lock_token', { 'Lock-Token': '-1' }],
      'a token past 64 bits': ['PATCH', '', { owner: 'x' }, 400, 'bad_field', 'lock_token', { 'Lock-Token': '99999999999999999999' }],
      'in the name of another': ['PATCH', '', { name: 'x' }, 403, 'forbidden', undefined, { 'X-On-Behalf-Of': 'mgarcia' }],
      'a queue of nothing': ['POST', '/changes', { changes: [] }, 400, 'bad_field', 'changes'],
      'a queue of 101': ['POST', '/changes', { changes: Array(101).fill({ operation: 'increment', path: 'signatures', after: 1 }) }, 413, 'too_large', 'changes'],
      'a moment that is none': ['GET', '?at=yesterday', undefined, 400, 'bad_field', 'at'],
      'a version that is not there': ['GET', '?version=99', undefined, 400, 'bad_version', 'version'],
      'a difference to the future': ['GET', '/diff?from=1&to=99', undefined, 400, 'bad_version'],
    });
  });
});

describe('ids', () => {
  const one = { operation: 'increment', path: 'signatures', after: 1 };

  test('of one queue that are there twice are one change, and another content is refused', async () => {
    const room = await newContract();
    const window = await people.open('akhan');
    const { results, record } = assertAck(await say(window, 'sync', room, { changes: [{ ...one, id: 'dup' }, { ...one, id: 'dup' }, { ...one, id: 'dup', after: 2 }] }));
    assert.deepEqual(results.map(({ verdict, version, repeat, error }) => [verdict, version, repeat, error?.code]), [['applied', 2, undefined, undefined], ['applied', 2, true, undefined], ['rejected', undefined, undefined, 'conflict']]);
    assert.equal(record.data.signatures, 3);
    window.close();
  });

  test('of somebody else give nobody his answer', async () => {
    const room = await newContract();
    const [amir, john] = [await people.open('akhan'), await people.open('jsmith')];
    assertAck(await update(amir, room, { ...one, id: 'his' }));
    const theirs = assertAck(await update(john, room, { ...one, id: 'his' }));
    assert.deepEqual([theirs.repeat, theirs.version, theirs.change.userId], [undefined, 3, '5']);
    for (const [type, payload] of [['update', { ...one, after: 5, id: 'his' }], ['undo', { id: 'his' }], ['comment', { action: 'add', text: 'x', id: 'his' }]]) {
      const { payload: told } = await say(amir, type, room, payload);
      assert.deepEqual([told.code, told.field], ['conflict', 'id'], type);
    }
    for (const window of [amir, john]) window.close();
  });

  test('of a queue are checked before anything is done', async () => {
    const room = await newContract();
    const queue = (changes, more = {}) => ({ changes, ...more });
    await refusesAll('akhan', 'sync', room, {
      '101 changes': [queue(Array(101).fill(one)), 'too_large', 'changes'],
      'no list': [queue('all'), 'bad_field', 'changes'],
      'nothing in it': [queue([one, null]), 'bad_field', 'changes'],
      'a number for an id': [queue([one, { ...one, id: 7 }]), 'bad_field', 'id'],
      'a number for a source': [queue([one], { source: 7 }), 'bad_field', 'source'],
    });
    const viewer = await people.open('lchen');
    const window = await people.open('akhan');
    const [mine] = assertAck(await say(viewer, 'sync', room, queue([one]))).results;
    assert.deepEqual([mine.verdict, mine.error.code], ['rejected', 'forbidden']);
    const [other] = assertAck(await say(window, 'sync', room, queue([{ ...one, entityType: 'contract', entityId: 'CT-else' }]))).results;
    assert.deepEqual([other.verdict, other.error.code, other.error.field], ['rejected', 'bad_field', 'entityId']);
    assert.equal((await sync(window, room)).version, 1);
    for (const each of [viewer, window]) each.close();
  });
});

describe('a lock', () => {
  test('for a time, at a place or with words that are wrong', async () => {
    const room = await newContract();
    const acquire = (more) => ({ action: 'acquire', path: 'status', ...more });
    await refusesAll('akhan', 'lock', room, {
      'no action': [{}, 'missing_field', 'action'],
      'an unknown action': [{ action: 'steal' }, 'bad_field', 'action'],
      ...Object.fromEntries([0, -1, 1e18, 1.5, '5', 3601].map((ttl) => [`ttl ${ttl}`, [acquire({ ttl }), 'bad_field', 'ttl']])),
      ...Object.fromEntries([0, 999, -1, 3600001, 2 ** 53].map((ttlMs) => [`ttlMs ${ttlMs}`, [acquire({ ttlMs }), 'bad_field', 'ttlMs']])),
      'an unknown field': [acquire({ path: 'nothing' }), 'unknown_field', 'nothing'],
      'a number for a path': [acquire({ path: 7 }), 'bad_field', 'path'],
      'inside of a register': [acquire({ path: 'name/x' }), 'bad_path', 'name'],
      'a position': [acquire({ path: 'items/0' }), 'position_in_path', 'path'],
      'a note that is too long': [{ action: 'request', path: 'name', note: 'x'.repeat(5000) }, 'bad_field', 'note'],
      'soft that is a word': [acquire({ soft: 'yes' }), 'bad_field', 'soft'],
      'nothing to be asked for': [{ action: 'request', path: 'status' }, 'not_found'],
    });
    await refusesAll('lchen', 'lock', room, { 'a viewer': [acquire(), 'forbidden'] });
    await restRefusesAll('akhan', room, {
      'no time': ['POST', '/locks', { ttl: 0 }, 400, 'bad_field', 'ttl'],
      'a negative time': ['POST', '/locks', { ttl: -1 }, 400, 'bad_field', 'ttl'],
      'for ever': ['POST', '/locks', { ttl_ms: 1e18 }, 400, 'bad_field', 'ttl_ms'],
      'a list': ['POST', '/locks', [], 400, 'bad_request'],
    });
    const window = await people.open('akhan');
    assert.equal((await say(window, 'lock', 'contract:none', { action: 'acquire' })).payload.code, 'not_found');
    window.close();
  });

  test("is not to be had with somebody's token, an old one or one that never was", async () => {
    const room = await newContract();
    const maria = await people.enter('mgarcia', room);
    const { token } = assertAck(await say(maria, 'lock', room, { action: 'acquire', path: 'owner', ttl: 60 })).lock;
    const cases = {};
    for (const [name, value, code] of [['his', token, 'lock_lost'], ['older', token - 1, 'lock_lost'], ['newer', token + 1, 'lock_lost'], ['zero', 0, 'bad_field'], ['negative', -1, 'bad_field'], ['half', 1.5, 'bad_field'], ['a word', 'x', 'bad_field']]) {
      for (const action of ['renew', 'release', 'hand_over']) cases[`${action}, ${name}`] = [{ action, path: 'owner', token: value, userId: '3' }, code];
    }
    await refusesAll('akhan', 'lock', room, { ...cases, 'by force': [{ action: 'force', path: 'owner' }, 'forbidden'], 'taken again': [{ action: 'acquire', path: 'owner' }, 'locked'] });
    const write = (more) => change('owner', 'thief', more);
    await refusesAll('akhan', 'update', room, {
      'without a token': [write(), 'locked'], 'with hers': [write({ fencingToken: token }), 'lock_lost'], 'with an older one': [write({ fencingToken: token - 1 }), 'lock_lost'], 'with a newer one': [write({ fencingToken: token + 1 }), 'lock_lost'],
    });
    for (const fencingToken of [token - 1, token + 1]) assert.equal((await update(maria, room, change('owner', 'me', { fencingToken }))).payload.code, 'lock_lost');
    for (const userId of ['nobody', '5']) assert.equal((await say(maria, 'lock', room, { action: 'hand_over', path: 'owner', token, userId })).payload.code, 'not_found');
    assertAck(await update(maria, room, change('owner', 'me', { fencingToken: token })));
    maria.close();
  });

  test('has tokens of 64 bits, whatever a double makes of them', async () => {
    const room = await newContract();
    const window = await people.open('akhan');
    for (const [token, code] of [['9223372036854775807', 'lock_lost'], ['9223372036854775808', 'lock_lost'], ['18446744073709551615', 'lock_lost'], ['1e18', 'bad_field']]) {
      window.heard.length = 0;
      window.send(`{"type":"lock","messageId":"raw","payload":{"entityType":"contract","entityId":"${about(room).entityId}","action":"renew","path":"owner","token":${token}}}`);
      assert.equal((await window.wait(({ replyTo }) => replyTo === 'raw')).payload.code, code, token);
    }
    window.send(`{"type":"lock","payload":{"token":18446744073709551616}}`);
    assert.equal((await window.wait(({ type, replyTo }) => type === 'error' && !replyTo)).payload.code, 'bad_json');
    window.close();
  });
});

describe('taking back', () => {
  test("what is somebody else's, not there, or taken back already", async () => {
    const room = await newContract();
    const maria = await people.open('mgarcia');
    const hers = assertAck(await set(maria, room, 'name', 'Hers', { group: 'one', id: `hers-${room}` }));
    await refusesAll('akhan', 'undo', room, {
      "somebody else's": [{ version: hers.version }, 'forbidden'],
      "somebody else's by its id": [{ changeId: hers.id }, 'forbidden'],
      'of the future': [{ version: 99 }, 'not_found'],
      'a negative version': [{ version: -1 }, 'bad_version', 'version'],
      'by no id': [{ changeId: 'none' }, 'not_found'],
      'by a number': [{ changeId: 7 }, 'bad_field', 'changeId'],
      'the making of a record that somebody else has changed': [{ version: 1 }, 'undo_blocked'],
    });
    await refusesAll('jsmith', 'undo', room, { 'who did nothing': [{}, 'nothing_to_undo'] });
    await refusesAll('jsmith', 'redo', room, { 'who undid nothing': [{}, 'nothing_to_undo'] });
    await refusesAll('lchen', 'undo', room, { 'a viewer': [{}, 'forbidden'] });
    await refusesAll('lchen', 'restore', room, { 'a viewer': [{ version: 1 }, 'forbidden'] });
    assertAck(await say(maria, 'undo', room, { version: hers.version }));
    await refusesAll('mgarcia', 'undo', room, { twice: [{ version: hers.version }, 'nothing_to_undo'] });
    maria.close();
  });

  test('to a version that is none', async () => {
    const room = await newContract();
    await refusesAll('akhan', 'restore', room, {
      'none said': [{}, 'missing_field', 'version'], zero: [{ version: 0 }, 'bad_version', 'version'], negative: [{ version: -1 }, 'bad_version', 'version'], 'of the future': [{ version: 99 }, 'bad_version', 'version'],
      half: [{ version: 1.5 }, 'bad_version', 'version'], 'a word': [{ version: '1' }, 'bad_field', 'version'],
    });
    await restRefusesAll('akhan', room, {
      'none said': ['POST', '/restore', {}, 400, 'missing_field', 'version'],
      zero: ['POST', '/restore', { version: 0 }, 400, 'bad_version', 'version'],
      'of the future': ['POST', '/restore', { version: 99 }, 400, 'bad_version', 'version'],
      'undo of a negative one': ['POST', '/undo', { version: -1 }, 400, 'bad_version', 'version'],
      'undo of a word': ['POST', '/undo', { version: '1' }, 400, 'bad_field', 'version'],
      'undo of a list': ['POST', '/undo', [], 400, 'bad_request'],
    });
  });
});

/** Two managers want different margins: editors know nothing of it. */
async function hiddenConflict(room) {
  const [maria, ada] = [await people.open('mgarcia'), await people.open('admin')];
  const { version } = await sync(maria, room);
  assertAck(await set(maria, room, 'margin', 42424242, { version }));
  const { conflict } = assertAck(await set(ada, room, 'margin', 43434343, { version }));
  for (const window of [maria, ada]) window.close();
  return conflict;
}

describe('a conflict', () => {
  test('of others, unknown, or settled with something else', async () => {
    const room = await newContract();
    const [amir, john] = [await people.open('akhan'), await people.open('jsmith')];
    assertAck(await set(amir, room, 'price', 20, { version: 1 }));
    const { conflict } = assertAck(await set(john, room, 'price', 30, { version: 1 }));
    const hidden = await hiddenConflict(room);
    const resolve = (more) => ({ action: 'resolve', conflictId: conflict.id, resolution: 'remote', ...more });
    await refusesAll('akhan', 'conflict', room, {
      'an unknown one': [resolve({ conflictId: 'CF-0' }), 'not_found'],
      'a number': [resolve({ conflictId: 7 }), 'bad_field', 'conflictId'],
      'an unknown resolution': [resolve({ resolution: 'mine' }), 'bad_field', 'resolution'],
      'a value of the wrong kind': [resolve({ resolution: 'merged', value: 'x' }), 'bad_field', 'price'],
      'a value of another place': [resolve({ resolution: 'merged', values: { '/name': 'x' } }), 'bad_field', 'values'],
      'a value more': [resolve({ resolution: 'merged', values: { '/price': 7, '/name': 'x' } }), 'bad_field', 'values'],
      'assigned to nobody': [{ action: 'assign', conflictId: conflict.id, userId: 'nobody' }, 'unknown_user', 'userId'],
      "of a field that he may not read": [resolve({ conflictId: hidden.id }), 'not_found'],
      'the same with a value': [resolve({ conflictId: hidden.id, resolution: 'merged', value: 5 }), 'not_found'],
      'the same, assigned': [{ action: 'assign', conflictId: hidden.id, userId: '3' }, 'not_found'],
    });
    await refusesAll('lchen', 'conflict', room, { 'a viewer': [resolve(), 'forbidden'], 'a viewer, assigning': [{ action: 'assign', conflictId: conflict.id, userId: '4' }, 'forbidden'] });
    await refusesAll('akhan', 'conflict', await newContract(), { "of another record": [resolve(), 'not_found'] });
    await restRefusesAll('akhan', room, {
      'a hidden one, read': ['GET', `/api/v1/conflicts/${hidden.id}`, undefined, 404, 'not_found'],
      'settled': ['POST', `/api/v1/conflicts/${hidden.id}/resolve`, { resolution: 'remote' }, 404, 'not_found'],
      'assigned': ['POST', `/api/v1/conflicts/${hidden.id}/assign`, { user_id: 3 }, 404, 'not_found'],
    });
    const both = await Promise.all([say(amir, 'conflict', room, resolve()), say(john, 'conflict', room, resolve({ resolution: 'local' }))]);
    assert.deepEqual(both.map(({ payload }) => payload.code ?? 'done').sort(), ['already_resolved', 'done']);
    await refusesAll('akhan', 'conflict', room, { twice: [resolve(), 'already_resolved'], 'assigned afterwards': [{ action: 'assign', conflictId: conflict.id, userId: '3' }, 'already_resolved'] });
    for (const window of [amir, john]) window.close();
  });
});

describe('a comment', () => {
  test('with words, mentions or places that are wrong', async () => {
    const room = await newContract();
    const add = (more) => ({ action: 'add', text: 'x', ...more });
    const many = Array.from({ length: 51 }, (_, index) => `u${index}`);
    await refusesAll('akhan', 'comment', room, {
      'no text': [{ action: 'add' }, 'missing_field', 'text'],
      'an empty one': [add({ text: '' }), 'bad_field', 'text'],
      'a number': [add({ text: 7 }), 'bad_field', 'text'],
      '4,001 characters': [add({ text: 'x'.repeat(4001) }), 'bad_field', 'text'],
      '60,000 characters': [add({ text: 'x'.repeat(60000) }), 'bad_field', 'text'],
      'a mention of nobody': [add({ mentions: ['nobody'] }), 'unknown_user', 'mentions'],
      '51 mentions': [add({ mentions: many }), 'bad_field', 'mentions'],
      '51 in the text': [add({ text: many.map((name) => `@${name}`).join(' ') }), 'bad_field', 'mentions'],
      'mentions that are a text': [add({ mentions: 'akhan' }), 'bad_field', 'mentions'],
      'mentions that are objects': [add({ mentions: [{}] }), 'bad_field', 'mentions'],
      'an unknown field': [add({ path: 'nothing' }), 'unknown_field', 'path'],
      'a field that he may not read': [add({ path: 'margin' }), 'unknown_field', 'path'],
      'in an unknown thread': [add({ parentId: 'none' }), 'not_found', 'parentId'],
      'an unknown action': [{ action: 'burn', commentId: 'none' }, 'bad_field', 'action'],
    });
    await restRefusesAll('akhan', room, {
      'a mebibyte': ['POST', '/comments', { text: 'x'.repeat(1 << 20) }, 413, 'too_large'],
      'most of a body': ['POST', '/comments', { text: 'x'.repeat(200000) }, 413, 'too_large'],
    });
    const { items } = assertAck(await say(await people.open('akhan'), 'list', room, { kind: 'comment' }));
    assert.deepEqual(items, []);
  });

  test("that is somebody else's, or about what he may not read", async () => {
    const room = await newContract();
    const maria = await people.open('mgarcia');
    const comment = async (more) => assertAck(await say(maria, 'comment', room, { action: 'add', text: 'Look', ...more })).comment;
    const [hers, hidden] = [await comment(), await comment({ path: 'margin' })];
    const cases = {};
    for (const action of ['edit', 'delete']) cases[`${action} of another's`] = [{ action, commentId: hers.id, text: 'x' }, 'forbidden'];
    for (const action of ['edit', 'delete', 'resolve', 'reopen', 'react']) {
      cases[`${action}, hidden`] = [{ action, commentId: hidden.id, text: 'x', emoji: '👍' }, 'not_found', 'commentId'];
      cases[`${action}, unknown`] = [{ action, commentId: 'none', text: 'x', emoji: '👍' }, 'not_found', 'commentId'];
    }
    await refusesAll('akhan', 'comment', room, {
      ...cases,
      'an answer to what is hidden': [{ action: 'add', text: 'x', parentId: hidden.id }, 'not_found', 'parentId'],
      'a reaction that is too long': [{ action: 'react', commentId: hers.id, emoji: 'x'.repeat(33) }, 'bad_field', 'emoji'],
      'no reaction': [{ action: 'react', commentId: hers.id }, 'missing_field', 'emoji'],
    });
    maria.close();
  });
});

describe('what is not his', () => {
  test("inboxes, preferences, feeds and other people's messages", async () => {
    const [window, maria] = [await people.open('akhan'), await people.open('mgarcia')];
    assertAck(await maria.ask({ type: 'chat', payload: { to: '5', text: 'between us' } }));
    const refused = async (message, code) => {
      const { type, payload } = await window.ask(message);
      assert.deepEqual([type, payload.code], ['error', code], JSON.stringify(message));
    };
    await refused({ type: 'subscribe', channel: 'user:2' }, 'forbidden');
    await refused({ type: 'subscribe', channel: 'dm:2:5' }, 'forbidden');
    await refused({ type: 'chat', channel: 'dm:2:5', payload: { text: 'forged' } }, 'forbidden');
    await refused({ type: 'list', channel: 'dm:2:5', payload: { kind: 'message' } }, 'not_found');
    await refused({ type: 'list', channel: 'user:2', payload: { kind: 'message' } }, 'not_found');
    await refused({ type: 'notification', payload: { to: '2', title: 'x' } }, 'forbidden');
    assert.deepEqual(assertAck(await window.ask({ type: 'list', payload: { kind: 'notification', userId: '2' } })).items.filter(({ toUserId }) => toUserId === '2'), []);
    assertAck(await window.ask({ type: 'preferences', channel: 'user:2', payload: { action: 'put', userId: '2', types: { message: { on: false } } } }));
    assert.deepEqual(assertAck(await maria.ask({ type: 'preferences', payload: { action: 'get' } })).preferences?.types?.message, undefined);
    const other = await people.open('akhan');
    for (const payload of [{ action: 'put', default: { sound: 'yes' } }, { action: 'put', types: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`t${index}`, {}])) }]) {
      assert.equal((await other.ask({ type: 'preferences', payload })).payload.code, 'bad_field');
    }
    assert.equal((await other.ask({ type: 'notification', payload: { action: 'read', ids: Array(65).fill('x') } })).payload.code, 'bad_field');
    assert.equal((await other.ask({ type: 'notification', payload: { action: 'read', ids: ['x'] } })).payload.code, 'not_found');
    for (const [method, path, body, status] of [['GET', '/api/v1/rooms/dm%3A2%3A5/messages', undefined, 404], ['POST', '/api/v1/rooms/dm%3A2%3A5/messages', { text: 'x' }, 404], ['GET', '/api/v1/rooms/user%3A2/messages', undefined, 404], ['POST', '/api/v1/users/2/notify', { title: 'x' }, 403]]) {
      assert.equal((await people.rest('akhan', method, path, body)).status, status, path);
    }
    const { messages } = (await people.rest('mgarcia', 'GET', '/api/v1/users/5/messages')).body;
    assert.deepEqual(messages.map(({ text: said }) => said), ['between us']);
    for (const each of [window, maria, other]) each.close();
  });

  test('a field that he may not read is told by nothing: no event, list, feed, lock, conflict or mention', async () => {
    const secret = /margin|42424242|43434343|pssst/;
    const room = await newContract();
    const maria = await people.enter('mgarcia', room);
    const channels = [room, 'records', 'contract-updates', 'comments', 'edit-locks', 'activity-feed', 'feed:user:2', 'inbox'];
    const listener = await people.open('akhan');
    for (const channel of channels) assertAck(await listener.ask({ type: 'subscribe', channel, payload: { present: false } }));

    const hidden = await hiddenConflict(room);
    assertAck(await say(maria, 'lock', room, { action: 'acquire', path: 'margin' }));
    assertAck(await say(maria, 'comment', room, { action: 'add', text: 'pssst @akhan', path: 'margin' }));
    assertAck(await say(maria, 'conflict', room, { action: 'resolve', conflictId: hidden.id, resolution: 'local' }));
    assertAck(await say(maria, 'undo', room));
    assertAck(await set(maria, room, 'name', 'the end'));
    for (const channel of [room, 'records', 'contract-updates', 'activity-feed', 'feed:user:2']) await listener.wait((message) => message.channel === channel && JSON.stringify(message).includes('the end'), channel);
    assert.deepEqual(listener.heard.filter((message) => secret.test(JSON.stringify(message))), []);

    const asked = [];
    for (const kind of ['comment', 'conflict', 'lock', 'activity']) asked.push((await say(listener, 'list', room, { kind })).payload);
    asked.push((await listener.ask({ type: 'list', payload: { kind: 'notification' } })).payload, (await listener.ask({ type: 'list', payload: { kind: 'activity' } })).payload);
    for (const rest of ['', '?version=2', '/history', '/diff?from=1&to=3', '/comments', '/conflicts', '/locks']) asked.push((await people.rest('akhan', 'GET', recordPath(room, rest))).body);
    for (const path of ['/api/v1/notifications', '/api/v1/activity?limit=200', '/api/v1/conflicts', '/api/v1/locks']) asked.push((await people.rest('akhan', 'GET', path)).body);
    assert.deepEqual(asked.filter((answer) => secret.test(JSON.stringify(answer))), []);

    for (const action of ['acquire', 'request', 'renew', 'release', 'force']) {
      const { payload } = await say(listener, 'lock', room, { action, path: 'margin', token: 1 });
      assert.deepEqual([payload.code, payload.lock], ['unknown_field', undefined], action);
    }
    for (const each of [maria, listener]) each.close();
  });
});

test('all that was survived: the server is the same, and serves', async () => {
  assert.equal((await people.rest('akhan', 'GET', '/readyz')).status, 200);
  assert.equal(server.child.exitCode, null);
});
