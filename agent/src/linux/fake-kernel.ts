import { WaltError } from '@walt/shared/errors'
import type { Kernel } from './kernel.ts'

/** A kernel for tests that does what the test says and refuses every other call. */
export function createFakeKernel(expected: Partial<Kernel>): Kernel {
  return new Proxy(expected, {
    get(target, name) {
      const call = Reflect.get(target, name)
      if (call !== undefined) return call
      return () => {
        throw new WaltError('unexpected-kernel-call', `No test expected the kernel call ${String(name)}.`)
      }
    },
  }) as Kernel
}
