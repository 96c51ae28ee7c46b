import { setTimeout as wait } from 'node:timers/promises'
import type { SwapBackend } from './backend.ts'

export type FaultedOperation = 'read' | 'write' | 'trim' | 'zero' | 'flush'

/** What goes wrong with one operation: an error of the file system's, as its code; and for a flush, a delay. */
export type Fault = { code?: 'EIO' | 'ENOSPC'; flushMs?: number } | undefined

/** A backend that fails on demand, for tests; whatever stands above it cannot tell. */
export function createFaultLayer(
  backend: SwapBackend,
  decide: (operation: FaultedOperation, offset: number, length: number) => Fault,
): SwapBackend {
  function check(operation: FaultedOperation, offset: number, length: number): Fault {
    const fault = decide(operation, offset, length)
    if (fault?.code) throw Object.assign(new Error(`${fault.code}: injected`), { code: fault.code })
    return fault
  }
  return {
    sizeBytes: backend.sizeBytes,
    holes: backend.holes,
    read(into, at, length, offset) {
      check('read', offset, length)
      backend.read(into, at, length, offset)
    },
    write(from, at, length, offset) {
      check('write', offset, length)
      backend.write(from, at, length, offset)
    },
    trim(offset, length) {
      check('trim', offset, length)
      backend.trim(offset, length)
    },
    zero(offset, length, allocate) {
      check('zero', offset, length)
      backend.zero(offset, length, allocate)
    },
    cache: backend.cache,
    async flush() {
      const fault = check('flush', 0, 0)
      if (fault?.flushMs) await wait(fault.flushMs)
      await backend.flush()
    },
  }
}
