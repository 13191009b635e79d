// Origins: the same, the configured, and what is no browser.
import { test } from 'tap'
import { isAllowedOrigin, listOrigins } from '../../services/access/origin.ts'

const allowed = listOrigins(' https://app.example.com, http://127.0.0.1:5173 ,,')

test('the setting is a list with commas; empty means none', async t => {
  t.strictSame(allowed, ['https://app.example.com', 'http://127.0.0.1:5173'])
  t.strictSame(listOrigins(''), [])
})

test('no origin, a configured one and the same one are allowed', async t => {
  t.ok(isAllowedOrigin(undefined, 'rooms.example.com', []))
  t.ok(isAllowedOrigin('https://app.example.com', 'rooms.example.com', allowed))
  t.ok(isAllowedOrigin('https://rooms.example.com', 'rooms.example.com', []))
  t.ok(isAllowedOrigin('https://rooms.example.com', 'Rooms.Example.com', []))
  t.ok(isAllowedOrigin('http://127.0.0.1:3000', '127.0.0.1:3000', []))
})

test('everything else is foreign', async t => {
  for (const origin of [
    'https://evil.example.com', 'http://app.example.com', 'https://app.example.com:8443', 'https://app.example.com.evil.com', 'https://evil.com/app.example.com',
    'null', '', 'https://', 'app.example.com', 'https://rooms.example.com:81', 'file://', '*', 'https://rooms.example.com@evil.com'
  ]) t.notOk(isAllowedOrigin(origin, 'rooms.example.com', allowed), origin)
  t.notOk(isAllowedOrigin('https://rooms.example.com', undefined, []))
  t.notOk(isAllowedOrigin('null', 'null', []))
})
