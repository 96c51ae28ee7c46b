import { closeSync, constants, openSync } from 'node:fs'
import { WaltError } from '@walt/shared/errors'
import { callOnThread, libc, nullPointer, pointerTo } from './ffi.ts'
import { describeMount, type Kernel, type MountFlag } from './kernel.ts'
import { checked, kernelCallFailed } from './kernel-errors.ts'
import { socketCalls } from './libc-sockets.ts'

/** include/uapi/linux/mount.h */
const mountFlags: Record<MountFlag, number> = {
  'read-only': 1,
  'no-suid': 2,
  'no-dev': 4,
  'no-exec': 8,
  remount: 32,
  'no-access-time': 1024,
  bind: 4096,
  move: 8192,
  private: 1 << 18,
  'relative-access-time': 1 << 21,
}

const detachUnmount = 2

/** include/uapi/linux/reboot.h; int32 for the FFI. */
const rebootCommands = { restart: 0x0123_4567, 'power-off': 0x4321_fedc, kexec: 0x4558_4543 }
const noRebootCommand = 1

const fileAdvice = { random: 1, 'dont-need': 4 }
const setDescriptorFlags = 2
/** asm-generic/fcntl.h */
const closeOnExec = 0o2000000
/** SIGPIPE and SIGXFSZ. */
const ignoredByNode = [13, 25]
const ignoreSignal = 1n
const realtimeClock = 0
/** asm-generic/ioctls.h: the same on x64 and arm64. */
const setWindowSizeRequest = 0x5414n
/** include/uapi/linux/watchdog.h: _IOWR('W', 6, int) and _IOR('W', 7, int). */
const setTimeoutRequest = 0xc004_5706n
const getTimeoutRequest = 0x8004_5707n
/** asm/unistd.h */
const kexecFileLoadCall = { x64: 320n, arm64: 294n }
const closeOnExecute = 1
/** SWAP_FLAG_DISCARD | SWAP_FLAG_DISCARD_PAGES of include/linux/swap.h. */
const discardFreedPages = 0x5_0000
/** include/uapi/linux/prctl.h, sched.h, mman.h */
const setIoFlusherCall = 57
const roundRobin = 2
const resetOnFork = 0x4000_0000
const lockOnFault = 1

function flagBits(flags: MountFlag[]): bigint {
  return BigInt(flags.reduce((bits, flag) => bits | mountFlags[flag], 0))
}

/** A NULL-terminated `char *[]`, with the strings that it points at, which must stay alive as long as it is used. */
function stringVector(strings: string[]): { vector: BigInt64Array; keep: Buffer[] } {
  const keep = strings.map((text) => Buffer.from(`${text}\0`))
  return { vector: BigInt64Array.from([...keep.map((bytes) => pointerTo(bytes)), nullPointer]), keep }
}

function windowSize(rows: number, columns: number): Uint8Array {
  return new Uint8Array(Uint16Array.from([rows, columns, 0, 0]).buffer)
}

function openPseudoTerminal(rows: number, columns: number): { controller: number; terminal: number } {
  const controller = checked(
    libc().posix_openpt(constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK | closeOnExec),
    'open a pseudo-terminal',
  )
  try {
    checked(libc().grantpt(controller), 'grant the pseudo-terminal')
    checked(libc().unlockpt(controller), 'unlock the pseudo-terminal')
    const name = new Uint8Array(64)
    const error = libc().ptsname_r(controller, pointerTo(name), BigInt(name.length))
    if (error !== 0) throw kernelCallFailed('name the pseudo-terminal', error)
    const path = Buffer.from(name).toString('latin1', 0, name.indexOf(0))
    const size = windowSize(rows, columns)
    checked(libc().ioctl(controller, setWindowSizeRequest, pointerTo(size)), 'set the window size')
    return { controller, terminal: openSync(path, constants.O_RDWR | constants.O_NOCTTY) }
  } catch (thrown) {
    libc().close(controller)
    throw thrown
  }
}

/** The running machine's kernel, through libc. Creating it calls nothing. */
export function createLibcKernel(): Kernel {
  return {
    ...socketCalls,
    mount: (request) => {
      const { source, target, type, flags, data } = request
      checked(libc().mount(source, target, type, flagBits(flags), data), describeMount(request))
    },
    mountWithin: async (request) => {
      const { source, target, type, flags, data, withinMs } = request
      const what = describeMount(request)
      const args = [source, target, type, flagBits(flags), data]
      const { result, errno } = await callOnThread({ symbol: 'mount', args, withinMs, what })
      if (result !== 0) throw kernelCallFailed(what, errno)
    },
    unmount: ({ target, lazy }) => {
      checked(libc().umount2(target, lazy ? detachUnmount : 0), `unmount ${target}`)
    },
    pivotRoot: ({ newRoot, putOld }) => {
      checked(libc().pivot_root(newRoot, putOld), `make ${newRoot} the root, the old one at ${putOld}`)
      process.chdir('/')
    },
    swapOn: async ({ device, withinMs }) => {
      const what = `swap on ${device}`
      const { result, errno } = await callOnThread({
        symbol: 'swapon',
        args: [device, discardFreedPages],
        withinMs,
        what,
      })
      if (result !== 0) throw kernelCallFailed(what, errno)
    },
    execute: ({ path, args, environment }) => {
      const argv = stringVector([path, ...args])
      const envp = stringVector(Object.entries(environment).map(([name, value]) => `${name}=${value}`))
      // Node has its standard streams closed across execve, and ignores two signals, which would stay so.
      for (const fd of [0, 1, 2])
        checked(libc().fcntl(fd, setDescriptorFlags, 0), `keep descriptor ${fd} open`)
      for (const signal of ignoredByNode) libc().signal(signal, nullPointer)
      libc().execve(path, pointerTo(argv.vector), pointerTo(envp.vector))
      const failed = kernelCallFailed(`execute ${path} with ${argv.keep.length - 1} arguments`)
      for (const signal of ignoredByNode) libc().signal(signal, ignoreSignal)
      throw failed
    },
    syncFileSystem: async ({ path, withinMs }) => {
      const what = `flush the file system of ${path}`
      const fd = openSync(path, 'r')
      const { result, errno } = await callOnThread({ symbol: 'syncfs', args: [fd], withinMs, what })
      closeSync(fd)
      if (result !== 0) throw kernelCallFailed(what, errno)
    },
    reboot: ({ action }) => {
      libc().reboot(rebootCommands[action])
      throw kernelCallFailed(`reboot(${action})`)
    },
    tryReboot: () => void libc().reboot(noRebootCommand),
    createMemoryFile: ({ name }) =>
      checked(libc().memfd_create(name, closeOnExecute), `make the memory file ${name}`),
    loadKernel: ({ kernelFd, initrdFd, commandLine }) => {
      const call =
        process.arch === 'x64' || process.arch === 'arm64' ? kexecFileLoadCall[process.arch] : undefined
      if (call === undefined) throw new WaltError('kernel-call-failed', `No kexec on ${process.arch}.`)
      const line = Buffer.from(`${commandLine}\0`)
      const [kernel, initrd, length] = [BigInt(kernelFd), BigInt(initrdFd), BigInt(line.length)]
      const result = libc().syscall(call, kernel, initrd, length, pointerTo(line), 0n)
      checked(Number(result), 'load the kernel (kexec_file_load)')
    },
    setWatchdogTimeout: ({ fd, seconds }) => {
      const value = Int32Array.from([seconds])
      const what = `set the watchdog's timeout to ${seconds} s`
      checked(libc().ioctl(fd, setTimeoutRequest, pointerTo(new Uint8Array(value.buffer))), what)
      return value[0] ?? seconds
    },
    watchdogTimeout: ({ fd }) => {
      const value = new Int32Array(1)
      const bytes = new Uint8Array(value.buffer)
      checked(libc().ioctl(fd, getTimeoutRequest, pointerTo(bytes)), "get the watchdog's timeout")
      return value[0] ?? 0
    },
    setClock: ({ epochMs }) => {
      const seconds = Math.floor(epochMs / 1000)
      const time = BigInt64Array.from([BigInt(seconds), BigInt(Math.round((epochMs - seconds * 1000) * 1e6))])
      checked(libc().clock_settime(realtimeClock, pointerTo(time)), 'set the clock')
    },
    setHostname: ({ name }) => {
      checked(libc().sethostname(name, BigInt(Buffer.byteLength(name))), `set the host name ${name}`)
    },
    pageBytes: () => libc().getpagesize(),
    adviseFile: ({ fd, advice }) => {
      const error = libc().posix_fadvise(fd, 0n, 0n, fileAdvice[advice])
      if (error !== 0) throw kernelCallFailed(`advise the kernel on a file: ${advice}`, error)
    },
    openPseudoTerminal: ({ rows, columns }) => openPseudoTerminal(rows, columns),
    setIoFlusher: ({ on }) => {
      checked(libc().prctl(setIoFlusherCall, on ? 1n : 0n, 0n, 0n, 0n), 'be an I/O flusher (prctl)')
    },
    setRealtime: () => {
      const priority = new Uint8Array(Int32Array.from([1]).buffer)
      checked(
        libc().sched_setscheduler(0, roundRobin | resetOnFork, pointerTo(priority)),
        'be scheduled in real time',
      )
    },
    lockTouchedPages: ({ start, bytes }) => {
      checked(libc().mlock2(start, bytes, lockOnFault), `lock ${bytes} bytes in memory`)
    },
    setWindowSize: ({ fd, rows, columns }) => {
      const size = windowSize(rows, columns)
      checked(libc().ioctl(fd, setWindowSizeRequest, pointerTo(size)), 'set the window size')
    },
  }
}
