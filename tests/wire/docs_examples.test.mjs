// The examples that are printed in docs/protocol: each request is sent as it stands there, in the page's order, and what comes back has the members
// and the values that are printed. What a page tells in words between its examples ("meanwhile Maria ...") happens here, in `before`.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startServer } from '../lib/server.mjs';
import { types } from './lib/contracts.mjs';
import { assertAck, People } from './lib/people.mjs';

const folder = mkdtempSync(join(tmpdir(), 'collabd-docs-'));
let server, people;

before(async () => {
  const config = join(folder, 'config.json');
  writeFileSync(config, JSON.stringify({ types }));
  server = await startServer({ args: ['--config', config] });
  people = new People(server);
});

after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

/** What stands between fences in a page from a heading on; `language` is what is written behind the first fence. */
function fences(page, heading, language) {
  const text = readFileSync(new URL(`../../docs/protocol/${page}`, import.meta.url), 'utf8');
  const [, part] = text.split(`\n${heading}\n`);
  return [...part.matchAll(/^```(.*)\n([^]*?)^```$/gm)].filter(([, name]) => name === language).map(([, , inside]) => inside);
}

// ---- what is printed, and what came ----

const OPEN = '...'; // as a member: there are others; as a text: any text
const MADE_UP = /^[0-9a-f]{4,6}(\.\.\.)?$/; // an id of the server's
const DIFFERS = ['epoch', 'offset', 'token']; // numbers that are others each time
const isTime = (text) => /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text);

/** Compares, and learns in `ids` what the server's ids are for those that are printed. */
function assertPrinted(came, printed, ids, where) {
  if (printed === null || typeof printed !== 'object') assertValue(came, printed, ids, where);
  else if (Array.isArray(printed)) {
    assert.equal(came?.length, printed.length, `${where}: ${JSON.stringify(came)}`);
    printed.forEach((value, i) => assertPrinted(came[i], value, ids, `${where}[${i}]`));
  } else {
    const { [OPEN]: isOpen, ...members } = printed;
    assert.equal(typeof came, 'object', `${where}: ${came}`);
    if (!isOpen) assert.deepEqual(Object.keys(came).sort(), Object.keys(members).sort(), where);
    for (const [name, value] of Object.entries(members)) assertPrinted(came[name], value, ids, `${where}.${name}`);
  }
}

function assertValue(came, printed, ids, where) {
  if (DIFFERS.includes(where.split('.').pop())) assert.equal(typeof came, 'number', where);
  else if (printed === OPEN) assert.equal(typeof came, 'string', where);
  else if (isTime(printed)) assert.ok(isTime(came), `${where}: ${came}`);
  else if (MADE_UP.test(printed) && !ids.has(printed.slice(0, 4))) {
    assert.match(came, /^\S{4,}$/, where);
    ids.set(printed.slice(0, 4), came);
  } else assert.deepEqual(came, MADE_UP.test(printed) ? ids.get(printed.slice(0, 4)) : printed, where);
}

/** A request with the server's ids in place of the printed ones. */
const withIds = (text, ids) => text.replace(/(?<=["/])[0-9a-f]{4,6}(\.\.\.)?(?=["/])/g, (id) => ids.get(id.slice(0, 4)) ?? id);

// ---- /ws ----

/** The JSON objects in a text, one behind the other. */
function objectsIn(text) {
  const objects = [];
  let first = 0;
  for (let end = text.indexOf('}'); end >= 0; end = text.indexOf('}', end + 1)) {
    try {
      objects.push(JSON.parse(text.slice(first, end + 1)));
      first = end + 1;
    } catch {
      // it goes on
    }
  }
  assert.equal(text.slice(first).trim(), '', 'an example is no JSON');
  return objects;
}

const kindOf = ({ payload: { event, type, action } }) => [event, type, action].join();

test('native.md, from "Changes" on', async () => {
  const room = 'work_order:WO-1001';
  const [amir, maria] = await Promise.all(['akhan', 'mgarcia'].map((name) => people.enter(name, room)));
  const window = await people.enter('akhan', room); // what Amir does is told to his other windows
  for (const channel of ['inbox', 'feed:customer:CUST-0001']) assertAck(await window.ask({ type: 'subscribe', channel }));

  const doMaria = async (type, payload) => assertAck(await maria.ask({ type, channel: room, payload }));
  const meanwhile = {
    m1: async () => {
      for (const patch of [{ title: 'Pump' }, { description: 'As agreed.' }, { priority: 'low', title: 'Pump, left' }]) await doMaria('update', { patch });
    },
    m7: () => doMaria('lock', { action: 'acquire', path: 'title' }),
    lock: () => doMaria('lock', { action: 'hand_over', path: 'title', userId: '3' }),
    notification: () => doMaria('comment', { action: 'add', text: '@akhan look' }),
  };

  const ids = new Map();
  let request, answer;
  let count = 0;
  for (const printed of fences('native.md', '## Changes', 'json').flatMap(objectsIn)) {
    const { type, channel, messageId, replyTo } = printed;
    const about = messageId ?? replyTo ?? type;
    if (!replyTo) await meanwhile[about]?.();
    if (messageId) {
      request = JSON.parse(withIds(JSON.stringify(printed), ids));
      const speaker = about === 'm6' ? maria : amir;
      speaker.send(request);
      answer = await speaker.wait((heard) => heard.replyTo === messageId, about);
      count++;
    } else if (replyTo) {
      assert.equal(replyTo, request.messageId);
      assertPrinted(answer, printed, ids, about);
    } else {
      const isMeant = (heard) => heard.type === type && heard.channel === channel && kindOf(heard) === kindOf(printed);
      assertPrinted(await window.wait(isMeant, about), printed, ids, about);
    }
    if (messageId) assert.ok(answer.type === 'ack' || about === 'm7', `${about}: ${JSON.stringify(answer)}`);
  }
  assert.ok(count >= 14, `only ${count} requests were found`);
});

// ---- REST ----

/** A printed body as JSON: `{...}` and `, ...}` are how the page says that there is more. */
const bodyOf = (lines) => JSON.parse(lines.join('\n').replace(/(?<=\{|, )\.\.\.(?=\})/g, `"${OPEN}": true`));

/** `METHOD path`, the body; an empty line; `200 OK`, headers, the body. */
function exchangeIn(text) {
  const [[line, ...body], [status, ...rest]] = text.trim().split('\n\n').map((part) => part.split('\n'));
  const headers = rest.filter((each) => /^[A-Z][\w-]*: /.test(each));
  const [method, path] = line.split(' ');
  return { method, path, body, status: parseInt(status), headers: headers.map((each) => each.split(': ')), printed: bodyOf(rest.slice(headers.length)) };
}

test('rest.md', async () => {
  const ask = async (name, method, path, body) => {
    const answer = await people.rest(name, method, `/api/v1/${path}`, body);
    assert.ok(answer.status < 300, JSON.stringify(answer.body));
  };
  const scenes = [
    ['PATCH', '/records/pricing/PRICE-1?', 'mgarcia', async () => {
      await ask('mgarcia', 'POST', 'records/pricing', { id: 'PRICE-1', name: 'List', amount: 10 });
      for (const percent of [5, 6]) await ask('mgarcia', 'PATCH', 'records/pricing/PRICE-1', { percent });
      await ask('admin', 'PATCH', 'records/pricing/PRICE-1', { amount: 20 });
    }],
    ['POST', '/contract/CT-1/changes', 'akhan', async () => {
      await ask('jsmith', 'POST', 'records/contract', { id: 'CT-1', name: 'One', notes: 'As agreed on' });
      const patches = [{ name: 'Too' }, { name: 'Two' }, { status: 'signed' }, { notes: 'All as agreed on' }];
      for (const patch of patches) await ask('jsmith', 'PATCH', 'records/contract/CT-1', patch);
    }],
    ['POST', '/contract/CT-1/undo', 'akhan'],
    ['GET', '/contract/CT-1?version=3', 'akhan'],
    ['GET', '/contract/CT-1/diff?', 'akhan'],
    ['POST', '/ORD-10001/locks', 'mgarcia', () => ask('akhan', 'POST', 'records/order/ORD-10001/locks', {})],
    ['POST', '/resolve', 'mgarcia'],
    ['POST', '/comments', 'akhan'],
    ['POST', '/users/5/messages', 'akhan'],
    ['POST', '/notifications', 'akhan'],
    ['GET', '/activity?', 'akhan', () => ask('akhan', 'PATCH', 'records/order/ORD-10001', { status: 'confirmed' })],
    ['POST', '/publish', 'admin'],
  ];
  const ids = new Map();
  const exchanges = fences('rest.md', '## Changes', '').map(exchangeIn);
  assert.equal(exchanges.length, scenes.length);
  for (const [i, { method, path, body, status, headers, printed }] of exchanges.entries()) {
    const [wantedMethod, part, who, meanwhile] = scenes[i];
    assert.ok(method === wantedMethod && path.includes(part), `${method} ${path} is not what is staged`);
    await meanwhile?.();
    const sent = body.length > 0 ? JSON.parse(withIds(body.join('\n'), ids)) : undefined;
    const answer = await people.rest(who, method, withIds(path, ids), sent);
    assert.equal(answer.status, status, `${method} ${path}: ${JSON.stringify(answer.body)}`);
    for (const [name, value] of headers) assert.equal(answer.headers.get(name), value, name);
    assertPrinted(answer.body, printed, ids, path);
  }
});
