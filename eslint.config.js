// What review would otherwise have to look for. Directions between folders are in .dependency-cruiser.cjs; here is what
// one file can break: floating promises, console, size, and imports that Temporal's sandbox does not have.
import tseslint from 'typescript-eslint';

const typescript = ['**/*.ts'];
const scripts = ['scripts/**/*.mjs', 'bench/**/*.mjs', 'bin/**/*.mjs', '*.config.js'];

/** Everybody may import schemas/; nobody but cli/ writes to the console. */
const rulesForAll = {
  eqeqeq: ['error', 'always', { null: 'ignore' }],
  'no-var': 'error',
  'prefer-const': 'error',
  'object-shorthand': 'error',
  complexity: ['error', 15],
  'max-lines': ['error', { max: 300 }],
  'max-params': ['error', 5],
};

const rulesForTypes = {
  '@typescript-eslint/no-floating-promises': 'error',
  '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
  '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
  '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
  // Numbers and booleans in templates read as they are; null and objects do not.
  '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
  '@typescript-eslint/no-confusing-void-expression': [
    'error',
    { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
  ],
  // Interfaces of async functions are implemented by functions that happen not to wait.
  '@typescript-eslint/require-await': 'off',
  // An index that a line above has checked; the compiler option noUncheckedIndexedAccess asks for the rest.
  '@typescript-eslint/no-non-null-assertion': 'error',
  // `while (true)` in loops that end with the process, and checks of what a JSON file really holds.
  '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
  '@typescript-eslint/no-unnecessary-type-parameters': 'off',
  // `void x` in an arrow says that its value is not wanted.
  '@typescript-eslint/no-meaningless-void-operator': 'off',
  '@typescript-eslint/prefer-promise-reject-errors': 'error',
  'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
  'no-console': 'error',
};

const sandboxed = {
  files: ['workflows/**/*.ts', 'expressions/**/*.ts'],
  rules: {
    '@typescript-eslint/no-restricted-imports': [
      'error',
      {
        paths: [
          { name: 'yaml', message: 'A workflow gets a compiled plan.' },
          { name: 'ajv', message: 'Use schemas/generated/validators.ts, which needs no eval.' },
          { name: 'pino', message: 'Use the log of the port.' },
        ],
        patterns: [
          { group: ['node:*', 'fs', 'path', 'os', 'crypto'], message: "Temporal's sandbox has no Node modules." },
          { group: ['**/activities/**'], allowTypeImports: true, message: 'Only the types: activities run elsewhere.' },
          {
            group: ['@temporalio/client', '@temporalio/worker', '@temporalio/activity'],
            message: 'Not in the sandbox.',
          },
        ],
      },
    ],
  },
};

const pure = {
  files: ['compiler/**/*.ts', 'planning/**/*.ts', 'testing/**/*.ts'],
  rules: {
    'no-restricted-properties': [
      'error',
      { object: 'Date', property: 'now', message: 'The compiler has no clock.' },
      { object: 'Math', property: 'random', message: 'The compiler has no chance.' },
      { object: 'process', property: 'env', message: 'Only temporal.config.ts reads the environment.' },
    ],
  },
};

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.pawl/', '**/generated/', 'coverage/', 'tests/architecture/fixtures/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: typescript,
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['vitest.config.ts'] } } },
    rules: { ...rulesForAll, ...rulesForTypes },
  },
  { files: scripts, extends: [tseslint.configs.recommended], rules: rulesForAll },
  { files: ['cli/**/*.ts'], rules: { 'no-console': 'off' } },
  {
    files: ['tests/**/*.ts', 'bench/**/*.ts'],
    rules: {
      // A describe block is one function; a test says what it needs to say.
      'max-lines-per-function': 'off',
      'max-lines': ['error', { max: 500 }],
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  { files: ['bench/**/*.ts', 'chaos/main.ts', 'study/main.ts'], rules: { 'no-console': 'off' } },
  sandboxed,
  pure,
);
