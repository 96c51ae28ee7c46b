/** `npm run bench -- NAME ...`: measurements beside what they are to be compared with. Not a test: it only prints. */
import { bootBench } from './boot.ts'
import { fleetBench } from './fleet.ts'
import { memoryBench } from './memory.ts'
import { swapBench } from './swap.ts'

const benches: Record<string, (options: readonly string[]) => Promise<void>> = {
  boot: bootBench,
  fleet: fleetBench,
  memory: memoryBench,
  swap: swapBench,
}

const given = process.argv.slice(2)
const firstOption = given.findIndex((one) => one.startsWith('-'))
const names = firstOption < 0 ? given : given.slice(0, firstOption)
const options = firstOption < 0 ? [] : given.slice(firstOption)
const unknown = names.filter((name) => !Object.hasOwn(benches, name))
if (names.length === 0 || unknown.length > 0) {
  console.error(`Usage: npm run bench -- NAME ..., where NAME is one of: ${Object.keys(benches).join(', ')}`)
  process.exit(2)
}
for (const name of names) await benches[name]?.(options)
