/** The dashboard in Chromium, against a server with real nodes: what the page says is what happens. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildWeb } from '../../server/web/build/build-web.ts'
import { accessibilityFaults, launchBrowser, openPage, screenshot } from '../support/browser.ts'
import { bootNode, createNode, nextBoot, onNode, showNode } from '../support/node-probes.ts'
import { type Platform, prepareImages, startPlatform } from '../support/platform.ts'
import { forwardPort, type PortForward } from '../support/port-forward.ts'
import { canRunNodes } from '../support/requirements.ts'

describe.runIf(canRunNodes('user-mode-linux'))('the dashboard of real nodes', () => {
  let platform: Platform
  let forward: PortForward
  let browser: Browser
  let page: Page

  beforeAll(async () => {
    await buildWeb({ force: false, say: (line) => console.log(line) })
    await prepareImages({ fresh: false, onOutput: (text) => process.stderr.write(text) })
    platform = await startPlatform({ purpose: 'test', engine: 'uml' })
    forward = await forwardPort(platform)
    browser = await launchBrowser()
    const opened = await openPage(browser, forward.origin)
    page = opened.page
  })
  afterAll(async () => {
    await browser?.close()
    await forward?.stop()
    await platform?.stop()
  })

  test('shows two nodes come up, in by the link of "walt dashboard"', async () => {
    const { url } = await platform.waltJson<{ url: string }>('dashboard')
    await page.goto(`/${new URL(url).hash}`)
    await page.locator('.connection-live').waitFor()
    await page.getByText('There are no nodes yet.').waitFor()
    await createNode(platform, 'vnode2', { ram: '256M' })
    await bootNode(platform, 'vnode1', { ram: '512M' })
    const tile = page.locator('.tile', { hasText: 'vnode1' })
    await tile.getByText('booted').waitFor()
    await nextBoot(platform, 'vnode2', undefined)
    await page.locator('.tile-booted').nth(1).waitFor()
  })

  test('reboots a node from the page: it really goes down and comes up, and the page tells by itself', async () => {
    const before = await showNode(platform, 'vnode1')
    await onNode(platform, 'vnode1', 'head -c 5M /dev/urandom > /root/lost-on-reboot')
    await page.getByRole('link', { name: 'vnode1' }).click()
    const state = page.locator('.node-state')
    await expect.poll(() => state.textContent()).toMatch(/^booted/)
    await page.getByRole('link', { name: 'Changed files' }).click()
    await page.getByRole('cell', { name: '/root/lost-on-reboot' }).waitFor()
    await screenshot(page, 'real-files')

    await page.getByRole('button', { name: 'Reboot', exact: true }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Reboot vnode1' }).click()
    await expect.poll(() => state.textContent(), { timeout: 30_000 }).toMatch(/^(?:rebooting|booting)/)
    await screenshot(page, 'real-rebooting')
    await expect.poll(() => state.textContent(), { timeout: 120_000 }).toMatch(/^booted/)
    await page.locator('.tray-list').getByText('booted again').waitFor()
    const after = await nextBoot(platform, 'vnode1', before.bootId)
    expect(after.bootId).not.toBe(before.bootId)
    const files = await platform.onNode('vnode1', 'ls /root/lost-on-reboot')
    expect(files.status).not.toBe(0)
  })

  test('has plots with data, the boot beside the earlier one, its kernel log and its console', async () => {
    await page.goto('/nodes/vnode1')
    const memory = page.locator('figure', { hasText: 'Memory in use' })
    await expect.poll(() => memory.locator('.plot-value').textContent(), { timeout: 60_000 }).toMatch(/MiB/)
    for (const title of ['Overlay', 'Swap in use', 'Network traffic', 'Load'])
      await page.locator('figure', { hasText: title }).waitFor()
    // Of the canvas itself: it is drawn on, and not with one colour only.
    const colours = await page.evaluate<number>(`(() => {
      const { width, height } = document.querySelector('figure canvas')
      const pixels = document.querySelector('figure canvas').getContext('2d').getImageData(0, 0, width, height)
      return new Set(new Uint32Array(pixels.data.buffer)).size
    })()`)
    expect(colours).toBeGreaterThan(3)
    await screenshot(page, 'real-node')
    expect(await accessibilityFaults(page)).toEqual([])

    await page.getByRole('link', { name: 'Boots' }).click()
    await page.getByRole('row', { name: /^overlay/ }).waitFor()
    await page.getByText(/the median of 1 earlier boot/).waitFor()
    await screenshot(page, 'real-boots')
    expect(await accessibilityFaults(page)).toEqual([])

    await page.getByRole('link', { name: 'Logs' }).click()
    await page.getByRole('button', { name: 'Ask the node for it' }).click()
    await page.getByText('Linux version').waitFor()
    await page.getByRole('link', { name: 'Console' }).click()
    await page.getByRole('region', { name: 'Console of the node' }).getByText('walt:').first().waitFor()
    await screenshot(page, 'real-console')
    expect(await accessibilityFaults(page)).toEqual([])
  })
})
