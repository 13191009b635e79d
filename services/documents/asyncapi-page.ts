// Renders the AsyncAPI document as one self-contained page, without scripts or external files.
import type { AsyncApi, AsyncApiMessage, Operation } from './asyncapi.ts'

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 0 auto; padding: 1rem; color: #1b1f24; background: #fff; overflow-wrap: anywhere }
h1 { font-size: 1.6rem } h2 { margin-top: 2.5rem; border-bottom: 1px solid #d0d7de } h3 { margin: 2rem 0 0 }
code, pre { font: 14px/1.45 ui-monospace, monospace; background: #f3f5f7; border-radius: 4px }
code { padding: .1em .3em } pre { padding: .75rem; overflow-x: auto } pre code { padding: 0 }
summary { cursor: pointer } nav a { margin-right: .75rem }
@media (prefers-color-scheme: dark) { body { color: #e6edf3; background: #0d1117 } code, pre { background: #1c2128 } a { color: #79b8ff } h2 { border-color: #30363d } }
`

export function renderAsyncApi (document: AsyncApi): string {
  const operations = Object.entries(document.operations)
  const received = operations.filter(([, { action }]) => action === 'receive')
  const sent = operations.filter(([, { action }]) => action === 'send')
  const { title, version, description } = document.info as Record<string, string>
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escape(title)}</title>
<style>${STYLE}</style>
<h1>${escape(title)} ${escape(version)}</h1>
<p>${prose(description)}</p>
<nav>${operations.map(([id]) => `<a href="#${id}">${escape(id)}</a>`).join(' ')}<a href="/asyncapi.json">asyncapi.json</a><a href="/docs/">HTTP</a></nav>
<h2>Client to server</h2>
${received.map(operation => section(document, operation)).join('\n')}
<h2>Server to client</h2>
${sent.map(operation => section(document, operation)).join('\n')}
<h2>Schemas</h2>
${Object.entries(document.components.schemas).map(([name, schema]) => `<h3 id="schema-${name}">${escape(name)}</h3>${json(schema)}`).join('\n')}
</html>
`
}

function section (document: AsyncApi, [id, { summary, channel, messages, reply }]: [string, Operation]): string {
  const { address } = document.channels[channel.$ref.replace('#/channels/', '')] ?? { address: '' }
  return `<h3 id="${id}">${escape(id)}: <code>${escape(address)}</code></h3>
<p>${prose(summary)}</p>
${messages.map(({ $ref }) => body(messageAt(document, $ref))).join('')}
${(reply?.messages ?? []).map(({ $ref }) => messageAt(document, $ref)).map(message => `<p>${prose(message.summary)}</p>${body(message)}`).join('')}`
}

function body ({ payload, examples, 'x-second-argument': second }: AsyncApiMessage): string {
  const [first, ...others] = examples
  return `${json(first?.payload)}${second === undefined ? '' : `<p>Second argument: ${prose(String(second['description']))}.</p>`}
<details><summary>Schema${others.length > 0 ? `, and ${others.length} more examples` : ''}</summary>${json(payload)}${others.map(({ name, payload }) => `<p><code>${escape(name)}</code></p>${json(payload)}`).join('')}</details>`
}

/** Resolves a reference `#/channels/…/messages/…`. @throws Error if there is no such message */
export function messageAt ({ channels }: AsyncApi, reference: string): AsyncApiMessage {
  const [, , channel = '', , name = ''] = reference.split('/')
  const message = channels[channel]?.messages[name]
  if (message === undefined) throw new Error(`no message at ${reference}`)
  return message
}

function json (value: unknown): string {
  return `<pre><code>${escape(JSON.stringify(value, undefined, 2))}</code></pre>`
}

function prose (text = ''): string {
  return escape(text).replaceAll(/`([^`]*)`/g, '<code>$1</code>').replaceAll('\n\n', '</p><p>')
}

function escape (text = ''): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
