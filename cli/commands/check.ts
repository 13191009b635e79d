import { settingsKeys } from '../../services/access/keys.ts'
import { loadTracing } from '../../services/observe/load-tracing.ts'
import { Settings, SettingsError } from '../../services/settings.ts'
import { readSettings } from '../../services/settings/read.ts'
import { defineCommand } from '../command.ts'

export default defineCommand({
  summary: 'Checks the settings: lists every fault, and exits with 1 if there is one.',
  async run () {
    try {
      const settings = readSettings(process.env)
      settingsKeys(settings)
      if (settings.OTEL_EXPORTER_OTLP_ENDPOINT !== '') await loadTracing()
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error
      // One line each, as at the start of the service.
      console.error(error.message)
      process.exitCode = 1
      return
    }
    const set = Object.keys(Settings.properties).filter(name => process.env[name])
    // Only names, because some values are secrets.
    console.log(`The settings are valid. ${set.length === 0 ? 'None is set' : `Set: ${set.join(', ')}`}; all others have their defaults.`)
  }
})
