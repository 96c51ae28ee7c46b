/**
 * Everything the agent asks of the Linux kernel that Node has no call for, with named arguments. Boot stage and daemon
 * take a `Kernel` as an argument: `createLibcKernel()` on a node, `createFakeKernel()` in tests.
 *
 * What Node has is not repeated here: statfs is `fs.statfs`, sending a signal `process.kill`, a session of its own
 * the `detached` of `spawn`.
 *
 * Calls fail with a WaltError `kernel-call-failed` that names call, operands and errno. Calls that may wait for a
 * network take `withinMs`: past it they fail with the code `deadline-passed`.
 */
export type Kernel = {
  /** mount(2). `data` is the file system's own options. Only for file systems that cannot hang: see `mountWithin`. */
  mount(request: MountRequest): void
  /** mount(2) on a thread of its own, since a dead NFS server holds the caller for minutes. */
  mountWithin(request: MountRequest & { withinMs: number }): Promise<void>
  unmount(request: { target: string; lazy?: boolean }): void
  /** The old root comes to be at `putOld`, a directory below `newRoot`; the caller's directory becomes the new root. */
  pivotRoot(request: { newRoot: string; putOld: string }): void
  /** On a thread of its own, since the device may be a network's. Pages that are freed are discarded, where it can. */
  swapOn(request: { device: string; withinMs: number }): Promise<void>
  /** Becomes another program; returns only by throwing. */
  execute(request: { path: string; args: string[]; environment: Record<string, string> }): never

  /** Flushes the file system that holds `path`, on a thread of its own. */
  syncFileSystem(request: { path: string; withinMs: number }): Promise<void>
  /** reboot(2): at once, without flushing or stopping anything. Returns only by throwing. */
  reboot(request: { action: 'restart' | 'power-off' | 'kexec' }): void
  /** The same call with a command that no kernel knows, so that the code of it is in memory when it is needed. */
  tryReboot(): void
  /** A file without a name, in memory (memfd_create(2)). */
  createMemoryFile(request: { name: string }): number
  /**
   * Puts a kernel in place for `reboot('kexec')` (kexec_file_load(2)); it takes as long as reading and hashing the files.
   * The descriptors are of regular files that nobody has open for writing.
   */
  loadKernel(request: { kernelFd: number; initrdFd: number; commandLine: string }): void
  /** WDIOC_SETTIMEOUT: the seconds that the watchdog really took. */
  setWatchdogTimeout(request: { fd: number; seconds: number }): number
  /** WDIOC_GETTIMEOUT */
  watchdogTimeout(request: { fd: number }): number
  setClock(request: { epochMs: number }): void
  setHostname(request: { name: string }): void
  pageBytes(): number
  /** posix_fadvise(2) on a whole file: `dont-need` drops its clean pages, `random` ends read-ahead for this descriptor. */
  adviseFile(request: { fd: number; advice: 'dont-need' | 'random' }): void

  /**
   * A pseudo-terminal. Hand `terminal` to a child as its fds 0 to 2 (`setsid -c` gives it as controlling terminal), then
   * close it. `controller` is non-blocking: read it by `new tty.ReadStream(fd)`, never through the thread pool, and write it
   * by oneself. Reading ends with EIO when the last holder of the terminal is gone.
   */
  openPseudoTerminal(request: { rows: number; columns: number }): { controller: number; terminal: number }
  setWindowSize(request: { fd: number; rows: number; columns: number }): void
  /** Bytes that a TCP peer has not acknowledged yet (SIOCOUTQ). */
  socketUnsentBytes(request: { fd: number }): number

  /** A blocking TCP socket, for the descriptor that the NBD driver takes over. */
  connectTcp(request: { address: string; port: number; withinMs: number }): number
  send(request: { fd: number; bytes: Uint8Array; withinMs: number }): void
  /** Up to `maxBytes`; empty when the peer closed. */
  receive(request: { fd: number; maxBytes: number; withinMs: number }): Uint8Array
  closeDescriptor(fd: number): void
  /** One generic netlink message out, the datagram that answers it back. */
  genericNetlink(request: { message: Uint8Array; withinMs: number }): Uint8Array
  /** The same for a command that the kernel may take long to carry out. */
  genericNetlinkWithin(request: { message: Uint8Array; withinMs: number }): Promise<Uint8Array>

  /** A TCP socket that never makes its caller wait; the connection is there when `connected` says so. */
  beginConnect(peer: { address: string; port: number }): number
  connected(request: { fd: number; address: string; port: number }): boolean
  /** How many bytes of it were taken; 0 when there is no room now. */
  sendNow(request: { fd: number; bytes: Uint8Array }): number
  /** How many bytes came; 0 when the peer closed, undefined when there are none now. */
  receiveNow(request: { fd: number; into: Uint8Array }): number | undefined
  tcpHealth(request: { fd: number }): TcpHealth
  /** Ends a connection for all who hold it, the kernel's drivers too (shutdown(2)). */
  shutDownSocket(fd: number): void

  /**
   * Memory that this thread asks for is never got by swapping something out, or writing anything back: what brings the
   * swap back may not wait for it (PR_SET_IO_FLUSHER, prctl(2)). Threads and children inherit it.
   */
  setIoFlusher(request: { on: boolean }): void
  /** SCHED_RR for this thread, not for what it starts. The kernel gives such threads of its last memory too. */
  setRealtime(): void
  /** Pages of this process that are there, or come from now on, stay in memory (mlock2(2), MLOCK_ONFAULT). */
  lockTouchedPages(range: { start: bigint; bytes: bigint }): void
}

/** Of TCP_INFO, tcp(7). */
export type TcpHealth = {
  established: boolean
  /** Of what waits for an acknowledgement now; 0 as soon as one comes. */
  retransmits: number
  /** Since the peer sent anything but acknowledgements. */
  silentMs: number
  acknowledgedBytes: number
}

export type MountFlag =
  | 'read-only'
  | 'no-suid'
  | 'no-dev'
  | 'no-exec'
  | 'remount'
  | 'bind'
  | 'move'
  /** Mounts below it do not appear elsewhere, nor those of elsewhere here (mount_namespaces(7), MS_PRIVATE). */
  | 'private'
  | 'relative-access-time'
  | 'no-access-time'

export type MountRequest = {
  source: string
  target: string
  /** Empty for a move, a bind or a remount. */
  type: string
  flags: MountFlag[]
  data: string
}

/** `mount union on /mnt type overlay (lowerdir=/,...)`, for error messages. */
export function describeMount(request: MountRequest): string {
  const options = [...request.flags, ...(request.data === '' ? [] : [request.data])].join(',')
  const type = request.type === '' ? '' : ` type ${request.type}`
  return `mount ${request.source} on ${request.target}${type}${options === '' ? '' : ` (${options})`}`
}
