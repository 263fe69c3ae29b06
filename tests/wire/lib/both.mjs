// The server twice, over plain TCP and over TLS, each with a client that must notice nothing of what a test does to it.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before } from 'node:test';
import { enter, makeCertificate } from '../../lib/raw.mjs';
import { Client, startServer } from '../../lib/server.mjs';

/** For the whole file: filled by kind, `plain` and `tls`, before its first test; ended, and looked at, after its last. */
export function serveBoth({ env } = {}) {
  const both = { servers: {}, cookies: {}, healthy: {} };
  const certificate = makeCertificate();

  before(async () => {
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // for the clients that are not ours
    for (const [kind, args] of [['plain', []], ['tls', certificate.args]]) {
      const server = (both.servers[kind] = await startServer({ args: ['--workers', '2', ...args], env }));
      both.cookies[kind] = await enter(server, 'akhan');
      both.healthy[kind] = await Client.open(server, '/ws', { cookie: both.cookies[kind] });
    }
  });

  after(async () => {
    for (const [kind, server] of Object.entries(both.servers)) {
      both.healthy[kind]?.close();
      const { code } = await server.stop();
      assert.equal(code, 0, server.log);
      assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
    }
    rmSync(certificate.folder, { recursive: true });
  });

  return both;
}
