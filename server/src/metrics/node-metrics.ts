/**
 * What each node says of itself, for Prometheus: base units, totals as counters, the node's name as the label `node`
 * (Prometheus, "Metric and label naming"). Read when it is scraped.
 */
import type { Telemetry } from '@walt/shared/payloads'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { FleetNode } from '../fleet/fleet.ts'
import type { NodeStateName } from '../fleet/node-status.ts'

type Reading = {
  name: string
  help: string
  kind: 'gauge' | 'counter'
  of: (telemetry: Telemetry) => number | undefined
}

const gauge = (name: string, help: string, of: Reading['of']): Reading => ({ name, help, kind: 'gauge', of })
const counter = (name: string, help: string, of: Reading['of']): Reading => ({
  ...{ name, help, of },
  kind: 'counter',
})

const readings: readonly Reading[] = [
  gauge('uptime_seconds', 'Time since the kernel was started.', (t) => t.uptimeSeconds),
  gauge('load1', 'Load average of one minute.', (t) => t.load[0]),
  gauge('load5', 'Load average of five minutes.', (t) => t.load[1]),
  gauge('load15', 'Load average of fifteen minutes.', (t) => t.load[2]),
  gauge('memory_size_bytes', 'Memory of the node.', (t) => t.memory.totalBytes),
  gauge('memory_available_bytes', 'Memory that can be had without swapping.', (t) => t.memory.availableBytes),
  gauge('swap_size_bytes', 'Swap of the node.', (t) => t.swap.totalBytes),
  gauge('swap_used_bytes', 'Swap in use.', (t) => t.swap.usedBytes),
  gauge('zswap_pool_bytes', 'Memory that compressed pages take.', (t) => t.zswap?.poolBytes),
  gauge('zswap_stored_bytes', 'Size of the compressed pages before.', (t) => t.zswap?.storedBytes),
  gauge('overlay_size_bytes', 'Size of the writable layer.', (t) => t.overlay?.totalBytes),
  gauge('overlay_used_bytes', 'Writable layer in use; a reboot empties it.', (t) => t.overlay?.usedBytes),
  gauge('overlay_inodes', 'Files that the writable layer can have.', (t) => t.overlay?.inodes),
  gauge('overlay_inodes_used', 'Files that the writable layer has.', (t) => t.overlay?.inodesUsed),
  gauge('temperature_celsius', 'Temperature of the first thermal zone.', (t) => t.temperatureCelsius),
  gauge('agent_resident_memory_bytes', 'Resident memory of the agent.', (t) => t.agent.residentBytes),
  counter('nbd_read_bytes_total', 'Read from swap over the network.', (t) => t.nbd?.readBytes),
  counter('nbd_written_bytes_total', 'Written to swap over the network.', (t) => t.nbd?.writtenBytes),
  counter('network_receive_bytes_total', 'Received.', (t) => t.network.receivedBytes),
  counter('network_transmit_bytes_total', 'Sent.', (t) => t.network.sentBytes),
  counter('control_refused_total', 'Connections that the control port refused.', (t) => t.controlRefused),
]

const states: readonly NodeStateName[] = ['new', 'off', 'booting', 'booted', 'rebooting', 'down', 'lost']

export function addNodeMetrics(
  register: Registry,
  facts: {
    nodes: () => readonly FleetNode[]
    telemetry: () => Iterable<readonly [string, Telemetry]>
    now: () => number
  },
): void {
  const registers = [register]
  new Gauge({
    ...{ name: 'walt_nodes', help: 'Nodes by state.', labelNames: ['state'], registers },
    collect() {
      const counts = new Map<string, number>(states.map((state) => [state, 0]))
      for (const { status } of facts.nodes()) counts.set(status.state, (counts.get(status.state) ?? 0) + 1)
      for (const [state, count] of counts) this.set({ state }, count)
    },
  })
  new Gauge({
    ...{ name: 'walt_node_up', help: '1 while the node is booted, else 0.', labelNames: ['node'], registers },
    collect() {
      this.reset()
      for (const { record, status } of facts.nodes())
        this.set({ node: record.name }, status.state === 'booted' ? 1 : 0)
    },
  })
  new Gauge({
    ...{ name: 'walt_node_info', help: 'What the node is, and what it runs; always 1.', registers },
    labelNames: ['node', 'image', 'model', 'state'],
    collect() {
      this.reset()
      for (const { record, status } of facts.nodes()) {
        const { name: node, model } = record
        this.set({ node, model, image: status.image ?? record.image, state: status.state }, 1)
      }
    },
  })
  new Gauge({
    ...{ name: 'walt_node_state_age_seconds', help: 'For how long the node has had its state.', registers },
    labelNames: ['node'],
    collect() {
      this.reset()
      for (const { record, status } of facts.nodes())
        this.set({ node: record.name }, (facts.now() - status.since) / 1000)
    },
  })
  const up = () => {
    const booted = new Set<string>()
    for (const { record, status } of facts.nodes()) if (status.state === 'booted') booted.add(record.name)
    return booted
  }
  for (const { name, help, kind, of } of readings) {
    const options = { name: `walt_node_${name}`, help, labelNames: ['node'] as const, registers }
    // A node that is down has no values, rather than old ones.
    const values = function* () {
      const booted = up()
      for (const [node, telemetry] of facts.telemetry()) {
        const value = booted.has(node) ? of(telemetry) : undefined
        if (value !== undefined) yield { node, value }
      }
    }
    if (kind === 'gauge') {
      new Gauge({
        ...options,
        collect() {
          this.reset()
          for (const { node, value } of values()) this.set({ node }, value)
        },
      })
    } else {
      new Counter({
        ...options,
        collect() {
          // The count is the node's own: it begins anew with each boot, as Prometheus expects of counters.
          this.reset()
          for (const { node, value } of values()) this.inc({ node }, value)
        },
      })
    }
  }
}
