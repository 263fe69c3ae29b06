// The judge must be able to say no: each kind of broken promise turns it red.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeChanges, judgeListener } from './ledger.mjs';

const op = (id, version, entityId = 'WO-1') => ({ id, version, entityType: 'work_order', entityId });
const history = (...changes) => new Map([['work_order:WO-1', changes.map(([id, version]) => ({ id, version }))]]);

test('a kept ledger has no complaints', () => {
  assert.deepEqual(judgeChanges([op('a', 2), op('b', 3)], history(['', 1], ['a', 2], ['b', 3]), new Map([['work_order:WO-1', 3]])), []);
});
test('an acknowledged change that is not there is lost', () => {
  assert.match(judgeChanges([op('a', 2)], history(['', 1]))[0], /lost: a/);
});
test('a change that was applied twice is found', () => {
  assert.match(judgeChanges([op('a', 2)], history(['', 1], ['a', 2], ['a', 3])).join(), /applied 2 times/);
});
test('a gap in the versions is found', () => {
  assert.match(judgeChanges([], history(['', 1], ['a', 3])).join(), /version 3 stands where 2 should/);
});
test('an acknowledgement with another version than the stored one is found', () => {
  assert.match(judgeChanges([op('a', 3)], history(['', 1], ['a', 2])).join(), /acknowledged as version 3 and is 2/);
});
test('a record that is behind its history is found', () => {
  assert.match(judgeChanges([], history(['', 1], ['a', 2]), new Map([['work_order:WO-1', 1]])).join(), /shows version 1/);
});

const at = (offset, epoch = 7) => ({ epoch, offset });
test('consecutive events have no complaints', () => assert.deepEqual(judgeListener([at(4), at(5)], at(3)), []));
test('a missed event is found', () => assert.match(judgeListener([at(4), at(6)], at(3))[0], /lost/));
test('a doubled event is found', () => assert.match(judgeListener([at(4), at(4)], at(3))[0], /doubled/));
test('a reordered event is found', () => assert.notDeepEqual(judgeListener([at(5), at(4)], at(3)), []));
test('a new epoch without being told is found', () => assert.match(judgeListener([at(1, 8)], at(3))[0], /epoch 8/));
test('being told to reload is no complaint', () => assert.deepEqual(judgeListener([{ resync: at(9, 8) }, at(10, 8)], at(3)), []));
