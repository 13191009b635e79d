// The playground in two real browsers that are on different instances, directly and through nginx.
import { test } from 'tap'
import { cluster, eventually, startInstance, startNginx, startRedis, token, type Instance } from './helpers/index.ts'
import { connected, fact, log, openBrowser, openPage, say, side } from './helpers/browser.ts'

test('two browsers on two instances see each other, and a third in another room sees nothing', async t => {
  const redis = await startRedis(t)
  const [a, b] = await cluster(t, 2, { REDIS_URL: redis.url })
  await Promise.all([a.ready(), b.ready()])
  const [one, two] = await Promise.all([openBrowser(t), openBrowser(t)])
  const ann = await openPage(one, `${a.url}/#token=${token({ sub: 'ann', name: 'Ann' })}`)
  const bob = await openPage(two, `${b.url}/#token=${token({ sub: 'bob', name: 'Bob' })}`)
  const eve = await openPage(two, `${b.url}/#room=acme/other&token=${token({ sub: 'eve', name: 'Eve' })}`)
  for (const { page } of [ann, bob, eve]) await connected(page)
  t.not(await fact(ann.page, 0, 'instance').textContent(), await fact(bob.page, 0, 'instance').textContent())
  for (const { page } of [ann, bob]) {
    await fact(page, 0, 'presence').filter({ hasText: 'Ann' }).filter({ hasText: 'Bob' }).waitFor()
  }
  await say(ann.page, 0, 'over Redis')
  await say(bob.page, 1, 'and back')
  for (const { page } of [ann, bob]) {
    for (const n of [0, 1]) {
      for (const text of ['over Redis', 'and back']) await log(page, n).getByText(text).waitFor()
      await fact(page, n, 'position').getByText('#2').waitFor()
    }
  }
  await say(eve.page, 0, 'only here')
  await log(eve.page, 1).getByText('only here').waitFor()
  t.notMatch(await eve.page.locator('main').textContent(), /over Redis|and back|Ann|Bob/)
  t.equal(await log(ann.page, 0).getByText('only here').count(), 0)

  await two.close()
  await eventually(async () => !(await fact(ann.page, 0, 'presence').textContent())?.includes('Bob'), 15_000)
  // With a configured key there are no demo tokens, and the browser's console says that it was refused.
  t.strictSame(ann.faults.filter(text => !text.includes('404')), [])
})

test('two browsers through nginx, on several of three instances, see each other', async t => {
  const redis = await startRedis(t)
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map(name => startInstance(t, { REDIS_URL: redis.url, INSTANCE_NAME: name }))) as [Instance, Instance, Instance]
  await Promise.all([a, b, c].map(instance => instance.ready()))
  const nginx = await startNginx(t, [a.port, b.port, c.port])
  const [one, two] = await Promise.all([openBrowser(t), openBrowser(t)])
  const ann = await openPage(one, `${nginx.url}/#token=${token({ sub: 'ann', name: 'Ann' })}`)
  const bob = await openPage(two, `${nginx.url}/#token=${token({ sub: 'bob', name: 'Bob' })}`)
  const pages = [ann.page, bob.page]
  for (const page of pages) await connected(page)
  const instances = await Promise.all(pages.flatMap(page => [0, 1].map(n => fact(page, n, 'instance').textContent())))
  t.ok(new Set(instances).size > 1, `on ${instances.join(', ')}`)
  for (const page of pages) await fact(page, 0, 'presence').filter({ hasText: 'Ann' }).filter({ hasText: 'Bob' }).waitFor()
  await say(ann.page, 0, 'through nginx')
  for (const page of pages) for (const n of [0, 1]) await log(page, n).getByText('through nginx').waitFor()
  await side(bob.page, 0).getByText('Miss three updates').click()
  await log(bob.page, 0).getByText('3 missed, all recovered').waitFor()
})
