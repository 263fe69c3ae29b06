// People on Socket.IO, with the client that they really use; each keeps what he heard.
import { io } from 'socket.io-client';
import { eventually, tokenOf } from '../../lib/server.mjs';

export const TRANSPORTS = { websocket: ['websocket'], polling: ['polling'], upgrade: ['polling', 'websocket'] };

export class Socket {
  constructor(server, token, { transports = TRANSPORTS.websocket, path = '/socket.io/', namespace = '/', ...options } = {}) {
    this.heard = []; // {name, args}
    this.io = io(server.base + namespace, { path, transports, auth: token ? { token } : {}, forceNew: true, reconnection: false, ...options });
    this.io.onAny((name, ...args) => this.heard.push({ name, args }));
    this.io.on('connect', () => this.heard.push({ name: '(connect)', args: [] }));
    this.io.on('disconnect', (reason) => this.heard.push({ name: '(disconnect)', args: [reason] }));
    this.io.on('connect_error', (error) => this.heard.push({ name: '(connect_error)', args: [error] }));
  }

  static async open(server, username, options = {}) {
    const socket = new Socket(server, username ? await tokenOf(server, username) : null, options);
    await socket.hear('(connect)');
    return socket;
  }

  /** The first argument of the first such event. */
  async hear(name, predicate = () => true) {
    const found = await eventually(() => this.heard.find((event) => event.name === name && predicate(...event.args)),
      `${name} among ${JSON.stringify(this.heard.slice(-8))}`);
    return found.args[0];
  }

  all(name, predicate = () => true) {
    return this.heard.filter((event) => event.name === name && predicate(...event.args)).map(({ args }) => args[0]);
  }

  /** Asks for an acknowledgement and gives it. */
  ask(name, ...args) {
    return this.io.timeout(10000).emitWithAck(name, ...args);
  }

  emit(name, ...args) {
    this.io.emit(name, ...args);
  }

  close() {
    this.io.disconnect();
  }
}
