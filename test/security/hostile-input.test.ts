import t from 'tap'
import { startInstance, rawSession, token } from '../helpers/index.ts'
const service = await startInstance(t)
t.test('crash?', async t => {
  for (const frame of ['42["error"]', '42["error",null]', '421["_error",1]', '42["application"]', '40{"token":"x"}', '42/a,["x"]']) {
    const a = await rawSession(t, service.url, token())
    a.send(frame)
    await new Promise(resolve => setTimeout(resolve, 200))
    t.comment(frame, a.frames, a.isClosed(), service.process.exitCode)
    if (service.process.exitCode !== null) { t.comment(service.output()); return }
  }
})
