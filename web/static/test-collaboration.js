// The tester for the inventory vocabulary: connect, join, move the cursor, change a value, and see what the others do.
// A tab is one person: it logs in for a token of its own and shows that to the socket, so another tab can be somebody else.

const find = (id) => document.getElementById(id);
const users = new Map(); // user_id -> what is known of him
let socket = null;
let me = null;
let room = null;

// ---- the log ----

function log(event, text, mood = '') {
  const line = document.createElement('li');
  const time = document.createElement('time');
  const now = new Date();
  line.dataset.event = event;
  time.dateTime = now.toISOString();
  time.textContent = now.toLocaleTimeString();
  const words = document.createElement('span');
  words.textContent = text;
  words.className = mood;
  line.append(time, words);
  find('log').prepend(line);
  while (find('log').childElementCount > 500) find('log').lastElementChild.remove();
}

const show = (value) => (value === null || value === undefined ? 'nothing' : typeof value === 'object' ? JSON.stringify(value) : String(value));

// ---- who is here ----

/** Colours come from other people: nothing but #RRGGBB gets into a style. */
const colorOf = (user) => (/^#[0-9a-f]{6}$/i.test(user.color ?? '') ? user.color : '#c0c8d0');

const initials = (name) => [...(name || '?')].slice(0, 2).join('').toUpperCase();

function place(user) {
  const where = [];
  if (user.editing_row) where.push(`row ${user.editing_row}`);
  if (user.cursor_position) where.push(`cursor ${show(user.cursor_position)}`);
  return where.join(', ');
}

function showUsers() {
  find('user-count').textContent = users.size;
  find('users').replaceChildren(...[...users.values()].map((user) => {
    const line = document.createElement('li');
    line.dataset.user = user.username;
    line.dataset.color = colorOf(user);
    const avatar = document.createElement('span');
    avatar.className = 'avatar';
    avatar.style.backgroundColor = colorOf(user);
    avatar.textContent = initials(user.username);
    const name = document.createElement('span');
    name.textContent = user.username + (user.user_id === me?.user_id ? ' (you)' : '');
    const where = document.createElement('span');
    where.className = 'where';
    where.textContent = place(user);
    line.append(avatar, name, where);
    return line;
  }));
}

function know(user) {
  users.set(user.user_id, { ...users.get(user.user_id), ...user });
  showUsers();
}

function knowAll(list) {
  users.clear();
  for (const user of list) users.set(user.user_id, user);
  showUsers();
}

// ---- the connection ----

function showState(state, text) {
  find('status').className = `connection ${state}`;
  find('status').textContent = text;
  const isOpen = state === 'open';
  find('connect').disabled = socket !== null;
  find('disconnect').disabled = socket === null;
  for (const id of ['join', 'presence']) find(id).disabled = !isOpen;
  for (const id of ['leave', 'cursor', 'update']) find(id).disabled = !isOpen || room === null;
  find('socket-id').textContent = isOpen ? socket.id : 'none';
  find('transport-used').textContent = isOpen ? socket.io.engine.transport.name : 'none';
}

async function post(path, body) {
  const answer = await fetch(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  const json = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(json?.error?.message ?? `The server answered ${answer.status}.`);
  return json;
}

async function tokenFor(username, password) {
  await post('/api/v1/login', { username, password });
  const { token } = await post('/api/v1/token', {});
  return token;
}

const transports = { auto: ['polling', 'websocket'], websocket: ['websocket'], polling: ['polling'] };

function connect() {
  if (typeof globalThis.io !== 'function') {
    log('error', 'The Socket.IO client is missing: run "make web".', 'bad');
    return;
  }
  const username = find('username').value.trim();
  const password = find('password').value;
  room = null;
  socket = globalThis.io({
    path: '/ws/socket.io/',
    transports: transports[find('transport').value],
    forceNew: true,
    // asked anew for every connection: a token may have expired meanwhile
    auth: (give) => tokenFor(username, password).then((token) => give({ token }), (error) => {
      log('error', `Login failed: ${error.message}`, 'bad');
      disconnect();
    }),
  });
  listen(socket);
  showState('waiting', 'Connecting');
  log('connecting', `Connecting as ${username}`);
}

function disconnect() {
  socket?.disconnect();
  socket = null;
  room = null;
  knowAll([]);
  showState('closed', 'Disconnected');
}

function listen(its) {
  its.on('connect', () => {
    showState('open', 'Connected');
    log('connect', `Connected with socket ID ${its.id}`, 'good');
    its.io.engine.on('upgrade', () => its === socket && showState('open', 'Connected'));
    if (room !== null) join(room); // back after a break: where we were
  });
  its.on('disconnect', (reason) => {
    if (its !== socket) return;
    showState('waiting', its.active ? 'Reconnecting' : 'Disconnected');
    log('disconnect', `Disconnected: ${reason}`, 'bad');
    if (!its.active) disconnect();
  });
  its.on('connect_error', (error) => {
    log('connect_error', `Connection failed: ${error.message}`, 'bad');
    if (!its.active && its === socket) disconnect();
  });
  its.on('connection_established', (hello) => {
    me = hello;
    find('me').textContent = `${hello.username} (${hello.user_id})`;
    log('connection_established', `Server says hello to ${hello.username}`);
  });
  its.on('room_joined', (joined) => {
    room = joined.room;
    knowAll(joined.users);
    showState('open', 'Connected');
    log('room_joined', `Joined room! ${joined.room} has ${joined.users.length} user(s)`, 'good');
  });
  its.on('user_joined', (user) => {
    know(user);
    log('user_joined', `${user.username} joined`);
  });
  its.on('user_left', (user) => {
    users.delete(user.user_id);
    showUsers();
    log('user_left', `${user.username} left`);
  });
  its.on('cursor_updated', (user) => {
    know(user);
    log('cursor_updated', `Cursor of ${user.username}: ${place(user) || 'nowhere'}`);
  });
  its.on('inventory_changed', (change) => {
    for (const one of change.changes ?? [change])
      log('inventory_changed', `${change.username} changed ${one.field} of ${change.sku}: ${show(one.old_value)} to ${show(one.new_value)}`);
  });
  its.on('presence_update', (now) => {
    knowAll(now.users);
    log('presence_update', `${now.count} user(s) in ${now.room}: ${now.users.map((user) => user.username).join(', ')}`);
  });
  its.on('error', ({ error }) => log('error', `${error?.code}: ${error?.message}`, 'bad'));
}

// ---- what one can do ----

function ask(name, payload, then) {
  socket.emit(name, payload, (answer) => {
    if (answer?.error) log('error', `${name}: ${answer.error.message}${answer.error.field ? ` (${answer.error.field})` : ''}`, 'bad');
    else then?.(answer);
  });
}

const join = (name) => ask('join_inventory_room', { room: name });

function leave() {
  ask('leave_inventory_room', { room }, () => {
    log('left', `Left room ${room}`);
    room = null;
    knowAll([]);
    showState('open', 'Connected');
  });
}

function moveCursor() {
  const cursor = { x: Math.floor(Math.random() * 800), y: Math.floor(Math.random() * 600) };
  const row = find('sku').value.trim() || null;
  ask('update_cursor', { room, cursor_position: cursor, editing_row: row }, () => {
    if (me) know({ user_id: me.user_id, username: me.username, cursor_position: cursor, editing_row: row });
    log('cursor_sent', `Your cursor: ${show(cursor)}${row ? `, row ${row}` : ''}`);
  });
}

function change() {
  const field = find('field').value;
  const amount = Math.floor(Math.random() * 1000);
  const update = {
    room, sku: find('sku').value.trim(), field, update_type: 'edit', id: crypto.randomUUID?.() ?? String(Math.random()),
    new_value: field.startsWith('qty') ? amount : `Test ${amount}`,
  };
  ask('inventory_update', update, ({ version }) => log('update_sent', `${update.field} of ${update.sku} is ${update.new_value} now (version ${version})`, 'good'));
}

find('connection-form').addEventListener('submit', (event) => {
  event.preventDefault();
  connect();
});
find('disconnect').addEventListener('click', () => {
  disconnect();
  log('disconnect', 'Disconnected');
});
find('join').addEventListener('click', () => join(find('room').value.trim()));
find('leave').addEventListener('click', leave);
find('presence').addEventListener('click', () => ask('request_presence', { room: find('room').value.trim() }));
find('cursor').addEventListener('click', moveCursor);
find('update').addEventListener('click', change);
find('clear-log').addEventListener('click', () => find('log').replaceChildren());
