// REST, as docs/protocol/rest.md describes it. Every function rejects with {code, message, field, status}.

async function request(method, path, body, headers = {}) {
  const answer = await fetch(path, {
    method,
    headers: body === undefined ? headers : { 'Content-Type': 'application/json', ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const json = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) throw { status: answer.status, code: 'failed', message: `The server answered ${answer.status}.`, ...json?.error };
  return json;
}

const at = (...parts) => '/api/v1/' + parts.map(encodeURIComponent).join('/');

export const api = {
  me: () => request('GET', at('me')),
  login: (username, password) => request('POST', at('login'), { username, password }),
  logout: () => request('POST', at('logout'), {}),
  types: () => request('GET', at('types')),
  list: (type, query) => request('GET', `${at('records', type)}?${new URLSearchParams(query)}`),
  history: (type, id) => request('GET', `${at('records', type, id, 'history')}?limit=20`),
  patch: (type, id, fields) => request('PATCH', at('records', type, id), fields, { 'Idempotency-Key': crypto.randomUUID() }),
  act: (type, id, action) => request('POST', at('records', type, id, 'actions', action), {}, { 'Idempotency-Key': crypto.randomUUID() }),
};
