// The commands of build/collabd as a shell script uses them, beside a running server and without one; its signals and its listeners.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import WebSocket from 'ws';
import { Client, eventually, login, rest, startServer } from '../lib/server.mjs';
import { assertAck, BINARY, collabd, hear, People } from './lib/people.mjs';

let folder;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'collabd-commands-'));
});

after(() => rmSync(folder, { recursive: true, force: true }));

const file = (name) => join(folder, name);

function write(name, content) {
  writeFileSync(file(name), typeof content === 'string' ? content : JSON.stringify(content));
  return file(name);
}

async function run(words, options) {
  const { code, out, err } = await collabd(words, options);
  assert.equal(code, 0, `${words.join(' ')}: ${err}`);
  return out;
}

/** It fails and says why, on standard error. */
async function refused(words, why, options) {
  const { code, out, err } = await collabd(words, options);
  assert.ok(code === 1 || code === 2, `${words.join(' ')}: ${code} ${out}`);
  assert.match(err, why);
  assert.equal(out, '');
}

const users = async (data) =>
  (await run(['user', 'list', '--data', data])).split('\n').filter(Boolean).map((line) => line.split('\t'));

const patch = (server, cookie, id, fields) => rest(server, cookie, 'PATCH', `/api/v1/records/work_order/${id}`, fields);
const read = (server, cookie, id) => rest(server, cookie, 'GET', `/api/v1/records/work_order/${id}`);

/** Over a Unix socket or with a certificate of one's own; gives {status, headers, text}. */
function request(module, options) {
  return new Promise((resolve, reject) => {
    const { body, ...rest } = options;
    module
      .request(rest, (response) => {
        let text = '';
        response.on('data', (chunk) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
      })
      .on('error', reject)
      .end(body);
  });
}

describe('collabd', () => {
  test('without a command, or with one that there is not, says what there is', async () => {
    for (const words of [[], ['dance']]) {
      const { code, out, err } = await collabd(words);
      assert.equal(code, 2);
      for (const word of ['serve', 'check', 'user', 'token', 'backup', 'restore', 'bench']) assert.match(out + err, new RegExp(`^  ${word}`, 'm'));
    }
    for (const word of ['serve', 'check', 'user', 'token', 'backup', 'restore']) assert.match(await run([word, '--help']), /--data/);
  });

  test('refuses an option that there is not, and guesses what was meant', async () => {
    await refused(['serve', '--wrkers', '2'], /no option "wrkers".*workers/);
    await refused(['check', '--workers', 'many'], /--workers: "many" is no whole number/);
    await refused(['check'], /COLLABD_WORKERS: "many"/, { env: { COLLABD_WORKERS: 'many' } });
  });
});

describe('check', () => {
  const check = (name) => collabd(['check', '--config', file(name)]);

  test('finds nothing wrong with no file, and with comments and trailing commas in one', async () => {
    assert.match(await run(['check']), /fine/);
    write('good.json', '{\n  // comment\n  "workers": 2, /* another */\n  "log_level": "warn",\n}\n');
    assert.match(await run(['check', '--config', file('good.json')]), /fine/);
  });

  test('says file, line, key and reason, of every mistake', async () => {
    write('bad.json', '{\n  // comment\n  "workers": 999,\n  "log_level": "loud",\n  "nothing": 1,\n  "presence_grace_ms": "5 parsecs"\n}\n');
    const { code, err } = await check('bad.json');
    assert.equal(code, 1);
    assert.match(err, /bad\.json:3: workers: 999 is out of range: 0 to 64/);
    assert.match(err, /bad\.json:4: log_level: "loud" is none of debug, info, warn, error, off/);
    assert.match(err, /bad\.json:5: .*"nothing"/);
    assert.match(err, /bad\.json:6: presence_grace_ms: "5 parsecs"/);
  });

  for (const [what, config, why] of [
    ['an address', { listen: ['nonsense'] }, /bad\.json:1: listen: "nonsense" is no address/],
    ['a type', { types: { x: { fields: { a: { kind: 'what' } } } } }, /types: type "x", field "a": there is no kind "what"/],
    ['an origin', { allow_origins: ['example.com'] }, /allow_origins: "example\.com"/],
    ['a pattern', { allow_origin_regex: '(' }, /allow_origin_regex: /],
    ['a file that is not there', { jwt_key_files: ['no.pem'] }, /jwt_key_files: Cannot read no\.pem: No such file/],
    ['a certificate without its key', { tls_certificate: 'no.pem' }, /tls_certificate: .*tls_key/],
    ['a short secret', { jwt_secret: 'short' }, /jwt_secret: .*32 bytes/],
    ['a folder that is not there', { web_dir: '/no/such' }, /web_dir: \/no\/such: No such file/],
    ['half a file', '{"listen": [', /bad\.json:\d+: it is no JSON/],
    ['a key twice', '{"workers": 1,\n"workers": 2}', /bad\.json:2: workers: .*line 1/],
    ['no object', '[]', /bad\.json:1: it must be one object/],
  ]) {
    test(`names ${what}`, async () => {
      write('bad.json', config);
      const { code, err } = await check('bad.json');
      assert.equal(code, 1);
      assert.match(err, why);
      const served = await collabd(['serve', '--config', file('bad.json'), '--data', file('never')]);
      assert.equal(served.code, 1);
      assert.match(served.err, why);
      assert.ok(!existsSync(file('never')), 'nothing half done');
    });
  }

  test('a file that is not there is one, too', () => refused(['check', '--config', file('none.json')], /none\.json: No such file/));
});

describe('accounts', () => {
  test('are kept without a server: added, listed, changed, removed', async () => {
    const data = file('accounts');
    const at = ['--data', data];
    const add = (name, roles, input) => collabd(['user', 'add', name, ...(roles ? ['--roles', roles] : []), ...at], { input });
    await refused(['user', 'list', ...at], /no data in .*accounts/);
    assert.equal((await add('anna', 'editor, approver', 'secret\n')).code, 0);
    assert.equal((await add('bert', '', 'secret')).code, 0); // no line end, no role
    assert.deepEqual(await users(data), [['1', 'anna', 'anna', 'editor,approver'], ['2', 'bert', 'bert', '']]);
    await refused(['user', 'add', 'anna', ...at], /user of that name already/, { input: 'secret\n' });
    await refused(['user', 'add', 'carl', ...at], /password is needed/);
    await run(['user', 'roles', 'bert', '--roles', 'viewer', ...at]);
    await run(['user', 'remove', 'anna', ...at]);
    assert.deepEqual(await users(data), [['2', 'bert', 'bert', 'viewer']]);
    await refused(['user', 'remove', 'anna', ...at], /no user of that name/);
    await refused(['user', 'passwd', 'anna', ...at], /no user of that name/, { input: 'x\n' });
    await refused(['user', 'sing', ...at], /collabd user add NAME/);
    assert.equal(statSync(data).mode & 0o777, 0o700);
    assert.equal(statSync(join(data, 'collabd.db')).mode & 0o777, 0o600);

    const server = await startServer({ data, demo: false });
    try {
      const cookie = await login(server, 'bert', 'secret');
      await assert.rejects(login(server, 'anna', 'secret'), /401/);
      await run(['user', 'passwd', 'bert', ...at], { input: 'better\n' });
      assert.equal((await rest(server, cookie, 'GET', '/api/v1/me')).status, 401);
      await assert.rejects(login(server, 'bert', 'secret'), /401/);
      const me = await rest(server, await login(server, 'bert', 'better'), 'GET', '/api/v1/me');
      assert.deepEqual([me.body.user.id, me.body.user.username, me.body.user.roles], [2, 'bert', ['viewer']]);
      assert.equal((await add('dora', 'manager', 'secret\n')).code, 0); // the server is asked
      assert.deepEqual((await users(data)).map(([, name]) => name), ['bert', 'dora']);
      await login(server, 'dora', 'secret');
    } finally {
      await server.stop();
    }
  });

  test('get tokens, with the life that was asked for', async () => {
    const data = file('tokens');
    const at = ['--data', data];
    await run(['user', 'add', 'anna', '--roles', 'editor', ...at], { input: 'secret\n' });
    const offline = (await run(['token', 'anna', '--ttl', '600', ...at])).trim();
    const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
    assert.equal(claims(offline).exp - claims(offline).iat, 600);
    assert.equal(claims((await run(['token', 'anna', ...at])).trim()).exp - claims(offline).iat >= 3600, true);
    await refused(['token', 'nobody', ...at], /no user of that name/);
    for (const ttl of ['0', 'x', '-1', '99999999999']) await refused(['token', 'anna', '--ttl', ttl, ...at], /A token lives|--ttl/);
    const server = await startServer({ data, demo: false });
    try {
      const online = (await run(['token', 'anna', '--ttl', '60', ...at])).trim();
      for (const token of [offline, online]) {
        const me = await rest(server, null, 'GET', '/api/v1/me', undefined, { authorization: `Bearer ${token}` });
        assert.deepEqual([me.status, me.body.user?.username], [200, 'anna']);
      }
    } finally {
      await server.stop();
    }
  });

  test('are asked for by a socket that is nobody else\'s', async () => {
    const server = await startServer();
    try {
      const sockets = execFileSync('find', [server.folder, '-type', 's', '-printf', '%m ']).toString().trim();
      assert.equal(sockets, '600');
      assert.equal((await users(server.folder)).length, 5);
    } finally {
      await server.stop();
    }
  });
});

describe('backup and restore', () => {
  test('copy what is there while the server runs, and put it back when it does not', async () => {
    const data = file('kept');
    let server = await startServer({ data });
    try {
      const cookie = await login(server, 'akhan');
      const people = new People(server);
      const channel = await people.enter('lchen', 'work-order-updates');
      await patch(server, cookie, 'WO-1001', { notes: 'in the copy' });
      // changes go on while it is copied
      let going = true, count = 0;
      const writer = (async () => {
        while (going) {
          await patch(server, cookie, 'WO-1002', { notes: `change ${++count}` });
        }
      })();
      await run(['backup', file('copy.db'), '--data', data]);
      going = false;
      await writer;
      for (let i = 0; i < 3; i++) await patch(server, cookie, 'WO-1001', { notes: `not in it ${i}` });
      assert.equal(statSync(file('copy.db')).mode & 0o777, 0o600);
      const { epoch, offset } = await hear(channel, 'update', ({ after: value }) => value === 'not in it 2');
      await refused(['backup', file('copy.db'), '--data', data], /File exists/);
      await refused(['restore', file('copy.db'), '--data', data], /in use by another process/);
      assert.equal((await read(server, cookie, 'WO-1001')).body.data.notes, 'not in it 2');
      await server.stop();

      await refused(['restore', file('none.db'), '--data', data], /No such file/);
      write('junk.db', 'not a database');
      await refused(['restore', file('junk.db'), '--data', data], /database/);
      server = await startServer({ data }); // neither has harmed it
      assert.equal((await read(server, cookie, 'WO-1001')).body.data.notes, 'not in it 2');
      await server.stop();

      await run(['restore', file('copy.db'), '--data', data]);
      server = await startServer({ data });
      const now = await login(server, 'akhan');
      const back = await read(server, now, 'WO-1001');
      assert.deepEqual([back.body.data.notes, back.body.version], ['in the copy', 2]);
      // the room goes another way from here: who saw what is no more must load anew, however far the room has come by then
      for (let i = 0; i < 4 + count; i++) await patch(server, now, 'WO-1003', { notes: `again ${i}` });
      const again = await new People(server).enter('lchen', 'work-order-updates', { epoch, offset });
      assert.ok(again.joined.position.offset >= offset, JSON.stringify([again.joined.position, offset]));
      assert.equal(again.joined.resync, true);
    } finally {
      await server.stop();
    }
  });

  test('restore into an empty place', async () => {
    const data = file('origin');
    await run(['user', 'add', 'anna', '--data', data], { input: 'secret\n' });
    await run(['backup', 'relative.db', '--data', data], { cwd: folder });
    await run(['restore', 'relative.db', '--data', file('elsewhere')], { cwd: folder });
    assert.deepEqual(await users(file('elsewhere')), [['1', 'anna', 'anna', '']]);
  });

  test('need a file name, and data', async () => {
    await refused(['backup'], /collabd backup FILE/);
    await refused(['restore'], /collabd restore FILE/);
    await refused(['backup', file('nothing.db'), '--data', file('no-such-data')], /no data in/);
    assert.ok(!existsSync(file('nothing.db')) && !existsSync(file('no-such-data')));
  });
});

describe('serve', () => {
  test('makes its data with no argument but a place, and finds it again', async () => {
    const data = file('again');
    let server = await startServer({ data });
    const cookie = await login(server, 'akhan');
    await patch(server, cookie, 'WO-1001', { notes: 'still here' });
    await server.stop();
    server = await startServer({ data });
    try {
      const { body } = await read(server, cookie, 'WO-1001'); // the session is still good, too
      assert.deepEqual([body.version, body.data.notes], [2, 'still here']);
      const { code, err } = await collabd(['serve', '--data', data, '--listen', '127.0.0.1:0']);
      assert.equal(code, 1);
      assert.match(err, /is in use by another process/);
      const taken = await collabd(['serve', '--data', file('other'), '--listen', `127.0.0.1:${server.port}`]);
      assert.equal(taken.code, 1);
      assert.match(taken.err, /Address already in use/);
    } finally {
      await server.stop();
    }
  });

  test('leaves the accounts alone that are there already, and tells those of the demonstration data that one can log in with', async () => {
    const data = file('own');
    await run(['user', 'add', 'admin', '--roles', 'admin', '--data', data], { input: 'secret\n' });
    await run(['user', 'add', 'anna', '--data', data], { input: 'secret\n' });
    const server = await startServer({ data });
    try {
      await eventually(() => /jsmith/.test(server.said), 'the last of the accounts');
      assert.doesNotMatch(server.said, /mgarcia/); // whose id Anna has
      assert.match(server.said, /akhan +Amir Khan +password demo/);
      await login(server, 'akhan');
      await login(server, 'anna', 'secret');
    } finally {
      await server.stop();
    }
  });

  test('takes flags over the environment, and that over the file', async () => {
    write('levels.json', { log_level: 'debug', log_format: 'json', token_ttl_s: 100 });
    const server = await startServer({
      args: ['--config', file('levels.json'), '--token-ttl-s', '300'], env: { COLLABD_TOKEN_TTL_S: '200', COLLABD_LOG_LEVEL: 'info' },
    });
    try {
      const cookie = await login(server, 'akhan');
      const { body } = await rest(server, cookie, 'POST', '/api/v1/token', {});
      const left = (Date.parse(body.expires_at) - Date.now()) / 1000;
      assert.ok(left > 250 && left <= 300, body.expires_at);
      await eventually(() => server.log.includes('"login"'), 'a line of the log');
      const lines = server.log.trim().split('\n').map((line) => JSON.parse(line));
      assert.ok(lines.every(({ level }) => level !== 'debug'));
    } finally {
      await server.stop();
    }
  });

  test('reads its configuration again at SIGHUP: log level, allowed origins; a wrong one changes nothing', async () => {
    const config = { log_level: 'info', allow_origins: [] };
    write('reload.json', config);
    const server = await startServer({ args: ['--config', file('reload.json')] });
    const origin = 'https://app.example.com';
    try {
      const cookie = await login(server, 'akhan');
      const reload = async (next, pattern) => {
        const from = server.log.length;
        write('reload.json', next);
        server.child.kill('SIGHUP');
        await eventually(() => pattern.test(server.log.slice(from)), `${pattern} in the log`);
      };
      const isAllowed = () => Client.open(server, '/ws', { cookie, headers: { origin } }).then((window) => (window.close(), true), () => false);
      const stays = await Client.open(server, '/ws', { cookie });
      assert.equal(await isAllowed(), false);
      assert.ok(!server.log.includes(' debug '));
      await reload({ log_level: 'debug', allow_origins: [origin] }, /reloaded/);
      await eventually(isAllowed, 'the origin');
      const answer = await fetch(`${server.base}/api/v1/me`, { headers: { origin, cookie } });
      assert.equal(answer.headers.get('access-control-allow-origin'), origin);
      await stays.ask({ type: 'ping' });
      await eventually(() => / debug message\.heard .*ping/.test(server.log), 'the debug log');
      await reload({ log_level: 'loud' }, /loud/);
      assert.equal(await isAllowed(), true);
      await reload({ log_level: 'info' }, /reloaded/);
      await eventually(async () => !(await isAllowed()), 'the origin to be gone');
      assert.equal((await stays.ask({ type: 'ping' })).type, 'pong'); // whoever is in stays in
    } finally {
      await server.stop();
    }
  });

  test('drains at SIGTERM: everybody is told to come back, what was said is done, and it ends with 0', async () => {
    const data = file('drained');
    let server = await startServer({ data });
    const people = new People(server);
    const windows = await Promise.all(['akhan', 'mgarcia', 'lchen'].map((name) => people.enter(name, 'work_order:WO-1001')));
    const factory = await people.open('jsmith', '/api/v1/ws');
    const cookie = await people.cookie('akhan');
    const stream = await fetch(`${server.base}/api/v1/events?channel=records`, { headers: { cookie } });
    assertAck(await windows[0].ask({ type: 'update', payload: { entityType: 'work_order', entityId: 'WO-1001', patch: { notes: 'kept' } } }));
    const ended = server.stop('SIGTERM');
    for (const window of [...windows, factory]) assert.equal((await window.waitClosed()).code, 1012);
    await stream.text(); // ends
    assert.deepEqual(await ended, { code: 0, signal: null });
    server = await startServer({ data });
    assert.equal((await read(server, cookie, 'WO-1001')).body.data.notes, 'kept');
    assert.deepEqual(await server.stop('SIGINT'), { code: 0, signal: null });
  });

  test('drains even when nobody answers its goodbye', async () => {
    const server = await startServer({ env: { COLLABD_DRAIN_MS: '300' } });
    const window = await new People(server).enter('akhan', 'deaf');
    window.socket._socket.pause(); // hears nothing any more
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    window.socket.terminate();
  });

  test('listens on a Unix socket, as well', async () => {
    const path = file('http.sock');
    const server = await startServer({ args: ['--listen', `unix:${path}`] });
    try {
      assert.equal((await request(http, { socketPath: path, path: '/healthz' })).status, 200);
      const answer = await request(http, {
        socketPath: path, path: '/api/v1/login', method: 'POST', headers: { 'content-type': 'application/json', host: 'localhost' },
        body: JSON.stringify({ username: 'akhan', password: 'demo' }),
      });
      assert.equal(answer.status, 200, answer.text);
      const cookie = answer.headers['set-cookie'][0].split(';')[0];
      const window = new Client(new WebSocket(`ws+unix://${path}:/ws`, { headers: { cookie } }));
      await new Promise((resolve, reject) => window.socket.once('open', resolve).once('error', reject));
      assertAck(await window.ask({ type: 'subscribe', channel: 'work_order:WO-1001' }));
      await patch(server, cookie, 'WO-1001', { notes: 'over TCP' });
      await hear(window, 'update', ({ after: value }) => value === 'over TCP');
      window.close();
    } finally {
      await server.stop();
    }
    assert.ok(!existsSync(path), 'the socket is gone with the server');
    writeFileSync(path, ''); // nothing of the server's: it is left alone
    const { code, err } = await collabd(['serve', '--data', file('unix'), '--listen', `unix:${path}`]);
    assert.equal(code, 1);
    assert.match(err, /http\.sock/);
    assert.equal(readFileSync(path, 'utf8'), '');
  });

  test('takes the place of a Unix socket that a killed server has left behind', async () => {
    const path = file('left.sock');
    const args = ['--listen', `unix:${path}`];
    const data = file('left');
    await (await startServer({ data, args })).stop('SIGKILL');
    assert.ok(existsSync(path));
    const server = await startServer({ data, args });
    assert.equal((await request(http, { socketPath: path, path: '/healthz' })).status, 200);
    await server.stop();
  });

  test('speaks TLS: https and wss, with a cookie for them alone', async () => {
    const [key, cert] = [file('key.pem'), file('cert.pem')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-keyout', key,
      '-out', cert, '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'], { stdio: 'ignore' });
    const ca = readFileSync(cert);
    const server = await startServer({ args: ['--tls-certificate', cert, '--tls-key', key] });
    try {
      assert.match(server.base, /^https:/);
      const options = { host: 'localhost', port: server.port, ca };
      assert.equal((await request(https, { ...options, path: '/healthz' })).status, 200);
      const answer = await request(https, {
        ...options, path: '/api/v1/login', method: 'POST', headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username: 'akhan', password: 'demo' }),
      });
      const [set] = answer.headers['set-cookie'];
      assert.match(set, /; Secure/);
      const window = new Client(new WebSocket(`wss://localhost:${server.port}/ws`, { ca, headers: { cookie: set.split(';')[0], origin: `https://localhost:${server.port}` } }));
      await new Promise((resolve, reject) => window.socket.once('open', resolve).once('error', reject));
      const { record } = assertAck(await window.ask({ type: 'subscribe', channel: 'work_order:WO-1001' }));
      assert.equal(record.id, 'WO-1001');
      const big = 'x'.repeat(8000); // several TLS records in both directions
      assertAck(await window.ask({ type: 'update', payload: { entityType: 'work_order', entityId: 'WO-1001', patch: { notes: big } } }));
      const read = await request(https, { ...options, path: '/api/v1/records/work_order/WO-1001', headers: { cookie: set.split(';')[0] } });
      assert.equal(JSON.parse(read.text).data.notes, big);
      await assert.rejects(request(https, { ...options, ca: undefined, path: '/healthz' }), /self-signed|self signed/); // it is not trusted by itself
      const plain = await request(http, { host: '127.0.0.1', port: server.port, path: '/healthz' }).catch((error) => error);
      assert.ok(plain instanceof Error || plain.status === 400, JSON.stringify(plain));
      window.close();
    } finally {
      assert.deepEqual(await server.stop(), { code: 0, signal: null });
    }
  });
});

test('a password is asked for without being shown, when there is a terminal', async () => {
  // `script` gives it one
  const data = file('terminal');
  const child = spawn('script', ['-qec', `${BINARY} user add anna --data ${data}`, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  let shown = '';
  child.stdout.on('data', (chunk) => {
    shown += chunk;
    if (/Password: $/.test(shown) || /Once more: $/.test(shown)) child.stdin.write('hidden words\n');
  });
  await new Promise((resolve) => child.on('close', resolve));
  assert.deepEqual(await users(data), [['1', 'anna', 'anna', '']]);
  assert.ok(!shown.includes('hidden'), shown);
});
