import fc from 'fast-check'
import { expect, it } from 'vitest'
import { historyMetricNames } from '../http/api-schema.ts'
import { decodeValue, encodeValue, metricCount, packPoints, sampleOf, unpackPoints } from './sample-codec.ts'
import { telemetryAt } from './telemetry-sample.ts'

const metricOf = (sample: readonly number[], name: (typeof historyMetricNames)[number]) =>
  sample[historyMetricNames.indexOf(name)]

it('a value comes back right to a thousandth', () => {
  fc.assert(
    fc.property(fc.double({ min: -1e13, max: 1e13, noNaN: true }), (value) => {
      const back = decodeValue(encodeValue(value)) ?? Number.NaN
      expect(Math.abs(back - value)).toBeLessThanOrEqual(Math.abs(value) * 0.0012 + 0.001)
    }),
  )
  expect(decodeValue(encodeValue(Number.NaN))).toBeNull()
  expect(decodeValue(encodeValue(0))).toBe(0)
})

it('points come back as they were packed', () => {
  const code = fc.integer({ min: -32_768, max: 32_767 })
  const codes = fc.array(code, { minLength: metricCount, maxLength: metricCount })
  fc.assert(
    fc.property(fc.array(codes, { maxLength: 10 }), (rows) => {
      const points = rows.map((row, index) => ({ at: 600_000 + index * 60_000, codes: Int16Array.from(row) }))
      expect(unpackPoints(packPoints(points, 60_000), 600_000, 60_000)).toEqual(points)
    }),
  )
  expect(unpackPoints('AAA=', 0, 60_000)).toEqual([])
})

it('rates are what was added a second, and unknown across a restart', () => {
  const first = telemetryAt({ uptimeSeconds: 100, network: { receivedBytes: 1_000, sentBytes: 0 } })
  const second = telemetryAt({ uptimeSeconds: 110, network: { receivedBytes: 3_000, sentBytes: 0 } })
  expect(metricOf(sampleOf(second, first), 'networkReceivedBytesPerSecond')).toBe(200)
  expect(metricOf(sampleOf(first, undefined), 'networkReceivedBytesPerSecond')).toBeNaN()
  const restarted = { ...second, bootId: 'f'.repeat(16) }
  expect(metricOf(sampleOf(restarted, first), 'networkReceivedBytesPerSecond')).toBeNaN()
  expect(metricOf(sampleOf(second, first), 'temperatureCelsius')).toBeNaN()
  expect(metricOf(sampleOf(second, first), 'memoryUsedBytes')).toBe(300 * 1024 ** 2)
})
