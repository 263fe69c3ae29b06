// Bytes as they are: sockets for tests that say what no client library would, over plain TCP and TLS, whole or a byte at a time.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';

/** A certificate for localhost that nobody has signed but itself: {cert, key, args} (file names; flags for the server). */
export function makeCertificate() {
  const folder = mkdtempSync(join(tmpdir(), 'collabd-tls-'));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const words = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext';
  execFileSync('openssl', [...words.split(' '), 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { folder, cert, key, args: ['--tls-certificate', cert, '--tls-key', key] };
}

const isTls = (server) => server.base.startsWith('https');

/** A connection that keeps every byte it hears. */
export class Raw {
  constructor(socket) {
    this.socket = socket;
    this.bytes = Buffer.alloc(0);
    this.isOver = false; // the server's end was read, or the connection broke
    this.error = null;
    this.waiters = new Set();
    this.parsed = []; // answers, as far as answers() has looked
    this.parsedTo = 0;
    socket.setNoDelay(true);
    let store = Buffer.alloc(0); // of which `bytes` is the part that is filled
    socket.on('data', (chunk) => {
      const length = this.bytes.length + chunk.length;
      if (length > store.length) {
        store = Buffer.allocUnsafe(length * 2);
        this.bytes.copy(store);
      }
      chunk.copy(store, this.bytes.length);
      this.bytes = store.subarray(0, length);
      this.#wake();
    });
    socket.on('error', (error) => (this.error = error.code));
    for (const name of ['end', 'close']) {
      socket.on(name, () => {
        this.isOver = true;
        this.#wake();
      });
    }
  }

  static async open(server, options = {}) {
    const where = { host: '127.0.0.1', port: server.port, ...options };
    const socket = isTls(server) ? tls.connect({ rejectUnauthorized: false, ...where }) : net.connect(where);
    const raw = new Raw(socket);
    await new Promise((resolve, reject) => {
      socket.once(isTls(server) ? 'secureConnect' : 'connect', resolve);
      socket.once('error', reject);
    });
    return raw;
  }

  #wake() {
    for (const waiter of [...this.waiters]) waiter();
  }

  /** Resolves as soon as `find` gives something that is true; looks again after each piece that comes. */
  until(find, what, ms = 20000) {
    const found = find();
    if (found) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const look = () => {
        const later = find();
        if (!later) return;
        this.waiters.delete(look);
        clearTimeout(timer);
        resolve(later);
      };
      const timer = setTimeout(() => {
        this.waiters.delete(look);
        reject(new Error(`${what} did not come; heard ${this.bytes.length} bytes: ${JSON.stringify(this.bytes.subarray(0, 600).toString('latin1'))}`));
      }, ms);
      this.waiters.add(look);
    });
  }

  /** Writes; resolves when the kernel (or TLS) has it. What was written to a closed connection is nobody's error here. */
  write(bytes) {
    if (this.socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => this.socket.write(bytes, () => resolve()));
  }

  /** In pieces of `size` bytes, each a packet (and a TLS record) of its own. Stops when the server has ended the connection. */
  async writeSplit(bytes, size = 1) {
    const buffer = Buffer.from(bytes);
    for (let at = 0; at < buffer.length && !this.isOver; at += size) {
      await this.write(buffer.subarray(at, at + size));
      await new Promise(setImmediate); // the server's turn
    }
  }

  waitOver(ms) {
    return this.until(() => this.isOver, 'the end of the connection', ms);
  }

  /** `count` whole answers. */
  async answers(count, ms) {
    const look = () => {
      const { answers, rest } = parseAnswers(this.bytes.subarray(this.parsedTo));
      this.parsed.push(...answers);
      this.parsedTo = this.bytes.length - rest.length;
      return this.isOver || this.parsed.length >= count;
    };
    await this.until(look, `answer ${count}`, ms);
    return this.parsed;
  }

  destroy() {
    this.socket.destroy();
  }
}

/** HTTP answers that follow each other: {answers: [{status, headers, body}], rest}. To HEAD there is none here. */
export function parseAnswers(bytes) {
  const answers = [];
  let rest = bytes;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) break;
    const lines = rest.subarray(0, end).toString('latin1').split('\r\n');
    const status = Number(lines[0].match(/^HTTP\/1\.1 (\d{3}) /)?.[1]);
    const headers = new Map(lines.slice(1).map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
    const length = Number(headers.get('content-length') ?? 0);
    if (!status || rest.length < end + 4 + length) break;
    answers.push({ status, headers, body: rest.subarray(end + 4, end + 4 + length).toString() });
    rest = rest.subarray(end + 4 + length);
    if (status === 101) break;
  }
  return { answers, rest };
}

/** Sends a request and gives the answers until the server closes, or the first `count`. how: 'whole', 'split' or a piece size. */
export async function exchange(server, bytes, { how = 'whole', count } = {}) {
  const raw = await Raw.open(server);
  if (how === 'whole') await raw.write(bytes);
  else await raw.writeSplit(bytes, how === 'split' ? 1 : how);
  if (count) await raw.answers(count);
  else await raw.waitOver();
  const result = { ...parseAnswers(raw.bytes), isOver: raw.isOver, error: raw.error };
  raw.destroy();
  return result;
}

/** Logs in over a connection that is closed afterwards; gives the cookie. */
export async function enter(server, username, password = 'demo') {
  const body = JSON.stringify({ username, password });
  const head = `POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`;
  const [answer] = (await exchange(server, head + body)).answers;
  if (answer?.status !== 200) throw new Error(`login of ${username}: ${answer?.status} ${answer?.body}`);
  return answer.headers.get('set-cookie').split(';')[0];
}

// ---- WebSocket ----------------------------------------------------------------------------------------------------

export const WS_KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
export const WS_ACCEPT = createHash('sha1').update(`${WS_KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

/** The bytes of a handshake; `headers` replace or (null) remove, `more` are lines added as they are. */
export function handshake(path, headers = {}, more = '') {
  const all = {
    Host: 'localhost', Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Key': WS_KEY, 'Sec-WebSocket-Version': '13', ...headers,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== null).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}${more}\r\n`;
}

export const OP = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

/** A client's frame. `length` and `lengthBytes` (1, 2 or 8) may lie; `mask: null` sends it unmasked. */
export function frame(opcode, payload = '', { fin = true, rsv = 0, mask = [0x12, 0x34, 0x56, 0x78], length, lengthBytes } = {}) {
  const body = Buffer.from(payload);
  const said = BigInt(length ?? body.length);
  const form = lengthBytes ?? (said < 126n ? 1 : said < 65536n ? 2 : 8);
  const head = Buffer.alloc(2 + (form === 1 ? 0 : form));
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (mask ? 0x80 : 0) | (form === 1 ? Number(said) : form === 2 ? 126 : 127);
  if (form === 2) head.writeUInt16BE(Number(said), 2);
  if (form === 8) head.writeBigUInt64BE(said, 2);
  if (!mask) return Buffer.concat([head, body]);
  const masked = Buffer.from(body);
  for (let i = 0; i < masked.length; i++) masked[i] ^= mask[i & 3];
  return Buffer.concat([head, Buffer.from(mask), masked]);
}

export function closeFrame(code, reason = '') {
  const body = Buffer.alloc(2);
  body.writeUInt16BE(code);
  return frame(OP.close, Buffer.concat([body, Buffer.from(reason)]));
}

/** The server's frames: {frames: [{fin, rsv, opcode, payload}], rest}. */
export function parseFrames(bytes) {
  const frames = [];
  let rest = bytes;
  while (rest.length >= 2) {
    let length = rest[1] & 0x7f;
    let head = 2;
    if (rest[1] & 0x80) throw new Error('the server masked a frame');
    if (length === 126) {
      if (rest.length < 4) break;
      length = rest.readUInt16BE(2);
      head = 4;
    } else if (length === 127) {
      if (rest.length < 10) break;
      length = Number(rest.readBigUInt64BE(2));
      head = 10;
    }
    if (rest.length < head + length) break;
    frames.push({ fin: (rest[0] & 0x80) !== 0, rsv: (rest[0] >> 4) & 7, opcode: rest[0] & 15, payload: rest.subarray(head, head + length) });
    rest = rest.subarray(head + length);
  }
  return { frames, rest };
}

/** A raw connection that has shaken hands: what follows is frames. */
export class RawSocket {
  static async open(server, path, { headers = {}, more = '', ...options } = {}) {
    const raw = await Raw.open(server, options);
    await raw.write(handshake(path, headers, more));
    const [answer] = await raw.answers(1);
    if (answer?.status !== 101) {
      raw.destroy();
      throw Object.assign(new Error(`refused with ${answer?.status}`), { status: answer?.status, answer });
    }
    return new RawSocket(raw, answer);
  }

  constructor(raw, answer) {
    this.raw = raw;
    this.answer = answer;
    this.skip = raw.bytes.indexOf('\r\n\r\n') + 4; // what was looked at already
    this.parsed = [];
  }

  frames() {
    const { frames, rest } = parseFrames(this.raw.bytes.subarray(this.skip));
    this.parsed.push(...frames);
    this.skip = this.raw.bytes.length - rest.length;
    return this.parsed;
  }

  write(bytes, size) {
    return size ? this.raw.writeSplit(bytes, size) : this.raw.write(bytes);
  }

  /** The first frame that suits, heard already or later. */
  wait(suits, what = 'a frame', ms) {
    return this.raw.until(() => this.frames().find(suits) ?? (this.raw.isOver ? { isMissing: true } : null), what, ms).then((found) => {
      if (found.isMissing) throw new Error(`${what} did not come before the end; heard ${JSON.stringify(this.frames().slice(-3))}`);
      return found;
    });
  }

  /** Waits until the server has said goodbye; gives {code, reason}, code 1006 when it closed without a close frame, 1005 without a code. */
  async waitClose(ms) {
    await this.raw.until(() => this.raw.isOver || this.frames().some(({ opcode }) => opcode === OP.close), 'the close', ms);
    return this.closing();
  }

  closing() {
    const close = this.frames().find(({ opcode }) => opcode === OP.close);
    if (!close) return { code: 1006, reason: '' };
    return close.payload.length < 2 ? { code: 1005, reason: '' } : { code: close.payload.readUInt16BE(0), reason: close.payload.subarray(2).toString() };
  }

  destroy() {
    this.raw.destroy();
  }
}

// ---- the server afterwards ----------------------------------------------------------------------------------------

/** A gauge or counter of /metrics. */
export async function metric(server, name) {
  const { answers } = await exchange(server, 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  const line = answers[0].body.match(new RegExp(`^collabd_${name} (\\S+)$`, 'm'));
  if (!line) throw new Error(`no metric ${name} in ${answers[0].body.slice(0, 400)}`);
  return Number(line[1]);
}

/** Runs `job` over `items`, so many at a time. */
export async function inParallel(items, width, job) {
  const queue = [...items];
  const run = async () => {
    while (queue.length > 0) await job(queue.shift());
  };
  await Promise.all(Array.from({ length: width }, run));
}
