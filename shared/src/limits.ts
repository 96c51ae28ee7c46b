/**
 * Every bound of the system, with its unit in its name: `Ms`, `Bytes`, `Max` for a count.
 * The relations between them are asserted in `limits.test.ts`.
 */
export const limits = {
  /** Control port: WalT's server waits 15 s to connect and 15 s for the first line of a reply. */
  controlIdleMs: 15_000,
  controlReplyMs: 15_000,
  controlLineMaxBytes: 4_096,
  controlConnectionsMax: 512,
  /** How long a `BLINK` script may take, under controlReplyMs. */
  controlBlinkMs: 10_000,
  /** `OK` must have reached the peer before the machine goes, yet a dead peer may not hold a reboot up. */
  controlDeliveryMs: 1_000,
  /** A peer that does not read what it asked for. */
  controlStallMs: 15_000,
  /** Requests of one peer that are handled before the others have their turn. */
  controlTurnRequestsMax: 4,
  controlDmesgMaxBytes: 4 * 1024 ** 2,
  controlShellsMax: 16,
  /** How often input is offered again to a terminal whose programs do not read. */
  controlTerminalRetryMs: 20,
  /** A shell whose peer has said all it wanted may finish its output within this time. */
  controlShellEndMs: 2_000,

  /** A reboot hook may download a kernel: 60 s; then 30 s for the machine to be gone. */
  rebootHookMs: 60_000,
  rebootGraceMs: 30_000,
  /** The operating system's own `reboot` command must return within this time. */
  rebootCommandMs: 2_000,
  persistFlushMs: 5_000,
  /** A fresh root for the restart of user space; within nodeReplyMs, since a failure is the answer. */
  nextRootMs: 12_000,
  systemdVersionMs: 5_000,
  /** Looking at a file of the image goes over NFS, which may be dead. */
  imageProbeMs: 2_000,

  /** What a reboot hook says is published; a talkative one is cut off. */
  hookLinesMax: 200,
  hookLineMaxChars: 1_024,
  /** How long the last words of a hook are waited for once it has ended. */
  hookLastWordsMs: 500,

  /** kexec: within rebootHookMs, which the daemon keeps. */
  kexecParametersMs: 10_000,
  kexecParametersMaxBytes: 64 * 1024,
  kexecDownloadMs: 40_000,
  kexecFileMaxBytes: 256 * 1024 ** 2,
  kexecProgressMs: 2_000,

  /** Kernel watchdog: without a sign of life for so long the machine is reset; `walt.watchdog=` says otherwise. */
  watchdogSeconds: 60,
  watchdogMinSeconds: 4,
  watchdogMaxSeconds: 3_600,
  /** A machine on its way down is gone within this time, or reset: by reboot(2); by its system's own shutdown. */
  watchdogRestartSeconds: 30,
  watchdogShutdownSeconds: 120,
  /** A hook may have started another kernel, which must be up by then to show signs of life of its own. */
  watchdogHookSeconds: 180,
  watchdogPetMaxMs: 5_000,
  watchdogModprobeMs: 10_000,

  /** The NFS server of the root: how often it is asked, and for how long an answer is in time. */
  rootProbeIntervalMs: 3_000,
  rootProbeMs: 2_500,
  /** How long the answer of a server that never answers is waited for in the rehearsal. */
  rootRehearsalMs: 50,
  /** How often a file of the image is opened while all is well. */
  rootLookupIntervalMs: 6_000,
  /** So many probes in a row make the root degraded; so many "stale file handle" make it gone. */
  rootMissedProbesMax: 2,
  rootStaleProbesMax: 3,
  /** A server that is away for so long is lost; `walt.root.lost=` says otherwise. */
  rootLostSeconds: 300,
  rootLostMinSeconds: 10,
  rootLostMaxSeconds: 86_400,

  /** How full RAM and overlay are; what is largest is looked for in this time, and so much of it is told. */
  fillCheckMs: 5_000,
  fillLookMs: 6_000,
  fillFilesMax: 3,
  fillProcessesMax: 3,
  fillProcessesSeenMax: 4_096,
  /** RAM for each inode that the overlay may have. A file takes 2 KB of RAM that cannot be swapped: a quarter at most. */
  tmpfsInodeBytes: 8_192,
  nodeWarningsShownMax: 5,

  /** Steps of the boot stage. */
  bootStepMs: 20_000,
  bootRescueDelayMs: 10_000,
  bootNetworkStepMs: 10_000,
  bootPreinitMs: 60_000,
  bootDisksMax: 64,
  bootDiskLookMs: 10_000,
  bootDiskDriversMs: 30_000,
  /** Hybrid boot: a disk of many GB may have to be read, written, or cleared of what was there. */
  hybridMountMs: 60_000,
  hybridRemoveMs: 600_000,
  hybridFlushMs: 600_000,
  /** A copy that gets no further for so long is given up; one that does may take its time on a slow network. */
  hybridStallMs: 60_000,
  hybridCopyMs: 3_600_000,
  hybridImageStepMs: 6_000_000,
  hybridOverlayStepMs: 660_000,
  hybridLookMs: 1_000,
  hybridProgressMs: 5_000,
  hybridTellMs: 1_000,
  /** Beyond the image's own size, for what is written first. */
  hybridMarginBytes: 64 * 1024 ** 2,
  bootComplaintMaxChars: 2_048,
  bootComplaintMs: 1_000,
  agentBinaryMaxBytes: 118_000_000,
  /** A read of its own costs a fork and a round trip, about what so many bytes cost on 100 Mbit/s. */
  agentRangeGapBytes: 256 * 1024,
  agentBuildFlushMs: 60_000,
  agentStartMs: 10_000,
  agentStartPollMs: 10,
  bootClockAnswerMaxBytes: 4_096,
  /** How long the kernel holds swap requests when the connection is lost, before it fails them. */
  nbdDeadConnectionSeconds: 600,
  /**
   * The daemon keeps the swap's connection. One that is not heard of for this long, while answers are due, or that sends
   * the same again so many times (0.2 + 0.4 + 0.8 s), is tried to be replaced.
   */
  swapLookMs: 500,
  swapStepMs: 50,
  swapSilentMs: 15_000,
  swapRetransmitsMax: 3,
  swapAttemptMs: 3_000,
  swapRetryMinMs: 200,
  swapRetryMaxMs: 3_000,
  swapSettledMs: 2_000,
  /** Before the driver fails what waits for it. */
  swapLostMaxMs: 570_000,
  /** After this time the driver sends again what the connection before took with it. */
  swapRequestMs: 5_000,
  nbdNetlinkMs: 1_000,
  /** A record of /dev/kmsg (CONSOLE_EXT_LOG_MAX); how many are read at a time. */
  kernelLogRecordMaxBytes: 8_192,
  kernelLogRecordsMax: 500,
  nbdDetachMs: 5_000,
  /** After this time the daemon has what it needs in memory, and what its start needed can go. */
  daemonSettledMs: 10_000,
  /** Free memory that the kernel keeps for sending: a swap over a network needs memory to write memory out. */
  minFreeMinBytes: 8 * 1024 ** 2,
  minFreeMaxBytes: 64 * 1024 ** 2,

  mqttPayloadMaxBytes: 256 * 1024,
  mqttKeepaliveSeconds: 15,
  mqttConnectMs: 10_000,
  mqttReconnectMinMs: 500,
  mqttReconnectMaxMs: 30_000,
  /** For an acknowledgement of a state or reply that the machine's end waits for. */
  mqttGoodbyeMs: 1_000,
  mqttPublishesInFlightMax: 64,
  /** Commands that are remembered, so that one delivered twice (QoS 1) is done once. */
  mqttCommandsRememberedMax: 64,
  mqttDmesgMaxBytes: 100 * 1024,
  /** Log lines of a node that wait for a connection to the broker. */
  logLinesKeptMax: 64,
  /** Lines of programs on a node: those that wait for the server, a message of them, how soon it is sent. */
  agentLogMaxBytes: 1024 ** 2,
  agentLogLinesMax: 10_000,
  agentLogBatchMaxBytes: 32 * 1024,
  agentLogSendMs: 200,
  agentLogConnectionsMax: 64,
  /** What differs in the writable layer: how much of it is looked at, and told. */
  changesLookMs: 5_000,
  changesSeenMax: 200_000,
  changesListedMax: 200,
  changesPathMaxBytes: 512,
  /** Connections that wait to be accepted: after a restart a whole fleet comes at once (the kernel has a bound too, somaxconn). */
  listenBacklogMax: 4_096,
  brokerConnectionsMax: 16_448,
  telemetryIntervalMs: 10_000,
  telemetryReadMs: 1_000,
  inventoryMs: 60_000,
  sshProbeIntervalMs: 500,
  sshProbeMs: 2_000,
  /** An image without an ssh server counts as booted after this time. */
  sshAbsentMs: 60_000,
  onBootupMs: 600_000,

  nodeNameMaxBytes: 63,
  nodesMax: 16_384,
  /** Different settings of nodes whose meaning is kept at hand. */
  settingsRememberedMax: 1_024,
  nodeRamMinBytes: 64 * 1024 ** 2,
  nodeRamMaxBytes: 1024 ** 4,
  /** A partition table as old as these numbers its sectors by 32 bits. */
  nodeDisksMax: 8,
  nodeDiskMinBytes: 16 * 1024 ** 2,
  nodeDiskMaxBytes: 2 * 1024 ** 4,
  httpBodyMaxBytes: 1024 * 1024,
  kernelCommandLineMaxBytes: 4_096,

  swapSizeMinBytes: 1024 ** 2,
  swapSizeMaxBytes: 1024 ** 4,

  /** NBD. A handshake is a few small messages; what is longer comes from no client of ours. */
  nbdHandshakeMs: 10_000,
  nbdHandshakeOptionsMax: 32,
  nbdHandshakeRepliesMax: 32,
  nbdOptionMaxBytes: 16 * 1024,
  nbdExportNameMaxBytes: 4_096,
  /** The most that every client may ask for in one read or write (proto.md, "Block sizes"). */
  nbdPayloadMaxBytes: 32 * 1024 ** 2,

  /** Swap server. Replies leave in buffers of this size; so many may wait for a slow peer before it is read no further. */
  swapReplyBufferBytes: 128 * 1024,
  /** A long read leaves in pieces that stay in the processor's cache between the two copies. */
  swapReadPieceBytes: 64 * 1024,
  swapReadBufferBytes: 256 * 1024,
  swapUnsentBuffersMax: 8,
  /** Requests of one connection whose reply waits for the disk (FLUSH, FUA). */
  swapFlushesMax: 64,
  swapConnectionsMax: 16_384,
  swapConnectionsPerPeerMax: 16,
  /** What one connection may move before the others have their turn; what a request, and a hole, count for. */
  swapTurnBytes: 128 * 1024,
  swapRequestCostBytes: 512,
  swapHoleCostBytes: 64 * 1024,
  /**
   * A peer that takes no reply for so long is gone (seen after twice that at most); TCP keepalive finds a silent one.
   * Long, so that a cable pulled for a while costs the node no reconnect: TCP goes on by itself.
   */
  swapSendMs: 120_000,
  swapKeepaliveMs: 120_000,
  swapKeepaliveIntervalMs: 10_000,
  swapKeepaliveProbesMax: 6,
  /** The swap server's process: a start, its wait for the port of one that ends, restarts, what it tells how often. */
  swapStartMs: 20_000,
  swapListenMs: 3_000,
  swapListenRetryMs: 20,
  swapRestartMinMs: 50,
  swapRestartMaxMs: 5_000,
  swapLongLifeMs: 10_000,
  swapEventMaxChars: 1_024,
  swapEventsPerMinuteMax: 600,
  swapFiguresMs: 1_000,
  swapSpaceCheckMs: 1_000,
  swapGraceCheckMs: 60_000,
  swapBlockBytes: 4_096,

  /** The command line: an answer that never comes or never ends; how often it looks again while it waits for nodes. */
  cliAnswerMs: 120_000,
  cliAnswerMaxBytes: 64 * 1024 ** 2,
  cliLineMaxChars: 1024 * 1024,
  cliWaitPollSeconds: 2,
  cliStatusLineMs: 500,
  cliReconnectMs: 2_000,
  cliTopMs: 2_000,
  /** Completion must not make a person wait for Tab. */
  cliCompletionMs: 1_000,
  cliBlinkSeconds: 60,
  cliBlinkMaxSeconds: 86_400,
  cliSshConnectSeconds: 10,

  /** The server: API, registry, orchestration. */
  nodeSetMaxBytes: 16 * 1024,
  requestedByMaxBytes: 128,
  imagePackagesMax: 256,
  apiWaitMaxMs: 600_000,
  apiStreamsMax: 64,
  apiStreamBeatMs: 15_000,
  consoleReadMaxBytes: 4 * 1024 ** 2,
  consoleFollowMs: 250,
  nodeHistoryMax: 50,
  nodeLogsMax: 200,
  controlOutputMaxBytes: 1024 ** 2,
  apiCursorMaxBytes: 128,
  apiPageMax: 5_000,
  /** Events that one who comes back can still get. */
  apiEventsKeptMax: 2_048,
  nodeBootsMax: 20,
  /** Logs: a line; how many a message brings; how long they are kept, and how many of them. */
  logMessageMaxChars: 4_096,
  logLinesBatchMax: 256,
  logKeepMs: 30 * 86_400_000,
  logLinesMax: 1_000_000,
  logCheckpointsMax: 256,
  logWriteMs: 200,
  logUnwrittenMax: 20_000,
  logLinesPerMinuteMax: 6_000,
  /** Alerts: how often it is looked; how many of those that are over are listed; a webhook's tries, each so long. */
  alertLookMs: 1_000,
  alertsListedMax: 200,
  webhookMs: 10_000,
  webhookTriesMax: 5,
  webhookBackoffMinMs: 1_000,
  webhookBackoffMaxMs: 60_000,
  webhookWaitingMax: 256,
  /** History of telemetry: steps, and how long each is kept. */
  historyFineMs: 10_000,
  historyFineKeepMs: 3_600_000,
  historyMinuteMs: 60_000,
  historyMinuteKeepMs: 86_400_000,
  historyCoarseMs: 600_000,
  historyCoarseKeepMs: 30 * 86_400_000,
  /** Rows of one statement, so that the rest of the server has its turn between them. */
  storeBatchRowsMax: 200,
  /** Prepared statements that are kept. */
  storeStatementsMax: 128,
  storeSweepMs: 600_000,
  /** For a node's answer to a command by MQTT. */
  nodeReplyMs: 15_000,
  /** Nodes that a reboot or a command is asked of at a time: each takes a file descriptor, beside that of its MQTT connection. */
  nodesAskedAtOnceMax: 2_048,
  nodeRequestsMax: 2_048,
  bootWatchMs: 1_000,
  /** By so much the wall clock and the monotonic one may differ between two looks, before it is taken for having been set. */
  clockJumpMs: 5_000,
  brokerDrainMs: 10_000,
  /** A payload of the greatest size, and its topic. */
  brokerPacketMaxBytes: 256 * 1024 + 4 * 1024,
  brokerPacketsPerSecondMax: 500,
  brokerInflightMax: 16,
  brokerKeepaliveMaxSeconds: 300,
  brokerWarningsPerMinuteMax: 60,
  serverStopMs: 8_000,
  /** Signals closer together than this are one. */
  signalRepeatMs: 500,
  /** What outlives a server: how long its end may take; how often a process that was taken over is looked at. */
  lastingEndMs: 5_000,
  lastingPollMs: 200,
  /** For the guard, while it takes away what a server left. */
  stateLockMs: 20_000,
  /** Nodes that were connected to an earlier server come back within this time: above mqttReconnectMaxMs. */
  nodeReconnectMs: 45_000,
  storeBusyMs: 5_000,
  /** PostgreSQL: connections, statements, how often it is looked whether it is there, how long it may be away. */
  storeConnectionsMax: 8,
  storeConnectMs: 5_000,
  storeStatementMs: 60_000,
  storeTriesMax: 3,
  storeLookMs: 10_000,
  storeLookAnswerMs: 5_000,
  storeRetryMs: 500,
  storeAwayMs: 30_000,
  storeLockMs: 2_000,
  storeLockPollMs: 100,
  storeKeepaliveSeconds: 10,
  storeKeepaliveProbesMax: 3,

  /** Images and the machine's own programs that the server drives. */
  imageBuildMs: 3_600_000,
  commandMs: 30_000,
  commandOutputMaxBytes: 1024 ** 2,
  /** For the last of what a command wrote, when it was killed and something else holds its output open. */
  commandLastWordsMs: 500,

  /** The dashboard. An answer that never comes; a stream that is silent for more than two beats is dead. */
  webAnswerMs: 30_000,
  webSilenceMs: 40_000,
  webReconnectMinMs: 500,
  webReconnectMaxMs: 10_000,
  webRefreshMs: 10_000,
  webConsoleStartBytes: 128 * 1024,
  webConsoleMaxChars: 512 * 1024,
  webOperationsMax: 20,
  webBuildLinesMax: 2_000,
  /** What a browser fetches in all. */
  webCompressedMaxBytes: 150_000,

  /** NFS server. */
  nfsStartMs: 15_000,
  nfsProbeMs: 1_000,
  nfsPollMs: 50,
  nfsBackoffMinMs: 200,
  nfsBackoffMaxMs: 10_000,

  /** Power of physical nodes. WalT keeps a PoE port off for two seconds; a switch has so many tries of so long. */
  powerOffMs: 2_000,
  snmpAnswerMs: 1_000,
  snmpRetriesMax: 2,
  /** A refusal of the host comes at once, one of a router or of ARP after up to three seconds. */
  snmpProbeMs: 3_500,
  powerCommandMs: 60_000,
  devicesMax: 256,

  /** Virtual nodes. A machine that lives shorter than this did not start; then the next start waits. */
  machineShortLifeMs: 5_000,
  machineBackoffMinMs: 1_000,
  machineBackoffMaxMs: 30_000,
  machineRamMinBytes: 128 * 1024 ** 2,
  consoleMaxBytes: 8 * 1024 ** 2,
  /** A kernel under working KVM needs a second or two to find that it has no root. */
  kvmProbeMs: 8_000,
} as const
