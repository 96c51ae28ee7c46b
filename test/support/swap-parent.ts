/**
 * A walt-server reduced to its swap process, for tests of what happens when it is busy or killed: prints
 * `{pid, port}` of that; a line on its standard input makes it deaf for so many milliseconds.
 */
import { createInterface } from 'node:readline'
import { startSwapRig } from './swap-rig.ts'

const rig = await startSwapRig()
console.log(JSON.stringify({ pid: rig.pid(), port: rig.swap.port(), folder: rig.folder }))
createInterface({ input: process.stdin }).on('line', (line) => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(line))
})
