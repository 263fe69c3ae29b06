// The judge of edits must be able to say no about records that go and come back, too: a ledger in which every promise was kept, and
// then one broken promise at a time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeEdits } from './edits_ledger.mjs';

const ROOM = 'deal:D-2';
const OTHER = 'deal:D-3';
const EPOCH = 7;
const set = (path, before, after) => ({ operation: 'update', path, before, after });
const made = (...ops) => [set('/name', null, 'Two'), ...ops];

/** It is taken away five times and comes back in every way; what is said of each change beside its operations. */
function history() {
  return [
    { id: 'made', user_id: 3, action: 'create', ops: made() },
    { id: 'a-1', user_id: 3, action: 'update', ops: [set('/stage', null, 'first')] },
    { id: 'a-2', user_id: 2, action: 'delete', ops: [] },
    { id: 'a-3', user_id: 2, action: 'create', undo_of: 3, ops: made(set('/stage', null, 'first')) },
    { id: 'a-4', user_id: 2, action: 'delete', ops: [] },
    { id: 'm-1', user_id: 5, action: 'create', ops: made(set('/plan', null, 'anew')) },
    { id: 'b-1', user_id: 3, action: 'update', base_version: 2, ops: [], superseded: [{ path: '/stage', value: 'late', by_version: 5 }] },
    { id: 'm-2', user_id: 5, action: 'delete', undo_of: 6, ops: [] },
    { id: 'r-1', user_id: 2, action: 'create', restored: 2, ops: made(set('/stage', null, 'first')) },
    { id: 'p-1', user_id: 3, action: 'update', ops: [set('/plan', null, 'patched')] },
    { id: 'q.1', user_id: 2, action: 'delete', ops: [] },
    { id: 'q.2', user_id: 2, action: 'create', ops: made(set('/plan', null, 'queued')) },
    { id: 'q.3', user_id: 2, action: 'update', base_version: 10, ops: [set('/plan', 'queued', 'goes on')] },
    { id: 's-1', user_id: 3, action: 'update', resolves: 'CF-1', ops: [set('/stage', null, 'besides'), set('/plan', 'goes on', 'both')] },
  ].map((change, index) => ({ version: index + 1, ...change }));
}

/** Another record, which was made and taken away eight times. */
function restless() {
  return Array.from({ length: 16 }, (_, index) => ({ id: `n-${index}`, version: index + 1, user_id: 3, action: index % 2 ? 'delete' : 'create', ops: index % 2 ? [] : made() }));
}

/** What each was told; of what is done the place is that of its event. */
function answers() {
  const done = (id, version, more = {}) => ({ id, entityId: 'D-2', wants: [], ...more, told: { verdict: 'applied', version, position: { epoch: EPOCH, offset: version }, ...more.told } });
  return [
    done('a-1', 2, { wants: [{ path: '/stage', value: 'first' }] }),
    done('a-2', 3, { type: 'delete', takesAway: true }),
    done('a-3', 4, { type: 'undo' }),
    done('a-4', 5, { type: 'delete', takesAway: true, http: {}, told: { version: undefined, position: undefined } }),
    done('m-1', 6, { type: 'make', makes: true, wants: [{ path: '/plan', value: 'anew' }] }),
    done('b-1', 7, { wants: [{ path: '/stage', value: 'late' }], told: { verdict: 'merged' } }),
    done('m-2', 8, { type: 'undo' }),
    done('r-1', 9, { type: 'restore', restores: 2 }),
    done('r-2', 9, { type: 'restore', restores: 4 }), // it was so already
    done('p-1', 10, { type: 'patch', ifMatch: 9, wants: [{ path: '/plan', value: 'patched' }] }),
    done('q.1', 11, { type: 'delete', takesAway: true, source: 'q' }),
    done('q.2', 12, { type: 'make', makes: true, source: 'q', wants: [{ path: '/plan', value: 'queued' }] }),
    done('q.3', 13, { source: 'q', followsOwn: 'q.2', wants: [{ path: '/plan', value: 'goes on' }] }),
    done('c-1', 13, { wants: [{ path: '/plan', value: 'waits' }, { path: '/stage', value: 'besides' }], told: { verdict: 'conflict', conflictId: 'CF-1', position: { epoch: EPOCH, offset: 14 } } }),
    done('g-1', undefined, { assigns: 'CF-1', assignee: '5', told: { position: { epoch: EPOCH, offset: 15 } } }),
    done('g-2', undefined, { assigns: 'CF-1', assignee: '3', told: { position: { epoch: EPOCH, offset: 16 } } }),
    done('s-1', 14, { settles: 'CF-1', resolution: 'merged', wants: [{ path: '/plan', value: 'both' }], told: { position: { epoch: EPOCH, offset: 17 } } }),
    { id: 'e-1', entityId: 'D-2', type: 'make', makes: true, wants: [], told: { code: 'already_exists' } },
    { id: 'e-2', entityId: 'D-2', type: 'patch', ifMatch: 3, wants: [], told: { code: 'precondition_failed' } },
    { id: 'e-3', entityId: 'D-2', type: 'delete', takesAway: true, mayNot: true, wants: [], told: { code: 'forbidden' } },
    ...restless().slice(1).map(({ id, version }) => ({ id, entityId: 'D-3', wants: [], told: { verdict: 'applied', version } })),
    { id: 'e-4', entityId: 'D-3', hasSeen: 1, wants: [], told: { code: 'bad_before' } }, // eight times deleted since
  ];
}

function kept() {
  const changes = history();
  const update = (change, offset) => ({ epoch: EPOCH, offset, type: 'update', userId: String(change.user_id), payload: change });
  const conflictEvents = [14, 15, 16].map((offset) => ({ epoch: EPOCH, offset, type: 'conflict', payload: {} }));
  const heard = [...changes.slice(1, 13).map((change) => update(change, change.version)), ...conflictEvents, update(changes[13], 17)];
  const conflicts = [{ id: 'CF-1', state: 'resolved', resolution: 'merged', base_version: 10, assigned_to: 3, fields: [{ path: '/plan', base: 'patched', mine: 'waits', theirs: 'goes on' }], local_change: { id: 'c-1', ops: [set('/plan', 'patched', 'waits'), set('/stage', 'first', 'besides')] } }];
  const record = { version: 14, data: { name: 'Two', plan: 'both', stage: 'besides' } };
  const pasts = [{ version: 4, data: { name: 'Two', stage: 'first' } }, { version: 8, data: null }];
  const start = { position: { epoch: EPOCH, offset: 1 }, record: { version: 1, data: { name: 'Two' } } };
  const other = { record: { version: 16, data: null }, changes: restless(), conflicts: [], pasts: [] };
  const heardThere = other.changes.slice(1).map((change) => update(change, change.version));
  return { asked: answers(), rooms: new Map([[ROOM, { record, changes, conflicts, pasts }], [OTHER, other]]), watchers: [{ heard: new Map([[ROOM, heard], [OTHER, heardThere]]), starts: new Map([[ROOM, start], [OTHER, structuredClone(start)]]) }] };
}

function complaintsAfter(breakIt) {
  const facts = structuredClone(kept());
  const room = facts.rooms.get(ROOM);
  const find = (id) => facts.asked.find((item) => item.id === id);
  breakIt({ facts, ...room, find, heard: facts.watchers[0].heard.get(ROOM) });
  for (const room of facts.rooms.values()) room.activity = room.changes.map(({ version, user_id, action }) => ({ id: `f${version}`, version, user_id, action: action ?? 'update' }));
  return judgeEdits(facts).join('\n');
}

test('a kept ledger of a record that goes and comes back has no complaints', () => assert.equal(complaintsAfter(() => {}), ''));

test('who hung up, asked again and was refused may have assigned it all the same', () =>
  assert.equal(complaintsAfter(({ find, conflicts }) => { Object.assign(find('g-2'), { wasCut: true, told: { code: 'conflict' } }); conflicts[0].assigned_to = 3; }), ''));

const lock = (userId) => ({ epoch: EPOCH, offset: 2.5, type: 'lock', userId, payload: { event: 'acquired', path: '/keeper', token: 5, lockedBy: userId } });
const BROKEN = {
  'a deletion that was told and never done': [({ find }) => (find('a-2').id = 'z-1'), /lost: z-1 \(delete\) .* no change did it/],
  'a deletion that was something else': [({ changes }) => (changes[4].action = 'update'), /a-4 .*was to delete the record and is update/],
  'a making that was something else': [({ changes }) => (changes[5].action = 'update'), /m-1 .*was to create the record and is update/],
  'an undo that was told and never done': [({ find }) => (find('a-3').id = 'z-2'), /lost: z-2 \(undo\) .* no change did it/],
  'an undo that takes nothing back': [({ changes }) => delete changes[3].undo_of, /a-3 .*takes nothing back/],
  'what was done by somebody who may not': [({ find }) => (find('a-2').mayNot = true), /a-2 .*who may not/],
  'what was to be done only on a version that was not there any more': [({ find }) => (find('p-1').ifMatch = 8), /only on version 8 and was done on 9/],
  'a deletion that was taken back to something else': [({ changes, pasts }) => { changes[3].ops[1].after = 'second'; pasts.shift(); }, /takes a deletion back and makes/],
  'a making that was taken back with the work of somebody else': [({ changes }) => (changes[6].ops = [set('/stage', null, 'late')]), /lost: .* and with it version 7 of user 3/],
  'a making that was taken back, of a record that is there': [({ changes }) => (changes[7].action = 'update'), /takes back that the record was made, and it is there/],
  'what was done to an earlier record and is taken back of this one': [({ changes }) => (changes[9].undo_of = 2), /takes back version 2, which was of a record that is gone/],
  'an old version that came back as something else': [({ find }) => (find('r-1').restores = 6), /r-1 .*version 6 was to come back/],
  'one that was to be there already': [({ find }) => (find('r-2').restores = 6), /r-2 .*version 6 was to come back/],
  'a change of a record that is gone': [({ changes }) => (changes[8].action = 'update'), /version 9: it was changed where it was not/],
  'a record that was made twice': [({ changes }) => (changes[9].action = 'create'), /version 10: it was made where it was/],
  'a value that lost, of which nobody was told': [({ find }) => (find('b-1').told.verdict = 'applied'), /was told to be applied, and "late" lost/],
  'a value that was meant for the old record and is nowhere': [({ changes }) => (changes[6].superseded = []), /"late" is neither in version 7/],
  'what gave way to a deletion of its own author': [({ changes }) => { changes[12].ops = []; changes[12].superseded = [{ path: '/plan', value: 'goes on', by_version: 11 }]; }, /q\.3 .*\/plan gave way to the deletion before/],
  'a value of the new record that was overwritten unseen': [({ changes, find }) => { delete find('q.3').source; }, /lost: .*\/plan "queued" of version 12 was overwritten by version 13/],
  'a conflict that shows another base than there was': [({ conflicts }) => (conflicts[0].fields[0].base = null), /shows null as \/plan of version 10, which was "patched"/],
  'a conflict that does not show what was wanted': [({ conflicts }) => (conflicts[0].fields[0].mine = null), /lost: .*shows null as what was wanted of \/plan/],
  'a conflict that hides what waits besides': [({ conflicts }) => (conflicts[0].local_change.ops[1].after = null), /"besides" is not in conflict CF-1/],
  'what nobody disputed of it and was not done': [({ changes }) => changes[13].ops.shift(), /"besides" is not in version 14/],
  'what waited, was decided for and was not done': [({ find, conflicts }) => { find('s-1').resolution = conflicts[0].resolution = 'local'; }, /"waits" is not in version 14/],
  'a deletion whose version was not told on a socket': [({ find }) => (find('a-2').told.version = undefined), /a-2 .*told version undefined and is 3/],
  'a conflict that is assigned to somebody else': [({ conflicts }) => (conflicts[0].assigned_to = 5), /assigned to 5, the last one said 3/],
  'a making that was refused where nobody made anything': [({ find }) => delete find('e-1').makes, /e-1 .*refused with already_exists/],
  'a version that was refused where nobody asked for one': [({ find }) => delete find('e-2').ifMatch, /e-2 .*refused with precondition_failed/],
  'a value that was seen and is said never to have been': [({ find }) => (find('e-4').hasSeen = 2), /e-4 .*refused with bad_before/],
  'one that was seen with its version': [({ find }) => delete find('e-4').hasSeen, /e-4 .*refused with bad_before/],
  'a deletion that was refused to who may': [({ find }) => (find('e-3').mayNot = false), /e-3 .*refused with forbidden/],
  "a record that was taken away under somebody else's lock": [({ heard }) => heard.splice(1, 0, lock('3')), /took the record away while user 3 held the lock/],
};

for (const [what, [breakIt, complaint]] of Object.entries(BROKEN)) test(`${what} is found`, () => assert.match(complaintsAfter(breakIt), complaint));
