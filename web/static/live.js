// A connection to /ws that comes back by itself and misses nothing: it keeps each room's last position and resumes from there.
// The wire is described in docs/protocol/native.md.

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15000;
/** Closed for good: logged out, revoked or not allowed. Coming back by itself would not help. */
const FINAL_CODES = new Set([4401, 4403, 4440]);

export class Live {
  #socket = null;
  #rooms = new Map(); // name -> {position, onState, presence}
  #waiting = new Map(); // messageId -> {resolve, reject}
  #serial = 0;
  #delay = FIRST_DELAY_MS;
  #timer = null;
  #wanted = false;

  /**
   * @param {{onEvent: (message: object) => void, onStatus: (status: 'open' | 'waiting' | 'closed', code?: number) => void}} handlers
   */
  constructor(handlers) {
    this.handlers = handlers;
  }

  open() {
    this.#wanted = true;
    this.#dial();
  }

  close() {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#rooms.clear();
    this.#socket?.close(1000);
    this.#socket = null;
  }

  /** Listens to a room. `onState` gets the acknowledgement now, and again after each reconnect that could not resume. */
  subscribe(channel, presence, onState) {
    this.#rooms.set(channel, { position: null, presence, onState });
    if (this.#isOpen()) this.#join(channel);
  }

  unsubscribe(channel) {
    if (this.#rooms.delete(channel) && this.#isOpen()) this.send({ type: 'unsubscribe', channel });
  }

  /** Sends without an answer; dropped while the connection is away (presence, typing and cursors are worth nothing later). */
  send(message) {
    if (this.#isOpen()) this.#socket.send(JSON.stringify(message));
  }

  /** Sends and gives the answer's payload; rejects with {code, message, field}. */
  ask(message) {
    return new Promise((resolve, reject) => {
      if (!this.#isOpen()) return reject({ code: 'offline', message: 'Not connected.' });
      const messageId = `m${++this.#serial}`;
      this.#waiting.set(messageId, { resolve, reject });
      this.#socket.send(JSON.stringify({ ...message, messageId }));
    });
  }

  #isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  #dial() {
    const url = new URL('/ws', location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.onopen = () => {
      this.#delay = FIRST_DELAY_MS;
      this.handlers.onStatus('open');
      for (const channel of this.#rooms.keys()) this.#join(channel);
    };
    socket.onmessage = (event) => this.#hear(JSON.parse(event.data));
    socket.onclose = (event) => this.#closed(event.code);
  }

  #closed(code) {
    for (const { reject } of this.#waiting.values()) reject({ code: 'offline', message: 'The connection was lost.' });
    this.#waiting.clear();
    if (!this.#wanted || FINAL_CODES.has(code)) return this.handlers.onStatus('closed', code);
    this.handlers.onStatus('waiting', code);
    this.#timer = setTimeout(() => this.#dial(), this.#delay * (0.5 + Math.random() / 2));
    this.#delay = Math.min(this.#delay * 2, LONGEST_DELAY_MS);
  }

  async #join(channel) {
    const room = this.#rooms.get(channel);
    try {
      const state = await this.ask({ type: 'subscribe', channel, payload: { ...room.presence, ...room.position } });
      if (this.#rooms.get(channel) !== room) return;
      const isFirst = !room.position;
      if (isFirst || state.resync) room.position = state.position;
      room.onState?.(state, isFirst || state.resync);
    } catch (error) {
      if (error.code !== 'offline') room.onState?.(null, true, error);
    }
  }

  #hear(message) {
    const waiting = this.#waiting.get(message.replyTo);
    if (waiting) {
      this.#waiting.delete(message.replyTo);
      if (message.type === 'error') waiting.reject(message.payload);
      else waiting.resolve(message.payload);
      return;
    }
    const room = this.#rooms.get(message.channel);
    if (message.offset && room) room.position = { epoch: message.epoch, offset: message.offset };
    this.handlers.onEvent(message);
  }
}
