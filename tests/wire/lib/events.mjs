// A reader of Server-Sent Events that shows what a browser's EventSource hides: ids, comments, the answer's head.
import assert from 'node:assert/strict';

export async function openEvents(client, path, headers = {}) {
  const abort = new AbortController();
  const response = await fetch(client.server.url + path, {
    headers: { accept: 'text/event-stream', ...client.headers, ...headers },
    signal: abort.signal,
  });
  if (response.status !== 200) {
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: JSON.parse(text) };
  }
  return new Events(response, abort);
}

class Events {
  constructor(response, abort) {
    this.status = response.status;
    this.headers = response.headers;
    this.abort = abort;
    this.lastId = '';
    this.unread = []; // events that nobody has asked for yet
    this.comments = [];
    this.wanted = []; // those who wait
    this.isOver = false;
    this.#read(response.body);
  }

  async #read(body) {
    let rest = '';
    const decoder = new TextDecoder();
    try {
      for await (const bytes of body) {
        rest += decoder.decode(bytes, { stream: true });
        for (let end; (end = rest.indexOf('\n\n')) >= 0; rest = rest.slice(end + 2)) this.#hear(rest.slice(0, end));
      }
    } catch {
      // closed by us, or cut
    }
    this.isOver = true;
    this.#wake();
  }

  #hear(block) {
    const event = { name: 'message', id: undefined, data: [] };
    for (const line of block.split('\n')) {
      const [, field, value] = /^([a-z]*): ?([^]*)$/.exec(line) ?? assert.fail(`not a line of an event: ${line}`);
      if (field === '') this.comments.push(value);
      else if (field === 'data') event.data.push(value);
      else if (field === 'event') event.name = value;
      else if (field === 'id') event.id = value;
      else assert.fail(`an unknown field: ${line}`);
    }
    if (event.data.length > 0) {
      if (event.id !== undefined) this.lastId = event.id;
      this.unread.push({ name: event.name, id: event.id, data: JSON.parse(event.data.join('\n')) });
    }
    this.#wake();
  }

  #wake() {
    for (const look of this.wanted.splice(0)) look();
  }

  #until(find) {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = find();
        if (found !== undefined) resolve(found);
        else if (this.isOver) reject(new Error('the stream ended'));
        else this.wanted.push(look);
      };
      look();
    });
  }

  // The next event, of whatever kind.
  next() {
    return this.#until(() => this.unread.shift());
  }

  // The next one of this name; what comes before it is dropped.
  async named(name) {
    for (;;) {
      const event = await this.next();
      if (event.name === name) return event;
    }
  }

  comment() {
    return this.#until(() => this.comments.shift());
  }

  // Until the server has ended it.
  over() {
    return this.#until(() => (this.isOver ? true : undefined));
  }

  close() {
    this.abort.abort();
  }
}
