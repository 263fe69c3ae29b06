// A WebSocket that remembers what it heard, for JSON dialects.
import { WebSocket } from 'ws';

// Resolves when it is open; rejects with { status } when the handshake was refused.
export function openSocket(client, path, { headers = {} } = {}) {
  return new Promise((resolve, reject) => {
    const socket = new Socket(new WebSocket(client.server.wsUrl + path, { headers: { ...client.headers, ...headers } }));
    socket.ws.once('open', () => resolve(socket));
    socket.ws.once('unexpected-response', (request, response) => {
      request.destroy();
      reject(Object.assign(new Error(`refused with ${response.statusCode}`), { status: response.statusCode }));
    });
    socket.ws.on('error', reject);
  });
}

class Socket {
  constructor(ws) {
    this.ws = ws;
    this.heard = [];
    this.wanted = [];
    this.serial = 0;
    this.closed = new Promise((resolve) => ws.once('close', (code, reason) => resolve({ code, reason: String(reason) })));
    ws.on('message', (data) => {
      this.heard.push(JSON.parse(data));
      for (const look of this.wanted.splice(0)) look();
    });
    this.closed.then(() => {
      this.isOver = true;
      for (const look of this.wanted.splice(0)) look();
    });
  }

  say(message) {
    this.ws.send(JSON.stringify(message));
  }

  // Takes the first message that suits out of what was heard, waiting for it if need be.
  hear(suits) {
    return new Promise((resolve, reject) => {
      const look = () => {
        const index = this.heard.findIndex(suits);
        if (index >= 0) resolve(this.heard.splice(index, 1)[0]);
        else if (this.isOver) reject(new Error('the socket was closed'));
        else this.wanted.push(look);
      };
      look();
    });
  }

  hearType(type) {
    return this.hear((message) => message.type === type);
  }

  // In the native dialect: says it with a message id and gives the answer.
  ask(message) {
    const messageId = `m${++this.serial}`;
    this.say({ ...message, messageId });
    return this.hear((answer) => answer.replyTo === messageId);
  }

  close() {
    this.ws.close();
    return this.closed;
  }
}
