// What tests about records on `/ws` say over and over.
import assert from 'node:assert/strict';
import { assertAck, events, hear } from './people.mjs';

export const about = (room) => {
  const [entityType, entityId] = room.split(':');
  return { entityType, entityId };
};

/** Asks with a payload about the record whose room it is; `type` is the message's. */
export const say = (window, type, room, payload = {}) => window.ask({ type, payload: { ...about(room), ...payload } });
export const update = (window, room, payload) => say(window, 'update', room, payload);
export const set = (window, room, path, after, more = {}) => update(window, room, { operation: 'update', path, after, ...more });
export const sync = async (window, room) => assertAck(await say(window, 'sync', room)).record;
export const read = async (window, room, path) => (await sync(window, room)).data[path];

let serial = 0;
/** A record of the test's own, made by `who`; gives its room. */
export async function make(people, type, fields, who = 'akhan') {
  const answer = await people.rest(who, 'POST', `/api/v1/records/${type}`, fields);
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return `${type}:${answer.body.id}`;
}
export const newOrder = (people, fields = {}) => make(people, 'work_order', { title: `Order ${++serial}`, ...fields });

/** Everything about the record before this has been heard when it resolves: one more change came after it. */
export async function settleRecord(room, writer, ...listeners) {
  const { version } = assertAck(await update(writer, room, { patch: { description: `settled ${++serial} ${Math.random()}` } }));
  const { entityId } = about(room);
  await Promise.all(listeners.map((listener) => hear(listener, 'update', (payload) => payload.version === version && payload.entityId === entityId)));
  return version;
}

/** The payloads of what was heard of a type in a room. */
export const heard = (window, type, room) => events(window, type, (payload, message) => message.channel === room).map(({ payload }) => payload);
