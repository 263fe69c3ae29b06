// REST and Server-Sent Events with hostile words in every place that takes one: they are taken literally or refused, never executed, never
// shown to another, and never an error of ours.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client, eventually, login, rest, startServer } from '../lib/server.mjs';
import { exchange, inParallel, Raw } from '../lib/raw.mjs';

let server, cookie, manager, viewer;

before(async () => {
  server = await startServer({ args: ['--workers', '2'] });
  [cookie, manager, viewer] = [await login(server, 'akhan'), await login(server, 'mgarcia'), await login(server, 'lchen')];
});

after(async () => {
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
  assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
});

const HOSTILE = [
  "'; DROP TABLE records; --", "' OR '1'='1", "' UNION SELECT password_hash FROM accounts --", '" OR ""="', "\\' OR 1=1 --", '1; ATTACH DATABASE "/tmp/x" AS y', '%', '_', '%%%', '*', '?', '^', '"a* NEAR(', 'a NEAR/2 b', 'AND', 'OR', 'NOT', 'col:x', '(', ')', '{}',
  '-', '--', '/*', '*/', '\\', '\\0', '%00', '\u0000', 'a\u0000b', '\r\nSet-Cookie: x=1', '\n\nevent: x\ndata: y', '\u2028', '\u202e', '\ufeff', '\ufffe', '😀', 'é', 'e\u0301', '../../etc/passwd', '..', '.', 'file:///etc/passwd', '${jndi:ldap://x}', '{{7*7}}', '`id`', '$(id)', '| id',
  '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', '__proto__', 'constructor', 'toString', 'null', 'true', 'NaN', '1e0', ' 1', '+1', '01', '0x1', '-1', '9223372036854775808', '1e309', 'x'.repeat(129), 'x'.repeat(1025), 'x'.repeat(4000),
];

const encoded = HOSTILE.map((text) => encodeURIComponent(text));
const RECORDS = '/api/v1/records/order';
// [what, what to ask with the word w]
const PLACES = [
  ['a search', (w) => ['GET', `${RECORDS}?q=${w}`]], ['a filter', (w) => ['GET', `${RECORDS}?status=${w}`]], ['a filter of numbers', (w) => ['GET', `${RECORDS}?total__gt=${w}`]], ['the name of a filter', (w) => ['GET', `${RECORDS}?${w}=x`]],
  ['a comparison', (w) => ['GET', `${RECORDS}?total__${w}=1`]], ['an order', (w) => ['GET', `${RECORDS}?sort=${w}`]], ['a cursor', (w) => ['GET', `${RECORDS}?cursor=${w}`]], ['a limit', (w) => ['GET', `${RECORDS}?limit=${w}`]],
  ['a type', (w) => ['GET', `/api/v1/records/${w}`]], ['an id', (w) => ['GET', `${RECORDS}/${w}`]], ['a version', (w) => ['GET', `${RECORDS}/ORD-10001?version=${w}`]], ['an id to change', (w) => ['PATCH', `${RECORDS}/${w}`, { notes: 'x' }]],
  ['an id to delete', (w) => ['DELETE', `${RECORDS}/missing-${w}`]], ['an action', (w) => ['POST', `${RECORDS}/ORD-10001/actions/${w}`, {}]], ['an id in history', (w) => ['GET', `${RECORDS}/${w}/history`]], ['the end of a history', (w) => ['GET', `${RECORDS}/ORD-10001/history?before=${w}`]],
  ['a room', (w) => ['GET', `/api/v1/presence?room=${w}`]], ['a resource', (w) => ['GET', `/api/v1/presence?resource_type=${w}&resource_id=${w}`]], ['a room of the grid', (w) => ['GET', `/api/v1/inventory/collaboration/presence?room=${w}`]],
  ['a channel, asked by HEAD', (w) => ['HEAD', `/api/v1/events?channel=${w}`]], ['a place in a stream', (w) => ['HEAD', `/api/v1/events?channel=order-updates&last_event_id=${w}`]],
  ['a user', (w, text) => ['POST', '/api/v1/login', { username: text, password: 'demo' }]], ['a value', (w, text) => ['PATCH', `${RECORDS}/ORD-10002`, { notes: text }]], ['the name of a field', (w, text) => ['PATCH', `${RECORDS}/ORD-10002`, { [text]: 'x' }]],
  ['the id of a new record', (w, text) => ['POST', RECORDS, { id: text, customer: 'CUST-0001' }]], ['a field of a new record', (w, text) => ['POST', RECORDS, { notes: text, [text]: text }]],
  ['an announcement', (w, text) => ['POST', '/api/v1/inventory/collaboration/broadcast-change', { sku: text, field: text, old_value: text, new_value: text, update_type: text }]],
  ['a version that it is made against', (w) => ['PATCH', `${RECORDS}/ORD-10002?base_version=${w}`, { notes: 'x' }]], ['a strategy', (w) => ['PATCH', `${RECORDS}/ORD-10002?strategy=${w}`, { notes: 'x' }]], ['a group', (w) => ['PATCH', `${RECORDS}/ORD-10002?group=${w}`, { notes: 'x' }]],
  ['a moment', (w) => ['GET', `${RECORDS}/ORD-10001?at=${w}`]], ['versions to compare', (w) => ['GET', `${RECORDS}/ORD-10001/diff?from=${w}&to=${w}`]], ['a change', (w, text) => ['POST', `${RECORDS}/ORD-10002/changes`, { changes: [{ id: text, operation: text, path: text, before: text, after: text, version: text, source: text, group: text, metadata: { [text]: text } }, text] }]],
  ['an undo', (w, text) => ['POST', `${RECORDS}/ORD-10002/undo`, { change_id: text }]], ['a version to restore', (w, text) => ['POST', `${RECORDS}/ORD-10002/restore`, { version: text }]],
  ['the path of a lock', (w, text) => ['POST', `${RECORDS}/ORD-10003/locks`, { path: text, note: text, soft: true }]], ['a lock to release', (w) => ['DELETE', `${RECORDS}/ORD-10003/locks?path=${w}&token=${w}`]], ['a new holder', (w, text) => ['POST', `${RECORDS}/ORD-10003/locks/hand_over`, { user_id: text, token: text }]],
  ['a list of conflicts', (w) => ['GET', `/api/v1/conflicts?assigned_to=${w}`]], ['a type of conflicts', (w) => ['GET', `/api/v1/conflicts?type=${w}&state=${w}`]], ['a conflict', (w, text) => ['POST', `/api/v1/conflicts/${w}/resolve`, { resolution: text, value: text }]],
  ['a comment', (w, text) => ['POST', `${RECORDS}/ORD-10003/comments`, { text, path: text, parent_id: text, mentions: [text] }]], ['a comment by its id', (w) => ['GET', `/api/v1/comments/${w}`]], ['comments in a state', (w) => ['GET', `${RECORDS}/ORD-10003/comments?state=${w}&cursor=${w}`]],
  ['a room to talk in', (w, text) => ['POST', `/api/v1/rooms/${w}/messages`, { text, data: { [text]: text } }]], ['a room to read in', (w) => ['GET', `/api/v1/rooms/${w}/messages?cursor=${w}`]], ['somebody to talk to', (w, text) => ['POST', `/api/v1/users/${w}/messages`, { text }]],
  ['notifications in a state', (w) => ['GET', `/api/v1/notifications?state=${w}`]], ['a notification', (w, text) => ['POST', '/api/v1/notifications', { entity_type: 'order', entity_id: text, type: text, title: text, message: text, to: [text], actions: [{ label: text, url: text }] }]], ['notifications to mark', (w, text) => ['POST', '/api/v1/notifications/read', { ids: [text] }]],
  ['preferences', (w, text) => ['PUT', '/api/v1/preferences', { types: { [text]: { on: true } }, default: { [text]: text } }]], ['a feed', (w) => ['GET', `/api/v1/activity?feed=user&entity_id=${w}&action=${w}&customer=${w}`]], ['the time of a feed', (w) => ['GET', `/api/v1/activity?since=${w}`]], ['what somebody did', (w, text) => ['POST', '/api/v1/activity', { entity_type: text, entity_id: text, action: text, metadata: { [text]: text } }]],
  ['a room to speak in', (w, text) => ['POST', `/api/v1/rooms/${w}/publish`, { event: text, data: text, id: text }]], ['somebody to end', (w, text) => ['POST', `/api/v1/users/${w}/kick`, { reason: text }]],
  ['a path', (w) => ['GET', `/${w}`]], ['a parameter of health', (w) => ['GET', `/healthz?${w}=${w}`]],
];

test(`${PLACES.length} places with ${HOSTILE.length} words each: an answer, never an error of ours`, async () => {
  const failures = [];
  const cases = PLACES.flatMap(([what, ask]) => HOSTILE.map((text, index) => [what, text, ask(encoded[index], text)]));
  await inParallel(cases.filter(([what]) => what !== 'a user'), 16, async ([what, text, [method, path, body]]) => {
    // fetch would tidy up paths: these are sent as they stand
    const json = body === undefined ? '' : JSON.stringify(body);
    const head = `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nCookie: ${manager}\r\nConnection: close\r\n${json ? `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(json)}\r\n` : ''}\r\n`;
    const raw = await Raw.open(server);
    await raw.write(head + json);
    await raw.waitOver();
    const said = raw.bytes.toString();
    const status = Number(said.slice(9, 12));
    // a search may be given up on a busy machine, and says so
    const isBusy = status === 503 && /"code":"(overloaded|timeout)"/.test(said);
    if (!(status >= 200 && status < 500) && !isBusy) failures.push(`${what}: ${text.slice(0, 40)}: ${said.slice(0, 60)}`);
    if (/sqlite|SELECT |syntax error|root:x|no such (table|column)|near "/i.test(said.replaceAll(text, ''))) failures.push(`${what}: ${text.slice(0, 40)}: ${said.slice(-200)}`);
    if (/^Set-Cookie/im.test(said)) failures.push(`${what}: ${text}: a header`);
  });
  for (const text of HOSTILE.filter((word) => word.length < 200).slice(0, 12)) {
    const { status } = await rest(server, null, 'POST', '/api/v1/login', { username: text, password: 'demo' });
    if (status !== 401 && status !== 400) failures.push(`a login as ${text}: ${status}`);
  }
  assert.deepEqual(failures, []);
  const { body } = await rest(server, cookie, 'GET', '/api/v1/records/order?limit=1');
  assert.ok(body.total >= 1500, `${body.total} orders are left`);
});

test('a search is literal: a wildcard finds itself only', async () => {
  for (const [id, notes] of [['LIT-1', '100% sure'], ['LIT-2', '100 sure'], ['LIT-3', 'under_score'], ['LIT-4', 'underXscore'], ['LIT-5', "it's \"quoted\" (NEAR) ^x*"]]) {
    const { status } = await rest(server, cookie, 'POST', '/api/v1/records/vendor', { id, name: id, notes });
    assert.equal(status, 201);
  }
  const find = async (q) => (await rest(server, cookie, 'GET', `/api/v1/records/vendor?q=${encodeURIComponent(q)}`)).body.records.map(({ id }) => id).filter((id) => id.startsWith('LIT'));
  assert.deepEqual(await find('100%'), ['LIT-1']);
  assert.deepEqual(await find('under_s'), ['LIT-3']);
  assert.deepEqual(await find("it's"), ['LIT-5']);
  assert.deepEqual(await find('"quoted" (NEAR) ^x*'), ['LIT-5']);
  assert.deepEqual(await find('LIT-%'), []);
});

test('an id has one spelling, and one that is not there is like one that is hidden', async () => {
  const same = async (path) => {
    const { status, body } = await rest(server, viewer, 'GET', path);
    return { status, code: body.error?.code };
  };
  for (const id of ['ord-10001', '%20ORD-10001', 'ORD-10001%20', '+ORD-10001', 'ORD-010001', 'ORD-1e4', 'ORD-10001/', 'ORD%2D10001x', 'ÖRD-10001']) {
    assert.deepEqual(await same(`/api/v1/records/order/${id}`), { status: 404, code: 'not_found' }, id);
  }
  for (const id of ['ORD-10001%00', 'ORD-10001%0a', '%7fORD-10001', 'ORD-10001%c0%af']) assert.equal((await same(`/api/v1/records/order/${id}`)).status, 400, id);
  assert.equal((await rest(server, viewer, 'GET', '/api/v1/records/order/ORD%2D10001')).status, 200);
});

test('If-Match: garbage is 400, what is stale 412, * whatever is there', async () => {
  const path = '/api/v1/records/order/ORD-10020';
  const ask = async (method, match, body) => (await rest(server, manager, method, path, body, { 'If-Match': match })).status;
  for (const method of ['PATCH', 'DELETE']) {
    const body = method === 'PATCH' ? { notes: 'matched?' } : undefined;
    for (const garbage of ['1', 'x', '"1', '1"', '"1" "2"', '"1",,"2"', 'W/1', 'w/"1"', "'1'", '"a"b', '**', '*, "1"', '"1"; q=1']) assert.equal(await ask(method, garbage, body), 400, `${method} ${garbage}`);
    for (const stale of ['"0"', '"2"', '"99"', '"x"', 'W/"1"', '"1.0"', '"01"x'.slice(0, 4), '"-1"', '"9223372036854775808"', '"18446744073709551616"', '""']) {
      const status = await ask(method, stale, body);
      assert.ok(status === 412 || (stale === '"01"' && status === 412), `${method} ${stale}: ${status}`);
    }
    const twice = await exchange(server, `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nCookie: ${manager}\r\nConnection: close\r\nIf-Match: "1"\r\nIf-Match: "2"\r\n${body ? 'Content-Type: application/json\r\nContent-Length: 13\r\n\r\n{"notes":"x"}' : '\r\n'}`);
    assert.ok([400, 412].includes(twice.answers[0].status), `${method}: ${twice.answers[0].status}`);
  }
  assert.equal((await rest(server, viewer, 'GET', path)).body.version, 1);
  assert.equal(await ask('PATCH', '*', { notes: 'star' }), 200);
  assert.equal(await ask('PATCH', '"2"', { notes: 'two' }), 200);
  assert.equal(await ask('PATCH', '"1", "3"', { notes: 'three' }), 200);
  assert.equal(await ask('DELETE', '"3"'), 412);
  assert.equal(await ask('DELETE', '*'), 204);
  assert.ok([404, 412].includes(await ask('DELETE', '*')));
  assert.ok([404, 412].includes(await ask('PATCH', '*', { notes: 'gone' })));
});

test('bodies that are no JSON object of ours are refused, and store nothing', async () => {
  const path = '/api/v1/records/order/ORD-10021';
  const bodies = [
    '', ' ', 'x', '{', '{]', '[]', '1', '"x"', 'null', 'true', '{"notes":1}', '{"notes":{}}', '{"notes":"a","notes":"b"}', '{"notes":"\\ud800"}', '{"notes":"\\u0000"}', '{"notes":"x"}x', '\ufeff{"notes":"x"}', '{"notes":"x",}', '{"id":"other"}', '{"version":7}', '{"nowhere":1}',
    '['.repeat(100000), '{"a":'.repeat(20000), `{${Array.from({ length: 5000 }, (_, n) => `"k${n}":0`).join(',')}}`, `{"notes":"${'x'.repeat(200000)}"}`, `{"notes":"${'x'.repeat(300000)}"}`, '{"__proto__":{"notes":"x"}}', '{"constructor":1}', "{'notes':'x'}", 'notes=x',
  ];
  const failures = [];
  for (const body of bodies) {
    for (const [method, where] of [['PATCH', path], ['POST', '/api/v1/records/order'], ['POST', '/api/v1/login'], ['POST', '/api/v1/inventory/collaboration/broadcast-change']]) {
      const answer = await fetch(server.base + where, { method, headers: { cookie: manager, 'Content-Type': 'application/json' }, body }).catch((error) => ({ status: String(error.cause?.code) }));
      if (!(answer.status >= 400 && answer.status < 500)) failures.push(`${method} ${where} ${body.slice(0, 40)}: ${answer.status}`);
      await answer.text?.();
    }
  }
  assert.deepEqual(failures, []);
  for (const type of ['', 'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonx', 'text/json', 'application/json, text/plain', 'application/json\u00a0']) {
    const { answers } = await exchange(server, Buffer.from(`PATCH ${path} HTTP/1.1\r\nHost: localhost\r\nCookie: ${manager}\r\nConnection: close\r\n${type ? `Content-Type: ${type}\r\n` : ''}Content-Length: 13\r\n\r\n{"notes":"x"}`, 'latin1'));
    assert.equal(answers[0].status, 415, type);
  }
  assert.equal((await rest(server, viewer, 'GET', path)).body.version, 1);
});

test('an Idempotency-Key that is none is refused', async () => {
  const post = async (key) => (await exchange(server, Buffer.from(`POST /api/v1/records/vendor HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\nConnection: close\r\nContent-Type: application/json\r\nIdempotency-Key: ${key}\r\nContent-Length: 14\r\n\r\n{"name":"one"}`, 'latin1'))).answers[0].status;
  assert.equal(await post('x'.repeat(129)), 400);
  assert.equal(await post('\xe4'), 400);
  assert.equal(await post('a\tb'), 400);
  assert.equal(await post('x'.repeat(128)), 201);
  assert.equal(await post('x'.repeat(128)), 201);
});

test('methods that are not served say which are, and none of them does anything', async () => {
  const paths = ['/api/v1/login', '/api/v1/me', '/api/v1/types', '/api/v1/records/order', '/api/v1/records/order/ORD-10022', '/api/v1/records/order/ORD-10022/history', '/api/v1/presence', '/api/v1/events', '/healthz', '/ws'];
  for (const path of paths) {
    for (const method of ['PUT', 'TRACE', 'PROPFIND', 'LOCK', 'SEARCH', 'QUERY', 'MKCOL', 'COPY', 'MOVE', 'UNLINK']) {
      const [answer] = (await exchange(server, `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\nConnection: close\r\n\r\n`)).answers;
      assert.ok([405, 501].includes(answer.status), `${method} ${path}: ${answer.status}`);
      if (answer.status === 405) assert.match(answer.headers.get('allow'), /OPTIONS/);
    }
  }
  assert.equal((await rest(server, viewer, 'GET', '/api/v1/records/order/ORD-10022')).body.version, 1);
});

test('an event stream cannot be given events: every line that a client wrote stands behind data:', async () => {
  const raw = await Raw.open(server);
  await raw.write(`GET /api/v1/events?channel=injected HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\n\r\n`);
  await raw.until(() => raw.bytes.includes('event: ready'), 'the stream');
  const client = await Client.open(server, '/ws', { cookie: manager });
  await client.ask({ type: 'subscribe', channel: 'injected' });
  const words = ['\n\nevent: evil\ndata: evil', '\r\revent: evil\rdata: evil', '\r\n\r\nevent: evil', '\u2028event: evil', '\0'.slice(1) + 'id: evil', ': comment', 'retry: 1'];
  for (const word of words) {
    assert.equal((await client.ask({ type: 'publish', channel: 'injected', event: word.slice(0, 100), payload: word })).type, 'ack');
    await client.ask({ type: 'presence', channel: 'injected', payload: { activity: word } });
  }
  await client.ask({ type: 'publish', channel: 'injected', payload: 'the end' });
  await raw.until(() => raw.bytes.includes('the end'), 'the last event');
  const lines = raw.bytes.toString().split('\r\n\r\n').slice(1).join('').split(/\r\n|\r|\n/);
  const published = [];
  for (const line of lines) {
    assert.match(line, /^(|data: \{.*|event: (ready|publish|presence|typing|cursor)|id: [\x21-\x7e ]*|: ?.*|retry: \d+)$/s, line);
    if (line.startsWith('data: {') && line.includes('"publish"')) published.push(JSON.parse(line.slice(6)).payload);
  }
  assert.deepEqual(published, [...words, 'the end']);
  raw.destroy();
  client.close();
});

test('Last-Event-ID: what is no place is refused or answered with a reload', async () => {
  const ids = ['x', '-1', '1', '0', '1:1', '1-1', ' ', '=', '/', '9'.repeat(30), 'x'.repeat(10000), '-1:-1', 'a:b,c:d', '18446744073709551616-1', '\x7f'.slice(1) + '\xff', ','.repeat(500), '1.5', 'null', '{"epoch":1}'];
  for (const id of ids) {
    const raw = await Raw.open(server);
    await raw.write(Buffer.from(`GET /api/v1/events?channel=order-updates HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\nLast-Event-ID: ${id}\r\n\r\n`, 'latin1'));
    await raw.until(() => raw.isOver || /event: ready\n(.*\n)*\n/.test(raw.bytes.toString()) || /^HTTP\/1.1 4/.test(raw.bytes.toString()), `an answer to ${id}`);
    const said = raw.bytes.toString();
    if (!/^HTTP\/1.1 400 /.test(said)) {
      assert.match(said, /^HTTP\/1.1 200 /, id);
      const { payload } = JSON.parse(said.match(/^data: (.*)$/m)[1]);
      assert.ok(id.trim() === '' || payload.channels[0].resync === true, `${id}: ${JSON.stringify(payload)}`);
    }
    raw.destroy();
  }
});

test('a hundred streams that are opened and cut leave nothing behind', async () => {
  const count = async () => (await rest(server, null, 'GET', '/socket-stats')).body.connections_sse;
  await inParallel(Array.from({ length: 100 }, (_, index) => index), 20, async (index) => {
    const raw = await Raw.open(server);
    await raw.write(`GET /api/v1/events?channel=cut&channel=order-updates HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\n\r\n`);
    if (index % 2) await raw.until(() => raw.bytes.includes('event: ready'), 'the stream');
    raw.socket.resetAndDestroy();
  });
  await eventually(async () => (await count()) === 0, 'the end of the streams');
});
