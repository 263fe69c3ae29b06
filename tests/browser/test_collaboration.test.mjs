// The collaboration tester in two windows, from connecting to leaving: what a person would go through by hand.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openWindow, startBrowser } from '../lib/browser.mjs';
import { startServer } from '../lib/server.mjs';

let server;
let browser;
let another; // somebody else's browser
before(async () => {
  server = await startServer({ args: ['--workers', '2'], env: { COLLABD_PRESENCE_GRACE_MS: '50' } });
  [browser, another] = await Promise.all([startBrowser(), startBrowser()]);
});
after(async () => {
  await Promise.all([browser?.close(), another?.close()]);
  await server?.stop();
});

/** Opens the page in a tab of `context`, or in a window of its own, of this or another browser. */
async function openPage(context, from = browser) {
  const page = context ? await context.newPage() : await openWindow(from);
  page.complaints ??= [];
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && page.complaints.push(message.text()));
  await page.goto(`${server.base}/test-collaboration.html`);
  return page;
}

async function connect(page, username, transport = 'auto') {
  await page.fill('#username', username);
  await page.selectOption('#transport', transport);
  await page.click('#connect');
  await page.waitForSelector('#status.open');
}

async function join(page) {
  await page.click('#join');
  await logged(page, 'room_joined', 'Joined room!');
}

/** Waits for a line in the log and gives it. */
async function logged(page, event, text) {
  const line = page.locator(`#log li[data-event="${event}"]`, { hasText: text }).first();
  await line.waitFor();
  return line.textContent();
}

const listed = (page) => page.$$eval('#users li', (lines) => lines.map(({ dataset }) => [dataset.user, dataset.color]).sort());

/** The colour of somebody's avatar, as it is on the screen. */
const painted = (page, user) => page.locator(`#users li[data-user=${user}] .avatar`).evaluate((element) =>
  `#${getComputedStyle(element).backgroundColor.match(/\d+/g).map((part) => Number(part).toString(16).padStart(2, '0')).join('')}`.toUpperCase());

const whenListed = (page, names) => page.waitForFunction((wanted) => {
  const there = [...document.querySelectorAll('#users li')].map(({ dataset }) => dataset.user).sort();
  return JSON.stringify(there) === JSON.stringify(wanted);
}, [...names].sort());

for (const transport of ['auto', 'websocket', 'polling']) {
  describe(`transport ${transport}`, () => {
    test('two people connect, join, see each other, move and change things, and one leaves', async () => {
      // connecting
      const amir = await openPage();
      assert.equal(await amir.textContent('#status'), 'Disconnected');
      await connect(amir, 'akhan', transport);
      assert.equal(await amir.textContent('#status'), 'Connected');
      assert.match(await amir.textContent('#socket-id'), /^[\w-]{20,}$/);
      await logged(amir, 'connection_established', 'akhan');
      const travels = transport === 'auto' ? 'websocket' : transport;
      await amir.waitForFunction((wanted) => document.querySelector('#transport-used').textContent === wanted, travels);

      // joining
      await join(amir);
      await whenListed(amir, ['akhan']);
      const avatar = amir.locator('#users li[data-user=akhan] .avatar');
      assert.equal(await avatar.textContent(), 'AK');
      assert.match(await avatar.evaluate((element) => getComputedStyle(element).backgroundColor), /^rgb\(/);

      // a second tab of the same browser is somebody else; so is a window of another browser
      const maria = await (transport === 'auto' ? openPage(null, another) : openPage(amir.context()));
      await connect(maria, 'mgarcia', transport);
      await join(maria);
      for (const page of [amir, maria]) await whenListed(page, ['akhan', 'mgarcia']);
      const seen = await listed(amir);
      assert.deepEqual(await listed(maria), seen);
      assert.notEqual(seen[0][1], seen[1][1]);
      for (const page of [amir, maria])
        for (const [user, color] of seen) assert.equal(await painted(page, user), color);
      assert.equal(await amir.textContent('#user-count'), '2');
      await logged(amir, 'user_joined', 'mgarcia joined');
      assert.notEqual(await amir.textContent('#socket-id'), await maria.textContent('#socket-id'));

      // events
      await amir.click('#cursor');
      await logged(maria, 'cursor_updated', 'Cursor of akhan: row SKU-0001');
      await maria.waitForFunction(() => document.querySelector('#users li[data-user=akhan] .where').textContent.includes('SKU-0001'));
      await maria.click('#update');
      const mine = await logged(maria, 'update_sent', 'of SKU-0001 is');
      const theirs = await logged(amir, 'inventory_changed', 'mgarcia changed qty_ordered_jason of SKU-0001');
      assert.ok(theirs.endsWith(`to ${mine.match(/is (\d+) now/)[1]}`), `${theirs} / ${mine}`);
      await amir.click('#presence');
      await logged(amir, 'presence_update', '2 user(s) in inventory_management');

      // leaving, and coming back
      assert.deepEqual(maria.complaints, []);
      await maria.close();
      await logged(amir, 'user_left', 'mgarcia left');
      await whenListed(amir, ['akhan']);
      const again = await openPage(amir.context());
      await connect(again, 'mgarcia', transport);
      await join(again);
      for (const page of [amir, again]) await whenListed(page, ['akhan', 'mgarcia']);

      await amir.click('#leave');
      await whenListed(again, ['mgarcia']);
      await amir.click('#disconnect');
      assert.equal(await amir.textContent('#status'), 'Disconnected');
      await connect(amir, 'akhan', transport);
      await amir.click('#join');
      for (const page of [amir, again]) await whenListed(page, ['akhan', 'mgarcia']);
      await amir.click('#disconnect');
      await whenListed(again, ['mgarcia']);
      for (const page of [amir, again]) assert.deepEqual(page.complaints, []);
      await amir.context().close();
    });
  });
}

test('a wrong password is said in the log, and nothing is connected', async () => {
  const page = await openPage();
  await page.fill('#password', 'wrong');
  await page.click('#connect');
  await logged(page, 'error', 'Login failed');
  assert.equal(await page.textContent('#status'), 'Disconnected');
  await page.context().close();
});

test('the page needs no script of its own in the document, and nothing from other servers', async () => {
  const page = await openWindow(browser);
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).origin));
  await page.goto(`${server.base}/test-collaboration.html`);
  assert.equal(await page.locator('script:not([src]), [onclick], [style]').count(), 0);
  assert.deepEqual([...new Set(asked)], [server.base]);
  await page.context().close();
});
