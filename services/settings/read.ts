// Reads the settings from the environment, checks them together, and freezes them.
import type { TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { faultsTogether } from './checks.ts'
import { misspelt } from './misspelt.ts'
import { SECRET_PATTERN, Settings, SettingsError, type SettingName } from '../settings.ts'
import { fromText } from '../wire/validation.ts'

/**
 * Reads and checks all settings.
 * @param env texts by name, as in `process.env`; an empty text counts as not set
 * @throws SettingsError that lists every fault: the setting, and its expected value
 */
export function readSettings (env: Record<string, string | undefined>): Settings {
  const faults: string[] = []
  const faulty = new Set<SettingName>()
  const settings: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries<TSchema>(Settings.properties)) {
    const given = env[name]
    const value = given === undefined || given === '' ? schema.default as unknown : fromText(schema, given)
    settings[name] = value
    if (Value.Check(schema, value)) continue
    faulty.add(name as SettingName)
    faults.push(`${name} ${expectation(schema)}`)
  }
  faults.push(...faultsTogether(settings as Settings, faulty))
  for (const [given, meant] of misspelt(Object.keys(env), Object.keys(Settings.properties))) faults.push(`${given} is not a setting; did you mean ${meant}?`)
  if (faults.length > 0) throw new SettingsError(`Some settings are wrong:\n${faults.map(fault => `  - ${fault}`).join('\n')}`)
  return Object.freeze(settings as Settings)
}

function expectation (schema: TSchema): string {
  if (schema.type === 'integer') return `should be a whole number from ${String(schema['minimum'])} to ${String(schema['maximum'])}: ${String(schema.description)}`
  if (schema['pattern'] === SECRET_PATTERN) return 'should be at least 32 bytes'
  if (schema.type === 'boolean') return `should be true or false: ${String(schema.description)}`
  return `should match ${String(schema['pattern'])}: ${String(schema.description)}`
}
