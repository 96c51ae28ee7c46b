/** The dashboard in Chromium, against a whole server with a thousand nodes that are MQTT clients. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { buildWeb } from '../../server/web/build/build-web.ts'
import {
  accessibilityFaults,
  launchBrowser,
  openPage,
  screenshot,
  type TestPage,
  type Theme,
} from '../support/browser.ts'
import { bootAll, registerNodes } from '../support/loopback-nodes.ts'
import { type LoopbackServer, startLoopbackServer } from '../support/loopback-server.ts'
import { type SimulatedNode, telemetryOf } from '../support/simulated-node.ts'
import { needTool } from '../support/tools.ts'

const names = Array.from({ length: 1_000 }, (_, index) => `node${index + 1}`)

describe.runIf(needTool('chromium'))('the dashboard', () => {
  let server: LoopbackServer
  let browser: Browser
  let nodes: SimulatedNode[]
  let origin: string
  let token: string
  const opened: TestPage[] = []

  beforeAll(async () => {
    await buildWeb({ force: false, say: (line) => console.log(line) })
    server = await startLoopbackServer({ prefix: 16 })
    origin = `http://127.0.0.1:${server.config.http.port}`
    token = (await readFile(join(server.state, 'run/api.token'), 'utf8')).trim()
    await registerNodes(server, names)
    // Not all of a fleet is ever well: the last hundred are in every state that there is.
    nodes = await bootAll(server, names.slice(0, 960))
    for (const node of nodes.slice(0, 940)) await node.become('booted')
    for (const node of nodes.slice(925, 935)) node.lose()
    for (const node of nodes.slice(935, 940)) await node.become('rebooting', 'asked by walt')
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    for (const node of nodes ?? []) node.lose()
    await server?.end()
  })
  afterEach(async () => {
    for (const { context } of opened.splice(0)) await context.close()
  })

  async function open(path = '/', options: Parameters<typeof openPage>[2] & { login?: boolean } = {}) {
    const shown = await openPage(browser, origin, options)
    opened.push(shown)
    const fragment = options.login === false ? '' : `#token=${token}`
    await shown.page.goto(`${path}${fragment}`)
    return shown
  }
  const live = (page: Page) => page.locator('.connection-live').waitFor()
  const tile = (page: Page, name: string) => page.locator(`.tile a[href="/nodes/${name}"]`)

  test('asks for the token, and lets nobody in without it', async () => {
    const { page, complaints } = await open('/', { login: false })
    await page.getByRole('heading', { name: 'WalT' }).waitFor()
    await page.getByLabel('Token of the server').fill('wrong')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByText('This is not the token of the server.').waitFor()
    expect(complaints.splice(0)).toEqual([expect.stringContaining('401')])
    await screenshot(page, 'login')
    expect(await accessibilityFaults(page)).toEqual([])

    await page.getByLabel('Token of the server').fill(token)
    await page.keyboard.press('Enter')
    await live(page)
    await page.getByText('1000 nodes').waitFor()
    await page.reload()
    await live(page)
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByLabel('Token of the server').waitFor()
    expect(complaints).toEqual([])
  })

  test('takes a token out of the link that "walt dashboard" prints', async () => {
    const { url } = (await server.api('GET', 'dashboard')).json<{ url: string }>()
    expect(url).toBe(`${origin}/#token=${token}`)
    const { page } = await open()
    await live(page)
    expect(page.url()).toBe(`${origin}/`)
    // Also in a tab where it is open already, which loads nothing then.
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByLabel('Token of the server').waitFor()
    await page.goto(`/#token=${token}`)
    await live(page)
    expect(page.url()).toBe(`${origin}/`)
  })

  test('serves its files alone without a token, under a strict policy', async () => {
    const { page } = await open('/', { login: false })
    const response = await page.goto('/nodes/node1/boots')
    expect(response?.headers()).toMatchObject({
      'content-security-policy': expect.stringContaining("script-src 'self'"),
      'content-encoding': 'br',
      'cache-control': 'no-cache',
    })
    const script = await page.locator('script[src]').getAttribute('src')
    expect((await page.request.get(script ?? '')).headers()['cache-control']).toMatch(/immutable/)
    for (const path of ['/api/v1/nodes', '/api/v1/events', '/api/v1/dashboard'])
      expect((await page.request.get(path)).status()).toBe(401)
    expect((await page.request.get('/elsewhere')).status()).toBe(404)
    expect((await page.request.get('/assets/none.js')).status()).toBe(404)
  })

  test('shows a node go and come by itself', async () => {
    const { page } = await open('/nodes/node7')
    await live(page)
    const node = nodes[6]
    const state = page.locator('.node-state')
    await expect.poll(() => state.textContent()).toMatch(/^booted/)
    node?.lose()
    await expect.poll(() => state.textContent()).toMatch(/^down.*its connection was lost/)
    await page.locator('.timeline').getByText('its connection was lost').waitFor()
    const [again] = await bootAll(server, ['node7'])
    if (again) nodes[6] = again
    await expect.poll(() => state.textContent()).toMatch(/^booting/)
    await again?.become('booted')
    await expect.poll(() => state.textContent()).toMatch(/^booted/)
  })

  test('reboots a selection from the page, and tells the outcome of each node', async () => {
    for (const { address } of nodes.slice(10, 12)) await server.playNode(address, 'OK\n')
    const { page, complaints } = await open('/?q=node[11-13]')
    await live(page)
    for (const name of ['node11', 'node12', 'node13'])
      await page.getByRole('checkbox', { name: `Select ${name}` }).click()
    await screenshot(page, 'selection')
    await page.getByRole('region', { name: 'Selection' }).getByRole('button', { name: 'Reboot' }).click()
    const dialog = page.getByRole('dialog')
    await screenshot(page, 'reboot-dialog')
    expect(await accessibilityFaults(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Reboot 3 nodes' }).click()

    const activity = page.locator('.tray-list')
    // Nobody answers for the third, and it has no power that could be cut.
    await activity.getByText(/failed soft-reboot/).waitFor()
    const [eleven, twelve] = await bootAll(server, ['node11', 'node12'])
    await eleven?.become('booted')
    await activity.getByText('2 of 3 done, 1 failed').waitFor()
    await twelve?.become('booted')
    await activity.getByText('1 of 3 failed').waitFor()
    await screenshot(page, 'activity')
    for (const [index, one] of [eleven, twelve].entries()) if (one) nodes[10 + index] = one
    expect(complaints).toEqual([])
  })

  test('is smooth with a thousand nodes that change all the while', async () => {
    const { page } = await open()
    await live(page)
    await page.getByText('1000 nodes').waitFor()
    await page.evaluate(`{
      window.times = []
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (entry.interactionId) window.times.push(Math.round(entry.duration))
      }).observe({ type: 'event', durationThreshold: 16 })
    }`)
    let beats = 0
    const changing = setInterval(() => {
      beats += 1
      for (const node of nodes.slice(100, 150))
        node.become(beats % 2 ? 'rebooting' : 'booted').catch(console.error)
    }, 500)
    try {
      // Another program may have the processor for a while: the best of some rounds is what the page can do.
      const rounds: number[] = []
      while (rounds.length < 4 && !rounds.some((slowest) => slowest < 100)) rounds.push(await playRound(page))
      console.log(`with 1,000 nodes, 9 of 10 interactions are answered within: ${rounds.join(' ms, ')} ms`)
      expect(Math.min(...rounds)).toBeLessThan(100)
    } finally {
      clearInterval(changing)
    }
    // Only what is near the view exists.
    await page.getByRole('button', { name: 'Layout: list' }).click()
    await expect.poll(() => page.locator('.tile').count()).toBeLessThan(80)
    for (const node of nodes.slice(100, 150)) await node.become('booted')
  })

  /** Types, clicks, moves; returns what nine of ten interactions stay below, from the event to the next paint. */
  async function playRound(page: Page): Promise<number> {
    let interactions = 0
    const act = async (what: Promise<unknown>) => {
      await what
      interactions += 1
      await page.waitForTimeout(60)
    }
    await page.evaluate('window.times.length = 0')
    await page.getByRole('searchbox').focus()
    for (const key of 'node99') await act(page.keyboard.press(key))
    for (let turn = 0; turn < 6; turn += 1) await act(page.keyboard.press('Backspace'))
    for (const layout of ['cards', 'list', 'names', 'map'])
      await act(page.getByRole('button', { name: `Layout: ${layout}` }).click())
    for (const state of ['down', 'booted', 'down', 'booted'])
      await act(page.getByRole('button', { name: new RegExp(`^${state} `) }).click())
    await tile(page, 'node1').focus()
    for (const key of ['ArrowRight', 'ArrowDown', ' ', ' ', 'End', 'Home'])
      await act(page.keyboard.press(key))
    await page.waitForTimeout(300)
    // What took less than 16 ms is not listed at all.
    const slowest = (await page.evaluate<number[]>('window.times')).toSorted((a, b) => b - a)
    return slowest[Math.floor(interactions / 10)] ?? 0
  }

  test('has no serious fault in accessibility, in both themes, on a desktop and on a phone', async () => {
    await nodes[0]?.tellBoot()
    await nodes[0]?.tell(telemetryOf(0.4, Date.now()))
    const pages = {
      fleet: '/',
      cards: '/?q=node[915-960]&sort=state',
      list: '/?layout=list&sort=state',
      node: '/nodes/node1',
      boots: '/nodes/node1/boots',
      logs: '/nodes/node1/logs',
      settings: '/nodes/node1/settings',
      images: '/images',
      alerts: '/alerts',
    }
    for (const theme of ['light', 'dark'] satisfies Theme[]) {
      for (const size of ['desktop', 'phone'] as const) {
        const { page, complaints } = await open('/', { theme, size })
        await live(page)
        for (const [name, path] of Object.entries(pages)) {
          await page.goto(`${path}#token=${token}`)
          await live(page)
          await page.locator('.notice-loading').waitFor({ state: 'detached' })
          await screenshot(page, `${name}-${theme}-${size}`)
          expect({ path, theme, size, faults: await accessibilityFaults(page) }).toMatchObject({ faults: [] })
          const wide = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
          expect({ path, size, wide }).toMatchObject({ wide: expect.toSatisfy((over: number) => over <= 0) })
        }
        expect(complaints).toEqual([])
      }
    }
  })

  test('says that it waits for a server that is away, and goes on when it is back', async () => {
    const { page } = await open('/?q=node[1-10]')
    await live(page)
    await server.stop()
    await page.locator('.connection-reconnecting').waitFor()
    await page.locator('.banner').waitFor()
    await screenshot(page, 'reconnecting')
    expect(await accessibilityFaults(page)).toEqual([])
    expect(await page.locator('.tile').count()).toBe(10)
    await server.start()
    await live(page)
  })
})
