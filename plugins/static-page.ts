// A page of plain ES modules: its files, each with a route of its own, so that no path leads anywhere else, and its policy.
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'
import type {} from '@fastify/swagger'
import { spellings } from './scope.ts'

const types: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8'
}
/** They change with the service, and have no version in their names. */
const FRESH = { 'Cache-Control': 'no-cache' }

/**
 * Serves a page at an address that ends with a slash.
 * @param folder where its `index.html` is, from the root of the package
 * @param words what stands for `{{importmap}}` and the other names in it; only the import map is a script
 */
export async function servePage (fastify: FastifyInstance, url: string, folder: string, words: { importmap: string, socketPath: string }): Promise<void> {
  const template = await readFile(new URL('index.html', folderOf(folder)), 'utf8')
  const page = template.replace('{{importmap}}', () => words.importmap).replace('{{socketPath}}', () => words.socketPath)
  const headers = { ...FRESH, 'Content-Type': types['html'], 'Content-Security-Policy': pagePolicy(words.importmap) }
  for (const spelling of url === '/' ? [url] : spellings(fastify, url)) {
    fastify.get(spelling, { schema: { hide: true } }, async (_request, reply) => reply.headers(headers).send(page))
  }
}

/** Serves the scripts and styles of a folder below a path: a handful of files, read once. */
export async function serveFolder (fastify: FastifyInstance, path: string, folder: string): Promise<void> {
  for (const file of await readdir(folderOf(folder))) {
    if (file === 'index.html' || types[file.slice(file.lastIndexOf('.') + 1)] === undefined) continue
    await serveFile(fastify, `/${path}/${file}`, new URL(file, folderOf(folder)))
  }
}

/** The type goes by the end of the address. */
export async function serveFile (fastify: FastifyInstance, url: string, file: URL): Promise<void> {
  const content = await readFile(file, 'utf8')
  const headers = { ...FRESH, 'Content-Type': types[url.slice(url.lastIndexOf('.') + 1)] }
  fastify.get(url, { schema: { hide: true } }, async (_request, reply) => reply.headers(headers).send(content))
}

function folderOf (folder: string): URL {
  return new URL(`../${folder}/`, import.meta.url)
}

/** Own files and sockets only; the import map is the one inline script. */
function pagePolicy (importmap: string): string {
  const hash = createHash('sha256').update(importmap).digest('base64')
  return [
    "default-src 'none'",
    `script-src 'self' 'sha256-${hash}'`,
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'"
  ].join(';')
}
