// Connection state recovery: a socket whose connection broke comes back, on whichever worker, and has everything once.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { io } from 'socket.io-client';
import WebSocket from 'ws';
import { eventually, login, rest, startServer, tokenOf } from '../lib/server.mjs';

const WAYS = { websocket: ['websocket'], polling: ['polling'], upgrade: ['polling', 'websocket'] };
const NAMESPACES = {
  '/': { relay: false, recovery: true },
  '/board': { anonymous: true, recovery: true, volatile: ['pointer'] },
  '/echo': { anonymous: true, recovery: true, echo: true },
  '/brief': { anonymous: true, recovery: 1 },
  '/closed': { recovery: true },
};

let server, admin;
const tokens = {};
before(async () => {
  server = await startServer({ args: ['--workers', '2'], env: { COLLABD_NAMESPACES: JSON.stringify(NAMESPACES) } });
  admin = await login(server, 'admin');
  for (const who of ['akhan', 'mgarcia', 'admin']) tokens[who] = await tokenOf(server, who);
});
after(async () => {
  for (const person of people) person.socket.disconnect();
  await server?.stop();
});

const people = new Set();

/** Somebody with the real client, who keeps everything he hears; `away` keeps him from dialling again until it is over. */
class Person {
  constructor(nsp, { at = server, who, ...options } = {}) {
    this.heard = [];
    this.socket = io(at.base + nsp, {
      transports: WAYS.websocket, forceNew: true, reconnectionDelay: 1, reconnectionDelayMax: 1, randomizationFactor: 0,
      ...(who ? { auth: { token: tokens[who] } } : {}), ...options,
    });
    this.socket.onAny((...event) => this.heard.push(event));
    people.add(this);
  }

  static async open(nsp, options) {
    const person = new Person(nsp, options);
    await person.connected();
    return person;
  }

  async connected() {
    await new Promise((resolve, reject) => {
      if (this.socket.connected) return resolve();
      this.socket.once('connect', resolve);
      this.socket.once('connect_error', reject);
    });
  }

  ask(...event) {
    return this.socket.timeout(10000).emitWithAck(...event);
  }

  /** The worker that serves him. */
  get worker() {
    return this.socket.io.engine.id.slice(0, 2);
  }

  async upgraded() {
    await eventually(() => this.socket.io.engine.transport.name === 'websocket', 'the upgrade');
  }

  /** His line breaks; he is back when `meanwhile` is done. */
  async breakOff(meanwhile = async () => {}) {
    this.socket.io.reconnection(false);
    const gone = new Promise((resolve) => this.socket.once('disconnect', resolve));
    this.socket.io.engine.close();
    await gone;
    await meanwhile();
    this.socket.io.reconnection(true);
    this.socket.connect();
    await this.connected();
  }

  /** First arguments of the events of that name. */
  all(name) {
    return this.heard.filter(([heard]) => heard === name).map(([, first]) => first);
  }

  close() {
    this.socket.disconnect();
    people.delete(this);
  }
}

const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const backend = (path, body) => rest(server, admin, 'POST', `/api/v1/sockets/${path}`, body);

for (const [way, transports] of Object.entries(WAYS)) {
  describe(`in a relay, over ${way}`, () => {
    test('everything of all his rooms comes once and in order, on whichever worker he comes back', async () => {
      const [ann, bob] = [await Person.open('/board', { transports }), await Person.open('/board')];
      assert.equal(ann.socket.recovered, false);
      for (const person of [ann, bob]) for (const room of ['red', 'blue']) await person.ask('join', room);
      if (way === 'upgrade') await ann.upgraded();
      const { id } = ann.socket;
      const moves = new Set();
      let n = 0;
      const speak = async (count) => {
        for (let i = 0; i < count; i++) await bob.ask('n', i % 2 ? 'red' : 'blue', ++n);
      };
      await speak(3);
      for (let round = 0; round < 40 && (moves.size < 2 || round < 5); round++) {
        await eventually(() => ann.all('n').length === n, 'what was said');
        const before = ann.worker;
        await ann.breakOff(() => speak(4));
        assert.equal(ann.socket.recovered, true);
        assert.equal(ann.socket.id, id);
        moves.add(before === ann.worker ? 'stayed' : 'moved');
        if (way === 'upgrade') await ann.upgraded();
        await speak(2);
      }
      await eventually(() => ann.all('n').length >= n, 'the rest');
      assert.deepEqual([ann.all('n'), moves.size], [numbers(1, n), 2]);
      for (const person of [ann, bob]) person.close();
    });

    test('binary comes, what is volatile does not, and nobody hears himself', async () => {
      const [ann, bob] = [await Person.open('/board', { transports }), await Person.open('/board')];
      await bob.ask('start', 1);
      await eventually(() => ann.all('start').length);
      await ann.ask('mine', 1);
      await ann.breakOff(async () => {
        await bob.ask('pointer', 7);
        await bob.ask('file', Buffer.from([1, 2, 3]));
        await bob.ask('end', 1);
      });
      assert.equal(ann.socket.recovered, true);
      await eventually(() => ann.all('end').length);
      assert.deepEqual(ann.heard.map(([name]) => name), ['start', 'file', 'end']);
      assert.deepEqual(Buffer.from(ann.all('file')[0]), Buffer.from([1, 2, 3]));
      for (const person of [ann, bob]) person.close();
    });
  });
}

describe('in a relay', () => {
  test('the offset is one more argument; what has none leaves it alone', async () => {
    const [ann, bob] = [await Person.open('/board'), await Person.open('/board')];
    await bob.ask('n', 1, 'text');
    await bob.ask('pointer', 'text');
    await bob.ask('pointer');
    await bob.ask('pointer', 'a', 2);
    await eventually(() => ann.heard.length === 4);
    const [[, ...numbered], ...others] = ann.heard;
    assert.deepEqual([numbered.slice(0, 2), typeof numbered[2], numbered.length], [[1, 'text'], 'string', 3]);
    assert.deepEqual(others, [['pointer', 'text', null], ['pointer', null], ['pointer', 'a', 2]]);
    await ann.breakOff(() => bob.ask('n', 2));
    assert.equal(ann.socket.recovered, true);
    await eventually(() => ann.all('n').length === 2);
    assert.deepEqual(ann.all('n'), [1, 2]);
    for (const person of [ann, bob]) person.close();
  });

  test('who had heard nothing yet has it all', async () => {
    const [ann, bob] = [await Person.open('/board'), await Person.open('/board')];
    await ann.breakOff(async () => {
      for (const n of [1, 2, 3]) await bob.ask('n', n);
    });
    assert.equal(ann.socket.recovered, true);
    await eventually(() => ann.all('n').length === 3);
    for (const person of [ann, bob]) person.close();
  });

  test('with echo he hears his own once, too', async () => {
    const ann = await Person.open('/echo');
    for (let n = 1; n <= 20; n++) {
      await ann.ask('n', n);
      if (n % 4 === 0) await ann.breakOff();
      assert.ok(n % 4 !== 0 || ann.socket.recovered);
    }
    await eventually(() => ann.all('n').length >= 20);
    assert.deepEqual(ann.all('n'), numbers(1, 20));
    ann.close();
  });

  test('rooms that a backend put him into, or took him out of, stay as they are', async () => {
    const ann = await Person.open('/board');
    const say = (n) => backend('emit', { namespace: '/board', rooms: ['one', 'two'], event: 'n', args: [n] });
    await backend('join', { namespace: '/board', id: ann.socket.id, rooms: ['one', 'two'] });
    await backend('leave', { namespace: '/board', id: ann.socket.id, rooms: ['two'] });
    await say(1);
    await eventually(() => ann.all('n').length === 1);
    await ann.breakOff(() => say(2));
    await say(3);
    await eventually(() => ann.all('n').length >= 3);
    assert.deepEqual([ann.socket.recovered, ann.all('n')], [true, [1, 2, 3]]);
    const { body } = await rest(server, admin, 'GET', `/api/v1/sockets?namespace=/board&id=${ann.socket.id}`);
    assert.deepEqual(body.sockets.map(({ rooms }) => rooms), [['one']]);
    ann.close();
  });

  test('many who break off all the time miss nothing and hear nothing twice', async () => {
    const crowd = await Promise.all(Array.from({ length: 12 }, () => Person.open('/board')));
    const bob = await Person.open('/board');
    const rooms = ['a', 'b', 'c'];
    await Promise.all([...crowd, bob].map(async (person) => {
      for (const room of rooms) await person.ask('join', room);
    }));
    let said = 0, over = false;
    const talk = (async () => {
      while (!over) await bob.ask('crowd', rooms[said % 3], ++said);
    })();
    await Promise.all(crowd.map(async (person) => {
      for (let i = 0; i < 12; i++) {
        await person.breakOff(() => eventually(() => said > 0));
        assert.equal(person.socket.recovered, true);
      }
    }));
    over = true;
    await talk;
    for (const person of crowd) {
      await eventually(() => person.all('crowd').length >= said, 'all of it');
      const heard = person.all('crowd');
      for (const i of [0, 1, 2]) assert.deepEqual(heard.filter((n) => n % 3 === i), numbers(1, said).filter((n) => n % 3 === i));
      assert.equal(heard.length, said);
      person.close();
    }
    bob.close();
  });
});

/** A client that says what no library would. */
class Raw {
  constructor(nsp, auth, at = server) {
    this.nsp = nsp;
    this.heard = [];
    this.ws = new WebSocket(`${at.ws}/socket.io/?EIO=4&transport=websocket`);
    this.ws.on('open', () => this.ws.send(`40${nsp},${auth ? JSON.stringify(auth) : ''}`));
    this.ws.on('message', (data) => this.heard.push(data.toString()));
    this.closed = new Promise((resolve) => this.ws.on('close', resolve));
    this.ws.on('error', () => {});
  }

  static async open(...args) {
    const raw = new Raw(...args);
    await eventually(() => raw.heard.some((text) => text.startsWith('40') || text.startsWith('44')), 'an answer');
    return raw;
  }

  get answer() {
    return JSON.parse(this.heard.find((text) => text.startsWith('40')).slice(3 + this.nsp.length));
  }

  /** Event arrays, and how many came before the CONNECT's answer. */
  get events() {
    return this.heard.filter((text) => text.startsWith('42')).map((text) => JSON.parse(text.slice(text.indexOf('['))));
  }

  async lastOffset(count) {
    await eventually(() => this.events.length >= count);
    return this.events[count - 1].at(-1);
  }

  async terminate() {
    this.ws.terminate();
    await this.closed;
  }
}

describe('on the wire', () => {
  test('what was missed comes first, then the old ids', async () => {
    const bob = await Person.open('/board');
    const first = await Raw.open('/board');
    assert.deepEqual(Object.keys(first.answer), ['sid', 'pid']);
    for (const n of [1, 2, 3]) await bob.ask('n', n);
    const offset = await first.lastOffset(1);
    await first.terminate();
    const second = await Raw.open('/board', { pid: first.answer.pid, offset });
    assert.deepEqual(second.answer, first.answer);
    assert.deepEqual(second.heard.slice(1).map((text) => text.slice(0, 2)), ['42', '42', '40']);
    assert.deepEqual(second.events.map(([, n]) => n), [2, 3]);
    await second.terminate();
    bob.close();
  });

  test('a connection that was not found dead yet gives way, and nothing is lost or said twice', async () => {
    const bob = await Person.open('/board');
    const first = await Raw.open('/board');
    for (const n of [1, 2]) await bob.ask('n', n);
    const offset = await first.lastOffset(2);
    let { pid } = first.answer, last = first, at = offset;
    for (let n = 3; n <= 12; n++) {
      await bob.ask('n', n);
      const next = await Raw.open('/board', { pid, offset: at });
      assert.deepEqual(next.answer, first.answer);
      assert.deepEqual(next.events.map(([, heard]) => heard), [n]);
      await last.closed;
      [last, at] = [next, await next.lastOffset(1)];
    }
    await last.terminate();
    bob.close();
  });

  test('a client that got nothing of a recovery may ask again from where it was', async () => {
    const bob = await Person.open('/board');
    const first = await Raw.open('/board');
    for (const n of [1, 2, 3]) await bob.ask('n', n);
    const offset = await first.lastOffset(1);
    for (let i = 0; i < 6; i++) {
      const next = await Raw.open('/board', { pid: first.answer.pid, offset });
      assert.deepEqual([next.answer, next.events.map(([, n]) => n)], [first.answer, [2, 3]]);
      await next.terminate();
    }
    bob.close();
  });

  test('what is unknown begins anew and spoils nothing', async () => {
    const bob = await Person.open('/board');
    const first = await Raw.open('/board');
    const { sid, pid } = first.answer;
    await bob.ask('n', 1);
    const offset = await first.lastOffset(1);
    await first.terminate();
    const wrong = [
      { pid: 'x', offset }, { pid: `${pid.slice(0, -1)}${pid.endsWith('_') ? '-' : '_'}`, offset }, { pid: `7f${pid.slice(2)}`, offset }, { pid: `zz${pid.slice(2)}`, offset },
      { pid, offset: 'x' }, { pid, offset: '0'.repeat(12) + '-1' }, { pid, offset: `${offset}0` }, { pid, offset: 7 }, { pid: 7, offset }, { offset }, { pid: {}, offset: [] },
      { pid, offset: 'y'.repeat(50000) },
    ];
    for (const auth of wrong) {
      const raw = await Raw.open('/board', auth);
      assert.notEqual(raw.answer.sid, sid, JSON.stringify(auth).slice(0, 80));
      assert.notEqual(raw.answer.pid, pid);
      assert.deepEqual(raw.events, []);
      await raw.terminate();
    }
    assert.notEqual((await Raw.open('/echo', { pid, offset })).answer.sid, sid);
    assert.equal((await Raw.open('/board', { pid, offset })).answer.sid, sid);
    bob.close();
  });

  test('who left, or was sent away, or broke the protocol, is not recovered', async () => {
    const ends = [
      (raw) => raw.ws.send('41/board,'),
      (raw) => backend('disconnect', { namespace: '/board', id: raw.answer.sid }),
      (raw) => raw.ws.send('4abc'),
    ];
    const bob = await Person.open('/board');
    for (const end of ends) {
      const raw = await Raw.open('/board');
      const { sid, pid } = raw.answer;
      await bob.ask('n', 1);
      const offset = await raw.lastOffset(1);
      await end(raw);
      await eventually(async () => !(await rest(server, admin, 'GET', `/api/v1/sockets?namespace=/board&id=${sid}`)).body.count, 'its end');
      assert.notEqual((await Raw.open('/board', { pid, offset })).answer.sid, sid);
      await raw.terminate();
    }
    bob.close();
  });

  test('who comes too late begins anew', async () => {
    const first = await Raw.open('/brief');
    await first.terminate();
    const { sid, pid } = first.answer;
    await eventually(async () => (await Raw.open('/brief', { pid })).answer.sid !== sid, 'the end of its time');
  });

  test('who may not come in any more does not, and nobody else may', async () => {
    const auth = (who) => ({ token: tokens[who] });
    const bob = await Person.open('/closed', { who: 'mgarcia' });
    const first = await Raw.open('/closed', auth('akhan'));
    await bob.ask('n', 1);
    const offset = await first.lastOffset(1);
    const { sid, pid } = first.answer;
    await first.terminate();
    const nobody = await Raw.open('/closed', { token: 'no.such.token', pid, offset });
    assert.match(nobody.heard.at(-1), /^44\/closed,.*bad_token/);
    const other = await Raw.open('/closed', { ...auth('mgarcia'), pid, offset });
    assert.notEqual(other.answer.sid, sid);
    assert.equal((await Raw.open('/closed', { ...auth('akhan'), pid, offset })).answer.sid, sid);
    bob.close();
  });
});

describe('what the log does not have', () => {
  test('after too many events, or a restart, he begins anew and is told so', async () => {
    const small = await startServer({ env: { COLLABD_NAMESPACES: JSON.stringify(NAMESPACES), COLLABD_LOG_EVENTS_MAX: '16' } });
    try {
      const [ann, bob] = [await Person.open('/board', { at: small }), await Person.open('/board', { at: small })];
      await bob.ask('n', 1);
      await eventually(() => ann.all('n').length === 1);
      const { id } = ann.socket;
      await ann.breakOff(async () => {
        for (let n = 2; n <= 30; n++) await bob.ask('n', n);
      });
      assert.deepEqual([ann.socket.recovered, ann.all('n')], [false, [1]]);
      assert.notEqual(ann.socket.id, id);
      await bob.ask('n', 31);
      await eventually(() => ann.all('n').length === 2);
      await ann.breakOff(() => bob.ask('n', 32));
      await eventually(() => ann.all('n').length === 3);
      assert.deepEqual([ann.socket.recovered, ann.all('n')], [true, [1, 31, 32]]);
      ann.close();
      bob.close();
    } finally {
      await small.stop();
    }
  });
});

for (const [way, transports] of Object.entries(WAYS)) {
  describe(`in the namespace /, over ${way}`, () => {
    test('an inventory page goes on where it was', async () => {
      const [ann, bob] = [await Person.open('/', { who: 'akhan', transports }), await Person.open('/', { who: 'mgarcia' })];
      for (const person of [ann, bob]) await person.ask('join_inventory_room', {});
      if (way === 'upgrade') await ann.upgraded();
      const change = (n) => bob.ask('inventory_update', { sku: 'SKU-0001', field: 'location', new_value: `${way} ${n}` });
      await change(0);
      await eventually(() => ann.all('inventory_changed').length === 1);
      for (let round = 0; round < 4; round++) {
        const { id } = ann.socket;
        const before = ann.all('presence_update').length;
        await ann.breakOff(async () => {
          await change(2 * round + 1);
          await change(2 * round + 2);
        });
        assert.deepEqual([ann.socket.recovered, ann.socket.id], [true, id]);
        await eventually(() => ann.all('presence_update').length > before, 'who is there');
      }
      assert.deepEqual(ann.all('presence_update').at(-1).users.map(({ username }) => username).sort(), ['akhan', 'mgarcia']);
      assert.deepEqual(ann.all('inventory_changed').map(({ new_value }) => new_value), numbers(0, 8).map((n) => `${way} ${n}`));
      assert.equal(ann.all('connection_established').length, 1);
      await ann.ask('update_cursor', { cursor_position: { x: 1, y: 2 } });
      await eventually(() => bob.all('cursor_updated').length, 'the cursor');
      for (const person of [ann, bob]) person.close();
    });

    test('a projects page, too', async () => {
      const [ann, bob] = [await Person.open('/', { who: 'akhan', transports }), await Person.open('/', { who: 'admin' })];
      for (const person of [ann, bob]) assert.ok((await person.ask('project:join', { projectId: 'PRJ-101' })).ok);
      const change = (n) => bob.ask('project:update', { projectId: 'PRJ-101', field: 'name', value: `${way} ${n}` });
      await change(0);
      await eventually(() => ann.all('project:updated').length === 1);
      for (let round = 1; round <= 4; round++) {
        await ann.breakOff(() => change(round));
        assert.equal(ann.socket.recovered, true);
      }
      await eventually(() => ann.all('project:updated').length >= 5);
      assert.deepEqual(ann.all('project:updated').map(({ newValue }) => newValue), numbers(0, 4).map((n) => `${way} ${n}`));
      assert.ok((await ann.ask('project:update', { projectId: 'PRJ-101', field: 'name', value: 'mine' })).ok);
      for (const person of [ann, bob]) person.close();
    });
  });
}
