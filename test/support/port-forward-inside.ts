/** The half of port-forward.ts inside of the namespace: SOCKET ADDRESS PORT. */
import { connect, createServer } from 'node:net'

const [gate = '', address = '', port = ''] = process.argv.slice(2)

createServer((socket) => {
  const onward = connect(Number(port), address)
  socket.on('error', () => onward.destroy()).on('close', () => onward.destroy())
  onward.on('error', () => socket.destroy()).on('close', () => socket.destroy())
  socket.pipe(onward).pipe(socket)
}).listen(gate)
