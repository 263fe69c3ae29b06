// Requests that are wrong, each over plain TCP and TLS, whole, a byte at a time, and behind a request that is right: they get the
// answer that says so, once, nothing behind them is taken for a request, and everybody else goes on.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from '../lib/server.mjs';
import { enter, exchange, inParallel, metric, parseAnswers, Raw } from '../lib/raw.mjs';
import { serveBoth } from './lib/both.mjs';

const { servers, healthy } = serveBoth();

const GOOD = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n';
const MORE = 'GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n';

const get = (lines, target = '/healthz') => `GET ${target} HTTP/1.1\r\n${lines}\r\n`;
const host = (lines, target) => get(`Host: localhost\r\n${lines}`, target);
const post = (lines, body = '') => `POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${lines}\r\n${body}`;
const chunked = (body) => post('Transfer-Encoding: chunked\r\n', body);
const bytes = (text) => Buffer.from(text, 'latin1');

// [what, the bytes, the statuses that are right]: after each the connection must end, whatever follows.
const REFUSED = [
  // how long the body is
  ['a length and a coding', post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${MORE}`), [400]],
  ['a coding and a length', post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', `0\r\n\r\n${MORE}`), [400]],
  ['two lengths that differ', post('Content-Length: 5\r\nContent-Length: 6\r\n', `hello${MORE}`), [400]],
  ['two lengths that are equal', post('Content-Length: 5\r\nContent-Length: 5\r\n', `hello${MORE}`), [400]],
  ['a list of equal lengths', post('Content-Length: 5, 5\r\n', `hello${MORE}`), [400]],
  ['a list of lengths', post('Content-Length: 5, 6\r\n', `hello${MORE}`), [400]],
  ['a length below 0', post('Content-Length: -1\r\n', MORE), [400]],
  ['a length with a sign', post('Content-Length: +5\r\n', `hello${MORE}`), [400]],
  ['a length in words', post('Content-Length: abc\r\n', MORE), [400]],
  ['an empty length', post('Content-Length: \r\n', MORE), [400]],
  ['a length with an exponent', post('Content-Length: 1e3\r\n', MORE), [400]],
  ['a length in hexadecimal', post('Content-Length: 0x10\r\n', MORE), [400]],
  ['a length with a blank inside', post('Content-Length: 1 0\r\n', MORE), [400]],
  ['a length with a fraction', post('Content-Length: 5.0\r\n', MORE), [400]],
  ['a length of 2^63', post('Content-Length: 9223372036854775808\r\n', MORE), [400]],
  ['a length of 2^64 + 5', post('Content-Length: 18446744073709551621\r\n', `hello${MORE}`), [400]],
  ['a length of 200 digits', post(`Content-Length: ${'9'.repeat(200)}\r\n`, MORE), [400]],
  ['a length of 200 zeros and a 5', post(`Content-Length: ${'0'.repeat(200)}5\r\n`, `hello${MORE}`), [400]],
  ['a body over the limit', post('Content-Length: 262145\r\n', MORE), [413]],
  ['chunked, identity', post('Transfer-Encoding: chunked, identity\r\n', `0\r\n\r\n${MORE}`), [400, 501]],
  ['identity', post('Transfer-Encoding: identity\r\n', MORE), [400, 501]],
  ['gzip, chunked', post('Transfer-Encoding: gzip, chunked\r\n', `0\r\n\r\n${MORE}`), [400, 501]],
  ['xchunked', post('Transfer-Encoding: xchunked\r\n', `0\r\n\r\n${MORE}`), [400, 501]],
  ['chunked twice', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${MORE}`), [400, 501]],
  ['chunked, chunked', post('Transfer-Encoding: chunked, chunked\r\n', `0\r\n\r\n${MORE}`), [400, 501]],
  ['a vertical tab before chunked', post('Transfer-Encoding: \x0bchunked\r\n', `0\r\n\r\n${MORE}`), [400, 501]],
  ['chunked in quotes', post('Transfer-Encoding: "chunked"\r\n', `0\r\n\r\n${MORE}`), [400, 501]],
  ['an empty coding', post('Transfer-Encoding:\r\n', `0\r\n\r\n${MORE}`), [400, 501]],
  ['chunked with a parameter', post('Transfer-Encoding: chunked;q=1\r\n', `0\r\n\r\n${MORE}`), [400, 501]],
  ['chunked in HTTP/1.0', `POST /api/v1/login HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${MORE}`, [400]],
  // chunks
  ['a chunk of FFFFFFFFFFFFFFFF', chunked(`FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n${MORE}`), [400, 413]],
  ['a chunk of 7FFFFFFFFFFFFFFF', chunked(`7FFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n${MORE}`), [400, 413]],
  ['a chunk of 10000000000000005', chunked(`10000000000000005\r\nhello\r\n0\r\n\r\n${MORE}`), [400, 413]],
  ['two chunks over the limit', chunked(`3FFFF\r\n${'x'.repeat(0x3ffff)}\r\n2\r\nxx\r\n0\r\n\r\n${MORE}`), [413]],
  ['a chunk size below 0', chunked(`-5\r\nhello\r\n0\r\n\r\n${MORE}`), [400]],
  ['a chunk size with 0x', chunked(`0x5\r\nhello\r\n0\r\n\r\n${MORE}`), [400]],
  ['a chunk size with a plus', chunked(`+5\r\nhello\r\n0\r\n\r\n${MORE}`), [400]],
  ['a blank before a chunk size', chunked(` 5\r\nhello\r\n0\r\n\r\n${MORE}`), [400]],
  ['an empty chunk size', chunked(`\r\nhello\r\n0\r\n\r\n${MORE}`), [400]],
  ['a chunk size in words', chunked(`g\r\nhello\r\n0\r\n\r\n${MORE}`), [400]],
  ['an underscore in a chunk size', chunked(`5_0\r\nhello\r\n0\r\n\r\n${MORE}`), [400]],
  ['a chunk that ends with a bare LF', chunked(`5\nhello\r\n0\r\n\r\n${MORE}`), [400]],
  ['a chunk without an end', chunked(`5\r\nhello0\r\n\r\n${MORE}`), [400]],
  ['a chunk whose end is a bare LF', chunked(`5\r\nhello\n0\r\n\r\n${MORE}`), [400]],
  ['a chunk longer than it says', chunked(`5\r\nhelloo\r\n0\r\n\r\n${MORE}`), [400]],
  ['a chunk whose end is two other bytes', chunked(`5\r\nhelloXX0\r\n\r\n${MORE}`), [400]],
  ['a bare LF in an extension', chunked(`5;a\nhello\r\n0\r\n\r\n${MORE}`), [400]],
  ['a bare CR in an extension', chunked(`5;a\rb\r\nhello\r\n0\r\n\r\n${MORE}`), [400]],
  ['an extension of 5 KiB', chunked(`5;${'x'.repeat(5120)}\r\nhello\r\n0\r\n\r\n${MORE}`), [400, 413]],
  ['a trailer without a colon', chunked(`5\r\nhello\r\n0\r\nbroken\r\n\r\n${MORE}`), [400]],
  ['a trailer with a bare LF', chunked(`5\r\nhello\r\n0\r\na: b\n\r\n${MORE}`), [400]],
  ['101 trailers', chunked(`5\r\nhello\r\n0\r\n${'a: b\r\n'.repeat(101)}\r\n${MORE}`), [400, 431]],
  ['a trailer of 17 KiB', chunked(`5\r\nhello\r\n0\r\na: ${'b'.repeat(17 * 1024)}\r\n\r\n${MORE}`), [400, 431]],
  ['4,000 chunks of a byte', chunked(`${'1\r\nx\r\n'.repeat(4000)}0\r\n\r\n${MORE}`), [400, 413]],
  // lines
  ['a bare LF after the request line', `GET /healthz HTTP/1.1\nHost: localhost\r\n\r\n${MORE}`, [400]],
  ['a bare LF after a field', `GET /healthz HTTP/1.1\r\nHost: localhost\n\r\n${MORE}`, [400]],
  ['bare LFs only', 'GET /healthz HTTP/1.1\nHost: localhost\n\n', [400]],
  ['a bare CR in a field', `${host('A: b\rc\r\n')}${MORE}`, [400]],
  ['a bare CR as a line end', `GET /healthz HTTP/1.1\rHost: localhost\r\n\r\n${MORE}`, [400]],
  ['LF CR', `GET /healthz HTTP/1.1\n\rHost: localhost\n\r\n\r${MORE}`, [400]],
  ['CR CR LF', `GET /healthz HTTP/1.1\r\r\nHost: localhost\r\n\r\n${MORE}`, [400]],
  ['a NUL in a field', `${host('A: b\0c\r\n')}${MORE}`, [400]],
  ['a NUL in a name', `${host('A\0b: c\r\n')}${MORE}`, [400]],
  ['a control character in a field', `${host('A: b\x01c\r\n')}${MORE}`, [400]],
  ['a DEL in a field', `${host('A: b\x7fc\r\n')}${MORE}`, [400]],
  ['a blank before the colon', `${host('A : b\r\n')}${MORE}`, [400]],
  ['a tab before the colon', `${host('A\t: b\r\n')}${MORE}`, [400]],
  ['a blank before the first field', `${get(' Host: localhost\r\n')}${MORE}`, [400]],
  ['a folded field', `${host('A: b\r\n c\r\n')}${MORE}`, [400]],
  ['a field folded with a tab', `${host('A: b\r\n\tc\r\n')}${MORE}`, [400]],
  ['a folded length', post('Content-Length: 5\r\n 5\r\n', MORE), [400]],
  ['a field without a colon', `${host('broken\r\n')}${MORE}`, [400]],
  ['an empty name', `${host(': b\r\n')}${MORE}`, [400]],
  ['brackets in a name', `${host('A[]: b\r\n')}${MORE}`, [400]],
  ['UTF-8 in a name', `${host('Ä: b\r\n')}${MORE}`, [400]],
  ['a blank in a name', `${host('A b: c\r\n')}${MORE}`, [400]],
  // the host
  ['no Host', `${get('')}${MORE}`, [400]],
  ['two Hosts', `${host('Host: localhost\r\n')}${MORE}`, [400]],
  ['two Hosts that differ', `${host('Host: evil.example\r\n')}${MORE}`, [400]],
  ['an empty Host', `${get('Host:\r\n')}${MORE}`, [400]],
  ['a Host with a path', `${get('Host: localhost/x\r\n')}${MORE}`, [400]],
  ['a Host with a user', `${get('Host: me@localhost\r\n')}${MORE}`, [400]],
  ['a Host with a blank', `${get('Host: local host\r\n')}${MORE}`, [400]],
  ['a Host with two ports', `${get('Host: localhost:80:80\r\n')}${MORE}`, [400]],
  ['a Host with a port in words', `${get('Host: localhost:http\r\n')}${MORE}`, [400]],
  ['a Host with a port of 65536', `${get('Host: localhost:65536\r\n')}${MORE}`, [400]],
  ['a Host with half a bracket', `${get('Host: [::1\r\n')}${MORE}`, [400]],
  ['a Host with a quote', `${get('Host: "localhost"\r\n')}${MORE}`, [400]],
  ['a list of Hosts', `${get('Host: localhost, evil.example\r\n')}${MORE}`, [400]],
  // the request line
  ['two blanks', `GET  /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n${MORE}`, [400]],
  ['a blank in the target', `GET /heal thz HTTP/1.1\r\nHost: localhost\r\n\r\n${MORE}`, [400]],
  ['a blank at the end', `GET /healthz HTTP/1.1 \r\nHost: localhost\r\n\r\n${MORE}`, [400]],
  ['a blank at the start', ` GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n${MORE}`, [400]],
  ['a tab for a blank', `GET\t/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n${MORE}`, [400]],
  ['no version', `GET /healthz\r\nHost: localhost\r\n\r\n${MORE}`, [400]],
  ['no target', `GET HTTP/1.1\r\nHost: localhost\r\n\r\n${MORE}`, [400]],
  ['a version in small letters', `GET /healthz http/1.1\r\nHost: localhost\r\n\r\n${MORE}`, [400, 505]],
  ['HTTP/1.1.1', `GET /healthz HTTP/1.1.1\r\nHost: localhost\r\n\r\n${MORE}`, [400, 505]],
  ['HTTP/01.1', `GET /healthz HTTP/01.1\r\nHost: localhost\r\n\r\n${MORE}`, [400, 505]],
  ['HTTP/2.0', `GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n${MORE}`, [400, 505]],
  ['HTTP/0.9', `GET /healthz HTTP/0.9\r\nHost: localhost\r\n\r\n${MORE}`, [400, 505]],
  ['HTTP/1.9', `GET /healthz HTTP/1.9\r\nHost: localhost\r\n\r\n${MORE}`, [400, 505]],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400, 501, 505]],
  ['a method in small letters', `get /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n${MORE}`, [400, 501]],
  ['a method that is none', `FROBNICATE /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n${MORE}`, [400, 501]],
  ['a method with a bracket', `G(T /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n${MORE}`, [400]],
  ['a method of 10,000 letters', `${'A'.repeat(10000)} /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n`, [400, 414, 501]],
  ['CONNECT', `CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n${MORE}`, [400, 405, 501]],
  ['bytes above 127 in the target', bytes(`GET /\xc3\xa4 HTTP/1.1\r\nHost: localhost\r\n\r\n${MORE}`), [400]],
  ['a # in the target', `${host('', '/healthz#x')}${MORE}`, [400]],
  ['a target without a slash', `${host('', 'healthz')}${MORE}`, [400]],
  ['a * with GET', `${host('', '*')}${MORE}`, [400]],
  ['a target of another scheme', `${host('', 'ftp://localhost/healthz')}${MORE}`, [400]],
  ['a target with a user', `${host('', 'http://me@localhost/healthz')}${MORE}`, [400]],
  ['a target without an authority', `${host('', 'http:///healthz')}${MORE}`, [400]],
  ['a request line of 8.1 KiB', `${host('', `/${'x'.repeat(8300)}`)}${MORE}`, [414]],
  ['257 parameters', `${host('', `/healthz?${'a=1&'.repeat(256)}a=1`)}${MORE}`, [400]],
  ['5 blank lines', `\r\n\r\n\r\n\r\n\r\n${GOOD}`, [400]],
  ['a ClientHello', Buffer.from('16030100c8010000c40303', 'hex'), [400]],
  ['a PROXY line', `PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n${GOOD}`, [400]],
  ['a PROXY header', Buffer.concat([Buffer.from('0d0a0d0a000d0a515549540a21110cffffffff', 'hex'), Buffer.from(GOOD)]), [400]],
  ['a policy file request', '<policy-file-request/>\0', [400]],
  ['a Redis command', '*1\r\n$4\r\nPING\r\n', [400]],
  ['a MongoDB greeting', Buffer.from('3a000000a741000000000000d40700000000000061646d696e2e24636d6400', 'hex'), [400]],
  // too much
  ['101 fields', `${host('A: b\r\n'.repeat(100))}${MORE}`, [431]],
  ['17 KiB of fields', `${host(`A: ${'x'.repeat(17 * 1024)}\r\n`)}${MORE}`, [431]],
  ['a name of 17 KiB', `${host(`${'x'.repeat(17 * 1024)}: a\r\n`)}${MORE}`, [431]],
  // what is not served
  ['Expect: x', post('Content-Length: 2\r\nExpect: x\r\n', `{}${MORE}`), [417]],
  ['Expect: 100-continue for too much', post('Content-Length: 1000000000\r\nExpect: 100-continue\r\n'), [413]],
  ['gzip, gzip', post('Content-Encoding: gzip, gzip\r\nContent-Length: 2\r\n', `{}${MORE}`), [415]],
  ['gzip', post('Content-Encoding: gzip\r\nContent-Length: 2\r\n', `{}${MORE}`), [415]],
];

// Requests that are refused, or unusual and answered, after which the connection goes on: the next one is served.
const SERVED = [
  ['a path up', host('', '/../../etc/passwd'), [400, 404]],
  ['a path up, encoded', host('', '/%2e%2e/%2e%2e/etc/passwd'), [400, 404]],
  ['a path up, encoded twice', host('', '/%252e%252e/etc/passwd'), [400, 404]],
  ['a path up with a backslash', host('', '/..%5c..%5cetc%5cpasswd'), [400, 404]],
  ['a NUL in a path', host('', '/index.html%00.png'), [400, 404]],
  ['an overlong dot', host('', '/%c0%ae%c0%ae/etc/passwd'), [400, 404]],
  ['half an escape', host('', '/%2'), [400, 404]],
  ['an escape in words', host('', '/%zz'), [400, 404]],
  ['two slashes', host('', '//evil.example/'), [400, 404]],
  ['slashes inside', host('', '/api//v1/me'), [400, 404]],
  ['a host as the first segment', host('', '/\\evil.example'), [400, 404]],
  ['ranges below 0', host('Range: bytes=-17208,-9223372036854758792\r\n', '/index.html'), [200, 416]],
  ['1,000 ranges', host(`Range: bytes=${'0-0,'.repeat(999)}0-0\r\n`, '/index.html'), [200, 416]],
  ['the address of another host', host('', 'http://evil.example/healthz'), [200, 400, 403, 421]],
  ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n', [200, 204]],
  ['a chunked body with an extension and a trailer', chunked('2;a=b;c="d;e"\r\n{}\r\n0\r\nX: y\r\n\r\n'), [400]],
  ['a chunk size of 17 digits', chunked('00000000000000005\r\nhello\r\n0\r\n\r\n'), [400]],
  ['100 trailers', chunked(`5\r\nhello\r\n0\r\n${'a: b\r\n'.repeat(100)}\r\n`), [400]],
  ['a chunk size in capitals and zeros', chunked('000A\r\n{"a":   1}\r\n0\r\n\r\n'), [400]],
  ['TRACE', 'TRACE /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n', [404, 405, 501]],
  ['4 blank lines', `\r\n\r\n\r\n\r\n${GOOD}`, [200]],
  ['100 fields', host('A: b\r\n'.repeat(99)), [200]],
  ['256 parameters', host('', `/healthz?${'a=1&'.repeat(255)}a=1`), [200]],
  ['50,000 ampersands less than a parameter', host('', `/healthz?${'&'.repeat(200)}`), [200]],
  ['a byte above 127 in a value', bytes(host('A: \xe4\r\n')), [200]],
  ['an IPv6 host', get('Host: [::1]:8000\r\n'), [200]],
  ['an empty value', host('A:\r\n'), [200]],
  ['a body with GET', host('Content-Length: 5\r\n') + 'hello', [200]],
  ['leading zeros in a length', post('Content-Length: 0002\r\nX: y\r\n', '{}'), [400]],
];

function expectOnly(result, statuses, what) {
  assert.equal(result.answers.length, 1, `${what}: ${result.answers.length} answers (${result.answers.map(({ status }) => status)})`);
  const [answer] = result.answers;
  assert.ok(statuses.includes(answer.status), `${what}: ${answer.status} ${answer.body}`);
  assert.equal(result.rest.length, 0, `${what}: bytes behind the answer`);
  assert.equal(answer.headers.get('connection'), 'close', what);
  const { error } = JSON.parse(answer.body);
  assert.match(error.code, /^[a-z0-9_]+$/);
  assert.match(error.message, /^[A-Z].*\.$/);
  assert.equal(error.request_id, answer.headers.get('x-request-id'));
  return answer.status;
}

/** Huge inputs in pieces of some bytes: a byte at a time they would say nothing more. */
const pieces = (input) => (input.length > 3000 ? 61 : 'split');

for (const kind of ['plain', 'tls']) {
  describe(`over ${kind}`, { concurrency: 1 }, () => {
    test(`${REFUSED.length} wrong requests, whole, in bytes and behind a right one, are refused once, and end the connection`, async () => {
      const server = servers[kind];
      const failures = [];
      await inParallel(REFUSED, 8, async ([what, input, statuses]) => {
        // over TLS these bytes are what they are: not TLS in TLS
        try {
          const whole = expectOnly(await exchange(server, input), statuses, what);
          const split = expectOnly(await exchange(server, input, { how: pieces(input) }), statuses, `${what}, split`);
          assert.equal(split, whole, `${what}: ${whole} when whole, ${split} in pieces`);
          const both = await exchange(server, Buffer.concat([Buffer.from(GOOD), Buffer.from(input)]));
          assert.equal(both.answers[0]?.status, 200, `${what}: the request before it`);
          const behind = expectOnly({ ...both, answers: both.answers.slice(1) }, statuses, `${what}, behind a right one`);
          assert.equal(behind, whole, `${what}: ${whole} alone, ${behind} behind a right one`);
        } catch (error) {
          failures.push(`${what}: ${error.message.slice(0, 200)}`);
        }
      });
      assert.deepEqual(failures, []);
    });

    test(`${SERVED.length} odd ones get their answer, and the next request its own`, async () => {
      const server = servers[kind];
      const failures = [];
      await inParallel(SERVED, 8, async ([what, input, statuses]) => {
        const all = Buffer.concat([Buffer.from(GOOD), Buffer.from(input), Buffer.from('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')]);
        for (const how of ['whole', pieces(input)]) {
          const { answers } = await exchange(server, all, { how });
          const said = answers.map(({ status }) => status);
          const isClosed = answers[1]?.headers.get('connection') === 'close';
          const isRight = said[0] === 200 && statuses.includes(said[1]) && (isClosed ? said.length === 2 && said[1] >= 400 : said[2] === 200 && said.length === 3);
          if (!isRight) failures.push(`${what}, ${how}: ${said}`);
          if (answers[1] && /root:|BEGIN/.test(answers[1].body)) failures.push(`${what}: a file of the machine`);
        }
      });
      assert.deepEqual(failures, []);
    });

    test('a request that ends too early is refused and does nothing', async () => {
      const server = servers[kind];
      const cookie = await enter(server, 'akhan');
      const body = '{"notes":"cut short"}';
      const patch = `PATCH /api/v1/records/work_order/WO-1499 HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\nContent-Type: application/json\r\n`;
      const wholes = [`${patch}Content-Length: ${body.length}\r\n\r\n${body}`, `${patch}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`];
      for (const whole of wholes) {
        await inParallel(Array.from({ length: whole.length - 1 }, (_, index) => index + 1), 16, async (length) => {
          const raw = await Raw.open(server);
          raw.socket.end(whole.slice(0, length)); // over TLS: with close_notify
          await raw.waitOver();
          const { answers } = parseAnswers(raw.bytes);
          assert.deepEqual(answers.map(({ status }) => status), [400], `cut after ${length} of ${whole.length}`);
        });
      }
      const [record] = (await exchange(server, `GET /api/v1/records/work_order/WO-1499 HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\nConnection: close\r\n\r\n`)).answers;
      assert.equal(JSON.parse(record.body).version, 1);
    });

    test('a body that is cut off without a goodbye is stored nowhere', async () => {
      const server = servers[kind];
      const cookie = await enter(server, 'akhan');
      await inParallel(Array.from({ length: 20 }), 10, async () => {
        const raw = await Raw.open(server);
        await raw.write(`PATCH /api/v1/records/work_order/WO-1498 HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n{"notes":"cut short"}`);
        if (kind === 'plain') raw.socket.resetAndDestroy();
        else raw.destroy();
      });
      const [record] = (await exchange(server, `GET /api/v1/records/work_order/WO-1498 HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\nConnection: close\r\n\r\n`)).answers;
      assert.equal(JSON.parse(record.body).version, 1);
    });

    test('what stands behind an upgrade that is refused is no request', async () => {
      const server = servers[kind];
      const upgrade = (lines) => `GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${lines}\r\n`;
      const cases = [
        upgrade('Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'),
        upgrade('Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n'),
        upgrade('Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://evil.example\r\n'),
        upgrade('Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: collabd_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n'),
        `${upgrade(`Content-Length: ${MORE.length}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`)}`,
        'GET /nowhere HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
      ];
      for (const input of cases) {
        for (const how of ['whole', 'split']) {
          const { answers } = await exchange(server, input + MORE, { how });
          assert.equal(answers.length, 1, `${input}: ${answers.map(({ status }) => status)}`);
          assert.ok(answers[0].status >= 400 && answers[0].status < 500, input);
        }
      }
    });

    test('requests whose answers nobody reads are not served either; whoever reads on gets them all', async () => {
      const server = servers[kind];
      const count = 5000; // of 6 KiB each: more than the kernel keeps
      const raw = await Raw.open(server);
      const served = () => metric(server, 'http_requests_total');
      const before = await served();
      raw.socket.pause();
      await raw.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(count));
      let questions = 0;
      const ask = async () => (await served()) - before - ++questions;
      await eventually(async () => {
        const first = await ask();
        for (let i = 0; i < 5; i++) await healthy[kind].ask({ type: 'ping' });
        return first > 0 && first === (await ask());
      }, 'a stop');
      assert.ok((await ask()) < count);
      assert.ok((await metric(server, 'send_queue_bytes')) <= 1024 * 1024);
      raw.socket.resume();
      const answers = await raw.answers(count);
      assert.equal(answers.length, count);
      assert.ok(answers.every(({ status }) => status === 200));
      raw.destroy();
    });

    test('nothing that is sent comes back in a header, however it is spelt', async () => {
      const server = servers[kind];
      const evil = '%0d%0aSet-Cookie:%20evil=1';
      const inputs = [
        host('Connection: close\r\n', `/${evil}`),
        host(`Referer: http://x/${evil}\r\nConnection: close\r\n`, '/nowhere'),
        host('Origin: https://evil.example%0d%0aX: y\r\nConnection: close\r\n', '/nowhere'),
        host('X-Request-Id: evil\r\nConnection: close\r\n', '/nowhere'),
        `OPTIONS /${evil} HTTP/1.1\r\nHost: localhost\r\nAccess-Control-Request-Headers: x, evil\r\nAccess-Control-Request-Method: PATCH\r\nConnection: close\r\n\r\n`,
      ];
      for (const input of inputs) {
        const { answers } = await exchange(server, input);
        assert.equal(answers.length, 1);
        assert.ok(![...answers[0].headers].flat().some((word) => word.includes('evil')), input);
      }
      assert.doesNotMatch(server.log, /^Set-Cookie/m);
    });

    test('empty records, or none at all, cost nothing: everybody else is served, and nobody is left behind', async () => {
      const server = servers[kind];
      const silent = await Promise.all(Array.from({ length: 100 }, () => Raw.open(server)));
      assert.equal((await healthy[kind].ask({ type: 'ping' })).type, 'pong');
      const [answer] = (await exchange(server, GOOD, { count: 1 })).answers;
      assert.equal(answer.status, 200);
      for (const raw of silent) raw.destroy();
      // the healthy one, and the question itself
      await eventually(async () => (await metric(server, 'connections')) === 2, 'the end of all connections');
      assert.equal(server.child.exitCode, null);
    });
  });
}

test('plain HTTP on the TLS port is told so', async () => {
  const { answers } = await exchange({ ...servers.tls, base: 'http:' }, GOOD);
  assert.deepEqual(answers.map(({ status }) => status), [400]);
  assert.match(answers[0].body, /https/i);
});
