// Every field of every message of the native dialect (docs/protocol/native.md), and every field of every business type, given every kind of
// wrong value: the answer names the code and the field, comes exactly once, and the connection lives on. And messages that are no JSON.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client, eventually, login, rest, startServer } from '../lib/server.mjs';
import { OP, RawSocket, frame } from '../lib/raw.mjs';

let server, cookie, admin, healthy;

before(async () => {
  server = await startServer({ args: ['--workers', '2'], env: { COLLABD_ERROR_MESSAGES_PER_MINUTE_MAX: '0' } });
  cookie = await login(server, 'akhan');
  admin = await login(server, 'admin');
  healthy = await Client.open(server, '/ws', { cookie });
});

after(async () => {
  healthy.close();
  const { code } = await server.stop();
  assert.equal(code, 0, server.log);
  assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
});

const nested = (depth) => '['.repeat(depth) + ']'.repeat(depth);
// JSON as it is written, because not all of it survives JSON.parse.
const POOL = [
  'null', 'true', 'false', '0', '1', '-1', '1.5', '-0.5', '1e308', '-0', '2147483648', '9007199254740991', '9007199254740993', '9223372036854775808', '18446744073709551615',
  '""', '" "', '"x"', '"0"', '"-1"', '"1e3"', '"true"', '"a\\u0001b"', '"a\\nb"', '"\\u007f"', '"\\u202e"', '"\\u00e9"', '"日本"', '"😀"',
  '"<img src=x onerror=alert(1)>"', '"__proto__"', '"../../x"', '"\\"; DROP TABLE records; --"', '"%00"', `"${'x'.repeat(65)}"`, `"${'x'.repeat(129)}"`, `"${'x'.repeat(201)}"`,
  `"${'x'.repeat(513)}"`, `"${'x'.repeat(20001)}"`, '[]', '[1]', '["x"]', '[[]]', '[{}]', '{}', '{"a":1}', '{"id":"x"}', '{"__proto__":{"isAdmin":true}}', '{"toString":1}', nested(20),
];

const kindOf = (json) => (json[0] === '"' ? 'string' : json[0] === '[' ? 'array' : json[0] === '{' ? 'object' : json === 'null' ? 'null' : json[0] === 't' || json[0] === 'f' ? 'boolean' : 'number');
const text = (json) => (kindOf(json) === 'string' ? JSON.parse(json) : '');
const bytesOf = (json) => Buffer.byteLength(text(json));
const hasControl = (json) => /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/.test(text(json));

// What a field takes: true, false, or undefined where either answer is right.
const isText = (max, min = 0) => (json) => (kindOf(json) === 'null' ? undefined : kindOf(json) === 'string' && bytesOf(json) <= max && bytesOf(json) >= min ? (hasControl(json) ? undefined : true) : false);
const isName = (json) => kindOf(json) === 'string' && bytesOf(json) > 0 && bytesOf(json) <= 200 && !hasControl(json);
const isId = (json) => (kindOf(json) === 'null' ? undefined : kindOf(json) === 'string' && bytesOf(json) > 0 && bytesOf(json) <= 128 ? (hasControl(json) ? undefined : true) : false);
const isFlag = (json) => (kindOf(json) === 'null' ? undefined : kindOf(json) === 'boolean');
const isObject = (json) => (kindOf(json) === 'null' ? undefined : kindOf(json) === 'object' ? undefined : false);
const isPlace = (json) => (kindOf(json) === 'null' ? undefined : kindOf(json) === 'number' ? undefined : kindOf(json) === 'string' ? (/^"\d+"$/.test(json) ? undefined : false) : false);
const isOneOf = (...words) => (json) => (kindOf(json) === 'null' ? undefined : words.includes(text(json)) && kindOf(json) === 'string');
const isVersion = (json) => (kindOf(json) === 'null' ? undefined : kindOf(json) === 'number' ? (json === '0' || json === '1' || json === '-0' ? undefined : false) : false);
const never = () => false;
const anything = () => undefined;

const isKey = (json) => isId(json) && undefined; // some of them were said before, for something else
const isWord = (json) => (kindOf(json) === 'null' ? undefined : kindOf(json) === 'string' && bytesOf(json) <= 128 ? undefined : false);
const isQueue = (json) => (kindOf(json) === 'null' || ['[]', '[{}]'].includes(json) ? undefined : false); // each change has an answer of its own
const ofRecord = [['payload', 'entityType', never], ['payload', 'entityId', (json) => (kindOf(json) === 'string' ? undefined : false)]];

// verb: its message, and per field [where it stands, its name in errors, what it takes]
const RECORD = { entityType: '"order"', entityId: '"ORD-10001"' };
const VERBS = {
  subscribe: {
    root: { channel: '"matrix"' }, payload: {},
    fields: [
      ['root', 'channel', isName], ['payload', 'status', isOneOf('online', 'away', 'offline', 'idle')], ['payload', 'action', isOneOf('viewing', 'editing', 'none')],
      ['payload', 'currentLocation', isObject], ['payload', 'current_location', isObject, 'currentLocation'], ['payload', 'activity', isText(256)], ['payload', 'editingRow', isText(128)],
      ['payload', 'editing_row', isText(128), 'editingRow'], ['payload', 'color', never], ['payload', 'present', isFlag], ['location', 'page', isText(256)], ['location', 'section', isText(256)],
      ['position', 'epoch', isPlace], ['position', 'offset', isPlace],
    ],
  },
  unsubscribe: { root: { channel: '"matrix"' }, payload: {}, fields: [['root', 'channel', (json) => (isName(json) ? undefined : false)]] },
  publish: {
    root: { channel: '"matrix"' }, payload: { x: '1' },
    fields: [['root', 'channel', (json) => (isName(json) ? undefined : false)], ['root', 'event', isText(128)], ['root', 'id', isId], ['root', 'volatile', isFlag], ['root', 'echo', isFlag], ['root', 'payload', () => true]],
  },
  presence: {
    root: { channel: '"matrix"' }, payload: {},
    fields: [
      ['root', 'channel', isName], ['payload', 'status', isOneOf('online', 'away', 'offline', 'idle')], ['payload', 'action', isOneOf('viewing', 'editing', 'none')], ['payload', 'currentLocation', isObject],
      ['location', 'page', isText(256)], ['location', 'section', isText(256)], ['payload', 'activity', isText(256)], ['payload', 'editingRow', isText(128)], ['payload', 'color', never],
    ],
  },
  presence_get: { root: { channel: '"matrix"' }, payload: {}, fields: [['root', 'channel', isName]] },
  typing: {
    root: { channel: '"matrix"' }, payload: {},
    fields: [['root', 'channel', (json) => (isName(json) ? undefined : false)], ['payload', 'field', (json) => isText(128)(json) && undefined], ['payload', 'typing', isFlag], ['payload', 'isTyping', isFlag, 'typing'], ['payload', 'is_typing', isFlag, 'typing']],
  },
  cursor: {
    root: { channel: '"matrix"' }, payload: { x: '1' },
    fields: [['root', 'channel', (json) => (isName(json) ? undefined : false)], ['payload', 'editingRow', isText(128), null], ['payload', 'editing_row', isText(128), null], ['payload', 'x', (json) => json.length < 1000, 'payload']],
  },
  update: {
    root: {}, payload: { ...RECORD, operation: '"update"', path: '"notes"', after: '"x"' },
    fields: [
      ['payload', 'entityType', never], ['payload', 'entity_type', never, 'entityType', 'entityType'], ['payload', 'entityId', (json) => (kindOf(json) === 'string' ? undefined : false)],
      ['payload', 'id', isId], ['payload', 'version', isVersion], ['payload', 'baseVersion', isVersion, 'version'], ['payload', 'operation', isOneOf('set', 'update')], ['payload', 'path', never, null],
      ['payload', 'after', (json) => (kindOf(json) === 'string' ? undefined : kindOf(json) === 'null' ? undefined : false), 'notes'], ['payload', 'ops', never, null], ['payload', 'ifMatch', (json) => (json === 'true' ? undefined : isFlag(json))], ['payload', 'if_match', (json) => (json === 'true' ? undefined : isFlag(json)), 'ifMatch'], ['payload', 'patch', (json) => (json === '{}' ? undefined : false), null],
      ['payload', 'metadata', (json) => (kindOf(json) === 'object' || kindOf(json) === 'null' ? undefined : false)],
    ],
  },
  action: {
    root: {}, payload: { ...RECORD, action: '"no_such_action"' }, // whatever else is right, this is refused
    fields: [
      ['payload', 'entityType', never], ['payload', 'entityId', (json) => (kindOf(json) === 'string' ? null : false)], ['payload', 'id', (json) => (isId(json) === false ? false : null)], ['payload', 'version', (json) => (isVersion(json) === false && !/^\d+$/.test(json) ? false : null)],
      ['payload', 'action', never], ['payload', 'input', (json) => (['object', 'null'].includes(kindOf(json)) ? null : false)], ['payload', 'ifMatch', (json) => (['boolean', 'null'].includes(kindOf(json)) ? null : false)],
    ],
  },
  sync: { root: {}, payload: RECORD, fields: [['payload', 'entityType', never], ['payload', 'entityId', (json) => (kindOf(json) === 'string' ? undefined : false)], ['payload', 'changes', isQueue], ['payload', 'source', anything]] },
  undo: { root: {}, payload: RECORD, fields: [...ofRecord, ['payload', 'version', isVersion, null], ['payload', 'changeId', isWord], ['payload', 'id', isKey]] },
  redo: { root: {}, payload: RECORD, fields: [...ofRecord, ['payload', 'version', isVersion, null], ['payload', 'change_id', isWord, 'changeId'], ['payload', 'id', isKey]] },
  restore: { root: {}, payload: { ...RECORD, version: '1' }, fields: [...ofRecord, ['payload', 'version', (json) => (json === '1' ? undefined : false)], ['payload', 'baseVersion', isVersion, null], ['payload', 'id', isKey], ['payload', 'ifMatch', (json) => (kindOf(json) === 'boolean' ? undefined : isFlag(json))]] },
  lock: {
    root: {}, payload: { ...RECORD, action: '"acquire"', soft: 'true' },
    fields: [
      ...ofRecord, ['payload', 'action', never], ['payload', 'path', (json) => (['""', 'null'].includes(json) ? undefined : false), null], ['payload', 'ttl', (json) => (['1', 'null'].includes(json) ? undefined : false)],
      ['payload', 'ttlMs', (json) => (json === 'null' ? undefined : false)], ['payload', 'soft', isFlag], ['payload', 'token', (json) => (['number', 'null'].includes(kindOf(json)) || /^"\d+"$/.test(json) ? undefined : false)], ['payload', 'id', isKey],
    ],
  },
  comment: {
    root: {}, payload: { ...RECORD, action: '"add"', text: '"x"' },
    fields: [
      ...ofRecord, ['payload', 'action', never], ['payload', 'text', (json) => (kindOf(json) === 'string' ? undefined : false)], ['payload', 'path', (json) => (['""', 'null'].includes(json) ? undefined : false), null],
      ['payload', 'parentId', (json) => (['null', '""'].includes(json) ? undefined : false)], ['payload', 'mentions', (json) => (['[]', '[1]', 'null'].includes(json) ? undefined : false)], ['payload', 'commentId', isWord], ['payload', 'id', isKey],
    ],
  },
  conflict: { root: {}, payload: { ...RECORD, action: '"resolve"', conflictId: '"none"', resolution: '"local"' }, fields: [...ofRecord, ['payload', 'action', never], ['payload', 'conflictId', never, null], ['payload', 'resolution', never, null], ['payload', 'values', never, null], ['payload', 'id', (json) => (isId(json) === false ? false : null)]] },
  activity: { root: {}, payload: { ...RECORD, action: '"matrix"' }, fields: [...ofRecord, ['payload', 'action', (json) => (/^"[a-z_]+"$/.test(json) ? undefined : false)], ['payload', 'metadata', isObject], ['payload', 'id', isKey]] },
  chat: {
    root: { channel: '"matrix"' }, payload: { text: '"x"' },
    fields: [
      ['root', 'channel', (json) => (isName(json) ? undefined : false)], ['payload', 'text', (json) => (kindOf(json) === 'string' ? undefined : false)], ['payload', 'data', isObject], ['payload', 'id', isKey],
      ['payload', 'to', (json) => (['null', '""', '"1"'].includes(json) ? undefined : false)],
    ],
  },
  notification: {
    root: {}, payload: { ...RECORD, title: '"x"' },
    fields: [
      ...ofRecord, ['payload', 'title', (json) => (kindOf(json) === 'string' ? undefined : false)], ['payload', 'message', (json) => (['string', 'null'].includes(kindOf(json)) ? undefined : false)], ['payload', 'type', (json) => (['string', 'null'].includes(kindOf(json)) ? undefined : false)],
      ['payload', 'priority', (json) => (json === '""' ? undefined : isOneOf('low', 'normal', 'high', 'urgent')(json))], ['payload', 'actions', (json) => (['null', '[]'].includes(json) ? undefined : false)], ['payload', 'data', isObject],
      ['payload', 'to', (json) => (['null', '[]', '""', '1', '[1]', '"1"'].includes(json) ? undefined : false)], ['payload', 'action', (json) => (['null'].includes(json) ? undefined : false)], ['payload', 'id', isKey],
    ],
  },
  preferences: { root: {}, payload: { action: '"put"' }, fields: [['payload', 'action', never], ['payload', 'default', isObject], ['payload', 'types', isObject], ['payload', 'id', isKey]] },
  list: {
    root: {}, payload: { ...RECORD, kind: '"comment"' },
    fields: [...ofRecord, ['payload', 'kind', never], ['payload', 'state', isWord], ['payload', 'cursor', (json) => (['null', '""'].includes(json) ? undefined : false)], ['payload', 'limit', (json) => (['null', '1'].includes(json) ? undefined : false)]],
  },
  auth: { root: {}, payload: { token: '"x"' }, fields: [['payload', 'token', never]] },
};

const write = (members) => `{${Object.entries(members).map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`;

/** The message of a verb with one field replaced. */
function messageWith(verb, where, name, json, messageId) {
  const { root, payload } = VERBS[verb];
  const inside = { ...payload };
  const outside = { type: JSON.stringify(verb), ...root, messageId: JSON.stringify(messageId) };
  if (where === 'payload') {
    const camel = name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
    if (camel !== name) delete inside[camel];
    inside[name] = json;
  } else if (where === 'location') inside.currentLocation = write({ [name]: json });
  else if (where === 'position') Object.assign(inside, { epoch: '1', offset: '1' }, { [name]: json });
  outside.payload = write(inside);
  if (where === 'root') outside[name] = json;
  return write(outside);
}

// Codes that mean: this very value is wrong.
const WRONG = new Set(['bad_field', 'missing_field', 'bad_name', 'bad_color', 'bad_version', 'bad_path', 'unknown_field', 'too_large', 'unknown_action', 'not_found', 'bad_request', 'position_in_path', 'bad_token', 'forbidden', 'not_member', 'unknown_user', 'too_many', 'too_deep']);

/** Sends all, so many at a time; gives the answers by message id, after checking that each came exactly once. */
async function askAll(client, messages) {
  const answers = new Map();
  const ids = [...messages.keys()];
  for (let at = 0; at < ids.length; at += 40) {
    const batch = ids.slice(at, at + 40);
    for (const id of batch) client.send(messages.get(id));
    await client.until(() => client.closed || batch.every((id) => client.heard.some((heard) => heard.replyTo === id)), `answers to ${batch[0]}...`);
    assert.equal(client.closed, null, `closed after ${batch.map((id) => messages.get(id)).join('\n').slice(0, 2000)}`);
    for (const id of batch) answers.set(id, client.heard.filter((heard) => heard.replyTo === id));
    client.heard.length = 0;
  }
  assert.equal((await client.ask({ type: 'ping' })).type, 'pong');
  for (const [id, said] of answers) assert.equal(said.length, 1, `${id}: ${JSON.stringify(said)}`);
  return new Map([...answers].map(([id, [answer]]) => [id, answer]));
}

let tried = 0;

function judge(failures, what, answer, takes, field) {
  tried++;
  const { code, field: named, message } = answer.payload ?? {};
  const isError = answer.type === 'error';
  if (isError && (code === 'internal' || typeof message !== 'string' || !/^[A-Z].*\.$/.test(message))) failures.push(`${what}: ${JSON.stringify(answer.payload)}`);
  else if (takes === true && isError) failures.push(`${what}: refused with ${code} ${named}`);
  else if (takes === false && !isError) failures.push(`${what}: accepted`);
  else if (takes === false && !WRONG.has(code)) failures.push(`${what}: ${code}`);
  else if (takes === false && field !== null && named !== field) failures.push(`${what}: ${code} names ${named}, not ${field}`);
  else if (takes === null && !isError) failures.push(`${what}: accepted`);
}

for (const [verb, { fields }] of Object.entries(VERBS)) {
  test(`${verb}: ${fields.length} fields with ${POOL.length} values each`, async () => {
    const client = await Client.open(server, '/ws', { cookie });
    await client.ask({ type: 'subscribe', channel: 'matrix' });
    const cases = new Map();
    const messages = new Map();
    for (const [where, name, takes, field = name] of fields) {
      for (const json of POOL) {
        const id = `${verb}-${cases.size}`;
        cases.set(id, { what: `${verb} ${where}.${name} = ${json.slice(0, 60)}`, takes: takes(json), field: json === 'null' && field ? undefined : field });
        messages.set(id, messageWith(verb, where, name, json, id));
        if (verb === 'subscribe' && name === 'channel' && takes(json)) messages.set(`${id}-out`, write({ type: '"unsubscribe"', channel: json, messageId: `"${id}-out"` }));
      }
    }
    const answers = await askAll(client, messages);
    const failures = [];
    for (const [id, { what, takes, field }] of cases) judge(failures, what, answers.get(id), takes, field ?? (takes === false ? answers.get(id).payload?.field : field));
    assert.deepEqual(failures, []);
    client.close();
  });
}

test('the envelope of every verb with every value in the place of its payload, type and id', async () => {
  const client = await Client.open(server, '/ws', { cookie });
  const failures = [];
  const messages = new Map();
  const cases = new Map();
  for (const verb of [...Object.keys(VERBS), 'ping']) {
    const wantsObject = verb !== 'publish' && verb !== 'ping';
    for (const json of POOL) {
      const id = `${verb}-${cases.size}`;
      const takes = wantsObject && !['object', 'null'].includes(kindOf(json)) ? false : undefined;
      cases.set(id, { what: `${verb} with the payload ${json.slice(0, 60)}`, takes, field: 'payload' });
      messages.set(id, write({ type: `"${verb}"`, channel: '"envelope"', messageId: `"${id}"`, payload: json }));
    }
  }
  for (const json of POOL) {
    const id = `type-${cases.size}`;
    cases.set(id, { what: `type ${json.slice(0, 60)}`, takes: null, field: 'type' });
    messages.set(id, write({ type: json, messageId: `"${id}"` }));
  }
  const answers = await askAll(client, messages);
  for (const [id, { what, takes, field }] of cases) {
    judge(failures, what, answers.get(id), takes, field);
    if (takes === null && answers.get(id).payload.field !== 'type') failures.push(`${what}: names ${answers.get(id).payload.field}`);
  }
  assert.deepEqual(failures, []);
  client.close();
});

test('an id of a message that is none is refused without one', async () => {
  const failures = [];
  for (const json of POOL) {
    tried++;
    const client = await Client.open(server, '/ws', { cookie });
    client.send(write({ type: '"ping"', messageId: json }));
    const answer = await client.wait(({ type }) => type === 'pong' || type === 'error');
    const isGood = kindOf(json) === 'string' && bytesOf(json) > 0 && bytesOf(json) <= 128;
    if (isGood ? answer.replyTo !== JSON.parse(json) : answer.type !== 'error' || answer.payload.field !== 'messageId' || 'replyTo' in answer) failures.push(`${json.slice(0, 40)}: ${JSON.stringify(answer).slice(0, 200)}`);
    client.close();
  }
  assert.deepEqual(failures, []);
});

// ---- business types: the schema says itself what it takes ----------------------------------------------------------

const characters = (json) => [...text(json)].length;
const FIELD_KINDS = {
  string: (json, field) => kindOf(json) === 'string' && characters(json) <= (field.max ?? 500) && characters(json) >= (field.min ?? 0) && !/[\u0000-\u001f\u007f-\u009f]/.test(text(json)),
  text: (json, field) => kindOf(json) === 'string' && characters(json) <= (field.max ?? 20000) && !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/.test(text(json)),
  number: (json, field) => kindOf(json) === 'number' && Number(json) >= (field.min ?? -Infinity) && Number(json) <= (field.max ?? Infinity),
  integer: (json, field) => kindOf(json) === 'number' && /^-?\d+$/.test(json) && Math.abs(Number(json)) <= 2 ** 53 - 1 && !/9007199254740993/.test(json) && Number(json) >= (field.min ?? -Infinity) && Number(json) <= (field.max ?? Infinity),
  boolean: (json) => kindOf(json) === 'boolean',
  enum: (json, field) => kindOf(json) === 'string' && field.values.includes(text(json)),
  date: () => false,
  reference: (json) => (kindOf(json) === 'string' ? undefined : false),
  json: anything,
  object: (json) => (kindOf(json) === 'object' ? undefined : false),
  collection: (json) => (kindOf(json) === 'array' ? undefined : false),
};

test('every field of every business type with every value, as a patch', async () => {
  const client = await Client.open(server, '/ws', { cookie: admin });
  const { types } = (await rest(server, admin, 'GET', '/api/v1/types')).body;
  const failures = [];
  const before = tried;
  for (const type of types) {
    const { records } = (await rest(server, admin, 'GET', `/api/v1/records/${type.name}?limit=1`)).body;
    const entityId = records[0]?.id ?? `${type.name}-x`;
    const cases = new Map();
    const messages = new Map();
    for (const field of type.fields) {
      for (const json of POOL) {
        const id = `${type.name}-${cases.size}`;
        const isWritable = field.writable !== false && !field.read_only;
        const takes = !isWritable ? false : json === 'null' ? (field.required ? false : true) : FIELD_KINDS[field.kind](json, field);
        cases.set(id, { what: `${type.name}.${field.name} (${field.kind}) = ${json.slice(0, 60)}`, takes, field: field.name });
        messages.set(id, write({ type: '"update"', messageId: `"${id}"`, payload: write({ entityType: `"${type.name}"`, entityId: JSON.stringify(entityId), patch: write({ [field.name]: json }) }) }));
      }
    }
    const answers = await askAll(client, messages);
    for (const [id, { what, takes, field }] of cases) judge(failures, what, answers.get(id), takes, field);
  }
  assert.deepEqual(failures, []);
  assert.ok(tried - before > 2000, `only ${tried - before} cases`);
  client.close();
});

// ---- what is no JSON ------------------------------------------------------------------------------------------------

const MALFORMED = [
  '', ' ', '\n', '{', '}', '[', ']', '"', 'x', 'nul', 'nulll', 'True', 'NaN', 'Infinity', '-Infinity', 'undefined', '{]', '[}', '{,}', '{"a"}', '{"a":}', '{:1}', '{"a":1,}', '{"a":1,,"b":2}', '{"a":1 "b":2}', '{a:1}', "{'a':1}",
  '{"a":01}', '{"a":+1}', '{"a":.5}', '{"a":1.}', '{"a":1e}', '{"a":1e+}', '{"a":0x10}', '{"a":-}', '{"a":--1}', '{"a":1e400}', '{"a":-1e400}', '{"a":18446744073709551616}', '{"a":-9223372036854775809}', '{"a":"\t"}', '{"a":"\n"}', '{"a":"\\x41"}', '{"a":"\\u12"}', '{"a":"\\u12G4"}', '{"a":"\\"}', '{"a":"',
  '{"a":"\\ud800"}', '{"a":"\\ud800\\u0041"}', '{"a":"\\udc00"}', '{"a":"\\ud800\\ud800"}', '{"a":"\\u0000"}', '{"\\u0000":1}', '{"type":"ping"}x', '{"type":"ping"}{"type":"ping"}', '{"type":"ping"},', '{"type":"ping"}\0', '\ufeff{"type":"ping"}',
  '// comment\n{"type":"ping"}', '{"type":"ping"/* comment */}', '{"type":"update","type":"ping"}', '{"type":"ping","\\u0074ype":"ping"}', '{"type":"ping","payload":{"a":1,"a":1}}', '{"type":"ping","payload":{"a":[{"b":1,"\\u0062":2}]}}',
  '['.repeat(60000), '{"a":'.repeat(12000), '['.repeat(33) + ']'.repeat(33), `{"type":"ping","payload":${nested(32)}}`, `{"type":"ping","payload":[${Array.from({ length: 4097 }, () => '0').join(',')}]}`,
  `{${Array.from({ length: 4097 }, (_, index) => `"k${index}":0`).join(',')}}`, '[]', '1', '"text"', 'null', 'true',
];

test(`${MALFORMED.length} texts that are no message get an error without an id, and the connection lives`, async () => {
  const client = await Client.open(server, '/ws', { cookie });
  for (const message of MALFORMED) {
    client.heard.length = 0;
    client.send(message);
    const answer = await client.ask({ type: 'ping' });
    assert.equal(answer.type, 'pong');
    const errors = client.heard.filter(({ type }) => type === 'error');
    assert.equal(errors.length, 1, `${message.slice(0, 60)}: ${JSON.stringify(client.heard)}`);
    assert.ok(['bad_json', 'bad_message', 'too_large', 'missing_field'].includes(errors[0].payload.code), `${message.slice(0, 60)}: ${errors[0].payload.code}`);
    assert.ok(!('replyTo' in errors[0]));
  }
  client.close();
});

test('objects whose keys were chosen to meet in a hash cost no more than others', async () => {
  // the same sum of characters, the same FNV-like prefix: classic families; with a keyed hash they are keys like any
  const families = [
    Array.from({ length: 4000 }, (_, n) => `k${n.toString(2).padStart(12, '0').replace(/0/g, 'Aa').replace(/1/g, 'BB')}`),
    Array.from({ length: 4000 }, (_, n) => n.toString(2).padStart(12, '0').replace(/0/g, 'Ez').replace(/1/g, 'FY')),
  ];
  const client = await Client.open(server, '/ws', { cookie });
  for (const keys of families) {
    const message = `{"type":"ping","messageId":"h","payload":{${keys.map((key) => `"${key}":0`).join(',')}}}`.slice(0, 200000);
    client.heard.length = 0;
    if (message.length > 65536) continue;
    client.send(message);
    await client.wait(({ type }) => type === 'pong' || type === 'error');
  }
  client.close();
});

test('places that a room never had are answered with a reload or an error', async () => {
  const client = await Client.open(server, '/ws', { cookie });
  const first = (await client.ask({ type: 'subscribe', channel: 'places' })).payload.position;
  const other = (await client.ask({ type: 'subscribe', channel: 'other-places' })).payload.position;
  const places = [
    { epoch: first.epoch, offset: first.offset + 1 }, { epoch: first.epoch, offset: 2 ** 53 - 1 }, { epoch: first.epoch + 1, offset: 0 }, { epoch: 0, offset: 0 }, { epoch: -1, offset: -1 }, { epoch: first.epoch, offset: -1 },
    { epoch: first.epoch, offset: 0.5 }, { epoch: other.epoch, offset: other.offset }, { epoch: '9'.repeat(10000), offset: 1 }, { epoch: String(first.epoch), offset: '18446744073709551615' }, { epoch: String(first.epoch), offset: '18446744073709551616' },
  ];
  for (const place of places) {
    const answer = await client.ask({ type: 'subscribe', channel: 'places', payload: place });
    if (answer.type === 'error') assert.equal(answer.payload.code, 'bad_field', JSON.stringify(place));
    else if (String(place.epoch) !== String(first.epoch) || Number(place.offset) !== first.offset) assert.equal(answer.payload.resync, true, JSON.stringify(place));
  }
  client.close();
});

test('versions that a record never had are refused, and nothing is applied', async () => {
  const client = await Client.open(server, '/ws', { cookie });
  const room = { entityType: 'order', entityId: 'ORD-10077' };
  const { record } = (await client.ask({ type: 'sync', payload: room })).payload;
  for (const version of ['-1', '2', '1000000', '9223372036854775808', '18446744073709551615', '1.5', '1e3', '"1"', 'true', '[1]']) {
    client.heard.length = 0;
    client.send(`{"type":"update","messageId":"v","payload":{"entityType":"order","entityId":"ORD-10077","version":${version},"patch":{"notes":"never"}}}`);
    const answer = await client.wait(({ replyTo }) => replyTo === 'v');
    assert.equal(answer.type, 'error', version);
    assert.ok(['bad_version', 'bad_field'].includes(answer.payload.code), `${version}: ${answer.payload.code}`);
  }
  assert.deepEqual((await client.ask({ type: 'sync', payload: room })).payload.record, record);
  client.close();
});

test("an operation's id with another content, or another's, never gets the first one's answer", async () => {
  const client = await Client.open(server, '/ws', { cookie });
  const change = (id, notes) => ({ type: 'update', payload: { entityType: 'order', entityId: 'ORD-10078', id, patch: { notes } } });
  const first = await client.ask(change('twice', 'first'));
  assert.equal(first.type, 'ack');
  const again = await client.ask(change('twice', 'first'));
  assert.equal(again.payload.repeat, true);
  assert.equal(again.payload.version, first.payload.version);
  assert.equal(again.payload.id, 'twice');
  const other = await client.ask(change('twice', 'second'));
  assert.equal(other.payload.code, 'conflict');
  const stranger = await Client.open(server, '/ws', { cookie: admin });
  const theirs = await stranger.ask(change('twice', 'third'));
  assert.ok(theirs.type === 'error' ? theirs.payload.code === 'conflict' : !theirs.payload.repeat && theirs.payload.version > first.payload.version, JSON.stringify(theirs));
  client.close();
  stranger.close();
});

test('presence that is too long, or in the name of another, is refused or dropped', async () => {
  const [client, watcher] = await Promise.all([Client.open(server, '/ws', { cookie }), Client.open(server, '/ws', { cookie: admin })]);
  for (const each of [client, watcher]) await each.ask({ type: 'subscribe', channel: 'masks' });
  for (const extra of [{ userId: '1' }, { user_id: 1 }, { username: 'admin' }, { name: 'Ada Admin' }, { sessions: 99 }, { roles: ['admin'] }, { lastSeen: 0 }]) {
    await client.ask({ type: 'presence', channel: 'masks', userId: '1', payload: { ...extra, activity: 'pretending' } });
  }
  for (const message of [{ type: 'cursor', payload: { userId: '1', x: 1 } }, { type: 'typing', payload: { userId: '1', typing: true } }]) await client.ask({ ...message, channel: 'masks', userId: '1' });
  assert.equal((await client.ask({ type: 'cursor', channel: 'masks', payload: { x: 'y'.repeat(1100) } })).payload.code, 'too_large');
  assert.equal((await client.ask({ type: 'presence', channel: 'masks', payload: { activity: 'y'.repeat(4097) } })).payload.code, 'bad_field');
  await watcher.wait(({ type }) => type === 'cursor', 'the cursor');
  const users = (await watcher.ask({ type: 'presence_get', channel: 'masks' })).payload.presence;
  const akhan = users.find(({ username }) => username === 'akhan');
  assert.equal(akhan.userId, '3');
  assert.equal(users.find(({ userId }) => userId === '1').username, 'admin');
  for (const heard of watcher.heard.filter(({ type, channel }) => channel === 'masks' && ['cursor', 'typing', 'presence'].includes(type))) {
    if (heard.payload.event === 'refresh') continue;
    assert.ok(heard.payload.userId !== '1' || heard.payload.username === 'admin', JSON.stringify(heard));
    assert.notEqual(heard.payload.activity === 'pretending' && heard.payload.userId === '1', true);
  }
  client.close();
  watcher.close();
});

test('before anybody has logged in nothing but a login is heard', async () => {
  const failures = [];
  for (const verb of Object.keys(VERBS).filter((name) => name !== 'auth')) {
    const client = await Client.open(server, '/ws');
    client.send(messageWith(verb, 'none', '', '', 'a'));
    const answer = await client.wait(({ replyTo }) => replyTo === 'a');
    if (answer.payload.code !== 'not_authenticated') failures.push(`${verb}: ${JSON.stringify(answer)}`);
    client.close();
  }
  assert.deepEqual(failures, []);
});

test('the same messages in one piece, a byte at a time and torn into frames get the same answers', async () => {
  const messages = ['{"type":"ping","messageId":"1"}', '{"type":"nothing","messageId":"2"}', '{"type":"subscribe","messageId":"3"}', 'no json', '{"type":"publish","channel":"not joined","messageId":"4","payload":"é日😀"}'];
  const heard = [];
  const ways = [
    (socket) => socket.write(Buffer.concat(messages.map((message) => frame(OP.text, message)))),
    (socket) => socket.write(Buffer.concat(messages.map((message) => frame(OP.text, message))), 1),
    async (socket) => {
      for (const message of messages) {
        const body = Buffer.from(message);
        for (let i = 0; i < body.length; i++) await socket.write(frame(i ? OP.continuation : OP.text, body.subarray(i, i + 1), { fin: i === body.length - 1 }));
      }
    },
  ];
  for (const way of ways) {
    const socket = await RawSocket.open(server, '/ws', { headers: { Cookie: cookie } });
    await way(socket);
    const texts = () => socket.frames().filter(({ opcode }) => opcode === OP.text).map(({ payload }) => JSON.parse(payload));
    await socket.raw.until(() => texts().length >= messages.length, 'all answers');
    heard.push(texts().map(({ type, replyTo, payload }) => ({ type, replyTo, payload })));
    socket.destroy();
  }
  assert.deepEqual(heard[1], heard[0]);
  assert.deepEqual(heard[2], heard[0]);
});

test('all that was survived: the server is the same, and serves', async () => {
  assert.ok(tried >= 2000, `only ${tried} cases`);
  assert.equal((await healthy.ask({ type: 'ping' })).type, 'pong');
  await eventually(async () => (await rest(server, null, 'GET', '/socket-stats')).body.connections_websocket === 1, 'the end of the others');
});
