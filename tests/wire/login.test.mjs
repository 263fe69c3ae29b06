// Who is who over REST: logging in and out, cookies, tokens, origins.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { openEvents } from './lib/events.mjs';
import { assertError, startServer } from './lib/server.mjs';
import { openSocket } from './lib/socket.mjs';

const SECRET = 'a secret that is shared with another issuer';
const ALLOWED = 'https://app.example.com';

let server, editor;

before(async () => {
  server = await startServer({
    config: { jwt_secret: SECRET, jwt_issuer: 'elsewhere', allow_origins: ALLOWED },
    env: { COLLABD_LIMITS: 'open' },
  });
  editor = await server.login('akhan');
});

after(() => server?.stop());

const me = (headers) => server.client(headers).get('/api/v1/me');

function encode(object) {
  return Buffer.from(JSON.stringify(object)).toString('base64url');
}

function mint(claims, header = {}, secret = SECRET) {
  const text = `${encode({ alg: 'HS256', typ: 'JWT', ...header })}.${encode(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;

async function ownToken(client) {
  const answer = await client.post('/api/v1/token');
  assert.equal(answer.status, 200, answer.text);
  return answer.json.token;
}

// With headers that fetch() keeps to itself.
function rawRequest(method, path, headers) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port: server.port, method, path, headers, agent: false }, (response) => {
      let text = '';
      response.on('data', (bytes) => (text += bytes));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
    });
    request.on('error', reject);
    request.end();
  });
}

describe('logging in', () => {
  test('gives the user, and a cookie that scripts and other sites do not get', async () => {
    const answer = await server.client().post('/api/v1/login', { username: 'akhan', password: 'demo' });
    assert.equal(answer.status, 200);
    const { color, ...user } = answer.json.user;
    assert.deepEqual(user, { id: 3, username: 'akhan', name: 'Amir Khan', avatar: null, roles: ['editor'] });
    assert.match(color, /^#[0-9A-F]{6}$/);
    const [pair, ...attributes] = answer.headers.get('set-cookie').split('; ');
    assert.match(pair, /^collabd_session=[\w-]{43}$/);
    assert.deepEqual(attributes.filter((word) => !word.startsWith('Max-Age=')).sort(), ['HttpOnly', 'Path=/', 'SameSite=Lax']);
    assert.deepEqual((await me({ cookie: pair })).json, answer.json);
  });

  test('with a wrong password, an unknown name and a name that is none is refused alike', async () => {
    for (const username of ['akhan', 'nobody', 'AKHAN', "' OR 1=1 --", 'ü'.repeat(100)]) {
      const answer = await server.client().post('/api/v1/login', { username, password: 'wrong' });
      assertError(answer, 401, 'bad_credentials', undefined);
      assert.equal(answer.headers.get('set-cookie'), null);
    }
  });

  test('needs a name and a password, as JSON', async () => {
    const login = (body, headers) => server.client().post('/api/v1/login', body, headers);
    assertError(await login({ password: 'demo' }), 400, 'missing_field', 'username');
    assertError(await login({ username: 'akhan' }), 400, 'missing_field', 'password');
    assertError(await login({ username: 'akhan', password: 7 }), 400, 'bad_field', 'password');
    assertError(await login({ username: 'akhan', password: '' }), 400, 'bad_field', 'password');
    assertError(await login({ username: 'akhan', password: 'x'.repeat(1025) }), 400, 'bad_field', 'password');
    assertError(await login('username=akhan&password=demo', { 'content-type': 'application/x-www-form-urlencoded' }), 415, 'unsupported', undefined);
    assertError(await login('{"username":"akhan","password":"demo"}', { 'content-type': 'text/plain' }), 415, 'unsupported', undefined);
  });

  test('by more people at once than there is room for is 503 for some, and right for the others', async () => {
    const attempts = Array.from({ length: 80 }, () => server.client().post('/api/v1/login', { username: 'lchen', password: 'demo' }));
    const answers = await Promise.all(attempts);
    const busy = answers.filter(({ status }) => status === 503);
    assert.ok(busy.length > 0);
    for (const answer of busy) {
      assertError(answer, 503, 'overloaded', undefined);
      assert.match(answer.headers.get('retry-after'), /^\d+$/);
    }
    assert.equal(answers.filter(({ status }) => status === 200).length, answers.length - busy.length);
    assert.ok(answers.length - busy.length >= 32);
  });

  test('leaves no secret in the log', async () => {
    await server.client().post('/api/v1/login', { username: 'akhan', password: 'hunter2hunter2' });
    const token = await ownToken(editor);
    await me({ authorization: `Bearer ${token}` });
    for (const secret of ['hunter2hunter2', token, editor.headers.cookie.split('=')[1]]) assert.ok(!server.output.includes(secret));
  });
});

describe('a cookie', () => {
  test('is not taken from anybody else, nor twice', async () => {
    assertError(await me({}), 401, 'not_authenticated', undefined);
    for (const value of ['x', 'A'.repeat(43), 'A'.repeat(44), '%41'.repeat(43)]) {
      const answer = await me({ cookie: `collabd_session=${value}` });
      assertError(answer, 401, 'session_revoked', undefined);
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer');
    }
    const { cookie } = editor.headers;
    assertError(await me({ cookie: `${cookie}; collabd_session=${'A'.repeat(43)}` }), 400, 'bad_request', undefined);
    assert.equal((await me({ cookie: `${cookie}; ${cookie}; other=1` })).status, 200);
  });

  test('outlives a restart of the server', async () => {
    const own = await startServer();
    const client = await own.login('akhan');
    await own.restart('SIGKILL');
    assert.equal((await client.get('/api/v1/me')).json.user.username, 'akhan');
    await own.stop();
  });

  test('ends with logging out, and so does all that lives on it, and nothing else', async () => {
    const [guest, same] = await Promise.all([server.login('jsmith'), server.login('jsmith')]);
    const sockets = await Promise.all(Array.from({ length: 6 }, (_, n) => openSocket(guest, n % 2 ? '/ws' : '/api/v1/ws')));
    const stream = await openEvents(guest, '/api/v1/events?channel=x');
    const stays = await openSocket(same, '/ws');
    const out = await guest.post('/api/v1/logout');
    assert.equal(out.status, 204);
    assert.match(out.headers.get('set-cookie'), /^collabd_session=; Path=\/; Max-Age=0;/);
    for (const socket of sockets) assert.equal((await socket.closed).code, 4440);
    await stream.over();
    // More than one worker must have forgotten it.
    for (let n = 0; n < 10; n++) assertError(await guest.get('/api/v1/me'), 401, 'session_revoked', undefined);
    await assert.rejects(openSocket(guest, '/ws'), { status: 401 });
    assertError(await guest.post('/api/v1/logout'), 401, 'session_revoked', undefined);
    assert.equal((await same.get('/api/v1/me')).status, 200);
    assert.equal((await stays.ask({ type: 'ping' })).type, 'pong');
    await stays.close();
  });
});

describe('a token', () => {
  test('stands for the user everywhere', async () => {
    const answer = await editor.post('/api/v1/token');
    assert.ok(Date.parse(answer.json.expires_at) > Date.now());
    const bearer = server.client({ authorization: `Bearer ${answer.json.token}` });
    assert.deepEqual((await bearer.get('/api/v1/me')).json, (await editor.get('/api/v1/me')).json);
    assert.equal((await bearer.post('/api/v1/records/work_order', { title: 'By token' })).status, 201);
    const socket = await openSocket(server.client(), `/ws?token=${answer.json.token}`);
    assert.equal((await socket.ask({ type: 'ping' })).type, 'pong');
    await socket.close();
    assertError(await server.client().get(`/api/v1/me?token=${answer.json.token}`), 401, 'not_authenticated', undefined);
  });

  test('wins over a cookie', async () => {
    const admin = await server.login('admin');
    const token = await ownToken(admin);
    assert.equal((await me({ ...editor.headers, authorization: `bearer ${token}` })).json.user.username, 'admin');
    assertError(await me({ ...editor.headers, authorization: 'Bearer nonsense' }), 401, 'bad_token', undefined);
    assert.equal((await me({ ...editor.headers, authorization: 'Basic YTpi' })).json.user.username, 'akhan');
  });

  test('that was changed by a bit is none', async () => {
    const token = await ownToken(editor);
    const [header, payload, signature] = token.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url'));
    const bad = [
      '', '.', '..', `${header}.${payload}`, `${header}.${payload}.`, `${token}.`, `${token}=`, `${token}\t.`,
      `${header}.${encode({ ...claims, sub: '1' })}.${signature}`,
      `${encode({ alg: 'none' })}.${payload}.`,
      mint(claims, { kid: JSON.parse(Buffer.from(header, 'base64url')).kid }),
      mint({ ...claims, sub: '1' }), // another issuer's key does not speak for our accounts
      mint({ ...claims, sub: '1', iss: claims.iss }),
      'x'.repeat(9000),
    ];
    for (const wrong of bad) assertError(await me({ authorization: `Bearer ${wrong}` }), 401, 'bad_token', undefined);
  });

  test('ends with logging out with it, and with what lives on it', async () => {
    const token = await ownToken(editor);
    const bearer = server.client({ authorization: `Bearer ${token}` });
    const socket = await openSocket(bearer, '/ws');
    assert.equal((await bearer.post('/api/v1/logout')).status, 204);
    assert.equal((await socket.closed).code, 4440);
    for (let n = 0; n < 10; n++) assertError(await bearer.get('/api/v1/me'), 401, 'session_revoked', undefined);
    assert.equal((await editor.get('/api/v1/me')).status, 200);
  });

  test('of another issuer stands for whom it names, with the roles that it says', async () => {
    const claims = { iss: 'elsewhere', sub: 'u-77', preferred_username: 'ext', name: 'Ex Ternal', roles: ['editor'], exp: inAnHour() };
    const bearer = server.client({ authorization: `Bearer ${mint(claims)}` });
    const { json } = await bearer.get('/api/v1/me');
    const { color, ...user } = json.user;
    assert.deepEqual(user, { id: 'u-77', username: 'ext', name: 'Ex Ternal', avatar: null, roles: ['editor'] });
    assert.match(color, /^#/);
    assert.equal((await bearer.post('/api/v1/records/work_order', { title: 'External' })).status, 201);
    assertError(await bearer.post('/api/v1/token'), 403, 'forbidden', undefined);
    assertError(await bearer.post('/api/v1/logout'), 403, 'forbidden', undefined);
    const refused = {
      'no subject': { ...claims, sub: undefined },
      'an empty subject': { ...claims, sub: '' },
      'a subject with a line end': { ...claims, sub: 'a\nb' },
      'another issuer': { ...claims, iss: 'nobody' },
      'no end': { ...claims, exp: undefined },
      'not yet': { ...claims, nbf: inAnHour() },
    };
    for (const [what, wrong] of Object.entries(refused)) {
      const answer = await me({ authorization: `Bearer ${mint(wrong)}` });
      assert.equal(answer.json.error?.code, 'bad_token', what);
    }
    assertError(await me({ authorization: `Bearer ${mint({ ...claims, exp: inAnHour() - 7200 })}` }), 401, 'token_expired', undefined);
  });
});

describe('a web page of', () => {
  const own = () => `http://127.0.0.1:${server.port}`;
  const evil = [
    'null', 'https://app.example.com.evil', 'https://appXexample.com', 'https://evil.app.example.com', 'http://app.example.com',
    'https://app.example.com:8443', 'https://app.example.com@evil.com', 'https://app.example.com/', 'file://', 'https://', '*',
  ];
  const open = (headers) => openSocket({ server, headers: { ...editor.headers, ...headers } }, '/ws');

  test('another origin reaches nothing, with whatever credentials', async () => {
    const token = await ownToken(editor);
    for (const origin of [...evil, own().replace('http:', 'https:'), `http://127.0.0.1:1${server.port}`]) {
      for (const credentials of [{}, editor.headers, { authorization: `Bearer ${token}` }]) {
        const client = server.client({ ...credentials, origin });
        const answers = [
          await client.get('/api/v1/me'),
          await client.post('/api/v1/token'),
          await client.post('/api/v1/login', { username: 'akhan', password: 'demo' }),
          await openEvents(client, '/api/v1/events?channel=x'),
          await client.request('OPTIONS', '/api/v1/me', { headers: { 'access-control-request-method': 'GET' } }),
        ];
        for (const answer of answers) {
          assertError(answer, 403, 'bad_origin', undefined);
          assert.equal(answer.headers.get('access-control-allow-origin'), null);
          assert.match(answer.headers.get('vary'), /Origin/);
        }
        for (const path of ['/ws', '/api/v1/ws', `/ws?token=${token}`])
          await assert.rejects(openSocket(client, path), { status: 403 }, origin);
      }
    }
  });

  test('the server\'s own origin and an allowed one are served, and told so', async () => {
    for (const [origin, isForeign] of [[own(), false], [own().toUpperCase().replace('HTTP', 'http'), false], [ALLOWED, true], ['https://APP.example.com:443', true]]) {
      const answer = await server.client({ ...editor.headers, origin }).get('/api/v1/me');
      assert.equal(answer.status, 200, origin);
      assert.equal(answer.headers.get('access-control-allow-origin'), isForeign ? origin : null);
      assert.equal(answer.headers.get('access-control-allow-credentials'), isForeign ? 'true' : null);
      assert.match(answer.headers.get('vary'), /Origin/);
      await (await open({ origin })).close();
    }
    const preflight = await server.client({ origin: ALLOWED }).request('OPTIONS', '/api/v1/records/work_order/WO-1001', {
      headers: { 'access-control-request-method': 'PATCH', 'access-control-request-headers': 'content-type, if-match' },
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get('access-control-allow-origin'), ALLOWED);
    assert.match(preflight.headers.get('access-control-allow-methods'), /PATCH/);
    for (const name of ['Authorization', 'Content-Type', 'If-Match', 'Idempotency-Key', 'Last-Event-ID'])
      assert.ok(preflight.headers.get('access-control-allow-headers').includes(name));
  });

  test('nobody knows where, that a browser fetches for it, changes nothing', async () => {
    const from = (site) => ({ cookie: editor.headers.cookie, ...(site && { 'sec-fetch-site': site }) });
    for (const site of ['cross-site', 'same-site']) {
      assert.equal((await rawRequest('POST', '/api/v1/token', from(site))).status, 403);
      await assert.rejects(open({ 'sec-fetch-site': site }), { status: 403 });
      assert.equal((await rawRequest('GET', '/api/v1/me', from(site))).status, 200);
    }
    for (const site of ['same-origin', 'none'])
      assert.equal((await rawRequest('POST', '/api/v1/token', from(site))).status, 200);
    assert.equal((await rawRequest('POST', '/api/v1/token', from())).status, 200);
  });
});
