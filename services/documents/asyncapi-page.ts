// Renders the AsyncAPI document as one self-contained page, without scripts or external files.
import { RESPONSE, type AsyncApi, type AsyncApiMessage, type Operation } from './asyncapi.ts'
import { PAGE_STYLE } from './asyncapi-style.ts'
import { fieldsOf } from './fields.ts'
import type { JsonSchema } from './json-schema.ts'

/** What answers that come without a callback have in common; they are told once, not as an event each. */
const ANSWERS = `A callback gets \`{ status, data, error }\`: \`SUCCESS\` with \`data\`, or \`ERROR\` with \`error: { code, name, message, retryable }\`. An \`application\` event is answered by the event \`${RESPONSE}\` too, with the same object. Of the other events, a refusal comes as \`${RESPONSE}\` where no callback was given.`

interface Refusal {
  message: string
  retryable: boolean
}

export function renderAsyncApi (document: AsyncApi): string {
  const { title, version, description } = document.info as Record<string, string>
  const operations = Object.entries(document.operations)
  const received = operations.filter(([, { action }]) => action === 'receive')
  const sent = operations.filter(([, operation]) => operation.action === 'send' && addressOf(document, operation) !== RESPONSE)
  const schemas = Object.entries(document.components.schemas)
  const codes = refusals(document)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(title)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<nav aria-label="On this page">
<a href="/docs/">HTTP API</a> <a href="/">Playground</a> <a href="/asyncapi.json">asyncapi.json</a>
${links('A client sends', received.map(([id]) => [id, id]))}
${links('The server sends', sent.map(([id]) => [id, spaced(id)]))}
${links('In common', [...schemas.map(([name]) => [`schema-${name}`, name] as const), ['codes', 'Error codes']])}
</nav>
<main>
<h1>${escape(title)} <small>${escape(version)}</small></h1>
<p>${prose(description)}</p>
<h2>A client sends</h2>
<p>${prose(ANSWERS)}</p>
${received.map(([id, operation]) => request(document, id, operation)).join('\n')}
<h2>The server sends</h2>
${sent.map(([id, operation]) => event(document, id, operation)).join('\n')}
<h2>In common</h2>
${schemas.map(([name, schema]) => `<section aria-labelledby="schema-${name}"><h3 id="schema-${name}">${escape(name)}</h3>${fields(document, schema)}</section>`).join('\n')}
<section aria-labelledby="codes"><h3 id="codes">Error codes</h3>
${table(['code', 'later?', 'message'], [...codes].map(([code, { message, retryable }]) => [`<code id="${anchorOf(code)}">${escape(code)}</code>`, retryable ? 'may succeed' : 'no', escape(message)]))}
</section>
</main>
</body>
</html>
`
}

/** Resolves a reference `#/channels/…/messages/…`. @throws Error if there is no such message */
export function messageAt ({ channels }: AsyncApi, reference: string): AsyncApiMessage {
  const [, , channel = '', , name = ''] = reference.split('/')
  const message = channels[channel]?.messages[name]
  if (message === undefined) throw new Error(`no message at ${reference}`)
  return message
}

function request (document: AsyncApi, id: string, operation: Operation): string {
  const [message] = messagesOf(document, operation)
  const [answered, refused] = messagesOf(document, operation.reply)
  return section(document, id, id, operation, `${fields(document, message?.payload)}
${example(message?.examples[0]?.payload)}
<h4>Answer</h4>${example(answered?.examples[0]?.payload)}
<p>Refused with ${refused?.examples.map(({ name }) => `<a href="#${anchorOf(name)}"><code>${escape(name)}</code></a>`).join(', ')}.</p>`)
}

function event (document: AsyncApi, id: string, operation: Operation): string {
  const [message] = messagesOf(document, operation)
  const second = message?.['x-second-argument']
  return section(document, id, spaced(id), operation, `${fields(document, message?.payload)}
${example(message?.examples[0]?.payload)}${second === undefined ? '' : `\n<p>Second argument: ${prose(String(second['description']))}.</p>`}`)
}

function section (document: AsyncApi, id: string, name: string, operation: Operation, content: string): string {
  return `<section aria-labelledby="${id}"><h3 id="${id}">${escape(name)}</h3>
<p>Event <code>${escape(addressOf(document, operation))}</code></p>
<p>${prose(operation.summary)}</p>
${content}</section>`
}

function fields (document: AsyncApi, schema: JsonSchema = {}): string {
  const names = Object.keys(document.components.schemas).join('|')
  const linked = (type: string) => prose(type).replaceAll(new RegExp(`\\b(${names})\\b`, 'g'), '<a href="#schema-$1">$1</a>')
  return table(['field', 'type', 'always', 'what'], fieldsOf(schema).map(({ name, type, isAlways, what }) => [`<code>${escape(name)}</code>`, linked(type), isAlways ? 'yes' : 'no', prose(what)]))
}

/** On a narrow page each cell is a line of its own and says which column it is of. */
function table (head: string[], rows: string[][]): string {
  const cell = (text: string, i: number) => i === 0 ? `<th scope="row">${text}</th>` : `<td data-is="${head[i]}">${text}</td>`
  return `<table>
<thead><tr>${head.map(text => `<th scope="col">${text}</th>`).join('')}</tr></thead>
<tbody>${rows.map(cells => `<tr>${cells.map(cell).join('')}</tr>`).join('\n')}</tbody>
</table>`
}

/** Every code that the document knows, in the order in which it names them. */
function refusals ({ channels }: AsyncApi): Map<string, Refusal> {
  const examples = Object.values(channels).flatMap(({ messages }) => Object.values(messages)).flatMap(message => message.examples)
  const errors = examples.map(({ name, payload }) => [name, (payload as { error?: Refusal | null }).error] as const)
  return new Map(errors.filter((pair): pair is [string, Refusal] => pair[1] != null))
}

function links (name: string, targets: ReadonlyArray<readonly [id: string, text: string]>): string {
  return `<p>${name}</p>\n<ul>${targets.map(([id, text]) => `<li><a href="#${id}">${escape(text)}</a></li>`).join('')}</ul>`
}

function messagesOf (document: AsyncApi, part: Pick<Operation, 'messages'> | undefined): AsyncApiMessage[] {
  return (part?.messages ?? []).map(({ $ref }) => messageAt(document, $ref))
}

function addressOf ({ channels }: AsyncApi, { channel }: Operation): string {
  return channels[channel.$ref.replace('#/channels/', '')]?.address ?? ''
}

/** `tokenExpiring` as people write it. */
function spaced (id: string): string {
  return id.replaceAll(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`)
}

function anchorOf (code: string): string {
  return `code-${code.replace('/', '-')}`
}

function example (value: unknown): string {
  return `<pre><code>${escape(JSON.stringify(value, undefined, 2))}</code></pre>`
}

function prose (text = ''): string {
  return escape(text).replaceAll(/`([^`]*)`/g, '<code>$1</code>').replaceAll('\n\n', '</p><p>')
}

function escape (text = ''): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
