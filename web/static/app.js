// The first page: work orders, who is looking at them, and every change as it happens. Text from people goes into text nodes only.
import { api } from '/api.js';
import { Live } from '/live.js';

const TYPE = 'work_order';
const FEED = 'work-order-updates';
const PAGE = 50;
const TYPING_PAUSE_MS = 2000;

const $ = (id) => document.getElementById(id);
const element = (tag, props = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
};

/** Everything the page shows. */
const state = {
  me: null,
  type: null, // the type's description: fields and actions
  rows: new Map(), // id -> record, in the order of the list
  cursor: null,
  open: null, // the open record
  people: [], // in the open record's room
  everyone: [],
  typing: new Map(), // userId -> name
  places: new Map(), // `userId room` -> person: who is in which record, from the server-wide presence
};

const live = new Live({ onEvent, onStatus });

// ---- people ----

const COLOR = /^#[0-9a-f]{6}$/i;

function avatar(person) {
  const name = person.name || person.username;
  const initials = name.split(/\s+/).map((word) => word[0]).slice(0, 2).join('').toUpperCase();
  const what = person.action === 'editing' ? 'editing' : person.status === 'away' ? 'away' : 'viewing';
  const node = element('span', { className: `avatar ${what}`, title: `${name} (${what})`, textContent: initials });
  node.style.background = COLOR.test(person.color) ? person.color : '#cccccc';
  return node;
}

function showPeople(place, people) {
  place.replaceChildren(...people.map(avatar));
}

/** A presence message's effect on a list of people. */
function withPresence(people, payload) {
  const changed = payload.event === 'refresh' ? payload.users : [payload];
  const next = new Map(people.map((person) => [person.userId, person]));
  for (const person of changed) {
    if (payload.event === 'user_left') next.delete(person.userId);
    else next.set(person.userId, person);
  }
  return [...next.values()];
}

// ---- the list ----

function statusBadge(status) {
  const node = element('span', { className: 'status', textContent: String(status ?? '').replaceAll('_', ' ') });
  node.dataset.status = status;
  return node;
}

const peopleIn = (room) => [...state.places.values()].filter((person) => person.room === room);

function rowOf(record) {
  const row = element('tr', { tabIndex: 0 },
    element('td', { textContent: record.id }),
    element('td', { textContent: record.data[state.type.label] ?? '' }),
    element('td', {}, statusBadge(record.data.status)),
    element('td', {}, ...peopleIn(`${TYPE}:${record.id}`).map(avatar)));
  row.dataset.id = record.id;
  row.setAttribute('aria-selected', String(record.id === state.open?.id));
  return row;
}

function showList() {
  $('rows').replaceChildren(...[...state.rows.values()].map(rowOf));
  $('more').hidden = !state.cursor;
}

async function loadList(isMore = false) {
  const query = { limit: PAGE };
  const text = $('search').value.trim();
  if (text) query.q = text;
  if (isMore) query.cursor = state.cursor;
  const page = await api.list(TYPE, query);
  if (!isMore) state.rows.clear();
  for (const record of page.records) state.rows.set(record.id, record);
  state.cursor = page.next_cursor;
  showList();
}

// ---- the open record ----

function inputOf(field, value) {
  const isFixed = !field.writable;
  let input;
  if (field.kind === 'enum') {
    input = element('select', {}, ...field.values.map((text) => element('option', { value: text, textContent: text.replaceAll('_', ' ') })));
  } else {
    const kind = { number: 'number', integer: 'number', date: 'date', boolean: 'checkbox' }[field.kind] ?? 'text';
    input = element('input', { type: kind });
  }
  input.name = field.name;
  input.disabled = isFixed;
  setInput(input, value);
  return input;
}

function setInput(input, value) {
  if (input.type === 'checkbox') input.checked = Boolean(value);
  else input.value = input.type === 'date' ? String(value ?? '').slice(0, 10) : value ?? '';
}

function valueOf(input) {
  if (input.type === 'checkbox') return input.checked;
  if (input.type === 'number') return input.value === '' ? null : Number(input.value);
  return input.value === '' ? null : input.value;
}

function showRecord(isNew) {
  const record = state.open;
  $('nothing').hidden = Boolean(record);
  $('detail').hidden = !record;
  if (!record) return;
  $('title').textContent = `${record.id} ${record.data[state.type.label] ?? ''}`;
  $('version').textContent = `version ${record.version}`;
  const simple = state.type.fields.filter((field) => !['object', 'collection', 'json'].includes(field.kind));
  if (isNew) {
    $('fields').replaceChildren(...simple.map((field) =>
      element('label', {}, field.title.replaceAll('_', ' '), inputOf(field, record.data[field.name]))));
  }
  showActions(record);
  if (isNew) return;
  for (const field of simple) {
    const input = $('fields').elements[field.name];
    if (input && input !== document.activeElement) setInput(input, record.data[field.name]);
  }
}

/** An action is offered when the user may and the record's state allows it. */
function showActions(record) {
  const isPossible = (action) => Object.entries(action.when ?? {}).every(([field, values]) => values.includes(record.data[field]));
  $('actions').replaceChildren(...state.type.actions.filter((action) => action.allowed).map((action) =>
    element('button', {
      type: 'button', className: 'quiet', textContent: action.title ?? action.name, disabled: !isPossible(action), onclick: () => act(action.name),
    })));
}

async function showHistory() {
  const id = state.open.id;
  const { changes } = await api.history(TYPE, id);
  if (state.open?.id !== id) return;
  $('history').replaceChildren(...changes.map((change) => {
    const what = change.ops.map((op) => `${op.path.slice(1)}: ${JSON.stringify(op.before) ?? ''} → ${JSON.stringify(op.after) ?? ''}`).slice(0, 3).join(', ');
    return element('li', { textContent: `v${change.version} · ${change.username || 'system'} · ${change.action}${what ? ' · ' + what : ''}` });
  }));
}

function openRecord(id) {
  if (state.open) live.unsubscribe(`${TYPE}:${state.open.id}`);
  state.open = null;
  state.typing.clear();
  showTyping();
  history.replaceState(null, '', `#${encodeURIComponent(id)}`);
  live.subscribe(`${TYPE}:${id}`, { action: 'viewing', currentLocation: { page: 'work-orders', section: id } }, (answer, isFresh, error) => {
    if (error) return toast(error.message, 'bad');
    state.people = answer.presence;
    showPeople($('viewers'), state.people);
    if (!isFresh) return;
    if (!answer.record) return toast(`There is no ${id}.`, 'bad');
    state.open = answer.record;
    showRecord(true);
    for (const row of $('rows').children) row.setAttribute('aria-selected', String(row.dataset.id === id));
    showHistory().catch(failed);
  });
}

const failed = (error) => toast(error.message ?? String(error), 'bad');

async function act(action) {
  try {
    adopt(await api.act(TYPE, state.open.id, action));
  } catch (error) {
    failed(error);
  }
}

async function save(input) {
  if (!state.open) return;
  try {
    adopt(await api.patch(TYPE, state.open.id, { [input.name]: valueOf(input) }));
  } catch (error) {
    setInput(input, state.open.data[input.name]);
    failed(error);
  }
}

/** One's own change: the answer is the truth; the event of it comes to this tab too, and finds nothing left to do. */
function adopt(record) {
  if (state.rows.has(record.id)) state.rows.set(record.id, record);
  if (state.open?.id === record.id && record.version >= state.open.version) {
    state.open = record;
    showRecord(false);
    showHistory().catch(failed);
  }
  showList();
}

// ---- what happens elsewhere ----

function onEvent(message) {
  const { type, channel, payload } = message;
  const isOpenRoom = state.open && channel === `${TYPE}:${state.open.id}`;
  if (type === 'presence' && channel === 'user-presence') {
    if (payload.room) return showPlace(payload);
    state.everyone = withPresence(state.everyone, payload);
    showPeople($('everyone'), state.everyone);
  } else if (type === 'presence' && isOpenRoom) {
    state.people = withPresence(state.people, payload);
    showPeople($('viewers'), state.people);
  } else if (type === 'typing' && isOpenRoom) {
    if (payload.typing) state.typing.set(payload.userId, `${payload.username} is editing ${payload.field.replaceAll('_', ' ')}…`);
    else state.typing.delete(payload.userId);
    showTyping();
  } else if (type === 'update' && channel === FEED) {
    changed(payload);
  } else if (type === 'notification') {
    toast(`${payload.title}: ${payload.message}`, 'alert');
  }
}

function showPlace(person) {
  const key = `${person.userId} ${person.room}`;
  if (person.event === 'user_left' || person.status === 'offline') state.places.delete(key);
  else state.places.set(key, person);
  const row = [...$('rows').children].find((candidate) => `${TYPE}:${candidate.dataset.id}` === person.room);
  row?.lastElementChild.replaceChildren(...peopleIn(person.room).map(avatar));
}

function showTyping() {
  $('typing').textContent = [...state.typing.values()].join(' ');
}

function applyOps(record, payload) {
  const data = { ...record.data };
  for (const op of payload.ops) {
    const steps = op.path.slice(1).split('/');
    if (steps.length > 1) return null; // deeper than this page knows: load it again
    if (op.after === null || op.after === undefined) delete data[steps[0]];
    else data[steps[0]] = op.after;
  }
  return { ...record, data, version: payload.version };
}

function changed(payload) {
  const known = state.rows.get(payload.entityId);
  if (payload.action === 'create' || payload.action === 'delete' || (known && payload.version > known.version + 1)) {
    loadList().catch(failed);
  } else if (known && payload.version === known.version + 1) {
    const next = applyOps(known, payload);
    if (next) state.rows.set(next.id, next);
    showList();
  }
  const row = [...$('rows').children].find((candidate) => candidate.dataset.id === payload.entityId);
  if (payload.userId !== state.me.id) toast(`${payload.username}: ${payload.action} ${payload.entityId}`);
  row?.classList.add('flash');
  if (state.open?.id !== payload.entityId || payload.version <= state.open.version) return;
  const next = payload.version === state.open.version + 1 ? applyOps(state.open, payload) : null;
  if (!next) return openRecord(payload.entityId);
  state.open = next;
  showRecord(false);
  showHistory().catch(failed);
}

function toast(text, kind = '') {
  const node = element('div', { className: `toast ${kind}`, textContent: text });
  $('toasts').append(node);
  setTimeout(() => node.remove(), 5000);
}

const STATUS_TEXT = { open: 'Live', waiting: 'Reconnecting…', closed: 'Offline' };

function onStatus(status, code) {
  const node = $('connection');
  node.hidden = false;
  node.textContent = STATUS_TEXT[status];
  node.className = `connection ${status}`;
  if (status === 'closed' && (code === 4401 || code === 4440)) showLogin();
}

// ---- logging in and out ----

function showLogin() {
  live.close();
  state.me = null;
  $('login').hidden = false;
  $('workspace').hidden = true;
  $('logout').hidden = true;
  $('connection').hidden = true;
  $('me').textContent = '';
  $('everyone').replaceChildren();
  $('username').focus();
}

async function start(user) {
  state.me = { ...user, id: String(user.id) };
  $('login').hidden = true;
  $('workspace').hidden = false;
  $('logout').hidden = false;
  $('me').textContent = user.name;
  state.type = (await api.types()).types.find((type) => type.name === TYPE);
  live.open();
  live.subscribe('user-presence', { currentLocation: { page: 'work-orders' } }, (answer) => {
    state.everyone = answer?.presence ?? [];
    state.places = new Map((answer?.places ?? []).map((person) => [`${person.userId} ${person.room}`, person]));
    showPeople($('everyone'), state.everyone);
    showList();
  });
  live.subscribe(FEED, { present: false }, (answer, isFresh) => isFresh && loadList().catch(failed));
  live.subscribe('notifications', { present: false });
  if (location.hash.length > 1) openRecord(decodeURIComponent(location.hash.slice(1)));
}

$('login').addEventListener('submit', async (event) => {
  event.preventDefault();
  $('login-error').textContent = '';
  try {
    const { user } = await api.login($('username').value, $('password').value);
    $('password').value = '';
    await start(user);
  } catch (error) {
    $('login-error').textContent = error.message;
  }
});
$('logout').addEventListener('click', () => api.logout().then(showLogin, failed));
$('rows').addEventListener('click', (event) => openRecord(event.target.closest('tr').dataset.id));
$('rows').addEventListener('keydown', (event) => event.key === 'Enter' && openRecord(event.target.closest('tr').dataset.id));
$('more').addEventListener('click', () => loadList(true).catch(failed));
let searching;
$('search').addEventListener('input', () => {
  clearTimeout(searching);
  searching = setTimeout(() => loadList().catch(failed), 250);
});

const room = () => state.open && `${TYPE}:${state.open.id}`;
let typingStop;
$('fields').addEventListener('submit', (event) => event.preventDefault());
$('fields').addEventListener('focusin', () => live.send({ type: 'presence', channel: room(), payload: { action: 'editing' } }));
$('fields').addEventListener('focusout', () => live.send({ type: 'presence', channel: room(), payload: { action: 'viewing' } }));
$('fields').addEventListener('input', (event) => {
  const field = event.target.name;
  live.send({ type: 'typing', channel: room(), payload: { field, typing: true } });
  clearTimeout(typingStop);
  typingStop = setTimeout(() => live.send({ type: 'typing', channel: room(), payload: { field, typing: false } }), TYPING_PAUSE_MS);
});
$('fields').addEventListener('change', (event) => save(event.target));

api.me().then(({ user }) => start(user), showLogin);
