/**
 * The only importer of `node:ffi` in the agent: libc's functions with their signatures, errno, and a way to make one
 * call on a thread of its own. `libc-kernel.ts` gives them meaning.
 */
import { dlopen, getRawPointer, toArrayBuffer } from 'node:ffi'
import { Worker } from 'node:worker_threads'
import { WaltError } from '@walt/shared/errors'

const library = 'libc.so.6'

/** 64-bit arguments and pointers are BigInt. `ioctl` is variadic, which makes no difference to integers on Linux. */
const signatures = {
  __errno_location: { arguments: [], return: 'pointer' },
  mount: { arguments: ['string', 'string', 'string', 'uint64', 'string'], return: 'int32' },
  umount2: { arguments: ['string', 'int32'], return: 'int32' },
  pivot_root: { arguments: ['string', 'string'], return: 'int32' },
  swapon: { arguments: ['string', 'int32'], return: 'int32' },
  fcntl: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
  execve: { arguments: ['string', 'pointer', 'pointer'], return: 'int32' },
  signal: { arguments: ['int32', 'pointer'], return: 'pointer' },
  syncfs: { arguments: ['int32'], return: 'int32' },
  reboot: { arguments: ['int32'], return: 'int32' },
  clock_settime: { arguments: ['int32', 'pointer'], return: 'int32' },
  sethostname: { arguments: ['string', 'uint64'], return: 'int32' },
  getpagesize: { arguments: [], return: 'int32' },
  posix_fadvise: { arguments: ['int32', 'int64', 'int64', 'int32'], return: 'int32' },
  posix_openpt: { arguments: ['int32'], return: 'int32' },
  grantpt: { arguments: ['int32'], return: 'int32' },
  unlockpt: { arguments: ['int32'], return: 'int32' },
  ptsname_r: { arguments: ['int32', 'pointer', 'uint64'], return: 'int32' },
  ioctl: { arguments: ['int32', 'uint64', 'pointer'], return: 'int32' },
  socket: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
  bind: { arguments: ['int32', 'pointer', 'uint32'], return: 'int32' },
  connect: { arguments: ['int32', 'pointer', 'uint32'], return: 'int32' },
  setsockopt: { arguments: ['int32', 'int32', 'int32', 'pointer', 'uint32'], return: 'int32' },
  send: { arguments: ['int32', 'pointer', 'uint64', 'int32'], return: 'int64' },
  recv: { arguments: ['int32', 'pointer', 'uint64', 'int32'], return: 'int64' },
  close: { arguments: ['int32'], return: 'int32' },
  getsockopt: { arguments: ['int32', 'int32', 'int32', 'pointer', 'pointer'], return: 'int32' },
  shutdown: { arguments: ['int32', 'int32'], return: 'int32' },
  /** Variadic too. */
  prctl: { arguments: ['int32', 'uint64', 'uint64', 'uint64', 'uint64'], return: 'int32' },
  sched_setscheduler: { arguments: ['int32', 'int32', 'pointer'], return: 'int32' },
  mlock2: { arguments: ['uint64', 'uint64', 'uint32'], return: 'int32' },
  memfd_create: { arguments: ['string', 'uint32'], return: 'int32' },
  /** Variadic as well; used with the five arguments of kexec_file_load(2), which libc has no function for. */
  syscall: { arguments: ['int64', 'int64', 'int64', 'uint64', 'pointer', 'uint64'], return: 'int64' },
} as const

type Symbols = keyof typeof signatures

function open() {
  const { functions } = dlopen(library, signatures)
  return { libc: functions, errnoCell: new Int32Array(toArrayBuffer(functions.__errno_location(), 4, false)) }
}

let opened: ReturnType<typeof open> | undefined

/** Opened at the first call, so that a command that needs no kernel call loads nothing. */
export function libc(): ReturnType<typeof open>['libc'] {
  opened ??= open()
  return opened.libc
}

/** errno of the call just made; must be read before anything else happens on this thread. */
export function errno(): number {
  return opened?.errnoCell[0] ?? 0
}

export const nullPointer = 0n

/** Address of the bytes; the caller keeps them alive until the call is over. */
export function pointerTo(bytes: Uint8Array | BigInt64Array): bigint {
  return getRawPointer(bytes)
}

const threadSource = `
const { parentPort, workerData } = require('node:worker_threads')
const { dlopen, toArrayBuffer } = require('node:ffi')
const { library, symbol, signature, locate, args } = workerData
const { functions } = dlopen(library, { [symbol]: signature, __errno_location: locate })
const cell = new Int32Array(toArrayBuffer(functions.__errno_location(), 4, false))
const result = functions[symbol](...args)
parentPort.postMessage({ result, errno: cell[0] })
`

/**
 * One call on a thread of its own, since a call that waits for a network can hold a thread for minutes. Past `withinMs`
 * it is left behind: nothing can interrupt it, but execve and reboot end it.
 * @throws WaltError `deadline-passed`
 */
export async function callOnThread(request: {
  symbol: Symbols
  args: (string | number | bigint)[]
  withinMs: number
  what: string
}): Promise<{ result: number; errno: number }> {
  const { symbol, args, withinMs, what } = request
  const worker = new Worker(threadSource, {
    eval: true,
    // A thread that makes one call needs next to no heap.
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 },
    workerData: {
      library,
      symbol,
      signature: signatures[symbol],
      locate: signatures.__errno_location,
      args,
    },
  })
  worker.unref()
  const answer = Promise.withResolvers<{ result: number; errno: number }>()
  const timer = setTimeout(() => {
    answer.reject(new WaltError('deadline-passed', `${what}: no answer within ${withinMs / 1000} s.`))
  }, withinMs)
  worker.on('message', answer.resolve)
  worker.on('error', answer.reject)
  try {
    return await answer.promise
  } finally {
    clearTimeout(timer)
  }
}
