// ShareDB as it comes: json0, the database in memory, a WebSocket per client. One document, "records"/"one", is there from
// the start. Prints where it listens.
import { WebSocketServer } from 'ws';
import ShareDB from 'sharedb';
import WebSocketJSONStream from '@teamwork/websocket-json-stream';

const backend = new ShareDB();
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });

server.on('connection', (socket) => backend.listen(new WebSocketJSONStream(socket)));
backend.connect().get('records', 'one').create({ title: 'One', work_center: 'Cell 1' }, (error) => {
  if (error) throw error;
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
