/** Chromium, driven by Playwright: pages of one server, screenshots that are kept, and what axe finds. */
import { mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { cacheFolder } from './repository.ts'

export const chromiumPath = '/usr/bin/chromium'
const artifacts = path.join(cacheFolder, 'artifacts')

export function launchBrowser(): Promise<Browser> {
  const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync']
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', ...quiet]
  return chromium.launch({ executablePath: chromiumPath, args })
}

export const sizes = { desktop: { width: 1360, height: 860 }, phone: { width: 390, height: 844 } } as const
export type Theme = 'light' | 'dark'

export type TestPage = {
  page: Page
  context: BrowserContext
  /** What the page wrote to its console as an error, and requests that left the server. */
  complaints: string[]
}

export async function openPage(
  browser: Browser,
  origin: string,
  options: { size?: keyof typeof sizes; theme?: Theme } = {},
): Promise<TestPage> {
  const { size = 'desktop', theme = 'light' } = options
  const context = await browser.newContext({
    viewport: sizes[size],
    colorScheme: theme,
    baseURL: origin,
    hasTouch: size === 'phone',
  })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('request', (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith('data:'))
      complaints.push(`${request.url()} is not of this server`)
  })
  return { page, context, complaints }
}

export async function screenshot(page: Page, name: string): Promise<void> {
  await mkdir(artifacts, { recursive: true })
  await page.screenshot({ path: path.join(artifacts, `${name}.png`) })
}

type Finding = { id: string; impact: string; help: string; nodes: { target: string[] }[] }

/** Serious and critical faults against WCAG 2.2 AA, one line each. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
  await page.evaluate(axe)
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
  const run = `axe.run({ runOnly: ${JSON.stringify(tags)}, resultTypes: ['violations'] }).then((result) => result.violations)`
  const found = await page.evaluate<Finding[]>(run)
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, help, nodes }) =>
        `${id}: ${help} (${nodes
          .slice(0, 3)
          .map((node) => node.target.join(' '))
          .join('; ')})`,
    )
}
