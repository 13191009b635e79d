// Lint: standard style for JavaScript and TypeScript, and no promise left without a handler.
import neostandard, { plugins, resolveIgnoresFromGitignore } from 'neostandard'

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
  }
]
