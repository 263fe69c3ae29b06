// A relay on npm's ws: the path is the room, a message goes to everybody else in it. Prints where it listens.
import { WebSocketServer, WebSocket } from 'ws';

const rooms = new Map();
const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  backlog: 4096,
  perMessageDeflate: false,
  clientTracking: false,
});

server.on('connection', (socket, request) => {
  const name = request.url;
  if (!rooms.has(name)) rooms.set(name, new Set());
  const room = rooms.get(name);
  room.add(socket);
  socket.on('message', (data, binary) => {
    for (const member of room) {
      if (member !== socket && member.readyState === WebSocket.OPEN) member.send(data, { binary });
    }
  });
  socket.on('close', () => {
    room.delete(socket);
    if (room.size === 0) rooms.delete(name);
  });
  socket.on('error', () => {});
});
server.on('listening', () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
