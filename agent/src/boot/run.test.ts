import { describe, expect, it } from 'vitest'
import type { BootAction, BootPlanStep } from './plan.ts'
import { type BootExecutors, runBootPlan } from './run.ts'

const refuse = (action: BootAction): never => {
  throw new Error(`nobody expected ${action.kind}`)
}

function executors(expected: Partial<BootExecutors>): BootExecutors {
  return {
    mounts: refuse,
    preinit: refuse,
    modules: refuse,
    'disk-drivers': refuse,
    'boot-mode': refuse,
    'hybrid-image': refuse,
    'hybrid-overlay': refuse,
    local: refuse,
    tmpfs: refuse,
    overlay: refuse,
    identity: refuse,
    persist: refuse,
    clock: refuse,
    swap: refuse,
    'tmpfs-grow': refuse,
    zswap: refuse,
    root: refuse,
    ...expected,
  }
}

const step = (action: BootAction, rest: Partial<BootPlanStep> = {}): BootPlanStep => ({
  name: action.kind,
  required: false,
  deadlineMs: 1000,
  otherwise: 'the node goes on',
  action,
  ...rest,
})

const tmpfs = step({ kind: 'tmpfs', size: '50%', inodes: 1 }, { required: true })
const zswap = step({ kind: 'zswap' })
const swap = step({ kind: 'swap', server: '1.1.1.1', port: 1, exportName: 'swap-1G', minFreeBytes: 1 })
const grow = step(
  { kind: 'tmpfs-grow', memoryBytes: 1, tmpfs: { percent: 50 }, tmpfsSwapBytes: 1 },
  { needs: 'swap' },
)

async function run(steps: BootPlanStep[], expected: Partial<BootExecutors>, problems: string[] = []) {
  const said: string[] = []
  let now = 0
  const options = {
    executors: executors(expected),
    say: (line: string) => void said.push(line),
    nowMs: () => (now += 6),
  }
  return { said, ...(await runBootPlan({ steps, problems }, options)) }
}

describe('running a boot plan', () => {
  it('says and reports each step with its time', async () => {
    const { said, steps, failed } = await run([tmpfs, zswap], {
      tmpfs: () => 'tmpfs of 50%',
      zswap: () => ({ skipped: 'the kernel has no zswap' }),
    })
    expect(said).toEqual(['tmpfs of 50% (6 ms)'])
    expect(steps).toEqual([
      { name: 'tmpfs', startedMs: 6, tookMs: 6, outcome: 'done', note: 'tmpfs of 50%' },
      { name: 'zswap', startedMs: 18, tookMs: 6, outcome: 'skipped', note: 'the kernel has no zswap' },
    ])
    expect(failed).toBeUndefined()
  })

  it('goes on after an optional step that fails, without what needs it, and says why', async () => {
    const { said, steps, problems } = await run([swap, grow, zswap], {
      swap: () => Promise.reject(new Error('connection refused')),
      zswap: () => 'zswap on',
    })
    expect(said[0]).toBe('swap failed: connection refused; the node goes on (6 ms)')
    expect(steps.map((one) => one.outcome)).toEqual(['failed', 'skipped', 'done'])
    expect(problems).toEqual(['swap: connection refused; the node goes on'])
  })

  it('ends at a required step that fails', async () => {
    const { failed, steps } = await run([tmpfs, zswap], {
      tmpfs: () => {
        throw new Error('no such device')
      },
    })
    expect(failed).toEqual({ step: 'tmpfs', reason: 'no such device' })
    expect(steps).toHaveLength(1)
  })

  it('leaves a step behind that passes its deadline', async () => {
    const { said } = await run([{ ...swap, deadlineMs: 20 }], { swap: () => new Promise(() => undefined) })
    expect(said[0]).toContain('swap failed: not done within 0.02 s')
  })

  it('says the problems of the command line first', async () => {
    const { said, problems } = await run([], {}, ['walt.swap=x is ignored'])
    expect(said).toEqual(['problem: walt.swap=x is ignored'])
    expect(problems).toEqual(['walt.swap=x is ignored'])
  })

  describe('with two ways to a root', () => {
    const hybrid = { way: 'hybrid', failsToWay: 'network' } as const
    const look = step({ kind: 'boot-mode', imageKnown: true }, { opensWay: 'hybrid' })
    const image = step({ kind: 'hybrid-image', id: 'i', bytes: 1, tell: undefined }, hybrid)
    const overlay = step({ kind: 'hybrid-overlay', id: 'i', union: '/mnt' }, hybrid)
    const local = step({ kind: 'local', union: '/mnt' }, { way: 'hybrid' })
    const plan = [look, image, overlay, local, { ...tmpfs, way: 'network' as const }, zswap]
    const all: Partial<BootExecutors> = {
      'boot-mode': () => 'a disk',
      'hybrid-image': () => 'copied',
      'hybrid-overlay': () => 'mounted',
      local: () => 'local',
      tmpfs: () => 'tmpfs',
      zswap: () => 'zswap',
    }
    const fails = () => {
      throw new Error('no room')
    }
    async function taken(different: Partial<BootExecutors>): Promise<string[]> {
      const { steps } = await run(plan, { ...all, ...different })
      return steps.map(({ name, outcome }) => (outcome === 'done' ? name : `${name} ${outcome}`))
    }

    it('takes one, and does not tell of the steps of the other', async () => {
      expect(await taken({})).toEqual(['boot-mode', 'hybrid-image', 'hybrid-overlay', 'local', 'zswap'])
      expect(await taken({ 'boot-mode': () => ({ skipped: 'no disk' }) })).toEqual([
        'boot-mode skipped',
        'tmpfs',
        'zswap',
      ])
    })

    it('goes the other way when it comes no further', async () => {
      expect(await taken({ 'hybrid-image': fails })).toEqual([
        'boot-mode',
        'hybrid-image failed',
        'tmpfs',
        'zswap',
      ])
      expect(await taken({ 'hybrid-overlay': fails })).toEqual([
        ...['boot-mode', 'hybrid-image', 'hybrid-overlay failed', 'tmpfs', 'zswap'],
      ])
      expect(await taken({ 'boot-mode': fails })).toEqual(['boot-mode failed', 'tmpfs', 'zswap'])
    })

    it('does not turn back for what is not needed', async () => {
      expect(await taken({ local: fails })).toEqual([
        ...['boot-mode', 'hybrid-image', 'hybrid-overlay', 'local failed', 'zswap'],
      ])
    })
  })
})
