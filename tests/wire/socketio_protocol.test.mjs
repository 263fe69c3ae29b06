// Socket.IO 5 on the wire: packets as no library would make them, then the library that everybody uses.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { io, Manager } from 'socket.io-client';
import { eventually } from '../lib/server.mjs';
import { Socket, startConformance } from './lib/conformance.mjs';

const CONNECT_MS = 400;
const ATTACHMENTS_MAX = 10;
let silent; // has promised an attachment, from the start: it takes its time
let server, calm, lasting; // with a quick heartbeat; with a slow one; with recovery

before(async () => {
  server = await startConformance('--ping-interval', 300, '--ping-timeout', 3000, '--connect-timeout', CONNECT_MS);
  calm = await startConformance();
  silent = await connect();
  silent.send('452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', Buffer.from([1]));
  lasting = await startConformance('--recovery', 'on');
});

after(async () => {
  for (const one of [server, calm, lasting]) await one?.stop();
});

/** A session whose Engine.IO handshake is read. */
async function open(where = calm) {
  const socket = new Socket(`${where.ws}/socket.io/?EIO=4&transport=websocket`);
  await socket.opened;
  assert.equal((await socket.next())[0], '0');
  return socket;
}

/** The same, connected to a namespace. */
async function connect(nsp = '', auth = '') {
  const socket = await open();
  socket.send(`40${nsp}${auth}`);
  assert.match(await socket.next(), new RegExp(`^40${nsp}\\{"sid":"[^"]+"\\}$`));
  assert.match(await socket.next(), new RegExp(`^42${nsp}\\["auth",`));
  return socket;
}

describe('a connect', () => {
  test('is answered with an id and nothing else; the auth comes through', async () => {
    const socket = await open();
    socket.send('40');
    const answer = JSON.parse((await socket.next()).slice(2));
    assert.deepEqual(Object.keys(answer), ['sid']);
    assert.equal(await socket.next(), '42["auth",{}]');
    const other = await open();
    other.send('40{"token":"123","z":1.50,"a":1e2}');
    assert.notEqual(JSON.parse((await other.next()).slice(2)).sid, answer.sid);
    assert.equal(await other.next(), '42["auth",{"token":"123","z":1.50,"a":1e2}]');
    for (const one of [socket, other]) one.close();
  });

  test('to another namespace, with and without comma, with auth', async () => {
    const cases = [['40/custom', '{}'], ['40/custom,', '{}'], ['40/custom,{"token":"abc"}', '{"token":"abc"}'], ['40/custom?old=query,', '{}']];
    for (const [text, auth] of cases) {
      const socket = await open();
      socket.send(text);
      assert.match(await socket.next(), /^40\/custom,\{"sid":"[^"]+"\}$/, text);
      assert.equal(await socket.next(), `42/custom,["auth",${auth}]`);
      socket.close();
    }
  });

  test('to an unknown namespace is refused, and the connection stays', async () => {
    const socket = await open();
    const long = `/${'n'.repeat(65536)}`;
    for (const nsp of ['/random', '/__proto__', '/constructor', long]) {
      socket.send(`40${nsp}`);
      assert.equal(await socket.next(), `44${nsp},{"message":"Invalid namespace"}`);
    }
    socket.send('40/random,{"a":1}', '40');
    assert.equal(await socket.next(), '44/random,{"message":"Invalid namespace"}');
    assert.match(await socket.next(), /^40\{"sid"/);
    socket.close();
  });

  test('that does not come in time closes the connection; nor does a refused one count', async () => {
    for (const text of [null, '40/random']) {
      const began = performance.now();
      const socket = await open(server);
      if (text) socket.send(text);
      const answer = setInterval(() => {
        const at = socket.heard.indexOf('2');
        if (at >= 0) socket.send((socket.heard.splice(at, 1), '3'));
      }, 10);
      await socket.waitClosed();
      clearInterval(answer);
      assert.ok(performance.now() - began >= CONNECT_MS - 5);
    }
  });

  test('that came in time keeps it open', async () => {
    const socket = await open(server);
    socket.send('40');
    for (let pings = 0; pings < 3; ) {
      if ((await socket.next()) !== '2') continue;
      pings++;
      socket.send('3');
    }
    socket.close();
  });
});

describe('a disconnect', () => {
  test('leaves its namespace only', async () => {
    const socket = await connect();
    socket.send('40/custom');
    assert.match(await socket.next(), /^40\/custom,/);
    assert.match(await socket.next(), /^42\/custom,\["auth"/);
    socket.send('41', '42/custom,["message","still here"]');
    assert.equal(await socket.next(), '42/custom,["message-back","still here"]');
    socket.send('41/custom,', '40');
    assert.match(await socket.next(), /^40\{"sid"/);
    socket.close();
  });

  test('of the one lets the other go on', async () => {
    const socket = await connect();
    socket.send('40/custom,');
    await socket.next();
    await socket.next();
    socket.send('41/custom', '42["message","main"]');
    assert.equal(await socket.next(), '42["message-back","main"]');
    socket.close();
  });

  test('of all by the end of the connection', async () => {
    const socket = await connect();
    socket.send('1');
    await socket.waitClosed();
  });
});

describe('an event', () => {
  test('comes back with the same arguments: order and numbers as they were', async () => {
    const socket = await connect();
    const cases = ['', ',1', ',"a",null,true', ',{"z":1,"a":{"2":1,"1":2}}', ',1.0,1e3,-0,12345678901234567890,0.1', ',"\\u00e9\\n€😀"', ',[[[]]]', ', 1 , 2'];
    for (const rest of cases) {
      socket.send(`42["message"${rest}]`);
      assert.equal(await socket.next(), `42["message-back"${rest}]`);
    }
    socket.close();
  });

  test('in another namespace comes back there', async () => {
    const socket = await connect('/custom,');
    socket.send('42/custom,["message",1,"2",{"3":[true]}]');
    assert.equal(await socket.next(), '42/custom,["message-back",1,"2",{"3":[true]}]');
    socket.close();
  });

  test('is acknowledged under its id, the largest too', async () => {
    const socket = await connect();
    for (const id of ['0', '1', '456', '9007199254740991']) {
      socket.send(`42${id}["message-with-ack",1,"2",{"3":[false]}]`);
      assert.equal(await socket.next(), `43${id}[1,"2",{"3":[false]}]`);
    }
    socket.send('427["message-with-ack"]');
    assert.equal(await socket.next(), '437[]');
    socket.close();
  });

  test('may have a number for a name, and be unknown', async () => {
    const socket = await connect();
    socket.send('42[123,"a"]', '42["unknown"]', '42["message","after"]');
    assert.equal(await socket.next(), '42["message-back","after"]');
    socket.close();
  });
});

describe('binary', () => {
  const one = Buffer.from([1, 2, 3]);
  const two = Buffer.from([4, 5, 6]);

  test('comes back with its attachments right behind it', async () => {
    const socket = await connect();
    socket.send('452-["message",{"_placeholder":true,"num":0},{"b":{"_placeholder":true,"num":1}}]', one, two);
    assert.equal(await socket.next(), '452-["message-back",{"_placeholder":true,"num":0},{"b":{"_placeholder":true,"num":1}}]');
    assert.deepEqual([await socket.next(), await socket.next()], [one, two]);
    socket.close();
  });

  test('in another namespace', async () => {
    const socket = await connect('/custom,');
    socket.send('451-/custom,["message",{"_placeholder":true,"num":0}]', one);
    assert.equal(await socket.next(), '451-/custom,["message-back",{"_placeholder":true,"num":0}]');
    assert.deepEqual(await socket.next(), one);
    socket.close();
  });

  test('is acknowledged with binary', async () => {
    const socket = await connect();
    socket.send('452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', one, two);
    assert.equal(await socket.next(), '462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
    assert.deepEqual([await socket.next(), await socket.next()], [one, two]);
    socket.close();
  });

  test(`may have ${ATTACHMENTS_MAX} attachments, empty ones too`, async () => {
    const socket = await connect();
    const places = Array.from({ length: ATTACHMENTS_MAX }, (_, num) => `{"_placeholder":true,"num":${num}}`).join();
    socket.send(`45${ATTACHMENTS_MAX}-["message",${places}]`, ...Array(ATTACHMENTS_MAX).fill(Buffer.alloc(0)));
    assert.match(await socket.next(), /message-back/);
    for (let i = 0; i < ATTACHMENTS_MAX; i++) assert.equal((await socket.next()).length, 0);
    socket.close();
  });

  test('by polling', async () => {
    const url = `${calm.base}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1));
    const post = async (body) => assert.equal(await (await fetch(`${url}&sid=${sid}`, { method: 'POST', body })).text(), 'ok');
    const poll = async () => (await (await fetch(`${url}&sid=${sid}`)).text()).split('\x1e');
    await post('40');
    assert.equal((await poll()).length, 2);
    await post('451-["message",{"_placeholder":true,"num":0}]\x1ebAQID');
    assert.deepEqual(await poll(), ['451-["message-back",{"_placeholder":true,"num":0}]', 'bAQID']);
    await post('451-["message",{"_placeholder":true,"num":0}]');
    await post('bAQID\x1e42["message"]');
    assert.deepEqual(await poll(), ['451-["message-back",{"_placeholder":true,"num":0}]', 'bAQID', '42["message-back"]']);
  });
});

describe('what is no packet', () => {
  const bad = [
    '4abc', '4', '47', '49["a"]', '42', '42{}', '42[]', '42abc["message"]', '42[{}]', '42[null]', '42["message"', '42["message"]x', '42"message"',
    '42-1["message"]', '4201["message"]', '429007199254740992["message"]', `42${'9'.repeat(400)}["message"]`, '42["a",{"k":1,"k":2}]',
    '43["x"]', '431{}', '431', '40"auth"', '40[]', '401', '41["x"]', '44', '44{"message":"x"}', '42/other,["message"]', '42/custom,["message"]', '41/other',
    '45["message"]', '450-["message"]', '451["message"]', '45-1-["message"]', '4511-["message"]', '4551000000000-["message"]', '451-', '451-{}', '45x-["message"]',
    '451-["message",{"_placeholder":true,"num":-1}]', '451-["message",{"_placeholder":true,"num":1}]', '451-["message",{"_placeholder":true,"num":1000000000}]',
    '451-["message",{"_placeholder":true,"num":"length"}]', '451-["message",{"_placeholder":true,"num":0.5}]', '451-["message",{"_placeholder":true}]',
    '452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]',
    ...['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'].map((name) => `42["${name}"]`),
    `42["message",${'['.repeat(1000)}${']'.repeat(1000)}]`,
  ];
  test('closes the connection', async () => {
    for (const text of bad) {
      const socket = await connect();
      socket.send(text);
      await socket.waitClosed().catch((error) => assert.fail(`${text.slice(0, 80)}: ${error.message}`));
    }
  });

  test('nor is an event before the connect, or after the disconnect', async () => {
    const early = await open();
    early.send('42["message"]');
    await early.waitClosed();
    const late = await connect();
    late.send('41', '42["message"]');
    await late.waitClosed();
  });

  test('nor is text while attachments are due, or binary when none are', async () => {
    const text = await connect();
    text.send('452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', Buffer.from([1]), '42["message"]');
    await text.waitClosed();
    assert.deepEqual(text.heard, []);
    const binary = await connect();
    binary.send(Buffer.from([1]));
    await binary.waitClosed();
    const more = await connect();
    more.send('451-["message",{"_placeholder":true,"num":0}]', Buffer.from([1]), Buffer.from([2]));
    await more.waitClosed();
  });

  test('ends a session that polls, too', async () => {
    const url = `${calm.base}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1));
    await fetch(`${url}&sid=${sid}`, { method: 'POST', body: '4abc' });
    await eventually(async () => {
      const answer = await fetch(`${url}&sid=${sid}`);
      const text = await answer.text();
      return answer.status === 400 && JSON.parse(text).code === 1;
    }, 'the end');
  });

  test('while an acknowledgement nobody waits for is ignored', async () => {
    const socket = await connect();
    socket.send('43123["x"]', '43123["x"]', '439007199254740991[]', '42["message"]');
    assert.equal(await socket.next(), '42["message-back"]');
    socket.close();
  });
});

describe('a namespace', () => {
  test('of any name that is not there is refused, and a long one, too', async () => {
    const socket = await connect();
    for (const nsp of ['/__proto__', '/constructor', `/${'n'.repeat(60000)}`, '/ä', '//']) {
      socket.send(`40${nsp},`);
      assert.equal(await socket.next(), `44${nsp},{"message":"Invalid namespace"}`);
    }
    socket.send('42["message"]');
    assert.equal(await socket.next(), '42["message-back"]');
    socket.close();
  });
});

describe('too many namespaces', () => {
  test('and one twice are refused one by one', async () => {
    const socket = await connect();
    socket.send('40');
    assert.equal(await socket.next(), '44{"message":"Invalid namespace"}');
    socket.send('42["message"]');
    assert.equal(await socket.next(), '42["message-back"]');
    for (let i = 0; i < 1000; i++) socket.send(`40/n${i}`);
    for (let i = 0; i < 1000; i++) assert.equal(await socket.next(), `44/n${i},{"message":"Invalid namespace"}`);
    socket.close();
  });
});

describe('recovery', () => {
  /** Sends a CONNECT; gives what came up to its answer, and the answer. */
  async function join(socket, nsp = '', auth) {
    socket.send(`40${nsp}${auth ? JSON.stringify(auth) : ''}`);
    const before = [];
    for (;;) {
      const heard = await socket.next();
      if (typeof heard === 'string' && heard.startsWith('40')) return { before, ...JSON.parse(heard.slice(2 + nsp.length)) };
      before.push(heard);
    }
  }
  const offsetOf = (text) => JSON.parse(text.slice(text.indexOf('['))).at(-1);

  /** A client that was sent three events and a binary one, and is gone; with the offsets. */
  async function leaveBehind(nsp = '', leave = (socket) => socket.ws.terminate()) {
    const socket = await open(lasting);
    const { before, ...answer } = await join(socket, nsp);
    assert.deepEqual([before, Object.keys(answer)], [[], ['sid', 'pid']]);
    socket.send(`42${nsp}["message",1]`, `42${nsp}["message",2]`, `451-${nsp}["message",{"_placeholder":true,"num":0}]`, Buffer.from([3]));
    const texts = [];
    while (texts.length < 4) {
      const heard = await socket.next();
      if (typeof heard === 'string') texts.push(heard);
    }
    await socket.next();
    leave(socket);
    await socket.waitClosed();
    const offsets = texts.map(offsetOf);
    for (const offset of offsets) assert.equal(typeof offset, 'string');
    assert.equal(new Set(offsets).size, 4);
    return { ...answer, offsets };
  }

  test('gives what was missed, once, then the old ids', async () => {
    for (const nsp of ['', '/custom,']) {
      const { sid, pid, offsets } = await leaveBehind(nsp);
      const socket = await open(lasting);
      const back = await join(socket, nsp, { pid, offset: offsets[1] });
      assert.deepEqual({ sid: back.sid, pid: back.pid }, { sid, pid });
      assert.deepEqual(back.before, [
        `42${nsp}["message-back",2,"${offsets[2]}"]`, `451-${nsp}["message-back",{"_placeholder":true,"num":0},"${offsets[3]}"]`, Buffer.from([3]),
      ]);
      assert.match(await socket.next(), /\["auth",/);
      socket.close();
    }
  });

  test('gives nothing to who has everything, again and again', async () => {
    const { sid, pid, offsets } = await leaveBehind();
    let offset = offsets[3];
    for (let i = 0; i < 3; i++) {
      const socket = await open(lasting);
      const back = await join(socket, '', { pid, offset });
      assert.deepEqual(back, { before: [], sid, pid });
      offset = offsetOf(await socket.next());
      socket.ws.terminate();
      await socket.waitClosed();
    }
  });

  test('begins anew with what is unknown, of another namespace, or in use', async () => {
    const { sid, pid, offsets } = await leaveBehind();
    const offset = offsets[0];
    const others = [{ pid: 'x', offset }, { pid, offset: 'x' }, { pid, offset: '999999' }, { pid }, { offset }, { pid: 1, offset }, { pid, offset: 1 }];
    for (const auth of others) {
      const socket = await open(lasting);
      const back = await join(socket, '', auth);
      assert.deepEqual(back.before, []);
      assert.notEqual(back.sid, sid);
      assert.notEqual(back.pid, pid);
      socket.close();
    }
    const elsewhere = await open(lasting);
    assert.notEqual((await join(elsewhere, '/custom,', { pid, offset })).sid, sid);
    const first = await open(lasting);
    assert.equal((await join(first, '', { pid, offset })).sid, sid);
    const second = await open(lasting);
    assert.notEqual((await join(second, '', { pid, offset })).sid, sid);
    for (const socket of [elsewhere, first, second]) socket.close();
  });

  test('is not for who has left, or broke the protocol', async () => {
    for (const last of ['41', '4abc']) {
      const { sid, pid, offsets } = await leaveBehind('', (socket) => (socket.send(last), last === '41' && socket.ws.terminate()));
      const socket = await open(lasting);
      assert.notEqual((await join(socket, '', { pid, offset: offsets[0] })).sid, sid, last);
      socket.close();
    }
  });

  test('has its bounds: who missed more begins anew', async () => {
    const first = await open(lasting);
    const { sid, pid } = await join(first);
    const offsets = [offsetOf(await first.next())];
    for (let i = 0; i < 300; i++) first.send(`42["message",${i}]`);
    while (offsets.length < 301) offsets.push(offsetOf(await first.next()));
    first.ws.terminate();
    await first.waitClosed();
    for (const [at, isSame] of [[10, false], [100, true]]) {
      const socket = await open(lasting);
      const back = await join(socket, '', { pid, offset: offsets[at] });
      assert.equal(back.sid === sid, isSame);
      assert.deepEqual(back.before.map(offsetOf), isSame ? offsets.slice(at + 1) : []);
      socket.close();
    }
  });

  test('puts no offset on acknowledgements', async () => {
    const socket = await open(lasting);
    await join(socket);
    await socket.next();
    socket.send('421["message-with-ack","a"]');
    assert.equal(await socket.next(), '431["a"]');
    socket.close();
  });

  for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
    test(`lets socket.io-client go on as the same socket, by ${transports.join(' and ')}`, async () => {
      const socket = io(lasting.base, { transports, forceNew: true, reconnectionDelay: 10, reconnectionDelayMax: 50 });
      const heard = [];
      socket.on('message-back', (i) => heard.push(i));
      await new Promise((resolve) => socket.once('connect', resolve));
      const { id } = socket;
      assert.ok(!socket.recovered);
      for (let round = 1; round <= 3; round++) {
        for (let i = 0; i < 5; i++) socket.emit('message', heard.length + i);
        await eventually(() => heard.length === round * 5, 'the echoes');
        socket.io.engine.close();
        await eventually(() => socket.connected && socket.recovered, 'the recovery');
        assert.equal(socket.id, id);
      }
      assert.deepEqual(heard, Array.from({ length: 15 }, (_, i) => i));
      socket.disconnect();
    });
  }
});

describe('socket.io-client', () => {
  const ways = [['websocket'], ['polling'], ['polling', 'websocket']];
  for (const transports of ways) {
    const how = transports.join(' and ');
    const options = { transports, forceNew: true, reconnection: false };

    test(`connects, emits, is acknowledged, text and binary, by ${how}`, async () => {
      const socket = io(server.base, { ...options, auth: { token: 'abc' } });
      const heard = [];
      socket.on('message-back', (...args) => heard.push(args));
      const auth = new Promise((resolve) => socket.once('auth', resolve));
      await new Promise((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
      assert.deepEqual(await auth, { token: 'abc' });
      assert.ok(!socket.recovered);
      const binary = { file: Buffer.from([1, 2, 3]), list: [Buffer.from([4])], n: 1 };
      socket.emit('message', 1, 'two', { three: [3] });
      socket.emit('message', binary);
      await eventually(() => heard.length === 2, 'the echoes');
      assert.deepEqual(heard, [[1, 'two', { three: [3] }], [binary]]);
      assert.equal(await socket.timeout(5000).emitWithAck('message-with-ack', 42), 42);
      assert.deepEqual(await socket.timeout(5000).emitWithAck('message-with-ack', Buffer.from([7])), Buffer.from([7]));
      const left = new Promise((resolve) => socket.once('disconnect', resolve));
      socket.disconnect();
      assert.equal(await left, 'io client disconnect');
    });

    test(`shares a connection between namespaces, and hears of an unknown one, by ${how}`, async () => {
      const manager = new Manager(server.base, options);
      const [main, custom, unknown] = [manager.socket('/'), manager.socket('/custom', { auth: { who: 'c' } }), manager.socket('/unknown')];
      const refused = new Promise((resolve) => unknown.once('connect_error', resolve));
      assert.equal((await refused).message, 'Invalid namespace');
      await eventually(() => main.connected && custom.connected, 'both');
      assert.notEqual(main.id, custom.id);
      assert.equal(await custom.timeout(5000).emitWithAck('message-with-ack', 'c'), 'c');
      main.disconnect();
      assert.equal(await custom.timeout(5000).emitWithAck('message-with-ack', 'still'), 'still');
      manager._close();
    });

    test(`stays through heartbeats, with everything in order, by ${how}`, async () => {
      const socket = io(server.base, options);
      const heard = [];
      let pings = 0;
      socket.on('message-back', (i) => heard.push(i));
      socket.io.on('ping', () => pings++);
      await new Promise((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
      let sent = 0;
      await eventually(() => {
        for (let i = 0; i < 20; i++) socket.emit('message', sent++);
        return pings >= 3;
      }, 'three heartbeats');
      await eventually(() => heard.length === sent, 'the echoes');
      assert.deepEqual(heard, Array.from({ length: sent }, (_, i) => i));
      assert.equal(socket.io.engine.transport.name, transports.at(-1));
      socket.disconnect();
    });
  }
});

describe('an attachment that never comes', () => {
  test('is waited for so long and no longer', async () => {
    await silent.waitClosed(20000);
    assert.deepEqual(silent.heard, []);
  });
});
