// A screenshot with the 256 colours that it has most of, one byte a pixel: a third of the size.
import { deflateSync, inflateSync, crc32 } from 'node:zlib'

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex')
const COLOURS = 256

/** @param png as Chromium writes it: 8 bits a channel, RGB or RGBA, not interlaced */
export function smallPng (png: Buffer): Buffer {
  const { width, height, pixels } = decode(png)
  const counts = new Map<number, number>()
  for (const colour of pixels) counts.set(colour, (counts.get(colour) ?? 0) + 1)
  const palette = [...counts].sort(([, a], [, b]) => b - a).slice(0, COLOURS).map(([colour]) => colour)
  const indexes = new Map([...counts.keys()].map(colour => [colour, nearest(colour, palette)]))

  // Each line begins with the number of its filter: none.
  const lines = Buffer.alloc(height * (width + 1))
  for (const [i, colour] of pixels.entries()) lines[Math.floor(i / width) * (width + 1) + 1 + i % width] = indexes.get(colour) as number
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 3], 8)
  const colours = Buffer.from(palette.flatMap(parts))
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('PLTE', colours), chunk('IDAT', deflateSync(lines, { level: 9 })), chunk('IEND', Buffer.alloc(0))])
}

function decode (png: Buffer): { width: number, height: number, pixels: Uint32Array } {
  const data: Buffer[] = []
  for (let at = SIGNATURE.length; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') data.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)))
  }
  const [width, height, channels] = [png.readUInt32BE(16), png.readUInt32BE(20), png[25] === 6 ? 4 : 3]
  const bytes = inflateSync(Buffer.concat(data))
  const stride = width * channels
  const pixels = new Uint32Array(width * height)
  let above: Uint8Array = new Uint8Array(stride)
  for (let y = 0; y < height; y++) {
    const filter = bytes[y * (stride + 1)] as number
    const line = bytes.subarray(y * (stride + 1) + 1, (y + 1) * (stride + 1))
    for (let x = 0; x < stride; x++) {
      const [left, up, corner] = [x < channels ? 0 : line[x - channels] as number, above[x] as number, x < channels ? 0 : above[x - channels] as number]
      line[x] = line[x] as number + ([0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter] as number)
    }
    for (let x = 0; x < width; x++) pixels[y * width + x] = line.readUIntBE(x * channels, 3)
    above = line
  }
  return { width, height, pixels }
}

function paeth (left: number, up: number, corner: number): number {
  const guess = left + up - corner
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)]
  return a <= b && a <= c ? left : b <= c ? up : corner
}

function nearest (colour: number, palette: number[]): number {
  const wanted = parts(colour)
  const distances = palette.map(other => parts(other).reduce((sum, part, i) => sum + (part - (wanted[i] as number)) ** 2, 0))
  return distances.indexOf(Math.min(...distances))
}

function parts (colour: number): number[] {
  return [colour >> 16, colour >> 8 & 255, colour & 255]
}

function chunk (name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}
