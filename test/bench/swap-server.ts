/** The swap server as a process of its own, as a bench needs it: `node swap-server.ts FOLDER`; prints its port. */
import { createSwapServer } from '../../server/src/swap/server.ts'

const server = await createSwapServer({
  hosts: ['127.0.0.1'],
  port: 0,
  folder: process.argv[2] ?? '.',
  quotaBytes: 64 * 1024 ** 3,
  allow: () => ({ node: 'bench', bootId: '0000000000000000' }),
  log: { info: () => undefined, warn: (_fields, message) => console.error(message) },
})
await server.start()
console.log(server.port())
