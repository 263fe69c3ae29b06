// Who gets in: every origin over every transport with every credential; tokens that were tampered with; sessions that ended; and no secret
// in any log line.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client, eventually, rest, startServer } from '../lib/server.mjs';
import { enter, exchange, handshake, inParallel, makeCertificate, parseAnswers, Raw, RawSocket } from '../lib/raw.mjs';

const BINARY = process.env.COLLABD_BIN ?? new URL('../../build/collabd', import.meta.url).pathname;
const SECRET = 'planted-secret-that-two-parties-share';
const PASSWORD = 'planted-password-of-nobody';
const folder = mkdtempSync(join(tmpdir(), 'collabd-auth-'));
const certificate = makeCertificate();
const pairs = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: generateKeyPairSync('ed25519'),
};
const foreign = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: generateKeyPairSync('ed25519'),
};
const pem = (name) => pairs[name].publicKey.export({ type: 'spki', format: 'pem' });
const servers = {};
const planted = new Set([SECRET, PASSWORD]);

before(async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // for the clients that are not ours
  const files = Object.keys(pairs).map((name) => {
    const file = join(folder, `${name}.pem`);
    writeFileSync(file, pem(name));
    return file;
  });
  const config = join(folder, 'config.json');
  writeFileSync(config, JSON.stringify({
    jwt_secret: SECRET, jwt_key_files: files, jwt_issuer: 'elsewhere', jwt_audience: 'collabd', log_level: 'debug', log_format: 'json',
    allow_origins: ['https://app.example.com', 'http://other.example:8080'], allow_origin_regex: 'https://[a-z]+\\.tenant\\.example',
  }));
  for (const [kind, args] of [['plain', []], ['tls', certificate.args]]) servers[kind] = await startServer({ args: ['--workers', '2', '--config', config, ...args] });
});

after(async () => {
  for (const server of Object.values(servers)) {
    const { code } = await server.stop();
    assert.equal(code, 0, server.log);
    assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
  }
  rmSync(certificate.folder, { recursive: true });
  rmSync(folder, { recursive: true });
});

// ---- tokens ---------------------------------------------------------------------------------------------------------

const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const nowS = () => Math.floor(Date.now() / 1000);
const claims = (more) => ({ iss: 'elsewhere', aud: 'collabd', sub: 'guest-7', preferred_username: 'guest', roles: ['editor'], iat: nowS(), exp: nowS() + 3600, ...more });
const signers = {
  HS256: (text, key = SECRET) => createHmac('sha256', key).update(text).digest(),
  RS256: (text, key = pairs.RS256.privateKey) => sign('sha256', Buffer.from(text), key),
  ES256: (text, key = pairs.ES256.privateKey) => sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }),
  EdDSA: (text, key = pairs.EdDSA.privateKey) => sign(null, Buffer.from(text), key),
};

function mint(payload, { alg = 'HS256', header = {}, by = alg, key, signature } = {}) {
  const text = `${encode({ alg, typ: 'JWT', ...header })}.${encode(payload)}`;
  return `${text}.${(signature ?? signers[by](text, key)).toString('base64url')}`;
}

const me = async (server, headers) => {
  const lines = Object.entries(headers).flatMap(([name, value]) => [value].flat().map((each) => `${name}: ${each}\r\n`)).join('');
  const [answer] = (await exchange(server, Buffer.from(`GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${lines}\r\n`, 'latin1'))).answers;
  return { status: answer.status, body: answer.body ? JSON.parse(answer.body) : null };
};

// ---- the matrix -----------------------------------------------------------------------------------------------------

/** [origin lines, whether a page from there may talk to us]. `own` is the server's own address. */
const ORIGINS = (own) => [
  [[], true], [[`Origin: ${own}`], true], [['Origin: https://app.example.com'], true], [['Origin: HTTPS://APP.EXAMPLE.COM'], true], [['Origin: https://app.example.com:443'], true], [['Origin: http://other.example:8080'], true],
  [['Origin: https://acme.tenant.example'], true], [['Origin: null'], false], [['Origin: https://evil.example'], false], [['Origin: https://app.example.com.evil'], false], [['Origin: https://appXexample.com'], false],
  [['Origin: https://evil-app.example.com'], false], [['Origin: https://sub.app.example.com'], false], [['Origin: http://app.example.com'], false], [['Origin: https://app.example.com:444'], false], [['Origin: https://app.example.com/'], false],
  [['Origin: https://app.example.com@evil.example'], false], [['Origin: https://app.example.com, https://evil.example'], false], [['Origin: https://app.example.com https://evil.example'], false], [['Origin: http://other.example'], false],
  [['Origin: http://other.example:80801'], false], [['Origin: https://acme.tenant.example.evil'], false], [['Origin: https://evil.example/https://acme.tenant.example'], false], [['Origin: https://acme.x.tenant.example'], false],
  [[`Origin: ${own.replace(/^https?/, (scheme) => (scheme === 'https' ? 'http' : 'https'))}`], false], [[`Origin: ${own}1`], false], [['Origin: file://'], false], [['Origin: *'], false], [['Origin: https://app.example.com', 'Origin: https://evil.example'], false],
];

const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nConnection: Upgrade';
const JSON_BODY = 'Content-Type: application/json\r\nContent-Length: 2';
// [what, the request line, more lines, the body, what a known user gets, what nobody gets, what one with wrong credentials gets: over
// Socket.IO the transport opens in any case, and the namespace says who may enter]
const TRANSPORTS = [
  ['native', 'GET /ws', KEY, '', 101, 101, 401], ['manufacturing', 'GET /api/v1/ws', KEY, '', 101, 101, 401], ['REST', 'GET /api/v1/me', 'X: y', '', 200, 401, 401], ['a change', 'PATCH /api/v1/records/order/ORD-10009', JSON_BODY, '{}', 200, 401, 401],
  ['an event stream', 'GET /api/v1/events?channel=matrix', 'X: y', '', 200, 401, 401], ['a token', 'POST /api/v1/token', JSON_BODY, '{}', 200, 401, 401], ['Socket.IO by WebSocket', 'GET /socket.io/?EIO=4&transport=websocket', KEY, '', 101, 101, 101],
  ['Socket.IO by polling', 'GET /socket.io/?EIO=4&transport=polling', 'X: y', '', 200, 200, 200], ['a login', 'POST /api/v1/login', JSON_BODY, '{}', 400, 400, 400],
];

/** [what, header lines, who it is: a user, nobody, or wrong]. */
const credentials = (cookie, token) => [
  ['nothing', '', 'nobody'], ['a cookie', `Cookie: ${cookie}`, 'user'], ['a cookie of nobody', `Cookie: collabd_session=${'A'.repeat(43)}`, 'wrong'], ['a token', `Authorization: Bearer ${token}`, 'user'],
  ['a token that ended', `Authorization: Bearer ${mint(claims({ iat: nowS() - 7200, exp: nowS() - 3600 }))}`, 'wrong'],
];

for (const kind of ['plain', 'tls']) {
  test(`origins x transports x credentials over ${kind}: only allowed pages reach anything, and only as who they are`, async () => {
    const server = servers[kind];
    const cookie = await enter(server, 'akhan');
    const token = JSON.parse((await exchange(server, `POST /api/v1/token HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\nConnection: close\r\n${JSON_BODY}\r\n\r\n{}`)).answers[0].body).token;
    planted.add(cookie.split('=')[1]).add(token);
    const host = `127.0.0.1:${server.port}`;
    const cases = ORIGINS(`${kind === 'tls' ? 'https' : 'http'}://${host}`).flatMap((origin) => TRANSPORTS.flatMap((transport) => credentials(cookie, token).map((credential) => [origin, transport, credential])));
    const failures = [];
    await inParallel(cases, 24, async ([[lines, isAllowed], [what, line, more, body, known, unknown, wrong], [credential, who, kindOfUser]]) => {
      const raw = await Raw.open(server);
      await raw.write(`${line} HTTP/1.1\r\n${[`Host: ${host}`, ...lines, more, who].filter(Boolean).join('\r\n')}\r\n\r\n${body}`);
      await raw.until(() => raw.isOver || raw.bytes.includes('\r\n\r\n'), `an answer to ${what}`);
      raw.destroy();
      const head = raw.bytes.toString('latin1').split('\r\n\r\n')[0];
      const status = Number(head.slice(9, 12));
      const wanted = !isAllowed ? [403] : kindOfUser === 'user' ? [known] : kindOfUser === 'nobody' ? [unknown] : [wrong];
      const name = `${what}, ${lines.join(' and ') || 'no origin'}, ${credential}`;
      if (!wanted.includes(status) && !(lines.length > 1 && status === 400)) failures.push(`${name}: ${status}, not ${wanted}`);
      const allowed = head.match(/^Access-Control-Allow-Origin: (.*)$/im)?.[1];
      if (allowed === '*' || (allowed && (!isAllowed || !lines.includes(`Origin: ${allowed}`)))) failures.push(`${name}: allows ${allowed}`);
      if (status !== 101 && status !== 400 && !/^Vary: .*Origin/im.test(head)) failures.push(`${name}: no Vary`);
      if (status === 403 && /^Set-Cookie/im.test(head)) failures.push(`${name}: a cookie`);
    });
    assert.ok(cases.length >= 400);
    assert.deepEqual(failures.slice(0, 30), []);
    const { body } = await rest(server, cookie, 'GET', '/api/v1/records/order/ORD-10009');
    assert.ok(body.version >= 1);
  });
}

test('what a browser says of where it comes from counts when there is no origin', async () => {
  const server = servers.plain;
  const cookie = await enter(server, 'akhan');
  for (const [site, isAllowed] of [['cross-site', false], ['same-site', false], ['CROSS-SITE', false], ['nonsense', false], ['same-origin', true], ['none', true]]) {
    for (const [line, more, body] of [['POST /api/v1/token', JSON_BODY, '{}'], ['PATCH /api/v1/records/order/ORD-10009', JSON_BODY, '{}'], ['GET /ws', KEY, ''], ['GET /socket.io/?EIO=4&transport=websocket', KEY, '']]) {
      const [answer] = (await exchange(server, `${line} HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\nSec-Fetch-Site: ${site}\r\n${more}\r\n\r\n${body}`, { count: 1 })).answers;
      assert.equal(answer.status !== 403, isAllowed, `${line} from ${site}: ${answer.status}`);
    }
  }
});

test('a page cannot send a change as a form', async () => {
  const server = servers.plain;
  const cookie = await enter(server, 'akhan');
  for (const type of ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain', 'text/plain; application/json']) {
    const [answer] = (await exchange(server, `POST /api/v1/records/vendor HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\nContent-Type: ${type}\r\nContent-Length: 14\r\nConnection: close\r\n\r\n{"name":"one"}`)).answers;
    assert.equal(answer.status, 415, type);
  }
});

// ---- tokens that are wrong ------------------------------------------------------------------------------------------

const zeros = Buffer.alloc(64);
const der = (text) => sign('sha256', Buffer.from(text), { key: pairs.ES256.privateKey, dsaEncoding: 'der' });
const withSignature = (alg, make, header) => {
  const text = `${encode({ alg, typ: 'JWT', ...header })}.${encode(claims())}`;
  return `${text}.${make(text).toString('base64url')}`;
};

const WRONG_TOKENS = () => [
  ...['none', 'None', 'NONE', 'nOnE', '', 'null', 'HS512', 'HS384', 'hs256', 'RS512', 'PS256', 'ES384', 'ES256K', 'Ed25519', 'HS256 ', 'dir', 'A128KW', 'RSA-OAEP'].map((alg) => [`alg ${alg}`, mint(claims(), { alg, by: 'HS256' })]),
  ...['none', 'HS256'].map((alg) => [`${alg} without a signature`, `${encode({ alg })}.${encode(claims())}.`]),
  ['two parts', `${encode({ alg: 'HS256' })}.${encode(claims())}`], ['four parts', `${mint(claims())}.x`], ['five parts', `${mint(claims())}..`], ['nothing', ''], ['dots', '..'],
  ['alg that is no text', `${encode({ alg: 1 })}.${encode(claims())}.${zeros.toString('base64url')}`], ['no alg', `${encode({ typ: 'JWT' })}.${encode(claims())}.${zeros.toString('base64url')}`],
  // a public key is no secret
  ...Object.keys(pairs).flatMap((name) => [
    [`the ${name} key as a secret`, mint(claims(), { key: pem(name) })], [`the ${name} key as a secret, trimmed`, mint(claims(), { key: pem(name).trim() })],
    [`the ${name} key as a secret, DER`, mint(claims(), { key: pairs[name].publicKey.export({ type: 'spki', format: 'der' }) })],
    [`${name} by somebody else`, mint(claims(), { alg: name, key: foreign[name].privateKey })],
    [`${name} with a signature of zeros`, mint(claims(), { alg: name, signature: Buffer.alloc(name === 'RS256' ? 256 : 64) })],
    [`${name} with half a signature`, withSignature(name, (text) => signers[name](text).subarray(0, -1))], [`${name} with a byte more`, withSignature(name, (text) => Buffer.concat([signers[name](text), Buffer.alloc(1)]))],
    [`${name} with an empty signature`, mint(claims(), { alg: name, signature: Buffer.alloc(0) })],
    [`${name} signed by ${name === 'RS256' ? 'ES256' : 'RS256'}`, mint(claims(), { alg: name, by: name === 'RS256' ? 'ES256' : 'RS256' })],
  ]),
  ['ES256 in DER', withSignature('ES256', der)], ['ES256 with r = 0', withSignature('ES256', (text) => Buffer.concat([Buffer.alloc(32), signers.ES256(text).subarray(32)]))],
  ['ES256 with s = 0', withSignature('ES256', (text) => Buffer.concat([signers.ES256(text).subarray(0, 32), Buffer.alloc(32)]))],
  ['ES256 with r and s of the order', mint(claims(), { alg: 'ES256', signature: Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'.repeat(2), 'hex') })],
  ['HS256 with the secret cut', mint(claims(), { key: SECRET.slice(0, -1) })], ['HS256 with no secret', mint(claims(), { key: '' })], ['HS256 cut to 16 bytes', withSignature('HS256', (text) => signers.HS256(text).subarray(0, 16))],
  // headers that want to be obeyed
  ['crit', mint(claims(), { header: { crit: ['exp'] } })], ['crit, empty', mint(claims(), { header: { crit: [] } })], ['b64', mint(claims(), { header: { b64: false, crit: ['b64'] } })], ['zip', mint(claims(), { header: { zip: 'DEF' } })],
  ['typ of something else', mint(claims(), { header: { typ: 'JWE' } })], ['a key in the header', mint(claims(), { alg: 'RS256', header: { jwk: foreign.RS256.publicKey.export({ format: 'jwk' }) }, key: foreign.RS256.privateKey })],
  ['an address of keys', mint(claims(), { alg: 'RS256', header: { jku: 'http://127.0.0.1:9/keys' }, key: foreign.RS256.privateKey })], ['an address of a certificate', mint(claims(), { alg: 'RS256', header: { x5u: 'http://127.0.0.1:9/x' }, key: foreign.RS256.privateKey })],
  ['a kid that is a path', mint(claims(), { header: { kid: '../../../../dev/null' }, key: '' })], ['a kid that is SQL', mint(claims(), { header: { kid: "' UNION SELECT 'x" }, key: 'x' })], ['a kid that is no text', mint(claims(), { header: { kid: ['x'] } })], ['a kid that is a number', mint(claims(), { header: { kid: 0 } })],
  // base64url is strict
  ['padding', `${mint(claims())}=`], ['a blank', `${mint(claims())} `.replace(' ', '%20')], ['a plus', mint(claims()).replace(/.$/, '+')], ['a slash', mint(claims()).replace(/.$/, '/')], ['a line end inside', mint(claims()).replace('.', '.\t')],
  ['bits behind the end', mint(claims()).replace(/.$/, (last) => String.fromCharCode(last.charCodeAt(0) + 1))],
  // claims
  ...[undefined, null, 0, -1, 1.5, '9999999999', true, [], {}, 1e30, 2 ** 63, nowS() - 31, 1].map((exp) => [`exp ${JSON.stringify(exp)}`, mint(claims({ exp }))]),
  ...[null, nowS() + 3600, '1', 1e30, 2 ** 63, -1, 1.5, {}].map((nbf) => [`nbf ${JSON.stringify(nbf)}`, mint(claims({ nbf }))]),
  ...[null, '1', 2 ** 63, -1, 1.5, nowS() + 3600, []].map((iat) => [`iat ${JSON.stringify(iat)}`, mint(claims({ iat }))]),
  ...[undefined, null, '', 'nobody', 'Elsewhere', ['elsewhere'], 'elsewhere ', 1].map((iss) => [`iss ${JSON.stringify(iss)}`, mint(claims({ iss }))]),
  ...[undefined, null, '', 'others', [], ['others'], [1], {}, 'collabd2', ['collabd', 1].slice(1)].map((aud) => [`aud ${JSON.stringify(aud)}`, mint(claims({ aud }))]),
  ...[undefined, null, '', 1, [], {}, 'a\nb', 'a\u0000b', 'x'.repeat(129), '\u202eadmin'].map((sub) => [`sub ${JSON.stringify(sub)}`, mint(claims({ sub }))]),
  ...[1, {}, [1], [null], [['admin']]].map((roles) => [`roles ${JSON.stringify(roles)}`, mint(claims({ roles }))]),
  ['a life of a year', mint(claims({ exp: nowS() + 366 * 86400 }))], ['claims that are a list', mint([claims()])], ['claims that are text', mint('"x"')], ['claims that are no JSON', mint('{')], ['exp twice', mint(`{"iss":"elsewhere","aud":"collabd","sub":"x","exp":1,"exp":${nowS() + 99}}`)],
  ['9 KiB', mint(claims({ more: 'x'.repeat(7000) }))], ['a nested payload', mint(`{"a":${'['.repeat(1000)}${']'.repeat(1000)}}`)],
];

test('tokens of all four kinds of key are good, and each of them with a change is not', async () => {
  const server = servers.plain;
  for (const alg of ['HS256', 'RS256', 'ES256', 'EdDSA']) {
    const token = mint(claims(), { alg });
    planted.add(token);
    const good = await me(server, { Authorization: `Bearer ${token}` });
    assert.equal(good.status, 200, `${alg}: ${JSON.stringify(good.body)}`);
    assert.equal(good.body.user.id, 'guest-7');
    assert.equal((await me(server, { Authorization: `Bearer ${mint(claims({ iat: nowS() - 60, exp: nowS() - 5 }), { alg })}` })).status, 200, 'a clock that is 5 s wrong');
  }
  const failures = [];
  const cases = WRONG_TOKENS();
  await inParallel(cases, 16, async ([what, token]) => {
    const { status, body } = await me(server, { Authorization: `Bearer ${token}` });
    if (status !== 401 && !(status === 400 && /[\t\n]/.test(token))) failures.push(`${what}: ${status} ${JSON.stringify(body).slice(0, 200)}`);
    // the same on a socket: in the address, and as the first message
    if (token.length < 6000 && !/[\s%]/.test(token)) {
      const raw = await Raw.open(server);
      await raw.write(handshake(`/ws?token=${token}`));
      const [answer] = await raw.answers(1);
      raw.destroy();
      if (answer.status !== 401) failures.push(`${what}, in the address: ${answer.status}`);
    }
    {
      const client = await Client.open(server, '/ws');
      const answer = await client.ask({ type: 'auth', payload: { token } });
      if (answer.type !== 'error') failures.push(`${what}, as a message: ${JSON.stringify(answer)}`);
      if ((await client.waitClosed()).code !== 4401) failures.push(`${what}, as a message: closed with ${client.closed.code}`);
    }
  });
  assert.deepEqual(failures, []);
  assert.ok(cases.length > 100);
});

test('nothing is fetched for a token: no address in it is ever called', async () => {
  const { createServer } = await import('node:net');
  let calls = 0;
  const trap = createServer((socket) => (++calls, socket.destroy())).listen(0, '127.0.0.1');
  await once(trap, 'listening');
  const url = `http://127.0.0.1:${trap.address().port}/keys`;
  for (const header of [{ jku: url }, { x5u: url }, { kid: url }, { jku: url, kid: 'x' }]) await me(servers.plain, { Authorization: `Bearer ${mint(claims(), { alg: 'RS256', header, key: foreign.RS256.privateKey })}` });
  assert.equal((await me(servers.plain, { Authorization: `Bearer ${mint(claims(), { alg: 'RS256', header: { jku: url, x5u: url } })}` })).status, 200);
  assert.equal(calls, 0);
  trap.close();
});

describe('two words for one thing', () => {
  test('two cookies that differ, two Authorizations, a cookie that is too long', async () => {
    const server = servers.plain;
    const cookie = await enter(server, 'akhan');
    const other = await enter(server, 'lchen');
    planted.add(other.split('=')[1]);
    for (const lines of [{ Cookie: `${cookie}; ${other}` }, { Cookie: [cookie, other] }, { Cookie: `${other}; x=1; ${cookie}` }]) assert.equal((await me(server, lines)).status, 400);
    for (const lines of [{ Cookie: `${cookie}; ${cookie}` }, { Cookie: `x=1;${cookie};y=2` }, { Cookie: [`a=b`, cookie] }]) assert.equal((await me(server, lines)).body.user.username, 'akhan');
    for (const value of ['collabd_session', 'collabd_session=', `Collabd_Session=${cookie.split('=')[1]}`, `x${cookie}`, `collabd_session="${cookie.split('=')[1]}"`, `__Host-${cookie}`, `collabd_session=${cookie.split('=')[1]}x`]) {
      assert.equal((await me(server, { Cookie: value })).status, 401, value);
    }
    assert.equal((await me(server, { Cookie: `collabd_session=${'x'.repeat(8000)}` })).status, 401);
    assert.equal((await me(server, { Cookie: `collabd_session=${'x'.repeat(17000)}` })).status, 431);
    const token = mint(claims());
    assert.equal((await me(server, { Authorization: [`Bearer ${token}`, `Bearer ${token}x`] })).status, 400);
    for (const value of [`Bearer${token}`, `bearer: ${token}`, `Token ${token}`, 'Bearer', 'Bearer ', `"Bearer ${token}"`, token]) assert.equal((await me(server, { Authorization: value })).status, 401, value);
  });

  test('a token in the address opens sockets only', async () => {
    const server = servers.plain;
    const token = mint(claims());
    planted.add(token);
    for (const path of ['/api/v1/me', '/api/v1/types', '/api/v1/records/order', '/api/v1/events']) {
      const [answer] = (await exchange(server, `GET ${path}?token=${token}&channel=x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)).answers;
      assert.equal(answer.status, 401, path);
      assert.equal(answer.headers.get('referrer-policy'), 'no-referrer');
    }
    for (const path of ['/ws', '/api/v1/ws']) (await RawSocket.open(server, `${path}?token=${token}`)).destroy();
  });
});

// ---- what ends ------------------------------------------------------------------------------------------------------

const run = async (server, words, input = '') => {
  const child = spawn(BINARY, [...words, '--data', server.folder], { stdio: ['pipe', 'ignore', 'pipe'] });
  child.stdin.end(input);
  let said = '';
  child.stderr.on('data', (chunk) => (said += chunk));
  const [code] = await once(child, 'exit');
  assert.equal(code, 0, said);
};

/** Sockets of one user in each way there is: [{closed}]. */
async function openAll(server, cookie, token) {
  const sockets = [];
  for (let i = 0; i < 6; i++) {
    sockets.push(['a cookie', await Client.open(server, i % 2 ? '/ws' : '/api/v1/ws', { cookie })]);
    sockets.push(['a token', await Client.open(server, '/ws', { token })]);
    const client = await Client.open(server, '/ws');
    assert.equal((await client.ask({ type: 'auth', payload: { token } })).type, 'ack');
    sockets.push(['a token as a message', client]);
  }
  return sockets;
}

test('logging out with a cookie or a token closes what lives on it within a second, and nothing resumes', async () => {
  const server = servers.plain;
  for (const kind of ['cookie', 'token']) {
    const cookie = await enter(server, 'jsmith');
    const { token } = (await rest(server, cookie, 'POST', '/api/v1/token', {})).body;
    planted.add(cookie.split('=')[1]).add(token);
    const sockets = await openAll(server, cookie, token);
    const headers = kind === 'cookie' ? {} : { Authorization: `Bearer ${token}` };
    const start = Date.now();
    assert.equal((await rest(server, kind === 'cookie' ? cookie : null, 'POST', '/api/v1/logout', {}, headers)).status, 204);
    for (const [what, client] of sockets) {
      if (what.includes(kind)) assert.equal((await client.waitClosed().catch(() => ({}))).code, 4440, `${what} after logging out with a ${kind}`);
    }
    assert.ok(Date.now() - start < 5000);
    for (const [what, client] of sockets.filter(([name]) => !name.includes(kind))) assert.equal((await client.ask({ type: 'ping' }).catch(() => ({ type: 'pong' }))).type, 'pong', what);
    await assert.rejects(Client.open(server, '/ws', kind === 'cookie' ? { cookie } : { token }), { status: 401 });
    for (const [, client] of sockets) client.close();
  }
});

test('a new password, and an account that is removed, end everything of that user', async () => {
  const server = servers.plain;
  await run(server, ['user', 'add', 'leaver', '--roles', 'editor'], `${PASSWORD}\n`);
  for (const [words, input] of [[['user', 'passwd', 'leaver'], `${PASSWORD}2\n`], [['user', 'remove', 'leaver'], '']]) {
    const password = words[1] === 'passwd' ? PASSWORD : `${PASSWORD}2`;
    const cookie = await enter(server, 'leaver', password);
    const { token } = (await rest(server, cookie, 'POST', '/api/v1/token', {})).body;
    planted.add(cookie.split('=')[1]).add(token);
    const sockets = await openAll(server, cookie, token);
    await run(server, words, input);
    for (const [what, client] of sockets) assert.equal((await client.waitClosed().catch(() => ({}))).code, 4440, `${what} after ${words}`);
    for (const credential of [{ Cookie: cookie }, { Authorization: `Bearer ${token}` }]) {
      for (let n = 0; n < 4; n++) assert.equal((await me(server, credential)).status, 401, `${words}`);
    }
  }
});

test('an operation that is under way when its session ends is done or not, never half', async () => {
  const server = servers.plain;
  for (let round = 0; round < 10; round++) {
    const cookie = await enter(server, 'akhan');
    const client = await Client.open(server, '/ws', { cookie });
    for (let i = 0; i < 40; i++) client.send({ type: 'update', messageId: `u${i}`, payload: { entityType: 'order', entityId: `ORD-${10100 + round}`, id: `end-${round}-${i}`, patch: { notes: `n${i}` } } });
    await rest(server, cookie, 'POST', '/api/v1/logout', {});
    assert.equal((await client.waitClosed()).code, 4440);
    const acked = client.heard.filter(({ type }) => type === 'ack').map(({ payload }) => payload);
    const again = await enter(server, 'lchen');
    const { changes } = (await rest(server, again, 'GET', `/api/v1/records/order/ORD-${10100 + round}/history?limit=100`)).body;
    for (const { id, version } of acked) assert.equal(changes.find((change) => change.id === id)?.version, version, id);
  }
});

test('a token that ends closes its socket with 4401; a fresh one in time keeps it', async () => {
  const server = servers.plain;
  // within the leeway for other clocks a token of others is still good: this one has 3 seconds of it left
  const short = () => mint(claims({ iat: nowS() - 60, exp: nowS() - 27 }));
  const [left, kept] = await Promise.all([Client.open(server, '/ws', { token: short() }), Client.open(server, '/ws', { token: short() })]);
  assert.equal((await kept.ask({ type: 'auth', payload: { token: mint(claims()) } })).type, 'ack');
  assert.equal((await kept.ask({ type: 'auth', payload: { token: mint(claims({ sub: 'somebody-else' })) } })).type, 'error');
  assert.equal((await left.waitClosed()).code, 4401);
  assert.equal((await kept.ask({ type: 'ping' })).type, 'pong');
  kept.close();
});

// ---- what is written down -------------------------------------------------------------------------------------------

test('no secret is in any log line, and every line is one JSON object', async () => {
  const server = servers.plain;
  for (const text of ['evil\r\n{"event":"forged"}', '"},{"x":"', '\u001b[31mred', '\u0000', '\u2028', 'a'.repeat(300)]) {
    await rest(server, null, 'POST', '/api/v1/login', { username: text.slice(0, 200), password: PASSWORD });
    await rest(server, null, 'GET', `/${encodeURIComponent(text.slice(0, 100))}`);
    await exchange(server, Buffer.from(`GET /${encodeURIComponent(text.slice(0, 50))} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nOrigin: https://evil.example/\x80"\\\r\nUser-Agent: ${text.replace(/[^ -~]/g, '?')}\r\n\r\n`, 'latin1'));
  }
  const client = await Client.open(server, '/ws', { token: mint(claims()) });
  client.send({ type: 'forged"},{"', channel: 'x' });
  await client.wait(({ type }) => type === 'error');
  client.close();
  for (const { log } of Object.values(servers)) {
    for (const secret of planted) assert.ok(!log.includes(secret), `${secret.slice(0, 12)}... is in the log: ${log.slice(Math.max(0, log.indexOf(secret) - 200), log.indexOf(secret) + 20)}`);
    const lines = log.split('\n').filter((line) => line !== '' && !line.startsWith('collabd '));
    assert.ok(lines.length > 100);
    for (const line of lines.slice(0, -1)) {
      const entry = JSON.parse(line);
      assert.equal(typeof entry.event, 'string', line);
      assert.notEqual(entry.event, 'forged');
    }
  }
});

test('a shared secret that is too short keeps the server from starting', () => {
  const file = join(folder, 'short.json');
  writeFileSync(file, JSON.stringify({ jwt_secret: 'x'.repeat(31) }));
  assert.throws(() => execFileSync(BINARY, ['check', '--config', file], { stdio: 'pipe' }), (error) => error.status === 1 && /jwt_secret/.test(`${error.stdout}${error.stderr}`));
});
