// A page of components, bundled as a team's tools would, and what it asks of the service.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import type { Test } from 'tap'
import { pathOf } from './paths.ts'
import { HOST } from './ports.ts'

const MODULES = 'client/node_modules'

/** @param entry an absolute path @returns script and styles, in the mode in which React checks most */
export async function bundle (entry: string): Promise<{ script: string, styles: string }> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxDev: true,
    define: { 'process.env.NODE_ENV': '"development"' },
    // One React, of the version that the client is developed with.
    alias: { react: pathOf(`${MODULES}/react`), 'react-dom': pathOf(`${MODULES}/react-dom`) },
    outdir: '/',
    write: false
  })
  const text = (type: string) => outputFiles.find(({ path }) => path.endsWith(type))?.text ?? ''
  return { script: text('.js'), styles: text('.css') }
}

export interface WatchedPage {
  page: Page
  /** Errors of scripts, and complaints of the console. */
  faults: string[]
  /** WebSocket connections, in the order of opening. */
  sockets: string[]
  /** Requests that left for a room, e.g. `SUBSCRIBE board-1`. */
  asked: string[]
}

/** A web server with one page, as a team's own: an origin that the service has to allow. @returns its origin */
export async function servePage (t: Test, script: string): Promise<string> {
  const page = '<!doctype html><html lang="en"><link rel="icon" href="data:,"><div id="root"></div><script type="module" src="/app.js"></script></html>'
  const server = createServer(({ url }, response) => {
    response.setHeader('Content-Type', url === '/app.js' ? 'text/javascript; charset=utf-8' : 'text/html; charset=utf-8')
    response.end(url === '/app.js' ? script : page)
  }).listen(0, HOST)
  t.teardown(() => { server.close() })
  await once(server, 'listening')
  return `http://${HOST}:${(server.address() as AddressInfo).port}`
}

/** Opens a page and watches what it asks of the service. */
export async function openWatched (browser: Browser, url: string): Promise<WatchedPage> {
  const page = await browser.newPage()
  page.setDefaultTimeout(15_000)
  const opened: WatchedPage = { page, faults: [], sockets: [], asked: [] }
  page.on('pageerror', error => opened.faults.push(error.message))
  page.on('console', message => { if (['error', 'warning'].includes(message.type())) opened.faults.push(message.text()) })
  page.on('websocket', socket => {
    opened.sockets.push(socket.url())
    socket.on('framesent', ({ payload }) => {
      const [, event, appId] = /^42\d*\["application",\{"event":"(\w+)","payload":\{"workspaceId":"acme","appId":"([\w-]+)"/.exec(String(payload)) ?? []
      if (event !== undefined) opened.asked.push(`${event} ${appId}`)
    })
  })
  await page.goto(url)
  return opened
}
