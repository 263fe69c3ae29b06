// Two people in two windows: they see each other, and what one does appears at the other's.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openWindow, startBrowser } from '../lib/browser.mjs';
import { startServer } from '../lib/server.mjs';

let server;
let browser;
before(async () => {
  server = await startServer();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function logIn(username) {
  const page = await openWindow(browser);
  await page.goto(server.base);
  await page.fill('#username', username);
  await page.fill('#password', 'demo');
  await page.click('#login button');
  await page.waitForSelector('#connection.open');
  assert.equal(await page.isVisible('#login'), false);
  return page;
}

const openOrder = async (page, id) => {
  await page.click(`tr[data-id="${id}"]`);
  await page.waitForFunction((wanted) => document.querySelector('#title').textContent.startsWith(wanted), id);
};

test('a wrong password is told in a sentence', async () => {
  const page = await openWindow(browser);
  await page.goto(server.base);
  await page.waitForSelector('#login', { state: 'visible' });
  assert.equal(await page.isVisible('#workspace'), false);
  await page.fill('#username', 'akhan');
  await page.fill('#password', 'wrong');
  await page.click('#login button');
  await page.waitForFunction(() => document.querySelector('#login-error').textContent.includes('wrong'));
  await page.context().close();
});

test('two people on one work order see each other, and each other\'s changes', async () => {
  const amir = await logIn('akhan');
  const maria = await logIn('mgarcia');
  await openOrder(amir, 'WO-1002');
  await openOrder(maria, 'WO-1002');

  await amir.waitForSelector('#viewers .avatar[title^="Maria Garcia"]');
  await maria.waitForSelector('#viewers .avatar[title^="Amir Khan"]');

  // and in the list, too
  await maria.waitForSelector('tr[data-id="WO-1002"] .avatar[title^="Amir Khan"]');

  // whoever opens the page now sees who is where already
  const late = await logIn('lchen');
  await late.waitForSelector('tr[data-id="WO-1002"] .avatar[title^="Amir Khan"]');
  await late.waitForSelector('tr[data-id="WO-1002"] .avatar[title^="Maria Garcia"]');
  await late.context().close();

  // Amir goes into a field: Maria sees that he edits, and what he types
  await amir.focus('#fields [name=work_center]');
  await maria.waitForSelector('#viewers .avatar.editing[title^="Amir Khan"]');
  await amir.fill('#fields [name=work_center]', 'Cell 7');
  await maria.waitForFunction(() => document.querySelector('#typing').textContent.includes('akhan is editing work center'));
  await amir.press('#fields [name=work_center]', 'Tab');
  await maria.waitForFunction(() => document.querySelector('#fields').elements.work_center.value === 'Cell 7');

  // Maria sets the status: Amir's form, list and history follow
  await maria.selectOption('#fields [name=status]', 'on_hold');
  await amir.waitForFunction(() => document.querySelector('#fields').elements.status.value === 'on_hold');
  await amir.waitForSelector('tr[data-id="WO-1002"] .status[data-status=on_hold]');
  await amir.waitForFunction(() => document.querySelector('#history').textContent.includes('mgarcia'));
  await amir.waitForSelector('.toast');
  if (process.env.SCREENSHOTS) {
    await amir.evaluate(() => scrollTo(0, 0));
    await amir.screenshot({ path: `${process.env.SCREENSHOTS}/first-page-amir.png` });
    await maria.screenshot({ path: `${process.env.SCREENSHOTS}/first-page-maria.png` });
  }

  // An action is a change too
  await amir.click('#actions button:text-is("Start")');
  await maria.waitForFunction(() => document.querySelector('#fields').elements.status.value === 'in_progress');

  // Leaving the record is seen at once
  await maria.click('tr[data-id="WO-1003"]');
  await amir.waitForSelector('#viewers .avatar[title^="Maria Garcia"]', { state: 'detached' });
  assert.deepEqual([...amir.complaints, ...maria.complaints], []);
  await amir.context().close();
  await maria.context().close();
});

test('a viewer may look and cannot change', async () => {
  const page = await logIn('lchen');
  await openOrder(page, 'WO-1004');
  assert.equal(await page.isDisabled('#fields [name=status]'), true);
  assert.equal(await page.locator('#actions button').count(), 0);
  await page.context().close();
});

test('after a server restart the page comes back by itself and shows what happened since', async () => {
  const page = await logIn('akhan');
  await openOrder(page, 'WO-1005');
  await page.evaluate(() => fetch('/api/v1/records/work_order/WO-1005', { method: 'PATCH', headers: { 'Content-Type': 'application/json' }, body: '{"notes":"before"}' }));
  await page.waitForFunction(() => document.querySelector('#fields').elements.notes.value === 'before');
  const { folder, port } = server;
  await server.stop('SIGKILL');
  await page.waitForSelector('#connection.waiting');
  server = await startServer({ data: folder, port });
  await page.waitForSelector('#connection.open', { timeout: 30000 });
  await page.evaluate(() => fetch('/api/v1/records/work_order/WO-1005', { method: 'PATCH', headers: { 'Content-Type': 'application/json' }, body: '{"notes":"after"}' }));
  await page.waitForFunction(() => document.querySelector('#fields').elements.notes.value === 'after');
  await page.context().close();
  const stop = server.stop;
  server.stop = async () => {
    await stop();
    server.remove();
  };
});

test('markup in a record is text on the page', async () => {
  const page = await logIn('akhan');
  const text = '<img src=x onerror="window.__xss=1"><svg/onload=window.__xss=1>';
  await page.evaluate((title) => fetch('/api/v1/records/work_order/WO-1006', { method: 'PATCH', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ title }) }), text);
  await page.waitForFunction((wanted) => document.querySelector('tr[data-id="WO-1006"]')?.textContent.includes(wanted), text);
  await openOrder(page, 'WO-1006');
  assert.equal(await page.evaluate(() => window.__xss), undefined);
  await page.context().close();
});
