/**
 * Run inside the namespace: opens 500 connections to a node's control port, half of them silent, half sending garbage or
 * single bytes, and measures how long PING takes meanwhile. Prints the times in milliseconds as JSON.
 */
import { connect, type Socket } from 'node:net'
import { controlPort } from '@walt/shared/control'

const address = process.argv[2] ?? '127.0.0.1'
const peersMax = 500
const pings = 50
const pingMs = 20_000

/** The node may end any of these at any time; that is not what is measured. */
function openPeer(index: number): Socket {
  const socket = connect(controlPort, address)
  socket.on('error', () => socket.destroy())
  if (index % 2 === 0) return socket
  const babble = index % 4 === 1 ? Buffer.alloc(2_000, '\u0001garbage\n') : Buffer.from('M')
  const timer = setInterval(() => socket.write(babble), 1_000)
  socket.on('close', () => clearInterval(timer))
  return socket
}

function ping(): Promise<number> {
  const began = performance.now()
  const socket = connect(controlPort, address)
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no reply to PING within ${pingMs / 1000} s`)), pingMs)
    socket.on('connect', () => socket.write('MODE single\nPING\n'))
    socket.on('error', reject)
    socket.on('data', (data) => {
      clearTimeout(timer)
      socket.destroy()
      if (String(data) === 'OK\n') resolve(performance.now() - began)
      else reject(new Error(`PING was answered "${data}"`))
    })
  })
}

const peers = Array.from({ length: peersMax }, (_, index) => openPeer(index))
await new Promise((resolve) => setTimeout(resolve, 2_000))
const times: number[] = []
for (let count = 0; count < pings; count += 1) {
  times.push(await ping())
  await new Promise((resolve) => setTimeout(resolve, 100))
}
const open = peers.filter((peer) => !peer.destroyed).length
for (const peer of peers) peer.destroy()
console.log(JSON.stringify({ open, times: times.map((time) => Math.round(time)) }))
