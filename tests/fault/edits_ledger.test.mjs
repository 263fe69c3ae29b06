// The judge of edits must be able to say no: a ledger in which every promise was kept, and then one broken promise at a time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeEdits } from './edits_ledger.mjs';

const ROOM = 'deal:D-1';
const EPOCH = 7;
const set = (path, before, after, more = {}) => ({ operation: 'update', path, before, after, ...more });
const row = (id, pos, what) => ({ id, pos, what });

/** Five changes, a lock and a conflict that was settled: what everybody was told, what is kept, what was heard. */
function kept() {
  const changes = [
    { id: 'made', version: 1, action: 'create', ops: [set('/name', null, 'One'), set('/count', null, 0)] },
    { id: 'a-1', version: 2, ops: [set('/stage', null, 'mine'), { operation: 'insert', path: '/rows/@r', before: null, after: row('r', 'V', 'row a-1') }] },
    { id: 'b-1', version: 3, base_version: 1, ops: [set('/stage', 'mine', 'hers')], superseded: [{ path: '/stage', value: 'mine', by_version: 3 }] },
    { id: 'b-2', version: 4, ops: [set('/notes', null, 'word <b-2>', { op: 'txt', value: ['word <b-2>'] }), set('/count', 0, 3, { op: 'inc', n: 3 }), { operation: 'move', path: '/rows/@r', before: 'V', after: 'Z' }] },
    { id: 'a-3', version: 5, ops: [set('/keeper', null, 'kept')] },
    { id: 'a-5', version: 6, resolves: 'CF-1', ops: [set('/terms', null, 'both')] },
  ];
  const events = [
    { offset: 2, type: 'update', userId: '3', payload: changes[1] },
    { offset: 3, type: 'update', userId: '5', payload: changes[2] },
    { offset: 4, type: 'update', userId: '5', payload: changes[3] },
    { offset: 5, type: 'lock', userId: '3', payload: { event: 'acquired', path: '/keeper', token: 41, lockedBy: '3' } },
    { offset: 6, type: 'update', userId: '3', payload: changes[4] },
    { offset: 7, type: 'lock', userId: '3', payload: { event: 'released', path: '/keeper', token: 41, lockedBy: '3' } },
    { offset: 8, type: 'conflict', userId: '3', payload: { event: 'opened', id: 'CF-1' } },
    { offset: 9, type: 'update', userId: '3', payload: changes[5] },
  ].map((event) => ({ epoch: EPOCH, ...event }));
  const done = (id, version, offset, wants = [], more = {}) => ({ id, entityId: 'D-1', wants, told: { verdict: 'applied', version, position: { epoch: EPOCH, offset } }, ...more });
  const asked = [
    done('a-1', 2, 2, [{ path: '/stage', value: 'mine' }, { path: '/rows/@r', value: 'row a-1' }]),
    done('b-1', 3, 3, [{ path: '/stage', value: 'hers' }]),
    done('b-2', 4, 4, [{ path: '/notes', value: '<b-2>' }, { path: '/count' }]),
    done('a-3', 5, 6, [{ path: '/keeper', value: 'kept' }], { fence: 41 }),
    { id: 'a-4', entityId: 'D-1', wants: [{ path: '/terms', value: 'waits' }], told: { verdict: 'conflict', version: 5, position: { epoch: EPOCH, offset: 8 }, conflictId: 'CF-1' } },
    { id: 'a-5', entityId: 'D-1', settles: 'CF-1', resolution: 'merged', wants: [{ path: '/terms', value: 'both' }], told: { version: 6, position: { epoch: EPOCH, offset: 9 } } },
    { id: 'b-3', entityId: 'D-1', wants: [{ path: '/keeper', value: 'late' }], fence: 40, told: { code: 'lock_lost' } },
    { id: 'b-4', entityId: 'D-1', wants: [], told: { verdict: 'merged', version: 4, position: { epoch: EPOCH, offset: 4 } } },
  ];
  const record = { version: 6, data: { name: 'One', count: 3, stage: 'hers', notes: 'word <b-2>', rows: [row('r', 'Z', 'row a-1')], keeper: 'kept', terms: 'both' } };
  const conflicts = [{ id: 'CF-1', state: 'resolved', resolution: 'merged', base_version: 5, fields: [{ path: '/terms', base: null, mine: 'waits', theirs: null }], local_change: { id: 'a-4', ops: [set('/terms', null, 'waits')] } }];
  const activity = [...changes.map(({ version }) => ({ id: `f${version}`, version, action: 'updated' })), { id: 'f8', action: 'conflict_opened' }];
  const pasts = [{ version: 2, data: { name: 'One', count: 0, stage: 'mine', rows: [row('r', 'V', 'row a-1')] } }];
  const start = { position: { epoch: EPOCH, offset: 1 }, record: { version: 1, data: { name: 'One', count: 0 } } };
  return { asked, rooms: new Map([[ROOM, { record, changes, conflicts, activity, pasts }]]), watchers: [{ heard: new Map([[ROOM, events]]), starts: new Map([[ROOM, start]]) }] };
}

/** One promise is broken: a copy of the ledger, its parts by name. */
function complaintsAfter(breakIt) {
  const facts = structuredClone(kept());
  const room = facts.rooms.get(ROOM);
  const find = (id) => facts.asked.find((item) => item.id === id);
  breakIt({ facts, ...room, room, find, heard: facts.watchers[0].heard.get(ROOM) });
  return judgeEdits(facts).join('\n');
}

test('a kept ledger has no complaints', () => assert.equal(complaintsAfter(() => {}), ''));

/** The record is taken away at the end, and made anew as it was first. */
function takeAway({ changes, record, heard, facts, pasts, activity }) {
  changes.push({ id: 'a-6', version: 7, action: 'delete', undo_of: 1, ops: [] });
  changes.push({ id: 'a-7', version: 8, action: 'create', restored: 1, ops: [set('/name', null, 'One'), set('/count', null, 0)] });
  [10, 11].forEach((offset, index) => {
    heard.push({ epoch: EPOCH, offset, type: 'update', userId: '3', payload: changes[6 + index] });
    facts.asked.push({ id: changes[6 + index].id, entityId: 'D-1', wants: [], told: { verdict: 'applied', version: 7 + index, position: { epoch: EPOCH, offset } } });
  });
  activity.push({ id: 'f7', version: 7, action: 'deleted' }, { id: 'f9', version: 8, action: 'created' });
  pasts.push({ version: 7, data: null });
  Object.assign(record, { version: 8, data: { name: 'One', count: 0 } });
}

test('a record that was taken away and came back has no complaints', () => assert.equal(complaintsAfter(takeAway), ''));

test('who hung up, asked again and was refused may have been heard the first time', () => {
  const cut = (item) => Object.assign(item, { wasCut: true, told: { code: 'locked' } });
  assert.equal(complaintsAfter(({ find }) => cut(find('a-3'))), '');
  assert.equal(complaintsAfter(({ find }) => cut(find('a-4'))), '');
  assert.equal(complaintsAfter(({ find }) => cut(find('a-5'))), '');
});

const BROKEN = {
  'an acknowledged change that is not in the history': [({ find }) => (find('b-2').id = 'other'), /lost: other/],
  'one that is there twice': [({ changes, record }) => { changes.push({ id: 'b-2', version: 7, ops: [] }); record.version = 7; }, /b-2 was applied 2 times/],
  'one with another version than was told': [({ find }) => (find('b-2').told.version = 3), /told version 3 and is 4/],
  'a gap in the versions': [({ changes }) => changes.splice(3, 1), /version 5 stands where 4 should/],
  'a change that nobody was told of': [({ facts }) => facts.asked.splice(2, 1), /version 4 \(b-2\) was told to nobody/],
  'a refused change that was done all the same': [({ find }) => (find('a-3').told = { code: 'locked' }), /refused with locked and is version 5/],
  'a refusal without a reason': [({ find }) => (find('b-3').told.code = 'internal'), /refused with internal/],
  'a value that is not in its change': [({ find }) => (find('b-1').wants[0].value = 'theirs'), /"theirs" is neither in version 3/],
  'a value that was overwritten unseen and not kept': [({ changes }) => (changes[2].superseded = []), /lost: deal:D-1\/stage "mine" of version 2 was overwritten by version 3/],
  'one that was taken away unseen and not kept': [({ changes }) => Object.assign(changes[2], { ops: [{ operation: 'delete', path: '/stage', before: 'mine', after: null }], superseded: [] }), /lost: deal:D-1\/stage "mine" of version 2 was overwritten by version 3/],
  'a conflict that is gone': [({ conflicts }) => conflicts.splice(0, 1), /became conflict CF-1, which is not there/],
  'a conflict that keeps another change': [({ conflicts }) => (conflicts[0].local_change.id = 'b-9'), /keeps another change, b-9/],
  'a conflict that has lost the value': [({ conflicts }) => (conflicts[0].local_change.ops = []), /"waits" is not in conflict/],
  'a parked change that was done': [({ changes, record }) => { changes.push({ id: 'a-4', version: 7, ops: [] }); record.version = 7; }, /was parked and is version 7/],
  'a settled conflict that is open': [({ conflicts }) => (conflicts[0].state = 'open'), /settled conflict CF-1, which is open/],
  'one that was settled otherwise': [({ conflicts }) => (conflicts[0].resolution = 'remote'), /as merged, it is remote/],
  'one that was settled by two': [({ facts, find }) => facts.asked.push({ ...find('a-5'), id: 'b-5' }), /settled by a-5 and b-5/],
  'one that was settled without a change': [({ changes }) => delete changes[5].resolves, /no change did it/],
  'one that was settled twice': [({ changes, record }) => { changes.push({ id: 'x', version: 7, resolves: 'CF-1', ops: [] }); record.version = 7; }, /was settled 2 times/],
  'a conflict that nobody was told of': [({ conflicts }) => conflicts.push({ id: 'CF-2', state: 'open' }), /CF-2 was told to nobody/],
  'a state that is not what the history makes': [({ record }) => (record.data.count = 4), /its history makes/],
  'a past that is not what the history makes': [({ pasts }) => (pasts[0].data.stage = 'hers'), /version 2 reads as/],
  'an operation on what was not there': [({ changes }) => (changes[2].ops[0].before = 'else'), /the operation says "else"/],
  'a record that came back with what it had before': [(all) => { takeAway(all); all.record.data.stage = 'hers'; }, /its history makes/],
  'a record that was taken away and can be read as of then': [(all) => { takeAway(all); all.pasts[1].data = {}; }, /version 7 reads as/],
  'one that was taken away twice': [(all) => { takeAway(all); all.changes[7] = { ...all.changes[6], id: 'a-7', version: 8 }; }, /taken away where it was not/],
  'a change that is missing in the feed': [({ activity }) => activity.splice(2, 1), /version 3 is not in its place of the feed, where 4 is/],
  'one that is there twice in the feed': [({ activity }) => activity.push(activity[5]), /the feed tells of 7 changes, 6 were made/],
  'one that is there under the name of somebody else': [({ activity }) => (activity[3].user_id = 9), /version 4 is of user 9/],
  'a line of the feed that says nothing': [({ activity }) => (activity[6].action = ''), /line f8 of the feed does not say/],
  'an item in the wrong place': [({ record }) => (record.data.rows[0].pos = 'V'), /its history makes/],
  'a record behind its history': [({ record }) => (record.version = 5), /shows version 5/],
  'an event that was not heard': [({ heard }) => heard.splice(2, 1), /lost: 5 came after 3/],
  'an event that was heard twice': [({ heard }) => heard.splice(2, 0, heard[1]), /doubled/],
  'an answer with the place of another event': [({ find }) => (find('b-1').told.position.offset = 2), /was told place 2, where update a-1 was heard/],
  'a listener who is not where the server is': [({ heard }) => (heard[1].payload = { ...heard[1].payload, ops: [set('/stage', 'mine', 'his')] }), /who listened has/],
  'an edit of a text that does not make the text': [({ heard }) => (heard[2].payload.ops[0].value = ['word']), /the edit makes "word"/],
  'a sum that is wrong': [({ heard }) => (heard[2].payload.ops[1].n = 2), /0 and 2 is not 3/],
  'a settled conflict of which nobody was told': [({ find }) => (find('a-5').told = { code: 'locked' }), /CF-1 is settled, and nobody was told so/],
  'a reload that nobody should need': [({ heard }) => heard.unshift({ resync: { epoch: EPOCH, offset: 1 } }), /was not there any more/],
  'a write with an older token than the newest': [({ find }) => (find('a-3').fence = 40), /written with token 40 after 41/],
  'a write without the lock': [({ heard }) => (heard[3].payload.event = 'renewed'), /nobody held the lock/],
  "a write under somebody else's lock": [({ heard }) => (heard[3].payload.lockedBy = '5'), /while user 5 held the lock/],
  'a token that was given twice': [({ heard }) => (heard[5].payload.event = 'acquired'), /token 41 was given after 41/],
};

for (const [what, [breakIt, complaint]] of Object.entries(BROKEN)) test(`${what} is found`, () => assert.match(complaintsAfter(breakIt), complaint));
