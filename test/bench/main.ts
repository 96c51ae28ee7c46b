/** `npm run bench -- NAME ...`: measurements beside what they are to be compared with. Not a test: it only prints. */
import { bootBench } from './boot.ts'
import { memoryBench } from './memory.ts'
import { swapBench } from './swap.ts'

const benches: Record<string, () => Promise<void>> = { boot: bootBench, memory: memoryBench, swap: swapBench }

const names = process.argv.slice(2)
const unknown = names.filter((name) => !Object.hasOwn(benches, name))
if (names.length === 0 || unknown.length > 0) {
  console.error(`Usage: npm run bench -- NAME ..., where NAME is one of: ${Object.keys(benches).join(', ')}`)
  process.exit(2)
}
for (const name of names) await benches[name]?.()
