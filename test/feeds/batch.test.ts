// Batches: the same updates as packets with and without positions, as texts and as frames.
import { test } from 'tap'
import { createBatch, createEntry, type Entry } from '../../services/feeds/batch.ts'
import type { Packet } from '../../services/feeds/packet.ts'
import type { EphemeralUpdate, StoredUpdate } from '../../services/broker/broker.ts'
import { storedUpdate } from '../helpers/index.ts'

const ROOM = 'acme/board-1'

function entry (offset: number, payload: unknown): Entry {
  return createEntry(ROOM, storedUpdate({ offset, payload }))
}

function ephemeral (): Entry<EphemeralUpdate> {
  const { offset, ...rest } = storedUpdate({ payload: 'cursor' })
  return createEntry(ROOM, { ...rest, kind: 'ephemeral' })
}

/** The texts in server frames (RFC 6455, section 5.2). */
function readFrames (frames: Buffer): string[] {
  const texts: string[] = []
  for (let at = 0; at < frames.length;) {
    const [first, size] = frames.subarray(at) as unknown as [number, number]
    if (first !== 0x81) throw new Error(`a frame begins with ${first}`)
    const length = size < 126 ? size : size === 126 ? frames.readUInt16BE(at + 2) : Number(frames.readBigUInt64BE(at + 2))
    const start = at + (size < 126 ? 2 : size === 126 ? 4 : 10)
    texts.push(frames.toString('utf8', start, start + length))
    at = start + length
  }
  return texts
}

function argumentsOf ({ texts }: Packet): unknown[][] {
  return texts.map(text => JSON.parse(text.slice(1)) as unknown[])
}

test('frames hold the texts, of any length and in any script', t => {
  const entries = ['', 'ü\u2028€😀', 'x'.repeat(200), 'ü'.repeat(40_000)].map((payload, n) => entry(n + 1, payload))
  const batch = createBatch(entries)
  for (const packet of [batch.packet, batch.positioned, batch.positionedWith('acme/other:e:7'), ...entries.map(({ alone }) => alone.packet)]) {
    t.strictSame(readFrames(packet.frames), packet.texts.map(text => `4${text}`))
    t.equal(packet.frames.length, packet.bytes)
  }
  t.end()
})

test('each stored update has the positions after it as last argument, an ephemeral one has none', t => {
  const batch = createBatch([entry(3, 'a'), ephemeral(), entry(4, 'b')] as Array<Entry<StoredUpdate | EphemeralUpdate>>)
  const { epoch } = storedUpdate({})
  const event = 'workspace_acme_app_board-1'
  const positionsOf = (packet: Packet) => argumentsOf(packet).map(([name, , ...positions]) => name === event && positions)
  t.strictSame(positionsOf(batch.packet), [[], [], []])
  t.strictSame(positionsOf(batch.positioned), [[`${ROOM}:${epoch}:3`], [], [`${ROOM}:${epoch}:4`]])
  t.strictSame(positionsOf(batch.positionedWith('acme/x:e:1')), [[`${ROOM}:${epoch}:3;acme/x:e:1`], [], [`${ROOM}:${epoch}:4;acme/x:e:1`]])
  t.strictSame(argumentsOf(batch.positioned).map(args => args[1]), batch.entries.map(({ update }) => JSON.parse(update.json)))
  t.end()
})
