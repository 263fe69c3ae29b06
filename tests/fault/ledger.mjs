// The judge of fault tests: compares what clients were told with what is there afterwards. Pure: it is fed facts and gives a list of
// complaints, empty when every promise was kept. ledger.test.mjs proves that it can complain.

/**
 * @param {{id: string, entityType: string, entityId: string, version: number}[]} acked what clients were told is done
 * @param {Map<string, {id: string, version: number}[]>} histories by "type:id", each as stored, any order
 * @param {Map<string, number>} [records] the version each record shows
 */
export function judgeChanges(acked, histories, records = new Map()) {
  const complaints = [];
  for (const [room, changes] of histories) {
    const versions = changes.map((change) => change.version).sort((a, b) => a - b);
    versions.forEach((version, index) => {
      if (version !== index + 1) complaints.push(`${room}: version ${version} stands where ${index + 1} should`);
    });
    const shown = records.get(room);
    if (shown !== undefined && shown !== versions.length) complaints.push(`${room}: shows version ${shown}, its history has ${versions.length}`);
    const ids = changes.map((change) => change.id).filter(Boolean);
    const twice = ids.filter((id, index) => ids.indexOf(id) !== index);
    for (const id of new Set(twice)) complaints.push(`${room}: change ${id} was applied ${ids.filter((other) => other === id).length} times`);
  }
  for (const op of acked) {
    const found = (histories.get(`${op.entityType}:${op.entityId}`) ?? []).filter((change) => change.id === op.id);
    if (found.length === 0) complaints.push(`lost: ${op.id} on ${op.entityType}:${op.entityId} was acknowledged as version ${op.version}`);
    else if (found[0].version !== op.version) complaints.push(`${op.id} was acknowledged as version ${op.version} and is ${found[0].version}`);
  }
  return complaints;
}

/**
 * What one listener heard of one room across all its reconnects: consecutive, from the first position on, unless it was told to reload.
 * @param {({epoch: number, offset: number} | {resync: {epoch: number, offset: number}})[]} heard in the order it came
 * @param {{epoch: number, offset: number}} start the position of its first join
 */
export function judgeListener(heard, start) {
  const complaints = [];
  let place = start;
  for (const item of heard) {
    if (item.resync) {
      place = item.resync;
      continue;
    }
    if (item.epoch !== place.epoch) complaints.push(`epoch ${item.epoch} came without a reload, after ${place.epoch}`);
    else if (item.offset <= place.offset) complaints.push(`doubled or out of order: ${item.offset} after ${place.offset}`);
    else if (item.offset !== place.offset + 1) complaints.push(`lost: ${item.offset} came after ${place.offset}`);
    place = { epoch: item.epoch, offset: Math.max(item.offset, place.offset) };
  }
  return complaints;
}
