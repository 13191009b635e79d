// Lint: standard style for JavaScript and TypeScript, no promise left without a handler, and imports that go one way.
import importX from 'eslint-plugin-import-x'
import neostandard, { plugins, resolveIgnoresFromGitignore } from 'neostandard'

/** The rooms of services/, lower ones first: each may import those in its list, and itself. */
const rooms = {
  wire: [],
  settings: ['wire'],
  observe: ['wire', 'settings'],
  access: ['wire', 'settings', 'observe'],
  broker: ['wire', 'settings', 'observe', 'access'],
  feeds: ['wire', 'settings', 'observe', 'access', 'broker'],
  presence: ['wire', 'settings', 'observe', 'access', 'broker', 'feeds'],
  sessions: ['wire', 'settings', 'observe', 'access', 'broker', 'feeds', 'presence'],
  instances: ['wire', 'settings', 'observe', 'access', 'broker', 'feeds', 'presence', 'sessions'],
  hooks: ['wire', 'settings', 'observe', 'access', 'broker', 'feeds', 'presence', 'sessions', 'instances'],
  documents: ['wire', 'settings']
}
const pathsOf = room => room === 'settings' ? ['./services/settings.ts', './services/settings'] : [`./services/${room}`]
const zones = [
  ...Object.entries(rooms).map(([room, allowed]) => ({
    target: pathsOf(room),
    from: ['./plugins', './routes', './app.ts', './server.ts', './cli', ...Object.keys(rooms).filter(other => other !== room && !allowed.includes(other)).flatMap(pathsOf)],
    message: 'Imports go one way: see the rooms in eslint.config.js.'
  })),
  { target: ['./plugins', './routes'], from: ['./app.ts', './server.ts', './cli'], message: 'Imports go one way: server and cli, app, plugins and routes, services.' },
  { target: ['./app.ts', './server.ts'], from: './cli', message: 'The command line is above all else.' }
]

export default [
  ...neostandard({ ts: true, ignores: resolveIgnoresFromGitignore() }),
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: { 'no-empty': ['error', { allowEmptyCatch: false }] }
  },
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { '@typescript-eslint': plugins['typescript-eslint'].plugin },
    rules: {
      // A schema and its type share one name; tsc sees to real redeclarations.
      '@typescript-eslint/no-redeclare': 'off',
      // Knows nothing of variables that change during an await.
      'no-unmodified-loop-condition': 'off',
      // `void` marks a promise that is left alone on purpose.
      'no-void': ['error', { allowAsStatement: true }],
      '@typescript-eslint/ban-ts-comment': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      // `t.test` reports its own failures, so tests need not wait for it.
      '@typescript-eslint/no-floating-promises': ['error', {
        allowForKnownSafeCalls: [{ from: 'package', package: 'tap', name: 'test' }]
      }],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }]
    }
  },
  {
    files: ['app.ts', 'server.ts', 'cli/**/*.ts', 'plugins/**/*.ts', 'routes/**/*.ts', 'services/**/*.ts'],
    plugins: { 'import-x': importX },
    settings: { 'import-x/extensions': ['.ts'], 'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] } },
    rules: {
      'import-x/no-restricted-paths': ['error', { zones }],
      'import-x/no-cycle': 'error'
    }
  }
]
